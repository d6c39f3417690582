/*
 * Minted roles, in the parent.
 *
 * The id of this installation lies in the state directory: with another id
 * nobody would know the roles of before for ours, so that it must be kept, and
 * start-up fails where it cannot be.  What the keeper tells is recorded; what
 * it tells again of a role that is stuck is not.
 */
#include "minted.h"

#include <sys/queue.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attempt.h"
#include "auditlink.h"
#include "children.h"
#include "crypto.h"
#include "log.h"
#include "policyfile.h"
#include "rolesql.h"
#include "sessions.h"

#define SWEEP_TIME	60000	/* ms */
#define STUCK_MAX	1000

struct stuck {
	TAILQ_ENTRY(stuck)	 entry;
	char			 role[LEN_NAME + 1];
	char			 database[LEN_KEY + 1];
	char			 detail[LEN_REASON + 1];
	uint64_t		 since;		/* wall us */
};
TAILQ_HEAD(stuck_list, stuck);

struct minted {
	char			 instance[INSTANCE_LEN + 1];
	struct ev_timer		*timer;
	struct stuck_list	 stuck;
	unsigned int		 nstuck;
};

/* --- who we are ------------------------------------------------------------------- */

static void
draw_instance(char instance[INSTANCE_LEN + 1])
{
	static const char	letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t			raw[INSTANCE_LEN];
	size_t			i;

	random_bytes(raw, sizeof(raw));
	for (i = 0; i < INSTANCE_LEN; i++)
		instance[i] = letters[raw[i] % 32];
	instance[INSTANCE_LEN] = '\0';
}

static void
load_instance(struct parent *p, struct minted *m)
{
	struct conf_error	 err;
	char			 path[LEN_PATH], line[INSTANCE_LEN + 2];
	char			*text;
	size_t			 len;

	parent_state_path(p, "instance", path, sizeof(path));
	if (access(path, F_OK) == -1 && errno == ENOENT) {
		draw_instance(m->instance);
		snprintf(line, sizeof(line), "%s\n", m->instance);
		if (policyfile_write(path, line, strlen(line)) == -1)
			fatal("step=instance path=%s", path);
		return;
	}
	if ((text = policyfile_read(path, &len, &err)) == NULL)
		fatalx("step=instance error=%s",
		    log_esc(err.text, strlen(err.text)));
	text[strcspn(text, "\n")] = '\0';
	if (!role_instance_ok(text))
		fatalx("step=instance path=%s error=\"damaged: it must hold "
		    "the %d letters or digits that this installation's roles "
		    "begin with\"", path, INSTANCE_LEN);
	snprintf(m->instance, sizeof(m->instance), "%s", text);
	free(text);
}

/* --- sweeping ------------------------------------------------------------------------ */

static int
add_id(struct buf *b, const char *id)
{
	return strlen(id) == LEN_SESSION ? buf_add(b, id, LEN_SESSION) : 0;
}

int
minted_sweep(struct parent *p)
{
	struct ipc_role_sweep	 m;
	struct session		*s;
	struct attempt		*a;
	struct buf		 b;
	int			 r = 0;

	buf_init(&b, LEN_CONFIG);
	TAILQ_FOREACH(s, sessions_all(p), entry)
		if (s->state < SESSION_ENDING && add_id(&b, s->id) == -1)
			r = -1;
	TAILQ_FOREACH(a, attempts_all(p), entry)
		if (add_id(&b, a->session) == -1)
			r = -1;
	/* With a part of the list live sessions would lose their roles. */
	m.live = slice_of(buf_head(&b), b.len);
	if (r == 0)
		r = ipc_send(children_keeper(p), IPC_role_sweep, &m, NULL, 0);
	buf_clear(&b);
	return r;
}

static void
on_sweep(void *ctx)
{
	struct parent	*p = ctx;

	minted_sweep(p);
	ev_timer_set(p->minted->timer, SWEEP_TIME);
}

void
minted_keeper_ready(struct parent *p)
{
	struct ipc_keeper_instance	m;

	m.instance = slice_str(p->minted->instance);
	ipc_send(children_keeper(p), IPC_keeper_instance, &m, NULL, 0);
	on_sweep(p);
}

/* --- news ------------------------------------------------------------------------------- */

static struct stuck *
stuck_find(struct minted *m, struct slice role)
{
	struct stuck	*s;

	TAILQ_FOREACH(s, &m->stuck, entry)
		if (slice_eq(role, s->role))
			return s;
	return NULL;
}

static void
stuck_over(struct minted *m, struct slice role)
{
	struct stuck	*s = stuck_find(m, role);

	if (s == NULL)
		return;
	TAILQ_REMOVE(&m->stuck, s, entry);
	m->nstuck--;
	free(s);
}

/* False: that is known already. */
static bool
stuck_note(struct minted *m, const struct ipc_role_news *n)
{
	struct stuck	*s = stuck_find(m, n->role);

	if (s != NULL && slice_eq(n->detail, s->detail))
		return false;
	if (s == NULL) {
		if (m->nstuck >= STUCK_MAX ||
		    (s = calloc(1, sizeof(*s))) == NULL)
			return true;
		s->since = now_wall_us();
		TAILQ_INSERT_TAIL(&m->stuck, s, entry);
		m->nstuck++;
	}
	if (slice_copy(n->role, s->role, sizeof(s->role)) == -1 ||
	    slice_copy(n->database, s->database, sizeof(s->database)) == -1 ||
	    slice_copy(n->detail, s->detail, sizeof(s->detail)) == -1)
		log_warnx("event=role_news error=\"unreadable\"");
	return true;
}

static void
record_leftover(struct parent *p, const struct ipc_role_news *n,
    const char *what)
{
	struct event_leftover	ev;

	ev.session = n->session;
	ev.database = n->database;
	ev.role = n->role;
	ev.what = slice_str(what);
	ev.detail = n->detail;
	auditlink_event(p, EVENT_leftover, &ev);
}

void
minted_news(struct parent *p, const struct ipc_role_news *n)
{
	struct event_mint	 mint;
	struct event_drop	 drop;

	switch (n->what) {
	case NEWS_MINTED:
		mint.session = n->session;
		mint.database = n->database;
		mint.role = n->role;
		mint.until = n->detail;
		mint.until.len = mint.until.len > 40 ? 40 : mint.until.len;
		auditlink_event(p, EVENT_mint, &mint);
		break;
	case NEWS_DROPPED:
		stuck_over(p->minted, n->role);
		drop.session = n->session;
		drop.database = n->database;
		drop.role = n->role;
		auditlink_event(p, EVENT_drop, &drop);
		break;
	case NEWS_OBJECTS:
		/* Once: of one that is stuck it is told at each try. */
		if (stuck_find(p->minted, n->role) == NULL)
			record_leftover(p, n, "objects");
		break;
	case NEWS_STUCK:
		if (stuck_note(p->minted, n))
			record_leftover(p, n, "role");
		break;
	default:
		break;
	}
}

json_t *
minted_status(struct parent *p)
{
	json_t		*list = json_array(), *o;
	struct stuck	*s;

	TAILQ_FOREACH(s, &p->minted->stuck, entry) {
		o = json_object();
		json_object_set_new(o, "role", json_string(s->role));
		json_object_set_new(o, "database", json_string(s->database));
		json_object_set_new(o, "since",
		    json_integer((json_int_t)(s->since / 1000000)));
		json_object_set_new(o, "reason", json_string(s->detail));
		json_array_append_new(list, o);
	}
	return list;
}

void
minted_init(struct parent *p)
{
	p->minted = calloc(1, sizeof(*p->minted));
	if (p->minted == NULL)
		fatal("step=minted");
	TAILQ_INIT(&p->minted->stuck);
	load_instance(p, p->minted);
	p->minted->timer = ev_timer_new(p->loop, on_sweep, p);
	ev_timer_set(p->minted->timer, SWEEP_TIME);
	log_info("event=instance id=%s", p->minted->instance);
}
