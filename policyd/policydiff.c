/*
 * policyctl diff.
 *
 * Runs in policyctl, by the engine's own code, on an administrator's files; the
 * texts in the record are clients'.  Each statement is judged twice, as the
 * session's claims, client and application and the hour were then; whether it
 * was in a transaction is not known to the rules.  What cannot be judged is
 * counted and said, and never passes for unchanged.
 */
#include "policydiff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auditlines.h"
#include "claims.h"
#include "ctlfiles.h"
#include "ctlrequests.h"
#include "described.h"
#include "judge.h"
#include "rules.h"

/* Verdicts that are kept at most; then they are found anew. */
#define KNOWN_MAX	50000

struct place {			/* a profile with a database, on one side */
	const struct profile	*profile;
	char			*database;
	struct scene		*scene;
	json_t			*known;		/* outcomes by text */
	struct place		*next;
};

struct side {
	const char		*path;
	struct policy		*policy;
	struct place		*places;
};

struct diff {
	const struct policydiff	*opts;
	struct described	*databases;
	struct side		 sides[2];	/* old, new */
	struct verdict		 verdict;
	json_t			*texts;		/* different statements */
	json_t			*changes;	/* by what makes them one */
	json_int_t		 statements, changed, rules, unjudged;
};

/* --- one side ------------------------------------------------------------- */

static struct place *
place_get(struct diff *d, struct side *s, const struct profile *p,
    const char *database)
{
	struct place	*pl;

	for (pl = s->places; pl != NULL; pl = pl->next)
		if (pl->profile == p && strcmp(pl->database, database) == 0)
			return pl;
	if ((pl = calloc(1, sizeof(*pl))) == NULL)
		return NULL;
	pl->profile = p;
	pl->database = strdup(database);
	pl->known = json_object();
	if (pl->database != NULL)
		pl->scene = scene_new(p, pl->database,
		    described_get(d->databases, database));
	if (pl->scene == NULL || pl->known == NULL) {
		free(pl->database);
		json_decref(pl->known);
		scene_free(&pl->scene);
		free(pl);
		return NULL;
	}
	pl->next = s->places;
	s->places = pl;
	return pl;
}

static void
side_free(struct side *s)
{
	struct place	*pl;

	while ((pl = s->places) != NULL) {
		s->places = pl->next;
		scene_free(&pl->scene);
		json_decref(pl->known);
		free(pl->database);
		free(pl);
	}
	policy_free(&s->policy);
}

/*
 * The profile that this session would have: the one that it had, if its claims
 * open it.  Where the record does not say what they were, by its name.
 */
static const struct profile *
profile_of(const struct side *s, const struct audit_stmt *st,
    struct claims_why *why)
{
	struct identity		 id = { .issuer = st->issuer,
				    .subject = st->subject,
				    .claims = st->claims };
	const struct profile	*p;

	why->reason = "the policy has no such profile, or not with this "
	    "database";
	if (policy_database(s->policy, st->database) == NULL)
		return NULL;
	if (st->claims != NULL && st->issuer != NULL && st->subject != NULL)
		return claims_choose(s->policy, st->profile, st->database,
		    &id, why);
	p = policy_profile(s->policy, st->profile);
	return p != NULL && profile_has_database(p, st->database) ? p : NULL;
}

static json_t *
outcome(const struct side *s, const struct verdict *v)
{
	json_t	*o;

	o = json_pack("{s:s, s:s, s:i}", "verdict",
	    v->action == VERDICT_DENY ? "deny" :
	    (v->flags & VERDICT_HOLD) != 0 ? "hold" :
	    v->action == VERDICT_MASK ? "mask" : "allow", "rule", v->rule,
	    "line", v->rule_line);
	if (v->rule_line > 0)
		json_object_set_new(o, "where", json_sprintf("%s:%d", s->path,
		    v->rule_line));
	if (v->action == VERDICT_DENY)
		json_object_set_new(o, "message", json_string(v->message));
	if (v->rewritten != NULL)
		json_object_set_new(o, "rewritten",
		    json_stringn(v->rewritten, v->rewritten_len));
	if (v->tags[0] != '\0')
		json_object_set_new(o, "tags", json_string(v->tags));
	return o;
}

/* What it says to the statement; NULL: no memory. */
static json_t *
judge_here(struct diff *d, struct side *s, const struct audit_stmt *st)
{
	struct asker		 who = { st->claims, st->application,
				    st->client };
	struct judge_ask	 ask;
	struct claims_why	 why;
	const struct profile	*p = profile_of(s, st, &why);
	struct place		*pl;
	json_t			*o;
	const char		*key = st->text != NULL ? st->text : "";

	if (p == NULL)
		return json_pack("{s:s, s:s, s:s}", "verdict", "no session",
		    "rule", "", "message", why.reason);
	if ((pl = place_get(d, s, p, st->database)) == NULL)
		return NULL;
	if ((o = json_object_get(pl->known, key)) != NULL)
		return json_incref(o);
	memset(&ask, 0, sizeof(ask));
	ask.form = st->form;
	ask.text = key;
	ask.len = st->len;
	ask.asker = &who;
	ask.now = st->time;
	judge_for(pl->scene, &ask, &d->verdict);
	o = outcome(s, &d->verdict);
	/* Only what would be said to anybody at any time. */
	if ((d->verdict.flags & VERDICT_CACHEABLE) != 0 &&
	    (d->verdict.flags & VERDICT_SESSION) == 0 &&
	    st->form != JUDGE_FUNCTION && strlen(key) == st->len) {
		if (json_object_size(pl->known) >= KNOWN_MAX)
			json_object_clear(pl->known);
		json_object_set(pl->known, key, o);
	}
	verdict_clear(&d->verdict);
	return o;
}

/* --- both ------------------------------------------------------------------ */

static bool
same(const json_t *a, const json_t *b, const char *key)
{
	const json_t	*v = json_object_get(a, key);
	const json_t	*w = json_object_get(b, key);

	return v == w || json_equal(v, w);
}

/* One more of those that the same text, profile and outcomes make one. */
static int
note_change(struct diff *d, const struct audit_stmt *st, json_t *old,
    json_t *new)
{
	json_t	*o = json_pack("{s:s, s:s, s:o, s:O, s:O}", "profile",
		    st->profile, "database", st->database, "text",
		    st->text != NULL ? json_stringn(st->text, st->len) :
		    json_null(), "old", old, "new", new);
	char	*key = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);
	json_t	*had;

	if (key == NULL) {
		json_decref(o);
		return -1;
	}
	if ((had = json_object_get(d->changes, key)) == NULL) {
		json_object_set_new(o, "count", json_integer(0));
		json_object_set_new(o, "first", json_string(st->at));
		json_object_set(d->changes, key, o);
		had = o;
	}
	json_object_set_new(had, "count", json_integer(1 +
	    json_integer_value(json_object_get(had, "count"))));
	json_object_set_new(had, "last", json_string(st->at));
	json_decref(o);
	free(key);
	return 0;
}

static int
on_statement(void *ctx, const struct audit_stmt *st)
{
	struct diff	*d = ctx;
	json_t		*old, *new;
	int		 rc = 0;

	d->statements++;
	if (st->text == NULL && st->form != JUDGE_FUNCTION) {
		d->unjudged++;
		return 0;
	}
	if (st->text != NULL)
		json_object_set_new(d->texts, st->text, json_null());
	old = judge_here(d, &d->sides[0], st);
	new = judge_here(d, &d->sides[1], st);
	if (old == NULL || new == NULL)
		rc = -1;
	else if (!same(old, new, "verdict") || !same(old, new, "message") ||
	    !same(old, new, "rewritten")) {
		d->changed++;
		rc = note_change(d, st, old, new);
	} else if (!same(old, new, "rule") || !same(old, new, "tags"))
		d->rules++;
	json_decref(old);
	json_decref(new);
	return rc;
}

/* --- saying it --------------------------------------------------------------- */

static const char *
text(const json_t *o, const char *key)
{
	const char	*s = json_string_value(json_object_get(o, key));

	return s == NULL ? "" : s;
}

static void
print_side(const char *name, const json_t *o)
{
	printf("    %s: ", name);
	ctl_text(text(o, "verdict"));
	if (text(o, "rule")[0] != '\0') {
		printf(" by ");
		ctl_text(text(o, "rule"));
	}
	if (text(o, "where")[0] != '\0') {
		printf(", ");
		ctl_text(text(o, "where"));
	}
	if (text(o, "message")[0] != '\0') {
		printf(": ");
		ctl_text(text(o, "message"));
	}
	putchar('\n');
	if (text(o, "rewritten")[0] != '\0') {
		printf("        sent: ");
		ctl_text(text(o, "rewritten"));
		putchar('\n');
	}
}

static void
print_change(const json_t *o)
{
	const json_t	*t = json_object_get(o, "text");

	printf("%lld of ", (long long)json_integer_value(json_object_get(o,
	    "count")));
	ctl_text(text(o, "profile"));
	printf(" on ");
	ctl_text(text(o, "database"));
	printf(": ");
	ctl_text(json_is_string(t) ? json_string_value(t) :
	    "(a function call by number)");
	putchar('\n');
	print_side("old", json_object_get(o, "old"));
	print_side("new", json_object_get(o, "new"));
}

static void
print_json(json_t *o)
{
	char	*s = json_dumps(o, JSON_COMPACT);

	if (s != NULL)
		puts(s);
	free(s);
}

static void
print_all(struct diff *d)
{
	const char	*key;
	json_t		*o;

	json_object_foreach(d->changes, key, o) {
		if (d->opts->json)
			print_json(o);
		else
			print_change(o);
	}
	if (d->opts->json) {
		o = json_pack("{s:{s:I, s:I, s:I, s:I, s:I, s:I}}", "summary",
		    "statements", d->statements, "different",
		    (json_int_t)json_object_size(d->texts), "changed",
		    d->changed, "changes",
		    (json_int_t)json_object_size(d->changes),
		    "another_rule", d->rules, "not_judged", d->unjudged);
		print_json(o);
		json_decref(o);
		return;
	}
	printf("%lld statements, %zu different: %lld would fare otherwise, "
	    "in %zu ways; %lld the same by another rule; %lld without their "
	    "text\n", (long long)d->statements, json_object_size(d->texts),
	    (long long)d->changed, json_object_size(d->changes),
	    (long long)d->rules, (long long)d->unjudged);
}

int
policydiff_run(const struct policydiff *opts)
{
	struct diff		*d = calloc(1, sizeof(*d));
	struct conf_error	 err = { "out of memory" };
	int			 code = 2;

	if (d == NULL)
		return code;
	d->opts = opts;
	d->texts = json_object();
	d->changes = json_object();
	d->sides[0].path = opts->old;
	d->sides[1].path = opts->new;
	if ((d->sides[0].policy = ctl_policy(opts->old)) == NULL ||
	    (d->sides[1].policy = ctl_policy(opts->new)) == NULL)
		goto out;	/* and it was said */
	if ((d->databases = described_load(opts->databases, &err)) != NULL &&
	    auditlines_file(opts->record, on_statement, d, &err) == 0) {
		print_all(d);
		code = d->changed > 0 ? 1 : 0;
	} else
		fprintf(stderr, "policyctl: %s\n", err.text);
	if (fflush(stdout) != 0)
		code = 2;
out:
	side_free(&d->sides[0]);
	side_free(&d->sides[1]);
	described_free(&d->databases);
	json_decref(d->texts);
	json_decref(d->changes);
	free(d);
	return code;
}
