#ifndef POSTERN_GWCONF_H
#define POSTERN_GWCONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "conf.h"
#include "network.h"
#include "tls.h"

/* gatewayd.yaml. */
struct gw_listen {
	char		*address;	/* 127.0.0.1:6432, [::1]:6432, or a socket path */
	char		*certificate, *key;	/* absolute paths; NULL on a Unix socket */
	bool		 shared;	/* isolation: shared */
	bool		 cleartext;	/* cleartext: loopback - a token may come without TLS */
	bool		 oauth;		/* auth: oauthbearer */
	char		*issuer, *scope;	/* what discovery says; oauth only */
	char		*client_ca;	/* absolute; NULL: no certificate wanted */
	unsigned int	 mode;		/* of a Unix socket */
	/* proxy: whose connections begin with a PROXY header (proxyhdr.h), and
	 * nobody else's come; n = 0: no header is known. */
	struct conf_strings proxy_from;
	struct network	*proxy_nets;	/* the same */
	/* Filled by the master, not from the file. */
	int		 fd;
	bool		 is_unix;
	struct tls_server *tls;
};

struct gw_conf {
	struct gw_listen *listen;
	size_t		 nlisten;
	char		*socket;	/* gatewayd's control socket */
	char		*policyd;	/* policyd's socket */
	char		*user;		/* _gatewayd */
	char		*chroot;	/* /var/empty */
	uint64_t	 spare;		/* workers that wait for a client */
	uint64_t	 maximum;	/* workers in isolation: session */
	uint64_t	 shared;	/* workers for each shared listener */
	uint64_t	 per_worker;	/* sessions in a shared worker, at most */
	uint64_t	 login;		/* ms: TLS, startup and login together */
	uint64_t	 unauthenticated;	/* connections before login, of an address */
	uint64_t	 message;	/* bytes: largest message of a client */
	uint64_t	 stall;		/* ms: the rest of a begun message */
	uint64_t	 keepalive;	/* ms of silence before a client's host is asked */
	uint64_t	 drain;		/* ms: how long SIGTERM waits for sessions */
	char		 sha256[CONF_DIGEST];	/* of the file */
};

/* NULL with a message "file:line:col: sentence". */
struct gw_conf	*gw_conf_load(const char *path, struct conf_error *);
void		 gw_conf_free(struct gw_conf **);
void		 gw_conf_print(const struct gw_conf *, FILE *);

#endif
