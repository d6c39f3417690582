/*
 * Key sets of issuers, and when they were last asked for.
 *
 * Runs in the parent, which does not look into them: they are bytes that a
 * verifier has parsed once and that the next one parses again.  One that was
 * taken over could leave false keys here until the issuer is next asked, ten
 * minutes at most; it could as well say that any token is good.
 */
#include "keycache.h"

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "log.h"

#define ISSUERS_MAX	64

struct kept {
	TAILQ_ENTRY(kept)	 entry;
	char			*url;
	uint64_t		 asked_at, keys_at;	/* boot ms; 0: never */
	uint8_t			*jwks;
	uint32_t		 len;
};
TAILQ_HEAD(kept_list, kept);

struct keycache {
	struct kept_list	 list;
	unsigned int		 n;
};

void
keycache_init(struct parent *p)
{
	if ((p->keycache = calloc(1, sizeof(*p->keycache))) == NULL)
		fatal("step=keycache");
	TAILQ_INIT(&p->keycache->list);
}

static void
kept_free(struct keycache *kc, struct kept *k)
{
	TAILQ_REMOVE(&kc->list, k, entry);
	kc->n--;
	free(k->url);
	free(k->jwks);
	free(k);
}

static struct kept *
kept_of(struct keycache *kc, struct slice url)
{
	struct kept	*k;

	TAILQ_FOREACH(k, &kc->list, entry)
		if (slice_eq(url, k->url))
			return k;
	if (kc->n >= ISSUERS_MAX || (k = calloc(1, sizeof(*k))) == NULL)
		return NULL;
	if ((k->url = slice_dup(url)) == NULL) {
		free(k);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&kc->list, k, entry);
	kc->n++;
	return k;
}

int
keycache_put(struct parent *p, const struct ipc_issuer_keys *m)
{
	struct kept	*k = kept_of(p->keycache, m->url);
	uint8_t		*jwks;

	if (k == NULL)
		return -1;
	k->asked_at = m->asked_at;
	if (m->jwks.len == 0)
		return 0;
	if ((jwks = malloc(m->jwks.len)) == NULL)
		return 0;
	memcpy(jwks, m->jwks.p, m->jwks.len);
	free(k->jwks);
	k->jwks = jwks;
	k->len = m->jwks.len;
	k->keys_at = m->keys_at;
	return 0;
}

void
keycache_give(struct parent *p, struct ipc *verifier)
{
	struct ipc_issuer_keys	 m;
	struct kept		*k;

	TAILQ_FOREACH(k, &p->keycache->list, entry) {
		m.url = slice_str(k->url);
		m.asked_at = k->asked_at;
		m.keys_at = k->keys_at;
		m.jwks = slice_of(k->jwks, k->len);
		ipc_send(verifier, IPC_issuer_keys, &m, NULL, 0);
	}
}

void
keycache_settle(struct parent *p)
{
	struct keycache	*kc = p->keycache;
	struct kept	*k, *next;
	size_t		 i;

	for (k = TAILQ_FIRST(&kc->list); k != NULL; k = next) {
		next = TAILQ_NEXT(k, entry);
		for (i = 0; i < p->policy->nissuers; i++)
			if (strcmp(p->policy->issuers[i].issuer, k->url) == 0)
				break;
		if (i == p->policy->nissuers)
			kept_free(kc, k);
	}
}
