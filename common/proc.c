/*
 * proc: bringing a process up.  Each step is fatal when it fails: a daemon
 * that cannot shed what it should not have does not start.
 */
#include "proc.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#if defined(__x86_64__)
#define PROC_AUDIT_ARCH	AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define PROC_AUDIT_ARCH	AUDIT_ARCH_AARCH64
#else
#error "proc_pass_nothing() does not know this architecture"
#endif

extern char **environ;

static struct {
	char	*start;		/* argv[0], and what lies behind it */
	size_t	 size;
} title;

static void
usage(const char *name)
{
	fprintf(stderr, "usage: %s [-dnv] [-f file]\n", name);
	exit(1);
}

void
proc_options(int argc, char **argv, const char *default_conf,
    struct proc_opts *o)
{
	int ch, v = 0;

	memset(o, 0, sizeof(*o));
	o->conf = default_conf;
	while ((ch = getopt(argc, argv, "df:nv")) != -1) {
		switch (ch) {
		case 'd':
			o->foreground = true;
			break;
		case 'f':
			o->conf = optarg;
			break;
		case 'n':
			o->check = true;
			break;
		case 'v':
			v++;
			break;
		default:
			usage(argv[0]);
		}
	}
	if (optind != argc)
		usage(argv[0]);
	o->print = o->check && v > 0;
	o->verbose = !o->check && v > 0;
}

void
proc_daemonize(const struct proc_opts *o)
{
	if (!o->foreground && daemon(0, 0) == -1)
		fatal("step=daemon");
}

void
proc_drop(const char *user, const char *dir)
{
	struct passwd *pw;

	if (geteuid() != 0)
		return;
	errno = 0;
	if ((pw = getpwnam(user)) == NULL)
		fatalx("step=getpwnam user=%s error=\"no such user\"", user);
	if (pw->pw_uid == 0)
		fatalx("step=getpwnam user=%s error=\"is root\"", user);
	if (dir != NULL && (chroot(dir) == -1 || chdir("/") == -1))
		fatal("step=chroot directory=%s", dir);
	if (setgroups(0, NULL) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1)
		fatal("step=drop user=%s", user);
	/* Prove that there is no way back. */
	if (setuid(0) != -1 || seteuid(0) != -1 || setgid(0) != -1 ||
	    getuid() == 0 || geteuid() == 0)
		fatalx("step=drop user=%s error=\"root came back\"", user);
}

void
proc_harden(void)
{
	struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    setrlimit(RLIMIT_CORE, &none) == -1)
		fatal("step=harden");
}

void
proc_pass_nothing(void)
{
#define DENY(nr)							\
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1),		\
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, arch)),
		/* Another ABI has other numbers. */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PROC_AUDIT_ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		/* So has x32. */
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		DENY(__NR_sendmsg),
		DENY(__NR_sendmmsg),
		DENY(__NR_io_uring_setup),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
#undef DENY
	struct sock_fprog prog = {
		.len = sizeof(code) / sizeof(code[0]),
		.filter = code,
	};

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == -1)
		fatal("step=seccomp");
}

void
proc_limit_files(unsigned long long bytes)
{
	struct rlimit most = { bytes, bytes };

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &most) == -1)
		fatal("step=limit_files");
}

void
proc_die_with_parent(int parent_pid)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1)
		fatal("step=pdeathsig");
	/* The parent may have ended before the call. */
	if (getppid() != parent_pid)
		exit(1);
}

void
proc_title_init(int argc, char **argv)
{
	char *end, **copy;
	size_t n = 0, i;

	end = argv[0];
	for (i = 0; i < (size_t)argc; i++)
		if (argv[i] == end)
			end += strlen(argv[i]) + 1;
	while (environ[n] != NULL) {
		if (environ[n] == end)
			end += strlen(environ[n]) + 1;
		n++;
	}
	/* The environment moves away, so that its old place can be written. */
	if ((copy = calloc(n + 1, sizeof(*copy))) == NULL)
		return;
	for (i = 0; i < n; i++)
		if ((copy[i] = strdup(environ[i])) == NULL)
			return;
	environ = copy;
	title.start = argv[0];
	title.size = (size_t)(end - argv[0]);
}

void
proc_title(const char *fmt, ...)
{
	char text[256];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	prctl(PR_SET_NAME, text, 0, 0, 0);
	if (title.size < 2)
		return;
	n = strlen(text);
	if (n > title.size - 1)
		n = title.size - 1;
	memcpy(title.start, text, n);
	memset(title.start + n, '\0', title.size - n);
}
