/* SPDX-License-Identifier: ISC */
/* Hands requests on to the FastCGI processes, body and answer as they come. */
#include "api/fastcgi_relay.h"

#include <sys/queue.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/errors.h"
#include "api/fastcgi_message.h"
#include "api/fastcgi_record.h"
#include "api/fd_pass.h"
#include "api/http_reply.h"
#include "api/linger.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"

#define PIECE_BYTES 16384
#define FILE_PIECE_BYTES 65536
#define HELD_BYTES 65536 /* either way; then the other side waits */
#define ROUNDS 32	 /* of one relay in one turn of the loop */
#define SWEEP_MS 1000
#define SLACK_BYTES 65536 /* of a multipart body around its file */

struct relay;

struct end {
	struct base_watch watch;
	struct relay *relay;
	int fd;
};

struct relay {
	struct api_relays *relays;
	struct end client;
	struct end responder; /* fd -1 = it is through */
	bool deaf;	      /* the responder takes no more */
	bool answered;	      /* `to_client` ends the answer, or */
	int file;	      /* this, which the responder gave us */
	off_t file_offset;    /* of what is left of it */
	uint64_t file_left;
	uint64_t body_left;	      /* announced and not yet received */
	struct base_buf to_responder; /* records */
	struct base_buf to_client;
	struct api_fastcgi_decoder decoder;
	struct api_fastcgi_answer answer;
	struct base_task again;
	uint64_t deadline_ms;
	char request_id[API_HTTP_REQUEST_ID_SIZE];
	TAILQ_ENTRY(relay) link;
};

TAILQ_HEAD(relay_list, relay);

struct api_relays {
	struct api_relays_params params;
	struct sockaddr_un address;
	struct relay_list list;
	size_t count;
	struct base_timer *sweep; /* non-NULL = running */
};

static void
end_close(struct relay *r, struct end *e)
{
	if (e->fd == -1)
		return;
	base_loop_unwatch(r->relays->params.loop, e->fd);
	close(e->fd);
	e->fd = -1;
}

static void
relay_free(struct relay *r)
{
	end_close(r, &r->client);
	end_close(r, &r->responder);
	if (r->file != -1)
		close(r->file);
	base_task_cancel(&r->again);
	base_buf_fini(&r->to_responder);
	base_buf_fini(&r->to_client);
	api_fastcgi_answer_fini(&r->answer);
	TAILQ_REMOVE(&r->relays->list, r, link);
	r->relays->count--;
	base_loop_free(r->relays->params.loop, r);
}

/* The last bytes for a client that may still be sending. */
static void
relay_leave(struct relay *r, const struct base_buf *last)
{
	struct base_loop *loop = r->relays->params.loop;

	base_loop_unwatch(loop, r->client.fd);
	api_linger_start(loop, r->client.fd, last->data, last->len);
	r->client.fd = -1;
	relay_free(r);
}

static void
refuse_on(struct api_relays *relays, struct base_buf *out, const char *code,
    const char *detail, const char *request_id, bool head_only)
{
	const struct api_http_refusal refusal = { .code = code,
		.detail = detail,
		.request_id = request_id,
		.head_only = head_only,
		.fields = api_error_get(code)->status == 503 ?
		    "Retry-After: 2\r\n" :
		    NULL };
	int status = api_http_reply_refuse(out, &refusal);

	if (relays->params.on_refused != NULL)
		relays->params.on_refused(
		    relays->params.arg, request_id, status, code);
}

static void
relay_refuse(struct relay *r, const char *code)
{
	base_buf_reset(&r->to_client);
	refuse_on(r->relays, &r->to_client, code, NULL, r->request_id,
	    r->answer.head_only);
	relay_leave(r, &r->to_client);
}

/* The responder sends no more: what it sent must be a whole answer. */
static void
relay_end(struct relay *r)
{
	if (api_fastcgi_answer_end(
		&r->answer, r->decoder.ended, &r->to_client) &&
	    (!r->answer.has_file || r->file != -1)) {
		end_close(r, &r->responder);
		r->answered = true;
		r->file_offset = (off_t)r->answer.file_offset;
		r->file_left = r->answer.has_file ? r->answer.left : 0;
		return;
	}
	if (r->answer.state != API_FASTCGI_ANSWER_BODY) {
		relay_refuse(r, "bad_gateway");
		return;
	}
	/* Cut without another byte, so that nobody takes it for whole. */
	base_log_warn(
	    "relay", "request=%s reason=answer_cut_short", r->request_id);
	relay_free(r);
}

enum step {
	STEP_NONE, /* nothing could be done */
	STEP_DONE,
	STEP_ENDED /* the relay is no more */
};

/* Errors that pass. */
static bool
is_blocked(struct end *e, int ready)
{
	if (errno == EINTR)
		return true;
	if (errno != EAGAIN)
		return false;
	e->watch.ready &= ~ready;
	return true;
}

static enum step
read_client(struct relay *r)
{
	char piece[PIECE_BYTES];
	size_t want = sizeof(piece);
	ssize_t n;

	if ((r->client.watch.ready & BASE_READ) == 0 || r->body_left == 0 ||
	    r->answered || r->to_responder.len >= HELD_BYTES)
		return STEP_NONE;
	if (want > r->body_left)
		want = (size_t)r->body_left;
	n = recv(r->client.fd, piece, want, 0);
	if (n == -1 && is_blocked(&r->client, BASE_READ))
		return STEP_NONE;
	if (n == -1 || (n == 0 && api_linger_gone(r->client.fd))) {
		relay_free(r); /* in the middle of its body */
		return STEP_ENDED;
	}
	/* It may have ended its sending only: the responder knows how much was
	 * announced, and says what it thinks of that. */
	r->body_left = n == 0 ? 0 : r->body_left - (uint64_t)n;
	if (!r->deaf) {
		if (n > 0)
			api_fastcgi_record_stream(&r->to_responder,
			    API_FASTCGI_STDIN, piece, (size_t)n);
		if (r->body_left == 0)
			api_fastcgi_record_stream(
			    &r->to_responder, API_FASTCGI_STDIN, NULL, 0);
	}
	return STEP_DONE;
}

static enum step
write_responder(struct relay *r)
{
	ssize_t n;

	if (r->responder.fd == -1 || r->to_responder.len == 0 ||
	    (r->responder.watch.ready & BASE_WRITE) == 0)
		return STEP_NONE;
	n = send(r->responder.fd, r->to_responder.data, r->to_responder.len,
	    MSG_NOSIGNAL);
	if (n == -1 && is_blocked(&r->responder, BASE_WRITE))
		return STEP_NONE;
	if (n == -1) {
		/* It may have answered before it had read everything. */
		r->deaf = true;
		base_buf_fini(&r->to_responder);
		return STEP_DONE;
	}
	base_buf_consume(&r->to_responder, (size_t)n);
	return STEP_DONE;
}

/* False when the responder speaks nonsense or has ended. */
static bool
decode(struct relay *r, const char *bytes, size_t len)
{
	struct api_fastcgi_piece piece;
	enum api_fastcgi_status status;
	char text[256];

	while ((status = api_fastcgi_record_next(
		    &r->decoder, &bytes, &len, &piece)) == API_FASTCGI_OK) {
		if (piece.type == API_FASTCGI_END)
			return false;
		if (piece.type == API_FASTCGI_STDERR) {
			(void)snprintf(text, sizeof(text), "%.*s",
			    (int)piece.len, piece.bytes);
			base_log_warn("responder", "request=%s text=\"%s\"",
			    r->request_id, text);
			continue;
		}
		api_fastcgi_answer_feed(
		    &r->answer, piece.bytes, piece.len, &r->to_client);
	}
	return status == API_FASTCGI_MORE &&
	    r->answer.state != API_FASTCGI_ANSWER_BROKEN;
}

static enum step
read_responder(struct relay *r)
{
	char piece[PIECE_BYTES];
	ssize_t n;

	if (r->responder.fd == -1 || r->to_client.len >= HELD_BYTES ||
	    (r->responder.watch.ready & BASE_READ) == 0)
		return STEP_NONE;
	n = api_fd_pass_recv(r->responder.fd, piece, sizeof(piece), &r->file);
	if (n == -1 && is_blocked(&r->responder, BASE_READ))
		return STEP_NONE;
	if (n > 0 && decode(r, piece, (size_t)n))
		return STEP_DONE;
	relay_end(r);
	return r->answered ? STEP_DONE : STEP_ENDED;
}

static enum step
write_client(struct relay *r)
{
	ssize_t n;

	if (r->to_client.len == 0 || (r->client.watch.ready & BASE_WRITE) == 0)
		return STEP_NONE;
	n = send(
	    r->client.fd, r->to_client.data, r->to_client.len, MSG_NOSIGNAL);
	if (n == -1 && is_blocked(&r->client, BASE_WRITE))
		return STEP_NONE;
	if (n == -1) {
		relay_free(r);
		return STEP_ENDED;
	}
	base_buf_consume(&r->to_client, (size_t)n);
	return STEP_DONE;
}

/* The kernel does it; the responder has seen to it that the file is at hand. */
static enum step
send_file(struct relay *r)
{
	size_t most = FILE_PIECE_BYTES;
	ssize_t n;

	if (r->file_left == 0 || r->to_client.len > 0 ||
	    (r->client.watch.ready & BASE_WRITE) == 0)
		return STEP_NONE;
	if (most > r->file_left)
		most = (size_t)r->file_left;
	n = sendfile(r->client.fd, r->file, &r->file_offset, most);
	if (n == -1 && is_blocked(&r->client, BASE_WRITE))
		return STEP_NONE;
	if (n <= 0) { /* gone, or the file has become shorter */
		relay_free(r);
		return STEP_ENDED;
	}
	r->file_left -= (uint64_t)n;
	return STEP_DONE;
}

static enum step
round_trip(struct relay *r)
{
	static enum step (*const steps[])(struct relay *) = { read_client,
		write_responder, read_responder, write_client, send_file };
	enum step done = STEP_NONE;

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		enum step step = steps[i](r);

		if (step == STEP_ENDED)
			return STEP_ENDED;
		if (step == STEP_DONE)
			done = STEP_DONE;
	}
	if (!r->answered || r->to_client.len > 0 || r->file_left > 0)
		return done;
	if (r->body_left > 0)
		relay_leave(r, &r->to_client);
	else
		relay_free(r);
	return STEP_ENDED;
}

static void
pump(struct relay *r)
{
	enum step step = STEP_DONE;

	r->deadline_ms = base_clock_ms() + r->relays->params.idle_ms;
	for (int i = 0; i < ROUNDS && step == STEP_DONE; i++)
		step = round_trip(r);
	if (step == STEP_DONE)
		base_loop_defer(r->relays->params.loop, &r->again);
}

static void
pump_again(void *arg)
{
	pump(arg);
}

static void
on_client(void *watch, int hangup)
{
	struct relay *r = ((struct end *)watch)->relay;

	/* A client that only ended its sending still wants the answer. */
	if (hangup && r->body_left == 0 && api_linger_gone(r->client.fd)) {
		relay_free(r);
		return;
	}
	pump(r);
}

static void
on_responder(void *watch, int hangup)
{
	(void)hangup; /* read to its end; the answer may be in there */
	pump(((struct end *)watch)->relay);
}

static void
on_sweep(void *arg)
{
	struct api_relays *relays = arg;
	uint64_t now = base_clock_ms();
	struct relay *r, *next;

	relays->sweep =
	    base_timer_start(relays->params.loop, SWEEP_MS, on_sweep, relays);
	for (r = TAILQ_FIRST(&relays->list); r != NULL; r = next) {
		next = TAILQ_NEXT(r, link);
		if (r->deadline_ms > now)
			continue;
		if (r->answer.state == API_FASTCGI_ANSWER_BODY)
			relay_free(r);
		else if (r->body_left > 0 && r->to_responder.len == 0)
			relay_refuse(r, "request_timeout");
		else
			relay_refuse(r, "gateway_timeout");
	}
}

struct api_relays *
api_relays_new(const struct api_relays_params *params)
{
	struct api_relays *relays = base_alloc(sizeof(*relays));

	relays->params = *params;
	relays->params.socket_path = NULL;
	if (relays->params.limit == 0)
		relays->params.limit = 256;
	if (relays->params.idle_ms == 0)
		relays->params.idle_ms = 60000;
	relays->address.sun_family = AF_UNIX;
	(void)snprintf(relays->address.sun_path,
	    sizeof(relays->address.sun_path), "%s", params->socket_path);
	TAILQ_INIT(&relays->list);
	relays->sweep =
	    base_timer_start(params->loop, SWEEP_MS, on_sweep, relays);
	return relays;
}

void
api_relays_free(struct api_relays *relays)
{
	while (!TAILQ_EMPTY(&relays->list))
		relay_free(TAILQ_FIRST(&relays->list));
	base_timer_cancel(relays->sweep);
	base_free(relays);
}

size_t
api_relays_count(const struct api_relays *relays)
{
	return relays->count;
}

/* A connection to the responder, or -1. */
static int
dial(const struct api_relays *relays)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd == -1)
		return -1;
	/* On a unix socket this succeeds or fails at once. */
	if (connect(fd, (const struct sockaddr *)&relays->address,
		sizeof(relays->address)) == 0)
		return fd;
	error = errno;
	base_log_warn("relay", "reason=no_responder errno=%d", error);
	close(fd);
	errno = error;
	return -1;
}

static void
refuse_new(struct api_relays *relays, const struct api_relay_request *request,
    const char *code, const char *detail)
{
	struct base_buf out;

	base_buf_init(&out);
	refuse_on(relays, &out, code, detail, request->request_id,
	    strcmp(request->head->method, "HEAD") == 0);
	api_linger_start(relays->params.loop, request->fd, out.data, out.len);
	base_buf_fini(&out);
}

static void
relay_start(struct api_relays *relays, const struct api_relay_request *request,
    int responder)
{
	const struct api_http_head *head = request->head;
	struct base_loop *loop = relays->params.loop;
	struct relay *r = base_alloc(sizeof(*r));
	size_t first = request->first_len;

	if (first > head->body_len)
		first = (size_t)head->body_len;
	r->relays = relays;
	r->file = -1;
	r->client = (struct end){ { .handle = on_client }, r, request->fd };
	r->responder = (struct end){ { .handle = on_responder }, r, responder };
	r->again = (struct base_task){ .cb = pump_again, .arg = r };
	r->deadline_ms = base_clock_ms() + relays->params.idle_ms;
	(void)snprintf(
	    r->request_id, sizeof(r->request_id), "%s", request->request_id);
	r->body_left = head->body_len - first;
	base_buf_init(&r->to_responder);
	base_buf_init(&r->to_client);
	api_fastcgi_answer_init(&r->answer, head);
	api_fastcgi_message_begin(
	    &r->to_responder, head, request->remote_addr, request->request_id);
	if (first > 0)
		api_fastcgi_record_stream(
		    &r->to_responder, API_FASTCGI_STDIN, request->first, first);
	if (r->body_left == 0)
		api_fastcgi_record_stream(
		    &r->to_responder, API_FASTCGI_STDIN, NULL, 0);
	else if (head->expects_continue && first == 0)
		base_buf_append_str(
		    &r->to_client, "HTTP/1.1 100 Continue\r\n\r\n");
	TAILQ_INSERT_TAIL(&relays->list, r, link);
	relays->count++;
	base_loop_watch(loop, r->client.fd, &r->client.watch,
	    BASE_READ | BASE_WRITE | BASE_EDGE);
	base_loop_watch(loop, r->responder.fd, &r->responder.watch,
	    BASE_READ | BASE_WRITE | BASE_EDGE);
}

void
api_relays_open(
    struct api_relays *relays, const struct api_relay_request *request)
{
	char detail[64];
	int responder;

	if (request->head->body_len > relays->params.body_max + SLACK_BYTES) {
		(void)snprintf(detail, sizeof(detail),
		    "The limit is %llu bytes.",
		    (unsigned long long)relays->params.body_max);
		refuse_new(relays, request, "file_too_large", detail);
		return;
	}
	if (relays->count >= relays->params.limit) {
		refuse_new(relays, request, "overloaded", NULL);
		return;
	}
	responder = dial(relays);
	if (responder == -1) /* EAGAIN: its queue is full */
		refuse_new(relays, request,
		    errno == EAGAIN ? "overloaded" : "files_unavailable", NULL);
	else
		relay_start(relays, request, responder);
}
