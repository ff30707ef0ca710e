/* SPDX-License-Identifier: ISC */
/* Turns away who waits for a process that none is free for. */

#include "api/doorman.h"

#include <sys/socket.h>

#include <poll.h>
#include <unistd.h>

#include "api/errors.h"
#include "api/fastcgi_record.h"
#include "api/http_reply.h"
#include "api/linger.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"

enum {
	LOOK_MS = 100,
	AT_ONCE = 64 /* refused in one look */
};

#define RETRY_SECONDS "5"

struct api_doorman {
	struct api_doorman_params params;
	struct base_timer *timer; /* non-NULL = running */
	/* From a moment on when it was empty, or all that were in it before
	 * are through or were turned away: */
	uint64_t until_ms; /* so long, those in it may wait */
	uint64_t taken;	   /* those taken before */
};

static uint64_t
taken(const struct api_doorman *d)
{
	return __atomic_load_n(d->params.taken, __ATOMIC_RELAXED);
}

static void
answer_write(struct base_buf *out)
{
	static const char end[] = { 1, API_FASTCGI_END, 0, 1, 0, 8, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0 };
	char id[API_HTTP_REQUEST_ID_SIZE];
	const struct api_problem problem = {
		.error = api_error_get("overloaded"),
		.request_id = api_http_request_id(id, NULL),
	};
	struct base_buf body = { 0 }, text = { 0 };

	api_problem_write(&body, &problem);
	base_buf_printf(&text,
	    "Status: %d %s\r\n"
	    "Retry-After: " RETRY_SECONDS "\r\n"
	    "X-Request-Id: %s\r\n"
	    "Cache-Control: no-store\r\n"
	    "Content-Type: application/problem+json\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    problem.error->status, api_http_reply_reason(problem.error->status),
	    problem.request_id, body.len, base_buf_str(&body));
	api_fastcgi_record_stream(out, API_FASTCGI_STDOUT, text.data, text.len);
	api_fastcgi_record_stream(out, API_FASTCGI_STDOUT, NULL, 0);
	base_buf_append(out, end, sizeof(end));
	base_log_warn("request refused",
	    "door=fastcgi request=%s code=overloaded", problem.request_id);
	base_buf_fini(&body);
	base_buf_fini(&text);
}

/* False when nobody waits any more. */
static bool
refuse(struct api_doorman *d)
{
	struct base_buf out = { 0 };
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	int fd = accept4(d->params.listen_fd, (struct sockaddr *)&peer, &len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd == -1)
		return false;
	answer_write(&out);
	api_linger_start(d->params.loop, fd, out.data, out.len);
	base_buf_fini(&out);
	if (d->params.on_refused != NULL)
		d->params.on_refused(d->params.arg);
	return true;
}

static bool
somebody_waits(const struct api_doorman *d)
{
	struct pollfd one = { .fd = d->params.listen_fd, .events = POLLIN };

	return poll(&one, 1, 0) == 1;
}

static void
begin_anew(struct api_doorman *d)
{
	d->until_ms = base_clock_ms() + d->params.wait_ms;
	d->taken = taken(d);
}

static void
look(void *arg)
{
	struct api_doorman *d = arg;
	bool more = true;

	d->timer = base_timer_start(d->params.loop, LOOK_MS, look, d);
	if (!somebody_waits(d) || taken(d) - d->taken > d->params.queue) {
		begin_anew(d);
		return;
	}
	if (base_clock_ms() < d->until_ms)
		return;
	for (int i = 0; more && i < AT_ONCE; i++)
		more = refuse(d);
	/* Who comes now may wait as long: most are served meanwhile. */
	if (!more)
		begin_anew(d);
}

struct api_doorman *
api_doorman_new(const struct api_doorman_params *params)
{
	struct api_doorman *d = base_alloc(sizeof(*d));

	d->params = *params;
	d->until_ms = base_clock_ms() + params->first_wait_ms;
	d->taken = taken(d);
	d->timer = base_timer_start(params->loop, LOOK_MS, look, d);
	return d;
}

void
api_doorman_free(struct api_doorman *d)
{
	if (d == NULL)
		return;
	base_timer_cancel(d->timer);
	base_free(d);
}
