/*
 * Messages between processes: the type (first byte), then the message.  What
 * decodes must encode to the same bytes.
 */
#include "common/codec.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/ipc.h"
#include "common/ipc_msgs.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define M_MEMBER(name, from, to, nfds)	struct ipc_##name name;
union any {
	IPC_MSGS(M_MEMBER)
};
#undef M_MEMBER

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct msg_desc *desc;
	union any *m;
	struct buf b;

	if (n == 0)
		return 0;
	desc = ipc_desc((enum ipc_type)(p[0] % IPC_NTYPES));
	if (desc == NULL)
		return 0;
	if ((m = malloc(sizeof(*m))) == NULL)
		return 0;
	buf_init(&b, 64 * 1024 * 1024);
	if (msg_decode(desc, p + 1, n - 1, m) == 0 &&
	    (msg_encode(desc, m, &b) == -1 || b.len != n - 1 ||
	    (n > 1 && memcmp(buf_head(&b), p + 1, n - 1) != 0)))
		__builtin_trap();
	buf_clear(&b);
	free(m);
	return 0;
}
