/*
 * policyctl learn.
 *
 * Runs in policyctl, by the engine's own code, on an administrator's files; the
 * texts in the record are clients', and names in them end up in a policy: each
 * becomes a glob that fits it, and what is printed has been parsed as a policy
 * before.  Only what was let pass then is learned.
 *
 * There is a rule for each kind of statement, with all that statements of that
 * kind read, wrote and called.  Where they did nothing of a sort the rule says
 * so, since a condition that is not there would allow all of it.
 */
#include "learn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis.h"
#include "auditlines.h"
#include "ctlfiles.h"
#include "described.h"
#include "fnclass.h"
#include "judge.h"
#include "learnrules.h"
#include "policy_impl.h"
#include "rules.h"

struct learning {
	const struct learn	*opts;
	struct policy		*policy;
	struct profile		*profile;
	struct described	*databases;
	struct profile		 open;		/* allows all: to look by */
	struct rule		 all;
	struct learned		 by[NKINDS];
	struct verdict		 verdict;
	bool			 nomem;
	size_t			 statements, refused, unread, lost;
	char			 first[40], last[40];
	/* The scene of the last statement. */
	char			*database;
	struct scene		*scene;
};

/* --- names --------------------------------------------------------------------- */

/* A part of a name, as a glob that fits it; what a glob cannot hold is "?". */
static void
add_part(char *glob, size_t size, const char *part)
{
	size_t	 n = strlen(glob);

	if (n > 0 && n + 1 < size)
		glob[n++] = '.';
	for (; *part != '\0' && n + 1 < size; part++)
		glob[n++] = strchr(".*?", *part) != NULL ||
		    (unsigned char)*part < 0x20 || *part == 0x7f ? '?' : *part;
	glob[n] = '\0';
}

static void
add(struct learning *l, json_t **set, const char *schema, const char *name,
    const char *column)
{
	char	 glob[LEARNED_NAME] = "";

	if (*set == NULL)
		*set = json_object();
	/* Its schema is not known: "*", which is no name to be quoted. */
	if (schema == NULL)
		snprintf(glob, sizeof(glob), "*");
	else
		add_part(glob, sizeof(glob), schema);
	add_part(glob, sizeof(glob), name);
	if (column != NULL)
		add_part(glob, sizeof(glob), column);
	if (json_object_set_new(*set, glob, json_null()) == -1)
		l->nomem = true;
}

/* Of a relation that nobody described the name alone is known. */
static void
add_unknown(struct learning *l, json_t **set, const struct ref *r,
    bool columns)
{
	char	 glob[LEARNED_NAME];

	if (*set == NULL)
		*set = json_object();
	if (r->rv == NULL)
		return;
	glob[0] = '\0';
	add_part(glob, sizeof(glob), r->rv->relname);
	memmove(glob + 2, glob, sizeof(glob) - 2);
	glob[sizeof(glob) - 1] = '\0';
	memcpy(glob, "*.", 2);
	if (r->rv->schemaname != NULL && r->rv->schemaname[0] != '\0') {
		glob[0] = '\0';
		add_part(glob, sizeof(glob), r->rv->schemaname);
		add_part(glob, sizeof(glob), r->rv->relname);
	}
	if (columns && strlen(glob) + 3 < sizeof(glob))
		strcat(glob, ".*");
	if (json_object_set_new(*set, glob, json_null()) == -1)
		l->nomem = true;
}

/* --- one statement ----------------------------------------------------------------- */

static void
learn_relations(struct learning *l, struct learned *k,
    const struct analysis *a, const struct unit *u)
{
	const struct ref	*r;
	json_t			**set;
	size_t			 i;

	for (i = 0; i < a->nrefs; i++) {
		r = &a->refs[i];
		if (r->write && (i < u->w0 || i >= u->w1))
			continue;
		set = r->write ? &k->writes : &k->reads;
		if (r->rel != NULL)
			add(l, set, r->rel->schema, r->rel->name, NULL);
		else
			add_unknown(l, set, r, false);
	}
}

static void
learn_columns(struct learning *l, struct learned *k,
    const struct analysis *a, const struct facts *f)
{
	static const uint8_t	 hows[] = { FACT_READ, FACT_WRITTEN };
	const struct cat_rel	*rel;
	json_t			**set;
	size_t			 i, c, h;

	for (i = 0; i < a->nrefs; i++)
		for (h = 0; h < 2; h++) {
			rel = a->refs[i].rel;
			set = h == 0 ? &k->reads_columns : &k->writes_columns;
			if (rel == NULL && (f->cols[i].some & hows[h]) != 0)
				add_unknown(l, set, &a->refs[i], true);
			for (c = 0; rel != NULL && f->cols[i].cols != NULL &&
			    c < rel->ncols; c++)
				if ((f->cols[i].cols[c] & hows[h]) != 0)
					add(l, set, rel->schema, rel->name,
					    rel->cols[c].name);
		}
}

static void
learn_functions(struct learning *l, struct learned *k, const struct facts *f)
{
	const struct fact_call	*c;
	size_t			 i;
	char			 glob[LEARNED_NAME];

	for (c = f->calls; c != NULL; c = c->next) {
		if (k->functions == NULL)
			k->functions = json_object();
		/* Not known at all: its schema is a guess. */
		if (c->must == 0 && c->may == FN_C_ALL) {
			glob[0] = '\0';
			add_part(glob, sizeof(glob), c->name);
			if (json_object_set_new(k->functions, glob,
			    json_null()) == -1)
				l->nomem = true;
			continue;
		}
		for (i = 0; i < c->nfull; i++)
			if (json_object_set_new(k->functions, c->full[i],
			    json_null()) == -1)
				l->nomem = true;
	}
}

static void
on_facts(void *ctx, const struct analysis *a, const struct facts *f)
{
	struct learning	*l = ctx;
	struct learned	*k;
	size_t		 i;

	for (i = 0; i < a->nunits; i++) {
		k = &l->by[a->units[i].kind];
		k->n++;
		learn_relations(l, k, a, &a->units[i]);
		learn_columns(l, k, a, f);
		learn_functions(l, k, f);
		if (f->units[i].keyed == KEYED_YES)
			k->keyed++;
	}
}

static const struct scene *
scene_of(struct learning *l, const char *database)
{
	if (l->scene != NULL && strcmp(l->database, database) == 0)
		return l->scene;
	scene_free(&l->scene);
	free(l->database);
	if ((l->database = strdup(database)) != NULL)
		l->scene = scene_new(&l->open, l->database,
		    described_get(l->databases, database));
	return l->scene;
}

static int
on_statement(void *ctx, const struct audit_stmt *st)
{
	struct learning		*l = ctx;
	const struct scene	*sc;
	struct judge_ask	 ask;

	if (strcmp(st->profile, l->profile->key) != 0)
		return 0;
	if (strcmp(st->action, "deny") == 0) {
		l->refused++;
		return 0;
	}
	if (st->text == NULL) {
		l->lost++;
		return 0;
	}
	if ((sc = scene_of(l, st->database)) == NULL)
		return -1;
	memset(&ask, 0, sizeof(ask));
	ask.form = st->form;
	ask.text = st->text;
	ask.len = st->len;
	ask.note = on_facts;
	ask.note_ctx = l;
	judge_for(sc, &ask, &l->verdict);
	if (l->verdict.action == VERDICT_DENY ||
	    (l->verdict.flags & VERDICT_UNREAD) != 0)
		l->unread++;
	else {
		if (l->statements++ == 0)
			snprintf(l->first, sizeof(l->first), "%s", st->at);
		snprintf(l->last, sizeof(l->last), "%s", st->at);
	}
	verdict_clear(&l->verdict);
	return l->nomem ? -1 : 0;
}

/* --- what comes of it --------------------------------------------------------------- */

static void
print_head(const struct learning *l)
{
	const char	*sep = ".  To be thought about: ";
	unsigned int	 i;

	printf("# policyctl learn: %zu statements of profile %s, %.19s to "
	    "%.19s\n# (UTC).  Its rules allow what those were, and nothing "
	    "else.\n# Left out: %zu that were refused then, %zu that are not "
	    "understood, %zu\n# without their text", l->statements,
	    l->profile->key, l->first, l->last, l->refused, l->unread,
	    l->lost);
	for (i = 0; i < NKINDS; i++)
		if (l->by[i].n > 0 && (kind_groups((enum kind)i) &
		    (KIND_G_DDL | KIND_G_ACCESS | KIND_G_DANGEROUS)) != 0) {
			printf("%s%s", sep, kind_name((enum kind)i));
			sep = ", ";
		}
	printf(".\n");
}

/* The policy with the new rules, if it is one. */
static int
print_policy(struct learning *l)
{
	struct conf_error	 err;
	struct policy		*again;
	char			*text = NULL;
	size_t			 len;
	FILE			*fp;
	int			 code = 1;

	policy_rules_free(l->profile);
	if (learnrules_make(l->profile, l->by) == -1 ||
	    (fp = open_memstream(&text, &len)) == NULL) {
		fprintf(stderr, "policyctl: out of memory\n");
		return code;
	}
	policy_print(l->policy, fp);
	if (fclose(fp) != 0)
		fprintf(stderr, "policyctl: out of memory\n");
	else if ((again = policy_parse("learned", text, len, &err)) == NULL)
		fprintf(stderr, "policyctl: what was learned makes no policy: "
		    "%s\n", err.text);
	else {
		policy_free(&again);
		print_head(l);
		code = fwrite(text, 1, len, stdout) == len &&
		    fflush(stdout) == 0 ? 0 : 1;
	}
	free(text);
	return code;
}

static void
begin(struct learning *l, const struct learn *opts)
{
	l->opts = opts;
	l->all.action = RULE_ALLOW;
	l->all.name = (char *)(uintptr_t)"all";
	l->all.when.empty = true;
	/* Names mean what they mean in the profile's own sessions. */
	l->open.key = l->profile->key;
	l->open.role_user = l->profile->role_user;
	l->open.settings = l->profile->settings;
	l->open.nsettings = l->profile->nsettings;
	l->open.rules = &l->all;
	l->open.nrules = 1;
}

int
learn_run(const struct learn *opts)
{
	struct learning		*l = calloc(1, sizeof(*l));
	struct conf_error	 err = { "out of memory" };
	unsigned int		 i;
	int			 code = 1;

	if (l == NULL || (l->policy = ctl_policy(opts->policy)) == NULL)
		goto out;
	l->profile = (struct profile *)(uintptr_t)policy_profile(l->policy,
	    opts->profile);
	if (l->profile == NULL) {
		fprintf(stderr, "policyctl: there is no such profile\n");
		goto out;
	}
	begin(l, opts);
	if ((l->databases = described_load(opts->databases, &err)) == NULL ||
	    auditlines_file(opts->record, on_statement, l, &err) == -1)
		fprintf(stderr, "policyctl: %s\n", err.text);
	else if (l->statements == 0)
		fprintf(stderr, "policyctl: the record has no statement of "
		    "this profile that was let pass\n");
	else
		code = print_policy(l);
out:
	if (l == NULL)
		return code;
	for (i = 0; i < NKINDS; i++)
		learnrules_clear(&l->by[i]);
	scene_free(&l->scene);
	free(l->database);
	described_free(&l->databases);
	policy_free(&l->policy);
	free(l);
	return code;
}
