/*
 * auditd: keeps the record.
 *
 * One process, no network.  Comes up in one fixed order: configuration,
 * directories and socket (as root, if it is), user switch, spool directory and
 * store (all while errors still reach a terminal), then detach, log, loop.
 * The configuration is the administrator's; what is wrong with it, or with the
 * directories, ends the start with exit 1.  Later failures of the store do not
 * end it: see recorder.c.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <libgen.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auconf.h"
#include "ev.h"
#include "keyfile.h"
#include "log.h"
#include "proc.h"
#include "recorder.h"
#include "server.h"
#include "unixsock.h"

#define DEFAULT_CONF	POSTERN_SYSCONFDIR "/auditd.yaml"
#define STOP_MS		3000	/* for the last drain */

struct auditd {
	char		*path;
	struct au_conf	*conf;
	struct spooldir	 dir;
	struct sign_key	*key;
	struct store	*store;
	struct ev_loop	*loop;
	struct recorder	*recorder;
	struct server	*server;
};

static void
complain(const char *what, const char *why)
{
	fprintf(stderr, "auditd: %s: %s\n", what, why);
	exit(1);
}

/* --- start -------------------------------------------------------------- */

/*
 * Absolute, because daemons leave their directory; a copy, because the process
 * title is written over argv.
 */
static void
conf_read(struct auditd *a, const struct proc_opts *opts)
{
	struct conf_error error;

	if ((a->path = realpath(opts->conf, NULL)) == NULL)
		complain(opts->conf, strerror(errno));
	if ((a->conf = au_conf_load(a->path, &error)) == NULL) {
		fprintf(stderr, "auditd: %s\n", error.text);
		exit(1);
	}
	if (opts->print)
		au_conf_print(a->conf, stdout);
}

/* The directory, if it is missing, with its owner when root makes it. */
static void
make_dir(const char *path, mode_t mode, const struct passwd *pw)
{
	if (mkdir(path, mode) == -1) {
		if (errno != EEXIST)
			complain(path, strerror(errno));
		return;
	}
	if (pw != NULL && chown(path, pw->pw_uid, pw->pw_gid) == -1)
		complain(path, strerror(errno));
}

static void
make_parent(const char *path, mode_t mode, const struct passwd *pw)
{
	char *copy = strdup(path);

	if (copy == NULL)
		complain(path, "out of memory");
	make_dir(dirname(copy), mode, pw);
	free(copy);
}

/* What may need root; returns the listening socket. */
static int
prepare(const struct au_conf *conf)
{
	const struct passwd *pw = NULL;
	int fd;

	if (geteuid() == 0 && (pw = getpwnam(conf->user)) == NULL)
		complain(conf->user, "no such user");
	make_parent(conf->socket, 0755, NULL);
	make_parent(conf->store, 0700, pw);
	make_dir(conf->spool_dir, 0700, pw);
	fd = unix_listen(conf->socket, pw == NULL ? (uid_t)-1 : pw->pw_uid);
	if (fd == -1)
		complain(conf->socket, strerror(errno));
	return fd;
}

/* Two descriptors for each spool. */
static void
limits_raise(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		return;
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) == -1)
		log_warn("limit=nofile error=\"not raised\"");
}

/*
 * The key must be there, and auditd's alone, before it is of any use: -n says
 * so, too.  Its owner is whom auditd becomes.
 */
static void
load_key(struct auditd *a)
{
	const struct passwd *pw = NULL;
	char err[256];

	if (a->conf->key == NULL)
		return;
	if (geteuid() == 0 && (pw = getpwnam(a->conf->user)) == NULL)
		complain(a->conf->user, "no such user");
	a->key = keyfile_load(a->conf->key, pw == NULL ? geteuid() :
	    pw->pw_uid, err, sizeof(err));
	if (a->key == NULL)
		complain(a->conf->key, err);
}

static void
store_options(const struct auditd *a, struct store_options *opts)
{
	opts->full = a->conf->durability == AU_FULL;
	opts->key = a->key;
	opts->every = (int64_t)a->conf->sign_events;
}

static void
limits(const struct au_conf *conf, struct recorder_limits *l)
{
	l->spool_size = conf->spool_size;
	l->sign_ms = conf->sign_ms;
	l->segment_size = conf->segment_size;
	l->segment_age = conf->segment_age;
}

/* While errors reach a terminal; SQLite must not be carried over a fork. */
static void
try_store(const struct auditd *a)
{
	struct store_options opts;
	char err[256];
	struct store *s;

	store_options(a, &opts);
	s = store_open(a->conf->store, &opts, err, sizeof(err));
	if (s == NULL)
		complain(a->conf->store, err);
	store_close(&s);
}

/* --- signals ------------------------------------------------------------ */

/* For the record, by the digests of the file. */
static void
reload_note(struct auditd *a, const char *old, const char *new,
    const char *error)
{
	struct event_audit_reload e = {
		.accepted = new != NULL,
		.old_sha256 = slice_str(old),
		.new_sha256 = slice_str(new == NULL ? "" : new),
		.error = slice_str(error)
	};

	if (e.error.len > LEN_REASON)
		e.error.len = LEN_REASON;
	if (recorder_note(a->recorder, EVENT_audit_reload, &e) == -1)
		log_warnx("reload=not_recorded");
}

static void
on_hup(void *ctx, int signo)
{
	struct auditd *a = ctx;
	struct conf_error error;
	struct au_conf *next;
	struct recorder_limits l;
	const char *fixed;
	char old[CONF_DIGEST], why[160] = "";

	(void)signo;
	if ((next = au_conf_load(a->path, &error)) == NULL) {
		log_warnx("reload=refused error=%s",
		    log_esc(error.text, strlen(error.text)));
		reload_note(a, a->conf->sha256, NULL, error.text);
		return;
	}
	memcpy(old, a->conf->sha256, sizeof(old));
	if ((fixed = au_conf_merge(a->conf, next)) != NULL) {
		log_warnx("reload=partial key=%s error=\"needs a restart\"",
		    fixed);
		snprintf(why, sizeof(why), "changing \"%s\" needs a restart",
		    fixed);
	} else
		log_info("reload=done");
	limits(a->conf, &l);
	recorder_limits(a->recorder, &l);
	reload_note(a, old, a->conf->sha256, why);
	au_conf_free(&next);
}

static void
on_term(void *ctx, int signo)
{
	struct auditd *a = ctx;

	log_info("event=stop signal=%d", signo);
	ev_stop(a->loop);
}

/* --- life --------------------------------------------------------------- */

static int
run(struct auditd *a, int listen_fd)
{
	const char *durability = a->conf->durability == AU_FULL ? "full" :
	    "normal";
	struct server_info info = { a->conf->store, a->conf->spool_dir,
	    durability, now_boot_ms() };
	struct ev_signal *hup, *term, *intr;
	struct store_options opts;
	struct recorder_limits l;
	char err[256];
	int rc;

	store_options(a, &opts);
	limits(a->conf, &l);
	a->store = store_open(a->conf->store, &opts, err, sizeof(err));
	if (a->store == NULL)
		fatalx("store=failed error=\"%s\"", err);
	a->loop = ev_loop_new();
	a->server = server_new(a->loop, listen_fd, &info);
	a->recorder = recorder_new(a->loop, &a->dir, a->store, &l,
	    server_on_broken, server_on_closed,
	    a->server);
	if (a->server == NULL || a->recorder == NULL)
		fatalx("error=\"out of memory\"");
	if (recorder_start(a->recorder, err, sizeof(err)) == -1)
		fatalx("store=failed error=\"%s\"", err);
	server_set_recorder(a->server, a->recorder);
	hup = ev_signal_new(a->loop, SIGHUP, on_hup, a);
	term = ev_signal_new(a->loop, SIGTERM, on_term, a);
	intr = ev_signal_new(a->loop, SIGINT, on_term, a);
	log_info("event=start durability=%s checkpoints=%s", durability,
	    a->key == NULL ? "unsigned" : "signed");
	ev_run(a->loop);
	if ((rc = recorder_stop(a->recorder, "signal", STOP_MS)) == -1)
		log_warnx("event=stopped error=\"the store failed; "
		    "the spools stay\"");
	server_free(&a->server);
	recorder_free(&a->recorder);
	store_close(&a->store);
	ev_signal_free(&hup);
	ev_signal_free(&term);
	ev_signal_free(&intr);
	ev_loop_free(&a->loop);
	return rc == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	struct auditd a = { 0 };
	struct proc_opts opts;
	char err[512];
	int fd, rc;

	proc_title_init(argc, argv);
	proc_options(argc, argv, DEFAULT_CONF, &opts);
	conf_read(&a, &opts);
	load_key(&a);
	if (opts.check) {
		sign_key_free(&a.key);
		au_conf_free(&a.conf);
		free(a.path);
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	/* A file that may not grow is a full disk to us, and no reason to die. */
	signal(SIGXFSZ, SIG_IGN);
	umask(022);
	log_init("auditd", 1, opts.verbose ? LOG_L_DEBUG : LOG_L_INFO);
	fd = prepare(a.conf);
	umask(077);
	proc_drop(a.conf->user, NULL);
	proc_harden();
	if (spooldir_open(&a.dir, a.conf->spool_dir,
	    a.conf->durability == AU_FULL, a.conf->any_fs, err,
	    sizeof(err)) == -1) {
		unlink(a.conf->socket);
		complain("spool", err);
	}
	try_store(&a);

	proc_daemonize(&opts);
	log_init("auditd", opts.foreground,
	    opts.verbose ? LOG_L_DEBUG : LOG_L_INFO);
	limits_raise();
	proc_title("auditd");
	rc = run(&a, fd);
	unlink(a.conf->socket);
	spooldir_close(&a.dir);
	sign_key_free(&a.key);
	au_conf_free(&a.conf);
	free(a.path);
	return rc;
}
