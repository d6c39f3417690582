/*
 * policyctl: look at policyd, and ask what it would say to a statement.
 *
 * Run by an administrator.  What the daemon says is shown, never interpreted
 * further; strings in it may be a client's and are escaped for a terminal.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "claims.h"
#include "ctl.h"
#include "ctlfiles.h"
#include "ctlgrants.h"
#include "ctlcatalog.h"
#include "ctlmasks.h"
#include "ctlrequests.h"
#include "ctloptions.h"
#include "ctlserve.h"
#include "hours.h"
#include "ipc_msgs.h"
#include "learn.h"
#include "policy.h"
#include "policydiff.h"
#include "testcases.h"
#include "sqltree.h"

#define EXIT_UNREACHABLE	2

/* --- printing ------------------------------------------------------------------- */

static void
print_scalar(const json_t *v)
{
	char	*text;

	if (json_is_string(v)) {
		ctl_text(json_string_value(v));
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
		ctl_text(key);
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

/* --- explaining ---------------------------------------------------------------------- */

/*
 * The profile that these claims open, by the policy of -f; to free().  NULL,
 * and it was said.
 */
static char *
choose_profile(const struct ctl_options *o, const json_t *claims)
{
	/* Wherever the client were, and whenever. */
	struct identity		 id = { .issuer = o->issuer, .subject = "",
				    .claims = claims };
	struct claims_why	 why = { .reason =
				    "there is no such issuer" };
	const struct issuer	*issuer;
	const struct profile	*p = NULL;
	struct policy		*policy = ctl_policy(o->conf);
	const char		*subject;
	char			*key = NULL;

	if (policy == NULL)
		return NULL;
	if ((issuer = policy_issuer(policy, o->issuer)) != NULL) {
		subject = json_string_value(claims_pointer(claims,
		    issuer->subject));
		id.subject = subject != NULL ? subject : "";
		p = claims_choose(policy, o->profile != NULL ? o->profile :
		    "auto", o->database, &id, &why);
	}
	if (p == NULL)
		fprintf(stderr, "policyctl: the claims open no profile: %s\n",
		    why.reason);
	else
		key = strdup(p->key);
	policy_free(&policy);
	return key;
}

/* With the rule's place in the file, which the daemon gives as a line. */
static void
row_explain(void *ctx, const char *json)
{
	const struct ctl_options *o = ctx;
	json_t			*v = json_loads(json, 0, NULL);
	json_int_t		 line;
	char			 where[LEN_PATH + 32];

	line = json_integer_value(json_object_get(v, "line"));
	if (line > 0) {
		snprintf(where, sizeof(where), "%s:%lld", o->conf,
		    (long long)line);
		json_object_set_new(v, "where", json_string(where));
	}
	if (o->json) {
		char	*text = json_dumps(v, JSON_COMPACT);

		puts(text != NULL ? text : json);
		free(text);
	} else
		print_tree(v, 0);
	json_decref(v);
}

static int
ask(const struct ctl_options *o, const char *socket, const char *profile,
    const json_t *claims, const char *sql)
{
	json_t	*a;
	char	*args;
	int	 code = 1;

	a = json_pack("{s:s, s:s, s:s}", "profile", profile, "database",
	    o->database, "sql", sql);
	if (a != NULL && claims != NULL)
		json_object_set(a, "claims", (json_t *)(uintptr_t)claims);
	if (a != NULL && o->application != NULL)
		json_object_set_new(a, "application",
		    json_string(o->application));
	if (a != NULL && o->in_transaction != NULL)
		json_object_set_new(a, "in_transaction",
		    json_string(o->in_transaction));
	if (a != NULL && o->address != NULL)
		json_object_set_new(a, "address", json_string(o->address));
	if (a != NULL && o->time != NULL)
		json_object_set_new(a, "time",
		    json_integer(hours_instant(o->time)));
	if (a != NULL && o->estimate)
		json_object_set_new(a, "estimate", json_true());
	if (a != NULL && o->rows != NULL)
		json_object_set_new(a, "rows", json_integer(strtoll(o->rows,
		    NULL, 10)));
	if (a != NULL && o->cost != NULL)
		json_object_set_new(a, "cost", json_integer(strtoll(o->cost,
		    NULL, 10)));
	args = a == NULL ? NULL : json_dumps(a, JSON_COMPACT);
	json_decref(a);
	if (args == NULL)
		fprintf(stderr, "policyctl: the text is not UTF-8\n");
	else if (strlen(args) > LEN_JSON)
		fprintf(stderr, "policyctl: the text is too long\n");
	else
		code = ctl_call(socket, ROLE_PARENT, "explain", args,
		    row_explain, (void *)(uintptr_t)o);
	free(args);
	return code;
}

/* Decimal, and not too large; or not given. */
static bool
is_number(const char *s)
{
	return s == NULL || (*s != '\0' && strlen(s) < 16 &&
	    s[strspn(s, "0123456789")] == '\0');
}

static int
explain(const struct ctl_options *o, const char *socket, const char *file)
{
	json_error_t	 jerr;
	json_t		*claims = NULL;
	char		*sql, *profile = NULL;
	int		 code = 1;

	if ((o->profile == NULL && o->claims == NULL) ||
	    (o->claims == NULL) != (o->issuer == NULL) ||
	    o->database == NULL || (o->sql == NULL) == (file == NULL) ||
	    (o->time != NULL && hours_instant(o->time) == 0) ||
	    !is_number(o->rows) || !is_number(o->cost))
		return ctl_usage();
	sql = o->sql != NULL ? strdup(o->sql) : read_sql(file);
	if (sql == NULL) {
		fprintf(stderr, "policyctl: %s: %s\n",
		    file != NULL ? file : "sql", strerror(errno));
		return 1;
	}
	if (o->claims == NULL)
		profile = strdup(o->profile);
	else if ((claims = json_load_file(o->claims, JSON_REJECT_DUPLICATES,
	    &jerr)) == NULL || !json_is_object(claims))
		fprintf(stderr, "policyctl: %s:%d:%d: %s\n", o->claims,
		    jerr.line, jerr.column, claims == NULL ? jerr.text :
		    "not a JSON object");
	else
		profile = choose_profile(o, claims);
	if (profile != NULL)
		code = ask(o, socket, profile, claims, sql);
	json_decref(claims);
	free(profile);
	free(sql);
	return code;
}

/* Which profiles do the claims in this file open? */
static int
access_of(const struct ctl_options *o, const char *socket)
{
	json_t	*a, *claims;
	char	*text, *args;
	int	 code = 1;

	if (o->claims == NULL || o->database == NULL)
		return ctl_usage();
	if ((text = read_sql(o->claims)) == NULL) {
		fprintf(stderr, "policyctl: %s: %s\n", o->claims,
		    strerror(errno));
		return 1;
	}
	claims = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	/* "o" takes the reference; "s*" leaves out what is not given. */
	a = json_pack("{s:o*, s:s, s:s*, s:s*}", "claims", claims, "database",
	    o->database, "issuer", o->issuer, "address", o->address);
	args = a == NULL ? NULL : json_dumps(a, JSON_COMPACT);
	json_decref(a);
	if (args == NULL || strlen(args) > LEN_JSON)
		fprintf(stderr, "policyctl: the claims are too long\n");
	else
		code = ctl_call(socket, ROLE_PARENT, "access", args,
		    o->json ? row_json : row_tree, NULL);
	free(args);
	return code;
}

/* The socket that it names; to free(). */
static char *
conf_socket(const char *path)
{
	struct policy	*policy = ctl_policy(path);
	char		*socket = NULL;

	if (policy != NULL)
		socket = strdup(policy->runtime.socket);
	policy_free(&policy);
	return socket;
}

/* --- testing ------------------------------------------------------------------------- */

struct test {
	const char		*file;
	struct testcases_opts	 opts;
	int			 code;
};

static void
run_test(void *arg)
{
	struct test	*t = arg;

	t->code = testcases_run(t->file, &t->opts);
}

static int
test(const struct ctl_options *o, const char *file)
{
	struct test	 t = { file, { o->conf, o->live ? o->socket : NULL,
			    o->junit }, 1 };
	char		*socket = NULL;

	if (o->live && t.opts.socket == NULL) {
		if ((socket = conf_socket(o->conf)) == NULL)
			return EXIT_UNREACHABLE;
		t.opts.socket = socket;
	}
	if (bigstack_run(run_test, &t) == -1)
		fprintf(stderr, "policyctl: no memory\n");
	free(socket);
	return t.code;
}

/* --- records ------------------------------------------------------------------------- */

struct of_record {
	struct policydiff	 diff;
	struct learn		 learn;
	int			 code;
};

static void
run_diff(void *arg)
{
	struct of_record	*r = arg;

	r->code = policydiff_run(&r->diff);
}

static void
run_learn(void *arg)
{
	struct of_record	*r = arg;

	r->code = learn_run(&r->learn);
}

/* The parser wants a large stack; `fail`: what comes when there is none. */
static int
of_record(void (*fn)(void *), struct of_record *r, int fail)
{
	r->code = fail;
	if (bigstack_run(fn, r) == -1)
		fprintf(stderr, "policyctl: no memory\n");
	return r->code;
}

static int
diff(const struct ctl_options *o, int argc, char **argv)
{
	struct of_record	r = { .diff = { .old = argv[1],
				    .databases = o->databases,
				    .json = o->json } };

	if (argc != 3 && argc != 4)
		return ctl_usage();
	r.diff.new = argv[2];
	r.diff.record = argc == 4 ? argv[3] : "-";
	return of_record(run_diff, &r, EXIT_UNREACHABLE);
}

static int
learn(const struct ctl_options *o, int argc, char **argv)
{
	struct of_record	r = { .learn = { .policy = o->conf,
				    .profile = o->profile,
				    .databases = o->databases,
				    .record = "-" } };

	if (argc > 2 || o->profile == NULL)
		return ctl_usage();
	if (argc == 2)
		r.learn.record = argv[1];
	return of_record(run_learn, &r, 1);
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
grant(const struct ctl_options *o, const char *socket)
{
	struct ctl_grant	g = { .subject = o->subject,
				    .profile = o->profile,
				    .reason = o->reason,
				    .issuer = o->issuer, .actor = o->actor,
				    .lasting = o->lasting,
				    .token_file = o->token_file,
				    .json = o->json };

	if (g.subject == NULL || g.profile == NULL || g.reason == NULL)
		return ctl_usage();
	return ctl_grant(socket, &g);
}

/* As who runs this, by a token in a file, or by one that is fetched now. */
static int
decide(const struct ctl_options *o, const char *socket, const char *number,
    bool approve)
{
	struct policy	*policy;
	char		*token = NULL;

	if (o->device) {
		if ((policy = ctl_policy(o->conf)) == NULL)
			return 1;
		token = ctl_device(policy, &o->serve.login);
		policy_free(&policy);
		if (token == NULL)
			return 1;
	}
	return ctl_decide(socket, number, approve, o->token_file, token,
	    o->reason, o->similar, o->count);
}

static int
serve(const struct ctl_options *o, const char *socket)
{
	struct policy	*policy = NULL;
	int		 code;

	if (o->issuer != NULL && (policy = ctl_policy(o->conf)) == NULL)
		return 1;
	code = ctl_serve(socket, policy, &o->serve);
	policy_free(&policy);
	return code;
}

static int
run(const struct ctl_options *o, const char *socket, int argc, char **argv)
{
	const char	*verb = argv[0];

	if (strcmp(verb, "status") == 0 && argc == 1)
		return ctl_call(socket, ROLE_PARENT, "status", "{}",
		    o->json ? row_json : row_status, NULL);
	if (strcmp(verb, "access") == 0 && argc == 1)
		return access_of(o, socket);
	if (strcmp(verb, "catalog") == 0 && argc == 1 && o->database != NULL)
		return ctl_catalog(socket, o->database);
	if (strcmp(verb, "masks") == 0 && argc == 1 && o->database != NULL)
		return ctl_masks(socket, o->json, o->database, o->profile);
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
	    argc == 2 && (o->similar == NULL || *verb == 'a') &&
	    (o->count == NULL || o->similar != NULL) &&
	    (!o->device || o->token_file == NULL))
		return decide(o, socket, argv[1], *verb == 'a');
	if (strcmp(verb, "serve") == 0 && argc == 1 &&
	    (o->serve.listen == NULL || o->serve.unix_path == NULL) &&
	    (o->serve.peer == NULL || o->serve.unix_path != NULL))
		return serve(o, socket);
	if (strcmp(verb, "leases") == 0 && argc == 1)
		return ctl_leases(socket, o->json);
	if (strcmp(verb, "grants") == 0 && argc == 1)
		return ctl_grants(socket, o->json);
	if (strcmp(verb, "grant") == 0 && argc == 1)
		return grant(o, socket);
	if (strcmp(verb, "revoke") == 0 && argc == 2)
		return ctl_revoke(socket, argv[1], o->token_file, o->reason);
	return ctl_usage();
}

int
main(int argc, char **argv)
{
	struct ctl_options	 o = { .conf = POSTERN_SYSCONFDIR "/policy.yaml" };
	char		*socket;
	int		 code;

	if (ctl_options(argc, argv, &o) == -1 || optind >= argc)
		return ctl_usage();
	if (strcmp(argv[optind], "setup-sql") == 0)
		return optind + 2 < argc ? ctl_usage() :
		    ctl_setup_sql(o.conf, argv[optind + 1]);
	if (strcmp(argv[optind], "lint") == 0)
		return optind + 2 < argc ? ctl_usage() :
		    ctl_lint(optind + 2 == argc ? argv[optind + 1] : o.conf);
	if (strcmp(argv[optind], "diff") == 0)
		return diff(&o, argc - optind, argv + optind);
	if (strcmp(argv[optind], "learn") == 0)
		return learn(&o, argc - optind, argv + optind);
	if (strcmp(argv[optind], "schema") == 0)
		return optind + 1 < argc ? ctl_usage() : ctl_schema();
	if (strcmp(argv[optind], "test") == 0)
		return optind + 2 == argc ? test(&o, argv[optind + 1]) :
		    ctl_usage();
	socket = o.socket != NULL ? strdup(o.socket) : conf_socket(o.conf);
	if (socket == NULL)
		return EXIT_UNREACHABLE;
	code = run(&o, socket, argc - optind, argv + optind);
	free(socket);
	return code;
}
