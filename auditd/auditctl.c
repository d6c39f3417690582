/*
 * auditctl: reads and checks the record, and asks auditd how it is.
 *
 * Run by people and their scripts.  log and verify read the store by
 * themselves, so they work on a copy and without auditd; status and spools ask
 * auditd over its socket.  Exit: 0 done, 1 verify found something, 2 it could
 * not be done.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auconf.h"
#include "buf.h"
#include "ctl.h"
#include "ipc_msgs.h"
#include "json.h"
#include "showlog.h"
#include "verify.h"

#define DEFAULT_CONF	POSTERN_SYSCONFDIR "/auditd.yaml"

struct options {
	const char	*conf, *store, *socket;
	struct showlog	 log;
	struct au_conf	*loaded;	/* when it was needed */
};

static void
usage(void)
{
	fprintf(stderr,
	    "usage: auditctl [-d store] [-f file] log [--session id]\n"
	    "           [--subject subject] [--limit n] [--json]\n"
	    "       auditctl [-d store] [-f file] verify [--json]\n"
	    "       auditctl [-f file] [-s socket] status | spools [--json]\n");
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

static int
cmd_log(struct options *o)
{
	return showlog(store_path(o), &o->log);
}

static void
print_result(const char *head, enum verify_code code,
    const struct verify_result *res)
{
	struct buf b;

	buf_init(&b, JSON_BODY_MAX);
	json_string(&b, res->problem, strlen(res->problem), NULL);
	printf("{\"ok\":%s,\"events\":%" PRId64 ",\"head\":\"%s\",\"bad\":%"
	    PRId64 ",\"problem\":%.*s}\n", code == VERIFY_OK ? "true" :
	    "false", res->events, head, res->bad, (int)b.len,
	    (const char *)buf_head(&b));
	buf_clear(&b);
}

static int
cmd_verify(struct options *o)
{
	char head[2 * SHA256_LEN + 1];
	struct verify_result res;
	const char *path = store_path(o);
	enum verify_code code = verify_store(path, &res);

	if (code == VERIFY_CANNOT) {
		fprintf(stderr, "auditctl: %s: %s\n", path, res.problem);
		return 2;
	}
	hex_encode(res.head, SHA256_LEN, head);
	if (o->log.json)
		print_result(head, code, &res);
	else if (code == VERIFY_OK)
		printf("ok: %" PRId64 " events, head %s\n", res.events, head);
	else
		printf("bad: %s (%" PRId64 " events before it are good)\n",
		    res.problem, res.events);
	return code == VERIFY_OK ? 0 : 1;
}

static int
ask(struct options *o, const char *verb, const char *columns)
{
	const char *socket = o->socket != NULL ? o->socket :
	    loaded(o)->socket;
	struct ctl_table *t = ctl_table_new(columns, o->log.json);
	int code;

	if (t == NULL)
		return 2;
	code = ctl_call(socket, ROLE_AUDITD, verb, "{}", ctl_table_row, t);
	ctl_table_end(&t);
	return code;
}

static int
cmd_status(struct options *o)
{
	return ask(o, "status", "recording,durability,events,spools,broken,"
	    "drained_bytes,head");
}

static int
cmd_spools(struct options *o)
{
	return ask(o, "spools", "spool,owner,state,drained,waiting,seq");
}

static const struct command {
	const char	*name;
	int		(*run)(struct options *);
} commands[] = {
	{ "log", cmd_log },
	{ "verify", cmd_verify },
	{ "status", cmd_status },
	{ "spools", cmd_spools }
};

static uint64_t
number(const char *s)
{
	char *end;
	unsigned long long n = strtoull(s, &end, 10);

	if (*s < '0' || *s > '9' || *end != '\0' || n > INT64_MAX)
		usage();
	return n;
}

static void
long_options(int argc, char **argv, struct options *o)
{
	enum { O_SESSION = 256, O_SUBJECT, O_LIMIT, O_JSON };
	static const struct option known[] = {
		{ "session", required_argument, NULL, O_SESSION },
		{ "subject", required_argument, NULL, O_SUBJECT },
		{ "limit", required_argument, NULL, O_LIMIT },
		{ "json", no_argument, NULL, O_JSON },
		{ NULL, 0, NULL, 0 }
	};
	bool log = strcmp(argv[0], "log") == 0;
	int ch;

	optind = 0;
	while ((ch = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (ch != O_JSON && !log)
			usage();
		switch (ch) {
		case O_SESSION:
			o->log.session = optarg;
			break;
		case O_SUBJECT:
			o->log.subject = optarg;
			break;
		case O_LIMIT:
			o->log.limit = number(optarg);
			break;
		case O_JSON:
			o->log.json = true;
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
}

int
main(int argc, char **argv)
{
	struct options o = { .conf = DEFAULT_CONF };
	size_t i;
	int ch, code;

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
	long_options(argc, argv, &o);
	code = commands[i].run(&o);
	if (fflush(stdout) != 0)
		code = 2;
	au_conf_free(&o.loaded);
	return code;
}
