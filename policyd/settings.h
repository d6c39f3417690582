#ifndef POSTERN_SETTINGS_H
#define POSTERN_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "policy.h"

/*
 * `settings:` of a profile: which of the server's parameters a session has from
 * its start, and which it may change.  Pure; used by the parent (what comes
 * with a login) and by the engine (what comes in SQL).
 *
 * A setting of the map is pinned, unless `allow` names it exactly; `allow`, if
 * it is given, is all that may be changed besides.  Names are compared as the
 * server does, its older names for the same parameter too.
 */
enum setting_leave {
	SETTING_FREE,		/* as far as this is concerned */
	SETTING_PINNED,
	SETTING_UNLISTED	/* `allow` is given, and has it not */
};

enum setting_leave settings_leave(const struct profile *, const char *name);
/* Is there anything that a session may not change? */
bool	settings_limited(const struct profile *);
/* Does the map's i-th hold for the whole session? */
bool	settings_pinned(const struct profile *, size_t i);
/*
 * A sentence, without its subject, that says why not: the setting's name and
 * the key of the policy are in it.  `leave` is not SETTING_FREE.
 */
void	settings_why(const struct profile *, const char *name,
	    enum setting_leave leave, char *out, size_t size);

/* May it be set to this (NULL: not one constant) where there are masks? */
bool	settings_masked(const char *name, const char *value);
/*
 * The settings that come with a login, in its startup packet or in `options`
 * of it: name NUL value NUL and so on, `len` bytes of a worker's.  What most
 * drivers send unasked always passes, and where the policy has pinned it, that
 * holds.  False with a sentence.
 */
bool	settings_params(const struct profile *, const uint8_t *, size_t len,
	    char *why, size_t size);
/* Is this one of them? */
bool	settings_params_have(const uint8_t *, size_t len, const char *name);

#endif
