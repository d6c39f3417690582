/*
 * The engine as a process: a policy and a snapshot in, sessions, verdicts in
 * order, the guard, a change of the snapshot, explain, and its end with its
 * parent.
 */
#include "engine.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc.h"
#include "log.h"
#include "shop.h"

struct bench {
	struct ev_loop	*loop;
	struct ipc	*engine;	/* as its parent */
	struct ipc	*session;	/* as a worker */
	unsigned int	 ready, done, wanted, guards, verdicts;
	uint64_t	 epoch, generation;
	size_t		 guard;
	uint8_t		 ok, action[8];
	uint32_t	 flags[8];
	uint64_t	 seq[8], verdict_epoch;
	char		 json[4096], error[256], rewritten[4096];
	bool		 gone;
};

static struct bench	b;

static int
on_ready(void *ctx, const void *msg, int *fds)
{
	const struct ipc_engine_ready	*m = msg;

	(void)ctx;
	(void)fds;
	b.ready++;
	b.epoch = m->epoch;
	b.generation = m->generation;
	ev_stop(b.loop);
	return 0;
}

static int
on_done(void *ctx, const void *msg, int *fds)
{
	const struct ipc_config_done	*m = msg;

	(void)ctx;
	(void)fds;
	b.done++;
	b.ok = m->ok;
	slice_copy(m->error, b.error, sizeof(b.error));
	if (!m->ok)
		ev_stop(b.loop);
	return 0;
}

static int
on_wanted(void *ctx, const void *msg, int *fds)
{
	(void)ctx;
	(void)msg;
	(void)fds;
	b.wanted++;
	return 0;
}

static int
on_explained(void *ctx, const void *msg, int *fds)
{
	const struct ipc_explained	*m = msg;

	(void)ctx;
	(void)fds;
	slice_copy(m->json, b.json, sizeof(b.json));
	ev_stop(b.loop);
	return 0;
}

static int
on_guard(void *ctx, const void *msg, int *fds)
{
	const struct ipc_guard	*m = msg;

	(void)ctx;
	(void)fds;
	b.guards++;
	b.guard = m->pairs.len;
	ev_stop(b.loop);
	return 0;
}

static int
on_verdict(void *ctx, const void *msg, int *fds)
{
	const struct ipc_verdict	*m = msg;
	unsigned int			 i = b.verdicts++ % 8;

	(void)ctx;
	(void)fds;
	b.action[i] = m->action;
	b.flags[i] = m->flags;
	b.seq[i] = m->seq;
	b.verdict_epoch = m->epoch;
	slice_copy(m->rewritten, b.rewritten, sizeof(b.rewritten));
	return 0;
}

static void
on_closed(void *ctx, const char *reason)
{
	(void)ctx;
	(void)reason;
	b.gone = true;
	ev_stop(b.loop);
}

static const struct ipc_permit as_parent[] = {
	{ IPC_engine_ready, ~0u, on_ready },
	{ IPC_config_done, ~0u, on_done },
	{ IPC_catalog_wanted, ~0u, on_wanted },
	{ IPC_explained, ~0u, on_explained },
};
static const struct ipc_permit as_worker[] = {
	{ IPC_guard, ~0u, on_guard },
	{ IPC_verdict, ~0u, on_verdict },
};

static void
on_time(void *ctx)
{
	(void)ctx;
	ck_abort_msg("the engine does not answer");
}

static void
on_tick(void *ctx)
{
	(void)ctx;
	ev_stop(b.loop);
}

static void
wait_for(unsigned int *counter, unsigned int n)
{
	struct ev_timer	*t = ev_timer_new(b.loop, on_time, NULL);

	ev_timer_set(t, 20000);
	while (*counter < n) {
		struct ev_timer	*tick;

		tick = ev_timer_new(b.loop, on_tick, NULL);
		ev_timer_set(tick, 10);
		ev_run(b.loop);
		ev_timer_free(&tick);
	}
	ev_timer_free(&t);
}

static void
send_config(uint64_t generation, const char *text)
{
	struct ipc_config	 m = { generation, slice_str("/shop.yaml"),
	    slice_str(text) };

	ck_assert_int_eq(ipc_send(b.engine, IPC_config, &m, NULL, 0), 0);
}

static void
send_catalog(uint64_t epoch, size_t cut)
{
	struct ipc_catalog	 m = { slice_str("shop"), epoch };
	size_t			 len;
	uint8_t			*p = shop_records(&len);
	int			 fd = memfd_create("catalog", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, p, len - cut), (ssize_t)(len - cut));
	ck_assert_int_eq(ipc_send(b.engine, IPC_catalog, &m, &fd, 1), 0);
	free(p);
}

static void
judge(uint64_t seq, const char *text)
{
	struct ipc_judge	 m = { seq, JUDGE_QUERY, 'I', 0, 0, 0,
	    slice_str(text) };

	ck_assert_int_eq(ipc_send(b.session, IPC_judge, &m, NULL, 0), 0);
}

static void
open_session(void)
{
	struct ipc_engine_session	 m = { slice_str("s1"),
	    slice_str("bot"), slice_str("shop"), slice_str("{}"),
	    slice_str("test"), slice_str("192.0.2.1") };
	int	 sv[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	b.session = ipc_new(b.loop, sv[0], ROLE_WORKER, ROLE_ENGINE,
	    as_worker, 2, on_closed, NULL);
	ck_assert_ptr_nonnull(b.session);
	ck_assert_int_eq(ipc_send(b.engine, IPC_engine_session, &m, &sv[1],
	    1), 0);
}

START_TEST(life)
{
	struct ipc_explain	 ex = { 1, slice_str("bot"), slice_str("shop"),
	    slice_str(""), slice_str(""), slice_str(""), 0, 0, 0, 0, 0,
	    slice_str("SELECT * FROM customers") };
	int			 sv[2], status;
	pid_t			 pid;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	if ((pid = fork()) == 0) {
		close(sv[0]);
		engine_main(sv[1]);
	}
	close(sv[1]);
	b.loop = ev_loop_new();
	b.engine = ipc_new(b.loop, sv[0], ROLE_PARENT, ROLE_ENGINE, as_parent,
	    4, on_closed, NULL);
	ck_assert_ptr_nonnull(b.engine);

	/* A bad policy is refused and changes nothing. */
	send_config(6, "version: 1\nnonsense: true\n");
	wait_for(&b.done, 1);
	ck_assert_uint_eq(b.ok, 0);
	ck_assert_ptr_nonnull(strstr(b.error, "shop.yaml:2:"));
	ck_assert_uint_eq(b.ready, 0);

	send_config(7, shop_policy_text);
	wait_for(&b.ready, 1);
	ck_assert_uint_eq(b.ok, 1);
	ck_assert_uint_eq(b.generation, 7);

	/* Before there is a snapshot: no guard, and refusals. */
	open_session();
	wait_for(&b.guards, 1);
	ck_assert_uint_eq(b.guard, 0);
	judge(1, "SELECT 1");
	wait_for(&b.verdicts, 1);
	ck_assert_uint_eq(b.action[0], VERDICT_DENY);
	wait_for(&b.wanted, 1);

	send_catalog(3, 0);
	wait_for(&b.ready, 2);
	ck_assert_uint_eq(b.epoch, 3);
	wait_for(&b.guards, 2);
	ck_assert_uint_eq(b.guard, 8 * 34);

	/* Several at once, answered in order. */
	judge(2, "SELECT 1");
	judge(3, "SELECT * FROM customers");
	judge(4, "DROP TABLE customers");
	judge(5, "SELECT * FROM customers");
	wait_for(&b.verdicts, 5);
	ck_assert_uint_eq(b.seq[1], 2);
	ck_assert_uint_eq(b.seq[4], 5);
	ck_assert_uint_eq(b.action[1], VERDICT_ALLOW);
	ck_assert_uint_eq(b.action[2], VERDICT_MASK);
	ck_assert_uint_eq(b.action[3], VERDICT_DENY);
	ck_assert_uint_eq(b.action[4], VERDICT_MASK);
	ck_assert_uint_eq(b.verdict_epoch, 3);
	ck_assert_ptr_nonnull(strstr(b.rewritten, "'***'"));

	/* A broken snapshot: it keeps what it has. */
	send_catalog(4, 1);
	judge(6, "SELECT * FROM customers");
	wait_for(&b.verdicts, 6);
	ck_assert_uint_eq(b.action[5], VERDICT_MASK);
	ck_assert_uint_eq(b.ready, 2);

	ipc_send(b.engine, IPC_explain, &ex, NULL, 0);
	while (b.json[0] == '\0')
		ev_run(b.loop);
	ck_assert_ptr_nonnull(strstr(b.json, "\"action\":\"mask\""));
	ck_assert_ptr_nonnull(strstr(b.json, "\"reads\":[\"public.customers"));

	/* A worker that goes does not end it; its parent does. */
	ipc_free(&b.session);
	open_session();
	judge(7, "SELECT 1");
	wait_for(&b.verdicts, 7);
	ipc_free(&b.session);
	ipc_free(&b.engine);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ev_loop_free(&b.loop);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("engine");
	TCase	*t = tcase_create("engine");
	SRunner	*r;
	int	 failed;

	log_init("test_engine", 1, LOG_L_FATAL);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, life);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
