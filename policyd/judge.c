/*
 * The decision about one text: look it over, parse it, find what every
 * statement is and touches, ask the rules, then the masks, and rewrite.
 *
 * Runs in the engine.  The text is a client's.  Pure: no I/O, no state but the
 * masks' parse trees that the scene keeps.  Whatever is not understood becomes
 * a denial with a sentence that says so.
 */
#include "judge_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "facts.h"
#include "prescan.h"
#include "settings.h"
#include "touches.h"

/* FUNC_MAX_ARGS of the server. */
#define NUMBER_ARGS	100

/* --- one statement ----------------------------------------------------- */

static void
note_detail(struct judgement *j, const struct analysis *a)
{
	struct verdict	*v = j->out;
	size_t		 i;

	for (i = 0; i < a->nunits && v->nkinds < VERDICT_KINDS; i++)
		v->kinds[v->nkinds++] = a->units[i].kind;
	for (i = 0; i < a->nrefs; i++) {
		const struct ref *r = &a->refs[i];
		char		 *list = r->write ? v->writes : v->reads;

		if (r->rel != NULL)
			judge_append(list, sizeof(v->reads), "%s.%s",
			    r->rel->schema, r->rel->name);
		else if (r->rv != NULL)
			judge_append(list, sizeof(v->reads), "%s?",
			    r->rv->relname);
	}
}

static void
note_masked(struct verdict *v, const struct protect_rel *p)
{
	size_t	 i;

	for (i = 0; i < p->rel->ncols; i++)
		if (p->mask[i] != NULL)
			judge_append(v->masked, sizeof(v->masked), "%s.%s.%s",
			    p->rel->schema, p->rel->name,
			    p->rel->cols[i].name);
}

static bool
add_splice(struct judgement *j, const struct splice *s)
{
	struct splice	*v;
	size_t		 cap;

	if (j->nsplices == j->capsplices) {
		cap = j->capsplices == 0 ? 8 : j->capsplices * 2;
		v = arena_alloc(&j->arena, cap * sizeof(*v));
		if (v == NULL)
			return false;
		if (j->nsplices > 0)
			memcpy(v, j->splices, j->nsplices * sizeof(*v));
		j->splices = v;
		j->capsplices = cap;
	}
	j->splices[j->nsplices++] = *s;
	return true;
}

static bool
add_splices(struct judgement *j, const struct analysis *a)
{
	struct splice	 s = { .kind = SPLICE_RELATION };
	size_t		 i, k;

	for (i = 0; i < a->nrefs; i++) {
		if (a->refs[i].prot == NULL)
			continue;
		for (k = 0; k < j->nsplices; k++)
			if (j->splices[k].prot == a->refs[i].prot)
				break;
		if (k == j->nsplices)
			note_masked(j->out, a->refs[i].prot);
		s.copy = a->refs[i].copy;
		s.kind = s.copy != NULL ? SPLICE_COPY : SPLICE_RELATION;
		s.rv = a->refs[i].rv;
		s.location = s.rv->location;
		s.prot = a->refs[i].prot;
		if (!add_splice(j, &s))
			return false;
	}
	for (i = 0; i < a->nedits; i++) {
		if (a->edits[i].kind == SPLICE_RETURNING)
			note_masked(j->out, a->edits[i].prot);
		if (!add_splice(j, &a->edits[i]))
			return false;
	}
	return true;
}

static void
note_flags(struct judgement *j, const struct analysis *a)
{
	struct verdict	*v = j->out;
	size_t		 i;

	if (!analysis_readonly(a))
		j->readonly = false;
	if (a->nprotected > 0 || (a->executes && j->scene->masked))
		v->flags |= VERDICT_PROTECTED;
	for (i = 0; i < a->nunits; i++) {
		if ((kind_groups(a->units[i].kind) & KIND_G_DDL) != 0 ||
		    a->units[i].kind == KIND_DO ||
		    a->units[i].kind == KIND_CALL)
			v->flags |= VERDICT_DDL;
		if (a->units[i].kind == KIND_COPY_FROM)
			v->flags |= VERDICT_COPY_IN;
	}
	if (a->executes || a->wanted || (a->unresolved &&
	    (j->scene->masked || j->scene->relations)))
		j->unsure = true;
	v->wanted |= a->wanted || (a->unresolved && j->scene->relations);
}

static void
note_facts(const struct judgement *j, const struct analysis *a,
    const PgQuery__Node *stmt)
{
	struct facts	 f;

	facts_collect(&f, a, stmt, LOOK_COLUMNS | LOOK_FUNCTIONS | LOOK_KEYED);
	if (!f.nomem)
		j->ask->note(j->ask->note_ctx, a, &f);
}

/* EXECUTE, EXPLAIN EXECUTE, CREATE TABLE AS EXECUTE: what was prepared, perhaps
 * before a reload brought the rule that holds it. */
static bool
runs_prepared(const struct analysis *a)
{
	size_t	 i;

	for (i = 0; i < a->nunits; i++)
		if (a->units[i].kind == KIND_EXECUTE)
			return true;
	return false;
}

static bool
judge_analysed(struct judgement *j, const struct analysis *a,
    const PgQuery__Node *stmt)
{
	if (j->ask->detail)
		note_detail(j, a);
	touches_note(j, a, stmt);
	note_flags(j, a);
	judge_names(j, stmt);
	if (j->ask->note != NULL)
		note_facts(j, a, stmt);
	if (!judge_rules(j, a, stmt) || !judge_caps(j, a))
		return false;
	if ((rules_hold(j->scene->profile) ||
	    ((j->scene->looks & LOOK_ESTIMATE) != 0 &&
	    j->scene->profile->observe == 0)) && runs_prepared(a)) {
		judge_deny(j->out, j->out->rule, "42501", "statement refused: "
		    "EXECUTE could run what needs approval or an estimate, "
		    "and does not say what it runs");
		j->out->hint = "Send the statement itself.";
		return false;
	}
	/* EXECUTE would run it again and again. */
	if ((j->out->flags & VERDICT_HOLD) != 0 &&
	    stmt->node_case == PG_QUERY__NODE__NODE_PREPARE_STMT) {
		judge_deny(j->out, j->out->rule, "42501",
		    "statement refused: one "
		    "that needs approval cannot be prepared by PREPARE");
		j->out->hint = "Send the statement itself.";
		return false;
	}
	if (j->names) {
		judge_deny(j->out, "(masks)", "42501", "statement refused: in "
		    "a profile with masks one message cannot prepare, declare, "
		    "execute or fetch under several names");
		j->out->hint = "Send the statements one by one.";
		return false;
	}
	if (a->refused) {
		judge_deny(j->out, a->refused_by != NULL ? a->refused_by :
		    "(masks)", a->sqlstate, "statement refused: %s",
		    a->message);
		return false;
	}
	if (!add_splices(j, a)) {
		judge_deny(j->out, "(masks)", "53200", "out of memory");
		return false;
	}
	return true;
}

/* false: the text is denied. */
static bool
judge_statement(struct judgement *j, const PgQuery__Node *stmt, bool first)
{
	struct analysis	 a;
	bool		 passed;

	memset(&a, 0, sizeof(a));
	a.scene = j->scene;
	a.arena = &j->arena;
	analysis_statement(&a, stmt);
	/* A call by number needs leave for that, and for what it calls. */
	if (j->ask->form == JUDGE_FUNCTION)
		analysis_unit(&a, KIND_FASTPATH, 0, 0);
	if (first)
		j->out->kind = a.kind;
	passed = judge_analysed(j, &a, stmt);
	analysis_clear(&a);
	return passed;
}

/* The sum over the whole text. */
static void
judge_risk(struct judgement *j)
{
	const struct profile	*p = j->scene->profile;
	struct verdict		*v = j->out;

	if (p->deny_over == 0 || v->score <= p->deny_over ||
	    v->action == VERDICT_DENY)
		return;
	if (p->observe != 0)
		judge_observed(v, "(risk)");
	else
		judge_deny(v, "(risk)", "42501",
		    "statement refused: its risk score "
		    "is %llu, and profile \"%s\" allows %llu",
		    (unsigned long long)v->score, p->key,
		    (unsigned long long)p->deny_over);
}

/* --- the text ---------------------------------------------------------- */

static void
judge_empty(struct judgement *j, enum kind k)
{
	struct analysis	 a;
	struct unit	 u = { k, 0, 0 };

	memset(&a, 0, sizeof(a));
	a.units = &u;
	a.nunits = 1;
	a.kind = j->out->kind = k;
	if (j->ask->detail)
		note_detail(j, &a);
	judge_rules(j, &a, NULL);
}

/*
 * The keyword cannot be written in another way.  A session's role keeps its
 * password in every profile (utility.c), which nobody could see to here.
 */
static bool
names_password(const char *text, size_t len)
{
	static const char	word[] = "password";
	size_t			n = sizeof(word) - 1, i;

	for (i = 0; i + n <= len; i++)
		if (strncasecmp(text + i, word, n) == 0)
			return true;
	return false;
}

/*
 * A text that is not understood passes where everything does: then what it is
 * makes no difference to the verdict, and the server says itself what it thinks
 * of it.  It may be anything, so everything is to be expected of it.  Not so
 * one with a NUL in it, of which the server would read a part.
 */
static bool
judge_unread(struct judgement *j)
{
	if (!rules_open(j->scene->profile) ||
	    settings_limited(j->scene->profile) ||
	    memchr(j->ask->text, '\0', j->ask->len) != NULL ||
	    names_password(j->ask->text, j->ask->len))
		return false;
	judge_empty(j, KIND_OTHER);
	j->readonly = false;
	j->out->flags |= VERDICT_UNREAD | VERDICT_DDL | VERDICT_STATEMENTS |
	    VERDICT_PORTALS;
	return true;
}

static void
judge_tree(struct judgement *j, const struct sqltree *t, const char *text,
    size_t len)
{
	const char	*why;
	size_t		 i;

	j->statements = t->root->n_stmts;
	if (t->root->n_stmts == 0)
		judge_empty(j, KIND_EMPTY);
	for (i = 0; i < t->root->n_stmts; i++)
		if (!judge_statement(j, t->root->stmts[i]->stmt, i == 0))
			return;
	if (j->nsplices == 0)
		return;
	if (rewrite_text(t, text, len, j->splices, j->nsplices,
	    &j->out->rewritten, &j->out->rewritten_len, &why) == -1)
		judge_deny(j->out, "(masks)", "42501",
		    "statement refused: %s", why);
	else
		j->out->action = VERDICT_MASK;
}

/* It may be right on a server that knows more than the parser does. */
static void
deny_syntax(struct judgement *j, const struct sql_error *err)
{
	const struct catalog	*cat = j->scene->cat;
	char			 at[40] = "", newer[128] = "";

	if (err->position > 0)
		snprintf(at, sizeof(at), " (at character %d)", err->position);
	if (cat != NULL && catalog_server(cat) > sqltree_major)
		snprintf(newer, sizeof(newer), "; the server is PostgreSQL "
		    "%u, and statements are read here by the grammar of %u",
		    catalog_server(cat), sqltree_major);
	judge_deny(j->out, "(parser)", "42601", "%s%s%s", err->message, at,
	    newer);
}

static void
judge_parse(struct judgement *j, const char *text, size_t len)
{
	struct sqltree		 t;
	struct sql_error	 err;

	if (sqltree_parse(&t, text, &err) == -1) {
		if (judge_unread(j))
			return;
		j->out->kind = KIND_OTHER;
		deny_syntax(j, &err);
		return;
	}
	judge_tree(j, &t, text, len);
	sqltree_free(&t);
}

/* --- calls by number ---------------------------------------------------- */

/* "OID arguments", in decimal; -1: it is not that. */
static int
number_parse(const struct judge_ask *ask, uint32_t *oid, unsigned int *nargs)
{
	char		 text[32], *end;
	unsigned long	 n;

	if (ask->len == 0 || ask->len >= sizeof(text))
		return -1;
	memcpy(text, ask->text, ask->len);
	text[ask->len] = '\0';
	n = strtoul(text, &end, 10);
	if (*end != ' ' || n > UINT32_MAX)
		return -1;
	*oid = (uint32_t)n;
	n = strtoul(end + 1, &end, 10);
	*nargs = (unsigned int)n;
	return *end == '\0' && n <= NUMBER_ARGS ? 0 : -1;
}

static char *
quoted(char *o, const char *name)
{
	*o++ = '"';
	for (; *name != '\0'; name++) {
		if (*name == '"')
			*o++ = '"';
		*o++ = *name;
	}
	*o++ = '"';
	return o;
}

/* The SELECT that calls the same; NULL: the function is not known. */
static char *
number_text(struct judgement *j)
{
	const char	*schema, *name;
	uint32_t	 oid;
	unsigned int	 nargs, i;
	char		*text, *o;

	if (j->scene->cat == NULL ||
	    number_parse(j->ask, &oid, &nargs) == -1 ||
	    !catalog_numbered(j->scene->cat, oid, &schema, &name))
		return NULL;
	snprintf(j->out->name, sizeof(j->out->name), "%s.%s", schema, name);
	text = arena_alloc(&j->arena, 2 * (strlen(schema) + strlen(name)) +
	    6 * (size_t)nargs + 32);
	if (text == NULL)
		return NULL;
	o = text + sprintf(text, "SELECT ");
	o = quoted(o, schema);
	*o++ = '.';
	o = quoted(o, name);
	for (i = 0; i < nargs; i++)
		o += sprintf(o, "%c$%u", i == 0 ? '(' : ',', i + 1);
	strcpy(o, nargs == 0 ? "()" : ")");
	return text;
}

/*
 * FunctionCall: as the SELECT that calls the same function, and besides as
 * `fastpath`.  Which one it is the catalogue must say, but where nothing is
 * refused: there the server knows.
 */
static void
judge_number(struct judgement *j)
{
	struct judge_ask	 ask = *j->ask;
	struct verdict		*v = j->out;
	char			*text = number_text(j);

	if (text != NULL && prescan(text, strlen(text)) == NULL) {
		ask.text = text;
		ask.len = strlen(text);
		j->ask = &ask;
		judge_parse(j, text, ask.len);
	} else {
		/* Named or not, it was not looked at. */
		v->name[0] = '\0';
		judge_empty(j, KIND_FASTPATH);
		v->wanted = true;
	}
	v->kind = KIND_FASTPATH;
	j->readonly = false;
	j->unsure = true;
	if (v->action == VERDICT_DENY)
		return;
	if ((v->flags & VERDICT_HOLD) != 0)
		judge_deny(v, v->rule, "42501", "statement refused: it needs "
		    "approval, and a function call by number cannot wait");
	else if (caps_any(&j->scene->profile->caps) || caps_any(&j->caps))
		judge_deny(v, v->rule, "42501", "statement refused: what it "
		    "answers or touches is capped, and cannot be counted");
	else if (j->scene->masked)
		judge_deny(v, "(masks)", "42501", "statement refused: function "
		    "calls by number are not available in a profile with "
		    "masks");
	else if (v->name[0] == '\0' && (!rules_open(j->scene->profile) ||
	    settings_limited(j->scene->profile)))
		judge_deny(v, "(default)", "42883", "statement refused: there "
		    "is no function of this number in the catalogue");
}

static void
verdict_init(struct verdict *out)
{
	/* The large arrays are strings: their first byte is enough. */
	memset(out, 0, offsetof(struct verdict, message));
	out->message[0] = out->masked[0] = out->name[0] = '\0';
	out->reads[0] = out->writes[0] = out->touched[0] = '\0';
	out->tags[0] = out->observed[0] = '\0';
	out->severity = SEVERITY_NONE;
	out->score = 0;
	out->estimated = false;
	memset(&out->estimate, 0, sizeof(out->estimate));
	out->hint = NULL;
	out->rewritten = NULL;
	out->rewritten_len = 0;
	out->wanted = false;
	out->nkinds = 0;
	out->action = VERDICT_ALLOW;
}

static void
note_estimate(struct verdict *out, const struct estimate *s)
{
	out->estimated = true;
	out->estimate = *s;
	if (s->state == ESTIMATE_KNOWN)
		judge_append(out->tags, sizeof(out->tags), "rows:%llu, "
		    "cost:%llu", (unsigned long long)s->rows,
		    (unsigned long long)s->cost);
	else if (s->state != ESTIMATE_NONE)
		judge_append(out->tags, sizeof(out->tags), "rows:unknown");
}

static void
verdict_finish(struct judgement *j)
{
	static const char *const	 names[] = { "none", "low", "medium",
					    "high" };
	struct verdict			*out = j->out;

	judge_risk(j);
	if (out->action == VERDICT_DENY) {
		memset(&out->caps, 0, sizeof(out->caps));
		free(out->rewritten);
		out->rewritten = NULL;
		out->rewritten_len = 0;
		out->masked[0] = '\0';
	} else if (j->readonly)
		out->flags |= VERDICT_READONLY;
	if ((j->seen.looks & LOOK_SESSION) != 0)
		out->flags |= VERDICT_SESSION;
	if ((j->seen.looks & LOOK_MOMENT) != 0)
		out->flags |= VERDICT_MOMENT;
	else if (!j->unsure && !j->seen.unsure)
		out->flags |= VERDICT_CACHEABLE;
	if ((j->seen.looks & LOOK_ESTIMATE) != 0)
		note_estimate(out, &j->ask->estimate);
	if (out->severity != SEVERITY_NONE)
		judge_append(out->tags, sizeof(out->tags), "severity:%s",
		    names[out->severity]);
	if (out->score > 0)
		judge_append(out->tags, sizeof(out->tags), "score:%llu",
		    (unsigned long long)out->score);
	if (out->rule == NULL)
		out->rule = "(default)";
}

/* *estimable: an estimate of it could be had. */
static void
judge_once(const struct scene *scene, const struct judge_ask *ask,
    struct verdict *out, bool *estimable)
{
	struct judgement	 j;
	const char		*why;
	char			*copy;

	memset(&j, 0, sizeof(j));
	verdict_init(out);
	j.scene = scene;
	j.ask = ask;
	j.out = out;
	j.readonly = true;
	arena_init(&j.arena, 8 * 1024);
	if (ask->form == JUDGE_FUNCTION)
		judge_number(&j);
	else if ((why = prescan(ask->text, ask->len)) != NULL) {
		if (judge_unread(&j))
			goto done;
		out->kind = KIND_OTHER;
		judge_deny(out, "(parser)", "54000",
		    "statement refused: %s", why);
	} else if ((copy = arena_strndup(&j.arena, ask->text,
	    ask->len)) == NULL)
		judge_deny(out, "(parser)", "53200", "out of memory");
	else
		judge_parse(&j, copy, ask->len);
done:
	verdict_finish(&j);
	arena_clear(&j.arena);
	*estimable = j.estimable;
}

/*
 * Without an estimate it is judged as a small one.  What is refused even so,
 * and what no estimate has a part in, needs none; else one is to be asked for,
 * or, where that may not be, it is judged as a large one.
 */
void
judge_for(const struct scene *scene, const struct judge_ask *ask,
    struct verdict *out)
{
	struct judge_ask	 again = *ask;
	bool			 estimable;

	judge_once(scene, ask, out, &estimable);
	/* Of this estimate, and not of the text alone. */
	if (ask->estimate.state != ESTIMATE_NONE && out->estimated)
		out->flags &= ~(uint32_t)VERDICT_CACHEABLE;
	if (ask->estimate.state != ESTIMATE_NONE || !out->estimated ||
	    out->action == VERDICT_DENY)
		return;
	if (estimable) {
		out->flags |= VERDICT_ESTIMATE;
		return;
	}
	verdict_clear(out);
	again.note = NULL;
	again.estimate.state = ESTIMATE_FAILED;
	judge_once(scene, &again, out, &estimable);
}

void
judge_text(const struct scene *scene, enum judge_form form, const char *text,
    size_t len, bool detail, struct verdict *out)
{
	struct judge_ask	 ask;

	memset(&ask, 0, sizeof(ask));
	ask.form = form;
	ask.text = text;
	ask.len = len;
	ask.detail = detail;
	judge_for(scene, &ask, out);
}

void
verdict_clear(struct verdict *v)
{
	free(v->rewritten);
	v->rewritten = NULL;
	v->rewritten_len = 0;
	free(v->shape);
	v->shape = NULL;
}
