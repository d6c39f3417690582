/*
 * gatewayd's control socket.  Runs in the master.
 *
 * The socket is 0600 and the peer's uid is checked besides (D6); who passes is
 * an administrator, but what he sends is held to the message table like any
 * other peer's.  A breach, or too many connections, closes that connection.
 * Sessions are policyd's: requests about them are passed on with a number of
 * our own and the answers passed back as they come.
 */
#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc.h"
#include "log.h"
#include "unixsock.h"

#define CLIENTS_MAX	64
#define ACCEPT_PAUSE	100	/* ms, when descriptors are out */

struct client {
	struct client	*next;
	struct control	*control;
	struct ipc	*ipc;
	uid_t		 uid;
	uint32_t	 id;		/* the client's number of its request */
	uint32_t	 relayed;	/* ours; 0: nothing pending */
};

struct control {
	struct ev_loop		*loop;
	int			 fd;
	struct ev_io		*io;
	struct ev_timer		*pause;
	struct policylink	*link;
	control_status		*status;
	void			*ctx;
	struct client		*clients;
	size_t			 nclients;
};

static void
client_end(struct client *c, uint32_t code, struct slice message)
{
	struct ipc_ctl_end	m;

	m.id = c->id;
	m.code = code;
	m.message = message;
	ipc_send(c->ipc, IPC_ctl_end, &m, NULL, 0);
}

static void
client_row(void *to, struct slice json)
{
	struct client		*c = to;
	struct ipc_ctl_row	 m;

	m.id = c->id;
	m.json = json;
	ipc_send(c->ipc, IPC_ctl_row, &m, NULL, 0);
}

static void
on_emit(void *to, const char *json)
{
	client_row(to, slice_str(json));
}

static void
on_relay_end(void *ctx, uint32_t code, struct slice message)
{
	struct client	*c = ctx;

	c->relayed = 0;
	client_end(c, code, message);
}

static int
on_request(void *ctx, const void *msg, int *fds)
{
	const struct ipc_ctl_request	*m = msg;
	struct client			*c = ctx;
	struct control			*ctl = c->control;

	(void)fds;
	if (c->relayed != 0)
		return -1;
	c->id = m->id;
	log_debug("event=control verb=%s uid=%u", log_esc(m->verb.p,
	    m->verb.len), (unsigned int)c->uid);
	if (slice_eq(m->verb, "status")) {
		ctl->status(ctl->ctx, on_emit, c);
		client_end(c, 0, slice_str(NULL));
	} else if (slice_eq(m->verb, "sessions") ||
	    slice_eq(m->verb, "kill")) {
		c->relayed = policylink_request(ctl->link, c->uid,
		    m->verb, m->args, client_row, on_relay_end, c);
		if (c->relayed == 0)
			client_end(c, 2,
			    slice_str("policyd is not connected"));
	} else
		client_end(c, 1, slice_str("unknown verb"));
	return 0;
}

static const struct ipc_permit permits[] = {
	{ IPC_ctl_request, ~0u, on_request }
};

static void
client_free(struct client *c)
{
	if (c->relayed != 0)
		policylink_forget(c->control->link, c->relayed);
	ipc_free(&c->ipc);
	free(c);
}

static void
client_remove(struct client *c)
{
	struct client	**cp;

	for (cp = &c->control->clients; *cp != c; cp = &(*cp)->next)
		;
	*cp = c->next;
	c->control->nclients--;
	client_free(c);
}

static void
on_closed(void *ctx, const char *reason)
{
	(void)reason;
	client_remove(ctx);
}

static void
on_connect(void *ctx, int what)
{
	struct control	*ctl = ctx;
	struct client	*c;
	uid_t		 uid;
	pid_t		 pid;
	int		 fd;

	(void)what;
	if ((fd = unix_accept(ctl->fd)) == -1) {
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return;
		/* Who waits in the queue would wake us again at once. */
		log_warn("event=control_accept_failed");
		ev_io_want(ctl->io, 0);
		ev_timer_set(ctl->pause, ACCEPT_PAUSE);
		return;
	}
	if (unix_peer(fd, &uid, &pid) == -1 || !peer_is_admin(uid)) {
		log_warnx("event=control_refused");
		close(fd);
		return;
	}
	if (ctl->nclients >= CLIENTS_MAX ||
	    (c = calloc(1, sizeof(*c))) == NULL) {
		log_warnx("event=control_full connections=%zu",
		    ctl->nclients);
		close(fd);
		return;
	}
	c->control = ctl;
	c->uid = uid;
	c->ipc = ipc_new(ctl->loop, fd, ROLE_MASTER, ROLE_CTL, permits,
	    sizeof(permits) / sizeof(permits[0]), on_closed, c);
	if (c->ipc == NULL) {
		free(c);
		return;
	}
	c->next = ctl->clients;
	ctl->clients = c;
	ctl->nclients++;
}

static void
on_pause(void *ctx)
{
	struct control	*ctl = ctx;

	ev_io_want(ctl->io, EV_IN);
}

struct control *
control_new(struct ev_loop *loop, int fd, struct policylink *link,
    control_status *status, void *ctx)
{
	struct control	*ctl;

	if ((ctl = calloc(1, sizeof(*ctl))) == NULL)
		return NULL;
	ctl->loop = loop;
	ctl->fd = fd;
	ctl->link = link;
	ctl->status = status;
	ctl->ctx = ctx;
	ctl->pause = ev_timer_new(loop, on_pause, ctl);
	ctl->io = ev_io_new(loop, fd, EV_IN, on_connect, ctl);
	return ctl;
}

void
control_free(struct control **ctlp)
{
	struct control	*ctl = *ctlp;
	struct client	*c, *next;

	if (ctl == NULL)
		return;
	for (c = ctl->clients; c != NULL; c = next) {
		next = c->next;
		client_free(c);
	}
	ev_io_free(&ctl->io);
	ev_timer_free(&ctl->pause);
	close(ctl->fd);
	free(ctl);
	*ctlp = NULL;
}
