/*
 * Reading policy.yaml and checking the files that it names.
 *
 * Runs in policyd's first process (at start and with -n) and in the parent (at
 * reload).  The file is the administrator's and trusted, but it may be half
 * written or wrong: every failure is a message for him, and never fatal here.
 * Secret files are looked at, not read: only the keeper does that.
 */
#include "policyfile.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hours.h"

static int
fail(struct conf_error *err, const char *path, const char *what)
{
	snprintf(err->text, sizeof(err->text), "%.900s: %.100s", path, what);
	return -1;
}

char *
policyfile_read(const char *path, size_t *len_r, struct conf_error *err)
{
	struct stat	 st;
	char		*text = NULL;
	size_t		 len = 0;
	ssize_t		 n;
	int		 fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1) {
		fail(err, path, strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > LEN_CONFIG) {
		fail(err, path, "not a regular file of at most 4 MiB");
		goto out;
	}
	/* One byte more, to notice a file that grows. */
	text = malloc((size_t)st.st_size + 2);
	if (text == NULL) {
		fail(err, path, strerror(errno));
		goto out;
	}
	for (;;) {
		n = read(fd, text + len, (size_t)st.st_size + 1 - len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (n == -1 || len > (size_t)st.st_size) {
		fail(err, path, n == -1 ? strerror(errno) :
		    "the file changed while it was read");
		free(text);
		text = NULL;
		goto out;
	}
	text[len] = '\0';
	*len_r = len;
out:
	if (fd != -1)
		close(fd);
	return text;
}

int
policyfile_write(const char *path, const char *text, size_t len)
{
	char	tmp[LEN_PATH + 8];
	size_t	off = 0;
	ssize_t	n;
	int	fd, save;

	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	if (fd == -1)
		return -1;
	while (off < len) {
		n = write(fd, text + off, len - off);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			break;
		off += (size_t)n;
	}
	if (off < len || fsync(fd) == -1 || rename(tmp, path) == -1) {
		save = errno;
		close(fd);
		unlink(tmp);
		errno = save;
		return -1;
	}
	close(fd);
	return 0;
}

static int
check_readable(const char *path, bool secret, struct conf_error *err)
{
	struct stat	st;

	if (path == NULL)
		return 0;
	if (stat(path, &st) == -1 || access(path, R_OK) == -1)
		return fail(err, path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(err, path, "not a regular file");
	if (secret && (st.st_mode & 077) != 0)
		return fail(err, path, "a secret file must be closed to group "
		    "and others (chmod go= it)");
	return 0;
}

/* What the notifier runs: by whom could it be changed? */
static int
check_program(const char *path, struct conf_error *err)
{
	struct stat	st;

	if (stat(path, &st) == -1)
		return fail(err, path, strerror(errno));
	if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
		return fail(err, path, "not a program");
	if ((st.st_mode & 022) != 0)
		return fail(err, path, "group or others may change this "
		    "program (chmod go-w it)");
	return 0;
}

static int
check_hook(const struct notify_hook *h, struct conf_error *err)
{
	if (h->command.n > 0)
		return check_program(h->command.v[0], err);
	if (check_readable(h->ca_file, false, err) == -1)
		return -1;
	return check_readable(h->secret_file, true, err);
}

int
policyfile_check(const struct policy *policy, struct conf_error *err)
{
	const struct issuer	*is;
	const struct database	*db;
	size_t			 i;

	for (i = 0; i < policy->nissuers; i++) {
		is = &policy->issuers[i];
		if (check_readable(is->jwks_file, false, err) == -1 ||
		    check_readable(is->ca_file, false, err) == -1)
			return -1;
	}
	for (i = 0; i < policy->ndatabases; i++) {
		db = &policy->databases[i];
		if (check_readable(db->ca_file, false, err) == -1 ||
		    check_readable(db->broker_password_file, true, err) == -1)
			return -1;
	}
	for (i = 0; i < policy->nprofiles; i++)
		if (check_readable(policy->profiles[i].role_password_file,
		    true, err) == -1)
			return -1;
	for (i = 0; i < policy->nhooks; i++)
		if (check_hook(&policy->hooks[i], err) == -1)
			return -1;
	return 0;
}

/* The first zone under `w` that is not known, or NULL. */
static const char *
unknown_zone(const struct cond *w)
{
	const char	*zone = NULL;
	size_t		 i;

	for (i = 0; i < w->nhours; i++)
		if (!hours_zone_known(w->hours[i].zone))
			return w->hours[i].zone;
	for (i = 0; i < w->nany && zone == NULL; i++)
		zone = unknown_zone(&w->any[i]);
	for (i = 0; i < w->nall && zone == NULL; i++)
		zone = unknown_zone(&w->all[i]);
	return zone != NULL || w->not == NULL ? zone : unknown_zone(w->not);
}

static int
rule_zones(const char *path, const struct profile *pr, struct conf_error *err)
{
	const char	*zone;
	size_t		 i;

	for (i = 0; i < pr->nrules; i++) {
		if ((zone = unknown_zone(&pr->rules[i].when)) == NULL)
			continue;
		snprintf(err->text, sizeof(err->text), "%.500s:%d:%d: "
		    "profiles.%s.rules[%zu].when: this machine knows no time "
		    "zone \"%s\"", path, pr->rules[i].line, pr->rules[i].col,
		    pr->key, i, zone);
		return -1;
	}
	return 0;
}

int
policyfile_zones(const char *path, const struct policy *policy,
    struct conf_error *err)
{
	const struct profile	*pr;
	size_t			 i, k;

	for (i = 0; i < policy->nprofiles; i++) {
		pr = &policy->profiles[i];
		for (k = 0; k < pr->nhours; k++) {
			if (hours_zone_known(pr->hours[k].zone))
				continue;
			snprintf(err->text, sizeof(err->text), "%.500s: "
			    "profiles.%s.hours[%zu].zone: this machine knows "
			    "no time zone \"%s\"", path, pr->key, k,
			    pr->hours[k].zone);
			return -1;
		}
		if (rule_zones(path, pr, err) == -1)
			return -1;
	}
	return 0;
}
