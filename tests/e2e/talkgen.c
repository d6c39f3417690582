/*
 * Random steps of a conversation: see talkgen.h.  Runs in test programs; pure.
 */
#include "talkgen.h"

#include <stdio.h>
#include <string.h>

const char *
gen_name(struct dice *d, char what)
{
	static char name[4][8];
	static unsigned int at;
	char *p = name[at++ % 4];
	unsigned int i = dice(d, TALK_NAMES + 2);

	if (i >= TALK_NAMES)
		*p = '\0';
	else
		snprintf(p, 8, "%c%u", what, i);
	return p;
}

/* Texts whose answer is the same whoever asks. */
static const char *
good_text(struct dice *d, int n)
{
	static char insert[80];
	static const char *const texts[] = {
		"SELECT g FROM generate_series(1, 5) g",
		"SELECT n FROM items ORDER BY n",
		"SELECT 'x' AS a, NULL::integer AS b",
		"UPDATE once SET n = n WHERE n = 0",
		"SELECT count(*) FROM once",
		"VALUES (1, 'one'), (2, 'two')",
		"DELETE FROM items WHERE n > 1000 RETURNING n",
		"SET application_name = 'talk'",
		"SHOW server_encoding",
		"",
	};
	unsigned int i = dice(d, sizeof texts / sizeof texts[0] + 3);

	if (i < sizeof texts / sizeof texts[0])
		return texts[i];
	snprintf(insert, sizeof insert, "INSERT INTO log VALUES (%d) "
	    "RETURNING n", n);
	return insert;
}

/* What any server refuses, at one time or another. */
static const char *
wrong_text(struct dice *d)
{
	static const char *const texts[] = {
		"SELECT 1 / 0",
		"INSERT INTO once VALUES (1)",
		"SELECT 1 / (n - 2) FROM items ORDER BY n",
		"SELECT 'x'::integer",
	};

	return texts[dice(d, sizeof texts / sizeof texts[0])];
}

static const char *
transaction_text(struct dice *d)
{
	static const char *const texts[] = {
		"BEGIN", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a",
		"SAVEPOINT a", "ROLLBACK TO a", "ROLLBACK TO a", "RELEASE a",
		"COMMIT AND CHAIN", "ROLLBACK AND CHAIN",
	};

	return texts[dice(d, sizeof texts / sizeof texts[0])];
}

/* --- steps ----------------------------------------------------------------- */

/* Parse, Bind, Describe, Execute of the unnamed, as drivers do it. */
static void
whole(struct dice *d, struct talk *t, const char *text)
{
	talk_parse(t, "", "%s", text);
	if (dice_percent(d, 30))
		talk_describe(t, 'S', "");
	talk_bind(t, "", "", 0, NULL, 0);
	if (dice_percent(d, 50))
		talk_describe(t, 'P', "");
	if (dice_percent(d, 10))
		talk_flush(t);
	talk_execute(t, "", 0);
}

/*
 * A Bind that fails late, in its parameters or its plan, and a Query that fails
 * leave a portal that cannot be run, until the transaction is rolled back (one
 * of a Query crashes PostgreSQL 15).  The gateway knows of none; nobody is to
 * see that.
 */
static void
forget_dead(struct talk *t, const char *portal)
{
	talk_sync(t);
	talk_close(t, 'P', portal);
}

static void
named(struct dice *d, struct talk *t, int n)
{
	const char *s = gen_name(d, 's'), *p = gen_name(d, 'p');
	unsigned int i;

	if (dice_percent(d, 75))
		talk_close(t, 'S', s);
	talk_parse(t, s, "%s", good_text(d, n));
	if (dice_percent(d, 70))
		talk_close(t, 'P', p);
	talk_bind(t, p, s, 0, NULL, 0);
	for (i = dice(d, 4); i > 0; i--) {
		talk_execute(t, p, dice(d, 3));
		if (dice_percent(d, 20))
			talk_flush(t);
	}
}

static void
parameters(struct dice *d, struct talk *t)
{
	const char *s = gen_name(d, 's');
	const char *value = dice_percent(d, 80) ? "42" : "forty-two";
	int n = dice_percent(d, 90) ? 1 : 2;

	if (dice_percent(d, 80))
		talk_close(t, 'S', s);
	talk_parse(t, s, "SELECT $1::integer + 1 AS more");
	talk_bind(t, "", s, n, value, strlen(value));
	talk_execute(t, "", 0);
	forget_dead(t, "");
}

static void
copy_in(struct dice *d, struct talk *t, int n)
{
	static const char text[] = "COPY log (n) FROM STDIN";
	unsigned int rows = dice(d, 4), i;
	bool fails = dice_percent(d, 15);
	char row[32];

	if (dice_percent(d, 50))
		talk_query(t, "%s", text);
	else
		whole(d, t, text);
	for (i = 0; i < rows; i++) {
		snprintf(row, sizeof row, "%d\n", n);
		talk_copy_data(t, row, strlen(row));
		if (dice_percent(d, 10))
			talk_flush(t);
	}
	if (fails)
		talk_copy_data(t, "no number\n", 10);
	if (dice_percent(d, 80))
		talk_copy_done(t);
	else
		talk_copy_fail(t, "changed my mind");
	forget_dead(t, "");
}

static void
copy_out(struct dice *d, struct talk *t)
{
	static const char text[] = "COPY (SELECT g, 'row' FROM "
	    "generate_series(1, 3) g) TO STDOUT";

	if (dice_percent(d, 50))
		talk_query(t, "%s", text);
	else
		whole(d, t, text);
}

/* Of names that may or may not be there. */
static void
by_name(struct dice *d, struct talk *t)
{
	switch (dice(d, 6)) {
	case 0:
		talk_describe(t, 'S', gen_name(d, 's'));
		break;
	case 1:
		talk_describe(t, 'P', gen_name(d, 'p'));
		break;
	case 2:
		talk_close(t, 'S', gen_name(d, 's'));
		break;
	case 3:
		talk_close(t, 'P', gen_name(d, 'p'));
		break;
	case 4:
		talk_bind(t, gen_name(d, 'p'), gen_name(d, 's'), 0, NULL, 0);
		break;
	default:
		talk_execute(t, gen_name(d, 'p'), dice(d, 3));
		/* It may be a COPY; if not, this is ignored. */
		talk_copy_fail(t, "by name");
		break;
	}
}

static void
simple(struct dice *d, struct talk *t, int n)
{
	switch (dice(d, 6)) {
	case 0:
		talk_query(t, "SELECT 1; INSERT INTO log VALUES (%d); "
		    "SELECT 'three'", n);
		break;
	case 1:
		talk_query(t, "DO $$BEGIN RAISE NOTICE 'n'; RAISE WARNING "
		    "'w'; END$$");
		break;
	default:
		talk_query(t, "%s", good_text(d, n));
		break;
	}
}

void
gen_step(struct dice *d, struct talk *t, int n)
{
	switch (dice(d, 14)) {
	case 0:
	case 1:
		simple(d, t, n);
		break;
	case 2:
	case 3:
		whole(d, t, good_text(d, n));
		break;
	case 4:
	case 5:
		named(d, t, n);
		break;
	case 6:
		parameters(d, t);
		break;
	case 7:
		copy_in(d, t, n);
		break;
	case 8:
		copy_out(d, t);
		break;
	case 9:
		if (dice_percent(d, 50))
			talk_query(t, "%s", transaction_text(d));
		else
			whole(d, t, transaction_text(d));
		forget_dead(t, "");
		break;
	case 10:
		if (dice_percent(d, 50))
			talk_query(t, "%s", wrong_text(d));
		else
			whole(d, t, wrong_text(d));
		forget_dead(t, "");
		break;
	default:
		by_name(d, t);
		break;
	}
	if (dice_percent(d, 30))
		talk_sync(t);
	else if (dice_percent(d, 10))
		talk_flush(t);
}

void
gen_prepare(struct dice *d, struct talk *t)
{
	char name[8];
	int i;

	for (i = 0; i < TALK_NAMES; i++) {
		snprintf(name, sizeof name, "s%d", i);
		if (dice_percent(d, 60))
			talk_parse(t, name, "%s", good_text(d, -i));
	}
	talk_sync(t);
}

static void
probe(struct talk *t, const char *s, const char *p)
{
	talk_describe(t, 'S', s);
	talk_sync(t);
	talk_describe(t, 'P', p);
	talk_sync(t);
	talk_execute(t, p, 1);
	talk_copy_fail(t, "probing");
	talk_sync(t);
	talk_bind(t, "probe", s, 0, NULL, 0);
	talk_execute(t, "probe", 1);
	talk_copy_fail(t, "probing");
	talk_close(t, 'P', "probe");
	talk_sync(t);
}

void
gen_probe(struct talk *t)
{
	char s[8], p[8];
	int i;

	talk_copy_fail(t, "probing");
	talk_sync(t);
	for (i = 0; i < TALK_NAMES; i++) {
		snprintf(s, sizeof s, "s%d", i);
		snprintf(p, sizeof p, "p%d", i);
		probe(t, s, p);
	}
	probe(t, "", "");
	talk_query(t, "ROLLBACK");
	talk_query(t, "SELECT string_agg(n::text, ' ' ORDER BY n) FROM log "
	    "WHERE who = session_user");
	talk_query(t, "DELETE FROM log WHERE who = session_user");
	talk_query(t, "DEALLOCATE ALL");
}
