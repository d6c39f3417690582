/*
 * Plans, as a server prints them.  The keeper runs it.  A server is not
 * trusted: what is not understood is an error, and a number that is none, or
 * below nothing, too.  Pure: no I/O.
 */
#include "plan.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <jansson.h>

#define DEPTH_MAX	200
/* Above this doubles are not whole numbers any more. */
#define NUMBER_MAX	1e15

static int
number(const json_t *node, const char *key, uint64_t *out)
{
	const json_t *v = json_object_get(node, key);
	double d = json_number_value(v);

	if (!json_is_number(v) || !(d >= 0))
		return -1;
	*out = (uint64_t)ceil(d > NUMBER_MAX ? NUMBER_MAX : d);
	return 0;
}

static bool
modifies(const json_t *node)
{
	const char *type = json_string_value(json_object_get(node,
	    "Node Type"));

	return type != NULL && strcmp(type, "ModifyTable") == 0;
}

/* Is it what the node above works on, and no InitPlan or SubPlan (a CTE)? */
static bool
feeds(const json_t *child)
{
	const char *how = json_string_value(json_object_get(child,
	    "Parent Relationship"));

	return how != NULL && (strcmp(how, "Outer") == 0 ||
	    strcmp(how, "Member") == 0);
}

/* The rows that each ModifyTable in it works on. */
static int
touched(const json_t *node, unsigned int depth, uint64_t *sum)
{
	const json_t *plans = json_object_get(node, "Plans"), *child;
	uint64_t rows;
	size_t i;

	if (depth > DEPTH_MAX || !json_is_object(node) ||
	    (plans != NULL && !json_is_array(plans)))
		return -1;
	for (i = 0; i < json_array_size(plans); i++) {
		child = json_array_get(plans, i);
		if (modifies(node) && feeds(child)) {
			if (number(child, "Plan Rows", &rows) == -1)
				return -1;
			*sum += rows;
		}
		if (touched(child, depth + 1, sum) == -1)
			return -1;
	}
	return 0;
}

int
plan_read(const char *json, uint64_t *rows, uint64_t *cost)
{
	json_t *all = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
	const json_t *plan = json_object_get(json_array_get(all, 0), "Plan");
	uint64_t sum = 0;
	int r = -1;

	if (json_is_array(all) && json_array_size(all) == 1 &&
	    number(plan, "Plan Rows", rows) == 0 &&
	    number(plan, "Total Cost", cost) == 0 &&
	    touched(plan, 0, &sum) == 0) {
		if (sum > *rows)
			*rows = sum;
		r = 0;
	}
	json_decref(all);
	return r;
}
