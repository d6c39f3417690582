/*
 * A client of OpenID Connect.  Runs in policyctl (serve, and approve --device).
 * The issuer's answers come over https (fetch.c) and are read as little as
 * can be: endpoints out of the document of discovery, which must name the
 * issuer exactly, and tokens.  An ID token comes straight from the issuer, so
 * its nonce is looked at without its signature (OpenID Connect Core, 3.1.3.7,
 * 6); policyd verifies what it is given.
 */
#include "oidc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "buf.h"
#include "crypto.h"
#include "fetch.h"
#include "html.h"
#include "log.h"

#define URL_MAX		2048
#define DEVICE_LEAST	1	/* seconds between questions */
#define DEVICE_MOST	60

/* One thing that is under way. */
struct op {
	struct oidc	*o;
	oidc_cb		*cb;
	void		*ctx;
	/* Code flow: until the document is there; then the nonce alone. */
	char		*state, *nonce, *verifier;
	/* Device flow. */
	oidc_tell	*tell;
	char		*device_code;
	struct ev_timer	*timer;
	uint64_t	 until;		/* boot ms */
	unsigned int	 interval;	/* seconds */
};

struct oidc {
	const struct oidc_conf	*conf;
	struct ev_loop		*loop;
	struct fetcher		*fetcher;
	/* Of the newest document of discovery. */
	char			*authorize, *token, *device;
};

/* --- ends ------------------------------------------------------------------------- */

static void
wipe(char *s)
{
	if (s != NULL)
		explicit_bzero(s, strlen(s));
	free(s);
}

static void
op_end(struct op *op, const char *text, const char *error)
{
	oidc_cb	*cb = op->cb;
	void	*ctx = op->ctx;

	wipe(op->state);
	wipe(op->nonce);
	wipe(op->verifier);
	wipe(op->device_code);
	if (op->timer != NULL)
		ev_timer_free(&op->timer);
	free(op);
	cb(ctx, text, error);
}

static struct op *
op_new(struct oidc *o, oidc_cb *cb, void *ctx)
{
	struct op	*op = calloc(1, sizeof(*op));

	if (op == NULL) {
		cb(ctx, NULL, "out of memory");
		return NULL;
	}
	op->o = o;
	op->cb = cb;
	op->ctx = ctx;
	return op;
}

static struct fetch_how
how(const struct oidc *o)
{
	struct fetch_how	h = { .ca_file = o->conf->ca_file,
				    .http_loopback = o->conf->http_loopback };

	return h;
}

struct oidc *
oidc_new(struct ev_loop *loop, const struct oidc_conf *conf)
{
	struct oidc	*o = calloc(1, sizeof(*o));

	if (o == NULL)
		fatal("step=oidc");
	o->conf = conf;
	o->loop = loop;
	o->fetcher = fetcher_new(loop);
	return o;
}

void
oidc_free(struct oidc **op)
{
	struct oidc	*o = *op;

	*op = NULL;
	if (o == NULL)
		return;
	fetcher_free(&o->fetcher);
	free(o->authorize);
	free(o->token);
	free(o->device);
	free(o);
}

/* --- discovery ----------------------------------------------------------------------- */

/* Goes into a header and onto terminals. */
static bool
printable(const char *s, size_t max)
{
	size_t	i;

	for (i = 0; s[i] != '\0'; i++)
		if (i >= max || (unsigned char)s[i] <= ' ' ||
		    (unsigned char)s[i] >= 0x7f ||
		    strchr("\"<>\\", s[i]) != NULL)
			return false;
	return i > 0;
}

static bool
is_url(const struct oidc *o, const char *s)
{
	return s != NULL && printable(s, URL_MAX) &&
	    (strncmp(s, "https://", 8) == 0 ||
	    (o->conf->http_loopback && strncmp(s, "http://", 7) == 0));
}

/* A member that is a URL replaces `where`. */
static void
endpoint(struct oidc *o, const json_t *doc, const char *name, char **where)
{
	const char	*s = json_string_value(json_object_get(doc, name));

	free(*where);
	*where = is_url(o, s) ? strdup(s) : NULL;
}

/* NULL: it is the issuer's, and its endpoints are kept. */
static const char *
document(struct oidc *o, const char *body, size_t len)
{
	json_t		*doc = json_loadb(body, len, JSON_REJECT_DUPLICATES,
			    NULL);
	const char	*issuer, *why = NULL;

	issuer = json_string_value(json_object_get(doc, "issuer"));
	if (issuer == NULL)
		why = "the issuer's document cannot be read";
	else if (strcmp(issuer, o->conf->issuer) != 0)
		why = "the issuer's document names another issuer";
	else {
		endpoint(o, doc, "authorization_endpoint", &o->authorize);
		endpoint(o, doc, "token_endpoint", &o->token);
		endpoint(o, doc, "device_authorization_endpoint", &o->device);
		if (o->token == NULL)
			why = "the issuer's document has no token endpoint";
	}
	json_decref(doc);
	return why;
}

static void
discover(struct op *op, fetch_cb *cb)
{
	struct oidc		*o = op->o;
	struct fetch_how	 h = how(o);
	size_t			 n = strlen(o->conf->issuer);
	char			 url[URL_MAX + 64], why[128];

	while (n > 0 && o->conf->issuer[n - 1] == '/')
		n--;
	snprintf(url, sizeof(url), "%.*s/.well-known/openid-configuration",
	    n > URL_MAX ? URL_MAX : (int)n, o->conf->issuer);
	if (fetch_start(o->fetcher, url, &h, cb, op, why, sizeof(why)) ==
	    NULL)
		op_end(op, NULL, why);
}

/* --- tokens ----------------------------------------------------------------------------- */

/* Unpadded base64url of SHA-256 (RFC 7636, 4.2). */
static void
challenge(const char *verifier, char out[45])
{
	uint8_t	digest[SHA256_LEN];
	char	*p;

	sha256_once(verifier, strlen(verifier), digest);
	b64_encode(digest, sizeof(digest), out);
	for (p = out; *p != '\0'; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	out[43] = '\0';		/* one '=' */
}

/* Has the ID token this nonce? */
static bool
nonce_fits(const char *token, const char *nonce)
{
	const char	*p = token == NULL ? NULL : strchr(token, '.'), *end;
	const char	*got;
	uint8_t		*payload = NULL;
	json_t		*claims = NULL;
	size_t		 n;
	int		 len = -1;
	bool		 fits = false;

	if (p == NULL || (end = strchr(++p, '.')) == NULL)
		return false;
	n = (size_t)(end - p);
	if (n > 0 && n < FETCH_MAX && (payload = malloc(n)) != NULL)
		len = b64url_decode(p, n, payload, n);
	if (len > 0)
		claims = json_loadb((char *)payload, (size_t)len,
		    JSON_REJECT_DUPLICATES, NULL);
	got = json_string_value(json_object_get(claims, "nonce"));
	if (got != NULL && strlen(got) == strlen(nonce))
		fits = !ct_differ(got, nonce, strlen(nonce));
	json_decref(claims);
	free(payload);
	return fits;
}

/* The answer of the token endpoint, a 200. */
static void
token_came(struct op *op, const json_t *answer)
{
	const char	*id, *token, *why = NULL;
	char		*copy = NULL;

	id = json_string_value(json_object_get(answer, "id_token"));
	token = op->o->conf->id_token ? id :
	    json_string_value(json_object_get(answer, "access_token"));
	if (token == NULL || *token == '\0')
		why = "the issuer gave no such token";
	else if (op->nonce != NULL && !nonce_fits(id, op->nonce))
		why = "the issuer's answer is not to this login: the nonce "
		    "does not fit";
	else if ((copy = strdup(token)) == NULL)
		why = "out of memory";
	op_end(op, copy, why);
	wipe(copy);
}

/* "the issuer refuses: access_denied" */
static void
refused(struct op *op, const json_t *answer, long status)
{
	const char	*error;
	char		 why[160];

	error = json_string_value(json_object_get(answer, "error"));
	if (error != NULL && printable(error, 64))
		snprintf(why, sizeof(why), "the issuer refuses: %s", error);
	else
		snprintf(why, sizeof(why), "the issuer refuses: HTTP status "
		    "%ld", status);
	op_end(op, NULL, why);
}

/* `form` is wiped and cleared. */
static void
post(struct op *op, const char *url, struct buf *form, int rc, fetch_cb *cb)
{
	struct fetch_how	h = how(op->o);
	char			why[128] = "out of memory";

	h.body = (const char *)buf_head(form);
	h.len = form->len;
	h.form = true;
	if (rc == -1 || fetch_start(op->o->fetcher, url, &h, cb, op, why,
	    sizeof(why)) == NULL)
		op_end(op, NULL, why);
	buf_wipe(form);
}

/* --- code flow ------------------------------------------------------------------------- */

static void
on_document(void *ctx, const char *body, size_t len, const char *error)
{
	struct op		*op = ctx;
	const struct oidc_conf	*c = op->o->conf;
	struct buf		 url;
	char			 hash[45];

	if (error == NULL)
		error = document(op->o, body, len);
	if (error == NULL && op->o->authorize == NULL)
		error = "the issuer's document has no authorization endpoint";
	if (error != NULL) {
		op_end(op, NULL, error);
		return;
	}
	challenge(op->verifier, hash);
	buf_init(&url, 4 * URL_MAX);
	if (html_raw(&url, op->o->authorize) == -1 ||
	    (strchr(op->o->authorize, '?') == NULL &&
	    html_raw(&url, "?") == -1) ||
	    html_query(&url, "response_type", "code") == -1 ||
	    html_query(&url, "client_id", c->client_id) == -1 ||
	    html_query(&url, "redirect_uri", c->redirect_uri) == -1 ||
	    html_query(&url, "scope", c->scope) == -1 ||
	    (c->resource != NULL &&
	    html_query(&url, "resource", c->resource) == -1) ||
	    html_query(&url, "state", op->state) == -1 ||
	    html_query(&url, "nonce", op->nonce) == -1 ||
	    html_query(&url, "code_challenge", hash) == -1 ||
	    html_query(&url, "code_challenge_method", "S256") == -1 ||
	    buf_add_u8(&url, 0) == -1)
		op_end(op, NULL, "the issuer's address is too long");
	else
		op_end(op, (const char *)buf_head(&url), NULL);
	buf_clear(&url);
}

void
oidc_authorize(struct oidc *o, const char *state, const char *nonce,
    const char *verifier, oidc_cb *cb, void *ctx)
{
	struct op	*op = op_new(o, cb, ctx);

	if (op == NULL)
		return;
	op->state = strdup(state);
	op->nonce = strdup(nonce);
	op->verifier = strdup(verifier);
	if (op->state == NULL || op->nonce == NULL || op->verifier == NULL)
		op_end(op, NULL, "out of memory");
	else
		discover(op, on_document);
}

static void
on_token(void *ctx, const char *body, size_t len, const char *error)
{
	struct op	*op = ctx;
	json_t		*answer;
	long		 status = fetch_status(op->o->fetcher);

	if (error != NULL) {
		op_end(op, NULL, error);
		return;
	}
	answer = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
	if (status == 200)
		token_came(op, answer);
	else
		refused(op, answer, status);
	json_decref(answer);
}

void
oidc_redeem(struct oidc *o, const char *code, const char *verifier,
    const char *nonce, oidc_cb *cb, void *ctx)
{
	struct op	*op = op_new(o, cb, ctx);
	struct buf	 form;
	int		 rc = 0;

	if (op == NULL)
		return;
	if (o->token == NULL || (op->nonce = strdup(nonce)) == NULL) {
		op_end(op, NULL, "begin again");
		return;
	}
	buf_init(&form, 4 * URL_MAX);
	if (html_query(&form, "grant_type", "authorization_code") == -1 ||
	    html_query(&form, "client_id", o->conf->client_id) == -1 ||
	    html_query(&form, "redirect_uri", o->conf->redirect_uri) == -1 ||
	    html_query(&form, "code", code) == -1 ||
	    html_query(&form, "code_verifier", verifier) == -1 ||
	    (o->conf->resource != NULL &&
	    html_query(&form, "resource", o->conf->resource) == -1))
		rc = -1;
	post(op, o->token, &form, rc, on_token);
}

/* --- device flow ----------------------------------------------------------------------- */

static void	ask_again(void *);

/* RFC 8628, 3.5. */
static void
on_device_token(void *ctx, const char *body, size_t len, const char *error)
{
	struct op	*op = ctx;
	const char	*said;
	json_t		*answer;
	long		 status = fetch_status(op->o->fetcher);

	/* An issuer that is away for a moment is asked again. */
	answer = error != NULL ? NULL : json_loadb(body, len,
	    JSON_REJECT_DUPLICATES, NULL);
	said = json_string_value(json_object_get(answer, "error"));
	if (status == 200)
		token_came(op, answer);
	else if (status != 0 && (said == NULL ||
	    (strcmp(said, "authorization_pending") != 0 &&
	    strcmp(said, "slow_down") != 0)))
		refused(op, answer, status);
	else {
		if (said != NULL && strcmp(said, "slow_down") == 0)
			op->interval += 5;
		ev_timer_set(op->timer, op->interval * 1000ull);
	}
	json_decref(answer);
}

static void
ask_again(void *ctx)
{
	struct op	*op = ctx;
	struct buf	 form;
	int		 rc = 0;

	if (now_boot_ms() >= op->until) {
		op_end(op, NULL, "nobody logged in in time");
		return;
	}
	buf_init(&form, 4 * URL_MAX);
	if (html_query(&form, "grant_type",
	    "urn:ietf:params:oauth:grant-type:device_code") == -1 ||
	    html_query(&form, "client_id", op->o->conf->client_id) == -1 ||
	    html_query(&form, "device_code", op->device_code) == -1 ||
	    (op->o->conf->resource != NULL &&
	    html_query(&form, "resource", op->o->conf->resource) == -1))
		rc = -1;
	post(op, op->o->token, &form, rc, on_device_token);
}

static void
on_device(void *ctx, const char *body, size_t len, const char *error)
{
	struct op	*op = ctx;
	json_t		*a = error != NULL ? NULL : json_loadb(body, len,
			    JSON_REJECT_DUPLICATES, NULL);
	const char	*url, *code, *whole, *device;
	json_int_t	 every, lasts;
	long		 status = fetch_status(op->o->fetcher);

	url = json_string_value(json_object_get(a, "verification_uri"));
	code = json_string_value(json_object_get(a, "user_code"));
	whole = json_string_value(json_object_get(a,
	    "verification_uri_complete"));
	device = json_string_value(json_object_get(a, "device_code"));
	every = json_integer_value(json_object_get(a, "interval"));
	lasts = json_integer_value(json_object_get(a, "expires_in"));
	if (error != NULL)
		op_end(op, NULL, error);
	else if (status != 200)
		refused(op, a, status);
	else if (!is_url(op->o, url) || code == NULL || !printable(code, 64) ||
	    device == NULL || strlen(device) > URL_MAX || lasts < 1 ||
	    (op->device_code = strdup(device)) == NULL)
		op_end(op, NULL, "the issuer's answer cannot be read");
	else {
		op->interval = json_object_get(a, "interval") == NULL ? 5 :
		    every < DEVICE_LEAST ? DEVICE_LEAST : every > DEVICE_MOST ?
		    DEVICE_MOST : (unsigned int)every;
		op->until = now_boot_ms() + 1000ull * (uint64_t)(lasts > 3600 ?
		    3600 : lasts);
		op->tell(op->ctx, url, code, is_url(op->o, whole) ? whole :
		    NULL);
		op->timer = ev_timer_new(op->o->loop, ask_again, op);
		ev_timer_set(op->timer, op->interval * 1000ull);
	}
	json_decref(a);
}

static void
on_device_document(void *ctx, const char *body, size_t len,
    const char *error)
{
	struct op		*op = ctx;
	const struct oidc_conf	*c = op->o->conf;
	struct buf		 form;
	int			 rc = 0;

	if (error == NULL)
		error = document(op->o, body, len);
	if (error == NULL && op->o->device == NULL)
		error = "the issuer has no device flow";
	if (error != NULL) {
		op_end(op, NULL, error);
		return;
	}
	buf_init(&form, 4 * URL_MAX);
	if (html_query(&form, "client_id", c->client_id) == -1 ||
	    html_query(&form, "scope", c->scope) == -1 ||
	    (c->resource != NULL &&
	    html_query(&form, "resource", c->resource) == -1))
		rc = -1;
	post(op, op->o->device, &form, rc, on_device);
}

void
oidc_device(struct oidc *o, oidc_tell *tell, oidc_cb *cb, void *ctx)
{
	struct op	*op = op_new(o, cb, ctx);

	if (op == NULL)
		return;
	op->tell = tell;
	discover(op, on_device_document);
}
