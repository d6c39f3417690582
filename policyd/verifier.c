/*
 * The verifier: tokens in, claims out.  A process of policyd that talks to
 * identity providers and holds no secret; it may be made to die by a hostile
 * token (the JOSE library asserts), and policyd starts another.
 *
 * It believes its parent and no byte of a token.  A verification that needs a
 * key which is being fetched waits, in a bounded queue, and no other waits for
 * it.  Tokens are wiped where they were, as is all memory that cjose and
 * jansson give back; a refusal says why in words of our own.
 */
#include "verifier.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjose/cjose.h>

#include "ipc.h"
#include "issuers.h"
#include "log.h"
#include "token.h"

#define WAIT_MAX	64		/* verifications that wait for keys */
#define WAIT_MS		12000		/* two fetches, and some */

struct waiter {
	struct waiter	*next;
	uint32_t	 id;
	char		*token;
	size_t		 len;
	uint64_t	 until;		/* boot ms */
};

struct verifier {
	struct ev_loop	*loop;
	struct ipc	*parent;
	struct fetcher	*fetcher;
	struct ev_timer	*timer;		/* for waiters */
	struct policy	*policy;
	uint64_t	 generation;	/* of the policy */
	struct source	**sources;	/* one for each issuer */
	size_t		 nsources;
	struct waiter	*waiters;
	size_t		 nwaiters;
};

static void	on_news(void *, struct source *);

/* --- answers ------------------------------------------------------------------ */

static void
refuse(struct verifier *v, uint32_t id, const char *reason)
{
	struct ipc_verify_refused m = { id, slice_str(reason) };

	log_debug("event=refused id=%u reason=\"%s\"", id, reason);
	ipc_send(v->parent, IPC_verify_refused, &m, NULL, 0);
}

static void
accept_token(struct verifier *v, uint32_t id, const struct token *t,
    const struct issuer *iss)
{
	struct token_result r = { 0 };
	struct ipc_verified m;
	char reason[128];

	if (token_claims(t, iss, &r, reason, sizeof(reason)) == -1) {
		refuse(v, id, reason);
		return;
	}
	m.id = id;
	m.issuer = slice_str(iss->key);
	m.subject = slice_str(r.subject);
	m.claims = slice_str(r.claims);
	m.expires = r.expires;
	m.generation = v->generation;
	ipc_send(v->parent, IPC_verified, &m, NULL, 0);
	token_result_clear(&r);
}

/* --- verification --------------------------------------------------------------- */

/*
 * Which source is this token's?  Several issuers of the policy may have the
 * same `issuer:` (with other audiences); the first whose checks pass.
 */
static struct source *
pick(struct verifier *v, const struct token *t, char *reason, size_t size)
{
	const char *iss = token_issuer(t);
	uint64_t now = now_wall_us() / 1000000;
	size_t i;

	snprintf(reason, size, "%s",
	    iss == NULL ? "iss is missing" : "iss is unknown");
	for (i = 0; iss != NULL && i < v->nsources; i++) {
		if (strcmp(source_issuer(v->sources[i])->issuer, iss) != 0)
			continue;
		if (token_check(t, source_issuer(v->sources[i]), now, reason,
		    size) == 0)
			return v->sources[i];
	}
	return NULL;
}

/* Answered: true.  False: a key is on its way, ask again then. */
static bool
judge(struct verifier *v, uint32_t id, const char *text, size_t len,
    bool last_word)
{
	struct source *s;
	struct token *t;
	enum token_status st;
	enum source_hope hope;
	char reason[256];

	if ((t = token_parse(text, len, reason, sizeof(reason))) == NULL) {
		refuse(v, id, reason);
		return true;
	}
	if ((s = pick(v, t, reason, sizeof(reason))) == NULL) {
		token_free(&t);
		refuse(v, id, reason);
		return true;
	}
	st = token_signature(t, source_keys(s), reason, sizeof(reason));
	if (st == TOKEN_NO_KEY && !last_word) {
		if ((hope = source_refresh(s)) == SOURCE_WAIT) {
			token_free(&t);
			return false;
		}
		if (hope == SOURCE_NEWER)
			st = token_signature(t, source_keys(s), reason,
			    sizeof(reason));
	}
	if (st == TOKEN_GOOD)
		accept_token(v, id, t, source_issuer(s));
	else
		refuse(v, id, reason);
	token_free(&t);
	return true;
}

static void
waiter_free(struct waiter *w)
{
	explicit_bzero(w->token, w->len);
	free(w->token);
	free(w);
}

static int
queue(struct verifier *v, uint32_t id, const char *text, size_t len)
{
	struct waiter *w;

	if (v->nwaiters >= WAIT_MAX || (w = calloc(1, sizeof(*w))) == NULL)
		return -1;
	if ((w->token = malloc(len)) == NULL) {
		free(w);
		return -1;
	}
	memcpy(w->token, text, len);
	w->len = len;
	w->id = id;
	w->until = now_boot_ms() + WAIT_MS;
	w->next = v->waiters;
	v->waiters = w;
	v->nwaiters++;
	if (!ev_timer_pending(v->timer))
		ev_timer_set(v->timer, WAIT_MS);
	return 0;
}

/*
 * Try all that wait again.  `failed` is the source whose fetch has just ended,
 * so nobody waits for that one any more; NULL: nothing new but the time.
 */
static void
retry(struct verifier *v, const struct source *ended)
{
	struct waiter *w, *list = v->waiters;
	uint64_t now = now_boot_ms();
	char reason[256];
	struct token *t;
	bool last;

	v->waiters = NULL;
	v->nwaiters = 0;
	while ((w = list) != NULL) {
		list = w->next;
		last = now >= w->until;
		if (!last && ended != NULL && (t = token_parse(w->token,
		    w->len, reason, sizeof(reason))) != NULL) {
			last = pick(v, t, reason, sizeof(reason)) == ended;
			token_free(&t);
		}
		if (judge(v, w->id, w->token, w->len, last)) {
			waiter_free(w);
			continue;
		}
		w->next = v->waiters;
		v->waiters = w;
		v->nwaiters++;
	}
	if (v->waiters == NULL)
		ev_timer_stop(v->timer);
	else if (!ev_timer_pending(v->timer))
		ev_timer_set(v->timer, 1000);
}

static void
on_news(void *ctx, struct source *s)
{
	retry(ctx, s);
}

static void
on_timer(void *ctx)
{
	retry(ctx, NULL);
}

static void
on_keep(void *ctx, const struct source *s, uint64_t asked_at,
    const char *jwks, size_t len)
{
	struct ipc_issuer_keys m = {
		.url = slice_str(source_issuer(s)->issuer),
		.asked_at = asked_at,
		.keys_at = now_boot_ms(),
		.jwks = slice_of(jwks, len),
	};
	struct verifier *v = ctx;

	ipc_send(v->parent, IPC_issuer_keys, &m, NULL, 0);
}

static int
on_issuer_keys(void *ctx, const void *msg, int *fds)
{
	const struct ipc_issuer_keys *m = msg;
	struct verifier *v = ctx;
	size_t i;

	(void)fds;
	for (i = 0; i < v->nsources; i++)
		if (slice_eq(m->url, source_issuer(v->sources[i])->issuer))
			source_restore(v->sources[i], m->asked_at,
			    m->keys_at, (const char *)m->jwks.p, m->jwks.len);
	return 0;
}

static int
on_verify(void *ctx, const void *msg, int *fds)
{
	const struct ipc_verify *m = msg;
	const char *text = m->token.len > 0 ? (const char *)m->token.p : "";
	struct verifier *v = ctx;

	(void)fds;
	if (v->policy == NULL)
		refuse(v, m->id, "no configuration yet");
	else if (!judge(v, m->id, text, m->token.len, false) &&
	    queue(v, m->id, text, m->token.len) == -1)
		refuse(v, m->id, "too many verifications wait for keys");
	/* It lies in the channel's buffer, which is not wiped as such. */
	if (m->token.len > 0)
		explicit_bzero((void *)(uintptr_t)m->token.p, m->token.len);
	return 0;
}

/* --- configuration ---------------------------------------------------------------- */

static void
sources_free(struct source **s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		source_free(&s[i]);
	free(s);
}

/* The new sources, or NULL with a reason; nothing of the old is touched. */
static struct source **
sources_new(struct verifier *v, const struct policy *p, char *reason,
    size_t size)
{
	struct source **s;
	char why[512];
	size_t i;

	if ((s = calloc(p->nissuers + 1, sizeof(*s))) == NULL) {
		snprintf(reason, size, "out of memory");
		return NULL;
	}
	for (i = 0; i < p->nissuers; i++)
		if (source_new(&p->issuers[i], v->loop, v->fetcher, on_news,
		    on_keep, v, &s[i], why, sizeof(why)) == -1) {
			snprintf(reason, size, "issuers.%s: %s",
			    p->issuers[i].key, why);
			sources_free(s, i);
			return NULL;
		}
	return s;
}

static void
adopt(struct verifier *v, struct policy *p, struct source **s,
    uint64_t generation)
{
	struct source **old = v->sources;
	size_t i, j, nold = v->nsources;

	for (i = 0; i < p->nissuers; i++)
		for (j = 0; j < nold; j++)
			if (strcmp(source_issuer(old[j])->key,
			    p->issuers[i].key) == 0)
				source_inherit(s[i], old[j]);
	v->sources = s;
	v->nsources = p->nissuers;
	sources_free(old, nold);
	policy_free(&v->policy);
	v->policy = p;
	v->generation = generation;
	retry(v, NULL);		/* by the new rules */
}

static int
on_config(void *ctx, const void *msg, int *fds)
{
	const struct ipc_config *m = msg;
	struct ipc_config_done done = { m->generation, 0, slice_str("") };
	struct verifier *v = ctx;
	struct conf_error err = { "" };
	struct source **s = NULL;
	struct policy *p = NULL;
	char *path;

	(void)fds;
	if ((path = slice_dup(m->path)) != NULL)
		p = policy_parse(path, (const char *)m->text.p, m->text.len,
		    &err);
	free(path);
	if (p != NULL)
		s = sources_new(v, p, err.text, sizeof(err.text));
	if (s != NULL) {
		adopt(v, p, s, m->generation);
		done.ok = 1;
	} else {
		policy_free(&p);
		done.error = slice_str(err.text);
	}
	ipc_send(v->parent, IPC_config_done, &done, NULL, 0);
	return 0;
}

/* --- the process ------------------------------------------------------------------- */

static void
on_closed(void *ctx, const char *reason)
{
	struct verifier *v = ctx;

	log_debug("event=stop reason=\"%s\"", reason);
	ev_stop(v->loop);
}

/* What cjose and jansson free may be a piece of a token. */
static void
free_wiped(void *p)
{
	if (p == NULL)
		return;
	explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

void
verifier_main(int fd)
{
	static const struct ipc_permit permits[] = {
		{ IPC_config, ~0u, on_config },
		{ IPC_verify, ~0u, on_verify },
		{ IPC_issuer_keys, ~0u, on_issuer_keys },
	};
	static struct verifier v;

	cjose_set_alloc_funcs(malloc, realloc, free_wiped);
	json_set_alloc_funcs(malloc, free_wiped);

	v.loop = ev_loop_new();
	v.fetcher = fetcher_new(v.loop);
	v.timer = ev_timer_new(v.loop, on_timer, &v);
	v.parent = ipc_new(v.loop, fd, ROLE_VERIFIER, ROLE_PARENT, permits,
	    sizeof(permits) / sizeof(permits[0]), on_closed, &v);
	if (v.parent == NULL)
		fatalx("event=start error=\"out of memory\"");
	ev_run(v.loop);
	exit(0);
}
