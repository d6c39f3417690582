#ifndef AUDITD_SUMMARY_H
#define AUDITD_SUMMARY_H

#include <stdbool.h>

#include "filter.h"
#include "reader.h"
#include "report.h"

/* auditctl's exit code; messages go to standard error. */

/* One row for each session that was opened. */
int	summary_sessions(struct reader *, const struct filter *, bool json);
/* One row for each subject: sessions, statements, refused and approved ones,
 * errors, rows, bytes, refused logins. */
int	summary_report(struct reader *, const struct filter *,
	    const struct report_options *);
/* One row for each subject and relation. */
int	summary_relations(struct reader *, const struct filter *,
	    const struct report_options *);

#endif
