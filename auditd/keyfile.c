/*
 * The files of the signing key.  The secret one is read by auditd (and by
 * nothing else), made by auditctl keygen.  The path is the administrator's;
 * whoever else could write the file could forge the record, so a file that is
 * not its owner's alone is refused.
 */
#include "keyfile.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
fail(char *err, size_t errlen, const char *what)
{
	snprintf(err, errlen, "%s", what);
	return -1;
}

/* What is wrong with who may do what with it, or NULL. */
static const char *
file_problem(const struct stat *st, uid_t owner)
{
	if (!S_ISREG(st->st_mode))
		return "is not a plain file";
	if (st->st_uid != owner)
		return "does not belong to the user of auditd";
	if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return "can be read or written by others: chmod 600";
	return NULL;
}

/* The whole of a small file; its length, or -1. */
static ssize_t
read_small(int fd, char text[SIGN_PEM_MAX])
{
	size_t at = 0;
	ssize_t n;

	while (at < SIGN_PEM_MAX &&
	    (n = read(fd, text + at, SIGN_PEM_MAX - at)) != 0) {
		if (n == -1)
			return -1;
		at += (size_t)n;
	}
	return at < SIGN_PEM_MAX ? (ssize_t)at : -1;
}

struct sign_key *
keyfile_load(const char *path, uid_t owner, char *err, size_t errlen)
{
	char text[SIGN_PEM_MAX];
	struct sign_key *key = NULL;
	const char *problem;
	struct stat st;
	ssize_t n;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
	    O_NONBLOCK)) == -1 || fstat(fd, &st) == -1)
		fail(err, errlen, strerror(errno));
	else if ((problem = file_problem(&st, owner)) != NULL)
		fail(err, errlen, problem);
	else {
		if ((n = read_small(fd, text)) > 0)
			key = sign_key_parse(text, (size_t)n);
		explicit_bzero(text, sizeof(text));
		if (key == NULL)
			fail(err, errlen, "is no Ed25519 secret key "
			    "(auditctl keygen makes one)");
	}
	if (fd != -1)
		close(fd);
	return key;
}

int
keyfile_public(const char *path, uint8_t key[SIGN_KEY_LEN], char *err,
    size_t errlen)
{
	char text[SIGN_PEM_MAX];
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

	if (fd == -1)
		return fail(err, errlen, strerror(errno));
	if ((n = read_small(fd, text)) <= 0 ||
	    sign_public_parse(text, (size_t)n, key) == -1)
		rc = fail(err, errlen, "is no Ed25519 public key");
	close(fd);
	return rc;
}

static int
write_new(const char *path, mode_t mode, uid_t owner, gid_t group,
    const char *text)
{
	size_t len = strlen(text);
	int fd, rc = -1;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    mode);
	if (fd == -1)
		return -1;
	if (fchmod(fd, mode) == 0 &&
	    (owner == (uid_t)-1 || fchown(fd, owner, group) == 0) &&
	    write(fd, text, len) == (ssize_t)len && fsync(fd) == 0)
		rc = 0;
	if (close(fd) == -1)
		rc = -1;
	if (rc == -1)
		unlink(path);
	return rc;
}

int
keyfile_make(const char *path, uid_t owner, gid_t group, char *err,
    size_t errlen)
{
	char secret[SIGN_PEM_MAX], public[SIGN_PEM_MAX], *name;
	int rc = -1;

	if (asprintf(&name, "%s.pub", path) == -1)
		return fail(err, errlen, "out of memory");
	sign_generate(secret, public);
	if (access(name, F_OK) == 0)
		fail(err, errlen, "its public key is there already");
	else if (write_new(path, 0600, owner, group, secret) == -1)
		fail(err, errlen, strerror(errno));
	else if (write_new(name, 0644, owner, group, public) == -1) {
		fail(err, errlen, strerror(errno));
		unlink(path);
	} else
		rc = 0;
	explicit_bzero(secret, sizeof(secret));
	free(name);
	return rc;
}
