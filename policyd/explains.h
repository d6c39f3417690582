#ifndef POSTERN_EXPLAINS_H
#define POSTERN_EXPLAINS_H

#include "control.h"

/*
 * Engines asked what they find in a text, or mask: for tools, and for the parent
 * itself.
 */
void	 explains_init(struct parent *);

/* The tools' verbs. */
control_verb	 explains_explain, explains_masks;
/*
 * For `show`: `row` with what is found of this text, as "found", then its end.
 * Takes the row.
 */
void	 explains_show(struct conn *, uint32_t id, struct ipc_explain *,
	    json_t *row);
/*
 * For the parent: `fn` is called once, with NULL if the engine dies or makes no
 * sense; never from within.  -1: no engine is ready.
 */
typedef void	 explained_fn(void *ctx, const json_t *found);
int	 explains_ask(struct parent *, struct ipc_explain *, explained_fn *,
	    void *ctx);
/* `fn` is not to be called any more. */
void	 explains_forget(struct parent *, const void *ctx);

/* A tool is gone; an engine's answer, or its death. */
void	 explains_conn_gone(struct parent *, struct conn *);
void	 explains_answer(struct parent *, const struct ipc_explained *);
void	 explains_engine_lost(struct parent *, const char *profile);

#endif
