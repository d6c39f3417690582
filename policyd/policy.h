#ifndef POSTERN_POLICY_H
#define POSTERN_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "conf.h"
#include "ipc_msgs.h"
#include "kinds.h"

/*
 * policy.yaml, parsed.  Every process of policyd parses the same text and uses
 * its part: the verifier issuers, the keeper databases and secrets, the engine
 * masks and rules, the parent profiles.  Parsing opens no other file; a path is
 * made absolute here and opened by the process that needs it.
 */
struct policy_runtime {		/* `runtime:`, where this machine keeps things */
	char	*socket;	/* policyd's own */
	char	*state;		/* directory: page, sessions */
	char	*auditd;	/* auditd's socket */
	char	*user;		/* _policyd; and a user for each child (D1) */
	char	*user_verifier, *user_engine, *user_keeper, *user_notifier;
};

struct claim_match {
	char			*pointer;	/* JSON Pointer */
	struct conf_strings	 values;	/* anchored globs, any of them */
};

/* Which of an issuer's tokens count, by what they say they are. */
enum token_type { TOKEN_TYPE_ANY, TOKEN_TYPE_ACCESS, TOKEN_TYPE_ID };
/* How often a token with a jti opens sessions (D27): see policy.yaml(5). */
enum jti_use { JTI_POOL, JTI_STRICT, JTI_ANY };

struct issuer {
	char			*key;		/* its name in the file */
	char			*issuer;	/* the iss claim, exactly */
	struct conf_strings	 audience;	/* any of these */
	struct conf_strings	 parties;	/* azp: any of these; n = 0 */
	int			 token_type;	/* enum token_type */
	struct claim_match	*required;	/* all of these */
	size_t			 nrequired;
	int			 jti;		/* enum jti_use */
	struct conf_strings	 algorithms;
	uint64_t		 max_lifetime;	/* ms */
	uint64_t		 leeway;	/* ms of clock skew */
	char			*groups;	/* JSON Pointer */
	char			*subject;	/* JSON Pointer */
	char			*jwks_file;	/* absolute, or NULL: discovery */
	uint64_t		 keys_max_age;	/* ms: discovery's last good keys */
	char			*ca_file;	/* for https, or NULL: the system's */
	bool			 allow_http_loopback;
};

struct database {
	char		*key;
	char		*host;		/* name, address, or a socket directory */
	uint64_t	 port;
	char		*dbname;
	int		 tls;		/* enum db_tls */
	char		*ca_file;	/* absolute, or NULL */
	char		*broker_user;
	char		*broker_password_file;	/* absolute, or NULL */
	uint64_t	 estimate_within;	/* ms */
};

enum mask_kind {
	MASK_NULL, MASK_REDACT, MASK_PARTIAL, MASK_BUCKET, MASK_TOKEN,
	/* Not the policy's: NULL, where it says token and there is none. */
	MASK_TOKEN_ABSENT, MASK_TOKEN_COMPUTED
};
enum mask_bucket { BUCKET_NONE, BUCKET_MONTH, BUCKET_YEAR };

/* A column that all of the three fit that are given (n > 0). */
struct mask_rule {
	struct conf_strings	columns;	/* database.schema.relation.column globs */
	struct conf_strings	types;		/* globs of a type's name */
	struct conf_strings	tags;		/* globs of a word in its comment */
	enum mask_kind		kind;
	bool			keep_domain;	/* MASK_PARTIAL, ... */
	uint64_t		first, last;	/* characters kept */
	uint64_t		width;		/* MASK_BUCKET; 0: no numbers */
	int			to;		/* enum mask_bucket */
	struct conf_strings	writes;		/* "insert", "update": allowed */
};

/* May a column with this mask be written by "insert" or "update"? */
bool	 mask_writes(const struct mask_rule *, const char *what);

struct mask_set {
	char			*key;
	struct mask_rule	*rules;		/* first that fits a column */
	size_t			 nrules;
};

struct match {				/* all of what is given */
	char			*issuer;	/* key of an issuer; required */
	struct conf_strings	 subject;	/* globs; n = 0: any */
	struct conf_strings	 groups;	/* any of these */
	struct claim_match	*claims;
	size_t			 nclaims;
};

/* Who decides about what is held, and until when. */
enum in_transaction { INTX_HOLD, INTX_DENY };

struct approval {
	struct conf_strings	 groups;	/* of whom; and approvers.unix */
	uint64_t		 minimum;	/* how many of them */
	uint64_t		 within;	/* ms */
	int			 in_transaction; /* enum: inside BEGIN */
	uint64_t		 similar;	/* ms: a lease's longest; 0 */
};

struct unix_approver {			/* `approvers: {unix: ...}` */
	char	*user;		/* of this machine */
	char	*name;		/* in the record */
};

/* What conditions look at: what must be found out for them, and what a verdict
 * then depends on. */
#define LOOK_RELATIONS	0x01
#define LOOK_COLUMNS	0x02
#define LOOK_FUNCTIONS	0x04
#define LOOK_KEYED	0x08
#define LOOK_SESSION	0x10	/* who it is and where he is */
#define LOOK_MOMENT	0x20	/* the transaction that it runs in, the time */
#define LOOK_ESTIMATE	0x40	/* what the planner makes of it */

/* Classes of functions (fnclass.h): of a rule the words, here the bits. */
#define FN_C_VOLATILE	0x01
#define FN_C_DEFINER	0x02	/* SECURITY DEFINER */
#define FN_C_RUNS_SQL	0x04	/* a text that is made at run time */
#define FN_C_FILES	0x08
#define FN_C_UNTRUSTED	0x10	/* written in a language that is */
#define FN_C_ALL	0x1f

/* `keyed`, `in_transaction`; in the order of their words in the file. */
enum tri { TRI_ANY, TRI_FALSE, TRI_TRUE };

struct hours;
struct network;

/* Conditions: all that are given must hold; n = 0: not given. */
struct cond {
	struct conf_strings	 kinds;		/* of kinds or groups */
	struct kind_set		 kind_set;	/* the same */
	struct conf_strings	 reads, writes, deletes; /* schema.relation */
	struct conf_strings	 reads_columns, writes_columns;
	struct conf_strings	 functions;	/* [schema.]function */
	struct conf_strings	 function_class;
	unsigned int		 classes;	/* the same, FN_C_* */
	int			 keyed;		/* enum tri */
	int			 in_transaction;
	uint64_t		 statements_over;	/* 0: not given */
	uint64_t		 rows_over, cost_over;	/* likewise */
	char			*text;		/* PCRE2, or NULL */
	struct match_re		*re;		/* the same */
	struct claim_match	*claims;
	size_t			 nclaims;
	struct conf_strings	 application;
	struct conf_strings	 client;	/* networks */
	struct network		*nets;		/* the same, n of them */
	struct hours		*hours;		/* nhours = 0: not given */
	size_t			 nhours;
	struct cond		*any, *all, *not;	/* not: one or NULL */
	size_t			 nany, nall;
	unsigned int		 looks;		/* LOOK_*, of all below too */
	bool			 empty;		/* `{}` */
};

/* `notify:`: who is told of what waits.  A webhook or a command. */
#define HOOKS_MAX	16

enum notify_template { NOTIFY_JSON, NOTIFY_SLACK, NOTIFY_TEAMS };

struct notify_hook {
	char			*webhook;	/* URL, or NULL: a command */
	char			*secret_file;	/* absolute, or NULL: unsigned */
	int			 template;	/* enum notify_template */
	char			*ca_file;	/* absolute, or NULL: the system's */
	bool			 allow_http_loopback;
	struct conf_strings	 command;	/* absolute path, arguments */
	bool			 parameters;	/* with their values */
};

/* Statement kinds and their groups: kinds.h. */
enum rule_action { RULE_DENY, RULE_ALLOW, RULE_HOLD, RULE_NEXT };
enum severity { SEVERITY_NONE, SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH };

/*
 * `caps:`, of one statement: the rows and bytes of its answer, and the rows
 * that it inserts, updates, deletes or merges.  0: no cap.
 */
struct caps {
	uint64_t		 rows, bytes, affected;
};

struct rule {
	char			*name;
	struct cond		 when;
	enum rule_action	 action;
	char			*message;	/* or NULL */
	char			*hint;		/* or NULL */
	struct approval		 approval;	/* RULE_HOLD */
	struct conf_strings	 audit;		/* tags */
	int			 severity;	/* enum severity */
	int			 observe;	/* 1: it decides nothing */
	uint64_t		 score;
	struct caps		 caps;		/* RULE_ALLOW, RULE_HOLD */
	int			 line, col;	/* in the file, for explain */
};

struct setting {
	char	*name, *value;
};

/*
 * What a grant can be on: how policy.yaml begins it, SQL's words, how many
 * parts the name has, and the privileges that there are (of a column too: _COL).
 */
#define GRANT_KINDS(M)							\
	M(TABLES_IN, "all tables in schema ", "ALL TABLES IN SCHEMA", 1, \
	    PRIV_TABLE)							\
	M(SEQUENCES_IN, "all sequences in schema ",			\
	    "ALL SEQUENCES IN SCHEMA", 1, PRIV_SEQUENCE)		\
	M(TABLE, "table ", "TABLE", 2, PRIV_TABLE)			\
	M(SEQUENCE, "sequence ", "SEQUENCE", 2, PRIV_SEQUENCE)		\
	M(FUNCTION, "function ", "FUNCTION", 2, PRIV_FUNCTION)		\
	M(SCHEMA, "schema ", "SCHEMA", 1, PRIV_SCHEMA)
#define GRANT_M_ENUM(id, on, sql, parts, privs)	GRANT_##id,
enum grant_kind { GRANT_KINDS(GRANT_M_ENUM) GRANT_NKINDS };
#undef GRANT_M_ENUM

#define PRIV_TABLE	0x01
#define PRIV_SEQUENCE	0x02
#define PRIV_FUNCTION	0x04
#define PRIV_SCHEMA	0x08
#define PRIV_COLUMN	0x10	/* may be given on columns */

struct role_grant {
	struct conf_strings	 privileges;	/* of the list in policy_role.c */
	struct conf_strings	 columns;	/* n = 0: all of it */
	char			*on;		/* as it stands in the file */
	enum grant_kind		 kind;
	char			*names[2];	/* schema, object; no quotes */
};

/* `role:`, minted for each session of a profile. */
struct role_spec {
	struct conf_strings	 member_of;
	struct role_grant	*grants;
	size_t			 ngrants;
	char			*owner;		/* of what is left; or NULL */
};

struct profile {
	char			*key;
	struct conf_strings	 databases;
	struct match		*matches;
	size_t			 nmatches;
	char			*role_user;	/* backend_role: */
	char			*role_password_file;
	bool			 mints;		/* role: instead of that */
	struct role_spec	 role;
	uint64_t		 ttl;		/* ms; 0: none */
	bool			 expires_with_token;
	uint64_t		 idle;		/* ms; 0: none */
	uint64_t		 concurrent;	/* per subject; 0: any */
	uint64_t		 concurrent_total;	/* of all; 0: any */
	struct hours		*hours;		/* n = 0: always */
	size_t			 nhours;
	struct conf_strings	 networks;	/* n = 0: from anywhere */
	struct network		*nets;		/* the same, n of them */
	struct setting		*settings;
	size_t			 nsettings;
	struct conf_strings	 settings_allow;	/* changeable: globs */
	bool			 settings_closed;	/* ... and no others */
	struct mask_set		**masks;	/* in order */
	size_t			 nmasks;
	bool			 predicates_masked;	/* predicates: masked */
	int			 content;	/* enum content_mode */
	bool			 needs_grant;	/* requires: {grant: true} */
	struct approval		 grant_approval;	/* who gives one */
	uint64_t		 grant_for;	/* ms: the longest */
	int			 observe;	/* 1: rules deny nothing */
	int			 literals, parameters; /* enum redact_mode */
	int			 answers;	/* 1: they are recorded, ... */
	uint64_t		 max_bytes, max_session_bytes; /* ... so much */
	uint64_t		 keep;		/* ms; 0: for good */
	uint64_t		 deny_over;	/* risk; 0: not given */
	struct caps		 caps;		/* whatever a rule says */
	struct rule		*rules;
	size_t			 nrules;
};

struct policy {
	uint64_t		 generation;	/* set by the caller */
	struct policy_runtime	 runtime;
	struct issuer		*issuers;
	size_t			 nissuers;
	struct database		*databases;
	size_t			 ndatabases;
	struct mask_set		*masks;
	size_t			 nmasks;
	struct profile		*profiles;
	size_t			 nprofiles;
	struct unix_approver	*approvers;
	size_t			 napprovers;
	struct notify_hook	*hooks;
	size_t			 nhooks;
};

/*
 * Parse the text of policy.yaml; `path` names it in messages and resolves
 * relative paths.  NULL with a message "file:line:col: sentence".
 */
struct policy	*policy_parse(const char *path, const char *text, size_t len,
		    struct conf_error *);
void		 policy_free(struct policy **);
/* What may stand in policy.yaml (conf.h). */
extern const struct conf_sub policy_sub;
/* As YAML, normalised (-nv). */
void		 policy_print(const struct policy *, FILE *);

/* Is anything capped? */
bool			 caps_any(const struct caps *);
/* Each of `to` becomes the lower of both. */
void			 caps_lower(struct caps *to, const struct caps *by);

/* SQL's words for what a grant is on. */
const char		*grant_kind_sql(enum grant_kind);

/* NULL when there is none. */
const struct issuer	*policy_issuer(const struct policy *, const char *key);
const struct database	*policy_database(const struct policy *, const char *key);
const struct profile	*policy_profile(const struct policy *, const char *key);
/* "*" in a profile's databases is all of them. */
bool			 profile_has_database(const struct profile *,
			    const char *database);

#endif
