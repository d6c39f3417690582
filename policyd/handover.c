/*
 * From an attempt to a session.
 *
 * Runs in the parent.  The session is written down before anybody has a
 * descriptor of it (D7), recorded, and handed over only when the record is
 * committed.  What fails before that refuses the attempt, and closes the
 * session that was written down.
 */
#include "attempt.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attempts.h"
#include "auditlink.h"
#include "claims.h"
#include "grants.h"
#include "jtis.h"
#include "log.h"
#include "recordkey.h"
#include "sessions.h"
#include "settings.h"
#include "workers.h"

/* For people: when the deadline is, by the clock on the wall. */
static uint64_t
session_ends(const struct session *s)
{
	uint64_t	now = now_boot_ms();

	if (s->deadline == 0)
		return 0;
	return now_wall_us() +
	    (s->deadline > now ? s->deadline - now : 0) * 1000;
}

/* It was when it was asked for; it may have been revoked: refused, and gone. */
static bool
attempt_granted(struct attempt *a, const struct profile *profile)
{
	if (!profile->needs_grant || grants_live(a->p, a->grant))
		return true;
	attempt_refuse(a, "42501", "login refused: its grant is over", "",
	    "the grant was revoked or expired meanwhile");
	return false;
}

/* Both are there: write it down, then record it. */
void
attempt_commit(struct attempt *a)
{
	const struct profile		*profile;
	struct event_session_open	 ev;
	struct claims_why		 why;
	struct identity			 id;
	struct session			*s;

	if (!a->have_spool || !a->have_dial)
		return;
	if (a->generation != a->p->policy->generation) {
		attempt_again(a);
		return;
	}
	/* The policy may be another one by now. */
	attempt_identity(a, &id);
	profile = policy_profile(a->p->policy, a->profile);
	if (profile == NULL ||
	    policy_database(a->p->policy, a->database) == NULL ||
	    !profile_has_database(profile, a->database) ||
	    !claims_profile(a->p->policy, profile, &id) ||
	    !claims_limits(profile, &id, &why)) {
		attempt_refuse_auth(a, "the policy changed meanwhile");
		return;
	}
	if (!attempt_granted(a, profile) || !attempt_settings(a, profile))
		return;
	s = sessions_new(a->p);
	if (s == NULL) {
		attempt_refuse_away(a, "the gateway is out of memory",
		    "out of memory");
		return;
	}
	a->s = s;
	memcpy(s->id, a->session, sizeof(s->id));
	s->w = a->w;
	s->master = a->w->master;
	s->worker = a->w->number;
	s->shared = a->w->shared;
	memcpy(s->profile, a->profile, sizeof(s->profile));
	snprintf(s->database, sizeof(s->database), "%s", a->database);
	memcpy(s->issuer, a->issuer, sizeof(s->issuer));
	memcpy(s->subject, a->subject, sizeof(s->subject));
	memcpy(s->role, a->role, sizeof(s->role));
	memcpy(s->peer, a->peer, sizeof(s->peer));
	memcpy(s->application, a->application, sizeof(s->application));
	/* The event below has them still. */
	if ((s->claims = strdup(a->claims_text)) == NULL) {
		attempt_refuse_away(a, "the gateway is out of memory",
		    "out of memory");
		return;
	}
	s->started = now_wall_us();
	s->deadline = a->deadline;
	s->limit = a->limit;
	s->grant = a->grant;
	if (a->jti_taken && jtis_keep(a->p->jtis, a->jti, s->started /
	    1000000) == -1) {
		log_warn("event=tokens");
		attempt_refuse_away(a, "the gateway cannot write to its disk",
		    "the use of the token could not be written down");
		return;
	}
	if (sessions_save(s) == -1) {
		log_warn("event=session_save session=%s", s->id);
		attempt_refuse_away(a, "the gateway cannot write to its disk",
		    "the session could not be written down");
		return;
	}
	sessions_unmark(a->p, a->session);
	ev.session = slice_str(s->id);
	ev.issuer = slice_str(s->issuer);
	ev.subject = slice_str(s->subject);
	ev.claims = slice_str(a->claims_text);
	ev.profile = slice_str(s->profile);
	ev.database = slice_str(s->database);
	ev.role = slice_str(s->role);
	ev.peer = slice_str(s->peer);
	ev.application = slice_str(s->application);
	ev.tls = a->tls;
	ev.tls_version = slice_str(a->tls_version);
	ev.act = slice_str(a->act);
	ev.jti = slice_str(a->jti_hex);
	ev.token_expires = a->expires;
	ev.ends = session_ends(s);
	ev.grant = s->grant;
	ev.literals = slice_str(redact_mode_name(profile->literals));
	ev.parameters = slice_str(redact_mode_name(profile->parameters));
	ev.answers = slice_str(profile->answers ? "all" : "none");
	ev.keep = profile->answers ? profile->keep / 1000 : 0;
	attempt_enter(a, ATTEMPT_COMMITTING);
	a->commit = auditlink_event(a->p, EVENT_session_open, &ev);
	if (a->commit == 0) {
		attempt_refuse_away(a, "the audit service is not available",
		    "the session could not be recorded");
		return;
	}
	attempts_committed(a->p);
}

static int
setting_add(uint8_t *out, size_t max, size_t *at, const char *name,
    const char *value)
{
	size_t	n = strlen(name) + 1, v = strlen(value) + 1;

	if (n + v > max - *at)
		return -1;
	memcpy(out + *at, name, n);
	memcpy(out + *at + n, value, v);
	*at += n + v;
	return 0;
}

/*
 * name NUL value NUL ...; -1 when it does not fit.  What comes last holds: a
 * text must mean to the server what it meant to the engine, and with masks the
 * order of rows must not tell how wide the protected values are (D18).
 */
static int
settings_bytes(const struct attempt *a, const struct profile *profile,
    uint8_t *out, size_t max, size_t *len_r)
{
	size_t	i;

	*len_r = 0;
	for (i = 0; i < profile->nsettings; i++)
		/* One that may be changed is changed by the login, too. */
		if (!settings_pinned(profile, i) &&
		    settings_params_have(a->params, a->paramslen,
		    profile->settings[i].name))
			continue;
		else if (setting_add(out, max, len_r, profile->settings[i].name,
		    profile->settings[i].value) == -1)
			return -1;
	if (setting_add(out, max, len_r, "standard_conforming_strings",
	    "on") == -1)
		return -1;
	if (profile->nmasks == 0)
		return 0;
	return setting_add(out, max, len_r, "max_parallel_workers_per_gather",
	    "0") == -1 || setting_add(out, max, len_r, "synchronize_seqscans",
	    "off") == -1 ? -1 : 0;
}

static void
attempt_send_ok(struct attempt *a, const struct profile *profile, int engine,
    int page)
{
	struct ipc_login_ok	m;
	struct redact		redact;
	uint8_t			settings[LEN_SETTINGS];
	size_t			len;
	int			fds[7], i;

	if (settings_bytes(a, profile, settings, sizeof(settings), &len) == -1) {
		close(engine);
		close(page);
		attempt_refuse_away(a, "the profile has too many settings",
		    "settings: over 8 KiB");
		return;
	}
	m.attempt = a->number;
	m.session = slice_str(a->session);
	m.profile = slice_str(a->profile);
	m.role = slice_str(a->role);
	m.dbname = slice_str(a->dbname);
	m.settings = slice_of(settings, len);
	m.dbtls = a->dbtls;
	m.dbhost = slice_str(a->dbhost);
	m.ca = slice_of(a->ca, a->calen);
	m.deadline = a->s->deadline;
	m.idle = profile->idle;
	m.masked = profile->nmasks > 0;
	m.content = (uint8_t)profile->content;
	recordkey_redact(a->p, profile, &redact);
	m.literals = redact.literals;
	m.parameters = redact.parameters;
	m.record_key = slice_of(redact.key, redact.literals == RECORD_HASH ||
	    redact.parameters == RECORD_HASH ? sizeof(redact.key) : 0);
	m.answers = profile->answers != 0;
	m.max_bytes = profile->max_bytes;
	m.max_session_bytes = profile->max_session_bytes;
	fds[0] = a->backend;
	fds[1] = engine;
	for (i = 0; i < 4; i++) {
		fds[2 + i] = a->spool[i];
		a->spool[i] = -1;
	}
	fds[6] = page;
	a->backend = -1;
	if (ipc_send(a->w->ipc, IPC_login_ok, &m, fds, 7) == -1) {
		attempt_free(a, "the worker went away while logging in");
		return;
	}
	log_info("event=session_open session=%s subject=%s profile=%s "
	    "database=%s peer=%s worker=%u", a->session,
	    log_esc(a->subject, strlen(a->subject)), a->profile, a->database,
	    log_esc(a->peer, strlen(a->peer)), a->w->number);
	sessions_handed(a->s);
	a->jti_taken = false;	/* spent */
	/* It is the table's now. */
	a->s = NULL;
	a->session[0] = '\0';
	attempt_free(a, "");
}

void
attempt_hand_over(struct attempt *a)
{
	const struct profile	*profile;
	int			 engine, page;

	/* As for a session that is open: the policy may be another one. */
	profile = policy_profile(a->p->policy, a->profile);
	if (profile == NULL ||
	    policy_database(a->p->policy, a->database) == NULL ||
	    !profile_has_database(profile, a->database)) {
		attempt_refuse_auth(a, "the policy changed meanwhile");
		return;
	}
	if (!attempt_granted(a, profile))
		return;
	engine = sessions_channel(a->s);
	if (engine == -1)
		return;		/* again when its engine is ready */
	/* One that was opened for reading only. */
	page = fcntl(a->p->page_fd, F_DUPFD_CLOEXEC, 0);
	if (page == -1) {
		log_warn("event=page");
		close(engine);
		attempt_refuse_away(a, "the gateway is out of descriptors",
		    "out of descriptors");
		return;
	}
	attempt_send_ok(a, profile, engine, page);
}
