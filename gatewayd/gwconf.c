/*
 * gatewayd.yaml: the tables that say what may be in it, the checks that need
 * more than one key, and printing it normalised.
 *
 * The master reads it, at start and at SIGHUP; workers inherit it.  The input
 * is the administrator's.  Nothing here logs or exits: NULL with
 * "file:line:col: sentence".  Whether certificates can be loaded or addresses
 * bound is not asked here (listen.c), so that a file can be checked anywhere.
 */
#include "gwconf.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "crypto.h"
#include "listen.h"
#include "oauth.h"

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))

/* A listener as it stands in the file. */
struct listen_keys {
	char	*address;
	char	*certificate, *key;
	char	*client_ca;
	int	 isolation;
	int	 cleartext;
	int	 auth;
	char	*issuer, *scope;	/* of oauth: */
	struct conf_strings from;	/* of proxy: */
	char	*mode;
};

static const char *const isolations[] = { "session", "shared", NULL };
static const char *const cleartexts[] = { "refuse", "loopback", NULL };
static const char *const auths[] = { "password", "oauthbearer", NULL };

static int	version_parse(const struct conf *, const struct conf_node *,
		    void *, struct conf_error *);
static int	listen_parse(const struct conf *, const struct conf_node *,
		    void *, struct conf_error *);
static int	oauth_parse(const struct conf *, const struct conf_node *,
		    void *, struct conf_error *);
static int	proxy_parse(const struct conf *, const struct conf_node *,
		    void *, struct conf_error *);
static int	workers_parse(const struct conf *, const struct conf_node *,
		    void *, struct conf_error *);
static int	limits_parse(const struct conf *, const struct conf_node *,
		    void *, struct conf_error *);

#define L(member)	offsetof(struct listen_keys, member)
#define G(member)	offsetof(struct gw_conf, member)

static const struct conf_key listen_table[] = {
	{ .name = "address", .type = CONF_STRING, .offset = L(address),
	    .reloadable = true },
	{ .name = "certificate", .type = CONF_PATH, .offset = L(certificate),
	    .dflt = "", .reloadable = true },
	{ .name = "key", .type = CONF_PATH, .offset = L(key), .dflt = "",
	    .reloadable = true },
	{ .name = "isolation", .type = CONF_ENUM, .offset = L(isolation),
	    .dflt = "session", .choices = isolations, .reloadable = true },
	{ .name = "cleartext", .type = CONF_ENUM, .offset = L(cleartext),
	    .dflt = "refuse", .choices = cleartexts, .reloadable = true },
	{ .name = "client_ca", .type = CONF_PATH, .offset = L(client_ca),
	    .dflt = "", .reloadable = true },
	{ .name = "auth", .type = CONF_ENUM, .offset = L(auth),
	    .dflt = "password", .choices = auths, .reloadable = true },
	{ .name = "oauth", .type = CONF_CUSTOM, .dflt = "",
	    .parse = oauth_parse, .reloadable = true },
	{ .name = "proxy", .type = CONF_CUSTOM, .dflt = "",
	    .parse = proxy_parse, .reloadable = true },
	{ .name = "mode", .type = CONF_STRING, .offset = L(mode),
	    .dflt = "", .reloadable = true },
};

static const struct conf_key oauth_table[] = {
	{ .name = "issuer", .type = CONF_STRING, .offset = L(issuer),
	    .reloadable = true },
	{ .name = "scope", .type = CONF_STRING, .offset = L(scope),
	    .dflt = "openid", .reloadable = true },
};

static const struct conf_key proxy_table[] = {
	{ .name = "from", .type = CONF_STRINGS, .offset = L(from),
	    .reloadable = true },
};

static const struct conf_key workers_table[] = {
	{ .name = "spare", .type = CONF_INT, .offset = G(spare), .dflt = "4",
	    .min = 1, .max = 1000, .reloadable = true },
	{ .name = "maximum", .type = CONF_INT, .offset = G(maximum),
	    .dflt = "1000", .min = 1, .max = 100000, .reloadable = true },
	{ .name = "shared", .type = CONF_INT, .offset = G(shared),
	    .dflt = "2", .min = 1, .max = 256, .reloadable = true },
	{ .name = "per_worker", .type = CONF_INT, .offset = G(per_worker),
	    .dflt = "1000", .min = 1, .max = 100000, .reloadable = true },
};

static const struct conf_key limits_table[] = {
	{ .name = "login", .type = CONF_DURATION, .offset = G(login),
	    .dflt = "30s", .min = 1000, .max = 600000, .reloadable = true },
	{ .name = "unauthenticated", .type = CONF_INT,
	    .offset = G(unauthenticated), .dflt = "200", .min = 1,
	    .max = 100000, .reloadable = true },
	{ .name = "message", .type = CONF_SIZE, .offset = G(message),
	    .dflt = "16MiB", .min = 64 * 1024, .max = 16 * 1024 * 1024,
	    .reloadable = true },
	{ .name = "stall", .type = CONF_DURATION, .offset = G(stall),
	    .dflt = "1m", .min = 1000, .max = 86400000, .reloadable = true },
	{ .name = "keepalive", .type = CONF_DURATION, .offset = G(keepalive),
	    .dflt = "1m", .min = 1000, .max = 7200000, .reloadable = true },
	{ .name = "drain", .type = CONF_DURATION, .offset = G(drain),
	    .dflt = "30s", .min = 0, .max = 86400000, .reloadable = true },
};

/* The order is the one of -nv; custom keys get the whole struct gw_conf. */
static const struct conf_key file_table[] = {
	{ .name = "version", .type = CONF_CUSTOM, .dflt = "",
	    .parse = version_parse },
	{ .name = "listen", .type = CONF_CUSTOM, .parse = listen_parse,
	    .reloadable = true },
	{ .name = "socket", .type = CONF_PATH, .offset = G(socket),
	    .dflt = "/run/postern/gatewayd.sock" },
	{ .name = "policyd", .type = CONF_PATH, .offset = G(policyd),
	    .dflt = "/run/postern/policyd.sock" },
	{ .name = "user", .type = CONF_STRING, .offset = G(user),
	    .dflt = "_gatewayd", .reloadable = true },
	{ .name = "chroot", .type = CONF_PATH, .offset = G(chroot),
	    .dflt = "/var/empty", .reloadable = true },
	{ .name = "workers", .type = CONF_CUSTOM, .dflt = "",
	    .parse = workers_parse, .reloadable = true },
	{ .name = "limits", .type = CONF_CUSTOM, .dflt = "",
	    .parse = limits_parse, .reloadable = true },
};

static int
version_parse(const struct conf *c, const struct conf_node *node, void *out,
    struct conf_error *err)
{
	uint64_t	 version;

	(void)out;
	return node == NULL ? 0 : conf_int(c, node, 1, 1, &version, err);
}

/* --- listen ------------------------------------------------------------ */

/* `out` is a struct listen_keys. */
static int
oauth_parse(const struct conf *c, const struct conf_node *node, void *out,
    struct conf_error *err)
{
	struct listen_keys	*k = out;

	if (node == NULL)
		return 0;
	if (conf_fill(c, node, "listen.oauth", oauth_table,
	    NELEM(oauth_table), out, err) == -1)
		return -1;
	if (!oauth_issuer_ok(k->issuer))
		return conf_fail(c, conf_get(node, "issuer"), err,
		    "\"issuer\" is not an https URL without query (http is "
		    "for the loopback interface)");
	if (!oauth_scope_ok(k->scope))
		return conf_fail(c, conf_get(node, "scope"), err,
		    "\"scope\" is not a list of names with one space between");
	return 0;
}

/* `out` is a struct listen_keys. */
static int
proxy_parse(const struct conf *c, const struct conf_node *node, void *out,
    struct conf_error *err)
{
	return node == NULL ? 0 : conf_fill(c, node, "listen.proxy",
	    proxy_table, NELEM(proxy_table), out, err);
}

/* Who may connect to a Unix socket, as for chmod(1): four octal digits. */
static int
listen_check_mode(const struct conf *c, const struct conf_node *node,
    struct gw_listen *l, const char *mode, struct conf_error *err)
{
	const struct conf_node	*at = conf_get(node, "mode");

	l->mode = 0666;
	if (at == NULL)
		return 0;
	if (!l->is_unix)
		return conf_fail(c, at, err, "\"mode\" is for Unix sockets");
	if (strlen(mode) != 4 || mode[0] != '0' ||
	    strspn(mode, "0246") != 4 || (mode[1] & 6) != 6)
		return conf_fail(c, at, err, "\"mode\" is one of \"0600\", "
		    "\"0660\", \"0666\" and their like, in quotes");
	l->mode = (unsigned int)strtoul(mode, NULL, 8);
	return 0;
}

/* The load balancers of a listener, as networks. */
static int
listen_check_proxy(const struct conf *c, const struct conf_node *node,
    struct gw_listen *l, struct conf_error *err)
{
	const struct conf_node	*at = conf_get(node, "proxy"), *from;
	const char		*why;
	size_t			 i;

	if (at == NULL)
		return 0;
	if (l->is_unix)
		return conf_fail(c, at, err, "a Unix socket takes no "
		    "\"proxy\"");
	/* What the header says could be such an address. */
	if (l->cleartext)
		return conf_fail(c, at, err, "\"proxy\" does not go with "
		    "\"cleartext: loopback\"");
	l->proxy_nets = calloc(l->proxy_from.n, sizeof(*l->proxy_nets));
	if (l->proxy_nets == NULL)
		return conf_fail(c, at, err, "out of memory");
	from = conf_get(at, "from");
	for (i = 0; i < l->proxy_from.n; i++) {
		why = "a load balancer does not come by a Unix socket";
		if (network_parse(l->proxy_from.v[i], &l->proxy_nets[i],
		    &why) == -1 || l->proxy_nets[i].local)
			return conf_fail(c, from->kind == CONF_LIST ?
			    from->items[i] : from, err, "listen.proxy.from: "
			    "\"%.100s\": %s", l->proxy_from.v[i], why);
	}
	return 0;
}

/* What both kinds of listeners have to keep about the ways in. */
static int
listen_check_auth(const struct conf *c, const struct conf_node *node,
    const struct gw_listen *l, struct conf_error *err)
{
	if (l->oauth && l->issuer == NULL)
		return conf_fail(c, conf_get(node, "auth"), err,
		    "\"auth: oauthbearer\" needs \"oauth\" with an "
		    "\"issuer\"");
	if (!l->oauth && l->issuer != NULL)
		return conf_fail(c, conf_get(node, "oauth"), err,
		    "\"oauth\" is for \"auth: oauthbearer\"");
	if (l->client_ca == NULL)
		return 0;
	if (l->is_unix)
		return conf_fail(c, conf_get(node, "client_ca"), err,
		    "a Unix socket takes no \"client_ca\"");
	/* Without TLS nobody would show one. */
	if (l->cleartext || l->certificate == NULL)
		return conf_fail(c, conf_get(node, "client_ca"), err,
		    "\"client_ca\" needs a certificate and "
		    "\"cleartext: refuse\"");
	return 0;
}

static int
listen_check(const struct conf *c, const struct conf_node *node,
    const struct gw_listen *l, struct conf_error *err)
{
	const struct conf_node	*at = conf_get(node, "address");
	struct sockaddr_storage	 ss;
	bool			 loopback;

	if (l->is_unix) {
		if (strlen(l->address) >=
		    sizeof(((struct sockaddr_un *)0)->sun_path))
			return conf_fail(c, at, err, "the path of a socket is "
			    "at most %zu bytes long",
			    sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
		if (l->certificate != NULL || l->key != NULL)
			return conf_fail(c, node, err, "a Unix socket takes "
			    "no certificate and key");
		if (l->cleartext)
			return conf_fail(c, conf_get(node, "cleartext"), err,
			    "a Unix socket needs no \"cleartext\"");
		return 0;
	}
	if (listen_address(l->address, &ss, &loopback) == -1)
		return conf_fail(c, at, err, "\"%.100s\" is not an address "
		    "with a port (127.0.0.1:6432, [::1]:6432) nor the path of "
		    "a socket (/...)", l->address);
	if (l->cleartext && !loopback)
		return conf_fail(c, conf_get(node, "cleartext"), err,
		    "\"cleartext: loopback\" is for addresses of the loopback "
		    "interface");
	if ((l->certificate == NULL) != (l->key == NULL))
		return conf_fail(c, node, err, "\"certificate\" and \"key\" "
		    "come together");
	if (l->certificate == NULL && !l->cleartext)
		return conf_fail(c, node, err, "\"certificate\" and \"key\" "
		    "are missing");
	return 0;
}

static int
listen_one(const struct conf *c, const struct conf_node *node,
    struct gw_listen *l, struct conf_error *err)
{
	struct listen_keys	 k;
	int			 rc;

	memset(&k, 0, sizeof(k));
	rc = conf_fill(c, node, "listen", listen_table, NELEM(listen_table),
	    &k, err);
	/* On failure too: gw_conf_free() finds what is here. */
	l->address = k.address;
	l->certificate = k.certificate;
	l->key = k.key;
	l->client_ca = k.client_ca;
	l->issuer = k.issuer;
	l->scope = k.scope;
	l->proxy_from = k.from;
	l->fd = -1;
	if (rc == -1) {
		free(k.mode);
		return -1;
	}
	l->oauth = k.auth == 1;
	l->shared = k.isolation == 1;
	l->cleartext = k.cleartext == 1;
	l->is_unix = l->address[0] == '/';
	rc = listen_check_mode(c, node, l, k.mode, err);
	free(k.mode);
	return rc == -1 || listen_check(c, node, l, err) == -1 ||
	    listen_check_proxy(c, node, l, err) == -1 ? -1 :
	    listen_check_auth(c, node, l, err);
}

static int
listen_parse(const struct conf *c, const struct conf_node *node, void *out,
    struct conf_error *err)
{
	struct gw_conf	*conf = out;
	size_t		 i, k;

	if (node->kind != CONF_LIST)
		return conf_fail(c, node, err, "listen: expected a list");
	if (node->n == 0)
		return conf_fail(c, node, err, "listen: the list is empty");
	if ((conf->listen = calloc(node->n, sizeof(*conf->listen))) == NULL)
		return conf_fail(c, node, err, "out of memory");
	for (i = 0; i < node->n; i++) {
		conf->nlisten = i + 1;
		if (listen_one(c, node->items[i], &conf->listen[i], err) == -1)
			return -1;
		for (k = 0; k < i; k++)
			if (strcmp(conf->listen[k].address,
			    conf->listen[i].address) == 0)
				return conf_fail(c,
				    conf_get(node->items[i], "address"), err,
				    "listen: address \"%.100s\" is there "
				    "twice", conf->listen[i].address);
	}
	return 0;
}

/* --- maps -------------------------------------------------------------- */

static int
map_parse(const struct conf *c, const struct conf_node *node,
    const char *where, const struct conf_key *table, size_t n, void *out,
    struct conf_error *err)
{
	static const struct conf_node	empty = { .kind = CONF_MAP,
					    .line = 1, .col = 1 };

	return conf_fill(c, node == NULL ? &empty : node, where, table, n,
	    out, err);
}

static int
workers_parse(const struct conf *c, const struct conf_node *node, void *out,
    struct conf_error *err)
{
	struct gw_conf	*conf = out;

	if (map_parse(c, node, "workers", workers_table, NELEM(workers_table),
	    out, err) == -1)
		return -1;
	if (conf->spare > conf->maximum)
		return conf_fail(c, node, err, "workers: \"spare\" is larger "
		    "than \"maximum\"");
	return 0;
}

static int
limits_parse(const struct conf *c, const struct conf_node *node, void *out,
    struct conf_error *err)
{
	return map_parse(c, node, "limits", limits_table, NELEM(limits_table),
	    out, err);
}

/* --- the file ---------------------------------------------------------- */

struct gw_conf *
gw_conf_load(const char *path, struct conf_error *err)
{
	struct gw_conf	*conf;
	struct conf	*c;
	uint8_t		 digest[SHA256_LEN];
	char		*text;
	size_t		 len;

	if ((text = conf_text(path, &len, err)) == NULL)
		return NULL;
	sha256_once(text, len, digest);
	c = conf_parse(path, text, len, err);
	free(text);
	if (c == NULL)
		return NULL;
	if ((conf = calloc(1, sizeof(*conf))) == NULL)
		snprintf(err->text, sizeof(err->text), "out of memory");
	else if (conf_fill(c, c->root, "", file_table, NELEM(file_table),
	    conf, err) == -1)
		gw_conf_free(&conf);
	if (conf != NULL)
		hex_encode(digest, sizeof(digest), conf->sha256);
	conf_free(&c);
	return conf;
}

void
gw_conf_free(struct gw_conf **cp)
{
	struct gw_conf	*conf = *cp;
	size_t		 i;

	if (conf == NULL)
		return;
	for (i = 0; i < conf->nlisten; i++) {
		free(conf->listen[i].address);
		free(conf->listen[i].certificate);
		free(conf->listen[i].key);
		free(conf->listen[i].client_ca);
		free(conf->listen[i].issuer);
		free(conf->listen[i].scope);
		conf_strings_free(&conf->listen[i].proxy_from);
		free(conf->listen[i].proxy_nets);
		tls_server_free(&conf->listen[i].tls);
	}
	free(conf->listen);
	conf_release(file_table, NELEM(file_table), conf);
	free(conf);
	*cp = NULL;
}

static const struct conf_key proxy_print[] = {
	{ .name = "from", .type = CONF_STRINGS,
	    .offset = offsetof(struct gw_listen, proxy_from) },
};

static void
listen_print(const struct gw_listen *l, FILE *fp)
{
	fputs("  - address: ", fp);
	conf_print_scalar(fp, l->address);
	if (l->certificate != NULL) {
		fputs("\n    certificate: ", fp);
		conf_print_scalar(fp, l->certificate);
		fputs("\n    key: ", fp);
		conf_print_scalar(fp, l->key);
	}
	fprintf(fp, "\n    isolation: %s\n", isolations[l->shared]);
	if (l->is_unix)
		fprintf(fp, "    mode: \"%04o\"\n", l->mode);
	else
		fprintf(fp, "    cleartext: %s\n", cleartexts[l->cleartext]);
	if (l->client_ca != NULL) {
		fputs("    client_ca: ", fp);
		conf_print_scalar(fp, l->client_ca);
		fputc('\n', fp);
	}
	if (l->proxy_from.n > 0) {
		fputs("    proxy:\n", fp);
		conf_print(fp, 6, proxy_print, NELEM(proxy_print), l);
	}
	fprintf(fp, "    auth: %s\n", auths[l->oauth]);
	if (!l->oauth)
		return;
	fputs("    oauth:\n      issuer: ", fp);
	conf_print_scalar(fp, l->issuer);
	fputs("\n      scope: ", fp);
	conf_print_scalar(fp, l->scope);
	fputc('\n', fp);
}

void
gw_conf_print(const struct gw_conf *conf, FILE *fp)
{
	size_t	i;

	fputs("version: 1\nlisten:\n", fp);
	for (i = 0; i < conf->nlisten; i++)
		listen_print(&conf->listen[i], fp);
	conf_print(fp, 0, file_table, NELEM(file_table), conf);
	fputs("workers:\n", fp);
	conf_print(fp, 2, workers_table, NELEM(workers_table), conf);
	fputs("limits:\n", fp);
	conf_print(fp, 2, limits_table, NELEM(limits_table), conf);
}
