#ifndef AUDITD_KEYFILE_H
#define AUDITD_KEYFILE_H

#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#include "sign.h"

/*
 * The signing key's files.  The secret one must be a plain file of `owner` that
 * nobody else may read or write.
 */

/* NULL with a message that does not name the file. */
struct sign_key	*keyfile_load(const char *path, uid_t owner, char *err,
		    size_t errlen);
/* A public key; -1 with a message. */
int		 keyfile_public(const char *path, uint8_t key[SIGN_KEY_LEN],
		    char *err, size_t errlen);
/*
 * Make a pair: `path` (0600, of `owner` unless that is -1) and `path`.pub.
 * Nothing is ever overwritten.  -1 with a message.
 */
int		 keyfile_make(const char *path, uid_t owner, gid_t group,
		    char *err, size_t errlen);

#endif
