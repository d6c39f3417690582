#ifndef AUDITD_EXPORT_H
#define AUDITD_EXPORT_H

#include "filter.h"
#include "reader.h"

/*
 * Events for other programs, one a line on standard output: as JSON lines, as
 * CSV (RFC 4180), as CEF (ArcSight Common Event Format, version 0), or as OCSF
 * (Open Cybersecurity Schema Framework 1.3).  Each has the whole body.
 */
#define EXPORT_FORMATS(M)						\
	M(JSONL, "jsonl")						\
	M(CSV, "csv")							\
	M(CEF, "cef")							\
	M(OCSF, "ocsf")

#define EXPORT_M_ENUM(id, name)	EXPORT_##id,
enum export_format { EXPORT_FORMATS(EXPORT_M_ENUM) EXPORT_NFORMATS };
#undef EXPORT_M_ENUM

/* EXPORT_NFORMATS: there is none of this name. */
enum export_format export_format(const char *name);
/* All that match, with progress.  Returns auditctl's exit code; messages go to
 * standard error. */
int	export_events(struct reader *, const struct filter *,
	    enum export_format);

#endif
