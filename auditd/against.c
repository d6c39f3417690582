/*
 * auditctl replay --against: what sessions had executed, executed again in
 * another database, and what it says now held against what the clients got.
 * The one part of auditctl that knows libpq.
 *
 * Each session has a connection.  Statements are sent in the order in which
 * they came.  One that waits, for a lock perhaps that another session gives
 * back later, is left waiting while there are others; what came after its end
 * waits for it.  Where masks rewrote a statement the rewritten one is sent:
 * then the database masks as it did.
 */
#include "replay_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "answer.h"
#include "ev.h"
#include "progress.h"
#include "visible.h"

#define PATIENCE_MS	1000	/* for one that waits, when there are others */
#define PARAMS_MAX	1024

/* What was sent and is not compared yet. */
struct sent {
	int64_t		 event, stmt;
	int64_t		 ended;		/* when, then; 0: not known */
	char		*text;
	struct answer	*was, *is;
	char		 tag[64], sqlstate[6];	/* from the outcome */
	bool		 outcome;
};

struct lane {
	struct replay_session session;
	PGconn		*conn;
	bool		 busy;
	struct sent	 sent;
	size_t		 left;		/* statements to come */
	int64_t		 last;		/* when the last of them came */
	char		*portions;	/* text of what was read in portions */
};

struct step {
	int64_t		 time, event;
	struct lane	*lane;
};

struct against {
	struct reader	*reader;
	struct lane	*lanes, *lane;
	size_t		 nlanes;
	struct step	*steps;
	size_t		 nsteps;
	struct buf	 b;
	int64_t		 same, order, differ, notrun;
	bool		 failed;
};

/* --- saying ---------------------------------------------------------------- */

static void
say(struct against *a, const char *s, size_t len)
{
	buf_drain(&a->b, a->b.len);
	if (visible_text(&a->b, s, len, false) == 0)
		fwrite(buf_head(&a->b), 1, a->b.len, stdout);
}

static void
say_str(struct against *a, const char *s)
{
	say(a, s, strlen(s));
}

static void
say_statement(struct against *a, const struct lane *l, int64_t event,
    int64_t stmt, const char *text)
{
	progress_end();
	printf("statement %" PRId64 ", event %" PRId64 ", session ", stmt,
	    event);
	say_str(a, l->session.id);
	fputs("\n    | ", stdout);
	say_str(a, text == NULL ? "" : text);
	fputs("\n", stdout);
}

static void
not_run(struct against *a, struct lane *l, const struct replay_statement *r,
    const char *why)
{
	a->notrun++;
	fputs("not run: ", stdout);
	say_statement(a, l, r->id, r->stmt, r->text);
	printf("    ");
	say_str(a, why);
	putchar('\n');
}

/* --- comparing --------------------------------------------------------------- */

static void
sent_clear(struct sent *s)
{
	free(s->text);
	if (s->was != NULL)
		answer_free(&s->was);
	if (s->is != NULL)
		answer_free(&s->is);
	memset(s, 0, sizeof(*s));
}

/* Without a recording there is how it ended. */
static void
from_outcome(struct sent *s)
{
	const struct answer_part *p;
	struct answer *is;
	size_t i;

	if (s->sqlstate[0] != '\0')
		snprintf(answer_add(s->was, ANSWER_ERROR, "")->sqlstate, 6,
		    "%s", s->sqlstate);
	else
		answer_add(s->was, ANSWER_TAG, s->tag);
	/* The last tag, or the error, of what is there now. */
	is = answer_new();
	for (i = s->is->n; i > 0; i--) {
		p = &s->is->parts[i - 1];
		if (p->kind == ANSWER_ERROR)
			memcpy(answer_add(is, ANSWER_ERROR, "")->sqlstate,
			    p->sqlstate, sizeof(p->sqlstate));
		else if (p->kind == ANSWER_TAG)
			answer_add(is, ANSWER_TAG, p->text);
		else
			continue;
		break;
	}
	answer_free(&s->is);
	s->is = is;
}

static void
compare(struct against *a, struct lane *l)
{
	struct sent *s = &l->sent;
	char why[512];

	if (s->was->n == 0 && s->was->cut == NULL && s->outcome)
		from_outcome(s);
	switch (answer_compare(s->was, s->is, why, sizeof(why))) {
	case ANSWER_SAME:
		a->same++;
		break;
	case ANSWER_ORDER:
		a->order++;
		break;
	case ANSWER_DIFFERS:
		a->differ++;
		fputs("differs: ", stdout);
		say_statement(a, l, s->event, s->stmt, s->text);
		fputs("    ", stdout);
		say_str(a, why);
		putchar('\n');
		break;
	}
	sent_clear(s);
}

/* --- libpq ------------------------------------------------------------------- */

static void
ignore_notice(void *ctx, const PGresult *r)
{
	(void)ctx;
	(void)r;
}

static void
add_rows(struct answer *is, const PGresult *r)
{
	int n = PQnfields(r), i, j;
	struct answer_part *p = answer_add_rows(is, (size_t)n,
	    PQbinaryTuples(r) == 1);

	for (i = 0; i < n; i++)
		answer_set_column(p, (size_t)i, PQfname(r, i), PQftype(r, i));
	for (i = 0; i < PQntuples(r); i++)
		for (j = 0; j < n; j++)
			answer_add_cell(p, PQgetvalue(r, i, j),
			    PQgetisnull(r, i, j) ? -1 : PQgetlength(r, i, j));
	if (n == 0)
		p->nrows = (size_t)PQntuples(r);
}

/* Data of COPY, as far as they are there; true: all of them. */
static bool
take_copy(struct lane *l)
{
	char *data;
	int n;

	while ((n = PQgetCopyData(l->conn, &data, 1)) > 0) {
		answer_add_copy(l->sent.is, data, (size_t)n);
		PQfreemem(data);
	}
	return n != 0;
}

static void
take_result(struct lane *l, const PGresult *r)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	struct answer *is = l->sent.is;

	switch (PQresultStatus(r)) {
	case PGRES_TUPLES_OK:
		add_rows(is, r);
		/* FALLTHROUGH */
	case PGRES_COMMAND_OK:
		answer_add(is, ANSWER_TAG, PQcmdStatus((PGresult *)
		    (uintptr_t)r));
		break;
	case PGRES_COPY_IN:
		/* Nobody has its data. */
		PQputCopyEnd(l->conn, "the data are not in the record");
		break;
	case PGRES_COPY_OUT:
	case PGRES_EMPTY_QUERY:
		break;
	default:
		snprintf(answer_add(is, ANSWER_ERROR, "")->sqlstate, 6, "%s",
		    state == NULL ? "08006" : state);
	}
}

/* Take what is there; true: the statement is over. */
static bool
take(struct lane *l)
{
	PGresult *r;
	bool copying;

	if (PQconsumeInput(l->conn) == 0 &&
	    PQstatus(l->conn) == CONNECTION_BAD)
		return true;
	while (PQisBusy(l->conn) == 0) {
		if ((r = PQgetResult(l->conn)) == NULL)
			return true;
		copying = PQresultStatus(r) == PGRES_COPY_OUT;
		if (!copying || l->sent.is->n == 0 || l->sent.is->parts[
		    l->sent.is->n - 1].kind != ANSWER_COPY)
			take_result(l, r);
		PQclear(r);
		if (copying && !take_copy(l))
			return false;
	}
	return false;
}

/* Until it is over, or for so long; ms -1: for good. */
static void
wait_for(struct against *a, struct lane *l, int ms)
{
	struct pollfd p = { .fd = PQsocket(l->conn), .events = POLLIN };
	uint64_t end = now_boot_ms() + (uint64_t)(ms < 0 ? 0 : ms);

	while (l->busy && !progress_interrupted()) {
		if (take(l)) {
			l->busy = false;
			compare(a, l);
			return;
		}
		if (ms >= 0 && now_boot_ms() >= end)
			return;
		/* A signal may come just before it waits. */
		if (poll(&p, 1, 200) == -1 && errno != EINTR)
			return;
	}
}

/* --- one statement ------------------------------------------------------------ */

/* Text values only; the number, or -1: they are not all known. */
static int
read_params(const char *json, json_t **list, const char *values[PARAMS_MAX])
{
	const json_t *v;
	size_t i;

	*list = NULL;
	if (json[0] == '\0')
		return 0;
	*list = json_loads(json, JSON_ALLOW_NUL, NULL);
	if (!json_is_array(*list) || json_array_size(*list) > PARAMS_MAX)
		return -1;
	for (i = 0; i < json_array_size(*list); i++) {
		v = json_array_get(*list, i);
		if (!json_is_null(v) && (!json_is_string(v) ||
		    strlen(json_string_value(v)) != json_string_length(v)))
			return -1;
		values[i] = json_string_value(v);
	}
	return (int)json_array_size(*list);
}

/* In which format did the rows come?  -1: some in this, some in that. */
static int
format_of(const struct answer *was)
{
	size_t i, j;
	int format = -1;

	for (i = 0; i < was->n; i++)
		for (j = 0; j < was->parts[i].ncolumns; j++) {
			if (format != -1 && format !=
			    was->parts[i].columns[j].binary)
				return -1;
			format = was->parts[i].columns[j].binary;
		}
	return format == -1 ? 0 : format;
}

/* NULL, or why not. */
static const char *
unfit(struct lane *l, const struct replay_statement *r,
    const struct answer *was)
{
	const char *why = replay_why_not(&l->session, r);

	if (why != NULL)
		return why;
	if (l->portions != NULL && strcmp(l->portions, r->text) == 0)
		return "its rows were read in portions";
	free(l->portions);
	l->portions = NULL;
	if (was->suspended) {
		l->portions = strdup(r->text);
		return "its rows were read in portions";
	}
	if (format_of(was) == -1)
		return "its columns came in two formats";
	return NULL;
}

static void
send_statement(struct against *a, struct lane *l,
    const struct replay_statement *r)
{
	struct sent *s = &l->sent;
	const char *values[PARAMS_MAX];
	const char *text = r->sent[0] != '\0' ? r->sent : r->text;
	json_t *list;
	int n, ok;

	if ((n = read_params(r->params, &list, values)) == -1) {
		not_run(a, l, r, "its parameters are not in the record as they "
		    "were");
		json_decref(list);
		sent_clear(s);
		return;
	}
	ok = strcmp(r->form, "query") == 0 ? PQsendQuery(l->conn, text) :
	    PQsendQueryParams(l->conn, text, n, NULL, values, NULL, NULL,
	    format_of(s->was));
	json_decref(list);
	s->is = answer_new();
	if (ok == 1) {
		l->busy = true;
		return;
	}
	progress_end();
	fprintf(stderr, "auditctl: %s", PQerrorMessage(l->conn));
	a->failed = true;
	sent_clear(s);
}

static bool
run_statement(void *ctx, const struct replay_statement *r)
{
	struct against *a = ctx;
	struct lane *l = a->lane;
	struct sent *s = &l->sent;
	const char *why;

	wait_for(a, l, -1);
	if (l->busy || a->failed)
		return false;
	s->was = answer_load(l->session.recording, r->stmt);
	if ((why = unfit(l, r, s->was)) != NULL) {
		not_run(a, l, r, why);
		sent_clear(s);
		return true;
	}
	s->event = r->id;
	s->stmt = r->stmt;
	if ((s->text = strdup(r->text)) == NULL)
		abort();
	if (r->outcome != NULL) {
		s->outcome = true;
		s->ended = r->outcome->time;
		snprintf(s->tag, sizeof(s->tag), "%s", r->outcome->tag);
		snprintf(s->sqlstate, sizeof(s->sqlstate), "%.5s",
		    r->outcome->sqlstate);
	}
	send_statement(a, l, r);
	wait_for(a, l, a->nlanes > 1 ? PATIENCE_MS : -1);
	return !a->failed;
}

/* --- all of them --------------------------------------------------------------- */

static bool
add_step(void *ctx, const struct replay_statement *r)
{
	struct against *a = ctx;

	/* Doubled at each power of two. */
	if ((a->nsteps & (a->nsteps - 1)) == 0 && (a->steps = reallocarray(
	    a->steps, a->nsteps == 0 ? 1 : 2 * a->nsteps,
	    sizeof(*a->steps))) == NULL)
		abort();
	/* The clock may have been set back. */
	if (r->time > a->lane->last)
		a->lane->last = r->time;
	a->steps[a->nsteps++] = (struct step){ a->lane->last, r->id,
	    a->lane };
	a->lane->left++;
	return true;
}

/* By time, since events of several sessions are stored as they are found. */
static int
by_time(const void *a, const void *b)
{
	const struct step *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->event < y->event ? -1 : x->event > y->event;
}

static int
lane_open(struct against *a, struct lane *l, const char *session,
    const char *dsn)
{
	a->lane = l;
	if (replay_load(a->reader, session, &l->session) == -1 ||
	    replay_each(a->reader, &l->session, add_step, a) == -1)
		return -1;
	l->conn = PQconnectdb(dsn);
	if (PQstatus(l->conn) != CONNECTION_OK) {
		fprintf(stderr, "auditctl: %s", PQerrorMessage(l->conn));
		return -1;
	}
	PQsetNoticeReceiver(l->conn, ignore_notice, NULL);
	return 0;
}

static void
lane_close(struct against *a, struct lane *l)
{
	PGcancel *cancel;
	char why[256];

	if (l->conn != NULL && !a->failed)
		wait_for(a, l, -1);
	/* Given up: it must not come to its end when nobody looks. */
	if (l->conn != NULL && l->busy &&
	    (cancel = PQgetCancel(l->conn)) != NULL) {
		PQcancel(cancel, why, sizeof(why));
		PQfreeCancel(cancel);
	}
	PQfinish(l->conn);
	l->conn = NULL;
	sent_clear(&l->sent);
}

/* What had ended before this one came has to end before it is sent. */
static void
wait_for_ended(struct against *a, int64_t now)
{
	size_t i;

	for (i = 0; i < a->nlanes; i++)
		if (a->lanes[i].busy && a->lanes[i].sent.ended != 0 &&
		    a->lanes[i].sent.ended <= now)
			wait_for(a, &a->lanes[i], -1);
}

static void
run_steps(struct against *a)
{
	struct lane *l;
	size_t i;

	for (i = 0; i < a->nsteps && !a->failed; i++) {
		if (progress((int64_t)i, (int64_t)a->nsteps))
			break;
		wait_for_ended(a, a->steps[i].time);
		l = a->lane = a->steps[i].lane;
		if (replay_one(a->reader, &l->session, a->steps[i].event,
		    run_statement, a) == -1)
			a->failed = true;
		/* Its end gave back what it held. */
		if (--l->left == 0)
			lane_close(a, l);
	}
}

int
replay_against(struct reader *r, char *const *sessions, size_t n,
    const struct replay_options *o)
{
	struct against a = { .reader = r, .nlanes = n };
	bool damaged = false;
	size_t i;

	if ((a.lanes = calloc(n, sizeof(*a.lanes))) == NULL)
		abort();
	buf_init(&a.b, REPLAY_TEXT_MAX);
	progress_init("replay");
	progress_unit("statements");
	for (i = 0; i < n && !a.failed; i++)
		a.failed = lane_open(&a, &a.lanes[i], sessions[i],
		    o->against) == -1;
	if (!a.failed && a.nsteps > 0) {
		qsort(a.steps, a.nsteps, sizeof(*a.steps), by_time);
		run_steps(&a);
	}
	for (i = 0; i < n; i++) {
		lane_close(&a, &a.lanes[i]);
		if (a.lanes[i].session.recording != NULL &&
		    recording_damaged(a.lanes[i].session.recording) != 0)
			damaged = true;
		replay_unload(&a.lanes[i].session);
		free(a.lanes[i].portions);
	}
	progress_end();
	free(a.lanes);
	free(a.steps);
	buf_clear(&a.b);
	if (progress_interrupted())
		fprintf(stderr, "auditctl: interrupted\n");
	if (a.failed || progress_interrupted())
		return 2;
	printf("%" PRId64 " statements: %" PRId64 " the same, %" PRId64
	    " the same rows in another order, %" PRId64 " differ; %" PRId64
	    " not run\n", a.same + a.order + a.differ, a.same, a.order,
	    a.differ, a.notrun);
	return a.differ > 0 || damaged;
}
