/*
 * The keeper's secrets.  Only the keeper runs it, under a uid that alone can
 * read the files.
 *
 * A secret that group or others may read or write is refused, whole
 * configuration and all: a warning would be read by nobody.  Secrets are wiped
 * when a newer configuration takes their place.
 */
#include "vault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PASSWORD_MAX	1024

struct vault {
	struct policy	*policy;
	size_t		 ndbs, nroles;
	struct vault_db	*dbs;		/* policy->ndatabases */
	char		**roles;	/* policy->nprofiles, some NULL */
};

static void
wipe(char **s)
{
	if (*s != NULL)
		explicit_bzero(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

/* A regular file of at most `max` bytes, with a NUL after it; NULL: errno. */
static char *
slurp(const char *path, size_t max, struct stat *st, size_t *len)
{
	char *p = NULL;
	ssize_t n;
	int fd, saved;

	*len = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1 || fstat(fd, st) == -1)
		goto fail;
	errno = EINVAL;
	if (!S_ISREG(st->st_mode))
		goto fail;
	errno = EFBIG;
	if (st->st_size > (off_t)max || (p = malloc(max + 2)) == NULL)
		goto fail;
	while ((n = read(fd, p + *len, max + 1 - *len)) > 0)
		*len += (size_t)n;
	if (n == -1)
		goto fail;
	errno = EFBIG;
	if (*len > max)
		goto fail;
	p[*len] = '\0';
	close(fd);
	return p;
fail:
	saved = errno;
	if (p != NULL)
		explicit_bzero(p, max + 2);
	free(p);
	if (fd != -1)
		close(fd);
	errno = saved;
	return NULL;
}

char *
vault_secret(const char *path, char *reason, size_t size)
{
	struct stat st;
	size_t len;
	char *p;

	if ((p = slurp(path, PASSWORD_MAX, &st, &len)) == NULL) {
		snprintf(reason, size, "%s: %s", path, strerror(errno));
		return NULL;
	}
	if ((st.st_mode & 077) != 0) {
		snprintf(reason, size, "%s: group or others may access it "
		    "(mode %04o); chmod 0600", path,
		    (unsigned int)st.st_mode & 07777);
		goto fail;
	}
	/* One line; the line's end is not part of it. */
	if (len > 0 && p[len - 1] == '\n')
		p[--len] = '\0';
	if (len > 0 && p[len - 1] == '\r')
		p[--len] = '\0';
	if (len == 0 || strlen(p) != len || strchr(p, '\n') != NULL) {
		snprintf(reason, size, "%s: must hold one line, the secret",
		    path);
		goto fail;
	}
	return p;
fail:
	wipe(&p);
	return NULL;
}

static int
read_database(struct vault_db *v, const struct database *d, char *reason,
    size_t size)
{
	char why[512];
	struct stat st;

	v->db = d;
	if (d->ca_file != NULL && (v->ca = slurp(d->ca_file, LEN_CA, &st,
	    &v->calen)) == NULL) {
		snprintf(reason, size, "databases.%s.tls.ca: %.400s: %s",
		    d->key, d->ca_file, strerror(errno));
		return -1;
	}
	if (d->tls >= DB_TLS_VERIFY_CA && d->ca_file == NULL) {
		snprintf(reason, size, "databases.%s.tls: ca must be given to "
		    "verify the server", d->key);
		return -1;
	}
	if (d->broker_password_file != NULL && (v->password = vault_secret(
	    d->broker_password_file, why, sizeof(why))) == NULL) {
		snprintf(reason, size, "databases.%s.broker.password_file: %s",
		    d->key, why);
		return -1;
	}
	return 0;
}

struct vault *
vault_new(struct policy *p, char *reason, size_t size)
{
	char why[512];
	struct vault *v;
	const char *file;
	size_t i;

	if ((v = calloc(1, sizeof(*v))) == NULL)
		goto nomem;
	v->policy = p;
	v->ndbs = p->ndatabases;
	v->nroles = p->nprofiles;
	if ((v->dbs = calloc(p->ndatabases + 1, sizeof(*v->dbs))) == NULL ||
	    (v->roles = calloc(p->nprofiles + 1, sizeof(*v->roles))) == NULL)
		goto nomem;
	for (i = 0; i < p->ndatabases; i++)
		if (read_database(&v->dbs[i], &p->databases[i], reason,
		    size) == -1)
			goto fail;
	for (i = 0; i < p->nprofiles; i++) {
		if ((file = p->profiles[i].role_password_file) == NULL)
			continue;
		if ((v->roles[i] = vault_secret(file, why,
		    sizeof(why))) == NULL) {
			snprintf(reason, size, "profiles.%s.backend_role."
			    "password_file: %s", p->profiles[i].key, why);
			goto fail;
		}
	}
	return v;
nomem:
	snprintf(reason, size, "out of memory");
fail:
	if (v != NULL)
		v->policy = NULL;	/* stays the caller's */
	vault_free(&v);
	return NULL;
}

void
vault_free(struct vault **vp)
{
	struct vault *v = *vp;
	size_t i;

	*vp = NULL;
	if (v == NULL)
		return;
	for (i = 0; v->dbs != NULL && i < v->ndbs; i++) {
		wipe(&v->dbs[i].password);
		free(v->dbs[i].ca);
	}
	for (i = 0; v->roles != NULL && i < v->nroles; i++)
		wipe(&v->roles[i]);
	free(v->dbs);
	free(v->roles);
	policy_free(&v->policy);
	free(v);
}

size_t
vault_count(const struct vault *v)
{
	return v == NULL ? 0 : v->ndbs;
}

const struct vault_db *
vault_at(const struct vault *v, size_t i)
{
	return &v->dbs[i];
}

const struct vault_db *
vault_database(const struct vault *v, const char *key)
{
	size_t i;

	for (i = 0; i < vault_count(v); i++)
		if (strcmp(v->dbs[i].db->key, key) == 0)
			return &v->dbs[i];
	return NULL;
}

const struct profile *
vault_profile(const struct vault *v, const char *key)
{
	return v == NULL ? NULL : policy_profile(v->policy, key);
}

const char *
vault_role_password(const struct vault *v, const struct profile *p)
{
	return v->roles[p - v->policy->profiles];
}
