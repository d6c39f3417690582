/*
 * gatewayd: where clients come in.
 *
 * Brings the master up in one fixed order: configuration, listeners,
 * certificates, control socket (all while errors still reach a terminal), then
 * detach, log, limits, the loop.  Workers drop root and enter the chroot each
 * for itself (children.c).  Whatever fails here ends the start with exit 1 and
 * nothing left behind.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gwconf.h"
#include "listen.h"
#include "log.h"
#include "master.h"
#include "proc.h"
#include "unixsock.h"

#define DEFAULT_CONF	POSTERN_SYSCONFDIR "/gatewayd.yaml"

/*
 * Absolute, because daemons leave their directory; a copy, because the process
 * title is written over argv.
 */
static char *
conf_path(const char *arg)
{
	char	*path;

	if ((path = realpath(arg, NULL)) == NULL) {
		fprintf(stderr, "gatewayd: %s: %s\n", arg, strerror(errno));
		exit(1);
	}
	return path;
}

static struct gw_conf *
conf_read(const char *path, const struct proc_opts *opts)
{
	struct conf_error	 error;
	struct gw_conf		*conf;
	char			 err[512];

	if ((conf = gw_conf_load(path, &error)) == NULL) {
		fprintf(stderr, "gatewayd: %s\n", error.text);
		exit(1);
	}
	if (opts->print) {
		gw_conf_print(conf, stdout);
		fflush(stdout);
	}
	if (master_check(conf, err, sizeof(err)) == -1) {
		fprintf(stderr, "gatewayd: %s: %s\n", path, err);
		exit(1);
	}
	return conf;
}

/* Every listener, then the control socket, which is returned. */
static int
sockets_open(struct gw_conf *conf)
{
	char	err[512];
	size_t	i;
	int	fd;

	for (i = 0; i < conf->nlisten; i++)
		if (listen_open(&conf->listen[i], err, sizeof(err)) == -1) {
			fprintf(stderr, "gatewayd: %s\n", err);
			goto fail;
		}
	if ((fd = unix_listen(conf->socket, (uid_t)-1)) != -1)
		return fd;
	fprintf(stderr, "gatewayd: cannot listen on %s: %s\n", conf->socket,
	    strerror(errno));
fail:
	while (i-- > 0)
		listen_close(&conf->listen[i], true);
	exit(1);
}

/* A descriptor for each worker, and more in the shared ones. */
static void
limits_raise(void)
{
	struct rlimit	r;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		return;
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) == -1)
		log_warn("event=limit_not_raised limit=nofile");
}

int
main(int argc, char **argv)
{
	struct proc_opts	opts;
	struct master_opts	m;
	char			*path;

	proc_title_init(argc, argv);
	proc_options(argc, argv, DEFAULT_CONF, &opts);
	m.path = path = conf_path(opts.conf);
	m.conf = conf_read(m.path, &opts);
	if (opts.check) {
		gw_conf_free(&m.conf);
		free(path);
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	m.control = sockets_open(m.conf);

	proc_daemonize(&opts);
	log_init("gatewayd", opts.foreground,
	    opts.verbose ? LOG_L_DEBUG : LOG_L_INFO);
	limits_raise();
	proc_harden();
	proc_title("gatewayd: master");
	master_run(&m);
	free(path);
	return 0;
}
