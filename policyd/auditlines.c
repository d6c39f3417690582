/*
 * Reading an exported record, for policyctl diff and learn.
 *
 * Runs in policyctl.  The lines come from auditctl export, and hold what
 * clients sent: a line that is none ends it, a text is passed on as it is.  Of
 * a session its beginning and its prepared texts are kept, until its end.
 */
#include "auditlines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hours.h"
#include "throttle.h"

struct lines {
	const char		*name;
	size_t			 line;
	json_t			*sessions;	/* by their ids */
	auditlines_fn		*fn;
	void			*ctx;
	struct conf_error	*err;
};

static int
bad(struct lines *l, const char *what)
{
	snprintf(l->err->text, sizeof(l->err->text), "%.400s:%zu: %s", l->name,
	    l->line, what);
	return -1;
}

static const char *
member(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

/* Never NULL. */
static const char *
word(const json_t *o, const char *key)
{
	const char	*s = member(o, key);

	return s == NULL ? "" : s;
}

/* Whose it is; made when it is new.  NULL: no memory. */
static json_t *
session_of(struct lines *l, const char *id)
{
	json_t	*s = json_object_get(l->sessions, id);

	if (s == NULL && (s = json_pack("{s:{}}", "prepared")) != NULL &&
	    json_object_set_new(l->sessions, id, s) == -1)
		s = NULL;
	return s;
}

static void
session_opened(struct lines *l, const json_t *body, const char *id)
{
	static const char *const kept[] = { "issuer", "subject",
	    "application" };
	json_t	*s = session_of(l, id);
	char	 client[LEN_ADDR + 1];
	size_t	 i;

	for (i = 0; s != NULL && i < sizeof(kept) / sizeof(kept[0]); i++)
		json_object_set(s, kept[i], json_object_get(body, kept[i]));
	/* Without the port. */
	throttle_addr(word(body, "peer"), client, sizeof(client));
	json_object_set_new(s, "client", json_string(client));
	json_object_set_new(s, "claims", json_loads(word(body, "claims"),
	    JSON_REJECT_DUPLICATES, NULL));
}

static void
number_key(const json_t *body, const char *key, char buf[32])
{
	snprintf(buf, 32, "%lld",
	    (long long)json_integer_value(json_object_get(body, key)));
}

/* The text itself, or that of its prepare event; NULL: it is not there. */
static const json_t *
text_of(const json_t *s, const json_t *body)
{
	char	 key[32];

	if (json_integer_value(json_object_get(body, "prepared")) == 0)
		return json_object_get(body, "text");
	number_key(body, "prepared", key);
	return json_object_get(json_object_get(s, "prepared"), key);
}

static time_t
time_of(const char *at)
{
	char	 whole[32];

	snprintf(whole, sizeof(whole), "%.19sZ", at);
	return hours_instant(whole);
}

static int
statement(struct lines *l, const json_t *o, const json_t *body,
    const char *id, enum judge_form form)
{
	struct audit_stmt	 st;
	const json_t		*text;
	json_t			*s = session_of(l, id);

	if (s == NULL)
		return bad(l, "no memory");
	memset(&st, 0, sizeof(st));
	st.session = id;
	st.profile = word(o, "profile");
	st.database = word(o, "database");
	st.issuer = member(s, "issuer");
	st.subject = member(s, "subject");
	st.application = member(s, "application");
	st.client = member(s, "client");
	st.claims = json_object_get(s, "claims");
	st.form = form;
	if (form != JUDGE_FUNCTION) {
		text = text_of(s, body);
		st.text = json_string_value(text);
		st.len = json_string_length(text);
	}
	st.action = word(body, "action");
	st.rule = word(body, "rule");
	st.at = word(o, "time");
	st.time = time_of(st.at);
	return l->fn(l->ctx, &st);
}

static int
intent(struct lines *l, const json_t *o, const json_t *body, const char *id)
{
	const char	*form = word(body, "form");

	return statement(l, o, body, id,
	    strcmp(form, "function") == 0 ? JUDGE_FUNCTION :
	    strcmp(form, "execute") == 0 ? JUDGE_PARSE : JUDGE_QUERY);
}

/* One that was refused is never executed: this is all that there is of it. */
static int
prepare(struct lines *l, const json_t *o, const json_t *body, const char *id)
{
	json_t	*s = session_of(l, id);
	char	 key[32];

	if (strcmp(word(body, "action"), "deny") == 0)
		return statement(l, o, body, id, JUDGE_PARSE);
	number_key(body, "stmt", key);
	json_object_set(json_object_get(s, "prepared"), key,
	    json_object_get(body, "text"));
	return 0;
}

static int
event(struct lines *l, const json_t *o)
{
	const json_t	*body = json_object_get(o, "body");
	const char	*kind = member(o, "kind"), *id;

	if (kind == NULL || !json_is_object(body))
		return bad(l, "not a line of auditctl export");
	if ((id = member(body, "session")) == NULL)
		id = word(o, "session");
	if (strcmp(kind, "session_open") == 0)
		session_opened(l, body, id);
	else if (strcmp(kind, "prepare") == 0)
		return prepare(l, o, body, id);
	else if (strcmp(kind, "intent") == 0)
		return intent(l, o, body, id);
	else if (strcmp(kind, "end") == 0)
		json_object_del(l->sessions, id);
	return 0;
}

int
auditlines_read(FILE *fp, const char *name, auditlines_fn *fn, void *ctx,
    struct conf_error *err)
{
	struct lines	 l = { name, 0, json_object(), fn, ctx, err };
	json_t		*o;
	char		*text = NULL;
	size_t		 cap = 0;
	ssize_t		 n;
	int		 rc = 0;

	while (rc == 0 && (n = getline(&text, &cap, fp)) != -1) {
		l.line++;
		if (n <= 1)
			continue;
		o = json_loadb(text, (size_t)n, JSON_ALLOW_NUL, NULL);
		rc = json_is_object(o) ? event(&l, o) :
		    bad(&l, "not a line of auditctl export");
		json_decref(o);
	}
	if (rc == 0 && ferror(fp))
		rc = bad(&l, strerror(errno));
	free(text);
	json_decref(l.sessions);
	return rc;
}

int
auditlines_file(const char *path, auditlines_fn *fn, void *ctx,
    struct conf_error *err)
{
	FILE	*fp = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	int	 rc;

	if (fp == NULL) {
		snprintf(err->text, sizeof(err->text), "%.400s: %s", path,
		    strerror(errno));
		return -1;
	}
	rc = auditlines_read(fp, fp == stdin ? "standard input" : path, fn,
	    ctx, err);
	if (fp != stdin)
		fclose(fp);
	return rc;
}
