/* SPDX-License-Identifier: ISC */
/*
 * What comes from the peer.  All sessions read into one buffer and share one
 * decoder; only who stops in the middle of a message keeps a decoder, and only
 * who is held back keeps bytes.
 */

#include <sys/socket.h>

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "push/hub_private.h"

#define READS_A_TURN 4

static void
decoder_get(struct push_session *s)
{
	struct push_hub *hub = s->hub;

	if (s->ws != NULL)
		return;
	s->ws = hub->decoder;
	hub->decoder = NULL;
	if (s->ws == NULL) {
		s->ws = base_alloc(sizeof(*s->ws));
		push_websocket_init(s->ws, hub->p.message_bytes);
	}
	s->ws->deflate = s->window_bits != 0 ? hub->deflate : NULL;
}

static void
decoder_free(struct push_session *s)
{
	if (s->ws == NULL)
		return;
	push_websocket_fini(s->ws);
	base_free(s->ws);
	s->ws = NULL;
}

static void
decoder_put(struct push_session *s)
{
	if (s->ws == NULL || !push_websocket_idle(s->ws))
		return;
	if (s->hub->decoder == NULL) {
		s->hub->decoder = s->ws;
		s->ws = NULL;
	} else {
		decoder_free(s);
	}
}

static void
rest_free(struct push_session *s)
{
	if (s->rest == NULL)
		return;
	base_buf_fini(s->rest);
	base_free(s->rest);
	s->rest = NULL;
}

void
push_input_free(struct push_session *s)
{
	decoder_free(s);
	rest_free(s);
}

void
push_input_keep(struct push_session *s, const void *bytes, size_t len)
{
	s->unread = true;
	if (len == 0)
		return;
	if (s->rest == NULL)
		s->rest = base_alloc(sizeof(*s->rest));
	base_buf_append(s->rest, bytes, len);
}

/* Whether messages must wait: the door says so, or replies pile up. */
static bool
is_held(struct push_session *s)
{
	if (s->kind != PUSH_WEBSOCKET)
		return false;
	if (s->queue.bytes > s->hub->p.queue_bytes / 2)
		s->throttled = true;
	return s->held || s->throttled || s->parting != NULL;
}

static void
pong(struct push_session *s, const struct push_ws_item *item)
{
	uint8_t frame[2 + PUSH_WS_CONTROL_MAX];
	unsigned n = push_websocket_header(frame, PUSH_WS_PONG, item->len);
	size_t i;

	for (i = 0; i < item->len; i++)
		frame[n + i] = (uint8_t)item->data[i];
	push_output_give(s, push_event_raw(frame, n + item->len));
}

static void
part(struct push_session *s, unsigned code, const char *why)
{
	push_parting_take(s, false, code, why, strlen(why));
}

static void
item_take(struct push_session *s, const struct push_ws_item *item)
{
	switch (item->opcode) {
	case PUSH_WS_TEXT:
		s->hub->stats.messages++;
		if (s->ops->text != NULL)
			s->ops->text(s->arg, s, item->data, item->len);
		break;
	case PUSH_WS_BINARY:
		part(s, PUSH_CLOSE_UNSUPPORTED, "messages are text");
		break;
	case PUSH_WS_CLOSE:
		push_parting_take(s, true, item->code, item->data, item->len);
		break;
	case PUSH_WS_PING:
		pong(s, item);
		break;
	case PUSH_WS_PONG:
	case PUSH_WS_CONTINUATION:
		break;
	}
}

/* A closing peer may still send; only its close frame counts.  Behind its last
 * word nothing does. */
static bool
is_over(const struct push_session *s)
{
	if (s->state == PUSH_CLOSING)
		return !s->goodbye->await;
	return s->parting != NULL;
}

/* What a peer sends while we wait for its close frame. */
static void
goodbye_take(struct push_session *s, enum push_ws_result result,
    const struct push_ws_item *item)
{
	if (result == PUSH_WS_BAD ||
	    (result == PUSH_WS_GOT && item->opcode == PUSH_WS_CLOSE))
		push_goodbye_answered(s);
}

static void
websocket_take(struct push_session *s, uint8_t *bytes, size_t len)
{
	struct push_ws_item item;
	enum push_ws_result result;
	size_t used;

	if (!is_over(s))
		decoder_get(s);
	while (len > 0 && !is_over(s)) {
		if (s->state != PUSH_CLOSING && is_held(s)) {
			push_input_keep(s, bytes, len);
			break;
		}
		result = push_websocket_feed(s->ws, bytes, len, &used, &item);
		bytes += used;
		len -= used;
		if (s->state == PUSH_CLOSING)
			goodbye_take(s, result, &item);
		else if (result == PUSH_WS_GOT)
			item_take(s, &item);
		else if (result == PUSH_WS_BAD)
			part(s, item.code, item.why);
	}
	if (is_over(s))
		decoder_free(s);
	else
		decoder_put(s);
}

static void
bytes_take(struct push_session *s, uint8_t *bytes, size_t len)
{
	s->input_tick = s->hub->tick;
	s->pinged = false;
	/* On SSE the peer has nothing to say. */
	if (s->kind == PUSH_WEBSOCKET)
		websocket_take(s, bytes, len);
}

static void
rest_take(struct push_session *s)
{
	struct base_buf *rest = s->rest;

	if (rest == NULL)
		return;
	s->rest = NULL;
	bytes_take(s, (uint8_t *)rest->data, rest->len);
	base_buf_fini(rest);
	base_free(rest);
}

/*
 * The end of the stream without a close frame.  Who has closed only its own
 * side still gets what is queued and the replies that are owed, within
 * grace_ms.
 */
static void
peer_ended(struct push_session *s)
{
	s->ended = true;
	s->unread = false;
	if (s->state != PUSH_CLOSING && s->kind != PUSH_WEBSOCKET) {
		push_goodbye_lost(s, PUSH_CLOSE_ABNORMAL, "peer closed");
		return;
	}
	s->input_tick = s->hub->tick; /* the grace begins */
	push_pulse_arm(s);
	push_turn_ask(s);
}

/* One read; false when there is nothing more to read now. */
static bool
read_once(struct push_session *s)
{
	ssize_t n = recv(s->fd, s->hub->read, PUSH_READ_BYTES, 0);

	if (n > 0) {
		bytes_take(s, s->hub->read, (size_t)n);
		return true;
	}
	if (n == 0) {
		peer_ended(s);
	} else if (errno == EAGAIN) {
		s->watch.ready &= ~BASE_READ;
		s->unread = false;
	} else if (errno != EINTR) {
		push_goodbye_lost(s, PUSH_CLOSE_ABNORMAL, "reading failed");
	} else {
		return true;
	}
	return false;
}

void
push_input_run(struct push_session *s)
{
	unsigned reads = 0;

	s->unread = true;
	if (s->state == PUSH_STARTING || s->ended || s->fd < 0)
		return;
	rest_take(s);
	while (s->state == PUSH_CLOSING || !is_held(s)) {
		if (reads++ == READS_A_TURN) {
			push_turn_ask(s);
			return;
		}
		if (!read_once(s))
			return;
	}
}

bool
push_input_waits(const struct push_session *s)
{
	char byte;

	return s->kind == PUSH_WEBSOCKET &&
	    (s->rest != NULL ||
		recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0);
}

void
push_input_discard(struct push_session *s)
{
	unsigned reads = 0;

	while (s->fd >= 0 && reads++ < READS_A_TURN &&
	    recv(s->fd, s->hub->read, PUSH_READ_BYTES, 0) > 0)
		;
}
