#ifndef POSTERN_NOTIFIER_H
#define POSTERN_NOTIFIER_H

/*
 * The process that tells webhooks and commands what waits for approval.  `fd`
 * is its channel to policyd's parent.  Ends the process with 0 when the parent
 * is gone.  Log, user and signals (SIGPIPE ignored) are set up by the caller.
 */
void	notifier_main(int fd) __attribute__((noreturn));

#endif
