/*
 * The messages of a recorded answer as rows, tags, errors.  Run by auditctl
 * replay.  The database sent them; what is no such message is left out.
 * (PostgreSQL, chapter 55.7.)
 */
#include "answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"

/* What PostgreSQL calls it, too. */
#define UNNAMED	"?column?"

struct reading {
	const uint8_t	*p, *end;
	bool		 bad;
};

static uint32_t
get(struct reading *r, size_t n)
{
	uint32_t v = 0;

	if ((size_t)(r->end - r->p) < n) {
		r->bad = true;
		return 0;
	}
	while (n-- > 0)
		v = v << 8 | *r->p++;
	return v;
}

static const char *
get_text(struct reading *r)
{
	const uint8_t *nul = memchr(r->p, '\0', (size_t)(r->end - r->p));
	const char *s = (const char *)r->p;

	if (nul == NULL) {
		r->bad = true;
		return "";
	}
	r->p = nul + 1;
	return s;
}

static char *
dup_text(const char *s)
{
	char *copy = strdup(s);

	if (copy == NULL)
		abort();
	return copy;
}

static struct answer_part *
part_new(struct answer *a, enum answer_kind kind)
{
	struct answer_part *p;

	a->parts = grow(a->parts, a->n, sizeof(*p));
	p = &a->parts[a->n++];
	memset(p, 0, sizeof(*p));
	p->kind = kind;
	return p;
}

/* The last part, if it is of this kind. */
static struct answer_part *
last_part(struct answer *a, enum answer_kind kind)
{
	return a->n > 0 && a->parts[a->n - 1].kind == kind ?
	    &a->parts[a->n - 1] : NULL;
}

static size_t
add_data(struct answer_part *p, const void *data, size_t n)
{
	size_t at = p->len, cap, want;

	/* Powers of two, so that what there is says what there is room for. */
	for (want = 4096; want < p->len + n; want *= 2)
		;
	for (cap = 4096; cap < p->len; cap *= 2)
		;
	if ((p->data == NULL || want > cap) &&
	    (p->data = realloc(p->data, want)) == NULL)
		abort();
	if (n > 0)
		memcpy(p->data + at, data, n);
	p->len += n;
	return at;
}

/* --- making one -------------------------------------------------------------- */

struct answer *
answer_new(void)
{
	struct answer *a = calloc(1, sizeof(*a));

	if (a == NULL)
		abort();
	return a;
}

struct answer_part *
answer_add(struct answer *a, enum answer_kind kind, const char *text)
{
	struct answer_part *p = part_new(a, kind);

	p->text = dup_text(text);
	return p;
}

struct answer_part *
answer_add_rows(struct answer *a, size_t n, bool binary)
{
	struct answer_part *p = part_new(a, ANSWER_ROWS);

	if ((p->columns = calloc(n + 1, sizeof(*p->columns))) == NULL)
		abort();
	for (; p->ncolumns < n; p->ncolumns++)
		p->columns[p->ncolumns].binary = binary;
	return p;
}

void
answer_set_column(struct answer_part *p, size_t i, const char *name,
    uint32_t type)
{
	p->columns[i].name = dup_text(name);
	p->columns[i].type = type;
}

void
answer_add_cell(struct answer_part *p, const void *data, int32_t len)
{
	struct answer_cell *c;

	p->cells = grow(p->cells, p->ncells, sizeof(*c));
	c = &p->cells[p->ncells++];
	c->len = len;
	c->at = len > 0 ? add_data(p, data, (size_t)len) : 0;
	p->nrows = p->ncells / p->ncolumns;
}

void
answer_add_copy(struct answer *a, const void *data, size_t n)
{
	struct answer_part *p = last_part(a, ANSWER_COPY);

	add_data(p != NULL ? p : part_new(a, ANSWER_COPY), data, n);
}

/* --- messages ------------------------------------------------------------- */

static void
add_columns(struct answer *a, struct reading *r)
{
	struct answer_part *p = part_new(a, ANSWER_ROWS);
	size_t n = get(r, 2), i;

	if ((p->columns = calloc(n + 1, sizeof(*p->columns))) == NULL)
		abort();
	for (i = 0; i < n && !r->bad; i++) {
		p->columns[i].name = dup_text(get_text(r));
		get(r, 4);
		get(r, 2);
		p->columns[i].type = get(r, 4);
		get(r, 2);
		get(r, 4);
		p->columns[i].binary = get(r, 2) == 1;
		p->ncolumns = i + 1;
	}
}

static void
add_cells(struct answer *a, struct reading *r)
{
	struct answer_part *p = last_part(a, ANSWER_ROWS);
	size_t n = get(r, 2), i;
	uint32_t len;

	if (r->bad)
		return;
	if (p == NULL || p->ncolumns != n) {
		/* Nothing that was recorded says what they are. */
		p = answer_add_rows(a, n, false);
		for (i = 0; i < n; i++)
			answer_set_column(p, i, UNNAMED, 0);
	}
	for (i = 0; i < n; i++) {
		len = get(r, 4);
		if (!r->bad && len != UINT32_MAX &&
		    len > (size_t)(r->end - r->p))
			r->bad = true;
		if (r->bad || len == UINT32_MAX) {
			answer_add_cell(p, NULL, -1);
			continue;
		}
		answer_add_cell(p, r->p, (int32_t)len);
		r->p += len;
	}
	/* A row of no columns is one, too. */
	if (n == 0)
		p->nrows++;
}

/* "SEVERITY:  message", as psql has it, and what else there is. */
static void
add_report(struct answer *a, struct reading *r, enum answer_kind kind)
{
	const char *severity = "", *message = "", *detail = "", *hint = "", *s;
	struct answer_part *p = part_new(a, kind);
	uint8_t field;

	while (!r->bad && (field = (uint8_t)get(r, 1)) != '\0') {
		s = get_text(r);
		if (field == 'S')
			severity = s;
		else if (field == 'M')
			message = s;
		else if (field == 'D')
			detail = s;
		else if (field == 'H')
			hint = s;
		else if (field == 'C')
			snprintf(p->sqlstate, sizeof(p->sqlstate), "%.5s", s);
	}
	if (asprintf(&p->text, "%s:  %s%s%s%s%s", severity, message,
	    detail[0] == '\0' ? "" : "\nDETAIL:  ", detail,
	    hint[0] == '\0' ? "" : "\nHINT:  ", hint) == -1)
		abort();
}

static void
add_notify(struct answer *a, struct reading *r)
{
	const char *channel, *payload;

	get(r, 4);
	channel = get_text(r);
	payload = get_text(r);
	if (asprintf(&part_new(a, ANSWER_NOTIFY)->text, "%s%s%s", channel,
	    payload[0] == '\0' ? "" : ": ", payload) == -1)
		abort();
}

static bool
add_message(void *ctx, const struct recorded_message *m)
{
	struct reading r = { m->body, m->body + m->len, false };
	struct answer *a = ctx;

	switch (m->type) {
	case 'T':
		add_columns(a, &r);
		break;
	case 'D':
		add_cells(a, &r);
		break;
	case 'C':
		part_new(a, ANSWER_TAG)->text = dup_text(get_text(&r));
		break;
	case 'E':
		add_report(a, &r, ANSWER_ERROR);
		break;
	case 'N':
		add_report(a, &r, ANSWER_NOTICE);
		break;
	case 'A':
		add_notify(a, &r);
		break;
	case 'd':
		answer_add_copy(a, m->body, m->len);
		break;
	case 's':
		a->suspended = true;
		break;
	default:
		break;
	}
	return true;
}

struct answer *
answer_load(struct recording *r, int64_t stmt)
{
	struct answer *a = answer_new();

	recording_each(r, stmt, add_message, a);
	a->cut = recording_cut(r, stmt);
	return a;
}

void
answer_free(struct answer **ap)
{
	struct answer *a = *ap;
	struct answer_part *p;
	size_t i, j;

	for (i = 0; i < a->n; i++) {
		p = &a->parts[i];
		for (j = 0; j < p->ncolumns; j++)
			free(p->columns[j].name);
		free(p->columns);
		free(p->cells);
		free(p->data);
		free(p->text);
	}
	free(a->parts);
	free(a);
	*ap = NULL;
}

/* --- cells ---------------------------------------------------------------- */

/* OIDs that never change: pg_type.dat. */
enum { OID_BOOL = 16, OID_CHAR = 18, OID_NAME = 19, OID_INT8 = 20,
	OID_INT2 = 21, OID_INT4 = 23, OID_TEXT = 25, OID_OID = 26,
	OID_JSON = 114, OID_FLOAT4 = 700, OID_FLOAT8 = 701, OID_MONEY = 790,
	OID_BPCHAR = 1042, OID_VARCHAR = 1043, OID_NUMERIC = 1700,
	OID_UNKNOWN = 705 };

bool
answer_is_number(const struct answer_column *c)
{
	return c->type == OID_INT2 || c->type == OID_INT4 ||
	    c->type == OID_INT8 || c->type == OID_OID ||
	    c->type == OID_FLOAT4 || c->type == OID_FLOAT8 ||
	    c->type == OID_NUMERIC || c->type == OID_MONEY;
}

static bool
is_text(uint32_t type)
{
	return type == OID_TEXT || type == OID_VARCHAR || type == OID_BPCHAR ||
	    type == OID_NAME || type == OID_CHAR || type == OID_JSON ||
	    type == OID_UNKNOWN;
}

/* The binary format of a few types; of others the beginning, in hex. */
static void
from_binary(uint32_t type, const uint8_t *p, size_t len, char scratch[64])
{
	struct reading r = { p, p + len, false };
	uint64_t n = 0;
	size_t i;

	if (type == OID_BOOL && len == 1)
		snprintf(scratch, 64, "%s", p[0] == 0 ? "f" : "t");
	else if ((type == OID_INT2 && len == 2))
		snprintf(scratch, 64, "%d", (int16_t)get(&r, 2));
	else if (type == OID_INT4 && len == 4)
		snprintf(scratch, 64, "%" PRId32, (int32_t)get(&r, 4));
	else if (type == OID_OID && len == 4)
		snprintf(scratch, 64, "%" PRIu32, get(&r, 4));
	else if (type == OID_INT8 && len == 8) {
		n = (uint64_t)get(&r, 4) << 32;
		n |= get(&r, 4);
		snprintf(scratch, 64, "%" PRId64, (int64_t)n);
	} else {
		snprintf(scratch, 64, "\\x");
		for (i = 0; i < len && i < 28; i++)
			snprintf(scratch + 2 + 2 * i, 3, "%02x", p[i]);
		if (i < len)
			memcpy(scratch + 2 + 2 * i, "...", 4);
	}
}

const char *
answer_text(const struct answer_part *p, size_t row, size_t column,
    char scratch[64], size_t *len)
{
	const struct answer_cell *c = &p->cells[row * p->ncolumns + column];
	const struct answer_column *col = &p->columns[column];

	*len = 0;
	if (c->len == -1)
		return NULL;
	if (c->len == 0)
		return "";
	if (!col->binary || is_text(col->type)) {
		*len = (size_t)c->len;
		return (const char *)p->data + c->at;
	}
	from_binary(col->type, p->data + c->at, (size_t)c->len, scratch);
	*len = strlen(scratch);
	return scratch;
}
