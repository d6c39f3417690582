/* The lexer that looks at SQL before PostgreSQL's parser does. */
#include "policyd/prescan.h"

#include <stdint.h>

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	prescan((const char *)p, n);
	return 0;
}
