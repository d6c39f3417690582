#ifndef POSTERN_TESTS_UNIT_TMPNAME_H
#define POSTERN_TESTS_UNIT_TMPNAME_H

#include <stdio.h>
#include <stdlib.h>

/* Into the array: a template for mkdtemp() or mkstemp(), where TMPDIR says. */
#define TMPNAME(array, name)						\
	snprintf((array), sizeof(array), "%s/%s.XXXXXX",			\
	    getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp", (name))

#endif
