/*
 * answer: rows, COPY data, errors and notices of the server, looked through
 * for values that should not be in a text.  Runs in the worker.  The server is
 * trusted to be PostgreSQL and in nothing else: a row that is not what it says
 * is looked through as one text.
 *
 * Text is the same in both formats; so are the strings in json, in composite
 * values and in arrays.  Numbers, times and the like are left alone where
 * their type is known: a client could not read asterisks there.
 */
#include "answer.h"

#include <stdbool.h>
#include <stdlib.h>

#include "pgmsg.h"

struct columns {
	unsigned int	 refs;
	uint16_t	 n;
	bool		 text[];
};

/* pg_type.oid: what is not text, nor holds any; and arrays of it. */
static bool
is_text(uint32_t type)
{
	switch (type) {
	case 16:	/* bool */
	case 20:	/* int8 */
	case 21:	/* int2 */
	case 22:	/* int2vector */
	case 23:	/* int4 */
	case 26:	/* oid */
	case 27:	/* tid */
	case 28:	/* xid */
	case 29:	/* cid */
	case 30:	/* oidvector */
	case 700:	/* float4 */
	case 701:	/* float8 */
	case 790:	/* money */
	case 1000: case 1005: case 1007: case 1016: case 1021: case 1022:
	case 1028:
	case 1082:	/* date */
	case 1083:	/* time */
	case 1114:	/* timestamp */
	case 1115: case 1182: case 1183: case 1185: case 1187: case 1231:
	case 1184:	/* timestamptz */
	case 1186:	/* interval */
	case 1266:	/* timetz */
	case 1270:
	case 1700:	/* numeric */
	case 2950:	/* uuid */
	case 2951:
	case 3220:	/* pg_lsn */
	case 5069:	/* xid8 */
		return false;
	default:
		return true;
	}
}

struct columns *
columns_new(const uint8_t *body, size_t len)
{
	struct pg_reader r;
	struct columns *c;
	uint16_t n, i;

	pg_read(&r, body, len);
	n = pg_u16(&r);
	if ((c = malloc(sizeof(*c) + n * sizeof(c->text[0]))) == NULL)
		return NULL;
	c->refs = 1;
	c->n = n;
	for (i = 0; i < n; i++) {
		pg_str(&r);
		pg_u32(&r);		/* table, column */
		pg_u16(&r);
		c->text[i] = is_text(pg_u32(&r));
		pg_u16(&r);		/* size, modifier, format */
		pg_u32(&r);
		pg_u16(&r);
	}
	if (!pg_done(&r))
		columns_unref(&c);
	return c;
}

struct columns *
columns_ref(struct columns *c)
{
	if (c != NULL)
		c->refs++;
	return c;
}

void
columns_unref(struct columns **cp)
{
	struct columns *c = *cp;

	*cp = NULL;
	if (c != NULL && --c->refs == 0)
		free(c);
}

size_t
answer_text(uint8_t *body, size_t len, enum content_mode mode,
    struct content_found *found)
{
	return content_check(body, len, CONTENT_ALL, mode == CONTENT_MASK,
	    found);
}

/* The lengths add up? */
static bool
row_whole(const uint8_t *p, size_t len, uint16_t *n_r)
{
	size_t at = 2;
	uint32_t size;
	uint16_t i;

	if (len < 2)
		return false;
	*n_r = pg_be16(p);
	for (i = 0; i < *n_r; i++) {
		if (len - at < 4)
			return false;
		size = pg_be32(p + at);
		at += 4;
		if (size == UINT32_MAX)
			continue;
		if (size > len - at)
			return false;
		at += size;
	}
	return at == len;
}

size_t
answer_row(uint8_t *body, size_t len, const struct columns *c,
    enum content_mode mode, struct content_found *found)
{
	size_t at = 2, n = 0;
	uint32_t size;
	uint16_t cols, i;

	if (!row_whole(body, len, &cols))
		return answer_text(body, len, mode, found);
	for (i = 0; i < cols; i++) {
		size = pg_be32(body + at);
		at += 4;
		if (size == UINT32_MAX)
			continue;
		if (c == NULL || c->n != cols || c->text[i])
			n += answer_text(body + at, size, mode, found);
		at += size;
	}
	return n;
}
