#ifndef POSTERN_VERIFIER_H
#define POSTERN_VERIFIER_H

/*
 * The process that reads tokens.  `fd` is its channel to policyd's parent.
 * Ends the process with 0 when the parent is gone.  Log, user
 * and signals (SIGPIPE ignored) are set up by the caller.
 */
void	verifier_main(int fd) __attribute__((noreturn));

#endif
