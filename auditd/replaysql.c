/*
 * auditctl replay --sql: what a session had executed, as a script for psql.
 * Clients wrote the statements; sqltext.c keeps each in its place.
 *
 * A statement is a literal that \gexec sends: psql sends what \gexec reads as
 * it is, and does not look into it, neither for backslash commands nor for
 * variables nor for semicolons, so that what was one message is one message
 * again.  With parameters it becomes PREPARE and EXECUTE.  What cannot be sent
 * as it was, or of which nobody knows that it was executed, is a comment that
 * says why: never half of it.
 */
#include "replay_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "progress.h"
#include "sqltext.h"
#include "visible.h"

struct script {
	FILE		*fp;
	int64_t		 from;		/* us */
	const struct replay_session *of;
	struct buf	 b, args;
	bool		 failed;	/* memory */
	int64_t		 n;		/* statements so far */
};

static void
add(struct script *s, const char *text)
{
	if (buf_add(&s->b, text, strlen(text)) == -1)
		s->failed = true;
}

static void
add_visible(struct script *s, const char *before, const char *text)
{
	add(s, before);
	if (visible_text(&s->b, text, strlen(text), true) == -1)
		s->failed = true;
}

static void
write_out(struct script *s)
{
	if (!s->failed && s->b.len > 0)
		fwrite(buf_head(&s->b), 1, s->b.len, s->fp);
	buf_drain(&s->b, s->b.len);
}

/* Why it was not executed as far as the record says, or NULL. */
static const char *
not_executed(const struct replay_statement *r)
{
	const char *status = replay_status(r);

	if (strcmp(r->action, "allow") != 0 && strcmp(r->action, "mask") != 0)
		return "it was refused";
	if (strcmp(status, "ok") == 0 || strcmp(status, "error") == 0)
		return NULL;
	if (strcmp(status, "skipped") == 0)
		return "the server skipped it, after an error";
	if (strcmp(status, "voided") == 0)
		return "it was judged again before it was sent";
	if (strcmp(status, "denied") == 0)
		return "it was refused";
	return "it is not known whether it was executed";
}

/* A symbol, or a sentence, may stand for a value (common/redact.h). */
static bool
is_redacted(const char *text, size_t len)
{
	return memchr(text, '$', len) != NULL ||
	    memmem(text, len, "not recorded */", 15) != NULL;
}

const char *
replay_why_not(const struct replay_session *of,
    const struct replay_statement *r)
{
	const char *reason = not_executed(r);
	bool complete = of->literals[0] == '\0' ||
	    strcmp(of->literals, "keep") == 0;

	if (reason != NULL)
		return reason;
	if (strcmp(r->form, "function") == 0)
		return "it was a function call of the protocol";
	if (strcmp(r->form, "query") != 0 && strcmp(r->form, "execute") != 0)
		return "its form is not known";
	if (r->text == NULL)
		return "its text is in a segment that is not here";
	if (!complete && is_redacted(r->text, r->text_len))
		return "its values were not to be recorded";
	/* U+FFFD: what the record has for it. */
	if (memmem(r->text, r->text_len, "\xef\xbf\xbd", 3) != NULL)
		return "its text was not UTF-8, or has U+FFFD in it";
	if (sqltext_may_copy_in(r->text, r->text_len))
		return "the data that COPY got are not in the record";
	return NULL;
}

/* -1: it has no such form, and nothing was added. */
static int
add_gexec(struct script *s, const char *before, const char *text, size_t len)
{
	add(s, "SELECT E'");
	add(s, before);
	if (sqltext_escape(&s->b, text, len) == -1)
		return -1;
	add(s, "' \\gexec\n");
	return 0;
}

/* NULL, or why it cannot be. */
static const char *
add_prepared(struct script *s, const struct replay_statement *r)
{
	char name[48], before[80];

	/* No statement of the session can know, and so have, this name. */
	snprintf(name, sizeof(name), "postern_%.16s", r->hash);
	snprintf(before, sizeof(before), "PREPARE %s AS ", name);
	if (add_gexec(s, before, r->text, r->text_len) == -1)
		return "its text has no form in SQL";
	add(s, "EXECUTE ");
	add(s, name);
	add(s, "(");
	if (buf_add(&s->b, buf_head(&s->args), s->args.len) == -1)
		s->failed = true;
	add(s, ");\nDEALLOCATE ");
	add(s, name);
	add(s, ";\n");
	return NULL;
}

/* The statement itself; else nothing, and why. */
static const char *
add_statement(struct script *s, const struct replay_statement *r, char *why,
    size_t size)
{
	const char *reason = replay_why_not(s->of, r);
	int n;

	if (reason != NULL)
		return reason;
	buf_drain(&s->args, s->args.len);
	if ((n = sqltext_arguments(&s->args, r->params, why, size)) == -1)
		return why;
	if (n > 0)
		return add_prepared(s, r);
	if (sqltext_transaction(&s->b, r->text, r->text_len)) {
		add(s, "\n");
		return NULL;
	}
	return add_gexec(s, "", r->text, r->text_len) == 0 ? NULL :
	    "its text has no form in SQL";
}

static void
add_head(struct script *s, const struct replay_statement *r)
{
	const struct replay_outcome *o = r->outcome;
	char line[128];

	snprintf(line, sizeof(line), "\n-- +%.3f s, statement %" PRId64
	    ", event %" PRId64, (double)r->offset / 1000000, r->stmt, r->id);
	add(s, line);
	add_visible(s, ": ", replay_status(r));
	if (o != NULL && o->tag[0] != '\0')
		add_visible(s, ", ", o->tag);
	if (o != NULL && o->sqlstate[0] != '\0')
		add_visible(s, ", ", o->sqlstate);
	if (o != NULL && o->error[0] != '\0')
		add_visible(s, ": ", o->error);
	add(s, "\n");
}

static bool
write_statement(void *ctx, const struct replay_statement *r)
{
	struct script *s = ctx;
	const char *reason;
	char why[128];

	s->n++;
	if (r->offset < s->from)
		return true;
	add_head(s, r);
	write_out(s);
	if ((reason = add_statement(s, r, why, sizeof(why))) != NULL) {
		/* Nothing of what had been begun. */
		buf_drain(&s->b, s->b.len);
		add(s, "-- not replayed: ");
		add(s, reason);
		add(s, "\n");
		if (r->text != NULL && sqltext_comment(&s->b, r->text,
		    r->text_len) == -1)
			s->failed = true;
		if (r->params[0] != '\0')
			add_visible(s, "--   parameters: ", r->params);
		if (r->params[0] != '\0')
			add(s, "\n");
	}
	write_out(s);
	return !s->failed && ferror(s->fp) == 0 &&
	    !progress(s->n, (int64_t)s->of->noutcomes);
}

static void
write_head(struct script *s, const struct replay_session *of)
{
	add_visible(s, "-- Session ", of->id);
	add_visible(s, "\n-- of ", of->subject);
	add_visible(s, " as ", of->profile);
	add_visible(s, " on ", of->database);
	add_visible(s, ", role ", of->role);
	add_visible(s, ", opened ", of->opened);
	add(s, "\n-- What it had executed, as it was written: values that were"
	    "\n-- masked for it are not masked here, and its own COMMIT is"
	    "\n-- here, too.  Run by psql -X.\n");
	write_out(s);
}

int
replay_sql(struct reader *r, const struct replay_session *of,
    const struct replay_options *o)
{
	struct script s = {
		.from = (int64_t)(o->from * 1000000),
		.of = of
	};
	bool bad;

	if ((s.fp = replay_create(o->sql)) == NULL)
		return 2;
	buf_init(&s.b, REPLAY_TEXT_MAX);
	buf_init(&s.args, REPLAY_TEXT_MAX);
	progress_init("replay");
	progress_unit("statements");
	write_head(&s, of);
	bad = replay_each(r, of, write_statement, &s) == -1 || s.failed ||
	    progress_interrupted();
	progress_end();
	/* Who misses this line has half a script. */
	if (!bad)
		fputs("\n-- End of the session.\n", s.fp);
	if (s.failed)
		fprintf(stderr, "auditctl: out of memory\n");
	if (progress_interrupted())
		fprintf(stderr, "auditctl: interrupted\n");
	buf_clear(&s.b);
	buf_clear(&s.args);
	return replay_close(s.fp, o->sql) == -1 || bad ? 2 : 0;
}
