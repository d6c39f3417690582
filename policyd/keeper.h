#ifndef POSTERN_KEEPER_H
#define POSTERN_KEEPER_H

/*
 * The process that holds the databases' secrets.  `fd` is its channel to
 * policyd's parent.  Ends the process with 0 when the parent is gone.  Log,
 * user and signals (SIGPIPE ignored) are set up by the caller.
 */
void	keeper_main(int fd) __attribute__((noreturn));

#endif
