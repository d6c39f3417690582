/*
 * Reload: a new policy is parsed, offered to all children, and put in force
 * once each has taken it; then every worker confirms the new generation or is
 * disconnected (D11).  No login is begun while children may work by another
 * policy than the one in force.
 *
 * Runs in the parent.  The file is the administrator's.  If it is wrong, or a
 * child cannot work with it, nothing changes but the log and the status; a
 * child that has taken it already is given the old one again, under a number
 * of its own, so that no verdict of the refused policy is ever valid.
 */
#include "reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempts.h"
#include "auditlink.h"
#include "catalogs.h"
#include "children.h"
#include "crypto.h"
#include "log.h"
#include "notices.h"
#include "policyfile.h"
#include "requests.h"
#include "sessions.h"
#include "workers.h"

#define WAIT_TIME	1000	/* ms for logins that are under way */
#define CHILD_TIME	2000	/* ms for a child, until it is started anew */
#define OFFER_TIME	8000	/* ms more for the children */
#define TAKE_TIME	1000	/* ms for the workers (D11) */
#define ACCEPTED	"policy.accepted"

#define RELOAD_STATES(M)						\
	M(IDLE, "idle")							\
	M(WAITING, "waiting")	/* for logins under way */		\
	M(OFFERED, "offered")	/* to the children */			\
	M(TAKING, "taking")	/* in force; workers are to confirm */

#define M_ENUM(id, name)	RELOAD_##id,
enum reload_state { RELOAD_STATES(M_ENUM) };
#undef M_ENUM
#define M_NAME(id, name)	name,
static const char *const state_names[] = { RELOAD_STATES(M_NAME) };
#undef M_NAME

struct reload {
	enum reload_state	 state;
	bool			 again;		/* asked for meanwhile */
	bool			 reverting;	/* the offer is the old policy */
	bool			 poking;
	bool			 hurried;	/* late children were killed */
	uint64_t		 numbered;	/* the newest generation given */
	struct policy		*policy;	/* on offer */
	char			*text;
	size_t			 textlen;
	char			 sha256[65];
	struct ev_timer		*timer;
	/* The last result. */
	bool			 accepted;
	uint64_t		 at;		/* wall us; 0: never */
	char			 error[LEN_REASON + 1];
};

static void	reload_revert(struct parent *);

static void
text_digest(const char *text, size_t len, char *hex)
{
	uint8_t	digest[SHA256_LEN];

	sha256_once(text, len, digest);
	hex_encode(digest, sizeof(digest), hex);
}

static void
save_accepted(struct parent *p)
{
	char	path[LEN_PATH];

	parent_state_path(p, ACCEPTED, path, sizeof(path));
	if (policyfile_write(path, p->text, p->textlen) == -1)
		log_warn("event=policy_save path=%s", path);
}

/* --- at start --------------------------------------------------------------------- */

static struct policy *
parse_accepted(struct parent *p, const struct policy *now)
{
	struct conf_error	 err;
	struct policy		*policy;
	char			*text, path[LEN_PATH];
	size_t			 len;

	snprintf(path, sizeof(path), "%s/%s", now->runtime.state, ACCEPTED);
	text = policyfile_read(path, &len, &err);
	policy = text == NULL ? NULL :
	    policy_parse(p->path, text, len, &err);
	if (policy == NULL) {
		log_warnx("event=policy_accepted error=%s",
		    log_esc(err.text, strlen(err.text)));
		free(text);
		return NULL;
	}
	free(p->text);
	p->text = text;
	p->textlen = len;
	return policy;
}

int
reload_first(struct parent *p, bool restarted, struct conf_error *err)
{
	struct policy	*policy, *old;

	p->text = policyfile_read(p->path, &p->textlen, err);
	if (p->text == NULL)
		return -1;
	policy = policy_parse(p->path, p->text, p->textlen, err);
	if (policy == NULL)
		return -1;
	if (restarted && (old = parse_accepted(p, policy)) != NULL) {
		policy_free(&policy);
		policy = old;
	}
	p->policy = policy;
	text_digest(p->text, p->textlen, p->sha256);
	return 0;
}

/* --- the result -------------------------------------------------------------------- */

static void
reload_record(struct parent *p, uint64_t generation, bool accepted,
    const char *old_sha256, const char *new_sha256, const char *error)
{
	struct event_policy_reload	 ev;
	struct reload			*r = p->reload;

	r->accepted = accepted;
	r->at = now_wall_us();
	snprintf(r->error, sizeof(r->error), "%s", error);
	ev.generation = generation;
	ev.accepted = accepted;
	ev.old_sha256 = slice_str(old_sha256);
	ev.new_sha256 = slice_str(new_sha256);
	ev.error = slice_str(r->error);
	auditlink_event(p, EVENT_policy_reload, &ev);
	if (accepted)
		log_info("event=policy_reload accepted=1 generation=%llu "
		    "sha256=%s", (unsigned long long)generation, new_sha256);
	else
		log_warnx("event=policy_reload accepted=0 error=%s",
		    log_esc(error, strlen(error)));
}

static void
reload_drop_offer(struct reload *r)
{
	policy_free(&r->policy);
	free(r->text);
	r->text = NULL;
}

static void
reload_done(struct parent *p)
{
	struct reload	*r = p->reload;

	ev_timer_stop(r->timer);
	r->state = RELOAD_IDLE;
	r->reverting = false;
	if (r->again) {
		r->again = false;
		reload_start(p);
	}
}

/* --- steps ------------------------------------------------------------------------ */

static void
reload_offer(struct parent *p, const char *text, size_t len,
    struct policy *policy)
{
	struct reload	*r = p->reload;

	policy->generation = ++r->numbered;
	r->state = RELOAD_OFFERED;
	r->hurried = false;
	ev_timer_set(r->timer, CHILD_TIME);
	children_offer(p, policy->generation, text, len, policy);
}

/* Say no, and give the children the old policy back. */
static void
reload_refuse(struct parent *p, const char *why)
{
	struct reload	*r = p->reload;

	reload_record(p, p->policy->generation, false, p->sha256, r->sha256,
	    why);
	/* Before the text on offer goes: children that start now use it. */
	reload_revert(p);
	reload_drop_offer(r);
}

static void
reload_revert(struct parent *p)
{
	p->reload->reverting = true;
	reload_offer(p, p->text, p->textlen, p->policy);
	/* Engines that only the refused policy has. */
	children_settle(p);
}

/* All children work by it: from here on it is the policy. */
static void
reload_commit(struct parent *p)
{
	struct reload	*r = p->reload;
	char		 old_sha256[65];
	struct policy	*old = NULL;
	char		*old_text = NULL;

	if (!r->reverting) {
		memcpy(old_sha256, p->sha256, sizeof(old_sha256));
		old = p->policy;
		old_text = p->text;
		p->policy = r->policy;
		p->text = r->text;
		p->textlen = r->textlen;
		memcpy(p->sha256, r->sha256, sizeof(p->sha256));
		r->policy = NULL;
		r->text = NULL;
	}
	p->page->generation = p->policy->generation;
	workers_generation(p, p->policy->generation);
	r->state = RELOAD_TAKING;
	ev_timer_set(r->timer, TAKE_TIME);
	if (r->reverting) {
		notices_ready(p);
		attempts_resume(p);
		return;
	}
	save_accepted(p);
	children_settle(p);
	catalogs_reloaded(p);
	sessions_reloaded(p);
	notices_reloaded(p, old);
	requests_reloaded(p);
	reload_record(p, p->policy->generation, true, old_sha256, p->sha256,
	    "");
	policy_free(&old);
	free(old_text);
	attempts_resume(p);
}

static bool
same(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static bool
runtime_same(const struct policy_runtime *a, const struct policy_runtime *b)
{
	return same(a->socket, b->socket) && same(a->state, b->state) &&
	    same(a->auditd, b->auditd) && same(a->user, b->user) &&
	    same(a->user_verifier, b->user_verifier) &&
	    same(a->user_engine, b->user_engine) &&
	    same(a->user_keeper, b->user_keeper) &&
	    same(a->user_notifier, b->user_notifier);
}

void
reload_start(struct parent *p)
{
	struct reload		*r = p->reload;
	struct conf_error	 err;

	if (p->stopping)
		return;
	if (r->state != RELOAD_IDLE) {
		r->again = true;
		return;
	}
	r->sha256[0] = '\0';
	r->text = policyfile_read(p->path, &r->textlen, &err);
	if (r->text != NULL) {
		text_digest(r->text, r->textlen, r->sha256);
		r->policy = policy_parse(p->path, r->text, r->textlen, &err);
	}
	if (r->policy != NULL &&
	    policyfile_zones(p->path, r->policy, &err) == -1)
		policy_free(&r->policy);
	if (r->policy != NULL &&
	    !runtime_same(&r->policy->runtime, &p->policy->runtime)) {
		snprintf(err.text, sizeof(err.text), "%.900s: runtime: "
		    "changed, which needs a restart", p->path);
		policy_free(&r->policy);
	}
	if (r->policy == NULL) {
		reload_record(p, p->policy->generation, false, p->sha256,
		    r->sha256, err.text);
		reload_drop_offer(r);
		return;
	}
	/* New logins wait from here on, so this ends soon. */
	r->state = RELOAD_WAITING;
	ev_timer_set(r->timer, WAIT_TIME);
	reload_poke(p);
}

bool
reload_holds(struct parent *p)
{
	return p->reload->state == RELOAD_WAITING ||
	    p->reload->state == RELOAD_OFFERED;
}

void
reload_poke(struct parent *p)
{
	struct reload	*r = p->reload;
	char		 why[LEN_REASON + 64];

	if (r->poking)
		return;		/* a step of ours caused it */
	r->poking = true;
	if (r->state == RELOAD_WAITING && attempts_asking(p) == 0)
		reload_offer(p, r->text, r->textlen, r->policy);
	if (r->state == RELOAD_OFFERED)
		switch (children_answer(p, r->numbered, why, sizeof(why))) {
		case CHILDREN_WAIT:
			break;
		case CHILDREN_YES:
			reload_commit(p);
			break;
		case CHILDREN_NO:
			if (!r->reverting)
				reload_refuse(p, why);
			break;
		}
	if (r->state == RELOAD_TAKING &&
	    workers_taken(p, p->page->generation))
		reload_done(p);
	r->poking = false;
}

void
reload_login_over(struct parent *p)
{
	if (p->reload->state == RELOAD_WAITING && attempts_asking(p) == 0)
		reload_poke(p);
}

static void
on_reload_timer(void *ctx)
{
	struct parent	*p = ctx;
	struct reload	*r = p->reload;

	if (r->state == RELOAD_TAKING) {
		workers_late(p, p->page->generation);
		reload_done(p);
	} else if (r->state == RELOAD_WAITING) {
		reload_offer(p, r->text, r->textlen, r->policy);
		reload_poke(p);
	} else if (r->state == RELOAD_OFFERED && !r->hurried) {
		r->hurried = true;
		ev_timer_set(r->timer, OFFER_TIME);
		children_hurry(p, r->numbered, CHILD_TIME);
	} else if (r->state == RELOAD_OFFERED && !r->reverting)
		reload_refuse(p, "a child did not take the policy in time");
	else if (r->state == RELOAD_OFFERED) {
		/*
		 * Not even the old one is taken by all.  The others can work;
		 * verdicts of this number must be valid.
		 */
		log_warnx("event=policy_revert error=\"not by all children\"");
		reload_commit(p);
		reload_poke(p);
	}
}

json_t *
reload_status(struct parent *p)
{
	struct reload	*r = p->reload;
	json_t		*o = json_object();

	json_object_set_new(o, "state", json_string(state_names[r->state]));
	if (r->at == 0)
		return o;
	json_object_set_new(o, "accepted", json_boolean(r->accepted));
	json_object_set_new(o, "at",
	    json_integer((json_int_t)(r->at / 1000000)));
	if (!r->accepted)
		json_object_set_new(o, "error", json_string(r->error));
	return o;
}

void
reload_init(struct parent *p)
{
	p->reload = calloc(1, sizeof(*p->reload));
	if (p->reload == NULL)
		fatal("step=reload");
	p->reload->timer = ev_timer_new(p->loop, on_reload_timer, p);
	p->reload->numbered = p->policy->generation;
	save_accepted(p);
}
