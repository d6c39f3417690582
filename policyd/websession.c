/*
 * Sessions of the page for approvers.  Runs in policyctl serve.  Cookies and
 * tokens of forms are a browser's word: they are compared whole, in constant
 * time, with random numbers of ours.  What has expired is not there.
 */
#include "websession.h"

#include <stdlib.h>
#include <string.h>

#include "crypto.h"

struct web_sessions {
	struct web_session	in[WEB_SESSIONS];
	struct web_session	logins[WEB_LOGINS];
};

static void
random_id(char out[WEB_ID + 1])
{
	uint8_t	bytes[WEB_ID / 2];

	random_bytes(bytes, sizeof(bytes));
	hex_encode(bytes, sizeof(bytes), out);
	explicit_bzero(bytes, sizeof(bytes));
}

struct web_sessions *
websessions_new(void)
{
	return calloc(1, sizeof(struct web_sessions));
}

void
websession_forget(struct web_session *s)
{
	if (s->token != NULL)
		explicit_bzero(s->token, strlen(s->token));
	free(s->token);
	free(s->subject);
	free(s->issuer);
	explicit_bzero(s, sizeof(*s));
}

void
websessions_free(struct web_sessions **wsp)
{
	struct web_sessions	*ws = *wsp;
	size_t			 i;

	*wsp = NULL;
	if (ws == NULL)
		return;
	for (i = 0; i < WEB_SESSIONS; i++)
		websession_forget(&ws->in[i]);
	for (i = 0; i < WEB_LOGINS; i++)
		websession_forget(&ws->logins[i]);
	free(ws);
}

static void
expire(struct web_session *v, size_t n, uint64_t now)
{
	size_t	i;

	for (i = 0; i < n; i++)
		if (v[i].used && now >= v[i].expires)
			websession_forget(&v[i]);
}

static struct web_session *
find(struct web_session *v, size_t n, const char *id, uint64_t now)
{
	struct web_session	*found = NULL;
	size_t			 i;

	expire(v, n, now);
	if (id == NULL || strlen(id) != WEB_ID)
		return NULL;
	for (i = 0; i < n; i++)
		if (v[i].used && !ct_differ(v[i].id, id, WEB_ID))
			found = &v[i];
	return found;
}

/* NULL: there is no room. */
static struct web_session *
vacant(struct web_session *v, size_t n)
{
	size_t	i;

	for (i = 0; i < n; i++)
		if (!v[i].used)
			return &v[i];
	return NULL;
}

static void
begin(struct web_session *s, uint64_t expires)
{
	s->used = true;
	s->expires = expires;
	random_id(s->id);
	random_id(s->csrf);
}

struct web_session *
websession_login(struct web_sessions *ws, uint64_t now)
{
	struct web_session	*s;
	size_t			 i;

	expire(ws->logins, WEB_LOGINS, now);
	if ((s = vacant(ws->logins, WEB_LOGINS)) == NULL) {
		s = &ws->logins[0];
		for (i = 1; i < WEB_LOGINS; i++)
			if (ws->logins[i].expires < s->expires)
				s = &ws->logins[i];
		websession_forget(s);
	}
	begin(s, now + WEB_LOGIN_TIME);
	random_id(s->state);
	random_id(s->nonce);
	random_id(s->verifier);
	return s;
}

struct web_session *
websession_login_find(struct web_sessions *ws, const char *id, uint64_t now)
{
	return find(ws->logins, WEB_LOGINS, id, now);
}

struct web_session *
websession_find(struct web_sessions *ws, const char *id, uint64_t now)
{
	return find(ws->in, WEB_SESSIONS, id, now);
}

struct web_session *
websession_new(struct web_sessions *ws, uint64_t now, const char *token,
    const char *subject, const char *issuer, uint64_t expires)
{
	struct web_session	*s;

	expire(ws->in, WEB_SESSIONS, now);
	if (now >= expires || (s = vacant(ws->in, WEB_SESSIONS)) == NULL)
		return NULL;
	begin(s, expires);
	s->token = strdup(token);
	s->subject = strdup(subject);
	s->issuer = strdup(issuer);
	if (s->token != NULL && s->subject != NULL && s->issuer != NULL)
		return s;
	websession_forget(s);
	return NULL;
}

bool
websession_csrf(const struct web_session *s, const char *csrf)
{
	return s != NULL && csrf != NULL && strlen(csrf) == WEB_ID &&
	    !ct_differ(s->csrf, csrf, WEB_ID);
}
