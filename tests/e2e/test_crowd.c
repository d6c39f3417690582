/*
 * Many connections that do nothing, or drip, hold all places of both kinds of
 * workers: real logins succeed all the same, and memory is what the
 * configuration allows.  CROWD says how many there are, CROWD_MS within how
 * long a login must succeed once those that came before it have been let in:
 * as long as they queue, it queues behind them.
 */
#include "e2e.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "talk.h"

/* Of one address; limits.unauthenticated is 200. */
#define AN_ADDRESS	190
/* tests/stack.d/gatewayd-crowd.yaml: maximum, per_worker. */
#define WORKERS		100
#define QUEUE		1024	/* listen(2)'s backlog */
#define SESSIONS	100

static int *fds;
static long crowd;
static atomic_bool over;

static long
most(long want)
{
	struct rlimit rl;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &rl), 0);
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
	getrlimit(RLIMIT_NOFILE, &rl);
	return (long)rl.rlim_cur - 100 < want ? (long)rl.rlim_cur - 100 : want;
}

/* Number i of the crowd: of one of many addresses, to one of two listeners. */
static int
begin(long i)
{
	struct sockaddr_in to = { .sin_family = AF_INET }, me = to;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_ge(fd, 0);
	me.sin_addr.s_addr = htonl(0x7f000100u + (uint32_t)(i / AN_ADDRESS));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&me, sizeof me), 0);
	to.sin_port = htons((uint16_t)atoi(e2e_env(i % 2 ? "GW_SHARED_PORT" :
	    "GW_PORT")));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) == -1 &&
	    errno != EINPROGRESS) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/*
 * One in two says a byte a second of a startup packet of 8 kB, which would
 * take it hours.
 */
static void *
drip(void *arg)
{
	static const char packet[] = { 0, 0, 0x20, 0, 0, 3, 0, 0 };
	size_t n;
	long i;

	(void)arg;
	for (n = 0; !atomic_load(&over); n++) {
		for (i = 0; i < crowd; i++)
			if (fds[i] != -1 && i / 2 % 2 == 0)
				send(fds[i], n < sizeof packet ? &packet[n] :
				    "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		e2e_pause(1000);
	}
	return NULL;
}

/* All processes of gatewayd, in kB. */
static long
memory(int *processes)
{
	char cmd[64];
	long kb = e2e_private_kb(e2e_process("gatewayd"));
	int pid;
	FILE *f;

	snprintf(cmd, sizeof cmd, "ps -o pid= --ppid %d",
	    (int)e2e_process("gatewayd"));
	f = popen(cmd, "r");
	ck_assert_ptr_nonnull(f);
	for (*processes = 0; fscanf(f, "%d", &pid) == 1; ++*processes)
		kb += e2e_private_kb(pid);
	pclose(f);
	return kb;
}

/* Of the crowd, those that gatewayd has dropped. */
static long
dropped(void)
{
	struct pollfd p;
	long i, n = 0;

	for (i = 0; i < crowd; i++) {
		p = (struct pollfd){ fds[i], POLLIN, 0 };
		n += fds[i] == -1 || poll(&p, 1, 0) == 1;
	}
	return n;
}

/* How long a login took, in ms. */
static long
login(const char *token, bool shared)
{
	long long from = e2e_now();
	PGconn *c = e2e_try("dba", token, shared);
	long took = (long)(e2e_now() - from);

	ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s", PQerrorMessage(c));
	PQfinish(c);
	return took;
}

static bool
logs_in(const char *token, bool shared)
{
	PGconn *c = e2e_try("dba", token, shared);
	bool is = PQstatus(c) == CONNECTION_OK;

	PQfinish(c);
	return is;
}

START_TEST(logins_succeed)
{
	char *token = e2e_token("crowd", "dba");
	long within = talk_number("CROWD_MS", 0), i, worst = 0, took, kb;
	long long settled = e2e_now();
	pthread_t dripping;
	int n;

	crowd = most(talk_number("CROWD", 500));
	ck_assert_int_gt(crowd, 2 * (WORKERS + SESSIONS));
	fds = calloc((size_t)crowd, sizeof *fds);
	ck_assert_ptr_nonnull(fds);
	for (i = 0; i < crowd; i++)
		fds[i] = begin(i);
	ck_assert_int_eq(pthread_create(&dripping, NULL, drip, NULL), 0);
	/*
	 * When all have been let in there are as many as there are places.  Of
	 * more than the kernel queues some never come in, and are not told.
	 */
	ck_assert(E2E_UNTIL(200000, dropped() >=
	    (crowd < QUEUE ? crowd : QUEUE) - WORKERS - SESSIONS));
	/* The kernel still tries those that came when its queue was full. */
	ck_assert(E2E_UNTIL(200000, logs_in(token, false)));
	ck_assert(E2E_UNTIL(200000, logs_in(token, true)));
	/* Each of those ahead has the second that a login may take. */
	ck_assert(E2E_UNTIL(200000, within == 0 ||
	    (login(token, false) < within && login(token, true) < within)));
	settled = e2e_now() - settled;
	kb = memory(&n);
	for (i = 0; i < 10; i++) {
		took = login(token, i % 2);
		if (took > worst)
			worst = took;
	}
	printf("beside %ld connections, let in within %lld ms: the slowest of "
	    "10 logins took %ld ms; %d processes, %ld kB\n", crowd, settled,
	    worst, n, kb);
	ck_assert_msg(within == 0 || worst < within, "%ld ms", worst);
	ck_assert_int_le(n, WORKERS + 2);
	ck_assert_msg(kb < e2e_growth(WORKERS * 1500 + SESSIONS * 20 + 20000),
	    "%ld kB", kb);
	/* Who waits still holds all places but those of the logins. */
	ck_assert_int_ge(crowd - dropped(), (WORKERS + SESSIONS) / 2);
	atomic_store(&over, true);
	pthread_join(dripping, NULL);
	for (i = 0; i < crowd; i++)
		if (fds[i] != -1)
			close(fds[i]);
	free(fds);
	free(token);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("crowd");
	TCase *tc = tcase_create("crowd");

	tcase_set_timeout(tc, 900);
	tcase_add_test(tc, logins_succeed);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
