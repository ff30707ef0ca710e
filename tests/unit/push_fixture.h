/* SPDX-License-Identifier: ISC */
/*
 * For tests of live connections: a loop, a hub, sessions on socket pairs, and
 * what their doors heard.
 */

#ifndef TESTS_UNIT_PUSH_FIXTURE_H
#define TESTS_UNIT_PUSH_FIXTURE_H

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "push/hub.h"
#include "push/session.h"
#include "push/websocket.h"

struct door {
	struct push_session *s; /* NULL after closed */
	int fd;			/* the client's end */
	struct base_buf got;	/* what the client read, all of it */
	struct base_buf texts;	/* messages that the door got, "text;" each */
	struct base_buf events; /* of a sink: "type/id;" each */
	unsigned closed;	/* times */
	unsigned code;
	char why[128];
	unsigned replays; /* asked */
	unsigned restarts;
	int64_t restart_after;
	int64_t after; /* of the last replay asked */
	int64_t upto;
	uint32_t limit;
	struct base_buf topics; /* of it, "name " each */
	unsigned window_bits;	/* of permessage-deflate; 0: none */
	bool eof;
	bool reset;
	void (*on_text)(struct door *d, const char *text, size_t len);
};

struct world {
	struct base_loop *loop;
	struct push_hub *hub;
	unsigned connections;
};

static inline void
door_text(void *arg, struct push_session *s, const char *text, size_t len)
{
	struct door *d = arg;

	(void)s;
	base_buf_append(&d->texts, text, len);
	base_buf_append_char(&d->texts, ';');
	if (d->on_text != NULL)
		d->on_text(d, text, len);
}

static inline void
door_replay(void *arg, struct push_session *s, const struct push_replay *want)
{
	struct door *d = arg;
	size_t i;

	(void)s;
	d->replays++;
	d->after = want->after;
	d->upto = want->upto;
	d->limit = want->limit;
	base_buf_reset(&d->topics);
	for (i = 0; i < want->topic_count; i++)
		base_buf_printf(&d->topics, "%s ", want->topics[i]);
}

static inline void
door_restart(void *arg, struct push_session *s, int64_t after)
{
	struct door *d = arg;

	(void)s;
	d->restarts++;
	d->restart_after = after;
}

static inline void
door_events(void *arg, struct push_session *s, struct push_event *const *events,
    size_t count)
{
	struct door *d = arg;
	size_t i;

	(void)s;
	for (i = 0; i < count; i++)
		base_buf_printf(&d->events, "%s/%lld;",
		    events[i]->type == NULL ? "raw" : events[i]->type,
		    (long long)events[i]->id);
}

static inline void
door_closed(void *arg, struct push_session *s, unsigned code, const char *why)
{
	struct door *d = arg;

	(void)s;
	d->closed++;
	d->code = code;
	snprintf(d->why, sizeof(d->why), "%s", why);
	d->s = NULL;
}

static const struct push_session_ops door_ops = { door_text, door_replay,
	door_restart, door_events, door_closed };

static inline void
world_init_with(struct world *w, struct push_hub_params p)
{
	signal(SIGPIPE, SIG_IGN);
	memset(w, 0, sizeof(*w));
	w->loop = base_loop_poll_new();
	p.loop = w->loop;
	w->hub = push_hub_new(&p);
}

static inline void
world_init(struct world *w)
{
	world_init_with(w, (struct push_hub_params){ 0 });
}

static inline void
world_fini(struct world *w)
{
	push_hub_free(w->hub);
	base_loop_poll_free(w->loop);
}

static inline struct push_stats
world_stats(const struct world *w)
{
	struct push_stats s;

	push_hub_stats(w->hub, &s);
	return s;
}

/* Reads what the client can read. */
static inline void
door_read(struct door *d)
{
	char bytes[65536];
	ssize_t n;

	while (d->fd >= 0 && !d->eof && !d->reset) {
		n = recv(d->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n > 0)
			base_buf_append(&d->got, bytes, (size_t)n);
		else if (n == 0)
			d->eof = true;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		else
			d->reset = true;
	}
}

static inline void
turns(struct world *w, unsigned n)
{
	while (n-- > 0)
		base_loop_poll_turn(w->loop, 2);
}

/* Turns for `ms` milliseconds. */
static inline void
wait_ms(struct world *w, uint64_t ms)
{
	uint64_t end = base_clock_ms() + ms;

	while (base_clock_ms() < end)
		base_loop_poll_turn(w->loop, 2);
}

static inline void
door_open(struct world *w, struct door *d, enum push_kind kind)
{
	struct push_session_params p = {
		.fd = -1, .kind = kind, .ops = &door_ops, .arg = d
	};
	char id[32];
	int pair[2];

	memset(d, 0, sizeof(*d));
	d->fd = -1;
	if (kind != PUSH_SINK) {
		if (socketpair(AF_UNIX,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
			pair) == -1) {
			perror("socketpair");
			abort();
		}
		p.fd = pair[0];
		d->fd = pair[1];
	}
	snprintf(id, sizeof(id), "t-%u", ++w->connections);
	p.connection = id;
	d->s = push_session_open(w->hub, &p);
}

/* Signs in as `user` and starts at end_id = the hub's cursor, with the topics
 * given, NULL-terminated. */
static inline void
door_start(struct world *w, struct door *d, const char *user,
    const char *const *topics)
{
	struct push_identity who = { .user = user };
	struct push_start st = { .topics = topics,
		.end_id = push_hub_cursor(w->hub),
		.head = "HEAD\r\n\r\n",
		.head_len = 8,
		.window_bits = d->window_bits };

	while (topics != NULL && topics[st.topic_count] != NULL)
		st.topic_count++;
	push_session_identify(d->s, &who);
	push_session_start(d->s, &st);
}

static inline void
door_fini(struct door *d)
{
	if (d->fd >= 0)
		close(d->fd);
	base_buf_fini(&d->got);
	base_buf_fini(&d->texts);
	base_buf_fini(&d->events);
	base_buf_fini(&d->topics);
}

/* Sends one masked frame as a client. */
static inline void
door_frame(struct door *d, unsigned first, const char *text, size_t len)
{
	uint8_t head[PUSH_WS_HEADER_MAX];
	unsigned n = push_websocket_header(head, PUSH_WS_TEXT, len);
	struct base_buf b;
	size_t at = 0;
	ssize_t sent;

	base_buf_init(&b);
	head[0] = (uint8_t)first;
	head[1] |= 0x80;
	base_buf_append(&b, head, n);
	base_buf_append(&b, "\0\0\0\0", 4);
	base_buf_append(&b, text, len);
	while (at < b.len) {
		sent = send(d->fd, b.data + at, b.len - at, MSG_NOSIGNAL);
		if (sent <= 0)
			break;
		at += (size_t)sent;
	}
	base_buf_fini(&b);
}

static inline struct push_event *
event_with(int64_t id, const char *topic, const char *type, int effect,
    const char *effect_topic)
{
	char data[64];
	struct push_event_fields f = { .id = id,
		.topic = topic,
		.type = type,
		.data = data,
		.effect = effect,
		.effect_topic = effect_topic };

	snprintf(data, sizeof(data), "{\"n\":%lld}", (long long)id);
	return push_event_new(&f);
}

static inline void
publish(struct world *w, int64_t id, const char *topic)
{
	struct push_event *e = event_with(id, topic, "test", 0, NULL);

	push_hub_publish(w->hub, e);
	push_event_unref(e);
}

static inline void
publish_effect(struct world *w, int64_t id, const char *topic, int effect,
    const char *effect_topic)
{
	struct push_event *e =
	    event_with(id, topic, "effect", effect, effect_topic);

	push_hub_publish(w->hub, e);
	push_event_unref(e);
}

static inline void
publish_fields(struct world *w, const struct push_event_fields *f)
{
	struct push_event *e = push_event_new(f);

	push_hub_publish(w->hub, e);
	push_event_unref(e);
}

/* One that tells of the message of this number. */
static inline void
publish_about(struct world *w, int64_t id, const char *topic, int64_t seq)
{
	publish_fields(w,
	    &(struct push_event_fields){
		.id = id, .topic = topic, .type = "test", .seq = seq });
}

/* A join of who sees messages from this one on. */
static inline void
publish_join(struct world *w, int64_t id, const char *topic,
    const char *effect_topic, int64_t seq)
{
	publish_fields(w,
	    &(struct push_event_fields){ .id = id,
		.topic = topic,
		.type = "effect",
		.effect = 1,
		.effect_topic = effect_topic,
		.seq = seq });
}

/* Times that `what` occurs in what the client got. */
static inline unsigned
door_count(const struct door *d, const char *what)
{
	const char *p = base_buf_str(&d->got);
	unsigned n = 0;

	while ((p = memmem(p, (size_t)(d->got.data + d->got.len - p), what,
		    strlen(what))) != NULL) {
		n++;
		p += strlen(what);
	}
	return n;
}

/* The ids of the events that the client got, in order: "1,2,3". */
static inline const char *
door_ids(const struct door *d)
{
	static char ids[8192];
	const char *p = base_buf_str(&d->got), *end = p + d->got.len;
	size_t at = 0;

	ids[0] = '\0';
	while ((p = memmem(p, (size_t)(end - p), "\",\"id\":", 7)) != NULL) {
		p += 7;
		at += (size_t)snprintf(ids + at, sizeof(ids) - at, "%s%.*s",
		    at > 0 ? "," : "", (int)strspn(p, "0123456789"), p);
	}
	return ids;
}

#endif
