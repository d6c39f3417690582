#ifndef POSTERN_LOG_H
#define POSTERN_LOG_H

#include <stddef.h>
#include <stdint.h>

/*
 * Log lines are `key=value` pairs.  In the foreground (-d) they go to standard
 * error with a time stamp, else to syslog(3), facility daemon.  No secret is
 * ever logged; bytes from a peer pass through log_esc().
 */
enum log_level { LOG_L_DEBUG, LOG_L_INFO, LOG_L_WARN, LOG_L_FATAL };

/* `process` names the process in each line; it is not copied. */
void	log_init(const char *process, int foreground, enum log_level least);
/* For a child that changes its name only. */
void	log_process(const char *process);

void	log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* warn: with errno's text; warnx: without. */
void	log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The environment's failure, or a bug: log and exit 1. */
void	fatal(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2), noreturn));
void	fatalx(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2), noreturn));

/*
 * A quoted, escaped copy of untrusted bytes, cut at 200 bytes, in one of eight
 * static buffers: good for use in one log call.
 */
const char *log_esc(const void *, size_t);

#endif
