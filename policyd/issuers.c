/*
 * The keys of issuers.  The verifier runs it.
 *
 * Two fetches make a discovery: the issuer's document, which must name the
 * issuer exactly (OpenID Connect Discovery 4.3), then the key set that it
 * points to.  A token with an unknown kid may start one, a flood of them no
 * more than one in a cool-down.  A failed fetch or a broken file never takes
 * away keys that were good, until they are older than the issuer allows.
 */
#include "issuers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "log.h"

#define START_MS	20
#define COOLDOWN_MS	(30 * 1000)
#define RETRY_MS	(5 * 1000)	/* while there are no keys at all */
#define REFRESH_MS	(10 * 60 * 1000)

struct source {
	const struct issuer	*iss;
	struct fetcher		*fetcher;
	source_news		*news;
	source_keep		*keep;
	void			*ctx;

	struct jwks		*keys;
	uint64_t		 keys_at;	/* boot ms */
	struct timespec		 mtime;		/* file */
	ino_t			 ino;

	struct fetch		*fetch;
	struct ev_timer		*refresh;
	uint64_t		 asked_at;	/* boot ms; 0: never */
};

static void	discover(struct source *);

/* --- files ------------------------------------------------------------------ */

static int
file_read(const char *path, struct buf *b, struct stat *st, char *reason,
    size_t size)
{
	uint8_t *p;
	ssize_t n;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1 ||
	    fstat(fd, st) == -1)
		goto fail;
	if (!S_ISREG(st->st_mode)) {
		errno = EINVAL;
		goto fail;
	}
	do {
		if ((p = buf_reserve(b, 4096)) == NULL) {
			errno = EFBIG;
			goto fail;
		}
		if ((n = read(fd, p, 4096)) == -1)
			goto fail;
		buf_commit(b, (size_t)n);
	} while (n > 0);
	close(fd);
	return 0;
fail:
	snprintf(reason, size, "%s: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return -1;
}

static int
file_load(struct source *s, char *reason, size_t size)
{
	struct jwks *keys;
	struct stat st;
	struct buf b;
	char why[128];

	buf_init(&b, JWKS_MAX_BYTES + 4096);
	if (file_read(s->iss->jwks_file, &b, &st, reason, size) == -1) {
		buf_clear(&b);
		return -1;
	}
	/* Looked at, good or not: not again until it changes. */
	s->mtime = st.st_mtim;
	s->ino = st.st_ino;
	keys = jwks_parse(b.len > 0 ? (char *)buf_head(&b) : "", b.len, why,
	    sizeof(why));
	buf_clear(&b);
	if (keys == NULL) {
		snprintf(reason, size, "%s: %s", s->iss->jwks_file, why);
		return -1;
	}
	jwks_free(&s->keys);
	s->keys = keys;
	return 0;
}

/* --- discovery --------------------------------------------------------------- */

static struct fetch_how
how(const struct source *s)
{
	struct fetch_how h = { .ca_file = s->iss->ca_file,
	    .http_loopback = s->iss->allow_http_loopback };

	return h;
}

static void
failed(struct source *s, const char *what, const char *why)
{
	log_warnx("event=keys issuer=%s step=%s error=%s keys=%zu",
	    s->iss->key, what, log_esc(why, strlen(why)),
	    jwks_count(s->keys));
	s->news(s->ctx, s);
}

static void
on_keys(void *ctx, const char *body, size_t len, const char *error)
{
	struct source *s = ctx;
	struct jwks *keys;
	char why[128];

	s->fetch = NULL;
	if (body == NULL) {
		failed(s, "jwks", error);
		return;
	}
	if ((keys = jwks_parse(body, len, why, sizeof(why))) == NULL) {
		failed(s, "jwks", why);
		return;
	}
	jwks_free(&s->keys);
	s->keys = keys;
	s->keys_at = now_boot_ms();
	log_info("event=keys issuer=%s keys=%zu", s->iss->key,
	    jwks_count(keys));
	s->keep(s->ctx, s, s->asked_at, body, len);
	s->news(s->ctx, s);
}

static void
on_document(void *ctx, const char *body, size_t len, const char *error)
{
	struct source *s = ctx;
	struct fetch_how h = how(s);
	const char *issuer, *uri;
	char why[128];
	json_t *doc;

	s->fetch = NULL;
	if (body == NULL) {
		failed(s, "discovery", error);
		return;
	}
	doc = json_strict(body, len);
	issuer = json_string_value(json_object_get(doc, "issuer"));
	uri = json_string_value(json_object_get(doc, "jwks_uri"));
	if (issuer == NULL || uri == NULL)
		snprintf(why, sizeof(why), "not a discovery document");
	else if (strcmp(issuer, s->iss->issuer) != 0)
		snprintf(why, sizeof(why), "it names another issuer");
	else
		s->fetch = fetch_start(s->fetcher, uri, &h, on_keys, s, why,
		    sizeof(why));
	json_decref(doc);
	if (s->fetch == NULL)
		failed(s, "discovery", why);
}

static void
discover(struct source *s)
{
	struct fetch_how h = how(s);
	size_t n = strlen(s->iss->issuer);
	char url[2048], why[128];

	if (s->fetch != NULL)
		return;
	s->asked_at = now_boot_ms();
	s->keep(s->ctx, s, s->asked_at, NULL, 0);
	ev_timer_set(s->refresh, REFRESH_MS);
	while (n > 0 && s->iss->issuer[n - 1] == '/')
		n--;
	snprintf(url, sizeof(url), "%.*s/.well-known/openid-configuration",
	    n > 1900 ? 1900 : (int)n, s->iss->issuer);
	s->fetch = fetch_start(s->fetcher, url, &h, on_document, s, why,
	    sizeof(why));
	if (s->fetch == NULL)
		log_warnx("event=keys issuer=%s step=discovery error=%s",
		    s->iss->key, log_esc(why, strlen(why)));
}

/* How long before the issuer may be asked again for a token's sake. */
static uint64_t
wait_ms(const struct source *s)
{
	return s->keys == NULL ? RETRY_MS : COOLDOWN_MS;
}

static void
on_refresh(void *ctx)
{
	discover(ctx);
}

/* --- both -------------------------------------------------------------------- */

int
source_new(const struct issuer *iss, struct ev_loop *loop,
    struct fetcher *fetcher, source_news *news, source_keep *keep, void *ctx,
    struct source **sp, char *reason, size_t size)
{
	struct source *s;

	if ((s = calloc(1, sizeof(*s))) == NULL) {
		snprintf(reason, size, "out of memory");
		return -1;
	}
	s->iss = iss;
	s->fetcher = fetcher;
	s->news = news;
	s->keep = keep;
	s->ctx = ctx;
	if (iss->jwks_file != NULL) {
		if (file_load(s, reason, size) == -1) {
			source_free(&s);
			return -1;
		}
	} else {
		s->refresh = ev_timer_new(loop, on_refresh, s);
		/* After source_inherit() or source_restore(), if any. */
		ev_timer_set(s->refresh, START_MS);
	}
	*sp = s;
	return 0;
}

void
source_free(struct source **sp)
{
	struct source *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	fetch_cancel(&s->fetch);
	if (s->refresh != NULL)
		ev_timer_free(&s->refresh);
	jwks_free(&s->keys);
	free(s);
}

const struct issuer *
source_issuer(const struct source *s)
{
	return s->iss;
}

const struct jwks *
source_keys(const struct source *s)
{
	if (s->iss->jwks_file == NULL && s->keys != NULL &&
	    now_boot_ms() - s->keys_at > s->iss->keys_max_age)
		return NULL;
	return s->keys;
}

void
source_inherit(struct source *s, struct source *old)
{
	if (s->iss->jwks_file != NULL || old->iss->jwks_file != NULL ||
	    strcmp(s->iss->issuer, old->iss->issuer) != 0 ||
	    s->keys != NULL || old->keys == NULL)
		return;
	s->keys = old->keys;
	s->keys_at = old->keys_at;
	old->keys = NULL;
}

void
source_restore(struct source *s, uint64_t asked_at, uint64_t keys_at,
    const char *jwks, size_t len)
{
	uint64_t now = now_boot_ms(), next = asked_at + REFRESH_MS;
	char why[128];

	if (s->iss->jwks_file != NULL || s->asked_at != 0 ||
	    asked_at > now || keys_at > now)
		return;
	s->asked_at = asked_at;
	if (s->keys == NULL && len > 0 &&
	    (s->keys = jwks_parse(jwks, len, why, sizeof(why))) != NULL) {
		s->keys_at = keys_at;
		log_info("event=keys issuer=%s keys=%zu restored=1",
		    s->iss->key, jwks_count(s->keys));
	}
	ev_timer_set(s->refresh, next > now ? next - now : 0);
}

enum source_hope
source_refresh(struct source *s)
{
	struct stat st;
	uint64_t now;
	char why[256];

	if (s->iss->jwks_file != NULL) {
		if (stat(s->iss->jwks_file, &st) == -1 ||
		    (st.st_ino == s->ino &&
		    st.st_mtim.tv_sec == s->mtime.tv_sec &&
		    st.st_mtim.tv_nsec == s->mtime.tv_nsec))
			return SOURCE_NO;
		if (file_load(s, why, sizeof(why)) == -1) {
			log_warnx("event=keys issuer=%s error=%s", s->iss->key,
			    log_esc(why, strlen(why)));
			return SOURCE_NO;
		}
		log_info("event=keys issuer=%s keys=%zu", s->iss->key,
		    jwks_count(s->keys));
		return SOURCE_NEWER;
	}
	if (s->fetch != NULL)
		return SOURCE_WAIT;
	now = now_boot_ms();
	if (s->asked_at == 0 || now - s->asked_at >= wait_ms(s))
		discover(s);
	else
		/* It may be a new key: have it before the next token asks. */
		ev_timer_set(s->refresh, s->asked_at + wait_ms(s) - now);
	return s->fetch != NULL ? SOURCE_WAIT : SOURCE_NO;
}
