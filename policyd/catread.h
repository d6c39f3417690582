#ifndef POSTERN_CATREAD_H
#define POSTERN_CATREAD_H

#include "helper.h"
#include "policy.h"

/*
 * Reading a database's catalogue into the records of catalog_recs.h.
 */
struct catread_job {
	const struct database	*db;
	const char		*password;	/* the broker's; "" for none */
	/* The epoch that is known; when it is still that one, nothing is
	 * read.  "" to read in any case. */
	const char		*epoch;
};

#define CATREAD_MS	60000		/* for the whole child */
#define CATREAD_REPLY	2048		/* bytes of an answer, at most */

/* The first byte of the answer; text follows. */
enum catread_answer {
	CATREAD_SAME = 'S',		/* the epoch */
	CATREAD_READ = 'R',		/* the epoch; a sealed memfd comes too */
	CATREAD_FAILED = 'E'		/* why */
};

/* A helper_work; `arg` is a struct catread_job. */
void	catread_work(int sock, void *arg);

#endif
