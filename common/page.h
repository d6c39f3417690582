#ifndef POSTERN_PAGE_H
#define POSTERN_PAGE_H

#include <stdbool.h>
#include <stdatomic.h>
#include <stdint.h>

/*
 * policyd's page: what every worker looks at before it forwards a statement
 * (D11).  A file in policyd's state directory, so that it is the same page
 * after a restart; the generation never goes back.  Only the parent writes it.
 */
#define PAGE_MAGIC	0x31475050u	/* "PPG1" */

struct policy_page {
	uint32_t	 magic;
	uint32_t	 zero;
	_Atomic uint64_t generation;	/* of the policy in force */
	_Atomic uint64_t epoch;		/* of the catalogue snapshots */
	_Atomic uint64_t heartbeat;	/* CLOCK_BOOTTIME ms */
};

/* The parent's side: open or make `path`, map it.  NULL with errno. */
struct policy_page *page_create(const char *path, int *fd_r);
/* The worker's side: maps read-only and closes fd.  NULL: not our page. */
const struct policy_page *page_map(int fd);
void	page_unmap(const struct policy_page *);

#endif
