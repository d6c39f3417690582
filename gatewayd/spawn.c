/*
 * From the master to a worker: fork, and take from the child everything that a
 * process which talks to the network must not have.
 *
 * Runs in the master and, after fork(), in the child until worker_main() takes
 * over.  There is no exec: a worker shares the master's memory layout, which
 * is why crashes are throttled (children.c).  In the child every failure ends
 * it before it has met a client.
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <syslog.h>
#include <unistd.h>

#include "log.h"
#include "proc.h"
#include "unixsock.h"
#include "worker.h"

/* What the child keeps of the master's descriptors, and where. */
#define FD_MASTER	3
#define FD_LISTEN	4
#define FD_REST		5
#define FD_HIGH		10

static void
signals_reset(void)
{
	/*
	 * A signal to the whole process group is for the master, who then
	 * tells its workers to end with their sessions.
	 */
	static const int ignored[] = { SIGHUP, SIGINT, SIGTERM, SIGPIPE };
	sigset_t	 none;
	size_t		 i;
	int		 s;

	for (s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * Descriptors are closed wholesale, keys of other listeners are wiped.  The
 * master's event loop is left alone: its epoll descriptor is the master's too,
 * so nothing may be removed from it here.
 */
static void
isolate(struct gw_conf *conf, struct gw_listen *mine, int master)
{
	struct gw_listen	*l;
	size_t			 i;

	/* The descriptor of syslog(3) goes too; log_process() opens another. */
	closelog();
	/* Above both targets first, so that neither overwrites the other. */
	if ((master = fcntl(master, F_DUPFD_CLOEXEC, FD_HIGH)) == -1 ||
	    (mine->fd = fcntl(mine->fd, F_DUPFD_CLOEXEC, FD_HIGH)) == -1 ||
	    dup3(master, FD_MASTER, O_CLOEXEC) == -1 ||
	    dup3(mine->fd, FD_LISTEN, O_CLOEXEC) == -1)
		_exit(1);
	fd_close_from(FD_REST);
	mine->fd = FD_LISTEN;
	for (i = 0; i < conf->nlisten; i++) {
		l = &conf->listen[i];
		if (l == mine)
			continue;
		l->fd = -1;
		tls_server_free(&l->tls);
	}
}

static void __attribute__((noreturn))
child_run(struct gw_conf *conf, struct gw_listen *mine, int master,
    uint32_t number, pid_t parent)
{
	signals_reset();
	isolate(conf, mine, master);
	/* The log's descriptor is opened while there is still a /dev. */
	log_process("gatewayd-worker");
	proc_drop(conf->user, conf->chroot);
	proc_harden();
	/* After the change of user, which would have cleared it. */
	proc_die_with_parent(parent);
	proc_title("gatewayd: worker %u %s", number, mine->address);
	worker_main(conf, mine, FD_MASTER, number);
}

pid_t
spawn_worker(struct gw_conf *conf, struct gw_listen *listen, uint32_t number,
    int *link)
{
	pid_t		pid, parent = getpid();
	sigset_t	every, before;
	int		pair[2], error;

	if (unix_pair(pair) == -1)
		return -1;
	/* The master's handlers must not run in the child. */
	sigfillset(&every);
	sigprocmask(SIG_SETMASK, &every, &before);
	pid = fork();
	if (pid == 0)
		child_run(conf, listen, pair[1], number, parent);
	error = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(pair[1]);
	if (pid == -1) {
		close(pair[0]);
		errno = error;
		return -1;
	}
	*link = pair[0];
	return pid;
}
