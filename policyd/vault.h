#ifndef POSTERN_VAULT_H
#define POSTERN_VAULT_H

#include <stddef.h>
#include <stdint.h>

#include "policy.h"

/*
 * A policy with the secrets that it names: passwords of brokers and backend
 * roles, and the databases' CA certificates, read once.
 */
struct vault;

struct vault_db {
	const struct database	*db;
	char			*ca;		/* PEM, or NULL */
	size_t			 calen;
	char			*password;	/* the broker's, or NULL */
};

/*
 * The one line of a secret file, allocated; to be wiped and freed.  NULL with a
 * reason: see vault_new().
 */
char			*vault_secret(const char *path, char *reason,
			    size_t size);
/*
 * Reads all files; takes the policy over on success.  NULL with a reason that
 * names the key and the file: one is missing, empty, too large, or a secret
 * that group or others may touch.
 */
struct vault		*vault_new(struct policy *, char *reason, size_t size);
/* Wipes what is secret. */
void			 vault_free(struct vault **);
size_t			 vault_count(const struct vault *);
const struct vault_db	*vault_at(const struct vault *, size_t i);
/* NULL when there is none; a NULL vault has none. */
const struct vault_db	*vault_database(const struct vault *, const char *key);
const struct profile	*vault_profile(const struct vault *, const char *key);
/* The password of a profile's backend role; NULL: it has none. */
const char		*vault_role_password(const struct vault *,
			    const struct profile *);

#endif
