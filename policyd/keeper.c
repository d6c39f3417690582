/*
 * The keeper: the one process that holds database secrets.  It dials databases
 * for sessions, mints their roles and drops them, answers the servers' SASL
 * challenges for them, ends their backends, sends cancels and reads catalogues;
 * it talks to databases and to policyd's parent.
 *
 * It believes its parent, but not the SASL data that the parent relays, and
 * nothing that a database says.  A configuration with a file missing or a
 * secret that others may read is refused whole, and the old one stays.
 */
#include "keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catwatch.h"
#include "dbcancel.h"
#include "dblogin.h"
#include "estimator.h"
#include "ipc.h"
#include "log.h"
#include "roles.h"
#include "vault.h"

struct keeper {
	struct ev_loop	*loop;
	struct ipc	*parent;
	struct vault	*vault;
	struct dblogins	*logins;
	struct roles	*roles;
	struct catwatch	*watch;
	struct estimator *estimator;
};

static int
configure(struct keeper *k, const struct ipc_config *m,
    struct conf_error *err)
{
	struct policy *p = NULL;
	struct vault *v;
	char *path;

	if ((path = slice_dup(m->path)) != NULL)
		p = policy_parse(path, (const char *)m->text.p, m->text.len,
		    err);
	free(path);
	if (p == NULL)
		return -1;
	if ((v = vault_new(p, err->text, sizeof(err->text))) == NULL) {
		policy_free(&p);
		return -1;
	}
	if (roles_config(k->roles, v) == -1 ||
	    catwatch_config(k->watch, v) == -1) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		vault_free(&v);
		return -1;
	}
	dblogin_config(k->logins, v, m->generation);
	estimator_config(k->estimator, v);
	vault_free(&k->vault);
	k->vault = v;
	return 0;
}

static int
on_config(void *ctx, const void *msg, int *fds)
{
	const struct ipc_config *m = msg;
	struct ipc_config_done done = { m->generation, 1, slice_str("") };
	struct conf_error err = { "" };
	struct keeper *k = ctx;

	(void)fds;
	if (configure(k, m, &err) == -1) {
		done.ok = 0;
		done.error = slice_str(err.text);
	}
	ipc_send(k->parent, IPC_config_done, &done, NULL, 0);
	return 0;
}

static int
on_dial(void *ctx, const void *msg, int *fds)
{
	struct keeper *k = ctx;

	(void)fds;
	dblogin_dial(k->logins, msg);
	return 0;
}

static int
on_sasl_ask(void *ctx, const void *msg, int *fds)
{
	struct keeper *k = ctx;

	(void)fds;
	dblogin_sasl(k->logins, msg);
	return 0;
}

static int
on_forget(void *ctx, const void *msg, int *fds)
{
	struct keeper *k = ctx;

	(void)fds;
	dblogin_forget(k->logins, msg);
	return 0;
}

static int
on_instance(void *ctx, const void *msg, int *fds)
{
	const struct ipc_keeper_instance *m = msg;
	struct keeper *k = ctx;

	(void)fds;
	roles_instance(k->roles, m->instance);
	return 0;
}

static int
on_backend_up(void *ctx, const void *msg, int *fds)
{
	struct keeper *k = ctx;

	(void)fds;
	roles_up(k->roles, msg);
	return 0;
}

/* A roles_busy(). */
static bool
busy(void *ctx, const char *session)
{
	struct keeper *k = ctx;

	return dblogin_has(k->logins, session) ||
	    estimator_has(k->estimator, session);
}

static int
on_role_sweep(void *ctx, const void *msg, int *fds)
{
	const struct ipc_role_sweep *m = msg;
	struct keeper *k = ctx;

	(void)fds;
	roles_sweep(k->roles, m->live, busy, k);
	return 0;
}

static void
on_cancelled(void *ctx, uint32_t id, bool sent)
{
	struct keeper *k = ctx;
	struct ipc_cancel_sent m = { id, sent };

	ipc_send(k->parent, IPC_cancel_sent, &m, NULL, 0);
}

static int
on_cancel_backend(void *ctx, const void *msg, int *fds)
{
	const struct ipc_cancel_backend *m = msg;
	const struct vault_db *v;
	struct keeper *k = ctx;
	char key[LEN_KEY + 1];

	(void)fds;
	if (slice_copy(m->database, key, sizeof(key)) == -1 ||
	    (v = vault_database(k->vault, key)) == NULL ||
	    dbcancel_start(k->loop, v->db, m->pid, m->key, on_cancelled,
	    k, m->id) == -1)
		on_cancelled(k, m->id, false);
	return 0;
}

static void
on_catalog(void *ctx, const char *database, int fd, const char *reason)
{
	struct ipc_catalog_failed f;
	struct ipc_catalog m;
	struct keeper *k = ctx;

	if (fd == -1) {
		f.database = slice_str(database);
		f.reason = slice_str(reason);
		ipc_send(k->parent, IPC_catalog_failed, &f, NULL, 0);
		return;
	}
	m.database = slice_str(database);
	m.epoch = 0;
	ipc_send(k->parent, IPC_catalog, &m, &fd, 1);
}

static int
on_catalog_read(void *ctx, const void *msg, int *fds)
{
	const struct ipc_catalog_read *m = msg;
	struct keeper *k = ctx;
	char key[LEN_KEY + 1];

	(void)fds;
	if (slice_copy(m->database, key, sizeof(key)) == -1)
		return -1;
	catwatch_read(k->watch, key);
	return 0;
}

static int
on_estimate(void *ctx, const void *msg, int *fds)
{
	struct keeper *k = ctx;

	(void)fds;
	estimator_ask(k->estimator, msg);
	return 0;
}

static void
on_estimated(void *ctx, uint32_t id, uint64_t rows, uint64_t cost,
    const char *reason)
{
	struct ipc_estimated m = { id, reason == NULL, rows, cost,
	    slice_str(reason == NULL ? "" : reason) };
	struct keeper *k = ctx;

	ipc_send(k->parent, IPC_estimated, &m, NULL, 0);
}

static void
on_closed(void *ctx, const char *reason)
{
	struct keeper *k = ctx;

	log_debug("event=stop reason=\"%s\"", reason);
	ev_stop(k->loop);
}

void
keeper_main(int fd)
{
	static const struct ipc_permit permits[] = {
		{ IPC_config, ~0u, on_config },
		{ IPC_dial, ~0u, on_dial },
		{ IPC_sasl_ask, ~0u, on_sasl_ask },
		{ IPC_keeper_forget, ~0u, on_forget },
		{ IPC_cancel_backend, ~0u, on_cancel_backend },
		{ IPC_catalog_read, ~0u, on_catalog_read },
		{ IPC_keeper_instance, ~0u, on_instance },
		{ IPC_backend_up, ~0u, on_backend_up },
		{ IPC_role_sweep, ~0u, on_role_sweep },
		{ IPC_estimate, ~0u, on_estimate },
	};
	static struct keeper k;

	k.loop = ev_loop_new();
	k.roles = roles_new(k.loop);
	k.logins = k.roles == NULL ? NULL : dblogin_new(k.loop, k.roles);
	k.watch = catwatch_new(k.loop, on_catalog, &k);
	k.parent = ipc_new(k.loop, fd, ROLE_KEEPER, ROLE_PARENT, permits,
	    sizeof(permits) / sizeof(permits[0]), on_closed, &k);
	k.estimator = k.roles == NULL ? NULL : estimator_new(k.loop, k.roles,
	    on_estimated, &k);
	if (k.logins == NULL || k.watch == NULL || k.parent == NULL ||
	    k.estimator == NULL)
		fatalx("event=start error=\"out of memory\"");
	dblogin_parent(k.logins, k.parent);
	roles_parent(k.roles, k.parent);
	ev_run(k.loop);
	vault_free(&k.vault);
	exit(0);
}
