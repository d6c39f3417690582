/*
 * Which settings the body of a function changes: see bodyscan.h.
 *
 * Runs in the engine, on what a client would create, and in a helper of the
 * keeper, on what a database holds.  The text is anybody's.  One pass over the
 * tokens of sqllex.c, so linear in its length but for a look at the few next
 * ones; what cannot be read counts as a setting that is not said.
 */
#include "bodyscan.h"

#include <stdbool.h>
#include <string.h>

#include "sqllex.h"

#define WORD_MAX_LEN	127

struct token {
	enum lex_kind	 kind;
	char		 word[WORD_MAX_LEN + 1];	/* "" when it is none */
};

struct scan {
	struct lex	 l;
	bodyscan_cb	*cb;
	void		*ctx;
	struct token	 prev;
	bool		 updates, pg_settings;
};

static void
word_copy(struct token *t, const char *from, size_t n, bool fold)
{
	size_t	 i;

	for (i = 0; i < n && i < WORD_MAX_LEN; i++)
		t->word[i] = fold && from[i] >= 'A' && from[i] <= 'Z' ?
		    (char)(from[i] - 'A' + 'a') : from[i];
	t->word[i] = '\0';
}

static void
next(struct lex *l, struct token *t)
{
	size_t	 n;

	t->word[0] = '\0';
	t->kind = lex_next(l);
	n = t->kind == LEX_END || t->kind == LEX_BAD ? 0 :
	    (size_t)(l->pos - l->start);
	if (t->kind == LEX_WORD)
		word_copy(t, l->start, n, true);
	else if (t->kind == LEX_QUOTED && n >= 2)
		word_copy(t, l->start + 1, n - 2, false);
}

static bool
is_word(const struct token *t, const char *word)
{
	return t->kind == LEX_WORD && strcmp(t->word, word) == 0;
}

static bool
is_punct(const struct lex *l, const struct token *t, char c)
{
	return t->kind == LEX_PUNCT && *l->start == c;
}

/* Its first argument, if that is a plain string and nothing else. */
static void
set_config(struct scan *s, struct lex l)
{
	struct token	 t, name;

	next(&l, &t);
	if (is_punct(&l, &t, '(')) {
		next(&l, &name);
		if (name.kind == LEX_STRING && *l.start == '\'' &&
		    memchr(l.start, '\\', (size_t)(l.pos - l.start)) == NULL)
			word_copy(&name, l.start + 1,
			    (size_t)(l.pos - l.start) - 2, true);
		next(&l, &t);
		if (name.word[0] != '\0' && name.kind == LEX_STRING &&
		    is_punct(&l, &t, ',')) {
			s->cb(s->ctx, BODY_SETS, name.word);
			return;
		}
	}
	s->cb(s->ctx, BODY_SETS, NULL);
}

static void
set_modes(struct scan *s, bool session)
{
	static const char *const modes[] = { "default_transaction_isolation",
	    "default_transaction_read_only", "default_transaction_deferrable" };
	size_t	 i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		s->cb(s->ctx, BODY_SETS, modes[i] +
		    (session ? 0 : strlen("default_")));
}

/* Behind the SET of a statement. */
static void
set_statement(struct scan *s, struct lex l)
{
	struct token	 t;
	char		 name[2 * WORD_MAX_LEN + 2];
	bool		 session;

	next(&l, &t);
	session = is_word(&t, "session");
	if (session || is_word(&t, "local"))
		next(&l, &t);
	if (session && is_word(&t, "characteristics"))
		set_modes(s, true);
	else if (is_word(&t, "transaction"))
		set_modes(s, false);
	else if (is_word(&t, "time"))
		s->cb(s->ctx, BODY_SETS, "timezone");
	else if (is_word(&t, "schema"))
		s->cb(s->ctx, BODY_SETS, "search_path");
	else if (is_word(&t, "names"))
		s->cb(s->ctx, BODY_SETS, "client_encoding");
	else if (is_word(&t, "xml"))
		s->cb(s->ctx, BODY_SETS, "xmloption");
	else if (t.kind == LEX_WORD || t.kind == LEX_QUOTED) {
		strcpy(name, t.word);
		next(&l, &t);
		if (is_punct(&l, &t, '.')) {
			next(&l, &t);
			strcat(name, ".");
			strcat(name, t.word);
			name[WORD_MAX_LEN] = '\0';
		}
		s->cb(s->ctx, BODY_SETS, name);
	} else
		s->cb(s->ctx, BODY_SETS, NULL);
}

/* Does a statement begin behind this? */
static bool
begins(const struct scan *s)
{
	const struct token	*t = &s->prev;

	/* LEX_END: it is the first. */
	return t->kind == LEX_END || (t->kind == LEX_PUNCT &&
	    t->word[0] == ';') || (t->kind == LEX_OPERATOR &&
	    t->word[0] == '>') || is_word(t, "begin") ||
	    is_word(t, "then") || is_word(t, "else") || is_word(t, "loop") ||
	    is_word(t, "atomic");
}

/* CREATE: of something that holds code? */
static bool
creates_code(struct lex l)
{
	static const char *const what[] = { "function", "procedure",
	    "aggregate", "operator", "rule", "trigger", "cast",
	    "view" };
	struct token	 t;
	size_t		 i, k;

	for (i = 0; i < 4; i++) {
		next(&l, &t);
		for (k = 0; k < sizeof(what) / sizeof(what[0]); k++)
			if (is_word(&t, what[k]))
				return true;
	}
	return false;
}

static void
one_word(struct scan *s, const struct token *t)
{
	struct lex	 l = s->l;
	struct token	 after;

	next(&l, &after);
	s->updates |= is_word(t, "update");
	s->pg_settings |= strcmp(t->word, "pg_settings") == 0;
	if (strcmp(t->word, "set_config") == 0)
		set_config(s, s->l);
	else if (is_word(t, "set") && begins(s))
		set_statement(s, s->l);
	else if (is_word(t, "reset") && begins(s) &&
	    strncmp(after.word, "transaction_", 12) == 0)
		s->cb(s->ctx, BODY_SETS, after.word);
	else if ((is_word(t, "execute") && !is_word(&s->prev, "grant") &&
	    !is_word(&s->prev, "revoke")) ||
	    (is_word(t, "do") && (after.kind == LEX_STRING ||
	    is_word(&after, "language"))) ||
	    (is_word(t, "create") && creates_code(s->l)))
		s->cb(s->ctx, BODY_RUNS, NULL);
	else if (is_punct(&l, &after, '('))
		s->cb(s->ctx, BODY_CALLS, t->word);
}

void
bodyscan(const char *text, size_t len, bodyscan_cb *cb, void *ctx)
{
	struct scan	 s;
	struct token	 t;

	memset(&s, 0, sizeof(s));
	s.l.text = s.l.pos = text;
	s.l.end = text + len;
	s.cb = cb;
	s.ctx = ctx;
	s.prev.kind = LEX_END;
	for (;;) {
		next(&s.l, &t);
		if (t.kind == LEX_END)
			break;
		if (t.kind == LEX_BAD || t.kind == LEX_UQUOTED) {
			cb(ctx, BODY_SETS, NULL);
			if (t.kind == LEX_BAD)
				return;
		} else if (t.kind == LEX_WORD || t.kind == LEX_QUOTED)
			one_word(&s, &t);
		else {
			/* One character of what is no word is enough. */
			t.word[0] = *s.l.start;
			t.word[1] = '\0';
		}
		s.prev = t;
	}
	if (s.updates && s.pg_settings)
		cb(ctx, BODY_SETS, NULL);
}
