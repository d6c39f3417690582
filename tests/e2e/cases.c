/*
 * The forger: every way to make a token that must be refused which we know of
 * (RFC 8725, RFC 7515, and what the JOSE library lets pass), each as a case
 * with the reason that has to be recorded.  Runs in a test program.
 */
#include "cases.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/pem.h>

#include "tests/tools/forge.h"

#define ISS_A	"https://forge.example/realms/a"
#define ISS_B	"https://forge.example/realms/b"
#define AUD	"postern.forge.example"
#define MAX	200

static struct forged cases[MAX];
static size_t ncases;
static EVP_PKEY *rsa, *ec, *ec384, *ed, *dup1, *other, *evil, *next;
static long long now;

static void
add(const char *name, char *token, size_t len, bool good, const char *why)
{
	if (ncases == MAX)
		errx(1, "too many cases");
	cases[ncases++] = (struct forged){ name, token, len, good, why };
}

static void
bad(const char *name, char *token, const char *why)
{
	add(name, token, strlen(token), false, why);
}

static char	*fmt(const char *, ...) __attribute__((format(printf, 1, 2)));

static char *
fmt(const char *f, ...)
{
	va_list ap;
	char *s;

	va_start(ap, f);
	if (vasprintf(&s, f, ap) == -1)
		err(1, NULL);
	va_end(ap);
	return s;
}

/* Claims: the usual ones, of which `with` may give others. */
static char *
claims_of(const char *iss, const char *aud, const char *sub, long long exp,
    const char *with)
{
	return fmt("{%s%s%s%s%s%s\"iat\":%lld%s%s%s%s%s%s}",
	    iss != NULL ? "\"iss\":" : "", iss != NULL ? iss : "",
	    iss != NULL ? "," : "", aud != NULL ? "\"aud\":" : "",
	    aud != NULL ? aud : "", aud != NULL ? "," : "", now,
	    sub != NULL ? ",\"sub\":" : "", sub != NULL ? sub : "",
	    exp != 0 ? ",\"exp\":" : "", exp != 0 ? fmt("%lld", exp) : "",
	    with[0] != '\0' ? "," : "", with);
}

static char *
claims(const char *with)
{
	return claims_of("\"" ISS_A "\"", "\"" AUD "\"", "\"forged\"",
	    now + 300, with);
}

#define HEAD(alg, kid)	"{\"alg\":\"" alg "\",\"kid\":\"" kid "\"}"
#define RS		HEAD("RS256", "r")

static char *
by_rsa(const char *header, const char *body)
{
	return forge_sign(rsa, "RS256", header, body);
}

static void
claim(const char *name, const char *with, const char *why)
{
	bad(name, by_rsa(RS, claims(with)), why);
}

static void
body(const char *name, const char *text, const char *why)
{
	bad(name, by_rsa(RS, text), why);
}

static void
header(const char *name, const char *text, const char *why)
{
	bad(name, by_rsa(text, claims("")), why);
}

/* A token with its i-th segment replaced. */
static char *
segment(int i, const char *seg)
{
	char *t = by_rsa(RS, claims("")), *a = strchr(t, '.');
	char *b = strchr(a + 1, '.');

	return i == 0 ? fmt("%s%s", seg, a) : i == 1 ?
	    fmt("%.*s.%s%s", (int)(a - t), t, seg, b) :
	    fmt("%.*s.%s", (int)(b - t), t, seg);
}

/* By the P-256 key, with another signature. */
static char *
ec_with(const unsigned char *sig, size_t n)
{
	char *t = forge_sign(ec, "ES256", HEAD("ES256", "e"), claims(""));

	return fmt("%.*s.%s", (int)(strrchr(t, '.') - t), t,
	    forge_b64url(sig, n));
}

/* --- groups of cases --------------------------------------------------------- */

static void
controls(void)
{
	static const char *const algs[] = { "RS256", "RS384", "RS512",
	    "PS256", "PS384", "PS512" };
	char *t;
	size_t i;

	for (i = 0; i < 6; i++) {
		t = forge_sign(rsa, algs[i], fmt("{\"alg\":\"%s\",\"kid\":"
		    "\"r\"}", algs[i]), claims(""));
		add(fmt("good: %s", algs[i]), t, strlen(t), true, "");
	}
	t = forge_sign(ec, "ES256", HEAD("ES256", "e"), claims(""));
	add("good: ES256", t, strlen(t), true, "");
	t = forge_sign(ec384, "ES384", HEAD("ES384", "e384"), claims(""));
	add("good: ES384", t, strlen(t), true, "");
	t = forge_sign(ed, "EdDSA", HEAD("EdDSA", "d"), claims(""));
	add("good: EdDSA", t, strlen(t), true, "");
	t = forge_sign(ed, "EdDSA", "{\"alg\":\"EdDSA\"}", claims(""));
	add("good: no kid, one key fits", t, strlen(t), true, "");
	t = by_rsa(RS, claims_of("\"" ISS_A "\"", "[\"x\",\"" AUD "\"]",
	    "\"forged\"", now + 300, ""));
	add("good: aud is a list", t, strlen(t), true, "");
	t = by_rsa(RS, fmt("{\"iss\":\"" ISS_A "\",\"aud\":\"" AUD "\","
	    "\"sub\":\"forged\",\"exp\":%lld}", now - 2));
	add("good: expired within the leeway", t, strlen(t), true, "");
}

static void
algorithms(void)
{
	static const char *const none[] = { "none", "None", "NONE", "nOnE" };
	char *good = by_rsa(RS, claims("")), *pem, *jwk;
	char *sig = strrchr(good, '.') + 1;
	BIO *b = BIO_new(BIO_s_mem());
	long n;
	size_t i;

	for (i = 0; i < 4; i++) {
		bad(fmt("alg %s, no signature", none[i]), forge_sign(rsa,
		    "none", fmt("{\"alg\":\"%s\"}", none[i]), claims("")),
		    "signature is missing");
		bad(fmt("alg %s, somebody's signature", none[i]), fmt("%s%s",
		    forge_sign(rsa, "none", fmt("{\"alg\":\"%s\",\"kid\":"
		    "\"r\"}", none[i]), claims("")), sig), "not supported");
	}
	header("alg missing", "{\"kid\":\"r\"}", "alg is missing");
	header("alg is a list", "{\"alg\":[\"RS256\"],\"kid\":\"r\"}", "alg");
	header("alg in small letters", HEAD("rs256", "r"), "not supported");
	PEM_write_bio_PUBKEY(b, rsa);
	n = BIO_get_mem_data(b, &pem);
	bad("HS256, the RSA key's PEM its secret", forge_hs256(pem, (size_t)n,
	    HEAD("HS256", "r"), claims("")), "not supported");
	jwk = forge_jwk(rsa, "r", NULL);
	bad("HS256, the RSA key's JWK its secret", forge_hs256(jwk,
	    strlen(jwk), HEAD("HS256", "r"), claims("")), "not supported");
	bad("HS256, no secret", forge_hs256("", 0, HEAD("HS256", "r"),
	    claims("")), "not supported");
	bad("RS256 header, PSS signature", forge_sign(rsa, "PS256", RS,
	    claims("")), "signature is wrong");
	bad("PS256 header, PKCS#1 signature", forge_sign(rsa, "RS256",
	    HEAD("PS256", "r"), claims("")), "signature is wrong");
	bad("RS512 under RS256", forge_sign(rsa, "RS512", RS, claims("")),
	    "signature is wrong");
	bad("ES256 with a P-384 key", forge_sign(ec384, "ES384",
	    HEAD("ES256", "e384"), claims("")), "not for ES256");
	bad("RS256 with an EC key's kid", by_rsa(HEAD("RS256", "e"),
	    claims("")), "not for RS256");
	bad("a key marked PS256 for RS256", by_rsa(HEAD("RS256", "rp"),
	    claims("")), "not for RS256");
	bad("a key for encryption", by_rsa(HEAD("RS256", "enc"), claims("")),
	    "no key");
	bad("ES512, not of this issuer", fmt("%s%s", forge_sign(ec, "none",
	    HEAD("ES512", "e"), claims("")), sig), "not allowed");
}

static void
signatures(void)
{
	static const unsigned char order[] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0,
	    0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
	    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc,
	    0x63, 0x25, 0x51 };
	static const unsigned char l[] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63,
	    0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] =
	    0x10 };
	unsigned char s[80] = { 0 };
	char *t = by_rsa(RS, claims("")), last = t[strlen(t) - 1];

	bad("ES256, r and s zero", ec_with(s, 64), "signature is wrong");
	memset(s, 0xff, sizeof s);
	bad("ES256, r and s too large", ec_with(s, 64), "signature is wrong");
	memcpy(s, order, 32);
	memcpy(s + 32, order, 32);
	bad("ES256, r and s the order", ec_with(s, 64), "signature is wrong");
	memset(s, 0, sizeof s);
	s[31] = s[63] = 1;
	bad("ES256, r and s one", ec_with(s, 64), "signature is wrong");
	bad("ES256, over-long", ec_with(s, 72), "wrong length");
	bad("ES256, a byte short", ec_with(s, 63), "wrong length");
	memcpy(s, "\x30\x44\x02\x20", 4);
	bad("ES256, DER", ec_with(s, 70), "wrong length");
	memset(s, 0, sizeof s);
	memcpy(s + 32, l, 32);
	bad("EdDSA, S the order", fmt("%s%s", forge_sign(ed, "none",
	    HEAD("EdDSA", "d"), claims("")), forge_b64url(s, 64)),
	    "signature is wrong");
	bad("signature stripped", segment(2, ""), "signature is missing");
	bad("RS256, signature of zeros", segment(2, forge_b64url(memset(
	    calloc(1, 256), 0, 256), 256)), "signature is wrong");
	bad("RS256, a byte short", segment(2, forge_b64url(calloc(1, 255),
	    255)), "wrong length");
	t[strlen(t) - 1] = last == 'A' ? 'B' : last == 'Q' ? 'R' :
	    last == 'g' ? 'h' : 'x';
	bad("unused low bits", t, "base64url");
	bad("== appended", fmt("%s==", by_rsa(RS, claims(""))), "base64url");
	t = claims_of("\"" ISS_A "\"", "\"" AUD "\"", "\"forgee\"", now + 300,
	    "");
	bad("claims changed by a letter", segment(1, forge_b64url(t,
	    strlen(t))), "signature is wrong");
	bad("another's signature", forge_sign(evil, "RS256", RS, claims("")),
	    "signature is wrong");
}

static void
keys(void)
{
	char *long_kid = calloc(1, 30001), *jwk = forge_jwk(evil, "r", NULL);

	memset(long_kid, 'k', 30000);
	header("kid missing, several fit", "{\"alg\":\"RS256\"}",
	    "several keys fit");
	header("kid unknown", HEAD("RS256", "nobody"), "no key");
	header("kid twice in the set", HEAD("RS256", "dup"), "several keys");
	header("kid twice in the header", "{\"alg\":\"RS256\",\"kid\":\"r\","
	    "\"kid\":\"r\"}", "header");
	header("kid a number", "{\"alg\":\"RS256\",\"kid\":1}", "kid");
	header("kid null", "{\"alg\":\"RS256\",\"kid\":null}", "kid");
	header("kid of 30 KB", fmt("{\"alg\":\"RS256\",\"kid\":\"%s\"}",
	    long_kid), "header");
	header("kid a path", HEAD("RS256", "../../../../dev/null"), "no key");
	header("kid SQL", HEAD("RS256", "r' OR '1'='1"), "no key");
	header("kid with NUL", "{\"alg\":\"RS256\",\"kid\":\"r\\u0000\"}",
	    "header");
	bad("kid of another issuer's key", forge_sign(other, "RS256", RS,
	    claims("")), "signature is wrong");
	bad("jwk in the header", forge_sign(evil, "RS256", fmt(
	    "{\"alg\":\"RS256\",\"kid\":\"r\",\"jwk\":%s}", jwk),
	    claims("")), "signature is wrong");
	bad("jku in the header", forge_sign(evil, "RS256",
	    "{\"alg\":\"RS256\",\"kid\":\"x\",\"jku\":"
	    "\"https://evil.example/jwks\"}", claims("")), "no key");
	bad("x5u and x5c in the header", forge_sign(evil, "RS256",
	    "{\"alg\":\"RS256\",\"kid\":\"r\",\"x5u\":\"https://evil.example\""
	    ",\"x5c\":[\"MIIB\"]}", claims("")), "signature is wrong");
	header("crit", "{\"alg\":\"RS256\",\"kid\":\"r\",\"crit\":[\"exp\"]}",
	    "crit");
	header("b64", "{\"alg\":\"RS256\",\"kid\":\"r\",\"b64\":false}", "b64");
	header("zip", "{\"alg\":\"RS256\",\"kid\":\"r\",\"zip\":\"DEF\"}",
	    "zip");
	header("cty: nested", "{\"alg\":\"RS256\",\"kid\":\"r\",\"cty\":"
	    "\"JWT\"}", "cty");
	header("typ of a logout token", "{\"alg\":\"RS256\",\"kid\":\"r\","
	    "\"typ\":\"logout+jwt\"}", "typ");
}

static void
structure(void)
{
	char *t = by_rsa(RS, claims("")), *big = malloc(70001);
	char *one = strchr(t, '.');

	bad("nothing but dots", strdup(".."), "");
	bad("two segments", fmt("%.*s", (int)(strrchr(t, '.') - t), t),
	    "three segments");
	bad("four segments", fmt("%s.AAAA", t), "three segments");
	bad("five segments (JWE)", fmt("%s.AAAA.AAAA", t), "three segments");
	bad("JSON serialisation", fmt("{\"payload\":\"%.*s\",\"signatures\":"
	    "[]}", 40, one + 1), "three segments");
	/* These end a process that hands them to the library. */
	bad("A=== in the header", segment(0, "A==="), "header");
	bad("A=== in the claims", segment(1, "A==="), "claims");
	bad("A=== in the signature", segment(2, "A==="), "base64url");
	bad("A=== everywhere", strdup("A===.A===.A==="), "");
	bad("one letter in the header", segment(0, "A"), "header");
	bad("+ and / in the claims", segment(1, "ab+/"), "claims");
	bad("not ASCII", segment(1, "\xc3\xa9\xff"), "claims");
	bad("a newline at the end", fmt("%s\n", t), "base64url");
	bad("a blank before", fmt(" %s", t), "header");
	bad("Bearer before", fmt("Bearer %s", t), "header");
	memset(big, 'A', 70000);
	big[65000] = '\0';
	bad("65,000 letters", big, "three segments");
	body("claims a list", "[]", "claims");
	body("claims a string", "\"x\"", "claims");
	body("claims null", "null", "claims");
	body("claims cut", "{\"iss\":\"" ISS_A "\"", "claims");
	body("claims twice", fmt("%s{}", claims("")), "claims");
	body("claims not UTF-8", claims("\"x\":\"\xff\""), "claims");
	body("claims with a NUL", claims("\"x\":\"\\u0000\""), "claims");
	body("claims too deep", claims("\"x\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]"
	    "]]]]"), "claims");
	body("iss twice", claims("\"iss\":\"" ISS_A "\""), "claims");
	header("header a list", "[]", "header");
	header("alg twice", "{\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":"
	    "\"r\"}", "header");
}

/* Another issuer, audience, subject or time. */
static void
other_body(const char *name, const char *iss, const char *aud,
    const char *sub, long long exp, const char *why)
{
	body(name, claims_of(iss, aud, sub, exp, ""), why);
}

#define A	"\"" ISS_A "\""
#define G	"\"" AUD "\""
#define S	"\"forged\""
#define T	(now + 300)

static void
who(void)
{
	other_body("iss with a slash more", "\"" ISS_A "/\"", G, S, T, "iss");
	other_body("iss in capitals", "\"HTTPS://FORGE.EXAMPLE/realms/a\"", G,
	    S, T, "iss");
	other_body("iss a prefix", "\"https://forge.example/realms/\"", G, S,
	    T, "iss");
	other_body("iss missing", NULL, G, S, T, "iss is missing");
	other_body("iss a list", "[\"" ISS_A "\"]", G, S, T, "iss is missing");
	other_body("aud missing", A, NULL, S, T, "aud is missing");
	other_body("aud empty", A, "\"\"", S, T, "aud is not");
	other_body("aud an empty list", A, "[]", S, T, "aud is missing");
	other_body("aud a part of ours", A, "\"forge.example\"", S, T, "aud");
	other_body("aud longer than ours", A, "\"" AUD ".evil\"", S, T, "aud");
	other_body("aud holds a number", A, "[\"" AUD "\",1]", S, T, "aud");
	other_body("aud an object", A, "{}", S, T, "aud");
	body("several audiences, wrong azp", claims_of(A, "[\"" AUD "\",\"x\"]",
	    S, T, "\"azp\":\"x\""), "azp");
	claim("azp a list", "\"azp\":[\"x\"]", "azp");
	other_body("sub missing", A, G, NULL, T, "subject");
	other_body("sub empty", A, G, "\"\"", T, "subject");
	other_body("sub a number", A, G, "7", T, "subject");
	other_body("sub with a newline", A, G, "\"a\\nb\"", T, "control");
	other_body("sub with an escape", A, G, "\"a\\u001b[2Jb\"", T,
	    "control");
	claim("bound to a key (cnf)", "\"cnf\":{\"jkt\":\"x\"}", "cnf");
	claim("a refresh token", "\"typ\":\"Refresh\"", "Refresh");
	claim("jti a number", "\"jti\":7", "jti");
}

static void
when(void)
{
	other_body("exp missing", A, G, S, 0, "exp");
	claim("exp twice", "\"exp\":\"9999999999\"", "claims");
	body("exp a string", claims_of(A, G, S, 0, "\"exp\":"
	    "\"9999999999\""), "exp");
	body("exp negative", claims_of(A, G, S, 0, "\"exp\":-1"), "exp");
	body("exp null", claims_of(A, G, S, 0, "\"exp\":null"), "exp");
	body("exp 1e300", claims_of(A, G, S, 0, "\"exp\":1e300"), "exp");
	body("exp of 20 digits", claims_of(A, G, S, 0,
	    "\"exp\":99999999999999999999"), "claims");
	other_body("expired for long", A, G, S, now - 7200, "expired");
	other_body("expired beyond the leeway", A, G, S, now - 31, "expired");
	other_body("in the year 9999", A, G, S, 253402300799LL, "lifetime");
	other_body("lifetime over the issuer's", A, G, S, now + 961,
	    "lifetime");
	claim("nbf in the future", fmt("\"nbf\":%lld", now + 600), "nbf");
	claim("nbf a string", "\"nbf\":\"0\"", "nbf");
	body("iat in the future", fmt("{\"iss\":" A ",\"aud\":" G ",\"sub\":" S
	    ",\"iat\":%lld,\"exp\":%lld}", now + 600, T + 600), "iat");
}

/* forge-b asks for more. */
static char *
for_b(const char *head, const char *with)
{
	return forge_sign(other, "RS256", head, claims_of("\"" ISS_B "\"", G,
	    S, T, with));
}

#define AT	"{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"at+jwt\"}"
#define REST	"\"azp\":\"cli\",\"env\":\"prod\",\"jti\":"

static void
second(void)
{
	bad("an ID token for an access token", for_b(RS, REST "\"b1\""),
	    "access token");
	bad("azp not an authorized party", for_b(AT, "\"azp\":\"web\","
	    "\"env\":\"prod\",\"jti\":\"b2\""), "azp");
	bad("azp missing", for_b(AT, "\"env\":\"prod\",\"jti\":\"b3\""),
	    "azp");
	bad("a required claim missing", for_b(AT, "\"azp\":\"cli\",\"jti\":"
	    "\"b4\""), "/env");
	bad("a required claim another", for_b(AT, "\"azp\":\"cli\",\"env\":"
	    "\"production\",\"jti\":\"b5\""), "/env");
	bad("jti missing where it counts once", for_b(AT, "\"azp\":\"cli\","
	    "\"env\":\"prod\""), "jti is missing");
	bad("PS256, not of this issuer", forge_sign(other, "PS256",
	    HEAD("PS256", "r"), claims_of("\"" ISS_B "\"", G, S, T, REST
	    "\"b6\"")), "not allowed");
	bad("the other issuer's key", forge_sign(rsa, "RS256", AT,
	    claims_of("\"" ISS_B "\"", G, S, T, REST "\"b7\"")),
	    "signature is wrong");
}

/* --- outside ------------------------------------------------------------------- */

static void
write_set(const char *dir, const char *name, const char *text)
{
	char *path = fmt("%s/%s", dir, name), *tmp = fmt("%s.new", path);
	FILE *f = fopen(tmp, "w");

	if (f == NULL || fputs(text, f) == EOF || fclose(f) == EOF ||
	    chmod(tmp, 0644) == -1 || rename(tmp, path) == -1)
		err(1, "%s", path);
}

void
cases_rotate(const char *dir, enum cases_set set)
{
	char *enc = forge_jwk(rsa, "enc", NULL);

	memcpy(strstr(enc, "\"sig\""), "\"enc\"", 5);
	write_set(dir, "forge-a.json", fmt("{\"keys\":[%s%s%s,%s,%s,%s,%s,%s,"
	    "%s%s%s]}", set != SET_NEW ? forge_jwk(rsa, "r", NULL) : "",
	    set != SET_NEW ? "," : "", forge_jwk(rsa, "rp", "PS256"), enc,
	    forge_jwk(ec, "e", "ES256"), forge_jwk(ec384, "e384", NULL),
	    forge_jwk(ed, "d", NULL), forge_jwk(rsa, "dup", NULL),
	    forge_jwk(dup1, "dup", NULL), set != SET_OLD ? "," : "",
	    set != SET_OLD ? forge_jwk(next, "n", NULL) : ""));
}

char *
cases_token(bool by_new)
{
	now = time(NULL);
	return by_new ? forge_sign(next, "RS256", HEAD("RS256", "n"),
	    claims("")) : by_rsa(RS, claims(""));
}

char *
cases_once(const char *jti)
{
	now = time(NULL);
	return for_b(AT, fmt(REST "\"%s\"", jti));
}

char *
cases_policy(const char *dir)
{
	return fmt(
	    "  forge-a: {issuer: \"" ISS_A "\", audience: " AUD ", "
	    "algorithms: [RS256, RS384, RS512, PS256, PS384, PS512, ES256, "
	    "ES384, EdDSA], max_lifetime: 15m, jwks_file: %s/forge-a.json}\n"
	    "  forge-b: {issuer: \"" ISS_B "\", audience: " AUD ", "
	    "jti: strict, token_type: access, authorized_parties: cli, "
	    "required_claims: {/env: prod}, jwks_file: %s/forge-b.json}\n",
	    dir, dir);
}

size_t
cases_make(const char *dir)
{
	now = time(NULL);
	rsa = forge_key("rsa");
	dup1 = forge_key("rsa");
	other = forge_key("rsa");
	evil = forge_key("rsa");
	next = forge_key("rsa");
	ec = forge_key("ec");
	ec384 = forge_key("ec384");
	ed = forge_key("ed");
	cases_rotate(dir, SET_OLD);
	/* The same kid under two issuers. */
	write_set(dir, "forge-b.json", fmt("{\"keys\":[%s]}",
	    forge_jwk(other, "r", NULL)));
	controls();
	algorithms();
	signatures();
	keys();
	structure();
	who();
	when();
	second();
	return ncases;
}

const struct forged *
cases_at(size_t i)
{
	return &cases[i];
}
