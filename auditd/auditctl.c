/*
 * auditctl: reads and checks the record, and asks auditd how it is.
 *
 * Run by people and their scripts.  What reads the store does so by itself, so
 * it works on a copy and without auditd; status, spools and seal ask auditd
 * over its socket.  Exit: 0 done, 1 verify found something, 2 it could not be
 * done.
 */
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auconf.h"
#include "ctl.h"
#include "forward.h"
#include "ipc_msgs.h"
#include "export.h"
#include "keyfile.h"
#include "prove.h"
#include "prunectl.h"
#include "reconcile.h"
#include "replay.h"
#include "showlog.h"
#include "summary.h"
#include "syslogmsg.h"

#define SESSIONS_MAX	64
#define DEFAULT_CONF	POSTERN_SYSCONFDIR "/auditd.yaml"

struct options {
	const char	*conf, *store, *socket;
	struct filter	 filter;
	uint64_t	 limit;
	bool		 limited, json, follow, relations;
	enum export_format format;
	struct prove	 prove;
	struct replay_options replay;
	bool		 dry_run;
	struct forward_options forward;
	const char	*argument;	/* of the command */
	char		**arguments;	/* ... all of them */
	int		 narguments;
	struct au_conf	*loaded;	/* when it was needed */
};

static void
usage(void)
{
	fprintf(stderr,
	    "usage: auditctl [-d store] [-f file] log | tail | sessions | "
	    "report | export\n"
	    "           [--since time] [--until time] [--session id] "
	    "[--subject subject]\n"
	    "           [--profile name] [--database name] [--verdict v] "
	    "[--tag tag]\n"
	    "           [--text pattern] [--relation schema.name] [--kind kind] "
	    "[--limit n]\n"
	    "           [--json] [--follow] [--format name] "
	    "[--by relation]\n"
	    "           [--html file]\n"
	    "       auditctl [-d store] [-f file] show event [--json]\n"
	    "       auditctl [-d store] [-f file] replay session [--speed n] "
	    "[--from seconds]\n"
	    "           [--step] [--sql file | --html file]\n"
	    "       auditctl [-d store] [-f file] replay --against dsn "
	    "session ...\n"
	    "       auditctl [-d store] [-f file] reconcile logfile "
	    "[--since time]\n"
	    "           [--until time] [--json]\n"
	    "       auditctl [-d store] [-f file] forward --to unix:path | "
	    "tls:host:port\n"
	    "           --cursor file [--ca file] [--cert file --key file] "
	    "[--max bytes]\n"
	    "           [--once]\n"
	    "       auditctl [-d store] [-f file] verify [--key file] "
	    "[--anchor file]\n"
	    "           [--no-recordings] [--json]\n"
	    "       auditctl [-d store] [-f file] checkpoint | attach\n"
	    "       auditctl [-f file] keygen [file]\n"
	    "       auditctl [-d store] [-f file] [-s socket] prune "
	    "[session] [--dry-run]\n"
	    "       auditctl [-f file] [-s socket] status | spools | seal "
	    "[--json]\n");
	exit(2);
}

static const struct au_conf *
loaded(struct options *o)
{
	struct conf_error error;

	if (o->loaded != NULL)
		return o->loaded;
	if ((o->loaded = au_conf_load(o->conf, &error)) == NULL) {
		fprintf(stderr, "auditctl: %s\n", error.text);
		exit(2);
	}
	return o->loaded;
}

static const char *
store_path(struct options *o)
{
	return o->store != NULL ? o->store : loaded(o)->store;
}

/* --- reading the store -------------------------------------------------- */

static int
cmd_log(struct options *o, struct reader *r)
{
	return showlog(r, &o->filter, o->limit, o->json);
}

static int
cmd_tail(struct options *o, struct reader *r)
{
	uint64_t n = o->limited ? o->limit : 10;

	return o->follow ? showlog_follow(r, &o->filter, n, o->json) :
	    n == 0 ? 0 : showlog(r, &o->filter, n, o->json);
}

static int
cmd_show(struct options *o, struct reader *r)
{
	char *end;
	long long id = strtoll(o->argument, &end, 10);

	if (*end != '\0' || id < 1)
		usage();
	return showlog_event(r, id, o->json);
}

static int
cmd_sessions(struct options *o, struct reader *r)
{
	return summary_sessions(r, &o->filter, o->json);
}

static int
cmd_report(struct options *o, struct reader *r)
{
	struct report_options to = { .json = o->json,
	    .html = o->replay.html };

	return o->relations ? summary_relations(r, &o->filter, &to) :
	    summary_report(r, &o->filter, &to);
}

static int
cmd_export(struct options *o, struct reader *r)
{
	if (o->limit != 0 && reader_last_n(r, &o->filter, o->limit) == -1)
		return 2;
	return export_events(r, &o->filter, o->format);
}

static int
cmd_replay(struct options *o, struct reader *r)
{
	int outputs = (o->replay.sql != NULL) + (o->replay.html != NULL) +
	    (o->replay.against != NULL);

	/* What is written takes no time. */
	if (outputs > 1 || (outputs == 1 && (o->replay.step ||
	    o->replay.speed_given)))
		usage();
	if (o->replay.against != NULL)
		return replay_against(r, o->arguments,
		    (size_t)o->narguments, &o->replay);
	if (o->narguments != 1)
		usage();
	return replay(r, o->argument, &o->replay);
}

static int
cmd_reconcile(struct options *o, struct reader *r)
{
	return reconcile(r, o->argument, &o->filter, o->json);
}

static int
cmd_forward(struct options *o, struct reader *r)
{
	if (o->forward.sink.to == NULL || o->forward.cursor == NULL ||
	    (o->forward.max != 0 && (o->forward.max < SYSLOG_MIN ||
	    o->forward.max > SYSLOG_MAX)))
		usage();
	return forward(r, &o->forward);
}

static int
cmd_checkpoint(struct options *o, struct reader *r)
{
	(void)o;
	return prove_checkpoint(r);
}

/* --- proving it --------------------------------------------------------- */

static int
cmd_verify(struct options *o, struct reader *r)
{
	(void)r;
	o->prove.json = o->json;
	return prove_store(store_path(o), &o->prove);
}

static int
cmd_attach(struct options *o, struct reader *r)
{
	(void)r;
	return prove_attach(store_path(o));
}

/* As root the key becomes the property of whom auditd becomes. */
static int
cmd_keygen(struct options *o, struct reader *r)
{
	const char *path = o->argument;
	const struct passwd *pw = NULL;
	char err[256];

	(void)r;
	if (path == NULL && (path = loaded(o)->key) == NULL) {
		fprintf(stderr, "auditctl: name a file, or set key in %s\n",
		    o->conf);
		return 2;
	}
	if (geteuid() == 0 && (pw = getpwnam(loaded(o)->user)) == NULL) {
		fprintf(stderr, "auditctl: no user %s\n", loaded(o)->user);
		return 2;
	}
	if (keyfile_make(path, pw == NULL ? (uid_t)-1 : pw->pw_uid,
	    pw == NULL ? (gid_t)-1 : pw->pw_gid, err, sizeof(err)) == -1) {
		fprintf(stderr, "auditctl: %s: %s\n", path, err);
		return 2;
	}
	printf("secret key: %s\npublic key: %s.pub\n", path, path);
	return 0;
}

/* --- asking auditd ------------------------------------------------------ */

static int
ask(struct options *o, const char *verb, const char *columns)
{
	const char *socket = o->socket != NULL ? o->socket :
	    loaded(o)->socket;
	struct ctl_table *t = ctl_table_new(columns, o->json);
	int code;

	if (t == NULL)
		return 2;
	code = ctl_call(socket, ROLE_AUDITD, verb, "{}", ctl_table_row, t);
	ctl_table_end(&t);
	return code;
}

static int
cmd_status(struct options *o, struct reader *r)
{
	(void)r;
	return ask(o, "status", "recording,durability,events,signed,segment,"
	    "spools,broken,drained_bytes,head");
}

static int
cmd_spools(struct options *o, struct reader *r)
{
	(void)r;
	return ask(o, "spools", "spool,owner,state,drained,waiting,seq");
}

static int
cmd_prune(struct options *o, struct reader *r)
{
	return prune(r, o->socket != NULL ? o->socket : loaded(o)->socket,
	    o->argument, o->dry_run);
}

static int
cmd_seal(struct options *o, struct reader *r)
{
	(void)r;
	return ask(o, "seal", "segment");
}

/* --- the command line --------------------------------------------------- */

enum { O_FILTER = 1, O_LIMIT = 2, O_JSON = 4, O_FOLLOW = 8, O_FORMAT = 16,
	O_PROVE = 32, O_SCOPE = 64, O_REPLAY = 128,
	O_BY = 256, O_TIME = 512, O_PRUNE = 1024,
	O_FORWARD = 2048, O_PAGE = 4096 };

static const struct command {
	const char	*name;
	int		(*run)(struct options *, struct reader *);
	bool		 reads;		/* the store, through a reader */
	int		 min, max;	/* arguments */
	int		 takes;		/* options */
} commands[] = {
	{ "log", cmd_log, true, 0, 0,
	    O_FILTER | O_SCOPE | O_LIMIT | O_JSON },
	{ "tail", cmd_tail, true, 0, 0,
	    O_FILTER | O_SCOPE | O_LIMIT | O_JSON | O_FOLLOW },
	{ "show", cmd_show, true, 1, 1, O_JSON },
	{ "sessions", cmd_sessions, true, 0, 0, O_SCOPE | O_JSON },
	{ "report", cmd_report, true, 0, 0, O_SCOPE | O_JSON | O_BY |
	    O_PAGE },
	{ "export", cmd_export, true, 0, 0,
	    O_FILTER | O_SCOPE | O_LIMIT | O_FORMAT },
	{ "replay", cmd_replay, true, 1, SESSIONS_MAX, O_REPLAY },
	{ "reconcile", cmd_reconcile, true, 1, 1, O_TIME | O_JSON },
	{ "forward", cmd_forward, true, 0, 0, O_FORWARD },
	{ "verify", cmd_verify, false, 0, 0, O_PROVE | O_JSON },
	{ "checkpoint", cmd_checkpoint, true, 0, 0, 0 },
	{ "attach", cmd_attach, false, 0, 0, 0 },
	{ "keygen", cmd_keygen, false, 0, 1, 0 },
	{ "status", cmd_status, false, 0, 0, O_JSON },
	{ "spools", cmd_spools, false, 0, 0, O_JSON },
	{ "prune", cmd_prune, true, 0, 1, O_PRUNE },
	{ "seal", cmd_seal, false, 0, 0, O_JSON }
};

/* A long option: whose it is, and the text of struct filter that it sets. */
struct known {
	const char	*name;
	int		 arg, ch, takes;
	size_t		 text;		/* offset + 1, or 0 */
};

#define TEXT(member)	(offsetof(struct filter, member) + 1)

static const struct known known[] = {
	{ "session", 1, 'S', O_SCOPE, TEXT(session) },
	{ "subject", 1, 'u', O_SCOPE, TEXT(subject) },
	{ "profile", 1, 'p', O_SCOPE, TEXT(profile) },
	{ "database", 1, 'D', O_SCOPE, TEXT(database) },
	{ "since", 1, 'a', O_SCOPE | O_TIME, 0 },
	{ "until", 1, 'b', O_SCOPE | O_TIME, 0 },
	{ "verdict", 1, 'v', O_FILTER, TEXT(verdict) },
	{ "tag", 1, 't', O_FILTER, TEXT(tag) },
	{ "text", 1, 'x', O_FILTER, TEXT(text) },
	{ "relation", 1, 'R', O_FILTER, TEXT(relation) },
	{ "kind", 1, 'k', O_FILTER, TEXT(kind) },
	{ "by", 1, 'y', O_BY, 0 },
	{ "limit", 1, 'n', O_LIMIT, 0 },
	{ "json", 0, 'j', O_JSON, 0 },
	{ "follow", 0, 'f', O_FOLLOW, 0 },
	{ "format", 1, 'F', O_FORMAT, 0 },
	{ "key", 1, 'K', O_PROVE | O_FORWARD, 0 },
	{ "to", 1, 'T', O_FORWARD, 0 },
	{ "cursor", 1, 'c', O_FORWARD, 0 },
	{ "ca", 1, 'C', O_FORWARD, 0 },
	{ "cert", 1, 'E', O_FORWARD, 0 },
	{ "max", 1, 'm', O_FORWARD, 0 },
	{ "once", 0, 'O', O_FORWARD, 0 },
	{ "anchor", 1, 'A', O_PROVE, 0 },
	{ "speed", 1, 's', O_REPLAY, 0 },
	{ "from", 1, 'o', O_REPLAY, 0 },
	{ "step", 0, 'e', O_REPLAY, 0 },
	{ "sql", 1, 'q', O_REPLAY, 0 },
	{ "html", 1, 'h', O_REPLAY | O_PAGE, 0 },
	{ "against", 1, 'g', O_REPLAY, 0 },
	{ "no-recordings", 0, 'Q', O_PROVE, 0 },
	{ "dry-run", 0, 'z', O_PRUNE, 0 }
};
#define NKNOWN	(sizeof(known) / sizeof(known[0]))

static uint64_t
number(const char *s)
{
	char *end;
	unsigned long long n = strtoull(s, &end, 10);

	if (*s < '0' || *s > '9' || *end != '\0' || n > INT64_MAX)
		usage();
	return n;
}

/* 0, 12, 0.5; at most nine digits before the point. */
static double
decimal(const char *s)
{
	size_t whole = strspn(s, "0123456789"), part = 0;

	if (s[whole] == '.')
		part = 1 + strspn(s + whole + 1, "0123456789");
	if (whole == 0 || whole > 9 || part == 1 || part > 9 ||
	    s[whole + part] != '\0')
		usage();
	return strtod(s, NULL);
}

static void
take_time(const char *s, int64_t *us)
{
	if (filter_time(s, us) == 0)
		return;
	fprintf(stderr, "auditctl: %s: no time; use 2026-11-24, "
	    "2026-11-24T08:30 (UTC), or 30m, 2h, 7d ago\n", s);
	exit(2);
}

/* Options of forward; false: it is none of them. */
static bool
take_forward(struct forward_options *f, int ch, const char *arg)
{
	switch (ch) {
	case 'T':
		f->sink.to = arg;
		break;
	case 'c':
		f->cursor = arg;
		break;
	case 'C':
		f->sink.ca = arg;
		break;
	case 'E':
		f->sink.cert = arg;
		break;
	case 'K':
		f->sink.key = arg;
		break;
	case 'm':
		f->max = number(arg);
		break;
	case 'O':
		f->once = true;
		break;
	default:
		return false;
	}
	return true;
}

static void
take_option(struct options *o, const struct command *c, const struct known *k,
    const char *arg)
{
	if ((c->takes & O_FORWARD) != 0 && take_forward(&o->forward, k->ch,
	    arg))
		return;
	if (k->text != 0) {
		memcpy((char *)&o->filter + k->text - 1, &arg, sizeof(arg));
		return;
	}
	switch (k->ch) {
	case 'a':
		take_time(arg, &o->filter.since);
		break;
	case 'b':
		take_time(arg, &o->filter.until);
		break;
	case 'n':
		o->limit = number(arg);
		o->limited = true;
		break;
	case 'j':
		o->json = true;
		break;
	case 'f':
		o->follow = true;
		break;
	case 'F':
		if ((o->format = export_format(arg)) == EXPORT_NFORMATS)
			usage();
		break;
	case 'y':
		if (strcmp(arg, "relation") != 0)
			usage();
		o->relations = true;
		break;
	case 'K':
		if (prove_key(&o->prove, arg) == -1)
			exit(2);
		break;
	case 'A':
		if (prove_anchor(&o->prove, arg) == -1)
			exit(2);
		break;
	case 's':
		o->replay.speed = decimal(arg);
		o->replay.speed_given = true;
		break;
	case 'o':
		o->replay.from = decimal(arg);
		break;
	case 'e':
		o->replay.step = true;
		break;
	case 'q':
		o->replay.sql = arg;
		break;
	case 'h':
		o->replay.html = arg;
		break;
	case 'g':
		o->replay.against = arg;
		break;
	case 'Q':
		o->prove.no_recordings = true;
		break;
	case 'z':
		o->dry_run = true;
		break;
	}
}

static void
long_options(int argc, char **argv, const struct command *c, struct options *o)
{
	struct option table[NKNOWN + 1] = { { 0 } };
	int at = -1, ch;
	size_t i;

	for (i = 0; i < NKNOWN; i++) {
		table[i].name = known[i].name;
		table[i].has_arg = known[i].arg ? required_argument :
		    no_argument;
		table[i].val = known[i].ch;
	}
	optind = 0;
	while ((ch = getopt_long(argc, argv, "fn:", table, &at)) != -1) {
		for (i = 0; i < NKNOWN && known[i].ch != ch; i++)
			;
		if (i == NKNOWN || (c->takes & known[i].takes) == 0)
			usage();
		take_option(o, c, &known[i], optarg);
	}
	if (argc - optind < c->min || argc - optind > c->max)
		usage();
	o->argument = argv[optind];
	o->arguments = argv + optind;
	o->narguments = argc - optind;
}

static int
run(const struct command *c, struct options *o)
{
	struct reader *r = NULL;
	int code;

	if (c->reads && (r = reader_open(store_path(o))) == NULL)
		return 2;
	code = c->run(o, r);
	reader_close(&r);
	return fflush(stdout) == 0 ? code : 2;
}

int
main(int argc, char **argv)
{
	struct options o = { .conf = DEFAULT_CONF };
	size_t i;
	int ch, code;

	/* A reader that has enough is an error of writing, not a signal. */
	signal(SIGPIPE, SIG_IGN);
	while ((ch = getopt(argc, argv, "+d:f:s:")) != -1) {
		switch (ch) {
		case 'd':
			o.store = optarg;
			break;
		case 'f':
			o.conf = optarg;
			break;
		case 's':
			o.socket = optarg;
			break;
		default:
			usage();
		}
	}
	if (optind == argc)
		usage();
	argc -= optind;
	argv += optind;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, argv[0]) == 0)
			break;
	if (i == sizeof(commands) / sizeof(commands[0]))
		usage();
	long_options(argc, argv, &commands[i], &o);
	code = run(&commands[i], &o);
	prove_clear(&o.prove);
	au_conf_free(&o.loaded);
	return code;
}
