/*
 * page: policyd's page of generation, epoch and heartbeat.  The parent makes
 * and writes it; workers map it read-only and trust it as they trust policyd.
 */
#include "page.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PAGE_BYTES	4096

struct policy_page *
page_create(const char *path, int *fd_r)
{
	struct policy_page *p;
	struct stat st;
	int fd, err;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == -1 || ftruncate(fd, PAGE_BYTES) == -1)
		goto fail;
	p = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		goto fail;
	if (p->magic != PAGE_MAGIC) {
		atomic_store(&p->generation, 0);
		atomic_store(&p->epoch, 0);
		atomic_store(&p->heartbeat, 0);
		p->magic = PAGE_MAGIC;
	}
	*fd_r = fd;
	return p;
fail:
	err = errno;
	close(fd);
	errno = err;
	return NULL;
}

const struct policy_page *
page_map(int fd)
{
	const struct policy_page *p;
	struct stat st;

	if (fstat(fd, &st) == -1 || st.st_size != PAGE_BYTES) {
		close(fd);
		return NULL;
	}
	p = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return NULL;
	if (p->magic != PAGE_MAGIC) {
		page_unmap(p);
		return NULL;
	}
	return p;
}

void
page_unmap(const struct policy_page *p)
{
	if (p != NULL)
		munmap((void *)(uintptr_t)p, PAGE_BYTES);
}
