#ifndef POSTERN_ENGINE_H
#define POSTERN_ENGINE_H

/*
 * The engine's main: SQL in, verdict out, for the sessions of one profile.
 * `fd` is the channel to the parent.  Runs after bring-up (log, user, chroot);
 * ends with the parent, or with status 3 when one judgement took more than two
 * seconds of processor time.  No network, no file, no secret.
 */
void	engine_main(int fd) __attribute__((noreturn));

#endif
