#ifndef POSTERN_LEARN_H
#define POSTERN_LEARN_H

/*
 * policyctl learn: rules that allow what a record holds, and nothing else.
 */
struct learn {
	const char	*policy;	/* policy.yaml */
	const char	*profile;	/* of it: whose statements, whose rules */
	const char	*record;	/* auditctl export; "-": standard input */
	const char	*databases;	/* described.h; or NULL */
};

/*
 * Prints the policy, normalised, with other rules in that profile.  Needs a
 * large stack (bigstack_run()).  0, or 1 and it was said why not.
 */
int	learn_run(const struct learn *);

#endif
