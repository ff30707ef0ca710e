/* SPDX-License-Identifier: ISC */
/* Shared files.  Locks are those of the open file (OFD): the kernel drops them
 * when their process ends, however it ends. */
#include "api/map_file.h"

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"

#define PATH_SIZE 1024
#define MODE 0660 /* Kore's and FastCGI's users may share a group */

static bool
lock(int fd, int command, short type, uint64_t at)
{
	struct flock l = { .l_type = type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)at,
		.l_len = 1 };

	while (fcntl(fd, command, &l) == -1) {
		if (errno != EINTR)
			return false;
	}
	return true;
}

/* Byte 0 is the lock of whoever looks at or makes the head. */
static bool
prepare(struct api_map_file *m, uint64_t magic)
{
	off_t end = lseek(m->fd, 0, SEEK_END);

	if (end != 0 && (size_t)end != m->size)
		return false;
	if (end == 0 &&
	    (lseek(m->fd, (off_t)m->size - 1, SEEK_SET) == -1 ||
		write(m->fd, "", 1) != 1))
		return false;
	m->head =
	    mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	if (m->head == MAP_FAILED) {
		m->head = NULL;
		return false;
	}
	if (m->head->magic == 0) {
		base_random_bytes(m->head->secret, sizeof(m->head->secret));
		m->head->size = m->size;
		m->head->magic = magic;
	}
	return m->head->magic == magic && m->head->size == m->size;
}

static void
unmap(struct api_map_file *m)
{
	if (m->head != NULL)
		munmap(m->head, m->size);
	if (m->fd != -1)
		close(m->fd);
	m->head = NULL;
	m->fd = -1;
}

static bool
try_open(struct api_map_file *m, const char *path, uint64_t magic)
{
	bool good;

	m->head = NULL;
	m->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, MODE);
	if (m->fd == -1)
		return false;
	errno = 0;
	good = lock(m->fd, F_OFD_SETLKW, F_WRLCK, 0) && prepare(m, magic);
	(void)lock(m->fd, F_OFD_SETLK, F_UNLCK, 0);
	if (!good) {
		int saved = errno;

		unmap(m);
		errno = saved;
	}
	return good;
}

static bool
open_anonymous(struct api_map_file *m, uint64_t magic)
{
	m->fd = -1;
	m->head = mmap(NULL, m->size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m->head == MAP_FAILED)
		return false;
	base_random_bytes(m->head->secret, sizeof(m->head->secret));
	m->head->magic = magic;
	m->head->size = m->size;
	return true;
}

bool
api_map_file_open(struct api_map_file *m, const char *dir, const char *name,
    uint64_t magic, size_t size, char *err, size_t err_size)
{
	char path[PATH_SIZE];

	m->size = size;
	if (*dir == '\0')
		return open_anonymous(m, magic);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >=
	    sizeof(path)) {
		snprintf(err, err_size, "PARLEY_RUN_DIR is too long");
		return false;
	}
	if (try_open(m, path, magic))
		return true;
	/* Of another version: those who have it mapped keep it. */
	if (errno == 0 && unlink(path) == 0 && try_open(m, path, magic))
		return true;
	snprintf(err, err_size, "PARLEY_RUN_DIR: %s: %s", path,
	    errno != 0 ? strerror(errno) : "cannot be used");
	return false;
}

void
api_map_file_close(struct api_map_file *m)
{
	unmap(m);
}

bool
api_map_file_claim(const struct api_map_file *m, uint64_t at)
{
	return m->fd == -1 || lock(m->fd, F_OFD_SETLK, F_WRLCK, at);
}

bool
api_map_file_claimed(const struct api_map_file *m, uint64_t at)
{
	struct flock l = { .l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)at,
		.l_len = 1 };

	return m->fd != -1 && fcntl(m->fd, F_OFD_GETLK, &l) == 0 &&
	    l.l_type != F_UNLCK;
}
