/*
 * One session on two databases: see twin.h.  Runs in test programs; blocking.
 * Nothing is left out of a transcript but BackendKeyData; what differs between
 * any two sessions (the database's name, a process id) is made the same.
 */
#include "twin.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "e2e.h"
#include "raw.h"

#define WAIT	20000	/* ms for an answer */
#define WAIT_MANY 600000	/* when it waits behind others */
#define AHEAD	16384	/* bytes sent before answers are read */

struct side {
	const char	*database;
	struct raw	*raw;
	char		*text;		/* transcript */
	size_t		 len, size;
};

struct twin {
	char		 profile[64];
	char		*token;
	struct side	 side[2];
};

/* --- transcripts ------------------------------------------------------- */

static void
put(struct side *s, const char *p, size_t n)
{
	if (s->len + n + 1 > s->size) {
		s->size = (s->size + n + 1) * 2;
		s->text = realloc(s->text, s->size);
		ck_assert_ptr_nonnull(s->text);
	}
	memcpy(s->text + s->len, p, n);
	s->len += n;
	s->text[s->len] = '\0';
}

static void
note(struct side *s, int type, const uint8_t *body, size_t len)
{
	char	 hex[8];
	size_t	 i;

	if (type == 'K')
		return;
	snprintf(hex, sizeof hex, "%c ", type);
	put(s, hex, 2);
	for (i = 0; i < len; i++) {
		if (type == 'A' && i < 4)
			continue;	/* the notifier's process id */
		if (len - i >= 6 && (memcmp(body + i, "twin_a", 6) == 0 ||
		    memcmp(body + i, "twin_b", 6) == 0)) {
			put(s, "twin_x", 6);
			i += 5;
		} else if (isprint(body[i]) && body[i] != '\\')
			put(s, (const char *)body + i, 1);
		else {
			snprintf(hex, sizeof hex, "\\%02x", body[i]);
			put(s, hex, 3);
		}
	}
	put(s, "\n", 1);
}

/* --- order ------------------------------------------------------------- */

struct lines {
	char	**v;
	size_t	  n;
};

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines of a transcript, rows that follow one another sorted. */
static struct lines
sorted(char *text)
{
	struct lines	 l = { NULL, 0 };
	char		*p, *save = NULL;
	size_t		 i, k;

	for (p = strtok_r(text, "\n", &save); p != NULL;
	    p = strtok_r(NULL, "\n", &save)) {
		l.v = realloc(l.v, (l.n + 1) * sizeof *l.v);
		ck_assert_ptr_nonnull(l.v);
		l.v[l.n++] = p;
	}
	for (i = 0; i < l.n; i = k + 1) {
		for (k = i; k < l.n && (strncmp(l.v[k], "D ", 2) == 0 ||
		    strncmp(l.v[k], "d ", 2) == 0); k++)
			continue;
		if (k > i)
			qsort(l.v + i, k - i, sizeof *l.v, by_text);
	}
	return l;
}

/*
 * SQL leaves the order of rows open where there is no ORDER BY, and the plan
 * decides.  An attempt about order shows its rows by something else then.
 */
static bool
equal_sorted(const struct side *a, const struct side *b)
{
	char		*x = strdup(a->text), *y = strdup(b->text);
	struct lines	 m = sorted(x), n = sorted(y);
	bool		 equal = m.n == n.n;
	size_t		 i;

	for (i = 0; equal && i < m.n; i++)
		equal = strcmp(m.v[i], n.v[i]) == 0;
	free(m.v);
	free(n.v);
	free(x);
	free(y);
	return equal;
}

/* --- sessions ---------------------------------------------------------- */

static void
connect_side(const struct twin *t, struct side *s)
{
	const uint8_t	*body;
	size_t		 len;
	int		 type;

	s->raw = raw_tls(false);
	ck_assert(raw_startup(s->raw, t->profile, s->database));
	ck_assert(raw_until(s->raw, 'R', WAIT));
	ck_assert(raw_msg(s->raw, 'p', t->token, strlen(t->token) + 1));
	do {
		type = raw_read(s->raw, WAIT, &body, &len);
		if (type > 0)
			note(s, type, body, len);
	} while (type > 0 && type != 'Z');
	ck_assert_msg(type == 'Z', "no session on %s: %s %s", s->database,
	    raw_sqlstate(s->raw), raw_message(s->raw));
}

struct twin *
twin_open(const char *profile, const char *token)
{
	struct twin	*t = calloc(1, sizeof *t);
	int		 i;

	ck_assert_ptr_nonnull(t);
	snprintf(t->profile, sizeof t->profile, "%s", profile);
	t->token = strdup(token);
	t->side[0].database = "twin_a";
	t->side[1].database = "twin_b";
	for (i = 0; i < 2; i++)
		connect_side(t, &t->side[i]);
	ck_assert_str_eq(t->side[0].text, t->side[1].text);
	return t;
}

void
twin_free(struct twin **tp)
{
	struct twin	*t = *tp;
	int		 i;

	if (t == NULL)
		return;
	for (i = 0; i < 2; i++) {
		raw_free(&t->side[i].raw);
		free(t->side[i].text);
	}
	free(t->token);
	free(t);
	*tp = NULL;
}

/* --- messages ---------------------------------------------------------- */

static size_t
add(uint8_t *m, size_t n, const void *p, size_t len)
{
	memcpy(m + n, p, len);
	return n + len;
}

static size_t
add16(uint8_t *m, size_t n, uint16_t v)
{
	v = htons(v);
	return add(m, n, &v, 2);
}

static void
send_extended(struct side *s, const struct twin_msg *q, bool binary)
{
	size_t		 max = strlen(q->sql) + 64, n, i;
	uint8_t		*m;
	uint32_t	 be;

	for (i = 0; i < q->nparams; i++)
		max += strlen(q->params[i]) + 8;
	m = malloc(max);
	ck_assert_ptr_nonnull(m);
	n = add(m, 0, "", 1);
	n = add(m, n, q->sql, strlen(q->sql) + 1);
	n = add16(m, n, 0);
	raw_msg(s->raw, 'P', m, n);
	raw_msg(s->raw, 'D', "S", 2);
	n = add(m, 0, "\0\0\0\0", 4);		/* text parameters */
	n = add16(m, n, (uint16_t)q->nparams);
	for (i = 0; i < q->nparams; i++) {
		be = htonl((uint32_t)strlen(q->params[i]));
		n = add(m, n, &be, 4);
		n = add(m, n, q->params[i], strlen(q->params[i]));
	}
	n = add16(m, n, 1);
	n = add16(m, n, binary ? 1 : 0);
	raw_msg(s->raw, 'B', m, n);
	raw_msg(s->raw, 'D', "P", 2);
	raw_msg(s->raw, 'E', "\0\0\0\0", 5);
	raw_msg(s->raw, 'S', NULL, 0);
	free(m);
}

/* What the attempt has for COPY FROM STDIN; how many messages were taken. */
static size_t
send_data(struct side *s, const struct twin_msg *v, size_t n)
{
	char	 line[1024];
	size_t	 i;

	for (i = 0; i < n && strncmp(v[i].sql, "\\data ", 6) == 0; i++) {
		snprintf(line, sizeof line, "%s\n", v[i].sql + 6);
		raw_msg(s->raw, 'd', line, strlen(line));
	}
	raw_msg(s->raw, 'c', NULL, 0);
	return i;
}

/* Reads to ReadyForQuery; a session that ends is opened again. */
static void
answer(const struct twin *t, struct side *s, enum twin_mode mode,
    const struct twin_msg *v, size_t n)
{
	const uint8_t	*body;
	size_t		 len;
	int		 type;

	do {
		type = raw_read(s->raw, WAIT, &body, &len);
		ck_assert_msg(type != -1, "no answer to %s", v->sql);
		if (type == 0) {
			put(s, "the end\n", 8);
			raw_vanish(&s->raw);
			connect_side(t, s);
			return;
		}
		note(s, type, body, len);
		if (type == 'G') {
			send_data(s, v + 1, n - 1);
			/* The server has passed over the first one. */
			if (mode != TWIN_SIMPLE)
				raw_msg(s->raw, 'S', NULL, 0);
		}
	} while (type != 'Z');
}

static void
play(const struct twin *t, struct side *s, enum twin_mode mode,
    const struct twin_msg *v, size_t n)
{
	if (strncmp(v->sql, "\\data ", 6) == 0)
		return;
	if (strncmp(v->sql, "\\fcall ", 7) == 0) {
		uint8_t	 m[64];
		uint32_t be = htonl((uint32_t)atoi(v->sql + 7));
		size_t	 k = add(m, 0, &be, 4);

		/* One argument, text: 1; the result as text. */
		k = add(m, k, "\0\0\0\1\0\0\0\1" "1" "\0\0", 11);
		raw_msg(s->raw, 'F', m, k);
	} else if (mode == TWIN_SIMPLE)
		raw_query(s->raw, v->sql);
	else
		send_extended(s, v, mode == TWIN_BINARY);
	answer(t, s, mode, v, n);
}

/* Whatever was left behind; both answers are known and of no use. */
static void
clean_up(struct side *s)
{
	const uint8_t	*body;
	size_t		 len;

	raw_query(s->raw, "ROLLBACK");
	raw_query(s->raw, "DISCARD ALL");
	ck_assert(raw_until(s->raw, 'Z', WAIT));
	ck_assert_int_eq(raw_read(s->raw, WAIT, &body, &len), 'C');
	ck_assert(raw_until(s->raw, 'Z', WAIT));
}

static void
plain(const struct twin *t, struct side *s, const char *sql)
{
	struct twin_msg	 m = { sql, { NULL }, 0 };

	play(t, s, TWIN_SIMPLE, &m, 1);
}

bool
twin_play(struct twin *t, enum twin_mode mode, bool block,
    const struct twin_msg *v, size_t n)
{
	struct side	*s;
	size_t		 k;
	int		 i;

	for (i = 0; i < 2; i++) {
		s = &t->side[i];
		s->len = 0;
		put(s, "", 0);
		if (block)
			plain(t, s, "BEGIN");
		for (k = 0; k < n; k++)
			play(t, s, mode, &v[k], n - k);
		clean_up(s);
	}
	return strcmp(t->side[0].text, t->side[1].text) == 0 ||
	    equal_sorted(&t->side[0], &t->side[1]);
}

/* Whole transcripts of one statement, its block's ends too. */
static void
answers(struct side *s, const struct twin_one *q)
{
	const uint8_t	*body;
	size_t		 len;
	int		 type, left = q->block ? 3 : 1;

	s->len = 0;
	put(s, "", 0);
	while (left > 0) {
		type = raw_read(s->raw, WAIT_MANY, &body, &len);
		ck_assert_msg(type != -1, "no answer to %s", q->sql);
		ck_assert_msg(type != 0, "the session on %s ended at %s",
		    s->database, q->sql);
		note(s, type, body, len);
		left -= type == 'Z';
	}
}

static void
send_one(struct side *s, const struct twin_one *q)
{
	struct twin_msg	 m = { q->sql, { NULL }, 0 };

	if (q->block)
		raw_query(s->raw, "BEGIN");
	if (q->mode == TWIN_SIMPLE)
		raw_query(s->raw, q->sql);
	else
		send_extended(s, &m, q->mode == TWIN_BINARY);
	if (q->block)
		raw_query(s->raw, "ROLLBACK");
}

/* So little goes ahead that no socket can be full. */
void
twin_play_many(struct twin *t, const struct twin_one *v, size_t n,
    void (*done)(void *, size_t, bool), void *ctx)
{
	size_t	 i, sent, bytes;

	for (i = 0; i < n; ) {
		for (bytes = 0, sent = i; sent < n && (sent == i ||
		    bytes + strlen(v[sent].sql) < AHEAD); sent++) {
			bytes += strlen(v[sent].sql) + 100;
			send_one(&t->side[0], &v[sent]);
			send_one(&t->side[1], &v[sent]);
		}
		for (; i < sent; i++) {
			answers(&t->side[0], &v[i]);
			answers(&t->side[1], &v[i]);
			done(ctx, i, strcmp(t->side[0].text,
			    t->side[1].text) == 0 ||
			    equal_sorted(&t->side[0], &t->side[1]));
		}
	}
}

void
twin_difference(const struct twin *t, char *a, char *b, size_t size)
{
	const char	*p = t->side[0].text, *q = t->side[1].text;
	size_t		 i = 0, line = 0;

	for (; p[i] != '\0' && p[i] == q[i]; i++)
		if (p[i] == '\n')
			line = i + 1;
	snprintf(a, size, "%.*s", (int)strcspn(p + line, "\n"), p + line);
	snprintf(b, size, "%.*s", (int)strcspn(q + line, "\n"), q + line);
}

const char *
twin_transcript(const struct twin *t)
{
	return t->side[0].text;
}

bool
twin_refused(const struct twin *t)
{
	return strstr(t->side[0].text, "Mstatement refused") != NULL;
}

bool
twin_failed(const struct twin *t)
{
	const char	*p = t->side[0].text;

	return strncmp(p, "E ", 2) == 0 || strstr(p, "\nE ") != NULL;
}

bool
twin_timed_out(const struct twin *t)
{
	return strstr(t->side[0].text, "\\00C57014\\00") != NULL ||
	    strstr(t->side[1].text, "\\00C57014\\00") != NULL;
}
