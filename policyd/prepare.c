/*
 * What an attempt to log in needs before it can be a session: a spool from
 * auditd, a backend connection from the keeper, asked for at once.
 *
 * Runs in the parent.  Both are trusted for what they are there to do; an
 * answer that nobody waits for any more is dropped, and what came with it is
 * closed.  A spool that was asked for is marked on disk first, so that a later
 * parent gives it up should this one die.
 */
#include "attempt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempts.h"
#include "auditlink.h"
#include "children.h"
#include "claims.h"
#include "crypto.h"
#include "grants.h"
#include "hours.h"
#include "jtis.h"
#include "reload.h"
#include "sessions.h"
#include "settings.h"

/* Of the same subject, or of any, in the same profile. */
static unsigned int
attempts_like(const struct attempt *me, bool any)
{
	struct attempt	*a;
	unsigned int	 n = 0;

	/* From COMMITTING on it is counted as a session. */
	TAILQ_FOREACH(a, attempts_all(me->p), entry)
		if (a != me && a->s == NULL && a->session[0] != '\0' &&
		    strcmp(a->profile, me->profile) == 0 &&
		    (any || (strcmp(a->issuer, me->issuer) == 0 &&
		    strcmp(a->subject, me->subject) == 0)))
			n++;
	return n;
}

/*
 * For how long a session that begins now may last by its profile, in ms; 0: no
 * limit.  It does not outlast the profile's hours.
 */
static uint64_t
profile_life(const struct profile *profile)
{
	uint64_t	ttl = profile->ttl, left;

	if (profile->nhours == 0)
		return ttl;
	left = hours_left(profile->hours, profile->nhours,
	    (time_t)(now_wall_us() / 1000000), ttl == 0 ? UINT64_MAX :
	    ttl / 1000 + 1);
	if (left == UINT64_MAX)
		return ttl;
	/* Closed since it was looked at: as good as over. */
	left = left == 0 ? 1 : left * 1000;
	return ttl == 0 || left < ttl ? left : ttl;
}

/* The earliest of the profile's limit, its grant's and, if it says so, the
 * token's. */
static void
fix_deadline(struct attempt *a, const struct profile *profile)
{
	uint64_t	now = now_boot_ms(), wall = now_wall_us() / 1000;
	uint64_t	life = profile_life(profile), left;

	a->deadline = life != 0 ? now + life : 0;
	a->limit = LIMIT_TTL;
	if (a->grant != 0 && (a->deadline == 0 ||
	    a->grant_ends < a->deadline)) {
		a->deadline = a->grant_ends;
		a->limit = LIMIT_GRANT;
	}
	if (!profile->expires_with_token)
		return;
	left = a->expires * 1000 > wall ? a->expires * 1000 - wall : 0;
	if (a->deadline == 0 || now + left < a->deadline) {
		a->deadline = now + left;
		a->limit = LIMIT_TOKEN;
	}
}

/* How many sessions there may be: true, or it was refused. */
static bool
attempt_has_room(struct attempt *a, const struct profile *profile)
{
	if (profile->concurrent != 0 && sessions_count(a->p, a->profile,
	    a->issuer, a->subject) + attempts_like(a, false) >=
	    profile->concurrent) {
		attempt_refuse(a, "53300",
		    "too many sessions of this subject in this profile",
		    "End another session first.", "concurrent sessions");
		return false;
	}
	if (profile->concurrent_total != 0 && sessions_count(a->p, a->profile,
	    NULL, NULL) + attempts_like(a, true) >=
	    profile->concurrent_total) {
		attempt_refuse(a, "53300", "too many sessions in this profile",
		    "Try again when another has ended.",
		    "concurrent sessions of all");
		return false;
	}
	return true;
}

/*
 * A token with a jti opens sessions no oftener than its issuer's `jti` says:
 * true, or it was refused.
 */
static bool
attempt_take_jti(struct attempt *a, const struct profile *profile)
{
	const struct issuer	*is = policy_issuer(a->p->policy, a->issuer);
	const char		*jti, *why;

	jti = json_string_value(json_object_get(a->claims, "jti"));
	if (is == NULL || (jti == NULL && is->jti == JTI_STRICT)) {
		attempt_refuse_auth(a, "jti is missing");
		return false;
	}
	if (jti == NULL || is->jti == JTI_ANY)
		return true;
	jtis_digest(is->issuer, jti, a->jti);
	why = jtis_take(a->p->jtis, a->jti, a->addr, is->jti == JTI_STRICT,
	    profile->concurrent, now_wall_us() / 1000000,
	    a->expires + is->leeway / 1000 + 1);
	if (why != NULL) {
		/* Who comes second may have stolen it. */
		attempt_refuse_auth(a, why);
		return false;
	}
	a->jti_taken = true;
	return true;
}

/* Ask auditd for a spool and the keeper for a connection, at once. */
void
attempt_prepare(struct attempt *a, const struct profile *profile)
{
	struct ipc_dial	m;
	uint8_t		rnd[LEN_SESSION / 2];
	char		path[LEN_PATH];

	snprintf(a->profile, sizeof(a->profile), "%s", profile->key);
	if (!attempt_take_jti(a, profile) || !attempt_has_room(a, profile))
		return;
	fix_deadline(a, profile);
	if (a->deadline != 0 && a->deadline <= now_boot_ms()) {
		/* Within the leeway for its clock, or its login waited. */
		attempt_refuse_auth(a, a->limit == LIMIT_TOKEN ? "the token "
		    "ends before the session begins" : "the grant ends before "
		    "the session begins");
		return;
	}
	random_bytes(rnd, sizeof(rnd));
	hex_encode(rnd, sizeof(rnd), a->session);
	attempt_enter(a, ATTEMPT_PREPARING);
	/* For the next parent, should we die before there is a session. */
	sessions_path(a->p, a->session, ".asked", path, sizeof(path));
	sessions_mark(path);
	a->marked = true;
	if (auditlink_spool_open(a->p, a->id, a->session) == -1) {
		attempt_refuse_away(a, "the audit service is not available",
		    "auditd is not available");
		return;
	}
	m.id = a->id;
	m.session = slice_str(a->session);
	m.profile = slice_str(a->profile);
	m.database = slice_str(a->database);
	m.deadline = a->deadline;
	if (ipc_send(children_keeper(a->p), IPC_dial, &m, NULL, 0) == -1)
		attempt_refuse_away(a, "the gateway cannot reach databases "
		    "now", "the keeper is not available");
}

bool
attempt_settings(struct attempt *a, const struct profile *profile)
{
	char	why[LEN_REASON];

	if (settings_params(profile, a->params, a->paramslen, why,
	    sizeof(why)))
		return true;
	attempt_refuse(a, "42501", why, "", why);
	return false;
}

void
attempt_choose(struct attempt *a)
{
	const struct profile	*profile;
	struct claims_why	 why;
	struct identity		 id;

	attempt_identity(a, &id);
	profile = claims_choose(a->p->policy, a->user, a->database, &id, &why);
	if (profile == NULL)
		attempt_refuse_known(a, &why);
	else if (attempt_settings(a, profile) &&
	    (!profile->needs_grant || grants_take(a, profile)))
		attempt_prepare(a, profile);
}

void
attempt_go_on(struct attempt *a)
{
	/* People took their time: is the token still good? */
	a->again = 0;
	attempt_again(a);
}

/* --- spool and backend ------------------------------------------------------------- */

void
attempts_dialed(struct parent *p, const struct ipc_dialed *m, int *fd)
{
	struct attempt	*a = attempt_find(p, m->id, ATTEMPT_PREPARING);

	if (a == NULL || a->have_dial)
		return;
	if (m->generation != p->policy->generation) {
		attempt_again(a);
		return;
	}
	if (slice_copy(m->role, a->role, sizeof(a->role)) == -1 ||
	    slice_copy(m->dbname, a->dbname, sizeof(a->dbname)) == -1 ||
	    slice_copy(m->dbhost, a->dbhost, sizeof(a->dbhost)) == -1 ||
	    (m->ca.len > 0 && (a->ca = malloc(m->ca.len)) == NULL)) {
		attempt_refuse(a, "08006", "the database cannot be reached",
		    "", "the keeper's answer is not usable");
		return;
	}
	if (m->ca.len > 0)
		memcpy(a->ca, m->ca.p, m->ca.len);
	a->calen = m->ca.len;
	a->dbtls = m->dbtls;
	a->backend = *fd;
	*fd = -1;
	a->have_dial = true;
	attempt_commit(a);
}

void
attempts_dial_failed(struct parent *p, const struct ipc_dial_failed *m)
{
	struct attempt	*a = attempt_find(p, m->id, ATTEMPT_PREPARING);
	char		 reason[LEN_REASON + 1];

	if (a == NULL)
		return;
	if (reload_holds(p) || a->generation != p->policy->generation) {
		/* Perhaps by the policy on offer, or the one of before. */
		attempt_again(a);
		return;
	}
	if (slice_copy(m->reason, reason, sizeof(reason)) == -1)
		snprintf(reason, sizeof(reason), "dialling failed");
	attempt_refuse(a, "08006", "the database cannot be reached", "",
	    reason);
}

void
attempts_keeper_lost(struct parent *p)
{
	struct attempt	*a, *next;

	for (a = TAILQ_FIRST(attempts_all(p)); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		/*
		 * Later ones too: the exchange with the server, that the
		 * keeper was to make, has gone with it.
		 */
		if (a->state > ATTEMPT_VERIFYING)
			attempt_refuse(a, "08006", "the database cannot be "
			    "reached", "Try again in a moment.",
			    "the keeper died");
	}
}

void
attempts_spool(struct parent *p, const struct ipc_spool_opened *m, int *fds)
{
	struct attempt	*a = attempt_find(p, m->id, ATTEMPT_PREPARING);
	int		 i;

	/* If nobody waits, its close is under way already. */
	if (a == NULL || a->have_spool || !slice_eq(m->session, a->session))
		return;
	for (i = 0; i < 4; i++) {
		a->spool[i] = fds[i];
		fds[i] = -1;
	}
	a->have_spool = true;
	attempt_commit(a);
}

void
attempts_spool_failed(struct parent *p, const struct ipc_spool_failed *m)
{
	struct attempt	*a = attempt_find(p, m->id, ATTEMPT_PREPARING);
	char		 reason[LEN_REASON + 1];

	if (a == NULL)
		return;
	if (slice_copy(m->reason, reason, sizeof(reason)) == -1)
		snprintf(reason, sizeof(reason), "auditd made no spool");
	attempt_refuse_away(a, "the audit service is not available", reason);
}

void
attempts_audit_lost(struct parent *p)
{
	struct attempt	*a, *next;

	for (a = TAILQ_FIRST(attempts_all(p)); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->state == ATTEMPT_PREPARING && !a->have_spool)
			attempt_refuse_away(a, "the audit service is not "
			    "available", "auditd went away");
	}
}

void
attempts_record_lost(struct parent *p)
{
	struct attempt	*a, *next;

	for (a = TAILQ_FIRST(attempts_all(p)); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		/* Its position says nothing about another spool. */
		if (a->state == ATTEMPT_COMMITTING)
			attempt_refuse_away(a, "the audit service is not "
			    "available", "policyd's own spool was replaced");
	}
}
