/*
 * Does the table `touched` say what the events say?  Auditors look there for
 * who touched a relation; a row taken out would hide it.  Its rows are made
 * from the bodies again, and must be the ones that are there, in order.
 */
#include "verify_impl.h"

#include <inttypes.h>
#include <string.h>

#include "ipc_msgs.h"
#include "json.h"
#include "touched.h"

enum verify_code
verify_touched_begin(struct verify *v)
{
	buf_init(&v->text, 8 * LEN_TOUCHED);
	if (sqlite3_prepare_v2(v->db, "SELECT event, item, access, relation, "
	    "columns FROM touched ORDER BY event, item", -1, &v->touched,
	    NULL) != SQLITE_OK)
		return verify_stopped(v, sqlite3_errcode(v->db));
	sqlite3_step(v->touched);
	return VERIFY_OK;
}

static bool
text_is(sqlite3_stmt *st, int i, const char *p, size_t len)
{
	const void *text;

	if (sqlite3_column_type(st, i) != SQLITE_TEXT)
		return false;
	text = sqlite3_column_text(st, i);
	return (size_t)sqlite3_column_bytes(st, i) == len &&
	    (len == 0 || memcmp(text, p, len) == 0);
}

static enum verify_code
differs(struct verify *v, int64_t id)
{
	return verify_found(v, id, "the table touched is not what event %"
	    PRId64 " says", id);
}

/* Is the next row of the table about an event before this one? */
static bool
left_over(const struct verify *v, int64_t id)
{
	return sqlite3_data_count(v->touched) > 0 &&
	    sqlite3_column_int64(v->touched, 0) < id;
}

static bool
has_touched(const struct row *r)
{
	return (r->e.kind_len == 6 && memcmp(r->e.kind, "intent", 6) == 0) ||
	    (r->e.kind_len == 7 && memcmp(r->e.kind, "prepare", 7) == 0);
}

enum verify_code
verify_touched_row(struct verify *v, const struct row *r)
{
	sqlite3_stmt *st = v->touched;
	const char *p, *end;
	struct touch t;
	int64_t item = 0;

	if (left_over(v, r->e.id))
		return differs(v, sqlite3_column_int64(st, 0));
	if (!has_touched(r))
		return VERIFY_OK;
	v->text.off = v->text.len = 0;
	if (json_member(&v->text, r->e.body, r->e.body_len, "touched") != 1)
		return VERIFY_OK;
	p = (const char *)buf_head(&v->text);
	end = p + v->text.len;
	while (touched_next(&p, end, &t) == 1) {
		if (sqlite3_data_count(st) == 0 ||
		    sqlite3_column_int64(st, 0) != r->e.id ||
		    sqlite3_column_int64(st, 1) != ++item ||
		    !text_is(st, 2, t.access, t.access_len) ||
		    !text_is(st, 3, t.relation, t.relation_len) ||
		    !text_is(st, 4, t.columns, t.columns_len))
			return differs(v, r->e.id);
		sqlite3_step(st);
	}
	return VERIFY_OK;
}

enum verify_code
verify_touched_end(struct verify *v, enum verify_code code)
{
	if (code == VERIFY_OK && sqlite3_data_count(v->touched) > 0)
		code = differs(v, sqlite3_column_int64(v->touched, 0));
	sqlite3_finalize(v->touched);
	v->touched = NULL;
	buf_clear(&v->text);
	return code;
}
