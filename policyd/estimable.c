/*
 * What the planner may be asked about (D15): EXPLAIN executes nothing, and yet
 * planning runs immutable and stable functions, so only of statements whose
 * functions, operators and types are all the server's own and known.
 *
 * Runs in the engine.  Pure.  In doubt it is not asked, and the statement
 * counts as large.
 */
#include "judge_impl.h"

bool
judge_plain(const struct analysis *a)
{
	switch (a->kind) {
	case KIND_EXPLAIN:
		return !a->explain_analyze;
	case KIND_BEGIN:
	case KIND_COMMIT:
	case KIND_ROLLBACK:
	case KIND_SAVEPOINT:
	case KIND_TWO_PHASE:
	case KIND_SHOW:
	case KIND_SET:
	case KIND_RESET:
	case KIND_SET_ROLE:
	case KIND_DISCARD:
	case KIND_DEALLOCATE:
	case KIND_CLOSE:
	case KIND_LISTEN:
	case KIND_NOTIFY:
	case KIND_LOCK:
	case KIND_EMPTY:
		return true;
	default:
		return false;
	}
}

/* Planning it calls nothing of anybody's; triggers do not run. */
static bool
relation_plain(const struct ref *r, bool pinned)
{
	if (r->rel == NULL || (!pinned && (r->rv == NULL ||
	    r->rv->schemaname == NULL || *r->rv->schemaname == '\0')))
		return false;
	if (r->rel->system)
		return !r->write;
	return !r->rel->rowsecurity && !r->rel->read_calls &&
	    (!r->write || !r->rel->write_calls) &&
	    (r->rel->kind == 'r' || r->rel->kind == 'p' ||
	    (r->rel->kind == 'm' && !r->write));
}

bool
judge_estimable(const struct judgement *j, const struct analysis *a)
{
	size_t	 i;

	if (j->statements != 1 || j->ask->form == JUDGE_FUNCTION ||
	    j->scene->cat == NULL || catalog_hidden_casts(j->scene->cat) ||
	    a->unproven || a->unresolved || a->executes || a->refused)
		return false;
	/* Whether it is held would tell what the planner knows of them. */
	if (a->nprotected > 0)
		return false;
	switch (a->kind) {
	case KIND_SELECT:
	case KIND_VALUES:
	case KIND_INSERT:
	case KIND_UPDATE:
	case KIND_DELETE:
	case KIND_MERGE:
		break;
	default:
		return false;
	}
	for (i = 0; i < a->nrefs; i++)
		if (!relation_plain(&a->refs[i], j->scene->path.pinned))
			return false;
	return true;
}
