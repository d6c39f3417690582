/*
 * Sessions on disk, so that they outlive policyd (D7).
 *
 * Runs in the parent, in its own state directory, which nobody else writes.
 * Still a file may be damaged (a full disk, a crash of the machine): what does
 * not read back completely is refused, and the session is over.  A file from
 * another boot is refused too: its processes and its clock are gone.
 */
#include "sessionfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "crypto.h"

#define BOOT_ID	"/proc/sys/kernel/random/boot_id"

#define M_NAME(id, name, message)	name,
static const char *const limit_names[] = { SESSION_LIMITS(M_NAME) };
#undef M_NAME

const char *
session_limit_name(enum session_limit limit)
{
	return limit_names[limit];
}

static void
boot_id(char *out, size_t size)
{
	ssize_t	n = -1;
	int	fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);

	if (fd != -1) {
		n = read(fd, out, size - 1);
		close(fd);
	}
	if (n < 0)
		n = 0;
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

static json_t *
encode(const struct session *s)
{
	char	boot[64], key[sizeof(s->key) * 2 + 1];
	char	client_key[CLIENT_KEY_LONG * 2 + 1];
	json_t	*o;

	boot_id(boot, sizeof(boot));
	hex_encode(s->key, s->keylen, key);
	hex_encode(s->client_key, s->client_keylen, client_key);
	o = json_pack("{s:s, s:s, s:I, s:I, s:b, s:s, s:s, s:s, s:s, s:s, "
	    "s:I, s:I, s:I, s:s, s:s, s:s, s:I, s:s}",
	    "boot", boot, "id", s->id,
	    "master", (json_int_t)s->master, "worker", (json_int_t)s->worker,
	    "shared", s->shared, "profile", s->profile,
	    "database", s->database, "issuer", s->issuer,
	    "subject", s->subject, "role", s->role,
	    "started", (json_int_t)s->started,
	    "deadline", (json_int_t)s->deadline,
	    "pid", (json_int_t)s->pid, "key", key, "client_key", client_key,
	    "limit", session_limit_name(s->limit),
	    "grant", (json_int_t)s->grant,
	    "backend_start", s->backend_start);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(client_key, sizeof(client_key));
	if (o == NULL)
		return NULL;
	/* These two are the client's bytes: not UTF-8, not kept. */
	json_object_set_new(o, "peer", json_string(s->peer));
	json_object_set_new(o, "application", json_string(s->application));
	if (s->claims != NULL)
		json_object_set_new(o, "claims", json_string(s->claims));
	return o;
}

static int
write_all(int fd, const char *p, size_t len)
{
	ssize_t	n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int
sessionfile_write(const struct session *s, const char *path, bool sync)
{
	char	 tmp[LEN_PATH + 8], *text;
	json_t	*o = encode(s);
	size_t	 len;
	int	 fd, rc = -1, save;

	text = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (text == NULL) {
		errno = EINVAL;
		return -1;
	}
	len = strlen(text);
	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd != -1) {
		if (write_all(fd, text, len) == 0 &&
		    (!sync || fdatasync(fd) == 0) && rename(tmp, path) == 0)
			rc = 0;
		save = errno;
		close(fd);
		if (rc == -1)
			unlink(tmp);
		errno = save;
	}
	explicit_bzero(text, len);
	free(text);
	return rc;
}

static int
get_str(const json_t *o, const char *name, char *out, size_t size, bool must)
{
	const char	*v = json_string_value(json_object_get(o, name));

	if (v == NULL)
		return must ? -1 : 0;
	if (strlen(v) >= size)
		return -1;
	snprintf(out, size, "%s", v);
	return 0;
}

static uint64_t
get_num(const json_t *o, const char *name)
{
	json_int_t	v = json_integer_value(json_object_get(o, name));

	return v < 0 ? 0 : (uint64_t)v;
}

static int
get_hex(const json_t *o, const char *name, uint8_t *out, size_t max,
    size_t *len_r)
{
	const char	*v = json_string_value(json_object_get(o, name));
	size_t		 i, n;
	unsigned int	 byte;

	if (v == NULL || (n = strlen(v)) % 2 != 0 || n / 2 > max ||
	    strspn(v, "0123456789abcdef") != n)
		return -1;
	for (i = 0; i < n / 2; i++) {
		if (sscanf(v + 2 * i, "%2x", &byte) != 1)
			return -1;
		out[i] = (uint8_t)byte;
	}
	*len_r = n / 2;
	return 0;
}

/* It is for people only: what is not known is the profile's. */
static enum session_limit
get_limit(const json_t *o)
{
	const char	*v = json_string_value(json_object_get(o, "limit"));
	int		 i;

	for (i = 0; v != NULL && i < SESSION_NLIMITS; i++)
		if (strcmp(v, limit_names[i]) == 0)
			return (enum session_limit)i;
	return LIMIT_TTL;
}

int
sessionfile_read(struct session *s, const char *path)
{
	const char	*claims;
	char	 boot[64], was[64];
	json_t	*o = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	int	 rc = -1;

	boot_id(boot, sizeof(boot));
	if (!json_is_object(o) ||
	    get_str(o, "boot", was, sizeof(was), true) == -1 ||
	    strcmp(boot, was) != 0 ||
	    get_str(o, "id", s->id, sizeof(s->id), true) == -1 ||
	    get_str(o, "profile", s->profile, sizeof(s->profile), true) ||
	    get_str(o, "database", s->database, sizeof(s->database), true) ||
	    get_str(o, "issuer", s->issuer, sizeof(s->issuer), true) == -1 ||
	    get_str(o, "subject", s->subject, sizeof(s->subject), true) ||
	    get_str(o, "role", s->role, sizeof(s->role), true) == -1 ||
	    get_str(o, "peer", s->peer, sizeof(s->peer), false) == -1 ||
	    get_str(o, "application", s->application,
	    sizeof(s->application), false) == -1 ||
	    get_str(o, "backend_start", s->backend_start,
	    sizeof(s->backend_start), false) == -1 ||
	    get_hex(o, "key", s->key, sizeof(s->key), &s->keylen) == -1 ||
	    get_hex(o, "client_key", s->client_key, sizeof(s->client_key),
	    &s->client_keylen) == -1)
		goto out;
	/* Without them, rules that look at claims take the safe side. */
	claims = json_string_value(json_object_get(o, "claims"));
	if (claims != NULL && strlen(claims) <= LEN_CLAIMS &&
	    (s->claims = strdup(claims)) == NULL)
		goto out;
	s->master = (uint32_t)get_num(o, "master");
	s->worker = (uint32_t)get_num(o, "worker");
	s->limit = get_limit(o);
	s->grant = (uint32_t)get_num(o, "grant");
	s->shared = json_is_true(json_object_get(o, "shared"));
	s->started = get_num(o, "started");
	s->deadline = get_num(o, "deadline");
	s->pid = (uint32_t)get_num(o, "pid");
	rc = 0;
out:
	json_decref(o);
	return rc;
}
