/*
 * Reads the log of a database server.  Run by auditctl reconcile, on a file
 * that its user names; what is in it comes from whoever could send statements.
 * A line that cannot be made out is passed over when it says nothing of a
 * statement, and a file in which none can be is refused.
 */
#include "serverlog.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

/* --- what they have in common ------------------------------------------- */

struct log {
	serverlog_fn	*fn;
	void		*ctx;
	uint64_t	 lines;		/* made out */
	bool		 stopped;
	const char	*error;
};

/* "2026-11-24 19:43:01.123 UTC"; *end after it.  -1: it is no time. */
static int
parse_time(struct log *l, const char *s, int64_t *us, const char **end)
{
	struct tm tm = { 0 };
	int64_t frac = 0, unit = 100000;
	const char *p = strptime(s, "%Y-%m-%d %H:%M:%S", &tm);

	if (p == NULL)
		return -1;
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10)
			frac += (*p - '0') * unit;
	if (strncmp(p, " UTC", 4) != 0 && strncmp(p, " GMT", 4) != 0) {
		l->error = "its times are not in UTC; set log_timezone";
		return -1;
	}
	*us = (int64_t)timegm(&tm) * 1000000 + frac;
	*end = p + 4;
	return 0;
}

/* The statement in a message, or NULL. */
static const char *
statement(const char *message)
{
	const char *p;

	if (strncmp(message, "statement: ", 11) == 0)
		return message + 11;
	if (strncmp(message, "execute fetch from ", 19) == 0)
		p = message + 19;
	else if (strncmp(message, "execute ", 8) == 0)
		p = message + 8;
	else
		return NULL;
	/* NAME or NAME/PORTAL, which may hold anything. */
	p = strstr(p, ": ");
	return p == NULL ? NULL : p + 2;
}

static void
give(struct log *l, int64_t time, long pid, const char *user,
    const char *message)
{
	struct serverlog_line line = { time, pid, user, NULL };

	l->lines++;
	if (message != NULL)
		line.text = statement(message);
	if (!l->stopped && !l->fn(l->ctx, &line))
		l->stopped = true;
}

/* --- stderr ------------------------------------------------------------- */

/* The message of a LOG line behind its prefix; NULL: another one. */
static int
parse_prefix(struct log *l, char *line, int64_t *time, long *pid, char **user,
    char **message)
{
	const char *after;
	char *p, *at, *space;

	if (parse_time(l, line, time, &after) == -1 ||
	    strncmp(after, " [", 2) != 0)
		return -1;
	*pid = strtol(after + 2, &p, 10);
	if (strncmp(p, "] ", 2) != 0)
		return -1;
	*user = p + 2;
	*message = NULL;
	/* No name of a role that we make has one of these in it. */
	if ((space = strchr(*user, ' ')) == NULL ||
	    (at = memchr(*user, '@', (size_t)(space - *user))) == NULL)
		return -1;
	*at = '\0';
	if (strncmp(space, " LOG:  ", 7) == 0)
		*message = space + 7;
	return 0;
}

/* A message goes on in lines that begin with a tab. */
static void
read_stderr(struct log *l, FILE *f, char *first, size_t len)
{
	char *line = NULL, *all = first, *user, *message;
	size_t size = 0, n = len, cap = len + 1;
	int64_t time;
	long pid;
	ssize_t got;

	do {
		got = getline(&line, &size, f);
		if (got > 0 && line[0] == '\t') {
			if (n + (size_t)got + 1 > cap) {
				cap = 2 * (n + (size_t)got + 1);
				if ((all = realloc(all, cap)) == NULL) {
					l->error = "out of memory";
					break;
				}
			}
			memcpy(all + n, line + 1, (size_t)got - 1);
			n += (size_t)got - 1;
			continue;
		}
		if (n > 0 && all[n - 1] == '\n')
			n--;
		all[n] = '\0';
		if (parse_prefix(l, all, &time, &pid, &user, &message) == 0)
			give(l, time, pid, user, message);
		if (got <= 0)
			break;
		if ((size_t)got + 1 > cap) {
			cap = 2 * (size_t)got;
			if ((all = realloc(all, cap)) == NULL) {
				l->error = "out of memory";
				break;
			}
		}
		memcpy(all, line, (size_t)got);
		n = (size_t)got;
	} while (!l->stopped && l->error == NULL);
	free(all);
	free(line);
}

/* --- csvlog ------------------------------------------------------------- */

/* log_time, user_name, ..., process_id; error_severity; message. */
enum { CSV_TIME = 0, CSV_USER = 1, CSV_PID = 3, CSV_SEVERITY = 11,
	CSV_MESSAGE = 13, CSV_FIELDS = 23 };

static void
csv_record(struct log *l, char **field, size_t n)
{
	const char *end;
	int64_t time;

	if (n < CSV_FIELDS || parse_time(l, field[CSV_TIME], &time,
	    &end) == -1)
		return;
	if (field[CSV_USER][0] != '\0')
		give(l, time, strtol(field[CSV_PID], NULL, 10),
		    field[CSV_USER], strcmp(field[CSV_SEVERITY], "LOG") == 0 ?
		    field[CSV_MESSAGE] : NULL);
}

/* Cut the text of one record into fields, in place. */
static void
csv_cut(struct log *l, char *p)
{
	char *field[64], *o;
	size_t n = 0;

	while (n < sizeof(field) / sizeof(field[0])) {
		o = field[n++] = p;
		if (*p == '"')
			for (p++; *p != '\0' && (*p != '"' || p[1] == '"');) {
				p += *p == '"';
				*o++ = *p++;
			}
		else
			while (*p != '\0' && *p != ',')
				*o++ = *p++;
		if (*p == '"')
			p++;
		if (*p != ',') {
			*o = '\0';
			break;
		}
		*o = '\0';
		p++;
	}
	csv_record(l, field, n);
}

/* A record ends with a line in which no quote is open. */
static void
read_csv(struct log *l, FILE *f, char *first, size_t len)
{
	char *line = NULL, *all = first, *more;
	size_t size = 0, n = len, i;
	bool open = false;
	ssize_t got = 0;

	for (i = 0; i < n; i++)
		open ^= all[i] == '"';
	for (;;) {
		if (!open) {
			if (n > 0 && all[n - 1] == '\n')
				all[n - 1] = '\0';
			csv_cut(l, all);
			n = 0;
		}
		if (l->stopped || l->error != NULL ||
		    (got = getline(&line, &size, f)) <= 0)
			break;
		if ((more = realloc(all, n + (size_t)got + 1)) == NULL) {
			l->error = "out of memory";
			break;
		}
		all = more;
		memcpy(all + n, line, (size_t)got + 1);
		for (i = 0; i < (size_t)got; i++)
			open ^= line[i] == '"';
		n += (size_t)got;
	}
	free(all);
	free(line);
}

/* --- jsonlog ------------------------------------------------------------ */

static void
json_line(struct log *l, const char *line, size_t len)
{
	json_t *o = json_loadb(line, len, JSON_ALLOW_NUL, NULL);
	const char *time, *user, *severity, *message, *end;
	int64_t us;

	time = json_string_value(json_object_get(o, "timestamp"));
	user = json_string_value(json_object_get(o, "user"));
	severity = json_string_value(json_object_get(o, "error_severity"));
	message = json_string_value(json_object_get(o, "message"));
	if (time != NULL && parse_time(l, time, &us, &end) == 0 &&
	    user != NULL)
		give(l, us, (long)json_integer_value(json_object_get(o,
		    "pid")), user, severity != NULL &&
		    strcmp(severity, "LOG") == 0 ? message : NULL);
	json_decref(o);
}

static void
read_json(struct log *l, FILE *f, char *first, size_t len)
{
	char *line = first;
	size_t size = len + 1;
	ssize_t got = (ssize_t)len;

	while (got > 0 && !l->stopped && l->error == NULL) {
		json_line(l, line, (size_t)got);
		got = getline(&line, &size, f);
	}
	free(line);
}

/* --- the file ----------------------------------------------------------- */

int
serverlog_read(FILE *f, serverlog_fn *fn, void *ctx, char *err, size_t errlen)
{
	struct log l = { .fn = fn, .ctx = ctx };
	char *first = NULL;
	const char *comma;
	size_t size = 0;
	ssize_t got;

	if ((got = getline(&first, &size, f)) <= 0) {
		free(first);
		snprintf(err, errlen, "is empty, or cannot be read");
		return -1;
	}
	comma = strchr(first, ',');
	if (first[0] == '{')
		read_json(&l, f, first, (size_t)got);
	else if (comma != NULL && comma - first >= 23 && comma - first <= 32 &&
	    (comma[-1] == 'C' || comma[-1] == 'T'))
		read_csv(&l, f, first, (size_t)got);
	else
		read_stderr(&l, f, first, (size_t)got);
	if (l.error == NULL && ferror(f))
		l.error = "cannot be read";
	if (l.error == NULL && l.lines == 0)
		l.error = "has no line that says who it is of: is it csvlog, "
		    "jsonlog, or stderr with log_line_prefix = "
		    "'%m [%p] %q%u@%d '?";
	if (l.error == NULL)
		return 0;
	snprintf(err, errlen, "%s", l.error);
	return -1;
}
