/*
 * gatewayd.yaml: defaults, every key, what is refused and where, and that what
 * -nv prints reads back as the same.
 */
#include "gwconf.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listen.h"
#include "tests/unit/tmpname.h"

static struct conf_error	err;
static char			path[100];

static struct gw_conf *
load(const char *text)
{
	struct gw_conf	*conf;
	FILE		*f;

	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	err.text[0] = '\0';
	conf = gw_conf_load(path, &err);
	ck_assert(conf != NULL || err.text[0] != '\0');
	return conf;
}

static char *
print(const struct gw_conf *conf)
{
	char	*text;
	size_t	 n;
	FILE	*f;

	f = open_memstream(&text, &n);
	ck_assert_ptr_nonnull(f);
	gw_conf_print(conf, f);
	fclose(f);
	return text;
}

/* Names in a file are relative to its directory. */
static void
is_beside(const char *got, const char *name)
{
	size_t	n = (size_t)(strrchr(path, '/') - path) + 1;

	ck_assert_ptr_nonnull(got);
	ck_assert(strncmp(got, path, n) == 0);
	ck_assert_str_eq(got + n, name);
}

START_TEST(test_defaults)
{
	struct gw_conf	*c;

	c = load("listen:\n"
	    "- {address: '127.0.0.1:6432', certificate: gw.pem,\n"
	    "   key: gw.key}\n");
	ck_assert_msg(c != NULL, "%s", err.text);
	ck_assert_uint_eq(c->nlisten, 1);
	ck_assert_str_eq(c->listen[0].address, "127.0.0.1:6432");
	is_beside(c->listen[0].certificate, "gw.pem");
	is_beside(c->listen[0].key, "gw.key");
	ck_assert(!c->listen[0].shared);
	ck_assert(!c->listen[0].cleartext);
	ck_assert(!c->listen[0].is_unix);
	ck_assert_int_eq(c->listen[0].fd, -1);
	ck_assert_ptr_null(c->listen[0].tls);
	ck_assert_str_eq(c->socket, "/run/postern/gatewayd.sock");
	ck_assert_str_eq(c->policyd, "/run/postern/policyd.sock");
	ck_assert_str_eq(c->user, "_gatewayd");
	ck_assert_str_eq(c->chroot, "/var/empty");
	ck_assert_uint_eq(c->spare, 4);
	ck_assert_uint_eq(c->maximum, 1000);
	ck_assert_uint_eq(c->shared, 2);
	ck_assert_uint_eq(c->per_worker, 1000);
	ck_assert_uint_eq(c->login, 30000);
	ck_assert_uint_eq(c->unauthenticated, 200);
	ck_assert_uint_eq(c->message, 16 * 1024 * 1024);
	ck_assert_uint_eq(c->stall, 60000);
	ck_assert_uint_eq(c->keepalive, 60000);
	ck_assert_uint_eq(c->drain, 30000);
	gw_conf_free(&c);
	ck_assert_ptr_null(c);
}
END_TEST

START_TEST(test_all_keys)
{
	struct gw_conf	*c;
	char		*once, *twice;

	c = load("version: 1\n"
	    "listen:\n"
	    "  - {address: '[::1]:6432', certificate: /c, key: /k,\n"
	    "     isolation: shared}\n"
	    "  - {address: '127.0.0.2:6433', cleartext: loopback}\n"
	    "  - {address: '*:6434', certificate: /c, key: /k,\n"
	    "     cleartext: refuse}\n"
	    "  - address: /run/postern/.s.PGSQL.6432\n"
	    "    auth: oauthbearer\n"
	    "    oauth: {issuer: 'https://idp.example'}\n"
	    "  - {address: '*:6435', certificate: /c, key: /k,\n"
	    "     client_ca: ca.pem, auth: oauthbearer,\n"
	    "     oauth: {issuer: 'https://idp.example/x',\n"
	    "     scope: openid shop}}\n"
	    "socket: s\n"
	    "policyd: /p\n"
	    "user: nobody\n"
	    "chroot: /var/lib/empty\n"
	    "workers: {spare: 1, maximum: 2, shared: 3, per_worker: 4}\n"
	    "limits: {login: 1s, message: 64KiB, drain: 0s}\n");
	ck_assert_msg(c != NULL, "%s", err.text);
	ck_assert_uint_eq(c->nlisten, 5);
	ck_assert(!c->listen[0].oauth);
	ck_assert_ptr_null(c->listen[0].client_ca);
	ck_assert(c->listen[3].oauth);
	ck_assert_str_eq(c->listen[3].issuer, "https://idp.example");
	ck_assert_str_eq(c->listen[3].scope, "openid");
	ck_assert_str_eq(c->listen[4].scope, "openid shop");
	is_beside(c->listen[4].client_ca, "ca.pem");
	ck_assert(c->listen[0].shared);
	ck_assert(c->listen[1].cleartext);
	ck_assert_ptr_null(c->listen[1].certificate);
	ck_assert(c->listen[3].is_unix);
	is_beside(c->socket, "s");
	ck_assert_uint_eq(c->per_worker, 4);
	ck_assert_uint_eq(c->login, 1000);
	ck_assert_uint_eq(c->message, 65536);
	ck_assert_uint_eq(c->drain, 0);
	once = print(c);
	gw_conf_free(&c);
	c = load(once);
	ck_assert_msg(c != NULL, "%s\n%s", err.text, once);
	twice = print(c);
	ck_assert_str_eq(once, twice);
	ck_assert_ptr_nonnull(strstr(once, "isolation: shared"));
	ck_assert_ptr_nonnull(strstr(once, "  message: 64KiB\n"));
	gw_conf_free(&c);
	free(once);
	free(twice);
}
END_TEST

START_TEST(test_refused)
{
	static const struct {
		const char	*text, *at, *what;
	} cases[] = {
		{ "version: 1\n", ":1:1: ", "\"listen\" is missing" },
		{ "listen: []\n", ":1:9: ", "empty" },
		{ "listen: x\n", ":1:9: ", "list" },
		{ "version: 2\nlisten: [{address: /s}]\n", ":1:10: ", "1" },
		{ "listen: [{address: /s}]\nnonsense: 1\n", ":2:1: ",
		    "unknown key \"nonsense\"" },
		{ "listen:\n- {address: /s, colour: red}\n", ":2:17: ",
		    "unknown key \"colour\"" },
		{ "listen:\n- {isolation: shared}\n", ":2:3: ",
		    "\"address\" is missing" },
		{ "listen:\n- {address: localhost:6432}\n", ":2:13: ",
		    "not an address" },
		{ "listen:\n- {address: '127.0.0.1:0'}\n", ":2:13: ",
		    "not an address" },
		{ "listen:\n- {address: '127.0.0.1:65536'}\n", ":2:13: ",
		    "not an address" },
		{ "listen:\n- {address: '::1:6432'}\n", ":2:13: ",
		    "not an address" },
		{ "listen:\n- {address: '127.0.0.1:6432'}\n", ":2:3: ",
		    "are missing" },
		{ "listen:\n- {address: '127.0.0.1:6432', key: k}\n",
		    ":2:3: ", "come together" },
		{ "listen:\n- {address: '0.0.0.0:6432', certificate: c, "
		    "key: k, cleartext: loopback}\n", ":2:64: ", "loopback" },
		{ "listen:\n- {address: /s, certificate: c, key: k}\n",
		    ":2:3: ", "no certificate" },
		{ "listen:\n- {address: /s}\n- {address: /s}\n", ":3:13: ",
		    "twice" },
		{ "listen: [{address: /s, mode: '660'}]\n", ":1:30: ",
		    "0660" },
		{ "listen: [{address: /s, mode: '0066'}]\n", ":1:30: ",
		    "0660" },
		{ "listen: [{address: /s, mode: '0777'}]\n", ":1:30: ",
		    "0660" },
		{ "listen:\n- {address: '127.0.0.1:6432', cleartext: "
		    "loopback, mode: '0660'}\n", ":2:58: ", "is for Unix" },
		{ "listen: [{address: /s, proxy: {from: 10.0.0.1}}]\n",
		    ":1:31: ", "takes no" },
		{ "listen:\n- {address: '127.0.0.1:6432', cleartext: "
		    "loopback, proxy: {from: 10.0.0.1}}\n", ":2:59: ",
		    "does not go with" },
		{ "listen:\n- {address: '*:6432', certificate: c, key: k, "
		    "proxy: {}}\n", ":2:54: ", "\"from\" is missing" },
		{ "listen:\n- {address: '*:6432', certificate: c, key: k, "
		    "proxy: {from: []}}\n", ":2:61: ", "empty" },
		{ "listen:\n- {address: '*:6432', certificate: c, key: k, "
		    "proxy: {from: [10.0.0.1, 10.0.0.1/8]}}\n", ":2:72: ",
		    "not zero" },
		{ "listen:\n- {address: '*:6432', certificate: c, key: k, "
		    "proxy: {from: local}}\n", ":2:61: ", "Unix socket" },
		{ "listen: [{address: /s, isolation: none}]\n", ":1:35: ",
		    "session" },
		{ "listen: [{address: /s, auth: kerberos}]\n", ":1:30: ",
		    "oauthbearer" },
		{ "listen: [{address: /s, auth: oauthbearer}]\n", ":1:30: ",
		    "issuer" },
		{ "listen:\n- {address: /s, auth: oauthbearer, oauth: "
		    "{scope: x}}\n", ":2:43: ", "\"issuer\" is missing" },
		{ "listen:\n- {address: /s, auth: oauthbearer, oauth: "
		    "{issuer: 'http://idp.example'}}\n", ":2:52: ",
		    "https" },
		{ "listen:\n- {address: /s, auth: oauthbearer, oauth: "
		    "{issuer: 'https://i', scope: ''}}\n", ":2:72: ",
		    "scope" },
		{ "listen:\n- {address: /s, oauth: {issuer: 'https://i'}}"
		    "\n", ":2:24: ", "is for" },
		{ "listen:\n- {address: /s, client_ca: x}\n", ":2:28: ",
		    "Unix socket" },
		{ "listen:\n- {address: '127.0.0.1:1', certificate: c, key: "
		    "k, cleartext: loopback, client_ca: x}\n", ":2:84: ",
		    "cleartext: refuse" },
		{ "listen: [{address: /s}]\nworkers: {spare: 0}\n",
		    ":2:18: ", "spare" },
		{ "listen: [{address: /s}]\nworkers: {spare: 9, "
		    "maximum: 8}\n", ":2:10: ", "larger" },
		{ "listen: [{address: /s}]\nlimits: {message: 32KiB}\n",
		    ":2:19: ", "message" },
		{ "listen: [{address: /s}]\nlimits: {message: 17MiB}\n",
		    ":2:19: ", "message" },
		{ "listen: [{address: /s}]\nlimits: {login: 5}\n",
		    ":2:17: ", "login" },
		{ "listen: [{address: /s}]\nlimits: 3\n", ":2:9: ", "map" },
		{ "listen: [{address: /s}]\nlimits: {}\nlimits: {}\n",
		    ":3:1: ", "limits" },
	};
	struct gw_conf	*c;
	size_t		 i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		c = load(cases[i].text);
		ck_assert_msg(c == NULL, "accepted: %s", cases[i].text);
		ck_assert_msg(strstr(err.text, cases[i].at) != NULL &&
		    strstr(err.text, cases[i].what) != NULL,
		    "%s\nwanted %s%s\ngot %s", cases[i].text, cases[i].at,
		    cases[i].what, err.text);
	}
	ck_assert_ptr_null(gw_conf_load("/nonexistent/gatewayd.yaml", &err));
	ck_assert_ptr_nonnull(strstr(err.text, "No such file"));
}
END_TEST

START_TEST(test_address)
{
	struct sockaddr_storage	 ss;
	bool			 loopback;

	ck_assert_int_eq(listen_address("127.9.9.9:1", &ss, &loopback), 0);
	ck_assert(loopback);
	ck_assert_int_eq(listen_address("10.0.0.1:1", &ss, &loopback), 0);
	ck_assert(!loopback);
	ck_assert_int_eq(ss.ss_family, AF_INET);
	ck_assert_int_eq(listen_address("[::1]:1", &ss, &loopback), 0);
	ck_assert(loopback);
	ck_assert_int_eq(listen_address("[::]:65535", &ss, &loopback), 0);
	ck_assert(!loopback);
	ck_assert_int_eq(listen_address("*:6432", &ss, &loopback), 0);
	ck_assert_int_eq(ss.ss_family, AF_INET6);
	ck_assert_int_eq(listen_address("[]:1", &ss, &loopback), -1);
	ck_assert_int_eq(listen_address(":1", &ss, &loopback), -1);
	ck_assert_int_eq(listen_address("127.0.0.1", &ss, &loopback), -1);
	ck_assert_int_eq(listen_address("127.0.0.1:+1", &ss, &loopback), -1);
}
END_TEST

/* Binding, and that a Unix socket's file goes when its listener does. */
START_TEST(test_open)
{
	struct gw_listen	l = { .address = path, .is_unix = true, .mode = 0600 };
	char			text[256];
	struct gw_listen	bad = { .address = strdup("/nonexistent/s"),
				    .is_unix = true, .mode = 0600 };

	unlink(path);
	ck_assert_int_eq(listen_open(&l, text, sizeof(text)), 0);
	ck_assert_int_eq(access(path, F_OK), 0);
	listen_close(&l, true);
	ck_assert_int_eq(l.fd, -1);
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_int_eq(listen_open(&bad, text, sizeof(text)), -1);
	ck_assert_ptr_nonnull(strstr(text, "/nonexistent/s"));
	free(bad.address);
}
END_TEST

/* The file that is installed. */
START_TEST(test_shipped)
{
	struct gw_conf	*c;

	c = gw_conf_load("etc/gatewayd.yaml", &err);
	ck_assert_msg(c != NULL, "%s", err.text);
	gw_conf_free(&c);
}
END_TEST

int
main(void)
{
	SRunner	*sr;
	Suite	*s;
	TCase	*tc;
	int	 failed;

	TMPNAME(path, "test_gwconf");
	close(mkstemp(path));
	s = suite_create("gwconf");
	tc = tcase_create("gwconf");
	tcase_add_test(tc, test_defaults);
	tcase_add_test(tc, test_all_keys);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_address);
	tcase_add_test(tc, test_open);
	tcase_add_test(tc, test_shipped);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_fork_status(sr, CK_NOFORK);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	unlink(path);
	return failed != 0;
}
