#ifndef POSTERN_PROC_H
#define POSTERN_PROC_H

#include <stdbool.h>

/*
 * Bring-up of a process, in one fixed order: log, chroot, drop ids, verify that
 * they cannot come back, sandbox, signals, loop.
 */

/* Command line common to the three daemons. */
struct proc_opts {
	const char	*conf;		/* -f */
	bool		 check;		/* -n */
	bool		 print;		/* -nv */
	bool		 foreground;	/* -d */
	bool		 verbose;	/* -v without -n */
};
/* Parses -f -n -v -d; prints usage and exits 1 on anything else. */
void	proc_options(int argc, char **argv, const char *default_conf,
	    struct proc_opts *);
/* Detach from the terminal unless in the foreground. */
void	proc_daemonize(const struct proc_opts *);
/*
 * When root: chroot to `dir` (NULL: none), become `user` for good, and prove
 * it; fatal on any failure.  When not root: nothing.
 */
void	proc_drop(const char *user, const char *dir);
/* PR_SET_DUMPABLE 0, RLIMIT_CORE 0, PR_SET_NO_NEW_PRIVS (D1). */
void	proc_harden(void);
/*
 * Take from this process sendmsg() and all else that passes descriptors to
 * another (seccomp): for processes whose messages carry none, and whose peers
 * would have to close what they are handed.  After proc_harden().
 */
void	proc_pass_nothing(void);
/* No file may grow beyond `bytes` by this process (RLIMIT_FSIZE, D8). */
void	proc_limit_files(unsigned long long bytes);
/* End this process when its parent ends (PR_SET_PDEATHSIG, and check). */
void	proc_die_with_parent(int parent_pid);
/* Needs proc_title_init() first thing in main(). */
void	proc_title_init(int argc, char **argv);
void	proc_title(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
