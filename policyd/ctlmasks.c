/*
 * policyctl masks: what is protected in a database, and why.
 *
 * Run by an administrator.  Names are the database's, and are escaped for a
 * terminal.
 */
#include "ctlmasks.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "ctl.h"
#include "ctlrequests.h"
#include "ipc_msgs.h"

struct masks {
	bool	 json, bad;
};

static void
print_row(const json_t *row)
{
	const char	*from;

	printf("  ");
	ctl_text(json_string_value(json_object_get(row, "name")));
	printf("  ");
	ctl_text(json_string_value(json_object_get(row, "mask")));
	printf("  ");
	ctl_text(json_string_value(json_object_get(row, "by")));
	from = json_string_value(json_object_get(row, "from"));
	if (from != NULL) {
		printf(" (");
		ctl_text(from);
		putchar(')');
	}
	putchar('\n');
}

static void
on_row(void *ctx, const char *text)
{
	struct masks	*m = ctx;
	json_t		*o = json_loads(text, 0, NULL);
	const json_t	*rows = json_object_get(o, "rows"), *row;
	const char	*profile, *error;
	size_t		 i;

	profile = json_string_value(json_object_get(o, "profile"));
	error = json_string_value(json_object_get(o, "error"));
	if (error != NULL || json_is_true(json_object_get(o, "cut")))
		m->bad = true;
	if (m->json) {
		puts(text);
		json_decref(o);
		return;
	}
	printf("profile ");
	ctl_text(profile != NULL ? profile : "?");
	putchar('\n');
	json_array_foreach(rows, i, row)
		print_row(row);
	if (m->bad)
		fprintf(stderr, "policyctl: %s\n", error != NULL ? error :
		    "there is more than can be listed");
	json_decref(o);
}

int
ctl_masks(const char *socket, bool json, const char *database,
    const char *profile)
{
	struct masks	 m = { json, false };
	json_t		*a = json_pack("{s:s, s:s*}", "database", database,
			    "profile", profile);
	char		*args = a == NULL ? NULL : json_dumps(a, JSON_COMPACT);
	int		 code = 1;

	json_decref(a);
	if (args == NULL)
		fprintf(stderr, "policyctl: that is no name\n");
	else
		code = ctl_call(socket, ROLE_PARENT, "masks", args, on_row,
		    &m);
	free(args);
	return code == 0 && m.bad ? 1 : code;
}
