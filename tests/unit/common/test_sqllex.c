/*
 * The tokens of SQL.
 */
#include "sqllex.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char	*text;
	const char	*kinds;	/* one letter a token */
} lexed[] = {
	{ "select 1", "wn" },
	{ "a.b", "wpw" },
	{ "'it''s' \"a\"\"b\"", "sq" },
	{ "E'a\\'b' x", "sw" },
	{ "'a\\' x", "sw" },
	{ "U&'x' u&\"y\" B'1' x'ff'", "suss" },
	{ "$$a$$ $t$ $$ $t$ $1", "ssn" },
	{ "a$b$c", "w" },
	{ "1.5e-3+2", "non" },
	{ "a::int", "wow" },
	{ "a<=b--c\nd", "woww" },
	{ "a-/* x /* y */ */-b", "woow" },
	{ "{", "p" },
	{ "'x", "!" },
	{ "\"x", "!" },
	{ "/* x", "!" },
	{ "$a$ x", "!" },
};

START_TEST(tokens)
{
	static const char	 letters[] = ".wqusnop!";
	char			 got[64];
	struct lex		 l;
	enum lex_kind		 k;
	size_t			 n = 0;

	memset(&l, 0, sizeof(l));
	l.text = l.pos = lexed[_i].text;
	l.end = l.text + strlen(l.text);
	while ((k = lex_next(&l)) != LEX_END && n < 60) {
		got[n++] = letters[k];
		if (k == LEX_BAD)
			break;
	}
	got[n] = '\0';
	ck_assert_str_eq(got, lexed[_i].kinds);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("sqllex");
	TCase	*t = tcase_create("sqllex");
	SRunner	*r;
	int	 failed;

	tcase_add_loop_test(t, tokens, 0,
	    (int)(sizeof(lexed) / sizeof(lexed[0])));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
