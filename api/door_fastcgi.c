/* SPDX-License-Identifier: ISC */
/* FastCGI by libfcgi, and CGI. */

#include "api/door_fastcgi.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <fcgiapp.h>

#include "api/cgi.h"
#include "api/fastcgi_record.h"
#include "api/fd_pass.h"
#include "api/watchdog.h"
#include "base/clock.h"
#include "base/loop.h"

enum {
	WRITE_BYTES = 32 * 1024,
	TURN_MS = 1000,
	GUARD_MS = 100
};

/* The listening socket while nothing is in hand. */
struct waiting {
	struct base_watch watch; /* first */
	bool ready;
};

/* One FastCGI request. */
struct request {
	FCGX_Request *fcgi;
	int listen_fd;
	uint64_t body_until_ms;
};

static const char *
fcgi_param(void *arg, const char *name)
{
	struct request *r = arg;

	return FCGX_GetParam(name, r->fcgi->envp);
}

/* Bytes that libfcgi has read and not given yet. */
static size_t
fcgi_buffered(const struct request *r)
{
	return (size_t)(r->fcgi->in->stop - r->fcgi->in->rdNext);
}

static ssize_t
fcgi_read(void *arg, char *p, size_t n)
{
	struct request *r = arg;
	size_t more;
	int first;

	if (base_clock_ms() >= r->body_until_ms)
		return -1;
	api_watchdog_arm(API_FASTCGI_REQUEST_S);
	/* It waits until all that was asked for is there: so for one byte, and
	 * for those that came with it. */
	if (n == 0 || (first = FCGX_GetChar(r->fcgi->in)) == -1)
		return 0;
	p[0] = (char)first;
	more = fcgi_buffered(r) < n - 1 ? fcgi_buffered(r) : n - 1;
	return 1 + FCGX_GetStr(p + 1, (int)more, r->fcgi->in);
}

/* --- a body that somebody may end --- */

/* What the handler of the signal looks at. */
static struct {
	bool (*volatile over)(void *);
	void *arg;
	int fd; /* of the connection */
	timer_t timer;
} guarded;

/* A read that waits, and every later one, finds the end; what is sent still
 * arrives. */
static void
on_guard(int sig)
{
	int saved = errno;

	(void)sig;
	if (guarded.over != NULL && guarded.over(guarded.arg))
		(void)shutdown(guarded.fd, SHUT_RD);
	errno = saved;
}

/* Not by SIGALRM, which is the watchdog's. */
static bool
guard_init(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGUSR1 };
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	sigemptyset(&action.sa_mask);
	action.sa_flags = SA_RESTART;
	action.sa_handler = on_guard;
	return sigaction(SIGUSR1, &action, NULL) == 0 &&
	    timer_create(CLOCK_MONOTONIC, &event, &guarded.timer) == 0;
}

static void
fcgi_guard(void *arg, bool (*over)(void *), void *over_arg)
{
	struct request *r = arg;
	struct itimerspec every = { 0 };

	guarded.over = NULL;
	guarded.arg = over_arg;
	guarded.fd = r->fcgi->ipcFd;
	guarded.over = over;
	if (over != NULL)
		every.it_interval.tv_nsec = every.it_value.tv_nsec =
		    GUARD_MS * 1000000L;
	(void)timer_settime(guarded.timer, 0, &every, NULL);
}

static bool
fcgi_contended(void *arg)
{
	struct request *r = arg;

	return poll(&(struct pollfd){ .fd = r->listen_fd, .events = POLLIN }, 1,
		   0) > 0;
}

static bool
fcgi_write(void *arg, const char *p, size_t n)
{
	struct request *r = arg;
	size_t piece;

	for (; n > 0; p += piece, n -= piece) {
		piece = n < WRITE_BYTES ? n : WRITE_BYTES;
		api_watchdog_arm(API_FASTCGI_REQUEST_S);
		if (FCGX_PutStr(p, (int)piece, r->fcgi->out) != (int)piece)
			return false;
	}
	return true;
}

/* Beside an empty record of the error stream, which says nothing. */
static bool
fcgi_pass(void *arg, int fd)
{
	struct request *r = arg;
	struct base_buf record = { 0 };
	bool ok;

	api_fastcgi_record_stream(&record, API_FASTCGI_STDERR, NULL, 0);
	ok = FCGX_FFlush(r->fcgi->out) == 0 &&
	    api_fd_pass_send(r->fcgi->ipcFd, record.data, record.len, fd);
	base_buf_fini(&record);
	return ok;
}

static void
request_serve(const struct api_door_fastcgi_params *params, FCGX_Request *fcgi)
{
	struct request r = {
		.fcgi = fcgi,
		.listen_fd = params->listen_fd,
		.body_until_ms = base_clock_ms() + API_FASTCGI_BODY_S * 1000,
	};
	struct api_cgi_io io = { .param = fcgi_param,
		.read = fcgi_read,
		.write = fcgi_write,
		.guard = fcgi_guard,
		.contended = fcgi_contended,
		.pass = fcgi_pass,
		.arg = &r };

	/* One that is kept would hold this process to one client. */
	fcgi->keepConnection = 0;
	api_watchdog_arm(API_FASTCGI_REQUEST_S);
	(void)api_cgi_serve(params->engine, params->loop, &io);
	api_watchdog_arm(API_FASTCGI_REQUEST_S);
	FCGX_Finish_r(fcgi);
	api_watchdog_disarm();
}

static void
on_connection(void *watch, int hangup)
{
	struct waiting *w = watch;

	(void)hangup;
	w->ready = true;
}

/* Wait for a connection; not watched while a request is in hand, since then
 * it belongs to the others. */
static void
connection_wait(const struct api_door_fastcgi_params *params)
{
	struct waiting w = { .watch.handle = on_connection };

	base_loop_watch(params->loop, params->listen_fd, &w.watch, BASE_READ);
	while (!w.ready && !*params->stop)
		base_loop_poll_turn(params->loop, TURN_MS);
	base_loop_unwatch(params->loop, params->listen_fd);
}

bool
api_door_fastcgi_inherited(void)
{
	return !FCGX_IsCGI();
}

bool
api_door_fastcgi_run(const struct api_door_fastcgi_params *params)
{
	FCGX_Request fcgi;
	unsigned served = 0;

	if (!guard_init() || FCGX_Init() != 0 ||
	    FCGX_InitRequest(
		&fcgi, params->listen_fd, FCGI_FAIL_ACCEPT_ON_INTR) != 0)
		return false;
	while (!*params->stop && served < params->requests_max) {
		connection_wait(params);
		if (*params->stop)
			break;
		/* -EAGAIN: another process was faster. */
		api_watchdog_arm(API_FASTCGI_REQUEST_S);
		if (FCGX_Accept_r(&fcgi) == 0) {
			(void)__atomic_fetch_add(
			    params->taken, 1, __ATOMIC_RELAXED);
			request_serve(params, &fcgi);
			served++;
		}
		api_watchdog_disarm();
	}
	return true;
}

static const char *
cgi_param(void *arg, const char *name)
{
	(void)arg;
	return getenv(name);
}

/* From a shell there is no body unless its length is told. */
static ssize_t
cgi_read(void *arg, char *p, size_t n)
{
	uint64_t *left = arg;
	ssize_t got;

	if (*left < n)
		n = (size_t)*left;
	while ((got = read(STDIN_FILENO, p, n)) == -1 && errno == EINTR)
		;
	if (got > 0)
		*left -= (uint64_t)got;
	return got;
}

static bool
cgi_write(void *arg, const char *p, size_t n)
{
	ssize_t done;

	(void)arg;
	for (; n > 0; p += done, n -= (size_t)done) {
		done = write(STDOUT_FILENO, p, n);
		if (done == -1 && errno == EINTR)
			done = 0;
		else if (done == -1)
			return false;
	}
	return true;
}

void
api_door_cgi_run(struct api_engine *e, struct base_loop *loop)
{
	const char *length = getenv("CONTENT_LENGTH");
	uint64_t left = length != NULL ? strtoull(length, NULL, 10) : 0;
	struct api_cgi_io io = { .param = cgi_param,
		.read = cgi_read,
		.write = cgi_write,
		.arg = &left };

	(void)api_cgi_serve(e, loop, &io);
}
