#ifndef POSTERN_WEB_H
#define POSTERN_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "ev.h"
#include "oidc.h"
#include "webpolicy.h"
#include "websession.h"

/*
 * The page for approvers.  web.c speaks HTTP (libmicrohttpd is known there
 * only) and refuses what no browser of ours sends; webroutes.c answers.
 */
struct web {
	struct ev_loop		*loop;
	const char		*origin;	/* http://127.0.0.1:8787 */
	bool			 local;		/* a Unix socket, and for ... */
	uid_t			 peer;		/* ... this user only */
	struct oidc		*oidc;		/* NULL: by a token only */
	const char		*issuer_url;	/* with it: whose, ... */
	const char		*issuer;	/* ... and what people call it */
	struct webpolicy	*policy;
	struct web_sessions	*sessions;
};

/* Takes the bound, listening socket.  Fatal when HTTP cannot be spoken. */
void	web_listen(struct web *, int fd);

/* What a form may hold; longer ones are refused. */
#define WEB_FIELDS(M)							\
	M(csrf, WEB_ID)							\
	M(decision, 16)							\
	M(reason, 500)							\
	M(token, 65535)

#define WEB_M_ENUM(name, max)	FIELD_NAME_##name,
enum web_field { WEB_FIELDS(WEB_M_ENUM) WEB_NFIELDS };
#undef WEB_M_ENUM

/* A request of a browser that passed the checks, until its answer is sent. */
struct exchange {
	struct web		*web;
	struct MHD_Connection	*http;
	struct MHD_PostProcessor *pp;
	struct MHD_Response	*answer;	/* NULL: not yet */
	unsigned int		 status;
	bool			 post, bad, whole;
	bool			 pending;	/* exchange_done() will come */
	bool			 waiting;	/* and http is suspended */
	size_t			 body;		/* bytes that came */
	char			 path[64];
	char			*field[WEB_NFIELDS];	/* or NULL */
	/* webroutes.c: of whom, about what, while policyd is asked. */
	char			 session[WEB_ID + 1];
	char			 csrf[WEB_ID + 1];
	uint32_t		 number;
	char			*token;
};

/* Of the browser; NULL: there is none. */
const char	*exchange_cookie(struct exchange *, const char *name);
const char	*exchange_query(struct exchange *, const char *name);
/*
 * One of these ends an exchange.  A page is copied; `type` is its media type.
 * -1: it could not be made, and the browser gets a 500.
 */
void	exchange_page(struct exchange *, unsigned int status,
	    const char *type, const struct buf *);
void	exchange_redirect(struct exchange *, const char *to);
/*
 * Goes with the answer that was given; `seconds` 0 takes the cookie away.
 * SameSite is Strict, or Lax for what has to come along from an issuer.
 */
void	exchange_set_cookie(struct exchange *, const char *name,
	    const char *value, bool lax, uint64_t seconds);
/* There is an answer, of an exchange that was pending. */
void	exchange_done(struct exchange *);

/* webroutes.c: answers, or makes it pending. */
void	webroutes(struct exchange *);
/* Refuse: a sentence. */
void	webroutes_refuse(struct exchange *, unsigned int status,
	    const char *text);

#endif
