#ifndef POSTERN_POLICY_IMPL_H
#define POSTERN_POLICY_IMPL_H

#include <stddef.h>
#include <stdio.h>

#include "conf.h"
#include "policy.h"

/*
 * What policy.c and policy_*.c share; nobody else
 * includes this.
 */
#define POLICY_NELEM(a)	(sizeof(a) / sizeof((a)[0]))

/* What is in the sections and in other files' maps, for policy_top. */
#define POLICY_MAP(table)						\
	{ .form = CONF_FORM_MAP, .keys = (table), .n = POLICY_NELEM(table) }
#define POLICY_LIST(sub)	{ .form = CONF_FORM_LIST, .of = &(sub) }
#define POLICY_NAMES(sub, fit)						\
	{ .form = CONF_FORM_NAMES, .of = &(sub), .pattern = (fit) }
/* As policy_entry() has them. */
#define POLICY_FIT	"^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,62}$"
extern const struct conf_sub policy_issuers_sub, policy_masks_sub,
	policy_profiles_sub, policy_role_sub, policy_rules_sub,
	policy_when_sub, policy_hours_sub, policy_claims_sub,
	policy_approval_sub, policy_requires_sub, policy_approvers_sub,
	policy_notify_sub, policy_caps_sub;

#define POLICY_SCORE_MAX	1000000
/* The words of `mode`: enforce, observe. */
extern const char *const policy_modes[];

/* "profiles.nightly-bot.rules[12].when" */
#define POLICY_WHERE	192

/* A path in the file, for messages: cut where it is too long. */
void	policy_where(char where[POLICY_WHERE], const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
/* A CONF_CUSTOM key that is looked at after conf_fill(), when its path in the
 * file is known: only its name is in the table. */
int	policy_later(const struct conf *, const struct conf_node *, void *,
	    struct conf_error *);
/*
 * `map` must be a map, and its i-th key a fit name: at most LEN_KEY of
 * letters, digits and "_.@-", since it goes into logs, records and messages.
 */
int	policy_entry(const struct conf *, const struct conf_node *map,
	    size_t i, const char *section, struct conf_error *);
/*
 * A string that was filled from map's `key` must not be empty, longer than
 * max, or hold control characters.  NULL, and a default, pass.
 */
int	policy_text(const struct conf *, const struct conf_node *map,
	    const char *where, const char *key, const char *value, size_t max,
	    struct conf_error *);
/* The same for each of a list. */
int	policy_texts(const struct conf *, const struct conf_node *map,
	    const char *where, const char *key, const struct conf_strings *,
	    size_t max, struct conf_error *);
/* The node of the i-th string of map's `key` (a list or the string itself). */
const struct conf_node *policy_item(const struct conf_node *map,
	    const char *key, size_t i);
/* Is it a JSON Pointer (RFC 6901) to something within the claims? */
bool	policy_pointer(const char *);
/* Exactly `parts` parts between dots, none empty? */
bool	policy_dotted(const char *, size_t parts);
/* Fill from the i-th pair of a map whose keys are not ours to choose. */
int	policy_pair(const struct conf *, const struct conf_node *map, size_t i,
	    const char *where, enum conf_type, void *out, struct conf_error *);
/* "key:" on a line of its own. */
void	policy_print_key(FILE *, int indent, const char *key);

/*
 * policy_claims.c: the map under `key` at `at`, from JSON Pointers to globs,
 * which must not be empty.  What was allocated stays in *claims for _free(),
 * also after an error.
 */
int	policy_claims_parse(const struct conf *, const struct conf_node *map,
	    const char *at, const char *key, struct claim_match **claims,
	    size_t *n, struct conf_error *);
void	policy_claims_free(struct claim_match *, size_t n);
/* With the key, `indent` spaces in; nothing where there is none. */
void	policy_claims_print(FILE *, int indent, const char *key,
	    const struct claim_match *, size_t n);

/* policy_issuers.c: `issuers:`; `node` may be NULL in all of these. */
int	policy_issuers_parse(const struct conf *, const struct conf_node *node,
	    struct policy *, struct conf_error *);
void	policy_issuers_free(struct policy *);
void	policy_issuers_print(const struct policy *, FILE *);

/* policy_masks.c: `masks:`, into p->masks. */
int	policy_masks_parse(const struct conf *, const struct conf_node *node,
	    struct policy *, struct conf_error *);
void	policy_masks_free(struct policy *);
void	policy_masks_print(const struct policy *, FILE *);
struct mask_set *policy_mask_set(const struct policy *, const char *key);

/* policy_profiles.c: `profiles:`, after all that they refer to. */
int	policy_profiles_parse(const struct conf *,
	    const struct conf_node *node, struct policy *,
	    struct conf_error *);
void	policy_profiles_free(struct policy *);
void	policy_profiles_print(const struct policy *, FILE *);

/* policy_role.c: a profile's `role:`, after its settings and rules. */
int	policy_role_parse(const struct conf *, const struct conf_node *node,
	    const char *where, const struct policy *, struct profile *,
	    struct conf_error *);
/* What of a profile must be so because its role is minted. */
int	policy_role_check(const struct conf *, const struct conf_node *map,
	    const char *where, const struct policy *, const struct profile *,
	    struct conf_error *);
void	policy_role_free(struct profile *);
void	policy_role_print(const struct profile *, FILE *);

/* policy_when.c: a rule's `when:`. */
/* Does it want an estimate that is large? */
bool	policy_when_large(const struct cond *);
int	policy_when_parse(const struct conf *, const struct conf_node *,
	    const char *where, struct cond *, struct conf_error *);
void	policy_when_free(struct cond *);
/* What stands in the map, `indent` spaces in. */
void	policy_when_print(FILE *, int indent, const struct cond *);

/*
 * policy_limits.c: `hours:` of a profile or of a rule, and what networks the
 * strings of map's `key` name.  What was allocated stays in *hours and *nets
 * for the caller, also after an error.
 */
int	policy_hours_parse(const struct conf *, const struct conf_node *list,
	    const char *where, struct hours **hours, size_t *n,
	    struct conf_error *);
int	policy_networks_parse(const struct conf *, const struct conf_node *map,
	    const char *where, const char *key, const struct conf_strings *,
	    struct network **nets, struct conf_error *);
void	policy_hours_free(struct hours *, size_t n);
/* With the key, `indent` spaces in; nothing where there are none. */
void	policy_hours_print(FILE *, int indent, const struct hours *, size_t n);
void	policy_limits_free(struct profile *);
void	policy_limits_print(const struct profile *, FILE *);

/* policy_rules.c: a profile's `rules:`; `where` is the profile's path. */
int	policy_rules_parse(const struct conf *, const struct conf_node *node,
	    const char *where, const struct policy *, struct profile *,
	    struct conf_error *);
void	policy_rules_free(struct profile *);
void	policy_rules_print(const struct profile *, FILE *);

/* policy_approval.c: a rule's `approval:` (NULL: defaults), and `approvers:`. */
int	policy_approval_parse(const struct conf *,
	    const struct conf_node *map, const char *where, struct approval *,
	    struct conf_error *);
void	policy_approval_free(struct approval *);
void	policy_approval_print(const struct approval *, int indent, FILE *);
/* ... and a profile's `requires:`, all of whose keys are about grants. */
int	policy_requires_parse(const struct conf *,
	    const struct conf_node *map, const char *profile,
	    const struct policy *, struct profile *, struct conf_error *);
void	policy_requires_free(struct profile *);
void	policy_requires_print(const struct profile *, FILE *);
int	policy_approvers_parse(const struct conf *,
	    const struct conf_node *map, struct policy *, struct conf_error *);
void	policy_approvers_free(struct policy *);
void	policy_approvers_print(const struct policy *, FILE *);

/* policy_issuers.c: NULL, or why a URL is none to connect to: "must ...". */
const char *policy_url_fault(const char *url, bool query, bool http_loopback);

/* policy_caps.c: `caps:` in a profile's or a rule's map, if it is there. */
int	policy_caps_parse(const struct conf *, const struct conf_node *map,
	    const char *where, struct caps *, struct conf_error *);
/* With the key, `indent` spaces in; nothing where there is none. */
void	policy_caps_print(FILE *, int indent, const struct caps *);

/* policy_notify.c: `notify:`. */
int	policy_notify_parse(const struct conf *,
	    const struct conf_node *list, struct policy *, struct conf_error *);
void	policy_notify_free(struct policy *);
void	policy_notify_print(const struct policy *, FILE *);

#endif
