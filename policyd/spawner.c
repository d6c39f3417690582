/*
 * The spawner: policyd's first process.
 *
 * It starts the parent and restarts it when it dies, starts the parent's
 * children (each an exec of this program, so that none inherits another's
 * memory), relays signals, and connects to auditd.  It stays root where it was
 * started as root, and therefore does nothing else: what it reads are the
 * parent's few messages, which choose among fixed roles and one fixed path.
 * A message that breaks the rules costs the parent its life, never this one.
 */
#include "spawner.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ev.h"
#include "ipc.h"
#include "log.h"
#include "unixsock.h"

#define DELAY_FIRST	100	/* ms before the parent is restarted */
#define DELAY_MAX	2000
#define DELAY_RESET	10000	/* a parent that lived so long is sound */
#define STOP_TIME	5000	/* for the parent to end by itself */

struct kid {
	uint32_t	id;
	pid_t		pid;
};

struct spawner {
	struct ev_loop			*loop;
	const struct proc_opts		*opts;
	const struct policy_runtime	*rt;
	char				 empty[LEN_PATH];
	int				 listen;
	struct ipc			*parent;
	pid_t				 parent_pid;	/* 0: none */
	uint64_t			 started, delay;
	bool				 restarted;
	bool				 stopping;
	struct ev_timer			*timer;
	struct kid			*kids;		/* the parent's children */
	size_t				 nkids, maxkids;
};

static void	spawner_start_parent(struct spawner *);

static const char *
role_name(uint32_t role)
{
	switch (role) {
	case ROLE_PARENT:
		return "parent";
	case ROLE_VERIFIER:
		return "verifier";
	case ROLE_ENGINE:
		return "engine";
	case ROLE_KEEPER:
		return "keeper";
	case ROLE_NOTIFIER:
		return "notifier";
	default:
		return NULL;
	}
}

static const char *
role_user(const struct spawner *s, uint32_t role)
{
	switch (role) {
	case ROLE_VERIFIER:
		return s->rt->user_verifier;
	case ROLE_ENGINE:
		return s->rt->user_engine;
	case ROLE_KEEPER:
		return s->rt->user_keeper;
	case ROLE_NOTIFIER:
		return s->rt->user_notifier;
	default:
		return s->rt->user;
	}
}

/* In the new child: descriptors to their places, then this program again. */
static void
exec_role(const struct spawner *s, uint32_t role, int chan, int ppid)
{
	const char	*argv[20];
	char		 pid[16];
	size_t		 n = 0;
	int		 listening = -1;

	chan = fcntl(chan, F_DUPFD, 10);
	if (role == ROLE_PARENT)
		listening = fcntl(s->listen, F_DUPFD, 10);
	if (chan == -1 || dup2(chan, SPAWNER_FD_CHANNEL) == -1 ||
	    (role == ROLE_PARENT &&
	    dup2(listening, SPAWNER_FD_LISTEN) == -1))
		_exit(1);
	fd_close_from(role == ROLE_PARENT ? SPAWNER_FD_LISTEN + 1 :
	    SPAWNER_FD_LISTEN);
	snprintf(pid, sizeof(pid), "%d", ppid);
	argv[n++] = "policyd";
	argv[n++] = "-X";
	argv[n++] = role_name(role);
	argv[n++] = "-p";
	argv[n++] = pid;
	if (geteuid() == 0) {
		argv[n++] = "-u";
		argv[n++] = role_user(s, role);
		if (role == ROLE_ENGINE) {
			argv[n++] = "-r";
			argv[n++] = s->empty;
		}
	}
	if (s->opts->foreground)
		argv[n++] = "-d";
	if (s->opts->verbose)
		argv[n++] = "-v";
	if (role == ROLE_PARENT) {
		argv[n++] = "-f";
		argv[n++] = s->opts->conf;
		if (s->restarted)
			argv[n++] = "-R";
	}
	argv[n] = NULL;
	execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
	_exit(1);
}

/* Takes `chan`.  -1 with errno, else the pid. */
static pid_t
fork_role(const struct spawner *s, uint32_t role, int chan)
{
	int	ppid = (int)getpid();
	pid_t	pid = fork();

	if (pid == 0)
		exec_role(s, role, chan, ppid);
	close(chan);
	return pid;
}

/* --- what the parent asks for ---------------------------------------------- */

static int
on_spawn(void *ctx, const void *msg, int *fds)
{
	struct spawner		*s = ctx;
	const struct ipc_spawn	*m = msg;
	struct ipc_spawned	 re;
	struct kid		*more;
	pid_t			 pid;

	if (m->kind != ROLE_VERIFIER && m->kind != ROLE_ENGINE &&
	    m->kind != ROLE_KEEPER && m->kind != ROLE_NOTIFIER)
		return -1;
	if (s->nkids == s->maxkids) {
		more = reallocarray(s->kids, s->maxkids + 16, sizeof(*more));
		if (more == NULL) {
			log_warn("event=spawn role=%s", role_name(m->kind));
			return 0;	/* as below */
		}
		s->kids = more;
		s->maxkids += 16;
	}
	pid = fork_role(s, m->kind, fds[0]);
	fds[0] = -1;
	if (pid == -1) {
		log_warn("event=spawn role=%s", role_name(m->kind));
		/* The parent sees its channel close, and tries again. */
		return 0;
	}
	s->kids[s->nkids].id = m->id;
	s->kids[s->nkids++].pid = pid;
	re.id = m->id;
	re.pid = (uint32_t)pid;
	ipc_send(s->parent, IPC_spawned, &re, NULL, 0);
	return 0;
}

static int
on_spawn_kill(void *ctx, const void *msg, int *fds)
{
	struct spawner			*s = ctx;
	const struct ipc_spawn_kill	*m = msg;
	size_t				 i;

	(void)fds;
	for (i = 0; i < s->nkids; i++)
		if (s->kids[i].id == m->id)
			kill(s->kids[i].pid, SIGKILL);
	return 0;
}

static int
on_audit_connect(void *ctx, const void *msg, int *fds)
{
	struct spawner			*s = ctx;
	const struct ipc_audit_connect	*m = msg;
	struct ipc_audit_socket		 ok = { 0 };
	struct ipc_audit_absent		 re;
	uid_t				 uid;
	pid_t				 pid;
	int				 fd;

	(void)fds;
	/* Root connects to what the file said at start, to nothing else. */
	if (!slice_eq(m->path, s->rt->auditd))
		return -1;
	fd = unix_connect(s->rt->auditd);
	if (fd == -1) {
		re.reason = slice_str(strerror(errno));
		ipc_send(s->parent, IPC_audit_absent, &re, NULL, 0);
		return 0;
	}
	if (unix_peer(fd, &uid, &pid) == 0)
		ok.pid = (uint32_t)pid;
	ipc_send(s->parent, IPC_audit_socket, &ok, &fd, 1);
	return 0;
}

static const struct ipc_permit permits[] = {
	{ IPC_spawn, ~0u, on_spawn },
	{ IPC_spawn_kill, ~0u, on_spawn_kill },
	{ IPC_audit_connect, ~0u, on_audit_connect },
};

/* --- life of the parent ---------------------------------------------------- */

static void
on_parent_closed(void *ctx, const char *reason)
{
	struct spawner	*s = ctx;

	if (!s->stopping)
		log_warnx("event=parent_channel_closed reason=\"%s\"", reason);
	ipc_free(&s->parent);
	/* Most likely it is dead; else it must be.  SIGCHLD does the rest. */
	if (s->parent_pid > 0 && !s->stopping)
		kill(s->parent_pid, SIGKILL);
}

static void
on_timer(void *ctx)
{
	struct spawner	*s = ctx;

	if (!s->stopping) {
		spawner_start_parent(s);
		return;
	}
	log_warnx("event=stop error=\"the parent did not end in time\"");
	if (s->parent_pid > 0)
		kill(s->parent_pid, SIGKILL);
}

static void
spawner_retry(struct spawner *s)
{
	uint64_t	now = now_boot_ms();

	if (s->delay == 0 || now - s->started > DELAY_RESET)
		s->delay = DELAY_FIRST;
	ev_timer_set(s->timer, s->delay);
	s->delay = s->delay * 2 > DELAY_MAX ? DELAY_MAX : s->delay * 2;
	s->restarted = true;
}

static void
spawner_start_parent(struct spawner *s)
{
	int	pair[2];

	s->started = now_boot_ms();
	if (unix_pair(pair) == -1) {
		log_warn("event=start_parent");
		spawner_retry(s);
		return;
	}
	s->parent_pid = fork_role(s, ROLE_PARENT, pair[1]);
	if (s->parent_pid == -1) {
		log_warn("event=start_parent");
		s->parent_pid = 0;
		close(pair[0]);
		spawner_retry(s);
		return;
	}
	s->parent = ipc_new(s->loop, pair[0], ROLE_SPAWNER, ROLE_PARENT,
	    permits, sizeof(permits) / sizeof(permits[0]), on_parent_closed,
	    s);
	if (s->parent == NULL)
		kill(s->parent_pid, SIGKILL);
}

static void
spawner_kill_kids(struct spawner *s)
{
	size_t	i;

	for (i = 0; i < s->nkids; i++)
		kill(s->kids[i].pid, SIGKILL);
}

static void
spawner_parent_died(struct spawner *s, int status)
{
	s->parent_pid = 0;
	ipc_free(&s->parent);
	/* They hold channels to a parent that is no more. */
	spawner_kill_kids(s);
	if (s->stopping) {
		ev_stop(s->loop);
		return;
	}
	log_warnx("event=parent_died status=%d", status);
	spawner_retry(s);
}

static void
spawner_kid_died(struct spawner *s, pid_t pid, int status)
{
	struct ipc_spawn_exit	m;
	size_t			i;

	for (i = 0; i < s->nkids; i++)
		if (s->kids[i].pid == pid)
			break;
	if (i == s->nkids)
		return;
	m.id = s->kids[i].id;
	m.pid = (uint32_t)pid;
	m.status = (uint32_t)status;
	s->kids[i] = s->kids[--s->nkids];
	ipc_send(s->parent, IPC_spawn_exit, &m, NULL, 0);
}

/* --- signals ----------------------------------------------------------------- */

static void
on_sigchld(void *ctx, int signo)
{
	struct spawner	*s = ctx;
	pid_t		 pid;
	int		 status;

	(void)signo;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->parent_pid)
			spawner_parent_died(s, status);
		else
			spawner_kid_died(s, pid, status);
	}
}

static void
on_sighup(void *ctx, int signo)
{
	struct spawner		*s = ctx;
	struct ipc_reload	 m = { (uint32_t)signo };

	ipc_send(s->parent, IPC_reload, &m, NULL, 0);
}

static void
on_sigterm(void *ctx, int signo)
{
	struct spawner		*s = ctx;
	struct ipc_shutdown	 m = { (uint32_t)signo };

	if (s->stopping)
		return;
	s->stopping = true;
	if (s->parent_pid == 0) {
		ev_stop(s->loop);
		return;
	}
	ev_timer_set(s->timer, STOP_TIME);
	if (ipc_send(s->parent, IPC_shutdown, &m, NULL, 0) == -1)
		kill(s->parent_pid, SIGKILL);
}

/* --- bring-up ---------------------------------------------------------------- */

static uid_t
user_id(const char *user)
{
	struct passwd	*pw;

	if (geteuid() != 0)
		return (uid_t)-1;
	pw = getpwnam(user);
	if (pw == NULL)
		fatalx("step=user user=%s error=\"no such user\"", user);
	return pw->pw_uid;
}

/* Directories that must be there before anyone drops root. */
static void
spawner_dirs(struct spawner *s, uid_t uid)
{
	char	path[LEN_PATH], *dir;

	if (mkdir(s->rt->state, 0700) == -1 && errno != EEXIST)
		fatal("step=mkdir path=%s", s->rt->state);
	if (uid != (uid_t)-1 && chown(s->rt->state, uid, (gid_t)-1) == -1)
		fatal("step=chown path=%s", s->rt->state);
	snprintf(path, sizeof(path), "%s", s->rt->socket);
	dir = dirname(path);
	if (mkdir(dir, 0755) == -1 && errno != EEXIST)
		fatal("step=mkdir path=%s", dir);
	/* The engine's root directory: nothing is in it. */
	snprintf(s->empty, sizeof(s->empty), "%s/empty", s->rt->state);
	if (uid != (uid_t)-1 && mkdir(s->empty, 0555) == -1 &&
	    errno != EEXIST)
		fatal("step=mkdir path=%s", s->empty);
}

/* A session costs the parent and its engine descriptors; all inherit this. */
static void
spawner_limits(void)
{
	struct rlimit	r;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		return;
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) == -1)
		log_warn("event=limit name=nofile");
}

int
spawner_main(const struct proc_opts *opts, const struct policy *policy)
{
	static struct spawner	s;
	struct ev_signal	*sig[4];
	uid_t			 uid;
	size_t			 i;

	s.opts = opts;
	s.rt = &policy->runtime;
	uid = user_id(s.rt->user);
	spawner_dirs(&s, uid);
	s.listen = unix_listen(s.rt->socket, uid);
	if (s.listen == -1)
		fatal("step=listen path=%s", s.rt->socket);
	proc_daemonize(opts);
	proc_harden();
	spawner_limits();
	signal(SIGPIPE, SIG_IGN);
	s.loop = ev_loop_new();
	s.timer = ev_timer_new(s.loop, on_timer, &s);
	sig[0] = ev_signal_new(s.loop, SIGCHLD, on_sigchld, &s);
	sig[1] = ev_signal_new(s.loop, SIGHUP, on_sighup, &s);
	sig[2] = ev_signal_new(s.loop, SIGTERM, on_sigterm, &s);
	sig[3] = ev_signal_new(s.loop, SIGINT, on_sigterm, &s);
	spawner_start_parent(&s);
	ev_run(s.loop);
	spawner_kill_kids(&s);
	/* SIGKILL does not wait: none is left when this process is gone. */
	while (s.nkids > 0)
		waitpid(s.kids[--s.nkids].pid, NULL, 0);
	unlink(s.rt->socket);
	for (i = 0; i < 4; i++)
		ev_signal_free(&sig[i]);
	ev_timer_free(&s.timer);
	ipc_free(&s.parent);
	ev_loop_free(&s.loop);
	free(s.kids);
	return 0;
}
