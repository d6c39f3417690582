#ifndef POSTERN_E2E_H
#define POSTERN_E2E_H

#include <check.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * What the end-to-end tests share: a running stack (tests/stack up), found by
 * the environment variable STACK, its variables, tokens, connections, and the
 * audit store.  A helper that cannot do its part fails the test.
 */

/* Main of a test program: runs the suite, each test in a process of its own. */
int		 e2e_main(Suite *);

/* A variable of the stack's env file, read anew. */
const char	*e2e_env(const char *name);
/* tests/stack ARGS; the first line of its output, allocated. */
char		*e2e_stack(const char *fmt, ...)
		    __attribute__((format(printf, 1, 2)));
/* A token for `group` by subject `sub` (allocated). */
char		*e2e_token(const char *sub, const char *group);

/* A session through the gateway; e2e_try() may return a failed connection. */
PGconn		*e2e_try(const char *user, const char *token, bool shared);
/* By a profile's name, as subject `sub`; must succeed. */
PGconn		*e2e_session(const char *profile, const char *sub);
PGconn		*e2e_session_shared(const char *profile, const char *sub);
/* The superuser, past the gateway. */
PGconn		*e2e_direct(void);

/* Run SQL, which must succeed; the first value (allocated, "" for none). */
char		*e2e_value(PGconn *, const char *sql);
/* Run SQL, which must fail with this SQLSTATE. */
void		 e2e_refused(PGconn *, const char *sql, const char *sqlstate);
/* The SQLSTATE of a result, "" for none. */
const char	*e2e_sqlstate(const PGresult *);

/* One value of the audit store (allocated), one number. */
char		*e2e_audit(const char *fmt, ...)
		    __attribute__((format(printf, 1, 2)));
long		 e2e_audit_n(const char *fmt, ...)
		    __attribute__((format(printf, 1, 2)));

/* Does the file hold the text? */
bool		 e2e_file_has(const char *path, const char *text);
/* Run a shell command; its exit code. */
int		 e2e_sh(const char *fmt, ...)
		    __attribute__((format(printf, 1, 2)));

/* Monotonic milliseconds. */
long long	 e2e_now(void);
void		 e2e_pause(int ms);
/* Wait for a condition, at most ms; false when it did not come true. */
#define E2E_UNTIL(ms, cond) __extension__ ({				\
	long long end_ = e2e_now() + (ms);				\
	bool is_;							\
	while (!(is_ = (cond)) && e2e_now() < end_)			\
		e2e_pause(20);						\
	is_;								\
})

/* --- processes ------------------------------------------------------------ */

/*
 * The process of the stack that is `what`: gatewayd, auditd, policyd, parent,
 * verifier, engine, keeper; 0 when there is none.
 */
pid_t		 e2e_process(const char *what);
/* Have policyd read its policy again; it must take it. */
void		 e2e_reload(void);
/* The gatewayd worker whose client is this connection; 0: none. */
pid_t		 e2e_worker_of(PGconn *);
/* Proportional and private memory of a process, in kB; 0: it is gone. */
long		 e2e_private_kb(pid_t);
/*
 * A promised time, in ms, as long as it may take here: a sanitizer is slow, and
 * so is a machine that others use as well.
 */
int		 e2e_patience(int ms);
/* The growth in kB to put up with: a sanitizer keeps what was freed. */
long		 e2e_growth(long kb);
bool		 e2e_alive(pid_t);

#endif
