#ifndef AUDITD_VERIFY_H
#define AUDITD_VERIFY_H

#include <stdint.h>

#include "crypto.h"

/*
 * Walks the whole store and recomputes the chain.
 */
enum verify_code {
	VERIFY_OK,
	VERIFY_BAD,		/* `problem` says what is wrong */
	VERIFY_CANNOT		/* could not be read; `problem` says why */
};

struct verify_result {
	int64_t	 events;		/* good ones, from the first on */
	uint8_t	 head[SHA256_LEN];	/* hash of the last good one */
	int64_t	 bad;			/* id of the first bad event, or 0 */
	char	 problem[512];		/* a sentence */
};

/* Reads only; a running auditd may go on. */
enum verify_code verify_store(const char *path, struct verify_result *);

#endif
