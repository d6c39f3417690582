/*
 * What an engine does when a text kills it.
 *
 * Runs in the engine, in signal handlers: whatever was going on may be broken,
 * so that only what is async-signal-safe and was ready before is used.  A peer
 * that does not take the message at once does without it.
 */
#include "doom.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "log.h"

/* Handlers have nothing else to find it by. */
static struct {
	volatile int		 fd;		/* -1: nothing to say */
	const uint8_t *volatile	 bytes;
	volatile size_t		 len;
} last = { -1, NULL, 0 };

static void
say(void)
{
	if (last.fd != -1)
		(void)!send(last.fd, last.bytes, last.len,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
	last.fd = -1;
}

static void
on_time(int signo)
{
	(void)signo;
	say();
	_exit(3);
}

#ifndef SANITIZED	/* which wants to say itself what is wrong */
/* SA_RESETHAND: on return it happens again, and is the end. */
static void
on_fault(int signo)
{
	say();
	raise(signo);
}
#endif

void
doom_init(void)
{
	struct sigaction	 sa;
#ifndef SANITIZED
	static const int	 faults[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE,
				    SIGILL };
	static uint8_t		 stack[64 * 1024];
	stack_t			 alt = { .ss_sp = stack,
				    .ss_size = sizeof(stack) };
	size_t			 i;
#endif

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_time;
	sigemptyset(&sa.sa_mask);
	if (sigaction(SIGPROF, &sa, NULL) == -1)
		fatal("event=sigaction_failed");
#ifndef SANITIZED
	/* The stack may be what has run out. */
	if (sigaltstack(&alt, NULL) == -1)
		fatal("event=sigaltstack_failed");
	sa.sa_handler = on_fault;
	sa.sa_flags = SA_ONSTACK | (int)SA_RESETHAND;
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (sigaction(faults[i], &sa, NULL) == -1)
			fatal("event=sigaction_failed");
#endif
}

static void
timer(int seconds)
{
	struct itimerval	 t;

	memset(&t, 0, sizeof(t));
	t.it_value.tv_sec = seconds;
	setitimer(ITIMER_PROF, &t, NULL);
}

void
doom_arm(int seconds, int fd, const uint8_t *bytes, size_t len)
{
	last.bytes = bytes;
	last.len = len;
	last.fd = fd;
	timer(seconds);
}

void
doom_disarm(void)
{
	timer(0);
	last.fd = -1;
}
