/*
 * Recordings, held against the chain.  Run by auditctl verify: a row whose hash
 * fits says where a chunk lies and what its digest is, the file beside the
 * store is anybody's.  What does not fit may have been removed by auditd since:
 * then a later event of the chain says so.  So it is kept until the end.
 */
#include "verify_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event_kinds.h"
#include "recfile.h"

#define STORED_MAX	(LEN_CHUNK + 1024)

/* The first chunk of a session that is not there, or not what it was. */
struct verify_missing {
	char	session[LEN_SESSION + 1];
	int64_t	event;
	bool	altered;	/* there is something in its place */
};

static int64_t
number(struct verify *v, const struct row *r, const char *path)
{
	return strtoll(verify_body(v, r, path), NULL, 10);
}

static struct verify_missing *
find(struct verify *v, const char *session)
{
	size_t i;

	for (i = 0; i < v->nmissing; i++)
		if (strcmp(v->missing[i].session, session) == 0)
			return &v->missing[i];
	return NULL;
}

static void
remember(struct verify *v, const char *session, int64_t event, bool altered)
{
	struct verify_missing *m;

	if (find(v, session) != NULL)
		return;
	m = realloc(v->missing, (v->nmissing + 1) * sizeof(*m));
	if (m == NULL)
		abort();
	v->missing = m;
	m += v->nmissing++;
	snprintf(m->session, sizeof(m->session), "%s", session);
	m->event = event;
	m->altered = altered;
}

/* The file of the last session stays open: its chunks come together. */
static int
open_recording(struct verify *v, const char *session)
{
	if (v->rec_fd != -1 && strcmp(v->rec_session, session) == 0)
		return v->rec_fd;
	if (v->rec_fd != -1)
		close(v->rec_fd);
	snprintf(v->rec_session, sizeof(v->rec_session), "%s", session);
	v->rec_fd = recfile_open(v->recordings, session);
	return v->rec_fd;
}

static void
check_chunk(struct verify *v, const struct row *r, const char *session)
{
	static uint8_t data[STORED_MAX];
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	int64_t at = number(v, r, "$.offset");
	int64_t n = number(v, r, "$.stored");
	int fd = open_recording(v, session);

	v->res->answers++;
	if (at < 0 || n < 0 || n > STORED_MAX || fd == -1 ||
	    recfile_read(fd, (uint64_t)at, data, (size_t)n) == -1) {
		remember(v, session, r->e.id, fd != -1);
		return;
	}
	sha256_once(data, (size_t)n, digest);
	hex_encode(digest, sizeof(digest), hex);
	if (strcmp(hex, verify_body(v, r, "$.sha256")) != 0)
		remember(v, session, r->e.id, true);
}

void
verify_rec_row(struct verify *v, const struct row *r)
{
	char session[LEN_SESSION + 1];
	struct verify_missing *m;

	if (v->recordings == NULL || r->e.session_len >= sizeof(session))
		return;
	memcpy(session, r->e.session, r->e.session_len);
	session[r->e.session_len] = '\0';
	if (verify_kind(r, "answer"))
		check_chunk(v, r, session);
	else if (verify_kind(r, "prune")) {
		v->res->pruned++;
		if ((m = find(v, session)) != NULL)
			*m = v->missing[--v->nmissing];
	}
}

enum verify_code
verify_rec_end(struct verify *v)
{
	const struct verify_missing *first = NULL, *m;
	size_t i;

	for (i = 0; i < v->nmissing; i++) {
		m = &v->missing[i];
		/* What removed it may be said in a segment that is not here. */
		if (v->alone && !m->altered)
			continue;
		if (first == NULL || m->event < first->event)
			first = m;
	}
	if (first == NULL)
		return VERIFY_OK;
	return verify_found(v, first->event, "the recording of session %s is "
	    "%s: event %" PRId64 " says what belongs there", first->session,
	    first->altered ? "altered" : "missing", first->event);
}

void
verify_rec_clear(struct verify *v)
{
	if (v->rec_fd != -1)
		close(v->rec_fd);
	free(v->missing);
	free(v->recordings);
}
