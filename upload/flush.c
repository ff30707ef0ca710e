/* SPDX-License-Identifier: ISC */

#include "upload/flush.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
	PIECE_BYTES = 512 * 1024
};

int
upload_flush(int fd)
{
	const unsigned how = SYNC_FILE_RANGE_WAIT_BEFORE |
	    SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	for (off_t at = 0; at < st.st_size; at += PIECE_BYTES) {
		if (sync_file_range(fd, at, PIECE_BYTES, how) == 0)
			continue;
		/* A failure to write is told once: fsync would not any more. */
		if (errno != ENOSYS && errno != EINVAL)
			return -1;
		break;
	}
	return fsync(fd);
}
