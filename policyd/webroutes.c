/*
 * What the page for approvers answers.  Runs in policyctl serve.  It decides
 * nothing and knows nothing by itself: everything that it shows or does it asks
 * policyd for, with the token of the approver who is logged in.  Cookies, form
 * fields and the issuer's redirect are a browser's word.
 */
#include "web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "webpage.h"

#define COOKIE		"__Host-postern"
#define COOKIE_LOGIN	"__Host-postern-login"
#define HTML		"text/html; charset=utf-8"

#define OK		200
#define FORBIDDEN	403
#define NOT_FOUND	404
#define CONFLICT	409
#define BROKEN		500
#define AWAY		503

static uint64_t
now(void)
{
	return now_wall_us() / 1000000;
}

/* --- answers ------------------------------------------------------------------------ */

/* Of the page's writer: `rc` is what it said. */
static void
page(struct exchange *x, unsigned int status, struct buf *b, int rc)
{
	struct buf	empty = { 0 };

	if (rc == 0)
		exchange_page(x, status, HTML, b);
	else
		exchange_page(x, BROKEN, HTML, &empty);
	buf_wipe(b);
}

static void
message(struct exchange *x, unsigned int status, const char *title,
    const char *text, const char *link, const char *label, bool at_once)
{
	struct buf	b;

	buf_init(&b, WEBPAGE_MAX);
	page(x, status, &b, webpage_message(&b, NULL, title, text, link,
	    label, at_once));
}

void
webroutes_refuse(struct exchange *x, unsigned int status, const char *text)
{
	message(x, status, "Refused", text, "/", "To the list", false);
}

/* policyd said no (1), or is away. */
static void
not_done(struct exchange *x, unsigned int status, int code,
    const char *text)
{
	message(x, code == 2 ? AWAY : status, "Not done", text, "/",
	    "To the list", false);
}

/* The session of this exchange; NULL: it is over. */
static struct web_session *
session_of(struct exchange *x)
{
	return websession_find(x->web->sessions, x->session, now());
}

/* Asked, or the answer is that it could not be. */
static void
ask(struct exchange *x, const char *verb, json_t *args, webpolicy_cb *cb)
{
	if (args == NULL)
		not_done(x, BROKEN, 1, "That is not UTF-8.");
	else if (webpolicy_call(x->web->policy, verb, args, cb, x) == NULL)
		not_done(x, AWAY, 2, "policyd is away.");
	else
		x->pending = true;
}

/* --- logging in ----------------------------------------------------------------------- */

static void
login_page(struct exchange *x, unsigned int status, const char *error)
{
	struct web_sessions	*ws = x->web->sessions;
	struct web_session	*l;
	struct buf		 b;

	l = websession_login_find(ws, exchange_cookie(x, COOKIE_LOGIN),
	    now());
	if (l == NULL)
		l = websession_login(ws, now());
	buf_init(&b, WEBPAGE_MAX);
	page(x, status, &b, webpage_login(&b, l->csrf, x->web->issuer,
	    error));
	exchange_set_cookie(x, COOKIE_LOGIN, l->id, true, WEB_LOGIN_TIME);
}

static void
on_whoami(void *ctx, int code, const char *text, const json_t *rows)
{
	struct exchange		*x = ctx;
	const json_t		*row = json_array_get(rows, 0);
	const char		*subject, *issuer;
	struct web_session	*s = NULL;
	uint64_t		 expires;

	subject = json_string_value(json_object_get(row, "subject"));
	issuer = json_string_value(json_object_get(row, "issuer"));
	expires = (uint64_t)json_integer_value(json_object_get(row,
	    "expires"));
	if (code == 0 && subject != NULL && issuer != NULL)
		s = websession_new(x->web->sessions, now(), x->token, subject,
		    issuer, expires);
	if (s == NULL && code == 0)
		login_page(x, now() >= expires ? FORBIDDEN : AWAY, now() >=
		    expires ? "The token has expired." : "Too many are "
		    "logged in.");
	else if (s == NULL)
		login_page(x, code == 2 ? AWAY : FORBIDDEN, text);
	else {
		/*
		 * After an issuer's redirect the browser would not send a
		 * Strict cookie along another one; from this page it does.
		 */
		if (x->post)
			exchange_redirect(x, "/");
		else
			message(x, OK, "Logged in", "You are logged in.",
			    "/", "To the list", true);
		exchange_set_cookie(x, COOKIE, s->id, false, expires - now());
		exchange_set_cookie(x, COOKIE_LOGIN, "", true, 0);
	}
	exchange_done(x);
}

/* Takes a copy of the token. */
static void
log_in(struct exchange *x, const char *token)
{
	if ((x->token = strdup(token)) == NULL)
		not_done(x, BROKEN, 1, "Out of memory.");
	else
		ask(x, "whoami", json_pack("{s:s}", "token", x->token),
		    on_whoami);
}

static void
post_login(struct exchange *x)
{
	struct web_session	*l;
	char			*token = x->field[FIELD_NAME_token];
	size_t			 n;

	l = websession_login_find(x->web->sessions,
	    exchange_cookie(x, COOKIE_LOGIN), now());
	if (!websession_csrf(l, x->field[FIELD_NAME_csrf])) {
		login_page(x, FORBIDDEN, "That form was too old: try again.");
		return;
	}
	/* What came along when it was copied. */
	for (n = token == NULL ? 0 : strlen(token); n > 0 &&
	    strchr(" \t\r\n", token[n - 1]) != NULL; n--)
		token[n - 1] = '\0';
	if (n == 0)
		login_page(x, FORBIDDEN, "There is no token in it.");
	else
		log_in(x, token);
}

static void
on_authorize(void *ctx, const char *url, const char *error)
{
	struct exchange		*x = ctx;

	if (url == NULL)
		login_page(x, AWAY, error);
	else {
		exchange_redirect(x, url);
		/* On its way back the browser comes from another site. */
		exchange_set_cookie(x, COOKIE_LOGIN, x->session, true,
		    WEB_LOGIN_TIME);
	}
	exchange_done(x);
}

static void
get_oidc(struct exchange *x)
{
	struct web_session	*l;

	if (x->web->oidc == NULL) {
		webroutes_refuse(x, NOT_FOUND, "There is no such page.");
		return;
	}
	l = websession_login(x->web->sessions, now());
	memcpy(x->session, l->id, sizeof(x->session));
	x->pending = true;
	oidc_authorize(x->web->oidc, l->state, l->nonce, l->verifier,
	    on_authorize, x);
}

static void
on_redeemed(void *ctx, const char *token, const char *error)
{
	struct exchange	*x = ctx;

	if (token == NULL) {
		login_page(x, FORBIDDEN, error);
		exchange_done(x);
		return;
	}
	x->pending = false;
	log_in(x, token);
	if (!x->pending)
		exchange_done(x);
}

static bool
state_fits(const struct web_session *l, const char *state)
{
	return l != NULL && state != NULL && strlen(state) == WEB_ID &&
	    !ct_differ(l->state, state, WEB_ID);
}

static void
get_callback(struct exchange *x)
{
	const char		*code, *iss;
	struct web_session	*l, copy;

	l = websession_login_find(x->web->sessions,
	    exchange_cookie(x, COOKIE_LOGIN), now());
	code = exchange_query(x, "code");
	iss = exchange_query(x, "iss");
	if (x->web->oidc == NULL || !state_fits(l,
	    exchange_query(x, "state"))) {
		login_page(x, FORBIDDEN, "This answer of the issuer is not to "
		    "a login that was begun here: try again.");
		return;
	}
	/* RFC 9207: another issuer's, mixed up. */
	if (code == NULL || (iss != NULL &&
	    strcmp(iss, x->web->issuer_url) != 0)) {
		websession_forget(l);
		login_page(x, FORBIDDEN, "The issuer did not log you in.");
		return;
	}
	/* For one use. */
	copy = *l;
	websession_forget(l);
	x->pending = true;
	oidc_redeem(x->web->oidc, code, copy.verifier, copy.nonce,
	    on_redeemed, x);
	explicit_bzero(&copy, sizeof(copy));
}

/* --- what needs a login --------------------------------------------------------------- */

static void
on_requests(void *ctx, int code, const char *text, const json_t *rows)
{
	struct exchange		*x = ctx;
	struct web_session	*s = session_of(x);
	struct webpage_user	 u;
	struct buf		 b;

	if (s == NULL)
		exchange_redirect(x, "/login");
	else if (code != 0)
		not_done(x, FORBIDDEN, code, text);
	else {
		u.subject = s->subject;
		u.csrf = s->csrf;
		buf_init(&b, WEBPAGE_MAX);
		page(x, OK, &b, webpage_list(&b, &u, rows, now()));
	}
	exchange_done(x);
}

static void
on_show(void *ctx, int code, const char *text, const json_t *rows)
{
	struct exchange		*x = ctx;
	struct web_session	*s = session_of(x);
	struct webpage_user	 u;
	struct buf		 b;

	if (s == NULL)
		exchange_redirect(x, "/login");
	else if (code != 0 || json_array_size(rows) != 1)
		not_done(x, NOT_FOUND, code, text);
	else {
		u.subject = s->subject;
		u.csrf = s->csrf;
		buf_init(&b, WEBPAGE_MAX);
		page(x, OK, &b, webpage_request(&b, &u,
		    json_array_get(rows, 0), now()));
	}
	exchange_done(x);
}

static void
on_decided(void *ctx, int code, const char *text, const json_t *rows)
{
	struct exchange	*x = ctx;
	char		 to[64];

	(void)rows;
	snprintf(to, sizeof(to), "/request/%u", x->number);
	if (code != 0)
		not_done(x, CONFLICT, code, text);
	else
		exchange_redirect(x, to);
	exchange_done(x);
}

static void
decide(struct exchange *x, const struct web_session *s)
{
	const char	*d = x->field[FIELD_NAME_decision];
	const char	*reason = x->field[FIELD_NAME_reason];

	if (d == NULL || (strcmp(d, "approve") != 0 && strcmp(d, "deny") !=
	    0)) {
		webroutes_refuse(x, FORBIDDEN, "Approve or deny it.  Nothing "
		    "was done.");
		return;
	}
	ask(x, "decide", json_pack("{s:s, s:I, s:b, s:s}", "token", s->token,
	    "request", (json_int_t)x->number, "approve", *d == 'a', "reason",
	    reason == NULL ? "" : reason), on_decided);
}

/* "/request/17": its number; 0: it is not such a path. */
static uint32_t
request_of(const char *path)
{
	unsigned long	n;
	char		*end;

	if (strncmp(path, "/request/", 9) != 0 || path[9] < '1' ||
	    path[9] > '9' || strlen(path + 9) > 10)
		return 0;
	n = strtoul(path + 9, &end, 10);
	return *end != '\0' || n > UINT32_MAX ? 0 : (uint32_t)n;
}

static void
logged_in(struct exchange *x, struct web_session *s)
{
	bool	list = strcmp(x->path, "/") == 0;

	memcpy(x->session, s->id, sizeof(x->session));
	if (x->post && !websession_csrf(s, x->field[FIELD_NAME_csrf]))
		webroutes_refuse(x, FORBIDDEN, "This form is not of your "
		    "login.  Nothing was done.");
	else if (x->post && strcmp(x->path, "/logout") == 0) {
		websession_forget(s);
		exchange_redirect(x, "/login");
		exchange_set_cookie(x, COOKIE, "", false, 0);
	} else if (x->post && x->number != 0)
		decide(x, s);
	else if (!x->post && list)
		ask(x, "requests", json_pack("{s:s}", "token", s->token),
		    on_requests);
	else if (!x->post && x->number != 0)
		ask(x, "show", json_pack("{s:s, s:I}", "token", s->token,
		    "request", (json_int_t)x->number), on_show);
	else
		webroutes_refuse(x, NOT_FOUND, "There is no such page.");
}

static void
style(struct exchange *x)
{
	struct buf	b;

	buf_init(&b, WEBPAGE_MAX);
	if (buf_add(&b, webpage_style(), strlen(webpage_style())) == 0)
		exchange_page(x, OK, "text/css; charset=utf-8", &b);
	buf_clear(&b);
}

void
webroutes(struct exchange *x)
{
	static const struct {
		const char	*path;
		bool		 post;
		void		(*answer)(struct exchange *);
	} open[] = {
		{ "/login", true, post_login },
		{ "/oidc", false, get_oidc },
		{ "/callback", false, get_callback },
		{ "/style.css", false, style },
	};
	struct web_session	*s;
	size_t			 i;

	for (i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		if (strcmp(x->path, open[i].path) == 0 &&
		    x->post == open[i].post) {
			open[i].answer(x);
			return;
		}
	if (strcmp(x->path, "/login") == 0) {
		login_page(x, OK, NULL);
		return;
	}
	x->number = request_of(x->path);
	s = websession_find(x->web->sessions, exchange_cookie(x, COOKIE),
	    now());
	if (s != NULL)
		logged_in(x, s);
	else if (x->post)
		message(x, FORBIDDEN, "Not logged in", "Your login has "
		    "expired.  Nothing was done.", "/login", "Log in", false);
	else
		exchange_redirect(x, "/login");
}
