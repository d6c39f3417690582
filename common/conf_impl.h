#ifndef POSTERN_CONF_IMPL_H
#define POSTERN_CONF_IMPL_H

#include <stdint.h>
#include <stdio.h>

#include "conf.h"

/*
 * What conf.c, conf_tree.c and conf_print.c share among themselves; nobody
 * else includes this.
 */
#define CONF_SENTENCE_MAX	512	/* of a message, without the position */
#define CONF_DURATION_MAX	(UINT64_C(3650) * 86400 * 1000)

struct conf_unit {
	const char	*suffix;
	uint64_t	 factor;
};

/* From the largest, ends with a factor of 0. */
extern const struct conf_unit conf_durations[], conf_sizes[], conf_plain[];

/* In the largest unit that divides it. */
void	conf_print_number(FILE *, uint64_t, const struct conf_unit *);
/* Always -1. */
int	conf_fail_memory(struct conf_error *);

#endif
