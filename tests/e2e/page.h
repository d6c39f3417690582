#ifndef POSTERN_E2E_PAGE_H
#define POSTERN_E2E_PAGE_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/*
 * The page for approvers, run for one test, and curl as the browser: each `who`
 * has a jar of cookies.  What a helper cannot do fails the test.
 */
extern char	 page_url[64];		/* without the last slash */

/* A file's first line; "": there is none yet. */
void		 page_line(FILE *, char *out, size_t size);
/* policyctl serve with these arguments. */
void		 page_up(const char *args);
void		 page_down(void);
/* The process that reads the network. */
pid_t		 page_process(void);

/* curl's arguments, for this path; the status. */
int		 page_ask(const char *who, const char *path, const char *fmt,
		    ...) __attribute__((format(printf, 3, 4)));
int		 page_get(const char *who, const char *path);
/* What came last has this, in its body, in its headers. */
bool		 page_said(const char *text);
bool		 page_header(const char *text);
/* The token of the form that came last; "": none. */
const char	*page_csrf(void);

/* Log in by the form; the status of the answer.  page_login() must succeed. */
int		 page_login_by(const char *who, const char *token);
void		 page_login(const char *who, const char *group);
/* Look at it, and press a button; the status. */
int		 page_decide(const char *who, long n, const char *decision);

#endif
