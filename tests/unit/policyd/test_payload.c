/*
 * What a webhook is sent: the signature, and templates in which a client's
 * text is text.
 */
#include "payload.h"

#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char request[] = "{\"event\":\"request\",\"request\":17,"
    "\"subject\":\"<!channel> & co\",\"profile\":\"bot\",\"database\":"
    "\"shop\",\"rule\":\"wide\",\"kind\":\"update\",\"text\":"
    "\"UPDATE t SET a = '<!here> [x](https://evil.example)'\","
    "\"groups\":[\"approvers\",\"owners\"],\"minimum\":2,"
    "\"until\":1790000000,\"in_transaction\":true}";

static json_t *
body(enum notify_template t, const char *event)
{
	char *s = payload_body(t, event, strlen(event));
	json_t *o;

	ck_assert_ptr_nonnull(s);
	o = json_loads(s, 0, NULL);
	ck_assert_ptr_nonnull(o);
	free(s);
	return o;
}

/* By `printf %s '1790000000.{"a":1}' | openssl dgst -sha256 -hmac ...`. */
START_TEST(signature)
{
	char *s = payload_signature("0123456789abcdef", 1790000000,
	    "{\"a\":1}", 7);

	ck_assert_str_eq(s, "X-Postern-Signature: t=1790000000,v1="
	    "d569e4518fe6f4620fd6639233427e7df5e5394d8f14c85c1063b8d90a724dcb");
	free(s);
}
END_TEST

START_TEST(json)
{
	json_t *o = body(NOTIFY_JSON, request);
	json_t *same = json_loads(request, 0, NULL);

	ck_assert(json_equal(o, same));
	json_decref(o);
	json_decref(same);
	ck_assert_ptr_null(payload_body(NOTIFY_JSON, "[1]", 3));
	ck_assert_ptr_null(payload_body(NOTIFY_SLACK, "{", 1));
}
END_TEST

START_TEST(summaries)
{
	static const struct { const char *event, *expected; } t[] = {
	    { request, "Request 17: <!channel> & co (profile bot, database "
		"shop) waits with a statement of kind update, held by rule "
		"wide. May approve: approvers, owners (2 people), until "
		"2026-09-21 14:13:20 UTC. It waits inside a transaction, "
		"whose locks are held meanwhile." },
	    { "{\"event\":\"decision\",\"request\":3,\"decision\":\"deny\","
		"\"approver\":\"boss\",\"reason\":\"no\"}",
		"Request 3: refused by boss: no" },
	    { "{\"event\":\"decision\",\"request\":3,\"decision\":"
		"\"approve\",\"approver\":\"boss\",\"reason\":\"\"}",
		"Request 3: approved by boss" },
	    { "{\"event\":\"request\",\"request\":4,\"subject\":\"ada\","
		"\"actors\":[\"robot\"],\"profile\":\"ops\",\"grant_for\":"
		"7200,\"kind\":\"login\",\"groups\":[],\"minimum\":1,"
		"\"until\":1790000000}", "Request 4: ada (acting: robot) asks "
		"for profile ops, for 120 minutes. May approve: an "
		"administrator, until 2026-09-21 14:13:20 UTC." },
	    { "{\"event\":\"end\",\"request\":3,\"result\":\"expired\","
		"\"reason\":\"nobody\"}", "Request 3: expired: nobody" } };
	size_t i;
	char *s;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		s = payload_summary(t[i].event, strlen(t[i].event));
		ck_assert_str_eq(s, t[i].expected);
		free(s);
	}
}
END_TEST

START_TEST(slack)
{
	json_t *o = body(NOTIFY_SLACK, request), *b, *text;
	const char *s = json_string_value(json_object_get(o, "text"));
	size_t i;

	ck_assert_ptr_null(strchr(s, '<'));
	ck_assert_ptr_nonnull(strstr(s, "&lt;!channel&gt; &amp; co"));
	b = json_object_get(o, "blocks");
	ck_assert_uint_eq(json_array_size(b), 2);
	for (i = 0; i < 2; i++) {
		text = json_object_get(json_array_get(b, i), "text");
		ck_assert_str_eq(json_string_value(json_object_get(text,
		    "type")), "plain_text");
		ck_assert(json_is_false(json_object_get(text, "emoji")));
	}
	ck_assert_str_eq(json_string_value(json_object_get(text, "text")),
	    "UPDATE t SET a = '<!here> [x](https://evil.example)'");
	json_decref(o);
}
END_TEST

START_TEST(teams)
{
	json_t *o = body(NOTIFY_TEAMS, request), *b, *v;
	size_t i;

	b = json_object_get(json_object_get(json_array_get(json_object_get(o,
	    "attachments"), 0), "content"), "body");
	ck_assert_uint_eq(json_array_size(b), 2);
	json_array_foreach(b, i, v)
		ck_assert_str_eq(json_string_value(json_object_get(v,
		    "type")), "RichTextBlock");
	json_decref(o);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("payload");
	TCase *tc = tcase_create("payload");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, signature);
	tcase_add_test(tc, json);
	tcase_add_test(tc, summaries);
	tcase_add_test(tc, slack);
	tcase_add_test(tc, teams);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
