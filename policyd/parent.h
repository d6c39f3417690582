#ifndef POSTERN_PARENT_H
#define POSTERN_PARENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ev.h"
#include "ipc.h"
#include "page.h"
#include "policy.h"

/*
 * The parent's root: one of it in the process, passed to every module as its
 * context.  Each module owns what its pointer here leads to and is reached
 * through its own header; the rest is set by parent.c and reload.c only.
 */
struct parent {
	struct ev_loop		*loop;
	struct ipc		*spawner;
	const char		*path;		/* of policy.yaml */
	struct policy		*policy;	/* in force */
	char			*text;		/* what it was parsed from */
	size_t			 textlen;
	char			 sha256[65];	/* of the text, hex */
	struct policy_page	*page;
	int			 page_fd;	/* opened for reading only */
	struct ev_timer		*heartbeat;
	bool			 stopping;

	struct auditlink	*audit;
	struct children		*children;
	struct catalogs		*catalogs;
	struct workers		*workers;
	struct attempts		*attempts;
	struct jtis		*jtis;
	struct keycache		*keycache;
	struct sessions		*sessions;
	struct minted		*minted;
	struct cancels		*cancels;
	struct control		*control;
	struct reload		*reload;
	struct requests		*requests;
	struct approvals	*approvals;
	struct explains		*explains;
	struct estimates	*estimates;
	struct leases		*leases;
	struct notices		*notices;
	uint8_t			*record_key;	/* recordkey.h */
};

struct parent_opts {
	const char	*path;
	int		 channel;	/* to the spawner */
	int		 listen;	/* the control socket, bound */
	bool		 restarted;	/* the last parent died: take its policy */
};

/* policyd's authority.  Runs until the spawner says shutdown or is gone. */
void	parent_main(const struct parent_opts *) __attribute__((noreturn));
/* The policy file in the parent's charge that was accepted last. */
void	parent_state_path(const struct parent *, const char *name, char *,
	    size_t);

#endif
