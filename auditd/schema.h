#ifndef AUDITD_SCHEMA_H
#define AUDITD_SCHEMA_H

/*
 * The store's schema, documented in postern-audit(5).  A store that says
 * another version in its user_version is not opened.
 */
#define SCHEMA_VERSION		1
#define SCHEMA_APPLICATION	0x5053544e	/* "PSTN" */

/* Executed in turn they make an empty database a store; ends with NULL. */
extern const char *const schema_sql[];

/* What sqlite_master must hold for changes to be refused; ends with NULL. */
struct schema_trigger {
	const char	*name;
	const char	*sql;
};
extern const struct schema_trigger schema_triggers[];

#endif
