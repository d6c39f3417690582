/*
 * pgmsg: reading and building PostgreSQL's messages.  Runs in the worker, on
 * bytes of clients and servers, neither of them trusted.  Pure functions.
 */
#include "pgmsg.h"

#include <string.h>

void
pg_read(struct pg_reader *r, const uint8_t *p, size_t len)
{
	r->p = p;
	r->left = len;
	r->bad = false;
}

static const uint8_t *
take(struct pg_reader *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->bad || n > r->left) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	r->left -= n;
	return p;
}

uint8_t
pg_u8(struct pg_reader *r)
{
	const uint8_t *p = take(r, 1);

	return p == NULL ? 0 : *p;
}

uint16_t
pg_u16(struct pg_reader *r)
{
	const uint8_t *p = take(r, 2);

	return p == NULL ? 0 : pg_be16(p);
}

uint32_t
pg_u32(struct pg_reader *r)
{
	const uint8_t *p = take(r, 4);

	return p == NULL ? 0 : pg_be32(p);
}

const char *
pg_str(struct pg_reader *r)
{
	const uint8_t *p = r->p, *end;

	if (r->bad || (end = memchr(p, '\0', r->left)) == NULL) {
		r->bad = true;
		return "";
	}
	take(r, (size_t)(end - p) + 1);
	return (const char *)p;
}

bool
pg_done(const struct pg_reader *r)
{
	return !r->bad && r->left == 0;
}

/* n values, each an int32 length and bytes; -1 is NULL, below is malformed. */
static void
read_values(struct pg_reader *r)
{
	uint16_t n = pg_u16(r);
	uint32_t len;

	while (n-- > 0 && !r->bad) {
		len = pg_u32(r);
		if (len == UINT32_MAX)
			continue;
		if (len > INT32_MAX)
			r->bad = true;
		else
			take(r, len);
	}
}

static void
read_formats(struct pg_reader *r)
{
	take(r, (size_t)pg_u16(r) * 2);
}

bool
pg_client_body_ok(uint8_t type, const uint8_t *body, size_t len)
{
	struct pg_reader r;
	uint8_t what;

	pg_read(&r, body, len);
	switch (type) {
	case 'Q':
	case 'f':
		pg_str(&r);
		break;
	case 'P':
		pg_str(&r);
		pg_str(&r);
		take(&r, (size_t)pg_u16(&r) * 4);
		break;
	case 'B':
		pg_str(&r);
		pg_str(&r);
		read_formats(&r);
		read_values(&r);
		read_formats(&r);
		break;
	case 'E':
		pg_str(&r);
		pg_u32(&r);
		break;
	case 'D':
	case 'C':
		what = pg_u8(&r);
		pg_str(&r);
		if (what != 'S' && what != 'P')
			return false;
		break;
	case 'F':
		pg_u32(&r);
		read_formats(&r);
		read_values(&r);
		pg_u16(&r);
		break;
	case 'H':
	case 'S':
	case 'X':
	case 'c':
		break;
	case 'd':
	case 'p':
		return true;
	default:
		return false;
	}
	return pg_done(&r);
}

int
pg_error_read(const uint8_t *body, size_t len, struct pg_error *e)
{
	struct pg_reader r;
	const char *s;
	uint8_t f;

	e->severity = e->sqlstate = e->message = "";
	e->fatal = false;
	pg_read(&r, body, len);
	while ((f = pg_u8(&r)) != 0 && !r.bad) {
		s = pg_str(&r);
		if (f == 'S')
			e->severity = s;
		else if (f == 'C')
			e->sqlstate = s;
		else if (f == 'M')
			e->message = s;
		else if (f == 'V')	/* never translated */
			e->fatal = strcmp(s, "FATAL") == 0 ||
			    strcmp(s, "PANIC") == 0;
	}
	return pg_done(&r) ? 0 : -1;
}

int
pg_begin(struct buf *b, uint8_t type, size_t *at)
{
	if (buf_add_u8(b, type) == -1)
		return -1;
	*at = b->len;
	return buf_add_be32(b, 0);
}

int
pg_end(struct buf *b, size_t at)
{
	uint8_t *p = buf_head(b) + at;
	size_t len = b->len - at;

	if (len > INT32_MAX)
		return -1;
	p[0] = (uint8_t)(len >> 24);
	p[1] = (uint8_t)(len >> 16);
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
	return 0;
}

static int
add_field(struct buf *b, uint8_t field, const char *value)
{
	if (value == NULL || *value == '\0')
		return 0;
	return buf_add_u8(b, field) == -1 || buf_add_cstr(b, value) == -1 ?
	    -1 : 0;
}

int
pg_add_error(struct buf *b, uint8_t type, const char *severity,
    const char *sqlstate, const char *message, const char *detail,
    const char *hint)
{
	size_t at;

	if (pg_begin(b, type, &at) == -1 ||
	    add_field(b, 'S', severity) == -1 ||
	    add_field(b, 'V', severity) == -1 ||
	    add_field(b, 'C', sqlstate) == -1 ||
	    add_field(b, 'M', message) == -1 ||
	    add_field(b, 'D', detail) == -1 ||
	    add_field(b, 'H', hint) == -1 || buf_add_u8(b, 0) == -1)
		return -1;
	return pg_end(b, at);
}

int
pg_add_auth(struct buf *b, uint32_t code, const void *data, size_t len)
{
	size_t at;

	if (pg_begin(b, 'R', &at) == -1 || buf_add_be32(b, code) == -1 ||
	    buf_add(b, data, len) == -1)
		return -1;
	return pg_end(b, at);
}

int
pg_add_ready(struct buf *b, uint8_t status)
{
	return pg_add(b, 'Z', &status, 1);
}

int
pg_add(struct buf *b, uint8_t type, const void *body, size_t len)
{
	size_t at;

	if (pg_begin(b, type, &at) == -1 || buf_add(b, body, len) == -1)
		return -1;
	return pg_end(b, at);
}
