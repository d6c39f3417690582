#ifndef POSTERN_DOOM_H
#define POSTERN_DOOM_H

#include <stddef.h>
#include <stdint.h>

/*
 * An engine's last words: while a text is judged there is a message ready that
 * refuses it.  When the process has to die of that text (its time is up, the
 * stack or the parser is broken) the message goes out first, so that the one
 * session that sent the text hears of it, and nobody asks a fresh engine the
 * same.
 */

/* Catch what kills.  In the thread that judges; once. */
void	doom_init(void);
/* From now on: these bytes to this socket, and the end after `seconds` of
 * processor time.  The bytes stay the caller's until doom_disarm(). */
void	doom_arm(int seconds, int fd, const uint8_t *bytes, size_t len);
void	doom_disarm(void);

#endif
