/*
 * Minted roles: their names, the marks that a sweep goes by, and the SQL that
 * makes them, with names that try to end their quotes.
 */
#include "rolesql.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define INSTANCE	"abcdefgh23"
#define SESSION		"00112233445566778899aabbccddeeff"
#define ROLE		"pst_" INSTANCE "_" SESSION

static struct buf	b;

static void
setup(void)
{
	buf_init(&b, 65536);
}

static void
teardown(void)
{
	buf_clear(&b);
}

START_TEST(quotes)
{
	ck_assert_int_eq(sql_ident(&b, "a\"; DROP ROLE x; --"), 0);
	ck_assert_int_eq(sql_literal(&b, "'; --"), 0);
	ck_assert_int_eq(sql_literal(&b, "\\'; --\\"), 0);
	ck_assert_int_eq(sql_ident(&b, "\\"), 0);
	ck_assert_int_eq(sql_literal(&b, ""), 0);
	ck_assert_str_eq(sql_text(&b), "\"a\"\"; DROP ROLE x; --\"'''; --'"
	    " E'\\\\''; --\\\\'\"\\\"''");
}
END_TEST

START_TEST(names)
{
	char	 role[LEN_NAME + 1];

	ck_assert_int_eq(role_name(INSTANCE, SESSION, role), 0);
	ck_assert_str_eq(role, ROLE);
	ck_assert_uint_le(strlen(ROLE), LEN_NAME);
	ck_assert_int_eq(role_name("ABCDEFGH23", SESSION, role), -1);
	ck_assert_int_eq(role_name("abc", SESSION, role), -1);
	ck_assert_int_eq(role_name("", SESSION, role), -1);
	ck_assert_int_eq(role_name(INSTANCE, "00", role), -1);
	ck_assert_int_eq(role_name(INSTANCE,
	    "00112233445566778899AABBCCDDEEFF", role), -1);
	ck_assert_str_eq(role_session(INSTANCE, ROLE), SESSION);
	ck_assert_ptr_null(role_session("abcdefgh24", ROLE));
	ck_assert_ptr_null(role_session(INSTANCE, ROLE "0"));
	ck_assert_ptr_null(role_session(INSTANCE, "pst_" INSTANCE));
	ck_assert_ptr_null(role_session(INSTANCE, "postgres"));
	ck_assert_ptr_null(role_session(INSTANCE, ""));
	/* Nobody's name begins so. */
	ck_assert_ptr_null(role_session("", "pst__" SESSION));
}
END_TEST

START_TEST(marks)
{
	char	 c[ROLE_COMMENT], owner[LEN_NAME + 1];

	ck_assert_int_eq(role_comment(INSTANCE, SESSION,
	    "2026-01-02 03:04:05+00", "an owner=x", c), 0);
	ck_assert(role_comment_ours(c, INSTANCE, ROLE, owner));
	ck_assert_str_eq(owner, "an owner=x");
	ck_assert_int_eq(role_comment(INSTANCE, SESSION, NULL, NULL, c), 0);
	ck_assert(role_comment_ours(c, INSTANCE, ROLE, owner));
	ck_assert_str_eq(owner, "");
	/* Of another instance, session, or none of ours. */
	ck_assert(!role_comment_ours(c, "abcdefgh24", ROLE, owner));
	ck_assert(!role_comment_ours(c, INSTANCE, "pst_" INSTANCE
	    "_ff112233445566778899aabbccddeeff", owner));
	ck_assert(!role_comment_ours("", INSTANCE, ROLE, owner));
	ck_assert(!role_comment_ours("postern", INSTANCE, ROLE, owner));
	ck_assert(!role_comment_ours(c, INSTANCE, "postgres", owner));
	c[strlen(c) - strlen("owner=")] = '\0';
	ck_assert(!role_comment_ours(c, INSTANCE, ROLE, owner));
}
END_TEST

static char	*privs[] = { "insert", "update" };
static char	*columns[] = { "id", "a\"b" };
static char	*members[] = { "app_reader", "x\", \"postgres" };

START_TEST(mint)
{
	struct role_grant	 g[2] = { { .kind = GRANT_TABLE } };
	struct role_spec	 spec = { .grants = g, .ngrants = 2 };
	struct setting		 set[] = {
		{ (char []){ "search_path" },
		    (char []){ "\"$user\", Public , pg_temp" } },
		{ (char []){ "work_mem" }, (char []){ "64MB'; --" } },
		{ (char []){ "my.tenant" }, (char []){ "7" } },
	};
	struct role_mint	 m = {
		.role = ROLE, .broker = "bro\"ker", .verifier = "SCRAM$'",
		.until = "2026-01-02 03:04:05+00", .comment = "it's",
		.spec = &spec, .settings = set, .nsettings = 3
	};

	spec.member_of.v = members;
	spec.member_of.n = 2;
	g[0].privileges.v = privs;
	g[0].privileges.n = 2;
	g[0].columns.v = columns;
	g[0].columns.n = 2;
	g[0].names[0] = (char []){ "pub\"lic" };
	g[0].names[1] = (char []){ "orders" };
	g[1].kind = GRANT_SCHEMA;
	g[1].privileges.v = (char *[]){ (char []){ "usage" } };
	g[1].privileges.n = 1;
	g[1].names[0] = (char []){ "work" };
	ck_assert_int_eq(role_sql_mint(&m, &b), 0);
	ck_assert_str_eq(sql_text(&b),
	    "CREATE ROLE \"" ROLE "\" LOGIN PASSWORD 'SCRAM$''' CONNECTION "
	    "LIMIT 1 VALID UNTIL '2026-01-02 03:04:05+00' IN ROLE "
	    "\"app_reader\", \"x\"\", \"\"postgres\" ROLE \"bro\"\"ker\";\n"
	    "GRANT insert (\"id\", \"a\"\"b\"), update (\"id\", \"a\"\"b\") "
	    "ON TABLE \"pub\"\"lic\".\"orders\" TO \"" ROLE "\";\n"
	    "GRANT usage ON SCHEMA \"work\" TO \"" ROLE "\";\n"
	    "ALTER ROLE \"" ROLE "\" SET \"search_path\" TO '$user', "
	    "'public', 'pg_temp';\n"
	    "ALTER ROLE \"" ROLE "\" SET \"work_mem\" TO '64MB''; --';\n"
	    "COMMENT ON ROLE \"" ROLE "\" IS 'it''s';\n");
}
END_TEST

/* A list of names that the server would not take fails here. */
START_TEST(lists)
{
	static const struct {
		const char	*value, *sql;
	} t[] = {
		{ "", "''" },
		{ "  ", "''" },
		{ "a", "'a'" },
		{ " a ,b", "'a', 'b'" },
		{ "\"a, b\", c", "'a, b', 'c'" },
		{ "\"a\"\"b\"", "'a\"b'" },
		{ "a'b", "'a''b'" },
		{ "a b", NULL },
		{ "\"a\"b", NULL },
	};
	struct role_spec	 spec = { .ngrants = 0 };
	struct setting		 set = { (char []){ "search_path" }, NULL };
	struct role_mint	 m = {
		.role = "r", .broker = "b", .verifier = "v", .comment = "c",
		.spec = &spec, .settings = &set, .nsettings = 1
	};
	char			*want;
	size_t			 i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		buf_drain(&b, b.len);
		set.value = strdup(t[i].value);
		if (t[i].sql == NULL) {
			ck_assert_int_eq(role_sql_mint(&m, &b), -1);
			free(set.value);
			continue;
		}
		ck_assert_int_eq(role_sql_mint(&m, &b), 0);
		free(set.value);
		ck_assert_int_ne(asprintf(&want, "ALTER ROLE \"r\" SET "
		    "\"search_path\" TO %s;\n", t[i].sql), -1);
		ck_assert_msg(strstr(sql_text(&b), want) != NULL, "%s: %s",
		    want, sql_text(&b));
		free(want);
	}
}
END_TEST

START_TEST(check_query)
{
	struct role_spec	 spec = { .owner = (char []){ "o'x" } };

	spec.member_of.v = members;
	spec.member_of.n = 1;
	ck_assert_int_eq(role_sql_check(&spec, &b), 0);
	ck_assert_ptr_nonnull(strstr(sql_text(&b), "(VALUES ('app_reader', "
	    "'member'), ('o''x', 'owner')) AS w"));
	buf_drain(&b, b.len);
	spec.owner = NULL;
	spec.member_of.n = 0;
	ck_assert_int_eq(role_sql_check(&spec, &b), 0);
	ck_assert_uint_eq(b.len, 0);
}
END_TEST

START_TEST(no_room)
{
	struct role_spec	 spec = { .ngrants = 0 };
	struct role_mint	 m = {
		.role = ROLE, .broker = "b", .verifier = "v", .comment = "c",
		.spec = &spec
	};
	size_t			 max;

	/* Never a text that is cut. */
	for (max = 1; max < 120; max++) {
		buf_clear(&b);
		buf_init(&b, max);
		ck_assert_int_eq(role_sql_mint(&m, &b), -1);
	}
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("rolesql");
	TCase	*tc = tcase_create("rolesql");
	SRunner	*r;
	int	 failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, quotes);
	tcase_add_test(tc, names);
	tcase_add_test(tc, marks);
	tcase_add_test(tc, mint);
	tcase_add_test(tc, lists);
	tcase_add_test(tc, check_query);
	tcase_add_test(tc, no_room);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
