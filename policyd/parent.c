/*
 * policyd's parent: policy, sessions, logins; the one authority.
 *
 * It runs as its own user, touches no network and reads no token, statement or
 * catalogue; others do, and answer it.  It is single-threaded, so that every
 * decision is made on one state.  Start-up failures are fatal; after that only
 * the loss of the spawner is.
 */
#include "parent.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "approvals.h"
#include "attempts.h"
#include "auditlink.h"
#include "cancel.h"
#include "catalogs.h"
#include "children.h"
#include "control.h"
#include "estimates.h"
#include "explains.h"
#include "grants.h"
#include "keycache.h"
#include "leases.h"
#include "log.h"
#include "minted.h"
#include "notices.h"
#include "recordkey.h"
#include "reload.h"
#include "requests.h"
#include "sessions.h"
#include "workers.h"

#define HEARTBEAT	250	/* ms; a page older than two seconds is stale */

/* --- the spawner ---------------------------------------------------------------- */

static int
on_spawned(void *ctx, const void *msg, int *fds)
{
	(void)fds;
	children_spawned(ctx, msg);
	return 0;
}

static int
on_spawn_exit(void *ctx, const void *msg, int *fds)
{
	(void)fds;
	children_exited(ctx, msg);
	return 0;
}

static int
on_audit_socket(void *ctx, const void *msg, int *fds)
{
	(void)msg;
	auditlink_socket(ctx, fds[0]);
	fds[0] = -1;
	return 0;
}

static int
on_audit_absent(void *ctx, const void *msg, int *fds)
{
	const struct ipc_audit_absent	*m = msg;

	(void)fds;
	auditlink_absent(ctx, m->reason);
	return 0;
}

static int
on_reload(void *ctx, const void *msg, int *fds)
{
	(void)msg;
	(void)fds;
	reload_start(ctx);
	return 0;
}

/* Sessions go on without us and find us again (D7): only we end here. */
static int
on_shutdown(void *ctx, const void *msg, int *fds)
{
	struct parent			*p = ctx;
	struct event_policy_stop	 ev;

	(void)msg;
	(void)fds;
	p->stopping = true;
	ev.reason = slice_str("shutdown");
	auditlink_event(p, EVENT_policy_stop, &ev);
	auditlink_stop(p);
	log_info("event=stop");
	ev_stop(p->loop);
	return 0;
}

static const struct ipc_permit permits[] = {
	{ IPC_spawned, ~0u, on_spawned },
	{ IPC_spawn_exit, ~0u, on_spawn_exit },
	{ IPC_audit_socket, ~0u, on_audit_socket },
	{ IPC_audit_absent, ~0u, on_audit_absent },
	{ IPC_reload, ~0u, on_reload },
	{ IPC_shutdown, ~0u, on_shutdown },
};

static void
on_spawner_closed(void *ctx, const char *reason)
{
	(void)ctx;
	fatalx("event=spawner_lost reason=\"%s\"", reason);
}

/* --- bring-up --------------------------------------------------------------------- */

void
parent_state_path(const struct parent *p, const char *name, char *out,
    size_t size)
{
	snprintf(out, size, "%s/%s", p->policy->runtime.state, name);
}

static void
on_heartbeat(void *ctx)
{
	struct parent	*p = ctx;
	uint64_t	 now = now_boot_ms();

	/* Far later than asked for: the machine slept. */
	if (p->page->heartbeat != 0 &&
	    now - p->page->heartbeat > 4 * HEARTBEAT)
		sessions_woken(p);
	requests_trim(p);
	leases_tick(p);
	p->page->heartbeat = now;
	ev_timer_set(p->heartbeat, HEARTBEAT);
}

static void
parent_page(struct parent *p)
{
	char	path[LEN_PATH];
	int	fd;

	parent_state_path(p, "policyd.page", path, sizeof(path));
	p->page = page_create(path, &fd);
	if (p->page == NULL)
		fatal("step=page path=%s", path);
	close(fd);
	/* Workers get this one, through which nobody can write. */
	p->page_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (p->page_fd == -1)
		fatal("step=page path=%s", path);
	/* Greater than any before: what the last parent said is void. */
	p->policy->generation = p->page->generation + 1;
	p->page->generation = p->policy->generation;
}

static void
parent_record_start(struct parent *p)
{
	struct event_policy_start	ev;

	ev.version = slice_str(POSTERN_VERSION);
	ev.generation = p->policy->generation;
	ev.policy_sha256 = slice_str(p->sha256);
	auditlink_event(p, EVENT_policy_start, &ev);
}

void
parent_main(const struct parent_opts *opts)
{
	static struct parent	p;
	struct conf_error	err;

	p.path = opts->path;
	umask(077);
	if (reload_first(&p, opts->restarted, &err) == -1)
		fatalx("step=policy error=%s",
		    log_esc(err.text, strlen(err.text)));
	p.loop = ev_loop_new();
	parent_page(&p);
	p.spawner = ipc_new(p.loop, opts->channel, ROLE_PARENT, ROLE_SPAWNER,
	    permits, sizeof(permits) / sizeof(permits[0]), on_spawner_closed,
	    &p);
	if (p.spawner == NULL)
		fatal("step=spawner");
	reload_init(&p);
	recordkey_init(&p);
	auditlink_init(&p);
	parent_record_start(&p);
	catalogs_init(&p);
	cancel_init(&p);
	attempts_init(&p);
	keycache_init(&p);
	workers_init(&p);
	control_init(&p, opts->listen);
	sessions_init(&p);
	notices_init(&p);
	requests_init(&p);
	approvals_init(&p);
	explains_init(&p);
	estimates_init(&p);
	leases_init(&p);
	minted_init(&p);
	children_init(&p);
	grants_resume(&p);
	p.heartbeat = ev_timer_new(p.loop, on_heartbeat, &p);
	on_heartbeat(&p);
	log_info("event=start generation=%llu sha256=%s",
	    (unsigned long long)p.policy->generation, p.sha256);
	ev_run(p.loop);
	exit(0);
}
