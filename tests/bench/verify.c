/*
 * How many tokens the verifier's code takes in a second of processor time, by
 * algorithm: good ones, ones with another's signature, and ones that a check
 * before the signature refuses (another audience).  Processor time, so that
 * the figures are for one core whatever else the machine does.  Parsing and
 * the claims' result are part of it, the channel to policyd's parent is not.
 *
 *	bench_verify [MILLISECONDS]		for each figure (500)
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/tools/forge.h"
#include "token.h"

#define ISS	"https://idp.shop.example"
#define AUD	"postern.gw.shop.example"
#define NOW	1700000000u

static const struct {
	const char	*alg, *key;
} algs[] = {
	{ "RS256", "rsa" }, { "RS384", "rsa" }, { "RS512", "rsa" },
	{ "PS256", "rsa" }, { "PS384", "rsa" }, { "PS512", "rsa" },
	{ "ES256", "ec" }, { "ES384", "ec384" }, { "ES512", "ec521" },
	{ "EdDSA", "ed" }
};
#define NALGS	(sizeof(algs) / sizeof(algs[0]))

static struct issuer	 issuer;
static long		 milliseconds = 500;

static char *
sign(EVP_PKEY *key, const char *alg, const char *aud)
{
	char	 header[128], claims[512], *t;

	snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"k\"}",
	    alg);
	/* About what an issuer says of somebody. */
	snprintf(claims, sizeof(claims), "{\"iss\":\"" ISS "\",\"aud\":\"%s\","
	    "\"sub\":\"repo:shop/site:ref:refs/heads/main\",\"iat\":%u,"
	    "\"nbf\":%u,\"exp\":%u,\"jti\":\"0d6f3c57-5a1b-4b7e-9c70\","
	    "\"groups\":[\"ai-agents\",\"analysts\",\"oncall\"]}", aud, NOW,
	    NOW, NOW + 300);
	if ((t = forge_sign(key, alg, header, claims)) == NULL)
		errx(1, "cannot sign by %s", alg);
	return t;
}

static double
cpu_seconds(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* That many a second; every one of them must come to this. */
static double
rate(const struct jwks *keys, const char *token, enum token_status want)
{
	struct token_result	 r = { 0 };
	size_t			 len = strlen(token);
	double			 start = cpu_seconds(), spent;
	char			 reason[256];
	long			 n = 0;
	int			 i;

	do {
		for (i = 0; i < 50; i++, n++) {
			if (token_verify(&issuer, keys, token, len, NOW + 10,
			    &r, reason, sizeof(reason)) != want)
				errx(1, "that is not what was to come: %s",
				    reason);
			token_result_clear(&r);
		}
		spent = cpu_seconds() - start;
	} while (spent * 1000 < (double)milliseconds);
	return (double)n / spent;
}

static void
measure(const char *alg, const char *kind)
{
	EVP_PKEY	*key = forge_key(kind), *other = forge_key(kind);
	char		*jwk = forge_jwk(key, "k", NULL), *set, reason[256];
	char		*good = sign(key, alg, AUD);
	char		*bad = sign(other, alg, AUD);
	char		*early = sign(key, alg, "elsewhere");
	struct jwks	*keys;

	if (asprintf(&set, "{\"keys\":[%s]}", jwk) == -1)
		err(1, NULL);
	if ((keys = jwks_parse(set, strlen(set), reason, sizeof(reason))) ==
	    NULL)
		errx(1, "%s", reason);
	printf("%-7s %10.0f %14.0f %16.0f\n", alg, rate(keys, good,
	    TOKEN_GOOD), rate(keys, bad, TOKEN_BAD), rate(keys, early,
	    TOKEN_BAD));
	jwks_free(&keys);
	free(set);
	free(jwk);
	free(good);
	free(bad);
	free(early);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

int
main(int argc, char **argv)
{
	static char	*names[NALGS], *aud[] = { (char *)(uintptr_t)AUD };
	size_t		 i;

	if (argc > 1 && (milliseconds = atol(argv[1])) < 1)
		errx(1, "usage: bench_verify [milliseconds]");
	for (i = 0; i < NALGS; i++)
		names[i] = (char *)(uintptr_t)algs[i].alg;
	issuer.issuer = (char *)(uintptr_t)ISS;
	issuer.subject = (char *)(uintptr_t)"/sub";
	issuer.audience.v = aud;
	issuer.audience.n = 1;
	issuer.algorithms.v = names;
	issuer.algorithms.n = NALGS;
	issuer.max_lifetime = 15 * 60 * 1000;
	issuer.leeway = 30 * 1000;
	printf("%-7s %10s %14s %16s\n", "", "good", "bad signature",
	    "other audience");
	for (i = 0; i < NALGS; i++)
		measure(algs[i].alg, algs[i].key);
	return 0;
}
