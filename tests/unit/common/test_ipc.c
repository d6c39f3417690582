/*
 * The codec and the message connection: round trips, hostile frames,
 * descriptors, phases.
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codec.h"
#include "ev.h"
#include "ipc.h"
#include "log.h"
#include "proc.h"
#include "unixsock.h"

static struct {
	struct ev_loop	*loop;
	struct ipc	*a;
	int		 raw;		/* the other end, when bytes are forged */
	int		 got, fds;
	char		 text[64];
	const char	*closed;
} t;

static int
on_kill(void *ctx, const void *vm, int *fds)
{
	const struct ipc_session_kill *m = vm;

	(void)ctx;
	(void)fds;
	t.got++;
	ck_assert_int_eq(slice_copy(m->message, t.text, sizeof(t.text)), 0);
	ev_stop(t.loop);
	return 0;
}

static int
on_channel(void *ctx, const void *vm, int *fds)
{
	(void)ctx;
	(void)vm;
	t.fds++;
	ck_assert_int_ne(fcntl(fds[0], F_GETFD), -1);
	ev_stop(t.loop);
	return 0;
}

static int
on_free_self(void *ctx, const void *vm, int *fds)
{
	(void)ctx;
	(void)vm;
	(void)fds;
	ipc_free(&t.a);
	ev_stop(t.loop);
	return 0;
}

static void
on_closed(void *ctx, const char *reason)
{
	(void)ctx;
	t.closed = reason;
	ipc_free(&t.a);
	ev_stop(t.loop);
}

static const struct ipc_permit permits[] = {
	{ IPC_session_kill, 1, on_kill },
	{ IPC_policy_channel, 1, on_channel },
	{ IPC_generation_new, 2, on_kill },
	{ IPC_cancel_over, 1, on_free_self },
};

static void
setup(void)
{
	int fd[2];

	memset(&t, 0, sizeof(t));
	t.loop = ev_loop_new();
	ck_assert_int_eq(unix_pair(fd), 0);
	t.a = ipc_new(t.loop, fd[0], ROLE_WORKER, ROLE_PARENT, permits,
	    sizeof(permits) / sizeof(permits[0]), on_closed, NULL);
	t.raw = fd[1];
}

static void
teardown(void)
{
	ipc_free(&t.a);
	if (t.raw != -1)
		close(t.raw);
	ev_loop_free(&t.loop);
}

START_TEST(test_round_trip)
{
	struct ipc_login_ok m = { .attempt = 7, .deadline = 1ull << 40,
	    .session = slice_str("abc"), .settings = slice_of("a\0b", 4) }, r;
	struct buf b;

	buf_init(&b, 4096);
	ck_assert_int_eq(msg_encode(ipc_desc(IPC_login_ok), &m, &b), 0);
	ck_assert_int_eq(msg_decode(ipc_desc(IPC_login_ok), buf_head(&b),
	    b.len, &r), 0);
	ck_assert_uint_eq(r.attempt, 7);
	ck_assert_uint_eq(r.deadline, 1ull << 40);
	ck_assert(slice_eq(r.session, "abc"));
	ck_assert_uint_eq(r.settings.len, 4);
	/* One byte less, one byte more: neither is the message. */
	ck_assert_int_eq(msg_decode(ipc_desc(IPC_login_ok), buf_head(&b),
	    b.len - 1, &r), -1);
	buf_add_u8(&b, 0);
	ck_assert_int_eq(msg_decode(ipc_desc(IPC_login_ok), buf_head(&b),
	    b.len, &r), -1);
	buf_clear(&b);
}
END_TEST

START_TEST(test_limits)
{
	struct ipc_login_refused m = { .sqlstate = slice_str("123456") };
	struct buf b;

	buf_init(&b, 4096);
	ck_assert_int_eq(msg_encode(ipc_desc(IPC_login_refused), &m, &b), -1);
	m.sqlstate = slice_of("12\0", 3);
	ck_assert_int_eq(msg_encode(ipc_desc(IPC_login_refused), &m, &b), -1);
	ck_assert_uint_eq(b.len, 0);
	b.max = 8;
	m.sqlstate = slice_str("12345");
	ck_assert_int_eq(msg_encode(ipc_desc(IPC_login_refused), &m, &b), -1);
	ck_assert_uint_eq(b.len, 0);
	buf_clear(&b);
}
END_TEST

static struct ipc *
parent_end(void)
{
	struct ipc *p = ipc_new(t.loop, t.raw, ROLE_PARENT, ROLE_WORKER, NULL,
	    0, on_closed, NULL);

	t.raw = -1;
	return p;
}

START_TEST(test_send)
{
	struct ipc_session_kill m = { .session = slice_str("s"),
	    .sqlstate = slice_str("57P01"), .message = slice_str("good bye") };
	struct ipc *p = parent_end();

	ck_assert_int_eq(ipc_send(p, IPC_session_kill, &m, NULL, 0), 0);
	ev_run(t.loop);
	ck_assert_int_eq(t.got, 1);
	ck_assert_str_eq(t.text, "good bye");
	ipc_free(&p);
}
END_TEST

START_TEST(test_descriptors)
{
	struct ipc_policy_channel m = { .session = slice_str("s") };
	struct ipc_session_kill k = { .message = slice_str("x") };
	struct ipc *p = parent_end();
	int i, fd;

	for (i = 0; i < 3; i++) {
		fd = open("/dev/null", O_RDONLY);
		ck_assert_int_eq(ipc_send(p, IPC_policy_channel, &m, &fd, 1),
		    0);
		ck_assert_int_eq(ipc_send(p, IPC_session_kill, &k, NULL, 0),
		    0);
	}
	while (t.fds < 3 || t.got < 3)
		ev_run(t.loop);
	ck_assert_ptr_null(t.closed);
	ipc_free(&p);
}
END_TEST

START_TEST(test_phase)
{
	struct ipc_generation_new m = { 1 };
	struct ipc *p = parent_end();

	ipc_send(p, IPC_generation_new, &m, NULL, 0);
	ev_run(t.loop);
	ck_assert_str_eq(t.closed, "sent a message out of its phase");
	ipc_free(&p);
}
END_TEST

START_TEST(test_free_in_handler)
{
	struct ipc_cancel_over m = { .session = slice_str("s") };
	struct ipc *p = parent_end();

	ipc_send(p, IPC_cancel_over, &m, NULL, 0);
	ipc_send(p, IPC_cancel_over, &m, NULL, 0);
	ev_run(t.loop);
	ck_assert_ptr_null(t.a);
	ipc_free(&p);
}
END_TEST

static void
forge(const void *p, size_t n, const char *expect)
{
	ck_assert_int_eq(write(t.raw, p, n), (ssize_t)n);
	ev_run(t.loop);
	ck_assert_ptr_nonnull(t.closed);
	ck_assert_str_eq(t.closed, expect);
	ck_assert_int_eq(t.got, 0);
}

START_TEST(test_huge_length)
{
	const uint8_t b[8] = { 0xff, 0xff, 0xff, 0xff, IPC_session_kill };

	forge(b, sizeof(b), "sent a bad frame");
}
END_TEST

START_TEST(test_unknown_type)
{
	const uint8_t b[8] = { 0, 0, 0, 0, 0xff, 0xff };

	forge(b, sizeof(b), "sent a message that is not its to send");
}
END_TEST

START_TEST(test_wrong_direction)
{
	const uint8_t b[16] = { 8, 0, 0, 0, IPC_generation_taken };

	forge(b, sizeof(b), "sent a message that is not its to send");
}
END_TEST

START_TEST(test_lying_slice)
{
	/* session's length says 2^31, 8 bytes are there */
	const uint8_t b[16] = { 8, 0, 0, 0, IPC_session_kill, 0, 0, 0,
	    0, 0, 0, 0x80 };

	forge(b, sizeof(b), "sent a malformed message");
}
END_TEST

START_TEST(test_too_few_descriptors)
{
	const uint8_t b[12] = { 4, 0, 0, 0, IPC_policy_channel };

	forge(b, sizeof(b), "sent too few descriptors");
}
END_TEST

/* sendmsg() of one byte and a descriptor; the error, 0 for none. */
static int
pass(int sock, int fd)
{
	union {
		struct cmsghdr	hdr;
		char		buf[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { "x", 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control.buf, .msg_controllen = sizeof(control) };
	struct cmsghdr *cm = CMSG_FIRSTHDR(&m);

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	return sendmsg(sock, &m, MSG_NOSIGNAL) == -1 ? errno : 0;
}

/* Where no message has a descriptor, one that comes ends the peer, or the
 * kernel does not even take it. */
START_TEST(test_unasked_descriptor)
{
	static const struct ipc_permit plain[] = {
		{ IPC_session_kill, 1, on_kill },
	};
	struct ipc *c;
	int fd[2];

	ck_assert_int_eq(unix_pair(fd), 0);
	c = ipc_new(t.loop, fd[0], ROLE_WORKER, ROLE_PARENT, plain, 1,
	    on_closed, NULL);
	if (pass(fd[1], 0) == 0) {
		ev_run(t.loop);
		ck_assert_str_eq(t.closed, "sent too many descriptors");
	}
	ipc_free(&c);
	close(fd[1]);
}
END_TEST

START_TEST(test_pass_nothing)
{
	int fd[2], status;
	pid_t pid;

	ck_assert_int_eq(unix_pair(fd), 0);
	if ((pid = fork()) == 0) {
		proc_harden();
		proc_pass_nothing();
		_exit(pass(fd[1], 0) == EPERM && send(fd[1], "x", 1, 0) == 1 ?
		    0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(fd[0]);
	close(fd[1]);
}
END_TEST

START_TEST(test_half_frame_then_close)
{
	const uint8_t b[12] = { 200, 0, 0, 0, IPC_session_kill };

	ck_assert_int_eq(write(t.raw, b, sizeof(b)), (ssize_t)sizeof(b));
	close(t.raw);
	t.raw = -1;
	ev_run(t.loop);
	ck_assert_str_eq(t.closed, "closed the connection");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ipc");
	TCase *c = tcase_create("ipc");
	SRunner *r;
	int failed;

	log_init("test", 1, LOG_L_WARN);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, test_round_trip);
	tcase_add_test(c, test_limits);
	tcase_add_test(c, test_send);
	tcase_add_test(c, test_descriptors);
	tcase_add_test(c, test_phase);
	tcase_add_test(c, test_free_in_handler);
	tcase_add_test(c, test_huge_length);
	tcase_add_test(c, test_unknown_type);
	tcase_add_test(c, test_wrong_direction);
	tcase_add_test(c, test_lying_slice);
	tcase_add_test(c, test_too_few_descriptors);
	tcase_add_test(c, test_half_frame_then_close);
	tcase_add_test(c, test_unasked_descriptor);
	tcase_add_test(c, test_pass_nothing);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
