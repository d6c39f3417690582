/*
 * sqltext: statements and values of others as parts of a psql script.  Runs in
 * auditctl; the texts are a client's, who may have written them for the person
 * that replays them.  psql runs commands of the shell, so nothing may be taken
 * for a backslash command, a variable, or the end of the place it is in.
 *
 * Literals are E'' always: how a backslash in '' is read depends on a setting,
 * which the replaying connection may have otherwise and a replayed function may
 * change.  They are ASCII always: in some client encodings, which are a setting
 * like that one, a byte over 127 takes the quote behind it with it.
 */
#include "sqltext.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "visible.h"

static int
escape_char(struct buf *b, uint32_t c)
{
	char o[16];
	int n;

	if (c == '\'' || c == '\\')
		n = snprintf(o, sizeof(o), "%c%c", (int)c, (int)c);
	else if (c >= 0x20 && c < 0x7f)
		return buf_add_u8(b, (uint8_t)c);
	else if (c == '\n' || c == '\t')
		n = snprintf(o, sizeof(o), "\\%c", c == '\n' ? 'n' : 't');
	else if (c < 0x80)
		n = snprintf(o, sizeof(o), "\\x%02x", (unsigned int)c);
	else if (c < 0x10000)
		n = snprintf(o, sizeof(o), "\\u%04x", (unsigned int)c);
	else
		n = snprintf(o, sizeof(o), "\\U%08x", (unsigned int)c);
	return buf_add(b, o, (size_t)n);
}

int
sqltext_escape(struct buf *b, const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + len;
	uint32_t c = 0;
	size_t n;

	for (; p < end; p += n) {
		n = visible_char(p, (size_t)(end - p), &c);
		if (n == 0 || c == 0 || escape_char(b, c) == -1)
			return -1;
	}
	return 0;
}

int
sqltext_comment(struct buf *b, const char *text, size_t len)
{
	const char *end;
	size_t n;

	do {
		end = memchr(text, '\n', len);
		n = end == NULL ? len : (size_t)(end - text);
		if (buf_add(b, "--   ", 5) == -1 ||
		    visible_text(b, text, n, true) == -1 ||
		    buf_add_u8(b, '\n') == -1)
			return -1;
		if (end != NULL)
			n++;
		text += n;
		len -= n;
	} while (end != NULL);
	return 0;
}

/* --- transactions ------------------------------------------------------- */

#define WORDS	6	/* ROLLBACK WORK TO SAVEPOINT name, and one too many */

struct words {
	char		 w[WORDS][64];
	size_t		 n;
};

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_';
}

/* The text, if it is nothing but a few plain words. */
static bool
split(struct words *ws, const char *text, size_t len)
{
	size_t i = 0, n;

	memset(ws, 0, sizeof(*ws));
	while (len > 0 && strchr(" \t\n;", text[len - 1]) != NULL &&
	    text[len - 1] != '\0')
		len--;
	while (i < len && (text[i] == ' ' || text[i] == '\t' ||
	    text[i] == '\n'))
		i++;
	while (i < len && ws->n < WORDS) {
		for (n = 0; i < len && is_word(text[i]); i++) {
			if (n == sizeof(ws->w[0]) - 1)
				return false;
			ws->w[ws->n][n++] = text[i];
		}
		if (n == 0)
			return false;
		ws->n++;
		for (n = 0; i < len && (text[i] == ' ' || text[i] == '\t' ||
		    text[i] == '\n'); i++)
			n++;
		if (n == 0 && i < len)
			return false;
	}
	return ws->n > 0 && ws->n < WORDS;
}

static bool
is(const struct words *ws, size_t i, const char *word)
{
	return i < ws->n && strcasecmp(ws->w[i], word) == 0;
}

bool
sqltext_transaction(struct buf *b, const char *text, size_t len)
{
	struct words ws;
	size_t i = 1;
	char c;

	if (!split(&ws, text, len))
		return false;
	if (!is(&ws, 0, "commit") && !is(&ws, 0, "end") &&
	    !is(&ws, 0, "rollback") && !is(&ws, 0, "abort"))
		return false;
	if (is(&ws, i, "work") || is(&ws, i, "transaction"))
		i++;
	if (is(&ws, 0, "rollback") && is(&ws, i, "to")) {
		i += is(&ws, i + 1, "savepoint") && ws.n > i + 2 ? 2 : 1;
		c = ws.w[i][0];
		if (i == ws.n || (c >= '0' && c <= '9'))
			return false;
		i++;
	}
	if (i != ws.n)
		return false;
	for (i = 0; i < ws.n; i++)
		if ((i > 0 && buf_add_u8(b, ' ') == -1) ||
		    buf_add(b, ws.w[i], strlen(ws.w[i])) == -1)
			return false;
	return buf_add_u8(b, ';') == 0;
}

static bool
has_word(const char *text, size_t len, const char *word)
{
	size_t n = strlen(word), i;

	for (i = 0; i + n <= len; i++)
		if (strncasecmp(text + i, word, n) == 0)
			return true;
	return false;
}

/* Keywords have one spelling, whatever is around them. */
bool
sqltext_may_copy_in(const char *text, size_t len)
{
	return has_word(text, len, "copy") && has_word(text, len, "stdin");
}

/* --- parameters --------------------------------------------------------- */

static int
argument(struct buf *b, const json_t *v, size_t i, char *why, size_t size)
{
	const json_t *length = json_object_get(v, "length");

	if (json_is_null(v))
		return buf_add(b, "NULL", 4);
	if (json_is_string(v)) {
		if (buf_add(b, "E'", 2) == 0 && sqltext_escape(b,
		    json_string_value(v), json_string_length(v)) == 0)
			return buf_add_u8(b, '\'');
		snprintf(why, size, "parameter %zu has no form in SQL", i + 1);
	} else if (json_is_integer(length) && !json_is_string(
	    json_object_get(v, "text")) && !json_is_string(json_object_get(v,
	    "hex")))
		snprintf(why, size, "parameter %zu was not to be recorded",
		    i + 1);
	else if (json_is_integer(length))
		snprintf(why, size, "parameter %zu was cut: it had %lld bytes",
		    i + 1, (long long)json_integer_value(length));
	else if (json_is_integer(json_object_get(v, "omitted")))
		snprintf(why, size, "the last %lld parameters are not in the "
		    "record", (long long)json_integer_value(
		    json_object_get(v, "omitted")));
	else if (json_object_get(v, "hex") != NULL)
		snprintf(why, size, "parameter %zu was sent in binary, and "
		    "its type is not in the record", i + 1);
	else
		snprintf(why, size, "parameter %zu cannot be read", i + 1);
	return -1;
}

int
sqltext_arguments(struct buf *b, const char *params, char *why, size_t size)
{
	json_t *list;
	size_t i, n;
	int rc;

	if (params[0] == '\0')
		return 0;
	snprintf(why, size, "its parameters cannot be read");
	list = json_loads(params, 0, NULL);
	if (!json_is_array(list)) {
		json_decref(list);
		return -1;
	}
	n = json_array_size(list);
	for (i = 0, rc = 0; i < n && rc == 0; i++)
		if ((rc = i == 0 ? 0 : buf_add(b, ", ", 2)) == 0)
			rc = argument(b, json_array_get(list, i), i, why, size);
	json_decref(list);
	return rc == -1 ? -1 : (int)n;
}
