/*
 * The filters of auditctl, as SQL.  Run by auditctl, for its user, who may read
 * the whole store: values are bound to parameters all the same.
 */
#include "filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ev.h"

bool
filter_by_session(const struct filter *f)
{
	return f->subject != NULL || f->profile != NULL || f->database != NULL;
}

static int
put(struct buf *b, const char *sql)
{
	return buf_add(b, sql, strlen(sql));
}

int
filter_where(const struct filter *f, struct buf *b)
{
	const struct {
		bool		 wanted;
		const char	*sql;
	} parts[] = {
		{ f->session != NULL, " AND e.session = ?1" },
		{ f->kind != NULL, " AND e.kind = ?2" },
		{ f->verdict != NULL, " AND e.kind IN ('intent', 'prepare')"
		    " AND json_extract(e.body, '$.action') = ?3" },
		{ f->tag != NULL, " AND e.kind = 'outcome' AND"
		    " (json_extract(e.body, '$.tag') = ?4 OR"
		    " substr(json_extract(e.body, '$.tag'), 1,"
		    " length(?4) + 1) = ?4 || ' ')" },
		{ f->text != NULL, " AND e.kind IN ('intent', 'prepare') AND"
		    " regexp(?5, stmt_text(e.session, e.body))" },
		{ f->relation != NULL, " AND e.id IN (SELECT event FROM"
		    " touched WHERE relation = ?10)" },
		{ f->since != 0, " AND e.time >= ?6" },
		{ f->until != 0, " AND e.time < ?7" },
		{ f->first != 0, " AND e.id >= ?8" },
		{ f->last != 0, " AND e.id <= ?9" },
		{ filter_by_session(f), " AND (e.session IN (SELECT session"
		    " FROM temp.chosen) OR e.id IN (SELECT id FROM"
		    " temp.refused))" }
	};
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i].wanted && put(b, parts[i].sql) == -1)
			return -1;
	return 0;
}

static int
time_ago(const char *s, int64_t *us)
{
	static const struct { char unit; int64_t seconds; } units[] = {
		{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }
	};
	char *end;
	long n;
	size_t i;

	if (*s < '0' || *s > '9')
		return -1;
	n = strtol(s, &end, 10);
	if (n < 0 || n > 1000000000L || end[0] == '\0' || end[1] != '\0')
		return -1;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].unit == *end) {
			*us = (int64_t)now_wall_us() -
			    n * units[i].seconds * 1000000;
			return *us > 0 ? 0 : -1;
		}
	return -1;
}

int
filter_time(const char *s, int64_t *us)
{
	static const char *const formats[] = { "%Y-%m-%dT%H:%M:%S",
	    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M",
	    "%Y-%m-%d" };
	const char *end;
	struct tm tm;
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		memset(&tm, 0, sizeof(tm));
		if ((end = strptime(s, formats[i], &tm)) == NULL ||
		    (*end != '\0' && strcmp(end, "Z") != 0))
			continue;
		*us = (int64_t)timegm(&tm) * 1000000;
		return *us > 0 ? 0 : -1;
	}
	return time_ago(s, us);
}
