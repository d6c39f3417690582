/*
 * A statement that waits for people, as the worker sees it: what an approval is
 * good for, and which answers count.
 */
#include "hold.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

/* --- the rest of the worker -------------------------------------------------- */

static struct ipc_hold_ask	 asked;		/* its slices are the caller's */
static unsigned int		 asks, withdrawals, abandoned, fatals;

int
ipc_send(struct ipc *c, enum ipc_type type, const void *m, const int *fds,
    size_t nfds)
{
	(void)c;
	(void)fds;
	(void)nfds;
	if (type == IPC_hold_ask) {
		memcpy(&asked, m, sizeof(asked));
		asks++;
	} else if (type == IPC_hold_withdraw)
		withdrawals++;
	return 0;
}

void
session_event(struct session *s, enum session_event ev, const void *arg)
{
	(void)s;
	(void)ev;
	(void)arg;
}

void
session_fatal(struct session *s, const char *sqlstate, const char *message,
    const char *hint, const char *reason)
{
	(void)s;
	(void)sqlstate;
	(void)message;
	(void)hint;
	(void)reason;
	fatals++;
}

void
session_retry(struct session *s)
{
	(void)s;
}

void
judge_abandon(struct session *s)
{
	s->front.approval = 0;
	abandoned++;
}

/* --- a session at a held statement --------------------------------------------- */

static struct worker	 w;
static struct session	 s;

static void
setup(void)
{
	struct ipc_verdict	m = { .generation = 5, .action = VERDICT_ALLOW,
				    .flags = VERDICT_HOLD,
				    .rule = slice_str("looked-at"),
				    .kind = slice_str("update") };

	memset(&s, 0, sizeof(s));
	asks = withdrawals = abandoned = fatals = 0;
	w.loop = ev_loop_new();
	s.w = &w;
	s.state = SESSION_OPEN;
	s.tx_status = 'I';
	pipe_init(&s.pipe);
	buf_init(&s.client.out, 65536);
	buf_init(&s.db.out, 65536);
	s.idle_timer = ev_timer_new(w.loop, NULL, NULL);
	s.front.verdict = verdict_new(&m);
}

static enum hold_result
ready(const char *text, const char *params, uint32_t *number)
{
	return hold_ready(&s, (const uint8_t *)text, strlen(text),
	    (const uint8_t *)params, strlen(params), number);
}

static void
answer(enum hold_answer a, uint32_t ask)
{
	struct ipc_hold_answer	m = { .id = s.hold.id, .ask = ask,
				    .answer = (uint8_t)a, .number = 7,
				    .sqlstate = slice_str("42501"),
				    .message = slice_str("m"),
				    .hint = slice_str("") };

	hold_on_answer(&s, &m);
}

/* Only these bytes, and one use. */
START_TEST(bytes)
{
	uint32_t	n = 0;

	ck_assert_int_eq(ready("UPDATE", "ab", &n), HOLD_WAIT);
	ck_assert_uint_eq(asks, 1);
	answer(HOLD_WAITING, asked.ask);
	ck_assert_int_eq(ready("UPDATE", "ab", &n), HOLD_WAIT);
	ck_assert_uint_eq(asks, 1);
	answer(HOLD_APPROVED, asked.ask);
	ck_assert_int_eq(ready("UPDATE", "ab", &n), HOLD_GO);
	ck_assert_uint_eq(n, 7);
	/* Other parameters; the same bytes, divided otherwise. */
	ck_assert_int_eq(ready("UPDATE", "ac", &n), HOLD_WAIT);
	answer(HOLD_APPROVED, asked.ask);
	ck_assert_int_eq(ready("UPDATEa", "c", &n), HOLD_WAIT);
	answer(HOLD_APPROVED, asked.ask);
	ck_assert_int_eq(ready("UPDATEa", "c", &n), HOLD_GO);
	hold_over(&s, "");
	ck_assert_int_eq(ready("UPDATEa", "c", &n), HOLD_WAIT);
	ck_assert_uint_eq(asks, 4);
}
END_TEST

/* An approval that was on its way when the question was put anew. */
START_TEST(stale)
{
	uint32_t	n = 0, first;

	ready("UPDATE", "", &n);
	first = asked.ask;
	answer(HOLD_WAITING, first);
	s.front.verdict->generation++;
	ck_assert_int_eq(ready("UPDATE", "", &n), HOLD_WAIT);
	ck_assert_uint_eq(asks, 2);
	answer(HOLD_APPROVED, first);
	ck_assert_int_eq(ready("UPDATE", "", &n), HOLD_WAIT);
	answer(HOLD_APPROVED, asked.ask);
	ck_assert_int_eq(ready("UPDATE", "", &n), HOLD_GO);
	/* Approved, and the catalogue changes before it goes out. */
	s.front.verdict->epoch++;
	ck_assert_int_eq(ready("UPDATE", "", &n), HOLD_WAIT);
	ck_assert_uint_eq(asks, 3);
	ck_assert_uint_eq(fatals, 0);
}
END_TEST

/* After the approval, while its record is awaited. */
START_TEST(cancelled)
{
	uint32_t	n = 0;

	ck_assert(!hold_on_cancel(&s));
	ready("UPDATE", "", &n);
	answer(HOLD_APPROVED, asked.ask);
	ck_assert_int_eq(ready("UPDATE", "", &s.front.approval), HOLD_GO);
	ck_assert(hold_on_cancel(&s));
	ck_assert_uint_eq(abandoned, 1);
	ck_assert_uint_eq(s.front.approval, 0);
	ck_assert(!hold_on_cancel(&s));
	ck_assert_int_eq(ready("UPDATE", "", &n), HOLD_NO);
	ck_assert_str_eq(s.front.verdict->sqlstate, "57014");
}
END_TEST

/* What is before it has to be answered: each segment is flushed. */
START_TEST(flushed)
{
	uint32_t	n = 0;

	ck_assert_ptr_nonnull(pipe_push(&s.pipe, 'E', NULL));
	ck_assert_int_eq(ready("UPDATE", "", &n), HOLD_WAIT);
	ck_assert_uint_eq(s.db.out.len, 5);
	ck_assert_int_eq(ready("UPDATE", "", &n), HOLD_WAIT);
	ck_assert_uint_eq(s.db.out.len, 5);
	/* It failed, and the held one was skipped. */
	hold_message_done(&s, 'P');
	ck_assert_int_eq(ready("UPDATE", "", &n), HOLD_WAIT);
	ck_assert_uint_eq(s.db.out.len, 10);
	ck_assert_uint_eq(asks, 0);
}
END_TEST

/* An Execute opens a transaction, whatever the last ReadyForQuery said. */
START_TEST(transaction)
{
	uint32_t	n = 0;

	pipe_push(&s.pipe, 'E', NULL);
	pipe_pop(&s.pipe);
	ready("UPDATE", "", &n);
	ck_assert_uint_eq(asked.in_transaction, 1);
	hold_over(&s, "");
	pipe_push(&s.pipe, 'S', NULL);
	pipe_pop(&s.pipe);
	ready("UPDATE", "", &n);
	ck_assert_uint_eq(asked.in_transaction, 0);
}
END_TEST

int
main(void)
{
	Suite	*su = suite_create("hold");
	TCase	*t = tcase_create("hold");
	SRunner	*r;
	int	 failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, bytes);
	tcase_add_test(t, stale);
	tcase_add_test(t, cancelled);
	tcase_add_test(t, flushed);
	tcase_add_test(t, transaction);
	suite_add_tcase(su, t);
	r = srunner_create(su);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
