/*
 * Who is awake and who sleeps.  Run by auditd.  What a writer says in its
 * header (how far it has written, what it waits for) is a hint: a lie costs a
 * look, or a byte in the liar's own FIFO.  Only memory can fail here.
 */
#include "roster.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
roster_init(struct roster *r)
{
	memset(r, 0, sizeof(*r));
	TAILQ_INIT(&r->hot);
}

struct entry *
roster_find(const struct roster *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->nslots; i++)
		if (r->slots[i] != NULL &&
		    strcmp(r->slots[i]->file.name, name) == 0)
			return r->slots[i];
	return NULL;
}

int
roster_slot(struct roster *r, uint32_t want, uint32_t *number)
{
	struct entry **slots;
	size_t i, n;

	if (want < r->nslots && r->slots[want] == NULL) {
		*number = want;
		return 0;
	}
	if (want >= r->nslots && want < 1024 * 1024)
		n = (size_t)want + 64;
	else {
		for (i = 0; i < r->nslots; i++)
			if (r->slots[i] == NULL) {
				*number = (uint32_t)i;
				return 0;
			}
		n = r->nslots + 64;
		want = (uint32_t)r->nslots;
	}
	if ((slots = realloc(r->slots, n * sizeof(struct entry *))) == NULL)
		return -1;
	memset(slots + r->nslots, 0, (n - r->nslots) * sizeof(struct entry *));
	r->slots = slots;
	r->nslots = n;
	*number = want;
	return 0;
}

uint32_t
roster_free_number(const struct roster *r)
{
	size_t i;

	for (i = 0; i < r->nslots; i++)
		if (r->slots[i] == NULL)
			break;
	return (uint32_t)i;
}

void
entry_wake(struct roster *r, struct entry *e)
{
	e->empty = 0;
	if (e->awake)
		return;
	e->awake = true;
	r->nhot++;
	TAILQ_INSERT_TAIL(&r->hot, e, link);
	atomic_store(&e->file.pos->sleeping, 0);
}

static void
entry_cool(struct roster *r, struct entry *e)
{
	if (!e->awake)
		return;
	e->awake = false;
	r->nhot--;
	TAILQ_REMOVE(&r->hot, e, link);
}

void
entry_free(struct roster *r, struct entry *e)
{
	entry_cool(r, e);
	drain_clear(&e->drain);
	spoolfile_close(&e->file);
	free(e);
}

void
entry_ack(struct entry *e, uint64_t want)
{
	if (want == e->acked || want == 0 ||
	    (want > e->drain.done.pos && !e->drain.done.broken))
		return;
	/* Full: it has not read the last ones yet, so it will look. */
	if (write(e->file.ack, "", 1) == 1 || e->drain.done.broken)
		e->acked = want;
}

bool
entry_pending(struct entry *e)
{
	uint64_t head, want;

	if (drain_peek(&e->drain, &head, &want) == -1)
		return !e->drain.now.broken;
	entry_ack(e, want);
	return !e->drain.now.broken && head != e->drain.now.pos;
}

/*
 * The writer publishes its head, then looks whether we sleep; we say that we
 * sleep, then look at the head.  One of us sees the other.
 */
void
entry_sleep(struct roster *r, struct entry *e)
{
	atomic_store(&e->file.pos->sleeping, 1);
	atomic_thread_fence(memory_order_seq_cst);
	if (entry_pending(e)) {
		atomic_store(&e->file.pos->sleeping, 0);
		e->empty = 0;
		return;
	}
	entry_cool(r, e);
}

struct entry *
roster_nth(const struct roster *r, size_t i)
{
	size_t at;

	for (at = 0; at < r->nslots; at++)
		if (r->slots[at] != NULL && i-- == 0)
			return r->slots[at];
	return NULL;
}

bool
roster_close_orphans(struct roster *r, const struct entry *but)
{
	struct entry *e;
	bool any = false;
	size_t i;

	for (i = 0; i < r->nslots; i++) {
		e = r->slots[i];
		if (e == NULL || e == but || e->closing || e->client != NULL ||
		    e->file.owner != ROLE_PARENT)
			continue;
		e->closing = any = true;
		entry_wake(r, e);
	}
	return any;
}

bool
roster_client_gone(struct roster *r, const void *client)
{
	const struct entry *live = NULL;
	size_t i;

	for (i = 0; i < r->nslots; i++) {
		if (r->slots[i] == NULL)
			continue;
		if (r->slots[i]->client == client)
			r->slots[i]->client = NULL;
		else if (r->slots[i]->client != NULL &&
		    r->slots[i]->file.owner == ROLE_PARENT)
			live = r->slots[i];
	}
	/* The next policyd came before the last one was known to be gone. */
	return live != NULL && roster_close_orphans(r, live);
}

void
roster_beat(const struct roster *r, uint64_t now)
{
	size_t i;

	for (i = 0; i < r->nslots; i++)
		if (r->slots[i] != NULL)
			atomic_store(&r->slots[i]->file.pos->heartbeat, now);
}

void
roster_count(const struct roster *r, unsigned int *broken,
    unsigned int *closing)
{
	size_t i;

	*broken = *closing = 0;
	for (i = 0; i < r->nslots; i++) {
		if (r->slots[i] == NULL)
			continue;
		*broken += r->slots[i]->drain.done.broken;
		*closing += r->slots[i]->closing;
	}
}
