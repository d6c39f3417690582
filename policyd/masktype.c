/*
 * PostgreSQL's types and what masks fit them; policy.yaml(5) has the table
 * again, and tests/e2e/test_masks.c holds the two against each other.
 *
 * Runs in the engine.
 */
#include "masktype.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct type {
	const char	*name, *redact;
	enum mask_class	 class;
} types[] = {	/* sorted */
	{ "bigint", "0", MASK_OF_INTEGER },
	{ "bit varying", "", MASK_OF_CONSTANT },
	{ "boolean", "false", MASK_OF_CONSTANT },
	{ "box", "((0,0),(0,0))", MASK_OF_CONSTANT },
	{ "bytea", "", MASK_OF_BYTES },
	{ "cidr", "0.0.0.0/0", MASK_OF_CONSTANT },
	{ "circle", "<(0,0),0>", MASK_OF_CONSTANT },
	{ "date", "2000-01-01", MASK_OF_DATE },
	{ "datemultirange", "{}", MASK_OF_CONSTANT },
	{ "daterange", "empty", MASK_OF_CONSTANT },
	{ "double precision", "0", MASK_OF_FLOAT },
	{ "inet", "0.0.0.0", MASK_OF_CONSTANT },
	{ "int4multirange", "{}", MASK_OF_CONSTANT },
	{ "int4range", "empty", MASK_OF_CONSTANT },
	{ "int8multirange", "{}", MASK_OF_CONSTANT },
	{ "int8range", "empty", MASK_OF_CONSTANT },
	{ "integer", "0", MASK_OF_INTEGER },
	{ "interval", "0", MASK_OF_CONSTANT },
	{ "json", "null", MASK_OF_CONSTANT },
	{ "jsonb", "null", MASK_OF_CONSTANT },
	{ "jsonpath", "$", MASK_OF_CONSTANT },
	{ "lseg", "[(0,0),(0,0)]", MASK_OF_CONSTANT },
	{ "macaddr", "00:00:00:00:00:00", MASK_OF_CONSTANT },
	{ "macaddr8", "00:00:00:00:00:00:00:00", MASK_OF_CONSTANT },
	{ "money", "0", MASK_OF_CONSTANT },
	{ "numeric", "0", MASK_OF_INTEGER },
	{ "nummultirange", "{}", MASK_OF_CONSTANT },
	{ "numrange", "empty", MASK_OF_CONSTANT },
	{ "oid", "0", MASK_OF_CONSTANT },
	{ "path", "((0,0))", MASK_OF_CONSTANT },
	{ "pg_lsn", "0/0", MASK_OF_CONSTANT },
	{ "point", "(0,0)", MASK_OF_CONSTANT },
	{ "polygon", "((0,0))", MASK_OF_CONSTANT },
	{ "real", "0", MASK_OF_FLOAT },
	{ "smallint", "0", MASK_OF_INTEGER },
	{ "time with time zone", "00:00:00+00", MASK_OF_CONSTANT },
	{ "time without time zone", "00:00:00", MASK_OF_CONSTANT },
	{ "timestamp with time zone", "2000-01-01 00:00:00+00",
	    MASK_OF_INSTANT },
	{ "timestamp without time zone", "2000-01-01 00:00:00",
	    MASK_OF_TIME },
	{ "tsmultirange", "{}", MASK_OF_CONSTANT },
	{ "tsquery", "", MASK_OF_CONSTANT },
	{ "tsrange", "empty", MASK_OF_CONSTANT },
	{ "tstzmultirange", "{}", MASK_OF_CONSTANT },
	{ "tstzrange", "empty", MASK_OF_CONSTANT },
	{ "tsvector", "", MASK_OF_CONSTANT },
	{ "uuid", "00000000-0000-0000-0000-000000000000", MASK_OF_UUID },
	{ "xml", "", MASK_OF_CONSTANT },
};

static int
by_name(const void *key, const void *elem)
{
	return strcmp(key, ((const struct type *)elem)->name);
}

/* "timestamp(3) without time zone" without "(3)"; false: too long. */
static bool
plain_name(const char *t, char *name, size_t size)
{
	bool	 inside = false;
	size_t	 n = 0;

	for (; *t != '\0'; t++) {
		if (*t == '(')
			inside = true;
		if (!inside) {
			if (n + 1 >= size)
				return false;
			name[n++] = *t;
		}
		if (*t == ')')
			inside = false;
	}
	name[n] = '\0';
	return true;
}

enum mask_class
mask_class(const struct cat_col *col, const char **redact)
{
	const struct type	*t;
	char			 name[64];

	*redact = NULL;
	/* A constant may violate the CHECK of a domain; NULL does it least. */
	if (col->domain)
		return MASK_OF_OTHER;
	if (col->category == 'S') {
		*redact = "***";
		return MASK_OF_STRING;
	}
	if (col->category == 'A') {
		*redact = "{}";
		return MASK_OF_CONSTANT;
	}
	if (!plain_name(col->type_name, name, sizeof(name)))
		return MASK_OF_OTHER;
	/* "interval year to month" */
	if (strncmp(name, "interval ", 9) == 0)
		name[8] = '\0';
	t = bsearch(name, types, sizeof(types) / sizeof(types[0]),
	    sizeof(types[0]), by_name);
	if (t == NULL)
		return MASK_OF_OTHER;
	*redact = t->redact;
	return t->class;
}

/* Other strings (an extension's citext) may have an equality of their own. */
bool
mask_token_fits(const struct cat_col *col, enum mask_class class)
{
	static const char *const strings[] = { "text", "name",
	    "character varying", "character" };
	const char	*mod = strchr(col->type_name, '(');
	char		 name[64];
	size_t		 i;

	if (class == MASK_OF_BYTES || class == MASK_OF_UUID)
		return true;
	/* Smaller numbers would have the same token by chance. */
	if (class == MASK_OF_INTEGER)
		return strcmp(col->type_name, "bigint") == 0;
	if (class != MASK_OF_STRING ||
	    !plain_name(col->type_name, name, sizeof(name)) ||
	    (mod != NULL && atoi(mod + 1) < MASK_TOKEN_LENGTH))
		return false;
	/* "character" alone is character(1), and is printed with it. */
	for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		if (strcmp(name, strings[i]) == 0)
			return true;
	return false;
}
