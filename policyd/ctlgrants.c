/*
 * The part of policyctl that gives and takes grants.  Run by an approver or on
 * his behalf.  Subjects are an issuer's: they are escaped for a terminal.
 */
#include "ctlgrants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "ctl.h"
#include "ctlrequests.h"
#include "ipc_msgs.h"

/* --- the list -------------------------------------------------------------------- */

static void
print_list(const json_t *list)
{
	const json_t	*v;
	size_t		 i;

	json_array_foreach(list, i, v) {
		if (i > 0)
			printf(", ");
		if (json_string_value(v) != NULL)
			ctl_text(json_string_value(v));
	}
}

static void
print_grant(const json_t *o)
{
	time_t		 t;
	struct tm	 tm;
	char		 ends[32] = "";

	t = (time_t)json_integer_value(json_object_get(o, "ends"));
	if (gmtime_r(&t, &tm) != NULL)
		strftime(ends, sizeof(ends), "%Y-%m-%d %H:%M:%S UTC", &tm);
	printf("%-8lld %-24s %-9lld ", (long long)json_integer_value(
	    json_object_get(o, "grant")), ends, (long long)json_integer_value(
	    json_object_get(o, "sessions")));
	ctl_text(json_string_value(json_object_get(o, "profile")));
	printf("  ");
	ctl_text(json_string_value(json_object_get(o, "subject")));
	if (json_array_size(json_object_get(o, "actors")) > 0) {
		printf(" (acting: ");
		print_list(json_object_get(o, "actors"));
		printf(")");
	}
	printf("  by ");
	print_list(json_object_get(o, "approvers"));
	putchar('\n');
}

struct listing {
	bool	json;
	size_t	n;
};

static void
row_grant(void *ctx, const char *json)
{
	struct listing	*l = ctx;
	json_t		*o;

	if (l->json) {
		puts(json);
		return;
	}
	if (l->n++ == 0)
		printf("%-8s %-24s %-9s %s\n", "GRANT", "ENDS", "SESSIONS",
		    "PROFILE  SUBJECT  BY");
	if ((o = json_loads(json, 0, NULL)) != NULL)
		print_grant(o);
	json_decref(o);
}

int
ctl_grants(const char *socket, bool json)
{
	struct listing	l = { json, 0 };

	return ctl_call(socket, ROLE_PARENT, "grants", "{}", row_grant, &l);
}

static void
row_lease(void *ctx, const char *json)
{
	struct listing	*l = ctx;
	json_t		*o;
	json_int_t	 left;

	if (l->json) {
		puts(json);
		return;
	}
	if ((o = json_loads(json, 0, NULL)) == NULL)
		return;
	left = json_integer_value(json_object_get(o, "ends")) -
	    (json_int_t)time(NULL);
	printf("%s%lld: %lld of ", l->n++ > 0 ? "\n" : "",
	    (long long)json_integer_value(json_object_get(o, "lease")),
	    (long long)json_integer_value(json_object_get(o, "left")));
	ctl_text(json_string_value(json_object_get(o, "subject")));
	printf(" left, for %llds, by ", (long long)(left < 0 ? 0 : left));
	ctl_text(json_string_value(json_object_get(o, "approver")));
	printf(":\n    | ");
	ctl_text(json_string_value(json_object_get(o, "shape")));
	putchar('\n');
	json_decref(o);
}

int
ctl_leases(const char *socket, bool json)
{
	struct listing	l = { json, 0 };

	return ctl_call(socket, ROLE_PARENT, "leases", "{}", row_lease, &l);
}

/* --- giving and taking -------------------------------------------------------------- */

json_int_t
ctl_duration(const char *s)
{
	static const struct {
		char		unit;
		json_int_t	ms;
	} units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 },
	    { 'd', 86400000 } };
	char		*end;
	long		 v = strtol(s, &end, 10);
	size_t		 i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (*s >= '0' && *s <= '9' && v >= 1 && v <= 100000 &&
		    *end == units[i].unit && end[1] == '\0')
			return v * units[i].ms;
	fprintf(stderr, "policyctl: \"%s\" is no duration such as 90s, 30m "
	    "or 2h\n", s);
	return 0;
}

static void
row_given(void *ctx, const char *json)
{
	const struct ctl_grant	*g = ctx;
	json_t			*o = json_loads(json, 0, NULL);
	long long		 n, lacks;

	n = (long long)json_integer_value(json_object_get(o, "request"));
	lacks = (long long)(json_integer_value(json_object_get(o,
	    "minimum")) - json_integer_value(json_object_get(o,
	    "approvals")));
	if (g->json)
		puts(json);
	else if (lacks > 0)
		printf("request %lld waits for %lld more to approve it\n", n,
		    lacks);
	else
		printf("grant %lld for %lld seconds\n", n,
		    (long long)json_integer_value(json_object_get(o,
		    "grant_for")));
	json_decref(o);
}

/* Takes `o`; the token is read here, so that it is in no list of processes. */
static int
call(const char *socket, const char *verb, json_t *o, const char *token_file,
    ctl_row *row, void *ctx)
{
	char	*token = NULL, *args = NULL;
	int	 code = 1;

	if (token_file != NULL && (token = ctl_token(token_file)) == NULL) {
		json_decref(o);
		return 1;
	}
	if (o != NULL && (token == NULL || json_object_set_new(o, "token",
	    json_string(token)) == 0))
		args = json_dumps(o, JSON_COMPACT);
	if (args == NULL)
		fprintf(stderr, "policyctl: the arguments are not UTF-8\n");
	else {
		code = ctl_call(socket, ROLE_PARENT, verb, args, row, ctx);
		explicit_bzero(args, strlen(args));
	}
	free(args);
	json_decref(o);
	if (token != NULL)
		explicit_bzero(token, strlen(token));
	free(token);
	return code;
}

int
ctl_grant(const char *socket, const struct ctl_grant *g)
{
	json_int_t	 ms = 0;
	json_t		*o;

	if (g->lasting != NULL && (ms = ctl_duration(g->lasting)) == 0)
		return 1;
	o = json_pack("{s:s, s:s, s:s, s:s*, s:s*, s:I}", "subject",
	    g->subject, "profile", g->profile, "reason", g->reason, "issuer",
	    g->issuer, "actor", g->actor, "for", ms);
	return call(socket, "grant", o, g->token_file, row_given,
	    (void *)(uintptr_t)g);
}

int
ctl_revoke(const char *socket, const char *number, const char *token_file,
    const char *reason)
{
	json_int_t	n;

	if (ctl_number(number, &n) == -1)
		return 1;
	return call(socket, "revoke", json_pack("{s:I, s:s*}", "request", n,
	    "reason", reason), token_file, NULL, NULL);
}
