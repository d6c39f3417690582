/*
 * gatewayd's starts, stops and reloads as events.  Runs in the parent; gatewayd
 * itself has no way to the record but its workers', which are about sessions.
 * Its master is believed in what it says of itself, and only of itself.
 */
#include "gateways.h"

#include "auditlink.h"
#include "event_kinds.h"

static void
record_stop(struct parent *p, uint32_t pid, const char *reason)
{
	struct event_gateway_stop	 ev = { .pid = pid,
		.reason = slice_str(reason) };

	if (ev.reason.len > LEN_REASON)
		ev.reason.len = LEN_REASON;
	auditlink_event(p, EVENT_gateway_stop, &ev);
}

int
gateway_said(struct parent *p, uint32_t pid, const struct ipc_master_event *m)
{
	struct event_gateway_start	 start = {
		.version = m->version,
		.pid = pid,
		.conf_sha256 = m->new_sha256
	};
	struct event_gateway_reload	 reload = {
		.pid = pid,
		.accepted = m->accepted,
		.old_sha256 = m->old_sha256,
		.new_sha256 = m->new_sha256,
		.error = m->error
	};

	if (slice_eq(m->what, "start"))
		auditlink_event(p, EVENT_gateway_start, &start);
	else if (slice_eq(m->what, "reload"))
		auditlink_event(p, EVENT_gateway_reload, &reload);
	else if (slice_eq(m->what, "stop"))
		record_stop(p, pid, "stopped");
	else
		return -1;
	return 0;
}

void
gateway_lost(struct parent *p, uint32_t pid, const char *reason)
{
	record_stop(p, pid, reason);
}
