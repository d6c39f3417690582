/*
 * policyctl: look at policyd, and ask what it would say to a statement.
 *
 * Run by an administrator.  What the daemon says is shown, never interpreted
 * further; strings in it may be a client's and are escaped for a terminal.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "ctl.h"
#include "ctlrequests.h"
#include "ipc_msgs.h"
#include "policy.h"
#include "policyfile.h"
#include "setupsql.h"

#define EXIT_UNREACHABLE	2
#define EXIT_USAGE		3

struct options {
	const char	*socket, *conf;
	const char	*profile, *database, *sql;
	const char	*token_file, *reason;
	bool		 json, watch;
};

static int
usage(void)
{
	fprintf(stderr,
	    "usage: policyctl [-f file | -s socket] [--json] status\n"
	    "       policyctl [-f file | -s socket] [--json] sessions\n"
	    "       policyctl [-f file | -s socket] kill session\n"
	    "       policyctl [-f file | -s socket] sweep\n"
	    "       policyctl [-f file] setup-sql [database]\n"
	    "       policyctl [-f file | -s socket] [--json] explain "
	    "--profile name\n"
	    "                 --database name [--sql text | file | -]\n"
	    "       policyctl [-f file | -s socket] [--json] requests "
	    "[--watch]\n"
	    "       policyctl [-f file | -s socket] [--json] show request\n"
	    "       policyctl [-f file | -s socket] approve | deny\n"
	    "                 [--token-file file] [--reason text] request\n");
	return EXIT_USAGE;
}

/* --- printing ------------------------------------------------------------------- */

static void
print_escaped(const char *s)
{
	for (; *s != '\0'; s++)
		if (((unsigned char)*s < 0x20 && *s != '\n' && *s != '\t') ||
		    *s == 0x7f)
			printf("\\x%02x", (unsigned int)(unsigned char)*s);
		else
			putchar(*s);
}

static void
print_scalar(const json_t *v)
{
	char	*text;

	if (json_is_string(v)) {
		print_escaped(json_string_value(v));
		return;
	}
	if (json_is_boolean(v)) {
		printf("%s", json_is_true(v) ? "yes" : "no");
		return;
	}
	if (json_is_null(v)) {
		printf("-");
		return;
	}
	text = json_dumps(v, JSON_ENCODE_ANY);
	printf("%s", text == NULL ? "?" : text);
	free(text);
}

/* Members one a line; what is nested goes in by two spaces. */
static void
print_tree(const json_t *v, int indent)
{
	const char	*key;
	const json_t	*m;
	size_t		 i;

	if (json_is_array(v)) {
		json_array_foreach(v, i, m) {
			if (json_is_object(m) || json_is_array(m)) {
				print_tree(m, indent);
				if (i + 1 < json_array_size(v))
					putchar('\n');
				continue;
			}
			printf("%*s", indent, "");
			print_scalar(m);
			putchar('\n');
		}
		return;
	}
	json_object_foreach((json_t *)(uintptr_t)v, key, m) {
		printf("%*s", indent, "");
		print_escaped(key);
		if (json_is_object(m) || json_is_array(m)) {
			printf(":\n");
			print_tree(m, indent + 2);
			continue;
		}
		printf(": ");
		print_scalar(m);
		putchar('\n');
	}
}

static void
print_members(const json_t *o)
{
	const char	*key;
	const json_t	*v;

	printf(" ");
	json_object_foreach((json_t *)(uintptr_t)o, key, v) {
		printf(" %s=", key);
		print_scalar(v);
	}
	putchar('\n');
}

/* policyd's status: children and catalogues one a line. */
static void
print_status(const json_t *o)
{
	const char	*key;
	const json_t	*v, *m;
	size_t		 i;

	json_object_foreach((json_t *)(uintptr_t)o, key, v) {
		if (json_is_array(v)) {
			printf("%s:\n", key);
			json_array_foreach(v, i, m)
				print_members(m);
		} else if (json_is_object(v)) {
			printf("%s:", key);
			print_members(v);
		} else {
			printf("%s: ", key);
			print_scalar(v);
			putchar('\n');
		}
	}
}

static void
row_json(void *ctx, const char *json)
{
	(void)ctx;
	puts(json);
}

static void
row_status(void *ctx, const char *json)
{
	json_t	*o = json_loads(json, 0, NULL);

	(void)ctx;
	print_status(o);
	json_decref(o);
}

static void
row_tree(void *ctx, const char *json)
{
	json_t	*o = json_loads(json, 0, NULL);

	(void)ctx;
	print_tree(o, 0);
	json_decref(o);
}

/* --- asking ------------------------------------------------------------------------- */

/* All of a file, "-" for standard input; to free(). */
static char *
read_sql(const char *path)
{
	FILE	*f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	char	*text = NULL;
	size_t	 len = 0, cap = 0, n;

	if (f == NULL)
		return NULL;
	do {
		if (cap - len < 4096) {
			char	*bigger = realloc(text, cap + 65536);

			if (bigger == NULL || cap > LEN_JSON) {
				errno = EFBIG;
				free(bigger != NULL ? bigger : text);
				text = NULL;
				break;
			}
			text = bigger;
			cap += 65536;
		}
		n = fread(text + len, 1, cap - len - 1, f);
		len += n;
		text[len] = '\0';
	} while (n > 0);
	if (f != stdin)
		fclose(f);
	return text;
}

static int
explain(const struct options *o, const char *socket, const char *file)
{
	char	*sql = NULL, *args = NULL;
	json_t	*a;
	int	 code = 1;

	if (o->profile == NULL || o->database == NULL ||
	    (o->sql == NULL) == (file == NULL))
		return usage();
	sql = o->sql != NULL ? strdup(o->sql) : read_sql(file);
	if (sql == NULL) {
		fprintf(stderr, "policyctl: %s: %s\n",
		    file != NULL ? file : "sql", strerror(errno));
		return 1;
	}
	a = json_pack("{s:s, s:s, s:s}", "profile", o->profile,
	    "database", o->database, "sql", sql);
	args = a == NULL ? NULL : json_dumps(a, JSON_COMPACT);
	json_decref(a);
	if (args == NULL)
		fprintf(stderr, "policyctl: the text is not UTF-8\n");
	else if (strlen(args) > LEN_JSON)
		fprintf(stderr, "policyctl: the text is too long\n");
	else
		code = ctl_call(socket, ROLE_PARENT, "explain", args,
		    o->json ? row_json : row_tree, NULL);
	free(args);
	free(sql);
	return code;
}

/* policy.yaml; NULL when that is told. */
static struct policy *
conf_policy(const char *path)
{
	struct conf_error	 err;
	struct policy		*policy;
	char			*text;
	size_t			 len;

	text = policyfile_read(path, &len, &err);
	policy = text == NULL ? NULL : policy_parse(path, text, len, &err);
	if (policy == NULL)
		fprintf(stderr, "policyctl: %s\n", err.text);
	free(text);
	return policy;
}

/* The socket that it names; to free(). */
static char *
conf_socket(const char *path)
{
	struct policy	*policy = conf_policy(path);
	char		*socket = NULL;

	if (policy != NULL)
		socket = strdup(policy->runtime.socket);
	policy_free(&policy);
	return socket;
}

static int
setup_sql(const struct options *o, const char *database)
{
	struct policy	*p = conf_policy(o->conf);
	size_t		 i, n = 0;
	int		 code = 0;

	if (p == NULL)
		return 1;
	for (i = 0; i < p->ndatabases && code == 0; i++) {
		if (database != NULL &&
		    strcmp(p->databases[i].key, database) != 0)
			continue;
		if (n++ > 0)
			putchar('\n');
		if (setupsql_print(p, &p->databases[i], stdout) == -1) {
			fprintf(stderr, "policyctl: out of memory\n");
			code = 1;
		}
	}
	if (n == 0) {
		fprintf(stderr, "policyctl: there is no such database\n");
		code = 1;
	}
	policy_free(&p);
	return code;
}

static int
kill_session(const char *socket, const char *session)
{
	json_t	*a = json_pack("{s:s}", "session", session);
	char	*args = a == NULL ? NULL : json_dumps(a, JSON_COMPACT);
	int	 code = 1;

	json_decref(a);
	if (args == NULL)
		fprintf(stderr, "policyctl: that is no session\n");
	else
		code = ctl_call(socket, ROLE_PARENT, "kill", args, row_json,
		    NULL);
	free(args);
	return code;
}

static int
options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "profile", required_argument, NULL, 'P' },
		{ "database", required_argument, NULL, 'D' },
		{ "sql", required_argument, NULL, 'q' },
		{ "token-file", required_argument, NULL, 't' },
		{ "reason", required_argument, NULL, 'r' },
		{ "watch", no_argument, NULL, 'w' },
		{ NULL, 0, NULL, 0 }
	};
	int	ch;

	while ((ch = getopt_long(argc, argv, "f:s:", longs, NULL)) != -1) {
		switch (ch) {
		case 'f':
			o->conf = optarg;
			break;
		case 's':
			o->socket = optarg;
			break;
		case 'j':
			o->json = true;
			break;
		case 'P':
			o->profile = optarg;
			break;
		case 'D':
			o->database = optarg;
			break;
		case 'q':
			o->sql = optarg;
			break;
		case 't':
			o->token_file = optarg;
			break;
		case 'r':
			o->reason = optarg;
			break;
		case 'w':
			o->watch = true;
			break;
		default:
			return -1;
		}
	}
	return 0;
}

static int
run(const struct options *o, const char *socket, int argc, char **argv)
{
	const char	*verb = argv[0];

	if (strcmp(verb, "status") == 0 && argc == 1)
		return ctl_call(socket, ROLE_PARENT, "status", "{}",
		    o->json ? row_json : row_status, NULL);
	if (strcmp(verb, "explain") == 0 && argc <= 2)
		return explain(o, socket, argv[1]);
	if (strcmp(verb, "sessions") == 0 && argc == 1)
		return ctl_call(socket, ROLE_PARENT, "sessions", "{}",
		    o->json ? row_json : row_tree, NULL);
	if (strcmp(verb, "kill") == 0 && argc == 2)
		return kill_session(socket, argv[1]);
	if (strcmp(verb, "sweep") == 0 && argc == 1)
		return ctl_call(socket, ROLE_PARENT, "sweep", "{}", row_json,
		    NULL);
	if (strcmp(verb, "requests") == 0 && argc == 1)
		return ctl_requests(socket, o->json, o->watch);
	if (strcmp(verb, "show") == 0 && argc == 2)
		return ctl_show(socket, argv[1], o->json ? row_json :
		    row_tree);
	if ((strcmp(verb, "approve") == 0 || strcmp(verb, "deny") == 0) &&
	    argc == 2)
		return ctl_decide(socket, argv[1], *verb == 'a',
		    o->token_file, o->reason);
	return usage();
}

int
main(int argc, char **argv)
{
	struct options	 o = { .conf = POSTERN_SYSCONFDIR "/policy.yaml" };
	char		*socket;
	int		 code;

	if (options(argc, argv, &o) == -1 || optind >= argc)
		return usage();
	if (strcmp(argv[optind], "setup-sql") == 0)
		return optind + 2 < argc ? usage() :
		    setup_sql(&o, argv[optind + 1]);
	socket = o.socket != NULL ? strdup(o.socket) : conf_socket(o.conf);
	if (socket == NULL)
		return EXIT_UNREACHABLE;
	code = run(&o, socket, argc - optind, argv + optind);
	free(socket);
	return code;
}
