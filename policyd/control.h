#ifndef POSTERN_CONTROL_H
#define POSTERN_CONTROL_H

#include <jansson.h>

#include "parent.h"

/*
 * policyd's socket: gatewayd's master, and the control tools.
 */
struct conn;

/*
 * A verb of the tools.  Returns the exit code, with a message where it is not
 * 0; or -1 when the answer comes later, by control_end().
 */
typedef int	 control_verb(struct conn *, uint32_t id, const json_t *args,
		    char *message, size_t size);
/* Takes the row. */
void		 control_row(struct conn *, uint32_t id, json_t *row);
/* As JSON that an engine made. */
void		 control_row_text(struct conn *, uint32_t id, struct slice json);
void		 control_end(struct conn *, uint32_t id, uint32_t code,
		    const char *message);
/* What a verb that answers later came to; a token in `args` is not recorded. */
void		 control_record(struct conn *, const char *verb, json_t *args,
		    uint32_t code);
struct parent	*control_parent(const struct conn *);
uint32_t	 control_uid(const struct conn *);
/* The page for approvers (policyctl serve): nothing without a token. */
bool		 control_is_page(const struct conn *);

/* Takes the bound, listening socket. */
void	 control_init(struct parent *, int listen);

#endif
