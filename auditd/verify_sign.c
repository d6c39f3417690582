/*
 * Checkpoints in the chain and anchors outside it.  Run by auditctl verify on
 * rows whose hashes fit; what they say is still anybody's claim, since a whole
 * chain can be computed anew: only a signature by a known key, or a line that
 * was kept elsewhere, says that it is the one auditd wrote.
 */
#include "verify_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *
verify_body(struct verify *v, const struct row *r, const char *path)
{
	static char text[CHECKPOINT_LINE];

	text[0] = '\0';
	sqlite3_bind_text(v->body, 1, r->e.body, (int)r->e.body_len,
	    SQLITE_STATIC);
	sqlite3_bind_text(v->body, 2, path, -1, SQLITE_STATIC);
	if (sqlite3_step(v->body) == SQLITE_ROW &&
	    sqlite3_column_text(v->body, 0) != NULL)
		snprintf(text, sizeof(text), "%s",
		    (const char *)sqlite3_column_text(v->body, 0));
	sqlite3_reset(v->body);
	return text;
}

static bool
key_known(const struct verify *v, const struct checkpoint *c)
{
	size_t i;

	for (i = 0; i < v->opts->nkeys; i++)
		if (memcmp(v->opts->keys[i], c->key, SIGN_KEY_LEN) == 0)
			return true;
	return false;
}

/* By whom is it signed, and does that hold? */
static enum verify_code
check_signature(struct verify *v, const struct checkpoint *c, int64_t id,
    const char *what)
{
	if (v->opts->nkeys > 0 && !key_known(v, c))
		return verify_found(v, id, "%s %" PRId64 " is signed with "
		    "another key", what, id);
	if (!checkpoint_good(c))
		return verify_found(v, id, "%s %" PRId64 " has a bad "
		    "signature", what, id);
	return VERIFY_OK;
}

/* `prev` of the row is, by now, known to be the hash of the event before. */
static enum verify_code
check_checkpoint(struct verify *v, const struct row *r)
{
	enum verify_code code;
	struct checkpoint c;
	int64_t id = r->e.id;

	if (checkpoint_parse(verify_body(v, r, "$.line"), &c) == -1)
		return verify_found(v, id, "checkpoint %" PRId64
		    " is malformed", id);
	if (c.event != id - 1 || c.time != r->e.time ||
	    strcmp(c.store, v->id) != 0 ||
	    memcmp(c.hash, r->e.prev, SHA256_LEN) != 0)
		return verify_found(v, id, "checkpoint %" PRId64 " is not "
		    "about the event before it", id);
	code = check_signature(v, &c, id, "checkpoint");
	if (code != VERIFY_OK)
		return code;
	v->checkpoint = id;
	v->due = id + c.every;
	v->res->signed_event = c.event;
	v->res->signed_time = c.time;
	return VERIFY_OK;
}

bool
verify_kind(const struct row *r, const char *kind)
{
	return r->e.kind_len == strlen(kind) &&
	    memcmp(r->e.kind, kind, r->e.kind_len) == 0;
}

/* All anchors of this event, and past those before the first event. */
static enum verify_code
check_anchors(struct verify *v, const struct row *r)
{
	const struct anchors *a = v->opts->anchors;
	const struct checkpoint *c;
	enum verify_code code;

	for (; v->anchor < a->n && a->v[v->anchor].event <= r->e.id;
	    v->anchor++) {
		c = &a->v[v->anchor];
		if (strcmp(c->store, v->id) != 0 || c->event != r->e.id)
			continue;
		code = check_signature(v, c, c->event, "the anchor of event");
		if (code != VERIFY_OK)
			return code;
		if (memcmp(c->hash, r->hash, SHA256_LEN) != 0)
			return verify_found(v, c->event, "event %" PRId64
			    " is not the one that was anchored", c->event);
		v->anchored = true;
	}
	return VERIFY_OK;
}

enum verify_code
verify_sign_row(struct verify *v, const struct row *r)
{
	enum verify_code code = VERIFY_OK;

	if (verify_kind(r, "checkpoint"))
		code = check_checkpoint(v, r);
	else if (v->opts->nkeys > 0 && v->due != 0 && r->e.id >= v->due)
		code = verify_found(v, r->e.id, "event %" PRId64 " should be "
		    "the checkpoint that the one before, %" PRId64
		    ", promised", r->e.id, v->checkpoint);
	if (code == VERIFY_OK && v->opts->anchors != NULL)
		code = check_anchors(v, r);
	return code;
}

enum verify_code
verify_sign_end(struct verify *v)
{
	const struct anchors *a = v->opts->anchors;
	int64_t last = v->res->events;
	size_t i;

	if (v->opts->nkeys > 0 && last > 0 && v->checkpoint == 0)
		return verify_found(v, v->res->first, "nothing is signed: "
		    "there is no checkpoint");
	/* A segment by itself does not say what became of the others. */
	if (a == NULL || v->alone)
		return VERIFY_OK;
	for (i = a->n; i > v->anchor; i--)
		if (strcmp(a->v[i - 1].store, v->id) == 0)
			return verify_found(v, last + 1, "events %" PRId64
			    " to %" PRId64 " are missing at the end: they "
			    "were anchored", last + 1, a->v[i - 1].event);
	if (!v->anchored)
		return verify_found(v, v->res->first, "no anchor is of this "
		    "store: it is another one, or its events are gone");
	return VERIFY_OK;
}
