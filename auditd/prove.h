#ifndef AUDITD_PROVE_H
#define AUDITD_PROVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "anchors.h"
#include "reader.h"
#include "sign.h"

/* What auditctl verify is given to hold the store against. */
struct prove {
	uint8_t		(*keys)[SIGN_KEY_LEN];
	size_t		 nkeys;
	struct anchors	 anchors;
	bool		 anchored;	/* --anchor was given */
	bool		 no_recordings;	/* they are not here */
	bool		 json;
};

/* Add what a file holds; -1 after a message. */
int	prove_key(struct prove *, const char *path);
int	prove_anchor(struct prove *, const char *path);
void	prove_clear(struct prove *);

/* The commands; they return the exit code. */
int	prove_store(const char *store, const struct prove *);
/* The line of the newest checkpoint. */
int	prove_checkpoint(struct reader *);
/* SQL for sqlite3 that shows all segments as one store. */
int	prove_attach(const char *store);

#endif
