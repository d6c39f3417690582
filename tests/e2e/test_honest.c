/*
 * What honest clients send (honest.cases beside this file) succeeds on a
 * profile with masks, and gives exactly what direct access gives where no
 * masked column is in it.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2e.h"

struct text {
	char	*p;
	size_t	 len, size;
};

static void
put(struct text *t, const char *s)
{
	size_t	 n = strlen(s);

	if (t->len + n + 1 > t->size) {
		t->size = (t->size + n + 1) * 2;
		t->p = realloc(t->p, t->size);
		ck_assert_ptr_nonnull(t->p);
	}
	memcpy(t->p + t->len, s, n + 1);
	t->len += n;
}

static PGconn *
session(void)
{
	const char	*keys[] = { "host", "port", "dbname", "user",
	    "password", "sslmode", "sslrootcert", NULL };
	char		*token = e2e_token("honest", "ai-agents");
	const char	*values[] = { e2e_env("GW_HOST"), e2e_env("GW_PORT"),
	    "twin_a", "nightly-bot", token, "verify-full", e2e_env("GW_CA"),
	    NULL };
	PGconn		*c = PQconnectdbParams(keys, values, 0);

	ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s", PQerrorMessage(c));
	free(token);
	return c;
}

static PGconn *
direct(void)
{
	char	 dsn[1024];
	PGconn	*c;

	snprintf(dsn, sizeof dsn, "%s dbname=twin_a", e2e_env("DIRECT_DSN"));
	c = PQconnectdb(dsn);
	ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s", PQerrorMessage(c));
	PQclear(PQexec(c, "SET search_path = public, pg_temp"));
	PQclear(PQexec(c, "SET SESSION AUTHORIZATION app_bot"));
	return c;
}

/* Run in a transaction that is rolled back; all of the answer as text. */
static bool
run(PGconn *c, const char *sql, struct text *t)
{
	PGresult	*r;
	ExecStatusType	 st;
	char		*line;
	int		 i, k;

	PQclear(PQexec(c, "BEGIN"));
	r = PQexec(c, sql);
	st = PQresultStatus(r);
	t->len = 0;
	put(t, st == PGRES_FATAL_ERROR ? PQresultErrorMessage(r) :
	    PQcmdStatus(r));
	for (k = 0; k < PQnfields(r); k++) {
		put(t, "|");
		put(t, PQfname(r, k) != NULL ? PQfname(r, k) : "");
	}
	for (i = 0; i < PQntuples(r); i++)
		for (k = 0; k < PQnfields(r); k++) {
			put(t, k == 0 ? "\n" : "|");
			put(t, PQgetisnull(r, i, k) ? "<null>" :
			    PQgetvalue(r, i, k));
		}
	PQclear(r);
	while (st == PGRES_COPY_OUT && PQgetCopyData(c, &line, 0) > 0) {
		put(t, line);
		PQfreemem(line);
	}
	while ((r = PQgetResult(c)) != NULL)
		PQclear(r);
	PQclear(PQexec(c, "ROLLBACK"));
	return st != PGRES_FATAL_ERROR;
}

/* psql with one of its own commands; its output and errors. */
static bool
psql(const char *conninfo, const char *what, struct text *t)
{
	char	 cmd[2048], buf[4096];
	size_t	 n;
	FILE	*f;

	snprintf(cmd, sizeof cmd, "%s/psql -X -v ON_ERROR_STOP=1 \"%s\" "
	    "-c '%s' 2>&1", e2e_env("PG_BINDIR"), conninfo, what);
	f = popen(cmd, "r");
	ck_assert_ptr_nonnull(f);
	t->len = 0;
	put(t, "");
	while ((n = fread(buf, 1, sizeof buf - 1, f)) > 0) {
		buf[n] = '\0';
		put(t, buf);
	}
	return pclose(f) == 0 && strstr(t->p, "ERROR:") == NULL;
}

static bool
run_psql(const char *what, struct text *got, struct text *want)
{
	char	*token = e2e_token("honest", "ai-agents"), dsn[1024];
	bool	 ok;

	setenv("PGPASSWORD", token, 1);
	unsetenv("PGOPTIONS");
	snprintf(dsn, sizeof dsn, "host=%s port=%s dbname=twin_a "
	    "user=nightly-bot sslmode=verify-full sslrootcert=%s",
	    e2e_env("GW_HOST"), e2e_env("GW_PORT"), e2e_env("GW_CA"));
	ok = psql(dsn, what, got);
	unsetenv("PGPASSWORD");
	setenv("PGOPTIONS", "-c search_path=public,pg_temp -c role=app_bot",
	    1);
	snprintf(dsn, sizeof dsn, "%s dbname=twin_a", e2e_env("DIRECT_DSN"));
	/* Sizes are not shown to a profile with masks. */
	if (strchr(what, '+') == NULL)
		ok = psql(dsn, what, want) && ok &&
		    strcmp(got->p, want->p) == 0;
	else
		want->len = 0, put(want, "");
	unsetenv("PGOPTIONS");
	free(token);
	return ok;
}

START_TEST(honest_queries_work)
{
	const char	*src = getenv("POSTERN_SRC");
	char		 path[512], line[4096], *p;
	struct text	 got = { NULL, 0, 0 }, want = { NULL, 0, 0 };
	PGconn		*c = session(), *d = direct();
	FILE		*f;
	int		 no = 0, n = 0, bad = 0;
	bool		 ok;

	snprintf(path, sizeof path, "%s/tests/e2e/honest.cases",
	    src ? src : ".");
	ck_assert_ptr_nonnull(f = fopen(path, "r"));
	while (fgets(line, sizeof line, f) != NULL) {
		no++;
		line[strcspn(line, "\n")] = '\0';
		for (p = line; isspace((unsigned char)*p); p++)
			continue;
		if (*p == '\0' || *p == '#')
			continue;
		n++;
		put(&want, "");
		if (*p == '\\')
			ok = run_psql(p, &got, &want);
		else if (*p == '=') {
			ok = run(c, p + 1, &got);
			ok = run(d, p + 1, &want) && ok &&
			    strcmp(got.p, want.p) == 0;
		} else
			ok = run(c, p, &got);
		if (ok)
			continue;
		bad++;
		printf("honest.cases:%d: %s\n  got %.300s\n  for %.300s\n", no,
		    p, got.p, want.p);
	}
	fclose(f);
	printf("%d honest queries, %d failed\n", n, bad);
	ck_assert_msg(bad == 0, "%d of %d honest queries failed", bad, n);
	ck_assert_int_ge(n, 150);
	free(got.p);
	free(want.p);
	PQfinish(c);
	PQfinish(d);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("honest");
	TCase	*tc = tcase_create("honest");

	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, honest_queries_work);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
