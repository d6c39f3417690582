/*
 * verdicts: what the engine decided, and the worker's cache of it.  Runs in
 * the worker.  The engine serves one profile only and may have been taken over
 * by the SQL of one of its sessions: a verdict that is not coherent is none.
 */
#include "verdicts.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS		1024
#define TEXT_MAX	(16 * 1024)
#define BYTES_MAX	(2 * 1024 * 1024)

struct slot {
	uint64_t	 hash;
	uint8_t		*text;
	size_t		 len;
	struct verdict	*v;
};

struct verdict_cache {
	struct slot	 slot[SLOTS];	/* one place for each hash */
	size_t		 bytes;
};

static int
verdict_coherent(const struct ipc_verdict *m)
{
	switch (m->action) {
	case VERDICT_DENY:
	case VERDICT_ALLOW:
		return m->rewritten.len == 0;
	case VERDICT_MASK:
		return m->rewritten.len > 0 &&
		    memchr(m->rewritten.p, '\0', m->rewritten.len) == NULL;
	}
	return 0;
}

static int
verdict_complete(const struct verdict *v)
{
	return v->rule != NULL && v->kind != NULL && v->sqlstate != NULL &&
	    v->message != NULL && v->hint != NULL && v->masked != NULL &&
	    v->name != NULL;
}

/* NULL for an empty one: most have none. */
static int
dup_some(char **out, struct slice s)
{
	*out = s.len == 0 ? NULL : slice_dup(s);
	return s.len == 0 || *out != NULL;
}

struct verdict *
verdict_new(const struct ipc_verdict *m)
{
	struct verdict *v;

	if (!verdict_coherent(m) || (v = calloc(1, sizeof(*v))) == NULL)
		return NULL;
	v->refs = 1;
	v->generation = m->generation;
	v->epoch = m->epoch;
	v->action = m->action;
	v->flags = m->flags;
	v->cap_rows = m->cap_rows;
	v->cap_bytes = m->cap_bytes;
	v->cap_affected = m->cap_affected;
	v->rule = slice_dup(m->rule);
	v->kind = slice_dup(m->kind);
	v->sqlstate = slice_dup(m->sqlstate);
	v->message = slice_dup(m->message);
	v->hint = slice_dup(m->hint);
	v->masked = slice_dup(m->masked);
	v->name = slice_dup(m->name);
	if (m->rewritten.len > 0) {
		v->rewritten = (uint8_t *)slice_dup(m->rewritten);
		v->rewritten_len = m->rewritten.len;
	}
	if (!dup_some(&v->tags, m->tags) ||
	    !dup_some(&v->observed, m->observed) ||
	    !dup_some(&v->touched, m->touched) || !verdict_complete(v) ||
	    (m->rewritten.len > 0 && v->rewritten == NULL))
		verdict_unref(&v);
	return v;
}

struct verdict *
verdict_deny(uint64_t generation, const char *sqlstate, const char *rule,
    const char *message, const char *hint)
{
	struct ipc_verdict m = { .generation = generation,
	    .action = VERDICT_DENY, .rule = slice_str(rule),
	    .sqlstate = slice_str(sqlstate), .message = slice_str(message),
	    .hint = slice_str(hint) };

	return verdict_new(&m);
}

struct verdict *
verdict_ref(struct verdict *v)
{
	if (v != NULL)
		v->refs++;
	return v;
}

void
verdict_unref(struct verdict **vp)
{
	struct verdict *v = *vp;

	*vp = NULL;
	if (v == NULL || --v->refs > 0)
		return;
	free(v->rule);
	free(v->kind);
	free(v->sqlstate);
	free(v->message);
	free(v->hint);
	free(v->masked);
	free(v->name);
	free(v->tags);
	free(v->observed);
	free(v->touched);
	free(v->rewritten);
	free(v);
}

int
verdict_capped(const struct verdict *v)
{
	return v->action != VERDICT_DENY && (v->cap_rows != 0 ||
	    v->cap_bytes != 0 || v->cap_affected != 0);
}

int
verdict_same_effect(const struct verdict *a, const struct verdict *b)
{
	return ((a->flags ^ b->flags) & VERDICT_HOLD) == 0 &&
	    verdict_same_text(a, b);
}

int
verdict_same_text(const struct verdict *a, const struct verdict *b)
{
	return a->action == b->action &&
	    a->rewritten_len == b->rewritten_len &&
	    (a->rewritten_len == 0 ||
	    memcmp(a->rewritten, b->rewritten, a->rewritten_len) == 0);
}

struct verdict_cache *
verdict_cache_new(void)
{
	return calloc(1, sizeof(struct verdict_cache));
}

static void
slot_clear(struct verdict_cache *c, struct slot *s)
{
	c->bytes -= s->len;
	free(s->text);
	verdict_unref(&s->v);
	memset(s, 0, sizeof(*s));
}

void
verdict_cache_free(struct verdict_cache **cp)
{
	size_t i;

	if (*cp == NULL)
		return;
	for (i = 0; i < SLOTS; i++)
		if ((*cp)->slot[i].v != NULL)
			slot_clear(*cp, &(*cp)->slot[i]);
	free(*cp);
	*cp = NULL;
}

/* FNV-1a: the text is compared, so collisions only cost a miss. */
static uint64_t
text_hash(const uint8_t *p, size_t n)
{
	uint64_t h = 14695981039346656037u;
	size_t i;

	for (i = 0; i < n; i++)
		h = (h ^ p[i]) * 1099511628211u;
	return h ^ h >> 32;
}

struct verdict *
verdict_cache_get(struct verdict_cache *c, const uint8_t *text, size_t len,
    uint64_t generation, uint64_t epoch)
{
	uint64_t h = text_hash(text, len);
	struct slot *s = &c->slot[h % SLOTS];

	if (s->v == NULL || s->hash != h || s->len != len ||
	    memcmp(s->text, text, len) != 0)
		return NULL;
	if (s->v->generation != generation || s->v->epoch != epoch) {
		slot_clear(c, s);
		return NULL;
	}
	return s->v;
}

void
verdict_cache_put(struct verdict_cache *c, const uint8_t *text, size_t len,
    struct verdict *v)
{
	uint64_t h = text_hash(text, len);
	struct slot *s = &c->slot[h % SLOTS];
	uint8_t *copy;

	if ((v->flags & VERDICT_CACHEABLE) == 0 || len == 0 || len > TEXT_MAX)
		return;
	if (s->v != NULL)
		slot_clear(c, s);
	if (c->bytes + len > BYTES_MAX || (copy = malloc(len)) == NULL)
		return;
	memcpy(copy, text, len);
	s->hash = h;
	s->text = copy;
	s->len = len;
	s->v = verdict_ref(v);
	c->bytes += len;
}
