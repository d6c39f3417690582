/*
 * What comes before a session: TLS by request and directly, the requests that
 * may be repeated and those that may not, versions and parameters of the
 * startup packet, cancel keys, certificates, and silence.  The answers about
 * versions are those that PostgreSQL 18.4 gives (but to 3.1, see there).
 */
#include "e2e.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raw.h"

#define SSLREQUEST	"\0\0\0\10\4\322\26\57"
#define GSSENCREQUEST	"\0\0\0\10\4\322\26\60"
#define PG_ALPN		"postgresql"

/* The first message after the startup packet is a question for the token. */
static void
check_goes_on(struct raw *r)
{
	const uint8_t *p;
	size_t len;

	ck_assert(raw_startup(r, "dba", "shop"));
	ck_assert_int_eq(raw_read(r, 10000, &p, &len), 'R');
}

/* At once and without a word: an answer, or the deadline, is another thing. */
static void
check_ends(struct raw *r, const char *what)
{
	int answer = raw_byte(r, 3000);

	ck_assert_msg(answer == -2, "%s: %d", what, answer);
}

/* --- TLS ------------------------------------------------------------------- */

START_TEST(direct_tls)
{
	static const char *ports[] = { "GW_PORT", "GW_SHARED_PORT" };
	struct raw *r = raw_to(ports[_i], NULL);

	ck_assert(raw_handshake(r, PG_ALPN, 0, NULL, NULL));
	check_goes_on(r);
	raw_vanish(&r);

	/* What is encrypted already gets a no, once for each question. */
	r = raw_to(ports[_i], NULL);
	ck_assert(raw_handshake(r, PG_ALPN, 0, NULL, NULL));
	ck_assert(raw_send(r, SSLREQUEST, 8));
	ck_assert_int_eq(raw_byte(r, 10000), 'N');
	ck_assert(raw_send(r, GSSENCREQUEST, 8));
	ck_assert_int_eq(raw_byte(r, 10000), 'N');
	check_goes_on(r);
	raw_vanish(&r);
}
END_TEST

START_TEST(direct_tls_refused)
{
	struct raw *r;

	/* Without ALPN, and for another protocol. */
	r = raw_to("GW_PORT", NULL);
	if (raw_handshake(r, NULL, 0, NULL, NULL)) {
		raw_startup(r, "dba", "shop");
		check_ends(r, "no ALPN");
	}
	raw_vanish(&r);
	r = raw_to("GW_PORT", NULL);
	ck_assert(!raw_handshake(r, "http/1.1", 0, NULL, NULL));
	raw_vanish(&r);
	/* The byte alone, with nothing of TLS behind it. */
	r = raw_to("GW_PORT", NULL);
	raw_send(r, "\26\3\1\0\5hello", 10);
	raw_vanish(&r);
	/* Not behind another packet: there it is a length. */
	r = raw_to("GW_PORT", NULL);
	ck_assert(raw_send(r, GSSENCREQUEST, 8));
	ck_assert_int_eq(raw_byte(r, 10000), 'N');
	ck_assert(!raw_handshake(r, PG_ALPN, 0, NULL, NULL));
	raw_vanish(&r);
}
END_TEST

START_TEST(requests)
{
	static const struct {
		const char *what, *first, *then;
	} bad[] = {
		{ "SSLRequest twice in direct TLS", SSLREQUEST, SSLREQUEST },
		{ "GSSENCRequest twice", GSSENCREQUEST, GSSENCREQUEST },
	};
	struct raw *r = raw_to("GW_PORT", NULL);
	size_t i;

	/* In either order. */
	ck_assert(raw_send(r, GSSENCREQUEST, 8));
	ck_assert_int_eq(raw_byte(r, 10000), 'N');
	ck_assert(raw_send(r, SSLREQUEST, 8));
	ck_assert_int_eq(raw_byte(r, 10000), 'S');
	ck_assert(raw_handshake(r, NULL, 0, NULL, NULL));
	check_goes_on(r);
	raw_vanish(&r);
	r = raw_tls(false);
	ck_assert(raw_send(r, GSSENCREQUEST, 8));
	ck_assert_int_eq(raw_byte(r, 10000), 'N');
	check_goes_on(r);
	raw_vanish(&r);
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		r = raw_to("GW_PORT", NULL);
		ck_assert(raw_handshake(r, PG_ALPN, 0, NULL, NULL));
		ck_assert(raw_send(r, bad[i].first, 8));
		ck_assert_int_eq(raw_byte(r, 10000), 'N');
		ck_assert(raw_send(r, bad[i].then, 8));
		check_ends(r, bad[i].what);
		raw_vanish(&r);
	}
	r = raw_tls(false);
	ck_assert(raw_send(r, SSLREQUEST, 8));
	check_ends(r, "SSLRequest, TLS, SSLRequest");
	raw_vanish(&r);
	r = raw_to("GW_PORT", NULL);
	ck_assert(raw_send(r, GSSENCREQUEST GSSENCREQUEST, 16));
	ck_assert_int_eq(raw_byte(r, 10000), 'N');
	check_ends(r, "GSSENCRequest twice in clear");
	raw_vanish(&r);
	/* With a body it is none. */
	r = raw_to("GW_PORT", NULL);
	ck_assert(raw_send(r, "\0\0\0\14\4\322\26\57abcd", 12));
	check_ends(r, "SSLRequest with a body");
	raw_vanish(&r);
}
END_TEST

/* A byte that came in clear is never taken for one that came encrypted. */
START_TEST(stuffed)
{
	struct raw *r = raw_to("GW_PORT", NULL);

	ck_assert(raw_send(r, SSLREQUEST "\0\0\0\11\0\3\0\0\0", 17));
	ck_assert_int_eq(raw_byte(r, 10000), -2);
	raw_vanish(&r);
	r = raw_to("GW_PORT", NULL);
	ck_assert(raw_send(r, SSLREQUEST, 8));
	ck_assert_int_eq(raw_byte(r, 10000), 'S');
	/* A startup packet where the handshake has to be. */
	raw_startup(r, "dba", "shop");
	ck_assert_ptr_nonnull(raw_ending(r, 10000));
	raw_vanish(&r);
}
END_TEST

START_TEST(tls_versions)
{
	static const struct {
		int version;
		bool good;
	} v[] = { { TLS1_VERSION, false }, { TLS1_1_VERSION, false },
	    { TLS1_2_VERSION, true }, { TLS1_3_VERSION, true } };
	struct raw *r;
	size_t i;

	for (i = 0; i < sizeof v / sizeof v[0]; i++) {
		r = raw_to("GW_PORT", NULL);
		ck_assert_msg(raw_handshake(r, PG_ALPN, v[i].version, NULL,
		    NULL) == v[i].good, "version %x", v[i].version);
		if (v[i].good) {
			check_goes_on(r);
			/* By now a ticket would have come. */
			ck_assert(!raw_resumable(r));
		}
		raw_vanish(&r);
	}
}
END_TEST

/* --- the startup packet ------------------------------------------------------ */

START_TEST(versions)
{
	static const struct {
		uint32_t	 version;
		const char	*more;
		size_t		 len;
		int		 first;
		const char	*body;
		size_t		 bodylen;
	} v[] = {
		{ 0x30000, "", 0, 'R', NULL, 0 },
		{ 0x30002, "", 0, 'R', NULL, 0 },
		/* Reserved: a version that nobody speaks is not one that we
		 * do, though PostgreSQL 18.4 lets it pass. */
		{ 0x30001, "", 0, 'v', "\0\3\0\0\0\0\0\0", 8 },
		{ 0x30003, "", 0, 'v', "\0\3\0\2\0\0\0\0", 8 },
		{ 0x3270f, "_pq_.x\0y\0_pq_.test_protocol_negotiation\0\0", 41,
		    'v', "\0\3\0\2\0\0\0\2_pq_.x\0_pq_.test_protocol_"
		    "negotiation\0", 46 },
		{ 0x3ffff, "", 0, 'v', "\0\3\0\2\0\0\0\0", 8 },
		{ 0x30000, "_pq_.x\0y\0", 9, 'v',
		    "\0\3\0\0\0\0\0\1_pq_.x\0", 15 },
		{ 0x30002, "_pq_.x\0\0", 8, 'v',
		    "\0\3\0\2\0\0\0\1_pq_.x\0", 15 },
		{ 0x40000, "", 0, 'E', NULL, 0 },
		{ 0x20000, "", 0, 'E', NULL, 0 },
		{ 0x4d2162e, "", 0, 0, NULL, 0 },
	};
	const uint8_t *p;
	size_t i, len;
	struct raw *r;

	for (i = 0; i < sizeof v / sizeof v[0]; i++) {
		r = raw_tls(false);
		ck_assert(raw_startup_as(r, v[i].version, "dba", "shop",
		    v[i].more, v[i].len));
		ck_assert_msg(raw_read(r, 10000, &p, &len) == v[i].first,
		    "version %x", v[i].version);
		if (v[i].first == 'v') {
			ck_assert_msg(len == v[i].bodylen && memcmp(p,
			    v[i].body, len) == 0, "version %x", v[i].version);
			/* Once, and it goes on. */
			ck_assert_int_eq(raw_read(r, 10000, &p, &len), 'R');
		}
		if (v[i].first == 'E')
			ck_assert_str_eq(raw_sqlstate(r), "0A000");
		raw_vanish(&r);
	}
}
END_TEST

START_TEST(packet_sizes)
{
	static char filler[10200];
	struct raw *r;
	/* user NUL dba NUL ... as raw_startup_as() writes them. */
	size_t rest = 10000 - (8 + 5 + 4 + 9 + 5 + 17 + 4 + 1), over;

	for (over = 0; over < 2; over++) {
		memset(filler, 'x', sizeof filler);
		memcpy(filler, "_pq_.x", 7);
		filler[rest + over - 1] = '\0';
		r = raw_tls(false);
		ck_assert(raw_startup_as(r, 0x30000, "dba", "shop", filler,
		    rest + over));
		if (over == 0)
			ck_assert(raw_until(r, 'R', 10000));
		else
			check_ends(r, "10001 bytes");
		raw_vanish(&r);
	}
}
END_TEST

static PGconn *
with_options(const char *options, const char *keyword, const char *value)
{
	char *token = e2e_token("front-options", "dba");
	const char *keys[] = { "host", "port", "dbname", "user", "password",
	    "sslmode", "options", keyword, NULL };
	const char *values[] = { "127.0.0.1", e2e_env("GW_PORT"), "shop", "dba",
	    token, "require", options, value, NULL };
	PGconn *c = PQconnectdbParams(keys, values, 0);

	free(token);
	return c;
}

START_TEST(options_are_judged)
{
	static const char *const bad[] = { "-c search_path=evil", "-d 5",
	    "-c timezone=UTC -c session_preload_libraries=x", "--role=postgres",
	    "-c", "nonsense" };
	PGconn *c;
	size_t i;
	char *v;

	/* As PGOPTIONS, PGTZ and PGDATESTYLE come. */
	setenv("PGTZ", "Asia/Tokyo", 1);
	setenv("PGDATESTYLE", "German", 1);
	c = with_options("-c intervalstyle=postgres_verbose "
	    "--extra-float-digits=0 -c application_name=from\\ options",
	    NULL, NULL);
	ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s", PQerrorMessage(c));
	v = e2e_value(c, "SELECT concat_ws('|', current_setting('TimeZone'), "
	    "current_setting('DateStyle'), current_setting('IntervalStyle'), "
	    "current_setting('extra_float_digits'), "
	    "current_setting('application_name'))");
	ck_assert_str_eq(v, "Asia/Tokyo|German, DMY|postgres_verbose|0|"
	    "from options");
	free(v);
	PQfinish(c);
	unsetenv("PGTZ");
	unsetenv("PGDATESTYLE");
	/* The parameter holds, wherever it stands. */
	c = with_options("-c application_name=a", "application_name", "b");
	v = e2e_value(c, "SHOW application_name");
	ck_assert_str_eq(v, "b");
	free(v);
	PQfinish(c);
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		c = with_options(bad[i], NULL, NULL);
		ck_assert_msg(PQstatus(c) == CONNECTION_BAD, "%s", bad[i]);
		ck_assert_msg(strstr(PQerrorMessage(c), "allowed") != NULL,
		    "%s: %s", bad[i], PQerrorMessage(c));
		PQfinish(c);
	}
}
END_TEST

/* --- cancel ---------------------------------------------------------------- */

/* A session of this version, asleep; its key, its pid. */
static struct raw *
asleep(uint32_t version, const char *sub, uint8_t *key, size_t *keylen)
{
	char *token = e2e_token(sub, "dba");
	struct raw *r = raw_tls(false);
	const uint8_t *p;
	size_t len;
	int t;

	ck_assert(raw_startup_as(r, version, "dba", "shop", NULL, 0));
	ck_assert(raw_until(r, 'R', 10000));
	ck_assert(raw_msg(r, 'p', token, strlen(token) + 1));
	free(token);
	while ((t = raw_read(r, 20000, &p, &len)) > 0 && t != 'Z') {
		ck_assert_int_ne(t, 'E');
		if (t != 'K')
			continue;
		memcpy(key, p, len);
		*keylen = len - 4;
	}
	ck_assert_int_eq(t, 'Z');
	ck_assert(raw_query(r, "SELECT pg_sleep(120)"));
	return r;
}

/* The gateway closes when it has the request; how it decides is not said. */
static void
send_cancel(const uint8_t *pid, const void *key, size_t len, bool tls)
{
	struct raw *r = tls ? raw_tls(false) : raw_tcp(true);
	uint8_t m[12 + 300];
	uint32_t be = htonl((uint32_t)(12 + len));

	memcpy(m, &be, 4);
	memcpy(m + 4, "\4\322\26\56", 4);
	memcpy(m + 8, pid, 4);
	memcpy(m + 12, key, len);
	ck_assert(raw_send(r, m, 12 + len));
	ck_assert_ptr_nonnull(raw_ending(r, 10000));
	raw_vanish(&r);
}

START_TEST(cancel_keys)
{
	uint8_t a[4 + 256], b[4 + 256], wrong[300] = { 0 };
	long sent = e2e_audit_n("SELECT count(*) FROM events WHERE kind = "
	    "'cancel'");
	const uint8_t *p;
	size_t na = 0, nb = 0, len;
	PGconn *direct = e2e_direct();
	struct raw *ra = asleep(0x30000, "front-cancel-a", a, &na);
	struct raw *rb = asleep(0x30002, "front-cancel-b", b, &nb);
	char sql[256], *v;
	bool both;

	ck_assert_uint_eq(na, 4);
	ck_assert_uint_eq(nb, 32);
	snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE "
	    "state = 'active' AND pid IN (%u, %u)",
	    ntohl(*(uint32_t *)(void *)a), ntohl(*(uint32_t *)(void *)b));
	ck_assert(E2E_UNTIL(10000, (v = e2e_value(direct, sql),
	    both = strcmp(v, "2") == 0, free(v), both)));
	PQfinish(direct);

	/* Keys that are nearly right. */
	memcpy(wrong, b + 4, 32);
	send_cancel(b, wrong, 4, true);
	send_cancel(b, wrong, 31, true);
	send_cancel(b, wrong, 33, false);
	send_cancel(b, wrong, 256, false);
	wrong[31] ^= 1;
	send_cancel(b, wrong, 32, true);
	send_cancel(a, b + 4, 32, false);
	send_cancel(b, a + 4, 4, false);
	memcpy(wrong, a + 4, 4);
	send_cancel(a, wrong, 32, true);
	ck_assert_int_eq(raw_read(ra, 0, &p, &len), -1);
	ck_assert_int_eq(raw_read(rb, 0, &p, &len), -1);

	/* The right ones: each ends the statement meant, and no other. */
	send_cancel(b, b + 4, 32, false);
	ck_assert(raw_until(rb, 'Z', 20000));
	ck_assert_str_eq(raw_sqlstate(rb), "57014");
	ck_assert_int_eq(raw_read(ra, 0, &p, &len), -1);
	send_cancel(a, a + 4, 4, true);
	ck_assert(raw_until(ra, 'Z', 20000));
	ck_assert_str_eq(raw_sqlstate(ra), "57014");
	ck_assert(E2E_UNTIL(5000, e2e_audit_n("SELECT count(*) FROM events "
	    "WHERE kind = 'cancel'") == sent + 2));
	raw_free(&ra);
	raw_free(&rb);
}
END_TEST

/* --- certificates --------------------------------------------------------------- */

/* A key and a certificate for it in the stack's directory, by this CA. */
static void
certificate(const char *name, const char *ca, const char *subject)
{
	const char *tls = e2e_env("STACK_BASE");

	ck_assert_int_eq(e2e_sh("cd %s/tls && openssl ecparam -name prime256v1 "
	    "-genkey -noout -out %s.key && openssl req -new -key %s.key "
	    "-subj '%s' -out %s.csr 2>/dev/null && openssl x509 -req -in %s.csr "
	    "-CA %s.pem -CAkey %s.key -CAcreateserial -days 2 -out %s.pem "
	    "-extfile /dev/stdin 2>/dev/null <<'END'\n"
	    "subjectAltName=DNS:localhost,IP:127.0.0.1\nEND\n", tls, name,
	    name, subject, name, name, ca, ca, name), 0);
}

static PGconn *
with_certificate(const char *name, const char *token)
{
	char cert[512], key[512];
	const char *keys[] = { "host", "port", "dbname", "user", "password",
	    "sslmode", "sslcert", "sslkey", NULL };
	const char *values[] = { "127.0.0.1", e2e_env("GW_CERT_PORT"), "shop",
	    "dba", token, "require", cert, key, NULL };

	snprintf(cert, sizeof cert, "%s/tls/%s.pem", e2e_env("STACK_BASE"),
	    name);
	snprintf(key, sizeof key, "%s/tls/%s.key", e2e_env("STACK_BASE"), name);
	return PQconnectdbParams(keys, values, 0);
}

START_TEST(client_certificates)
{
	const char *dir = e2e_env("STACK_DIR"), *base = e2e_env("STACK_BASE");
	char *token = e2e_token("front-cert", "dba");
	PGconn *c;

	certificate("person", "ca", "/CN=a person");
	ck_assert_int_eq(e2e_sh("cd %s/tls && openssl req -x509 -newkey "
	    "rsa:2048 -nodes -days 2 -subj /CN=foreign -keyout foreign.key "
	    "-out foreign.pem 2>/dev/null", base), 0);
	certificate("stranger", "foreign", "/CN=a stranger");
	c = with_certificate("person", token);
	ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s", PQerrorMessage(c));
	PQfinish(c);
	ck_assert_int_eq(e2e_sh("grep -q 'certificate=\"CN=a person\"' "
	    "%s/gatewayd.log", dir), 0);
	/* It is a second factor: nothing without the first. */
	c = with_certificate("person", "bad");
	ck_assert_int_eq(PQstatus(c), CONNECTION_BAD);
	ck_assert_ptr_nonnull(strstr(PQerrorMessage(c), "authentication"));
	PQfinish(c);
	c = with_certificate("stranger", token);
	ck_assert_int_eq(PQstatus(c), CONNECTION_BAD);
	PQfinish(c);
	c = with_certificate("nobody", token);
	ck_assert_int_eq(PQstatus(c), CONNECTION_BAD);
	PQfinish(c);
	/* Nor without TLS, where none could be shown. */
	{
		struct raw *r = raw_to("GW_CERT_PORT", NULL);

		ck_assert(raw_startup(r, "dba", "shop"));
		ck_assert_str_eq(raw_ending(r, 10000), "28000");
		raw_vanish(&r);
	}
	free(token);
}
END_TEST

/* Of the two listeners, how many show this certificate?  A shared worker would
 * show an old one for ever. */
static int
shows(const char *path)
{
	int n = 0, shared;

	for (shared = 0; shared < 2; shared++) {
		struct raw *r = raw_tls(shared);

		n += raw_peer_is(r, path);
		raw_vanish(&r);
	}
	return n;
}

START_TEST(certificate_reload)
{
	const char *base = e2e_env("STACK_BASE"), *dir = e2e_env("STACK_DIR");
	char new[512];
	PGconn *c = e2e_session("dba", "front-reload"), *d;
	pid_t master = e2e_process("gatewayd");
	char *v;

	certificate("new", "ca", "/CN=new");
	snprintf(new, sizeof new, "%s/tls/new.pem", base);
	ck_assert_int_eq(e2e_sh("cd %s/tls && cp server.pem old.pem && cp "
	    "server.key old.key && cp new.key server.key && cp new.pem "
	    "server.pem", base), 0);
	ck_assert_int_eq(shows(new), 0);
	kill(master, SIGHUP);
	ck_assert(E2E_UNTIL(10000, shows(new) == 2));
	v = e2e_value(c, "SELECT 7");
	ck_assert_str_eq(v, "7");
	free(v);
	/* One that does not fit its key changes nothing. */
	ck_assert_int_eq(e2e_sh("cp %s/tls/old.key %s/tls/server.key", base,
	    base), 0);
	kill(master, SIGHUP);
	ck_assert(E2E_UNTIL(10000, e2e_sh("grep -q 'event=reload_refused.*"
	    "cannot use key' %s/gatewayd.log", dir) == 0));
	ck_assert_int_eq(shows(new), 2);
	d = e2e_session("dba", "front-reload");
	v = e2e_value(d, "SELECT 8");
	ck_assert_str_eq(v, "8");
	free(v);
	PQfinish(d);
	ck_assert_int_eq(e2e_sh("cp %s/tls/old.pem %s/tls/server.pem", base,
	    base), 0);
	kill(master, SIGHUP);
	ck_assert(E2E_UNTIL(10000, shows(new) == 0));
	v = e2e_value(c, "SELECT 9");
	ck_assert_str_eq(v, "9");
	free(v);
	PQfinish(c);
}
END_TEST

/* --- silence ----------------------------------------------------------------- */

/* The deadline is absolute: neither silence nor a drip outlasts it, wherever
 * in the conversation it begins. */
START_TEST(silence)
{
	static const uint8_t startup[] = { 0, 0, 0x27, 0x0f, 0, 3, 0, 0 };
	struct raw *r[7];
	bool over[7] = { false };
	long long end = e2e_now() + 40000;
	size_t i, left = 7;

	r[0] = raw_tcp(false);		/* nothing */
	r[1] = raw_tcp(true);
	r[2] = raw_tcp(false);		/* half a ClientHello, dripping */
	raw_send(r[2], "\26\3\1\2\0\1", 6);
	r[3] = raw_tls(false);		/* half a startup packet, dripping */
	raw_send(r[3], startup, sizeof startup);
	r[4] = raw_tls(false);		/* no token */
	check_goes_on(r[4]);
	r[5] = raw_tls_to("GW_OAUTH_PORT", NULL);	/* no response */
	check_goes_on(r[5]);
	r[6] = raw_tls_to("GW_OAUTH_PORT", NULL);	/* no kvsep */
	check_goes_on(r[6]);
	raw_msg(r[6], 'p', "OAUTHBEARER\0\0\0\0\13n,,\1auth=\1\1", 27);
	ck_assert(raw_until(r[6], 'R', 10000));
	while (left > 0 && e2e_now() < end)
		for (i = 0; i < 7; i++) {
			const uint8_t *p;
			size_t len;
			int t;

			if (over[i])
				continue;
			if (i == 2 || i == 3)
				raw_send(r[i], "a", 1);
			while ((t = raw_read(r[i], 20, &p, &len)) > 0)
				ck_assert_int_eq(t, 'E');
			over[i] = t == 0;
			left -= over[i];
		}
	for (i = 0; i < 7; i++) {
		ck_assert_msg(over[i], "%zu goes on", i);
		raw_vanish(&r[i]);
	}
}
END_TEST

/* --- the lobby ----------------------------------------------------------------- */

#define WAITING	30	/* limits.unauthenticated */

/* A login from this address: true when it was let in. */
static bool
comes_in(const char *from, const char *token)
{
	struct raw *r = raw_to("GW_PORT", from);
	bool in = raw_handshake(r, PG_ALPN, 0, NULL, NULL) &&
	    raw_startup(r, "dba", "shop") && raw_until(r, 'R', 5000) &&
	    raw_msg(r, 'p', token, strlen(token) + 1) &&
	    raw_until(r, 'Z', 10000);

	raw_vanish(&r);
	return in;
}

/* Those of one address that do not log in: so many and no more, the longest
 * waiting makes room, and no other address notices. */
START_TEST(lobby)
{
	char *token = e2e_token("front-lobby", "dba");
	struct raw *r[3 * WAITING], *first;
	const uint8_t *p;
	size_t i, over = 0, len;

	first = raw_tls_to("GW_PORT", "127.0.0.9");
	check_goes_on(first);
	for (i = 0; i < 3 * WAITING; i++)
		r[i] = raw_to(i % 2 ? "GW_SHARED_PORT" : "GW_PORT",
		    "127.0.0.9");
	for (i = 0; i < 3 * WAITING; i++)
		if (raw_byte(r[i], 0) == -2) {
			raw_vanish(&r[i]);
			over++;
		}
	/* Which ones is up to the order in which workers took them. */
	ck_assert(E2E_UNTIL(10000, e2e_sh("test $(grep -c 'peer=127.0.0.9:.*"
	    "end=\"too many connections of this address' %s/gatewayd.log) -ge "
	    "%d", e2e_env("STACK_DIR"), 2 * WAITING + 1) == 0));
	ck_assert(comes_in("127.0.0.10", token));
	/* The first has waited for two seconds by now, or soon. */
	ck_assert(E2E_UNTIL(20000, comes_in("127.0.0.9", token)));
	ck_assert_int_eq(raw_read(first, 10000, &p, &len), 'E');
	ck_assert_str_eq(raw_sqlstate(first), "53300");
	raw_vanish(&first);
	for (i = 0; i < 3 * WAITING; i++)
		if (r[i] != NULL)
			raw_vanish(&r[i]);
	/* Who is gone takes no place. */
	ck_assert(E2E_UNTIL(10000, comes_in("127.0.0.9", token)));
	free(token);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("front");
	TCase *tc = tcase_create("front");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, direct_tls, 0, 2);
	tcase_add_test(tc, direct_tls_refused);
	tcase_add_test(tc, requests);
	tcase_add_test(tc, stuffed);
	tcase_add_test(tc, tls_versions);
	tcase_add_test(tc, versions);
	tcase_add_test(tc, packet_sizes);
	tcase_add_test(tc, options_are_judged);
	tcase_add_test(tc, cancel_keys);
	tcase_add_test(tc, client_certificates);
	tcase_add_test(tc, certificate_reload);
	tcase_add_test(tc, silence);
	tcase_add_test(tc, lobby);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
