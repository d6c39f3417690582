/*
 * Bind parameters as people read them; hostile lengths are no array at all.
 * And requests on disk.
 */
#include "request.h"
#include "tests/unit/tmpname.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* requests.c has it, and all that it needs. */
const char *
request_state_name(enum request_state state)
{
#define M_NAME(id, name)	name,
	static const char *const names[] = { REQUEST_STATES(M_NAME) };

	return names[state];
}

static char *
text(const char *bytes, size_t len)
{
	json_t	*a = params_json((const uint8_t *)bytes, len);
	char	*s = a == NULL ? NULL : json_dumps(a, JSON_COMPACT);

	json_decref(a);
	return s;
}

#define GOOD(bytes, expected) do {					\
	char *s_ = text(bytes, sizeof(bytes) - 1);			\
	ck_assert_ptr_nonnull(s_);					\
	ck_assert_str_eq(s_, expected);					\
	free(s_);							\
} while (0)
#define BAD(bytes)							\
	ck_assert_ptr_null(text(bytes, sizeof(bytes) - 1))

START_TEST(test_params)
{
	char	*none = text("", 0);

	ck_assert_str_eq(none, "[]");
	free(none);
	GOOD("\0\0" "\0\0" "\0\0", "[]");
	/* Text, NULL, empty. */
	GOOD("\0\0" "\0\3" "\0\0\0\2" "hi" "\377\377\377\377" "\0\0\0\0"
	    "\0\0", "[\"hi\",null,\"\"]");
	/* One format for all; one for each; not UTF-8; a NUL. */
	GOOD("\0\1\0\1" "\0\2" "\0\0\0\1" "a" "\0\0\0\1" "b" "\0\0",
	    "[{\"hex\":\"61\"},{\"hex\":\"62\"}]");
	GOOD("\0\2\0\0\0\1" "\0\2" "\0\0\0\1" "a" "\0\0\0\1" "b" "\0\0",
	    "[\"a\",{\"hex\":\"62\"}]");
	GOOD("\0\0" "\0\1" "\0\0\0\2" "\303\050" "\0\0",
	    "[{\"hex\":\"c328\"}]");
	GOOD("\0\0" "\0\1" "\0\0\0\2" "a\0" "\0\0", "[{\"hex\":\"6100\"}]");
}
END_TEST

START_TEST(test_params_bad)
{
	BAD("\0");
	BAD("\0\1\0");
	BAD("\377\377");
	BAD("\0\0\0");
	BAD("\0\0\0\1");
	BAD("\0\0\0\1\0\0\0");
	BAD("\0\0\0\1\0\0\0\2a");
	BAD("\0\0\0\1\177\377\377\377a");
	BAD("\0\0\0\1\377\377\377\376a");
	BAD("\0\0\377\377\0\0\0\1a");
}
END_TEST

START_TEST(test_round_trip)
{
	static struct request	r, s;
	char			path[100];

	TMPNAME(path, "test_params");
	close(mkstemp(path));
	r.number = 17;
	r.id = 4000000000u;
	r.state = REQUEST_APPROVED;
	snprintf(r.session, sizeof(r.session), "0123456789abcdef");
	snprintf(r.issuer, sizeof(r.issuer), "corp");
	snprintf(r.subject, sizeof(r.subject), "a \"quoted\" \\ sub");
	snprintf(r.profile, sizeof(r.profile), "bot");
	snprintf(r.database, sizeof(r.database), "shop");
	snprintf(r.role, sizeof(r.role), "app");
	snprintf(r.rule, sizeof(r.rule), "wide");
	snprintf(r.kind, sizeof(r.kind), "update");
	snprintf(r.sha256, sizeof(r.sha256), "abc");
	r.in_transaction = true;
	r.created = 1790000000000000;
	r.expires = 123456789;
	ck_assert_ptr_nonnull(r.text = strdup("UPDATE t SET a = '\303\244'"));
	r.params = json_pack("[s, n]", "x");
	r.ndecisions = 1;
	r.decisions[0].approve = true;
	snprintf(r.decisions[0].approver, sizeof(r.decisions[0].approver),
	    "boss");
	ck_assert_int_eq(requestfile_write(&r, path, false), 0);
	ck_assert_int_eq(requestfile_read(&s, path), 0);
	ck_assert_uint_eq(s.number, r.number);
	ck_assert_uint_eq(s.id, r.id);
	ck_assert_int_eq(s.state, r.state);
	ck_assert_str_eq(s.subject, r.subject);
	ck_assert_str_eq(s.text, r.text);
	ck_assert_str_eq(s.sha256, r.sha256);
	ck_assert(json_equal(s.params, r.params));
	ck_assert(s.in_transaction);
	ck_assert_uint_eq(s.expires, r.expires);
	ck_assert_uint_eq(s.ndecisions, 1);
	ck_assert_str_eq(s.decisions[0].approver, "boss");
	free(s.text);
	json_decref(s.params);

	/* Cut off anywhere it is no request. */
	memset(&s, 0, sizeof(s));
	ck_assert_int_eq(truncate(path, 100), 0);
	ck_assert_int_eq(requestfile_read(&s, path), -1);
	free(s.text);
	json_decref(s.params);
	unlink(path);
	free(r.text);
	json_decref(r.params);
}
END_TEST

/* A login, of another boot: whichever of its two ends is earlier holds. */
START_TEST(test_login)
{
	static struct request	r, s;
	char			path[100];
	json_t			*o;

	TMPNAME(path, "test_params");
	close(mkstemp(path));
	r.type = REQUEST_LOGIN;
	r.number = 18;
	r.state = REQUEST_REVOKED;
	snprintf(r.subject, sizeof(r.subject), "ada");
	snprintf(r.kind, sizeof(r.kind), "login");
	snprintf(r.answer, sizeof(r.answer), "revoked by bo: done");
	snprintf(r.revoker.approver, sizeof(r.revoker.approver), "bo");
	ck_assert_ptr_nonnull(r.text = strdup(""));
	r.params = json_array();
	r.act = json_pack("{s:s}", "sub", "agent");
	r.length = 7200000;
	r.expires = now_boot_ms() + 3600000;
	ck_assert_int_eq(requestfile_write(&r, path, false), 0);
	ck_assert_int_eq(requestfile_read(&s, path), 0);
	ck_assert_int_eq(s.type, REQUEST_LOGIN);
	ck_assert_int_eq(s.state, REQUEST_REVOKED);
	ck_assert_uint_eq(s.length, r.length);
	ck_assert_uint_le(s.expires, r.expires);
	ck_assert_uint_gt(s.expires, r.expires - 60000);
	ck_assert_str_eq(s.answer, r.answer);
	ck_assert_str_eq(s.revoker.approver, "bo");
	ck_assert(json_equal(s.act, r.act));
	json_decref(s.act);
	json_decref(s.params);
	free(s.text);

	/* The boot clock began anew: by it, the end is far away. */
	o = json_load_file(path, 0, NULL);
	json_object_set_new(o, "expires", json_integer((json_int_t)r.expires +
	    864000000));
	ck_assert_int_eq(json_dump_file(o, path, 0), 0);
	json_decref(o);
	memset(&s, 0, sizeof(s));
	ck_assert_int_eq(requestfile_read(&s, path), 0);
	ck_assert_uint_le(s.expires, now_boot_ms() + 3600000);
	json_decref(s.act);
	json_decref(s.params);
	free(s.text);
	unlink(path);
	free(r.text);
	json_decref(r.params);
	json_decref(r.act);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("params");
	TCase	*t = tcase_create("params");
	SRunner	*r;
	int	 failed;

	tcase_add_test(t, test_params);
	tcase_add_test(t, test_params_bad);
	tcase_add_test(t, test_round_trip);
	tcase_add_test(t, test_login);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
