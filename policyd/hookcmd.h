#ifndef POSTERN_HOOKCMD_H
#define POSTERN_HOOKCMD_H

#include <stdbool.h>
#include <stddef.h>

#include "conf.h"
#include "ev.h"

/*
 * Commands of `notify:`, for the notifier: no shell, a session and process
 * group of its own, standard input from a file in memory, output to nowhere, no
 * other descriptor, no environment but PATH, at most HOOKCMD_MS.
 */
#define HOOKCMD_MS	10000

struct hookcmds;

/* It has ended (`status` as of waitpid()), or was killed because it was late. */
typedef void	hookcmd_done(void *ctx, int status, bool late);

/* Takes SIGCHLD of this loop. */
struct hookcmds	*hookcmds_new(struct ev_loop *);
/* argv[0] is an absolute path; `in` is copied.  -1: none was started. */
int	hookcmd_start(struct hookcmds *, const struct conf_strings *argv,
	    const void *in, size_t len, hookcmd_done *, void *ctx);
/* All that run, with their process groups; no call follows. */
void	hookcmds_kill(struct hookcmds *);

#endif
