#ifndef AUDITD_SEAL_H
#define AUDITD_SEAL_H

/*
 * For tests: called before each step of sealing (seal.c lists them) with its
 * number.  NULL in auditd.
 */
extern void	(*seal_step)(int step);

#endif
