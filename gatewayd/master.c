/*
 * gatewayd's master: everything but the sessions.
 *
 * It reads no byte from the network and trusts no worker.  When it was started
 * as root it stays root, for one reason: every worker that it forks has to be
 * put into the chroot and given the worker's user.  It runs no program (no new
 * privileges), opens no file after the start but its configuration and
 * certificates, and writes none.
 *
 * Its input is the configuration and administrators' requests; policyd is
 * believed when it wants a worker killed.  A reload that fails in any part
 * changes nothing.  A failure at start is fatal before anything is forked.
 */
#include "master.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "children.h"
#include "control.h"
#include "ev.h"
#include "ipc_msgs.h"
#include "listen.h"
#include "log.h"
#include "policylink.h"

#define ATTACH_PAUSE	100	/* ms, when descriptors are out */

struct master {
	struct ev_loop		*loop;
	const char		*path;
	struct gw_conf		*conf;
	/* Of the start: they are not reloadable, and conf comes and goes. */
	char			*socket, *policyd;
	struct children		*children;
	struct policylink	*link;
	struct control		*control;
	struct ev_timer		*drain;
	struct ev_timer		*attach;	/* workers without a channel */
	bool			 attaching;	/* policyd knows not all yet */
	uint64_t		 started;	/* boot ms */
	uint64_t		 generation;	/* 1; reloads add 1 each */
	char			 refused[1024];	/* why the last reload failed */
	bool			 draining;
};

/* --- configuration ----------------------------------------------------- */

int
master_check(struct gw_conf *conf, char *err, size_t errlen)
{
	struct stat	 st;
	struct passwd	*pw;

	if (geteuid() == 0) {
		if ((pw = getpwnam(conf->user)) == NULL || pw->pw_uid == 0) {
			snprintf(err, errlen, "user %s: %s", conf->user,
			    pw == NULL ? "no such user" : "is root");
			return -1;
		}
		if (stat(conf->chroot, &st) == -1 || !S_ISDIR(st.st_mode)) {
			snprintf(err, errlen, "chroot %s: no such directory",
			    conf->chroot);
			return -1;
		}
	}
	return listen_load(conf, err, errlen);
}

static struct gw_listen *
listen_find(struct gw_conf *conf, const char *address)
{
	size_t	i;

	for (i = 0; i < conf->nlisten; i++)
		if (strcmp(conf->listen[i].address, address) == 0)
			return &conf->listen[i];
	return NULL;
}

/* Sockets of listeners that are in both stay open; new ones are bound. */
static int
listen_take(struct gw_conf *old, struct gw_conf *new, char *err, size_t errlen)
{
	struct gw_listen	*l, *before;
	size_t			 i;

	for (i = 0; i < new->nlisten; i++) {
		l = &new->listen[i];
		if ((before = listen_find(old, l->address)) != NULL)
			l->fd = before->fd;
		else if (listen_open(l, err, errlen) == -1)
			goto fail;
	}
	return 0;
fail:
	while (i-- > 0)
		if (listen_find(old, new->listen[i].address) == NULL)
			listen_close(&new->listen[i], true);
	return -1;
}

/* The new configuration, ready for use, or NULL with a sentence. */
static struct gw_conf *
reload_prepare(struct master *m, char *err, size_t errlen)
{
	struct conf_error	 error;
	struct gw_conf		*new;

	if ((new = gw_conf_load(m->path, &error)) == NULL) {
		snprintf(err, errlen, "%s", error.text);
		return NULL;
	}
	if (strcmp(new->socket, m->socket) != 0)
		snprintf(err, errlen, "%s: changing \"socket\" needs a "
		    "restart", m->path);
	else if (strcmp(new->policyd, m->policyd) != 0)
		snprintf(err, errlen, "%s: changing \"policyd\" needs a "
		    "restart", m->path);
	else if (master_check(new, err, errlen) == 0 &&
	    listen_take(m->conf, new, err, errlen) == 0)
		return new;
	gw_conf_free(&new);
	return NULL;
}

/* For the record; `new` is NULL where the old one stays in force. */
static void
reload_tell(struct master *m, const struct gw_conf *old,
    const struct gw_conf *new)
{
	struct ipc_master_event	 e = {
		.what = slice_str("reload"),
		.accepted = new != NULL,
		.old_sha256 = slice_str(old->sha256),
		.new_sha256 = slice_str(new == NULL ? "" : new->sha256),
		.error = slice_str(m->refused)
	};

	if (e.error.len > LEN_REASON)
		e.error.len = LEN_REASON;
	policylink_event(m->link, &e);
}

static void
on_sighup(void *ctx, int signo)
{
	struct master	*m = ctx;
	struct gw_conf	*old = m->conf, *new;
	size_t		 i;

	(void)signo;
	if (m->draining)
		return;
	if ((new = reload_prepare(m, m->refused, sizeof(m->refused))) ==
	    NULL) {
		log_warnx("event=reload_refused reason=%s",
		    log_esc(m->refused, strlen(m->refused)));
		reload_tell(m, old, NULL);
		return;
	}
	m->refused[0] = '\0';
	reload_tell(m, old, new);
	m->generation++;
	m->conf = new;
	/* Before forking by the new one: no worker inherits what is gone. */
	for (i = 0; i < old->nlisten; i++)
		if (listen_find(new, old->listen[i].address) == NULL)
			listen_close(&old->listen[i], true);
	children_configure(m->children, new);
	gw_conf_free(&old);
	log_info("event=reload generation=%llu",
	    (unsigned long long)m->generation);
}

/* --- the end ----------------------------------------------------------- */

static void
on_drained_too_long(void *ctx)
{
	struct master	*m = ctx;

	if (children_live(m->children) > 0)
		log_warnx("event=drain_over workers=%zu",
		    children_live(m->children));
	children_kill_all(m->children);
}

/* The second one does not wait. */
static void
on_sigterm(void *ctx, int signo)
{
	struct master	*m = ctx;
	size_t		 i;

	if (m->draining) {
		on_drained_too_long(m);
		return;
	}
	m->draining = true;
	log_info("event=stop signo=%d workers=%zu drain_ms=%llu", signo,
	    children_live(m->children), (unsigned long long)m->conf->drain);
	for (i = 0; i < m->conf->nlisten; i++)
		listen_close(&m->conf->listen[i], true);
	children_drain(m->children);
	ev_timer_set(m->drain, m->conf->drain);
}

static void
on_empty(void *ctx)
{
	struct master	*m = ctx;

	ev_stop(m->loop);
}

/* --- workers and policyd ----------------------------------------------- */

static void
on_born(void *ctx, uint32_t worker, pid_t pid, bool shared)
{
	struct master	*m = ctx;
	int		 fd;

	if ((fd = policylink_attach(m->link, worker, pid, shared)) != -1)
		children_channel(m->children, worker, fd);
	else if (policylink_is_up(m->link)) {
		/* It has a client soon, who must not wait for ever. */
		children_owe(m->children, worker);
		ev_timer_set(m->attach, ATTACH_PAUSE);
	}
}

/* All have a channel: what policyd has not heard of is dead. */
static void
attach_over(struct master *m)
{
	if (!m->attaching || children_each_owed(m->children, NULL, NULL) > 0)
		return;
	m->attaching = false;
	policylink_attached(m->link, (uint32_t)children_live(m->children));
}

static void
on_attach(void *ctx)
{
	struct master	*m = ctx;

	children_each_owed(m->children, on_born, m);
	attach_over(m);
}

static void
on_gone(void *ctx, uint32_t worker, int status)
{
	struct master	*m = ctx;

	policylink_gone(m->link, worker, status);
}

static void
on_policyd_up(void *ctx)
{
	struct master	*m = ctx;

	policylink_event(m->link, &(struct ipc_master_event){
	    .what = slice_str("start"),
	    .version = slice_str(POSTERN_VERSION),
	    .new_sha256 = slice_str(m->conf->sha256) });
	m->attaching = true;
	children_each(m->children, on_born, m);
	attach_over(m);
}

static void
on_policyd_kill(void *ctx, uint32_t worker, struct slice reason)
{
	struct master	*m = ctx;

	log_warnx("event=worker_kill worker=%u reason=%s", worker,
	    log_esc(reason.p, reason.len));
	children_kill(m->children, worker);
}

/* --- status ------------------------------------------------------------ */

static void
emit_object(json_t *o, control_emit *emit, void *to)
{
	char	*text;

	if (o != NULL && (text = json_dumps(o, JSON_COMPACT)) != NULL) {
		emit(to, text);
		free(text);
	}
	json_decref(o);
}

static void
put_count(json_t *o, const char *key, uint64_t n)
{
	json_object_set_new(o, key, json_integer((json_int_t)n));
}

static void
put_workers(json_t *o, const struct children_count *n)
{
	put_count(o, "idle", n->idle);
	put_count(o, "busy", n->busy);
	put_count(o, "shared", n->shared);
	put_count(o, "draining", n->draining);
	put_count(o, "sessions", n->sessions);
	put_count(o, "crashes", n->crashes);
	put_count(o, "delay_ms", n->delay);
}

static void
on_status(void *ctx, control_emit *emit, void *to)
{
	struct master		*m = ctx;
	struct children_count	 n;
	struct gw_listen	*l;
	json_t			*o;
	size_t			 i;

	children_count(m->children, NULL, &n);
	o = json_pack("{s:s s:s s:i s:s}", "version", POSTERN_VERSION,
	    "state", m->draining ? "draining" : "running",
	    "pid", (int)getpid(), "policyd",
	    policylink_is_up(m->link) ? "connected" : "away");
	put_count(o, "uptime", (now_boot_ms() - m->started) / 1000);
	put_count(o, "generation", m->generation);
	json_object_set_new(o, "reload_error", json_string(m->refused));
	put_workers(o, &n);
	emit_object(o, emit, to);
	for (i = 0; i < m->conf->nlisten; i++) {
		l = &m->conf->listen[i];
		children_count(m->children, l->address, &n);
		o = json_pack("{s:s s:s s:b}", "listen", l->address,
		    "isolation", l->shared ? "shared" : "session",
		    "tls", l->tls != NULL);
		put_workers(o, &n);
		emit_object(o, emit, to);
	}
}

/* --- bring-up ---------------------------------------------------------- */

static const struct children_hooks child_hooks = {
	on_born, on_gone, on_empty
};
static const struct policylink_hooks link_hooks = {
	on_policyd_up, on_policyd_kill
};

void
master_run(const struct master_opts *o)
{
	static const int	 stop[] = { SIGTERM, SIGINT };
	struct master		 m = { .path = o->path, .conf = o->conf };
	struct ev_signal	*hup, *term[2];

	m.started = now_boot_ms();
	m.generation = 1;
	m.loop = ev_loop_new();
	m.drain = ev_timer_new(m.loop, on_drained_too_long, &m);
	m.attach = ev_timer_new(m.loop, on_attach, &m);
	if ((m.socket = strdup(m.conf->socket)) == NULL ||
	    (m.policyd = strdup(m.conf->policyd)) == NULL ||
	    (m.children = children_new(m.loop, &child_hooks, &m)) == NULL ||
	    (m.link = policylink_new(m.loop, m.policyd, &link_hooks, &m)) ==
	    NULL || (m.control = control_new(m.loop, o->control, m.link,
	    on_status, &m)) == NULL)
		fatalx("event=out_of_memory");
	hup = ev_signal_new(m.loop, SIGHUP, on_sighup, &m);
	term[0] = ev_signal_new(m.loop, stop[0], on_sigterm, &m);
	term[1] = ev_signal_new(m.loop, stop[1], on_sigterm, &m);

	log_info("event=start version=%s pid=%ld listeners=%zu",
	    POSTERN_VERSION, (long)getpid(), m.conf->nlisten);
	children_configure(m.children, m.conf);
	ev_run(m.loop);

	unlink(m.socket);
	policylink_event(m.link, &(struct ipc_master_event){
	    .what = slice_str("stop") });
	control_free(&m.control);
	policylink_free(&m.link);
	children_free(&m.children);
	ev_signal_free(&hup);
	ev_signal_free(&term[0]);
	ev_signal_free(&term[1]);
	ev_timer_free(&m.drain);
	ev_timer_free(&m.attach);
	ev_loop_free(&m.loop);
	gw_conf_free(&m.conf);
	free(m.socket);
	free(m.policyd);
	log_info("event=stopped");
}
