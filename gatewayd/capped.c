/*
 * capped: statements whose answer or effect may only be so large.  Runs in the
 * worker.  The server is believed what it says of rows: it is the one whose
 * data are at stake.  Out of memory ends the session.
 */
#include "capped.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deny.h"

/* Rows that the server may send before it is asked for more: what is over a
 * cap of bytes is thrown away up to there. */
#define BATCH	1000u

static struct cap_run *
run_new(struct pipe_entry *e, const char *name)
{
	if ((e->cap = calloc(1, sizeof(*e->cap))) == NULL ||
	    (e->cap->name = strdup(name)) == NULL)
		return NULL;
	return e->cap;
}

/* One row over the cap is enough to know. */
static uint32_t
batch_size(const struct pipe_entry *e)
{
	const struct cap_run *run = e->cap;
	const struct verdict *v = e->verdict;
	uint64_t n = INT32_MAX, left;

	if (run->asked != 0 && run->asked - run->passed < n)
		n = run->asked - run->passed;
	if (v->cap_rows != 0) {
		left = v->cap_rows > run->rows ? v->cap_rows - run->rows : 0;
		if (left + 1 < n)
			n = left + 1;
	}
	if (v->cap_bytes != 0 && n > BATCH)
		n = BATCH;
	return n == INT32_MAX ? 0 : (uint32_t)n;
}

static int
send_batch(struct session *s, struct pipe_entry *e)
{
	struct cap_run *run = e->cap;
	size_t at;

	run->batch = batch_size(e);
	run->batches++;
	if (pg_begin(&s->db.out, 'E', &at) == -1 ||
	    buf_add_cstr(&s->db.out, run->name) == -1 ||
	    buf_add_be32(&s->db.out, run->batch) == -1 ||
	    pg_end(&s->db.out, at) == -1)
		return -1;
	return pg_add(&s->db.out, 'H', NULL, 0);
}

int
capped_query(struct session *s, struct pipe_entry *e, const uint8_t *text,
    size_t len)
{
	struct buf *out = &s->db.out;
	size_t at;

	if (run_new(e, "") == NULL)
		return -1;
	if (pg_begin(out, 'P', &at) == -1 || buf_add_cstr(out, "") == -1 ||
	    buf_add(out, text, len) == -1 || buf_add_u8(out, '\0') == -1 ||
	    buf_add_be16(out, 0) == -1 || pg_end(out, at) == -1)
		return -1;
	/* No parameters; all results as text, as those of a Query are. */
	if (pg_add(out, 'B', "\0\0\0\0\0\0\0\0", 8) == -1 ||
	    pg_add(out, 'D', "P", 2) == -1)
		return -1;
	return send_batch(s, e);
}

int
capped_execute(struct session *s, struct pipe_entry *e, const uint8_t *body,
    size_t len, struct stmt *portal)
{
	struct cap_run *run;
	struct pg_reader r;

	pg_read(&r, body, len);
	if ((run = run_new(e, pg_str(&r))) == NULL)
		return -1;
	run->asked = pg_u32(&r);
	/* The server takes what is negative for all. */
	if (run->asked > INT32_MAX)
		run->asked = 0;
	run->portal = stmt_ref(portal);
	run->rows = portal->rows;
	run->bytes = portal->bytes;
	s->pipe.exclusive = e;
	return send_batch(s, e);
}

bool
capped_row(struct pipe_entry *e, uint64_t bytes)
{
	const struct verdict *v = e->verdict;
	struct cap_run *run = e->cap;

	run->rows++;
	run->bytes += bytes;
	if (run->portal != NULL) {
		run->portal->rows = run->rows;
		run->portal->bytes = run->bytes;
	}
	if ((v->cap_rows != 0 && run->rows > v->cap_rows) ||
	    (v->cap_bytes != 0 && run->bytes > v->cap_bytes))
		run->over = true;
	if (run->over)
		return false;
	run->passed++;
	return true;
}

/* What it did must not stay: have its transaction fail. */
static enum capped_next
refuse(struct session *s, struct pipe_entry *e, const char *message,
    const char *hint)
{
	char name[64];

	if (deny_by(e, "54000", message, hint) == -1)
		return CAPPED_FAILED;
	/* Under a name: an unnamed Parse drops the client's statement. */
	snprintf(name, sizeof(name), "pst_deny_%s", e->nonce);
	if (deny_parse(&s->db.out, e, name) == -1)
		return CAPPED_FAILED;
	e->cap->synced = true;
	if (e->type == 'Q' && pg_add(&s->db.out, 'S', NULL, 0) == -1)
		return CAPPED_FAILED;
	return CAPPED_MORE;
}

static enum capped_next
refuse_answer(struct session *s, struct pipe_entry *e)
{
	const struct verdict *v = e->verdict;
	char message[128];

	if (v->cap_rows != 0 && e->cap->rows > v->cap_rows)
		snprintf(message, sizeof(message), "statement refused: its "
		    "answer has more than %" PRIu64 " rows", v->cap_rows);
	else
		snprintf(message, sizeof(message), "statement refused: its "
		    "answer has more than %" PRIu64 " bytes", v->cap_bytes);
	return refuse(s, e, message, "Ask for less of it.");
}

static enum capped_next
refuse_effect(struct session *s, struct pipe_entry *e, uint64_t rows)
{
	char message[128];

	snprintf(message, sizeof(message), "statement refused: it touches %"
	    PRIu64 " rows, and may touch %" PRIu64, rows,
	    e->verdict->cap_affected);
	return refuse(s, e, message, "Nothing of it was kept.");
}

enum capped_next
capped_suspended(struct session *s, struct pipe_entry *e)
{
	struct cap_run *run = e->cap;

	if (run->over)
		return refuse_answer(s, e);
	if (run->asked == 0 || run->passed < run->asked)
		return send_batch(s, e) == -1 ? CAPPED_FAILED : CAPPED_MORE;
	/* It has touched all of its rows already, and says how many at its
	 * end only: committed now, nobody would have counted them. */
	if (e->verdict->cap_affected != 0)
		return refuse(s, e, "statement refused: the rows that it "
		    "touches are capped, and it was executed for a part of "
		    "them", "Fetch all of its rows at once.");
	return CAPPED_DONE;
}

/* "INSERT 0 5", "UPDATE 5": of a statement that touches rows. */
static bool
touches(const char *tag)
{
	static const char *const verbs[] = { "INSERT ", "UPDATE ", "DELETE ",
	    "MERGE " };
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strncmp(tag, verbs[i], strlen(verbs[i])) == 0)
			return true;
	return false;
}

enum capped_next
capped_complete(struct session *s, struct pipe_entry *e, char *tag,
    size_t size)
{
	const struct verdict *v = e->verdict;
	struct cap_run *run = e->cap;
	char *number = strrchr(tag, ' ');
	uint64_t n;

	if (run->over)
		return refuse_answer(s, e);
	if (number != NULL && run->batches > 1)
		snprintf(number, size - (size_t)(number - tag), " %" PRIu64,
		    run->passed);
	if (v->cap_affected != 0 && touches(tag)) {
		n = strtoull(number + 1, NULL, 10);
		if (n > v->cap_affected)
			return refuse_effect(s, e, n);
	}
	if (e->type != 'Q')
		return CAPPED_DONE;
	run->synced = run->tagged = true;
	return pg_add(&s->db.out, 'S', NULL, 0) == -1 ? CAPPED_FAILED :
	    CAPPED_DONE;
}

int
capped_error(struct session *s, struct pipe_entry *e)
{
	e->cap->tagged = false;
	if (e->type != 'Q' || e->cap->synced)
		return 0;
	e->cap->synced = true;
	return pg_add(&s->db.out, 'S', NULL, 0);
}
