/*
 * Sessions on disk: what is written is read back, what is damaged is not.
 */
#include "sessionfile.h"
#include "tests/unit/tmpname.h"

#include <sys/stat.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char	dir[100];
static char	path[128];

static void
example(struct session *s)
{
	memset(s, 0, sizeof(*s));
	snprintf(s->id, sizeof(s->id), "0123456789abcdef0123456789abcdef");
	s->master = 4711;
	s->worker = 4000000000u;
	s->shared = true;
	snprintf(s->profile, sizeof(s->profile), "bot");
	snprintf(s->database, sizeof(s->database), "shop");
	snprintf(s->issuer, sizeof(s->issuer), "corp");
	snprintf(s->subject, sizeof(s->subject), "a \"quoted\" \\ sub");
	snprintf(s->role, sizeof(s->role), "app");
	snprintf(s->peer, sizeof(s->peer), "192.0.2.1:1");
	snprintf(s->application, sizeof(s->application), "psql");
	s->started = 1790000000000000;
	s->deadline = 123456789;
	s->pid = 99;
	s->keylen = 32;
	memset(s->key, 0xa5, 32);
	memcpy(s->client_key, "\x00\x01\xfe\xff", 4);
	s->client_keylen = 4;
}

START_TEST(test_round_trip)
{
	struct session	a, b;
	struct stat	st;

	example(&a);
	ck_assert_int_eq(sessionfile_write(&a, path, true), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	memset(&b, 0, sizeof(b));
	ck_assert_int_eq(sessionfile_read(&b, path), 0);
	ck_assert_mem_eq(&a, &b, sizeof(a));
	/* Replaced as a whole. */
	a.pid = 100;
	ck_assert_int_eq(sessionfile_write(&a, path, false), 0);
	memset(&b, 0, sizeof(b));
	ck_assert_int_eq(sessionfile_read(&b, path), 0);
	ck_assert_int_eq(b.pid, 100);
}
END_TEST

/* An application name is the client's bytes. */
START_TEST(test_not_utf8)
{
	struct session	a, b;

	example(&a);
	snprintf(a.application, sizeof(a.application), "\xff\xfe");
	ck_assert_int_eq(sessionfile_write(&a, path, false), 0);
	memset(&b, 0, sizeof(b));
	ck_assert_int_eq(sessionfile_read(&b, path), 0);
	ck_assert_str_eq(b.application, "");
}
END_TEST

static void
put(const char *text, size_t len)
{
	FILE	*f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, len, f), len);
	fclose(f);
}

START_TEST(test_damaged)
{
	struct session	 a, b;
	char		 text[4096], *boot;
	size_t		 len, i;
	FILE		*f;

	example(&a);
	ck_assert_int_eq(sessionfile_write(&a, path, false), 0);
	f = fopen(path, "r");
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	for (i = 0; i < len; i++) {
		put(text, i);
		memset(&b, 0, sizeof(b));
		ck_assert_int_eq(sessionfile_read(&b, path), -1);
	}
	/* Of another boot. */
	boot = strstr(text, "\"boot\":\"");
	ck_assert_ptr_nonnull(boot);
	boot[8] = boot[8] == '0' ? '1' : '0';
	put(text, len);
	memset(&b, 0, sizeof(b));
	ck_assert_int_eq(sessionfile_read(&b, path), -1);
	unlink(path);
	ck_assert_int_eq(sessionfile_read(&b, path), -1);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("sessionfile");
	TCase	*t = tcase_create("sessionfile");
	SRunner	*r;
	int	 failed;

	TMPNAME(dir, "test_sessionfile");
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/s", dir);
	tcase_add_test(t, test_round_trip);
	tcase_add_test(t, test_not_utf8);
	tcase_add_test(t, test_damaged);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	unlink(path);
	rmdir(dir);
	return failed != 0;
}
