/*
 * What texts are judged by: a profile with its masks compiled for one snapshot
 * of one database, and the search_path that names are resolved over.
 *
 * Runs in the engine.  The profile is the administrator's; the snapshot is
 * not trusted (catalog.c, protect.c).
 */
#include "judge.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "analysis.h"
#include "buf.h"
#include "rules.h"
#include "settings.h"

static int
path_add(struct search_path *p, const char *s)
{
	if (p->n == SEARCH_PATH_MAX) {
		/* What stands behind is not known: as if nothing were. */
		p->pinned = false;
		return 0;
	}
	if (strcmp(s, "pg_catalog") == 0)
		p->catalog_listed = true;
	if ((p->schemas[p->n] = strdup(s)) == NULL)
		return -1;
	p->n++;
	return 0;
}

/* One name of the list, as the server reads it; past it and its comma. */
static const char *
path_name(const char *s, char *name, size_t size)
{
	size_t	 n = 0;
	bool	 quoted = false;

	while (isspace((unsigned char)*s))
		s++;
	for (; *s != '\0' && (quoted || *s != ','); s++) {
		if (*s == '"') {
			if (!(quoted && s[1] == '"')) {
				quoted = !quoted;
				continue;
			}
			s++;
		} else if (!quoted && isspace((unsigned char)*s))
			continue;
		if (n + 1 < size)
			name[n++] = quoted ? *s :
			    (char)tolower((unsigned char)*s);
	}
	name[n] = '\0';
	return *s == ',' ? s + 1 : s;
}

static int
path_parse(struct scene *sc, const char *value)
{
	char	 name[64];

	while (*value != '\0') {
		value = path_name(value, name, sizeof(name));
		if (name[0] == '\0')
			continue;
		if (strcmp(name, "$user") == 0) {
			/* The role's own schema, where there is one. */
			if (sc->profile->role_user != NULL &&
			    path_add(&sc->path, sc->profile->role_user) == -1)
				return -1;
		} else if (path_add(&sc->path, name) == -1)
			return -1;
	}
	return 0;
}

struct scene *
scene_new(const struct profile *p, const char *database,
    const struct catalog *cat)
{
	struct scene	*sc;
	const char	*path = "\"$user\", public";
	size_t		 i;

	if ((sc = calloc(1, sizeof(*sc))) == NULL)
		return NULL;
	sc->profile = p;
	sc->cat = cat;
	sc->masked = p->nmasks > 0;
	sc->looks = rules_look(p);
	sc->relations = (sc->looks & LOOK_RELATIONS) != 0;
	for (i = 0; i < p->nsettings; i++)
		if (strcasecmp(p->settings[i].name, "search_path") == 0) {
			path = p->settings[i].value;
			sc->path.pinned = settings_pinned(p, i);
		}
	if (path_parse(sc, path) == -1)
		goto fail;
	if (sc->masked && cat != NULL &&
	    (sc->protect = protect_new(p, database, cat)) == NULL)
		goto fail;
	return sc;
fail:
	scene_free(&sc);
	return NULL;
}

void
scene_free(struct scene **scp)
{
	struct scene	*sc = *scp;
	size_t		 i;

	if (sc == NULL)
		return;
	protect_free(&sc->protect);
	for (i = 0; i < sc->path.n; i++)
		free(sc->path.schemas[i]);
	free(sc);
	*scp = NULL;
}

int
scene_guard(const struct scene *sc, struct buf *b)
{
	return sc->protect == NULL ? 0 : protect_guard(sc->protect, b);
}
