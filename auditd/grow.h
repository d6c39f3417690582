#ifndef AUDITD_GROW_H
#define AUDITD_GROW_H

#include <stdlib.h>

/*
 * An array that holds n members has room for one more afterwards: it is doubled
 * at each power of two.  NULL: an empty one.  For auditctl, which ends when
 * memory is out.
 */
static inline void *
grow(void *v, size_t n, size_t size)
{
	if ((n & (n - 1)) != 0)
		return v;
	if ((v = reallocarray(v, n == 0 ? 1 : 2 * n, size)) == NULL)
		abort();
	return v;
}

#endif
