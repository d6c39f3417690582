/*
 * What the last parent wrote down: its sessions, and the spools that it may
 * not have closed.
 *
 * Runs in the parent when it starts.  What does not read back is over.
 */
#include "sessions.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "sessionfile.h"

static bool
is_session_name(const char *name)
{
	return strlen(name) == LEN_SESSION &&
	    strspn(name, "0123456789abcdef") == LEN_SESSION;
}

static void
load_session(struct parent *p, const char *name, const char *path)
{
	struct session	*s = sessions_new(p);

	if (s == NULL)
		fatal("step=sessions");
	if (sessionfile_read(s, path) == -1 || strcmp(s->id, name) != 0) {
		/* Damaged, or of another boot: there is nobody to serve. */
		snprintf(s->id, sizeof(s->id), "%s", name);
		sessions_finish(s, "lost");
		return;
	}
	sessions_resume(s);
}

/*
 * Spools that the last parent may not have closed: its own, sessions', and
 * those of logins that were no session yet.
 */
static void
load_closed(struct parent *p, char *name, const char *path)
{
	char	*dot = strrchr(name, '.'), session[LEN_PATH];

	if (strcmp(dot, ".tmp") == 0) {
		unlink(path);
		return;
	}
	*dot = '\0';
	if (strlen(name) == 0 || strlen(name) > LEN_SESSION)
		return;
	sessions_path(p, name, "", session, sizeof(session));
	if (strcmp(dot + 1, "asked") == 0 && access(session, F_OK) == 0)
		unlink(path);	/* it became a session */
	else
		sessions_spool_over(p, name);
}

void
sessions_load(struct parent *p)
{
	char		 dir[LEN_PATH], path[LEN_PATH], **names = NULL, *name;
	struct dirent	*de;
	DIR		*d;
	size_t		 n = 0, i;

	parent_state_path(p, "sessions", dir, sizeof(dir));
	if (mkdir(dir, 0700) == -1 && errno != EEXIST)
		fatal("step=mkdir path=%s", dir);
	if ((d = opendir(dir)) == NULL)
		fatal("step=opendir path=%s", dir);
	/* All names first: loading renames. */
	while ((de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.')
			continue;
		names = reallocarray(names, n + 1, sizeof(*names));
		if (names == NULL || (names[n] = strdup(de->d_name)) == NULL)
			fatal("step=sessions");
		n++;
	}
	closedir(d);
	for (i = 0; i < n; i++) {
		name = names[i];
		sessions_path(p, name, "", path, sizeof(path));
		if (is_session_name(name))
			load_session(p, name, path);
		else if (strchr(name, '.') != NULL)
			load_closed(p, name, path);
		free(name);
	}
	free(names);
	log_info("event=sessions_loaded count=%zu", n);
}
