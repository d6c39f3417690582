#ifndef POSTERN_TESTCASES_H
#define POSTERN_TESTCASES_H

#include <stdbool.h>

/*
 * policyctl test: cases in a file, each with the verdict that is expected.
 * Judged here, by the engine's own code, against a catalogue that the file
 * describes; or by a running policyd (`socket`), against its database's.
 */
struct testcases_opts {
	const char	*policy;	/* policy.yaml, unless the file names one */
	const char	*socket;	/* NULL: judge here */
	bool		 junit;		/* else TAP */
};

/* Needs a large stack (bigstack_run()).  0: all passed, 1: not so. */
int	testcases_run(const char *file, const struct testcases_opts *);

#endif
