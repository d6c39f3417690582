/*
 * A held statement, and a process that is killed (kill -9) at each step of it:
 * the statement runs once if its client is told so, and else not at all; who
 * lives goes on waiting.  tests/e2e/hold.yaml has the rules.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2e.h"
#include "held.h"

enum step { ASKED, WAITING, DECIDING, DECIDED, NSTEPS };
/* The last takes longer: STEPS_ALL=1. */
enum victim { PARENT, AUDITD, WORKER, POLICYD, NVICTIMS };

static long
amount(int id)
{
	PGconn *d = e2e_direct();
	char sql[96], *v;
	long n;

	snprintf(sql, sizeof(sql), "SELECT amount::bigint FROM orders WHERE "
	    "id = %d", id);
	v = e2e_value(d, sql);
	n = strtol(v, NULL, 10);
	free(v);
	PQfinish(d);
	return n;
}

static void
again(const char *daemon)
{
	free(e2e_stack("kill --dir %s %s", e2e_env("STACK_DIR"), daemon));
	free(e2e_stack("start --dir %s %s", e2e_env("STACK_DIR"), daemon));
}

static void
strike(enum victim v, PGconn *c)
{
	switch (v) {
	case PARENT:
		kill(e2e_process("parent"), SIGKILL);
		break;
	case POLICYD:
		again("policyd");
		break;
	case AUDITD:
		again("auditd");
		break;
	default:
		kill(e2e_worker_of(c), SIGKILL);
	}
}

/* Approve what is open, until the client has its answer. */
static bool
see_through(PGconn *c, const char *sub)
{
	long n = open_request(sub);

	if (n != 0)
		decide("approve", n, "boss", "approvers", "");
	return answered(c);
}

/* The client lost its worker: it has run or it has not, and is not asked on. */
static void
worker_gone(PGconn *c, const char *sub, enum step step, int id, long before)
{
	long after;

	ck_assert(E2E_UNTIL(15000, open_request(sub) == 0));
	while (PQgetResult(c) != NULL)
		;
	after = amount(id);
	if (step < DECIDING) {
		ck_assert_int_eq(PQstatus(c), CONNECTION_BAD);
		ck_assert_int_eq(after, before);
	}
	ck_assert(after == before || after == before + 1);
	/* What ran was on record before. */
	if (after != before)
		ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM "
		    "statements WHERE subject = '%s' AND text LIKE "
		    "'UPDATE%%'", sub) == 1));
}

START_TEST(at_each_step)
{
	enum step step = (enum step)(_i % NSTEPS);
	enum victim v = (enum victim)(_i / NSTEPS);
	int id = 100 + _i;
	long before = amount(id), n = 0;
	char sub[32], sql[128], *token;
	PGresult *r;
	PGconn *c;

	snprintf(sub, sizeof(sub), "steps-%d", _i);
	c = bot(sub);
	snprintf(sql, sizeof(sql), "UPDATE orders SET amount = amount + 1 "
	    "WHERE id = %d", id);
	ck_assert_int_eq(PQsendQuery(c, sql), 1);
	ck_assert_int_ne(PQflush(c), -1);
	if (step > ASKED)
		n = wait_request(sub);
	if (step == DECIDING) {
		token = e2e_token("boss", "approvers");
		ck_assert_int_eq(e2e_sh("printf %%s '%s' | %s/policyctl -s %s "
		    "approve --token-file - %ld >/dev/null 2>&1 &", token,
		    e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"), n), 0);
		free(token);
	} else if (step == DECIDED)
		ck_assert_int_eq(decide("approve", n, "boss", "approvers",
		    ""), 0);
	strike(v, c);
	if (v == WORKER) {
		worker_gone(c, sub, step, id, before);
		PQfinish(c);
		return;
	}
	ck_assert_msg(E2E_UNTIL(25000, see_through(c, sub)), "step %d, "
	    "victim %d: it waits for ever", (int)step, (int)v);
	r = answer(c);
	ck_assert_msg(strcmp(PQcmdStatus(r), "UPDATE 1") == 0, "step %d, "
	    "victim %d: %s", (int)step, (int)v, PQresultErrorMessage(r));
	PQclear(r);
	ck_assert_int_eq(amount(id), before + 1);
	lives(c);
	/*
	 * One that was executed, and its intent points at what was approved;
	 * one that a new generation overtook before it was sent is `voided`.
	 */
	ck_assert(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM events i "
	    "JOIN events o ON o.session = i.session AND o.stmt = i.stmt AND "
	    "o.kind = 'outcome' AND json_extract(o.body, '$.status') <> "
	    "'voided' WHERE i.kind = 'intent' AND json_extract(i.body, "
	    "'$.approval') IN (SELECT json_extract(r.body, '$.request') FROM "
	    "events r, events e WHERE r.kind = 'approval_request' AND "
	    "json_extract(r.body, '$.subject') = '%s' AND e.kind = "
	    "'approval_end' AND json_extract(e.body, '$.result') = 'approved' "
	    "AND json_extract(e.body, '$.request') = json_extract(r.body, "
	    "'$.request'))", sub) == 1));
	PQfinish(c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("steps");
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, at_each_step, 0, NSTEPS *
	    (NVICTIMS - (getenv("STEPS_ALL") == NULL)));
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
