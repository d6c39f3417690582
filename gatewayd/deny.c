/*
 * deny: what is sent to the server instead of a message that was refused.  Runs
 * in the worker.  Each is of the refused message's type and must fail there, so
 * that transaction and pipeline are where a server's error leaves them (the
 * table in PROTOCOL, "Denied messages").
 */
#include "deny.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "pgmsg.h"

int
deny_by(struct pipe_entry *e, const char *sqlstate, const char *message,
    const char *hint)
{
	uint8_t r[NONCE_LEN / 2];

	e->denied = true;
	random_bytes(r, sizeof(r));
	hex_encode(r, sizeof(r), e->nonce);
	snprintf(e->deny_sqlstate, sizeof(e->deny_sqlstate), "%s", sqlstate);
	e->deny_message = strdup(message);
	e->deny_hint = hint == NULL || *hint == '\0' ? NULL : strdup(hint);
	return e->deny_message == NULL ? -1 : 0;
}

int
deny_by_verdict(struct pipe_entry *e, const struct verdict *v)
{
	return deny_by(e, v->sqlstate, v->message, v->hint);
}

/* The text that must fail in the parse analysis of any server. */
static void
denied_text(const struct pipe_entry *e, char *dst, size_t size)
{
	snprintf(dst, size, "SELECT \"pst_deny_%s\" -- refused by postern",
	    e->nonce);
}

int
deny_query(struct buf *out, struct pipe_entry *e)
{
	char text[128];

	denied_text(e, text, sizeof(text));
	return pg_add(out, 'Q', text, strlen(text) + 1);
}

int
deny_parse(struct buf *out, struct pipe_entry *e, const char *name)
{
	char text[128];
	size_t at;

	denied_text(e, text, sizeof(text));
	if (pg_begin(out, 'P', &at) == -1 ||
	    buf_add_cstr(out, name) == -1 ||
	    buf_add_cstr(out, text) == -1 ||
	    buf_add_be16(out, 0) == -1)
		return -1;
	return pg_end(out, at);
}

/* Bind of a statement that cannot be there. */
int
deny_bind(struct buf *out, struct pipe_entry *e, const char *portal)
{
	char name[64];
	size_t at;

	snprintf(name, sizeof(name), "pst_deny_%s", e->nonce);
	if (pg_begin(out, 'B', &at) == -1 ||
	    buf_add_cstr(out, portal) == -1 ||
	    buf_add_cstr(out, name) == -1 ||
	    buf_add(out, "\0\0\0\0\0\0", 6) == -1)
		return -1;
	return pg_end(out, at);
}

/* Execute of a portal that cannot be there. */
int
deny_execute(struct buf *out, struct pipe_entry *e)
{
	char name[64];
	size_t at;

	snprintf(name, sizeof(name), "pst_deny_%s", e->nonce);
	if (pg_begin(out, 'E', &at) == -1 ||
	    buf_add_cstr(out, name) == -1 ||
	    buf_add_be32(out, 0) == -1)
		return -1;
	return pg_end(out, at);
}

/* FunctionCall of an OID that is not assigned: those just below 2^32 are not
 * within centuries of use.  The OID is the nonce. */
int
deny_function(struct buf *out, struct pipe_entry *e)
{
	uint32_t oid;
	size_t at;

	random_bytes(&oid, sizeof(oid));
	oid |= 0xffff0000u;
	snprintf(e->nonce, sizeof(e->nonce), "%u", oid);
	if (pg_begin(out, 'F', &at) == -1 ||
	    buf_add_be32(out, oid) == -1 ||
	    buf_add(out, "\0\0\0\0\0\0", 6) == -1)
		return -1;
	return pg_end(out, at);
}
