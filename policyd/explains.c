/*
 * Engines asked what they find in a text: policyctl explain, and what an
 * approver sees of a statement that waits; and what they mask: policyctl
 * masks.  Runs in the parent, which reads no SQL.  The text may be a client's,
 * and an engine may die of it: then nothing was found, and who asked hears
 * that.
 */
#include "explains.h"

#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "children.h"
#include "estimates.h"
#include "log.h"

/* What is asked again with an estimate, if the answer wants one. */
#define AGAIN_TEXTS	6
struct again {
	struct ipc_explain	 m;
	char			*texts[AGAIN_TEXTS];
};

/* What an engine is at. */
struct asking {
	TAILQ_ENTRY(asking)	 entry;
	struct parent		*p;
	struct again		*again;		/* or NULL */
	uint32_t		 id;		/* ours */
	char			 profile[LEN_KEY + 1];
	/* For a tool ... */
	struct conn		*conn;
	uint32_t		 request;	/* the tool's */
	json_t			*row;		/* of `show`, or NULL */
	/* ... or for us. */
	explained_fn		*fn;
	void			*ctx;
};
TAILQ_HEAD(asking_list, asking);

struct explains {
	struct asking_list	 list;
	uint32_t		 next_id;
};

static void
again_free(struct again **ap)
{
	size_t	i;

	for (i = 0; *ap != NULL && i < AGAIN_TEXTS; i++)
		free((*ap)->texts[i]);
	free(*ap);
	*ap = NULL;
}

/* With copies of all; NULL: out of memory. */
static struct again *
again_new(const struct ipc_explain *m)
{
	struct again	*g = calloc(1, sizeof(*g));
	struct slice	*all[AGAIN_TEXTS];
	size_t		 i;

	if (g == NULL)
		return NULL;
	g->m = *m;
	all[0] = &g->m.profile;
	all[1] = &g->m.database;
	all[2] = &g->m.claims;
	all[3] = &g->m.application;
	all[4] = &g->m.client;
	all[5] = &g->m.text;
	for (i = 0; i < AGAIN_TEXTS; i++) {
		if ((g->texts[i] = slice_dup(*all[i])) == NULL) {
			again_free(&g);
			return NULL;
		}
		all[i]->p = (const uint8_t *)g->texts[i];
	}
	return g;
}

static void
asking_free(struct parent *p, struct asking *a)
{
	estimates_forget(p, a);
	again_free(&a->again);
	TAILQ_REMOVE(&p->explains->list, a, entry);
	json_decref(a->row);
	free(a);
}

/* NULL: the profile has no engine now, and *engine is not set. */
static struct asking *
asking_add(struct parent *p, const char *profile, struct ipc **engine)
{
	struct asking	*a;

	if ((*engine = children_engine(p, profile)) == NULL ||
	    (a = calloc(1, sizeof(*a))) == NULL)
		return NULL;
	a->p = p;
	a->id = p->explains->next_id++;
	snprintf(a->profile, sizeof(a->profile), "%s", profile);
	TAILQ_INSERT_TAIL(&p->explains->list, a, entry);
	return a;
}

/* NULL: no engine is ready. */
static struct asking *
asking_new(struct parent *p, struct ipc_explain *m)
{
	char		 profile[LEN_KEY + 1];
	struct ipc	*engine;
	struct asking	*a;

	if (slice_copy(m->profile, profile, sizeof(profile)) == -1 ||
	    (a = asking_add(p, profile, &engine)) == NULL)
		return NULL;
	m->id = a->id;
	if (ipc_send(engine, IPC_explain, m, NULL, 0) == 0)
		return a;
	asking_free(p, a);
	return NULL;
}

int
explains_ask(struct parent *p, struct ipc_explain *m, explained_fn *fn,
    void *ctx)
{
	struct asking	*a = asking_new(p, m);

	if (a == NULL)
		return -1;
	a->fn = fn;
	a->ctx = ctx;
	return 0;
}

void
explains_forget(struct parent *p, const void *ctx)
{
	struct asking	*a;

	TAILQ_FOREACH(a, &p->explains->list, entry)
		if (a->fn != NULL && a->ctx == ctx)
			a->fn = NULL;
}

void
explains_conn_gone(struct parent *p, struct conn *c)
{
	struct asking	*a, *next;

	for (a = TAILQ_FIRST(&p->explains->list); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->conn == c)
			asking_free(p, a);
	}
}

/* --- tools ---------------------------------------------------------------------- */

/* Of explain's answer, what an approver wants to know. */
static json_t *
found_for_show(const json_t *found)
{
	static const char *const	 names[] = { "kinds", "reads",
	    "writes", "masked", "score", "tags", "rewritten" };
	json_t				*o = json_object();
	size_t				 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (json_object_get(found, names[i]) != NULL)
			json_object_set(o, names[i], json_object_get(found,
			    names[i]));
	return o;
}

static void
show_end(struct conn *c, uint32_t request, json_t *row, const json_t *found)
{
	json_object_set_new(row, "found", found != NULL ?
	    found_for_show(found) : json_string("the engine could not look "
	    "at it"));
	control_row(c, request, json_incref(row));
	control_end(c, request, 0, "");
}

void
explains_show(struct conn *c, uint32_t id, struct ipc_explain *m, json_t *row)
{
	struct asking	*a = asking_new(control_parent(c), m);

	if (a == NULL) {
		show_end(c, id, row, NULL);
		json_decref(row);
		return;
	}
	a->conn = c;
	a->request = id;
	a->row = row;
}

static bool
has_database(const struct policy *policy, const char *profile,
    const char *database)
{
	const struct profile	*p = policy_profile(policy, profile);

	return p != NULL && policy_database(policy, database) != NULL &&
	    profile_has_database(p, database);
}

int
explains_explain(struct conn *c, uint32_t id, const json_t *args,
    char *message, size_t size)
{
	const char		*profile, *database, *sql, *in;
	struct parent		*p = control_parent(c);
	struct ipc_explain	 m;
	struct asking		*a = NULL;
	char			*claims;

	profile = json_string_value(json_object_get(args, "profile"));
	database = json_string_value(json_object_get(args, "database"));
	sql = json_string_value(json_object_get(args, "sql"));
	if (profile == NULL || database == NULL || sql == NULL) {
		snprintf(message, size, "explain needs profile, database and "
		    "sql");
		return 1;
	}
	if (!has_database(p->policy, profile, database)) {
		snprintf(message, size, "there is no such profile, or it does "
		    "not have this database");
		return 1;
	}
	m.profile = slice_str(profile);
	m.database = slice_str(database);
	m.text = slice_str(sql);
	claims = json_is_object(json_object_get(args, "claims")) ?
	    json_dumps(json_object_get(args, "claims"), JSON_COMPACT) : NULL;
	m.claims = slice_str(claims != NULL ? claims : "");
	in = json_string_value(json_object_get(args, "application"));
	m.application = slice_str(in != NULL ? in : "");
	in = json_string_value(json_object_get(args, "address"));
	m.client = slice_str(in != NULL ? in : "");
	m.time = (uint64_t)json_integer_value(json_object_get(args, "time"));
	in = json_string_value(json_object_get(args, "in_transaction"));
	m.transaction = in == NULL || strcmp(in, "any") == 0 ? 0 :
	    strcmp(in, "true") == 0 ? 'T' : 'I';
	m.estimate = ESTIMATE_UNASKED;
	m.est_rows = (uint64_t)json_integer_value(json_object_get(args,
	    "rows"));
	m.est_cost = (uint64_t)json_integer_value(json_object_get(args,
	    "cost"));
	if (json_is_integer(json_object_get(args, "rows")) ||
	    json_is_integer(json_object_get(args, "cost")))
		m.estimate = ESTIMATE_TOLD;
	if (m.claims.len > LEN_CLAIMS || m.application.len > LEN_NAME ||
	    m.client.len > LEN_ADDR)
		snprintf(message, size, "the claims, the application's name "
		    "or the address are too long");
	else if ((a = asking_new(p, &m)) == NULL)
		snprintf(message, size, "the profile's engine is not ready");
	if (a != NULL && json_is_true(json_object_get(args, "estimate")) &&
	    m.estimate == ESTIMATE_UNASKED)
		a->again = again_new(&m);
	free(claims);
	if (a == NULL)
		return 1;
	a->conn = c;
	a->request = id;
	return -1;
}

/* What was asked for a command already. */
static void
asking_forget(struct parent *p, const struct conn *c, uint32_t request)
{
	struct asking	*a, *next;

	for (a = TAILQ_FIRST(&p->explains->list); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->conn == c && a->request == request)
			asking_free(p, a);
	}
}

/* Of one profile, or of each that has masks and the database: a row each. */
int
explains_masks(struct conn *c, uint32_t id, const json_t *args, char *message,
    size_t size)
{
	struct parent		*p = control_parent(c);
	const char		*profile, *database;
	const struct profile	*pr;
	struct ipc_masks	 m;
	struct ipc		*engine;
	struct asking		*a;
	size_t			 i, n = 0;

	profile = json_string_value(json_object_get(args, "profile"));
	database = json_string_value(json_object_get(args, "database"));
	for (i = 0; database != NULL && i < p->policy->nprofiles; i++) {
		pr = &p->policy->profiles[i];
		if (pr->nmasks == 0 || !has_database(p->policy, pr->key,
		    database) ||
		    (profile != NULL && strcmp(profile, pr->key) != 0))
			continue;
		n++;
		if ((a = asking_add(p, pr->key, &engine)) == NULL) {
			snprintf(message, size, "the engine of profile %s is "
			    "not ready", pr->key);
			asking_forget(p, c, id);
			return 1;
		}
		a->conn = c;
		a->request = id;
		m.id = a->id;
		m.profile = slice_str(pr->key);
		m.database = slice_str(database);
		ipc_send(engine, IPC_masks, &m, NULL, 0);
	}
	if (n > 0)
		return -1;
	snprintf(message, size, "no such profile has masks and this database");
	return 1;
}

/* --- answers ---------------------------------------------------------------------- */

/* What the planner says, or why it says nothing: the engine is asked again. */
static void
on_estimate(void *ctx, uint64_t rows, uint64_t cost, const char *reason)
{
	struct asking		*a = ctx;
	struct ipc		*engine = children_engine(a->p, a->profile);
	struct ipc_explain	*m = &a->again->m;
	struct conn		*c = a->conn;
	uint32_t		 request = a->request;

	m->id = a->id;
	m->estimate = reason == NULL ? ESTIMATE_TOLD : ESTIMATE_UNTOLD;
	m->est_rows = rows;
	m->est_cost = cost;
	if (engine != NULL && ipc_send(engine, IPC_explain, m, NULL, 0) == 0) {
		again_free(&a->again);
		return;
	}
	asking_free(a->p, a);
	control_end(c, request, 1, "the profile's engine is not ready");
}

/* Does the answer want an estimate?  Then it is asked for. */
static bool
asking_again(struct parent *p, struct asking *a, struct slice json)
{
	json_t		*v;
	const char	*sent;
	struct slice	 text;
	bool		 wanted;

	if (a->again == NULL)
		return false;
	v = json_loadb((const char *)json.p, json.len, 0, NULL);
	wanted = json_is_true(json_object_get(v, "per_estimate"));
	sent = json_string_value(json_object_get(v, "rewritten"));
	text = sent != NULL ? slice_str(sent) : a->again->m.text;
	if (wanted) {
		a->id = p->explains->next_id++;
		wanted = estimates_for(p, a->profile, a->again->texts[1],
		    text, on_estimate, a) == 0;
	}
	json_decref(v);
	return wanted;
}

/* A tool's: the last of a command's answers ends it. */
static void
tool_answered(struct parent *p, struct asking *a, struct slice json)
{
	struct conn	*c = a->conn;
	uint32_t	 request = a->request;
	struct asking	*other;

	if (asking_again(p, a, json))
		return;
	asking_free(p, a);
	control_row_text(c, request, json);
	TAILQ_FOREACH(other, &p->explains->list, entry)
		if (other->conn == c && other->request == request)
			return;
	control_end(c, request, 0, "");
}

/* For an approver or ourselves; NULL: the engine died. */
static void
asking_found(struct parent *p, struct asking *a, const struct slice *json)
{
	json_t	*found = NULL;

	if (json != NULL)
		found = json_loadb((const char *)json->p, json->len,
		    JSON_REJECT_DUPLICATES, NULL);
	if (json_object_get(found, "action") == NULL) {
		json_decref(found);
		found = NULL;
	}
	if (a->row != NULL)
		show_end(a->conn, a->request, a->row, found);
	else if (a->fn != NULL)
		a->fn(a->ctx, found);
	json_decref(found);
	asking_free(p, a);
}

void
explains_answer(struct parent *p, const struct ipc_explained *m)
{
	struct asking	*a;

	TAILQ_FOREACH(a, &p->explains->list, entry)
		if (a->id == m->id)
			break;
	if (a == NULL)
		return;
	if (a->conn != NULL && a->row == NULL)
		tool_answered(p, a, m->json);
	else
		asking_found(p, a, &m->json);
}

void
explains_engine_lost(struct parent *p, const char *profile)
{
	struct asking	*a, *next;
	struct conn	*c;
	uint32_t	 request;

	for (a = TAILQ_FIRST(&p->explains->list); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (strcmp(a->profile, profile) != 0)
			continue;
		if (a->conn == NULL || a->row != NULL) {
			asking_found(p, a, NULL);
			continue;
		}
		/* Other profiles' answers are no whole answer. */
		c = a->conn;
		request = a->request;
		asking_forget(p, c, request);
		control_end(c, request, 1, "the engine died of it");
		next = TAILQ_FIRST(&p->explains->list);
	}
}

void
explains_init(struct parent *p)
{
	if ((p->explains = calloc(1, sizeof(*p->explains))) == NULL)
		fatal("step=explains");
	TAILQ_INIT(&p->explains->list);
	p->explains->next_id = 1;
}
