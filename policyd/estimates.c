/*
 * Questions about what the planner expects of a statement.  Runs in the parent,
 * which reads no SQL: it adds to a worker's text what it knows of the session,
 * and passes the keeper's answer back.  A session has one question at a time.
 * No keeper is no answer; who asked takes the statement for a large one.
 */
#include "estimates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "children.h"
#include "log.h"
#include "workers.h"

struct asking {
	TAILQ_ENTRY(asking)	 entry;
	uint32_t		 id;		/* ours */
	/* Of a session ... */
	char			 session[LEN_SESSION + 1];
	uint32_t		 theirs;
	/* ... or our own. */
	estimates_fn		*fn;
	void			*ctx;
};
TAILQ_HEAD(asking_list, asking);

struct estimates {
	struct asking_list	 list;
	uint32_t		 next_id;
};

/* Frees it. */
static void
asking_over(struct parent *p, struct asking *a, uint64_t rows, uint64_t cost,
    const char *reason)
{
	struct ipc_estimate_answer	 m = { slice_str(a->session),
	    a->theirs, reason == NULL, rows, cost };
	struct session			*s;

	TAILQ_REMOVE(&p->estimates->list, a, entry);
	if (reason != NULL)
		log_info("event=no_estimate session=%s reason=%s",
		    a->session, log_esc(reason, strlen(reason)));
	if (a->fn != NULL)
		a->fn(a->ctx, rows, cost, reason);
	s = a->session[0] == '\0' ? NULL :
	    sessions_find(p, slice_str(a->session));
	if (s != NULL && s->w != NULL)
		ipc_send(s->w->ipc, IPC_estimate_answer, &m, NULL, 0);
	free(a);
}

static int
asking_send(struct parent *p, struct asking *a, const char *profile,
    const char *database, struct slice text, struct slice types,
    struct slice params)
{
	struct ipc_estimate	 m = { 0, slice_str(profile),
				    slice_str(database), text, types, params };
	struct ipc		*keeper = children_keeper(p);

	a->id = m.id = p->estimates->next_id++;
	TAILQ_INSERT_TAIL(&p->estimates->list, a, entry);
	return keeper == NULL ? -1 :
	    ipc_send(keeper, IPC_estimate, &m, NULL, 0);
}

void
estimates_ask(struct session *s, const struct ipc_estimate_ask *m)
{
	struct ipc_estimate_answer	 none = { m->session, m->id, 0, 0,
					    0 };
	struct parent			*p = s->p;
	struct asking			*a, *next;

	for (a = TAILQ_FIRST(&p->estimates->list); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (strcmp(a->session, s->id) != 0)
			continue;
		TAILQ_REMOVE(&p->estimates->list, a, entry);
		free(a);
	}
	if ((a = calloc(1, sizeof(*a))) == NULL) {
		if (s->w != NULL)
			ipc_send(s->w->ipc, IPC_estimate_answer, &none, NULL,
			    0);
		return;
	}
	memcpy(a->session, s->id, sizeof(a->session));
	a->theirs = m->id;
	if (asking_send(p, a, s->profile, s->database, m->text, m->types,
	    m->params) == -1)
		asking_over(p, a, 0, 0, "there is no keeper");
}

int
estimates_for(struct parent *p, const char *profile, const char *database,
    struct slice text, estimates_fn *fn, void *ctx)
{
	struct asking	*a = calloc(1, sizeof(*a));
	struct slice	 none = slice_of(NULL, 0);

	if (a == NULL)
		return -1;
	a->fn = fn;
	a->ctx = ctx;
	if (text.len > LEN_ESTIMATE || asking_send(p, a, profile, database,
	    text, none, none) == -1) {
		if (text.len > LEN_ESTIMATE)
			TAILQ_INSERT_TAIL(&p->estimates->list, a, entry);
		asking_over(p, a, 0, 0, "there is no keeper, or the text is "
		    "too long");
	}
	return 0;
}

void
estimates_forget(struct parent *p, const void *ctx)
{
	struct asking	*a;

	TAILQ_FOREACH(a, &p->estimates->list, entry)
		if (a->fn != NULL && a->ctx == ctx)
			a->fn = NULL;
}

void
estimates_answer(struct parent *p, const struct ipc_estimated *m)
{
	struct asking	*a;
	char		 reason[LEN_REASON + 1];

	TAILQ_FOREACH(a, &p->estimates->list, entry)
		if (a->id == m->id)
			break;
	if (a == NULL)
		return;
	if (slice_copy(m->reason, reason, sizeof(reason)) == -1)
		snprintf(reason, sizeof(reason), "(no reason)");
	asking_over(p, a, m->rows, m->cost, m->ok ? NULL : reason);
}

void
estimates_keeper_lost(struct parent *p)
{
	struct asking	*a;

	while ((a = TAILQ_FIRST(&p->estimates->list)) != NULL)
		asking_over(p, a, 0, 0, "the keeper died");
}

void
estimates_init(struct parent *p)
{
	if ((p->estimates = calloc(1, sizeof(*p->estimates))) == NULL)
		fatal("step=estimates");
	TAILQ_INIT(&p->estimates->list);
	p->estimates->next_id = 1;
}
