/* What reads SQL before, or instead of, PostgreSQL's parser. */
#include "policyd/prescan.h"

#include <stdint.h>

#include "common/redact.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct redact r = { .literals = RECORD_HASH };
	struct buf b;

	prescan((const char *)p, n);
	buf_init(&b, 1024 * 1024);
	redact_text(&b, &r, p, n);
	buf_clear(&b);
	return 0;
}
