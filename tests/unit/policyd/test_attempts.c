/*
 * Logins in policyd's parent, between a worker, the verifier, the keeper and
 * auditd, which are all played here: what is held, refused, counted, recorded
 * and marked.
 */
#include "attempt.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attempts.h"
#include "auditlink.h"
#include "children.h"
#include "claims.h"
#include "grants.h"
#include "log.h"
#include "recordkey.h"
#include "reload.h"
#include "sessions.h"
#include "workers.h"
#include "tests/unit/tmpname.h"

static struct parent	 p;
static struct policy	 policy;
static struct profile	 profile;
static struct issuer	 issuer;
static bool		 unmatched, limited;
static unsigned int	 total;		/* sessions in the profile */
static const char	*claims = "{}";
static const char	*seen_act = "";
static char		 refused_jti[65];
static char		 dir[100];
static struct worker	 w;
static struct session	 session;
static uint32_t		 number;

/* What was done: one word for each step. */
static char		 trace[512];
static char		 sqlstate[6], message[LEN_REASON + 1];
static char		 reason[LEN_REASON + 1];	/* of the last event */
static unsigned int	 refusals;			/* events */
static uint32_t		 asked;				/* the last id */
static char		 token[64];
static bool		 holding, committing;

static void
step(const char *what)
{
	size_t	len = strlen(trace);

	snprintf(trace + len, sizeof(trace) - len, "%s%s",
	    len > 0 ? " " : "", what);
}

/* --- the others ------------------------------------------------------------ */

int
ipc_send(struct ipc *ipc, enum ipc_type type, const void *msg, const int *fds,
    size_t nfds)
{
	const struct ipc_login_refused	*r = msg;
	const struct ipc_verify		*v = msg;
	const struct ipc_dial		*d = msg;

	(void)ipc;
	(void)fds;
	(void)nfds;
	switch (type) {
	case IPC_verify:
		step("verify");
		asked = v->id;
		ck_assert_int_eq(slice_copy(v->token, token, sizeof(token)),
		    0);
		break;
	case IPC_dial:
		step("dial");
		asked = d->id;
		break;
	case IPC_login_refused:
		step("refused");
		ck_assert_int_eq(slice_copy(r->sqlstate, sqlstate,
		    sizeof(sqlstate)), 0);
		ck_assert_int_eq(slice_copy(r->message, message,
		    sizeof(message)), 0);
		break;
	case IPC_keeper_forget:
		step("forget");
		break;
	default:
		ck_abort_msg("unexpected message %d", (int)type);
	}
	return 0;
}

uint64_t
auditlink_event(struct parent *pa, enum event_kind kind, const void *msg)
{
	const struct event_login_refused	*r = msg;
	const struct event_session_open		*o = msg;

	(void)pa;
	if (kind == EVENT_session_open) {
		ck_assert(slice_eq(o->act, seen_act));
		ck_assert_uint_eq(o->jti.len, seen_act[0] != '\0' ? 64 : 0);
		ck_assert(slice_eq(o->tls_version, "TLSv1.3"));
	}
	if (kind == EVENT_login_refused) {
		refusals++;
		if (r->act.len > 0)
			ck_assert(slice_eq(r->act, "{\"sub\":\"bo\"}"));
		snprintf(refused_jti, sizeof(refused_jti), "%.*s",
		    (int)r->jti.len, (const char *)r->jti.p);
		ck_assert_int_eq(slice_copy(r->reason, reason,
		    sizeof(reason)), 0);
	}
	return 8;
}

bool
auditlink_ready(struct parent *pa)
{
	(void)pa;
	return true;
}

bool
auditlink_committed(struct parent *pa, uint64_t pos)
{
	(void)pa;
	ck_assert_uint_eq(pos, 8);
	return !committing;
}

int
auditlink_spool_open(struct parent *pa, uint32_t id, const char *name)
{
	(void)pa;
	(void)id;
	ck_assert_uint_eq(strlen(name), LEN_SESSION);
	step("spool");
	return 0;
}

struct ipc *
children_verifier(struct parent *pa)
{
	(void)pa;
	return NULL;
}

struct ipc *
children_keeper(struct parent *pa)
{
	(void)pa;
	return NULL;
}

const struct profile *
claims_choose(const struct policy *po, const char *user, const char *database,
    const struct identity *id, struct claims_why *why)
{
	(void)po;
	(void)user;
	(void)database;
	(void)id;
	why->reason = "no match";
	why->message = "told plainly";
	why->hint[0] = '\0';
	return unmatched ? NULL : &profile;
}

/* One that needs a grant waits, or has it. */
static bool	 granted = true;

bool
grants_take(struct attempt *a, const struct profile *pr)
{
	(void)pr;
	step("grant");
	if (granted) {
		a->grant = 17;
		a->grant_ends = now_boot_ms() + 1000;
		return true;
	}
	attempt_enter(a, ATTEMPT_WAITING);
	ev_timer_stop(a->timer);
	return false;
}

bool
grants_live(struct parent *pa, uint32_t n)
{
	(void)pa;
	return n == 17 && granted;
}

void
recordkey_redact(const struct parent *pa, const struct profile *pr,
    struct redact *r)
{
	(void)pa;
	(void)pr;
	memset(r, 0, sizeof(*r));
}

bool
claims_limits(const struct profile *pr, const struct identity *id,
    struct claims_why *why)
{
	(void)pr;
	(void)id;
	(void)why;
	return !limited;
}

const struct issuer *
policy_issuer(const struct policy *po, const char *key)
{
	(void)po;
	(void)key;
	return &issuer;
}

void
parent_state_path(const struct parent *pa, const char *name, char *out,
    size_t size)
{
	(void)pa;
	snprintf(out, size, "%s/%s", dir, name);
}

bool
claims_profile(const struct policy *po, const struct profile *pr,
    const struct identity *id)
{
	(void)po;
	(void)pr;
	(void)id;
	return true;
}

const struct profile *
policy_profile(const struct policy *po, const char *key)
{
	(void)po;
	(void)key;
	return &profile;
}

const struct database *
policy_database(const struct policy *po, const char *key)
{
	static struct database	db;

	(void)po;
	(void)key;
	return &db;
}

bool
profile_has_database(const struct profile *pr, const char *key)
{
	(void)pr;
	(void)key;
	return true;
}

bool
reload_holds(struct parent *pa)
{
	(void)pa;
	return holding;
}

void
reload_login_over(struct parent *pa)
{
	(void)pa;
}

unsigned int
sessions_count(struct parent *pa, const char *pr, const char *iss,
    const char *sub)
{
	(void)pa;
	(void)pr;
	(void)sub;
	return iss == NULL ? total : 0;
}

struct session *
sessions_new(struct parent *pa)
{
	free(session.claims);
	memset(&session, 0, sizeof(session));
	session.p = pa;
	return &session;
}

int
sessions_save(struct session *s)
{
	(void)s;
	step("save");
	return 0;
}

int
sessions_channel(struct session *s)
{
	(void)s;
	step("join");
	return -1;	/* its engine is not ready */
}

void
sessions_handed(struct session *s)
{
	(void)s;
}

void
sessions_finish(struct session *s, const char *why)
{
	free(s->claims);
	s->claims = NULL;
	(void)why;
	step("finish");
}

void
sessions_path(struct parent *pa, const char *name, const char *suffix,
    char *out, size_t size)
{
	(void)pa;
	(void)name;
	snprintf(out, size, "mark%s", suffix);
}

void
sessions_mark(const char *path)
{
	step(path);
}

void
sessions_unmark(struct parent *pa, const char *id)
{
	(void)pa;
	(void)id;
	step("unmark");
}

void
sessions_spool_over(struct parent *pa, const char *id)
{
	(void)pa;
	(void)id;
	step("over");
}

/* --- steps of a login -------------------------------------------------------- */

static void
login(const char *peer)
{
	struct ipc_login	m = {
		.attempt = ++number,
		.user = slice_str("dba"),
		.database = slice_str("shop"),
		.token = slice_str("header.body.signature"),
		.peer = slice_str(peer),
		.application = slice_str("psql"),
		.tls_version = slice_str("TLSv1.3"),
	};

	trace[0] = sqlstate[0] = message[0] = reason[0] = token[0] = '\0';
	ck_assert_int_eq(attempts_start(&w, &m), 0);
}

static void
verified(uint64_t generation)
{
	struct ipc_verified	m = {
		.id = asked,
		.issuer = slice_str("corp"),
		.subject = slice_str("ada"),
		.claims = slice_str(claims),
		.expires = now_wall_us() / 1000000 + 60,
		.generation = generation,
	};

	attempts_verified(&p, &m);
}

static void
dialed(uint64_t generation)
{
	struct ipc_dialed	m = {
		.id = asked,
		.role = slice_str("app"),
		.dbname = slice_str("shop"),
		.dbhost = slice_str("db"),
		.ca = slice_str(""),
		.generation = generation,
	};
	int			fd = dup(0);

	attempts_dialed(&p, &m, &fd);
	if (fd != -1)
		close(fd);
}

static void
spool_opened(void)
{
	struct attempt		*a = attempt_find(&p, asked,
				    ATTEMPT_PREPARING);
	struct ipc_spool_opened	 m = { .id = asked };
	int			 fds[4], i;

	ck_assert_ptr_nonnull(a);
	m.session = slice_str(a->session);
	for (i = 0; i < 4; i++)
		fds[i] = dup(0);
	attempts_spool(&p, &m, fds);
	for (i = 0; i < 4; i++)
		if (fds[i] != -1)
			close(fds[i]);
}

/* Nobody from this address is let as far as the verifier. */
static bool
throttled(const char *peer)
{
	bool	no;

	login(peer);
	no = strcmp(trace, "refused") == 0;
	attempts_abort(&w, number);
	return no;
}

/* --- tests --------------------------------------------------------------------- */

/* A spool is marked before it is asked for, until the session's file is there. */
START_TEST(test_marks)
{
	login("192.0.2.1:1");
	verified(7);
	ck_assert_str_eq(trace, "verify mark.asked spool dial");
	spool_opened();
	dialed(7);
	ck_assert_str_eq(trace, "verify mark.asked spool dial save unmark "
	    "join");
	attempts_abort(&w, number);
	ck_assert_str_eq(reason, "client went away during login");
	ck_assert_uint_eq(attempts_count(&p), 0);

	login("192.0.2.1:1");
	verified(7);
	attempts_abort(&w, number);
	ck_assert_str_eq(trace, "verify mark.asked spool dial forget over");
}
END_TEST

START_TEST(test_held)
{
	holding = true;
	login("192.0.2.2:1");
	ck_assert_str_eq(trace, "");
	ck_assert_uint_eq(attempts_count(&p), 1);
	ck_assert_uint_eq(attempts_asking(&p), 0);
	holding = false;
	attempts_resume(&p);
	ck_assert_str_eq(trace, "verify");
	ck_assert_str_eq(token, "header.body.signature");
	ck_assert_uint_eq(attempts_asking(&p), 1);
	verified(7);
	ck_assert_str_eq(trace, "verify mark.asked spool dial");
	attempts_abort(&w, number);
	/* It hangs up while it is held: recorded, and no failure. */
	holding = true;
	login("192.0.2.2:1");
	attempts_abort(&w, number);
	ck_assert_str_eq(reason, "client went away during login");
	holding = false;
	attempts_resume(&p);
	ck_assert_str_eq(trace, "");
}
END_TEST

/* A reload came between: once more, by the policy in force. */
START_TEST(test_generation)
{
	struct ipc_verify_refused	no = { 0, slice_str("expired") };
	uint32_t			first;
	int				i;

	login("192.0.2.3:1");
	first = asked;
	verified(6);
	ck_assert_str_eq(trace, "verify verify");
	ck_assert_str_eq(token, "header.body.signature");
	/* The first one's answer is for nobody now. */
	ck_assert_uint_ne(asked, first);
	verified(7);
	ck_assert_str_eq(trace, "verify verify mark.asked spool dial");
	/* What the keeper did by another policy is undone. */
	dialed(6);
	ck_assert_str_eq(trace, "verify verify mark.asked spool dial forget "
	    "over verify");
	verified(7);
	ck_assert_uint_eq(attempts_count(&p), 1);
	attempts_abort(&w, number);

	/* While it goes on it waits. */
	login("192.0.2.3:1");
	holding = true;
	verified(6);
	ck_assert_str_eq(trace, "verify");
	ck_assert_uint_eq(attempts_asking(&p), 0);
	holding = false;
	attempts_resume(&p);
	ck_assert_str_eq(trace, "verify verify");
	attempts_abort(&w, number);

	/* Refused, perhaps by the policy on offer: not so by the one in force. */
	login("192.0.2.3:1");
	holding = true;
	no.id = asked;
	attempts_verify_refused(&p, &no);
	ck_assert_str_eq(trace, "verify");
	holding = false;
	attempts_resume(&p);
	verified(7);
	ck_assert_str_eq(trace, "verify verify mark.asked spool dial");
	attempts_abort(&w, number);

	/* ... or by the one of before. */
	login("192.0.2.3:1");
	policy.generation = 8;
	no.id = asked;
	attempts_verify_refused(&p, &no);
	ck_assert_str_eq(trace, "verify verify");
	no.id = asked;
	attempts_verify_refused(&p, &no);
	ck_assert_str_eq(sqlstate, "28000");
	policy.generation = 7;

	/* Not for ever. */
	for (i = 0; i < 40; i++) {
		login("192.0.2.40:1");
		verified(6);
		verified(8);
		verified(6);
		ck_assert_uint_eq(attempts_count(&p), 1);
		verified(8);
		ck_assert_uint_eq(attempts_count(&p), 0);
		ck_assert_str_eq(sqlstate, "57P03");
		ck_assert_str_eq(message,
		    "the policy is being reloaded; try again");
	}
	ck_assert(!throttled("192.0.2.40:1"));
}
END_TEST

START_TEST(test_throttle)
{
	struct ipc_verify_refused	no = { 0, slice_str("expired") };
	unsigned int			before, i;

	for (i = 0; i < 31; i++) {
		login("192.0.2.4:1");
		ck_assert_str_eq(trace, "verify");
		before = refusals;
		no.id = asked;
		attempts_verify_refused(&p, &no);
		ck_assert_str_eq(sqlstate, "28000");
		/* The worker has the sentence for it. */
		ck_assert_str_eq(message, "");
		ck_assert_uint_eq(refusals - before, i == 30 ? 2 : 1);
	}
	before = refusals;
	ck_assert(throttled("192.0.2.4:2"));
	ck_assert_uint_eq(refusals, before);
	ck_assert(!throttled("192.0.2.5:2"));
}
END_TEST

/* Hanging up is no way around the limit, nor a fault once one is verified. */
START_TEST(test_abort)
{
	int	i;

	for (i = 0; i < 40; i++) {
		login("192.0.2.6:1");
		verified(7);
		attempts_abort(&w, number);
		ck_assert_str_eq(reason, "client went away during login");
	}
	for (i = 0; i < 31; i++) {
		login("192.0.2.6:1");
		ck_assert_str_eq(trace, "verify");
		if (i % 2 == 0)
			attempts_abort(&w, number);
		else
			attempts_worker_lost(&w);
		ck_assert_str_eq(reason, i % 2 == 0 ?
		    "client went away during login" :
		    "worker went away during login");
	}
	ck_assert(throttled("192.0.2.6:1"));
}
END_TEST

START_TEST(test_verifier_lost)
{
	int	i;

	/* Nobody knows whose token it was. */
	w.shared = true;
	for (i = 0; i < 40; i++) {
		login("192.0.2.7:1");
		login("192.0.2.7:2");
		attempts_verifier_lost(&p);
		ck_assert_str_eq(trace, "verify refused refused");
		ck_assert_str_eq(sqlstate, "57P03");
		ck_assert_str_eq(reason, "the verifier died");
	}
	w.shared = false;
	for (i = 0; i < 31; i++) {
		login("192.0.2.7:1");
		ck_assert_str_eq(trace, "verify");
		attempts_verifier_lost(&p);
		ck_assert_str_eq(sqlstate, "57P03");
	}
	ck_assert(throttled("192.0.2.7:1"));
}
END_TEST

/* A position in a spool that was replaced says nothing about the next one. */
START_TEST(test_record_lost)
{
	committing = true;
	login("192.0.2.8:1");
	verified(7);
	spool_opened();
	dialed(7);
	ck_assert_str_eq(trace, "verify mark.asked spool dial save unmark");
	attempts_record_lost(&p);
	ck_assert_str_eq(sqlstate, "57P03");
	ck_assert_str_eq(trace, "verify mark.asked spool dial save unmark "
	    "refused finish");
	committing = false;
	attempts_committed(&p);
	ck_assert_uint_eq(attempts_count(&p), 0);
}
END_TEST

/* A token with a jti, as often as its issuer says. */
START_TEST(test_jti)
{
	issuer.jti = JTI_STRICT;
	claims = "{\"jti\":\"one\"}";
	login("192.0.2.9:1");
	verified(7);
	ck_assert_str_eq(trace, "verify mark.asked spool dial");
	/* It fails: that was no use. */
	attempts_abort(&w, number);
	login("192.0.2.9:1");
	verified(7);
	ck_assert_str_eq(trace, "verify mark.asked spool dial");
	/* Two at once are one too many. */
	w.shared = true;
	login("192.0.2.9:1");
	verified(7);
	ck_assert_str_eq(trace, "verify refused");
	ck_assert_str_eq(sqlstate, "28000");
	ck_assert_str_eq(message, "");
	ck_assert_str_eq(reason, "the token was used already (jti)");
	w.shared = false;
	attempts_abort(&w, number - 1);

	claims = "{}";
	login("192.0.2.9:1");
	verified(7);
	ck_assert_str_eq(reason, "jti is missing");
	claims = "{\"jti\":\"one\"}";

	/* A pool: from one address. */
	issuer.jti = JTI_POOL;
	profile.concurrent = 2;
	w.shared = true;
	login("192.0.2.9:1");
	verified(7);
	login("192.0.2.9:2");
	verified(7);
	ck_assert_str_eq(trace, "verify mark.asked spool dial");
	attempts_abort(&w, number);
	login("192.0.2.10:1");
	verified(7);
	ck_assert_str_eq(reason, "the token was used from another address "
	    "(jti)");
	attempts_worker_lost(&w);
	w.shared = false;
	issuer.jti = JTI_ANY;
	profile.concurrent = 0;
	claims = "{}";
	ck_assert_uint_eq(attempts_count(&p), 0);
}
END_TEST

/* Who acts for whom, and which token it was: on both ways. */
START_TEST(test_trace)
{
	claims = "{\"jti\":\"abc\",\"act\":{\"sub\":\"bo\"}}";
	seen_act = "{\"sub\":\"bo\"}";
	login("192.0.2.12:1");
	verified(7);
	spool_opened();
	dialed(7);
	attempts_abort(&w, number);
	unmatched = true;
	login("192.0.2.12:1");
	verified(7);
	unmatched = false;
	ck_assert_str_eq(refused_jti, "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad");
	claims = "{}";
	seen_act = "";
}
END_TEST

/* Who has proved who he is may know what he lacks. */
START_TEST(test_known)
{
	unmatched = true;
	login("192.0.2.11:1");
	verified(7);
	unmatched = false;
	ck_assert_str_eq(trace, "verify refused");
	ck_assert_str_eq(sqlstate, "28000");
	ck_assert_str_eq(message, "told plainly");
	ck_assert_str_eq(reason, "no match");

	profile.concurrent_total = 3;
	total = 2;
	login("192.0.2.11:1");
	verified(7);
	ck_assert_str_eq(trace, "verify mark.asked spool dial");
	w.shared = true;
	login("192.0.2.11:2");
	verified(7);
	ck_assert_str_eq(trace, "verify refused");
	ck_assert_str_eq(sqlstate, "53300");
	ck_assert_str_eq(message, "too many sessions in this profile");
	attempts_worker_lost(&w);
	w.shared = false;
	profile.concurrent_total = total = 0;

	/* The policy has changed while it was being prepared. */
	login("192.0.2.11:1");
	verified(7);
	spool_opened();
	limited = true;
	dialed(7);
	limited = false;
	ck_assert_str_eq(trace, "verify mark.asked spool dial refused forget "
	    "over");
	ck_assert_str_eq(reason, "the policy changed meanwhile");
}
END_TEST

/* A login that needs a grant waits without a limit of its own. */
START_TEST(test_grant)
{
	struct attempt	*a;

	profile.needs_grant = true;
	granted = false;
	login("192.0.2.13:1");
	verified(7);
	ck_assert_str_eq(trace, "verify grant");
	ck_assert_ptr_nonnull(a = attempt_find(&p, asked, ATTEMPT_WAITING));
	ck_assert(!ev_timer_pending(a->timer));
	ck_assert_uint_eq(attempts_asking(&p), 0);
	/* Reloaded: once more from the token. */
	policy.generation = 8;
	attempts_resume(&p);
	ck_assert_str_eq(trace, "verify grant verify");
	verified(8);
	ck_assert_ptr_nonnull(a = attempt_find(&p, asked, ATTEMPT_WAITING));
	/* Let in: it ends with its grant, or before that. */
	granted = true;
	attempt_go_on(a);
	ck_assert_str_eq(trace, "verify grant verify grant verify");
	/* Its token may have expired meanwhile; this one has not. */
	verified(8);
	ck_assert_str_eq(trace, "verify grant verify grant verify grant "
	    "mark.asked spool dial");
	ck_assert_ptr_nonnull(a = attempt_find(&p, asked, ATTEMPT_PREPARING));
	ck_assert_int_eq(a->limit, LIMIT_GRANT);
	ck_assert_uint_eq(a->deadline, a->grant_ends);
	/* Revoked while it was being prepared. */
	spool_opened();
	granted = false;
	dialed(8);
	ck_assert_str_eq(reason, "the grant was revoked or expired meanwhile");
	ck_assert_str_eq(sqlstate, "42501");
	policy.generation = 7;
	granted = true;
	/* Each of the three is the earliest once. */
	profile.ttl = 500;
	login("192.0.2.13:1");
	verified(7);
	ck_assert_ptr_nonnull(a = attempt_find(&p, asked, ATTEMPT_PREPARING));
	ck_assert_int_eq(a->limit, LIMIT_TTL);
	attempts_abort(&w, number);
	profile.ttl = 0;
	profile.expires_with_token = true;
	login("192.0.2.13:1");
	verified(7);
	ck_assert_ptr_nonnull(a = attempt_find(&p, asked, ATTEMPT_PREPARING));
	ck_assert_int_eq(a->limit, LIMIT_GRANT);
	attempts_abort(&w, number);
	profile.expires_with_token = profile.needs_grant = false;
}
END_TEST

int
main(void)
{
	const TTest	*tests[] = { test_marks, test_held, test_generation,
	    test_throttle, test_abort, test_verifier_lost, test_record_lost,
	    test_jti, test_trace, test_known, test_grant };
	Suite		*s = suite_create("attempts");
	TCase		*t = tcase_create("attempts");
	SRunner		*r;
	size_t		 i;
	int		 failed;

	log_init("test", 1, LOG_L_FATAL);
	policy.generation = 7;
	profile.key = (char *)(uintptr_t)"dba";
	p.policy = &policy;
	p.loop = ev_loop_new();
	w.p = &p;
	issuer.issuer = (char *)(uintptr_t)"https://idp.example";
	issuer.jti = JTI_ANY;
	TMPNAME(dir, "test_attempts");
	if (mkdtemp(dir) == NULL)
		return 1;
	attempts_init(&p);
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(t, tests[i]);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	snprintf(trace, sizeof(trace), "%s/tokens", dir);
	unlink(trace);
	rmdir(dir);
	return failed != 0;
}
