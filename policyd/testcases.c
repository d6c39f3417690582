/*
 * policyctl test.
 *
 * Runs in policyctl, on an administrator's files.  A file that cannot be read
 * or understood ends it with file:line:column; a verdict that is not the
 * expected one is a failed test.
 */
#include "testcases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "buf.h"
#include "claims.h"
#include "ctl.h"
#include "described.h"
#include "hours.h"
#include "judge.h"
#include "policy_impl.h"
#include "policyfile.h"
#include "rules.h"
#include "testreport.h"

/* What is wanted; NULL: it does not matter. */
struct expect {
	char	*expect, *rule, *kind, *rewritten, *observed, *tags, *message;
};

struct tcase {
	char			*name;
	char			*profile, *database, *issuer, *subject;
	char			*application, *client, *time;
	time_t			 now;	/* 0: not known */
	int			 in_transaction;	/* enum tri */
	char			*rows, *cost;	/* the estimate; NULL: none */
	struct conf_strings	 sql;
	struct expect		 want;
};

struct run {
	const struct testcases_opts *opts;
	struct conf		*c;
	struct policy		*policy;
	struct report		*report;
	struct conf_error	 err;
	struct described	*databases;
	struct verdict		 verdict;
	json_t			*answer;	/* of a running policyd */
};

struct top {
	uint64_t	 version;
	char		*policy;
};

static const char *const tri[] = { "any", "false", "true", NULL };

#define TOP(m)	offsetof(struct top, m)
static const struct conf_key top_keys[] = {
	{ .name = "version", .type = CONF_INT, .offset = TOP(version),
	  .min = 1, .max = 1 },
	{ .name = "policy", .type = CONF_PATH, .offset = TOP(policy),
	  .dflt = "" },
	{ .name = "databases", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later },
	{ .name = "cases", .type = CONF_CUSTOM, .parse = policy_later }
};

#define CASE(m)	offsetof(struct tcase, m)
static const struct conf_key case_keys[] = {
	{ .name = "name", .type = CONF_STRING, .offset = CASE(name),
	  .dflt = "" },
	{ .name = "profile", .type = CONF_STRING, .offset = CASE(profile),
	  .dflt = "auto" },
	{ .name = "database", .type = CONF_STRING, .offset = CASE(database) },
	{ .name = "claims", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later },
	{ .name = "issuer", .type = CONF_STRING, .offset = CASE(issuer),
	  .dflt = "" },
	{ .name = "subject", .type = CONF_STRING, .offset = CASE(subject),
	  .dflt = "" },
	{ .name = "application", .type = CONF_STRING,
	  .offset = CASE(application), .dflt = "" },
	{ .name = "client", .type = CONF_STRING, .offset = CASE(client),
	  .dflt = "" },
	{ .name = "time", .type = CONF_STRING, .offset = CASE(time),
	  .dflt = "" },
	{ .name = "in_transaction", .type = CONF_ENUM,
	  .offset = CASE(in_transaction), .dflt = "", .choices = tri },
	{ .name = "rows", .type = CONF_STRING, .offset = CASE(rows),
	  .dflt = "" },
	{ .name = "cost", .type = CONF_STRING, .offset = CASE(cost),
	  .dflt = "" },
	{ .name = "sql", .type = CONF_STRINGS, .offset = CASE(sql) },
	{ .name = "expect", .type = CONF_STRING, .offset = CASE(want.expect) },
	{ .name = "rule", .type = CONF_STRING, .offset = CASE(want.rule),
	  .dflt = "" },
	{ .name = "kind", .type = CONF_STRING, .offset = CASE(want.kind),
	  .dflt = "" },
	{ .name = "rewritten", .type = CONF_STRING,
	  .offset = CASE(want.rewritten), .dflt = "" },
	{ .name = "message", .type = CONF_STRING,
	  .offset = CASE(want.message), .dflt = "" },
	{ .name = "observed", .type = CONF_STRING,
	  .offset = CASE(want.observed), .dflt = "" },
	{ .name = "tags", .type = CONF_STRING, .offset = CASE(want.tags),
	  .dflt = "" }
};

/* --- claims ---------------------------------------------------------------- */

/* Words that YAML takes for numbers or truth values are that in a token. */
static json_t *
scalar_json(const struct conf_node *n)
{
	char		*end;
	long long	 v;

	if (!n->quoted && strcmp(n->value, "true") == 0)
		return json_true();
	if (!n->quoted && strcmp(n->value, "false") == 0)
		return json_false();
	v = strtoll(n->value, &end, 10);
	if (!n->quoted && end != n->value && *end == '\0')
		return json_integer(v);
	return json_string(n->value);
}

static json_t *
node_json(const struct conf_node *n)
{
	json_t	*o;
	size_t	 i;

	if (n->kind == CONF_SCALAR)
		return scalar_json(n);
	o = n->kind == CONF_MAP ? json_object() : json_array();
	for (i = 0; i < n->n; i++) {
		if (n->kind == CONF_MAP)
			json_object_set_new(o, n->keys[i],
			    node_json(n->items[i]));
		else
			json_array_append_new(o, node_json(n->items[i]));
	}
	return o;
}

/* The profile that such a token gets; NULL with a sentence in err. */
static const struct profile *
choose(struct run *r, const struct conf_node *node, const struct tcase *t,
    const json_t *claims)
{
	/* Wherever the client were, and whenever: a case does not age. */
	struct identity		 id = { .issuer = t->issuer,
				    .subject = t->subject, .claims = claims };
	const struct profile	*p;
	struct claims_why	 why;

	if (claims == NULL) {
		if ((p = policy_profile(r->policy, t->profile)) == NULL)
			conf_fail(r->c, node, &r->err, "there is no profile "
			    "\"%.100s\"", t->profile);
		return p;
	}
	if (t->issuer == NULL) {
		conf_fail(r->c, node, &r->err, "claims need an issuer");
		return NULL;
	}
	if (id.subject == NULL)
		id.subject = "";
	p = claims_choose(r->policy, t->profile, t->database, &id, &why);
	if (p == NULL)
		conf_fail(r->c, node, &r->err, "the claims open no profile: "
		    "%s", why.reason);
	return p;
}

/* --- asking ---------------------------------------------------------------- */

static uint64_t
number(const char *s)
{
	return s == NULL ? 0 : strtoull(s, NULL, 10);
}

static json_t *
ask_here(struct run *r, const struct tcase *t, const struct profile *p,
    const json_t *claims, const char *sql)
{
	struct asker		 who = { claims, t->application, t->client };
	struct judge_ask	 ask;
	struct scene		*sc;
	struct buf		 b;
	json_t			*o = NULL;

	sc = scene_new(p, t->database, described_get(r->databases, t->database));
	if (sc == NULL)
		return NULL;
	memset(&ask, 0, sizeof(ask));
	ask.form = JUDGE_QUERY;
	ask.text = sql;
	ask.len = strlen(sql);
	ask.asker = &who;
	ask.in_transaction = (enum tri)t->in_transaction;
	if (t->rows != NULL || t->cost != NULL) {
		ask.estimate.state = ESTIMATE_KNOWN;
		ask.estimate.rows = number(t->rows);
		ask.estimate.cost = number(t->cost);
	}
	ask.now = t->now;
	ask.detail = true;
	judge_for(sc, &ask, &r->verdict);
	buf_init(&b, LEN_JSON);
	if (verdict_json(&r->verdict, &b) == 0)
		o = json_loadb((const char *)buf_head(&b), b.len, 0, NULL);
	buf_clear(&b);
	verdict_clear(&r->verdict);
	scene_free(&sc);
	return o;
}

static void
on_answer(void *ctx, const char *json)
{
	struct run	*r = ctx;

	json_decref(r->answer);
	r->answer = json_loads(json, 0, NULL);
}

static json_t *
ask_there(struct run *r, const struct tcase *t, const struct profile *p,
    const json_t *claims, const char *sql)
{
	json_t	*args, *o;
	char	*text;
	int	 code = 1;

	args = json_pack("{s:s, s:s, s:s, s:s}", "profile", p->key,
	    "database", t->database, "sql", sql, "in_transaction",
	    tri[t->in_transaction]);
	if (args != NULL && claims != NULL)
		json_object_set(args, "claims", (json_t *)(uintptr_t)claims);
	if (args != NULL && t->application != NULL)
		json_object_set_new(args, "application",
		    json_string(t->application));
	if (args != NULL && t->client != NULL)
		json_object_set_new(args, "address", json_string(t->client));
	if (args != NULL && t->rows != NULL)
		json_object_set_new(args, "rows",
		    json_integer((json_int_t)number(t->rows)));
	if (args != NULL && t->cost != NULL)
		json_object_set_new(args, "cost",
		    json_integer((json_int_t)number(t->cost)));
	if (args != NULL && t->now != 0)
		json_object_set_new(args, "time", json_integer(t->now));
	text = args == NULL ? NULL : json_dumps(args, JSON_COMPACT);
	json_decref(args);
	r->answer = NULL;
	if (text != NULL)
		code = ctl_call(r->opts->socket, ROLE_PARENT, "explain", text,
		    on_answer, r);
	free(text);
	o = r->answer;
	if (code != 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* --- comparing ------------------------------------------------------------- */

static bool
same(struct run *r, const json_t *got, const char *member, const char *want)
{
	const char	*v = json_string_value(json_object_get(got, member));

	if (want == NULL || (v != NULL && strcmp(v, want) == 0))
		return true;
	report_why(r->report, "%s: expected \"%s\", got \"%s\"", member, want,
	    v != NULL ? v : "");
	return false;
}

static void
one(struct run *r, const struct conf_node *node, const struct tcase *t,
    const struct profile *p, const json_t *claims, const char *sql)
{
	json_t	*got;
	bool	 ok;

	report_begin(r->report, t->name != NULL ? t->name : sql, r->c->name,
	    node->line);
	got = r->opts->socket != NULL ? ask_there(r, t, p, claims, sql) :
	    ask_here(r, t, p, claims, sql);
	if (got == NULL || json_object_get(got, "action") == NULL) {
		report_why(r->report, "no verdict: %s", got != NULL &&
		    json_is_string(json_object_get(got, "error")) ?
		    json_string_value(json_object_get(got, "error")) :
		    "it could not be judged");
		ok = false;
	} else {
		ok = same(r, got, "action", t->want.expect);
		ok = same(r, got, "rule", t->want.rule) && ok;
		ok = same(r, got, "kind", t->want.kind) && ok;
		ok = same(r, got, "rewritten", t->want.rewritten) && ok;
		ok = same(r, got, "observed", t->want.observed) && ok;
		ok = same(r, got, "tags", t->want.tags) && ok;
		ok = same(r, got, "message", t->want.message) && ok;
		if (!ok && t->want.message == NULL)
			same(r, got, "message", "");
	}
	json_decref(got);
	report_end(r->report, ok);
}

/* --- the file -------------------------------------------------------------- */

static int
run_case(struct run *r, const struct conf_node *node, size_t i)
{
	const struct conf_node	*cl;
	const struct profile	*p;
	struct tcase		 t;
	json_t			*claims = NULL;
	char			 where[POLICY_WHERE];
	size_t			 k;
	int			 rc = -1;

	memset(&t, 0, sizeof(t));
	policy_where(where, "cases[%zu]", i);
	if (conf_fill(r->c, node, where, case_keys, POLICY_NELEM(case_keys),
	    &t, &r->err) == -1)
		goto out;
	if (t.time != NULL && (t.now = hours_instant(t.time)) == 0) {
		conf_fail(r->c, conf_get(node, "time"), &r->err,
		    "%s.time: expected a time such as "
		    "\"2026-11-24T08:30:00Z\"", where);
		goto out;
	}
	if (strcmp(t.want.expect, "allow") != 0 &&
	    strcmp(t.want.expect, "deny") != 0 &&
	    strcmp(t.want.expect, "mask") != 0) {
		conf_fail(r->c, conf_get(node, "expect"), &r->err,
		    "%s.expect: expected allow, mask or deny", where);
		goto out;
	}
	if ((cl = conf_get(node, "claims")) != NULL) {
		if (cl->kind != CONF_MAP) {
			conf_fail(r->c, cl, &r->err, "%s.claims: expected a "
			    "map", where);
			goto out;
		}
		claims = node_json(cl);
	}
	if ((p = choose(r, node, &t, claims)) == NULL)
		goto out;
	if (!profile_has_database(p, t.database) ||
	    policy_database(r->policy, t.database) == NULL) {
		conf_fail(r->c, conf_get(node, "database"), &r->err,
		    "%s.database: profile \"%s\" does not have it", where,
		    p->key);
		goto out;
	}
	for (k = 0; k < t.sql.n; k++)
		one(r, node, &t, p, claims, t.sql.v[k]);
	rc = 0;
out:
	json_decref(claims);
	conf_release(case_keys, POLICY_NELEM(case_keys), &t);
	return rc;
}

static int
load_policy(struct run *r, const char *named)
{
	const char	*path = named != NULL ? named : r->opts->policy;
	char		*text;
	size_t		 len;

	text = policyfile_read(path, &len, &r->err);
	if (text != NULL)
		r->policy = policy_parse(path, text, len, &r->err);
	free(text);
	return r->policy == NULL ? -1 : 0;
}

static int
run_cases(struct run *r)
{
	const struct conf_node	*list = conf_get(r->c->root, "cases");
	size_t			 i;

	if (list->kind != CONF_LIST || list->n == 0)
		return conf_fail(r->c, list, &r->err,
		    "cases: expected a list of cases");
	for (i = 0; i < list->n; i++)
		if (run_case(r, list->items[i], i) == -1)
			return -1;
	return 0;
}

int
testcases_run(const char *file, const struct testcases_opts *opts)
{
	struct run	*r = calloc(1, sizeof(*r));
	struct top	 top = { 0, NULL };
	int		 rc = -1;

	if (r == NULL || (r->report = report_new(opts->junit)) == NULL) {
		free(r);
		return 1;
	}
	r->opts = opts;
	if ((r->c = conf_load(file, &r->err)) != NULL &&
	    conf_fill(r->c, r->c->root, "", top_keys, POLICY_NELEM(top_keys),
	    &top, &r->err) == 0 && load_policy(r, top.policy) == 0 &&
	    (r->databases = described_new(r->c, r->c->root, &r->err)) != NULL)
		rc = run_cases(r);
	if (rc == -1)
		fprintf(stderr, "policyctl: %s\n", r->err.text);
	if (report_free(&r->report) > 0)
		rc = -1;
	described_free(&r->databases);
	conf_release(top_keys, POLICY_NELEM(top_keys), &top);
	policy_free(&r->policy);
	conf_free(&r->c);
	free(r);
	return rc == 0 ? 0 : 1;
}
