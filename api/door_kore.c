/* SPDX-License-Identifier: ISC */
/* The HTTP door on Kore. */
#include "api/door_kore.h"

#include <sys/queue.h>

#include <assert.h>
#include <string.h>

#include "api/call.h"
#include "api/client_addr.h"
#include "api/config.h"
#include "api/engine.h"
#include "api/fastcgi_relay.h"
#include "api/http_reply.h"
#include "api/kore_guard.h"
#include "api/metrics.h"
#include "api/router.h"
#include "api/stream.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"

#define REQUESTS_MAX 4096 /* answers awaited at a time */
#define HEAD_TIMEOUT_MS 15000
#define BODY_TIMEOUT_MS 30000
#define IDLE_MS 75000 /* longer than a proxy in front keeps connections */
#define REPLY_KEPT_BYTES 262144

/* A call and the connection that awaits its answer. */
struct pending {
	struct api_kore_exchange *x; /* NULL: the client has left */
	struct api_call *call;	     /* non-NULL = in flight */
	bool read;		     /* nothing is lost by cancelling it */
	LIST_ENTRY(pending) link;
};

LIST_HEAD(pending_list, pending);

static struct {
	struct api_door_kore_params params;
	const struct api_config *config;
	struct pending_list pending;
	size_t count;
	struct base_buf reply; /* reused from answer to answer */
} door;

static void
pending_free(struct pending *p)
{
	LIST_REMOVE(p, link);
	door.count--;
	base_free(p);
}

static const char *
client_address(char out[API_CLIENT_ADDR_SIZE], struct api_kore_exchange *x)
{
	struct api_http_head *head = api_kore_exchange_head(x);
	const char *peer = api_kore_exchange_peer(x);

	return api_client_addr_find(out, peer,
	    api_client_addr_trusted(peer, door.config->trusted_proxies),
	    api_http_head_value(head, "X-Real-IP"),
	    api_http_head_value(head, "X-Forwarded-For"));
}

static void
open_stream(struct api_kore_exchange *x, const struct api_operation *op)
{
	struct api_http_head *head = api_kore_exchange_head(x);
	char address[API_CLIENT_ADDR_SIZE], id[API_HTTP_REQUEST_ID_SIZE];
	struct api_stream_params params = { .method = head->method,
		.kind =
		    op->status == 101 ? API_STREAM_SOCKET : API_STREAM_EVENTS,
		.query = head->query,
		.header = api_http_head_value,
		.line = api_http_head_line,
		.header_arg = head,
		.remote_addr = client_address(address, x),
		.request_id = api_http_request_id(
		    id, api_http_head_value(head, "X-Request-Id")),
		.http_1_0 = head->http_1_0,
		.deflate = door.config->deflate };

	params.fd = api_kore_exchange_take(x, &params.first, &params.first_len);
	api_stream_open(door.params.streams, &params);
}

static void
relay(struct api_kore_exchange *x)
{
	struct api_http_head *head = api_kore_exchange_head(x);
	char address[API_CLIENT_ADDR_SIZE], id[API_HTTP_REQUEST_ID_SIZE];
	struct api_relay_request request = { .head = head,
		.remote_addr = client_address(address, x),
		.request_id = api_http_request_id(
		    id, api_http_head_value(head, "X-Request-Id")) };

	request.fd =
	    api_kore_exchange_take(x, &request.first, &request.first_len);
	api_relays_open(door.params.relays, &request);
}

enum way {
	WAY_CALL,
	WAY_STREAM,
	WAY_RELAY,
	WAY_NONE
};

/* Where a request is served; PARLEY_DOORS says what this process does. */
static enum way
find_way(const struct api_operation *op, struct api_http_head *head)
{
	bool socket = op->status == 101;

	if ((op->flags & API_STREAM) != 0) {
		if (socket ? !door.config->door_socket : !door.config->door_sse)
			return WAY_NONE;
		if (!socket &&
		    api_stream_want(api_http_head_value(head, "Accept")) ==
			API_STREAM_WANT_LIST)
			return WAY_CALL;
		return WAY_STREAM;
	}
	if ((op->flags & API_PUBLIC) != 0)
		return WAY_CALL;
	if (!door.config->door_rest)
		return WAY_NONE;
	if ((op->flags & API_ON_FASTCGI) != 0)
		return door.params.relays != NULL ? WAY_RELAY : WAY_NONE;
	return WAY_CALL;
}

static enum api_kore_verdict
on_head(void *arg, struct api_kore_exchange *x, size_t *body_max)
{
	struct api_http_head *head = api_kore_exchange_head(x);
	const char *method = api_router_method(head->method,
	    api_http_head_value(head, "X-HTTP-Method-Override"), head->path);
	struct api_route route;

	(void)arg;
	/* What has no route is the engine's to refuse. */
	if (api_router_find(method, head->path, &route) != API_ROUTE_OK)
		route.op = NULL;
	*body_max = api_call_body_max(door.params.engine, route.op);
	if (route.op == NULL)
		return API_KORE_READ_BODY;
	switch (find_way(route.op, head)) {
	case WAY_CALL:
		return API_KORE_READ_BODY;
	case WAY_STREAM:
		open_stream(x, route.op);
		break;
	case WAY_RELAY:
		relay(x);
		break;
	case WAY_NONE:
		api_kore_exchange_refuse(x, "not_here", NULL, NULL);
		break;
	}
	return API_KORE_TAKEN;
}

static void
on_answer(const struct api_answer *answer, void *arg)
{
	struct pending *p = arg;
	struct api_kore_exchange *x = p->x;
	struct base_buf *out = &door.reply;
	bool close;

	p->call = NULL;
	pending_free(p);
	if (x == NULL)
		return;
	assert(answer->file_path == NULL); /* files are relayed */
	close = api_kore_exchange_closes(x);
	base_buf_reset(out);
	api_http_reply_write(out, answer, close);
	api_kore_exchange_answer(x, out->data, out->len, close);
	if (out->cap > REPLY_KEPT_BYTES)
		base_buf_fini(out);
}

static void
on_request(void *arg, struct api_kore_exchange *x)
{
	struct api_http_head *head = api_kore_exchange_head(x);
	char address[API_CLIENT_ADDR_SIZE];
	struct api_request request = { .door = API_DOOR_REST,
		.method = head->method,
		.path = head->path,
		.query = head->query,
		.content_type = api_http_head_value(head, "Content-Type"),
		.header = api_http_head_value,
		.header_arg = head,
		.remote_addr = client_address(address, x) };
	struct pending *p = base_alloc(sizeof(*p));

	(void)arg;
	request.body = api_kore_exchange_body(x, &request.body_len);
	p->x = x;
	p->read = !head->has_body && strcmp(head->method, "DELETE") != 0;
	LIST_INSERT_HEAD(&door.pending, p, link);
	door.count++;
	api_kore_exchange_state_set(x, p);
	p->call = api_call_start(door.params.engine, &request, on_answer, p);
}

static void
on_gone(void *arg, struct api_kore_exchange *x)
{
	struct pending *p = api_kore_exchange_state(x);

	(void)arg;
	p->x = NULL;
	if (!p->read) /* it may have happened already: let it end */
		return;
	api_call_cancel(p->call);
	pending_free(p);
}

void
api_door_kore_refused(
    void *arg, const char *request_id, int status, const char *code)
{
	(void)arg;
	base_log_info("request", "op=- status=%d code=%s request=%s door=rest",
	    status, code, request_id);
	api_metrics_request(api_engine_metrics(door.params.engine),
	    api_operation_count(), status, 0);
}

void
api_door_kore_open(const struct api_door_kore_params *params)
{
	door.params = *params;
	door.config = api_engine_config(params->engine);
	LIST_INIT(&door.pending);
	api_kore_guard_init(&(struct api_kore_guard_params){
	    .loop = params->loop,
	    .requests_max = REQUESTS_MAX,
	    .head_timeout_ms = HEAD_TIMEOUT_MS,
	    .body_timeout_ms = BODY_TIMEOUT_MS,
	    .idle_ms = IDLE_MS,
	    .on_head = on_head,
	    .on_request = on_request,
	    .on_gone = on_gone,
	    .on_refused = api_door_kore_refused,
	});
}

void
api_door_kore_drain(void)
{
	api_kore_guard_drain();
}

size_t
api_door_kore_count(void)
{
	size_t busy = api_kore_guard_busy();

	/* Calls outlive clients that leave, answers outlive their calls. */
	return busy > door.count ? busy : door.count;
}

size_t
api_door_kore_connections(void)
{
	return api_kore_guard_count();
}

void
api_door_kore_close(void)
{
	struct pending *p;

	api_kore_guard_fini();
	while ((p = LIST_FIRST(&door.pending)) != NULL) {
		api_call_cancel(p->call);
		pending_free(p);
	}
	base_buf_fini(&door.reply);
}
