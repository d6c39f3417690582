#ifndef POSTERN_CTLCATALOG_H
#define POSTERN_CTLCATALOG_H

/*
 * policyctl catalog: the snapshot of a database's catalogue that policyd judges
 * by, to standard output, byte by byte.  Returns the tool's exit code.
 */
int	ctl_catalog(const char *socket, const char *database);

#endif
