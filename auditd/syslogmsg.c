/*
 * Events as syslog messages.  Run by auditctl forward.  Names and texts were
 * clients' once: what RFC 5424 gives a meaning is escaped, and what it has no
 * room for becomes a question mark.
 */
#include "syslogmsg.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* log audit (13): what happened, not what is wrong with a program. */
#define FACILITY	13
enum { SEV_WARNING = 4, SEV_NOTICE = 5, SEV_INFO = 6 };

/* A reader of one facility alone should see what matters. */
static int
severity(const struct syslog_event *e)
{
	static const char *const warnings[] = { "gap", "login_refused",
	    "process_died", "leftover", "notify_failed" };
	size_t i;

	for (i = 0; i < sizeof(warnings) / sizeof(warnings[0]); i++)
		if (strcmp(e->kind, warnings[i]) == 0)
			return SEV_WARNING;
	if (memmem(e->body, e->body_len, "\"action\":\"deny\"", 15) != NULL)
		return SEV_WARNING;
	return strcmp(e->kind, "intent") == 0 || strcmp(e->kind, "prepare") ==
	    0 || strcmp(e->kind, "outcome") == 0 ? SEV_INFO : SEV_NOTICE;
}

/* PRINTUSASCII, at most max characters (6.2). */
static int
put_token(struct buf *b, const char *s, size_t max)
{
	size_t i;

	if (s == NULL || s[0] == '\0')
		return buf_add_u8(b, '-');
	for (i = 0; s[i] != '\0' && i < max; i++)
		if (buf_add_u8(b, s[i] > 32 && s[i] < 127 ? (uint8_t)s[i] :
		    '?') == -1)
			return -1;
	return 0;
}

/* A PARAM-VALUE (6.3.3), cut at a character's end. */
static int
put_param(struct buf *b, const char *name, const char *value, size_t max)
{
	size_t i, n = strlen(value);

	if (n > max)
		for (n = max; n > 0 && ((uint8_t)value[n] & 0xc0) == 0x80;)
			n--;
	if (buf_add_u8(b, ' ') == -1 || buf_add(b, name, strlen(name)) == -1 ||
	    buf_add(b, "=\"", 2) == -1)
		return -1;
	for (i = 0; i < n; i++) {
		if ((value[i] == '"' || value[i] == '\\' || value[i] == ']') &&
		    buf_add_u8(b, '\\') == -1)
			return -1;
		if (buf_add_u8(b, (uint8_t)value[i] < 32 || value[i] == 127 ?
		    '?' : (uint8_t)value[i]) == -1)
			return -1;
	}
	return buf_add_u8(b, '"');
}

static int
put_header(struct buf *b, const struct syslog_event *e)
{
	time_t t = (time_t)(e->time / 1000000);
	char when[40], head[80];
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL)
		return -1;
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(head, sizeof(head), "<%d>1 %s.%06dZ ", FACILITY * 8 +
	    severity(e), when, (int)(e->time % 1000000));
	return buf_add(b, head, strlen(head)) == -1 ||
	    put_token(b, e->host, 255) == -1 ||
	    buf_add(b, " postern - ", 11) == -1 ||
	    put_token(b, e->kind, 32) == -1 ? -1 : 0;
}

int
syslog_format(struct buf *b, const struct syslog_event *e, size_t max)
{
	/* The number that RFC 5612 keeps for examples: we have none. */
	static const char sd[] = " [postern@32473";
	char id[24], cut[24];
	size_t start = b->len, room, n = e->body_len;

	snprintf(id, sizeof(id), "%" PRId64, e->id);
	snprintf(cut, sizeof(cut), "%zu", n);
	if (put_header(b, e) == -1 || buf_add(b, sd, sizeof(sd) - 1) == -1 ||
	    put_param(b, "id", id, 20) == -1 ||
	    put_param(b, "store", e->store, 32) == -1 ||
	    put_param(b, "session", e->session, 64) == -1 ||
	    put_param(b, "subject", e->subject, 255) == -1 ||
	    put_param(b, "profile", e->profile, 128) == -1 ||
	    put_param(b, "database", e->database, 128) == -1)
		return -1;
	/* "] ", the mark of UTF-8, and the member that says it was cut. */
	room = b->len - start + 40 < max ? max - (b->len - start) - 40 : 0;
	if (n > room) {
		for (n = room; n > 0 && ((uint8_t)e->body[n] & 0xc0) == 0x80;)
			n--;
		if (put_param(b, "length", cut, 20) == -1)
			return -1;
	}
	return buf_add(b, "] \xef\xbb\xbf", 5) == -1 ||
	    buf_add(b, e->body, n) == -1 ? -1 : 0;
}
