/*
 * event_kinds: the descriptions of all audit events, expanded from the table.
 */
#include "event_kinds.h"

#include <stdbool.h>

#define M_FIELDS(name, writer)						\
	CODEC_FIELDS(fields_##name, event_##name, EV_FIELDS_##name)
EVENT_KINDS(M_FIELDS)

#define M_DESC(name, writer)						\
	{ EVENT_##name, #name, NULL, 0, sizeof(struct event_##name), 0,	\
	    writer, 0 },
static struct msg_desc descs[EVENT_NKINDS] = {
	EVENT_KINDS(M_DESC)
};

#define M_FILL(name, writer)						\
	descs[EVENT_##name].fields =					\
	    fields_##name(&descs[EVENT_##name].nfields);

const struct msg_desc *
event_desc(unsigned int kind)
{
	static bool filled;

	if (kind >= EVENT_NKINDS)
		return NULL;
	if (!filled) {
		EVENT_KINDS(M_FILL)
		filled = true;
	}
	return &descs[kind];
}
