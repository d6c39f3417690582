/*
 * Bodies and signatures of webhooks.  Runs in the notifier.
 *
 * The event is the parent's, but the texts in it are a client's: in a message
 * to a chat service they stand where that service reads plain text, and not
 * its mark-up, so that nobody is paged and no link made by a statement.
 */
#include "payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "buf.h"
#include "crypto.h"

#define SUMMARY_MAX	8192

/* --- one or two lines ---------------------------------------------------------- */

static const char *
str(const json_t *o, const char *name)
{
	const char	*s = json_string_value(json_object_get(o, name));

	return s == NULL ? "" : s;
}

static long long
num(const json_t *o, const char *name)
{
	return (long long)json_integer_value(json_object_get(o, name));
}

static void
add(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

static void
add_num(struct buf *b, long long v)
{
	char	t[32];

	snprintf(t, sizeof(t), "%lld", v);
	add(b, t);
}

static void
add_time(struct buf *b, long long seconds)
{
	time_t		t = (time_t)seconds;
	struct tm	tm;
	char		s[40];

	if (gmtime_r(&t, &tm) == NULL)
		return;
	strftime(s, sizeof(s), "%Y-%m-%d %H:%M:%S UTC", &tm);
	add(b, s);
}

static void
add_reason(struct buf *b, const json_t *o)
{
	if (str(o, "reason")[0] != '\0') {
		add(b, ": ");
		add(b, str(o, "reason"));
	}
}

/* Names of a list, between commas. */
static void
add_list(struct buf *b, const json_t *list)
{
	const json_t	*v;
	size_t		 i;

	json_array_foreach(list, i, v) {
		add(b, i > 0 ? ", " : "");
		add(b, json_string_value(v) == NULL ? "" :
		    json_string_value(v));
	}
}

static void
add_groups(struct buf *b, const json_t *o)
{
	const json_t	*list = json_object_get(o, "groups");

	if (json_array_size(list) == 0)
		add(b, "an administrator");
	else
		add_list(b, list);
}

static void
add_subject(struct buf *b, const json_t *o)
{
	const json_t	*list = json_object_get(o, "actors");

	add(b, str(o, "subject"));
	if (json_array_size(list) > 0) {
		add(b, " (acting: ");
		add_list(b, list);
		add(b, ")");
	}
}

static void
summary_login(struct buf *b, const json_t *o)
{
	add_subject(b, o);
	add(b, " asks for profile ");
	add(b, str(o, "profile"));
	if (str(o, "database")[0] != '\0') {
		add(b, ", database ");
		add(b, str(o, "database"));
	}
	add(b, ", for ");
	add_num(b, num(o, "grant_for") / 60);
	add(b, " minutes");
}

static void
summary_statement(struct buf *b, const json_t *o)
{
	add_subject(b, o);
	add(b, " (profile ");
	add(b, str(o, "profile"));
	add(b, ", database ");
	add(b, str(o, "database"));
	add(b, ") waits with a statement of kind ");
	add(b, str(o, "kind"));
	add(b, ", held by rule ");
	add(b, str(o, "rule"));
}

static void
summary_request(struct buf *b, const json_t *o)
{
	if (json_object_get(o, "grant_for") != NULL)
		summary_login(b, o);
	else
		summary_statement(b, o);
	add(b, ". May approve: ");
	add_groups(b, o);
	if (num(o, "minimum") > 1) {
		add(b, " (");
		add_num(b, num(o, "minimum"));
		add(b, " people)");
	}
	add(b, ", until ");
	add_time(b, num(o, "until"));
	add(b, ".");
	if (json_object_get(o, "estimated_rows") != NULL) {
		add(b, " The planner expects ");
		add_num(b, num(o, "estimated_rows"));
		add(b, " rows.");
	}
	if (json_is_true(json_object_get(o, "in_transaction")))
		add(b, " It waits inside a transaction, whose locks are held "
		    "meanwhile.");
}

static void
summary(struct buf *b, const json_t *o)
{
	const char	*event = str(o, "event");

	add(b, "Request ");
	add_num(b, num(o, "request"));
	add(b, ": ");
	if (strcmp(event, "request") == 0)
		summary_request(b, o);
	else if (strcmp(event, "decision") == 0) {
		add(b, strcmp(str(o, "decision"), "approve") == 0 ?
		    "approved by " : "refused by ");
		add(b, str(o, "approver"));
		add_reason(b, o);
	} else {
		add(b, str(o, "result"));
		add_reason(b, o);
	}
}

/* A NUL-terminated copy; the buffer is empty then. */
static char *
take(struct buf *b)
{
	char	*s = NULL;

	if (buf_add_u8(b, 0) == 0)
		s = strdup((const char *)buf_head(b));
	buf_clear(b);
	return s;
}

static char *
summary_text(const json_t *o)
{
	struct buf	b;

	buf_init(&b, SUMMARY_MAX);
	summary(&b, o);
	return take(&b);
}

char *
payload_summary(const char *event, size_t len)
{
	json_t	*o = json_loadb(event, len, JSON_REJECT_DUPLICATES, NULL);
	char	*s = o == NULL ? NULL : summary_text(o);

	json_decref(o);
	return s;
}

/* --- chat services -------------------------------------------------------------- */

/* Slack's mark-up begins with these three, and is nothing without them. */
static char *
slack_escape(const char *s)
{
	struct buf	b;

	buf_init(&b, 5 * SUMMARY_MAX);
	for (; *s != '\0'; s++) {
		if (*s == '&')
			add(&b, "&amp;");
		else if (*s == '<')
			add(&b, "&lt;");
		else if (*s == '>')
			add(&b, "&gt;");
		else
			buf_add_u8(&b, (uint8_t)*s);
	}
	return take(&b);
}

static json_t *
slack_block(const char *text)
{
	return json_pack("{s:s, s:{s:s, s:s, s:b}}", "type", "section",
	    "text", "type", "plain_text", "text", text, "emoji", 0);
}

/* `text` is what a notification on a telephone shows. */
static json_t *
slack(const char *line, const char *sql)
{
	char	*escaped = slack_escape(line);
	json_t	*blocks = json_array(), *o;

	json_array_append_new(blocks, slack_block(line));
	if (*sql != '\0')
		json_array_append_new(blocks, slack_block(sql));
	o = json_pack("{s:s*, s:o}", "text", escaped, "blocks", blocks);
	free(escaped);
	return o;
}

/* A TextRun is plain text; a TextBlock would take Markdown, and so links. */
static json_t *
teams_block(const char *text, const char *font)
{
	return json_pack("{s:s, s:[{s:s, s:s, s:s}]}", "type",
	    "RichTextBlock", "inlines", "type", "TextRun", "text", text,
	    "fontType", font);
}

static json_t *
teams(const char *line, const char *sql)
{
	json_t	*body = json_array();

	json_array_append_new(body, teams_block(line, "Default"));
	if (*sql != '\0')
		json_array_append_new(body, teams_block(sql, "Monospace"));
	return json_pack("{s:s, s:[{s:s, s:{s:s, s:s, s:s, s:o}}]}",
	    "type", "message", "attachments",
	    "contentType", "application/vnd.microsoft.card.adaptive",
	    "content",
	    "$schema", "http://adaptivecards.io/schemas/adaptive-card.json",
	    "type", "AdaptiveCard", "version", "1.4", "body", body);
}

char *
payload_body(enum notify_template template, const char *event, size_t len)
{
	json_t	*o = json_loadb(event, len, JSON_REJECT_DUPLICATES, NULL);
	json_t	*message = NULL;
	char	*line = NULL, *body = NULL;
	const char *sql;

	if (!json_is_object(o) || (template != NOTIFY_JSON &&
	    (line = summary_text(o)) == NULL))
		goto out;
	/* Whoever is told of its end has read it before. */
	sql = strcmp(str(o, "event"), "request") == 0 ? str(o, "text") : "";
	if (template == NOTIFY_JSON)
		message = json_incref(o);
	else if (template == NOTIFY_SLACK)
		message = slack(line, sql);
	else
		message = teams(line, sql);
	body = message == NULL ? NULL : json_dumps(message, JSON_COMPACT);
out:
	json_decref(message);
	json_decref(o);
	free(line);
	return body;
}

/* --- the signature --------------------------------------------------------------- */

char *
payload_signature(const char *secret, uint64_t seconds, const char *body,
    size_t len)
{
	char	 head[32], hex[2 * SHA256_LEN + 1], *signedtext, *s = NULL;
	uint8_t	 mac[SHA256_LEN];
	size_t	 n;

	n = (size_t)snprintf(head, sizeof(head), "%llu.",
	    (unsigned long long)seconds);
	if ((signedtext = malloc(n + len)) == NULL)
		return NULL;
	memcpy(signedtext, head, n);
	memcpy(signedtext + n, body, len);
	hmac_sha256(secret, strlen(secret), signedtext, n + len, mac);
	free(signedtext);
	hex_encode(mac, sizeof(mac), hex);
	if (asprintf(&s, "X-Postern-Signature: t=%llu,v1=%s",
	    (unsigned long long)seconds, hex) == -1)
		return NULL;
	return s;
}
