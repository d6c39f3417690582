/*
 * auditctl export.  Runs in auditctl, read-only.  What events say is others'
 * text: each format has its own escape, and nothing of a text can begin a
 * field, a member or a line of its own.
 */
#include "export.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc_msgs.h"
#include "json.h"
#include "progress.h"

#define F(name)	"json_extract(e.body, '$." name "')"

#define PLAIN								\
"SELECT e.id, e.time, strftime('%Y-%m-%dT%H:%M:%S', e.time / 1000000,"	\
"  'unixepoch') || printf('.%06dZ', e.time % 1000000),"			\
" e.session, e.seq, e.stmt, e.kind, e.body, " F("subject")

#define FROM	" FROM events e WHERE 1"

static const char plain[] = PLAIN FROM;

/* For the formats that have names for these, too. */
static const char query[] = PLAIN
"," F("peer") "," F("role") "," F("application") "," F("action") ","
F("rule") "," F("kind") "," F("status") "," F("sqlstate") ","
" coalesce(nullif(" F("error") ", ''), " F("reason") "),"
F("rows") "," F("duration_us") ","
" CASE WHEN e.kind IN ('intent', 'prepare') THEN"
"  stmt_text(e.session, e.body) END" FROM;

enum { Q_ID, Q_US, Q_TIME, Q_SESSION, Q_SEQ, Q_STMT, Q_KIND, Q_BODY, Q_SUBJECT,
	Q_PEER, Q_ROLE, Q_APPLICATION, Q_ACTION, Q_RULE, Q_STMT_KIND,
	Q_STATUS, Q_SQLSTATE, Q_WHY, Q_ROWS, Q_DURATION, Q_TEXT };

struct export {
	struct reader		*reader;
	enum export_format	 format;
	struct buf		 b;
	int64_t			 last;		/* id that was printed last */
	int64_t			 total;		/* for progress */
	sqlite3_stmt		*st;
	const struct reader_who	*who;
};

static const char *
text(const struct export *x, int i)
{
	const char *s = (const char *)sqlite3_column_text(x->st, i);

	return s == NULL ? "" : s;
}

/* Of the session, or else what the event says itself. */
static const char *
subject(const struct export *x)
{
	return x->who->subject[0] != '\0' ? x->who->subject :
	    text(x, Q_SUBJECT);
}

static bool
is_kind(const struct export *x, const char *kind)
{
	return strcmp(text(x, Q_KIND), kind) == 0;
}

static bool
is_statement(const struct export *x)
{
	return is_kind(x, "intent") || is_kind(x, "prepare") ||
	    is_kind(x, "outcome");
}

/* Somebody was not let in, or something was not let through, or failed. */
static bool
is_failure(const struct export *x)
{
	const char *status = text(x, Q_STATUS);

	return is_kind(x, "login_refused") ||
	    strcmp(text(x, Q_ACTION), "deny") == 0 ||
	    (is_kind(x, "outcome") && strcmp(status, "ok") != 0);
}

/* --- JSON lines, CSV ----------------------------------------------------- */

static void
print_string(struct export *x, const char *name, const char *s)
{
	buf_drain(&x->b, x->b.len);
	if (json_string(&x->b, s, strlen(s), NULL) == 0)
		printf(",\"%s\":%.*s", name, (int)x->b.len,
		    (const char *)buf_head(&x->b));
}

static void
print_some(struct export *x, const char *name, const char *s)
{
	if (*s != '\0')
		print_string(x, name, s);
}

static void
print_jsonl(struct export *x)
{
	printf("{\"id\":%s", text(x, Q_ID));
	print_string(x, "time", text(x, Q_TIME));
	print_string(x, "session", text(x, Q_SESSION));
	printf(",\"seq\":%s,\"stmt\":%s", text(x, Q_SEQ), text(x, Q_STMT));
	print_string(x, "kind", text(x, Q_KIND));
	print_string(x, "subject", subject(x));
	print_string(x, "profile", x->who->profile);
	print_string(x, "database", x->who->database);
	printf(",\"body\":%s}\n", text(x, Q_BODY));
}

/*
 * Quoted always.  What a spreadsheet would take for a formula gets an
 * apostrophe: subjects and names are chosen by others.
 */
static void
print_cell(const char *s, char end)
{
	putchar('"');
	if (s[0] != '\0' && strchr("=+-@\t\r", s[0]) != NULL)
		putchar('\'');
	for (; *s != '\0'; s++) {
		if (*s == '"')
			putchar('"');
		putchar(*s);
	}
	putchar('"');
	fputs(end == '\n' ? "\r\n" : ",", stdout);
}

static void
print_csv(struct export *x)
{
	printf("%s,%s,", text(x, Q_ID), text(x, Q_TIME));
	print_cell(text(x, Q_SESSION), ',');
	printf("%s,%s,", text(x, Q_SEQ), text(x, Q_STMT));
	print_cell(text(x, Q_KIND), ',');
	print_cell(subject(x), ',');
	print_cell(x->who->profile, ',');
	print_cell(x->who->database, ',');
	print_cell(text(x, Q_BODY), '\n');
}

/* --- CEF ------------------------------------------------------------------- */

/* In the header '|' ends a field, in the extension '=' ends a name. */
static void
print_cef_text(const char *s, char special)
{
	for (; *s != '\0'; s++) {
		if (*s == '\\' || *s == special)
			putchar('\\');
		if (*s == '\n')
			fputs("\\n", stdout);
		else if (*s == '\r')
			fputs("\\r", stdout);
		else
			putchar(*s);
	}
}

static void
cef(const char *name, const char *value)
{
	if (*value == '\0')
		return;
	printf(" %s=", name);
	print_cef_text(value, '=');
}

static void
cef_custom(int n, const char *label, const char *value)
{
	if (*value == '\0')
		return;
	printf(" cs%dLabel=%s cs%d=", n, label, n);
	print_cef_text(value, '=');
}

/* "192.0.2.1:5432", "[2001:db8::1]:5432": the address alone; "": neither. */
static const char *
address(const struct export *x, char *out, size_t size)
{
	const char *s = text(x, Q_PEER), *port = strrchr(s, ':');
	size_t len = port == NULL ? 0 : (size_t)(port - s);

	if (len > 2 && s[0] == '[' && s[len - 1] == ']') {
		s++;
		len -= 2;
	}
	if (len == 0 || s[0] == '/' || len >= size)
		return "";
	snprintf(out, size, "%.*s", (int)len, s);
	return out;
}

static void
print_cef(struct export *x)
{
	char from[LEN_ADDR + 1];

	fputs("CEF:0|Postern|Postern|", stdout);
	print_cef_text(POSTERN_VERSION, '|');
	putchar('|');
	print_cef_text(text(x, Q_KIND), '|');
	putchar('|');
	print_cef_text(text(x, Q_KIND), '|');
	printf("|%d|rt=%lld externalId=%s", is_failure(x) ? 6 : 2,
	    (long long)sqlite3_column_int64(x->st, Q_US) / 1000,
	    text(x, Q_ID));
	cef("suser", subject(x));
	cef("duser", text(x, Q_ROLE));
	cef("src", address(x, from, sizeof(from)));
	cef("requestClientApplication", text(x, Q_APPLICATION));
	cef("act", text(x, Q_ACTION));
	cef("outcome", text(x, Q_STATUS));
	cef("reason", text(x, Q_WHY));
	cef("cnt", text(x, Q_ROWS));
	cef_custom(1, "session", text(x, Q_SESSION));
	cef_custom(2, "profile", x->who->profile);
	cef_custom(3, "database", x->who->database);
	cef_custom(4, "rule", text(x, Q_RULE));
	cef_custom(5, "statement", text(x, Q_TEXT));
	cef_custom(6, "body", text(x, Q_BODY));
	putchar('\n');
}

/* --- OCSF ------------------------------------------------------------------- */

enum { BASE_EVENT = 0, AUTHENTICATION = 3002, DATASTORE_ACTIVITY = 6005 };
enum { LOGON = 1, LOGOFF = 2 };
enum { UPDATE = 2, QUERY = 4, WRITE = 5, CREATE = 6, DELETE = 7, OTHER = 99 };

static int
statement_activity(const char *kind)
{
	static const struct {
		const char	*begins;
		int		 activity;
	} table[] = {
		{ "select", QUERY }, { "values", QUERY }, { "copy_to", QUERY },
		{ "insert", WRITE }, { "merge", WRITE },
		{ "copy_from", WRITE }, { "update", UPDATE },
		{ "delete", DELETE }, { "truncate", DELETE },
		{ "drop", DELETE }, { "create", CREATE },
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strncmp(kind, table[i].begins, strlen(table[i].begins)) ==
		    0)
			return table[i].activity;
	return OTHER;
}

static int
class_of(const struct export *x, int *activity)
{
	*activity = OTHER;
	if (is_statement(x)) {
		*activity = statement_activity(text(x, Q_STMT_KIND));
		return DATASTORE_ACTIVITY;
	}
	if (is_kind(x, "session_open") || is_kind(x, "login_refused"))
		*activity = LOGON;
	else if (is_kind(x, "session_close"))
		*activity = LOGOFF;
	else
		return BASE_EVENT;
	return AUTHENTICATION;
}

static void
print_ocsf(struct export *x)
{
	bool failed = is_failure(x);
	char from[LEN_ADDR + 1];
	int activity, class = class_of(x, &activity);

	printf("{\"class_uid\":%d,\"category_uid\":%d,\"activity_id\":%d,"
	    "\"type_uid\":%d,\"severity_id\":%d,\"time\":%lld", class,
	    class / 1000, activity, class * 100 + activity, failed ? 3 : 1,
	    (long long)sqlite3_column_int64(x->st, Q_US) / 1000);
	if (activity == OTHER)
		print_string(x, "activity_name",
		    is_statement(x) && *text(x, Q_STMT_KIND) != '\0' ?
		    text(x, Q_STMT_KIND) : text(x, Q_KIND));
	printf(",\"metadata\":{\"version\":\"1.3.0\"");
	print_string(x, "uid", text(x, Q_ID));
	print_string(x, "event_code", text(x, Q_KIND));
	printf(",\"product\":{\"name\":\"Postern\",\"vendor_name\":\"Postern\"");
	print_string(x, "version", POSTERN_VERSION);
	fputs("}},\"actor\":{\"session\":{\"is_remote\":true", stdout);
	print_some(x, "uid", text(x, Q_SESSION));
	printf("},\"user\":{\"type_id\":%d", *subject(x) == '\0' ? 0 : 1);
	print_string(x, "name", subject(x));
	fputs("}}", stdout);
	if (class == AUTHENTICATION) {
		printf(",\"user\":{\"type_id\":1");
		print_string(x, "name", subject(x));
		putchar('}');
	}
	if (*address(x, from, sizeof(from)) != '\0') {
		printf(",\"src_endpoint\":{\"type_id\":0");
		print_string(x, "ip", from);
		putchar('}');
	}
	if (class == DATASTORE_ACTIVITY) {
		printf(",\"database\":{\"type_id\":1");
		print_string(x, "name", x->who->database);
		putchar('}');
		if (*text(x, Q_TEXT) != '\0') {
			printf(",\"query_info\":{\"uid\":\"%lld\"",
			    (long long)sqlite3_column_int64(x->st, Q_STMT));
			print_string(x, "query_string", text(x, Q_TEXT));
			putchar('}');
		}
	}
	printf(",\"status_id\":%d", failed ? 2 : 1);
	print_some(x, "status_code", text(x, Q_SQLSTATE));
	print_some(x, "status_detail", text(x, Q_WHY));
	if (*text(x, Q_DURATION) != '\0')
		printf(",\"duration\":%lld", (long long)sqlite3_column_int64(
		    x->st, Q_DURATION) / 1000);
	printf(",\"unmapped\":{\"seq\":%s", text(x, Q_SEQ));
	print_some(x, "profile", x->who->profile);
	printf(",\"body\":%s}}\n", text(x, Q_BODY));
}

/* --- all of them -------------------------------------------------------------- */

enum export_format
export_format(const char *name)
{
#define EXPORT_M_NAME(id, name)	name,
	static const char *const names[] = { EXPORT_FORMATS(EXPORT_M_NAME) };
#undef EXPORT_M_NAME
	int i;

	for (i = 0; i < EXPORT_NFORMATS && strcmp(names[i], name) != 0; i++)
		;
	return (enum export_format)i;
}

static bool
print_event(void *ctx, sqlite3_stmt *st)
{
	static void (*const print[])(struct export *) = { print_jsonl,
	    print_csv, print_cef, print_ocsf };
	struct export *x = ctx;

	x->st = st;
	x->last = sqlite3_column_int64(st, Q_ID);
	x->who = reader_who(x->reader, text(x, Q_SESSION));
	print[x->format](x);
	/* Whoever reads it has gone. */
	if (ferror(stdout))
		return false;
	return !progress(x->last, x->total);
}

int
export_events(struct reader *r, const struct filter *f,
    enum export_format format)
{
	struct export x = { .reader = r, .format = format,
	    .total = reader_last(r) };
	int code = 0;

	progress_init("export");
	if (format == EXPORT_CSV)
		fputs("id,time,session,seq,stmt,kind,subject,profile,"
		    "database,body\r\n", stdout);
	buf_init(&x.b, JSON_BODY_MAX);
	if (reader_each(r, f, format == EXPORT_JSONL || format == EXPORT_CSV ?
	    plain : query, " ORDER BY e.id", print_event, &x) == -1 ||
	    fflush(stdout) != 0)
		code = 2;
	progress_end();
	buf_clear(&x.b);
	if (progress_interrupted()) {
		fprintf(stderr, "auditctl: interrupted after event %" PRId64
		    "\n", x.last);
		return 2;
	}
	return code;
}
