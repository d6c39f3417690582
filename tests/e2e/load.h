#ifndef POSTERN_E2E_LOAD_H
#define POSTERN_E2E_LOAD_H

#include <stdbool.h>

/*
 * Sessions that work all the time while something happens to the system: half
 * of them through the session listener, half through the shared one.  Each
 * statement carries a marker, so that the server's log, the store and what the
 * clients saw can be compared afterwards.
 */
#define LOAD_CLIENTS	6

struct load;

/* `tag` makes the markers unique; it also is each session's subject. */
struct load	*load_start(const char *tag);
/* Answers, refusals and lost connections of all clients so far. */
long		 load_answers(const struct load *);
long		 load_errors(const struct load *);
long		 load_lost(const struct load *);
/* Every client has had an answer since this call within ms. */
bool		 load_moves(struct load *, int ms);
/* Stop and reap the clients; false when one hangs. */
bool		 load_stop(struct load *);
/*
 * After load_stop(): whatever the server executed is in the store, and so is
 * whatever a client had an answer to.  Fails the test otherwise.
 */
void		 load_check(struct load *);
void		 load_free(struct load **);

#endif
