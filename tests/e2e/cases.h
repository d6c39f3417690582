#ifndef POSTERN_E2E_CASES_H
#define POSTERN_E2E_CASES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Forged tokens and good ones, with the keys and issuers that they are for.
 * One process; the cases stay until it ends.
 */
struct forged {
	const char	*name;
	char		*token;
	size_t		 len;
	bool		 good;		/* a control: must be let in */
	const char	*why;		/* what the recorded reason must hold */
};

/*
 * Makes keys, writes their sets to DIR/forge-a.json and forge-b.json, and
 * forges for issuers "forge-a" and "forge-b" of cases_policy.  The number of
 * cases.
 */
size_t		 cases_make(const char *dir);
const struct forged *cases_at(size_t);
/* Lines for `issuers:` of policy.yaml, for key sets in DIR.  Allocated. */
char		*cases_policy(const char *dir);
/*
 * The set of forge-a with the key "r", with "r" and a new "n", or with "n"
 * alone; and a token by either key.  Allocated.
 */
enum cases_set { SET_OLD, SET_BOTH, SET_NEW };
void		 cases_rotate(const char *dir, enum cases_set);
char		*cases_token(bool by_new);
/* For forge-b, which takes a token once: with this jti.  Allocated. */
char		*cases_once(const char *jti);

#endif
