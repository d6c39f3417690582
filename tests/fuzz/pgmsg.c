/* A client's message by its type (first byte), and a server's error. */
#include "gatewayd/pgmsg.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct pg_error e;

	if (n == 0)
		return 0;
	pg_client_body_ok(p[0], p + 1, n - 1);
	if (pg_error_read(p + 1, n - 1, &e) == 0 &&
	    (e.severity == NULL || e.sqlstate == NULL || e.message == NULL))
		__builtin_trap();
	return 0;
}
