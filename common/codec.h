#ifndef POSTERN_CODEC_H
#define POSTERN_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/*
 * The one codec of Postern: messages between processes (ipc_msgs.h), audit
 * events in the spool (event_kinds.h) and the catalogue snapshot
 * (catalog_recs.h) are all tables of typed fields that it encodes and decodes.
 *
 * On the wire a message is its fields in order, little-endian integers, a
 * string or bytes as a u32 length and that many bytes.  Decoding checks every
 * length against the field's maximum and against what is left, and must end
 * exactly at the end of the message.
 */

/*
 * A counted string that is owned by someone else: after decoding it points
 * into the message's bytes.  Never NUL-terminated.
 */
struct slice {
	const uint8_t	*p;
	uint32_t	 len;
};

enum field_type {
	FIELD_U8,
	FIELD_U32,
	FIELD_U64,
	FIELD_STR,	/* text for people, UTF-8 if the sender is honest; no NUL */
	FIELD_BYTES	/* anything */
};

struct field {
	const char	*name;
	enum field_type	 type;
	size_t		 offset;	/* into the message's struct */
	uint32_t	 max;		/* STR and BYTES: most bytes */
};

struct msg_desc {
	uint16_t		 type;
	const char		*name;
	const struct field	*fields;
	size_t			 nfields;
	size_t			 size;		/* of the struct */
	uint8_t			 nfds;		/* descriptors that come with it */
	uint16_t		 from, to;	/* roles (ipc.h); 0: not a message */
};

/* What the field types are called in a table, and their C types. */
#define FIELD_CTYPE_U8		uint8_t
#define FIELD_CTYPE_U32		uint32_t
#define FIELD_CTYPE_U64		uint64_t
#define FIELD_CTYPE_STR		struct slice
#define FIELD_CTYPE_BYTES	struct slice

/*
 * Append the encoding of `msg` (the struct that `desc` describes).  -1, with
 * the buffer as it was, when a field is over its maximum or there is no room.
 */
int	msg_encode(const struct msg_desc *desc, const void *msg, struct buf *out);
/*
 * Decode exactly `len` bytes into `msg`; its slices point into `p`.  -1 when
 * the bytes are not one such message to the last byte.
 */
int	msg_decode(const struct msg_desc *desc, const uint8_t *p, size_t len,
	    void *msg);

/*
 * For the .c file of a table: a function that returns the fields of one struct
 * (the typedef lets the field macro name the struct without being told).
 */
#define CODEC_FIELD(ftype, fname, fmax)					\
	{ #fname, FIELD_##ftype, offsetof(codec_struct, fname), fmax },
#define CODEC_FIELDS(fn, name, LIST)					\
	static const struct field *					\
	fn(size_t *n_r)							\
	{								\
		typedef struct name codec_struct;			\
		static const struct field f[] = { LIST(CODEC_FIELD) };	\
		*n_r = sizeof(f) / sizeof(f[0]);			\
		return f;						\
	}

struct slice	 slice_str(const char *);		/* NULL is empty */
struct slice	 slice_of(const void *, size_t);
/* Compare with a C string. */
int		 slice_eq(struct slice, const char *);
/* A NUL-terminated copy, to free(); NULL when it holds a NUL or memory is out. */
char		*slice_dup(struct slice);
/* Copy into a fixed array with NUL; -1 when it does not fit or holds a NUL. */
int		 slice_copy(struct slice, char *dst, size_t size);

#endif
