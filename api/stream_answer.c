/* SPDX-License-Identifier: ISC */
/* Heads of streams, and what is answered instead of one. */

#include "api/stream_answer.h"

#include "api/auth.h"
#include "api/errors.h"
#include "api/http_reply.h"
#include "api/limit.h"
#include "base/random.h"
#include "push/deflate.h"
#include "push/sse.h"
#include "push/websocket.h"

#define EVENT_SOURCE_RETRY_MS 3000 /* to twice this */

static void
cors_write(const struct api_stream_request *r, bool cors, struct base_buf *out)
{
	base_buf_append_str(out, "Vary: Origin\r\n");
	if (cors && r->origin != NULL)
		base_buf_printf(out,
		    "Access-Control-Allow-Origin: %s\r\n"
		    "Access-Control-Expose-Headers: X-Request-Id, RateLimit, "
		    "RateLimit-Policy, Retry-After\r\n",
		    r->origin);
}

static void
events_head_write(
    const struct api_stream_request *r, bool cors, struct base_buf *out)
{
	api_http_reply_begin(out, 200, true);
	base_buf_append_str(out,
	    "Content-Type: text/event-stream\r\n"
	    "Cache-Control: no-store, no-transform\r\n"
	    "X-Accel-Buffering: no\r\n"
	    "X-Content-Type-Options: nosniff\r\n");
	base_buf_printf(out, "X-Request-Id: %s\r\n", r->request_id);
	cors_write(r, cors, out);
	base_buf_append(out, "\r\n", 2);
}

static void
socket_head_write(const struct api_stream_request *r, struct base_buf *out)
{
	char accept[PUSH_WS_ACCEPT_SIZE];
	size_t len;

	push_websocket_accept(r->key, accept);
	base_buf_printf(out,
	    "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: %s\r\n"
	    "X-Request-Id: %s\r\n",
	    accept, r->request_id);
	if (push_websocket_offered(r->subprotocol, "parley.v1", false, &len) !=
	    NULL)
		base_buf_append_str(
		    out, "Sec-WebSocket-Protocol: parley.v1\r\n");
	if (r->window_bits != 0) {
		base_buf_append_str(out, "Sec-WebSocket-Extensions: ");
		push_deflate_agree(out, r->window_bits, r->window_named);
		base_buf_append_str(out, "\r\n");
	}
	base_buf_append(out, "\r\n", 2);
}

void
api_stream_answer_accept(
    const struct api_stream_request *r, bool cors, struct base_buf *out)
{
	if (r->kind == API_STREAM_SOCKET)
		socket_head_write(r, out);
	else
		events_head_write(r, cors, out);
}

static void
problem_write(const struct api_stream_request *r,
    const struct api_stream_refusal *why, struct base_buf *out)
{
	struct api_field_error field = { why->field,
		why->fault != NULL ? why->fault : why->code, why->detail };
	struct api_problem problem = { .error = api_error_get(why->code),
		.detail = why->detail,
		.request_id = r->request_id };

	if (why->field != NULL) {
		problem.fields = &field;
		problem.nfields = 1;
	}
	api_problem_write(out, &problem);
}

/* What an EventSource understands as "not now". */
static void
not_now_write(const struct api_stream_request *r,
    const struct api_stream_refusal *why, bool cors, struct base_buf *out)
{
	uint32_t retry_ms =
	    why->retry_s > 0 ? why->retry_s * 1000 : EVENT_SOURCE_RETRY_MS;

	events_head_write(r, cors, out);
	/* Its ticket may be taken by now: it is to come back as who it is. */
	if (r->ticket != NULL && r->has_after)
		base_buf_printf(out, "id: %lld\n", (long long)r->after);
	else if (r->ticket != NULL)
		base_buf_append_str(out, "id: " PUSH_SSE_ID_NONE "\n");
	base_buf_printf(out, "retry: %u\nevent: error\ndata: ",
	    retry_ms + base_random_below(retry_ms));
	base_buf_append_str(out, "{\"event\":\"error\",\"data\":");
	problem_write(r, why, out);
	base_buf_append_str(out, "}\n\n");
}

static void
limit_write(const struct api_verdict *v, struct base_buf *out)
{
	char text[API_LIMIT_TEXT];

	api_limit_policy_format(text, v);
	base_buf_printf(out, "RateLimit-Policy: %s\r\n", text);
	api_limit_left_format(text, v);
	base_buf_printf(out, "RateLimit: %s\r\n", text);
}

/* Fields that belong to a status. */
static void
fields_write(const struct api_stream_request *r, int status,
    const struct api_stream_refusal *why, struct base_buf *out)
{
	if (status == 401)
		base_buf_append_str(
		    out, "WWW-Authenticate: " API_AUTH_CHALLENGE "\r\n");
	if (status == 405)
		base_buf_append_str(out,
		    r->kind == API_STREAM_SOCKET ? "Allow: GET\r\n" :
						   "Allow: GET, HEAD\r\n");
	if (status == 426)
		base_buf_append_str(out,
		    "Upgrade: websocket\r\n"
		    "Sec-WebSocket-Version: 13\r\n");
	if (why->retry_s > 0)
		base_buf_printf(out, "Retry-After: %u\r\n", why->retry_s);
	if (why->verdict != NULL && why->verdict->counted)
		limit_write(why->verdict, out);
}

int
api_stream_answer_refuse(const struct api_stream_request *r,
    const struct api_stream_refusal *why, bool cors, struct base_buf *out)
{
	struct base_buf body = { 0 };
	int status = api_error_get(why->code)->status;

	if ((status == 503 || status == 429) && r->event_source && !r->head) {
		not_now_write(r, why, cors, out);
		return 200;
	}
	problem_write(r, why, &body);
	api_http_reply_begin(out, status, true);
	fields_write(r, status, why, out);
	base_buf_printf(out,
	    "X-Request-Id: %s\r\n"
	    "Cache-Control: no-store\r\n"
	    "Content-Type: application/problem+json\r\n"
	    "Content-Length: %zu\r\n",
	    r->request_id, body.len);
	cors_write(r, cors, out);
	base_buf_append(out, "\r\n", 2);
	if (!r->head)
		base_buf_append(out, body.data, body.len);
	base_buf_fini(&body);
	return status;
}
