/*
 * bearer: a client with a bearer token, for tests.  Built with Debian's
 * libpq-fe.h and run with libpq 18 (LD_LIBRARY_PATH), whose additions are
 * declared here (PostgreSQL 18, 32.20).
 *
 *	BEARER_TOKEN=... bearer CONNINFO SQL...
 *		prints what discovery said, the protocol, and the first value
 *		of each statement; "cancel" instead of one cancels pg_sleep().
 *		Exit 1: refused.
 */
#include <dlfcn.h>
#include <err.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BEARER_TOKEN	1	/* PQAUTHDATA_OAUTH_BEARER_TOKEN */

struct bearer_request {
	const char	*document, *scope;
	PostgresPollingStatusType (*async)(PGconn *, struct bearer_request *,
			    int *);
	void		(*cleanup)(PGconn *, struct bearer_request *);
	char		*token;
	void		*user;
};
typedef int	hook(int, PGconn *, void *);

/* libpq 18's function of this name. */
static void *
lookup(const char *name)
{
	void	*p = dlsym(RTLD_DEFAULT, name);

	if (p == NULL)
		errx(2, "libpq %d has no %s", PQlibVersion(), name);
	return p;
}

static int
on_auth_data(int what, PGconn *c, void *data)
{
	struct bearer_request	*r = data;

	(void)c;
	if (what != BEARER_TOKEN)
		return 0;
	printf("discovery %s scope %s\n", r->document, r->scope);
	r->token = getenv("BEARER_TOKEN");
	return r->token != NULL ? 1 : -1;
}

static void
cancel(PGconn *c)
{
	void		*(*create)(PGconn *);
	int		 (*blocking)(void *);
	PGresult	*r;

	*(void **)&create = lookup("PQcancelCreate");
	*(void **)&blocking = lookup("PQcancelBlocking");
	if (PQsendQuery(c, "SELECT pg_sleep(60)") != 1)
		errx(1, "%s", PQerrorMessage(c));
	/* Too early it would find nothing to cancel. */
	do {
		struct timespec ts = { 0, 200000000 };

		nanosleep(&ts, NULL);
		if (blocking(create(c)) != 1)
			errx(1, "the cancel request was not sent");
		PQconsumeInput(c);
	} while (PQisBusy(c));
	while ((r = PQgetResult(c)) != NULL) {
		printf("cancelled %s\n",
		    PQresultErrorField(r, PG_DIAG_SQLSTATE));
		PQclear(r);
	}
}

int
main(int argc, char **argv)
{
	void		 (*set_hook)(hook *);
	int		 (*protocol)(const PGconn *);
	PGconn		*c;
	PGresult	*r;
	int		 i;

	if (argc < 2)
		errx(2, "usage: bearer conninfo sql...");
	setvbuf(stdout, NULL, _IOLBF, 0);
	*(void **)&set_hook = lookup("PQsetAuthDataHook");
	*(void **)&protocol = lookup("PQfullProtocolVersion");
	set_hook(on_auth_data);
	c = PQconnectdb(argv[1]);
	if (PQstatus(c) != CONNECTION_OK)
		errx(1, "%s", PQerrorMessage(c));
	printf("protocol %d\n", protocol(c));
	for (i = 2; i < argc; i++) {
		if (strcmp(argv[i], "cancel") == 0) {
			cancel(c);
			continue;
		}
		r = PQexec(c, argv[i]);
		if (PQresultStatus(r) != PGRES_TUPLES_OK)
			errx(1, "%s", PQerrorMessage(c));
		printf("value %s\n", PQgetvalue(r, 0, 0));
		PQclear(r);
	}
	PQfinish(c);
	return 0;
}
