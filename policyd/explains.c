/*
 * Engines asked what they find in a text: policyctl explain, and what an
 * approver sees of a statement that waits.  Runs in the parent, which reads no
 * SQL.  The text may be a client's, and an engine may die of it: then nothing
 * was found, and who asked hears that.
 */
#include "explains.h"

#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "children.h"
#include "log.h"

/* What an engine is at. */
struct asking {
	TAILQ_ENTRY(asking)	 entry;
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
asking_free(struct parent *p, struct asking *a)
{
	TAILQ_REMOVE(&p->explains->list, a, entry);
	json_decref(a->row);
	free(a);
}

/* NULL: no engine is ready. */
static struct asking *
asking_new(struct parent *p, struct ipc_explain *m)
{
	char		 profile[LEN_KEY + 1];
	struct ipc	*engine = NULL;
	struct asking	*a;

	if (slice_copy(m->profile, profile, sizeof(profile)) == 0)
		engine = children_engine(p, profile);
	a = engine == NULL ? NULL : calloc(1, sizeof(*a));
	if (a == NULL)
		return NULL;
	a->id = m->id = p->explains->next_id++;
	memcpy(a->profile, profile, sizeof(a->profile));
	TAILQ_INSERT_TAIL(&p->explains->list, a, entry);
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

int
explains_explain(struct conn *c, uint32_t id, const json_t *args,
    char *message, size_t size)
{
	const char		*profile, *database, *sql, *in;
	struct parent		*p = control_parent(c);
	const struct profile	*pr;
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
	pr = policy_profile(p->policy, profile);
	if (pr == NULL || policy_database(p->policy, database) == NULL ||
	    !profile_has_database(pr, database)) {
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
	if (m.claims.len > LEN_CLAIMS || m.application.len > LEN_NAME ||
	    m.client.len > LEN_ADDR)
		snprintf(message, size, "the claims, the application's name "
		    "or the address are too long");
	else if ((a = asking_new(p, &m)) == NULL)
		snprintf(message, size, "the profile's engine is not ready");
	free(claims);
	if (a == NULL)
		return 1;
	a->conn = c;
	a->request = id;
	return -1;
}

/* --- answers ---------------------------------------------------------------------- */

/* `json`: as it came, for explain; NULL: the engine died. */
static void
asking_end(struct parent *p, struct asking *a, const struct slice *json)
{
	struct ipc_ctl_row	 row;
	json_t			*found = NULL;

	if (json != NULL)
		found = json_loadb((const char *)json->p, json->len,
		    JSON_REJECT_DUPLICATES, NULL);
	if (json_object_get(found, "action") == NULL) {
		json_decref(found);
		found = NULL;
	}
	if (a->row != NULL)
		show_end(a->conn, a->request, a->row, found);
	else if (a->conn != NULL && json != NULL) {
		row.id = a->request;
		row.json = *json;
		control_row_raw(a->conn, &row);
		control_end(a->conn, a->request, 0, "");
	} else if (a->conn != NULL)
		control_end(a->conn, a->request, 1, "the engine died of it");
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
		if (a->id == m->id) {
			asking_end(p, a, &m->json);
			return;
		}
}

void
explains_engine_lost(struct parent *p, const char *profile)
{
	struct asking	*a, *next;

	for (a = TAILQ_FIRST(&p->explains->list); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (strcmp(a->profile, profile) == 0)
			asking_end(p, a, NULL);
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
