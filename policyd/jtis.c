/*
 * Which tokens were used, and how often.
 *
 * Runs in the parent.  An entry stands for a token that passed every check, so
 * only who holds good tokens can fill the table; when it is full it refuses:
 * to forget one that is still good would let it be used again.  Each use is a
 * line appended to a file, so that a restart forgets none of them; the file is
 * this process's own, and a line that does not read back is skipped, as the
 * last one of a machine that crashed may not.
 */
#include "jtis.h"

#include <sys/queue.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUCKETS		4096
#define POOL_S		60	/* for which a pool may open connections */
#define LINES_SPARE	4096	/* lines over the entries before a rewrite */

struct entry {
	SLIST_ENTRY(entry)	 next;
	uint8_t			 key[SHA256_LEN];
	uint64_t		 first, until;
	uint64_t		 count;
	char			 addr[64];
};
SLIST_HEAD(bucket, entry);

struct jtis {
	struct bucket	 buckets[BUCKETS];
	size_t		 n;
	char		*path;
	int		 fd;
	size_t		 lines;
};

static struct bucket *
bucket_of(struct jtis *t, const uint8_t *key)
{
	return &t->buckets[(key[0] | key[1] << 8) % BUCKETS];
}

static struct entry *
find(struct jtis *t, const uint8_t *key)
{
	struct entry	*e;

	SLIST_FOREACH(e, bucket_of(t, key), next)
		if (memcmp(e->key, key, SHA256_LEN) == 0)
			return e;
	return NULL;
}

static void
forget(struct jtis *t, struct entry *e)
{
	SLIST_REMOVE(bucket_of(t, e->key), e, entry, next);
	free(e);
	t->n--;
}

static void
expire(struct jtis *t, uint64_t now)
{
	struct entry	*e, *next;
	size_t		 i;

	for (i = 0; i < BUCKETS; i++)
		for (e = SLIST_FIRST(&t->buckets[i]); e != NULL; e = next) {
			next = SLIST_NEXT(e, next);
			if (e->until <= now)
				forget(t, e);
		}
}

static struct entry *
entry_new(struct jtis *t, const uint8_t *key)
{
	struct entry	*e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	memcpy(e->key, key, SHA256_LEN);
	SLIST_INSERT_HEAD(bucket_of(t, key), e, next);
	t->n++;
	return e;
}

/* --- the file ------------------------------------------------------------------ */

static int
write_line(int fd, const struct entry *e)
{
	char	hex[2 * SHA256_LEN + 1], line[256];
	int	len;

	hex_encode(e->key, SHA256_LEN, hex);
	len = snprintf(line, sizeof(line), "%s %" PRIu64 " %" PRIu64 " %"
	    PRIu64 " %s\n", hex, e->first, e->until, e->count, e->addr);
	return write(fd, line, (size_t)len) == len ? 0 : -1;
}

/* An address is a worker's word: here it is one word of a line. */
static void
addr_copy(char out[64], const char *addr)
{
	char	*p;

	snprintf(out, 64, "%s", addr[0] == '\0' ? "?" : addr);
	for (p = out; *p != '\0'; p++)
		if (*p <= ' ' || *p >= 0x7f)
			*p = '?';
}

/* One that says what the entry was; a later line for a key holds. */
static void
read_line(struct jtis *t, char *line, uint64_t now)
{
	uint8_t		 key[SHA256_LEN];
	unsigned int	 byte;
	uint64_t	 first, until, count;
	struct entry	*e;
	char		 addr[64];
	int		 i, end = 0;

	if (strlen(line) < 2 * SHA256_LEN || sscanf(line + 2 * SHA256_LEN,
	    " %" SCNu64 " %" SCNu64 " %" SCNu64 " %63s%n", &first, &until,
	    &count, addr, &end) != 4 || line[2 * SHA256_LEN + end] != '\n')
		return;
	if (strspn(line, "0123456789abcdef") != 2 * SHA256_LEN)
		return;
	for (i = 0; i < SHA256_LEN; i++) {
		sscanf(line + 2 * i, "%2x", &byte);
		key[i] = (uint8_t)byte;
	}
	if (until <= now || t->n >= JTIS_MAX ||
	    ((e = find(t, key)) == NULL && (e = entry_new(t, key)) == NULL))
		return;
	e->first = first;
	e->until = until;
	e->count = count;
	snprintf(e->addr, sizeof(e->addr), "%s", addr);
}

/* The file anew, of what is in the table. */
static int
rewrite(struct jtis *t)
{
	char		 tmp[4096 + 8];
	struct entry	*e;
	size_t		 i;
	int		 fd, save;

	snprintf(tmp, sizeof(tmp), "%s.tmp", t->path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC |
	    O_NOFOLLOW, 0600);
	if (fd == -1)
		return -1;
	for (i = 0; i < BUCKETS; i++)
		SLIST_FOREACH(e, &t->buckets[i], next)
			if (write_line(fd, e) == -1)
				goto fail;
	if (rename(tmp, t->path) == -1)
		goto fail;
	if (t->fd != -1)
		close(t->fd);
	t->fd = fd;
	t->lines = t->n;
	return 0;
fail:
	save = errno;
	close(fd);
	unlink(tmp);
	errno = save;
	return -1;
}

static void
load(struct jtis *t, uint64_t now)
{
	FILE	*f = fopen(t->path, "re");
	char	*line = NULL;
	size_t	 cap = 0;

	if (f == NULL)
		return;
	while (getline(&line, &cap, f) != -1)
		read_line(t, line, now);
	free(line);
	fclose(f);
}

/* --- outside ------------------------------------------------------------------- */

struct jtis *
jtis_new(const char *path, uint64_t now)
{
	struct jtis	*t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->fd = -1;
	if (path == NULL)
		return t;
	if ((t->path = strdup(path)) == NULL) {
		free(t);
		return NULL;
	}
	load(t, now);
	if (rewrite(t) == -1)
		jtis_free(&t);
	return t;
}

void
jtis_free(struct jtis **tp)
{
	struct jtis	*t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	expire(t, UINT64_MAX);
	if (t->fd != -1)
		close(t->fd);
	free(t->path);
	free(t);
}

void
jtis_digest(const char *issuer, const char *jti, uint8_t out[SHA256_LEN])
{
	struct sha256	*s = sha256_new();

	/* The NUL keeps one pair from being another. */
	sha256_add(s, issuer, strlen(issuer) + 1);
	sha256_add(s, jti, strlen(jti));
	sha256_end(s, out);
	sha256_free(&s);
}

const char *
jtis_take(struct jtis *t, const uint8_t key[SHA256_LEN], const char *addr,
    bool strict, uint64_t limit, uint64_t now, uint64_t until)
{
	struct entry	*e = find(t, key);
	char		 from[64];

	addr_copy(from, addr);
	if (e == NULL) {
		if (t->n >= JTIS_MAX)
			expire(t, now);
		if (t->n >= JTIS_MAX)
			return "the table of used tokens is full";
		if ((e = entry_new(t, key)) == NULL)
			return "out of memory";
		e->first = now;
		e->until = until;
		memcpy(e->addr, from, sizeof(e->addr));
	} else if (strict)
		return "the token was used already (jti)";
	else if (strcmp(e->addr, from) != 0)
		return "the token was used from another address (jti)";
	/* A clock that was set back does not close the minute. */
	else if (now > e->first && now - e->first >= POOL_S)
		return "the token was used over a minute ago (jti)";
	else if (limit != 0 && e->count >= limit)
		return "the token was used as often as it may be (jti)";
	e->count++;
	return NULL;
}

void
jtis_give_back(struct jtis *t, const uint8_t key[SHA256_LEN])
{
	struct entry	*e = find(t, key);

	if (e != NULL && --e->count == 0)
		forget(t, e);
}

int
jtis_keep(struct jtis *t, const uint8_t key[SHA256_LEN], uint64_t now)
{
	struct entry	*e = find(t, key);

	if (e == NULL || t->path == NULL)
		return 0;
	if (t->lines > t->n + LINES_SPARE) {
		expire(t, now);
		return rewrite(t);
	}
	if (write_line(t->fd, e) == 0) {
		t->lines++;
		return 0;
	}
	/* It may have left half a line: the next one makes the file anew. */
	t->lines = SIZE_MAX / 2;
	return -1;
}

size_t
jtis_count(const struct jtis *t)
{
	return t->n;
}
