/* SPDX-License-Identifier: ISC */
/*
 * A property of push/resume.c: a small log stands for the database, clients
 * come and go at random while events are published, and each gets what its
 * user had to get, once and in order.  `history` is the log; a client remembers
 * the last id that it got and comes back with it.
 */

#include <stdlib.h>

#include "tests/unit/harness.h"
#include "tests/unit/push_fixture.h"

enum {
	TOPICS = 5,
	USERS = 3,
	STEPS = 700,
	CLIENTS = 6
};

struct row {
	struct push_event *event;
	int user; /* of an effect, or -1 */
	int topic;
	int64_t seq; /* the message that is told of; 0: any */
};

static struct row history[STEPS + 1]; /* by id */
/* 0: no member; else the first message that they see. */
static int64_t member[STEPS + 1][USERS][TOPICS];
static int published; /* C */
static int committed; /* the end of the log, >= C */

static uint64_t from_log, from_ring, restarts;
static unsigned seed_now;

struct client {
	struct door door;
	int user;
	int64_t from; /* where it began; -1: not yet */
	int64_t last;
	unsigned gets; /* events in all */
	bool open;
	bool asked; /* a start query is under way */
	bool restarting;
	unsigned replays; /* answered */
	unsigned restarts;
};

static struct client clients[CLIENTS];
static const char *const users[USERS] = { "u0", "u1", "u2" };

static struct world w;

static void
topic_name(char out[32], int t)
{
	snprintf(out, 32, "conversation:%d", t);
}

static void
history_step(void)
{
	char topic[32], own[32];
	int id = ++committed, t = rand() % TOPICS, u = rand() % USERS;
	int64_t *from = &member[id][u][t], seq = rand() % 10;
	struct push_event_fields f = { .id = id, .type = "test" };

	memcpy(member[id], member[id - 1], sizeof(member[id]));
	topic_name(topic, t);
	if (rand() % 4 == 0) {
		snprintf(own, sizeof(own), "user:%s", users[u]);
		f.topic = own;
		f.effect_topic = topic;
		f.effect = *from > 0 ? -1 : 1;
		f.seq = *from > 0 ? *from : seq + 1;
		*from = *from > 0 ? 0 : f.seq;
		history[id] = (struct row){ push_event_new(&f), u, t, f.seq };
	} else {
		f.topic = topic;
		f.seq = seq;
		history[id] = (struct row){ push_event_new(&f), -1, t, seq };
	}
}

static bool
user_gets(int user, int id)
{
	int64_t from;

	if (history[id].user >= 0)
		return history[id].user == user;
	from = member[id - 1][user][history[id].topic];
	return from > 0 && (history[id].seq == 0 || from <= history[id].seq);
}

/* Runs the start query of one snapshot, as old as `staleness` events. */
static void
client_start(struct client *c, int staleness)
{
	static char names[TOPICS][32], effect_names[STEPS][32];
	static struct push_effect effects[STEPS];
	const char *topics[TOPICS];
	int64_t from[TOPICS];
	struct push_start st = { .topics = topics,
		.from = from,
		.effects = effects,
		.head = "HEAD",
		.head_len = 4 };
	int64_t after = c->restarting ? c->door.restart_after : c->last;
	int h = committed - staleness, id, t;

	if (h < after)
		h = (int)after;
	for (t = 0; t < TOPICS; t++) {
		if (!member[h][c->user][t])
			continue;
		topic_name(names[t], t);
		from[st.topic_count] = member[h][c->user][t];
		topics[st.topic_count++] = names[t];
	}
	for (id = (int)after + 1; after >= 0 && id <= h; id++) {
		if (history[id].user != c->user)
			continue;
		topic_name(effect_names[st.effect_count], history[id].topic);
		effects[st.effect_count] =
		    (struct push_effect){ id, history[id].event->effect,
			    effect_names[st.effect_count], history[id].seq };
		st.effect_count++;
	}
	st.end_id = h;
	st.has_after = after >= 0;
	st.after = after;
	push_session_start(c->door.s, &st);
	c->asked = false;
	c->restarting = false;
}

/* Answers with at most `limit` rows of the log, as the database would. */
static void
client_replay(struct client *c, uint32_t limit)
{
	struct push_event *rows[STEPS];
	char name[64];
	size_t n = 0;
	int64_t id;

	c->replays = c->door.replays;
	for (id = c->door.after + 1; id <= c->door.upto && n < limit; id++) {
		snprintf(name, sizeof(name), "%s ", history[id].event->topic);
		if (strstr(base_buf_str(&c->door.topics), name) != NULL)
			rows[n++] = history[id].event;
	}
	push_session_replay(c->door.s, rows, n, id - 1);
}

static void
fail(const struct client *c, int64_t id, const char *what)
{
	printf("\n  seed %u, %s, id %lld: %s ", seed_now, users[c->user],
	    (long long)id, what);
	CU_FAIL("property");
}

/* Compares what came in with what the user had to get. */
static void
client_check(struct client *c)
{
	const char *p;
	int64_t id;

	door_read(&c->door);
	if (c->from < 0) {
		p = strstr(base_buf_str(&c->door.got), "\"last_event_id\":");
		if (p == NULL)
			return;
		c->from = c->last = atoll(p + 16);
	}
	for (p = door_ids(&c->door); *p != '\0'; p += *p == ',') {
		id = strtoll(p, (char **)(void *)&p, 10);
		for (c->last++; c->last < id; c->last++)
			if (user_gets(c->user, (int)c->last)) {
				fail(c, c->last, "an event is missing");
				return;
			}
		if (c->last != id || !user_gets(c->user, (int)id)) {
			fail(c, id, "an event too many");
			return;
		}
		c->gets++;
	}
	base_buf_reset(&c->door.got);
}

/* Turns without waiting. */
static void
look(unsigned n)
{
	while (n-- > 0)
		base_loop_poll_turn(w.loop, 0);
}

static void
client_leave(struct client *c)
{
	client_check(c);
	close(c->door.fd);
	c->door.fd = -1;
	if (rand() % 2 == 0)
		push_session_close(c->door.s, PUSH_CLOSE_NORMAL, NULL);
	/* A WebSocket that closes is given a moment. */
	while (c->door.closed == 0)
		base_loop_poll_turn(w.loop, 5);
	door_fini(&c->door);
	c->open = false;
}

static void
client_come(struct client *c)
{
	door_open(&w, &c->door, rand() % 2 ? PUSH_SSE : PUSH_WEBSOCKET);
	push_session_identify(
	    c->door.s, &(struct push_identity){ .user = users[c->user] });
	c->open = true;
	c->asked = true;
	c->restarting = false;
	c->replays = c->restarts = 0;
}

/* Whether the session wants a new start query. */
static void
client_restart_note(struct client *c)
{
	if (c->door.restarts == c->restarts)
		return;
	c->restarts = c->door.restarts;
	restarts++;
	c->asked = c->restarting = true;
}

static void
client_act(struct client *c)
{
	if (!c->open) {
		if (rand() % 8 == 0)
			client_come(c);
		return;
	}
	if (c->asked && rand() % 2 == 0)
		client_start(c, rand() % 6);
	look(1);
	if (c->door.replays != c->replays)
		client_replay(c, 1 + (uint32_t)rand() % 7);
	client_restart_note(c);
	/* A half-read message is worth nothing to the check. */
	client_check(c);
	if (rand() % 30 == 0)
		client_leave(c);
}

/* Answers until everybody is live and has everything. */
static void
settle(struct client *c)
{
	unsigned i;
	int64_t id;

	if (!c->open)
		client_come(c);
	for (i = 0; i < 5000 && push_session_state(c->door.s) != PUSH_LIVE;
	     i++) {
		if (c->asked)
			client_start(c, 0);
		look(1);
		if (c->door.replays != c->replays)
			client_replay(c, 50);
		client_restart_note(c);
	}
	look(2);
	client_check(c);
	for (id = c->last + 1; id <= committed; id++)
		if (user_gets(c->user, (int)id)) {
			fail(c, id, "the end is missing");
			return;
		}
}

static void
run(unsigned seed)
{
	unsigned i;
	int step;

	seed_now = seed;
	srand(seed);
	memset(member, 0, sizeof(member));
	memset(clients, 0, sizeof(clients));
	published = committed = 0;
	world_init_with(&w,
	    (struct push_hub_params){
		.ring_bytes = 2000 + (size_t)(rand() % 30) * 500,
		.queue_bytes = 8000,
		.replay_limit = 3,
		.tick_ms = 5,
		.grace_ms = 5,
		.replay_chunks = 100000 });
	for (i = 0; i < 20; i++)
		history_step();
	for (published = 0; published < 20;)
		push_hub_publish(w.hub, history[++published].event);
	for (i = 0; i < CLIENTS; i++) {
		clients[i].user = (int)(i % USERS);
		clients[i].from = clients[i].last = -1;
	}
	for (step = 0; committed < STEPS; step++) {
		if (rand() % 3 == 0)
			history_step();
		while (published < committed && rand() % 4 != 0)
			push_hub_publish(w.hub, history[++published].event);
		client_act(&clients[rand() % CLIENTS]);
	}
	while (published < committed)
		push_hub_publish(w.hub, history[++published].event);
	for (i = 0; i < CLIENTS; i++) {
		settle(&clients[i]);
		door_fini(&clients[i].door);
	}
	CU_ASSERT(world_stats(&w).resets == 0 && world_stats(&w).cut == 0);
	from_log += world_stats(&w).resumed_log;
	from_ring += world_stats(&w).resumed_ring;
	world_fini(&w);
	for (i = 1; i <= STEPS; i++)
		push_event_unref(history[i].event);
}

static void
test_property(void)
{
	unsigned seed;

	for (seed = 1; seed <= 12; seed++)
		run(seed);
	/* Every way was taken. */
	CU_ASSERT(from_log > 20 && from_ring > 20 && restarts > 20);
}

TEST_MAIN("push_resume_random", { "property", test_property })
