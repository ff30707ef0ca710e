/* SPDX-License-Identifier: ISC */
/* A file's bytes in memory, by mmap(2). */

#include "upload/mapped.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <stddef.h>

bool
upload_mapped_init(struct upload_mapped *m, int fd)
{
	struct stat st;
	void *bytes;

	m->bytes = NULL;
	m->size = 0;
	if (fstat(fd, &st) == -1)
		return false;
	if (st.st_size == 0)
		return true;
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return false;
	m->bytes = bytes;
	m->size = (uint64_t)st.st_size;
	return true;
}

void
upload_mapped_fini(struct upload_mapped *m)
{
	if (m->bytes != NULL)
		(void)munmap((void *)(uintptr_t)m->bytes, (size_t)m->size);
	m->bytes = NULL;
}
