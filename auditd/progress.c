/*
 * One line on the terminal for work that takes long, and the signal that ends
 * it in good order.  Runs in auditctl.
 */
#include "progress.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ev.h"

#define EVERY_MS	200

static volatile sig_atomic_t interrupted;
static const char	*subject, *unit = "events";
static bool		 terminal, shown;
static uint64_t		 started, last;

static void
on_signal(int signo)
{
	/* A second one kills. */
	interrupted = signo;
}

void
progress_init(const char *what)
{
	/* What was begun to be written is written: lines stay whole. */
	struct sigaction sa = { .sa_handler = on_signal,
	    .sa_flags = (int)SA_RESETHAND | SA_RESTART };
	sigset_t both;

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	/* Who started us may have held them back. */
	sigemptyset(&both);
	sigaddset(&both, SIGINT);
	sigaddset(&both, SIGTERM);
	sigprocmask(SIG_UNBLOCK, &both, NULL);
	subject = what;
	terminal = isatty(STDERR_FILENO) == 1;
	started = last = now_boot_ms();
}

void
progress_unit(const char *what)
{
	unit = what;
}

bool
progress_interrupted(void)
{
	return interrupted != 0;
}

bool
progress(int64_t done, int64_t total)
{
	uint64_t now;

	if (!terminal || (now = now_boot_ms()) - last < EVERY_MS)
		return interrupted != 0;
	last = now;
	shown = true;
	fprintf(stderr, "\r%s: %" PRId64 " of %" PRId64 " %s, %3d%%, %"
	    PRIu64 " s ", subject, done, total, unit, total <= 0 ? 100 :
	    (int)(done * 100 / total), (now - started) / 1000);
	return interrupted != 0;
}

void
progress_end(void)
{
	if (shown)
		fprintf(stderr, "\r%70s\r", "");
	shown = false;
}
