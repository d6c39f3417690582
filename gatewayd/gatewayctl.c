/*
 * gatewayctl: asks gatewayd over its control socket.
 *
 * An administrator's tool; it holds no right of its own (gatewayd checks the
 * peer's uid).  What it prints came from gatewayd, and names of sessions in
 * the last resort from clients: for people everything is escaped.  Exit codes
 * are in gatewayctl(8).
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ctl.h"
#include "gwconf.h"
#include "ipc_msgs.h"

#define DEFAULT_CONF	POSTERN_SYSCONFDIR "/gatewayd.yaml"
#define EXIT_USAGE	1

static const char listen_columns[] = "listen,isolation,tls,idle,busy,shared,"
    "draining,sessions,crashes,delay_ms";
static const char session_columns[] = "session,subject,profile,database,peer,"
    "state,worker";

struct printer {
	const char		*columns;
	bool			 json;
	struct ctl_table	*table;
};

static void	usage(void) __attribute__((noreturn));

static void
usage(void)
{
	fprintf(stderr, "usage: gatewayctl [-f file | -s socket] [--json] "
	    "status | sessions | kill session\n");
	exit(EXIT_USAGE);
}

/* The control socket that the configuration names; never returns NULL. */
static char *
socket_from(const char *path)
{
	struct conf_error	 err;
	struct gw_conf		*conf;
	char			*socket;

	if ((conf = gw_conf_load(path, &err)) == NULL) {
		fprintf(stderr, "gatewayctl: %s\n", err.text);
		exit(EXIT_USAGE);
	}
	if ((socket = strdup(conf->socket)) == NULL) {
		fprintf(stderr, "gatewayctl: out of memory\n");
		exit(EXIT_USAGE);
	}
	gw_conf_free(&conf);
	return socket;
}

/* One line whatever the text is. */
static void
print_text(const char *s)
{
	for (; *s != '\0'; s++)
		putchar((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
}

static void
print_member(const char *key, const json_t *v)
{
	printf("%-13s ", key);
	if (json_is_string(v))
		print_text(json_string_value(v)[0] == '\0' ? "-" :
		    json_string_value(v));
	else if (json_is_integer(v))
		printf("%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_boolean(v))
		fputs(json_is_true(v) ? "true" : "false", stdout);
	putchar('\n');
}

/* Made with the first row: no header over nothing when there is no answer. */
static struct ctl_table *
printer_table(struct printer *p)
{
	if (p->table == NULL)
		p->table = ctl_table_new(p->columns, p->json);
	return p->table;
}

static void
on_row(void *ctx, const char *json)
{
	struct ctl_table	*table;

	if ((table = printer_table(ctx)) != NULL)
		ctl_table_row(table, json);
}

/* The first row is about gatewayd, the others about a listener each. */
static void
on_status_row(void *ctx, const char *json)
{
	struct printer	*p = ctx;
	const char	*key;
	json_t		*row, *v;

	/* Its own line: jansson's macros look at their argument twice. */
	row = json_loads(json, 0, NULL);
	if (p->json || json_object_get(row, "listen") != NULL)
		on_row(p, json);
	else if (json_is_object(row)) {
		json_object_foreach(row, key, v)
			print_member(key, v);
		putchar('\n');
	}
	json_decref(row);
}

static int
run(const char *socket, const char *verb, ctl_row *row, struct printer *p)
{
	int	code;

	code = ctl_call(socket, ROLE_MASTER, verb, "{}", row, p);
	if (code == 0)
		printer_table(p);
	ctl_table_end(&p->table);
	return code;
}

static int
run_kill(const char *socket, const char *session)
{
	json_t	*o;
	char	*args;
	int	 code;

	if ((o = json_pack("{s:s}", "session", session)) == NULL ||
	    (args = json_dumps(o, JSON_COMPACT)) == NULL) {
		fprintf(stderr, "gatewayctl: not a session: \"%s\"\n",
		    session);
		json_decref(o);
		return EXIT_USAGE;
	}
	json_decref(o);
	code = ctl_call(socket, ROLE_MASTER, "kill", args, NULL, NULL);
	free(args);
	return code;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	const char	*conf = DEFAULT_CONF;
	char		*socket = NULL, *from_conf = NULL;
	struct printer	 p = { .json = false };
	int		 ch, code;

	while ((ch = getopt_long(argc, argv, "f:s:", options, NULL)) != -1) {
		switch (ch) {
		case 'f':
			conf = optarg;
			break;
		case 's':
			socket = optarg;
			break;
		case 'j':
			p.json = true;
			break;
		default:
			usage();
		}
	}
	argc -= optind;
	argv += optind;
	if (argc == 0 || argc != (strcmp(argv[0], "kill") == 0 ? 2 : 1))
		usage();
	if (strcmp(argv[0], "status") != 0 &&
	    strcmp(argv[0], "sessions") != 0 && strcmp(argv[0], "kill") != 0)
		usage();
	if (socket == NULL)
		socket = from_conf = socket_from(conf);
	if (strcmp(argv[0], "status") == 0) {
		p.columns = listen_columns;
		code = run(socket, "status", on_status_row, &p);
	} else if (strcmp(argv[0], "sessions") == 0) {
		p.columns = session_columns;
		code = run(socket, "sessions", on_row, &p);
	} else
		code = run_kill(socket, argv[1]);
	free(from_conf);
	return code;
}
