/*
 * The databases that a file describes, by their names.
 *
 * Runs in policyctl, on an administrator's file; see catdesc.c.
 */
#include "described.h"

#include <stdlib.h>
#include <string.h>

#include "catdesc.h"
#include "policy_impl.h"

struct described {
	struct conf	 *own;		/* or NULL: the caller's */
	char		**names;
	struct catalog	**cats;
	size_t		  n;
};

static struct described *
no_memory(struct conf_error *err)
{
	snprintf(err->text, sizeof(err->text), "out of memory");
	return NULL;
}

struct described *
described_new(const struct conf *c, const struct conf_node *root,
    struct conf_error *err)
{
	const struct conf_node	*map = conf_get(root, "databases");
	struct described	*d = calloc(1, sizeof(*d));
	char			 where[POLICY_WHERE];
	size_t			 i;

	if (d == NULL)
		return no_memory(err);
	if (map == NULL)
		return d;
	if (map->kind != CONF_MAP) {
		conf_fail(c, map, err, "databases: expected a map");
		goto fail;
	}
	d->names = calloc(map->n + 1, sizeof(*d->names));
	d->cats = calloc(map->n + 1, sizeof(*d->cats));
	if (d->names == NULL || d->cats == NULL) {
		no_memory(err);
		goto fail;
	}
	for (i = 0; i < map->n; i++) {
		policy_where(where, "databases.%s", map->keys[i]);
		d->cats[i] = catdesc_build(c, map->items[i], where, err);
		if (d->cats[i] == NULL)
			goto fail;
		d->n++;
		if ((d->names[i] = strdup(map->keys[i])) == NULL) {
			no_memory(err);
			goto fail;
		}
	}
	return d;
fail:
	described_free(&d);
	return NULL;
}

struct described *
described_load(const char *path, struct conf_error *err)
{
	struct described	*d;
	struct conf		*c = NULL;

	if (path != NULL && (c = conf_load(path, err)) == NULL)
		return NULL;
	if (c == NULL) {
		d = calloc(1, sizeof(*d));
		return d == NULL ? no_memory(err) : d;
	}
	if ((d = described_new(c, c->root, err)) == NULL)
		conf_free(&c);
	else
		d->own = c;
	return d;
}

void
described_free(struct described **dp)
{
	struct described	*d = *dp;
	size_t			 i;

	if (d == NULL)
		return;
	for (i = 0; i < d->n; i++) {
		catalog_free(&d->cats[i]);
		free(d->names[i]);
	}
	free(d->names);
	free(d->cats);
	conf_free(&d->own);
	free(d);
	*dp = NULL;
}

const struct catalog *
described_get(const struct described *d, const char *database)
{
	size_t	 i;

	for (i = 0; i < d->n; i++)
		if (strcmp(d->names[i], database) == 0)
			return d->cats[i];
	return NULL;
}
