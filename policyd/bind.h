#ifndef POSTERN_BIND_H
#define POSTERN_BIND_H

#include "codec.h"

/*
 * The parameters of a Bind as libpq takes them.  `types` and `params` of
 * bind_read() are as in estimate_ask of ipc_msgs.h.
 */
struct bind {
	size_t		  n;
	unsigned int	 *types;	/* OIDs; 0: the server finds it */
	const char	**values;	/* NULL: null */
	int		 *lengths, *formats;
	char		 *bytes;	/* what the values are in */
};

/* 0, or -1: no memory, or they are not well-formed; either way bind_clear()
 * is to follow. */
int	bind_read(struct bind *, struct slice types, struct slice params);
/* Wipes the values. */
void	bind_clear(struct bind *);

#endif
