/*
 * auditd's socket.  Only root and auditd's own user may connect (D6); what they
 * send is held to the message table all the same, and a breach closes that
 * connection and nothing else.  The first message says who it is: audit_hello
 * is policyd's parent, ctl_request is auditctl.
 */
#include "server.h"

#include <sys/queue.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc.h"
#include "json.h"
#include "log.h"
#include "prune.h"
#include "unixsock.h"

#define CLIENTS_MAX	64
#define ACCEPT_PAUSE	100	/* ms, when descriptors are out */
#define PROTOCOL	1
#define JSON_ROW_MAX	(64 * 1024)

enum { PHASE_NEW = 1, PHASE_PARENT = 2, PHASE_CTL = 4 };

struct client {
	TAILQ_ENTRY(client) link;
	struct server	*server;
	struct ipc	*ipc;
	bool		 parent;	/* has said audit_hello */
	uid_t		 uid;
};

struct server {
	struct ev_loop	*loop;
	struct recorder	*recorder;
	struct ev_io	*io;
	struct ev_timer	*pause;
	int		 fd;
	const struct server_info *info;
	TAILQ_HEAD(, client) clients;
	unsigned int	 nclients;
};

/* --- policyd ------------------------------------------------------------ */

static int
on_hello(void *ctx, const void *msg, int *fds)
{
	const struct ipc_audit_hello *m = msg;
	struct client *c = ctx;

	(void)fds;
	if (m->version != PROTOCOL) {
		log_warnx("peer=policyd error=\"protocol version\" got=%u",
		    m->version);
		return -1;
	}
	c->parent = true;
	ipc_phase(c->ipc, PHASE_PARENT);
	log_info("peer=policyd state=connected");
	return 0;
}

static int
on_spool_open(void *ctx, const void *msg, int *fds)
{
	const struct ipc_spool_open *m = msg;
	struct client *c = ctx;
	struct ipc_spool_opened opened;
	struct ipc_spool_failed refused;
	char name[LEN_SESSION + 1], err[256];
	int give[4];

	(void)fds;
	if (slice_copy(m->session, name, sizeof(name)) == -1 ||
	    !spool_name_valid(name) ||
	    (m->owner != ROLE_WORKER && m->owner != ROLE_PARENT))
		return -1;
	if (recorder_open(c->server->recorder, name, (enum ipc_role)m->owner,
	    c, give, err, sizeof(err)) == -1) {
		log_warnx("spool=%s state=failed error=\"%s\"", name, err);
		refused.id = m->id;
		refused.reason = slice_str(err);
		ipc_send(c->ipc, IPC_spool_failed, &refused, NULL, 0);
		return 0;
	}
	log_debug("spool=%s state=open", name);
	opened.id = m->id;
	opened.session = m->session;
	ipc_send(c->ipc, IPC_spool_opened, &opened, give, 4);
	return 0;
}

static int
on_spool_close(void *ctx, const void *msg, int *fds)
{
	const struct ipc_spool_close *m = msg;
	struct ipc_spool_closed closed;
	struct client *c = ctx;
	char name[LEN_SESSION + 1];

	(void)fds;
	if (slice_copy(m->session, name, sizeof(name)) == -1 ||
	    !spool_name_valid(name))
		return -1;
	log_debug("spool=%s state=closing", name);
	if (recorder_close(c->server->recorder, name))
		return 0;
	/* It was closed before, and that word was lost. */
	closed.session = m->session;
	ipc_send(c->ipc, IPC_spool_closed, &closed, NULL, 0);
	return 0;
}

void
server_on_broken(void *ctx, const char *name, const char *reason)
{
	struct ipc_spool_broken m = {
		.session = slice_str(name),
		.reason = slice_str(reason)
	};
	struct server *s = ctx;
	struct client *c;

	TAILQ_FOREACH(c, &s->clients, link)
		if (c->parent)
			ipc_send(c->ipc, IPC_spool_broken, &m, NULL, 0);
}

void
server_on_closed(void *ctx, const char *name)
{
	struct ipc_spool_closed m = { .session = slice_str(name) };
	struct server *s = ctx;
	struct client *c;

	TAILQ_FOREACH(c, &s->clients, link)
		if (c->parent)
			ipc_send(c->ipc, IPC_spool_closed, &m, NULL, 0);
}

/* --- auditctl ----------------------------------------------------------- */

static void
send_row(struct client *c, uint32_t id, struct buf *b)
{
	struct ipc_ctl_row m = { .id = id };

	m.json = slice_of(buf_head(b), b->len);
	ipc_send(c->ipc, IPC_ctl_row, &m, NULL, 0);
	buf_drain(b, b->len);
}

/* Members of an object, one after the other; memory out shows as a bad row. */
static void
member(struct buf *b, const char *name)
{
	json_literal(b, b->len == 0 ? "{\"" : ",\"");
	json_literal(b, name);
	json_literal(b, "\":");
}

static void
member_str(struct buf *b, const char *name, const char *value)
{
	member(b, name);
	json_string(b, value, strlen(value), NULL);
}

static void
member_uint(struct buf *b, const char *name, uint64_t value)
{
	member(b, name);
	json_uint(b, value);
}

static void
send_status(struct client *c, uint32_t id)
{
	const struct server_info *info = c->server->info;
	char head[2 * SHA256_LEN + 1];
	struct recorder_status s;
	struct buf b;

	recorder_status(c->server->recorder, &s);
	hex_encode(s.hash, SHA256_LEN, head);
	buf_init(&b, JSON_ROW_MAX);
	member_str(&b, "version", POSTERN_VERSION);
	member_uint(&b, "uptime_ms", now_boot_ms() - info->started);
	member_str(&b, "recording", s.healthy ? "on" : "stopped");
	if (!s.healthy)
		member_str(&b, "error", s.error);
	member_str(&b, "durability", info->durability);
	member_str(&b, "store", info->store);
	member_uint(&b, "events", (uint64_t)s.events);
	member_uint(&b, "signed", (uint64_t)s.signed_event);
	member_uint(&b, "segment", (uint64_t)s.segment);
	member_str(&b, "head", head);
	member_str(&b, "spool_directory", info->spool_dir);
	member_uint(&b, "spools", s.spools);
	member_uint(&b, "awake", s.awake);
	member_uint(&b, "closing", s.closing);
	member_uint(&b, "broken", s.broken);
	member_uint(&b, "drained_bytes", s.drained);
	member_uint(&b, "rounds", s.commits);
	json_literal(&b, "}");
	send_row(c, id, &b);
	buf_clear(&b);
}

static void
send_spools(struct client *c, uint32_t id)
{
	struct recorder_spool s;
	struct buf b;
	size_t i;

	buf_init(&b, JSON_ROW_MAX);
	for (i = 0; recorder_spool(c->server->recorder, i, &s); i++) {
		member_str(&b, "spool", s.name);
		member_str(&b, "owner", s.owner);
		member_str(&b, "state", s.state);
		member_uint(&b, "drained", s.position);
		member_uint(&b, "waiting", s.waiting);
		member_uint(&b, "seq", s.seq);
		json_literal(&b, "}");
		send_row(c, id, &b);
	}
	buf_clear(&b);
}

static void
seal(struct client *c, struct ipc_ctl_end *end)
{
	char reason[64];

	snprintf(reason, sizeof(reason), "asked by uid %u",
	    (unsigned int)c->uid);
	if (recorder_seal(c->server->recorder, reason) == 0)
		return;
	end->code = 1;
	end->message = slice_str("the store failed");
}

/* {"session": ID, "reason": TEXT}; one row says how much it was. */
static void
prune(struct client *c, const struct ipc_ctl_request *m,
    struct ipc_ctl_end *end)
{
	struct prune_request q;
	uint64_t bytes;
	struct buf b;

	end->code = 1;
	if (prune_parse(m->args.p, m->args.len, &q) == -1) {
		end->message = slice_str("name a session and a reason");
		return;
	}
	if (recorder_prune(c->server->recorder, q.session, q.reason,
	    (uint32_t)c->uid, &bytes) == -1) {
		end->message = slice_str("the session is open still, or the "
		    "store failed");
		return;
	}
	end->code = 0;
	buf_init(&b, JSON_ROW_MAX);
	member_str(&b, "session", q.session);
	member_uint(&b, "bytes", bytes);
	json_literal(&b, "}");
	send_row(c, m->id, &b);
	buf_clear(&b);
}

static int
on_request(void *ctx, const void *msg, int *fds)
{
	const struct ipc_ctl_request *m = msg;
	struct client *c = ctx;
	struct ipc_ctl_end end = { .id = m->id, .code = 0,
	    .message = slice_str(NULL) };

	(void)fds;
	ipc_phase(c->ipc, PHASE_CTL);
	if (slice_eq(m->verb, "status"))
		send_status(c, m->id);
	else if (slice_eq(m->verb, "spools"))
		send_spools(c, m->id);
	else if (slice_eq(m->verb, "seal"))
		seal(c, &end);
	else if (slice_eq(m->verb, "prune"))
		prune(c, m, &end);
	else {
		end.code = 1;
		end.message = slice_str("unknown verb");
	}
	ipc_send(c->ipc, IPC_ctl_end, &end, NULL, 0);
	return 0;
}

static const struct ipc_permit permits[] = {
	{ IPC_audit_hello, PHASE_NEW, on_hello },
	{ IPC_spool_open, PHASE_PARENT, on_spool_open },
	{ IPC_spool_close, PHASE_PARENT, on_spool_close },
	{ IPC_ctl_request, PHASE_NEW | PHASE_CTL, on_request }
};

/* --- connections -------------------------------------------------------- */

static void
client_free(struct client *c)
{
	struct server *s = c->server;

	TAILQ_REMOVE(&s->clients, c, link);
	s->nclients--;
	ipc_free(&c->ipc);
	if (c->parent && s->recorder != NULL)
		recorder_client_gone(s->recorder, c);
	free(c);
}

static void
on_closed(void *ctx, const char *reason)
{
	struct client *c = ctx;

	if (c->parent)
		log_info("peer=policyd state=gone reason=\"%s\"", reason);
	else
		log_debug("peer=auditctl state=gone reason=\"%s\"", reason);
	client_free(c);
}

static void
on_pause(void *ctx)
{
	struct server *s = ctx;

	ev_io_want(s->io, EV_IN);
}

static void
on_connect(void *ctx, int what)
{
	struct server *s = ctx;
	struct client *c;
	uid_t uid;
	pid_t pid;
	int fd;

	(void)what;
	if ((fd = unix_accept(s->fd)) == -1) {
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return;
		/* Who waits in the queue would wake us again at once. */
		log_warn("socket=accept");
		ev_io_want(s->io, 0);
		ev_timer_set(s->pause, ACCEPT_PAUSE);
		return;
	}
	if (unix_peer(fd, &uid, &pid) == -1 || !peer_is_admin(uid)) {
		log_warnx("socket=refused");
		close(fd);
		return;
	}
	if (s->nclients >= CLIENTS_MAX ||
	    (c = calloc(1, sizeof(*c))) == NULL) {
		log_warnx("socket=full connections=%u", s->nclients);
		close(fd);
		return;
	}
	c->server = s;
	c->uid = uid;
	c->ipc = ipc_new(s->loop, fd, ROLE_AUDITD,
	    (enum ipc_role)(ROLE_PARENT | ROLE_CTL), permits,
	    sizeof(permits) / sizeof(permits[0]), on_closed, c);
	if (c->ipc == NULL) {
		free(c);
		return;
	}
	TAILQ_INSERT_TAIL(&s->clients, c, link);
	s->nclients++;
}

struct server *
server_new(struct ev_loop *loop, int fd, const struct server_info *info)
{
	struct server *s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->loop = loop;
	s->fd = fd;
	s->info = info;
	TAILQ_INIT(&s->clients);
	s->pause = ev_timer_new(loop, on_pause, s);
	s->io = ev_io_new(loop, fd, 0, on_connect, s);
	return s;
}

void
server_set_recorder(struct server *s, struct recorder *r)
{
	s->recorder = r;
	ev_io_want(s->io, EV_IN);
}

void
server_free(struct server **sp)
{
	struct server *s = *sp;
	struct client *c;

	if (s == NULL)
		return;
	while ((c = TAILQ_FIRST(&s->clients)) != NULL)
		client_free(c);
	ev_io_free(&s->io);
	ev_timer_free(&s->pause);
	close(s->fd);
	free(s);
	*sp = NULL;
}
