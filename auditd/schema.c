/*
 * The SQL that makes the store.  Used by auditd when it finds no store, and by
 * auditctl verify, which compares the triggers.  Views begin with the most
 * selective table, so that a question about one session reads that session.
 */
#include "schema.h"

#include <stddef.h>

/* SQLite keeps a trigger's text as it was given: the two uses must agree. */
#define NO_UPDATE							\
"CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN\n"	\
" SELECT RAISE(ABORT, 'audit events are never changed');\n"		\
"END"
#define NO_DELETE							\
"CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN\n"	\
" SELECT RAISE(ABORT, 'audit events are never deleted');\n"		\
"END"
/* INSERT OR REPLACE deletes without firing a DELETE trigger. */
#define NO_REPLACE							\
"CREATE TRIGGER events_no_replace BEFORE INSERT ON events\n"		\
"WHEN NEW.id <= (SELECT max(id) FROM events) BEGIN\n"			\
" SELECT RAISE(ABORT, 'audit events are only appended');\n"		\
"END"

#define ISO(us)								\
	"strftime('%Y-%m-%dT%H:%M:%S', " us " / 1000000, 'unixepoch') "	\
	"|| printf('.%06dZ', " us " % 1000000)"
#define F(row, name)	"json_extract(" row ".body, '$." name "')"

#define TOUCHED_NO_UPDATE						\
"CREATE TRIGGER touched_no_update BEFORE UPDATE ON touched BEGIN\n"	\
" SELECT RAISE(ABORT, 'audit events are never changed');\n"		\
"END"
#define TOUCHED_NO_DELETE						\
"CREATE TRIGGER touched_no_delete BEFORE DELETE ON touched BEGIN\n"	\
" SELECT RAISE(ABORT, 'audit events are never deleted');\n"		\
"END"

#define VIEW_SESSIONS	\
"CREATE VIEW sessions AS SELECT\n" \
" o.session AS session,\n" \
" " F("o", "subject") " AS subject,\n" \
" " F("o", "issuer") " AS issuer,\n" \
" " F("o", "profile") " AS profile,\n" \
" " F("o", "database") " AS database,\n" \
" " F("o", "role") " AS role,\n" \
" " F("o", "peer") " AS peer,\n" \
" " F("o", "application") " AS application,\n" \
" " F("o", "tls") " AS tls,\n" \
" " F("o", "claims") " AS claims,\n" \
" " ISO("o.time") " AS opened,\n" \
" " ISO("c.time") " AS closed,\n" \
" coalesce(" F("c", "reason") ", " F("e", "reason") ") AS reason,\n" \
" (SELECT count(*) FROM events i WHERE i.session = o.session\n" \
"  AND i.kind = 'intent') AS statements,\n" \
" (SELECT count(*) FROM events i WHERE i.session = o.session\n" \
"  AND i.kind IN ('intent', 'prepare')\n" \
"  AND " F("i", "action") " = 'deny') AS denied,\n" \
" " F("e", "client_bytes") " AS client_bytes,\n" \
" " F("e", "server_bytes") " AS server_bytes\n" \
"FROM events o\n" \
"LEFT JOIN events c ON c.session = o.session AND c.stmt = 0\n" \
" AND c.kind = 'session_close'\n" \
"LEFT JOIN events e ON e.session = o.session AND e.stmt = 0\n" \
" AND e.kind = 'end'\n" \
"WHERE o.kind = 'session_open'"

/* A refused Parse is a statement too, although nothing will execute it. */
#define VIEW_STATEMENTS	\
"CREATE VIEW statements AS SELECT\n" \
" i.id AS id,\n" \
" i.session AS session,\n" \
" " F("s", "subject") " AS subject,\n" \
" " F("s", "profile") " AS profile,\n" \
" " F("s", "database") " AS database,\n" \
" i.stmt AS stmt,\n" \
" coalesce(" F("i", "form") ", 'prepare') AS form,\n" \
" CASE WHEN p.id IS NULL THEN " F("i", "text") "\n" \
"  ELSE " F("p", "text") " END AS text,\n" \
" CASE WHEN p.id IS NULL THEN " F("i", "sent") "\n" \
"  ELSE " F("p", "sent") " END AS sent,\n" \
" " F("i", "params") " AS params,\n" \
" " F("i", "action") " AS action,\n" \
" coalesce(nullif(" F("i", "rule") ", ''), " F("p", "rule") ", '') AS rule,\n" \
" coalesce(nullif(" F("i", "kind") ", ''), " F("p", "kind") ", '') AS kind,\n" \
" " F("o", "tag") " AS tag,\n" \
" " F("o", "rows") " AS rows,\n" \
" " F("o", "bytes") " AS bytes,\n" \
" " F("o", "duration_us") " AS duration_us,\n" \
" " F("i", "held_us") " AS held_us,\n" \
" " F("o", "first_us") " AS first_us,\n" \
" " F("o", "client_us") " AS client_us,\n" \
" " F("o", "copied") " AS copied,\n" \
" coalesce(nullif(" F("o", "sqlstate") ", ''), " F("i", "sqlstate") ")\n" \
"  AS sqlstate,\n" \
" " F("o", "error") " AS error,\n" \
" coalesce(nullif(" F("o", "masked") ", ''), nullif(" F("i", "masked") \
    ", ''),\n" \
"  " F("p", "masked") ", '') AS masked,\n" \
" " ISO("i.time") " AS started,\n" \
" coalesce(" F("o", "status") ", CASE " F("i", "action") "\n" \
"  WHEN 'deny' THEN 'denied' ELSE 'unknown' END) AS status,\n" \
" " F("i", "approval") " AS approval,\n" \
" " F("i", "touched") " AS touched,\n" \
/* What became of a transaction is with the statement that ended it. */ \
" CASE WHEN " F("o", "transaction") " IN ('open', 'failed') THEN\n" \
"  coalesce((SELECT " F("t", "transaction") " FROM events t\n" \
"   WHERE t.session = i.session AND t.stmt > i.stmt\n" \
"   AND t.kind = 'outcome' AND " F("t", "transaction") " IN\n" \
"   ('committed', 'rolled back', 'prepared', 'partly')\n" \
"   ORDER BY t.stmt LIMIT 1), 'unknown')\n" \
"  ELSE " F("o", "transaction") " END AS ended\n" \
"FROM events i\n" \
"LEFT JOIN events s ON s.session = i.session AND s.stmt = 0\n" \
" AND s.kind = 'session_open'\n" \
"LEFT JOIN events p ON p.session = i.session\n" \
" AND p.stmt = " F("i", "prepared") " AND p.kind = 'prepare'\n" \
"LEFT JOIN events o ON o.session = i.session AND o.stmt = i.stmt\n" \
" AND o.kind = 'outcome'\n" \
"WHERE i.kind = 'intent' OR (i.kind = 'prepare'\n" \
" AND " F("i", "action") " = 'deny')"

/* Parts, since C promises no string longer than 4095 bytes. */
const char *const schema_sql[] = {
"CREATE TABLE events (\n"
" id INTEGER PRIMARY KEY,\n"
" time INTEGER NOT NULL,\n"
" session TEXT NOT NULL,\n"
" seq INTEGER NOT NULL,\n"
" stmt INTEGER NOT NULL,\n"
" kind TEXT NOT NULL,\n"
" body TEXT NOT NULL,\n"
" prev BLOB NOT NULL,\n"
" hash BLOB NOT NULL\n"
");\n"
/* A session's events, and what belongs to one statement of it. */
"CREATE INDEX events_session ON events (session, stmt);\n"
/* Whose sessions?  Few events have a subject, so this costs nothing. */
"CREATE INDEX events_subject ON events (json_extract(body, '$.subject'))\n"
" WHERE kind IN ('session_open', 'login_refused');\n"
NO_UPDATE ";\n"
NO_DELETE ";\n"
NO_REPLACE ";\n"
/* Each item of the member `touched` of a body. */
"CREATE TABLE touched (\n"
" event INTEGER NOT NULL,\n"
" item INTEGER NOT NULL,\n"
" access TEXT NOT NULL,\n"
" relation TEXT NOT NULL,\n"
" columns TEXT NOT NULL,\n"
" PRIMARY KEY (event, item)\n"
") WITHOUT ROWID;\n"
"CREATE INDEX touched_relation ON touched (relation, event);\n"
TOUCHED_NO_UPDATE ";\n"
TOUCHED_NO_DELETE ";\n"
"CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;\n"
/* What auditd needs to go on where it stopped; no part of the record. */
"CREATE TABLE spools (\n"
" name TEXT PRIMARY KEY,\n"
" position INTEGER NOT NULL,\n"
" seq INTEGER NOT NULL,\n"
" broken INTEGER NOT NULL\n"
") WITHOUT ROWID;\n"
"CREATE TABLE partial (\n"
" name TEXT NOT NULL,\n"
" position INTEGER NOT NULL,\n"
" time INTEGER NOT NULL,\n"
" kind INTEGER NOT NULL,\n"
" data BLOB NOT NULL,\n"
" PRIMARY KEY (name, position)\n"
") WITHOUT ROWID;\n",

VIEW_SESSIONS ";\n",
VIEW_STATEMENTS ";\n",
NULL
};

const char *const schema_views[] = { VIEW_SESSIONS, VIEW_STATEMENTS, NULL };
