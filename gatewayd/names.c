/*
 * names: prepared statements and portals by name.  Runs in the worker.  Names
 * are a client's choice; the table is a plain chained hash with a cap.
 */
#include "names.h"

#include <sys/random.h>

#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN	16

struct entry {
	struct entry	*next;
	struct stmt	*stmt;		/* NULL: removed, not confirmed yet */
	uint64_t	 segment;	/* of the last change */
	unsigned int	 pending;	/* changes not answered */
	char		 name[];
};

struct names {
	struct entry	**bucket;
	size_t		 nbuckets, n;
	uint64_t	 seed;		/* so that nobody can choose a chain */
};

struct stmt *
stmt_new(uint64_t number, const uint8_t *text, size_t len, struct verdict *v,
    size_t *total)
{
	struct stmt *st;

	if (len > STMT_BYTES - *total ||
	    (st = calloc(1, sizeof(*st))) == NULL)
		return NULL;
	if ((st->text = malloc(len + 1)) == NULL) {
		free(st);
		return NULL;
	}
	memcpy(st->text, text, len);
	st->text[len] = '\0';
	st->len = len;
	st->refs = 1;
	st->number = number;
	st->verdict = verdict_ref(v);
	st->total = total;
	*total += len;
	return st;
}

struct stmt *
stmt_bind(struct stmt *base, const uint8_t *params, size_t len)
{
	struct stmt *st;

	if (len > STMT_BYTES - *base->total ||
	    (st = calloc(1, sizeof(*st))) == NULL)
		return NULL;
	if (len > 0 && (st->params = malloc(len)) == NULL) {
		free(st);
		return NULL;
	}
	if (len > 0)
		memcpy(st->params, params, len);
	st->params_len = len;
	st->refs = 1;
	st->number = base->number;
	st->pos = base->pos;
	st->text = base->text;
	st->len = base->len;
	st->verdict = verdict_ref(base->verdict);
	st->total = base->total;
	*st->total += len;
	st->base = stmt_ref(base);
	return st;
}

int
stmt_types(struct stmt *st, const uint8_t *types, size_t len)
{
	if (len > STMT_BYTES - *st->total ||
	    (st->types = malloc(len + 1)) == NULL)
		return -1;
	memcpy(st->types, types, len);
	st->types_len = len;
	*st->total += len;
	return 0;
}

struct stmt *
stmt_ref(struct stmt *st)
{
	if (st != NULL)
		st->refs++;
	return st;
}

void
stmt_unref(struct stmt **stp)
{
	struct stmt *st = *stp;

	*stp = NULL;
	if (st == NULL || --st->refs > 0)
		return;
	verdict_unref(&st->verdict);
	verdict_unref(&st->approved);
	columns_unref(&st->columns);
	*st->total -= st->params_len + st->types_len;
	free(st->params);
	free(st->types);
	free(st->est);
	if (st->base == NULL) {
		*st->total -= st->len;
		free(st->text);
	} else
		stmt_unref(&st->base);
	free(st);
}

struct names *
names_new(void)
{
	struct names *t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->nbuckets = BUCKETS_MIN;
	if ((t->bucket = calloc(t->nbuckets, sizeof(*t->bucket))) == NULL) {
		free(t);
		return NULL;
	}
	if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) !=
	    (ssize_t)sizeof(t->seed))
		t->seed = (uintptr_t)t;
	return t;
}

static void
entry_free(struct entry *e)
{
	stmt_unref(&e->stmt);
	free(e);
}

void
names_free(struct names **tp)
{
	struct names *t = *tp;
	struct entry *e;
	size_t i;

	*tp = NULL;
	if (t == NULL)
		return;
	for (i = 0; i < t->nbuckets; i++)
		while ((e = t->bucket[i]) != NULL) {
			t->bucket[i] = e->next;
			entry_free(e);
		}
	free(t->bucket);
	free(t);
}

static size_t
name_hash(const struct names *t, const char *s)
{
	uint64_t h = t->seed;
	size_t i;

	for (i = 0; i < NAME_BYTES && s[i] != '\0'; i++)
		h = (h ^ (unsigned char)s[i]) * 1099511628211u;
	return (size_t)(h ^ h >> 32) & (t->nbuckets - 1);
}

static struct entry **
names_find(struct names *t, const char *name)
{
	struct entry **e = &t->bucket[name_hash(t, name)];

	while (*e != NULL && strncmp((*e)->name, name, NAME_BYTES) != 0)
		e = &(*e)->next;
	return e;
}

/* Twice the buckets; when memory is out the chains just get longer. */
static void
names_grow(struct names *t)
{
	struct entry **old = t->bucket, *e, **to;
	size_t i, n = t->nbuckets;

	if ((t->bucket = calloc(n * 2, sizeof(*t->bucket))) == NULL) {
		t->bucket = old;
		return;
	}
	t->nbuckets = n * 2;
	for (i = 0; i < n; i++)
		while ((e = old[i]) != NULL) {
			old[i] = e->next;
			to = &t->bucket[name_hash(t, e->name)];
			e->next = *to;
			*to = e;
		}
	free(old);
}

static void
names_drop(struct names *t, struct entry **at)
{
	struct entry *e = *at;

	*at = e->next;
	t->n--;
	entry_free(e);
}

enum name_state
names_get(struct names *t, const char *name, uint64_t segment,
    struct stmt **stmt_r)
{
	struct entry *e = *names_find(t, name);

	*stmt_r = NULL;
	if (e == NULL)
		return NAME_NONE;
	if (e->pending > 0 && e->segment != segment)
		return NAME_UNSURE;
	*stmt_r = e->stmt;
	return e->stmt == NULL ? NAME_NONE : NAME_KNOWN;
}

int
names_set(struct names *t, const char *name, struct stmt *st, uint64_t segment,
    struct name_change *ch)
{
	struct entry **at = names_find(t, name), *e = *at;
	size_t len = strnlen(name, NAME_BYTES);

	memset(ch, 0, sizeof(*ch));
	if (e == NULL && st == NULL)
		return 0;
	if ((e == NULL && t->n >= NAMES_MAX) ||
	    (ch->name = strndup(name, len)) == NULL)
		return -1;
	if (e == NULL) {
		if ((e = calloc(1, sizeof(*e) + len + 1)) == NULL) {
			free(ch->name);
			ch->name = NULL;
			return -1;
		}
		memcpy(e->name, name, len);
		*at = e;
		if (++t->n > t->nbuckets)
			names_grow(t);
	}
	ch->before = e->stmt;
	ch->after = stmt_ref(st);
	e->stmt = stmt_ref(st);
	e->segment = segment;
	e->pending++;
	return 0;
}

static void
change_end(struct name_change *ch)
{
	free(ch->name);
	ch->name = NULL;
	stmt_unref(&ch->before);
	stmt_unref(&ch->after);
}

void
names_confirm(struct names *t, struct name_change *ch)
{
	struct entry **at;

	if (ch->name == NULL)
		return;
	at = names_find(t, ch->name);
	if (*at != NULL && --(*at)->pending == 0 && (*at)->stmt == NULL)
		names_drop(t, at);
	change_end(ch);
}

void
names_back(struct names *t, struct name_change *ch)
{
	struct entry *e;

	if (ch->name == NULL || (e = *names_find(t, ch->name)) == NULL)
		return;
	stmt_unref(&e->stmt);
	e->stmt = stmt_ref(ch->before);
}

void
names_again(struct names *t, struct name_change *ch)
{
	struct entry *e;

	if (ch->name == NULL || (e = *names_find(t, ch->name)) == NULL)
		return;
	stmt_unref(&ch->before);
	ch->before = e->stmt;
	e->stmt = stmt_ref(ch->after);
}

void
names_forget(struct names *t, struct name_change *ch)
{
	/* The name is as it is; only nobody waits for this change any more. */
	names_confirm(t, ch);
}

void
names_clear(struct names *t)
{
	struct entry **at;
	size_t i;

	for (i = 0; i < t->nbuckets && t->n > 0; i++)
		for (at = &t->bucket[i]; *at != NULL;)
			if ((*at)->pending == 0)
				names_drop(t, at);
			else {
				stmt_unref(&(*at)->stmt);
				at = &(*at)->next;
			}
}

void
names_expire(struct names *t, uint64_t segment)
{
	struct entry **at;
	size_t i;

	for (i = 0; i < t->nbuckets && t->n > 0; i++)
		for (at = &t->bucket[i]; *at != NULL;)
			if ((*at)->segment < segment && (*at)->pending == 0 &&
			    ((*at)->stmt == NULL || !(*at)->stmt->lasts))
				names_drop(t, at);
			else
				at = &(*at)->next;
}
