#ifndef AUDITD_SPOOLFILE_H
#define AUDITD_SPOOLFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc_msgs.h"
#include "spool.h"

/*
 * The files behind the spools, and nothing about their contents:
 *
 *	<dir>/lock		held by the one auditd that uses the directory
 *	<dir>/wake		FIFO: any writer wakes auditd
 *	<dir>/<name>.spool	written by its writer
 *	<dir>/<name>.pos	position file, written by auditd
 *	<dir>/<name>.ack	FIFO: auditd wakes this writer
 *
 * A spool exists once <name>.spool does; it is made under another name and
 * comes last.
 */
struct spooldir {
	char	*path;
	int	 fd;
	int	 lock;
	int	 wake;		/* open for reading and writing: never at EOF */
	bool	 full;		/* durability */
	bool	 unsynced;	/* names were made since spooldir_sync() */
};

struct spoolfile {
	char		 name[LEN_SESSION + 1];
	enum ipc_role	 owner;		/* ROLE_WORKER or ROLE_PARENT */
	uint32_t	 number;	/* for the wake FIFO */
	uint64_t	 size;		/* of the ring */
	int		 fd;		/* the spool, for reading */
	int		 ack;
	struct spool_position *pos;	/* the mapped position file */
};

/*
 * Make the directory if there is none, refuse what cannot hold spools (network
 * file systems, and with `full` memory ones) unless any_fs, and lock it.
 * -1 with a message.
 */
int	spooldir_open(struct spooldir *, const char *path, bool full,
	    bool any_fs, char *err, size_t errlen);
void	spooldir_close(struct spooldir *);
/*
 * With `full`: put the names of new spools on disk.  This may come some time
 * after a spool was handed out, for nothing is promised on the strength of a
 * spool file: durable is what is in the store.
 */
void	spooldir_sync(struct spooldir *);
/*
 * Call back with the name of each spool there is; what a crash left half made
 * is removed.  -1 with errno when the directory cannot be read.
 */
int	spooldir_scan(struct spooldir *,
	    void (*each)(void *ctx, const char *name), void *ctx);

/* 1 to 32 of [0-9a-z-]: safe as a file's name. */
bool	spool_name_valid(const char *);

/* Make a new spool, open it.  -1 with a message; then nothing is left of it. */
int	spoolfile_create(struct spooldir *, const char *name,
	    enum ipc_role owner, uint32_t number, uint64_t size,
	    struct spoolfile *, char *err, size_t errlen);
/*
 * Open one that is there.  A position file that is lost is made anew: `drained`
 * is what the store knows.  -1 with a message.
 */
int	spoolfile_open(struct spooldir *, const char *name, uint64_t drained,
	    struct spoolfile *, char *err, size_t errlen);
/* Descriptors for the writer, in the order of spool_opened; -1 with errno. */
int	spoolfile_fds(struct spooldir *, const struct spoolfile *, int fds[4]);
/* Unmap and close; the files stay. */
void	spoolfile_close(struct spoolfile *);
/* Remove the files of a spool. */
void	spoolfile_remove(struct spooldir *, const char *name);

#endif
