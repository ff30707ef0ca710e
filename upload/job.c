/* SPDX-License-Identifier: ISC */
/* Structs and descriptors over a socket. */

#include "upload/job.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Room for the descriptors, aligned as the headers want it. */
union control {
	char bytes[CMSG_SPACE(sizeof(int) * UPLOAD_JOB_FILES)];
	struct cmsghdr align;
};

void
upload_report_init(struct upload_report *report)
{
	memset(report, 0, sizeof(*report));
	report->status = UPLOAD_FAILED;
	report->kind = UPLOAD_KIND_COUNT;
	for (int i = 0; i < UPLOAD_VARIANTS; i++)
		report->made[i].kind = UPLOAD_KIND_COUNT;
}

static bool
made_check(const struct upload_made *made)
{
	if (made->kind == UPLOAD_KIND_COUNT)
		return true;
	return (unsigned)made->kind < UPLOAD_KIND_COUNT &&
	    upload_kind_is_shown(made->kind) && made->width > 0 &&
	    made->width <= UPLOAD_SIDE_MAX && made->height > 0 &&
	    made->height <= UPLOAD_SIDE_MAX;
}

bool
upload_report_check(struct upload_report *report)
{
	report->reason[UPLOAD_REASON_MAX - 1] = '\0';
	report->blurhash[UPLOAD_BLURHASH_MAX] = '\0';
	if ((unsigned)report->status > UPLOAD_FAILED ||
	    !upload_blurhash_valid(report->blurhash) ||
	    (unsigned)report->kind > UPLOAD_KIND_COUNT ||
	    (report->status == UPLOAD_OK && report->kind == UPLOAD_KIND_COUNT))
		return false;
	for (int i = 0; i < UPLOAD_VARIANTS; i++)
		if (!made_check(&report->made[i]))
			return false;
	return true;
}

bool
upload_job_send(
    int fd, const void *p, size_t size, const int *files, unsigned n)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)p,
		.iov_len = size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	struct cmsghdr *c;
	ssize_t sent;

	memset(&control, 0, sizeof(control));
	if (n > 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(c), files, sizeof(int) * n);
	}
	do
		sent = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (sent == -1 && errno == EINTR);
	return sent == (ssize_t)size;
}

/* Take the descriptors of a message; those there is no room for are closed. */
static unsigned
files_take(struct msghdr *msg, int *files, unsigned room)
{
	unsigned taken = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
	     c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int one;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			memcpy(
			    &one, CMSG_DATA(c) + i * sizeof(int), sizeof(one));
			if (taken < room)
				files[taken++] = one;
			else
				close(one);
		}
	}
	return taken;
}

bool
upload_job_receive(int fd, void *p, size_t size, int *files, unsigned *n)
{
	struct iovec iov = { .iov_base = p, .iov_len = size };
	union control control;
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	unsigned room = n != NULL ? *n : 0;
	ssize_t got;

	do
		got = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (got == -1 && errno == EINTR);
	if (n != NULL)
		*n = 0;
	if (got == -1)
		return false;
	room = files_take(&msg, files, room);
	if (n != NULL)
		*n = room;
	if (got == (ssize_t)size && (msg.msg_flags & MSG_TRUNC) == 0)
		return true;
	while (n != NULL && *n > 0)
		close(files[--*n]);
	return false;
}
