/* SPDX-License-Identifier: ISC */
/* Ends a connection so that its last answer arrives. */
#include "api/linger.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/loop.h"
#include "base/mem.h"

#define LINGER_MS 2000
#define LINGER_MAX 256			/* at a time; beyond, close at once */
#define LINGER_BYTES (16 * 1024 * 1024) /* read and forgotten, then close */

struct farewell {
	struct base_watch watch;
	struct base_loop *loop;	  /* borrowed */
	struct base_timer *timer; /* non-NULL = running */
	struct base_buf out;	  /* not yet sent; consumed from the front */
	size_t forgotten;
	int fd;
};

static size_t lingering;

static void
end(struct farewell *l)
{
	base_timer_cancel(l->timer);
	base_loop_unwatch(l->loop, l->fd);
	close(l->fd);
	base_buf_fini(&l->out);
	lingering--;
	base_loop_free(l->loop, l);
}

static void
on_time(void *arg)
{
	struct farewell *l = arg;

	l->timer = NULL;
	end(l);
}

/* False when the client is gone. */
static bool
flush(struct farewell *l)
{
	ssize_t n;

	if (l->out.len == 0)
		return true;
	n = send(l->fd, l->out.data, l->out.len, MSG_NOSIGNAL);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR;
	base_buf_consume(&l->out, (size_t)n);
	if (l->out.len == 0)
		(void)shutdown(l->fd, SHUT_WR);
	return true;
}

/* False when there is no more to come. */
static bool
drain(struct farewell *l)
{
	char junk[16384];
	ssize_t n;

	while (l->forgotten < LINGER_BYTES) {
		n = recv(l->fd, junk, sizeof(junk), 0);
		if (n == -1)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0)
			return l->out.len > 0;
		l->forgotten += (size_t)n;
	}
	return false;
}

static void
on_ready(void *watch, int hangup)
{
	struct farewell *l = watch;

	(void)hangup;
	if (!flush(l) || !drain(l))
		end(l);
}

void
api_linger_start(struct base_loop *loop, int fd, const void *bytes, size_t len)
{
	struct farewell *l;
	ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

	if (sent < 0)
		sent = 0;
	if (lingering >= LINGER_MAX) {
		close(fd);
		return;
	}
	lingering++;
	l = base_alloc(sizeof(*l));
	l->watch.handle = on_ready;
	l->loop = loop;
	l->fd = fd;
	base_buf_init(&l->out);
	l->timer = base_timer_start(loop, LINGER_MS, on_time, l);
	if ((size_t)sent == len)
		(void)shutdown(fd, SHUT_WR);
	else
		base_buf_append(
		    &l->out, (const char *)bytes + sent, len - (size_t)sent);
	base_loop_watch(
	    loop, fd, &l->watch, BASE_READ | BASE_WRITE | BASE_EDGE);
}

size_t
api_linger_count(void)
{
	return lingering;
}

bool
api_linger_gone(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}
