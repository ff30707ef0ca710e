/* SPDX-License-Identifier: ISC */
/*
 * The clock of all sessions: one timer a process and a wheel.  Traffic only
 * notes the tick of the last sign of life; a session comes out of the wheel
 * when something could be due, looks, and goes back in.  So a busy session
 * costs nothing here, and an idle one a look every heartbeat.
 */

#include "base/clock.h"
#include "base/json.h"
#include "push/hub_private.h"

static uint32_t
ticks(const struct push_hub *hub, uint64_t ms)
{
	uint64_t n = (ms + hub->p.tick_ms - 1) / hub->p.tick_ms;

	if (n > INT32_MAX / 2)
		n = INT32_MAX / 2;
	return n == 0 ? 1 : (uint32_t)n;
}

uint32_t
push_pulse_in(const struct push_hub *hub, uint64_t ms)
{
	return hub->tick + ticks(hub, ms);
}

/* What to do now and when to look again. */
struct look {
	struct push_session *s;
	uint32_t now;
	uint32_t next;
};

/* Whether `tick` has come; if not, the session is looked at then. */
static bool
due(struct look *l, uint32_t tick)
{
	if (l->now >= tick)
		return true;
	if (tick < l->next)
		l->next = tick;
	return false;
}

static void
expiry_look(struct look *l)
{
	struct push_session *s = l->s;
	uint32_t warning = ticks(s->hub, s->hub->p.expiry_warning_ms);
	struct base_buf b;
	struct base_json j;

	if (s->expiry_tick == 0)
		return;
	if (due(l, s->expiry_tick)) {
		push_goodbye_begin(
		    s, PUSH_CLOSE_EXPIRED, "the token has expired", true);
		return;
	}
	if (s->warned ||
	    (s->expiry_tick > warning && !due(l, s->expiry_tick - warning)))
		return;
	s->warned = true;
	base_buf_init(&b);
	base_json_init(&j, &b);
	base_json_object_begin(&j);
	base_json_put_uint(&j, "expires_in",
	    (uint64_t)(s->expiry_tick - l->now) * s->hub->p.tick_ms / 1000);
	base_json_object_end(&j);
	push_session_event(s, "token.expiring", base_buf_str(&b));
	base_buf_fini(&b);
}

/* Once, though more than one sign is missed at the same look. */
static void
dead(struct push_session *s, const char *why)
{
	if (s->state == PUSH_CLOSING)
		return;
	s->hub->stats.dead++;
	push_goodbye_lost(s, PUSH_CLOSE_ABNORMAL, why);
}

/* A peer that takes nothing although we have something for it. */
static void
stall_look(struct look *l)
{
	struct push_session *s = l->s;

	if (s->blocked && s->queue.count > 0 &&
	    due(l, s->output_tick + ticks(s->hub, s->hub->p.dead_ms)))
		dead(s, "peer takes nothing");
}

/* A WebSocket peer that says nothing is asked, then given up. */
static void
silence_look(struct look *l)
{
	struct push_session *s = l->s;
	struct push_hub *hub = s->hub;

	if (s->held || s->throttled)
		s->input_tick = l->now;
	if (due(l, s->input_tick + ticks(hub, hub->p.dead_ms))) {
		dead(s, "peer is silent");
		return;
	}
	if (s->pinged || !due(l, s->input_tick + ticks(hub, hub->p.ws_ping_ms)))
		return;
	s->pinged = true;
	push_output_put(s, hub->ping);
}

/* An SSE peer that says by touches that it lives. */
static void
touch_look(struct look *l)
{
	struct push_session *s = l->s;

	if (!s->touched || s->kind != PUSH_SSE)
		return;
	if (s->hub->deaf)
		s->input_tick = l->now;
	if (due(l, s->input_tick + ticks(s->hub, s->hub->p.dead_ms)))
		dead(s, "peer is silent");
}

/* A stream on which nothing was sent gets a comment, so that what lies between
 * does not think it dead. */
static void
comment_look(struct look *l)
{
	struct push_session *s = l->s;
	uint32_t pause = ticks(s->hub, s->hub->p.sse_comment_ms);

	if (s->queue.count == 0) {
		if (!due(l, s->output_tick + pause))
			return;
		push_output_put(s, s->hub->comment);
	}
	due(l, l->now + pause);
}

static void
beat_look(struct look *l)
{
	struct push_session *s = l->s;
	struct push_event_fields f = { .type = "heartbeat", .data = "{}" };
	char time[BASE_CLOCK_TEXT];

	if (s->beat_ticks == 0)
		return;
	if (due(l, s->beat_tick)) {
		base_clock_rfc3339(base_clock_wall_us(), time);
		f.time = time;
		push_output_give(s, push_event_new(&f));
		s->beat_tick = l->now + s->beat_ticks;
	}
	due(l, s->beat_tick);
}

static void
open_look(struct look *l)
{
	struct push_session *s = l->s;

	if (s->leave_tick != 0 && due(l, s->leave_tick))
		push_goodbye_begin(
		    s, PUSH_CLOSE_RESTART, "the server is drained", true);
	if (s->ended &&
	    due(l, s->input_tick + ticks(s->hub, s->hub->p.grace_ms)))
		push_goodbye_lost(s, PUSH_CLOSE_ABNORMAL, "peer closed");
	if (s->parting != NULL && due(l, push_parting_deadline(s)))
		push_parting_run(s);
	if (s->missed_tick != 0 && due(l, s->missed_tick))
		push_missed_tell(s);
	expiry_look(l);
	if (s->state == PUSH_CLOSING)
		return;
	stall_look(l);
	if (s->kind == PUSH_WEBSOCKET)
		silence_look(l);
	touch_look(l);
	if (s->kind == PUSH_SSE && s->state != PUSH_CLOSING)
		comment_look(l);
	beat_look(l);
}

/* Does what is due and returns when to look again, later than now. */
static uint32_t
session_look(struct push_session *s)
{
	struct push_hub *hub = s->hub;
	struct look l = {
		.s = s, .now = hub->tick, .next = hub->tick + PUSH_WHEEL_SLOTS
	};

	if (s->state == PUSH_STARTING) {
		if (due(&l, s->input_tick + ticks(hub, hub->p.start_ms)))
			push_goodbye_lost(
			    s, PUSH_CLOSE_TRY_LATER, "not started in time");
	} else if (s->state != PUSH_CLOSING) {
		open_look(&l);
	}
	if (s->state == PUSH_CLOSING && due(&l, s->goodbye->deadline))
		push_goodbye_lost(
		    s, PUSH_CLOSE_ABNORMAL, "no answer to the goodbye");
	return l.next;
}

static void
tick_read(struct push_hub *hub)
{
	/* Tick 0 is never now: a due of 0 means none. */
	hub->tick =
	    1 + (uint32_t)((base_clock_ms() - hub->epoch_ms) / hub->p.tick_ms);
}

static void tick_run(void *arg);

static void
timer_arm(struct push_hub *hub)
{
	if (hub->timer == NULL && hub->wheel.count > 0)
		hub->timer = base_timer_start(
		    hub->p.loop, hub->p.tick_ms, tick_run, hub);
}

static void
tick_run(void *arg)
{
	struct push_hub *hub = arg;
	struct push_wheel_node *node;

	hub->timer = NULL;
	tick_read(hub);
	while ((node = push_wheel_due(&hub->wheel, hub->tick)) != NULL) {
		struct push_session *s =
		    container_of(node, struct push_session, node);

		push_wheel_set(&hub->wheel, node, session_look(s));
	}
	timer_arm(hub);
}

void
push_pulse_begin(struct push_session *s)
{
	struct push_hub *hub = s->hub;

	if (hub->wheel.count == 0) {
		if (hub->epoch_ms == 0)
			hub->epoch_ms = base_clock_ms();
		tick_read(hub);
		(void)push_wheel_due(&hub->wheel, hub->tick);
	}
	s->input_tick = hub->tick;
	s->output_tick = hub->tick;
	push_pulse_arm(s);
}

void
push_pulse_arm(struct push_session *s)
{
	struct push_hub *hub = s->hub;

	/* The next tick finds out when something is really due. */
	push_wheel_set(&hub->wheel, &s->node, hub->tick + 1);
	timer_arm(hub);
}
