/*
 * Who acts for whom.  Runs in the parent.  The claim is signed, but its shape
 * is the issuer's: what is not an object with a `sub` is somebody of whom no
 * name is known.
 */
#include "actors.h"

#include <string.h>

static const char *
name_of(const json_t *act)
{
	return json_string_value(json_object_get(act, "sub"));
}

bool
actors_named(const json_t *act, const char *name)
{
	for (; act != NULL; act = json_object_get(act, "act"))
		if (name_of(act) != NULL && strcmp(name_of(act), name) == 0)
			return true;
	return false;
}

bool
actors_same(const json_t *a, const json_t *b)
{
	for (; a != NULL && b != NULL; a = json_object_get(a, "act"),
	    b = json_object_get(b, "act"))
		if ((name_of(a) == NULL) != (name_of(b) == NULL) ||
		    (name_of(a) != NULL && strcmp(name_of(a),
		    name_of(b)) != 0))
			return false;
	return a == NULL && b == NULL;
}

json_t *
actors_list(const json_t *act)
{
	json_t	*list = json_array();

	for (; act != NULL; act = json_object_get(act, "act"))
		json_array_append_new(list, json_string(name_of(act) != NULL ?
		    name_of(act) : "?"));
	return list;
}
