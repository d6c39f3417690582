/*
 * policy.yaml: what a policy holds after parsing; what -nv prints, which reads
 * back as the same; the example that is installed, and that it is the one in
 * the manual; and every file of tests/conf/policy-bad, refused with exactly
 * the sentence that its first line gives.
 *
 * Run from the top of the tree, or with POSTERN_SRC naming it.
 */
#include "policy.h"
#include "rulelint.h"

#include <check.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* A change of this number is a file added or lost. */
#define BAD_LEAST	200

static struct conf_error	err;

static char *
tree_path(const char *rel)
{
	const char	*top = getenv("POSTERN_SRC");
	char		*path;

	ck_assert_int_ne(asprintf(&path, "%s/%s", top == NULL ? "." : top,
	    rel), -1);
	return path;
}

/* The whole of a file of the tree. */
static char *
slurp(const char *rel, size_t *len)
{
	char	*path = tree_path(rel), *text = NULL;
	size_t	 cap = 0;
	ssize_t	 n;
	FILE	*fp;

	fp = fopen(path, "r");
	ck_assert_msg(fp != NULL, "%s", path);
	n = getdelim(&text, &cap, EOF, fp);
	ck_assert_msg(n > 0, "%s", path);
	*len = (size_t)n;
	fclose(fp);
	free(path);
	return text;
}

static char *
print(const struct policy *p)
{
	char	*text;
	size_t	 n;
	FILE	*fp = open_memstream(&text, &n);

	ck_assert_ptr_nonnull(fp);
	policy_print(p, fp);
	fclose(fp);
	return text;
}

static struct policy *
parse_file(const char *rel)
{
	struct policy	*p;
	size_t		 len;
	char		*text = slurp(rel, &len);

	p = policy_parse("/etc/postern/policy.yaml", text, len, &err);
	ck_assert_msg(p != NULL, "%s: %s", rel, err.text);
	free(text);
	return p;
}

/* Parse, print, parse what was printed, print: the same. */
static char *
print_twice(const char *rel)
{
	struct policy	*p = parse_file(rel);
	char		*one = print(p), *two;

	policy_free(&p);
	ck_assert_ptr_null(p);
	p = policy_parse("/elsewhere/policy.yaml", one, strlen(one), &err);
	ck_assert_msg(p != NULL, "%s: %s\n%s", rel, err.text, one);
	two = print(p);
	policy_free(&p);
	ck_assert_str_eq(one, two);
	free(two);
	return one;
}

START_TEST(test_golden)
{
	static const char *const files[] = { "minimal", "everything",
	    "example" };
	char	 in[128], out[128], *got, *expected;
	size_t	 i, len;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(in, sizeof(in), "tests/conf/policy/%s.yaml",
		    files[i]);
		snprintf(out, sizeof(out), "tests/conf/policy/%s.out",
		    files[i]);
		/* The last is the one that is installed. */
		got = print_twice(i == 2 ? "etc/policy.yaml" : in);
		if (getenv("POSTERN_GOLDEN") != NULL) {
			FILE *fp = fopen(out, "w");

			ck_assert_ptr_nonnull(fp);
			fputs(got, fp);
			fclose(fp);
		}
		expected = slurp(out, &len);
		ck_assert_str_eq(got, expected);
		free(expected);
		free(got);
	}
}
END_TEST

START_TEST(test_example)
{
	const struct mask_rule	*m;
	const struct profile	*pr;
	const struct issuer	*is;
	const struct database	*db;
	struct policy		*p = parse_file("etc/policy.yaml");

	ck_assert_str_eq(p->runtime.socket, "/run/postern/policyd.sock");
	ck_assert_str_eq(p->runtime.user_keeper, "_policyd_keeper");
	ck_assert_str_eq(p->runtime.user_notifier, "_policyd_notifier");
	ck_assert_uint_eq(p->nissuers, 2);
	is = policy_issuer(p, "github");
	ck_assert_uint_eq(is->algorithms.n, 1);
	ck_assert_str_eq(is->algorithms.v[0], "RS256");
	ck_assert_uint_eq(is->max_lifetime, 900000);
	ck_assert_uint_eq(is->leeway, 30000);
	ck_assert_str_eq(is->groups, "/groups");
	ck_assert_ptr_null(is->jwks_file);
	ck_assert_ptr_null(policy_issuer(p, "other"));
	db = policy_database(p, "shop");
	ck_assert_uint_eq(db->port, 5432);
	ck_assert_str_eq(db->dbname, "shop_production");
	ck_assert_int_eq(db->tls, DB_TLS_VERIFY_FULL);
	ck_assert_str_eq(db->ca_file, "/etc/postern/db-ca.pem");
	ck_assert_str_eq(db->broker_password_file,
	    "/etc/postern/secrets/broker");
	db = policy_database(p, "scratch");
	ck_assert_int_eq(db->tls, DB_TLS_DISABLE);
	ck_assert_str_eq(db->dbname, "scratch");
	ck_assert_ptr_null(db->broker_password_file);
	ck_assert_uint_eq(p->masks[0].nrules, 5);
	m = p->masks[0].rules;
	ck_assert_int_eq(m[0].kind, MASK_PARTIAL);
	ck_assert(m[0].keep_domain);
	ck_assert_int_eq(m[1].kind, MASK_REDACT);
	ck_assert_uint_eq(m[2].last, 2);
	ck_assert_str_eq(m[3].tags.v[0], "pii:*");
	ck_assert_int_eq(m[4].kind, MASK_NULL);
	pr = policy_profile(p, "nightly-bot");
	ck_assert_uint_eq(pr->nmatches, 2);
	ck_assert_str_eq(pr->matches[0].claims[1].pointer, "/ref");
	ck_assert(pr->mints);
	ck_assert_ptr_null(pr->role_user);
	ck_assert_str_eq(pr->role.member_of.v[0], "app_reader");
	ck_assert_int_eq(pr->role.grants[0].kind, GRANT_TABLE);
	ck_assert_str_eq(pr->role.grants[0].names[1], "orders");
	ck_assert_uint_eq(pr->ttl, 1800000);
	ck_assert_uint_eq(pr->concurrent, 3);
	ck_assert_str_eq(pr->settings[1].value, "public, pg_temp");
	ck_assert_ptr_eq(pr->masks[0], &p->masks[0]);
	ck_assert(!pr->predicates_masked);
	ck_assert_uint_eq(pr->nrules, 4);
	ck_assert_int_eq(pr->rules[0].action, RULE_DENY);
	ck_assert_int_eq(pr->rules[1].action, RULE_HOLD);
	ck_assert_int_eq(pr->rules[2].action, RULE_ALLOW);
	ck_assert_str_eq(pr->rules[3].when.writes.v[0], "public.orders");
	ck_assert_int_gt(pr->rules[2].line, pr->rules[1].line);
	ck_assert(profile_has_database(pr, "shop"));
	ck_assert(!profile_has_database(pr, "scratch"));
	pr = policy_profile(p, "dba");
	ck_assert(profile_has_database(pr, "scratch"));
	ck_assert_uint_eq(pr->idle, 0);
	ck_assert_ptr_null(policy_profile(p, "auto"));
	policy_free(&p);
	policy_free(&p);
}
END_TEST

/* The manual's example is the file that is installed. */
START_TEST(test_manual)
{
	static const char	 begin[] = ".\\\" begin policy.yaml\n",
				 end[] = ".\\\" end policy.yaml\n";
	size_t			 mlen, flen, i, k;
	char			*man = slurp("man/policy.yaml.5", &mlen);
	char			*file = slurp("etc/policy.yaml", &flen);
	char			*from, *to, *text;

	from = strstr(man, begin);
	ck_assert_ptr_nonnull(from);
	from += sizeof(begin) - 1;
	to = strstr(from, end);
	ck_assert_ptr_nonnull(to);
	/* What roff wants escaped: "\e" is a backslash, "\&" nothing. */
	text = malloc((size_t)(to - from) + 1);
	for (i = k = 0; from + i < to; i++) {
		if (from[i] == '\\' && from[i + 1] == '&') {
			i++;
			continue;
		}
		text[k++] = from[i];
		if (from[i] == '\\')
			i++;
	}
	text[k] = '\0';
	ck_assert_str_eq(text, file);
	free(text);
	free(file);
	free(man);
}
END_TEST

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t
list_bad(char *names[], size_t max)
{
	char		*path = tree_path("tests/conf/policy-bad");
	struct dirent	*e;
	size_t		 n = 0, len;
	DIR		*d;

	ck_assert_ptr_nonnull(d = opendir(path));
	while ((e = readdir(d)) != NULL && n < max) {
		len = strlen(e->d_name);
		if (len > 5 && strcmp(e->d_name + len - 5, ".yaml") == 0)
			names[n++] = strdup(e->d_name);
	}
	closedir(d);
	free(path);
	qsort(names, n, sizeof(names[0]), compare_names);
	return n;
}

/* Each file begins with "# line:col: sentence". */
START_TEST(test_bad)
{
	struct policy	*p;
	char		*names[500], rel[300], expected[1024], *text;
	size_t		 i, n, len;
	int		 wrong = 0;

	n = list_bad(names, 500);
	for (i = 0; i < n; i++) {
		snprintf(rel, sizeof(rel), "tests/conf/policy-bad/%s",
		    names[i]);
		text = slurp(rel, &len);
		snprintf(expected, sizeof(expected), "%s:%.*s", names[i],
		    (int)strcspn(text + 2, "\n"), text + 2);
		err.text[0] = '\0';
		p = policy_parse(names[i], text, len, &err);
		if (p != NULL || strcmp(err.text, expected) != 0) {
			fprintf(stderr, "%s\n\twanted %s\n\tgot    %s\n", rel,
			    expected, p != NULL ? "no error" : err.text);
			wrong++;
		}
		policy_free(&p);
		free(text);
		free(names[i]);
	}
	ck_assert_int_eq(wrong, 0);
	ck_assert_uint_ge(n, BAD_LEAST);
}
END_TEST

/* Cut anywhere, a policy is refused or parses; nothing is read past its end,
 * nothing leaks. */
START_TEST(test_cut)
{
	struct policy	*p;
	size_t		 len, i;
	char		*text = slurp("tests/conf/policy/everything.yaml",
			    &len), *copy;

	for (i = 0; i < len; i++) {
		copy = malloc(i + 1);
		memcpy(copy, text, i);
		err.text[0] = '\0';
		p = policy_parse("x", copy, i, &err);
		ck_assert(p != NULL || err.text[0] != '\0');
		policy_free(&p);
		free(copy);
	}
	free(text);
}
END_TEST

/* Every rule of a name that begins with "never", and no other. */
START_TEST(test_lint)
{
	struct policy	*p = parse_file("tests/conf/rules/shadows.yaml");
	const char	*line;
	char		*got, *want, *all = NULL;
	size_t		 i, k, n = 0, len;
	FILE		*fp = open_memstream(&all, &len);

	ck_assert_ptr_nonnull(fp);
	for (i = 0; i < p->nprofiles; i++)
		for (k = 0; k < p->profiles[i].nrules; k++)
			n += strncmp(p->profiles[i].rules[k].name, "never",
			    5) == 0;
	ck_assert_uint_eq(rulelint("f", p, fp), n);
	fclose(fp);
	for (line = all; *line != '\0'; line = strchr(line, '\n') + 1)
		ck_assert_msg(strstr(line, ": rule \"never") != NULL &&
		    strstr(line, ": rule \"never") < strchr(line, '\n'),
		    "%s", all);
	got = strstr(all, "never-drop");
	ck_assert_ptr_nonnull(got);
	want = strstr(got, "\"structure\" at line 12 has decided");
	ck_assert_msg(want != NULL && want < strchr(got, '\n'), "%s", all);
	ck_assert_int_eq(strncmp(all, "f:17:7: ", 8), 0);
	free(all);
	policy_free(&p);
	/* What is shipped and what is tested has none. */
	p = parse_file("etc/policy.yaml");
	ck_assert_uint_eq(rulelint("f", p, stderr), 0);
	policy_free(&p);
	p = parse_file("tests/conf/rules/policy.yaml");
	ck_assert_uint_eq(rulelint("f", p, stderr), 0);
	policy_free(&p);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("policy");
	TCase	*tc = tcase_create("policy");
	SRunner	*sr;
	int	 failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_golden);
	tcase_add_test(tc, test_example);
	tcase_add_test(tc, test_manual);
	tcase_add_test(tc, test_bad);
	tcase_add_test(tc, test_cut);
	tcase_add_test(tc, test_lint);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_fork_status(sr, CK_NOFORK);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
