/*
 * What a statement touches, as text.  Written in the engine; read in auditd and
 * auditctl, where it comes from a worker and may be anything: what does not
 * follow the form ends the list.
 */
#include "touched.h"

#include <stdio.h>
#include <string.h>

static int
plain(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return n > 0 && name[n] == '\0' && (name[0] < '0' || name[0] > '9');
}

int
touched_column(char *out, size_t size, const char *name)
{
	size_t n = strlen(out), start = n;

	if (plain(name)) {
		if (n + strlen(name) >= size)
			return -1;
		strcpy(out + n, name);
		return 0;
	}
	/* Room for a doubled quote, the closing one and the NUL. */
	if (n + 3 > size)
		return -1;
	out[n++] = '"';
	for (; *name != '\0'; name++) {
		if (n + 4 > size) {
			out[start] = '\0';
			return -1;
		}
		if (*name == '"')
			out[n++] = '"';
		out[n++] = *name;
	}
	out[n++] = '"';
	out[n] = '\0';
	return 0;
}

int
touched_relation(char *out, size_t size, const char *schema, const char *name)
{
	size_t n = strlen(out), at;

	if (schema != NULL && schema[0] != '\0') {
		if (touched_column(out, size, schema) == -1)
			return -1;
		at = strlen(out);
		if (at + 2 > size) {
			out[n] = '\0';
			return -1;
		}
		strcpy(out + at, ".");
	}
	if (touched_column(out, size, name) == 0)
		return 0;
	out[n] = '\0';
	return -1;
}

/* Up to one of `stops` outside quotes; NULL: a quote is not closed. */
static const char *
upto(const char *p, const char *end, const char *stops)
{
	int quoted = 0;

	for (; p < end; p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (!quoted && strchr(stops, *p) != NULL)
			break;
	}
	return quoted ? NULL : p;
}

static int
word(const char **p, const char *end, const char *w)
{
	size_t n = strlen(w);

	if ((size_t)(end - *p) < n || memcmp(*p, w, n) != 0)
		return 0;
	*p += n;
	return 1;
}

/* After an item: the end, or "; " and another. */
static int
item_end(const char **p, const char *end)
{
	if (*p == end)
		return 1;
	return word(p, end, "; ") && *p < end ? 1 : -1;
}

int
touched_next(const char **p, const char *end, struct touch *t)
{
	const char *q;

	if (*p == end)
		return 0;
	if (memchr(*p, '\0', (size_t)(end - *p)) != NULL)
		return -1;
	t->access = *p;
	t->relation = t->columns = "";
	t->relation_len = t->columns_len = 0;
	if (word(p, end, "more")) {
		t->access_len = 4;
		return *p == end ? 1 : -1;
	}
	if (!word(p, end, "read ") && !word(p, end, "write "))
		return -1;
	t->access_len = (size_t)(*p - t->access) - 1;
	t->relation = *p;
	if ((q = upto(*p, end, "( ;)")) == NULL || q == *p)
		return -1;
	t->relation_len = (size_t)(q - *p);
	*p = q;
	if (q < end && *q == '(') {
		t->columns = ++q;
		if ((q = upto(q, end, "();")) == NULL || q == end || *q != ')')
			return -1;
		t->columns_len = (size_t)(q - t->columns);
		*p = q + 1;
	}
	return item_end(p, end);
}
