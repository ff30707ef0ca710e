/* SPDX-License-Identifier: ISC */
/* Streams on a real PostgreSQL: what is sent reaches who may hear it, also when
 * very many come at once and when the database goes away. */

#include <stdlib.h>
#include <string.h>

#include "api/stream_private.h"
#include "base/clock.h"
#include "base/mem.h"
#include "db/pool.h"
#include "tests/db/world.h"
#include "tests/unit/harness.h"

static struct world world;

static void
test_delivery(void)
{
	struct client ann, bob, cid;

	world_begin(&world);
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
		world_send(&world, i % 2 ? "ann" : "bob", world.team, "x");
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

/* Who comes while the links to the database are not up again waits for them. */
static void
test_database_returns(void)
{
	struct client held;
	char *token;

	world_begin(&world);
	token = world_token(&world, "ann", "user");
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

	world_begin(&world);
	client_start(&ann, &world, API_STREAM_EVENTS, "ann", NULL);
	client_start(&bob, &world, API_STREAM_SOCKET, "bob", NULL);
	world_send(&world, "ann", world.team, "before");
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
		world_send(&world, "bob", world.team, "x");
	CU_ASSERT(client_wait(&ann, "message.created", 11));
	CU_ASSERT(client_wait(&bob, "message.created", 11));
	world_turn(&world, 50);
	client_read(&ann);
	CU_ASSERT_EQUAL(client_count(&ann, "message.created"), 11);
	CU_ASSERT(!ann.ended);
	CU_ASSERT(client_said(&bob, "before x x x x x x x x x x"));
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

	world_begin(&world);
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
	world_send(&world, "bob", world.team, "all");
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
	char *token, query[64];
	size_t ready = 0, gone = 0, first;

	world_begin(&world);
	token = world_token(&world, "ann", "user");
	snprintf(query, sizeof(query), "topics=%s", world.team);
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

static void
test_topics(void)
{
	struct client bob, none;
	char query[128], *token, *other;

	world_begin(&world);
	other = world_group(&world, "other", "'bob'");
	snprintf(query, sizeof(query), "topics=%s,public", world.team);
	client_start(&bob, &world, API_STREAM_EVENTS, "bob", query);
	world_send(&world, "ann", other, "no");
	world_send(&world, "ann", world.team, "yes");
	world_send(&world, "cid", "public", "hello");
	CU_ASSERT(client_wait(&bob, "message.created", 2));
	CU_ASSERT(client_said(&bob, "yes hello"));
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

/* cid comes, and sees from there on; an older message and a new one change. */
static void
newcomer_comes(struct client *cid, const char *group)
{
	free(world_sql(&world,
	    "select event_id from members_add('ann', 'user', null, '%s',"
	    " array['cid'])",
	    group));
	CU_ASSERT(client_wait(cid, "member.added", 1));
	world_edit(&world, group, "old", "older");
	world_send(&world, "ann", group, "new");
	world_edit(&world, group, "new", "newer");
}

static bool
heard_change(const struct client *c, const char *text)
{
	const struct got *got = client_nth(c, "message.updated", 0);

	return got != NULL && strstr(got->json, text) != NULL;
}

/* What is told of a message reaches the members who see it and those who watch
 * the conversation, live, from the ring and from the log. */
static void
test_seen(void)
{
	struct client bob, cid, op;
	char query[128], *group, *token;
	int64_t at;

	world_begin(&world);
	group = world_group(&world, "newcomers", "'bob'");
	free(world_sql(&world,
	    "update conversations set history = 'joined' where id = '%s'"
	    " returning id",
	    group));
	world_send(&world, "ann", group, "old");
	CU_ASSERT(world_settle(&world));
	at = world_log_end(&world);
	token = world_token(&world, "op", "admin");
	snprintf(
	    query, sizeof(query), "topics=%s&after=%lld", group, (long long)at);
	for (int i = 0; i < 3; i++) {
		if (i == 2) {
			world_down(&world);
			world_up(&world);
		}
		client_open(&op, &world, API_STREAM_EVENTS, token, query, NULL);
		client_resume(&bob, &world, API_STREAM_EVENTS, "bob", at);
		client_resume(&cid, &world, API_STREAM_SOCKET, "cid", at);
		CU_ASSERT(client_wait(&op, "ready", 1));
		if (i == 0)
			newcomer_comes(&cid, group);
		CU_ASSERT(client_wait(&op, "message.updated", 2));
		CU_ASSERT(client_wait(&bob, "message.updated", 2));
		CU_ASSERT(client_wait(&cid, "message.updated", 1));
		CU_ASSERT(heard_change(&bob, "\"older\""));
		CU_ASSERT(heard_change(&cid, "\"newer\""));
		client_close(&bob);
		client_close(&cid);
		client_close(&op);
	}
	/* As a session that begins learns it. */
	client_start(&cid, &world, API_STREAM_SOCKET, "cid", NULL);
	world_edit(&world, group, "older", "oldest");
	world_edit(&world, group, "newer", "newest");
	CU_ASSERT(client_wait(&cid, "message.updated", 1));
	CU_ASSERT(heard_change(&cid, "\"newest\""));
	client_close(&cid);
	base_free(token);
	free(group);
}

static void
test_typing(void)
{
	struct client ann;
	char *text;

	world_begin(&world);
	client_start(&ann, &world, API_STREAM_EVENTS, "ann", NULL);
	text = world_sql(&world,
	    "select error from typing_tell(array['typing.started'],"
	    " array['bob'], array['user'], array['%s'], array[null::uuid],"
	    " array['t1-9-x'])",
	    world.team);
	free(text);
	CU_ASSERT(client_wait(&ann, "typing.started", 1));
	CU_ASSERT_EQUAL(client_count(&ann, "typing.stopped"), 0);
	CU_ASSERT(client_wait(&ann, "typing.stopped", 1));
	client_close(&ann);
}

/* An order to close all that is heard late, when its user has come back. */
static void
test_close_all_late(void)
{
	struct client before, after;
	uint64_t began;
	char *at;

	world_begin(&world);
	client_start(&before, &world, API_STREAM_SOCKET, "ann", NULL);
	at = world_sql(&world,
	    "select (extract(epoch from clock_timestamp()) * 1e6)::bigint");
	world_turn(&world, 10);
	began = base_clock_ms();
	client_start(&after, &world, API_STREAM_SOCKET, "ann", NULL);
	free(world_sql(&world,
	    "select pg_notify('parley_control', json_build_object("
	    "'op', 'close_all', 'user', 'ann', 'at', %s::bigint)::text)",
	    at));
	for (int i = 0; i < 5000 && before.code == 0; i++) {
		world_turn(&world, 2);
		client_read(&before);
	}
	CU_ASSERT_EQUAL(before.code, 4403);
	/* Later than two seconds it is no order of then any more. */
	if (base_clock_ms() - began < 1500) {
		client_call(&after, "1", "ping", "{}");
		CU_ASSERT(!after.ended);
		CU_ASSERT_EQUAL(client_count(&after, "reply"), 1);
	}
	free(at);
	client_close(&before);
	client_close(&after);
}

static void
test_goodbye(void)
{
	struct client ann, bob;

	world_begin(&world);
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
	world_fini(&world);
}

TEST_MAIN("api_stream", { "delivery", test_delivery },
    { "database-returns", test_database_returns },
    { "database-restarts", test_database_restarts },
    { "many-at-once", test_many_at_once }, { "turns", test_turns },
    { "topics", test_topics }, { "what-is-seen", test_seen },
    { "typing", test_typing }, { "close-all-late", test_close_all_late },
    { "goodbye", test_goodbye }, { "end", test_end })
