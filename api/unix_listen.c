/* SPDX-License-Identifier: ISC */
/* A listening unix socket of our own. */

#include "api/unix_listen.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Does anybody answer there? */
static bool
is_alive(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool alive;

	if (fd == -1)
		return false;
	/* EAGAIN: its queue is full, so it lives. */
	alive = connect(fd, (const struct sockaddr *)address,
		    sizeof(*address)) == 0 ||
	    errno == EAGAIN;
	close(fd);
	return alive;
}

/* What a process that was killed left behind; nothing but a socket. */
static int
stale_remove(const struct sockaddr_un *address)
{
	struct stat st;

	if (lstat(address->sun_path, &st) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(st.st_mode) || is_alive(address)) {
		errno = EADDRINUSE;
		return -1;
	}
	return unlink(address->sun_path);
}

static int
listen_at(const struct sockaddr_un *address, mode_t mode)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0777 & ~mode);
	int result, error;

	if (fd == -1)
		return -1;
	result = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	error = errno;
	(void)umask(mask);
	if (result == 0 && listen(fd, API_UNIX_BACKLOG) == 0)
		return fd;
	if (result == 0)
		error = errno;
	close(fd);
	errno = error;
	return -1;
}

int
api_unix_listen(const char *path, mode_t mode, char *err, size_t err_size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int fd;

	if (len == 0 || len >= sizeof(address.sun_path)) {
		snprintf(err, err_size,
		    "%s: a socket's path has 1 to %zu bytes", path,
		    sizeof(address.sun_path) - 1);
		return -1;
	}
	memcpy(address.sun_path, path, len + 1);
	if (stale_remove(&address) == -1 ||
	    (fd = listen_at(&address, mode)) == -1) {
		snprintf(err, err_size, "%s: %s", path, strerror(errno));
		return -1;
	}
	return fd;
}
