#ifndef POSTERN_OIDC_H
#define POSTERN_OIDC_H

#include <stdbool.h>
#include <stdint.h>

#include "ev.h"

/*
 * Logging in at an issuer as a public client, for the tools: the code flow with
 * PKCE (RFC 6749 4.1, RFC 7636) and the device flow (RFC 8628).  What comes of
 * it is a token for policyd, which verifies it like any other.  Nothing here
 * trusts it.
 */
struct oidc_conf {
	const char	*issuer;	/* its URL, as `iss` has it */
	const char	*ca_file;	/* or NULL */
	bool		 http_loopback;
	const char	*client_id;
	const char	*scope;
	const char	*resource;	/* RFC 8707, or NULL */
	const char	*redirect_uri;	/* code flow only */
	bool		 id_token;	/* hand that over, not the access token */
};

struct oidc;

/* Nothing of the configuration is copied. */
struct oidc	*oidc_new(struct ev_loop *, const struct oidc_conf *);
void		 oidc_free(struct oidc **);

/* Called once, from the loop; `text` is NULL on failure, then `error` says why. */
typedef void	oidc_cb(void *ctx, const char *text, const char *error);

/*
 * Where to send the browser.  The caller keeps the three random strings (43 to
 * 128 unreserved characters) for its way back.
 */
void		 oidc_authorize(struct oidc *, const char *state,
		    const char *nonce, const char *verifier, oidc_cb *,
		    void *ctx);
/* The code against the token.  The ID token must have the nonce. */
void		 oidc_redeem(struct oidc *, const char *code,
		    const char *verifier, const char *nonce, oidc_cb *,
		    void *ctx);
/*
 * By another device: `tell` is called once with where to go and which code to
 * enter there, both checked to be short and printable ASCII; then the token is
 * waited for.
 */
typedef void	oidc_tell(void *ctx, const char *url, const char *code,
		    const char *complete_url);
void		 oidc_device(struct oidc *, oidc_tell *, oidc_cb *, void *ctx);

#endif
