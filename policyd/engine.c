/*
 * The engine process: takes the policy and the catalogue snapshots from the
 * parent, and judges the statements of the sessions that the parent gives it.
 *
 * Runs sandboxed, with a uid of its own, one engine for each profile.  Trusted:
 * the parent's messages.  Not trusted: the texts of the workers' judge
 * messages, and the snapshots.  A worker that breaks the rules of its channel
 * loses it.  A text that takes too long or too much memory ends this process:
 * the parent starts another, and the worker refuses that one statement.
 *
 * All of it runs on a thread with a large stack, because the SQL parser is
 * recursive (sqltree.c).
 */
#include "engine.h"

#include <sys/resource.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "catalog.h"
#include "doom.h"
#include "ipc.h"
#include "judge.h"
#include "log.h"
#include "masklist.h"
#include "policy.h"
#include "rules.h"
#include "sqltree.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(SANITIZED)
#define SANITIZED
#endif

#define JUDGE_SECONDS	2
#define MEMORY_MAX	((rlim_t)2 * 1024 * 1024 * 1024)
#define WANTED_MS	1000

struct engine_db {
	char			*key;
	struct catalog		*cat;
	uint64_t		 wanted;	/* when last asked for, ms */
	struct engine_db	*next;
};

struct engine_scene {
	char			*profile, *database;
	struct scene		*scene;
	struct engine_scene	*next;
};

struct engine_session {
	struct engine		*engine;
	struct ipc		*ipc;
	char			*profile, *database, *application, *client;
	json_t			*claims;	/* NULL: not known */
	struct asker		 asker;
	struct engine_session	*next, **prev;
};

struct engine {
	struct ev_loop		*loop;
	struct ipc		*parent;
	struct policy		*policy;
	uint64_t		 generation, epoch;
	struct engine_db	*dbs;
	struct engine_scene	*scenes;
	struct engine_session	*sessions;
	struct verdict		 verdict;	/* the last one; large */
};

/* --- scenes ------------------------------------------------------------ */

static struct engine_db *
db_find(struct engine *e, const char *key)
{
	struct engine_db	*d;

	for (d = e->dbs; d != NULL; d = d->next)
		if (strcmp(d->key, key) == 0)
			return d;
	return NULL;
}

/* Made when it is not there; NULL when memory is out. */
static struct engine_db *
db_get(struct engine *e, const char *key)
{
	struct engine_db	*d = db_find(e, key);

	if (d != NULL)
		return d;
	if ((d = calloc(1, sizeof(*d))) == NULL)
		return NULL;
	if ((d->key = strdup(key)) == NULL) {
		free(d);
		return NULL;
	}
	d->next = e->dbs;
	e->dbs = d;
	return d;
}

/* Forget those of one database, or all (NULL). */
static void
scenes_drop(struct engine *e, const char *database)
{
	struct engine_scene	**p = &e->scenes, *s;

	while ((s = *p) != NULL) {
		if (database != NULL && strcmp(s->database, database) != 0) {
			p = &s->next;
			continue;
		}
		*p = s->next;
		scene_free(&s->scene);
		free(s->profile);
		free(s->database);
		free(s);
	}
}

/* NULL: the policy has no such profile or database, or memory is out. */
static const struct scene *
scene_get(struct engine *e, const char *profile, const char *database)
{
	const struct profile	*p;
	struct engine_scene	*s;
	struct engine_db	*d;

	for (s = e->scenes; s != NULL; s = s->next)
		if (strcmp(s->profile, profile) == 0 &&
		    strcmp(s->database, database) == 0)
			return s->scene;
	if (e->policy == NULL ||
	    (p = policy_profile(e->policy, profile)) == NULL ||
	    !profile_has_database(p, database) ||
	    (s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	d = db_find(e, database);
	s->profile = strdup(profile);
	s->database = strdup(database);
	s->scene = scene_new(p, database, d != NULL ? d->cat : NULL);
	if (s->profile == NULL || s->database == NULL || s->scene == NULL) {
		scene_free(&s->scene);
		free(s->profile);
		free(s->database);
		free(s);
		return NULL;
	}
	s->next = e->scenes;
	e->scenes = s;
	return s->scene;
}

static void
catalog_want(struct engine *e, const char *database)
{
	struct engine_db		*d = db_get(e, database);
	struct ipc_catalog_wanted	 m = { slice_str(database) };
	uint64_t			 now = now_boot_ms();

	if (d == NULL || (d->wanted != 0 && now - d->wanted < WANTED_MS))
		return;
	d->wanted = now;
	ipc_send(e->parent, IPC_catalog_wanted, &m, NULL, 0);
}

/* --- judging ----------------------------------------------------------- */

/* At most max bytes, and no character cut in two. */
static struct slice
clip(const char *s, size_t max)
{
	struct slice	 r = slice_str(s);

	if (r.len > max)
		for (r.len = (uint32_t)max; r.len > 0 &&
		    (r.p[r.len] & 0xc0) == 0x80; r.len--)
			continue;
	return r;
}

/* A denial that no rule has made: sent, or into `b` if that is given. */
static void
refusal(struct engine *e, struct ipc *to, uint64_t seq, const char *sqlstate,
    const char *message, struct buf *b)
{
	struct ipc_verdict	 m;

	memset(&m, 0, sizeof(m));
	m.seq = seq;
	m.generation = e->generation;
	m.epoch = e->epoch;
	m.action = VERDICT_DENY;
	m.rule = slice_str("(default)");
	m.kind = slice_str(kind_name(KIND_OTHER));
	m.sqlstate = slice_str(sqlstate);
	m.message = slice_str(message);
	if (b == NULL)
		ipc_send(to, IPC_verdict, &m, NULL, 0);
	else if (ipc_frame(IPC_verdict, &m, b) == -1)
		buf_clear(b);
}

/* `s`: the session that asks, NULL for the parent. */
static void
judge(struct engine *e, const struct scene *sc, const struct judge_ask *ask,
    struct engine_session *s, uint64_t seq)
{
	struct buf	 b;

	buf_init(&b, LEN_REASON * 4);
	/* Behind what it has not taken yet nothing can be said. */
	if (s != NULL && ipc_queued(s->ipc) == 0)
		refusal(e, NULL, seq, "54001", "statement refused: the policy engine "
		    "failed on it", &b);
	doom_arm(JUDGE_SECONDS, b.len > 0 ? ipc_fd(s->ipc) : -1, buf_head(&b),
	    b.len);
	judge_for(sc, ask, &e->verdict);
	doom_disarm();
	buf_clear(&b);
}

static struct estimate
estimate(uint8_t told, uint64_t rows, uint64_t cost)
{
	struct estimate	 s = { ESTIMATE_NONE, rows, cost };

	if (told != ESTIMATE_UNASKED)
		s.state = told == ESTIMATE_TOLD ? ESTIMATE_KNOWN :
		    ESTIMATE_FAILED;
	return s;
}

/* As the worker saw it in the last ReadyForQuery. */
static enum tri
transaction(uint8_t status)
{
	switch (status) {
	case 'I':
		return TRI_FALSE;
	case 'T':
	case 'E':
		return TRI_TRUE;
	default:
		return TRI_ANY;
	}
}

static void
send_verdict(struct engine_session *s, uint64_t seq)
{
	struct engine		*e = s->engine;
	const struct verdict	*v = &e->verdict;
	struct ipc_verdict	 m;

	memset(&m, 0, sizeof(m));
	m.seq = seq;
	m.generation = e->generation;
	m.epoch = e->epoch;
	m.action = (uint8_t)v->action;
	m.flags = v->flags;
	m.rule = clip(v->rule, LEN_KEY);
	m.kind = slice_str(kind_name(v->kind));
	if (v->action == VERDICT_DENY) {
		m.sqlstate = slice_str(v->sqlstate);
		m.message = clip(v->message, LEN_REASON);
		m.hint = clip(v->hint, LEN_REASON);
	}
	m.rewritten = slice_of(v->rewritten, v->rewritten_len);
	m.masked = clip(v->masked, 4096);
	m.name = slice_str(v->name);
	m.tags = slice_str(v->tags);
	m.observed = slice_str(v->observed);
	m.touched = slice_str(v->touched);
	m.cap_rows = v->caps.rows;
	m.cap_bytes = v->caps.bytes;
	m.cap_affected = v->caps.affected;
	ipc_send(s->ipc, IPC_verdict, &m, NULL, 0);
}

static int
on_judge(void *ctx, const void *msg, int *fds)
{
	struct engine_session	*s = ctx;
	const struct ipc_judge	*m = msg;
	const struct scene	*sc;
	struct judge_ask	 ask;

	(void)fds;
	if (m->form > JUDGE_FUNCTION)
		return -1;
	sc = scene_get(s->engine, s->profile, s->database);
	if (sc == NULL) {
		refusal(s->engine, s->ipc, m->seq, "42501",
		    "statement refused: the policy no longer has this "
		    "session's profile or database", NULL);
		return 0;
	}
	memset(&ask, 0, sizeof(ask));
	ask.form = (enum judge_form)m->form;
	ask.text = (const char *)m->text.p;
	ask.len = m->text.len;
	ask.asker = &s->asker;
	ask.in_transaction = transaction(m->transaction);
	ask.estimate = estimate(m->estimate, m->est_rows, m->est_cost);
	ask.now = (time_t)(now_wall_us() / 1000000);
	judge(s->engine, sc, &ask, s, m->seq);
	send_verdict(s, m->seq);
	if (s->engine->verdict.wanted)
		catalog_want(s->engine, s->database);
	verdict_clear(&s->engine->verdict);
	return 0;
}

/* --- sessions ---------------------------------------------------------- */

static const struct ipc_permit worker_permit[] = {
	{ IPC_judge, ~0u, on_judge },
};

static void
session_clear(struct engine_session *s)
{
	json_decref(s->claims);
	free(s->profile);
	free(s->database);
	free(s->application);
	free(s->client);
	free(s);
}

static void
session_free(struct engine_session *s)
{
	*s->prev = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	ipc_free(&s->ipc);
	session_clear(s);
}

static void
on_worker_closed(void *ctx, const char *reason)
{
	log_debug("event=session_closed reason=%s",
	    log_esc(reason, strlen(reason)));
	session_free(ctx);
}

static void
session_guard(struct engine_session *s)
{
	const struct scene	*sc;
	struct ipc_guard	 m;
	struct buf		 b;

	buf_init(&b, LEN_GUARD);
	sc = scene_get(s->engine, s->profile, s->database);
	if (sc != NULL && scene_guard(sc, &b) == -1)
		log_warnx("event=guard_cut database=%s", s->database);
	m.pairs = slice_of(buf_head(&b), b.len);
	ipc_send(s->ipc, IPC_guard, &m, NULL, 0);
	buf_clear(&b);
}

static int
on_session(void *ctx, const void *msg, int *fds)
{
	struct engine			*e = ctx;
	const struct ipc_engine_session	*m = msg;
	struct engine_session		*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return 0;	/* its descriptor is closed: refused there */
	s->engine = e;
	s->profile = slice_dup(m->profile);
	s->database = slice_dup(m->database);
	s->application = slice_dup(m->application);
	s->client = slice_dup(m->client);
	if (s->profile == NULL || s->database == NULL ||
	    s->application == NULL || s->client == NULL)
		goto fail;
	/* What cannot be read is not known: rules take the safe side. */
	s->claims = json_loadb((const char *)m->claims.p, m->claims.len,
	    JSON_REJECT_DUPLICATES, NULL);
	s->asker.claims = s->claims;
	s->asker.application = s->application;
	s->asker.client = s->client[0] != '\0' ? s->client : NULL;
	s->ipc = ipc_new(e->loop, fds[0], ROLE_ENGINE, ROLE_WORKER,
	    worker_permit, sizeof(worker_permit) / sizeof(worker_permit[0]),
	    on_worker_closed, s);
	fds[0] = -1;
	if (s->ipc == NULL)
		goto fail;
	s->next = e->sessions;
	s->prev = &e->sessions;
	if (s->next != NULL)
		s->next->prev = &s->next;
	e->sessions = s;
	session_guard(s);
	return 0;
fail:
	session_clear(s);
	return 0;
}

/* --- the parent -------------------------------------------------------- */

static void
ready(struct engine *e, const char *database)
{
	struct ipc_engine_ready	 m = { e->generation, e->epoch };
	struct engine_session	*s, *next;

	for (s = e->sessions; s != NULL; s = next) {
		next = s->next;
		if (database == NULL || strcmp(s->database, database) == 0)
			session_guard(s);
	}
	ipc_send(e->parent, IPC_engine_ready, &m, NULL, 0);
}

static int
on_config(void *ctx, const void *msg, int *fds)
{
	struct engine			*e = ctx;
	const struct ipc_config		*m = msg;
	struct ipc_config_done		 done;
	struct conf_error		 err;
	struct policy			*p = NULL;
	char				*path = slice_dup(m->path);

	(void)fds;
	memset(&done, 0, sizeof(done));
	done.generation = m->generation;
	snprintf(err.text, sizeof(err.text), "out of memory");
	if (path != NULL)
		p = policy_parse(path, (const char *)m->text.p, m->text.len,
		    &err);
	free(path);
	if (p == NULL) {
		done.error = clip(err.text, LEN_REASON);
		ipc_send(e->parent, IPC_config_done, &done, NULL, 0);
		return 0;
	}
	scenes_drop(e, NULL);
	policy_free(&e->policy);
	e->policy = p;
	p->generation = e->generation = m->generation;
	done.ok = 1;
	ipc_send(e->parent, IPC_config_done, &done, NULL, 0);
	ready(e, NULL);
	return 0;
}

static int
on_catalog(void *ctx, const void *msg, int *fds)
{
	struct engine			*e = ctx;
	const struct ipc_catalog	*m = msg;
	struct engine_db		*d;
	struct catalog			*cat;
	const char			*why;
	char				*key = slice_dup(m->database);

	if (key == NULL || (d = db_get(e, key)) == NULL) {
		free(key);
		return 0;
	}
	free(key);
	if ((cat = catalog_load(fds[0], &why)) == NULL) {
		/* What it had stays; its epoch is old, and workers wait. */
		log_warnx("event=catalog_refused database=%s reason=\"%s\"",
		    d->key, why);
		return 0;
	}
	scenes_drop(e, d->key);
	catalog_free(&d->cat);
	d->cat = cat;
	e->epoch = m->epoch;
	ready(e, d->key);
	return 0;
}

static int
on_explain(void *ctx, const void *msg, int *fds)
{
	static const char	 none[] = "{\"error\":\"no such profile or "
				    "database, or the answer is too long\"}";
	struct engine			*e = ctx;
	const struct ipc_explain	*m = msg;
	struct ipc_explained		 out;
	const struct scene		*sc = NULL;
	struct judge_ask		 ask;
	struct asker			 who = { NULL, NULL, NULL };
	json_t				*claims;
	struct buf			 b;
	char				*profile = slice_dup(m->profile);
	char				*database = slice_dup(m->database);
	char				*application, *client, *text = NULL;

	(void)fds;
	claims = json_loadb((const char *)m->claims.p, m->claims.len,
	    JSON_REJECT_DUPLICATES, NULL);
	who.claims = claims;
	application = m->application.len == 0 ? NULL :
	    slice_dup(m->application);
	who.application = application;
	client = m->client.len == 0 ? NULL : slice_dup(m->client);
	who.client = client;
	buf_init(&b, LEN_JSON);
	out.id = m->id;
	out.json = slice_str(none);
	if (profile != NULL && database != NULL)
		sc = scene_get(e, profile, database);
	if (sc != NULL) {
		memset(&ask, 0, sizeof(ask));
		ask.form = JUDGE_QUERY;
		ask.text = (const char *)m->text.p;
		ask.len = m->text.len;
		ask.detail = true;
		ask.in_transaction = transaction(m->transaction);
		ask.estimate = estimate(m->estimate, m->est_rows,
		    m->est_cost);
		ask.now = m->time != 0 ? (time_t)m->time :
		    (time_t)(now_wall_us() / 1000000);
		ask.asker = &who;
		judge(e, sc, &ask, NULL, 0);
		if ((e->verdict.flags & VERDICT_HOLD) != 0 &&
		    (text = slice_dup(m->text)) != NULL)
			e->verdict.shape = sqltree_shape(text);
		if (verdict_json(&e->verdict, &b) == 0)
			out.json = slice_of(buf_head(&b), b.len);
		verdict_clear(&e->verdict);
	}
	ipc_send(e->parent, IPC_explained, &out, NULL, 0);
	buf_clear(&b);
	json_decref(claims);
	free(text);
	free(application);
	free(client);
	free(profile);
	free(database);
	return 0;
}

static int
on_masks(void *ctx, const void *msg, int *fds)
{
	struct engine			*e = ctx;
	const struct ipc_masks		*m = msg;
	struct ipc_explained		 out;
	char				*profile = slice_dup(m->profile);
	char				*database = slice_dup(m->database);
	char				*text = NULL;

	(void)fds;
	if (profile != NULL && database != NULL)
		text = masklist_json(profile, database,
		    scene_get(e, profile, database), LEN_JSON);
	out.id = m->id;
	out.json = slice_str(text != NULL ? text :
	    "{\"error\":\"out of memory\"}");
	ipc_send(e->parent, IPC_explained, &out, NULL, 0);
	free(text);
	free(profile);
	free(database);
	return 0;
}

static const struct ipc_permit parent_permit[] = {
	{ IPC_config, ~0u, on_config },
	{ IPC_catalog, ~0u, on_catalog },
	{ IPC_engine_session, ~0u, on_session },
	{ IPC_explain, ~0u, on_explain },
	{ IPC_masks, ~0u, on_masks },
};

static void
on_parent_closed(void *ctx, const char *reason)
{
	(void)ctx;
	(void)reason;
	_exit(0);
}

static void
limits(void)
{
#ifndef SANITIZED	/* its shadow takes terabytes of addresses */
	struct rlimit	 r = { MEMORY_MAX, MEMORY_MAX };

	if (setrlimit(RLIMIT_AS, &r) == -1)
		log_warn("event=rlimit_failed");
#endif
}

static void
run(void *arg)
{
	struct engine	*e;

	if ((e = calloc(1, sizeof(*e))) == NULL)
		fatalx("event=no_memory");
	e->loop = ev_loop_new();
	e->parent = ipc_new(e->loop, *(int *)arg, ROLE_ENGINE, ROLE_PARENT,
	    parent_permit, sizeof(parent_permit) / sizeof(parent_permit[0]),
	    on_parent_closed, e);
	if (e->parent == NULL)
		fatalx("event=no_memory");
	doom_init();
	ev_run(e->loop);
}

void
engine_main(int fd)
{
	limits();
	if (bigstack_run(run, &fd) == -1)
		fatalx("event=no_stack");
	_exit(0);
}
