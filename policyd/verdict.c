/*
 * A verdict as JSON, for policyctl explain.
 *
 * Runs in the engine.  Strings may hold what a client wrote; they are escaped
 * here, and are UTF-8 because prescan() lets nothing else through.
 */
#include "judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"

static int
add(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

static int
add_string(struct buf *b, const char *s, size_t len)
{
	char	 esc[8];
	size_t	 i;

	if (buf_add_u8(b, '"') == -1)
		return -1;
	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '"' || c == '\\')
			snprintf(esc, sizeof(esc), "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			snprintf(esc, sizeof(esc), "\\u%04x", c);
		else {
			esc[0] = (char)c;
			esc[1] = '\0';
		}
		if (add(b, esc) == -1)
			return -1;
	}
	return buf_add_u8(b, '"');
}

static int
member(struct buf *b, const char *key, const char *value)
{
	return add(b, ",\"") == -1 || add(b, key) == -1 ||
	    add(b, "\":") == -1 ||
	    (value == NULL ? add(b, "null") :
	    add_string(b, value, strlen(value))) == -1 ? -1 : 0;
}

static int
member_bool(struct buf *b, const char *key, bool v)
{
	return add(b, ",\"") == -1 || add(b, key) == -1 ||
	    add(b, v ? "\":true" : "\":false") == -1 ? -1 : 0;
}

/* "a, b" as a list. */
static int
member_list(struct buf *b, const char *key, const char *list)
{
	const char	*end;
	int		 rc;

	rc = add(b, ",\"") == -1 || add(b, key) == -1 ||
	    add(b, "\":[") == -1 ? -1 : 0;
	while (rc == 0 && *list != '\0') {
		if ((end = strstr(list, ", ")) == NULL)
			end = list + strlen(list);
		rc = add_string(b, list, (size_t)(end - list));
		list = end;
		if (*list != '\0') {
			list += 2;
			if (rc == 0)
				rc = buf_add_u8(b, ',');
		}
	}
	return rc == 0 ? buf_add_u8(b, ']') : -1;
}

/* Only those that there are. */
static int
member_caps(struct buf *b, const struct caps *c)
{
	const struct { const char *key; uint64_t v; } all[] = {
		{ "max_rows", c->rows }, { "max_bytes", c->bytes },
		{ "max_affected", c->affected }
	};
	char	 s[64];
	size_t	 i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i].v == 0)
			continue;
		snprintf(s, sizeof(s), ",\"%s\":%" PRIu64, all[i].key,
		    all[i].v);
		if (add(b, s) == -1)
			return -1;
	}
	return 0;
}

/* Only where one had a part in it. */
static int
member_estimate(struct buf *b, const struct verdict *v)
{
	char	 s[96];

	if (!v->estimated)
		return 0;
	if (member_bool(b, "per_estimate",
	    (v->flags & VERDICT_ESTIMATE) != 0) == -1)
		return -1;
	if (v->estimate.state != ESTIMATE_KNOWN)
		return member(b, "estimate", v->estimate.state ==
		    ESTIMATE_FAILED ? "none can be had: as if it were large" :
		    (v->flags & VERDICT_ESTIMATE) == 0 ?
		    "not needed: refused even as a small one" :
		    "not asked for: as if it were small");
	snprintf(s, sizeof(s), ",\"estimate\":{\"rows\":%" PRIu64
	    ",\"cost\":%" PRIu64 "}", v->estimate.rows, v->estimate.cost);
	return add(b, s);
}

int
verdict_json(const struct verdict *v, struct buf *b)
{
	static const char *const actions[] = { "deny", "allow", "mask" };
	char	 kinds[VERDICT_KINDS * 32] = "", line[32];
	size_t	 i;

	for (i = 0; i < v->nkinds; i++)
		snprintf(kinds + strlen(kinds), sizeof(kinds) - strlen(kinds),
		    "%s%s", i > 0 ? ", " : "", kind_name(v->kinds[i]));
	snprintf(line, sizeof(line), ",\"line\":%d", v->rule_line);
	if (add(b, "{\"action\":") == -1 ||
	    add_string(b, actions[v->action], strlen(actions[v->action])) ==
	    -1 || member(b, "rule", v->rule) == -1 || add(b, line) == -1 ||
	    member(b, "kind", kind_name(v->kind)) == -1 ||
	    member_list(b, "kinds", kinds) == -1 ||
	    member_list(b, "reads", v->reads) == -1 ||
	    member_list(b, "writes", v->writes) == -1 ||
	    member_list(b, "masked", v->masked) == -1 ||
	    member(b, "tags", v->tags) == -1 ||
	    member(b, "observed", v->observed) == -1)
		return -1;
	if (v->action == VERDICT_DENY &&
	    (member(b, "sqlstate", v->sqlstate) == -1 ||
	    member(b, "message", v->message) == -1 ||
	    member(b, "hint", v->hint) == -1))
		return -1;
	if (v->rewritten != NULL && (add(b, ",\"rewritten\":") == -1 ||
	    add_string(b, v->rewritten, v->rewritten_len) == -1))
		return -1;
	if (member_caps(b, &v->caps) == -1 || member_estimate(b, v) == -1)
		return -1;
	if (v->shape != NULL && member(b, "shape", v->shape) == -1)
		return -1;
	snprintf(line, sizeof(line), ",\"score\":%llu",
	    (unsigned long long)v->score);
	return add(b, line) == -1 || member_bool(b, "hold",
	    (v->flags & VERDICT_HOLD) != 0) == -1 ||
	    member_bool(b, "cacheable",
	    (v->flags & VERDICT_CACHEABLE) != 0) == -1 ||
	    member_bool(b, "readonly",
	    (v->flags & VERDICT_READONLY) != 0) == -1 ||
	    member_bool(b, "per_session",
	    (v->flags & VERDICT_SESSION) != 0) == -1 ||
	    member_bool(b, "per_moment",
	    (v->flags & VERDICT_MOMENT) != 0) == -1 ||
	    member_bool(b, "protected",
	    (v->flags & VERDICT_PROTECTED) != 0) == -1 ||
	    buf_add_u8(b, '}') == -1 ? -1 : 0;
}
