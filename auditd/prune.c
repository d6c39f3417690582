/*
 * Removing a recording.  Runs in auditd, for auditctl prune.  The event comes
 * first, with a checkpoint that signs it: a recording that is gone without one
 * was taken by somebody else.  After a crash between the two the file is still
 * there, and the next prune takes it.
 */
#include "prune.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "ev.h"
#include "event_kinds.h"
#include "recfile.h"

int
prune_parse(const void *p, size_t len, struct prune_request *q)
{
	json_t *args = json_loadb(p, len, JSON_REJECT_DUPLICATES, NULL);
	const char *session = json_string_value(json_object_get(args,
	    "session"));
	const char *reason = json_string_value(json_object_get(args,
	    "reason"));
	int rc = -1;

	if (session != NULL && reason != NULL && recfile_name_valid(session) &&
	    strlen(reason) < sizeof(q->reason)) {
		snprintf(q->session, sizeof(q->session), "%s", session);
		snprintf(q->reason, sizeof(q->reason), "%s", reason);
		rc = 0;
	}
	json_decref(args);
	return rc;
}

int
prune_recording(struct store *s, const char *session, const char *reason,
    uint32_t uid, uint64_t *bytes)
{
	const char *dir = store_recordings(s);
	int64_t size = recfile_size(dir, session);
	struct event_prune e = {
		.session = slice_str(session),
		.reason = slice_str(reason),
		.uid = uid
	};

	*bytes = 0;
	if (size == -1 && errno == ENOENT)
		return 0;
	if (size == -1) {
		store_blame(s, "recording");
		return -1;
	}
	e.bytes = (uint64_t)size;
	if (store_event(s, event_desc(EVENT_prune), &e, slice_str(session),
	    now_wall_us(), 0) == -1 ||
	    store_checkpoint(s, "prune") == -1 || store_commit(s) == -1)
		return -1;
	if (recfile_remove(dir, session) == -1) {
		store_blame(s, "recording");
		return -1;
	}
	*bytes = e.bytes;
	return 0;
}
