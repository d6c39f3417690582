/*
 * policyctl schema: policy.yaml for editors, as JSON Schema.
 *
 * Runs in policyctl.  It reads nothing but the program's own tables (conf.h),
 * the ones that the parser fills from, so that it cannot differ from them.  A
 * YAML parser gives an editor numbers and truth values where ours, which knows
 * what is wanted, takes the word: strings may be any of these.
 */
#include "schema.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

/* Among the definitions: a key of which the table says nothing. */
#define UNKNOWN	"(unknown)"

static json_t	*of_sub(const struct conf_sub *, json_t *defs);

/* A string, however it is written. */
static json_t *
any_scalar(void)
{
	return json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean");
}

/* Words that YAML takes for something else are that in an editor's eyes. */
static void
add_word(json_t *list, const char *word)
{
	json_array_append_new(list, json_string(word));
	if (strcmp(word, "true") == 0)
		json_array_append_new(list, json_true());
	else if (strcmp(word, "false") == 0)
		json_array_append_new(list, json_false());
	else if (strcmp(word, "null") == 0)
		json_array_append_new(list, json_null());
}

static json_t *
words(const char *const *choices)
{
	json_t	*o = json_object(), *list = json_array();
	size_t	 i;

	for (i = 0; choices[i] != NULL; i++)
		if (choices[i][0] != '\0')
			add_word(list, choices[i]);
	json_object_set_new(o, "enum", list);
	return o;
}

static json_t *
number(uint64_t min, uint64_t max)
{
	json_t	*o = json_pack("{s:s, s:I}", "type", "integer", "minimum",
		    (json_int_t)min);

	if (max != 0 && max <= INT64_MAX)
		json_object_set_new(o, "maximum",
		    json_integer((json_int_t)max));
	return o;
}

/* Digits and a unit, or a bare 0 (or any number, where `bare`). */
static json_t *
quantity(const char *pattern, bool bare)
{
	json_t	*n = bare ? number(0, 0) : json_pack("{s:i}", "const", 0);

	return json_pack("{s:[{s:s, s:s}, o]}", "anyOf", "type", "string",
	    "pattern", pattern, n);
}

/* One, or a list of them. */
static json_t *
strings(const char *const *choices)
{
	json_t	*one = choices != NULL ? words(choices) : any_scalar();
	json_t	*many = json_pack("{s:s, s:i, s:O}", "type", "array",
		    "minItems", 1, "items", one);

	return json_pack("{s:[o, o]}", "anyOf", one, many);
}

static json_t *
of_type(enum conf_type type, const char *const *choices, uint64_t min,
    uint64_t max)
{
	switch (type) {
	case CONF_BOOL:
		return json_pack("{s:s}", "type", "boolean");
	case CONF_INT:
		return number(min, max);
	case CONF_DURATION:
		return quantity("^[0-9]+(ms|s|m|h|d)$", false);
	case CONF_SIZE:
		return quantity("^[0-9]+(KiB|MiB|GiB)?$", true);
	case CONF_ENUM:
		return words(choices);
	case CONF_STRINGS:
		return strings(choices);
	case CONF_PATH:
	case CONF_STRING:
	case CONF_CUSTOM:
		break;
	}
	return any_scalar();
}

/* As it would stand in the file; numbers with a unit are words there. */
static json_t *
default_of(const struct conf_key *k)
{
	if (k->type == CONF_BOOL)
		return json_boolean(strcmp(k->dflt, "true") == 0);
	if (k->type == CONF_INT)
		return json_integer(strtoll(k->dflt, NULL, 10));
	return json_string(k->dflt);
}

static json_t *
properties(const struct conf_sub *s, json_t *need, json_t *defs)
{
	const struct conf_key	*k;
	json_t			*props = json_object(), *v;
	size_t			 i;

	for (i = 0; i < s->n; i++) {
		k = &s->keys[i];
		if (k->type == CONF_CUSTOM && k->sub == NULL)
			json_object_set_new(defs, UNKNOWN,
			    json_string(k->name));
		v = k->type == CONF_CUSTOM && k->sub != NULL ?
		    of_sub(k->sub, defs) :
		    of_type(k->type, k->choices, k->min, k->max);
		if (k->dflt != NULL && k->dflt[0] != '\0')
			json_object_set_new(v, "default", default_of(k));
		if (k->dflt == NULL)
			json_array_append_new(need, json_string(k->name));
		json_object_set_new(props, k->name, v);
	}
	return props;
}

static json_t *
of_map(const struct conf_sub *s, json_t *defs)
{
	json_t	*need = json_array();
	json_t	*props = properties(s, need, defs), *o;

	o = json_pack("{s:s, s:b, s:o}", "type", "object",
	    "additionalProperties", 0, "properties", props);
	if (json_array_size(need) > 0)
		json_object_set_new(o, "required", need);
	else
		json_decref(need);
	return o;
}

static json_t *
of_names(const struct conf_sub *s, json_t *defs)
{
	json_t	*need = json_array();
	json_t	*o = json_pack("{s:s, s:o, s:o}", "type", "object",
		    "additionalProperties", of_sub(s->of, defs),
		    "properties", properties(s, need, defs));

	json_decref(need);
	if (s->pattern != NULL)
		json_object_set_new(o, "propertyNames", json_pack("{s:s}",
		    "pattern", s->pattern));
	return o;
}

static json_t *
of_form(const struct conf_sub *s, json_t *defs)
{
	switch (s->form) {
	case CONF_FORM_MAP:
		return of_map(s, defs);
	case CONF_FORM_LIST:
		return json_pack("{s:s, s:i, s:o}", "type", "array",
		    "minItems", 1, "items", of_sub(s->of, defs));
	case CONF_FORM_NAMES:
		return of_names(s, defs);
	case CONF_FORM_OR:
		return json_pack("{s:[o, o]}", "anyOf", of_sub(s->of, defs),
		    of_sub(s->other, defs));
	case CONF_FORM_VALUE:
		break;
	}
	return of_type(s->type, s->choices, 0, 0);
}

/* What holds itself is described once, and referred to. */
static json_t *
of_sub(const struct conf_sub *s, json_t *defs)
{
	json_t	*ref, *v;
	char	 path[80];

	if (s->name == NULL)
		return of_form(s, defs);
	snprintf(path, sizeof(path), "#/definitions/%s", s->name);
	ref = json_pack("{s:s}", "$ref", path);
	if (json_object_get(defs, s->name) == NULL) {
		/* Stands there before it is walked: no walk without end. */
		json_object_set_new(defs, s->name, json_object());
		v = of_form(s, defs);
		json_object_set_new(defs, s->name, v);
	}
	return ref;
}

int
schema_print(const char *title, const struct conf_sub *s, FILE *fp)
{
	json_t		*o, *defs = json_object();
	const char	*unknown;
	int		 rc;

	o = json_pack("{s:s, s:s}", "$schema",
	    "http://json-schema.org/draft-07/schema#", "title", title);
	json_object_update_new(o, of_sub(s, defs));
	json_object_set_new(o, "definitions", defs);
	unknown = json_string_value(json_object_get(defs, UNKNOWN));
	if (unknown != NULL)
		fprintf(stderr, "the table has no .sub for key \"%s\"\n",
		    unknown);
	rc = o == NULL || unknown != NULL ? -1 : json_dumpf(o, fp, JSON_INDENT(2));
	json_decref(o);
	if (rc == -1 || putc('\n', fp) == EOF || fflush(fp) != 0)
		return -1;
	return 0;
}
