#ifndef POSTERN_WEBDOOR_H
#define POSTERN_WEBDOOR_H

/*
 * The door between policyctl serve, whose user may use policyd's control
 * socket, and the page, its child, which may not: it hands out connections on
 * which policyd does nothing without a token.
 */

/*
 * The door: answers at `fd` until the other end is closed, with connections to
 * `socket`.  Blocks.
 */
void	webdoor_run(int fd, const char *socket);
/* The page: a connection, or -1 (policyd is away).  Blocks for a moment. */
int	webdoor_ask(int fd);

#endif
