/*
 * auditd.yaml: the tables that say what may be in it, and printing it
 * normalised.  Read by auditd at start and at SIGHUP, and by auditctl to find
 * the store and the socket.  The input is the administrator's.  Nothing here
 * logs or exits: NULL with "file:line:col: sentence".
 */
#include "auconf.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "spool.h"

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))
#define A(member)	offsetof(struct au_conf, member)
#define SIZE_MAX_RING	(256u * 1024 * 1024)

static const char *const durabilities[] = { "full", "normal", NULL };

static int	version_parse(const struct conf *, const struct conf_node *,
		    void *, struct conf_error *);
static int	checkpoint_parse(const struct conf *, const struct conf_node *,
		    void *, struct conf_error *);
static int	segment_parse(const struct conf *, const struct conf_node *,
		    void *, struct conf_error *);
static int	spool_parse(const struct conf *, const struct conf_node *,
		    void *, struct conf_error *);

/* Custom keys get the whole struct. */
static const struct conf_key file_table[] = {
	{ .name = "version", .type = CONF_CUSTOM, .dflt = "",
	    .parse = version_parse },
	{ .name = "socket", .type = CONF_PATH, .offset = A(socket),
	    .dflt = "/run/postern/auditd.sock" },
	{ .name = "store", .type = CONF_PATH, .offset = A(store),
	    .dflt = "/var/lib/postern/audit/audit.db" },
	{ .name = "durability", .type = CONF_ENUM, .offset = A(durability),
	    .dflt = "full", .choices = durabilities },
	{ .name = "user", .type = CONF_STRING, .offset = A(user),
	    .dflt = "_auditd" },
	{ .name = "key", .type = CONF_PATH, .offset = A(key), .dflt = "" },
	{ .name = "checkpoint", .type = CONF_CUSTOM, .dflt = "",
	    .parse = checkpoint_parse },
	{ .name = "segment", .type = CONF_CUSTOM, .dflt = "",
	    .parse = segment_parse },
	{ .name = "spool", .type = CONF_CUSTOM, .dflt = "",
	    .parse = spool_parse }
};

static const struct conf_key checkpoint_table[] = {
	{ .name = "events", .type = CONF_INT, .offset = A(sign_events),
	    .dflt = "10000", .min = 10, .max = 1000000 },
	{ .name = "interval", .type = CONF_DURATION, .offset = A(sign_ms),
	    .dflt = "60s", .min = 1000, .max = 86400000, .reloadable = true }
};

/* The smallest values are for tests, and for who wants them. */
static const struct conf_key segment_table[] = {
	{ .name = "size", .type = CONF_SIZE, .offset = A(segment_size),
	    .dflt = "1GiB", .min = 1024 * 1024, .max = 1ULL << 40,
	    .reloadable = true },
	{ .name = "age", .type = CONF_DURATION, .offset = A(segment_age),
	    .dflt = "30d", .min = 60000, .max = 3660ULL * 86400000,
	    .reloadable = true }
};

static const struct conf_key spool_table[] = {
	{ .name = "directory", .type = CONF_PATH, .offset = A(spool_dir),
	    .dflt = "/var/lib/postern/audit/spool" },
	{ .name = "size", .type = CONF_SIZE, .offset = A(spool_size),
	    .dflt = "1MiB", .min = SPOOL_MIN, .max = SIZE_MAX_RING,
	    .reloadable = true },
	{ .name = "allow_any_filesystem", .type = CONF_BOOL,
	    .offset = A(any_fs), .dflt = "false" }
};

static int
version_parse(const struct conf *c, const struct conf_node *node, void *out,
    struct conf_error *err)
{
	uint64_t version;

	(void)out;
	return node == NULL ? 0 : conf_int(c, node, 1, 1, &version, err);
}

static const struct conf_node nothing = { .kind = CONF_MAP, .line = 1,
    .col = 1 };

static int
checkpoint_parse(const struct conf *c, const struct conf_node *node, void *out,
    struct conf_error *err)
{
	return conf_fill(c, node == NULL ? &nothing : node, "checkpoint",
	    checkpoint_table, NELEM(checkpoint_table), out, err);
}

static int
segment_parse(const struct conf *c, const struct conf_node *node, void *out,
    struct conf_error *err)
{
	return conf_fill(c, node == NULL ? &nothing : node, "segment",
	    segment_table, NELEM(segment_table), out, err);
}

static int
spool_parse(const struct conf *c, const struct conf_node *node, void *out,
    struct conf_error *err)
{
	const struct au_conf *conf = out;

	if (conf_fill(c, node == NULL ? &nothing : node, "spool", spool_table,
	    NELEM(spool_table), out, err) == -1)
		return -1;
	if ((conf->spool_size & (conf->spool_size - 1)) != 0)
		return conf_fail(c, conf_get(node, "size"), err,
		    "spool.size: expected a power of two");
	return 0;
}

struct au_conf *
au_conf_load(const char *path, struct conf_error *err)
{
	struct au_conf *conf;
	struct conf *c;
	uint8_t digest[SHA256_LEN];
	char *text;
	size_t len;

	if ((text = conf_text(path, &len, err)) == NULL)
		return NULL;
	sha256_once(text, len, digest);
	c = conf_parse(path, text, len, err);
	free(text);
	if (c == NULL)
		return NULL;
	if ((conf = calloc(1, sizeof(*conf))) == NULL)
		snprintf(err->text, sizeof(err->text), "out of memory");
	else if (conf_fill(c, c->root, "", file_table, NELEM(file_table),
	    conf, err) == -1)
		au_conf_free(&conf);
	if (conf != NULL)
		hex_encode(digest, sizeof(digest), conf->sha256);
	conf_free(&c);
	return conf;
}

void
au_conf_free(struct au_conf **cp)
{
	struct au_conf *conf = *cp;

	if (conf == NULL)
		return;
	conf_release(file_table, NELEM(file_table), conf);
	conf_release(spool_table, NELEM(spool_table), conf);
	free(conf);
	*cp = NULL;
}

void
au_conf_print(const struct au_conf *conf, FILE *fp)
{
	fputs("version: 1\n", fp);
	conf_print(fp, 0, file_table, NELEM(file_table), conf);
	fputs("checkpoint:\n", fp);
	conf_print(fp, 2, checkpoint_table, NELEM(checkpoint_table), conf);
	fputs("segment:\n", fp);
	conf_print(fp, 2, segment_table, NELEM(segment_table), conf);
	fputs("spool:\n", fp);
	conf_print(fp, 2, spool_table, NELEM(spool_table), conf);
}

const char *
au_conf_merge(struct au_conf *conf, const struct au_conf *next)
{
	conf->spool_size = next->spool_size;
	conf->sign_ms = next->sign_ms;
	conf->segment_size = next->segment_size;
	conf->segment_age = next->segment_age;
	memcpy(conf->sha256, next->sha256, sizeof(conf->sha256));
	if (strcmp(conf->socket, next->socket) != 0)
		return "socket";
	if (strcmp(conf->store, next->store) != 0)
		return "store";
	if (conf->durability != next->durability)
		return "durability";
	if (strcmp(conf->user, next->user) != 0)
		return "user";
	if (strcmp(conf->spool_dir, next->spool_dir) != 0)
		return "spool.directory";
	if ((conf->key == NULL) != (next->key == NULL) ||
	    (conf->key != NULL && strcmp(conf->key, next->key) != 0))
		return "key";
	if (conf->sign_events != next->sign_events)
		return "checkpoint.events";
	if (conf->any_fs != next->any_fs)
		return "spool.allow_any_filesystem";
	return NULL;
}
