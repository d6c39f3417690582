#ifndef POSTERN_WEBSESSION_H
#define POSTERN_WEBSESSION_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Who is logged in to the page for approvers, and who is about to be.  In
 * memory only.  Times are seconds since the epoch; `now` is the caller's, so
 * that this is pure but for random numbers.
 */
#define WEB_ID		64		/* hexadecimal digits: 256 random bits */
#define WEB_SESSIONS	100		/* logged in at once */
#define WEB_LOGINS	200		/* about to be; the oldest gives way */
#define WEB_LOGIN_TIME	600		/* seconds for that */

struct web_session {
	bool	 used;
	char	 id[WEB_ID + 1];	/* the cookie */
	char	 csrf[WEB_ID + 1];	/* in each of its forms */
	uint64_t expires;
	/* Logged in: by this token, as this subject. */
	char	*token;
	char	*subject;
	char	*issuer;
	/* About to be, by OIDC: what must come back, and the PKCE verifier. */
	char	 state[WEB_ID + 1];
	char	 nonce[WEB_ID + 1];
	char	 verifier[WEB_ID + 1];
};

struct web_sessions;

struct web_sessions	*websessions_new(void);
/* Tokens are overwritten, here and wherever one is forgotten. */
void			 websessions_free(struct web_sessions **);
/* A login that begins; never NULL. */
struct web_session	*websession_login(struct web_sessions *, uint64_t now);
/* By its cookie (any text, or NULL), if it has not expired; else NULL. */
struct web_session	*websession_login_find(struct web_sessions *,
			    const char *id, uint64_t now);
struct web_session	*websession_find(struct web_sessions *,
			    const char *id, uint64_t now);
/*
 * Logged in, under an id that nobody has seen; strings are copied.  NULL: too
 * many are, or memory is out.
 */
struct web_session	*websession_new(struct web_sessions *, uint64_t now,
			    const char *token, const char *subject,
			    const char *issuer, uint64_t expires);
void			 websession_forget(struct web_session *);
/* Does the form's token fit?  Constant time; NULL does not. */
bool			 websession_csrf(const struct web_session *,
			    const char *);

#endif
