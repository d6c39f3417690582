/*
 * gatewayd's children.c and spawn.c with workers of our own: spare workers,
 * their replacement, crashes and their throttling, breaches, reload, the end.
 */
#include "children.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc.h"
#include "listen.h"
#include "log.h"
#include "unixsock.h"
#include "worker.h"
#include "tests/unit/tmpname.h"

enum mode { MODE_SERVE, MODE_ABORT, MODE_LEAVE, MODE_BREACH };

/* What workers do: inherited by the next one forked. */
static enum mode	mode;

static struct ev_loop	*loop;
static struct children	*all;
static struct gw_conf	 conf;
static struct gw_listen	 listeners[2];
static char		 dir[100];
static char		 paths[2][128];
static uint32_t		 nborn, ngone, last_born, seen[256];
static int		 last_status;
static bool		 emptied;

/* --- the worker ----------------------------------------------------------- */

struct worker {
	struct ev_loop		*loop;
	struct ipc		*master;
	struct ev_io		*io;
	const struct gw_listen	*listen;
	int			 client;
};

static void
worker_busy(struct worker *w, uint32_t sessions)
{
	struct ipc_worker_busy	m = { .sessions = sessions };

	ipc_send(w->master, IPC_worker_busy, &m, NULL, 0);
	ipc_flush(w->master, 100);
}

/* Its client went away. */
static void
on_client(void *ctx, int what)
{
	(void)ctx;
	(void)what;
	_exit(0);
}

static void
on_accept(void *ctx, int what)
{
	struct worker	*w = ctx;

	(void)what;
	if ((w->client = unix_accept(w->listen->fd)) == -1)
		return;
	worker_busy(w, 1);
	if (w->listen->shared)
		return;
	ev_io_free(&w->io);
	w->io = ev_io_new(w->loop, w->client, EV_IN, on_client, w);
}

static int
on_drain(void *ctx, const void *msg, int *fds)
{
	struct worker	*w = ctx;

	(void)msg;
	(void)fds;
	if (w->client == -1)
		_exit(0);
	return 0;
}

static int
on_channel(void *ctx, const void *msg, int *fds)
{
	(void)ctx;
	(void)msg;
	/* The test waits for this byte at the other end. */
	if (write(fds[0], "c", 1) != 1)
		_exit(9);
	return 0;
}

static void
on_master_gone(void *ctx, const char *reason)
{
	(void)ctx;
	(void)reason;
	_exit(8);
}

void
worker_main(const struct gw_conf *c, const struct gw_listen *l, int master,
    uint32_t number)
{
	static const struct ipc_permit permits[] = {
		{ IPC_worker_channel, ~0u, on_channel },
		{ IPC_worker_drain, ~0u, on_drain }
	};
	struct worker	w = { .listen = l, .client = -1 };

	(void)c;
	(void)number;
	if (mode == MODE_ABORT)
		abort();
	if (mode == MODE_LEAVE)
		_exit(0);
	w.loop = ev_loop_new();
	w.master = ipc_new(w.loop, master, ROLE_WORKER, ROLE_MASTER, permits,
	    2, on_master_gone, &w);
	if (mode == MODE_BREACH)
		worker_busy(&w, 77);
	w.io = ev_io_new(w.loop, l->fd, EV_IN, on_accept, &w);
	ev_run(w.loop);
	_exit(7);
}

/* --- the master ---------------------------------------------------------- */

static void
on_born(void *ctx, uint32_t worker, pid_t pid, bool shared)
{
	(void)ctx;
	(void)pid;
	(void)shared;
	nborn++;
	last_born = worker;
	ck_assert_uint_lt(worker, 256);
	/* Never twice. */
	ck_assert_uint_eq(seen[worker]++, 0);
}

static void
on_gone(void *ctx, uint32_t worker, int status)
{
	(void)ctx;
	(void)worker;
	ngone++;
	last_status = status;
}

static void
on_empty(void *ctx)
{
	(void)ctx;
	emptied = true;
}

static const struct children_hooks hooks = { on_born, on_gone, on_empty };

static void
on_timer(void *ctx)
{
	(void)ctx;
	ev_stop(loop);
}

static void
run(uint64_t ms)
{
	struct ev_timer	*t = ev_timer_new(loop, on_timer, NULL);

	ev_timer_set(t, ms);
	ev_run(loop);
	ev_timer_free(&t);
}

static struct children_count
count(void)
{
	struct children_count	n;

	children_count(all, NULL, &n);
	return n;
}

/* Until the loop has made it true, for ten seconds at most. */
#define UNTIL(condition)						\
	do {								\
		int tries_;						\
		for (tries_ = 0; tries_ < 1000 && !(condition); tries_++) \
			run(10);					\
		ck_assert(condition);					\
	} while (0)

static void
start(bool shared)
{
	char	err[256];
	size_t	i;

	mode = MODE_SERVE;
	nborn = ngone = 0;
	emptied = false;
	memset(seen, 0, sizeof(seen));
	memset(&conf, 0, sizeof(conf));
	memset(listeners, 0, sizeof(listeners));
	for (i = 0; i < 2; i++) {
		listeners[i].address = paths[i];
		listeners[i].is_unix = true;
		listeners[i].mode = 0600;
		ck_assert_int_eq(listen_open(&listeners[i], err, sizeof(err)),
		    0);
	}
	listeners[0].shared = shared;
	conf.listen = listeners;
	conf.nlisten = 1;
	conf.user = strdup("nobody");
	conf.chroot = strdup("/");
	conf.spare = 2;
	conf.unauthenticated = 200;
	conf.maximum = 5;
	conf.shared = 3;
	loop = ev_loop_new();
	all = children_new(loop, &hooks, NULL);
	ck_assert_ptr_nonnull(all);
}

static void
stop(void)
{
	children_drain(all);
	children_kill_all(all);
	UNTIL(emptied);
	ck_assert_uint_eq(children_live(all), 0);
	ck_assert_uint_eq(nborn, ngone);
	children_free(&all);
	ev_loop_free(&loop);
	listen_close(&listeners[0], true);
	listen_close(&listeners[1], true);
	free(conf.user);
	free(conf.chroot);
}

static int
client(void)
{
	int	fd = unix_connect(paths[0]);

	ck_assert_int_ne(fd, -1);
	return fd;
}

START_TEST(test_spare)
{
	int	fd[8], i;

	start(false);
	children_configure(all, &conf);
	ck_assert_uint_eq(count().idle, 2);
	fd[0] = client();
	UNTIL(count().busy == 1 && count().idle == 2);
	ck_assert_uint_eq(count().sessions, 1);
	/* No more than the maximum; the rest of the clients wait. */
	for (i = 1; i < 8; i++)
		fd[i] = client();
	UNTIL(count().busy == 5);
	run(50);
	ck_assert_uint_eq(children_live(all), 5);
	ck_assert_uint_eq(count().idle, 0);
	for (i = 0; i < 8; i++)
		close(fd[i]);
	UNTIL(count().busy == 0 && count().idle == 2);
	ck_assert_uint_eq(count().crashes, 0);
	stop();
}
END_TEST

START_TEST(test_shared)
{
	int	fd[2];

	start(true);
	children_configure(all, &conf);
	ck_assert_uint_eq(count().shared, 3);
	fd[0] = client();
	fd[1] = client();
	run(100);
	ck_assert_uint_eq(count().shared, 3);
	ck_assert_uint_eq(children_live(all), 3);
	close(fd[0]);
	close(fd[1]);
	stop();
}
END_TEST

START_TEST(test_channel)
{
	int	pair[2];
	char	c = 0;

	start(false);
	children_configure(all, &conf);
	ck_assert_int_eq(unix_pair(pair), 0);
	ck_assert_int_eq(children_channel(all, last_born, pair[0]), 0);
	UNTIL(c == 'c' || read(pair[1], &c, 1) == 1);
	ck_assert_int_eq(c, 'c');
	close(pair[1]);
	ck_assert_int_eq(unix_pair(pair), 0);
	/* Takes the descriptor all the same. */
	ck_assert_int_eq(children_channel(all, 99999, pair[0]), -1);
	ck_assert_int_eq(read(pair[1], &c, 1), 0);
	close(pair[1]);
	stop();
}
END_TEST

/* Four rounds of two take 10 + 20 + 40 ms at least, however slow we are. */
static void
crash_loop(enum mode how)
{
	uint64_t	since;

	start(false);
	mode = how;
	since = now_boot_ms();
	children_configure(all, &conf);
	UNTIL(count().crashes >= 8);
	ck_assert_uint_ge(now_boot_ms() - since, 70);
	ck_assert_uint_ge(count().delay, 40);
	/* It recovers by itself. */
	mode = MODE_SERVE;
	UNTIL(count().idle == 2);
	stop();
}

START_TEST(test_crash_loops)
{
	crash_loop(MODE_ABORT);
	crash_loop(MODE_LEAVE);
	crash_loop(MODE_BREACH);
}
END_TEST

START_TEST(test_kill)
{
	start(false);
	children_configure(all, &conf);
	ck_assert_int_eq(children_kill(all, last_born), 0);
	UNTIL(ngone == 1 && count().idle == 2);
	ck_assert(WIFSIGNALED(last_status) && WTERMSIG(last_status) == SIGKILL);
	/* Because we wanted it. */
	ck_assert_uint_eq(count().crashes, 0);
	ck_assert_int_eq(children_kill(all, 99999), -1);
	stop();
}
END_TEST

START_TEST(test_reload)
{
	struct gw_conf	new;
	int		fd;

	start(false);
	children_configure(all, &conf);
	fd = client();
	UNTIL(count().busy == 1 && count().idle == 2);
	/* Two listeners and one spare worker each. */
	new = conf;
	new.nlisten = 2;
	new.spare = 1;
	children_configure(all, &new);
	UNTIL(ngone == 2 && count().idle == 2);
	/* The session of before lives on. */
	ck_assert_uint_eq(count().draining, 1);
	ck_assert_uint_eq(count().sessions, 1);
	/* The second listener goes. */
	children_configure(all, &conf);
	UNTIL(ngone == 4 && count().idle == 2);
	ck_assert_uint_eq(count().draining, 1);
	close(fd);
	UNTIL(count().draining == 0);
	ck_assert_uint_eq(count().crashes, 0);
	stop();
}
END_TEST

START_TEST(test_drain)
{
	int	fd;

	start(false);
	children_configure(all, &conf);
	fd = client();
	UNTIL(count().busy == 1 && count().idle == 2);
	children_drain(all);
	UNTIL(children_live(all) == 1);
	run(50);
	ck_assert(!emptied);
	close(fd);
	UNTIL(emptied);
	ck_assert_uint_eq(count().crashes, 0);
	stop();
}
END_TEST

int
main(void)
{
	SRunner	*sr;
	Suite	*s;
	TCase	*tc;
	int	 failed;

	signal(SIGPIPE, SIG_IGN);
	log_init("test_children", 1, LOG_L_FATAL);
	TMPNAME(dir, "test_children");
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(paths[0], sizeof(paths[0]), "%s/a", dir);
	snprintf(paths[1], sizeof(paths[1]), "%s/b", dir);
	s = suite_create("children");
	tc = tcase_create("children");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_spare);
	tcase_add_test(tc, test_shared);
	tcase_add_test(tc, test_channel);
	tcase_add_test(tc, test_crash_loops);
	tcase_add_test(tc, test_kill);
	tcase_add_test(tc, test_reload);
	tcase_add_test(tc, test_drain);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_fork_status(sr, CK_NOFORK);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	rmdir(dir);
	return failed != 0;
}
