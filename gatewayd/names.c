/*
 * names: prepared statements and portals by name.  Runs in the worker.  Names
 * are a client's choice; the table is a plain chained hash with a cap.
 */
#include "names.h"

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
};

struct stmt *
stmt_new(uint64_t number, const uint8_t *text, size_t len, struct verdict *v)
{
	struct stmt *st;

	if ((st = calloc(1, sizeof(*st))) == NULL ||
	    (st->text = malloc(len + 1)) == NULL) {
		free(st);
		return NULL;
	}
	memcpy(st->text, text, len);
	st->text[len] = '\0';
	st->len = len;
	st->refs = 1;
	st->number = number;
	st->verdict = verdict_ref(v);
	return st;
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
	free(st->text);
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
name_hash(const char *s)
{
	size_t h = 5381;

	while (*s != '\0')
		h = h * 33 ^ (unsigned char)*s++;
	return h;
}

static struct entry **
names_find(struct names *t, const char *name)
{
	struct entry **e = &t->bucket[name_hash(name) & (t->nbuckets - 1)];

	while (*e != NULL && strcmp((*e)->name, name) != 0)
		e = &(*e)->next;
	return e;
}

/* Twice the buckets; when memory is out the chains just get longer. */
static void
names_grow(struct names *t)
{
	size_t i, n = t->nbuckets * 2;
	struct entry **b, *e, **to;

	if ((b = calloc(n, sizeof(*b))) == NULL)
		return;
	for (i = 0; i < t->nbuckets; i++)
		while ((e = t->bucket[i]) != NULL) {
			t->bucket[i] = e->next;
			to = &b[name_hash(e->name) & (n - 1)];
			e->next = *to;
			*to = e;
		}
	free(t->bucket);
	t->bucket = b;
	t->nbuckets = n;
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
	size_t len = strlen(name) + 1;

	memset(ch, 0, sizeof(*ch));
	if (e == NULL && st == NULL)
		return 0;
	if ((e == NULL && t->n >= NAMES_MAX) ||
	    (ch->name = malloc(len)) == NULL)
		return -1;
	memcpy(ch->name, name, len);
	if (e == NULL) {
		if ((e = calloc(1, sizeof(*e) + len)) == NULL) {
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
names_undo(struct names *t, struct name_change *ch)
{
	struct entry **at, *e;

	if (ch->name == NULL)
		return;
	at = names_find(t, ch->name);
	if ((e = *at) != NULL) {
		stmt_unref(&e->stmt);
		e->stmt = ch->before;
		ch->before = NULL;
		if (--e->pending == 0 && e->stmt == NULL)
			names_drop(t, at);
	}
	change_end(ch);
}

void
names_expire(struct names *t, uint64_t segment)
{
	struct entry **at;
	size_t i;

	for (i = 0; i < t->nbuckets && t->n > 0; i++)
		for (at = &t->bucket[i]; *at != NULL;)
			if ((*at)->segment < segment && (*at)->pending == 0)
				names_drop(t, at);
			else
				at = &(*at)->next;
}
