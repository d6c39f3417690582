/*
 * Statements that give, take or use the names of prepared statements and of
 * cursors: PREPARE, EXECUTE, DEALLOCATE, DECLARE, FETCH, CLOSE, DISCARD.
 *
 * Runs in the engine on the tree of a client's text.  Bind and Execute use the
 * same names: the worker must know, to record under a name what the server
 * runs under it, and where there are masks to let none run that was judged
 * under another policy.
 */
#include "judge_impl.h"

#include <stdio.h>
#include <string.h>

/* CURSOR_OPT_HOLD of the server. */
#define CURSOR_HOLD	0x0020

static uint32_t
name_flags(const PgQuery__Node *n, const char **name)
{
	*name = NULL;
	switch (n->node_case) {
	case PG_QUERY__NODE__NODE_PREPARE_STMT:
		*name = n->prepare_stmt->name;
		return VERDICT_STATEMENTS | VERDICT_GIVES;
	case PG_QUERY__NODE__NODE_EXECUTE_STMT:
		*name = n->execute_stmt->name;
		return VERDICT_STATEMENTS | VERDICT_USES;
	case PG_QUERY__NODE__NODE_DEALLOCATE_STMT:
		*name = n->deallocate_stmt->name;
		return VERDICT_STATEMENTS;
	case PG_QUERY__NODE__NODE_DECLARE_CURSOR_STMT:
		*name = n->declare_cursor_stmt->portalname;
		return VERDICT_PORTALS | VERDICT_GIVES |
		    ((n->declare_cursor_stmt->options & CURSOR_HOLD) != 0 ?
		    VERDICT_LASTS : 0);
	case PG_QUERY__NODE__NODE_FETCH_STMT:
		*name = n->fetch_stmt->portalname;
		return VERDICT_PORTALS | VERDICT_USES;
	case PG_QUERY__NODE__NODE_CLOSE_PORTAL_STMT:
		*name = n->close_portal_stmt->portalname;
		return VERDICT_PORTALS;
	case PG_QUERY__NODE__NODE_DISCARD_STMT:
		return VERDICT_STATEMENTS | VERDICT_PORTALS;
	default:
		return 0;
	}
}

/*
 * Where there are masks, the worker is to know which name is given and which
 * is used.  It can for one name in a text; false: there are several.
 */
static bool
note_masked_names(struct verdict *v, uint32_t flags, const char *name)
{
	uint32_t	 kinds = VERDICT_STATEMENTS | VERDICT_PORTALS;

	/* Given before in the same text. */
	if ((flags & VERDICT_USES) != 0 && (v->flags & VERDICT_GIVES) != 0 &&
	    strcmp(v->name, name) == 0)
		flags &= ~(uint32_t)VERDICT_USES;
	if ((v->flags & kinds) == 0) {
		v->flags |= flags;
		snprintf(v->name, sizeof(v->name), "%s", name);
		return true;
	}
	if (((v->flags | flags) & (VERDICT_USES | VERDICT_GIVES)) != 0 &&
	    ((v->flags & kinds) != (flags & kinds) || *name == '\0' ||
	    strcmp(v->name, name) != 0))
		return false;
	if (strcmp(v->name, name) != 0)
		v->name[0] = '\0';
	v->flags |= flags;
	return true;
}

void
judge_names(struct judgement *j, const PgQuery__Node *n)
{
	struct verdict	*v = j->out;
	const char	*name;
	uint32_t	 flags = name_flags(n, &name);

	if (flags == 0)
		return;
	if (name == NULL || strlen(name) >= sizeof(v->name))
		name = "";
	if (j->scene->masked) {
		if (!note_masked_names(v, flags, name))
			j->names = true;
		return;
	}
	if ((flags & VERDICT_USES) != 0)
		return;
	/* Several in one text: any name. */
	if ((v->flags & (VERDICT_STATEMENTS | VERDICT_PORTALS)) != 0)
		name = "";
	v->flags |= flags & (VERDICT_STATEMENTS | VERDICT_PORTALS);
	snprintf(v->name, sizeof(v->name), "%s", name);
}
