/*
 * A login that waits for its grant, by OAUTHBEARER: what is said meanwhile, in
 * which order, for longer than other logins may take (limits.login is 6 s
 * here), and what libpq 18 makes of it.  The password listener's part is in
 * test_grants.c, other clients are in tests/clients/waiting.
 */
#include "e2e.h"
#include "held.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raw.h"

#define SKIP	77

static const char *const ports[] = { "GW_OAUTH_PORT", "GW_SHARED_PORT" };

/* --- byte by byte ------------------------------------------------------------ */

static void
respond(struct raw *r, const char *token)
{
	char m[8192] = "OAUTHBEARER";
	int n = snprintf(m + 16, sizeof(m) - 16, "n,,\1auth=Bearer %s\1\1",
	    token);
	uint32_t be = htonl((uint32_t)n);

	ck_assert(n > 0 && (size_t)n < sizeof(m) - 16);
	memcpy(m + 12, &be, 4);
	ck_assert(raw_msg(r, 'p', m, 16 + (size_t)n));
}

/* The next message is an authentication request of this code. */
static void
auth_is(struct raw *r, uint32_t code)
{
	const uint8_t *p;
	uint32_t be;
	size_t len;

	ck_assert_int_eq(raw_read(r, 10000, &p, &len), 'R');
	ck_assert_uint_ge(len, 4);
	memcpy(&be, p, 4);
	ck_assert_uint_eq(ntohl(be), code);
}

/* The next message is the notice; the number of the request. */
static long
notice(struct raw *r, int ms)
{
	const uint8_t *p;
	char text[2048];
	const char *at;
	size_t len, i;

	ck_assert_int_eq(raw_read(r, ms, &p, &len), 'N');
	ck_assert_uint_lt(len, sizeof(text));
	for (i = 0; i < len; i++)
		text[i] = p[i] == '\0' ? '|' : (char)p[i];
	text[len] = '\0';
	ck_assert_msg(strstr(text, "SNOTICE|") != NULL && strstr(text,
	    "C00000|") != NULL && strstr(text, "|HThe request stays") != NULL,
	    "%s", text);
	ck_assert_ptr_nonnull(at = strstr(text, "request "));
	return strtol(at + 8, NULL, 10);
}

/* A login of this subject that waits; its request. */
static struct raw *
waits(const char *port, const char *sub, long *request)
{
	char *token = e2e_token(sub, "oncall");
	struct raw *r = raw_tls_to(port, NULL);

	ck_assert(raw_startup(r, "breakglass", "shop"));
	auth_is(r, 10);
	respond(r, token);
	auth_is(r, 0);
	*request = notice(r, 10000);
	ck_assert_int_eq(open_request(sub), *request);
	free(token);
	return r;
}

START_TEST(approved)
{
	char sub[32], seen[64] = "";
	const uint8_t *p;
	struct raw *r;
	size_t len, n = 0;
	long request;
	int t;

	snprintf(sub, sizeof(sub), "raw-approved-%d", _i);
	r = waits(ports[_i], sub, &request);
	/* For longer than a login may take that waits for nobody. */
	if (_i == 0)
		ck_assert_int_eq(notice(r, 12000), request);
	ck_assert_int_eq(decide("approve", request, "boss", "approvers", ""),
	    0);
	while ((t = raw_read(r, 15000, &p, &len)) > 0 && n < sizeof(seen) - 1) {
		seen[n++] = (char)t;
		if (t == 'Z')
			break;
	}
	/* No second AuthenticationOk. */
	ck_assert_msg(t == 'Z' && strspn(seen, "S") == n - 2 &&
	    seen[n - 2] == 'K', "%s", seen);
	ck_assert(raw_query(r, "SELECT 7"));
	ck_assert(raw_until(r, 'Z', 10000));
	ck_assert_str_eq(raw_sqlstate(r), "");
	raw_free(&r);
}
END_TEST

/* He has been told that he is authenticated: no SASL failure comes now. */
START_TEST(refused)
{
	const uint8_t *p;
	struct raw *r;
	long request;
	char sub[32];
	size_t len;

	snprintf(sub, sizeof(sub), "raw-refused-%d", _i);
	r = waits(ports[_i], sub, &request);
	ck_assert_int_eq(decide("deny", request, "boss", "approvers",
	    "--reason never"), 0);
	ck_assert_int_eq(raw_read(r, 10000, &p, &len), 'E');
	ck_assert_str_eq(raw_sqlstate(r), "42501");
	ck_assert_ptr_nonnull(strstr(raw_message(r), "never"));
	ck_assert_int_eq(raw_read(r, 10000, &p, &len), 0);
	raw_free(&r);
	/* Asked again at once: refused before the AuthenticationOk, as it is. */
	r = raw_tls_to(ports[_i], NULL);
	char *token = e2e_token(sub, "oncall");
	ck_assert(raw_startup(r, "breakglass", "shop"));
	auth_is(r, 10);
	respond(r, token);
	ck_assert_int_eq(raw_read(r, 10000, &p, &len), 'E');
	ck_assert_str_eq(raw_sqlstate(r), "42501");
	raw_free(&r);
	free(token);
}
END_TEST

/* --- libpq 18 ------------------------------------------------------------------ */

/* Its library's directory; NULL: it is not to be had here. */
static const char *
libpq18(void)
{
	static char dir[1024];
	char cmd[1024];
	FILE *f;
	int rc;

	snprintf(cmd, sizeof(cmd), "%s/tests/pg18 fetch",
	    getenv("POSTERN_SRC") ? getenv("POSTERN_SRC") : ".");
	ck_assert_ptr_nonnull(f = popen(cmd, "r"));
	if (fgets(dir, sizeof(dir), f) == NULL)
		dir[0] = '\0';
	dir[strcspn(dir, "\n")] = '\0';
	rc = pclose(f);
	if (WIFEXITED(rc) && WEXITSTATUS(rc) == SKIP) {
		printf("SKIPPED: no libpq 18 to be had\n");
		return NULL;
	}
	ck_assert_int_eq(rc, 0);
	return dir;
}

static FILE *
bearer(const char *dir, const char *sub, const char *more)
{
	char *token = e2e_token(sub, "oncall"), cmd[8192];
	FILE *f;

	snprintf(cmd, sizeof(cmd), "LD_LIBRARY_PATH=%s/lib BEARER_TOKEN='%s' "
	    "%s/bearer 'host=127.0.0.1 port=%s dbname=shop user=breakglass "
	    "oauth_issuer=https://idp.shop.example oauth_client_id=x "
	    "sslmode=verify-full sslrootcert=%s %s' 'SELECT 42' 2>&1", dir,
	    token, e2e_env("POSTERN_BIN"), e2e_env("GW_OAUTH_PORT"),
	    e2e_env("GW_CA"), more);
	ck_assert_ptr_nonnull(f = popen(cmd, "r"));
	free(token);
	return f;
}

/* What it said to its end; its exit code. */
static int
over(FILE *f, char *out, size_t size)
{
	size_t n = fread(out, 1, size - 1, f);
	int rc;

	out[n] = '\0';
	rc = pclose(f);
	return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

START_TEST(libpq18_waits)
{
	const char *dir = libpq18();
	char out[4096], want[64];
	long n;
	FILE *f;

	if (dir == NULL)
		return;
	f = bearer(dir, "libpq-waits", "");
	n = wait_request("libpq-waits");
	ck_assert_int_eq(decide("approve", n, "boss", "approvers", ""), 0);
	ck_assert_msg(over(f, out, sizeof(out)) == 0, "%s", out);
	snprintf(want, sizeof(want), "request %ld", n);
	ck_assert_msg(strstr(out, "NOTICE:  profile \"breakglass\" opens only "
	    "under a grant") != NULL && strstr(out, want) != NULL &&
	    strstr(out, "\nvalue 42\n") != NULL, "%s", out);

	f = bearer(dir, "libpq-denied", "");
	n = wait_request("libpq-denied");
	ck_assert_int_eq(decide("deny", n, "boss", "approvers", ""), 0);
	ck_assert_int_eq(over(f, out, sizeof(out)), 1);
	ck_assert_msg(strstr(out, "FATAL:  login refused by boss") != NULL,
	    "%s", out);
}
END_TEST

/* Its own limit ends the wait, and not the request. */
START_TEST(libpq18_gives_up)
{
	const char *dir = libpq18();
	char out[4096];
	long n;

	if (dir == NULL)
		return;
	ck_assert_int_eq(over(bearer(dir, "libpq-hasty", "connect_timeout=3"),
	    out, sizeof(out)), 1);
	ck_assert_msg(strstr(out, "NOTICE:") != NULL && strstr(out,
	    "timeout expired") != NULL, "%s", out);
	ck_assert_int_gt(n = open_request("libpq-hasty"), 0);
	ck_assert_int_eq(decide("approve", n, "boss", "approvers", ""), 0);
	ck_assert_int_eq(over(bearer(dir, "libpq-hasty", "connect_timeout=9"),
	    out, sizeof(out)), 0);
	ck_assert_msg(strstr(out, "NOTICE:") == NULL && strstr(out,
	    "value 42\n") != NULL, "%s", out);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("waiting");
	TCase *tc = tcase_create("waiting");

	tcase_set_timeout(tc, 200);
	tcase_add_loop_test(tc, approved, 0, 2);
	tcase_add_loop_test(tc, refused, 0, 2);
	tcase_add_test(tc, libpq18_waits);
	tcase_add_test(tc, libpq18_gives_up);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
