/*
 * Which settings a session may change: see settings.h.
 *
 * Runs in the parent and in the engine; names and values are a client's.  No
 * I/O, no state.
 */
#include "settings.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sqlnames.h"

#define NAME_MAX_LEN	127

/* What drivers send when they connect, whatever a profile lists. */
static const char *const customary[] = { "application_name",
    "client_encoding", "datestyle", "extra_float_digits", "intervalstyle",
    "timezone" };

/* No settings, or ones that have a kind of statement of their own. */
static const char *const others[] = { "user", "database", "options",
    "replication", "role", "session_authorization", "is_superuser" };

/* guc.c of the server has these, map_old_guc_names[]. */
static const char *const renamed[][2] = {
	{ "sort_mem", "work_mem" },
	{ "vacuum_mem", "maintenance_work_mem" },
	{ "ssl_ecdh_curve", "ssl_groups" },
};

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))

static bool
one_of(const char *name, const char *const *list, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

/* As the server compares them: letters of ASCII in any case, old names as the
 * new.  False: longer than any. */
static bool
canonical(const char *name, char out[NAME_MAX_LEN + 1])
{
	size_t	 i;

	for (i = 0; name[i] != '\0'; i++) {
		if (i == NAME_MAX_LEN)
			return false;
		out[i] = name[i] >= 'A' && name[i] <= 'Z' ?
		    (char)(name[i] - 'A' + 'a') : name[i];
	}
	out[i] = '\0';
	for (i = 0; i < NELEM(renamed); i++)
		if (strcmp(out, renamed[i][0]) == 0)
			strcpy(out, renamed[i][1]);
	return true;
}

static bool
same(const char *a, const char *canon)
{
	char	 b[NAME_MAX_LEN + 1];

	return canonical(a, b) && strcmp(b, canon) == 0;
}

/* A glob opens what is pinned to nobody. */
static bool
named_exactly(const struct profile *p, const char *canon)
{
	size_t	 i;

	for (i = 0; i < p->settings_allow.n; i++)
		if (same(p->settings_allow.v[i], canon))
			return true;
	return false;
}

static bool
listed(const struct profile *p, const char *canon)
{
	size_t	 i;

	for (i = 0; i < p->settings_allow.n; i++)
		if (glob_match(p->settings_allow.v[i], canon, strlen(canon)) ||
		    same(p->settings_allow.v[i], canon))
			return true;
	return false;
}

bool
settings_pinned(const struct profile *p, size_t i)
{
	char	 canon[NAME_MAX_LEN + 1];

	return !canonical(p->settings[i].name, canon) ||
	    !named_exactly(p, canon);
}

static bool
pinned(const struct profile *p, const char *canon)
{
	size_t	 i;

	for (i = 0; i < p->nsettings; i++)
		if (same(p->settings[i].name, canon))
			return settings_pinned(p, i);
	return false;
}

bool
settings_limited(const struct profile *p)
{
	size_t	 i;

	if (p->settings_closed)
		return true;
	for (i = 0; i < p->nsettings; i++)
		if (settings_pinned(p, i))
			return true;
	return false;
}

/* A transaction's own modes are what default_transaction_... stands for. */
static bool
is_mode(const char *canon)
{
	return strcmp(canon, "transaction_isolation") == 0 ||
	    strcmp(canon, "transaction_read_only") == 0 ||
	    strcmp(canon, "transaction_deferrable") == 0;
}

enum setting_leave
settings_leave(const struct profile *p, const char *name)
{
	char	 canon[NAME_MAX_LEN + 1], dflt[NAME_MAX_LEN + 1 + 8];

	if (!canonical(name, canon))
		return p->settings_closed ? SETTING_UNLISTED : SETTING_FREE;
	if (pinned(p, canon))
		return SETTING_PINNED;
	if (is_mode(canon)) {
		snprintf(dflt, sizeof(dflt), "default_%s", canon);
		return pinned(p, dflt) ? SETTING_PINNED : SETTING_FREE;
	}
	if (!p->settings_closed || listed(p, canon) ||
	    one_of(canon, customary, NELEM(customary)) ||
	    one_of(canon, others, NELEM(others)))
		return SETTING_FREE;
	return SETTING_UNLISTED;
}

void
settings_why(const struct profile *p, const char *name,
    enum setting_leave leave, char *out, size_t size)
{
	if (leave == SETTING_PINNED)
		snprintf(out, size, "setting \"%.63s\" is pinned by "
		    "\"settings\" of profile \"%s\"", name, p->key);
	else
		snprintf(out, size, "setting \"%.63s\" is not in "
		    "\"settings.allow\" of profile \"%s\"", name, p->key);
}

bool
settings_masked(const char *name, const char *value)
{
	static const char *const levels[] = { "notice", "warning", "error" };
	char	 canon[NAME_MAX_LEN + 1];
	size_t	 i;

	if (!canonical(name, canon))
		return false;
	if (strcmp(canon, "client_min_messages") == 0) {
		for (i = 0; value != NULL && i < NELEM(levels); i++)
			if (strcasecmp(value, levels[i]) == 0)
				return true;
		return false;
	}
	return strcmp(canon, "client_encoding") == 0 ||
	    strcmp(canon, "standard_conforming_strings") == 0 ||
	    sqlname_setting(canon);
}

static bool
startup(const struct profile *p, const char *name, const char *value,
    char *why, size_t size)
{
	enum setting_leave	 leave = settings_leave(p, name);
	char			 canon[NAME_MAX_LEN + 1];
	bool			 known = canonical(name, canon);

	if (known && one_of(canon, customary, NELEM(customary)))
		return true;
	if (leave == SETTING_PINNED) {
		settings_why(p, name, leave, why, size);
		return false;
	}
	if (known && p->settings_closed && leave == SETTING_FREE &&
	    !one_of(canon, others, NELEM(others)) && !is_mode(canon) &&
	    strncmp(canon, "_pq_.", 5) != 0 &&
	    strcmp(canon, "standard_conforming_strings") != 0 &&
	    (p->nmasks == 0 || settings_masked(name, value)))
		return true;
	snprintf(why, size, "startup parameter \"%.63s\" is not allowed: "
	    "\"settings.allow\" of profile \"%s\" does not name it", name,
	    p->key);
	return false;
}

/* The next pair; false: the end, or *bad. */
static bool
next_pair(const uint8_t *p, size_t len, size_t *at, const char **name,
    const char **value, bool *bad)
{
	const uint8_t	*end;

	*bad = false;
	if (*at == len)
		return false;
	*name = (const char *)p + *at;
	if ((end = memchr(p + *at, '\0', len - *at)) == NULL ||
	    end == p + *at)
		goto bad;
	*at = (size_t)(end - p) + 1;
	*value = (const char *)p + *at;
	if (*at == len ||
	    (end = memchr(p + *at, '\0', len - *at)) == NULL)
		goto bad;
	*at = (size_t)(end - p) + 1;
	return true;
bad:
	*bad = true;
	return false;
}

bool
settings_params(const struct profile *pr, const uint8_t *p, size_t len,
    char *why, size_t size)
{
	const char	*name, *value;
	size_t		 at = 0;
	bool		 bad;

	while (next_pair(p, len, &at, &name, &value, &bad))
		if (!startup(pr, name, value, why, size))
			return false;
	if (bad)
		snprintf(why, size, "the startup parameters are malformed");
	return !bad;
}

bool
settings_params_have(const uint8_t *p, size_t len, const char *wanted)
{
	char		 canon[NAME_MAX_LEN + 1];
	const char	*name, *value;
	size_t		 at = 0;
	bool		 bad;

	if (!canonical(wanted, canon))
		return false;
	while (next_pair(p, len, &at, &name, &value, &bad))
		if (same(name, canon))
			return true;
	return false;
}
