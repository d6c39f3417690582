/* Everything about a token that is looked at before its signature. */
#include "policyd/policy.h"
#include "policyd/token.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char reason[1024];
	struct token *t = token_parse((const char *)p, n, reason,
	    sizeof(reason));

	if (t != NULL)
		token_issuer(t);
	token_free(&t);
	return 0;
}
