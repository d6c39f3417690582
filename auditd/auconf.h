#ifndef AUDITD_AUCONF_H
#define AUDITD_AUCONF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "conf.h"

/* auditd.yaml, see auditd.yaml(5).  Also read by auditctl. */
struct au_conf {
	char		*socket;
	char		*store;
	int		 durability;	/* AU_FULL, AU_NORMAL */
	char		*user;
	char		*spool_dir;
	uint64_t	 spool_size;	/* ring in bytes; reloadable */
	bool		 any_fs;
	char		*key;		/* secret key's file, or NULL */
	uint64_t	 sign_events;	/* between two checkpoints */
	uint64_t	 sign_ms;	/* the same; reloadable */
	uint64_t	 segment_size;	/* bytes; 0: no limit; reloadable */
	uint64_t	 segment_age;	/* ms; 0: no limit; reloadable */
	char		 sha256[CONF_DIGEST];	/* of the file that was read last */
};

enum { AU_FULL, AU_NORMAL };

struct au_conf	*au_conf_load(const char *path, struct conf_error *);
void		 au_conf_free(struct au_conf **);
/* As YAML that au_conf_load() takes again. */
void		 au_conf_print(const struct au_conf *, FILE *);
/*
 * Take over from `next` what may change in a running auditd.  Returns the name
 * of the first key that differs and may not, or NULL.
 */
const char	*au_conf_merge(struct au_conf *, const struct au_conf *next);

#endif
