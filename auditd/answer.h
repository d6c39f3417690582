#ifndef AUDITD_ANSWER_H
#define AUDITD_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "recording.h"

/* The recorded answer to one statement, in parts, as the client got it. */
enum answer_kind {
	ANSWER_ROWS,		/* columns and rows */
	ANSWER_TAG,		/* a command is complete */
	ANSWER_ERROR,
	ANSWER_NOTICE,
	ANSWER_NOTIFY,		/* channel: payload */
	ANSWER_COPY		/* data of COPY TO STDOUT */
};

struct answer_column {
	char		*name;
	uint32_t	 type;		/* OID */
	bool		 binary;
};

/* As the message has it. */
struct answer_cell {
	size_t		 at;		/* in the part's data */
	int32_t		 len;		/* -1: NULL */
};

struct answer_part {
	enum answer_kind kind;
	/* ROWS: nrows * ncolumns cells in `data`. */
	struct answer_column *columns;
	size_t		 ncolumns, nrows, ncells;
	struct answer_cell *cells;
	uint8_t		*data;		/* ROWS, COPY */
	size_t		 len;
	char		*text;		/* the others; ERROR: sqlstate first */
	char		 sqlstate[6];	/* ERROR */
};

struct answer {
	struct answer_part *parts;
	size_t		 n;
	bool		 suspended;	/* there were more rows to be had */
	const struct recorded_cut *cut;	/* or NULL */
};

/* Never NULL; without parts when nothing was recorded. */
struct answer	*answer_load(struct recording *, int64_t stmt);
void		 answer_free(struct answer **);

/* To make one of what a database says now; all copy. */
struct answer	*answer_new(void);
struct answer_part *answer_add(struct answer *, enum answer_kind,
		    const char *text);
/* Columns, all of the same format; then cells, row after row. */
struct answer_part *answer_add_rows(struct answer *, size_t ncolumns,
		    bool binary);
void		 answer_set_column(struct answer_part *, size_t i,
		    const char *name, uint32_t type);
void		 answer_add_cell(struct answer_part *, const void *,
		    int32_t len);
void		 answer_add_copy(struct answer *, const void *, size_t);

enum answer_difference {
	ANSWER_SAME,
	ANSWER_ORDER,		/* the same rows in another order */
	ANSWER_DIFFERS		/* `why` says in what */
};
/*
 * Notices and notifications do not count, nor do texts of errors.  Where the
 * first was cut, what is left of it must be in the second.
 */
enum answer_difference answer_compare(const struct answer *was,
		    const struct answer *is, char *why, size_t size);
/*
 * A cell as text; in `scratch` where it is another than its bytes.  NULL: it is
 * NULL.
 */
const char	*answer_text(const struct answer_part *, size_t row,
		    size_t column, char scratch[64], size_t *len);
/* Numbers stand to the right. */
bool		 answer_is_number(const struct answer_column *);

#endif
