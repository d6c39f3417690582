/*
 * Running the commands of `notify:`.  The notifier runs it.
 *
 * The command is the administrator's; what it reads may hold a client's text
 * and comes by standard input only, never by its arguments.  It runs as the
 * notifier's user, which owns the webhooks' secrets and nothing else.  When it
 * ends, is late, or the notifier goes, its process group is killed.
 */
#include "hookcmd.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "unixsock.h"

struct hookcmd {
	TAILQ_ENTRY(hookcmd)	 entry;
	struct hookcmds		*all;
	pid_t			 pid;
	struct ev_timer		*timer;
	bool			 late;
	hookcmd_done		*done;
	void			*ctx;
};
TAILQ_HEAD(hookcmd_list, hookcmd);

struct hookcmds {
	struct ev_loop		*loop;
	struct ev_signal	*sigchld;
	struct hookcmd_list	 list;
};

/* --- the child ------------------------------------------------------------------ */

static void
child(const struct conf_strings *argv, int in, pid_t notifier)
{
	static const int	 defaults[] = { SIGTERM, SIGHUP, SIGINT,
				    SIGCHLD, SIGPIPE, 0 };
	static char		 search[] = "PATH=/usr/local/bin:/usr/bin:"
				    "/bin:/usr/sbin:/sbin";
	char			*env[] = { search, NULL };
	char			*args[64];
	size_t			 i;
	int			 null;

	for (i = 0; defaults[i] != 0; i++)
		signal(defaults[i], SIG_DFL);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != notifier || argv->n >= 64)
		_exit(126);
	for (i = 0; i < argv->n; i++)
		args[i] = argv->v[i];
	args[i] = NULL;
	if ((null = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1 ||
	    dup2(in, STDIN_FILENO) == -1 ||
	    dup2(null, STDOUT_FILENO) == -1 ||
	    dup2(null, STDERR_FILENO) == -1 || chdir("/") == -1)
		_exit(126);
	fd_close_from(STDERR_FILENO + 1);
	execve(args[0], args, env);
	_exit(127);
}

/* A file that holds this and is read from its beginning. */
static int
memory_file(const void *data, size_t len)
{
	const char	*p = data;
	ssize_t		 n;
	int		 fd;

	if ((fd = memfd_create("notify", MFD_CLOEXEC)) == -1)
		return -1;
	while (len > 0) {
		if ((n = write(fd, p, len)) <= 0) {
			close(fd);
			return -1;
		}
		p += n;
		len -= (size_t)n;
	}
	if (lseek(fd, 0, SEEK_SET) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

/* --- its life -------------------------------------------------------------------- */

static void
hookcmd_end(struct hookcmd *h, int status)
{
	hookcmd_done	*done = h->done;
	void		*ctx = h->ctx;
	bool		 late = h->late;

	TAILQ_REMOVE(&h->all->list, h, entry);
	ev_timer_free(&h->timer);
	free(h);
	done(ctx, status, late);
}

static void
on_sigchld(void *ctx, int signo)
{
	struct hookcmds	*all = ctx;
	struct hookcmd	*h, *next;
	siginfo_t	 si;
	int		 status;

	(void)signo;
	for (h = TAILQ_FIRST(&all->list); h != NULL; h = next) {
		next = TAILQ_NEXT(h, entry);
		memset(&si, 0, sizeof(si));
		if (waitid(P_PID, (id_t)h->pid, &si, WEXITED | WNOHANG |
		    WNOWAIT) == -1 || si.si_pid == 0)
			continue;
		/* Not reaped yet, so the group's number is still its own. */
		kill(-h->pid, SIGKILL);
		if (waitpid(h->pid, &status, 0) == h->pid)
			hookcmd_end(h, status);
	}
}

static void
on_timer(void *ctx)
{
	struct hookcmd	*h = ctx;

	h->late = true;
	kill(-h->pid, SIGKILL);
	kill(h->pid, SIGKILL);	/* before its setsid() */
}

int
hookcmd_start(struct hookcmds *all, const struct conf_strings *argv,
    const void *in, size_t len, hookcmd_done *done, void *ctx)
{
	struct hookcmd	*h = calloc(1, sizeof(*h));
	pid_t		 notifier = getpid();
	int		 fd = h == NULL ? -1 : memory_file(in, len);

	if (fd == -1 || (h->pid = fork()) == -1) {
		if (fd != -1)
			close(fd);
		free(h);
		return -1;
	}
	if (h->pid == 0)
		child(argv, fd, notifier);
	close(fd);
	h->all = all;
	h->done = done;
	h->ctx = ctx;
	h->timer = ev_timer_new(all->loop, on_timer, h);
	ev_timer_set(h->timer, HOOKCMD_MS);
	TAILQ_INSERT_TAIL(&all->list, h, entry);
	return 0;
}

struct hookcmds *
hookcmds_new(struct ev_loop *loop)
{
	struct hookcmds	*all = calloc(1, sizeof(*all));

	if (all == NULL)
		fatal("step=hookcmds");
	all->loop = loop;
	TAILQ_INIT(&all->list);
	all->sigchld = ev_signal_new(loop, SIGCHLD, on_sigchld, all);
	return all;
}

void
hookcmds_kill(struct hookcmds *all)
{
	struct hookcmd	*h;

	TAILQ_FOREACH(h, &all->list, entry) {
		kill(-h->pid, SIGKILL);
		kill(h->pid, SIGKILL);
	}
}
