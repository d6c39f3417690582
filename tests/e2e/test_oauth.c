/*
 * OAUTHBEARER: the gateway says what PostgreSQL 18 says, byte by byte, and
 * libpq 18 comes in with a bearer token while psql 15 comes in with a password
 * on the next listener.  Where npm cannot give a PostgreSQL 18 those parts are
 * skipped, loudly, and the rest is held against what one was seen to say.
 */
#include "e2e.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raw.h"

#define USER	"nightly-bot"
#define SKIP	77

/* --- conversations ------------------------------------------------------ */

/*
 * What the client sends: `first` in SASLInitialResponse (NULL: a null initial
 * response), then `next` in a SASLResponse each time that the server asks on.
 * "%T" is the good token.
 */
struct talk {
	const char	*name;
	const char	*first;
	const char	*next;
	/* What PostgreSQL 18.4 was seen to answer. */
	const char	*answer;
};

#define OFFER	"R 10 OAUTHBEARER..\n"
#define FAILURE	"R 11 { \"status\": \"invalid_token\", "		\
	"\"openid-configuration\": \"https://idp.shop.example/.well-known/" \
	"openid-configuration\", \"scope\": \"openid offline\" }\n"
#define FAILED	"E SFATAL VFATAL C28000 MOAuth bearer authentication "	\
	"failed for user \"nightly-bot\"\n"
#define FOUL(detail)	OFFER "E SFATAL VFATAL C08P01 Mmalformed "	\
	"OAUTHBEARER message D" detail "\n"
#define GOOD	"n,,\1auth=Bearer %T\1\1"

static const struct talk talks[] = {
	{ "success", GOOD, NULL, OFFER "R 0 \n" },
	{ "y is n", "y,,\1auth=Bearer %T\1\1", NULL, OFFER "R 0 \n" },
	{ "any case", "n,,\1host=h\1auth=bEARER   %T\1\1", NULL,
	    OFFER "R 0 \n" },
	{ "null first", NULL, GOOD, OFFER "R 11 \n" "R 0 \n" },
	{ "discovery", "n,,\1auth=\1\1", "\1", OFFER FAILURE FAILED },
	{ "discovery after null", NULL, "n,,\1auth=\1\1",
	    OFFER "R 11 \n" FAILURE
	    "E SFATAL VFATAL C08P01 Mmalformed OAUTHBEARER message "
	    "DClient did not send a kvsep response.\n" },
	{ "bad token", "n,,\1auth=Bearer bad\1\1", "\1",
	    OFFER FAILURE FAILED },
	{ "no token", "n,,\1auth=Bearer \1\1", "\1", OFFER FAILURE FAILED },
	{ "basic", "n,,\1auth=Basic %T\1\1", "\1", OFFER FAILURE FAILED },
	{ "no scheme", "n,,\1auth=%T\1\1", "\1", OFFER FAILURE FAILED },
	{ "not b64", "n,,\1auth=Bearer a b\1\1", "\1",
	    OFFER FAILURE FAILED },
	{ "no kvsep", "n,,\1auth=\1\1", "x", OFFER FAILURE
	    "E SFATAL VFATAL C08P01 Mmalformed OAUTHBEARER message "
	    "DClient did not send a kvsep response.\n" },
	{ "empty answer", "n,,\1auth=\1\1", "", OFFER FAILURE
	    "E SFATAL VFATAL C08P01 Mmalformed OAUTHBEARER message "
	    "DThe message is empty.\n" },
	{ "binding", "p=tls-exporter,,\1auth=Bearer %T\1\1", NULL,
	    FOUL("The server does not support channel binding for OAuth, but "
	    "the client message includes channel binding data.") },
	{ "authzid", "n,a=me,\1auth=Bearer %T\1\1", NULL, OFFER
	    "E SFATAL VFATAL C0A000 Mclient uses authorization identity, but "
	    "it is not supported\n" },
	{ "empty", "", NULL, FOUL("The message is empty.") },
	{ "flag", "x,,\1auth=Bearer %T\1\1", NULL,
	    FOUL("Unexpected channel-binding flag \"'x'\".") },
	{ "attribute", "n,x,\1auth=Bearer %T\1\1", NULL,
	    FOUL("Unexpected attribute \"'x'\" in client-first-message.") },
	{ "short", "n,,", NULL, FOUL("Key-value separator expected, but found "
	    "character \"0x00\".") },
	{ "nothing", "n,,\1\1", NULL,
	    FOUL("Message does not contain an auth value.") },
	{ "no end", "n,,\1auth=Bearer %T\1", NULL,
	    FOUL("Message did not contain a final terminator.") },
	{ "no separator", "n,,\1auth=Bearer %T", NULL,
	    FOUL("Message contains an unterminated key/value pair.") },
	{ "more", GOOD "x", NULL, FOUL("Message contains additional data after "
	    "the final terminator.") },
	{ "twice", "n,,\1auth=Bearer %T\1auth=Bearer %T\1\1", NULL,
	    FOUL("Message contains multiple auth values.") },
	{ "key", "n,,\1a-b=c\1auth=Bearer %T\1\1", NULL,
	    FOUL("Message contains an invalid key name.") },
	{ "value", "n,,\1auth=Bearer \x80\1\1", NULL,
	    FOUL("Message contains an invalid value.") },
};
#define NTALKS	(sizeof talks / sizeof talks[0])

static void
put(char *out, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void
put(char *out, size_t size, const char *fmt, ...)
{
	size_t n = strlen(out);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out + n, size - n, fmt, ap);
	va_end(ap);
}

/* Its fields, without those that name a line of PostgreSQL's source. */
static void
put_error(char *out, size_t size, const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len;

	put(out, size, "E");
	while (p < end && *p != '\0') {
		if (strchr("FLR", *p) == NULL)
			put(out, size, " %s", (const char *)p);
		p += strlen((const char *)p) + 1;
	}
	put(out, size, "\n");
}

static void
put_auth(char *out, size_t size, const uint8_t *p, size_t len)
{
	uint32_t code;
	size_t i;

	memcpy(&code, p, 4);
	put(out, size, "R %u ", ntohl(code));
	for (i = 4; i < len; i++)
		put(out, size, "%c", p[i] == '\0' ? '.' : p[i]);
	put(out, size, "\n");
}

static char *
fill_in(const char *text, const char *token)
{
	char *s = calloc(1, strlen(text) + 2 * strlen(token) + 1), *o = s;

	for (; *text != '\0'; text++)
		if (text[0] == '%' && text[1] == 'T') {
			o = stpcpy(o, token);
			text++;
		} else
			*o++ = *text;
	return s;
}

static void
send_response(struct raw *r, const char *text, const char *token, bool initial)
{
	uint8_t m[16384] = "OAUTHBEARER";
	size_t n = initial ? 12 : 0;
	uint32_t be = htonl(UINT32_MAX);
	char *s = text == NULL ? NULL : fill_in(text, token);
	size_t len = s == NULL ? 0 : strlen(s);

	ck_assert_uint_lt(len, sizeof m - 16);
	if (initial) {
		if (s != NULL)
			be = htonl((uint32_t)len);
		memcpy(m + n, &be, 4);
		n += 4;
	}
	if (s != NULL)
		memcpy(m + n, s, len);
	raw_msg(r, 'p', m, n + len);
	free(s);
}

/* Have this conversation; what the server said, up to success or its end. */
static const char *
converse(const struct talk *t, const char *port, const char *from,
    const char *database, const char *token)
{
	static char out[8192];
	struct raw *r = raw_tls_to(port, from);
	const uint8_t *p;
	bool first = true;
	size_t len;
	int type;

	out[0] = '\0';
	ck_assert(raw_startup(r, USER, database));
	while ((type = raw_read(r, 20000, &p, &len)) > 0) {
		if (type == 'E')
			put_error(out, sizeof out, p, len);
		else if (type == 'R')
			put_auth(out, sizeof out, p, len);
		else
			put(out, sizeof out, "%c\n", type);
		if (type != 'R' || memcmp(p, "\0\0\0\0", 4) == 0)
			break;
		if (memcmp(p, "\0\0\0\12", 4) == 0 || t->next != NULL)
			send_response(r, first ? t->first : t->next, token,
			    first);
		first = false;
	}
	raw_vanish(&r);
	return out;
}

static const char *ports[] = { "GW_OAUTH_PORT", "GW_SHARED_PORT" };

/* Failures are counted by address: these are not to lock the others out. */
START_TEST(as_recorded)
{
	const struct talk *t = &talks[_i];
	char *token = e2e_token("oauth-talk", "ai-agents");
	size_t i;

	for (i = 0; i < 2; i++)
		ck_assert_str_eq(converse(t, ports[i], i == 0 ? "127.0.0.2" :
		    "127.0.0.3", "shop", token), t->answer);
	free(token);
}
END_TEST

/* --- the oracle ---------------------------------------------------------- */

static int
pg18(const char *what, char *line, size_t size)
{
	char cmd[2048];
	FILE *f;
	int rc;

	snprintf(cmd, sizeof cmd, "%s/tests/pg18 %s", getenv("POSTERN_SRC") ?
	    getenv("POSTERN_SRC") : ".", what);
	f = popen(cmd, "r");
	ck_assert_ptr_nonnull(f);
	if (fgets(line, (int)size, f) == NULL)
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	rc = pclose(f);
	return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

static bool
skipped(int rc, const char *what)
{
	if (rc == SKIP)
		printf("SKIPPED: %s: no PostgreSQL 18 to be had\n", what);
	else
		ck_assert_int_eq(rc, 0);
	return rc == SKIP;
}

/* The real server says what was recorded, word for word. */
START_TEST(oracle)
{
	char what[1024], port[64], down[256];
	size_t i, bad = 0;
	FILE *f;

	snprintf(what, sizeof what, "up %s/pg18 https://idp.shop.example "
	    "'openid offline'", e2e_env("STACK_DIR"));
	if (skipped(pg18(what, port, sizeof port), "oracle"))
		return;
	/* Where raw_to() looks for ports. */
	snprintf(what, sizeof what, "%s/env", e2e_env("STACK_DIR"));
	f = fopen(what, "a");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "PG18_PORT=%s\n", port);
	fclose(f);
	for (i = 0; i < NTALKS; i++) {
		const char *said = converse(&talks[i], "PG18_PORT", NULL,
		    "postgres", "good");

		if (strcmp(said, talks[i].answer) != 0) {
			printf("%s: PostgreSQL says\n%s", talks[i].name, said);
			bad++;
		}
	}
	snprintf(what, sizeof what, "down %s/pg18", e2e_env("STACK_DIR"));
	ck_assert_int_eq(pg18(what, down, sizeof down), 0);
	ck_assert_uint_eq(bad, 0);
}
END_TEST

/* --- frames ---------------------------------------------------------------- */

START_TEST(frames)
{
	static const struct {
		const char	*name, *sqlstate;
		char		 type;
		uint32_t	 length;
		const char	*body;
		size_t		 len;
	} bad[] = {
		{ "a query", "08P01", 'Q', 6, "x\0", 2 },
		{ "a length of 3", "28000", 'p', 3, "", 0 },
		{ "a length of -1", "28000", 'p', UINT32_MAX, "", 0 },
		{ "too long", "28000", 'p', 65540, "OAUTHBEARER\0", 12 },
		{ "no mechanism", "08P01", 'p', 4, "", 0 },
		{ "another mechanism", "08P01", 'p', 22,
		    "SCRAM-SHA-256\0\0\0\0\0", 18 },
		{ "half a name", "08P01", 'p', 9, "OAUTH", 5 },
		{ "longer than it is", "08P01", 'p', 20,
		    "OAUTHBEARER\0\0\0\0\5", 16 },
		{ "shorter than it is", "08P01", 'p', 22,
		    "OAUTHBEARER\0\0\0\0\1nn", 18 },
		{ "a password", "08P01", 'p', 9, "word\0", 5 },
		{ "a NUL", "08P01", 'p', 24,
		    "OAUTHBEARER\0\0\0\0\4n,,\0", 20 },
	};
	size_t i, k;

	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		for (k = 0; k < 2; k++) {
			struct raw *r = raw_tls_to(ports[k], "127.0.0.4");

			ck_assert(raw_startup(r, USER, "shop"));
			ck_assert(raw_until(r, 'R', 10000));
			raw_liar(r, bad[i].type, bad[i].length, bad[i].body,
			    bad[i].len);
			ck_assert_ptr_nonnull(raw_ending(r, 10000));
			ck_assert_msg(strcmp(raw_sqlstate(r), bad[i].sqlstate)
			    == 0, "%s: %s", bad[i].name, raw_sqlstate(r));
			raw_vanish(&r);
		}
}
END_TEST

/* No failed login is counted and none recorded, however often it is asked. */
START_TEST(discovery_is_no_failure)
{
	const struct talk ask = { "", "n,,\1auth=\1\1", "\1", NULL };
	const struct talk good = { "", GOOD, NULL, NULL };
	char *token = e2e_token("oauth-asks", "ai-agents");
	long before = e2e_audit_n("SELECT count(*) FROM events WHERE kind = "
	    "'login_refused'");
	int i;

	for (i = 0; i < 50; i++)
		ck_assert_str_eq(converse(&ask, ports[i % 2], "127.0.0.5",
		    "shop", token), OFFER FAILURE FAILED);
	ck_assert_str_eq(converse(&good, ports[0], "127.0.0.5", "shop", token),
	    OFFER "R 0 \n");
	ck_assert_int_eq(e2e_audit_n("SELECT count(*) FROM events WHERE kind "
	    "= 'login_refused' AND json_extract(body, '$.peer') LIKE "
	    "'127.0.0.5:%%'"), 0);
	ck_assert_int_ge(e2e_audit_n("SELECT count(*) FROM events WHERE kind "
	    "= 'login_refused'"), before);
	free(token);
}
END_TEST

/* What cannot be a token is a failure all the same: counted and recorded. */
START_TEST(unfit_is_a_failure)
{
	const struct talk basic = { "", "n,,\1auth=Basic abc\1\1", "\1", NULL };

	ck_assert_str_eq(converse(&basic, ports[0], "127.0.0.6", "shop", ""),
	    OFFER FAILURE FAILED);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'login_refused' AND json_extract(body, '$.peer') "
	    "LIKE '127.0.0.6:%%'") == 1));
}
END_TEST

/* A client of the other kind hears a clear no. */
START_TEST(password_client)
{
	char *token = e2e_token("oauth-psql", "ai-agents"), conninfo[512];
	PGconn *c;

	snprintf(conninfo, sizeof conninfo, "host=127.0.0.1 port=%s "
	    "dbname=shop user=" USER " sslmode=require",
	    e2e_env("GW_OAUTH_PORT"));
	c = PQconnectdb(conninfo);
	ck_assert_int_eq(PQstatus(c), CONNECTION_BAD);
	ck_assert_ptr_nonnull(strstr(PQerrorMessage(c), "SASL"));
	PQfinish(c);
	/* And with a password by the listener for it. */
	c = e2e_try(USER, token, false);
	ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s", PQerrorMessage(c));
	PQfinish(c);
	free(token);
}
END_TEST

/* --- libpq 18 ---------------------------------------------------------------- */

/* The client's output, as the test is to see it. */
static int
bearer(const char *token, const char *more, const char *sql, char *out,
    size_t size)
{
	char lib[1024], cmd[8192];
	size_t n;
	FILE *f;
	int rc;

	rc = pg18("fetch", lib, sizeof lib);
	if (rc != 0)
		return rc;
	snprintf(cmd, sizeof cmd, "LD_LIBRARY_PATH=%s/lib BEARER_TOKEN='%s' "
	    "%s/bin/bearer 'host=127.0.0.1 dbname=shop user=" USER
	    " oauth_issuer=https://idp.shop.example oauth_client_id=x "
	    "sslmode=verify-full sslrootcert=%s %s' %s 2>&1", lib, token,
	    getenv("POSTERN_BUILD") != NULL ? getenv("POSTERN_BUILD") :
	    "build", e2e_env("GW_CA"), more, sql);
	f = popen(cmd, "r");
	ck_assert_ptr_nonnull(f);
	n = fread(out, 1, size - 1, f);
	out[n] = '\0';
	rc = pclose(f);
	return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

#define DISCOVERED	"discovery https://idp.shop.example/.well-known/" \
	"openid-configuration scope openid offline\n"

START_TEST(libpq18)
{
	char *token = e2e_token("oauth-libpq", "ai-agents");
	char more[128], out[4096];
	size_t i;

	for (i = 0; i < 4; i++) {
		int rc;

		snprintf(more, sizeof more, "port=%s %s %s",
		    e2e_env(ports[i % 2]), i < 2 ? "" :
		    "max_protocol_version=latest", i % 2 ? "" :
		    "sslnegotiation=direct");
		rc = bearer(token, more, "'SELECT 42'", out, sizeof out);
		if (skipped(rc == SKIP ? SKIP : 0, "libpq 18"))
			break;
		ck_assert_msg(rc == 0, "%s: %s", more, out);
		ck_assert_str_eq(out, i < 2 ?
		    DISCOVERED "protocol 30000\nvalue 42\n" :
		    DISCOVERED "protocol 30002\nvalue 42\n");
	}
	free(token);
}
END_TEST

START_TEST(libpq18_refused)
{
	char more[128], out[4096];
	int rc;

	snprintf(more, sizeof more, "port=%s", e2e_env("GW_OAUTH_PORT"));
	rc = bearer("bad", more, "'SELECT 42'", out, sizeof out);
	if (skipped(rc == SKIP ? SKIP : 0, "libpq 18, refused"))
		return;
	ck_assert_int_eq(rc, 1);
	ck_assert_msg(strstr(out, DISCOVERED) != NULL && strstr(out, "FATAL:  "
	    "OAuth bearer authentication failed for user \"nightly-bot\"") !=
	    NULL, "%s", out);
}
END_TEST

/* With the long key of 3.2, and with the short one. */
START_TEST(libpq18_cancel)
{
	char *token = e2e_token("oauth-cancel", "dba");
	char more[128], out[4096];
	int rc;

	snprintf(more, sizeof more, "user=dba port=%s max_protocol_version=%s",
	    e2e_env(ports[_i % 2]), _i < 2 ? "3.0" : "3.2");
	rc = bearer(token, more, "cancel 'SELECT 1'", out, sizeof out);
	free(token);
	if (skipped(rc == SKIP ? SKIP : 0, "libpq 18, cancel"))
		return;
	ck_assert_msg(rc == 0, "%s", out);
	ck_assert_msg(strstr(out, "cancelled 57014\nvalue 1\n") != NULL, "%s",
	    out);
}
END_TEST

START_TEST(no_token_written)
{
	char *token = e2e_token("oauth-trace", "ai-agents"), cut[64];
	const struct talk good = { "", GOOD, NULL, NULL };
	const struct talk cased = { "", "n,,\1auth=Bearer %T.x\1\1", "\1",
	    NULL };

	ck_assert_str_eq(converse(&good, ports[0], NULL, "shop", token),
	    OFFER "R 0 \n");
	ck_assert_str_eq(converse(&cased, ports[1], "127.0.0.7", "shop",
	    token), OFFER FAILURE FAILED);
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM sessions "
	    "WHERE subject = 'oauth-trace' AND closed IS NOT NULL") >= 1));
	snprintf(cut, sizeof cut, "%s", token + strlen(token) - 40);
	ck_assert_int_ne(e2e_sh("grep -rqsF -e '%s' %s/", cut,
	    e2e_env("STACK_BASE")), 0);
	ck_assert_int_ne(e2e_sh("grep -qsF -e '%s' %s/*.log", cut,
	    e2e_env("STACK_DIR")), 0);
	free(token);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oauth");
	TCase *tc = tcase_create("oauth");

	tcase_set_timeout(tc, 200);
	tcase_add_loop_test(tc, as_recorded, 0, (int)NTALKS);
	tcase_add_test(tc, oracle);
	tcase_add_test(tc, frames);
	tcase_add_test(tc, discovery_is_no_failure);
	tcase_add_test(tc, unfit_is_a_failure);
	tcase_add_test(tc, password_client);
	tcase_add_test(tc, libpq18);
	tcase_add_test(tc, libpq18_refused);
	tcase_add_loop_test(tc, libpq18_cancel, 0, 4);
	tcase_add_test(tc, no_token_written);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
