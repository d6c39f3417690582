/*
 * policyd: the entry of all its processes.
 *
 * The first process reads the command line and policy.yaml and becomes the
 * spawner; `policyd -X role`, which only the spawner runs, is one of the others
 * and comes up in the fixed order: log, chroot, ids, hardening, loop.  The
 * command line and the file are the administrator's; what is wrong with them
 * is told and ends the process with code 1.
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "keeper.h"
#include "log.h"
#include "notifier.h"
#include "parent.h"
#include "policy.h"
#include "policyfile.h"
#include "rulelint.h"
#include "proc.h"
#include "spawner.h"
#include "verifier.h"

struct child_args {
	const char	*user, *root, *conf;
	int		 ppid;
	int		 foreground, verbose;
	bool		 restarted;
};

static int
child_args(int argc, char **argv, struct child_args *a)
{
	int	ch;

	memset(a, 0, sizeof(*a));
	while ((ch = getopt(argc, argv, "dvRf:p:r:u:")) != -1) {
		switch (ch) {
		case 'd':
			a->foreground = 1;
			break;
		case 'v':
			a->verbose = 1;
			break;
		case 'R':
			a->restarted = true;
			break;
		case 'f':
			a->conf = optarg;
			break;
		case 'p':
			a->ppid = atoi(optarg);
			break;
		case 'r':
			a->root = optarg;
			break;
		case 'u':
			a->user = optarg;
			break;
		default:
			return -1;
		}
	}
	return 0;
}

/* `role` is a literal: the log keeps it. */
static void
child_up(const char *role, const struct child_args *a)
{
	static char	name[32];

	snprintf(name, sizeof(name), "policyd-%s", role);
	proc_title("policyd: %s", role);
	log_init(name, a->foreground, a->verbose ? LOG_L_DEBUG : LOG_L_INFO);
	if (geteuid() == 0 && a->user == NULL)
		fatalx("step=drop error=\"no user\"");
	proc_drop(a->user, a->root);
	proc_harden();
	/* After the drop: changing ids clears the signal. */
	proc_die_with_parent(a->ppid);
	signal(SIGPIPE, SIG_IGN);
	/* A terminal's ^C is for the spawner, which tells the parent. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

static int
child_main(int argc, char **argv)
{
	/* Strings in argv are overwritten by the title. */
	static char		 conf[PATH_MAX], user[64], root[PATH_MAX];
	struct child_args	 a;
	struct parent_opts	 po;
	char			 role[16];

	snprintf(role, sizeof(role), "%s", argv[2]);
	if (child_args(argc - 2, argv + 2, &a) == -1)
		return 1;
	if (a.conf != NULL) {
		snprintf(conf, sizeof(conf), "%s", a.conf);
		a.conf = conf;
	}
	if (a.user != NULL) {
		snprintf(user, sizeof(user), "%s", a.user);
		a.user = user;
	}
	if (a.root != NULL) {
		snprintf(root, sizeof(root), "%s", a.root);
		a.root = root;
	}
	child_up(role, &a);
	if (strcmp(role, "parent") == 0 && a.conf != NULL) {
		po.path = a.conf;
		po.channel = SPAWNER_FD_CHANNEL;
		po.listen = SPAWNER_FD_LISTEN;
		po.restarted = a.restarted;
		parent_main(&po);
	} else if (strcmp(role, "verifier") == 0)
		verifier_main(SPAWNER_FD_CHANNEL);
	else if (strcmp(role, "engine") == 0)
		engine_main(SPAWNER_FD_CHANNEL);
	else if (strcmp(role, "keeper") == 0)
		keeper_main(SPAWNER_FD_CHANNEL);
	else if (strcmp(role, "notifier") == 0)
		notifier_main(SPAWNER_FD_CHANNEL);
	return 1;
}

/* What is right as such, and hardly meant so (D30). */
static void
warn_policy(const struct policy *policy, const char *path)
{
	size_t	i, j;

	for (i = 0; i < policy->nissuers; i++)
		for (j = 0; j < policy->issuers[i].audience.n; j++)
			if (strcmp(policy->issuers[i].audience.v[j],
			    "postern") == 0)
				fprintf(stderr, "policyd: %s: warning: "
				    "issuers.%s.audience: \"postern\" names "
				    "every gateway: a token for another one "
				    "is good here\n", path,
				    policy->issuers[i].key);
	rulelint(path, policy, stderr);
}

int
main(int argc, char **argv)
{
	static char		 path[PATH_MAX];
	struct proc_opts	 opts;
	struct conf_error	 err;
	struct policy		*policy;
	char			*text;
	size_t			 len;
	int			 code;

	proc_title_init(argc, argv);
	if (argc >= 3 && strcmp(argv[1], "-X") == 0)
		return child_main(argc, argv);
	proc_options(argc, argv, POSTERN_SYSCONFDIR "/policy.yaml", &opts);
	log_init("policyd", opts.foreground || opts.check,
	    opts.verbose ? LOG_L_DEBUG : LOG_L_INFO);
	/* Messages name the file as the user did, unless we are to stay. */
	if (!opts.check && realpath(opts.conf, path) != NULL)
		opts.conf = path;
	text = policyfile_read(opts.conf, &len, &err);
	policy = text == NULL ? NULL :
	    policy_parse(opts.conf, text, len, &err);
	free(text);
	if (policy == NULL || (opts.check &&
	    policyfile_check(policy, &err) == -1) ||
	    policyfile_zones(opts.conf, policy, &err) == -1) {
		fprintf(stderr, "policyd: %s\n", err.text);
		return 1;
	}
	if (opts.check)
		warn_policy(policy, opts.conf);
	if (opts.print)
		policy_print(policy, stdout);
	code = opts.check ? 0 : spawner_main(&opts, policy);
	policy_free(&policy);
	return code;
}
