/*
 * oauth: the OAUTHBEARER exchange, byte by byte.  Runs in the worker, before
 * login, on the bytes of anybody who can connect.  Nothing is copied and
 * nothing allocated; a byte out of place makes the whole response malformed,
 * in PostgreSQL's own order of checks, so that a client hears here what it
 * would hear from a server.
 */
#include "oauth.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "pgmsg.h"

#define KVSEP		0x01
#define SCHEME		"Bearer "
#define WELL_KNOWN	"/.well-known/"
#define DOCUMENT	"/.well-known/openid-configuration"

/* What is left of the response; no byte of it is a NUL. */
struct cursor {
	const uint8_t	*p, *end;
};

/* --- errors ------------------------------------------------------------ */

static enum oauth_result
protocol_error(struct oauth *o, const char *message)
{
	o->sqlstate = "08P01";
	o->message = message;
	o->detail[0] = '\0';
	return OAUTH_MALFORMED;
}

static enum oauth_result
malformed(struct oauth *o, const char *detail)
{
	protocol_error(o, "malformed " OAUTH_MECHANISM " message");
	snprintf(o->detail, sizeof(o->detail), "%s", detail);
	return OAUTH_MALFORMED;
}

/* The byte at the cursor, for people; 0 behind the end. */
static enum oauth_result
unexpected(struct oauth *o, const char *before, struct cursor c,
    const char *after)
{
	uint8_t	byte = c.p < c.end ? *c.p : 0;
	char	shown[8];

	if (byte >= 0x21 && byte <= 0x7e)
		snprintf(shown, sizeof(shown), "'%c'", byte);
	else
		snprintf(shown, sizeof(shown), "0x%02x", byte);
	malformed(o, "");
	snprintf(o->detail, sizeof(o->detail), "%s \"%s\"%s.", before, shown,
	    after);
	return OAUTH_MALFORMED;
}

/* --- the response ------------------------------------------------------ */

static bool
at(const struct cursor *c, uint8_t byte)
{
	return c->p < c->end && *c->p == byte;
}

/* gs2-header kvsep; false with the error in *rc. */
static bool
read_header(struct cursor *c, struct oauth *o, enum oauth_result *rc)
{
	if (at(c, 'p')) {
		*rc = malformed(o, "The server does not support channel "
		    "binding for OAuth, but the client message includes "
		    "channel binding data.");
		return false;
	}
	if (!at(c, 'n') && !at(c, 'y')) {
		*rc = unexpected(o, "Unexpected channel-binding flag", *c, "");
		return false;
	}
	c->p++;
	if (!at(c, ',')) {
		*rc = unexpected(o, "Comma expected, but found character", *c,
		    "");
		return false;
	}
	c->p++;
	if (at(c, 'a')) {
		*rc = protocol_error(o, "client uses authorization identity, "
		    "but it is not supported");
		o->sqlstate = "0A000";
		return false;
	}
	if (!at(c, ',')) {
		*rc = unexpected(o, "Unexpected attribute", *c,
		    " in client-first-message");
		return false;
	}
	c->p++;
	if (!at(c, KVSEP)) {
		*rc = unexpected(o, "Key-value separator expected, but found "
		    "character", *c, "");
		return false;
	}
	c->p++;
	return true;
}

static bool
is_alpha(uint8_t b)
{
	return (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z');
}

/* What is wrong with one key and its value; NULL: nothing. */
static const char *
pair_fault(const uint8_t *key, const uint8_t *eq, const uint8_t *end)
{
	const uint8_t	*p;

	if (key == eq)
		return "Message contains an empty key name.";
	for (p = key; p < eq; p++)
		if (!is_alpha(*p))
			return "Message contains an invalid key name.";
	for (p = eq + 1; p < end; p++)
		if ((*p < 0x21 || *p > 0x7e) && *p != ' ' && *p != '\t' &&
		    *p != '\r' && *p != '\n')
			return "Message contains an invalid value.";
	return NULL;
}

/*
 * *kvpair kvsep: the value of `auth`, or NULL with *fault set.  Keys that are
 * not known (host, port, ...) are passed over, as the RFC wants it.
 */
static const uint8_t *
read_pairs(struct cursor *c, size_t *len_r, const char **fault)
{
	const uint8_t	*end, *eq, *auth = NULL;

	while (c->p < c->end) {
		end = memchr(c->p, KVSEP, (size_t)(c->end - c->p));
		if (end == NULL) {
			*fault = "Message contains an unterminated key/value "
			    "pair.";
			return NULL;
		}
		if (end == c->p) {
			c->p++;
			*fault = "Message does not contain an auth value.";
			return auth;
		}
		eq = memchr(c->p, '=', (size_t)(end - c->p));
		if (eq == NULL) {
			*fault = "Message contains a key without a value.";
			return NULL;
		}
		if ((*fault = pair_fault(c->p, eq, end)) != NULL)
			return NULL;
		if (eq - c->p == 4 && memcmp(c->p, "auth", 4) == 0) {
			if (auth != NULL) {
				*fault = "Message contains multiple auth "
				    "values.";
				return NULL;
			}
			auth = eq + 1;
			*len_r = (size_t)(end - auth);
		}
		c->p = end + 1;
	}
	*fault = "Message did not contain a final terminator.";
	return NULL;
}

/* b64token (RFC 6750, 2.1). */
static bool
is_b64token(const uint8_t *p, size_t len)
{
	size_t	i;

	for (i = 0; i < len; i++)
		if (!is_alpha(p[i]) && (p[i] < '0' || p[i] > '9') &&
		    strchr("-._~+/", p[i]) == NULL)
			break;
	while (i < len && p[i] == '=')
		i++;
	return len > 0 && i == len;
}

static enum oauth_result
read_auth(const uint8_t *p, size_t len, struct oauth *o)
{
	const size_t	n = sizeof(SCHEME) - 1;

	if (len == 0)
		return OAUTH_DISCOVERY;
	if (len < n || strncasecmp((const char *)p, SCHEME, n) != 0)
		return OAUTH_UNFIT;
	for (p += n, len -= n; len > 0 && *p == ' '; len--)
		p++;
	if (!is_b64token(p, len))
		return OAUTH_UNFIT;
	o->token = p;
	o->len = len;
	return OAUTH_TOKEN;
}

enum oauth_result
oauth_response(const uint8_t *p, size_t len, struct oauth *o)
{
	struct cursor		 c = { p, p + len };
	const uint8_t		*auth;
	const char		*fault;
	enum oauth_result	 rc;
	size_t			 n = 0;

	memset(o, 0, sizeof(*o));
	if (len == 0)
		return malformed(o, "The message is empty.");
	if (memchr(p, '\0', len) != NULL)
		return malformed(o, "Message length does not match input "
		    "length.");
	if (!read_header(&c, o, &rc))
		return rc;
	if ((auth = read_pairs(&c, &n, &fault)) == NULL)
		return malformed(o, fault);
	if (c.p != c.end)
		return malformed(o, "Message contains additional data after "
		    "the final terminator.");
	return read_auth(auth, n, o);
}

enum oauth_result
oauth_initial(const uint8_t *body, size_t len, struct oauth *o)
{
	struct pg_reader	 r;
	const char		*mechanism;
	uint32_t		 n;

	memset(o, 0, sizeof(*o));
	pg_read(&r, body, len);
	mechanism = pg_str(&r);
	if (r.bad)
		return protocol_error(o, "invalid string in message");
	if (strcmp(mechanism, OAUTH_MECHANISM) != 0)
		return protocol_error(o, "client selected an invalid SASL "
		    "authentication mechanism");
	n = pg_u32(&r);
	if (r.bad)
		return protocol_error(o, "insufficient data left in message");
	/* -1: none was sent, which is not the same as an empty one. */
	if (n == UINT32_MAX)
		return r.left == 0 ? OAUTH_AGAIN :
		    protocol_error(o, "invalid message format");
	if (n > r.left)
		return protocol_error(o, "insufficient data left in message");
	if (n < r.left)
		return protocol_error(o, "invalid message format");
	return oauth_response(r.p, r.left, o);
}

int
oauth_end(const uint8_t *p, size_t len, struct oauth *o)
{
	memset(o, 0, sizeof(*o));
	if (len == 1 && *p == KVSEP)
		return 0;
	malformed(o, len == 0 ? "The message is empty." :
	    memchr(p, '\0', len) != NULL ?
	    "Message length does not match input length." :
	    "Client did not send a kvsep response.");
	return -1;
}

/* --- what the server says ---------------------------------------------- */

int
oauth_add_offer(struct buf *out)
{
	/* The list of mechanisms ends with an empty one. */
	return pg_add_auth(out, 10, OAUTH_MECHANISM "\0",
	    sizeof(OAUTH_MECHANISM "\0"));
}

int
oauth_add_failure(struct buf *out, const char *issuer, const char *scope)
{
	char	json[2048];
	int	n;

	n = snprintf(json, sizeof(json), "{ \"status\": \"invalid_token\", "
	    "\"openid-configuration\": \"%s%s\", \"scope\": \"%s\" }", issuer,
	    strstr(issuer, WELL_KNOWN) == NULL ? DOCUMENT : "", scope);
	if (n < 0 || (size_t)n >= sizeof(json))
		return -1;
	return pg_add_auth(out, 11, json, (size_t)n);
}

/* --- configuration ----------------------------------------------------- */

static bool
is_loopback(const char *s)
{
	static const char *const	hosts[] = { "localhost", "127.0.0.1",
					    "[::1]" };
	size_t				i, n;

	for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		n = strlen(hosts[i]);
		if (strncmp(s, hosts[i], n) == 0 &&
		    (s[n] == '\0' || s[n] == ':' || s[n] == '/'))
			return true;
	}
	return false;
}

int
oauth_issuer_ok(const char *s)
{
	const char	*host, *p;

	if (strncmp(s, "https://", 8) == 0)
		host = s + 8;
	else if (strncmp(s, "http://", 7) == 0 && is_loopback(s + 7))
		host = s + 7;
	else
		return 0;
	if (*host == '\0' || *host == '/' || strlen(s) > 1024)
		return 0;
	/* RFC 8414, 2: no query and no fragment. */
	for (p = s; *p != '\0'; p++)
		if (*p < 0x21 || *p > 0x7e || strchr("\"\\<>?#", *p) != NULL)
			return 0;
	return 1;
}

int
oauth_scope_ok(const char *s)
{
	const char	*p;

	if (*s == '\0' || *s == ' ' || strlen(s) > 512)
		return 0;
	for (p = s; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e || *p == '"' || *p == '\\' ||
		    (*p == ' ' && (p[1] == ' ' || p[1] == '\0')))
			return 0;
	return 1;
}
