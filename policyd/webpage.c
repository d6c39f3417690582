/*
 * The pages for approvers.  Runs in policyctl serve.  Everything in a row is a
 * client's or an issuer's text: it goes through html.c, and never into a URL,
 * a script or a style.  Numbers are ours.
 */
#include "webpage.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "html.h"

/* A page that is being written: the first failure stays. */
struct page {
	struct buf	*b;
	int		 rc;
};

static void
raw(struct page *p, const char *s)
{
	if (p->rc == 0)
		p->rc = html_raw(p->b, s);
}

static void
text(struct page *p, const char *s)
{
	if (p->rc == 0 && s != NULL)
		p->rc = html_text(p->b, s, strlen(s));
}

/* Lines stay lines: behind "--" all that follows would look harmless. */
static void
lines(struct page *p, const char *s)
{
	if (p->rc == 0 && s != NULL)
		p->rc = html_pre(p->b, s, strlen(s));
}

static void
pre(struct page *p, const char *s)
{
	raw(p, "<pre>");
	lines(p, s);
	raw(p, "</pre>\n");
}

static void
number(struct page *p, json_int_t n)
{
	char	s[32];

	snprintf(s, sizeof(s), "%lld", (long long)n);
	raw(p, s);
}

static const char *
str(const json_t *o, const char *name)
{
	const char	*s = json_string_value(json_object_get(o, name));

	return s == NULL ? "" : s;
}

static json_int_t
num(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

/* --- what is on each ------------------------------------------------------------- */

static void
head(struct page *p, const char *title, const struct webpage_user *u,
    const char *refresh)
{
	raw(p, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width\">\n");
	if (refresh != NULL) {
		raw(p, "<meta http-equiv=\"refresh\" content=\"");
		raw(p, refresh);
		raw(p, "\">\n");
	}
	raw(p, "<link rel=\"stylesheet\" href=\"/style.css\">\n<title>");
	text(p, title);
	raw(p, " - Postern</title>\n</head>\n<body>\n<header>\n"
	    "<a class=\"home\" href=\"/\">Postern</a>\n");
	if (u != NULL) {
		raw(p, "<form method=\"post\" action=\"/logout\">\n<span>");
		text(p, u->subject);
		raw(p, "</span>\n<input type=\"hidden\" name=\"csrf\" "
		    "value=\"");
		text(p, u->csrf);
		raw(p, "\">\n<button>Log out</button>\n</form>\n");
	}
	raw(p, "</header>\n<main>\n<h1>");
	text(p, title);
	raw(p, "</h1>\n");
}

static void
foot(struct page *p)
{
	raw(p, "</main>\n</body>\n</html>\n");
}

static void
span(struct page *p, json_int_t seconds)
{
	char	s[64];

	if (seconds < 0)
		seconds = 0;
	if (seconds < 120)
		snprintf(s, sizeof(s), "%lld s", (long long)seconds);
	else if (seconds < 7200)
		snprintf(s, sizeof(s), "%lld min", (long long)seconds / 60);
	else
		snprintf(s, sizeof(s), "%lld h", (long long)seconds / 3600);
	raw(p, s);
}

static void
at(struct page *p, json_int_t when)
{
	char		s[40] = "";
	time_t		t = (time_t)when;
	struct tm	tm;

	if (gmtime_r(&t, &tm) != NULL)
		strftime(s, sizeof(s), "%Y-%m-%d %H:%M:%S UTC", &tm);
	raw(p, s);
}

static void
list_of(struct page *p, const json_t *list)
{
	const json_t	*v;
	size_t		 i;

	json_array_foreach(list, i, v) {
		raw(p, i > 0 ? ", " : "");
		text(p, json_string_value(v));
	}
}

static void
who(struct page *p, const json_t *o)
{
	text(p, str(o, "subject"));
	if (json_array_size(json_object_get(o, "actors")) > 0) {
		raw(p, "<br><small>acting: ");
		list_of(p, json_object_get(o, "actors"));
		raw(p, "</small>");
	}
}

/* --- the list ------------------------------------------------------------------------ */

static void
cell_number(struct page *p, const json_t *o)
{
	raw(p, "<tr><td><a href=\"/request/");
	number(p, num(o, "request"));
	raw(p, "\">");
	number(p, num(o, "request"));
	raw(p, "</a></td>\n<td>");
	who(p, o);
	raw(p, "</td>\n<td>");
	text(p, str(o, "profile"));
	raw(p, " / ");
	text(p, str(o, "database"));
	raw(p, "</td>\n<td>");
	if (json_object_get(o, "grant_for") != NULL) {
		raw(p, "asks to log in, for ");
		span(p, num(o, "grant_for"));
	} else {
		raw(p, "<code>");
		lines(p, str(o, "text"));
		raw(p, json_is_true(json_object_get(o, "text_cut")) ?
		    " ...</code>" : "</code>");
	}
	raw(p, "</td>\n<td>");
}

static bool
is_open(const json_t *o)
{
	return strcmp(str(o, "state"), "open") == 0;
}

static size_t
list_part(struct page *p, const json_t *rows, bool open, uint64_t now)
{
	const json_t	*o;
	size_t		 i, n = 0, k;

	for (k = 0; k < json_array_size(rows); k++) {
		/* What waits longest first; what is over, the newest. */
		i = open ? k : json_array_size(rows) - 1 - k;
		o = json_array_get(rows, i);
		if (is_open(o) != open)
			continue;
		if (n++ == 0)
			raw(p, open ? "<table class=\"open\">\n<thead><tr>"
			    "<th>No.</th><th>Who</th><th>Profile / database"
			    "</th><th>What</th><th>Time left</th></tr></thead>\n"
			    "<tbody>\n" : "<table>\n<thead><tr><th>No.</th>"
			    "<th>Who</th><th>Profile / database</th><th>What"
			    "</th><th>Came to</th></tr></thead>\n<tbody>\n");
		cell_number(p, o);
		if (open)
			span(p, num(o, "expires") - (json_int_t)now);
		else
			text(p, str(o, "state"));
		if (open && json_object_get(o, "refused") != NULL)
			raw(p, "<br><small>not yours to decide</small>");
		raw(p, "</td></tr>\n");
	}
	if (n > 0)
		raw(p, "</tbody>\n</table>\n");
	return n;
}

int
webpage_list(struct buf *b, const struct webpage_user *u, const json_t *rows,
    uint64_t now)
{
	struct page	p = { b, 0 };
	char		refresh[8];

	snprintf(refresh, sizeof(refresh), "%d", WEBPAGE_REFRESH);
	head(&p, "Waiting for approval", u, refresh);
	if (list_part(&p, rows, true, now) == 0)
		raw(&p, "<p>Nothing waits.</p>\n");
	raw(&p, "<h2>History</h2>\n");
	if (list_part(&p, rows, false, now) == 0)
		raw(&p, "<p>Nothing yet.</p>\n");
	foot(&p);
	return p.rc;
}

/* --- one ------------------------------------------------------------------------------- */

static void
item(struct page *p, const char *name, const char *value)
{
	if (value[0] == '\0')
		return;
	raw(p, "<dt>");
	raw(p, name);
	raw(p, "</dt><dd>");
	text(p, value);
	raw(p, "</dd>\n");
}

static void
item_list(struct page *p, const char *name, const json_t *list)
{
	if (json_array_size(list) == 0)
		return;
	raw(p, "<dt>");
	raw(p, name);
	raw(p, "</dt><dd>");
	list_of(p, list);
	raw(p, "</dd>\n");
}

/* A parameter: text, {"hex": ...}, or null. */
static void
param(struct page *p, const json_t *v)
{
	raw(p, "<li>");
	if (json_is_string(v))
		pre(p, json_string_value(v));
	else if (json_is_null(v))
		raw(p, "NULL");
	else {
		raw(p, "not text, in hexadecimal: <code>");
		text(p, str(v, "hex"));
		raw(p, "</code>");
	}
	raw(p, "</li>\n");
}

static void
statement(struct page *p, const json_t *o)
{
	const json_t	*params = json_object_get(o, "params"), *v;
	size_t		 i;

	raw(p, "<h2>Statement</h2>\n");
	pre(p, str(o, "text"));
	if (json_array_size(params) > 0) {
		raw(p, "<h2>Parameters</h2>\n<ol>\n");
		json_array_foreach(params, i, v)
			param(p, v);
		raw(p, "</ol>\n");
	}
}

static void
found(struct page *p, const json_t *f)
{
	char	score[32];

	if (f == NULL)
		return;
	raw(p, "<h2>What it touches</h2>\n");
	if (json_is_string(f)) {
		raw(p, "<p class=\"warn\">");
		text(p, json_string_value(f));
		raw(p, "</p>\n");
		return;
	}
	raw(p, "<dl>\n");
	item_list(p, "Kind", json_object_get(f, "kinds"));
	item_list(p, "Writes", json_object_get(f, "writes"));
	item_list(p, "Reads", json_object_get(f, "reads"));
	item_list(p, "Masked", json_object_get(f, "masked"));
	item_list(p, "Tags", json_object_get(f, "tags"));
	if (json_object_get(f, "score") != NULL) {
		snprintf(score, sizeof(score), "%lld",
		    (long long)num(f, "score"));
		item(p, "Risk score", score);
	}
	raw(p, "</dl>\n");
	if (str(f, "rewritten")[0] != '\0') {
		raw(p, "<p>The server would get:</p>\n");
		pre(p, str(f, "rewritten"));
	}
}

static void
facts(struct page *p, const json_t *o, uint64_t now)
{
	raw(p, "<dl>\n<dt>Who</dt><dd>");
	who(p, o);
	raw(p, "</dd>\n");
	item(p, "Issuer", str(o, "issuer"));
	item(p, "Profile", str(o, "profile"));
	item(p, "Database", str(o, "database"));
	item(p, "Database role", str(o, "role"));
	item(p, "From", str(o, "peer"));
	item(p, "Application", str(o, "application"));
	item(p, "Session", str(o, "session"));
	item(p, "Rule", str(o, "rule"));
	item(p, "Kind", str(o, "kind"));
	if (json_object_get(o, "estimated_rows") != NULL) {
		raw(p, "<dt>Rows, estimated</dt><dd>");
		number(p, num(o, "estimated_rows"));
		raw(p, "</dd>\n");
	}
	item(p, "Estimate", str(o, "estimated"));
	if (json_object_get(o, "grant_for") != NULL) {
		raw(p, "<dt>Asks for</dt><dd>a login, and others for ");
		span(p, num(o, "grant_for"));
		raw(p, "</dd>\n");
	}
	raw(p, "<dt>Asked</dt><dd>");
	at(p, num(o, "created"));
	raw(p, "</dd>\n<dt>State</dt><dd>");
	text(p, str(o, "state"));
	if (is_open(o)) {
		raw(p, ", ");
		span(p, num(o, "expires") - (json_int_t)now);
		raw(p, " left");
	}
	raw(p, "</dd>\n<dt>Approvals</dt><dd>");
	number(p, num(o, "approvals"));
	raw(p, " of ");
	number(p, num(o, "minimum"));
	raw(p, "</dd>\n</dl>\n");
	if (str(o, "note")[0] != '\0') {
		raw(p, "<p class=\"warn\">");
		text(p, str(o, "note"));
		raw(p, "</p>\n");
	}
}

static void
decisions(struct page *p, const json_t *o)
{
	const json_t	*list = json_object_get(o, "decisions"), *d;
	size_t		 i;

	if (json_array_size(list) == 0)
		return;
	raw(p, "<h2>Decided so far</h2>\n<ul>\n");
	json_array_foreach(list, i, d) {
		raw(p, "<li>");
		text(p, str(d, "decision"));
		raw(p, " by ");
		text(p, str(d, "approver"));
		raw(p, "</li>\n");
	}
	raw(p, "</ul>\n");
}

/*
 * Two forms, so that Enter in a reason never presses the other's button.
 */
static void
form(struct page *p, const struct webpage_user *u, const json_t *o,
    bool approve)
{
	raw(p, approve ? "<form class=\"approve\"" : "<form class=\"deny\"");
	raw(p, " method=\"post\" action=\"/request/");
	number(p, num(o, "request"));
	raw(p, "\">\n<input type=\"hidden\" name=\"csrf\" value=\"");
	text(p, u->csrf);
	raw(p, "\">\n<input type=\"hidden\" name=\"decision\" value=\"");
	raw(p, approve ? "approve" : "deny");
	raw(p, "\">\n<label>Reason <input type=\"text\" name=\"reason\" "
	    "maxlength=\"400\" autocomplete=\"off\"></label>\n<button>");
	raw(p, approve ? "Approve" : "Deny");
	raw(p, "</button>\n</form>\n");
}

int
webpage_request(struct buf *b, const struct webpage_user *u, const json_t *o,
    uint64_t now)
{
	struct page	p = { b, 0 };
	char		title[64];

	snprintf(title, sizeof(title), "Request %lld",
	    (long long)num(o, "request"));
	head(&p, title, u, NULL);
	raw(&p, "<p>");
	text(&p, str(o, "subject"));
	raw(&p, " as ");
	text(&p, str(o, "profile"));
	raw(&p, " in ");
	text(&p, str(o, "database"));
	raw(&p, json_object_get(o, "grant_for") != NULL ?
	    " asks to log in</p>\n" : " wants to run this</p>\n");
	if (json_object_get(o, "text") != NULL)
		statement(&p, o);
	if (json_object_get(o, "refused") == NULL) {
		raw(&p, "<h2>Decide</h2>\n<div class=\"decide\">\n");
		form(&p, u, o, true);
		form(&p, u, o, false);
		raw(&p, "</div>\n");
	} else {
		raw(&p, "<p class=\"warn\">You cannot decide about it: it is ");
		text(&p, str(o, "refused"));
		raw(&p, ".</p>\n");
	}
	found(&p, json_object_get(o, "found"));
	raw(&p, "<h2>About it</h2>\n");
	facts(&p, o, now);
	decisions(&p, o);
	foot(&p);
	return p.rc;
}

/* --- others ---------------------------------------------------------------------------- */

int
webpage_login(struct buf *b, const char *csrf, const char *issuer,
    const char *error)
{
	struct page	p = { b, 0 };

	head(&p, "Log in", NULL, NULL);
	if (error != NULL) {
		raw(&p, "<p class=\"warn\">");
		text(&p, error);
		raw(&p, "</p>\n");
	}
	if (issuer != NULL) {
		raw(&p, "<p><a class=\"button\" href=\"/oidc\">Log in with ");
		text(&p, issuer);
		raw(&p, "</a></p>\n<p>Or with a token:</p>\n");
	}
	raw(&p, "<form method=\"post\" action=\"/login\">\n"
	    "<input type=\"hidden\" name=\"csrf\" value=\"");
	text(&p, csrf);
	raw(&p, "\">\n<label>Token <input type=\"password\" name=\"token\" "
	    "autocomplete=\"off\" required></label>\n"
	    "<button>Log in</button>\n</form>\n");
	foot(&p);
	return p.rc;
}

int
webpage_message(struct buf *b, const struct webpage_user *u,
    const char *title, const char *said, const char *link,
    const char *label, bool at_once)
{
	struct page	p = { b, 0 };
	char		refresh[128];

	/* Links are ours: no text of others is in one. */
	snprintf(refresh, sizeof(refresh), "0; url=%s", link);
	head(&p, title, u, at_once ? refresh : NULL);
	raw(&p, "<p>");
	text(&p, said);
	raw(&p, "</p>\n<p><a href=\"");
	raw(&p, link);
	raw(&p, "\">");
	text(&p, label);
	raw(&p, "</a></p>\n");
	foot(&p);
	return p.rc;
}

const char *
webpage_style(void)
{
	return
	    "body { margin: 0; font: 16px/1.5 sans-serif; color: #1c1c1c; }\n"
	    "header { display: flex; justify-content: space-between;\n"
	    "    align-items: center; padding: 8px 24px;\n"
	    "    background: #20303c; color: #fff; }\n"
	    "header form { display: flex; gap: 16px; align-items: center; }\n"
	    ".home { color: #fff; font-weight: bold; text-decoration: none; }\n"
	    "main { max-width: 1100px; padding: 8px 24px; }\n"
	    "h1 { font-size: 24px; } h2 { font-size: 18px; margin-top: 28px; }\n"
	    "table { border-collapse: collapse; width: 100%; }\n"
	    "th, td { text-align: left; vertical-align: top;\n"
	    "    padding: 6px 12px 6px 0; border-bottom: 1px solid #ccc; }\n"
	    "td:last-child { white-space: nowrap; }\n"
	    "table.open a { font-size: 18px; font-weight: bold; }\n"
	    "pre, code { font: 14px/1.4 monospace; direction: ltr;\n"
	    "    unicode-bidi: bidi-override; overflow-wrap: anywhere; }\n"
	    "code { white-space: pre-wrap; }\n"
	    "pre { white-space: pre-wrap; background: #f3f3f0; margin: 0;\n"
	    "    padding: 12px; border-left: 4px solid #20303c; }\n"
	    "li pre { padding: 2px 8px; }\n"
	    "dl { display: grid; grid-template-columns: 140px 1fr;\n"
	    "    gap: 2px 16px; } dd { margin: 0; overflow-wrap: anywhere; }\n"
	    "dt { color: #555; }\n"
	    ".warn { background: #fff2cc; border-left: 4px solid #c80;\n"
	    "    padding: 8px 12px; }\n"
	    ".decide { display: flex; gap: 48px; flex-wrap: wrap; }\n"
	    "button, .button { font: inherit; padding: 4px 20px;\n"
	    "    border: 1px solid #20303c; border-radius: 4px;\n"
	    "    background: #fff; color: #20303c; cursor: pointer;\n"
	    "    text-decoration: none; }\n"
	    ".approve button { background: #17692f; border-color: #17692f;\n"
	    "    color: #fff; }\n"
	    ".deny button { background: #a32020; border-color: #a32020;\n"
	    "    color: #fff; }\n"
	    "input[type=text], input[type=password] { font: inherit;\n"
	    "    padding: 4px; width: 260px; }\n";
}
