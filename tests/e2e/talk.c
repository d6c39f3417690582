/*
 * Conversations made by a program, and what a server says to them: see talk.h.
 * Runs in test programs; what cannot be compared fails the test.
 */
#include "talk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2e.h"

/* So many Closes in a row, which succeed in any state, are the last words. */
#define LAST_WORDS	12

/* --- dice ------------------------------------------------------------------ */

void
dice_seed(struct dice *d, uint64_t seed)
{
	d->state = (seed + 1) * 0x9e3779b97f4a7c15u;
	dice(d, 2);
	dice(d, 2);
}

unsigned int
dice(struct dice *d, unsigned int n)
{
	d->state ^= d->state << 13;
	d->state ^= d->state >> 7;
	d->state ^= d->state << 17;
	return (unsigned int)(d->state >> 20) % n;
}

bool
dice_percent(struct dice *d, unsigned int percent)
{
	return dice(d, 100) < percent;
}

long
talk_number(const char *env, long dflt)
{
	const char *v = getenv(env);

	return v == NULL || *v == '\0' ? dflt : atol(v);
}

/* --- the client ------------------------------------------------------------ */

void
talk_free(struct talk *t)
{
	free(t->data);
	memset(t, 0, sizeof *t);
}

void
talk_add(struct talk *t, const void *p, size_t n)
{
	if (t->size - t->len < n) {
		t->size = (t->size + n) * 2 + 256;
		t->data = realloc(t->data, t->size);
		ck_assert_ptr_nonnull(t->data);
	}
	if (n > 0)
		memcpy(t->data + t->len, p, n);
	t->len += n;
}

static void
add_be(struct talk *t, uint32_t v, int bytes)
{
	uint8_t b[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16),
	    (uint8_t)(v >> 8), (uint8_t)v };

	talk_add(t, b + 4 - bytes, (size_t)bytes);
}

static void
add_str(struct talk *t, const char *s)
{
	talk_add(t, s, strlen(s) + 1);
}

static size_t
begin(struct talk *t, char type)
{
	talk_add(t, &type, 1);
	add_be(t, 0, 4);
	return t->len - 4;
}

static void
end(struct talk *t, size_t at)
{
	uint32_t n = (uint32_t)(t->len - at);
	int i;

	for (i = 0; i < 4; i++)
		t->data[at + (size_t)i] = (uint8_t)(n >> (24 - 8 * i));
}

void
talk_msg(struct talk *t, char type, const void *p, size_t n)
{
	size_t at = begin(t, type);

	talk_add(t, p, n);
	end(t, at);
}

static void __attribute__((format(printf, 2, 0)))
add_text(struct talk *t, const char *fmt, va_list ap)
{
	char *s;

	ck_assert_int_ge(vasprintf(&s, fmt, ap), 0);
	add_str(t, s);
	free(s);
}

void
talk_query(struct talk *t, const char *fmt, ...)
{
	size_t at = begin(t, 'Q');
	va_list ap;

	va_start(ap, fmt);
	add_text(t, fmt, ap);
	va_end(ap);
	end(t, at);
}

void
talk_parse(struct talk *t, const char *name, const char *fmt, ...)
{
	size_t at = begin(t, 'P');
	va_list ap;

	add_str(t, name);
	va_start(ap, fmt);
	add_text(t, fmt, ap);
	va_end(ap);
	add_be(t, 0, 2);
	end(t, at);
}

void
talk_bind(struct talk *t, const char *portal, const char *name, int n,
    const void *value, size_t len)
{
	size_t at = begin(t, 'B');
	int i;

	add_str(t, portal);
	add_str(t, name);
	add_be(t, 0, 2);
	add_be(t, (uint32_t)n, 2);
	for (i = 0; i < n; i++) {
		add_be(t, (uint32_t)len, 4);
		talk_add(t, value, len);
	}
	add_be(t, 0, 2);
	end(t, at);
}

void
talk_execute(struct talk *t, const char *portal, uint32_t max)
{
	size_t at = begin(t, 'E');

	add_str(t, portal);
	add_be(t, max, 4);
	end(t, at);
}

static void
what_and_name(struct talk *t, char type, char what, const char *name)
{
	size_t at = begin(t, type);

	talk_add(t, &what, 1);
	add_str(t, name);
	end(t, at);
}

void
talk_describe(struct talk *t, char what, const char *name)
{
	what_and_name(t, 'D', what, name);
}

void
talk_close(struct talk *t, char what, const char *name)
{
	what_and_name(t, 'C', what, name);
}

void
talk_sync(struct talk *t)
{
	talk_msg(t, 'S', NULL, 0);
}

void
talk_flush(struct talk *t)
{
	talk_msg(t, 'H', NULL, 0);
}

void
talk_copy_data(struct talk *t, const void *p, size_t n)
{
	talk_msg(t, 'd', p, n);
}

void
talk_copy_done(struct talk *t)
{
	talk_msg(t, 'c', NULL, 0);
}

void
talk_copy_fail(struct talk *t, const char *why)
{
	talk_msg(t, 'f', why, strlen(why) + 1);
}

void
talk_function(struct talk *t, uint32_t oid, int n, const char *arg)
{
	size_t at = begin(t, 'F');
	int i;

	add_be(t, oid, 4);
	add_be(t, 0, 2);
	add_be(t, (uint32_t)n, 2);
	for (i = 0; i < n; i++) {
		add_be(t, (uint32_t)strlen(arg), 4);
		talk_add(t, arg, strlen(arg));
	}
	add_be(t, 0, 2);
	end(t, at);
}

void
talk_end(struct talk *t)
{
	int i;

	talk_copy_fail(t, "the end");
	talk_sync(t);
	for (i = 0; i < LAST_WORDS; i++)
		talk_close(t, 'S', "the end");
	talk_sync(t);
}

/* --- the server ------------------------------------------------------------ */

/* Up to 60 bytes as they are, then a sum over all. */
static void
put_bytes(FILE *out, const uint8_t *p, size_t n)
{
	uint64_t h = 14695981039346656037u;
	size_t i;

	for (i = 0; i < n; i++) {
		h = (h ^ p[i]) * 1099511628211u;
		if (i >= 60)
			continue;
		if (p[i] >= ' ' && p[i] < 127 && p[i] != '\\')
			fputc(p[i], out);
		else
			fprintf(out, "\\%02x", p[i]);
	}
	if (n > 60)
		fprintf(out, "... %zu bytes, %016llx", n,
		    (unsigned long long)h);
}

/* Where an error was found and by which line of the server is its own. */
static void
put_error(FILE *out, const uint8_t *p, size_t n)
{
	const char *field[128] = { NULL };
	size_t i = 0;

	while (i < n && p[i] != '\0') {
		if (p[i] < 128)
			field[p[i]] = (const char *)p + i + 1;
		i += strnlen((const char *)p + i + 1, n - i - 1) + 2;
	}
	fprintf(out, "%s %s", field['S'] ? field['S'] : "-",
	    field['C'] ? field['C'] : "-");
	if (field['C'] == NULL || strcmp(field['C'], "42501") != 0)
		fprintf(out, " %s", field['M'] ? field['M'] : "-");
}

char *
talk_hear(struct raw *r, int ms)
{
	char *text;
	size_t size, len;
	FILE *out = open_memstream(&text, &size);
	const uint8_t *p;
	int type, closed = 0;

	ck_assert_ptr_nonnull(out);
	while ((type = raw_read(r, ms, &p, &len)) > 0) {
		fprintf(out, "%c ", type);
		if (type == 'E' || type == 'N')
			put_error(out, p, len);
		else
			put_bytes(out, p, len);
		fputc('\n', out);
		if (type == 'Z' && closed >= LAST_WORDS)
			break;
		closed = type == '3' ? closed + 1 : 0;
	}
	if (type <= 0)
		fprintf(out, type == 0 ? "END\n" : "SILENCE\n");
	fclose(out);
	return text;
}

static void
show(const struct talk *t)
{
	size_t i, len;

	for (i = 0; i + 5 <= t->len; i += len + 1) {
		len = (size_t)t->data[i + 1] << 24 | (size_t)t->data[i + 2] <<
		    16 | (size_t)t->data[i + 3] << 8 | t->data[i + 4];
		printf("%c ", t->data[i]);
		put_bytes(stdout, t->data + i + 5, len - 4);
		printf("\n");
	}
}

char *
talk_hold(struct raw *r, const struct talk *t, int ms)
{
	if (talk_number("POSTERN_SHOW", 0) != 0)
		show(t);
	raw_pour(r, t->data, t->len);
	return talk_hear(r, ms);
}

/* --- two of them ----------------------------------------------------------- */

void
talk_compare(const char *direct, const char *through, const char *what)
{
	size_t i, from = 0, lines = 0;

	if (strcmp(direct, through) == 0)
		return;
	for (i = 0; direct[i] != '\0' && direct[i] == through[i]; i++)
		if (direct[i] == '\n') {
			from = i + 1;
			lines++;
		}
	/* Some lines before it, to see where. */
	while (from > 0 && i - from < 300)
		from--;
	ck_abort_msg("%s: not the same from message %zu on\n--- directly\n"
	    "%.900s\n--- through\n%.900s", what, lines, direct + from,
	    through + from);
}

void
talk_same(char *direct, char *through, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	talk_compare(direct, through, what);
	free(direct);
	free(through);
}

/* --- past the gateway ------------------------------------------------------ */

static struct raw *
try_direct(const char *role)
{
	struct raw *r = raw_to("PG_PORT", NULL);

	if (raw_startup(r, role, e2e_env("GW_DB")) && raw_until(r, 'Z', 10000))
		return r;
	raw_vanish(&r);
	return NULL;
}

void
talk_let_in(const char *role)
{
	const char *data = e2e_env("PG_DATA");
	PGconn *c = e2e_direct();
	struct raw *r = NULL;

	/* The file stays its owner's. */
	ck_assert_int_eq(e2e_sh("grep -q ' %s 127' %s/pg_hba.conf || "
	    "{ cp %s/pg_hba.conf %s/hba && { echo 'host all %s 127.0.0.1/32 "
	    "trust'; cat %s/hba; } > %s/pg_hba.conf; }", role, data, data,
	    e2e_env("STACK_DIR"), role, e2e_env("STACK_DIR"), data), 0);
	free(e2e_value(c, "SELECT pg_reload_conf()"));
	PQfinish(c);
	ck_assert_msg(E2E_UNTIL(10000, (r = try_direct(role)) != NULL),
	    "%s is not let in", role);
	raw_free(&r);
}

struct raw *
raw_direct(const char *role)
{
	struct raw *r = try_direct(role);

	ck_assert_msg(r != NULL, "no direct session");
	return r;
}
