/*
 * The page for approvers: what becomes of text in it, and who is logged in.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "webpage.h"
#include "websession.h"

int	main(void);

static struct buf b;

static void
is(const char *want)
{
	ck_assert_int_eq(buf_add_u8(&b, 0), 0);
	ck_assert_str_eq((const char *)buf_head(&b), want);
	buf_clear(&b);
}

static void
add(const char *s)
{
	ck_assert_int_eq(html_text(&b, s, strlen(s)), 0);
}

START_TEST(text)
{
	buf_init(&b, 4096);
	add("<script>alert(1)</script>");
	is("&lt;script&gt;alert(1)&lt;/script&gt;");
	add("\" onload='x' &amp;");
	is("&quot; onload=&#39;x&#39; &amp;amp;");
	/* What turns the writing, drives something, or is not seen. */
	add("a\xe2\x80\xae" "b\x1b\n\xe2\x80\x8b");
	is("a\\u{202e}b\\x1b\\x0a\\u{200b}");
	/* Not UTF-8; an overlong '<'. */
	add("\xff\xc0\xbc");
	is("\\xff\\xc0\\xbc");
	add("Gr\xc3\xbc\xc3\x9f" "e");
	is("Gr\xc3\xbc\xc3\x9f" "e");
	ck_assert_int_eq(html_pre(&b, "a <\n\tb\r", 7), 0);
	is("a &lt;\n\tb\\x0d");
	/* No room: it says so. */
	buf_init(&b, 8);
	ck_assert_int_eq(html_text(&b, "<<<", 3), -1);
	buf_clear(&b);
}
END_TEST

START_TEST(query)
{
	buf_init(&b, 4096);
	ck_assert_int_eq(html_raw(&b, "https://a/b?"), 0);
	ck_assert_int_eq(html_query(&b, "a b", "c&d=e"), 0);
	ck_assert_int_eq(html_query(&b, "x", "-._~A0\xc3\xbc"), 0);
	is("https://a/b?a%20b=c%26d%3De&x=-._~A0%C3%BC");
	ck_assert_int_eq(html_query(&b, "a", "b"), 0);
	is("a=b");
}
END_TEST

static bool
page_has(const char *s)
{
	return memmem(buf_head(&b), b.len, s, strlen(s)) != NULL;
}

/* Whatever is in a row, the page has no mark-up but its own. */
START_TEST(pages)
{
	struct webpage_user u = { "<u>", "c5" };
	const char *evil = "<img src=x onerror=y>\"'";
	json_t *o, *rows;

	o = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:[s], "
	    "s:[s, n, {s:s}], s:{s:[s], s:s, s:i}, s:[{s:s, s:s}]}",
	    "request", 7, "state", "open", "subject", evil, "profile", evil,
	    "database", evil, "rule", evil, "kind", evil, "text", evil,
	    "application", evil, "actors", evil, "params", evil, "hex", evil,
	    "found", "writes", evil, "rewritten", evil, "score", 3,
	    "decisions", "decision", evil, "approver", evil);
	ck_assert_ptr_nonnull(o);
	rows = json_pack("[o]", o);
	buf_init(&b, WEBPAGE_MAX);
	ck_assert_int_eq(webpage_list(&b, &u, rows, 1000), 0);
	ck_assert(!page_has("<img") && !page_has("<u>"));
	ck_assert(page_has("&lt;img") && page_has("/request/7"));
	ck_assert(page_has("http-equiv=\"refresh\""));
	buf_clear(&b);
	ck_assert_int_eq(webpage_request(&b, &u, o, 1000), 0);
	ck_assert(!page_has("<img") && !page_has("<u>"));
	ck_assert(page_has("name=\"csrf\" value=\"c5\""));
	ck_assert(page_has(">Approve</button>") && page_has(">Deny</button>"));
	buf_clear(&b);
	/* Who may not decide has no button. */
	json_object_set_new(o, "refused", json_string("your own <b>"));
	ck_assert_int_eq(webpage_request(&b, &u, o, 1000), 0);
	ck_assert(!page_has(">Approve</button>") && !page_has("<b>"));
	buf_clear(&b);
	ck_assert_int_eq(webpage_login(&b, "c6", evil, evil), 0);
	ck_assert(!page_has("<img") && page_has("value=\"c6\""));
	buf_clear(&b);
	/* No room: no half page. */
	buf_init(&b, 100);
	ck_assert_int_eq(webpage_list(&b, &u, rows, 1000), -1);
	buf_clear(&b);
	json_decref(rows);
}
END_TEST

START_TEST(sessions)
{
	struct web_sessions *ws = websessions_new();
	struct web_session *s, *t;
	char id[WEB_ID + 1];
	int i;

	s = websession_new(ws, 1000, "token", "boss", "corp", 1010);
	t = websession_new(ws, 1000, "other", "owner", "corp", 1020);
	ck_assert_ptr_nonnull(s);
	ck_assert_str_ne(s->id, t->id);
	ck_assert_str_ne(s->id, s->csrf);
	memcpy(id, s->id, sizeof(id));
	ck_assert_ptr_eq(websession_find(ws, id, 1009), s);
	ck_assert(websession_csrf(s, s->csrf));
	/* Not another's, nor a part, nor none. */
	ck_assert(!websession_csrf(s, t->csrf));
	ck_assert(!websession_csrf(s, ""));
	ck_assert(!websession_csrf(s, NULL));
	ck_assert(!websession_csrf(NULL, s->csrf));
	ck_assert_ptr_null(websession_find(ws, NULL, 1009));
	ck_assert_ptr_null(websession_find(ws, "", 1009));
	/* It expires with its token, and its id finds nothing then. */
	ck_assert_ptr_null(websession_find(ws, id, 1010));
	ck_assert_ptr_eq(websession_find(ws, t->id, 1010), t);
	ck_assert_ptr_null(websession_new(ws, 1000, "t", "s", "i", 1000));
	/* Not more than so many. */
	for (i = 1; i < WEB_SESSIONS; i++)
		ck_assert_ptr_nonnull(websession_new(ws, 1010, "t", "s", "i",
		    2000));
	ck_assert_ptr_null(websession_new(ws, 1010, "t", "s", "i", 2000));
	websessions_free(&ws);
	ck_assert_ptr_null(ws);
}
END_TEST

/* Of logins that never end the oldest gives way. */
START_TEST(logins)
{
	struct web_sessions *ws = websessions_new();
	struct web_session *l;
	char first[WEB_ID + 1], second[WEB_ID + 1];
	int i;

	memcpy(first, websession_login(ws, 1000)->id, sizeof(first));
	memcpy(second, websession_login(ws, 1001)->id, sizeof(second));
	ck_assert_ptr_nonnull(websession_login_find(ws, first, 1001));
	/* It is no login. */
	ck_assert_ptr_null(websession_find(ws, first, 1001));
	for (i = 0; i < WEB_LOGINS - 1; i++) {
		l = websession_login(ws, 1002);
		ck_assert_uint_eq(strlen(l->state), WEB_ID);
		ck_assert_str_ne(l->state, l->nonce);
	}
	ck_assert_ptr_null(websession_login_find(ws, first, 1002));
	ck_assert_ptr_nonnull(websession_login_find(ws, second, 1002));
	ck_assert_ptr_null(websession_login_find(ws, second, 1001 +
	    WEB_LOGIN_TIME));
	websessions_free(&ws);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("page");
	TCase *tc = tcase_create("all");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, text);
	tcase_add_test(tc, query);
	tcase_add_test(tc, pages);
	tcase_add_test(tc, sessions);
	tcase_add_test(tc, logins);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
