/*
 * estimate: a statement whose verdict depends on the planner.  Runs in the
 * worker.  The client's message stays at the head of its input meanwhile, and
 * nothing of it goes to the server: policyd asks, as another role and on another
 * connection, since a question here would be part of the client's transaction.
 *
 * Whatever cannot be asked, or is not answered, is told to the engine as that.
 * If policyd goes away it is asked again when it is back.
 */
#include "estimate.h"

#include <string.h>

#include "crypto.h"
#include "log.h"
#include "session.h"

static int
estimate_digest(const struct est_text *t, uint8_t digest[SHA256_LEN])
{
	struct sha256 *sha = sha256_new();
	uint64_t n[2] = { t->len, t->ntypes };

	if (sha == NULL)
		return -1;
	sha256_add(sha, n, sizeof(n));
	sha256_add(sha, t->text, t->len);
	sha256_add(sha, t->types, t->ntypes);
	sha256_add(sha, t->params, t->nparams);
	sha256_end(sha, digest);
	sha256_free(&sha);
	return 0;
}

static void
estimate_ask(struct session *s, const struct est_text *t)
{
	struct ipc_estimate_ask m = {
		.session = slice_str(s->id),
		.id = s->est.id,
		.text = slice_of(t->text, t->len),
		.types = slice_of(t->types, t->ntypes),
		.params = slice_of(t->params, t->nparams),
	};

	s->est.sent = ipc_send(s->w->parent, IPC_estimate_ask, &m, NULL,
	    0) == 0;
	/* Its page may still be fresh while its channel is not there yet. */
	if (!s->est.sent)
		session_retry(s);
}

/* Of another text, or by another policy: begin anew. */
static void
estimate_begin(struct session *s, const struct est_text *t,
    const uint8_t digest[SHA256_LEN])
{
	struct est *e = &s->est;

	e->id++;
	e->generation = s->front.verdict->generation;
	memcpy(e->digest, digest, sizeof(e->digest));
	e->rows = e->cost = 0;
	e->ok = e->sent = false;
	e->state = EST_ASKED;
	if (t->len == 0 || t->len > LEN_ESTIMATE ||
	    t->ntypes > LEN_ESTIMATE || t->nparams > LEN_ESTIMATE)
		e->state = EST_KNOWN;	/* there is none */
}

void
estimate_again(struct session *s, const struct est *e, const uint8_t *text,
    size_t len)
{
	struct est none = { .state = EST_KNOWN };

	/* What it passes with is what is recorded, and shown to people. */
	if (e != &s->est)
		s->est = e->state == EST_KNOWN ? *e : none;
	judge_told(s, text, len, s->est.ok ? ESTIMATE_TOLD : ESTIMATE_UNTOLD,
	    s->est.rows, s->est.cost);
}

void
estimate_ready(struct session *s, const struct est_text *t)
{
	const struct verdict *v = s->front.verdict;
	struct est_text sent = *t;
	uint8_t digest[SHA256_LEN];
	struct est *e = &s->est;

	if (v->action == VERDICT_MASK) {
		sent.text = v->rewritten;
		sent.len = v->rewritten_len;
	}
	if (estimate_digest(&sent, digest) == -1) {
		session_fatal(s, "53200", "out of memory", NULL,
		    "out of memory");
		return;
	}
	if (e->state == EST_IDLE || e->generation != v->generation ||
	    memcmp(e->digest, digest, sizeof(digest)) != 0)
		estimate_begin(s, &sent, digest);
	if (e->state == EST_KNOWN)
		estimate_again(s, e, t->text, t->len);
	else if (!e->sent)
		estimate_ask(s, &sent);
}

void
estimate_message_done(struct session *s, uint8_t type)
{
	/* What was asked for a Parse is for the Bind in its segment. */
	if (strchr("BEQFS", type) != NULL)
		s->est.state = EST_IDLE;
}

void
estimate_on_answer(struct session *s, const struct ipc_estimate_answer *m)
{
	struct est *e = &s->est;

	if (e->state != EST_ASKED || m->id != e->id)
		return;
	e->state = EST_KNOWN;
	e->ok = m->ok != 0;
	e->rows = m->rows;
	e->cost = m->cost;
	session_event(s, EVT_WAKE, NULL);
}

void
estimate_on_parent(struct session *s)
{
	if (s->est.state == EST_ASKED)
		s->est.sent = false;
}
