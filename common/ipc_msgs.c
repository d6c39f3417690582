/*
 * ipc_msgs: the descriptions of all messages, expanded from the table.
 */
#include "ipc_msgs.h"

#include <stdbool.h>

#include "ipc.h"

#define M_FIELDS(name, from, to, nfds)					\
	CODEC_FIELDS(fields_##name, ipc_##name, IPC_FIELDS_##name)
IPC_MSGS(M_FIELDS)

#define M_DESC(name, from, to, nfds)					\
	{ IPC_##name, #name, NULL, 0, sizeof(struct ipc_##name), nfds,	\
	    from, to },
static struct msg_desc descs[IPC_NTYPES] = {
	IPC_MSGS(M_DESC)
};

#define M_FILL(name, from, to, nfds)					\
	descs[IPC_##name].fields =					\
	    fields_##name(&descs[IPC_##name].nfields);

const struct msg_desc *
ipc_desc(enum ipc_type type)
{
	static bool filled;

	if ((unsigned int)type >= IPC_NTYPES)
		return NULL;
	if (!filled) {
		IPC_MSGS(M_FILL)
		filled = true;
	}
	return &descs[type];
}

const char *
ipc_name(enum ipc_type type)
{
	const struct msg_desc *d = ipc_desc(type);

	return d == NULL ? "unknown" : d->name;
}
