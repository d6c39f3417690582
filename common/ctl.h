#ifndef POSTERN_CTL_H
#define POSTERN_CTL_H

#include <stdbool.h>

/*
 * The client's side of a control socket, for gatewayctl, policyctl, auditctl:
 * send one request, call back for each row, return the exit code.
 */
typedef void	ctl_row(void *ctx, const char *json);

/*
 * `peer` is the daemon's role, `args` a JSON object ("{}" for none).  Blocks.
 * Returns the daemon's code (0: done), or 2 with a message on standard error
 * when the daemon cannot be reached or went away.
 */
int	ctl_call(const char *socket, int peer, const char *verb,
	    const char *args, ctl_row *, void *ctx);

/*
 * Print rows as a table with a header on a terminal and otherwise alike:
 * `columns` is a comma-separated list of the rows' members.  With json, each
 * row is printed as it came.
 */
struct ctl_table;
struct ctl_table *ctl_table_new(const char *columns, bool json);
void	ctl_table_row(void *table, const char *json);	/* a ctl_row */
void	ctl_table_end(struct ctl_table **);

#endif
