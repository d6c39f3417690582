/*
 * `issuers:` of policy.yaml: who may sign tokens, and which of their tokens
 * count.  For every process of policyd; see policy.c for what is trusted and
 * how it fails.
 *
 * Keys are fetched over https only: an issuer whose URL would have them come
 * in clear from elsewhere is an error.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy_impl.h"

#define AUDIENCE_MAX	1024
#define URL_MAX		2048

#define ISSUER(member)	offsetof(struct issuer, member)
/* In the order of enum token_type, and of enum jti_use. */
static const char *const token_types[] = { "any", "access", "id", NULL };
static const char *const jti_uses[] = { "pool", "strict", "any", NULL };

static const char *const algorithms[] = {
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
	"ES384", "ES512", "EdDSA", NULL
};

static const struct conf_key issuer_keys[] = {
	{ .name = "issuer", .type = CONF_STRING, .offset = ISSUER(issuer) },
	{ .name = "audience", .type = CONF_STRINGS,
	  .offset = ISSUER(audience) },
	{ .name = "authorized_parties", .type = CONF_STRINGS,
	  .offset = ISSUER(parties), .dflt = "" },
	{ .name = "token_type", .type = CONF_ENUM,
	  .offset = ISSUER(token_type), .dflt = "any",
	  .choices = token_types },
	{ .name = "required_claims", .type = CONF_CUSTOM, .dflt = "",
	  .parse = policy_later, .sub = &policy_claims_sub },
	{ .name = "jti", .type = CONF_ENUM, .offset = ISSUER(jti),
	  .dflt = "pool", .choices = jti_uses },
	{ .name = "algorithms", .type = CONF_STRINGS,
	  .offset = ISSUER(algorithms), .dflt = "RS256",
	  .choices = algorithms },
	{ .name = "max_lifetime", .type = CONF_DURATION,
	  .offset = ISSUER(max_lifetime), .dflt = "1h", .min = 1000 },
	{ .name = "leeway", .type = CONF_DURATION, .offset = ISSUER(leeway),
	  .dflt = "30s", .max = 5 * 60 * 1000 },
	{ .name = "groups", .type = CONF_STRING, .offset = ISSUER(groups),
	  .dflt = "/groups" },
	{ .name = "subject", .type = CONF_STRING, .offset = ISSUER(subject),
	  .dflt = "/sub" },
	{ .name = "jwks_file", .type = CONF_PATH, .offset = ISSUER(jwks_file),
	  .dflt = "" },
	{ .name = "keys_max_age", .type = CONF_DURATION,
	  .offset = ISSUER(keys_max_age), .dflt = "1d", .min = 60 * 1000 },
	{ .name = "ca_file", .type = CONF_PATH, .offset = ISSUER(ca_file),
	  .dflt = "" },
	{ .name = "allow_http_loopback", .type = CONF_BOOL,
	  .offset = ISSUER(allow_http_loopback), .dflt = "false" }
};

static const struct conf_sub issuer_sub = POLICY_MAP(issuer_keys);
const struct conf_sub policy_issuers_sub = POLICY_NAMES(issuer_sub,
    POLICY_FIT);

static bool
is_loopback(const char *host, size_t len)
{
	size_t	 i;

	if (len == 9 && strncasecmp(host, "localhost", 9) == 0)
		return true;
	if (len == 5 && memcmp(host, "[::1]", 5) == 0)
		return true;
	if (len < 7 || memcmp(host, "127.", 4) != 0)
		return false;
	for (i = 4; i < len; i++)
		if (!isdigit((unsigned char)host[i]) && host[i] != '.')
			return false;
	return true;
}

const char *
policy_url_fault(const char *url, bool query, bool http_loopback)
{
	const char	*host, *p;
	size_t		 len;
	bool		 tls = strncmp(url, "https://", 8) == 0;

	if (!tls && strncmp(url, "http://", 7) != 0)
		return "must begin with https://";
	host = url + (tls ? 8 : 7);
	len = strcspn(host, "/?#");
	/* "http://localhost@elsewhere/" is elsewhere. */
	if (memchr(host, '@', len) != NULL || memchr(host, '\\', len) != NULL)
		return "must not name a user";
	if (strpbrk(host, query ? "#" : "?#") != NULL)
		return query ? "must not have a fragment" :
		    "must not have a query or a fragment";
	p = host[0] == '[' ? memchr(host, ']', len) : host;
	if (p != NULL && (p = memchr(p, ':', len - (size_t)(p - host))) != NULL)
		len = (size_t)(p - host);
	if (len == 0)
		return "names no host";
	if (tls)
		return NULL;
	if (!is_loopback(host, len))
		return "must begin with https://";
	return http_loopback ? NULL :
	    "must begin with https:// (or allow_http_loopback be true)";
}

static int
check_algorithms(const struct conf *c, const struct conf_node *map,
    const char *where, const struct conf_strings *s, struct conf_error *err)
{
	size_t	 i, k;

	for (i = 0; i < s->n; i++) {
		for (k = 0; algorithms[k] != NULL; k++)
			if (strcmp(s->v[i], algorithms[k]) == 0)
				break;
		if (algorithms[k] == NULL)
			return conf_fail(c, policy_item(map, "algorithms", i),
			    err, "%s.algorithms: unknown algorithm \"%.40s\"",
			    where, s->v[i]);
	}
	return 0;
}

static int
check_issuer(const struct conf *c, const struct conf_node *map,
    const char *where, const struct policy *p, const struct issuer *is,
    struct conf_error *err)
{
	const char	*fault;
	size_t		 i;

	if (policy_text(c, map, where, "issuer", is->issuer, URL_MAX,
	    err) == -1 ||
	    policy_texts(c, map, where, "audience", &is->audience,
	    AUDIENCE_MAX, err) == -1 ||
	    check_algorithms(c, map, where, &is->algorithms, err) == -1)
		return -1;
	if (is->jwks_file == NULL && (fault = policy_url_fault(is->issuer,
	    false, is->allow_http_loopback)) != NULL)
		return conf_fail(c, conf_get(map, "issuer"), err,
		    "%s.issuer: the URL %s", where, fault);
	if (!policy_pointer(is->groups))
		return conf_fail(c, conf_get(map, "groups"), err,
		    "%s.groups: expected a JSON Pointer such as /groups",
		    where);
	if (!policy_pointer(is->subject))
		return conf_fail(c, conf_get(map, "subject"), err,
		    "%s.subject: expected a JSON Pointer such as /sub",
		    where);
	if (policy_texts(c, map, where, "authorized_parties", &is->parties,
	    AUDIENCE_MAX, err) == -1)
		return -1;
	/* A token names its issuer by this string alone. */
	for (i = 0; i + 1 < p->nissuers; i++)
		if (strcmp(p->issuers[i].issuer, is->issuer) == 0)
			return conf_fail(c, conf_get(map, "issuer"), err,
			    "%s.issuer: the same as that of issuers.%s", where,
			    p->issuers[i].key);
	return 0;
}

static int
parse_required(const struct conf *c, const struct conf_node *map,
    const char *issuer, struct issuer *is, struct conf_error *err)
{
	const struct conf_node	*node = conf_get(map, "required_claims");

	return node == NULL ? 0 : policy_claims_parse(c, node, issuer,
	    "required_claims", &is->required, &is->nrequired, err);
}

int
policy_issuers_parse(const struct conf *c, const struct conf_node *node,
    struct policy *p, struct conf_error *err)
{
	struct issuer	*is;
	char		 where[POLICY_WHERE];
	size_t		 i;

	if (node == NULL)
		return 0;
	if (node->kind != CONF_MAP)
		return conf_fail(c, node, err, "issuers: expected a map");
	if ((p->issuers = calloc(node->n + 1, sizeof(*is))) == NULL)
		return conf_fail(c, node, err, "out of memory");
	for (i = 0; i < node->n; i++) {
		if (policy_entry(c, node, i, "issuers", err) == -1)
			return -1;
		is = &p->issuers[p->nissuers++];
		policy_where(where, "issuers.%s", node->keys[i]);
		if ((is->key = strdup(node->keys[i])) == NULL)
			return conf_fail(c, node, err, "out of memory");
		if (conf_fill(c, node->items[i], where, issuer_keys,
		    POLICY_NELEM(issuer_keys), is, err) == -1 ||
		    check_issuer(c, node->items[i], where, p, is, err) == -1 ||
		    parse_required(c, node->items[i], where, is, err) == -1)
			return -1;
	}
	return 0;
}

void
policy_issuers_free(struct policy *p)
{
	size_t	 i;

	for (i = 0; i < p->nissuers; i++) {
		free(p->issuers[i].key);
		policy_claims_free(p->issuers[i].required,
		    p->issuers[i].nrequired);
		conf_release(issuer_keys, POLICY_NELEM(issuer_keys),
		    &p->issuers[i]);
	}
	free(p->issuers);
	p->issuers = NULL;
	p->nissuers = 0;
}

void
policy_issuers_print(const struct policy *p, FILE *fp)
{
	size_t	 i;

	if (p->nissuers > 0)
		fputs("\nissuers:\n", fp);
	for (i = 0; i < p->nissuers; i++) {
		policy_print_key(fp, 2, p->issuers[i].key);
		conf_print(fp, 4, issuer_keys, POLICY_NELEM(issuer_keys),
		    &p->issuers[i]);
		policy_claims_print(fp, 4, "required_claims",
		    p->issuers[i].required, p->issuers[i].nrequired);
	}
}

const struct issuer *
policy_issuer(const struct policy *p, const char *key)
{
	size_t	 i;

	for (i = 0; i < p->nissuers; i++)
		if (strcmp(p->issuers[i].key, key) == 0)
			return &p->issuers[i];
	return NULL;
}
