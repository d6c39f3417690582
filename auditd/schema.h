#ifndef AUDITD_SCHEMA_H
#define AUDITD_SCHEMA_H

/*
 * The store's schema, documented in postern-audit(5).  A store that says
 * another version in its user_version is not opened.
 */
#define SCHEMA_VERSION		3
#define SCHEMA_APPLICATION	0x5053544e	/* "PSTN" */

/* Executed in turn they make an empty database a store; ends with NULL. */
extern const char *const schema_sql[];

/* The views among them, each without its semicolon; ends with NULL. */
extern const char *const schema_views[];

#endif
