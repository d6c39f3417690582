/*
 * Statements that wait for people, under attack: by their own subject, by what
 * is before them, by what is shown of them, and by processes that die.
 */
#include "e2e.h"
#include "held.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The head of a pipeline failed; the next segment's held statement is asked. */
START_TEST(error_before)
{
	PGconn *c = bot("held-e");
	PGresult *r;
	long n;
	int i;

	ck_assert_int_eq(PQenterPipelineMode(c), 1);
	for (i = 0; i < 2; i++) {
		PQsendQueryParams(c, i == 0 ? "SELECT 1 / 0" : "SELECT 2", 0,
		    NULL, NULL, NULL, NULL, 0);
		PQsendQueryParams(c, "UPDATE orders SET status = 'held-e' "
		    "WHERE id = 9", 0, NULL, NULL, NULL, NULL, 0);
		ck_assert_int_eq(PQpipelineSync(c), 1);
	}
	ck_assert_int_ne(PQflush(c), -1);
	n = wait_request("held-e");
	ck_assert_int_eq(decide("approve", n, "boss", "approvers", ""), 0);
	r = PQgetResult(c);
	ck_assert_str_eq(e2e_sqlstate(r), "22012");
	PQclear(r);
	ck_assert_ptr_null(PQgetResult(c));
	r = PQgetResult(c);
	ck_assert_int_eq(PQresultStatus(r), PGRES_PIPELINE_ABORTED);
	PQclear(r);
	ck_assert_ptr_null(PQgetResult(c));
	r = PQgetResult(c);
	ck_assert_int_eq(PQresultStatus(r), PGRES_PIPELINE_SYNC);
	PQclear(r);
	r = PQgetResult(c);
	ck_assert_int_eq(PQresultStatus(r), PGRES_TUPLES_OK);
	PQclear(r);
	ck_assert_ptr_null(PQgetResult(c));
	r = PQgetResult(c);
	ck_assert_str_eq(PQcmdStatus(r), "UPDATE 1");
	PQclear(r);
	PQfinish(c);
}
END_TEST

/* A BEGIN in the same segment is a transaction before the server says so. */
START_TEST(begun_in_segment)
{
	PGconn *c = careful("held-t");
	PGresult *r;
	const char *state = "";
	int i;

	ck_assert_int_eq(PQenterPipelineMode(c), 1);
	PQsendQueryParams(c, "BEGIN", 0, NULL, NULL, NULL, NULL, 0);
	PQsendQueryParams(c, "UPDATE orders SET status = 'held-t' WHERE id = "
	    "9", 0, NULL, NULL, NULL, NULL, 0);
	ck_assert_int_eq(PQpipelineSync(c), 1);
	for (i = 0; i < 3; i++) {
		r = PQgetResult(c);
		if (i == 2) {
			state = PQresultErrorMessage(r);
			ck_assert_msg(strstr(state, "inside a transaction") !=
			    NULL, "%s", state);
		}
		PQclear(r);
	}
	PQfinish(c);
}
END_TEST

/* More requests than are remembered: who waits is not forgotten with them. */
START_TEST(many_ended)
{
	PGconn *c = bot("held-old"), *d = NULL;
	pid_t parent = e2e_process("parent");
	PGcancel *cancel = NULL;
	char err[256], sub[32];
	int i;

	send_update(c, "old");
	wait_request("held-old");
	for (i = 0; i < 215; i++) {
		/* Nobody may do this for long. */
		if (i % 20 == 0) {
			PQfreeCancel(cancel);
			PQfinish(d);
			snprintf(sub, sizeof(sub), "held-new%d", i);
			cancel = PQgetCancel(d = bot(sub));
		}
		send_update(d, "new");
		held_notices[0] = '\0';
		ck_assert(E2E_UNTIL(10000, (answered(d),
		    held_notices[0] != '\0')));
		ck_assert_int_eq(PQcancel(cancel, err, sizeof(err)), 1);
		answer_is(d, "57014", NULL);
	}
	PQfinish(c);
	ck_assert(E2E_UNTIL(10000, open_request("held-old") == 0));
	send_update(d, "new");
	ck_assert_int_gt(wait_request(sub), 215);
	ck_assert_int_eq(e2e_process("parent"), parent);
	ck_assert_int_eq(e2e_sh("n=$(%s/policyctl -s %s --json requests | wc "
	    "-l) && [ $n -le 203 ]", e2e_env("POSTERN_BIN"),
	    e2e_env("POLICYD_SOCK")), 0);
	PQfreeCancel(cancel);
	PQfinish(d);
}
END_TEST

/* auditd is stopped and the parent killed while it is decided: no approval
 * counts before it is on record, and it is used once. */
START_TEST(decided_unrecorded)
{
	PGconn *c = bot("held-u");
	pid_t parent = e2e_process("parent"), auditd = e2e_process("auditd");
	PGresult *r;
	long n;

	send_update(c, "u");
	n = wait_request("held-u");
	kill(auditd, SIGSTOP);
	decide("approve", n, "boss", "approvers", "");
	ck_assert_int_eq(rows("held-u"), 0);
	ck_assert(!answered(c));
	kill(parent, SIGKILL);
	ck_assert(E2E_UNTIL(10000, e2e_process("parent") != 0 &&
	    e2e_process("parent") != parent));
	ck_assert_int_eq(rows("held-u"), 0);
	kill(auditd, SIGCONT);
	/* It had been approved; or it has to be approved again. */
	ck_assert(E2E_UNTIL(20000, answered(c) ||
	    decide("approve", n, "boss", "approvers", "") == 0));
	r = answer(c);
	ck_assert_str_eq(PQcmdStatus(r), "UPDATE 3");
	PQclear(r);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind IN ('approval_decision', 'approval_end') AND "
	    "json_extract(body, '$.request') = %ld", n) >= 2));
	/* An intent of an older generation may have been voided. */
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM "
	    "statements WHERE subject = 'held-u' AND status = 'ok'") == 1));
	PQfinish(c);
}
END_TEST

/* Who acts for another has the other's name in his token. */
START_TEST(by_an_actor)
{
	PGconn *c = bot("held-a");
	char *token;
	long n;

	send_update(c, "a");
	n = wait_request("held-a");
	token = e2e_stack("token --dir %s --sub boss --group approvers "
	    "--claim '{\"act\":{\"sub\":\"held-a\"}}'",
	    e2e_env("STACK_DIR"));
	ck_assert_int_ne(e2e_sh("printf %%s '%s' | %s/policyctl -s %s approve "
	    "--token-file - %ld 2>/dev/null", token, e2e_env("POSTERN_BIN"),
	    e2e_env("POLICYD_SOCK"), n), 0);
	free(token);
	ck_assert(!answered(c));
	ck_assert_int_eq(open_request("held-a"), n);
	PQfinish(c);
}
END_TEST

/* Nor does who acts for the subject decide about what he is asked for. */
START_TEST(for_an_actor)
{
	char *token = e2e_stack("token --dir %s --sub held-p --group ai-agents "
	    "--claim '{\"act\":{\"sub\":\"held-robot\"}}'",
	    e2e_env("STACK_DIR"));
	PGconn *c = e2e_try("nightly-bot", token, false);
	long n;

	free(token);
	ck_assert_int_eq(PQstatus(c), CONNECTION_OK);
	send_update(c, "p");
	n = wait_request("held-p");
	ck_assert_int_eq(e2e_sh("%s/policyctl -s %s requests | grep -q "
	    "'held-p.*(acting: held-robot)'", e2e_env("POSTERN_BIN"),
	    e2e_env("POLICYD_SOCK")), 0);
	ck_assert_int_ne(decide("approve", n, "held-robot", "approvers", ""),
	    0);
	ck_assert(decide_said("for whom you act"));
	ck_assert_int_ne(decide("approve", n, "held-p", "approvers", ""), 0);
	ck_assert_int_eq(decide("deny", n, "boss", "approvers", ""), 0);
	answer_is(c, "42501", "refused by boss");
	PQfinish(c);
}
END_TEST

/* The text is shown as it is, and not as it would like to look. */
START_TEST(shown)
{
	/* RIGHT-TO-LEFT OVERRIDE, CSI in one character, a second line. */
	static const char sql[] = "UPDATE orders SET status = 'held-d' "
	    "/* \xe2\x80\xae \xc2\x9b" "2J \xc3\xa9 */ WHERE\nid = 1";
	PGconn *c = bot("held-d");
	char path[512];
	long n;

	/* It is only shown: it need not run. */
	ck_assert_int_eq(PQsendQuery(c, sql), 1);
	n = wait_request("held-d");
	snprintf(path, sizeof(path), "%s/shown", e2e_env("STACK_DIR"));
	ck_assert_int_eq(e2e_sh("%s/policyctl -s %s show %ld >%s",
	    e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"), n, path), 0);
	ck_assert(e2e_file_has(path, "/* \\u{202e} \\u{9b}2J \xc3\xa9 */ "
	    "WHERE\n"));
	ck_assert(e2e_file_has(path, "    | id = 1\n"));
	PQfinish(c);
}
END_TEST

/* Updates are for these minutes only, of this clock. */
static void
closing(time_t from, time_t to)
{
	char a[8], b[8];

	strftime(a, sizeof(a), "%H:%M", gmtime(&from));
	strftime(b, sizeof(b), "%H:%M", gmtime(&to));
	ck_assert_int_eq(e2e_sh("sed -i -e '/name: closing/d' -e "
	    "'s/within: 30s/within: 10m/' -e "
	    "'s/^    rules:$/&\\n      - {name: closing, when: {kind: update, "
	    "not: {hours: [{from: \"%s\", to: \"%s\"}]}}, then: deny}/' %s",
	    a, b, e2e_env("POLICY_FILE")), 0);
	held_reload("closing");
}

/*
 * What a person approves is judged once more where the time matters.  That its
 * hours are over takes up to a minute and a half: make check-long.
 */
START_TEST(past_its_hours)
{
	time_t now = time(NULL), end = (now + 20) / 60 * 60 + 60;
	PGconn *c;
	PGresult *r;
	long n;

	closing(now - 300, now + 3600);
	c = bot("held-h");
	send_update(c, "h");
	n = wait_request("held-h");
	ck_assert_int_eq(decide("approve", n, "boss", "approvers", ""), 0);
	r = answer(c);
	ck_assert_str_eq(PQcmdStatus(r), "UPDATE 3");
	PQclear(r);
	if (getenv("HELD_HOURS") == NULL) {
		PQfinish(c);
		return;
	}
	closing(now - 300, end);
	send_update(c, "hours");
	n = wait_request("held-h");
	ck_assert(E2E_UNTIL(100000, time(NULL) >= end));
	ck_assert_int_eq(decide("approve", n, "boss", "approvers", ""), 0);
	answer_is(c, "42501", "closing");
	ck_assert_int_eq(rows("held-hours"), 0);
	lives(c);
	PQfinish(c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("held");
	TCase *t = tcase_create("held");

	tcase_set_timeout(t, 240);
	tcase_add_test(t, error_before);
	tcase_add_test(t, begun_in_segment);
	tcase_add_test(t, many_ended);
	tcase_add_test(t, decided_unrecorded);
	tcase_add_test(t, by_an_actor);
	tcase_add_test(t, for_an_actor);
	tcase_add_test(t, shown);
	tcase_add_test(t, past_its_hours);
	suite_add_tcase(s, t);
	return e2e_main(s);
}
