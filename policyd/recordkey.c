/*
 * The key of the hashes that stand for values in the record.  Runs in the
 * parent, which makes it once and keeps it in its state directory: values are
 * compared over years.  Workers get what is derived from it for their profile,
 * and only where that hashes.
 */
#include "recordkey.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto.h"
#include "log.h"
#include "policyfile.h"

#define NAME	"record.key"

static int
key_read(const char *path, uint8_t key[REDACT_KEY])
{
	ssize_t	n;
	int	fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return -1;
	n = read(fd, key, REDACT_KEY);
	close(fd);
	if (n == REDACT_KEY)
		return 0;
	/* It is written whole or not at all: somebody else did this. */
	errno = EINVAL;
	return -1;
}

void
recordkey_init(struct parent *p)
{
	char	path[LEN_PATH];

	if ((p->record_key = malloc(REDACT_KEY)) == NULL)
		fatal("step=record_key");
	parent_state_path(p, NAME, path, sizeof(path));
	if (key_read(path, p->record_key) == 0)
		return;
	if (errno != ENOENT)
		fatal("step=record_key path=%s", path);
	random_bytes(p->record_key, REDACT_KEY);
	if (policyfile_write(path, (const char *)p->record_key,
	    REDACT_KEY) == -1)
		fatal("step=record_key path=%s", path);
}

void
recordkey_redact(const struct parent *p, const struct profile *profile,
    struct redact *r)
{
	memset(r, 0, sizeof(*r));
	r->literals = (uint8_t)profile->literals;
	r->parameters = (uint8_t)profile->parameters;
	if (r->literals == RECORD_HASH || r->parameters == RECORD_HASH)
		hmac_sha256(p->record_key, REDACT_KEY, profile->key,
		    strlen(profile->key), r->key);
}
