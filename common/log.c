/*
 * log: one line an event, to standard error or to syslog(3).  Runs in all
 * processes.  It never fails: a line that cannot be written is lost.
 */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static struct {
	const char	*process;
	int		 foreground;
	enum log_level	 least;
} log_to = { "postern", 1, LOG_L_INFO };

void
log_init(const char *process, int foreground, enum log_level least)
{
	log_to.process = process;
	log_to.foreground = foreground;
	log_to.least = least;
	tzset();
	if (!foreground)
		openlog(process, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void
log_process(const char *process)
{
	log_to.process = process;
	if (!log_to.foreground)
		openlog(process, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

static void
log_line(enum log_level level, const char *text)
{
	static const int prio[] = { LOG_DEBUG, LOG_INFO, LOG_WARNING,
	    LOG_CRIT };
	static const char *const name[] = { "debug", "info", "warn", "fatal" };
	char line[4096], stamp[32];
	struct timespec ts;
	struct tm tm;
	int n;

	if (!log_to.foreground) {
		syslog(prio[level], "%s", text);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	n = snprintf(line, sizeof(line), "%s.%03ldZ %s[%ld] %s: %s\n", stamp,
	    ts.tv_nsec / 1000000, log_to.process, (long)getpid(), name[level],
	    text);
	if (n >= (int)sizeof(line)) {
		n = sizeof(line) - 1;
		line[n - 1] = '\n';
	}
	/* One write, so that lines of several processes do not mix. */
	if (n > 0 && write(STDERR_FILENO, line, (size_t)n) == -1)
		return;
}

static void	vlog(enum log_level, int, const char *, va_list)
		    __attribute__((format(printf, 3, 0)));

static void
vlog(enum log_level level, int err, const char *fmt, va_list ap)
{
	char text[3072];
	int n;

	if (level < log_to.least)
		return;
	n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(text))
		n = sizeof(text) - 1;
	if (err != 0)
		snprintf(text + n, sizeof(text) - (size_t)n, " error=\"%s\"",
		    strerror(err));
	log_line(level, text);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_L_DEBUG, 0, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_L_INFO, 0, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_L_WARN, err, fmt, ap);
	va_end(ap);
}

void
log_warnx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_L_WARN, 0, fmt, ap);
	va_end(ap);
}

void
fatal(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_L_FATAL, err, fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_L_FATAL, 0, fmt, ap);
	va_end(ap);
	exit(1);
}

const char *
log_esc(const void *vp, size_t n)
{
	static char ring[8][200 * 4 + 8];
	static unsigned int next;
	static const char hex[] = "0123456789abcdef";
	const unsigned char *p = vp;
	char *start = ring[next++ % 8], *o = start;
	size_t i, cut = n > 200 ? 200 : n;

	*o++ = '"';
	for (i = 0; i < cut; i++) {
		if (p[i] == '"' || p[i] == '\\') {
			*o++ = '\\';
			*o++ = (char)p[i];
		} else if (p[i] >= 0x20 && p[i] < 0x7f)
			*o++ = (char)p[i];
		else {
			*o++ = '\\';
			*o++ = 'x';
			*o++ = hex[p[i] >> 4];
			*o++ = hex[p[i] & 15];
		}
	}
	if (cut < n) {
		memcpy(o, "...", 3);
		o += 3;
	}
	*o++ = '"';
	*o = '\0';
	return start;
}
