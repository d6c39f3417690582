#ifndef AUDITD_PROGRESS_H
#define AUDITD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Long work of auditctl: how far it is, on standard error when that is a
 * terminal, and whether its user has had enough (SIGINT, SIGTERM).  Everything
 * that auditctl does for long only reads, so it can stop anywhere.
 */
void	progress_init(const char *what);
/* What is counted, if not events. */
void	progress_unit(const char *);
/* True: stop now. */
bool	progress(int64_t done, int64_t total);
bool	progress_interrupted(void);
/* Takes the line away again. */
void	progress_end(void);

#endif
