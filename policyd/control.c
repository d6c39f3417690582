/*
 * policyd's socket.
 *
 * Runs in the parent.  The peer's uid is checked when it connects (D6): root
 * or the parent's own user, nobody else.  The first message says what it is:
 * gatewayd's master, of which there is one at a time, or a control tool; the
 * phase of the connection then permits only that one's messages.  Everything
 * that a tool asks for, but `status`, is recorded.
 */
#include "control.h"

#include <sys/queue.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "access.h"
#include "approvals.h"
#include "attempts.h"
#include "auditlink.h"
#include "catalogs.h"
#include "children.h"
#include "explains.h"
#include "gateways.h"
#include "log.h"
#include "minted.h"
#include "notices.h"
#include "reload.h"
#include "requests.h"
#include "sessions.h"
#include "unixsock.h"
#include "workers.h"

#define CONNS_MAX	64
#define ACCEPT_PAUSE	100	/* ms, when descriptors are out */
#define PROTOCOL_VERSION	1

/* Phases of a connection. */
#define PHASE_NEW	1u
#define PHASE_MASTER	2u
#define PHASE_TOOL	4u

struct conn {
	TAILQ_ENTRY(conn)	 entry;
	struct parent		*p;
	struct ipc		*ipc;
	uid_t			 uid;
	bool			 master;
	bool			 page;		/* has said so: for good */
	uint32_t		 pid;		/* of the master */
	bool			 stopped;	/* ... which said so */
	uint32_t		 by;		/* who asks; the master asks for others */
};
TAILQ_HEAD(conn_list, conn);

struct control {
	int			 listen;
	struct ev_io		*io;
	struct ev_timer		*pause;
	struct conn_list	 conns;
	unsigned int		 nconns;
	uint32_t		 refused_pid;	/* a second master, logged */
};

/* --- answers ----------------------------------------------------------------------- */

void
control_row_text(struct conn *c, uint32_t id, struct slice json)
{
	struct ipc_ctl_row	 m = { id, json };

	ipc_send(c->ipc, IPC_ctl_row, &m, NULL, 0);
}

void
control_row(struct conn *c, uint32_t id, json_t *row)
{
	char	*text = json_dumps(row, JSON_COMPACT);

	json_decref(row);
	if (text == NULL)
		return;
	control_row_text(c, id, slice_str(text));
	free(text);
}

void
control_end(struct conn *c, uint32_t id, uint32_t code, const char *message)
{
	struct ipc_ctl_end	m;

	m.id = id;
	m.code = code;
	m.message = slice_str(message);
	ipc_send(c->ipc, IPC_ctl_end, &m, NULL, 0);
}

struct parent *
control_parent(const struct conn *c)
{
	return c->p;
}

uint32_t
control_uid(const struct conn *c)
{
	return (uint32_t)c->uid;
}

bool
control_is_page(const struct conn *c)
{
	return c->page;
}

/* What is longer than the record's field is cut; a token is not recorded. */
void
control_record(struct conn *c, const char *verb, json_t *args, uint32_t code)
{
	struct event_control	 ev;
	char			*text;

	json_object_del(args, "token");
	text = args == NULL ? NULL : json_dumps(args, JSON_COMPACT);
	ev.verb = slice_str(verb);
	ev.uid = c->by;
	ev.args = slice_str(text == NULL ? "" : text);
	if (ev.args.len > 4096)
		ev.args.len = 4096;
	ev.code = code;
	auditlink_event(c->p, EVENT_control, &ev);
	free(text);
}

/* --- verbs ---------------------------------------------------------------------------- */

static int
verb_status(struct conn *c, uint32_t id, const json_t *args, char *message,
    size_t size)
{
	struct parent	*p = c->p;
	struct session	*s;
	json_t		*o;
	int		 n = 0;

	(void)args;
	(void)message;
	(void)size;
	TAILQ_FOREACH(s, sessions_all(p), entry)
		if (s->state != SESSION_ENDED)
			n++;
	o = json_object();
	json_object_set_new(o, "version", json_string(POSTERN_VERSION));
	json_object_set_new(o, "pid", json_integer(getpid()));
	json_object_set_new(o, "generation",
	    json_integer((json_int_t)p->policy->generation));
	json_object_set_new(o, "epoch",
	    json_integer((json_int_t)p->page->epoch));
	json_object_set_new(o, "policy", json_string(p->path));
	json_object_set_new(o, "sha256", json_string(p->sha256));
	json_object_set_new(o, "reload", reload_status(p));
	json_object_set_new(o, "auditd",
	    json_boolean(auditlink_ready(p)));
	json_object_set_new(o, "gatewayd",
	    json_boolean(workers_have_master(p)));
	json_object_set_new(o, "sessions", json_integer(n));
	json_object_set_new(o, "requests",
	    json_integer(requests_count(p)));
	json_object_set_new(o, "logins",
	    json_integer(attempts_count(p)));
	json_object_set_new(o, "children", children_status(p));
	json_object_set_new(o, "catalogs", catalogs_status(p));
	if (p->policy->nhooks > 0)
		json_object_set_new(o, "notify", notices_status(p));
	json_object_set_new(o, "leftovers", minted_status(p));
	control_row(c, id, o);
	return 0;
}

static int
verb_sessions(struct conn *c, uint32_t id, const json_t *args, char *message,
    size_t size)
{
	struct session	*s;
	json_t		*o;
	uint64_t	 now = now_boot_ms();

	(void)args;
	(void)message;
	(void)size;
	TAILQ_FOREACH(s, sessions_all(c->p), entry) {
		o = json_object();
		json_object_set_new(o, "session", json_string(s->id));
		json_object_set_new(o, "subject", json_string(s->subject));
		json_object_set_new(o, "profile", json_string(s->profile));
		json_object_set_new(o, "database", json_string(s->database));
		json_object_set_new(o, "peer", json_string(s->peer));
		json_object_set_new(o, "worker", json_integer(s->worker));
		json_object_set_new(o, "started",
		    json_integer((json_int_t)(s->started / 1000000)));
		/* Boot time means nothing to people: seconds since the epoch. */
		json_object_set_new(o, "deadline", s->deadline == 0 ?
		    json_null() : json_integer((json_int_t)(now_wall_us() /
		    1000000) + ((json_int_t)s->deadline -
		    (json_int_t)now) / 1000));
		json_object_set_new(o, "state",
		    json_string(session_state_name(s->state)));
		if (s->grant != 0)
			json_object_set_new(o, "grant",
			    json_integer(s->grant));
		control_row(c, id, o);
	}
	return 0;
}

static int
verb_kill(struct conn *c, uint32_t id, const json_t *args, char *message,
    size_t size)
{
	const char	*which;
	struct session	*s;

	(void)id;
	which = json_string_value(json_object_get(args, "session"));
	s = which == NULL ? NULL : sessions_find(c->p, slice_str(which));
	if (s == NULL || s->state == SESSION_ENDED) {
		snprintf(message, size, "there is no such session");
		return 1;
	}
	sessions_kill(s, "57P01", "terminated by administrator");
	return 0;
}

static int
verb_sweep(struct conn *c, uint32_t id, const json_t *args, char *message,
    size_t size)
{
	(void)id;
	(void)args;
	if (minted_sweep(c->p) == 0)
		return 0;
	snprintf(message, size, "the keeper is not available");
	return 1;
}

/* Which profiles these claims open, one a row. */
static int
verb_catalog(struct conn *c, uint32_t id, const json_t *args, char *message,
    size_t size)
{
	const char	*database, *why = "no database was named";
	json_int_t	 offset = json_integer_value(json_object_get(args,
			    "offset"));
	json_t		*row = NULL;

	database = json_string_value(json_object_get(args, "database"));
	if (database != NULL)
		row = catalogs_part(c->p, database, offset, &why);
	if (row == NULL) {
		snprintf(message, size, "%s", why);
		return 1;
	}
	control_row(c, id, row);
	return 0;
}

static int
verb_access(struct conn *c, uint32_t id, const json_t *args, char *message,
    size_t size)
{
	json_t	*rows, *row;
	size_t	 i;

	rows = access_explain(c->p->policy, args,
	    (time_t)(now_wall_us() / 1000000), message, size);
	if (rows == NULL)
		return 1;
	json_array_foreach(rows, i, row)
		control_row(c, id, json_incref(row));
	json_decref(rows);
	return 0;
}

/*
 * From now on this is the page for approvers: what it asks for it can have with
 * a token only.  It may not be trusted as much as who connected it.
 */
static int
verb_page(struct conn *c, uint32_t id, const json_t *args, char *message,
    size_t size)
{
	(void)id;
	(void)args;
	(void)message;
	(void)size;
	c->page = true;
	return 0;
}

/* Recorded: never; once it was run; by itself, when it answers later. */
enum when { NEVER, RUN, ANSWERED };

struct verb {
	const char	*name;
	control_verb	*run;
	enum when	 recorded;
};

static const struct verb verbs[] = {
	{ "status", verb_status, NEVER },
	{ "sessions", verb_sessions, RUN },
	{ "kill", verb_kill, RUN },
	{ "sweep", verb_sweep, RUN },
	{ "explain", explains_explain, RUN },
	{ "masks", explains_masks, RUN },
	{ "catalog", verb_catalog, RUN },
	{ "requests", approvals_list, RUN },
	{ "show", approvals_show, RUN },
	{ "decide", approvals_decide, ANSWERED },
	{ "access", verb_access, RUN },
	{ "grants", approvals_grants, RUN },
	{ "leases", approvals_leases, RUN },
	{ "grant", approvals_grant, ANSWERED },
	{ "revoke", approvals_revoke, ANSWERED },
	{ "page", verb_page, RUN },
};

/* What the page can ask for, each with a token. */
static const struct verb page_verbs[] = {
	{ "whoami", approvals_whoami, ANSWERED },
	/* Again and again, while somebody looks. */
	{ "requests", approvals_list_for, NEVER },
	{ "show", approvals_show_for, ANSWERED },
	{ "decide", approvals_decide, ANSWERED },
};

/* --- messages --------------------------------------------------------------------------- */

/* NULL: there is none, for this peer. */
static const struct verb *
verb_find(const struct conn *c, struct slice name)
{
	const struct verb	*v = c->page ? page_verbs : verbs;
	size_t			 i, n;

	n = c->page ? sizeof(page_verbs) / sizeof(page_verbs[0]) :
	    sizeof(verbs) / sizeof(verbs[0]);
	for (i = 0; i < n; i++)
		if (slice_eq(name, v[i].name))
			return &v[i];
	return NULL;
}

static int
on_ctl_request(void *ctx, const void *msg, int *fds)
{
	struct conn			*c = ctx;
	const struct ipc_ctl_request	*m = msg;
	char				 message[LEN_REASON] = "", verb[65];
	const struct verb		*v = verb_find(c, m->verb);
	json_t				*args;
	int				 code = 1;

	(void)fds;
	if (!c->master)
		ipc_phase(c->ipc, PHASE_TOOL);
	/* For the record only: what it may do is by its own uid. */
	c->by = c->master ? m->uid : (uint32_t)c->uid;
	args = json_loadb((const char *)m->args.p, m->args.len,
	    JSON_REJECT_DUPLICATES, NULL);
	if (v == NULL)
		snprintf(message, sizeof(message), "there is no such command");
	else if (!json_is_object(args))
		snprintf(message, sizeof(message), "the arguments are not a "
		    "JSON object");
	else
		code = v->run(c, m->id, args, message, sizeof(message));
	if (slice_copy(m->verb, verb, sizeof(verb)) == -1)
		verb[0] = '\0';
	if (v == NULL || v->recorded == RUN ||
	    (v->recorded == ANSWERED && code != -1))
		control_record(c, verb, args, code > 0 ? (uint32_t)code : 0);
	if (code != -1)
		control_end(c, m->id, (uint32_t)code, message);
	json_decref(args);
	return 0;
}

/* It tries again and again: once in the log is enough. */
static void
master_refuse(struct conn *c, uint32_t pid, uint32_t first)
{
	struct ipc_master_refused	 m;
	char				 reason[80];

	if (c->p->control->refused_pid != pid)
		log_warnx("event=master_refused pid=%u error=\"gatewayd %u is "
		    "connected already\"", pid, first);
	c->p->control->refused_pid = pid;
	snprintf(reason, sizeof(reason), "another gatewayd is connected, "
	    "pid %u", first);
	m.reason = slice_str(reason);
	ipc_send(c->ipc, IPC_master_refused, &m, NULL, 0);
}

static int
on_master_hello(void *ctx, const void *msg, int *fds)
{
	struct conn			*c = ctx, *first;
	const struct ipc_master_hello	*m = msg;
	struct ipc_master_welcome	 welcome;

	(void)fds;
	if (m->version != PROTOCOL_VERSION) {
		log_warnx("event=master_hello pid=%u error=\"version %u\"",
		    m->pid, m->version);
		return -1;
	}
	/*
	 * One master at a time.  A second gatewayd, started by mistake, must
	 * not take the sessions of the first; a dead one's connection is
	 * closed by the kernel, and its successor tries until then.
	 */
	TAILQ_FOREACH(first, &c->p->control->conns, entry)
		if (first->master) {
			master_refuse(c, m->pid, first->pid);
			return -1;
		}
	c->p->control->refused_pid = 0;
	c->pid = m->pid;
	c->master = true;
	ipc_phase(c->ipc, PHASE_MASTER);
	workers_hello(c->p, c->ipc, m->pid);
	welcome.version = PROTOCOL_VERSION;
	ipc_send(c->ipc, IPC_master_welcome, &welcome, NULL, 0);
	return 0;
}

static int
on_master_event(void *ctx, const void *msg, int *fds)
{
	struct conn			*c = ctx;
	const struct ipc_master_event	*m = msg;

	(void)fds;
	c->stopped |= slice_eq(m->what, "stop");
	return gateway_said(c->p, c->pid, m);
}

static int
on_worker_attach(void *ctx, const void *msg, int *fds)
{
	struct conn	*c = ctx;
	int		 fd = fds[0];

	fds[0] = -1;
	return workers_attach(c->p, msg, fd);
}

static int
on_attach_done(void *ctx, const void *msg, int *fds)
{
	struct conn	*c = ctx;

	(void)msg;
	(void)fds;
	workers_attach_done(c->p);
	return 0;
}

static int
on_worker_gone(void *ctx, const void *msg, int *fds)
{
	struct conn	*c = ctx;

	(void)fds;
	workers_gone(c->p, msg);
	return 0;
}

static const struct ipc_permit permits[] = {
	{ IPC_master_hello, PHASE_NEW, on_master_hello },
	{ IPC_master_event, PHASE_MASTER, on_master_event },
	{ IPC_worker_attach, PHASE_MASTER, on_worker_attach },
	{ IPC_attach_done, PHASE_MASTER, on_attach_done },
	{ IPC_worker_gone, PHASE_MASTER, on_worker_gone },
	{ IPC_ctl_request, PHASE_NEW | PHASE_MASTER | PHASE_TOOL,
	    on_ctl_request },
};

/* --- connections ---------------------------------------------------------------------- */

static void
on_conn_closed(void *ctx, const char *reason)
{
	struct conn	*c = ctx;
	struct control	*ct = c->p->control;

	log_debug("event=control_closed master=%d reason=\"%s\"", c->master,
	    reason);
	explains_conn_gone(c->p, c);
	approvals_conn_gone(c->p, c);
	if (c->master && !c->stopped)
		gateway_lost(c->p, c->pid, reason);
	workers_master_lost(c->p, c->ipc);
	TAILQ_REMOVE(&ct->conns, c, entry);
	ct->nconns--;
	ipc_free(&c->ipc);
	free(c);
}

static void
conn_new(struct parent *p, int fd)
{
	struct control	*ct = p->control;
	struct conn	*c;
	uid_t		 uid;
	pid_t		 pid;

	if (unix_peer(fd, &uid, &pid) == -1 || !peer_is_admin(uid) ||
	    ct->nconns >= CONNS_MAX ||
	    (c = calloc(1, sizeof(*c))) == NULL) {
		log_warnx("event=control_refused");
		close(fd);
		return;
	}
	c->p = p;
	c->uid = uid;
	c->ipc = ipc_new(p->loop, fd, ROLE_PARENT,
	    (enum ipc_role)(ROLE_MASTER | ROLE_CTL), permits,
	    sizeof(permits) / sizeof(permits[0]), on_conn_closed, c);
	if (c->ipc == NULL) {
		free(c);
		return;
	}
	TAILQ_INSERT_TAIL(&ct->conns, c, entry);
	ct->nconns++;
}

static void
on_listen(void *ctx, int what)
{
	struct parent	*p = ctx;
	int		 fd;

	(void)what;
	while ((fd = unix_accept(p->control->listen)) != -1)
		conn_new(p, fd);
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return;
	/* Who waits in the queue would wake us again at once. */
	log_warn("event=control_accept");
	ev_io_want(p->control->io, 0);
	ev_timer_set(p->control->pause, ACCEPT_PAUSE);
}

static void
on_pause(void *ctx)
{
	struct parent	*p = ctx;

	ev_io_want(p->control->io, EV_IN);
}

void
control_init(struct parent *p, int listen)
{
	struct control	*ct = calloc(1, sizeof(*ct));

	if (ct == NULL || fd_nonblock(listen) == -1 ||
	    fd_cloexec(listen) == -1)
		fatal("step=control");
	TAILQ_INIT(&ct->conns);
	ct->listen = listen;
	p->control = ct;
	ct->pause = ev_timer_new(p->loop, on_pause, p);
	ct->io = ev_io_new(p->loop, listen, EV_IN, on_listen, p);
}
