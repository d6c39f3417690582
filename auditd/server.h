#ifndef AUDITD_SERVER_H
#define AUDITD_SERVER_H

#include <stdint.h>

#include "ev.h"
#include "recorder.h"

/*
 * auditd's socket: policyd's parent, which opens and closes spools, and
 * auditctl, which asks for the state.
 */
struct server;

struct server_info {
	const char	*store, *spool_dir, *durability;
	uint64_t	 started;	/* boot ms */
};

/* Takes the listening descriptor; borrows `info`. */
struct server	*server_new(struct ev_loop *, int fd,
		    const struct server_info *info);
/* Before anything can arrive. */
void		 server_set_recorder(struct server *, struct recorder *);
void		 server_free(struct server **);
/* A recorder_broken and a recorder_closed: tell every policyd. */
void		 server_on_broken(void *server, const char *name,
		    const char *reason);
void		 server_on_closed(void *server, const char *name);

#endif
