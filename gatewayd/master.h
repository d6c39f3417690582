#ifndef POSTERN_MASTER_H
#define POSTERN_MASTER_H

#include <stddef.h>

#include "gwconf.h"

/*
 * gatewayd's first process: ties workers, policyd, the control socket and the
 * configuration together, and acts on signals.
 */
struct master_opts {
	const char	*path;		/* of gatewayd.yaml, absolute */
	struct gw_conf	*conf;		/* bound, certificates loaded */
	int		 control;	/* the control socket, listening */
};

/*
 * What the file alone does not show: that the user and the chroot exist (when
 * root) and that certificates can be loaded (they are, into conf).  -1 with a
 * sentence.
 */
int	master_check(struct gw_conf *, char *err, size_t errlen);
/* Runs until SIGTERM has been carried out.  Takes conf and control. */
void	master_run(const struct master_opts *);

#endif
