/*
 * auditctl verify, checkpoint and attach.
 */
#include "prove.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "buf.h"
#include "json.h"
#include "keyfile.h"
#include "progress.h"
#include "schema.h"
#include "segments.h"
#include "verify.h"

#define ATTACH_MAX	10	/* what SQLite allows by default */

int
prove_key(struct prove *p, const char *path)
{
	uint8_t (*keys)[SIGN_KEY_LEN];
	char err[128];

	keys = realloc(p->keys, (p->nkeys + 1) * sizeof(*keys));
	if (keys == NULL) {
		fprintf(stderr, "auditctl: out of memory\n");
		return -1;
	}
	p->keys = keys;
	if (keyfile_public(path, keys[p->nkeys], err, sizeof(err)) == -1) {
		fprintf(stderr, "auditctl: %s: %s\n", path, err);
		return -1;
	}
	p->nkeys++;
	return 0;
}

int
prove_anchor(struct prove *p, const char *path)
{
	char err[512];

	p->anchored = true;
	if (anchors_load(&p->anchors, path, err, sizeof(err)) == 0)
		return 0;
	fprintf(stderr, "auditctl: %s\n", err);
	return -1;
}

void
prove_clear(struct prove *p)
{
	free(p->keys);
	p->keys = NULL;
	anchors_clear(&p->anchors);
}

/* --- verify ------------------------------------------------------------- */

static void
print_json(const char *head, enum verify_code code,
    const struct verify_result *res)
{
	struct buf b;

	buf_init(&b, JSON_BODY_MAX);
	json_string(&b, res->problem, strlen(res->problem), NULL);
	printf("{\"ok\":%s,\"events\":%" PRId64 ",\"segments\":%zu,"
	    "\"head\":\"%s\",\"signed\":%" PRId64 ",\"signed_time\":%" PRId64
	    ",\"bad\":%" PRId64 ",\"problem\":%.*s}\n",
	    code == VERIFY_OK ? "true" : "false", res->events, res->segments,
	    head, res->signed_event, res->signed_time, res->bad, (int)b.len,
	    (const char *)buf_head(&b));
	buf_clear(&b);
}

static void
print_ok(const struct prove *p, const char *head,
    const struct verify_result *res)
{
	time_t t = (time_t)(res->signed_time / 1000000);
	char when[32];
	struct tm tm;

	if (res->first != 1)
		printf("ok: events %" PRId64 " to %" PRId64 " of one segment, "
		    "head %s\n", res->first, res->events, head);
	else
		printf("ok: %" PRId64 " events, head %s\n", res->events, head);
	if (res->signed_event != 0 && gmtime_r(&t, &tm) != NULL) {
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
		printf("%s up to event %" PRId64 ", at %s\n", p->nkeys > 0 ?
		    "signed" : "signed, by a key that was not checked,",
		    res->signed_event, when);
	}
	if (res->answers > 0 && !p->no_recordings)
		printf("recordings: %" PRId64 " pieces, %" PRId64 " recordings "
		    "pruned\n", res->answers, res->pruned);
	if (p->anchored)
		printf("anchored: every anchor of this store fits\n");
}

int
prove_store(const char *store, const struct prove *p)
{
	struct anchors anchors = p->anchors;
	struct verify_options opts = {
		.keys = (const uint8_t (*)[SIGN_KEY_LEN])p->keys,
		.nkeys = p->nkeys,
		.anchors = p->anchored ? &anchors : NULL,
		.no_recordings = p->no_recordings,
		.progress = progress
	};
	char head[2 * SHA256_LEN + 1];
	struct verify_result res;
	enum verify_code code;

	progress_init("verify");
	code = verify_store(store, &opts, &res);
	progress_end();
	if (code == VERIFY_CANNOT) {
		fprintf(stderr, "auditctl: %s: %s\n", store, res.problem);
		return 2;
	}
	hex_encode(res.head, SHA256_LEN, head);
	if (p->json)
		print_json(head, code, &res);
	else if (code == VERIFY_OK)
		print_ok(p, head, &res);
	else
		printf("bad: %s (%" PRId64 " events before it are good)\n",
		    res.problem, res.events - res.first + 1);
	return code == VERIFY_OK ? 0 : 1;
}

/* --- checkpoint --------------------------------------------------------- */

static bool
print_last(void *ctx, sqlite3_stmt *st)
{
	const char *line = (const char *)sqlite3_column_text(st, 0);
	struct checkpoint c;

	/* It goes into other people's logs: nothing but a checkpoint does. */
	if (line == NULL || checkpoint_parse(line, &c) == -1)
		return true;
	puts(line);
	*(bool *)ctx = true;
	return false;
}

int
prove_checkpoint(struct reader *r)
{
	struct filter f = { .kind = "checkpoint" };
	bool found = false;

	if (reader_last_n(r, &f, 1) == -1 ||
	    (f.first != 0 && reader_each(r, &f, "SELECT json_extract(e.body, "
	    "'$.line') FROM events e WHERE 1", "", print_last, &found) == -1))
		return 2;
	if (found)
		return 0;
	fprintf(stderr, "auditctl: there is no checkpoint: auditd has no "
	    "key\n");
	return 2;
}

/* --- attach ------------------------------------------------------------- */

static void
print_quoted(const char *s)
{
	putchar('\'');
	for (; *s != '\0'; s++) {
		if (*s == '\'')
			putchar('\'');
		putchar(*s);
	}
	putchar('\'');
}

int
prove_attach(const char *store)
{
	struct segments all;
	size_t i, first;

	errno = 0;
	if (segments_find(store, &all) == -1 || all.n == 0) {
		fprintf(stderr, "auditctl: %s: %s\n", store,
		    strerror(errno == 0 ? ENOENT : errno));
		return 2;
	}
	if (all.n > ATTACH_MAX)
		fprintf(stderr, "auditctl: only the last %d of %zu segments: "
		    "sqlite3 attaches no more\n", ATTACH_MAX, all.n);
	first = all.n > ATTACH_MAX ? all.n - ATTACH_MAX : 0;
	for (i = first; i < all.n; i++) {
		fputs("ATTACH ", stdout);
		print_quoted(all.v[i].path);
		printf(" AS s%" PRId64 ";\n", all.v[i].from);
	}
	/* Names of temp come first: the views then read all segments. */
	fputs("CREATE TEMP VIEW events AS", stdout);
	for (i = first; i < all.n; i++)
		printf("%s SELECT * FROM s%" PRId64 ".events", i == first ?
		    "" : " UNION ALL", all.v[i].from);
	puts(";");
	for (i = 0; schema_views[i] != NULL; i++)
		printf("CREATE TEMP %s;\n", schema_views[i] +
		    strlen("CREATE "));
	segments_clear(&all);
	return 0;
}
