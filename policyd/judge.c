/*
 * The decision about one text: look it over, parse it, find what every
 * statement is and touches, ask the rules, then the masks, and rewrite.
 *
 * Runs in the engine.  The text is a client's.  Pure: no I/O, no state but the
 * masks' parse trees that the scene keeps.  Whatever is not understood becomes
 * a denial with a sentence that says so.
 */
#include "judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "analysis.h"
#include "prescan.h"
#include "facts.h"
#include "rewrite.h"
#include "rules.h"

struct judgement {
	const struct scene	*scene;
	const struct judge_ask	*ask;
	struct verdict		*out;
	struct arena		 arena;
	struct splice		*splices;
	size_t			 nsplices, capsplices;
	size_t			 statements;	/* in the text */
	bool			 readonly;
	bool			 unsure;	/* not to be cached */
	struct rules_seen	 seen;
};

/* --- denials ----------------------------------------------------------- */

/* A message was cut at its buffer's end: not within a character. */
static void
trim_utf8(char *s)
{
	size_t	 n = strlen(s), k = n;

	while (k > 0 && n - k < 4 && ((unsigned char)s[k - 1] & 0xc0) == 0x80)
		k--;
	if (k == 0 || (unsigned char)s[k - 1] < 0xc0)
		return;		/* ASCII, or nothing to be mended */
	k--;
	if (n - k < ((unsigned char)s[k] >= 0xf0 ? 4u :
	    (unsigned char)s[k] >= 0xe0 ? 3u : 2u))
		s[k] = '\0';
}

static void __attribute__((format(printf, 4, 5)))
deny(struct verdict *v, const char *rule, const char *sqlstate,
    const char *fmt, ...)
{
	va_list	 ap;

	v->action = VERDICT_DENY;
	v->rule = rule;
	snprintf(v->sqlstate, sizeof(v->sqlstate), "%s", sqlstate);
	va_start(ap, fmt);
	vsnprintf(v->message, sizeof(v->message), fmt, ap);
	va_end(ap);
	trim_utf8(v->message);
}

static void
deny_rule(struct verdict *v, const struct rule *r)
{
	if (r->message != NULL)
		deny(v, r->name, "42501", "refused by rule \"%s\": %s",
		    r->name, r->message);
	else
		deny(v, r->name, "42501", "statement refused by rule \"%s\"",
		    r->name);
	v->rule_line = r->line;
	v->hint = r->hint;
}

/* --- rules ------------------------------------------------------------- */

static void
append(char *list, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ", " and the rest, or nothing when it does not fit. */
static void
append(char *list, size_t size, const char *fmt, ...)
{
	size_t	 n = strlen(list), sep = n > 0 ? 2 : 0;
	va_list	 ap;
	int	 k;

	if (n + sep >= size)
		return;
	va_start(ap, fmt);
	k = vsnprintf(list + n + sep, size - n - sep, fmt, ap);
	va_end(ap);
	if (k < 0 || (size_t)k >= size - n - sep)
		list[n] = '\0';
	else if (sep > 0)
		memcpy(list + n, ", ", 2);
}

/* Is it one of "a, b, c"? */
static bool
listed(const char *list, const char *word)
{
	const char	*p;
	size_t		 n = strlen(word);

	for (p = list; (p = strstr(p, word)) != NULL; p += n)
		if ((p == list || p[-1] == ' ') &&
		    (p[n] == '\0' || p[n] == ','))
			return true;
	return false;
}

/* What a rule that fits leaves behind, whatever it decides. */
static void
note_rule(struct verdict *v, const struct rule *r)
{
	size_t	 i;

	for (i = 0; i < r->audit.n; i++)
		if (!listed(v->tags, r->audit.v[i]))
			append(v->tags, sizeof(v->tags), "%s", r->audit.v[i]);
	if (r->severity > (int)v->severity)
		v->severity = (enum severity)r->severity;
}

/* It would have been refused, and is let pass. */
static void
note_observed(struct verdict *v, const char *rule)
{
	if (!listed(v->observed, rule))
		append(v->observed, sizeof(v->observed), "%s", rule);
}

/*
 * The rule that decides, NULL when none does.  Rules that only count or only
 * watch have been noted on the way; a rule counts once in a statement, which
 * `counted`, a bit for each, keeps.
 */
static const struct rule *
decide(struct judgement *j, const struct rule_facts *f, uint8_t *counted)
{
	const struct profile	*p = j->scene->profile;
	const struct rule	*r;
	size_t			 at = 0, k;

	while ((r = rules_next(p, &at, f, &j->seen)) != NULL) {
		note_rule(j->out, r);
		k = at - 1;
		if ((counted[k / 8] & 1 << k % 8) == 0) {
			counted[k / 8] |= (uint8_t)(1 << k % 8);
			j->out->score += r->score;
		}
		if (r->action == RULE_NEXT)
			continue;
		if (r->observe == 0)
			return r;
		if (r->action != RULE_ALLOW)
			note_observed(j->out, r->name);
	}
	return NULL;
}

/* What the profile says where no rule does, or a rule that refuses. */
static bool
refuse_unit(struct judgement *j, const struct rule *r, enum kind k)
{
	const struct profile	*p = j->scene->profile;

	if (p->observe != 0) {
		note_observed(j->out, r != NULL ? r->name : "(default)");
		if (j->out->rule == NULL)
			j->out->rule = "(observe)";
		return true;
	}
	if (r != NULL)
		deny_rule(j->out, r);
	else
		deny(j->out, "(default)", "42501", "statement refused: no rule "
		    "of profile \"%s\" allows %s", p->key, kind_name(k));
	return false;
}

/* One part of a statement: false when it is denied, and then it is said. */
static bool
judge_unit(struct judgement *j, const struct analysis *a, size_t i,
    struct rule_facts *f, uint8_t *counted)
{
	const struct unit	*u = &a->units[i];
	const struct rule	*r;
	const char		**writes;
	size_t			 k;

	f->kind = u->kind;
	f->nwrites = 0;
	if (u->w1 > u->w0) {
		writes = arena_alloc(&j->arena,
		    (u->w1 - u->w0) * sizeof(*writes));
		if (writes == NULL) {
			deny(j->out, "(default)", "53200", "out of memory");
			return false;
		}
		for (k = u->w0; k < u->w1 && k < a->nrefs; k++)
			if (a->refs[k].write)
				writes[f->nwrites++] = a->refs[k].name;
		f->writes = writes;
	}
	memset(&f->unit, 0, sizeof(f->unit));
	if (f->facts != NULL && f->facts->units != NULL)
		f->unit = f->facts->units[i];
	r = decide(j, f, counted);
	if (r == NULL && rules_harmless(u->kind)) {
		if (j->out->rule == NULL)
			j->out->rule = "(default)";
		return true;
	}
	if (r == NULL || r->action == RULE_DENY)
		return refuse_unit(j, r, u->kind);
	if (r->action == RULE_HOLD && j->scene->profile->observe != 0) {
		note_observed(j->out, r->name);
		if (j->out->rule == NULL)
			j->out->rule = "(observe)";
		return true;
	}
	/* What holds one part holds all of the text. */
	if (j->out->rule == NULL || j->out->rule_line == 0 ||
	    (r->action == RULE_HOLD && (j->out->flags & VERDICT_HOLD) == 0)) {
		j->out->rule = r->name;
		j->out->rule_line = r->line;
	}
	if (r->action == RULE_HOLD)
		j->out->flags |= VERDICT_HOLD;
	return true;
}

static bool
no_memory(struct judgement *j)
{
	deny(j->out, "(default)", "53200", "out of memory");
	return false;
}

static bool
judge_rules(struct judgement *j, const struct analysis *a,
    const PgQuery__Node *stmt)
{
	struct rule_facts	 f;
	struct facts		 facts;
	const char		**reads = NULL;
	uint8_t			*counted;
	size_t			 i, n = j->scene->profile->nrules / 8 + 1;

	memset(&f, 0, sizeof(f));
	if ((counted = arena_alloc(&j->arena, n)) == NULL)
		return no_memory(j);
	memset(counted, 0, n);
	if (j->scene->relations && a->nrefs > 0) {
		reads = arena_alloc(&j->arena, a->nrefs * sizeof(*reads));
		if (reads == NULL)
			return no_memory(j);
		for (i = 0; i < a->nrefs; i++)
			if (!a->refs[i].write)
				reads[f.nreads++] = a->refs[i].name;
		f.reads = reads;
	}
	if (stmt != NULL && (j->scene->looks & (LOOK_COLUMNS |
	    LOOK_FUNCTIONS | LOOK_KEYED)) != 0) {
		facts_collect(&facts, a, stmt, j->scene->looks);
		if (facts.nomem)
			return no_memory(j);
		f.facts = &facts;
		f.analysis = a;
	}
	f.text = j->ask->text;
	f.len = j->ask->len;
	f.statements = j->statements;
	f.in_transaction = j->ask->in_transaction;
	f.now = j->ask->now;
	f.asker = j->ask->asker;
	for (i = 0; i < a->nunits; i++)
		if (!judge_unit(j, a, i, &f, counted))
			return false;
	return true;
}

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
			append(list, sizeof(v->reads), "%s.%s",
			    r->rel->schema, r->rel->name);
		else if (r->rv != NULL)
			append(list, sizeof(v->reads), "%s?",
			    r->rv->relname);
	}
}

static void
note_masked(struct verdict *v, const struct protect_rel *p)
{
	size_t	 i;

	for (i = 0; i < p->rel->ncols; i++)
		if (p->mask[i] != NULL)
			append(v->masked, sizeof(v->masked), "%s.%s.%s",
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
	for (i = 0; i < a->nedits; i++)
		if (!add_splice(j, &a->edits[i]))
			return false;
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

/*
 * A statement that gives or takes names which Bind and Execute use too: the
 * worker must know, to record under a name what the server runs under it.
 */
static void
note_names(struct judgement *j, const PgQuery__Node *n)
{
	struct verdict	*v = j->out;
	const char	*name = NULL;
	uint32_t	 flags;

	switch (n->node_case) {
	case PG_QUERY__NODE__NODE_PREPARE_STMT:
		flags = VERDICT_STATEMENTS;
		name = n->prepare_stmt->name;
		break;
	case PG_QUERY__NODE__NODE_DEALLOCATE_STMT:
		flags = VERDICT_STATEMENTS;
		name = n->deallocate_stmt->name;
		break;
	case PG_QUERY__NODE__NODE_DECLARE_CURSOR_STMT:
		flags = VERDICT_PORTALS;
		name = n->declare_cursor_stmt->portalname;
		break;
	case PG_QUERY__NODE__NODE_CLOSE_PORTAL_STMT:
		flags = VERDICT_PORTALS;
		name = n->close_portal_stmt->portalname;
		break;
	case PG_QUERY__NODE__NODE_DISCARD_STMT:
		flags = VERDICT_STATEMENTS | VERDICT_PORTALS;
		break;
	default:
		return;
	}
	/* Several in one text: any name. */
	if (name == NULL || strlen(name) >= sizeof(v->name) ||
	    (v->flags & (VERDICT_STATEMENTS | VERDICT_PORTALS)) != 0)
		name = "";
	v->flags |= flags;
	snprintf(v->name, sizeof(v->name), "%s", name);
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
	note_flags(j, a);
	note_names(j, stmt);
	if (!judge_rules(j, a, stmt))
		return false;
	if (rules_hold(j->scene->profile) && runs_prepared(a)) {
		deny(j->out, j->out->rule, "42501", "statement refused: "
		    "EXECUTE could run what needs approval, and does not say "
		    "what it runs");
		j->out->hint = "Send the statement itself.";
		return false;
	}
	/* EXECUTE would run it again and again. */
	if ((j->out->flags & VERDICT_HOLD) != 0 &&
	    stmt->node_case == PG_QUERY__NODE__NODE_PREPARE_STMT) {
		deny(j->out, j->out->rule, "42501", "statement refused: one "
		    "that needs approval cannot be prepared by PREPARE");
		j->out->hint = "Send the statement itself.";
		return false;
	}
	if (a->refused) {
		deny(j->out, "(masks)", a->sqlstate, "statement refused: %s",
		    a->message);
		return false;
	}
	if (!add_splices(j, a)) {
		deny(j->out, "(masks)", "53200", "out of memory");
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
		note_observed(v, "(risk)");
	else
		deny(v, "(risk)", "42501", "statement refused: its risk score "
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
	j->out->kind = k;
	if (j->ask->detail)
		note_detail(j, &a);
	judge_rules(j, &a, NULL);
	if (k != KIND_FASTPATH)
		return;
	j->readonly = false;
	j->unsure = true;
	if ((j->out->flags & VERDICT_HOLD) != 0 &&
	    j->out->action != VERDICT_DENY)
		deny(j->out, j->out->rule, "42501", "statement refused: it "
		    "needs approval, and a function call by number says "
		    "nothing that a person could read");
	if (j->scene->masked && j->out->action != VERDICT_DENY)
		deny(j->out, "(masks)", "42501", "statement refused: function "
		    "calls by number are not available in a profile with "
		    "masks");
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
		deny(j->out, "(masks)", "42501", "statement refused: %s", why);
	else
		j->out->action = VERDICT_MASK;
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
		if (err.position > 0)
			deny(j->out, "(parser)", "42601",
			    "%s (at character %d)", err.message,
			    err.position);
		else
			deny(j->out, "(parser)", "42601", "%s", err.message);
		return;
	}
	judge_tree(j, &t, text, len);
	sqltree_free(&t);
}

static void
verdict_init(struct verdict *out)
{
	/* The large arrays are strings: their first byte is enough. */
	memset(out, 0, offsetof(struct verdict, message));
	out->message[0] = out->masked[0] = out->name[0] = '\0';
	out->reads[0] = out->writes[0] = '\0';
	out->tags[0] = out->observed[0] = '\0';
	out->severity = SEVERITY_NONE;
	out->score = 0;
	out->hint = NULL;
	out->rewritten = NULL;
	out->rewritten_len = 0;
	out->wanted = false;
	out->nkinds = 0;
	out->action = VERDICT_ALLOW;
}

static void
verdict_finish(struct judgement *j)
{
	static const char *const	 names[] = { "none", "low", "medium",
					    "high" };
	struct verdict			*out = j->out;

	judge_risk(j);
	if (out->action == VERDICT_DENY) {
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
	if (out->severity != SEVERITY_NONE)
		append(out->tags, sizeof(out->tags), "severity:%s",
		    names[out->severity]);
	if (out->score > 0)
		append(out->tags, sizeof(out->tags), "score:%llu",
		    (unsigned long long)out->score);
	if (out->rule == NULL)
		out->rule = "(default)";
}

void
judge_for(const struct scene *scene, const struct judge_ask *ask,
    struct verdict *out)
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
		judge_empty(&j, KIND_FASTPATH);
	else if ((why = prescan(ask->text, ask->len)) != NULL) {
		if (judge_unread(&j))
			goto done;
		out->kind = KIND_OTHER;
		deny(out, "(parser)", "54000", "statement refused: %s", why);
	} else if ((copy = arena_strndup(&j.arena, ask->text,
	    ask->len)) == NULL)
		deny(out, "(parser)", "53200", "out of memory");
	else
		judge_parse(&j, copy, ask->len);
done:
	verdict_finish(&j);
	arena_clear(&j.arena);
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
