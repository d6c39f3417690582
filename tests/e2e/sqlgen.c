/*
 * Random queries over the twins' tables: typed expressions over what is in
 * scope, so that most of them run.  Made to bring protected columns into every
 * place where a value can stand.  Runs in test programs.
 */
#include "sqlgen.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum type { TEXT, INT, NUM, BOOL, TIME, NTYPES };

struct col {
	const char	*name;
	enum type	 type;
};

struct table {
	const char	*name;
	struct col	 cols[14];
};

static const struct table tables[] = {
	{ "customers", { { "id", INT }, { "name", TEXT }, { "email", TEXT },
	    { "card", TEXT }, { "phone", TEXT }, { "city", TEXT },
	    { "created_at", TIME }, { "salary", NUM }, { "motto", TEXT },
	    { "email_len", INT } } },
	{ "orders", { { "id", INT }, { "customer_id", INT },
	    { "amount", NUM }, { "status", TEXT }, { "placed_at", TIME } } },
	{ "tickets", { { "id", INT }, { "customer_id", INT },
	    { "body", TEXT } } },
	{ "people", { { "id", INT }, { "card", TEXT }, { "town", TEXT } } },
	{ "people_1", { { "id", INT }, { "card", TEXT },
	    { "town", TEXT } } },
	{ "staff", { { "id", INT }, { "card", TEXT }, { "town", TEXT } } },
	{ "subscriptions", { { "id", INT }, { "email", TEXT },
	    { "topic", TEXT } } },
	{ "badges", { { "no", INT }, { "who", INT }, { "card", TEXT } } },
	{ "customer_mail", { { "who", INT }, { "address", TEXT } } },
	{ "customer_names", { { "id", INT }, { "name", TEXT },
	    { "city", TEXT } } },
	{ "customer_orders", { { "id", INT }, { "name", TEXT },
	    { "email", TEXT }, { "orders", INT }, { "total", NUM } } },
	{ "mail_copy", { { "id", INT }, { "email", TEXT } } },
	{ "notes", { { "id", INT }, { "body", TEXT }, { "n", INT } } },
	{ "coded", { { "id", INT }, { "mail", TEXT }, { "other", TEXT },
	    { "no", INT }, { "city", TEXT }, { "low", TEXT } } },
	{ "coded_too", { { "id", INT }, { "mail", TEXT }, { "who", TEXT } } },
};
/* How often each: the first ones most. */
static const unsigned char weights[] = { 30, 14, 6, 5, 2, 4, 4, 4, 2, 4, 2,
    1, 4, 6, 3 };

struct item {
	char		 alias[8];
	struct col	 cols[14];
	size_t		 ncols;
};

struct gen {
	uint64_t	 state;
	char		 text[16384];
	size_t		 len;
	struct item	 items[24];
	size_t		 nitems, base;	/* in scope: [base, nitems) */
	unsigned int	 names;
	int		 depth;
};

static unsigned int
roll(struct gen *g, unsigned int n)
{
	g->state ^= g->state << 13;
	g->state ^= g->state >> 7;
	g->state ^= g->state << 17;
	return (unsigned int)((g->state >> 11) % n);
}

static void __attribute__((format(printf, 2, 3)))
out(struct gen *g, const char *fmt, ...)
{
	va_list	 ap;
	int	 n;

	va_start(ap, fmt);
	n = vsnprintf(g->text + g->len, sizeof g->text - g->len, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof g->text - g->len)
		g->len += (size_t)n;
}

static void	expr(struct gen *, enum type);
static void	select_list(struct gen *, const enum type *, size_t n,
		    struct item *);

/* --- expressions ------------------------------------------------------- */

static bool
column(struct gen *g, enum type type)
{
	unsigned int	 tries;

	for (tries = 0; tries < 12 && g->nitems > g->base; tries++) {
		const struct item	*it = &g->items[g->base +
		    roll(g, (unsigned int)(g->nitems - g->base))];
		const struct col	*c;

		if (it->ncols == 0)
			continue;
		c = &it->cols[roll(g, (unsigned int)it->ncols)];
		if (c->type != type)
			continue;
		out(g, "%s.%s", it->alias, c->name);
		return true;
	}
	return false;
}

static void
constant(struct gen *g, enum type type)
{
	static const char *const texts[] = { "'a'", "'%@mail.example'",
	    "'Oslo'", "'***'", "NULL::text", "'7'", "'paid'" };
	static const char *const times[] = { "timestamptz '2024-02-01 00:00Z'",
	    "timestamptz '2024-06-20 00:00Z'" };

	switch (type) {
	case TEXT:
		out(g, "%s", texts[roll(g, 7)]);
		break;
	case INT:
		out(g, "%u", roll(g, 130));
		break;
	case NUM:
		out(g, "%u.5", roll(g, 9000));
		break;
	case BOOL:
		out(g, "%s", roll(g, 2) == 0 ? "true" : "false");
		break;
	default:
		out(g, "%s", times[roll(g, 2)]);
		break;
	}
}

/* Forms with one %T (a text), %I, %N, %B, %Z (a time) for each argument. */
static const char *const forms[NTYPES][16] = {
	[TEXT] = { "upper(%T)", "%T || %T", "left(%T, %I)", "coalesce(%T, %T)",
	    "CASE WHEN %B THEN %T ELSE %T END", "%I::text", "md5(%T)",
	    "substr(%T, 2)", "%N::text", "concat(%T, %I, %T)", "nullif(%T, %T)",
	    "to_json(%T)::text", "reverse(%T)", "replace(%T, 'a', %T)",
	    "split_part(%T, '@', 1)", "(%T COLLATE \"C\")" },
	[INT] = { "length(%T)", "%I + %I", "coalesce(%I, %I)",
	    "CASE WHEN %B THEN %I ELSE %I END", "abs(%I - %I)",
	    "strpos(%T, %T)", "ascii(%T)", "%I %% 7", "cardinality(ARRAY[%T, %T])",
	    "greatest(%I, %I)", "(%N)::int", "1000 / nullif(%I, 0)" },
	[NUM] = { "round(%N, 1)", "%N + %I", "coalesce(%N, %N)", "%N * 2",
	    "%I / 3.0", "least(%N, %N)", "CASE WHEN %B THEN %N END" },
	[BOOL] = { "%I = %I", "%T = %T", "%T LIKE %T", "%T < %T", "%N > %N",
	    "%T IS NULL", "%B AND %B", "NOT %B", "%B OR %B", "%Z < %Z",
	    "%I BETWEEN %I AND %I", "%T IN (%T, %T)", "%T IS DISTINCT FROM %T",
	    "length(%T) > %I", "%T ~ '^a'", "%N IS NOT NULL" },
	[TIME] = { "date_trunc('month', %Z)", "%Z + interval '1 day'",
	    "coalesce(%Z, %Z)", "greatest(%Z, %Z)" },
};

static void
form(struct gen *g, const char *f)
{
	out(g, "(");
	for (; *f != '\0'; f++) {
		if (*f != '%') {
			out(g, "%c", *f);
			continue;
		}
		switch (*++f) {
		case 'T': expr(g, TEXT); break;
		case 'I': expr(g, INT); break;
		case 'N': expr(g, NUM); break;
		case 'B': expr(g, BOOL); break;
		case 'Z': expr(g, TIME); break;
		default: out(g, "%%"); break;
		}
	}
	out(g, ")");
}

static void
subquery(struct gen *g, enum type type)
{
	size_t		 base = g->base, n = g->nitems;
	struct item	 it;

	/* Half of them see what is outside. */
	out(g, "(");
	if (roll(g, 2) == 0)
		g->base = g->nitems;
	select_list(g, &type, 1, &it);
	out(g, " ORDER BY 1 LIMIT 1)");
	g->nitems = n;
	g->base = base;
}

static void
expr(struct gen *g, enum type type)
{
	unsigned int	 n = 0;

	if (g->depth > 2 || g->len > 4000 || roll(g, 3) == 0) {
		if (roll(g, 6) == 0 || !column(g, type))
			constant(g, type);
		return;
	}
	g->depth++;
	if (roll(g, 14) == 0 && g->nitems < 18)
		subquery(g, type);
	else if (type == BOOL && roll(g, 12) == 0 && g->nitems < 18) {
		out(g, "EXISTS ");
		subquery(g, INT);
	} else {
		while (n < 16 && forms[type][n] != NULL)
			n++;
		form(g, forms[type][roll(g, n)]);
	}
	g->depth--;
}

/* --- FROM -------------------------------------------------------------- */

static struct item *
new_item(struct gen *g)
{
	struct item	*it = &g->items[g->nitems++];

	memset(it, 0, sizeof *it);
	snprintf(it->alias, sizeof it->alias, "t%u", ++g->names);
	return it;
}

static void
from_table(struct gen *g)
{
	unsigned int	 r, i, sum = 0;
	struct item	*it;

	for (i = 0; i < sizeof weights; i++)
		sum += weights[i];
	r = roll(g, sum);
	for (i = 0; r >= weights[i]; i++)
		r -= weights[i];
	it = new_item(g);
	out(g, "%s%s %s%s", roll(g, 8) == 0 ? "public." : "", tables[i].name,
	    roll(g, 2) == 0 ? "AS " : "", it->alias);
	while (it->ncols < 14 && tables[i].cols[it->ncols].name != NULL) {
		it->cols[it->ncols] = tables[i].cols[it->ncols];
		it->ncols++;
	}
}

static const char *const names[] = { "a", "b", "c", "d" };

static void
from_subselect(struct gen *g)
{
	enum type	 types[4];
	size_t		 n = 1 + roll(g, 4), i, base = g->base;
	size_t		 before = g->nitems;
	bool		 lateral = before > base && roll(g, 2) == 0;
	struct item	 it, *own;

	for (i = 0; i < n; i++)
		types[i] = (enum type)roll(g, NTYPES);
	out(g, "%s(", lateral ? "LATERAL " : "");
	if (!lateral)
		g->base = g->nitems;
	g->depth++;
	select_list(g, types, n, &it);
	if (roll(g, 4) == 0) {
		out(g, " UNION%s ", roll(g, 2) == 0 ? " ALL" : "");
		g->nitems = before;
		select_list(g, types, n, &it);
	}
	g->depth--;
	g->base = base;
	g->nitems = before;
	own = new_item(g);
	out(g, ") AS %s (", own->alias);
	for (i = 0; i < n; i++) {
		out(g, "%s%s", i > 0 ? ", " : "", names[i]);
		own->cols[i].name = names[i];
		own->cols[i].type = types[i];
	}
	out(g, ")");
	own->ncols = n;
}

static void
from_one(struct gen *g)
{
	if (g->depth < 2 && g->nitems < 14 && roll(g, 5) == 0)
		from_subselect(g);
	else
		from_table(g);
}

static void
from(struct gen *g)
{
	static const char *const joins[] = { " JOIN ", " LEFT JOIN ",
	    " FULL JOIN " };
	unsigned int	 n = roll(g, 10), k;
	size_t		 first;

	out(g, " FROM ");
	first = g->nitems;
	from_one(g);
	if (n >= 5 || g->nitems > 14)
		return;
	/* Joined by numbers, so that there are not too many rows. */
	k = roll(g, 2);
	out(g, "%s", joins[k]);
	from_one(g);
	out(g, " ON ");
	if (first + 2 == g->nitems) {
		size_t	 base = g->base;

		g->base = first;
		g->nitems--;
		out(g, "(");
		if (!column(g, INT))
			out(g, "1");
		g->nitems++;
		out(g, " = ");
		g->base = g->nitems - 1;
		if (!column(g, INT))
			out(g, "1");
		out(g, ")");
		g->base = base;
	} else
		out(g, "true");
	if (roll(g, 4) == 0) {
		out(g, " AND ");
		expr(g, BOOL);
	}
}

/* --- SELECT ------------------------------------------------------------ */

static void
aggregate(struct gen *g, enum type type)
{
	static const char *const aggs[NTYPES][4] = {
		[TEXT] = { "max(%T)", "min(%T)",
		    "string_agg(DISTINCT %T, ',')", "max(%T)" },
		[INT] = { "count(*)", "count(DISTINCT %T)", "sum(%I)",
		    "max(%I)" },
		[NUM] = { "sum(%N)", "avg(%I)", "max(%N)", "min(%N)" },
		[BOOL] = { "bool_or(%B)", "bool_and(%B)", "bool_or(%B)",
		    "every(%B)" },
		[TIME] = { "max(%Z)", "min(%Z)", "max(%Z)", "min(%Z)" },
	};

	form(g, aggs[type][roll(g, 4)]);
}

static void
window(struct gen *g, enum type type)
{
	if (type == INT)
		out(g, "rank() OVER (PARTITION BY ");
	else if (type == TEXT) {
		out(g, "max(");
		expr(g, TEXT);
		out(g, ") OVER (PARTITION BY ");
	} else {
		expr(g, type);
		return;
	}
	expr(g, TEXT);
	out(g, " ORDER BY ");
	expr(g, roll(g, 2) == 0 ? INT : TEXT);
	out(g, ")");
}

/*
 * The text comes before the FROM that gives it its columns: FROM is made
 * first and put behind.
 */
static void
select_list(struct gen *g, const enum type *types, size_t n, struct item *it)
{
	char		*tail;
	size_t		 start = g->len, i;
	unsigned int	 how = roll(g, 10);

	(void)it;
	from(g);
	tail = strdup(g->text + start);
	g->len = start;
	out(g, "SELECT %s", how == 9 ? "DISTINCT " : "");
	for (i = 0; i < n; i++) {
		out(g, "%s", i > 0 ? ", " : "");
		if (how < 2)
			aggregate(g, types[i]);
		else if (how == 2)
			window(g, types[i]);
		else
			expr(g, types[i]);
	}
	out(g, "%s", tail);
	free(tail);
	if (roll(g, 2) == 0) {
		out(g, " WHERE ");
		expr(g, BOOL);
	}
}

static void
grouped(struct gen *g)
{
	char	*tail, *key;
	size_t	 start = g->len;

	from(g);
	tail = strdup(g->text + start);
	g->len = start;
	expr(g, roll(g, 3) == 0 ? INT : TEXT);
	key = strdup(g->text + start);
	g->len = start;
	out(g, "SELECT %s, ", key);
	aggregate(g, INT);
	out(g, ", ");
	aggregate(g, TEXT);
	out(g, "%s GROUP BY %s", tail, roll(g, 2) == 0 ? "1" : key);
	if (roll(g, 3) == 0) {
		out(g, " HAVING ");
		aggregate(g, BOOL);
	}
	out(g, " ORDER BY 1, 2, 3 LIMIT 50");
	free(tail);
	free(key);
}

/* The whole row, in some form. */
static void
rows(struct gen *g)
{
	static const char *const how[] = { "*", "t1", "to_jsonb(t1)", "t1.*",
	    "row_to_json(t1)::text", "t1::text", "count(t1)",
	    "array_agg(t1::text ORDER BY t1::text)", "md5(t1::text)",
	    "json_build_array(t1)" };
	char	*tail;
	size_t	 start = g->len;

	from(g);
	tail = strdup(g->text + start);
	g->len = start;
	out(g, "SELECT %s%s", how[roll(g, 10)], tail);
	free(tail);
	if (roll(g, 2) == 0) {
		out(g, " WHERE ");
		expr(g, BOOL);
	}
}

static void
write_statement(struct gen *g)
{
	struct item	*it;

	switch (roll(g, 4)) {
	case 0:
		out(g, "UPDATE notes AS t1 SET n = ");
		it = new_item(g);
		it->cols[0] = tables[12].cols[0];
		it->cols[1] = tables[12].cols[1];
		it->ncols = 2;
		expr(g, INT);
		out(g, " WHERE ");
		expr(g, BOOL);
		out(g, " RETURNING *");
		break;
	case 1:
		out(g, "INSERT INTO notes (body, n) ");
		select_list(g, (const enum type[]){ TEXT, INT }, 2, NULL);
		out(g, " ORDER BY 1, 2 LIMIT 2 RETURNING body");
		break;
	case 2:
		out(g, "DELETE FROM notes WHERE id > 5 AND ");
		expr(g, BOOL);
		break;
	default:
		out(g, "UPDATE customers AS t1 SET city = city WHERE ");
		it = new_item(g);
		memcpy(it->cols, tables[0].cols, sizeof it->cols);
		it->ncols = 10;
		expr(g, BOOL);
		out(g, " RETURNING ");
		if (roll(g, 2) == 0)
			out(g, "t1.email, id, t1.*, card AS c");
		else
			expr(g, TEXT);
		break;
	}
}

char *
sqlgen(unsigned long seed)
{
	struct gen	 g;
	enum type	 types[4];
	size_t		 i, n;

	memset(&g, 0, sizeof g);
	g.state = (seed + 1) * 0x9e3779b97f4a7c15u;
	for (i = 0; i < 8; i++)
		roll(&g, 2);
	switch (roll(&g, 10)) {
	case 0:
	case 1:
		grouped(&g);
		break;
	case 2:
		rows(&g);
		break;
	case 3:
		write_statement(&g);
		break;
	default:
		n = 1 + roll(&g, 4);
		for (i = 0; i < n; i++)
			types[i] = (enum type)roll(&g, NTYPES);
		select_list(&g, types, n, NULL);
		/* Cut only where all of a row is ordered by. */
		if (roll(&g, 3) == 0) {
			for (i = 0; i < n; i++)
				out(&g, "%s%zu", i == 0 ? " ORDER BY " : ", ",
				    i + 1);
			out(&g, " LIMIT 20");
		}
		break;
	}
	return strdup(g.text);
}
