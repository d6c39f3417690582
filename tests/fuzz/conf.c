/* YAML to a tree, with the errors' places. */
#include "common/conf.h"

#include <stdint.h>

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct conf_error err;
	struct conf *c = conf_parse("fuzz", (const char *)p, n, &err);

	conf_free(&c);
	return 0;
}
