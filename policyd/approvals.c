/*
 * Who decides about a request.  Runs in the parent.  A decision comes over the
 * control socket, whose peers are root and policyd's own user (D6): that proves
 * who ran the tool, not who decides.  That is proved by a token, checked like
 * any other, or said by `approvers.unix`.  No token is kept or recorded.
 */
#include "approvals.h"

#include <sys/queue.h>

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "children.h"
#include "explains.h"
#include "grants.h"
#include "leases.h"
#include "log.h"
#include "requests.h"

/*
 * What somebody may do who has shown who he is.  `args` are the tool's,
 * `reason` is of them.  -1 with a sentence; DEED_LATER: it ends by itself.
 */
#define DEED_LATER	1
typedef int	deed_fn(struct conn *, uint32_t id, const json_t *args,
		    const char *reason, const struct approver *,
		    char *message, size_t size);

struct deed {
	const char	*verb;
	deed_fn		*run;
	bool		 any_user;	/* a local user whom no policy names */
	bool		 quiet;		/* not recorded */
};

/* A deed whose token the verifier has. */
struct deciding {
	TAILQ_ENTRY(deciding)	 entry;
	const struct deed	*deed;
	struct conn		*conn;
	uint32_t		 id;		/* the verifier's */
	uint32_t		 request;	/* the tool's number for it */
	json_t			*args;		/* no token in them any more */
};
TAILQ_HEAD(deciding_list, deciding);

struct approvals {
	struct deciding_list	 list;
	uint32_t		 next_id;
};

static void
deciding_free(struct parent *p, struct deciding *d)
{
	TAILQ_REMOVE(&p->approvals->list, d, entry);
	json_decref(d->args);
	free(d);
}

static struct deciding *
deciding_find(struct parent *p, uint32_t id)
{
	struct deciding	*d;

	TAILQ_FOREACH(d, &p->approvals->list, entry)
		if (d->id == id)
			return d;
	return NULL;
}

static void
deciding_record(const struct deciding *d, uint32_t code)
{
	if (!d->deed->quiet)
		control_record(d->conn, d->deed->verb, d->args, code);
}

/* Say how it ended, record that, and forget it. */
static void
deciding_end(struct parent *p, struct deciding *d, uint32_t code,
    const char *message)
{
	deciding_record(d, code);
	control_end(d->conn, d->request, code, message);
	deciding_free(p, d);
}

void
approvals_conn_gone(struct parent *p, struct conn *c)
{
	struct deciding	*d, *next;

	for (d = TAILQ_FIRST(&p->approvals->list); d != NULL; d = next) {
		next = TAILQ_NEXT(d, entry);
		if (d->conn != c)
			continue;
		/* It was not done: the verifier's answer is for nobody. */
		deciding_record(d, 1);
		deciding_free(p, d);
	}
}

/* --- looking --------------------------------------------------------------------- */

int
approvals_list(struct conn *c, uint32_t id, const json_t *args, char *message,
    size_t size)
{
	json_t	*list = requests_list(control_parent(c)), *row;
	size_t	 i;

	(void)args;
	(void)message;
	(void)size;
	json_array_foreach(list, i, row)
		control_row(c, id, json_incref(row));
	json_decref(list);
	return 0;
}

static uint32_t
number_of(const json_t *args)
{
	json_int_t	v;

	v = json_integer_value(json_object_get(args, "request"));
	return v < 0 || v > UINT32_MAX ? 0 : (uint32_t)v;
}

/* Takes the row; 0, or DEED_LATER: an engine looks at the statement. */
static int
show(struct conn *c, uint32_t id, uint32_t number, json_t *row)
{
	struct ipc_explain	 m;

	if (requests_explain(control_parent(c), number, &m) == -1) {
		control_row(c, id, row);
		return 0;
	}
	explains_show(c, id, &m, row);
	return DEED_LATER;
}

int
approvals_show(struct conn *c, uint32_t id, const json_t *args, char *message,
    size_t size)
{
	json_t	*o = requests_show(control_parent(c), number_of(args));

	if (o == NULL) {
		snprintf(message, size, "there is no request %u",
		    number_of(args));
		return 1;
	}
	return show(c, id, number_of(args), o) == DEED_LATER ? -1 : 0;
}

/* Takes the list. */
static int
rows(struct conn *c, uint32_t id, json_t *list)
{
	json_t	*row;
	size_t	 i;

	json_array_foreach(list, i, row)
		control_row(c, id, json_incref(row));
	json_decref(list);
	return 0;
}

int
approvals_grants(struct conn *c, uint32_t id, const json_t *args,
    char *message, size_t size)
{
	(void)args;
	(void)message;
	(void)size;
	return rows(c, id, grants_list(control_parent(c)));
}

int
approvals_leases(struct conn *c, uint32_t id, const json_t *args,
    char *message, size_t size)
{
	(void)args;
	(void)message;
	(void)size;
	return rows(c, id, leases_list(control_parent(c)));
}

/* --- deeds ------------------------------------------------------------------------ */

static int
deed_decide(struct conn *c, uint32_t id, const json_t *args,
    const char *reason, const struct approver *who, char *message,
    size_t size)
{
	struct parent	*p = control_parent(c);
	json_int_t	 ms, count = LEASE_COUNT;
	bool		 approve, lease;

	(void)id;
	approve = json_is_true(json_object_get(args, "approve"));
	ms = json_integer_value(json_object_get(args, "similar"));
	lease = approve && json_object_get(args, "similar") != NULL;
	if (json_object_get(args, "count") != NULL)
		count = json_integer_value(json_object_get(args, "count"));
	if (lease && leases_may(p, number_of(args), ms < 0 ? 0 : (uint64_t)ms,
	    count < 0 ? 0 : (uint64_t)count, message, size) == -1)
		return -1;
	if (requests_decide(p, number_of(args), approve, who, reason, message,
	    size) == -1)
		return -1;
	if (!lease || leases_make(p, number_of(args), who, (uint64_t)ms,
	    (uint64_t)count) == 0)
		return 0;
	snprintf(message, size, "this one is approved; what is similar could "
	    "not be recorded, and is not");
	return -1;
}

static int
deed_grant(struct conn *c, uint32_t id, const json_t *args,
    const char *reason, const struct approver *who, char *message,
    size_t size)
{
	json_t	*row = grants_give(control_parent(c), args, who, message,
		    size);

	(void)reason;
	if (row == NULL)
		return -1;
	control_row(c, id, row);
	return 0;
}

static int
deed_revoke(struct conn *c, uint32_t id, const json_t *args,
    const char *reason, const struct approver *who, char *message,
    size_t size)
{
	struct parent	*p = control_parent(c);

	(void)id;
	/* A number is of one or of the other. */
	return grants_known(p, number_of(args)) ?
	    grants_revoke(p, number_of(args), who, reason, message, size) :
	    leases_revoke(p, number_of(args), who, reason, message, size);
}

/* Who is it, and is there anything that he may decide at all? */
static int
deed_whoami(struct conn *c, uint32_t id, const json_t *args,
    const char *reason, const struct approver *who, char *message,
    size_t size)
{
	(void)args;
	(void)reason;
	if (!requests_approver(control_parent(c), who)) {
		snprintf(message, size, "you are in no group that approves "
		    "anything here");
		return -1;
	}
	control_row(c, id, json_pack("{s:s, s:s, s:I}", "subject", who->name,
	    "issuer", who->issuer, "expires", (json_int_t)who->expires));
	return 0;
}

static int
deed_list(struct conn *c, uint32_t id, const json_t *args, const char *reason,
    const struct approver *who, char *message, size_t size)
{
	(void)args;
	(void)reason;
	(void)message;
	(void)size;
	return rows(c, id, requests_list_for(control_parent(c), who));
}

static int
deed_show(struct conn *c, uint32_t id, const json_t *args, const char *reason,
    const struct approver *who, char *message, size_t size)
{
	json_t	*o = requests_show_for(control_parent(c), number_of(args),
		    who);

	(void)reason;
	if (o == NULL) {
		snprintf(message, size, "there is no request %u that is yours "
		    "to decide", number_of(args));
		return -1;
	}
	return show(c, id, number_of(args), o);
}

static const struct deed deed_decision = { .verb = "decide",
	.run = deed_decide };
static const struct deed deed_granting = { .verb = "grant",
	.run = deed_grant };
/* Taking away is not to fail for want of a name. */
static const struct deed deed_revoking = { .verb = "revoke",
	.run = deed_revoke, .any_user = true };
static const struct deed deed_knowing = { .verb = "whoami",
	.run = deed_whoami };
static const struct deed deed_listing = { .verb = "requests",
	.run = deed_list, .quiet = true };
static const struct deed deed_showing = { .verb = "show", .run = deed_show };

static const char *
reason_of(const json_t *args)
{
	const char	*s;

	s = json_string_value(json_object_get(args, "reason"));
	return s == NULL ? "" : s;
}

static int
do_unix(const struct deed *deed, struct conn *c, uint32_t id,
    const json_t *args, char *message, size_t size)
{
	const struct policy	*policy = control_parent(c)->policy;
	const struct passwd	*pw = getpwuid(control_uid(c));
	struct approver		 who = { .issuer = "",
				    .uid = control_uid(c) };
	size_t			 i;

	for (i = 0; pw != NULL && i < policy->napprovers; i++)
		if (strcmp(policy->approvers[i].user, pw->pw_name) == 0)
			who.name = policy->approvers[i].name;
	if (who.name == NULL && deed->any_user && pw != NULL)
		who.name = pw->pw_name;
	if (who.name == NULL) {
		snprintf(message, size, "policy.yaml does not name user %s "
		    "under approvers.unix: give a token (--token-file)",
		    pw == NULL ? "(unknown)" : pw->pw_name);
		return 1;
	}
	return deed->run(c, id, args, reason_of(args), &who, message, size) ==
	    -1 ? 1 : 0;
}

static int
do_token(const struct deed *deed, struct conn *c, uint32_t id,
    const json_t *args, const char *token, char *message, size_t size)
{
	struct parent		*p = control_parent(c);
	struct ipc_verify	 ask;
	struct deciding		*d = calloc(1, sizeof(*d));

	if (d == NULL || (d->args = json_copy((json_t *)(uintptr_t)args)) ==
	    NULL) {
		free(d);
		snprintf(message, size, "out of memory");
		return 1;
	}
	json_object_del(d->args, "token");
	d->deed = deed;
	d->conn = c;
	d->id = APPROVAL_ID | (p->approvals->next_id++ & ~APPROVAL_ID);
	d->request = id;
	TAILQ_INSERT_TAIL(&p->approvals->list, d, entry);
	ask.id = d->id;
	ask.token = slice_str(token);
	ask.peer = slice_str(control_is_page(c) ? "page" : "policyctl");
	if (ipc_send(children_verifier(p), IPC_verify, &ask, NULL, 0) == 0)
		return -1;
	deciding_free(p, d);
	snprintf(message, size, "the verifier is not available");
	return 1;
}

/* By whom?  By his token, else by the user that runs the tool. */
static int
do_deed(const struct deed *deed, struct conn *c, uint32_t id,
    const json_t *args, char *message, size_t size)
{
	const char	*token;

	token = json_string_value(json_object_get(args, "token"));
	if (strlen(reason_of(args)) > 500 ||
	    (token != NULL && strlen(token) > LEN_TOKEN)) {
		snprintf(message, size, "the %s is too long",
		    strlen(reason_of(args)) > 500 ? "reason" : "token");
		return 1;
	}
	if (token == NULL && control_is_page(c)) {
		snprintf(message, size, "a token is needed");
		return 1;
	}
	return token == NULL ? do_unix(deed, c, id, args, message, size) :
	    do_token(deed, c, id, args, token, message, size);
}

int
approvals_decide(struct conn *c, uint32_t id, const json_t *args,
    char *message, size_t size)
{
	return do_deed(&deed_decision, c, id, args, message, size);
}

int
approvals_grant(struct conn *c, uint32_t id, const json_t *args,
    char *message, size_t size)
{
	return do_deed(&deed_granting, c, id, args, message, size);
}

int
approvals_revoke(struct conn *c, uint32_t id, const json_t *args,
    char *message, size_t size)
{
	return do_deed(&deed_revoking, c, id, args, message, size);
}

int
approvals_whoami(struct conn *c, uint32_t id, const json_t *args,
    char *message, size_t size)
{
	return do_deed(&deed_knowing, c, id, args, message, size);
}

int
approvals_list_for(struct conn *c, uint32_t id, const json_t *args,
    char *message, size_t size)
{
	return do_deed(&deed_listing, c, id, args, message, size);
}

int
approvals_show_for(struct conn *c, uint32_t id, const json_t *args,
    char *message, size_t size)
{
	return do_deed(&deed_showing, c, id, args, message, size);
}

/* --- the verifier's answers --------------------------------------------------------- */

void
approvals_verified(struct parent *p, const struct ipc_verified *m)
{
	struct deciding		*d = deciding_find(p, m->id);
	const struct issuer	*issuer;
	struct approver		 who = { 0 };
	char			 message[LEN_REASON] = "", key[LEN_KEY + 1];
	char			 subject[256];
	json_t			*claims;
	int			 done;

	if (d == NULL)
		return;
	claims = json_loadb((const char *)m->claims.p, m->claims.len,
	    JSON_REJECT_DUPLICATES, NULL);
	if (m->generation != p->policy->generation || claims == NULL ||
	    slice_copy(m->issuer, key, sizeof(key)) == -1 ||
	    slice_copy(m->subject, subject, sizeof(subject)) == -1 ||
	    (issuer = policy_issuer(p->policy, key)) == NULL) {
		json_decref(claims);
		deciding_end(p, d, 1, "the policy has changed: try again");
		return;
	}
	/* RFC 8693, 4.1: somebody else holds it, perhaps whom it is about. */
	if (json_object_get(claims, "act") != NULL) {
		json_decref(claims);
		deciding_end(p, d, 1, "the token was given to somebody who "
		    "acts for another: a person decides for himself");
		return;
	}
	who.name = subject;
	who.issuer = key;
	who.claims = claims;
	who.groups = issuer->groups;
	who.uid = control_uid(d->conn);
	who.expires = m->expires;
	/* The tool's user says nothing of him. */
	if (control_is_page(d->conn))
		json_object_set_new(d->args, "by", json_string(subject));
	done = d->deed->run(d->conn, d->request, d->args, reason_of(d->args),
	    &who, message, sizeof(message));
	if (done == DEED_LATER) {
		deciding_record(d, 0);
		deciding_free(p, d);
	} else
		deciding_end(p, d, done == -1, message);
	json_decref(claims);
}

void
approvals_verify_refused(struct parent *p, const struct ipc_verify_refused *m)
{
	struct deciding	*d = deciding_find(p, m->id);
	char		 message[LEN_REASON + 64], reason[LEN_REASON + 1];

	if (d == NULL)
		return;
	if (slice_copy(m->reason, reason, sizeof(reason)) == -1)
		reason[0] = '\0';
	snprintf(message, sizeof(message), "the token is refused: %.900s",
	    reason);
	deciding_end(p, d, 1, message);
}

void
approvals_verifier_lost(struct parent *p)
{
	struct deciding	*d;

	while ((d = TAILQ_FIRST(&p->approvals->list)) != NULL)
		deciding_end(p, d, 1, "the verifier died");
}

void
approvals_init(struct parent *p)
{
	if ((p->approvals = calloc(1, sizeof(*p->approvals))) == NULL)
		fatal("step=approvals");
	TAILQ_INIT(&p->approvals->list);
}
