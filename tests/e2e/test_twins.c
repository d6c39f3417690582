/*
 * Non-interference: two databases that differ in protected values only cannot
 * be told apart.  Attempts come from twins.cases beside this file, and from a
 * generator (sqlgen.c): POSTERN_TWINS says how many, POSTERN_SEED from where.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2e.h"
#include "sqlgen.h"
#include "twin.h"

#define MSGS	16	/* of an attempt */

struct attempt {
	char		 class[64];
	int		 line;
	struct twin_msg	 msgs[MSGS];
	size_t		 n;
};

static struct attempt	*attempts;
static size_t		 nattempts;

/* Every class of attempts that there must be. */
static const char *const classes[] = {
	"plain", "star", "alias", "expression", "cast", "collation",
	"sub-select", "scalar sub-link", "cte", "recursive", "lateral",
	"set operation", "values", "view", "materialized view",
	"inheritance", "partition", "table", "using", "join alias",
	"group by", "distinct", "window", "aggregate", "identifiers",
	"functional notation", "function in from", "security definer",
	"whole row", "json", "xml", "hstore", "array", "tsvector",
	"sql in a string", "error text", "division by zero", "do",
	"explain", "debug", "copy", "cursor", "prepare", "returning",
	"on conflict", "notify", "function call", "parameter status",
	"laundering", "large object", "sequence", "comment", "search_path",
	"replanning", "standard_conforming_strings", "client_encoding",
	"multi-statement", "set role", "predicate", "order", "dictionary",
	"having", "length", "limit", "sleep", "tag", "statistics",
	"activity", "slot", "publication", "file", "page", "toast",
	"foreign", "definition", "row security", "trigger", "foreign key",
	"system column", "tablesample", "operator", "write", "by type",
	"by tag", "named view", "bucket", "token"
};

/* --- the file ---------------------------------------------------------- */

static char *
trim(char *s)
{
	size_t	 n;

	while (isspace((unsigned char)*s))
		s++;
	for (n = strlen(s); n > 0 && isspace((unsigned char)s[n - 1]); n--)
		s[n - 1] = '\0';
	return s;
}

/* "SQL ::: one | two" */
static void
parse_message(struct twin_msg *m, char *line)
{
	char	*p = strstr(line, " ::: "), *next;

	memset(m, 0, sizeof *m);
	if (p != NULL)
		*p = '\0';
	m->sql = strdup(trim(line));
	for (p = p != NULL ? p + 5 : NULL; p != NULL; p = next) {
		if ((next = strchr(p, '|')) != NULL)
			*next++ = '\0';
		ck_assert_uint_lt(m->nparams, 4);
		m->params[m->nparams++] = strdup(trim(p));
	}
}

static void
load(void)
{
	const char	*src = getenv("POSTERN_SRC");
	char		 path[512], line[4096], class[64] = "", *p;
	struct attempt	*a;
	FILE		*f;
	int		 no = 0;

	snprintf(path, sizeof path, "%s/tests/e2e/twins.cases",
	    src ? src : ".");
	ck_assert_ptr_nonnull(f = fopen(path, "r"));
	while (fgets(line, sizeof line, f) != NULL) {
		no++;
		p = trim(line);
		if (*p == '\0' || *p == '#')
			continue;
		if (*p == '[') {
			snprintf(class, sizeof class, "%.*s",
			    (int)strcspn(p + 1, "]"), p + 1);
			continue;
		}
		if (*p != '&') {
			attempts = realloc(attempts,
			    (nattempts + 1) * sizeof *attempts);
			ck_assert_ptr_nonnull(attempts);
			a = &attempts[nattempts++];
			snprintf(a->class, sizeof a->class, "%s", class);
			a->line = no;
			a->n = 0;
		} else
			p++;
		ck_assert_uint_gt(nattempts, 0);
		a = &attempts[nattempts - 1];
		ck_assert_uint_lt(a->n, MSGS);
		parse_message(&a->msgs[a->n++], p);
	}
	fclose(f);
}

START_TEST(every_class_is_there)
{
	size_t	 i, k;

	load();
	for (i = 0; i < sizeof classes / sizeof classes[0]; i++) {
		for (k = 0; k < nattempts; k++)
			if (strcmp(attempts[k].class, classes[i]) == 0)
				break;
		ck_assert_msg(k < nattempts, "no attempt of class %s",
		    classes[i]);
	}
	ck_assert_uint_ge(nattempts, 250);
}
END_TEST

/* --- playing ----------------------------------------------------------- */

static const char *const profiles[] = { "nightly-bot", "loose" };
static const char *const modes[] = { "simple", "extended text",
    "extended binary" };

static struct twin *
open_profile(const char *profile)
{
	char		*token = e2e_token("twins", "ai-agents");
	struct twin	*t = twin_open(profile, token);

	free(token);
	return t;
}

/* What differs openly is seen: rows, their number, errors, descriptions. */
static const char *const planted[] = {
	"SELECT * FROM planted",
	"SELECT v::int FROM planted",
	"SELECT FROM planted WHERE v = 'p1'",
	"COPY planted TO STDOUT",
	"UPDATE notes SET n = n FROM planted WHERE v = 'p3'",
	"SELECT 1 / (id - 3) FROM planted WHERE v = 'p3'",
};

START_TEST(a_difference_is_seen)
{
	struct twin	*t = open_profile("nightly-bot");
	struct twin_msg	 m = { planted[_i], { NULL }, 0 };
	int		 mode;

	for (mode = TWIN_SIMPLE; mode <= TWIN_BINARY; mode++) {
		ck_assert_msg(!twin_play(t, (enum twin_mode)mode, false, &m,
		    1), "%s, %s: not seen in\n%s", modes[mode], m.sql,
		    twin_transcript(t));
		ck_assert_msg(!twin_refused(t), "%s", twin_transcript(t));
	}
	twin_free(&t);
}
END_TEST

START_TEST(attempts_tell_nothing)
{
	/* All six ways for the first profile, the two ends for the other. */
	const char	*profile = profiles[_i / 6];
	enum twin_mode	 mode = _i < 6 ? (enum twin_mode)(_i / 2) :
			    _i == 6 ? TWIN_SIMPLE : TWIN_BINARY;
	struct twin	*t = open_profile(profile);
	char		 a[512], b[512];
	long long	 began;
	size_t		 i, bad = 0, refused = 0, failed = 0;

	load();
	for (i = 0; i < nattempts; i++) {
		began = e2e_now();
		if (!twin_play(t, mode, _i % 2 == 1, attempts[i].msgs,
		    attempts[i].n)) {
			twin_difference(t, a, b, sizeof a);
			printf("twins.cases:%d: %s: %s\n  a: %s\n  b: %s\n",
			    attempts[i].line, attempts[i].class,
			    attempts[i].msgs[0].sql, a, b);
			bad++;
		}
		if (twin_refused(t))
			refused++;
		else if (twin_failed(t))
			failed++;
		if (getenv("POSTERN_SHOW") != NULL)
			printf("%lld ms: %s\n  %.300s\n", e2e_now() - began,
			    attempts[i].msgs[0].sql, twin_transcript(t));
	}
	printf("%s, %s, %s a transaction: %zu attempts, %zu refused, "
	    "%zu other errors, %zu answered\n", profile, modes[mode],
	    _i % 2 == 1 ? "in" : "without", nattempts, refused, failed,
	    nattempts - refused - failed);
	ck_assert_msg(bad == 0, "%zu attempts tell the twins apart", bad);
	twin_free(&t);
}
END_TEST

/* --- random queries ---------------------------------------------------- */

static long
number(const char *name, long dflt)
{
	const char	*v = getenv(name);

	return v != NULL && *v != '\0' ? strtol(v, NULL, 10) : dflt;
}

struct random {
	struct twin	*twin;
	struct twin_one	*v;
	unsigned long	 first;		/* seed of v[0] */
	long		 bad, refused, failed, slow;
};

static void
on_done(void *ctx, size_t i, bool same)
{
	struct random	*r = ctx;
	char		 a[512], b[512];

	if (twin_timed_out(r->twin))
		r->slow++;
	else if (!same) {
		twin_difference(r->twin, a, b, sizeof a);
		printf("%lu: %s\n  a: %s\n  b: %s\n", r->first + i,
		    r->v[i].sql, a, b);
		r->bad++;
	}
	if (twin_refused(r->twin))
		r->refused++;
	else if (twin_failed(r->twin))
		r->failed++;
	if (getenv("POSTERN_SHOW") != NULL)
		printf("%s\n  %.300s\n", r->v[i].sql,
		    twin_transcript(r->twin));
}

/* What they have written is taken away now and then: else all gets slower. */
#define ROUND	500
static const char	tidy[] = "DELETE FROM notes WHERE id > 10";

static void
play_round(struct random *r, size_t n)
{
	static struct twin_one	 v[ROUND + 1];
	size_t			 i;

	for (i = 0; i < n; i++) {
		v[i].sql = sqlgen(r->first + i);
		v[i].mode = (enum twin_mode)((r->first + i) % 3);
		v[i].block = (r->first + i) % 2 == 1;
	}
	v[n].sql = tidy;
	v[n].mode = TWIN_SIMPLE;
	v[n].block = false;
	r->v = v;
	twin_play_many(r->twin, v, n + 1, on_done, r);
	for (i = 0; i < n; i++)
		free((char *)(uintptr_t)v[i].sql);
}

START_TEST(random_queries_tell_nothing)
{
	long		 n = number("POSTERN_TWINS", 10000) / 2, i;
	unsigned long	 seed = (unsigned long)number("POSTERN_SEED", 1);
	long long	 began = e2e_now();
	struct random	 r;

	memset(&r, 0, sizeof r);
	r.twin = open_profile(profiles[_i]);
	for (i = 0; i < n; i += ROUND) {
		r.first = seed * 1000003 + (unsigned long)i;
		play_round(&r, n - i < ROUND ? (size_t)(n - i) : ROUND);
	}
	printf("%s: %ld random queries of seed %lu in %lld s, %ld refused, "
	    "%ld other errors\n", profiles[_i], n, seed,
	    (e2e_now() - began) / 1000, r.refused, r.failed);
	ck_assert_msg(r.bad == 0, "%ld queries tell the twins apart", r.bad);
	/* A generator that makes nothing but errors shows nothing. */
	ck_assert_int_ge(n - r.refused - r.failed, n / 4);
	twin_free(&r.twin);
}
END_TEST

/* --- sqlsmith's ---------------------------------------------------------- */

/* What is not the same twice on one database. */
static const char *const fickle[] = { "random", "clock_timestamp",
    "timeofday", "now(", "_timestamp(", "txid_", "pg_current_",
    "pg_backend_pid", "inet_client", "pg_postmaster", "pg_conf_load",
    "current_database", "tablesample" };

static bool
is_fickle(const char *sql)
{
	size_t	 i;

	for (i = 0; i < sizeof fickle / sizeof fickle[0]; i++)
		if (strstr(sql, fickle[i]) != NULL)
			return true;
	return false;
}

/* Statements that end with ";" at the end of a line (all allocated). */
static size_t
read_statements(const char *path, struct twin_one **vp, size_t *skipped)
{
	struct twin_one	*v = NULL;
	char		*text = NULL, *p, *end;
	size_t		 size = 0, n = 0;
	FILE		*f = fopen(path, "r");

	ck_assert_msg(f != NULL, "%s", path);
	ck_assert_int_gt(getdelim(&text, &size, '\0', f), 0);
	fclose(f);
	for (p = text; (end = strstr(p, ";\n")) != NULL; p = end + 2) {
		*end = '\0';
		if (is_fickle(p)) {
			++*skipped;
			continue;
		}
		v = realloc(v, (n + 1) * sizeof *v);
		ck_assert_ptr_nonnull(v);
		v[n].sql = strdup(p);
		v[n].mode = (enum twin_mode)(n % 3);
		v[n].block = true;
		n++;
	}
	free(text);
	*vp = v;
	return n;
}

START_TEST(sqlsmith_tells_nothing)
{
	struct twin_one	 slow = { "SET statement_timeout = '10s'",
			    TWIN_SIMPLE, false };
	struct random	 r;
	struct twin_one	*v;
	size_t		 skipped = 0, n, i;

	memset(&r, 0, sizeof r);
	n = read_statements(getenv("POSTERN_SMITH"), &v, &skipped);
	r.twin = open_profile(profiles[_i]);
	r.v = &slow;
	twin_play_many(r.twin, &slow, 1, on_done, &r);
	ck_assert(!twin_failed(r.twin));
	r.v = v;
	twin_play_many(r.twin, v, n, on_done, &r);
	printf("%s: %zu statements of sqlsmith (%zu more skipped), %ld "
	    "refused, %ld other errors, %ld too long, %ld differ\n",
	    profiles[_i], n, skipped, r.refused, r.failed, r.slow, r.bad);
	ck_assert_msg(r.bad == 0, "%ld tell the twins apart", r.bad);
	ck_assert_uint_gt(n, 100);
	twin_free(&r.twin);
	for (i = 0; i < n; i++)
		free((char *)(uintptr_t)v[i].sql);
	free(v);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("twins");
	TCase	*tc = tcase_create("twins");

	tcase_set_timeout(tc, 4 * 3600);
	if (getenv("POSTERN_SMITH") != NULL) {
		tcase_add_loop_test(tc, sqlsmith_tells_nothing, 0, 2);
		suite_add_tcase(s, tc);
		return e2e_main(s);
	}
	if (getenv("POSTERN_TWINS") == NULL) {
		tcase_add_test(tc, every_class_is_there);
		tcase_add_loop_test(tc, a_difference_is_seen, 0,
		    (int)(sizeof planted / sizeof planted[0]));
		tcase_add_loop_test(tc, attempts_tell_nothing, 0, 8);
	}
	tcase_add_loop_test(tc, random_queries_tell_nothing, 0, 2);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
