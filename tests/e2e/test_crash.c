/*
 * Every process killed, and stopped for five seconds, under load.  What must
 * hold throughout: nothing is executed or answered that is not in the record,
 * sessions that the victim did not carry live, and service is back within two
 * seconds of the restart.
 */
#include "e2e.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "load.h"

/* What is gone and has nobody to bring it back is started again here. */
static void
restart_daemons(void)
{
	static const char *const names[] = { "auditd", "policyd", "gatewayd" };
	size_t i;

	/* A daemon whose part died may need a moment to go down itself. */
	for (i = 0; i < 3; i++)
		if (e2e_process(names[i]) == 0)
			free(e2e_stack("start --dir %s %s",
			    e2e_env("STACK_DIR"), names[i]));
}

static void
kill_one(const char *what, long lost_allowed)
{
	char tag[32];
	struct load *l;
	pid_t pid;

	snprintf(tag, sizeof tag, "kill%s", what);
	l = load_start(tag);
	pid = e2e_process(what);
	ck_assert_msg(pid > 0, "no process %s", what);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert(E2E_UNTIL(2000, !e2e_alive(pid)));
	e2e_pause(100);
	restart_daemons();
	ck_assert_msg(load_moves(l, e2e_patience(2000)),
	    "not back within two seconds after %s died", what);
	ck_assert_msg(load_lost(l) <= lost_allowed, "%ld sessions lost",
	    load_lost(l));
	/* New sessions too. */
	ck_assert_msg(E2E_UNTIL(e2e_patience(2000), ({
		char *t = e2e_token(tag, "dba");
		PGconn *c = e2e_try("dba", t, false);
		bool ok = PQstatus(c) == CONNECTION_OK;

		PQfinish(c);
		free(t);
		ok;
	})), "no new session after %s died", what);
	ck_assert_msg(load_stop(l), "a client hangs");
	load_check(l);
	load_free(&l);
}

START_TEST(kill_auditd)
{
	kill_one("auditd", 0);
}
END_TEST

START_TEST(kill_policyd)
{
	kill_one("policyd", 0);
}
END_TEST

START_TEST(kill_parent)
{
	kill_one("parent", 0);
}
END_TEST

START_TEST(kill_verifier)
{
	kill_one("verifier", 0);
}
END_TEST

START_TEST(kill_engine)
{
	kill_one("engine", 0);
}
END_TEST

START_TEST(kill_keeper)
{
	kill_one("keeper", 0);
}
END_TEST

START_TEST(kill_gatewayd)
{
	/* Its workers end with it; the listener is there again. */
	kill_one("gatewayd", 1000000);
}
END_TEST

START_TEST(kill_worker)
{
	struct load *l = load_start("killworker");
	PGconn *victim = e2e_session("dba", "kill-victim");
	PGconn *witness = e2e_session("dba", "kill-witness");
	pid_t worker = e2e_worker_of(victim);
	PGresult *r;
	char *v;

	ck_assert_int_gt(worker, 0);
	free(e2e_value(victim, "SELECT 1"));
	ck_assert_int_eq(PQsendQuery(victim, "SELECT pg_sleep(20)"), 1);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM statements "
	    "WHERE subject = 'kill-victim'") == 2));
	kill(worker, SIGKILL);
	r = PQgetResult(victim);
	ck_assert_int_eq(PQresultStatus(r), PGRES_FATAL_ERROR);
	PQclear(r);
	ck_assert_int_eq(PQstatus(victim), CONNECTION_BAD);
	PQfinish(victim);
	v = e2e_value(witness, "SELECT 2");
	ck_assert_str_eq(v, "2");
	free(v);
	PQfinish(witness);
	ck_assert(load_moves(l, e2e_patience(2000)));
	ck_assert_int_eq(load_lost(l), 0);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = 'kill-victim' AND closed IS NOT NULL") == 1));
	/* Nobody knows how it ended, and the record says just that. */
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM statements WHERE "
	    "subject = 'kill-victim' AND status IN ('unknown', 'lost')"), 1);
	ck_assert(load_stop(l));
	load_check(l);
	load_free(&l);
}
END_TEST

/* The load's odd clients are all in it; the even ones do not notice. */
START_TEST(kill_shared_worker)
{
	struct load *l = load_start("killshared");
	PGconn *inside = e2e_session_shared("dba", "kill-shared");
	PGconn *witness = e2e_session("dba", "kill-shared-witness");
	pid_t worker = e2e_worker_of(inside);

	ck_assert_int_gt(worker, 0);
	ck_assert_int_eq(kill(worker, SIGKILL), 0);
	ck_assert_msg(load_moves(l, e2e_patience(2000)),
	    "not back within two seconds after a shared worker died");
	ck_assert_int_le(load_lost(l), LOAD_CLIENTS / 2);
	free(e2e_value(witness, "SELECT 1"));
	PQfinish(witness);
	PQfinish(inside);
	PQfinish(e2e_session_shared("dba", "kill-shared"));
	ck_assert_msg(load_stop(l), "a client hangs");
	load_check(l);
	load_free(&l);
}
END_TEST

/* --- stopped, not dead ------------------------------------------------------ */

static long
log_marks(const char *tag)
{
	char *v;
	long n;
	char cmd[1024];
	FILE *f;

	snprintf(cmd, sizeof cmd, "grep -ac 'mark-%s-' '%s'", tag,
	    e2e_env("PG_LOG"));
	f = popen(cmd, "r");
	v = calloc(1, 64);
	ck_assert_ptr_nonnull(v);
	if (fgets(v, 63, f) == NULL)
		*v = '\0';
	pclose(f);
	n = atol(v);
	free(v);
	return n;
}

/* `waits`: while it is stopped no statement may pass. */
static void
stop_one(const char *what, bool waits)
{
	char tag[32];
	struct load *l;
	long answers, executed;
	pid_t pid;

	snprintf(tag, sizeof tag, "stop%s", what);
	l = load_start(tag);
	pid = e2e_process(what);
	ck_assert_msg(pid > 0, "no process %s", what);
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	/* A heartbeat counts for two seconds. */
	e2e_pause(2500);
	answers = load_answers(l);
	executed = log_marks(tag);
	e2e_pause(2500);
	if (waits) {
		long a = load_answers(l), e = log_marks(tag);

		kill(pid, SIGCONT);
		ck_assert_msg(a == answers, "%ld answers while %s was stopped",
		    a - answers, what);
		ck_assert_msg(e == executed, "%ld statements executed while "
		    "%s was stopped", e - executed, what);
	}
	kill(pid, SIGCONT);
	restart_daemons();
	ck_assert_msg(load_moves(l, e2e_patience(2000)),
	    "not back within two seconds after %s went on", what);
	ck_assert_msg(load_lost(l) == 0, "%ld sessions lost", load_lost(l));
	ck_assert_msg(load_stop(l), "a client hangs");
	load_check(l);
	load_free(&l);
}

START_TEST(stop_auditd)
{
	stop_one("auditd", true);
}
END_TEST

START_TEST(stop_parent)
{
	/* Verdicts are cached by now; they must not be used (D11). */
	stop_one("parent", true);
}
END_TEST

START_TEST(stop_policyd)
{
	stop_one("policyd", false);
}
END_TEST

START_TEST(stop_verifier)
{
	stop_one("verifier", false);
}
END_TEST

START_TEST(stop_engine)
{
	stop_one("engine", false);
}
END_TEST

START_TEST(stop_keeper)
{
	stop_one("keeper", false);
}
END_TEST

START_TEST(stop_gatewayd)
{
	/* Sessions have all that they need; spare workers take new ones. */
	stop_one("gatewayd", false);
}
END_TEST

START_TEST(stop_worker)
{
	struct load *l = load_start("stopworker");
	PGconn *victim = e2e_session("dba", "stop-victim");
	pid_t worker = e2e_worker_of(victim);
	char *v;

	ck_assert_int_gt(worker, 0);
	kill(worker, SIGSTOP);
	ck_assert_int_eq(PQsendQuery(victim, "SELECT 3"), 1);
	e2e_pause(5000);
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM statements WHERE "
	    "subject = 'stop-victim'"), 0);
	kill(worker, SIGCONT);
	PGresult *r = PQgetResult(victim);

	ck_assert_msg(PQresultStatus(r) == PGRES_TUPLES_OK, "%s",
	    PQresultErrorMessage(r));
	PQclear(r);
	while ((r = PQgetResult(victim)) != NULL)
		PQclear(r);
	v = e2e_value(victim, "SELECT 4");
	free(v);
	PQfinish(victim);
	ck_assert_int_eq(load_lost(l), 0);
	ck_assert(load_stop(l));
	load_check(l);
	load_free(&l);
}
END_TEST

START_TEST(everything_down)
{
	struct load *l = load_start("alldown");

	kill(e2e_process("auditd"), SIGKILL);
	kill(e2e_process("policyd"), SIGKILL);
	kill(e2e_process("gatewayd"), SIGKILL);
	ck_assert(E2E_UNTIL(3000, e2e_process("gatewayd") == 0 &&
	    e2e_process("policyd") == 0 && e2e_process("auditd") == 0));
	e2e_pause(300);
	restart_daemons();
	ck_assert(load_moves(l, e2e_patience(5000)));
	ck_assert(load_stop(l));
	load_check(l);
	load_free(&l);
	ck_assert_int_eq(e2e_sh("%s/auditctl -f %s verify",
	    e2e_env("POSTERN_BIN"), e2e_env("AUDITD_FILE")), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("crash");
	TCase *tc = tcase_create("crash");

	tcase_set_timeout(tc, 90);
	tcase_add_test(tc, kill_auditd);
	tcase_add_test(tc, kill_policyd);
	tcase_add_test(tc, kill_parent);
	tcase_add_test(tc, kill_verifier);
	tcase_add_test(tc, kill_engine);
	tcase_add_test(tc, kill_keeper);
	tcase_add_test(tc, kill_worker);
	tcase_add_test(tc, stop_auditd);
	tcase_add_test(tc, stop_parent);
	tcase_add_test(tc, stop_policyd);
	tcase_add_test(tc, stop_verifier);
	tcase_add_test(tc, stop_engine);
	tcase_add_test(tc, stop_keeper);
	tcase_add_test(tc, stop_gatewayd);
	tcase_add_test(tc, stop_worker);
	tcase_add_test(tc, kill_shared_worker);
	tcase_add_test(tc, kill_gatewayd);
	tcase_add_test(tc, everything_down);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
