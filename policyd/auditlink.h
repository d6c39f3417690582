#ifndef POSTERN_AUDITLINK_H
#define POSTERN_AUDITLINK_H

#include "event_kinds.h"
#include "parent.h"

/*
 * The parent and auditd: the connection (made by the spawner), the parent's
 * own spool for events about identities and control, the spools of sessions.
 */
void	 auditlink_init(struct parent *);
/* auditd is there and can record: without it no session is opened. */
bool	 auditlink_ready(struct parent *);
bool	 auditlink_connected(struct parent *);

/*
 * Record an event; `msg` is the struct event_<kind>.  Before the first
 * connection it waits in memory.  Returns its position, for
 * auditlink_committed(), or 0 when it has none.
 */
uint64_t auditlink_event(struct parent *, enum event_kind, const void *msg);
/* If not, attempts_committed() will be called when something was. */
bool	 auditlink_committed(struct parent *, uint64_t pos);

/*
 * Ask for a session's spool: the answer is attempts_spool() or
 * attempts_spool_failed() with this id.  -1 when auditd is not there.
 */
int	 auditlink_spool_open(struct parent *, uint32_t id,
	    const char *session);
/*
 * Nobody writes the spool any more.  Said again until auditd has confirmed that
 * its files are gone; then `sessions/<session>.closed` in the state directory
 * is removed.
 */
void	 auditlink_spool_close(struct parent *, const char *session);

/* The spawner's answers. */
void	 auditlink_socket(struct parent *, int fd);
void	 auditlink_absent(struct parent *, struct slice reason);

/* Last words: move what is queued into the spool as far as it goes. */
void	 auditlink_stop(struct parent *);

#endif
