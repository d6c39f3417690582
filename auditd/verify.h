#ifndef AUDITD_VERIFY_H
#define AUDITD_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "anchors.h"
#include "crypto.h"
#include "sign.h"

/*
 * Walks the whole store, segment by segment, recomputes the chain, and holds
 * it against what somebody vouches for: keys and anchors.
 */
enum verify_code {
	VERIFY_OK,
	VERIFY_BAD,		/* `problem` says what is wrong */
	VERIFY_CANNOT		/* could not be read; `problem` says why */
};

struct verify_options {
	/* Whose checkpoints are good; with none, signatures are not looked at
	 * (a checkpoint must name the right event and hash all the same). */
	const uint8_t	(*keys)[SIGN_KEY_LEN];
	size_t		  nkeys;
	struct anchors	 *anchors;	/* or NULL; is sorted */
	bool		  no_recordings;	/* they are not here */
	/* Called now and then with the last good event; true: stop. */
	bool		(*progress)(int64_t event, int64_t last);
};

struct verify_result {
	int64_t	 first;			/* id of the first event; 1, or a */
	int64_t	 events;		/* ... segment's; last good one's id */
	uint8_t	 head[SHA256_LEN];	/* hash of the last good one */
	int64_t	 bad;			/* id of the first bad event, or 0 */
	size_t	 segments;
	int64_t	 signed_event;		/* the last that a good checkpoint */
	int64_t	 signed_time;		/* covers, and that one's time; or 0 */
	int64_t	 answers;		/* chunks of recordings, looked at */
	int64_t	 pruned;		/* recordings that were removed */
	char	 problem[512];		/* a sentence */
};

/* Reads only; a running auditd may go on. */
enum verify_code verify_store(const char *path, const struct verify_options *,
		    struct verify_result *);

#endif
