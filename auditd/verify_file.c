/*
 * What verify looks at besides the events of a segment: the version, what meta
 * says, the schema, and SQLite's own checks.  The file is not trusted: every
 * answer may be a lie or an error, and both are reported.
 */
#include "verify_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "schema.h"

static enum verify_code
check_version(struct verify *v)
{
	sqlite3_stmt *st;
	int id = 0, version = 0, rc;

	rc = sqlite3_prepare_v2(v->db, "SELECT application_id, user_version "
	    "FROM pragma_application_id, pragma_user_version", -1, &st, NULL);
	if (rc != SQLITE_OK)
		return (rc & 0xff) == SQLITE_CORRUPT ? verify_stopped(v, rc) :
		    verify_cannot(v);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		id = sqlite3_column_int(st, 0);
		version = sqlite3_column_int(st, 1);
	}
	sqlite3_finalize(st);
	if (rc != SQLITE_ROW)
		return verify_stopped(v, rc);
	if (id == SCHEMA_APPLICATION && version == SCHEMA_VERSION)
		return VERIFY_OK;
	snprintf(v->res->problem, sizeof(v->res->problem),
	    id == SCHEMA_APPLICATION ? "this is a store of schema version %d; "
	    "the auditctl of that version reads it" :
	    "this is no store", version);
	return VERIFY_CANNOT;
}

static enum verify_code
read_meta(struct verify *v)
{
	sqlite3_stmt *st;
	const char *key;
	int rc;

	memset(v->store, 0, sizeof(v->store));
	v->from = v->last = 0;
	v->sealed = false;
	if ((rc = sqlite3_prepare_v2(v->db, "SELECT key, value FROM meta", -1,
	    &st, NULL)) != SQLITE_OK)
		return verify_stopped(v, rc);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if ((key = (const char *)sqlite3_column_text(st, 0)) == NULL)
			continue;
		if (strcmp(key, "store") == 0)
			snprintf(v->store, sizeof(v->store), "%s",
			    sqlite3_column_text(st, 1) == NULL ? "" :
			    (const char *)sqlite3_column_text(st, 1));
		else if (strcmp(key, "from") == 0)
			v->from = sqlite3_column_int64(st, 1);
		else if (strcmp(key, "head") == 0)
			v->last = sqlite3_column_int64(st, 1);
		else if (strcmp(key, "sealed") == 0)
			v->sealed = sqlite3_column_int(st, 1) != 0;
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? VERIFY_OK : verify_stopped(v, rc);
}

enum verify_code
verify_file_open(struct verify *v, const char *path)
{
	enum verify_code code;
	int rc;

	if (sqlite3_open_v2(path, &v->db, SQLITE_OPEN_READONLY |
	    SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(v->db, 5000) != SQLITE_OK ||
	    sqlite3_exec(v->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return verify_cannot(v);
	if ((code = check_version(v)) != VERIFY_OK ||
	    (code = read_meta(v)) != VERIFY_OK)
		return code;
	rc = sqlite3_prepare_v2(v->db, "SELECT json_extract(?1, ?2)", -1,
	    &v->body, NULL);
	return rc == SQLITE_OK ? VERIFY_OK : verify_cannot(v);
}

void
verify_file_close(struct verify *v)
{
	sqlite3_finalize(v->body);
	sqlite3_close(v->db);
	v->body = NULL;
	v->db = NULL;
}

/* The head is kept a second time, so a tail that was cut off is missed. */
static enum verify_code
check_head(struct verify *v)
{
	enum verify_code code = VERIFY_OK;
	int64_t id = 0, last = v->res->events;
	bool same = false;
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(v->db, "SELECT (SELECT value FROM meta WHERE "
	    "key = 'head'), (SELECT value FROM meta WHERE key = 'head_hash')",
	    -1, &st, NULL) != SQLITE_OK)
		return verify_cannot(v);
	if (sqlite3_step(st) == SQLITE_ROW) {
		id = sqlite3_column_int64(st, 0);
		if (sqlite3_column_bytes(st, 1) == SHA256_LEN)
			same = memcmp(sqlite3_column_blob(st, 1),
			    v->res->head, SHA256_LEN) == 0;
	}
	if (id > last)
		code = verify_found(v, last + 1, "events %" PRId64 " to %"
		    PRId64 " are missing at the end", last + 1, id);
	else if (id != last || !same)
		code = verify_found(v, last, "event %" PRId64 " is not the "
		    "last that auditd committed", last);
	sqlite3_finalize(st);
	return code;
}

/* --- the schema --------------------------------------------------------- */

#define OBJECTS	"SELECT type, name, sql FROM sqlite_master "

/* All that is in `these` and not, word for word, in `those`. */
static enum verify_code
compare(struct verify *v, sqlite3 *these, sqlite3 *those, const char *what)
{
	enum verify_code code = VERIFY_OK;
	sqlite3_stmt *a = NULL, *b = NULL;
	int i, rc = SQLITE_DONE;

	if (sqlite3_prepare_v2(these, OBJECTS "ORDER BY type, name", -1, &a,
	    NULL) != SQLITE_OK || sqlite3_prepare_v2(those, OBJECTS
	    "WHERE type = ? AND name = ? AND sql IS ?", -1, &b, NULL) !=
	    SQLITE_OK)
		code = verify_cannot(v);
	while (code == VERIFY_OK && (rc = sqlite3_step(a)) == SQLITE_ROW) {
		for (i = 0; i < 3; i++)
			sqlite3_bind_value(b, i + 1, sqlite3_column_value(a,
			    i));
		if (sqlite3_step(b) != SQLITE_ROW)
			code = verify_found(v, 0, "the events are good, but "
			    "%s %.64s of the store %s", (const char *)
			    sqlite3_column_text(a, 0), (const char *)
			    sqlite3_column_text(a, 1), what);
		sqlite3_reset(b);
	}
	if (code == VERIFY_OK && rc != SQLITE_DONE)
		code = verify_stopped(v, rc);
	sqlite3_finalize(a);
	sqlite3_finalize(b);
	return code;
}

/*
 * Triggers keep events from being changed, and views are what auditors read: a
 * view that leaves rows out is as good as a row removed.
 */
static enum verify_code
check_schema(struct verify *v)
{
	enum verify_code code = VERIFY_OK;
	sqlite3 *want = NULL;
	size_t i;

	if (sqlite3_open(":memory:", &want) != SQLITE_OK)
		code = VERIFY_CANNOT;
	for (i = 0; code == VERIFY_OK && schema_sql[i] != NULL; i++)
		if (sqlite3_exec(want, schema_sql[i], NULL, NULL, NULL) !=
		    SQLITE_OK)
			code = VERIFY_CANNOT;
	if (code == VERIFY_CANNOT)
		snprintf(v->res->problem, sizeof(v->res->problem), "%s",
		    sqlite3_errmsg(want));
	if (code == VERIFY_OK)
		code = compare(v, want, v->db, "is missing or changed");
	if (code == VERIFY_OK)
		code = compare(v, v->db, want, "is not auditd's");
	sqlite3_close(want);
	return code;
}

static enum verify_code
check_integrity(struct verify *v)
{
	enum verify_code code = VERIFY_OK;
	const char *text;
	sqlite3_stmt *st;
	int rc;

	if (sqlite3_prepare_v2(v->db, "PRAGMA integrity_check(1)", -1, &st,
	    NULL) != SQLITE_OK)
		return verify_cannot(v);
	if ((rc = sqlite3_step(st)) != SQLITE_ROW)
		code = verify_stopped(v, rc);
	else {
		text = (const char *)sqlite3_column_text(st, 0);
		if (text == NULL || strcmp(text, "ok") != 0)
			code = verify_found(v, 0, "the events are good, but "
			    "the file is damaged elsewhere: %s",
			    text == NULL ? "?" : text);
	}
	sqlite3_finalize(st);
	return code;
}

enum verify_code
verify_file_rest(struct verify *v)
{
	enum verify_code code;

	if ((code = check_head(v)) == VERIFY_OK &&
	    (code = check_schema(v)) == VERIFY_OK)
		code = check_integrity(v);
	return code;
}
