/*
 * What the page for approvers asks of policyd.  Runs in policyctl serve.
 * policyd is trusted to say what is so; the strings in its rows are clients'.
 * When it is away, who asked hears so, and the next question tries again.
 */
#include "webpolicy.h"

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "ipc.h"
#include "log.h"
#include "unixsock.h"
#include "webdoor.h"

#define ANSWER_MS	15000	/* the verifier may have to fetch keys */

struct webpolicy_call {
	TAILQ_ENTRY(webpolicy_call)	 entry;
	struct webpolicy		*wp;
	uint32_t			 id;
	json_t				*rows;
	struct ev_timer			*timer;
	webpolicy_cb			*cb;
	void				*ctx;
};
TAILQ_HEAD(call_list, webpolicy_call);

struct webpolicy {
	struct ev_loop		*loop;
	int			 door;
	struct ipc		*ipc;	/* NULL: there is none now */
	struct call_list	 calls;
	uint32_t		 next_id;
};

/* Its callback may make another. */
static void
call_end(struct webpolicy_call *c, int code, const char *message)
{
	webpolicy_cb	*cb = c->cb;
	void		*ctx = c->ctx;
	json_t		*rows = c->rows;

	TAILQ_REMOVE(&c->wp->calls, c, entry);
	ev_timer_free(&c->timer);
	free(c);
	cb(ctx, code, message, rows);
	json_decref(rows);
}

static struct webpolicy_call *
call_find(struct webpolicy *wp, uint32_t id)
{
	struct webpolicy_call	*c;

	TAILQ_FOREACH(c, &wp->calls, entry)
		if (c->id == id)
			return c;
	return NULL;
}

static void
on_late(void *ctx)
{
	call_end(ctx, 2, "policyd does not answer");
}

static int
on_row(void *ctx, const void *msg, int *fds)
{
	const struct ipc_ctl_row	*m = msg;
	struct webpolicy_call		*c = call_find(ctx, m->id);
	json_t				*row;

	(void)fds;
	if (c == NULL)
		return 0;
	row = json_loadb((const char *)m->json.p, m->json.len, 0, NULL);
	if (!json_is_object(row)) {
		json_decref(row);
		return -1;
	}
	return json_array_append_new(c->rows, row);
}

static int
on_end(void *ctx, const void *msg, int *fds)
{
	const struct ipc_ctl_end	*m = msg;
	struct webpolicy_call		*c = call_find(ctx, m->id);
	char				*message;

	(void)fds;
	if (c == NULL)
		return 0;
	message = slice_dup(m->message);
	call_end(c, m->code > 255 ? 255 : (int)m->code, message == NULL ? "" :
	    message);
	free(message);
	return 0;
}

static void
on_closed(void *ctx, const char *reason)
{
	struct webpolicy	*wp = ctx;
	struct webpolicy_call	*c, *next;
	struct call_list	 lost = TAILQ_HEAD_INITIALIZER(lost);

	log_warnx("event=policyd_lost error=\"%s\"", reason);
	ipc_free(&wp->ipc);
	/* Whom a callback calls is not among them. */
	TAILQ_CONCAT(&lost, &wp->calls, entry);
	for (c = TAILQ_FIRST(&lost); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		TAILQ_REMOVE(&lost, c, entry);
		TAILQ_INSERT_TAIL(&wp->calls, c, entry);
		call_end(c, 2, "policyd is away");
	}
}

static const struct ipc_permit permits[] = {
	{ IPC_ctl_row, ~0u, on_row },
	{ IPC_ctl_end, ~0u, on_end }
};

static int
connection(struct webpolicy *wp)
{
	int	fd;

	if (wp->ipc != NULL)
		return 0;
	if ((fd = webdoor_ask(wp->door)) == -1)
		return -1;
	wp->ipc = ipc_new(wp->loop, fd, ROLE_CTL, ROLE_PARENT, permits,
	    sizeof(permits) / sizeof(permits[0]), on_closed, wp);
	return wp->ipc == NULL ? -1 : 0;
}

struct webpolicy *
webpolicy_new(struct ev_loop *loop, int door)
{
	struct webpolicy	*wp = calloc(1, sizeof(*wp));

	if (wp == NULL)
		fatal("step=webpolicy");
	wp->loop = loop;
	wp->door = door;
	TAILQ_INIT(&wp->calls);
	return wp;
}

struct webpolicy_call *
webpolicy_call(struct webpolicy *wp, const char *verb, json_t *args,
    webpolicy_cb *cb, void *ctx)
{
	char			*text = json_dumps(args, JSON_COMPACT);
	struct webpolicy_call	*c = calloc(1, sizeof(*c));
	struct ipc_ctl_request	 m = { 0 };

	json_decref(args);
	if (text == NULL || c == NULL || (c->rows = json_array()) == NULL ||
	    connection(wp) == -1)
		goto fail;
	c->id = m.id = ++wp->next_id;
	m.verb = slice_str(verb);
	m.args = slice_str(text);
	c->wp = wp;
	c->cb = cb;
	c->ctx = ctx;
	if (ipc_send(wp->ipc, IPC_ctl_request, &m, NULL, 0) == -1)
		goto fail;
	explicit_bzero(text, strlen(text));
	free(text);
	TAILQ_INSERT_TAIL(&wp->calls, c, entry);
	c->timer = ev_timer_new(wp->loop, on_late, c);
	ev_timer_set(c->timer, ANSWER_MS);
	return c;
fail:
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
	if (c != NULL)
		json_decref(c->rows);
	free(c);
	return NULL;
}
