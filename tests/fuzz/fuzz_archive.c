/* SPDX-License-Identifier: ISC */
/* libFuzzer target: upload/archive.c, over a file that lies in memory. */

#include <sys/mman.h>

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "upload/archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char reason[UPLOAD_REASON_MAX] = "";
	int fd = memfd_create("archive", MFD_CLOEXEC);

	if (fd == -1 || write(fd, data, size) != (ssize_t)size)
		abort();
	/* What is refused is refused for a reason. */
	if ((upload_archive_check(fd, reason) == UPLOAD_OK) !=
	    (reason[0] == '\0'))
		abort();
	close(fd);
	return (0);
}
