/* SPDX-License-Identifier: ISC */
/* Streams on a real PostgreSQL: what is sent reaches who may hear it, once and
 * in order, whatever was away in between. */

#include <stdlib.h>
#include <string.h>

#include "api/replay.h"
#include "api/stream_private.h"
#include "base/mem.h"
#include "db/pool.h"
#include "tests/db/world.h"
#include "tests/unit/harness.h"

static struct world world;
static char *team; /* ann and bob */

static void
begin(void)
{
	if (world.cluster == NULL) {
		world_init(&world);
		team = world_group(&world, "team", "'bob'");
	}
	if (world.streams == NULL)
		world_up(&world);
}

static void
expect_texts(const struct client *c, const char *texts)
{
	char *got = client_texts(c);

	CU_ASSERT_STRING_EQUAL(got, texts);
	base_free(got);
}

static int64_t
log_end(void)
{
	char *text = world_sql(&world, "select max(id) from events");
	int64_t id = strtoll(text, NULL, 10);

	free(text);
	return id;
}

/* Waits until the worker has published all that is in the log. */
static void
settle(void)
{
	int64_t end = log_end();

	for (int i = 0; i < 2000; i++) {
		if (push_hub_cursor(api_streams_hub(world.streams)) >= end)
			break;
		world_turn(&world, 2);
	}
	CU_ASSERT(push_hub_cursor(api_streams_hub(world.streams)) >= end);
}

static void
resume(struct client *c, enum api_stream_kind kind, const char *user,
    int64_t after)
{
	char query[64];

	snprintf(query, sizeof(query), "after=%lld", (long long)after);
	client_start(c, &world, kind, user, query);
}

static void
test_delivery(void)
{
	struct client ann, bob, cid;

	begin();
	client_start(&ann, &world, API_STREAM_EVENTS, "ann", NULL);
	client_start(&bob, &world, API_STREAM_SOCKET, "bob", NULL);
	client_start(&cid, &world, API_STREAM_EVENTS, "cid", NULL);
	CU_ASSERT_EQUAL(ann.status, 200);
	CU_ASSERT_EQUAL(bob.status, 101);
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(ann.head.data, "Content-Type: text/event-stream\r\n"));
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(ann.head.data, "X-Accel-Buffering: no\r\n"));
	for (int i = 0; i < 20; i++)
		world_send(&world, i % 2 ? "ann" : "bob", team, "x");
	CU_ASSERT(client_wait(&ann, "message.created", 20));
	CU_ASSERT(client_wait(&bob, "message.created", 20));
	for (size_t i = 0; i < 20; i++) {
		const struct got *a = client_nth(&ann, "message.created", i);
		const struct got *b = client_nth(&bob, "message.created", i);

		CU_ASSERT_EQUAL(a->id, b->id);
		CU_ASSERT_STRING_EQUAL(a->json, b->json);
	}
	world_turn(&world, 20);
	client_read(&cid);
	CU_ASSERT_EQUAL(client_count(&cid, "message.created"), 0);
	client_close(&ann);
	client_close(&bob);
	client_close(&cid);
}

static void
test_resume_from_ring(void)
{
	struct client ann;
	int64_t at;

	begin();
	settle();
	client_start(&ann, &world, API_STREAM_EVENTS, "ann", NULL);
	world_send(&world, "bob", team, "1");
	CU_ASSERT(client_wait(&ann, "message.created", 1));
	at = ann.last_id;
	client_close(&ann);
	world_send(&world, "bob", team, "2");
	world_send(&world, "bob", team, "3");
	settle();
	resume(&ann, API_STREAM_EVENTS, "ann", at);
	world_send(&world, "bob", team, "4");
	CU_ASSERT(client_wait(&ann, "message.created", 3));
	expect_texts(&ann, "2 3 4");
	CU_ASSERT_EQUAL(client_count(&ann, "reset"), 0);
	client_close(&ann);
}

/* The message of the conversation that says so. */
static void
edit_in(const char *conversation, const char *from, const char *to)
{
	base_free(world_sql(&world,
	    "select r.message from messages m, messages_edit(m.sender_id,"
	    " 'user', null, m.id, '%s', null, null, null, 0) r"
	    " where m.text = '%s' and m.conversation_id = '%s'",
	    to, from, conversation));
}

static void
edit(const char *from, const char *to)
{
	edit_in(team, from, to);
}

/* What was said is said otherwise, or is gone from the log: in the ring too,
 * and before this process has heard of it. */
static void
test_resume_after_change(void)
{
	struct api_replays_stats before, after;
	struct client ann;
	int64_t at;

	begin();
	settle();
	at = log_end();
	world_send(&world, "bob", team, "frist");
	world_send(&world, "bob", team, "2");
	world_send(&world, "bob", team, "3");
	settle();
	edit("frist", "1");
	resume(&ann, API_STREAM_EVENTS, "ann", at);
	CU_ASSERT(client_wait(&ann, "message.updated", 1));
	expect_texts(&ann, "1 2 3");
	client_close(&ann);

	settle();
	base_free(world_sql(&world,
	    "with gone as (delete from events e where e.data like"
	    " '%%\"text\":\"2\"%%' returning e.id)"
	    " select emit(array['user:bob'], array['x'], array['{}'],"
	    " p_rewritten => array(select id from gone))"));
	edit("3", "4");
	settle();
	api_replays_stats(world.streams->replays, &before);
	resume(&ann, API_STREAM_SOCKET, "ann", at);
	CU_ASSERT(client_wait(&ann, "message.updated", 2));
	expect_texts(&ann, "1 4");
	api_replays_stats(world.streams->replays, &after);
	CU_ASSERT_EQUAL(after.chunks, before.chunks);
	client_close(&ann);
}

/* The ring of a process that has just begun is empty. */
static void
test_resume_from_log(void)
{
	struct client ann, bob;
	int64_t at;
	char text[16];

	begin();
	at = log_end();
	for (int i = 0; i < 700; i++) {
		snprintf(text, sizeof(text), "%d", i);
		if (i == 350)
			world_down(&world);
		world_send(&world, "bob", team, text);
	}
	world_up(&world);
	resume(&ann, API_STREAM_EVENTS, "ann", at);
	resume(&bob, API_STREAM_SOCKET, "bob", at);
	world_send(&world, "bob", team, "live");
	CU_ASSERT(client_wait(&ann, "message.created", 701));
	CU_ASSERT(client_wait(&bob, "message.created", 701));
	world_turn(&world, 30);
	client_read(&ann);
	CU_ASSERT_EQUAL(client_count(&ann, "message.created"), 701);
	for (size_t i = 0; i < 700; i++) {
		snprintf(text, sizeof(text), "\"text\":\"%zu\"", i);
		CU_ASSERT_PTR_NOT_NULL(
		    strstr(client_nth(&ann, "message.created", i)->json, text));
		CU_ASSERT_EQUAL(client_nth(&ann, "message.created", i)->id,
		    client_nth(&bob, "message.created", i)->id);
	}
	client_close(&ann);
	client_close(&bob);
}

/* A chunk is what the session can take: what it cannot would be read again for
 * the next one. */
static void
test_resume_of_large_messages(void)
{
	enum {
		MANY = 200,
		LONG = 9000
	};
	struct api_replays_stats before, after;
	char text[LONG + 1];
	struct client ann;
	int64_t at;

	begin();
	at = log_end();
	memset(text, 'x', LONG);
	text[LONG] = '\0';
	for (int i = 0; i < MANY; i++)
		world_send(&world, "bob", team, text);
	world_down(&world);
	world_up(&world);
	api_replays_stats(world.streams->replays, &before);
	resume(&ann, API_STREAM_EVENTS, "ann", at);
	CU_ASSERT(client_wait(&ann, "message.created", MANY));
	api_replays_stats(world.streams->replays, &after);
	CU_ASSERT(after.chunks - before.chunks > 1);
	CU_ASSERT(after.events - before.events <= MANY * 5 / 4);
	client_close(&ann);
}

/* Messages 1 and 2, bob removed, 3, bob back, 4. */
static char *
gap_make(const char *name)
{
	char *group = world_group(&world, name, "'bob'");

	world_send(&world, "ann", group, "1");
	world_send(&world, "ann", group, "2");
	free(world_sql(&world,
	    "select event_id from members_remove("
	    "'ann', 'user', null, '%s', 'bob')",
	    group));
	world_send(&world, "ann", group, "3");
	return group;
}

static void
gap_end(const char *group)
{
	free(world_sql(&world,
	    "select event_id from members_add("
	    "'ann', 'user', null, '%s', array['bob'])",
	    group));
	world_send(&world, "ann", group, "4");
}

static void
test_removed(void)
{
	struct client bob;
	int64_t at;
	char *group;

	begin();
	for (int restarted = 0; restarted < 2; restarted++) {
		at = log_end();
		if (restarted)
			world_down(&world);
		group = gap_make("gap");
		if (restarted)
			world_up(&world);
		settle();
		resume(&bob, API_STREAM_EVENTS, "bob", at);
		CU_ASSERT(client_wait(&bob, "member.removed", 1));
		world_send(&world, "ann", group, "5");
		world_send(&world, "ann", team, "mark");
		CU_ASSERT(client_wait(&bob, "message.created", 3));
		expect_texts(&bob, "1 2 mark");
		client_close(&bob);
		free(group);
	}
}

static void
test_rejoined(void)
{
	struct client bob;
	int64_t at;
	char *group;

	begin();
	for (int restarted = 0; restarted < 2; restarted++) {
		at = log_end();
		if (restarted)
			world_down(&world);
		group = gap_make("back");
		gap_end(group);
		if (restarted)
			world_up(&world);
		settle();
		resume(&bob, API_STREAM_SOCKET, "bob", at);
		CU_ASSERT(client_wait(&bob, "message.created", 3));
		expect_texts(&bob, "1 2 4");
		client_close(&bob);
		free(group);
	}
}

/* The same on an open stream. */
static void
test_removed_live(void)
{
	struct client bob;
	char *group;

	begin();
	client_start(&bob, &world, API_STREAM_SOCKET, "bob", NULL);
	group = gap_make("live");
	gap_end(group);
	world_send(&world, "ann", team, "mark");
	CU_ASSERT(client_wait(&bob, "message.created", 4));
	expect_texts(&bob, "1 2 4 mark");
	client_close(&bob);
	free(group);
}

static void
test_reset(void)
{
	struct client ann;
	struct client old;

	begin();
	resume(&ann, API_STREAM_EVENTS, "ann", log_end() + 1000000);
	CU_ASSERT(client_wait(&ann, "reset", 1));
	world_send(&world, "bob", team, "after");
	CU_ASSERT(client_wait(&ann, "message.created", 1));
	client_close(&ann);

	client_open(&old, &world, API_STREAM_EVENTS, NULL, NULL, NULL);
	CU_ASSERT(client_wait_end(&old));
	CU_ASSERT_EQUAL(old.status, 401);
	client_close(&old);
}

/* Who comes while the links to the database are not up again waits for them. */
static void
test_database_returns(void)
{
	struct client held;
	char *token = world_token(&world, "ann", "user");

	begin();
	cluster_crash(world.cluster);
	world_turn(&world, 50);
	cluster_start(world.cluster);
	client_open(&held, &world, API_STREAM_EVENTS, token, NULL, NULL);
	CU_ASSERT(client_wait(&held, "ready", 1));
	client_close(&held);
	base_free(token);
}

static void
test_database_restarts(void)
{
	struct client ann, bob, refused;
	char *token;

	begin();
	client_start(&ann, &world, API_STREAM_EVENTS, "ann", NULL);
	client_start(&bob, &world, API_STREAM_SOCKET, "bob", NULL);
	world_send(&world, "ann", team, "before");
	cluster_crash(world.cluster);
	world_turn(&world, 300);
	token = world_token(&world, "ann", "user");
	client_open(&refused, &world, API_STREAM_EVENTS, token, NULL, NULL);
	CU_ASSERT(client_wait_end(&refused));
	CU_ASSERT_EQUAL(refused.status, 503);
	client_close(&refused);
	client_open(&refused, &world, API_STREAM_EVENTS, token, NULL,
	    "Accept: text/event-stream\r\n"
	    "Origin: https://chat.example\r\n");
	CU_ASSERT(client_wait_end(&refused));
	CU_ASSERT_EQUAL(refused.status, 200);
	CU_ASSERT_EQUAL(client_count(&refused, "error"), 1);
	client_close(&refused);

	base_free(token);

	cluster_start(world.cluster);
	for (int i = 0; i < 10; i++)
		world_send(&world, "bob", team, "x");
	CU_ASSERT(client_wait(&ann, "message.created", 11));
	CU_ASSERT(client_wait(&bob, "message.created", 11));
	world_turn(&world, 50);
	client_read(&ann);
	CU_ASSERT_EQUAL(client_count(&ann, "message.created"), 11);
	CU_ASSERT(!ann.ended);
	expect_texts(&bob, "before x x x x x x x x x x");
	client_close(&ann);
	client_close(&bob);
	/* Who is suspended is read again before new ones are let in. */
	for (int n = 0; n < 1000 && !api_streams_ready(world.streams); n++)
		world_turn(&world, 10);
	CU_ASSERT(api_streams_ready(world.streams));
}

#define MANY 200

/* The registry is written behind the streams' backs, soon. */
static bool
registered(const char *which, int64_t count)
{
	char sql[160];

	(void)snprintf(sql, sizeof(sql),
	    "select count(*) from connections"
	    " where disconnected_at is null%s",
	    which);
	for (int i = 0; i < 1000; i++) {
		if (cluster_number(world.cluster, sql) == count)
			return true;
		world_turn(&world, 10);
	}
	return false;
}

/* Statements are shared by those who start at the same time. */
static void
test_many_at_once(void)
{
	static struct client many[MANY];
	struct db_pool_stats before, after;
	char *token;
	size_t ready = 0;

	begin();
	client_start(&many[0], &world, API_STREAM_EVENTS, "ann", NULL);
	client_close(&many[0]);
	db_pool_stats(world.pool, &before);
	token = world_token(&world, "ann", "user");
	for (int i = 0; i < MANY; i++)
		client_open(&many[i], &world,
		    i % 2 ? API_STREAM_EVENTS : API_STREAM_SOCKET, token,
		    "platform=web", NULL);
	base_free(token);
	for (int i = 0; i < MANY; i++)
		ready += client_wait(&many[i], "ready", 1);
	db_pool_stats(world.pool, &after);
	CU_ASSERT_EQUAL(ready, MANY);
	CU_ASSERT(after.done - before.done < 20);
	world_send(&world, "bob", team, "all");
	for (int i = 0; i < MANY; i++)
		CU_ASSERT(client_wait(&many[i], "message.created", 1));
	CU_ASSERT(registered(" and platform = 'web'", MANY));
	for (int i = 0; i < MANY; i++)
		client_drop(&many[i]);
	/* A WebSocket's peer may have closed only its own side. */
	for (int i = 0; i < 1000 && api_streams_count(world.streams) > 0; i++)
		world_turn(&world, 10);
	CU_ASSERT_EQUAL(api_streams_count(world.streams), 0);
	CU_ASSERT(registered("", 0));
}

/* Each asks the database for itself which topics it may hear, so only some do at
 * a time; the others have their turn when one is through, or has gone away. */
static void
test_turns(void)
{
	enum {
		TURNS = 200
	};
	static struct client many[TURNS];
	char *token = world_token(&world, "ann", "user"), query[64];
	size_t ready = 0, gone = 0, first;

	begin();
	snprintf(query, sizeof(query), "topics=%s", team);
	for (int i = 0; i < TURNS; i++)
		client_open(&many[i], &world,
		    i % 2 ? API_STREAM_EVENTS : API_STREAM_SOCKET, token, query,
		    NULL);
	first = world.streams->opening;
	CU_ASSERT(first > 0 && first < TURNS);
	for (size_t i = 0; i < TURNS; i += 3, gone++)
		client_close(&many[i]);
	for (size_t i = 0; i < TURNS; i++)
		ready += i % 3 != 0 && client_wait(&many[i], "ready", 1);
	CU_ASSERT_EQUAL(ready + gone, TURNS);
	CU_ASSERT_EQUAL(world.streams->opening, 0);
	CU_ASSERT(TAILQ_EMPTY(&world.streams->waiting));
	for (size_t i = 0; i < TURNS; i++)
		if (i % 3 != 0)
			client_drop(&many[i]);
	for (int i = 0; i < 1000 && api_streams_count(world.streams) > 0; i++)
		world_turn(&world, 10);
	CU_ASSERT_EQUAL(api_streams_count(world.streams), 0);
	base_free(token);
}

/* A herd after a restart is served by one scan. */
static void
test_herd(void)
{
	static struct client many[60];
	struct db_pool_stats before, after;
	int64_t at;

	begin();
	at = log_end();
	world_down(&world);
	for (int i = 0; i < 30; i++)
		world_send(&world, "bob", team, "h");
	world_up(&world);
	client_start(&many[0], &world, API_STREAM_EVENTS, "ann", NULL);
	client_close(&many[0]);
	db_pool_stats(world.pool, &before);
	for (size_t i = 0; i < ARRAY_LEN(many); i++) {
		char query[64];
		char *token = world_token(&world, "ann", "user");

		snprintf(query, sizeof(query), "after=%lld", (long long)at);
		client_open(
		    &many[i], &world, API_STREAM_EVENTS, token, query, NULL);
		base_free(token);
	}
	for (size_t i = 0; i < ARRAY_LEN(many); i++) {
		CU_ASSERT(client_wait(&many[i], "message.created", 30));
		CU_ASSERT_EQUAL(client_count(&many[i], "message.created"), 30);
	}
	db_pool_stats(world.pool, &after);
	CU_ASSERT(after.done - before.done < 20);
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		client_drop(&many[i]);
}

static void
test_topics(void)
{
	struct client bob, none;
	char query[128], *token, *other;

	begin();
	other = world_group(&world, "other", "'bob'");
	snprintf(query, sizeof(query), "topics=%s,public", team);
	client_start(&bob, &world, API_STREAM_EVENTS, "bob", query);
	world_send(&world, "ann", other, "no");
	world_send(&world, "ann", team, "yes");
	world_send(&world, "cid", "public", "hello");
	CU_ASSERT(client_wait(&bob, "message.created", 2));
	expect_texts(&bob, "yes hello");
	client_close(&bob);

	token = world_token(&world, "cid", "user");
	client_open(&none, &world, API_STREAM_SOCKET, token, query, NULL);
	CU_ASSERT(client_wait_end(&none));
	CU_ASSERT_EQUAL(none.status, 404);
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(base_buf_str(&none.in), "\"field\":\"topics[0]\""));
	client_close(&none);
	client_open(
	    &none, &world, API_STREAM_EVENTS, token, "topics=all", NULL);
	CU_ASSERT(client_wait_end(&none));
	CU_ASSERT_EQUAL(none.status, 403);
	client_close(&none);
	base_free(token);

	token = world_token(&world, "robot", "service");
	client_open(
	    &none, &world, API_STREAM_EVENTS, token, "topics=all", NULL);
	CU_ASSERT(client_wait(&none, "ready", 1));
	world_send(&world, "ann", other, "all");
	CU_ASSERT(client_wait(&none, "message.created", 1));
	client_close(&none);
	base_free(token);
	free(other);
}

/* What is told of a message reaches the members who see it and those who watch
 * the conversation, live, from the ring and from the log. */
static void
test_seen(void)
{
	struct client bob, cid, op;
	char query[128], *group, *token;
	int64_t at;

	begin();
	group = world_group(&world, "newcomers", "'bob'");
	free(world_sql(&world,
	    "update conversations set history = 'joined' where id = '%s'"
	    " returning id",
	    group));
	world_send(&world, "ann", group, "old");
	settle();
	at = log_end();
	token = world_token(&world, "op", "admin");
	for (int i = 0; i < 3; i++) {
		if (i == 2) {
			world_down(&world);
			world_up(&world);
		}
		snprintf(query, sizeof(query), "topics=%s&after=%lld", group,
		    (long long)at);
		client_open(&op, &world, API_STREAM_EVENTS, token, query, NULL);
		resume(&bob, API_STREAM_EVENTS, "bob", at);
		resume(&cid, API_STREAM_SOCKET, "cid", at);
		if (i == 0) {
			CU_ASSERT(client_wait(&op, "ready", 1));
			free(world_sql(&world,
			    "select event_id from members_add('ann', 'user',"
			    " null, '%s', array['cid'])",
			    group));
			CU_ASSERT(client_wait(&cid, "member.added", 1));
			edit_in(group, "old", "older");
			world_send(&world, "ann", group, "new");
			edit_in(group, "new", "newer");
		}
		CU_ASSERT(client_wait(&op, "message.updated", 2));
		CU_ASSERT(client_wait(&bob, "message.updated", 2));
		CU_ASSERT(client_wait(&cid, "message.updated", 1));
		CU_ASSERT_PTR_NOT_NULL(strstr(
		    client_nth(&bob, "message.updated", 0)->json, "\"older\""));
		CU_ASSERT_PTR_NOT_NULL(strstr(
		    client_nth(&cid, "message.updated", 0)->json, "\"newer\""));
		client_close(&bob);
		client_close(&cid);
		client_close(&op);
	}
	/* As a session that begins learns it. */
	client_start(&cid, &world, API_STREAM_SOCKET, "cid", NULL);
	edit_in(group, "older", "oldest");
	edit_in(group, "newer", "newest");
	CU_ASSERT(client_wait(&cid, "message.updated", 1));
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(client_nth(&cid, "message.updated", 0)->json, "\"newest\""));
	client_close(&cid);
	base_free(token);
	free(group);
}

static void
test_typing(void)
{
	struct client ann;
	char *text;

	begin();
	client_start(&ann, &world, API_STREAM_EVENTS, "ann", NULL);
	text = world_sql(&world,
	    "select error from typing_tell(array['typing.started'],"
	    " array['bob'], array['user'], array['%s'], array[null::uuid],"
	    " array['t1-9-x'])",
	    team);
	free(text);
	CU_ASSERT(client_wait(&ann, "typing.started", 1));
	CU_ASSERT_EQUAL(client_count(&ann, "typing.stopped"), 0);
	CU_ASSERT(client_wait(&ann, "typing.stopped", 1));
	client_close(&ann);
}

/* Random departures, returns, removals and restarts, while messages come: each
 * hears exactly what the log holds for them. */

#define WALKERS 12
#define STEPS 400

struct walker {
	struct client client;
	bool open;
	struct base_buf heard; /* ids of messages, each with a space */
	int64_t last_id;
};

static void
walker_leave(struct walker *w)
{
	client_read(&w->client);
	for (size_t i = 0; i < w->client.count; i++) {
		if (strcmp(w->client.got[i].event, "message.created") == 0)
			base_buf_printf(
			    &w->heard, "%lld ", (long long)w->client.got[i].id);
		CU_ASSERT(strcmp(w->client.got[i].event, "reset") != 0);
	}
	if (w->client.last_id > 0)
		w->last_id = w->client.last_id;
	client_drop(&w->client);
	w->open = false;
}

static void
walker_come(struct walker *w, const char *user, bool websocket)
{
	char query[64];
	char *token = world_token(&world, user, "user");

	snprintf(query, sizeof(query), "after=%lld", (long long)w->last_id);
	client_open(&w->client, &world,
	    websocket ? API_STREAM_SOCKET : API_STREAM_EVENTS, token, query,
	    NULL);
	base_free(token);
	w->open = true;
}

static void
walk_step(struct walker *walkers, const char *group, unsigned r)
{
	static bool bob_in = true;
	struct walker *w = &walkers[r / 100 % WALKERS];

	if (r % 100 < 40)
		world_send(&world, "ann", group, "w");
	else if (r % 100 < 80 && w->open)
		walker_leave(w);
	else if (r % 100 < 80)
		walker_come(w, w - walkers < 6 ? "ann" : "bob", r & 1);
	else if (r % 100 < 88) {
		free(world_sql(&world,
		    bob_in ? "select event_id from members_remove('ann',"
			     " 'user', null, '%s', 'bob')" :
			     "select event_id from members_add('ann', 'user',"
			     " null, '%s', array['bob'])",
		    group));
		bob_in = !bob_in;
	} else if (r % 100 == 99) {
		for (int i = 0; i < WALKERS; i++) {
			if (walkers[i].open)
				walker_leave(&walkers[i]);
		}
		world_down(&world);
		world_send(&world, "ann", group, "down");
		world_up(&world);
	} else
		world_turn(&world, r % 7);
}

/* Ids of the group's messages that the user was there for. */
static char *
expected(const char *user, const char *group, int64_t from)
{
	char *ids = world_sql(&world,
	    "select string_agg(e.id || ' ', '' order by e.id) from events e"
	    " where e.topic = 'conversation:%s' and e.id > %lld"
	    " and e.type = 'message.created' and coalesce((select x.effect"
	    " from events x where x.topic = 'user:%s' and x.id < e.id"
	    " and x.effect_topic = e.topic order by x.id desc limit 1), 1) = 1",
	    group, (long long)from, user);

	return ids;
}

static void
test_random_walk(void)
{
	static struct walker walkers[WALKERS];
	char *group, *ann, *bob;
	unsigned seed = 20261121;
	int64_t from;

	begin();
	group = world_group(&world, "walk", "'bob'");
	from = log_end();
	for (int i = 0; i < WALKERS; i++)
		walkers[i].last_id = from;
	for (int i = 0; i < STEPS; i++)
		walk_step(walkers, group, (unsigned)rand_r(&seed));
	for (int i = 0; i < WALKERS; i++) {
		if (!walkers[i].open)
			walker_come(&walkers[i], i < 6 ? "ann" : "bob", i & 1);
	}
	settle();
	world_turn(&world, 300);
	ann = expected("ann", group, from);
	bob = expected("bob", group, from);
	CU_ASSERT(strlen(ann) > strlen(bob));
	for (int i = 0; i < WALKERS; i++) {
		walker_leave(&walkers[i]);
		CU_ASSERT_STRING_EQUAL(
		    base_buf_str(&walkers[i].heard), i < 6 ? ann : bob);
		base_buf_fini(&walkers[i].heard);
	}
	free(ann);
	free(bob);
	free(group);
}

static void
test_goodbye(void)
{
	struct client ann, bob;

	begin();
	client_start(&ann, &world, API_STREAM_EVENTS, "ann", NULL);
	client_start(&bob, &world, API_STREAM_SOCKET, "bob", NULL);
	api_streams_goodbye(world.streams, 1000);
	for (int i = 0; i < 1000 && api_streams_pending(world.streams); i++)
		world_turn(&world, 2);
	CU_ASSERT_EQUAL(api_streams_pending(world.streams), 0);
	client_read(&ann);
	client_read(&bob);
	CU_ASSERT_EQUAL(client_count(&ann, "reconnect"), 1);
	CU_ASSERT_EQUAL(client_count(&bob, "reconnect"), 1);
	CU_ASSERT_EQUAL(bob.code, 1012);
	CU_ASSERT(ann.ended);
	CU_ASSERT_EQUAL(cluster_number(world.cluster,
			    "select count(*) from connections where "
			    "disconnected_at is null"),
	    0);
	CU_ASSERT_EQUAL(
	    cluster_number(world.cluster, "select count(*) from processes"), 0);
	client_close(&ann);
	client_close(&bob);
	world_down(&world);
}

static void
test_end(void)
{
	free(team);
	world_fini(&world);
}

TEST_MAIN("api_stream", { "delivery", test_delivery },
    { "resume-from-ring", test_resume_from_ring },
    { "resume after a change", test_resume_after_change },
    { "resume-from-log", test_resume_from_log },
    { "resume-of-large-messages", test_resume_of_large_messages },
    { "removed", test_removed }, { "rejoined", test_rejoined },
    { "removed-live", test_removed_live }, { "reset", test_reset },
    { "database-returns", test_database_returns },
    { "database-restarts", test_database_restarts },
    { "many-at-once", test_many_at_once }, { "turns", test_turns },
    { "herd", test_herd }, { "topics", test_topics },
    { "what-is-seen", test_seen }, { "typing", test_typing },
    { "random-walk", test_random_walk }, { "goodbye", test_goodbye },
    { "end", test_end })
