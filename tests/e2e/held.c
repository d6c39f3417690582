/*
 * What the tests of held statements share.  tests/e2e/hold.yaml has the rules.
 */
#include "held.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2e.h"

#define UPDATE	"UPDATE orders SET status = 'held-%s' WHERE id <= 3"

char	held_notices[4096];

static void
on_notice(void *ctx, const PGresult *r)
{
	size_t n = strlen(held_notices);

	(void)ctx;
	snprintf(held_notices + n, sizeof(held_notices) - n, "%s",
	    PQresultErrorMessage(r));
}

PGconn *
bot(const char *sub)
{
	PGconn *c = e2e_session("nightly-bot", sub);

	held_notices[0] = '\0';
	PQsetNoticeReceiver(c, on_notice, NULL);
	return c;
}

/* A session of the profile `careful`, which is for the bot's group too. */
PGconn *
careful(const char *sub)
{
	char *token = e2e_token(sub, "ai-agents");
	PGconn *c = e2e_try("careful", token, false);

	ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s", PQerrorMessage(c));
	free(token);
	return c;
}

/* The number of this subject's open request; 0: there is none. */
long
open_request(const char *sub)
{
	char cmd[1024], line[64] = "";
	FILE *f;
	long v;

	snprintf(cmd, sizeof(cmd), "%s/policyctl -s %s --json requests "
	    "2>/dev/null | sed -n 's/.*\"request\":\\([0-9]*\\),"
	    "\"state\":\"open\",\"subject\":\"%s\".*/\\1/p'",
	    e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"), sub);
	ck_assert_ptr_nonnull(f = popen(cmd, "r"));
	while (fgets(line, sizeof(line), f) != NULL)
		;
	pclose(f);
	v = strtol(line, NULL, 10);
	return v;
}

long
wait_request(const char *sub)
{
	long n = 0;

	ck_assert_msg(E2E_UNTIL(10000, (n = open_request(sub)) != 0),
	    "no request by %s", sub);
	return n;
}

/* approve or deny, by the token of `sub`; the tool's exit code. */
int
decide(const char *verb, long n, const char *sub, const char *group,
    const char *more)
{
	char *token = e2e_token(sub, group);
	int rc = e2e_sh("printf %%s '%s' | %s/policyctl -s %s %s "
	    "--token-file - %s %ld 2>%s/decide.err", token,
	    e2e_env("POSTERN_BIN"), e2e_env("POLICYD_SOCK"), verb, more, n,
	    e2e_env("STACK_DIR"));

	free(token);
	return rc;
}

bool
decide_said(const char *text)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/decide.err", e2e_env("STACK_DIR"));
	return e2e_file_has(path, text);
}

void
send_update(PGconn *c, const char *what)
{
	char sql[128];

	snprintf(sql, sizeof(sql), UPDATE, what);
	ck_assert_int_eq(PQsendQuery(c, sql), 1);
	ck_assert_int_ne(PQflush(c), -1);
}

/* Has it an answer, without waiting? */
bool
answered(PGconn *c)
{
	ck_assert_int_eq(PQconsumeInput(c), 1);
	return !PQisBusy(c);
}

PGresult *
answer(PGconn *c)
{
	PGresult *r, *last = NULL;

	while ((r = PQgetResult(c)) != NULL) {
		PQclear(last);
		last = r;
	}
	ck_assert_ptr_nonnull(last);
	return last;
}

void
answer_is(PGconn *c, const char *sqlstate, const char *text)
{
	PGresult *r = answer(c);

	ck_assert_msg(strcmp(e2e_sqlstate(r), sqlstate) == 0, "%s: %s",
	    e2e_sqlstate(r), PQresultErrorMessage(r));
	if (text != NULL)
		ck_assert_msg(strstr(PQresultErrorMessage(r), text) != NULL,
		    "%s", PQresultErrorMessage(r));
	PQclear(r);
}

/* How many rows carry this status, seen past the gateway. */
long
rows(const char *status)
{
	PGconn *d = e2e_direct();
	char sql[128], *v;
	long n;

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM orders WHERE status "
	    "= '%s'", status);
	v = e2e_value(d, sql);
	n = strtol(v, NULL, 10);
	free(v);
	PQfinish(d);
	return n;
}

void
lives(PGconn *c)
{
	char *v = e2e_value(c, "SELECT 7");

	ck_assert_str_eq(v, "7");
	free(v);
}

void
held_reload(const char *comment)
{
	ck_assert_int_eq(e2e_sh("echo '# %s' >> %s", comment,
	    e2e_env("POLICY_FILE")), 0);
	e2e_reload();
}

void
recorded_as(long n, const char *sub, const char *decisions, const char *result)
{
	char *v;

	ck_assert_msg(E2E_UNTIL(10000, e2e_audit_n("SELECT count(*) FROM "
	    "events WHERE kind = 'approval_end' AND json_extract(body, "
	    "'$.request') = %ld", n) == 1), "request %ld has no end", n);
	v = e2e_audit("SELECT json_extract(body, '$.result') FROM events "
	    "WHERE kind = 'approval_end' AND json_extract(body, '$.request') "
	    "= %ld", n);
	ck_assert_str_eq(v, result);
	free(v);
	v = e2e_audit("SELECT group_concat(CASE json_extract(body, "
	    "'$.decision') WHEN 'approve' THEN '+' ELSE '-' END || "
	    "json_extract(body, '$.approver'), ' ') FROM (SELECT body FROM "
	    "events WHERE kind = 'approval_decision' AND json_extract(body, "
	    "'$.request') = %ld AND json_extract(body, '$.subject') = '%s' "
	    "ORDER BY id)", n, sub);
	ck_assert_str_eq(v, decisions);
	free(v);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE kind "
	    "= 'approval_request' AND json_extract(body, '$.request') = %ld "
	    "AND json_extract(body, '$.subject') = '%s'", n, sub), 1);
}
