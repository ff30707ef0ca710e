/* SPDX-License-Identifier: ISC */
/* SCM_RIGHTS. */
#include "api/fd_pass.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

union room {
	struct cmsghdr aligned;
	char bytes[CMSG_SPACE(sizeof(int))];
};

bool
api_fd_pass_send(int sock, const void *p, size_t n, int fd)
{
	struct iovec bytes = { (void *)(uintptr_t)p, n };
	union room room = { .bytes = { 0 } };
	struct msghdr msg = { .msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = &room,
		.msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	ssize_t done;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	do
		done = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (done == -1 && errno == EINTR);
	return done == (ssize_t)n;
}

ssize_t
api_fd_pass_recv(int sock, void *p, size_t n, int *fd)
{
	struct iovec bytes = { p, n };
	union room room;
	struct msghdr msg = { .msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = &room,
		.msg_controllen = sizeof(room) };
	ssize_t got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = got > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	if (c == NULL || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(*fd)))
		return got;
	if (*fd != -1)
		close(*fd);
	memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return got;
}
