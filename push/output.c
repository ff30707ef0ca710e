/* SPDX-License-Identifier: ISC */
/* What goes to the peer: a bounded queue and writev(). */

#include <sys/uio.h>

#include <errno.h>

#include "push/hub_private.h"

#define IOV_MAX_A_CALL 64

/* The queue changed: keep the total. */
static void
settle(struct push_session *s, uint32_t before)
{
	s->hub->stats.queue_bytes -= before;
	s->hub->stats.queue_bytes += s->queue.bytes;
}

void
push_output_force(struct push_session *s, struct push_event *e)
{
	uint32_t before = s->queue.bytes;

	push_queue_put(&s->queue, e);
	settle(s, before);
	if (!s->blocked)
		push_turn_ask(s);
}

/* Over half of the limit ephemeral events are not worth their place. */
static void
ephemerals_drop(struct push_session *s)
{
	uint32_t before = s->queue.bytes;
	unsigned dropped = push_queue_drop_ephemeral(&s->queue);

	s->purged = true;
	s->hub->stats.dropped += dropped;
	settle(s, before);
	if (dropped > 0)
		push_missed_note(s, 0);
}

/* Whether there is room for it in the queue, or could be made. */
static bool
room_make(struct push_session *s, const struct push_event *e)
{
	size_t limit = s->hub->p.queue_bytes, size, after;

	size = push_event_size(e, (enum push_kind)s->kind);
	/* One turn may bring more than the queue holds: only what the socket
	 * does not take counts against a reader. */
	if (s->queue.bytes + size > limit / 2 && !s->blocked) {
		push_output_run(s);
		if (s->state == PUSH_CLOSING)
			return false;
	}
	after = s->queue.bytes + size;
	if (after > limit / 2 && s->queue.count > 0) {
		if (e->ephemeral) {
			s->hub->stats.dropped++;
			push_missed_note(s, 0);
			return false;
		}
		if (!s->purged)
			ephemerals_drop(s);
		if (s->queue.bytes + size > limit && s->queue.count > 0) {
			push_goodbye_cut(s);
			return false;
		}
	}
	return true;
}

/* What is sent of the event, with a reference.  After a restart thousands come
 * back for the same events: the ring keeps what it took to compress them. */
static struct push_event *
wire_form(struct push_session *s, struct push_event *e)
{
	struct push_event *form =
	    push_event_pack(e, s->hub->deflate, s->window_bits);

	if (form != e && e->id > 0 && !e->kept)
		push_ring_keep(&s->hub->ring, e);
	return form;
}

void
push_output_put(struct push_session *s, struct push_event *e)
{
	struct push_event *form;

	if (s->state == PUSH_CLOSING || !s->begun)
		return;
	form = wire_form(s, e);
	if (room_make(s, form)) {
		if (e->topic != NULL)
			s->hub->stats.delivered++;
		push_output_force(s, form);
	}
	push_event_unref(form);
}

void
push_output_give(struct push_session *s, struct push_event *e)
{
	push_output_put(s, e);
	push_event_unref(e);
}

void
push_output_clear(struct push_session *s, bool keep_begun)
{
	uint32_t before = s->queue.bytes;

	push_queue_clear(&s->queue, keep_begun);
	settle(s, before);
}

unsigned
push_output_take(struct push_session *s, struct push_event **out, unsigned max)
{
	uint32_t before = s->queue.bytes;
	unsigned n = push_queue_take(&s->queue, out, max);

	settle(s, before);
	return n;
}

size_t
push_output_room(const struct push_hub *hub)
{
	return hub->p.queue_bytes / 4;
}

bool
push_output_full(const struct push_session *s)
{
	return s->queue.bytes > push_output_room(s->hub);
}

bool
push_output_drained(const struct push_session *s)
{
	return s->queue.bytes <= s->hub->p.queue_bytes / 16;
}

static void
written(struct push_session *s, size_t n)
{
	uint32_t before = s->queue.bytes;

	s->hub->stats.written_bytes += n;
	s->output_tick = s->hub->tick;
	push_queue_written(&s->queue, n);
	settle(s, before);
	if (s->queue.bytes <= s->hub->p.queue_bytes / 2)
		s->purged = false;
}

static void
blocked(struct push_session *s)
{
	s->watch.ready &= ~BASE_WRITE;
	s->blocked = true;
	s->output_tick = s->hub->tick;
	push_pulse_arm(s);
}

void
push_output_run(struct push_session *s)
{
	struct iovec iov[IOV_MAX_A_CALL];
	ssize_t n;

	while (s->queue.count > 0 && s->fd >= 0 && !s->blocked) {
		s->hub->stats.writes++;
		n = writev(s->fd, iov,
		    (int)push_queue_iov(&s->queue, iov, IOV_MAX_A_CALL));
		if (n >= 0)
			written(s, (size_t)n);
		else if (errno == EAGAIN)
			blocked(s);
		else if (errno != EINTR)
			push_goodbye_lost(
			    s, PUSH_CLOSE_ABNORMAL, "writing failed");
	}
}
