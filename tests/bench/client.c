/* SPDX-License-Identifier: ISC */
/* See client.h. */

#include "tests/bench/client.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	PING = 9,
	PONG = 10,
	CLOSE = 8
};

/* Shared by all: what is not used up goes to the client's own buffer. */
static char received[256 * 1024];

static void on_ready(void *watch, int hangup);

bool
bench_client_open(struct bench_client *c, const struct sockaddr_in *from,
    const struct bench_place *to, uint64_t us)
{
	const bool tcp = to->address.any.sa_family == AF_INET;
	int on = 1;

	c->fd = socket(to->address.any.sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		return false;
	if (tcp) {
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
		    sizeof(on));
	}
	if ((tcp && bind(c->fd, (const void *)from, sizeof(*from)) == -1) ||
	    (connect(c->fd, &to->address.any, to->size) == -1 &&
		errno != EINPROGRESS)) {
		close(c->fd);
		return false;
	}
	c->from = *from;
	c->to = to;
	c->chunked = false;
	c->chunks = (struct bench_chunks){ 0 };
	c->state = BENCH_CLIENT_CONNECTING;
	c->began_us = us;
	c->watch.handle = on_ready;
	c->writing = true;
	base_loop_watch(c->loop, c->fd, &c->watch, BASE_READ | BASE_WRITE);
	return true;
}

void
bench_client_close(struct bench_client *c)
{
	if (c->state == BENCH_CLIENT_CLOSED)
		return;
	c->state = BENCH_CLIENT_CLOSED;
	c->ready = false;
	base_loop_unwatch(c->loop, c->fd);
	close(c->fd);
	base_buf_fini(&c->in);
	base_buf_fini(&c->out);
}

static void
lose(struct bench_client *c, const char *why)
{
	bench_client_close(c);
	c->calls->lost(c, why);
}

/* It may be spoken to meanwhile: that goes out once it is connected. */
static void
renew(struct bench_client *c)
{
	const struct sockaddr_in from = c->from;
	struct base_buf out = c->out;

	c->out = (struct base_buf){ 0 };
	bench_client_close(c);
	if (!bench_client_open(c, &from, c->to, c->began_us)) {
		base_buf_fini(&out);
		c->calls->lost(c, "no new connection");
		return;
	}
	c->out = out;
	c->ready = true;
}

void
bench_client_flush(struct bench_client *c)
{
	bool more;
	ssize_t n;

	if (c->state == BENCH_CLIENT_CLOSED || c->state == BENCH_CLIENT_LAST ||
	    c->state == BENCH_CLIENT_CONNECTING || c->out.len == 0)
		return;
	n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL);
	if (n == -1 && errno != EAGAIN) {
		lose(c, "write error");
		return;
	}
	if (n > 0)
		base_buf_consume(&c->out, (size_t)n);
	more = c->out.len > 0;
	if (more != c->writing) {
		c->writing = more;
		base_loop_watch(c->loop, c->fd, &c->watch,
		    more ? BASE_READ | BASE_WRITE : BASE_READ);
	}
}

static void
connected(struct bench_client *c)
{
	int error = 0;
	socklen_t size = sizeof(error);

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error != 0) {
		lose(c, strerror(error));
		return;
	}
	if (c->dialect == NULL) {
		c->state = BENCH_CLIENT_OPEN;
		if (!c->ready) {
			c->ready = true;
			c->calls->heard(c, BENCH_HEARD_READY, NULL, 0, 0);
		}
	} else {
		c->state = BENCH_CLIENT_HEAD;
		bench_dialect_request(c->dialect, &c->out, &c->speaker);
	}
	if (c->out.len > 0)
		bench_client_flush(c);
	else if (c->state != BENCH_CLIENT_CLOSED) {
		c->writing = false;
		base_loop_watch(c->loop, c->fd, &c->watch, BASE_READ);
	}
}

static void
ready(struct bench_client *c, const char *payload, size_t len)
{
	c->ready = true;
	c->calls->heard(c, BENCH_HEARD_READY, payload, len, 0);
}

static void
unit_heard(struct bench_client *c, const struct bench_unit *unit)
{
	enum bench_heard what;
	uint64_t us = 0;

	if (!c->dialect->sse) {
		if (unit->opcode == PING) {
			bench_frames_websocket_append(
			    &c->out, PONG, unit->payload, unit->len);
			return;
		}
		if (unit->opcode == CLOSE) {
			lose(c, "closed by the server");
			return;
		}
	}
	what = c->dialect->hear(
	    unit->payload, unit->len, &c->speaker, &c->out, &us);
	if (what == BENCH_HEARD_READY)
		ready(c, unit->payload, unit->len);
	else if (what != BENCH_HEARD_OTHER)
		c->calls->heard(c, what, unit->payload, unit->len, us);
}

static bool refused_shown;

static void
head_heard(struct bench_client *c, const struct bench_unit *head)
{
	if (head->status != (c->dialect->sse ? 200 : 101)) {
		if (!refused_shown)
			fprintf(
			    stderr, "load: refused: HTTP %u\n", head->status);
		refused_shown = true;
		lose(c, "refused");
		return;
	}
	c->chunked = c->dialect->sse &&
	    bench_frames_head_has(head, "Transfer-Encoding: chunked");
	c->state = BENCH_CLIENT_OPEN;
	if (c->dialect->ready_at_head)
		ready(c, NULL, 0);
}

static enum bench_frames_status
unit_read(struct bench_client *c, const char *p, size_t n, struct bench_unit *u)
{
	if (c->dialect == NULL)
		return bench_frames_response(p, n, u);
	if (c->state == BENCH_CLIENT_HEAD)
		return bench_frames_head(p, n, u);
	return c->dialect->sse ? bench_frames_sse(p, n, u) :
				 bench_frames_websocket(p, n, u);
}

static void
response_heard(struct bench_client *c, const struct bench_unit *unit)
{
	if (unit->last)
		c->state = BENCH_CLIENT_LAST;
	c->calls->heard(c,
	    unit->status / 100 == 2 ? BENCH_HEARD_REPLY : BENCH_HEARD_REFUSED,
	    unit->payload, unit->len, c->began_us);
}

/* The units in the *n bytes at `p`; returns how many bytes they took.  Taking
 * out the first chunk lines makes *n smaller. */
static size_t
units(struct bench_client *c, char *p, size_t *n)
{
	struct bench_unit unit;
	size_t done = 0;
	enum bench_frames_status status;

	while (done < *n && c->state != BENCH_CLIENT_CLOSED &&
	    c->state != BENCH_CLIENT_LAST) {
		status = unit_read(c, p + done, *n - done, &unit);
		if (status == BENCH_FRAMES_MORE)
			break;
		if (status == BENCH_FRAMES_BAD) {
			lose(c, "unreadable");
			break;
		}
		done += unit.size;
		if (c->dialect == NULL) {
			response_heard(c, &unit);
		} else if (c->state == BENCH_CLIENT_OPEN) {
			unit_heard(c, &unit);
		} else {
			head_heard(c, &unit);
			if (c->chunked)
				*n = done +
				    bench_frames_unchunk(
					&c->chunks, p + done, *n - done);
		}
	}
	return done;
}

/* What was received is read where it lies; only a unit that is not complete is
 * kept, and joined by what comes next. */
static void
bytes_heard(struct bench_client *c, size_t n)
{
	size_t used;

	if (c->in.len > 0) {
		base_buf_append(&c->in, received, n);
		n = c->in.len;
		used = units(c, c->in.data, &n);
		if (c->state != BENCH_CLIENT_CLOSED) {
			c->in.len = n;
			base_buf_consume(&c->in, used);
		}
	} else {
		used = units(c, received, &n);
		if (c->state != BENCH_CLIENT_CLOSED && used < n)
			base_buf_append(&c->in, received + used, n - used);
	}
}

static void
input(struct bench_client *c)
{
	ssize_t got;
	size_t n;

	got = recv(c->fd, received, sizeof(received), 0);
	if (got == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		lose(c, got == 0 ? "closed" : strerror(errno));
		return;
	}
	n = (size_t)got;
	c->bytes_in += n;
	if (c->chunked)
		n = bench_frames_unchunk(&c->chunks, received, n);
	bytes_heard(c, n);
	if (c->state == BENCH_CLIENT_LAST)
		renew(c);
	bench_client_flush(c);
	/* ten thousand idle ones keep no buffers */
	if (c->in.len == 0)
		base_buf_fini(&c->in);
	if (c->out.len == 0)
		base_buf_fini(&c->out);
}

static void
on_ready(void *watch, int hangup)
{
	struct bench_client *c = watch;
	int is;

	is = c->watch.ready;
	c->watch.ready = 0;
	if (c->state == BENCH_CLIENT_CONNECTING) {
		if (hangup || (is & BASE_WRITE))
			connected(c);
		return;
	}
	if ((is & BASE_READ) || hangup)
		input(c);
	if (c->state != BENCH_CLIENT_CLOSED && (is & BASE_WRITE))
		bench_client_flush(c);
}
