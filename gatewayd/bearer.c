/*
 * bearer: logging in by OAUTHBEARER, on listeners that say so.  Runs in the
 * worker, on the bytes of anybody who can connect; oauth.c reads them.  The
 * token goes to policyd as a password would, and is wiped here as one.
 *
 * Discovery asks nobody: issuer and scope stand in the listener's
 * configuration, so it costs no verification, tells nothing about the policy
 * and is no failed login.  One connection has one try, whatever it was.
 */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "oauth.h"

/* PostgreSQL's sentence, for a failure that has no better one. */
static void
bearer_sentence(const struct session *s, char *dst, size_t size)
{
	snprintf(dst, size, "OAuth bearer authentication failed for user "
	    "\"%s\"", s->user);
}

static void
bearer_malformed(struct session *s, const struct oauth *o)
{
	log_info("attempt=%u peer=%s refused=\"%s\" detail=%s", s->attempt,
	    s->peer, o->message, log_esc(o->detail, strlen(o->detail)));
	session_fatal_detail(s, o->sqlstate, o->message, o->detail,
	    o->message);
}

int
bearer_offer(struct session *s)
{
	if (oauth_add_offer(&s->client.out) == -1)
		return -1;
	session_goto(s, SESSION_SASL);
	return 0;
}

/* Issuer and scope; the client answers with one byte and gets its FATAL. */
static void
bearer_fail(struct session *s)
{
	const struct gw_listen *l = s->w->listen;

	if (oauth_add_failure(&s->client.out, l->issuer, l->scope) == -1) {
		session_drop(s, "out of memory");
		return;
	}
	session_goto(s, SESSION_SASL_END);
	/* Its answer may be here already. */
	session_event(s, EVT_CLIENT, NULL);
}

/*
 * A whole 'p': its body, or NULL when it is not all there or the session was
 * ended.
 */
static const uint8_t *
bearer_message(struct session *s, size_t *len_r)
{
	const uint8_t *p;
	uint32_t len;
	char text[LEN_NAME + 64];

	if (!startup_read(s) || s->client.in.len < 5)
		return NULL;
	p = buf_head(&s->client.in);
	len = pg_be32(p + 1);
	if (p[0] != 'p') {
		snprintf(text, sizeof(text), "expected SASL response, got "
		    "message type %u", p[0]);
		startup_refuse(s, "08P01", text);
		return NULL;
	}
	if (len < 4 || len > OAUTH_MAX + 4) {
		bearer_sentence(s, text, sizeof(text));
		startup_refuse(s, "28000", text);
		return NULL;
	}
	if (s->client.in.len < (size_t)len + 1)
		return NULL;
	*len_r = len - 4;
	return p + 5;
}

void
bearer_on_input(struct session *s, const void *arg)
{
	enum oauth_result rc;
	const uint8_t *body;
	struct oauth o;
	size_t len;

	(void)arg;
	if ((body = bearer_message(s, &len)) == NULL)
		return;
	rc = s->asked_again ? oauth_response(body, len, &o) :
	    oauth_initial(body, len, &o);
	switch (rc) {
	case OAUTH_TOKEN:
		startup_login(s, o.token, o.len);
		break;
	case OAUTH_UNFIT:
		/* No token can be: refused, counted and recorded as one. */
		startup_login(s, NULL, 0);
		break;
	case OAUTH_DISCOVERY:
		log_info("attempt=%u peer=%s discovery", s->attempt, s->peer);
		break;
	case OAUTH_AGAIN:
		s->asked_again = true;
		if (pg_add_auth(&s->client.out, 11, NULL, 0) == -1)
			session_drop(s, "out of memory");
		break;
	case OAUTH_MALFORMED:
		bearer_malformed(s, &o);
		break;
	}
	startup_spend(s, len + 5);
	if (rc == OAUTH_DISCOVERY)
		bearer_fail(s);
	else if (rc == OAUTH_AGAIN)
		session_event(s, EVT_CLIENT, NULL);
}

int
bearer_refused(struct session *s, const char *sqlstate, const char *message,
    const char *hint)
{
	/* What is no fault of the token does not ask for another one. */
	if (!s->w->listen->oauth || strcmp(sqlstate, "28000") != 0)
		return -1;
	if ((s->refusal = malloc(sizeof(*s->refusal))) == NULL)
		return -1;
	snprintf(s->refusal->message, sizeof(s->refusal->message), "%s",
	    message);
	snprintf(s->refusal->hint, sizeof(s->refusal->hint), "%s", hint);
	bearer_fail(s);
	return 0;
}

void
bearer_on_end(struct session *s, const void *arg)
{
	char sentence[LEN_NAME + 64];
	const struct refusal *r = s->refusal;
	const uint8_t *body;
	struct oauth o;
	size_t len;
	int rc;

	(void)arg;
	if ((body = bearer_message(s, &len)) == NULL)
		return;
	rc = oauth_end(body, len, &o);
	startup_spend(s, len + 5);
	if (rc == -1) {
		bearer_malformed(s, &o);
		return;
	}
	bearer_sentence(s, sentence, sizeof(sentence));
	session_fatal(s, "28000", r != NULL && r->message[0] != '\0' ?
	    r->message : sentence, r != NULL ? r->hint : NULL, r != NULL ?
	    "login refused" : "discovery");
}
