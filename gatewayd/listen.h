#ifndef POSTERN_LISTEN_H
#define POSTERN_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct gw_conf;
struct gw_listen;

/*
 * "127.0.0.1:6432", "[::1]:6432" or "*:6432" (every address) as a socket
 * address; names are not resolved.  *loopback tells whether only this machine
 * can reach it.  -1: not an address.
 */
int	listen_address(const char *text, struct sockaddr_storage *,
	    bool *loopback);
/*
 * Bind and listen: l->fd is non-blocking and close-on-exec.  A Unix socket can
 * be connected to by every user of the machine.  -1 with a sentence.
 */
int	listen_open(struct gw_listen *l, char *err, size_t errlen);
/* Close l->fd if it is open; `remove`: unlink a Unix socket's file too. */
void	listen_close(struct gw_listen *l, bool remove);
/* Load the certificates of all listeners.  -1 with a sentence. */
int	listen_load(struct gw_conf *, char *err, size_t errlen);

#endif
