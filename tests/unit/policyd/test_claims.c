/*
 * Claims against profiles: pointers, values, groups, and the choice.
 */
#include "claims.h"

#include "access.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char policy_text[] =
    "version: 1\n"
    "runtime: {socket: /tmp/p.sock, state: /tmp/p, auditd: /tmp/a.sock}\n"
    "issuers:\n"
    "  ci:\n"
    "    issuer: https://ci.example\n"
    "    audience: postern.gw1.example\n"
    "    algorithms: [RS256]\n"
    "    jwks_file: ci.json\n"
    "  corp:\n"
    "    issuer: https://idp.example\n"
    "    audience: postern.gw1.example\n"
    "    algorithms: [RS256]\n"
    "    groups: /realm_access/roles\n"
    "    jwks_file: corp.json\n"
    "databases:\n"
    "  shop: {host: 127.0.0.1, dbname: shop, tls: {mode: disable},"
    " broker: {user: b, password_file: b.pw}}\n"
    "  books: {host: 127.0.0.1, dbname: books, tls: {mode: disable},"
    " broker: {user: b, password_file: b.pw}}\n"
    "profiles:\n"
    "  bot:\n"
    "    databases: [shop]\n"
    "    match:\n"
    "      - {issuer: ci, claims: {/repository: acme/shop,"
    " /ref: 'refs/heads/*'}}\n"
    "      - {issuer: corp, groups: [ai-agents]}\n"
    "    backend_role: {user: bot, password_file: bot.pw}\n"
    "    rules: [{name: all, when: {}, then: allow}]\n"
    "  day:\n"
    "    databases: [shop]\n"
    "    match: [{issuer: corp, groups: [day]}]\n"
    "    hours: [{days: mon-fri, from: '08:00', to: '18:00'}]\n"
    "    networks: [10.0.0.0/8, local]\n"
    "    backend_role: {user: named, password_file: n.pw}\n"
    "    rules: [{name: all, when: {}, then: allow}]\n"
    "  night:\n"
    "    databases: [shop]\n"
    "    match: [{issuer: corp, groups: [day]}]\n"
    "    hours: [{from: '22:00', to: '06:00'}]\n"
    "    backend_role: {user: named, password_file: n.pw}\n"
    "    rules: [{name: all, when: {}, then: allow}]\n"
    "  named:\n"
    "    databases: [books]\n"
    "    match: [{issuer: corp, subject: 'svc-*'}]\n"
    "    backend_role: {user: named, password_file: n.pw}\n"
    "    rules: [{name: all, when: {}, then: allow}]\n";

static struct policy	*policy;
static struct claims_why why;
static const char	*from = "10.1.2.3";
static time_t		 now = 1700000000;	/* Tuesday, 22:13:20 UTC */

static void
setup(void)
{
	struct conf_error	err;

	policy = policy_parse("/tmp/policy.yaml", policy_text,
	    sizeof(policy_text) - 1, &err);
	ck_assert_msg(policy != NULL, "%s", err.text);
}

static void
teardown(void)
{
	policy_free(&policy);
}

static json_t *
js(const char *text)
{
	json_t	*v = json_loads(text, JSON_DECODE_ANY, NULL);

	ck_assert_ptr_nonnull(v);
	return v;
}

/* The examples of RFC 6901, section 5. */
START_TEST(test_pointer)
{
	json_t	*v = js("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,"
	    "\"c%d\":2,\"m~n\":8,\"k\\\"l\":6,\" \":7}");

	ck_assert_ptr_eq(claims_pointer(v, ""), v);
	ck_assert_str_eq(json_string_value(claims_pointer(v, "/foo/0")),
	    "bar");
	ck_assert_int_eq(json_integer_value(claims_pointer(v, "/")), 0);
	ck_assert_ptr_nonnull(claims_pointer(v, "/"));
	ck_assert_int_eq(json_integer_value(claims_pointer(v, "/a~1b")), 1);
	ck_assert_int_eq(json_integer_value(claims_pointer(v, "/c%d")), 2);
	ck_assert_int_eq(json_integer_value(claims_pointer(v, "/m~0n")), 8);
	ck_assert_int_eq(json_integer_value(claims_pointer(v, "/ ")), 7);
	ck_assert_ptr_null(claims_pointer(v, "/foo/2"));
	ck_assert_ptr_null(claims_pointer(v, "/foo/01"));
	ck_assert_ptr_null(claims_pointer(v, "/foo/-"));
	ck_assert_ptr_null(claims_pointer(v, "/foo/99999999999999999999"));
	ck_assert_ptr_null(claims_pointer(v, "/foo/0/x"));
	ck_assert_ptr_null(claims_pointer(v, "foo"));
	ck_assert_ptr_null(claims_pointer(v, "/m~n"));
	ck_assert_ptr_null(claims_pointer(v, "/m~"));
	json_decref(v);
}
END_TEST

static bool
fits(const char *text, const char *glob)
{
	char			 copy[64], *one = copy;
	struct conf_strings	 set = { &one, 1 };
	json_t			*v = js(text);
	bool			 yes;

	snprintf(copy, sizeof(copy), "%s", glob);
	yes = claims_value_fits(v, &set);
	json_decref(v);
	return yes;
}

START_TEST(test_values)
{
	ck_assert(fits("\"acme/shop\"", "acme/shop"));
	ck_assert(fits("\"acme/shop\"", "acme/*"));
	ck_assert(!fits("\"acme/shop2\"", "acme/shop"));
	ck_assert(!fits("\"xacme/shop\"", "acme/shop"));
	ck_assert(!fits("\"Acme/shop\"", "acme/shop"));
	ck_assert(fits("\"read write\"", "write"));
	ck_assert(fits("\"read write\"", "read write"));
	ck_assert(fits("\"  write \"", "write"));
	ck_assert(!fits("\"read writer\"", "write"));
	ck_assert(fits("[\"a\",\"b\"]", "b"));
	/* One member of a list is one value. */
	ck_assert(!fits("[\"a b\"]", "b"));
	ck_assert(!fits("[[\"b\"]]", "b"));
	ck_assert(!fits("{\"b\":1}", "b"));
	ck_assert(fits("true", "true"));
	ck_assert(fits("42", "42"));
	ck_assert(!fits("null", "*"));
	ck_assert(!fits("4.5", "*"));
	ck_assert(!fits("\"\"", "?*"));
}
END_TEST

static const char *
choose(const char *issuer, const char *subject, const char *claims,
    const char *user, const char *database)
{
	json_t			*v = js(claims);
	struct identity		 id = { issuer, subject, v, from, now };
	const struct profile	*profile;

	profile = claims_choose(policy, user, database, &id, &why);
	json_decref(v);
	ck_assert((profile == NULL) == (why.reason != NULL));
	return profile == NULL ? NULL : profile->key;
}

#define CI	"{\"repository\":\"acme/shop\",\"ref\":\"refs/heads/main\"}"
#define AGENT	"{\"realm_access\":{\"roles\":[\"x\",\"ai-agents\"]}}"

START_TEST(test_choose)
{
	ck_assert_str_eq(choose("ci", "s", CI, "bot", "shop"), "bot");
	ck_assert_str_eq(choose("ci", "s", CI, "auto", "shop"), "bot");
	ck_assert_str_eq(choose("corp", "s", AGENT, "bot", "shop"), "bot");
	ck_assert_str_eq(choose("corp", "svc-1", "{}", "named", "books"),
	    "named");
	ck_assert_str_eq(choose("corp", "svc-1", "{}", "auto", "books"),
	    "named");
	/* Every condition of one match, not some of each. */
	ck_assert_ptr_null(choose("corp", "s", CI, "bot", "shop"));
	ck_assert_ptr_null(choose("ci", "s", AGENT, "bot", "shop"));
	ck_assert_ptr_null(choose("ci", "s",
	    "{\"repository\":\"acme/shop\"}", "bot", "shop"));
	ck_assert_ptr_null(choose("ci", "s", "{\"repository\":\"acme/shop\","
	    "\"ref\":\"refs/tags/1\"}", "bot", "shop"));
	ck_assert_ptr_null(choose("corp", "xsvc-1", "{}", "named", "books"));
	/* Names. */
	ck_assert_ptr_null(choose("ci", "s", CI, "bot", "books"));
	ck_assert_ptr_null(choose("ci", "s", CI, "bot", "nowhere"));
	ck_assert_ptr_null(choose("ci", "s", CI, "nobody", "shop"));
	ck_assert_ptr_null(choose("ci", "s", CI, "", "shop"));
	ck_assert_ptr_null(choose("other", "s", CI, "bot", "shop"));
	ck_assert_ptr_null(choose("corp", "s", AGENT, "auto", "books"));
}
END_TEST

START_TEST(test_groups)
{
	/* Exactly, not as a pattern and not in part. */
	ck_assert_ptr_null(choose("corp", "s",
	    "{\"realm_access\":{\"roles\":[\"ai-agents2\"]}}", "bot",
	    "shop"));
	ck_assert_ptr_null(choose("corp", "s",
	    "{\"realm_access\":{\"roles\":[\"*\"]}}", "bot", "shop"));
	ck_assert_str_eq(choose("corp", "s",
	    "{\"realm_access\":{\"roles\":\"ai-agents\"}}", "bot", "shop"),
	    "bot");
	/* In another place they are not groups. */
	ck_assert_ptr_null(choose("corp", "s",
	    "{\"groups\":[\"ai-agents\"]}", "bot", "shop"));
	ck_assert_ptr_null(choose("corp", "s",
	    "{\"realm_access\":{\"roles\":{\"ai-agents\":1}}}", "bot",
	    "shop"));
}
END_TEST

#define DAY	"{\"realm_access\":{\"roles\":[\"day\"]}}"

/* When and whence; and what is told to whom. */
START_TEST(test_limits)
{
	ck_assert_ptr_null(choose("corp", "s", DAY, "day", "shop"));
	ck_assert_str_eq(why.reason, "outside the hours of the profile");
	ck_assert_str_eq(why.hint, "Its hours are mon-fri 08:00-18:00 UTC.");
	/* The first that fits, and may be used now. */
	ck_assert_str_eq(choose("corp", "s", DAY, "auto", "shop"), "night");
	now -= 10 * 3600;
	ck_assert_str_eq(choose("corp", "s", DAY, "day", "shop"), "day");
	ck_assert_str_eq(choose("corp", "s", DAY, "auto", "shop"), "day");
	from = "192.0.2.1";
	ck_assert_ptr_null(choose("corp", "s", DAY, "day", "shop"));
	ck_assert_str_eq(why.message,
	    "this access profile may not be used from your address");
	ck_assert_str_eq(why.hint, "The gateway sees you at 192.0.2.1.");
	/* None may be used: what keeps the first is told. */
	ck_assert_ptr_null(choose("corp", "s", DAY, "auto", "shop"));
	ck_assert_ptr_nonnull(strstr(why.reason, "address"));
	/* Somebody else's profile: not its hours, nor that it is there. */
	ck_assert_ptr_null(choose("corp", "s", AGENT, "day", "shop"));
	ck_assert_str_eq(why.hint, "");
	ck_assert_str_eq(why.message, "your token opens no access profile of "
	    "this name for this database");
	ck_assert_ptr_null(choose("corp", "s", AGENT, "nobody", "shop"));
	ck_assert_str_eq(why.message, "your token opens no access profile of "
	    "this name for this database");
	from = "10.1.2.3";
	now += 10 * 3600;
}
END_TEST

/* The same decisions in words, each profile of the database a row. */
START_TEST(test_access)
{
	char	 message[256] = "", *text;
	json_t	*args, *rows;

	args = js("{\"database\":\"shop\",\"address\":\"10.0.0.1\",\"claims\":"
	    "{\"iss\":\"https://idp.example\",\"sub\":\"s\",\"realm_access\":"
	    "{\"roles\":[\"day\"]}}}");
	rows = access_explain(policy, args, now, message, sizeof(message));
	ck_assert_msg(rows != NULL, "%s", message);
	text = json_dumps(rows, JSON_COMPACT);
	ck_assert_str_eq(text, "[{\"profile\":\"bot\",\"opens\":false,\"why\":"
	    "\"none of its matches fits\",\"matches\":[\"it is for issuer ci\","
	    "\"the subject is in none of its groups\"]},{\"profile\":\"day\","
	    "\"opens\":false,\"why\":\"outside the hours of the profile\","
	    "\"hint\":\"Its hours are mon-fri 08:00-18:00 UTC.\"},"
	    "{\"profile\":\"night\",\"opens\":true}]");
	free(text);
	json_decref(rows);
	json_decref(args);

	args = js("{\"database\":\"shop\",\"issuer\":\"ci\",\"claims\":"
	    "{\"sub\":\"s\",\"repository\":\"acme/shop\",\"ref\":\"x\"}}");
	rows = access_explain(policy, args, now, message, sizeof(message));
	ck_assert_ptr_nonnull(rows);
	ck_assert_str_eq(json_string_value(claims_pointer(rows,
	    "/0/matches/0")), "claim /ref is missing or fits none of its "
	    "globs");
	json_decref(rows);
	json_object_del(args, "issuer");
	ck_assert_ptr_null(access_explain(policy, args, now, message,
	    sizeof(message)));
	ck_assert_str_eq(message, "the policy has no such issuer");
	json_decref(args);
	args = js("{\"database\":\"nowhere\",\"claims\":{}}");
	ck_assert_ptr_null(access_explain(policy, args, now, message,
	    sizeof(message)));
	json_decref(args);
	args = js("{\"database\":\"shop\",\"claims\":[]}");
	ck_assert_ptr_null(access_explain(policy, args, now, message,
	    sizeof(message)));
	json_decref(args);
}
END_TEST

START_TEST(test_groups_cut)
{
	json_t	*v;

	v = js("{\"hasgroups\":true}");
	ck_assert(claims_groups_cut(v));
	json_decref(v);
	v = js("{\"_claim_names\":{\"groups\":\"src1\"}}");
	ck_assert(claims_groups_cut(v));
	json_decref(v);
	v = js("{\"groups\":[\"a\"],\"_claim_names\":{\"x\":\"src1\"}}");
	ck_assert(!claims_groups_cut(v));
	json_decref(v);
	/* And then absent groups are no groups. */
	ck_assert_ptr_null(choose("corp", "s", "{\"hasgroups\":true}", "bot",
	    "shop"));
	ck_assert_ptr_null(choose("corp", "s",
	    "{\"_claim_names\":{\"groups\":\"src1\"}}", "auto", "shop"));
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("claims");
	TCase	*t = tcase_create("claims");
	SRunner	*r;
	int	 failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_pointer);
	tcase_add_test(t, test_values);
	tcase_add_test(t, test_choose);
	tcase_add_test(t, test_groups);
	tcase_add_test(t, test_groups_cut);
	tcase_add_test(t, test_limits);
	tcase_add_test(t, test_access);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
