/*
 * `hours:`, `networks:` and `client:` of profiles and rules in policy.yaml.  For every process of
 * policyd; see policy.c for what is trusted and how it fails.
 */
#include <stdlib.h>
#include <string.h>

#include "hours.h"
#include "network.h"
#include "policy_impl.h"

#define ZONE_MAX	63

struct raw_hours {
	struct conf_strings	 days;
	char			*from, *to, *zone;
};

#define RAW(member)	offsetof(struct raw_hours, member)
static const struct conf_key hours_keys[] = {
	{ .name = "days", .type = CONF_STRINGS, .offset = RAW(days),
	  .dflt = "mon-sun" },
	{ .name = "from", .type = CONF_STRING, .offset = RAW(from),
	  .dflt = "00:00" },
	{ .name = "to", .type = CONF_STRING, .offset = RAW(to),
	  .dflt = "24:00" },
	{ .name = "zone", .type = CONF_STRING, .offset = RAW(zone),
	  .dflt = "UTC" }
};
static const struct conf_sub hours_sub = POLICY_MAP(hours_keys);
const struct conf_sub policy_hours_sub = POLICY_LIST(hours_sub);

/* --- hours -------------------------------------------------------------------- */

static int
time_of(const struct conf *c, const struct conf_node *map, const char *where,
    const char *key, const char *s, unsigned int *out, struct conf_error *err)
{
	const struct conf_node	*node = conf_get(map, key);
	int			 m = hours_minutes(s);

	if (m == -1)
		return conf_fail(c, node == NULL ? map : node, err,
		    "%s.%s: expected a time of day such as \"08:30\"", where,
		    key);
	*out = (unsigned int)m;
	return 0;
}

static int
take_hours(const struct conf *c, const struct conf_node *map,
    const char *where, const struct raw_hours *raw, struct hours *h,
    struct conf_error *err)
{
	uint8_t	days;
	size_t	i;

	for (i = 0; i < raw->days.n; i++) {
		if ((days = hours_days(raw->days.v[i])) == 0)
			return conf_fail(c, policy_item(map, "days", i), err,
			    "%s.days: expected days such as mon or mon-fri",
			    where);
		h->days |= days;
	}
	if (time_of(c, map, where, "from", raw->from, &h->from, err) == -1 ||
	    time_of(c, map, where, "to", raw->to, &h->to, err) == -1 ||
	    policy_text(c, map, where, "zone", raw->zone, ZONE_MAX, err) == -1)
		return -1;
	if (h->from == h->to || h->from == 24 * 60)
		return conf_fail(c, map, err, "%s: from and to leave no time "
		    "between them", where);
	if ((h->zone = strdup(raw->zone)) == NULL)
		return conf_fail(c, map, err, "out of memory");
	return 0;
}

int
policy_hours_parse(const struct conf *c, const struct conf_node *list,
    const char *at, struct hours **hours, size_t *n, struct conf_error *err)
{
	struct raw_hours	 raw;
	char			 where[POLICY_WHERE];
	size_t			 i;
	int			 rc = 0;

	if (list->kind != CONF_LIST || list->n == 0)
		return conf_fail(c, list, err, "%s.hours: expected a list", at);
	if ((*hours = calloc(list->n, sizeof(**hours))) == NULL)
		return conf_fail(c, list, err, "out of memory");
	for (i = 0; i < list->n && rc == 0; i++) {
		policy_where(where, "%s.hours[%zu]", at, i);
		memset(&raw, 0, sizeof(raw));
		rc = conf_fill(c, list->items[i], where, hours_keys,
		    POLICY_NELEM(hours_keys), &raw, err);
		if (rc == 0)
			rc = take_hours(c, list->items[i], where, &raw,
			    &(*hours)[(*n)++], err);
		conf_release(hours_keys, POLICY_NELEM(hours_keys), &raw);
	}
	return rc;
}

static void
print_hours(FILE *fp, int in, const struct hours *h)
{
	static const char *const	 names[] = { "sun", "mon", "tue",
					    "wed", "thu", "fri", "sat" };
	const char			*sep = "";
	int				 d;

	fprintf(fp, "%*s- days: [", in, "");
	for (d = 1; d <= 7; d++)
		if (h->days & 1u << d % 7) {
			fprintf(fp, "%s%s", sep, names[d % 7]);
			sep = ", ";
		}
	in += 2;
	fprintf(fp, "]\n%*sfrom: \"%02u:%02u\"\n%*sto: \"%02u:%02u\""
	    "\n%*szone: ", in, "", h->from / 60, h->from % 60, in, "",
	    h->to / 60, h->to % 60, in, "");
	conf_print_scalar(fp, h->zone);
	putc('\n', fp);
}

void
policy_hours_free(struct hours *h, size_t n)
{
	size_t	i;

	for (i = 0; i < n; i++)
		free(h[i].zone);
	free(h);
}

void
policy_hours_print(FILE *fp, int indent, const struct hours *h, size_t n)
{
	size_t	i;

	if (n > 0)
		fprintf(fp, "%*shours:\n", indent, "");
	for (i = 0; i < n; i++)
		print_hours(fp, indent + 2, &h[i]);
}

/* --- networks ----------------------------------------------------------------- */

int
policy_networks_parse(const struct conf *c, const struct conf_node *map,
    const char *where, const char *key, const struct conf_strings *s,
    struct network **nets, struct conf_error *err)
{
	const char	*why;
	size_t		 i;

	if (s->n == 0)
		return 0;
	if ((*nets = calloc(s->n, sizeof(**nets))) == NULL)
		return conf_fail(c, map, err, "out of memory");
	for (i = 0; i < s->n; i++)
		if (network_parse(s->v[i], &(*nets)[i], &why) == -1)
			return conf_fail(c, policy_item(map, key, i), err,
			    "%s.%s: %s", where, key, why);
	return 0;
}
