/*
 * `caps:` of a profile and of a rule in policy.yaml: how much one statement
 * may answer, and how many rows it may touch.  For every process of policyd;
 * see policy.c for what is trusted and how it fails.
 */
#include "policy_impl.h"

#define ROWS_MAX	1000000000000000u

#define CAPS(member)	offsetof(struct caps, member)
static const struct conf_key caps_keys[] = {
	{ .name = "rows", .type = CONF_INT, .offset = CAPS(rows), .dflt = "",
	  .min = 1, .max = ROWS_MAX },
	{ .name = "bytes", .type = CONF_SIZE, .offset = CAPS(bytes),
	  .dflt = "", .min = 1 },
	{ .name = "affected", .type = CONF_INT, .offset = CAPS(affected),
	  .dflt = "", .min = 1, .max = ROWS_MAX }
};
const struct conf_sub policy_caps_sub = POLICY_MAP(caps_keys);

bool
caps_any(const struct caps *c)
{
	return c->rows != 0 || c->bytes != 0 || c->affected != 0;
}

static void
lower(uint64_t *to, uint64_t by)
{
	if (by != 0 && (*to == 0 || by < *to))
		*to = by;
}

void
caps_lower(struct caps *to, const struct caps *by)
{
	lower(&to->rows, by->rows);
	lower(&to->bytes, by->bytes);
	lower(&to->affected, by->affected);
}

int
policy_caps_parse(const struct conf *c, const struct conf_node *map,
    const char *at, struct caps *caps, struct conf_error *err)
{
	const struct conf_node	*node = conf_get(map, "caps");
	char			 where[POLICY_WHERE];

	if (node == NULL)
		return 0;
	policy_where(where, "%s.caps", at);
	if (conf_fill(c, node, where, caps_keys, POLICY_NELEM(caps_keys),
	    caps, err) == -1)
		return -1;
	return caps_any(caps) ? 0 : conf_fail(c, node, err,
	    "%s: an empty map caps nothing: leave it out", where);
}

void
policy_caps_print(FILE *fp, int indent, const struct caps *caps)
{
	if (!caps_any(caps))
		return;
	policy_print_key(fp, indent, "caps");
	conf_print(fp, indent + 2, caps_keys, POLICY_NELEM(caps_keys), caps);
}
