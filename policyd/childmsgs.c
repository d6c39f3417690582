/*
 * What policyd's children say.
 *
 * Runs in the parent.  The permit tables give each kind its few answers; a
 * child that says anything else is killed and started anew (children.c).  An
 * answer goes to the module that asked.
 */
#include "child.h"

#include <stdio.h>

#include "approvals.h"
#include "attempts.h"
#include "cancel.h"
#include "catalogs.h"
#include "children.h"
#include "estimates.h"
#include "explains.h"
#include "keycache.h"
#include "log.h"
#include "minted.h"
#include "notices.h"
#include "reload.h"
#include "sessions.h"

const char *
child_role(enum ipc_role role)
{
	return role == ROLE_VERIFIER ? "verifier" :
	    role == ROLE_KEEPER ? "keeper" :
	    role == ROLE_NOTIFIER ? "notifier" : "engine";
}

static int
on_config_done(void *ctx, const void *msg, int *fds)
{
	struct child			*c = ctx;
	const struct ipc_config_done	*m = msg;
	bool				 first = c->generation == 0;

	(void)fds;
	if (!m->ok) {
		c->refused = m->generation;
		if (slice_copy(m->error, c->error, sizeof(c->error)) == -1)
			snprintf(c->error, sizeof(c->error), "(no reason)");
		log_warnx("event=config_refused child=%s pid=%u "
		    "generation=%llu reason=%s", child_role(c->role), c->pid,
		    (unsigned long long)m->generation,
		    log_esc(m->error.p, m->error.len));
		if (c->generation == 0)
			c->state = CHILD_FAILED;
		reload_poke(c->p);
		return 0;
	}
	c->generation = m->generation;
	c->error[0] = '\0';
	c->state = CHILD_READY;
	reload_poke(c->p);
	if (c->role == ROLE_NOTIFIER)
		notices_ready(c->p);
	if (!first)
		return 0;
	if (c->role == ROLE_KEEPER) {
		/* Who we are comes before all else. */
		minted_keeper_ready(c->p);
		sessions_keeper_ready(c->p);
		catalogs_keeper_ready(c->p);
	} else if (c->role == ROLE_ENGINE) {
		child_give_catalogs(c);
		sessions_engine_ready(c->p, c->profile);
		attempts_engine_ready(c->p);
	}
	return 0;
}

static int
on_engine_ready(void *ctx, const void *msg, int *fds)
{
	struct child			*c = ctx;
	const struct ipc_engine_ready	*m = msg;

	(void)fds;
	c->judging = m->generation;
	c->epoch = m->epoch;
	if (m->epoch >= catalogs_epoch(c->p))
		child_caught_up(c);
	else if (c->behind != 0)
		c->behind = now_boot_ms();	/* it works, and is not done */
	catalogs_published(c->p);
	reload_poke(c->p);
	return 0;
}

static int
on_catalog_wanted(void *ctx, const void *msg, int *fds)
{
	struct child			*c = ctx;
	const struct ipc_catalog_wanted	*m = msg;
	char				 database[LEN_KEY + 1];

	(void)fds;
	if (slice_copy(m->database, database, sizeof(database)) == -1)
		return -1;
	catalogs_want(c->p, database, false);
	return 0;
}

static int
on_explained(void *ctx, const void *msg, int *fds)
{
	struct child	*c = ctx;

	(void)fds;
	explains_answer(c->p, msg);
	return 0;
}

static int
on_verified(void *ctx, const void *msg, int *fds)
{
	struct child			*c = ctx;
	const struct ipc_verified	*m = msg;

	(void)fds;
	if ((m->id & APPROVAL_ID) != 0)
		approvals_verified(c->p, m);
	else
		attempts_verified(c->p, m);
	return 0;
}

static int
on_verify_refused(void *ctx, const void *msg, int *fds)
{
	struct child				*c = ctx;
	const struct ipc_verify_refused		*m = msg;

	(void)fds;
	if ((m->id & APPROVAL_ID) != 0)
		approvals_verify_refused(c->p, m);
	else
		attempts_verify_refused(c->p, m);
	return 0;
}

static int
on_issuer_keys(void *ctx, const void *msg, int *fds)
{
	struct child	*c = ctx;

	(void)fds;
	return keycache_put(c->p, msg);
}

static int
on_dialed(void *ctx, const void *msg, int *fds)
{
	struct child	*c = ctx;

	attempts_dialed(c->p, msg, &fds[0]);
	return 0;
}

static int
on_dial_failed(void *ctx, const void *msg, int *fds)
{
	struct child	*c = ctx;

	(void)fds;
	attempts_dial_failed(c->p, msg);
	return 0;
}

static int
on_sasl_answer(void *ctx, const void *msg, int *fds)
{
	struct child			*c = ctx;
	const struct ipc_sasl_answer	*m = msg;

	(void)fds;
	sessions_sasl(c->p, m->session, IPC_sasl_answer, m);
	return 0;
}

static int
on_sasl_failed(void *ctx, const void *msg, int *fds)
{
	struct child			*c = ctx;
	const struct ipc_sasl_failed	*m = msg;

	(void)fds;
	log_warnx("event=sasl_failed session=%s reason=%s",
	    log_esc(m->session.p, m->session.len),
	    log_esc(m->reason.p, m->reason.len));
	sessions_sasl(c->p, m->session, IPC_sasl_failed, m);
	return 0;
}

static int
on_cancel_sent(void *ctx, const void *msg, int *fds)
{
	struct child	*c = ctx;

	(void)fds;
	cancel_sent(c->p, msg);
	return 0;
}

static int
on_estimated(void *ctx, const void *msg, int *fds)
{
	struct child	*c = ctx;

	(void)fds;
	estimates_answer(c->p, msg);
	return 0;
}

static int
on_catalog(void *ctx, const void *msg, int *fds)
{
	struct child	*c = ctx;

	if (catalogs_got(c->p, msg, fds[0]) == 0)
		fds[0] = -1;
	return 0;
}

static int
on_catalog_failed(void *ctx, const void *msg, int *fds)
{
	struct child	*c = ctx;

	(void)fds;
	catalogs_failed(c->p, msg);
	return 0;
}

static int
on_backend_seen(void *ctx, const void *msg, int *fds)
{
	struct child	*c = ctx;

	(void)fds;
	sessions_seen(c->p, msg);
	return 0;
}

static int
on_role_news(void *ctx, const void *msg, int *fds)
{
	struct child	*c = ctx;

	(void)fds;
	minted_news(c->p, msg);
	return 0;
}

static int
on_notified(void *ctx, const void *msg, int *fds)
{
	struct child	*c = ctx;

	(void)fds;
	notices_notified(c->p, msg);
	return 0;
}

static const struct ipc_permit verifier_permits[] = {
	{ IPC_config_done, ~0u, on_config_done },
	{ IPC_verified, ~0u, on_verified },
	{ IPC_verify_refused, ~0u, on_verify_refused },
	{ IPC_issuer_keys, ~0u, on_issuer_keys },
};
static const struct ipc_permit engine_permits[] = {
	{ IPC_config_done, ~0u, on_config_done },
	{ IPC_engine_ready, ~0u, on_engine_ready },
	{ IPC_catalog_wanted, ~0u, on_catalog_wanted },
	{ IPC_explained, ~0u, on_explained },
};
static const struct ipc_permit keeper_permits[] = {
	{ IPC_config_done, ~0u, on_config_done },
	{ IPC_dialed, ~0u, on_dialed },
	{ IPC_dial_failed, ~0u, on_dial_failed },
	{ IPC_sasl_answer, ~0u, on_sasl_answer },
	{ IPC_sasl_failed, ~0u, on_sasl_failed },
	{ IPC_cancel_sent, ~0u, on_cancel_sent },
	{ IPC_catalog, ~0u, on_catalog },
	{ IPC_catalog_failed, ~0u, on_catalog_failed },
	{ IPC_backend_seen, ~0u, on_backend_seen },
	{ IPC_role_news, ~0u, on_role_news },
	{ IPC_estimated, ~0u, on_estimated },
};
static const struct ipc_permit notifier_permits[] = {
	{ IPC_config_done, ~0u, on_config_done },
	{ IPC_notified, ~0u, on_notified },
};

#define NPERMITS(t)	(sizeof(t) / sizeof((t)[0]))

const struct ipc_permit *
child_permits(enum ipc_role role, size_t *n)
{
	switch (role) {
	case ROLE_VERIFIER:
		*n = NPERMITS(verifier_permits);
		return verifier_permits;
	case ROLE_KEEPER:
		*n = NPERMITS(keeper_permits);
		return keeper_permits;
	case ROLE_NOTIFIER:
		*n = NPERMITS(notifier_permits);
		return notifier_permits;
	default:
		*n = NPERMITS(engine_permits);
		return engine_permits;
	}
}
