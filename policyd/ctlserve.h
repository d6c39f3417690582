#ifndef POSTERN_CTLSERVE_H
#define POSTERN_CTLSERVE_H

#include <stdbool.h>

#include "policy.h"

/*
 * policyctl serve, and logging in by a browser elsewhere (--device).  Strings
 * are the command line's; NULL: not given.
 */
struct ctl_login {
	const char	*issuer;	/* its key in the policy */
	const char	*client_id, *scope, *resource;
	bool		 id_token;
};

struct ctl_serve {
	const char	*listen;	/* address:port, or a port */
	const char	*unix_path;	/* instead */
	const char	*peer;		/* the user that may use that */
	const char	*origin;	/* as the browser sees it */
	const char	*user;		/* to run the page as, when root */
	struct ctl_login login;
};

/* The policy is needed with an issuer only; else NULL.  The exit code. */
int	ctl_serve(const char *socket, const struct policy *,
	    const struct ctl_serve *);
/*
 * A token, to free(), by the device flow: what to do is said on standard
 * error.  NULL, and it was said why not.
 */
char	*ctl_device(const struct policy *, const struct ctl_login *);

#endif
