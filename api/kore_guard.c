/* SPDX-License-Identifier: ISC */
/* HTTP/1.1 on Kore's connections. */
#include <kore/kore.h>

#include <sys/queue.h>
#include <sys/socket.h>

#include <assert.h>

#include "api/client_addr.h"
#include "api/http_reply.h"
#include "api/kore_guard.h"
#include "api/linger.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"

/* More than a head may be, so that one that is too long is seen as such. */
#define RECEIVE_BYTES (API_HTTP_HEAD_BYTES + 192)
#define SWEEP_MS 500
#define SHED_MARGIN 32 /* more than Kore accepts in one go */

enum stage {
	STAGE_IDLE, /* no byte of a request yet */
	STAGE_HEAD,
	STAGE_BODY,
	STAGE_BUSY,    /* answer awaited; nothing is read */
	STAGE_SENDING, /* likewise, so that answers cannot pile up */
	STAGE_ENDED    /* `c` is gone */
};

struct api_kore_exchange {
	struct connection *c; /* Kore's; its hdlr_extra points here */
	enum stage stage;
	bool surplus; /* bytes came behind a request without a body */
	bool reading; /* inside Kore's read loop: it goes on by itself */
	uint64_t deadline_ms;
	struct api_http_head head; /* slices of `block` */
	char *block;		   /* owned, of kore_malloc(); as received */
	size_t received;	   /* bytes in it */
	char *body;		   /* owned, of kore_malloc() */
	void *state;		   /* the door's */
	char peer[API_CLIENT_ADDR_SIZE];
	TAILQ_ENTRY(api_kore_exchange) link;
};

TAILQ_HEAD(exchanges, api_kore_exchange);

static struct {
	struct api_kore_guard_params params;
	struct exchanges exchanges;
	struct base_timer *sweep; /* non-NULL = running */
	size_t busy;		  /* exchanges in STAGE_BUSY or _SENDING */
	bool draining;
} guard;

static int on_head_bytes(struct netbuf *nb);
static int on_body_bytes(struct netbuf *nb);
static void read_next(struct api_kore_exchange *x);

static void
forget_request(struct api_kore_exchange *x)
{
	kore_free(x->block);
	kore_free(x->body);
	x->block = NULL;
	x->body = NULL;
	x->received = 0;
}

static void
stage_set(struct api_kore_exchange *x, enum stage stage, uint32_t timeout_ms)
{
	if (x->stage == STAGE_BUSY || x->stage == STAGE_SENDING)
		guard.busy--;
	if (stage == STAGE_BUSY || stage == STAGE_SENDING)
		guard.busy++;
	x->stage = stage;
	x->deadline_ms = timeout_ms != 0 ? base_clock_ms() + timeout_ms : 0;
}

/* Kore keeps the connection to the end of its turn, events of this turn may
 * still come through it: it must not find its way back here. */
static void
detach(struct api_kore_exchange *x)
{
	x->c->hdlr_extra = NULL;
	x->c->disconnect = NULL;
	x->c = NULL;
	stage_set(x, STAGE_ENDED, 0);
	TAILQ_REMOVE(&guard.exchanges, x, link);
	if (!x->reading)
		base_loop_free(guard.params.loop, x);
}

static void
on_disconnect(struct connection *c)
{
	struct api_kore_exchange *x = c->hdlr_extra;
	bool awaited = x->stage == STAGE_BUSY;

	detach(x);
	if (awaited)
		guard.params.on_gone(guard.params.arg, x);
	forget_request(x);
}

/* In the place of kore_connection_event(), which takes a client that has shut
 * down its sending side for one that is gone. */
static void
on_event(void *arg, int hangup)
{
	struct connection *c = arg;
	struct api_kore_exchange *x = c->hdlr_extra;

	if (x == NULL)
		return;
	if (hangup && x->stage == STAGE_BUSY && api_linger_gone(c->fd)) {
		kore_connection_disconnect(c);
		return;
	}
	if (x->stage == STAGE_IDLE || x->stage == STAGE_SENDING)
		stage_set(x, x->stage, guard.params.idle_ms);
	x->reading = true;
	if (!c->handle(c))
		kore_connection_disconnect(c);
	x->reading = false;
	if (x->stage == STAGE_ENDED)
		base_loop_free(guard.params.loop, x);
	else if (x->stage == STAGE_SENDING && TAILQ_EMPTY(&c->send_queue))
		read_next(x);
}

/* Takes the connection away from Kore, which finds it closed. */
static int
take(struct api_kore_exchange *x)
{
	struct connection *c = x->c;
	int fd = c->fd;

	kore_platform_disable_read(fd);
	detach(x);
	c->fd = -1;
	c->evt.flags = 0;
	kore_connection_disconnect(c);
	return fd;
}

int
api_kore_exchange_take(
    struct api_kore_exchange *x, const void **first, size_t *first_len)
{
	*first = x->block + x->head.len;
	*first_len = x->received - x->head.len;
	return take(x);
}

void
api_kore_exchange_refuse(struct api_kore_exchange *x, const char *code,
    const char *detail, const char *fields)
{
	char id[API_HTTP_REQUEST_ID_SIZE];
	struct api_http_refusal refusal = { .code = code,
		.detail = detail,
		.request_id = api_http_request_id(
		    id, api_http_head_value(&x->head, "X-Request-Id")),
		.head_only = x->head.method != NULL &&
		    strcmp(x->head.method, "HEAD") == 0,
		.fields = fields };
	struct base_buf out;
	int status;

	base_buf_init(&out);
	status = api_http_reply_refuse(&out, &refusal);
	guard.params.on_refused(guard.params.arg, id, status, code);
	api_linger_start(guard.params.loop, take(x), out.data, out.len);
	base_buf_fini(&out);
}

/* The next request: reads on, also what has arrived meanwhile. */
static void
read_next(struct api_kore_exchange *x)
{
	struct connection *c = x->c;

	forget_request(x);
	stage_set(x, STAGE_IDLE, guard.params.idle_ms);
	net_recv_reset(c, RECEIVE_BYTES, on_head_bytes);
	if (!x->reading && !net_recv_flush(c))
		kore_connection_disconnect(c);
}

static void
request_complete(struct api_kore_exchange *x)
{
	if (guard.busy >= guard.params.requests_max) {
		api_kore_exchange_refuse(
		    x, "overloaded", NULL, "Retry-After: 1\r\n");
		forget_request(x);
		return;
	}
	stage_set(x, STAGE_BUSY, 0);
	guard.params.on_request(guard.params.arg, x);
	forget_request(x);
}

static void
read_body(struct api_kore_exchange *x)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	size_t first = x->received - x->head.len;
	struct connection *c = x->c;

	if (x->head.body_len == 0) {
		request_complete(x);
		return;
	}
	if (x->head.expects_continue && first < x->head.body_len)
		(void)send(c->fd, go_on, sizeof(go_on) - 1, MSG_NOSIGNAL);
	stage_set(x, STAGE_BODY, guard.params.body_timeout_ms);
	net_recv_reset(c, (size_t)x->head.body_len, on_body_bytes);
	memcpy(c->rnb->buf, x->block + x->head.len, first);
	c->rnb->s_off = first;
	if (first == x->head.body_len)
		(void)on_body_bytes(c->rnb);
}

static int
on_body_bytes(struct netbuf *nb)
{
	struct connection *c = nb->owner;
	struct api_kore_exchange *x = c->hdlr_extra;

	if (nb->s_off < nb->b_len)
		return KORE_RESULT_OK;
	/* Without a buffer Kore's read loop leaves what follows in the socket. */
	x->body = (char *)nb->buf;
	nb->buf = NULL;
	nb->m_len = 0;
	request_complete(x);
	return KORE_RESULT_OK;
}

static void
refuse_too_large(struct api_kore_exchange *x, size_t body_max)
{
	char detail[64];

	(void)snprintf(
	    detail, sizeof(detail), "The limit is %zu bytes.", body_max);
	api_kore_exchange_refuse(x, "payload_too_large", detail, NULL);
	forget_request(x);
}

static void
head_complete(struct api_kore_exchange *x)
{
	enum api_kore_verdict verdict;
	size_t body_max = 0;

	api_http_head_terminate(&x->head, x->block);
	x->surplus = !x->head.has_body && x->received > x->head.len;
	verdict = guard.params.on_head(guard.params.arg, x, &body_max);
	if (verdict == API_KORE_TAKEN)
		forget_request(x);
	else if (x->head.body_len > body_max)
		refuse_too_large(x, body_max);
	else
		read_body(x);
}

static int
on_head_bytes(struct netbuf *nb)
{
	struct connection *c = nb->owner;
	struct api_kore_exchange *x = c->hdlr_extra;
	enum api_http_head_status status;

	if (nb->s_off == 0)
		return KORE_RESULT_OK;
	if (x->stage == STAGE_IDLE)
		stage_set(x, STAGE_HEAD, guard.params.head_timeout_ms);
	status = api_http_head_parse(&x->head, (char *)nb->buf, nb->s_off);
	if (status == API_HTTP_HEAD_MORE)
		return KORE_RESULT_OK;
	x->block = (char *)nb->buf;
	x->received = nb->s_off;
	nb->buf = NULL;
	nb->m_len = 0;
	if (status == API_HTTP_HEAD_OK) {
		head_complete(x);
		return KORE_RESULT_OK;
	}
	api_http_head_terminate(&x->head, x->block);
	api_kore_exchange_refuse(
	    x, api_http_head_code(status), x->head.wrong, NULL);
	forget_request(x);
	return KORE_RESULT_OK;
}

bool
api_kore_exchange_closes(const struct api_kore_exchange *x)
{
	/* Behind a surplus: who pipelines asks again on a new connection, who
	 * smuggles finds that there is nothing to hide behind. */
	return x->head.close || x->surplus || guard.draining;
}

void
api_kore_exchange_answer(
    struct api_kore_exchange *x, const void *bytes, size_t len, bool close)
{
	struct connection *c = x->c;
	ssize_t sent = 0;

	assert(x->stage == STAGE_BUSY && TAILQ_EMPTY(&c->send_queue));
	if (close && x->surplus) {
		api_linger_start(guard.params.loop, take(x), bytes, len);
		return;
	}
	stage_set(x, STAGE_SENDING, guard.params.idle_ms);
	sent = send(c->fd, bytes, len, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		kore_connection_disconnect(c);
		return;
	}
	if (sent < 0)
		sent = 0;
	if ((size_t)sent < len)
		net_send_queue(
		    c, (const char *)bytes + sent, len - (size_t)sent);
	if (close)
		c->flags |= CONN_CLOSE_EMPTY;
	if (!net_send_flush(c))
		kore_connection_disconnect(c);
	else if (!close && TAILQ_EMPTY(&c->send_queue))
		read_next(x);
}

static void
expire(struct api_kore_exchange *x)
{
	if (x->stage == STAGE_IDLE || x->stage == STAGE_SENDING) {
		kore_connection_disconnect(x->c);
		return;
	}
	api_kore_exchange_refuse(x, "request_timeout", NULL, NULL);
	forget_request(x);
}

static void
on_sweep(void *arg)
{
	uint64_t now = base_clock_ms();
	struct api_kore_exchange *x, *next;

	guard.sweep =
	    base_timer_start(guard.params.loop, SWEEP_MS, on_sweep, arg);
	for (x = TAILQ_FIRST(&guard.exchanges); x != NULL; x = next) {
		next = TAILQ_NEXT(x, link);
		if (x->deadline_ms != 0 && x->deadline_ms <= now)
			expire(x);
	}
}

void
api_kore_guard_init(const struct api_kore_guard_params *params)
{
	guard.params = *params;
	TAILQ_INIT(&guard.exchanges);
	guard.sweep = base_timer_start(params->loop, SWEEP_MS, on_sweep, NULL);
}

void
api_kore_guard_drain(void)
{
	guard.draining = true;
}

size_t
api_kore_guard_count(void)
{
	struct api_kore_exchange *x;
	size_t n = 0;

	TAILQ_FOREACH (x, &guard.exchanges, link)
		n++;
	return n;
}

size_t
api_kore_guard_busy(void)
{
	return guard.busy;
}

void
api_kore_guard_fini(void)
{
	while (!TAILQ_EMPTY(&guard.exchanges))
		kore_connection_disconnect(TAILQ_FIRST(&guard.exchanges)->c);
	base_timer_cancel(guard.sweep);
	guard.sweep = NULL;
}

/* Kore stops accepting at its limit, and then spins on a listener that stays
 * readable: so turn away those who come just before it. */
static bool
shed(struct connection *c)
{
	struct base_buf out;
	char id[API_HTTP_REQUEST_ID_SIZE];
	const struct api_http_refusal refusal = { .code = "overloaded",
		.request_id = api_http_request_id(id, NULL),
		.fields = "Retry-After: 1\r\n" };

	if (worker_active_connections + SHED_MARGIN < worker_max_connections)
		return false;
	base_buf_init(&out);
	guard.params.on_refused(guard.params.arg, id,
	    api_http_reply_refuse(&out, &refusal), refusal.code);
	(void)send(c->fd, out.data, out.len, MSG_NOSIGNAL);
	base_buf_fini(&out);
	kore_connection_disconnect(c);
	return true;
}

void
api_kore_guard_connect(struct connection *c)
{
	struct api_kore_exchange *x;

	c->evt.flags = 0; /* Kore's pool gives it as its last user left it */
	if (shed(c))
		return;
	x = base_alloc(sizeof(*x));
	x->c = c;
	if (c->family == AF_UNIX)
		strcpy(x->peer, "unix");
	else
		(void)api_client_addr_peer(
		    x->peer, (const struct sockaddr *)&c->addr);
	stage_set(x, STAGE_IDLE, guard.params.idle_ms);
	TAILQ_INSERT_TAIL(&guard.exchanges, x, link);
	c->hdlr_extra = x;
	c->disconnect = on_disconnect;
	c->evt.handle = on_event;
	c->idle_timer.length = UINT64_MAX; /* the sweep looks after that */
	net_recv_queue(c, RECEIVE_BYTES, NETBUF_CALL_CB_ALWAYS, on_head_bytes);
}

struct api_http_head *
api_kore_exchange_head(struct api_kore_exchange *x)
{
	return &x->head;
}

const char *
api_kore_exchange_body(const struct api_kore_exchange *x, size_t *len)
{
	*len = x->body != NULL ? (size_t)x->head.body_len : 0;
	return x->body;
}

const char *
api_kore_exchange_peer(const struct api_kore_exchange *x)
{
	return x->peer;
}

void
api_kore_exchange_state_set(struct api_kore_exchange *x, void *state)
{
	x->state = state;
}

void *
api_kore_exchange_state(const struct api_kore_exchange *x)
{
	return x->state;
}
