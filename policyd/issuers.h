#ifndef POSTERN_ISSUERS_H
#define POSTERN_ISSUERS_H

#include "fetch.h"
#include "jwks.h"
#include "policy.h"

/*
 * Where an issuer's keys come from: a file, or discovery over HTTP.  One
 * struct source for each issuer of the policy, with the newest good keys.
 */
struct source;

/* Good keys came, or trying for them has failed; the source is usable. */
typedef void	source_news(void *ctx, struct source *);
/*
 * To be remembered, should this process die: keys were asked for at this time
 * (boot ms), or came (then with the text of their set).
 */
typedef void	source_keep(void *ctx, const struct source *,
		    uint64_t asked_at, const char *jwks, size_t len);

/*
 * For a file it is read at once; -1 with a reason when it cannot be.  For
 * discovery a fetch is started; that it fails is no error.  `iss` is borrowed
 * and must outlive the source.
 */
int		 source_new(const struct issuer *iss, struct ev_loop *,
		    struct fetcher *, source_news *, source_keep *, void *ctx,
		    struct source **, char *reason, size_t size);
void		 source_free(struct source **);
const struct issuer *source_issuer(const struct source *);
/* NULL when there are none yet, or they are too old. */
const struct jwks *source_keys(const struct source *);
/*
 * After a reload: take over the keys of `old` where both come from the same
 * place, so that no token waits for a fetch that need not be.
 */
void		 source_inherit(struct source *, struct source *old);
/* What an earlier process had remembered of a discovery; what is no key set
 * counts for nothing. */
void		 source_restore(struct source *, uint64_t asked_at,
		    uint64_t keys_at, const char *jwks, size_t len);

enum source_hope {
	SOURCE_NO,		/* nothing newer is to be had now */
	SOURCE_NEWER,		/* the keys have just changed: look again */
	SOURCE_WAIT		/* a fetch is under way: wait for the news */
};
/*
 * A key was not there.  A file that has changed is read again; discovery is
 * asked again, but never twice within the cool-down: then at its end.
 */
enum source_hope source_refresh(struct source *);

#endif
