/*
 * What statements that wait for people cost those that do not.
 *
 *	bench_held NORMAL_DSN HELD_DSN HELD SECONDS COMMAND...
 *
 * SESSIONS connections run RATE statements a second in all: alone, then while
 * HELD sessions have each a statement that waits.  Then APPROVED of those are
 * approved by "COMMAND... NUMBER", one after the other, while the others' work
 * goes on.  Prints "alone P50 P99", "held P50 P99" in microseconds, and
 * "approved P50 P99", from the command's start to the statement's answer, and
 * "command P50 P99", to the end of the command.
 */
#include <libpq-fe.h>

#include <sys/wait.h>
#include <err.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SESSIONS	50
#define RATE		500	/* statements a second, of all sessions */
#define APPROVED	50
#define MOST		1000000
#define HELD_MOST	5000

extern char	**environ;

struct client {
	PGconn	*c;
	double	 next, sent;	/* sent: 0 while it has no statement */
	long	 request;	/* held: its number; 0 until it is told */
};

static struct client	 normal[SESSIONS], held[HELD_MOST];
static struct pollfd	 fds[SESSIONS];
static double		 took[MOST];
static size_t		 ntook;

static double
now(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
compare(const void *a, const void *b)
{
	const double	*x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
print(const char *what, double *v, size_t n)
{
	if (n == 0)
		errx(1, "%s: nothing was measured", what);
	qsort(v, n, sizeof(*v), compare);
	printf("%s %.1f %.1f\n", what, v[n / 2], v[n * 99 / 100]);
}

static PGconn *
connection(const char *dsn)
{
	PGconn	*c = PQconnectdb(dsn);

	if (PQstatus(c) != CONNECTION_OK)
		errx(1, "%s", PQerrorMessage(c));
	return c;
}

/* Whether it has its whole answer, which must be a good one. */
static bool
answered(PGconn *c)
{
	PGresult	*r;

	if (!PQconsumeInput(c))
		errx(1, "%s", PQerrorMessage(c));
	while (!PQisBusy(c)) {
		if ((r = PQgetResult(c)) == NULL)
			return true;
		if (PQresultStatus(r) != PGRES_TUPLES_OK &&
		    PQresultStatus(r) != PGRES_COMMAND_OK)
			errx(1, "%s", PQresultErrorMessage(r));
		PQclear(r);
	}
	return false;
}

/* --- the others' work -------------------------------------------------------- */

/* What is due is sent; for at most until `end`, waits for one event. */
static void
work(double end)
{
	double	 t = now(), due = end;
	size_t	 i;

	for (i = 0; i < SESSIONS; i++) {
		struct client *s = &normal[i];

		if (s->sent == 0 && s->next <= t) {
			s->sent = t;
			if (!PQsendQueryPrepared(s->c, "p", 0, NULL, NULL,
			    NULL, 0))
				errx(1, "%s", PQerrorMessage(s->c));
		}
		if (s->sent == 0 && s->next < due)
			due = s->next;
		fds[i].fd = PQsocket(s->c);
		fds[i].events = POLLIN;
	}
	if (poll(fds, SESSIONS, due > t ? (int)((due - t) / 1000) : 0) == -1)
		err(1, "poll");
	for (i = 0; i < SESSIONS; i++) {
		struct client *s = &normal[i];

		if (s->sent == 0 || fds[i].revents == 0 || !answered(s->c))
			continue;
		if (ntook < MOST)
			took[ntook++] = now() - s->sent;
		s->sent = 0;
		if ((s->next += 1e6 * SESSIONS / RATE) < now())
			s->next = now();
	}
}

static void
measure(const char *what, double seconds)
{
	double	 end = now() + seconds * 1e6;

	ntook = 0;
	while (now() < end)
		work(end);
	print(what, took, ntook);
}

/* --- those that wait ----------------------------------------------------------- */

/* "request 7 waits for approval by ..." */
static void
on_notice(void *arg, const char *message)
{
	struct client	*h = arg;
	const char	*p = strstr(message, "request ");

	if (p != NULL && h->request == 0)
		h->request = strtol(p + strlen("request "), NULL, 10);
}

static void
hold(const char *dsn, size_t n)
{
	struct pollfd	 pf = { .events = POLLIN };
	size_t		 i;

	for (i = 0; i < n; i++) {
		held[i].c = connection(dsn);
		PQsetNoticeProcessor(held[i].c, on_notice, &held[i]);
		if (!PQsendQuery(held[i].c,
		    "UPDATE orders SET id = id WHERE id < 0"))
			errx(1, "%s", PQerrorMessage(held[i].c));
		while (held[i].request == 0) {
			pf.fd = PQsocket(held[i].c);
			if (poll(&pf, 1, 20000) != 1)
				errx(1, "session %zu was not told to wait", i);
			if (answered(held[i].c))
				errx(1, "session %zu did not wait", i);
		}
	}
}

/* How long until the answer is there; *command, until the command ended. */
static double
approve(struct client *h, char **argv, int argc, double *command)
{
	char	 number[24], *args[32];
	double	 begun, end = 0;
	int	 i, status;
	pid_t	 pid;

	for (i = 0; i < argc; i++)
		args[i] = argv[i];
	snprintf(number, sizeof(number), "%ld", h->request);
	args[i++] = number;
	args[i] = NULL;
	begun = now();
	if ((i = posix_spawnp(&pid, args[0], NULL, NULL, args, environ)) != 0)
		errx(1, "%s: %s", args[0], strerror(i));
	*command = 0;
	while (end == 0 || *command == 0) {
		work(now() + 1000);
		if (end == 0 && answered(h->c))
			end = now() - begun;
		if (*command == 0 && waitpid(pid, &status, WNOHANG) == pid) {
			if (status != 0)
				errx(1, "request %s was not approved", number);
			*command = now() - begun;
		}
	}
	return end;
}

int
main(int argc, char **argv)
{
	static double	 answer[APPROVED], command[APPROVED];
	size_t		 i, n;
	double		 seconds;

	if (argc < 6 || argc > 32 || (n = (size_t)atol(argv[3])) < 1 ||
	    n > HELD_MOST || (seconds = atof(argv[4])) <= 0)
		errx(2, "usage: bench_held normal_dsn held_dsn held seconds "
		    "command ...");
	for (i = 0; i < SESSIONS; i++) {
		normal[i].c = connection(argv[1]);
		normal[i].next = now() + (double)i * 1e6 / RATE;
		PQclear(PQprepare(normal[i].c, "p", "SELECT 12345", 0, NULL));
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	ntook = 0;
	while (ntook < 100)	/* nobody is measured cold */
		work(now() + 1e6);
	measure("alone", seconds);
	hold(argv[2], n);
	measure("held", seconds);
	for (i = 0; i < APPROVED && i < n; i++)
		answer[i] = approve(&held[i], argv + 5, argc - 5, &command[i]);
	print("approved", answer, i);
	print("command", command, i);
	for (i = 0; i < n; i++)
		PQfinish(held[i].c);
	for (i = 0; i < SESSIONS; i++)
		PQfinish(normal[i].c);
	return 0;
}
