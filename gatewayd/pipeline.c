/*
 * pipeline: the queue of forwarded messages that the server has to answer.
 * Runs in the worker.  Pure bookkeeping; a server that answers out of turn is
 * found here (-1), and the session ends.
 */
#include "pipeline.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

void
clock_start(uint64_t *us)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	*us = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void
pipe_init(struct pipeline *p)
{
	memset(p, 0, sizeof(*p));
	p->last = &p->first;
	p->done_last = &p->done;
}

void
pipe_entry_free(struct pipe_entry **ep)
{
	struct pipe_entry *e = *ep;
	size_t i;

	*ep = NULL;
	if (e == NULL)
		return;
	for (i = 0; i < CHANGES_MAX; i++) {
		free(e->change[i].name);
		stmt_unref(&e->change[i].before);
		stmt_unref(&e->change[i].after);
	}
	verdict_unref(&e->verdict);
	if (e->cap != NULL) {
		stmt_unref(&e->cap->portal);
		free(e->cap->name);
		free(e->cap);
	}
	columns_unref(&e->columns);
	stmt_unref(&e->subject);
	free(e->deny_message);
	free(e->deny_hint);
	free(e->error);
	free(e);
}

void
pipe_clear(struct pipeline *p)
{
	struct pipe_entry *e;

	while ((e = p->first) != NULL) {
		p->first = e->next;
		pipe_entry_free(&e);
	}
	while ((e = pipe_outcome(p)) != NULL)
		pipe_entry_free(&e);
	pipe_init(p);
}

struct pipe_entry *
pipe_push(struct pipeline *p, uint8_t type, struct verdict *v)
{
	struct pipe_entry *e;

	if ((e = calloc(1, sizeof(*e))) == NULL)
		return NULL;
	clock_start(&e->started);
	e->type = type;
	e->verdict = verdict_ref(v);
	e->segment = p->segment;
	if (type == 'S')
		p->segment++;
	/* Execute leaves a transaction open; these say how it stands. */
	if (type == 'E')
		p->executed = true;
	else if (type == 'S' || type == 'Q' || type == 'F')
		p->executed = false;
	*p->last = e;
	p->last = &e->next;
	p->last_type = type;
	p->n++;
	return e;
}

int
pipe_change(struct pipeline *p, struct pipe_entry *e, struct names *names,
    const char *name, struct stmt *st)
{
	size_t i = 0;

	while (i < CHANGES_MAX && e->names[i] != NULL)
		i++;
	if (i == CHANGES_MAX)
		return -1;
	e->names[i] = names;
	return names_set(names, name, st, p->segment, &e->change[i]);
}

static struct pipe_entry *
pipe_unlink(struct pipeline *p)
{
	struct pipe_entry *e = p->first;

	if ((p->first = e->next) == NULL) {
		p->last = &p->first;
		p->last_type = 0;
	}
	e->next = NULL;
	p->n--;
	if (p->exclusive == e)
		p->exclusive = NULL;
	return e;
}

/* Keep it for its outcome, or be done with it. */
static void
pipe_finish(struct pipeline *p, struct pipe_entry *e)
{
	if (e->stmt == 0) {
		pipe_entry_free(&e);
		return;
	}
	*p->done_last = e;
	p->done_last = &e->next;
	p->ndone++;
}

void
pipe_pop(struct pipeline *p)
{
	struct pipe_entry *e = pipe_unlink(p);
	size_t i;

	e->answered = true;
	for (i = 0; i < CHANGES_MAX; i++)
		if (e->names[i] != NULL)
			names_confirm(e->names[i], &e->change[i]);
	pipe_finish(p, e);
}

void
pipe_fail(struct pipeline *p, const char *sqlstate, const char *message)
{
	struct pipe_entry *e = p->first;

	if (e == NULL)
		return;
	if (!e->failed) {
		strncpy(e->sqlstate, sqlstate, sizeof(e->sqlstate) - 1);
		e->error = strndup(message, LEN_REASON);
	}
	e->failed = e->answered = true;
	e->copying = false;
	/* Q and F answer ReadyForQuery by themselves. */
	p->skipping = e->type != 'Q' && e->type != 'F';
	if (p->skipping && p->exclusive == e)
		p->exclusive = NULL;
}

bool
pipe_skips(const struct pipeline *p)
{
	return p->skipping && p->first != NULL &&
	    p->first->segment == p->segment;
}

static void
entry_names(struct pipe_entry *e,
    void (*fn)(struct names *, struct name_change *))
{
	size_t i;

	for (i = 0; i < CHANGES_MAX && e->names[i] != NULL; i++)
		fn(e->names[i], &e->change[i]);
}

static void
pipe_back(struct pipe_entry **all, size_t n)
{
	size_t i;

	while (n-- > 0)
		for (i = CHANGES_MAX; i-- > 0;)
			if (all[n]->names[i] != NULL)
				names_back(all[n]->names[i],
				    &all[n]->change[i]);
}

/*
 * The first n entries were refused or skipped.  Every change is taken back,
 * newest first, and those behind the Sync are made again on what is left.
 */
static int
pipe_undo(struct pipeline *p, size_t n)
{
	struct pipe_entry **all, *e;
	struct name_change ch;
	size_t i = 0;

	if (n == 0)
		return 0;
	if ((all = calloc(p->n, sizeof(*all))) == NULL)
		return -1;
	for (e = p->first; e != NULL; e = e->next)
		all[i++] = e;
	pipe_back(all, p->n);
	/* An unnamed Parse that was executed and failed has destroyed the
	 * unnamed statement all the same (exec_parse_message() drops it first). */
	e = p->first;
	if (e->failed && e->unnamed && e->names[0] != NULL &&
	    names_set(e->names[0], "", NULL, p->segment, &ch) == 0)
		names_confirm(e->names[0], &ch);
	for (i = 0; i < p->n; i++)
		entry_names(all[i], i < n ? names_forget : names_again);
	free(all);
	return 0;
}

void
pipe_unrun(struct pipeline *p)
{
	struct pipe_entry *e = p->first;
	size_t i;

	for (i = CHANGES_MAX; i-- > 1;)
		if (e->names[i] != NULL)
			names_back(e->names[i], &e->change[i]);
}

int
pipe_ready(struct pipeline *p, uint64_t *segment_r)
{
	struct pipe_entry *e = p->first;
	size_t n = 0;
	bool sync;

	if (e == NULL)
		return -1;
	if (e->type == 'Q' || e->type == 'F') {
		*segment_r = e->segment;
		e->answered = true;
		pipe_pop(p);
		return 0;
	}
	if (e->type != 'S' && !p->skipping)
		return -1;
	for (; e != NULL && e->type != 'S'; e = e->next)
		n++;
	if (e == NULL)
		return -1;
	if (pipe_undo(p, n) == -1)
		return -1;
	p->skipping = false;
	do {
		e = pipe_unlink(p);
		sync = e->type == 'S';
		*segment_r = e->segment;
		pipe_finish(p, e);
	} while (!sync);
	return 0;
}

/* A transaction begins after it, in the same segment. */
static bool
begins_later(const struct pipe_entry *e)
{
	while ((e = e->next) != NULL)
		if (strcmp(e->tag, "BEGIN") == 0 ||
		    strcmp(e->tag, "START TRANSACTION") == 0)
			return true;
	return false;
}

/* What ended with this entry's command; NULL: nothing did. */
static const char *
ends(const struct pipe_entry *e, uint8_t status)
{
	if (e->failed)
		return NULL;
	if (strcmp(e->tag, "COMMIT") == 0)
		return "committed";
	if (strcmp(e->tag, "PREPARE TRANSACTION") == 0)
		return "prepared";
	/* ROLLBACK TO has the same tag. */
	if (strcmp(e->tag, "ROLLBACK") == 0 &&
	    (status == 'I' || begins_later(e)))
		return "partly";
	return NULL;
}

static void
set_fate(struct pipe_entry *from, const struct pipe_entry *to,
    const char *fate)
{
	for (; from != to; from = from->next)
		from->transaction = fate;
}

/*
 * A command that ends a transaction speaks for all before it, and the status
 * for what comes after the last of them.
 */
void
pipe_transaction(struct pipeline *p, uint8_t status)
{
	const struct pipe_entry *last = NULL;
	struct pipe_entry *e, *from = p->done;
	bool failed = false;

	for (e = p->done; e != NULL; e = e->next) {
		failed = failed || e->failed;
		if (e->tag[0] != '\0')
			last = e;
		if (ends(e, status) == NULL)
			continue;
		set_fate(from, e->next, ends(e, status));
		from = e->next;
	}
	set_fate(from, NULL, status == 'T' ? "open" : status == 'E' ?
	    "failed" : failed ? "rolled back" : "committed");
	/* Outside a transaction now: then it was no ROLLBACK TO. */
	for (e = p->done; e != NULL && status == 'I' && !failed; e = e->next)
		if (last != NULL && strcmp(last->tag, "ROLLBACK") == 0 &&
		    strcmp(e->transaction, "partly") == 0)
			e->transaction = "rolled back";
	/* One text in which something stayed and something did not. */
	for (e = p->done; e != NULL; e = e->next)
		if ((e->commits && strcmp(e->transaction, "committed") != 0) ||
		    (e->rolls_back && strcmp(e->tag, "ROLLBACK") != 0))
			e->transaction = "partly";
}

struct pipe_entry *
pipe_outcome(struct pipeline *p)
{
	struct pipe_entry *e = p->done;

	if (e == NULL)
		return NULL;
	if ((p->done = e->next) == NULL)
		p->done_last = &p->done;
	p->ndone--;
	e->next = NULL;
	return e;
}
