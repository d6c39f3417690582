#ifndef AUDITD_VERIFY_IMPL_H
#define AUDITD_VERIFY_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "buf.h"
#include "chain.h"
#include "ipc_msgs.h"
#include "verify.h"

/*
 * The inside of verify, for its five files: verify.c (the walk over segments
 * and events), verify_file.c (one file: schema, meta, SQLite's own opinion),
 * verify_sign.c (checkpoints and anchors), verify_rec.c (recordings),
 * verify_touched.c (the table that is made from bodies).
 */
struct verify {
	const struct verify_options *opts;
	struct verify_result	*res;
	struct sha256		*sha;
	sqlite3			*db;		/* of the segment */
	sqlite3_stmt		*body;		/* fields of a body */
	sqlite3_stmt		*touched;	/* the table, on its next row */
	struct buf		 text;		/* scratch */
	/* --- what the segment says about itself --- */
	char			 store[STORE_ID_LEN + 1];
	int64_t			 from, last;
	bool			 sealed;
	/* --- across segments --- */
	bool			 alone;		/* one segment by itself */
	char			 id[STORE_ID_LEN + 1];	/* "": not known yet */
	int64_t			 checkpoint;	/* id of the last one */
	int64_t			 due;		/* 0: none was promised */
	size_t			 anchor;	/* the next to be met */
	bool			 anchored;	/* one was of this store */
	/* --- recordings --- */
	char			*recordings;	/* their directory; NULL: not
						 * looked at */
	int			 rec_fd;	/* of rec_session, or -1 */
	char			 rec_session[LEN_SESSION + 1];
	struct verify_missing	*missing;
	size_t			 nmissing;
};

/* A row, valid until the statement moves on. */
struct row {
	struct chain_event	 e;
	const uint8_t		*hash;
	bool			 whole;	/* every column has its type */
};

/* VERIFY_BAD, with the event's id and the sentence. */
enum verify_code verify_found(struct verify *, int64_t bad, const char *fmt,
		    ...) __attribute__((format(printf, 3, 4)));
/* VERIFY_CANNOT, in SQLite's words. */
enum verify_code verify_cannot(struct verify *);
/* SQLite stopped with `rc` in the middle: the file is damaged, or busy. */
enum verify_code verify_stopped(struct verify *, int rc);

/* Open the file, and take one snapshot for all that follows. */
enum verify_code verify_file_open(struct verify *, const char *path);
void		 verify_file_close(struct verify *);
/* After its events: the head kept beside them, the schema, the pages. */
enum verify_code verify_file_rest(struct verify *);

/* The table `touched`, beside the rows: has it what this good row says? */
enum verify_code verify_touched_begin(struct verify *);
enum verify_code verify_touched_row(struct verify *, const struct row *);
/* After the last row, with what was found so far: is there more in it? */
enum verify_code verify_touched_end(struct verify *, enum verify_code);
/* A good row: is it the checkpoint or the anchored event it should be? */
enum verify_code verify_sign_row(struct verify *, const struct row *);
/* After the last event: is everything there that was promised elsewhere? */
enum verify_code verify_sign_end(struct verify *);
bool		 verify_kind(const struct row *, const char *kind);

/* A good row: is the chunk that it speaks of there?  Is one gone by it? */
void		 verify_rec_row(struct verify *, const struct row *);
/* After the last: what is not there although nothing says why? */
enum verify_code verify_rec_end(struct verify *);
void		 verify_rec_clear(struct verify *);

/* Text member of a row's body in a static buffer; "" when there is none. */
const char	*verify_body(struct verify *, const struct row *,
		    const char *path);

#endif
