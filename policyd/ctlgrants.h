#ifndef POSTERN_CTLGRANTS_H
#define POSTERN_CTLGRANTS_H

#include <stdbool.h>

#include <jansson.h>

/*
 * policyctl grant, revoke, grants, leases.  Each returns the tool's exit code.  What
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
int	ctl_leases(const char *socket, bool json);
/* "90s", "30m", "2h", "7d" in ms; 0, and it was said that it is none. */
json_int_t ctl_duration(const char *);

#endif
