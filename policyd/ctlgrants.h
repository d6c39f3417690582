#ifndef POSTERN_CTLGRANTS_H
#define POSTERN_CTLGRANTS_H

#include <stdbool.h>

/*
 * policyctl grant, revoke, grants.  Each returns the tool's exit code.  What
 * may be NULL of these is what the command line may leave out.
 */
struct ctl_grant {
	const char	*subject, *profile, *reason;
	const char	*issuer, *actor, *lasting, *token_file;	/* or NULL */
	bool		 json;
};

int	ctl_grant(const char *socket, const struct ctl_grant *);
int	ctl_revoke(const char *socket, const char *number,
	    const char *token_file, const char *reason);
int	ctl_grants(const char *socket, bool json);

#endif
