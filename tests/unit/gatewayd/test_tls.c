/*
 * gatewayd/tls.c against itself over a socketpair, with certificates made
 * here: handshakes, names, CAs, pending data, orderly and disorderly ends.
 */
#include "tls.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "ipc_msgs.h"
#include "tests/unit/tmpname.h"

static char	dir[100];
static char	cert_path[128], key_path[128], other_path[128];

struct ends {
	int		 fd[2];		/* server, client */
	struct tls	*server, *client;
};

static void
extension_add(X509 *x, int nid, const char *value)
{
	X509_EXTENSION	*e;

	e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

/* A self-signed certificate is its own CA. */
static void
certificate_make(const char *cert, const char *key)
{
	EVP_PKEY	*pkey;
	X509		*x;
	FILE		*f;

	pkey = EVP_EC_gen("P-256");
	ck_assert_ptr_nonnull(pkey);
	x = X509_new();
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN",
	    MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_set_pubkey(x, pkey);
	extension_add(x, NID_basic_constraints, "CA:TRUE");
	extension_add(x, NID_subject_alt_name,
	    "DNS:db.example,IP:127.0.0.1,IP:::1");
	ck_assert_int_gt(X509_sign(x, pkey, EVP_sha384()), 0);
	f = fopen(cert, "w");
	ck_assert_ptr_nonnull(f);
	PEM_write_X509(f, x);
	fclose(f);
	if (key != NULL) {
		f = fopen(key, "w");
		ck_assert_ptr_nonnull(f);
		PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL);
		fclose(f);
	}
	X509_free(x);
	EVP_PKEY_free(pkey);
}

static size_t
file_read(const char *path, uint8_t *p, size_t max)
{
	FILE	*f;
	size_t	 n;

	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	n = fread(p, 1, max, f);
	fclose(f);
	return n;
}

static void
setup(void)
{
	TMPNAME(dir, "test_tls");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(cert_path, sizeof(cert_path), "%s/cert.pem", dir);
	snprintf(key_path, sizeof(key_path), "%s/key.pem", dir);
	snprintf(other_path, sizeof(other_path), "%s/other.pem", dir);
	certificate_make(cert_path, key_path);
	certificate_make(other_path, NULL);
}

static void
teardown(void)
{
	unlink(cert_path);
	unlink(key_path);
	unlink(other_path);
	rmdir(dir);
}

static void
ends_open(struct ends *e, int mode, const char *host, const char *ca)
{
	struct tls_server	*s;
	char			 err[256] = "";
	uint8_t			 pem[8192];
	size_t			 n;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    e->fd), 0);
	s = tls_server_new(cert_path, key_path, NULL, err, sizeof(err));
	ck_assert_msg(s != NULL, "%s", err);
	e->server = tls_accept(s, e->fd[0]);
	ck_assert_ptr_nonnull(e->server);
	/* Connections outlive their server. */
	tls_server_free(&s);
	ck_assert_ptr_null(s);
	n = ca == NULL ? 0 : file_read(ca, pem, sizeof(pem));
	e->client = tls_connect(e->fd[1], mode, host, pem, n, err,
	    sizeof(err));
	ck_assert_msg(e->client != NULL, "%s", err);
}

static void
ends_close(struct ends *e)
{
	tls_free(&e->client);
	tls_free(&e->server);
	close(e->fd[0]);
	close(e->fd[1]);
}

/* 1 when both sides are done, -1 when the client, -2 when the server failed. */
static int
ends_handshake(struct ends *e)
{
	enum tls_want	want;
	int		c = 0, s = 0, i;

	for (i = 0; i < 20 && (c == 0 || s == 0); i++) {
		if (c == 0 && (c = tls_handshake(e->client, &want)) == -1)
			return -1;
		if (c == 0)
			ck_assert_int_ne(want, TLS_WANT_NONE);
		if (s == 0 && (s = tls_handshake(e->server, &want)) == -1)
			return -2;
	}
	ck_assert_int_eq(c, 1);
	ck_assert_int_eq(s, 1);
	return 1;
}

START_TEST(test_both_ways)
{
	struct ends	 e;
	enum tls_want	 want;
	uint8_t		 digest[64], sum[64];
	unsigned int	 n;
	char		 buf[64];
	X509		*x;
	FILE		*f;

	ends_open(&e, DB_TLS_VERIFY_FULL, "db.example", cert_path);
	ck_assert_int_eq(ends_handshake(&e), 1);
	ck_assert(tls_alpn(e.server));
	ck_assert(tls_alpn(e.client));
	ck_assert_ptr_nonnull(strstr(tls_describe(e.client), "TLSv1.3 TLS_"));

	ck_assert_int_eq(tls_read(e.server, buf, sizeof(buf), &want), -1);
	ck_assert_int_eq(want, TLS_WANT_READ);
	ck_assert_int_eq(tls_write(e.client, "hello", 5, &want), 5);
	ck_assert_int_eq(tls_read(e.server, buf, sizeof(buf), &want), 5);
	ck_assert_mem_eq(buf, "hello", 5);
	ck_assert_int_eq(tls_write(e.server, "world!", 6, &want), 6);
	ck_assert_int_eq(tls_read(e.client, buf, sizeof(buf), &want), 6);

	/* SHA-384 is the signature's digest, so it is the binding's too. */
	ck_assert_int_eq(tls_endpoint_digest(e.client, digest), 48);
	f = fopen(cert_path, "r");
	x = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	X509_digest(x, EVP_sha384(), sum, &n);
	ck_assert_mem_eq(digest, sum, 48);
	X509_free(x);
	ck_assert_int_eq(tls_endpoint_digest(e.server, digest), -1);

	/* close_notify is an orderly end. */
	tls_free(&e.client);
	ck_assert_ptr_null(e.client);
	ck_assert_int_eq(tls_read(e.server, buf, sizeof(buf), &want), 0);
	ends_close(&e);
}
END_TEST

START_TEST(test_end_without_notify)
{
	struct ends	e;
	enum tls_want	want;
	char		buf[8];

	ends_open(&e, DB_TLS_REQUIRE, "", NULL);
	ck_assert_int_eq(ends_handshake(&e), 1);
	shutdown(e.fd[1], SHUT_RDWR);
	ck_assert_int_eq(tls_read(e.server, buf, sizeof(buf), &want), 0);
	ck_assert_int_eq(tls_write(e.server, "x", 1, &want), -1);
	ck_assert_int_eq(want, TLS_WANT_NONE);
	ck_assert_str_ne(tls_error(e.server), "no error");
	ck_assert_int_eq(tls_read(e.server, buf, sizeof(buf), &want), -1);
	ends_close(&e);
}
END_TEST

START_TEST(test_names)
{
	static const struct {
		const char	*host;
		int		 mode, result;
	} cases[] = {
		{ "db.example", DB_TLS_VERIFY_FULL, 1 },
		{ "127.0.0.1", DB_TLS_VERIFY_FULL, 1 },
		{ "::1", DB_TLS_VERIFY_FULL, 1 },
		{ "other.example", DB_TLS_VERIFY_FULL, -1 },
		{ "127.0.0.2", DB_TLS_VERIFY_FULL, -1 },
		{ "other.example", DB_TLS_VERIFY_CA, 1 },
		{ "other.example", DB_TLS_REQUIRE, 1 },
	};
	struct ends	e;
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ends_open(&e, cases[i].mode, cases[i].host, cert_path);
		ck_assert_int_eq(ends_handshake(&e), cases[i].result);
		if (cases[i].result == -1)
			ck_assert_ptr_nonnull(strstr(tls_error(e.client),
			    "mismatch"));
		ends_close(&e);
	}
}
END_TEST

START_TEST(test_wrong_ca)
{
	struct ends	e;

	ends_open(&e, DB_TLS_VERIFY_CA, "db.example", other_path);
	ck_assert_int_eq(ends_handshake(&e), -1);
	ck_assert_ptr_nonnull(strstr(tls_error(e.client), "verify"));
	ends_close(&e);
	ends_open(&e, DB_TLS_REQUIRE, "db.example", other_path);
	ck_assert_int_eq(ends_handshake(&e), 1);
	ends_close(&e);
}
END_TEST

/* Who has no certificate does not get through the handshake. */
START_TEST(test_client_ca)
{
	struct tls_server	*s;
	struct ends		 e;
	enum tls_want		 want;
	char			 err[256], name[64];
	int			 rc = 0, i;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    e.fd), 0);
	s = tls_server_new(cert_path, key_path, other_path, err, sizeof(err));
	ck_assert_msg(s != NULL, "%s", err);
	e.server = tls_accept(s, e.fd[0]);
	tls_server_free(&s);
	e.client = tls_connect(e.fd[1], DB_TLS_REQUIRE, "", NULL, 0, err,
	    sizeof(err));
	for (i = 0; i < 20 && rc == 0; i++) {
		tls_handshake(e.client, &want);
		rc = tls_handshake(e.server, &want);
	}
	ck_assert_int_eq(rc, -1);
	ck_assert_ptr_nonnull(strstr(tls_error(e.server), "certificate"));
	tls_peer_name(e.server, name, sizeof(name));
	ck_assert_str_eq(name, "-");
	tls_peer_name(e.client, name, sizeof(name));
	ck_assert_str_eq(name, "CN=test");
	ends_close(&e);
	ck_assert_ptr_null(tls_server_new(cert_path, key_path, key_path, err,
	    sizeof(err)));
	ck_assert_ptr_nonnull(strstr(err, "client_ca"));
	ck_assert_ptr_null(tls_server_new(cert_path, key_path, "/nonexistent",
	    err, sizeof(err)));
}
END_TEST

START_TEST(test_bad_arguments)
{
	char	err[256];

	ck_assert_ptr_null(tls_server_new("/nonexistent", key_path, NULL, err,
	    sizeof(err)));
	ck_assert_ptr_nonnull(strstr(err, "No such file"));
	/* The key of another certificate. */
	ck_assert_ptr_null(tls_server_new(other_path, key_path, NULL, err,
	    sizeof(err)));
	ck_assert_ptr_nonnull(strstr(err, "cannot use key"));
	ck_assert_ptr_null(tls_connect(0, DB_TLS_VERIFY_FULL, "", NULL, 0,
	    err, sizeof(err)));
	ck_assert_ptr_null(tls_connect(0, DB_TLS_DISABLE, "a", NULL, 0, err,
	    sizeof(err)));
	ck_assert_ptr_null(tls_connect(0, DB_TLS_VERIFY_CA, "a",
	    (const uint8_t *)"junk", 4, err, sizeof(err)));
	ck_assert_ptr_nonnull(strstr(err, "CA"));
}
END_TEST

/* Records that arrived together must not be left where poll cannot see them. */
START_TEST(test_pending)
{
	struct ends	e;
	enum tls_want	want;
	char		buf[16];
	int		i;

	ends_open(&e, DB_TLS_REQUIRE, "", NULL);
	ck_assert_int_eq(ends_handshake(&e), 1);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(tls_write(e.client, "0123456789", 10, &want),
		    10);
	tls_free(&e.client);
	ck_assert_int_eq(tls_read(e.server, buf, 4, &want), 4);
	ck_assert_uint_eq(tls_pending(e.server), 6);
	ck_assert_int_eq(tls_read(e.server, buf, 6, &want), 6);
	ck_assert_uint_gt(tls_pending(e.server), 0);
	ck_assert_int_eq(tls_read(e.server, buf, 16, &want), 10);
	ck_assert_uint_gt(tls_pending(e.server), 0);
	ck_assert_int_eq(tls_read(e.server, buf, 16, &want), 10);
	/* The close_notify that came with them. */
	ck_assert_uint_gt(tls_pending(e.server), 0);
	ck_assert_int_eq(tls_read(e.server, buf, 16, &want), 0);
	ck_assert_uint_eq(tls_pending(e.server), 0);
	ends_close(&e);
}
END_TEST

/* The client's first bytes arrive with its Finished. */
START_TEST(test_pending_after_handshake)
{
	struct ends	e;
	enum tls_want	want;
	char		buf[16];

	ends_open(&e, DB_TLS_REQUIRE, "", NULL);
	ck_assert_int_eq(tls_handshake(e.client, &want), 0);
	ck_assert_int_eq(tls_handshake(e.server, &want), 0);
	ck_assert_int_eq(tls_handshake(e.client, &want), 1);
	ck_assert_int_eq(tls_write(e.client, "startup", 7, &want), 7);
	ck_assert_int_eq(tls_handshake(e.server, &want), 1);
	ck_assert_uint_eq(tls_pending(e.server), 7);
	ck_assert_int_eq(tls_read(e.server, buf, 16, &want), 7);
	ck_assert_uint_eq(tls_pending(e.server), 0);
	ends_close(&e);
}
END_TEST

/* A full socket: the write is repeated from other memory. */
START_TEST(test_partial_write)
{
	static char	 a[1 << 20], b[1 << 20], in[1 << 20];
	struct ends	 e;
	enum tls_want	 want;
	size_t		 sent = 0, got = 0, i;
	ssize_t		 n;

	for (i = 0; i < sizeof(a); i++)
		a[i] = b[i] = (char)(i * 31 >> 3);
	ends_open(&e, DB_TLS_REQUIRE, "", NULL);
	ck_assert_int_eq(ends_handshake(&e), 1);
	for (i = 0; got < sizeof(a); i++) {
		while (sent < sizeof(a) && (n = tls_write(e.client,
		    (i % 2 ? a : b) + sent, sizeof(a) - sent, &want)) > 0)
			sent += (size_t)n;
		if (sent < sizeof(a))
			ck_assert_int_eq(want, TLS_WANT_WRITE);
		n = tls_read(e.server, in + got, sizeof(in) - got, &want);
		if (n == -1)
			ck_assert_int_eq(want, TLS_WANT_READ);
		else
			got += (size_t)n;
	}
	ck_assert_mem_eq(a, in, sizeof(a));
	ends_close(&e);
}
END_TEST

START_TEST(test_garbage)
{
	struct ends	e;
	enum tls_want	want;
	char		buf[8];

	ends_open(&e, DB_TLS_REQUIRE, "", NULL);
	ck_assert_int_eq(write(e.fd[1], "GET / HTTP/1.0\r\n\r\n", 18), 18);
	ck_assert_int_eq(tls_handshake(e.server, &want), -1);
	ck_assert_str_ne(tls_error(e.server), "no error");
	ck_assert_int_eq(tls_handshake(e.server, &want), -1);
	ends_close(&e);

	ends_open(&e, DB_TLS_REQUIRE, "", NULL);
	ck_assert_int_eq(ends_handshake(&e), 1);
	ck_assert_int_eq(tls_write(e.client, "abc", 3, &want), 3);
	ck_assert_int_eq(write(e.fd[1], "\x17\x03\x03\x00\x20 garbage garbage "
	    "garbage garbage.", 37), 37);
	ck_assert_int_eq(tls_read(e.server, buf, 8, &want), 3);
	/* Found early, told with the next read. */
	ck_assert_uint_gt(tls_pending(e.server), 0);
	ck_assert_int_eq(tls_read(e.server, buf, 8, &want), -1);
	ck_assert_int_eq(want, TLS_WANT_NONE);
	ends_close(&e);
}
END_TEST

int
main(void)
{
	SRunner	*sr;
	Suite	*s;
	TCase	*tc;
	int	 failed;

	signal(SIGPIPE, SIG_IGN);
	s = suite_create("tls");
	tc = tcase_create("tls");
	tcase_add_unchecked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_both_ways);
	tcase_add_test(tc, test_end_without_notify);
	tcase_add_test(tc, test_names);
	tcase_add_test(tc, test_wrong_ca);
	tcase_add_test(tc, test_client_ca);
	tcase_add_test(tc, test_bad_arguments);
	tcase_add_test(tc, test_pending);
	tcase_add_test(tc, test_pending_after_handshake);
	tcase_add_test(tc, test_partial_write);
	tcase_add_test(tc, test_garbage);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_fork_status(sr, CK_NOFORK);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
