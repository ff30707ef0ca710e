/* SPDX-License-Identifier: ISC */
/* Streams that are taken up again, on a real PostgreSQL: what was missed comes
 * once and in order, from the ring or from the log, whatever was away in
 * between. */

#include <stdlib.h>
#include <string.h>

#include "api/replay.h"
#include "api/stream_private.h"
#include "base/mem.h"
#include "db/pool.h"
#include "tests/db/world.h"
#include "tests/unit/harness.h"

static struct world world;

static void
test_resume_from_ring(void)
{
	struct client ann;
	int64_t at;

	world_begin(&world);
	CU_ASSERT(world_settle(&world));
	client_start(&ann, &world, API_STREAM_EVENTS, "ann", NULL);
	world_send(&world, "bob", world.team, "1");
	CU_ASSERT(client_wait(&ann, "message.created", 1));
	at = ann.last_id;
	client_close(&ann);
	world_send(&world, "bob", world.team, "2");
	world_send(&world, "bob", world.team, "3");
	CU_ASSERT(world_settle(&world));
	client_resume(&ann, &world, API_STREAM_EVENTS, "ann", at);
	world_send(&world, "bob", world.team, "4");
	CU_ASSERT(client_wait(&ann, "message.created", 3));
	CU_ASSERT(client_said(&ann, "2 3 4"));
	CU_ASSERT_EQUAL(client_count(&ann, "reset"), 0);
	client_close(&ann);
}

/* What was said is said otherwise, or is gone from the log: in the ring too,
 * and before this process has heard of it. */
static void
test_resume_after_change(void)
{
	struct api_replays_stats before, after;
	struct client ann;
	int64_t at;

	world_begin(&world);
	CU_ASSERT(world_settle(&world));
	at = world_log_end(&world);
	world_send(&world, "bob", world.team, "frist");
	world_send(&world, "bob", world.team, "2");
	world_send(&world, "bob", world.team, "3");
	CU_ASSERT(world_settle(&world));
	world_edit(&world, world.team, "frist", "1");
	client_resume(&ann, &world, API_STREAM_EVENTS, "ann", at);
	CU_ASSERT(client_wait(&ann, "message.updated", 1));
	CU_ASSERT(client_said(&ann, "1 2 3"));
	client_close(&ann);

	CU_ASSERT(world_settle(&world));
	base_free(world_sql(&world,
	    "with gone as (delete from events e where e.data like"
	    " '%%\"text\":\"2\"%%' returning e.id)"
	    " select emit(array['user:bob'], array['x'], array['{}'],"
	    " p_rewritten => array(select id from gone))"));
	world_edit(&world, world.team, "3", "4");
	CU_ASSERT(world_settle(&world));
	api_replays_stats(world.streams->replays, &before);
	client_resume(&ann, &world, API_STREAM_SOCKET, "ann", at);
	CU_ASSERT(client_wait(&ann, "message.updated", 2));
	CU_ASSERT(client_said(&ann, "1 4"));
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

	world_begin(&world);
	at = world_log_end(&world);
	for (int i = 0; i < 700; i++) {
		snprintf(text, sizeof(text), "%d", i);
		if (i == 350)
			world_down(&world);
		world_send(&world, "bob", world.team, text);
	}
	world_up(&world);
	client_resume(&ann, &world, API_STREAM_EVENTS, "ann", at);
	client_resume(&bob, &world, API_STREAM_SOCKET, "bob", at);
	world_send(&world, "bob", world.team, "live");
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

	world_begin(&world);
	at = world_log_end(&world);
	memset(text, 'x', LONG);
	text[LONG] = '\0';
	for (int i = 0; i < MANY; i++)
		world_send(&world, "bob", world.team, text);
	world_down(&world);
	world_up(&world);
	api_replays_stats(world.streams->replays, &before);
	client_resume(&ann, &world, API_STREAM_EVENTS, "ann", at);
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

	world_begin(&world);
	for (int restarted = 0; restarted < 2; restarted++) {
		at = world_log_end(&world);
		if (restarted)
			world_down(&world);
		group = gap_make("gap");
		if (restarted)
			world_up(&world);
		CU_ASSERT(world_settle(&world));
		client_resume(&bob, &world, API_STREAM_EVENTS, "bob", at);
		CU_ASSERT(client_wait(&bob, "member.removed", 1));
		world_send(&world, "ann", group, "5");
		world_send(&world, "ann", world.team, "mark");
		CU_ASSERT(client_wait(&bob, "message.created", 3));
		CU_ASSERT(client_said(&bob, "1 2 mark"));
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

	world_begin(&world);
	for (int restarted = 0; restarted < 2; restarted++) {
		at = world_log_end(&world);
		if (restarted)
			world_down(&world);
		group = gap_make("back");
		gap_end(group);
		if (restarted)
			world_up(&world);
		CU_ASSERT(world_settle(&world));
		client_resume(&bob, &world, API_STREAM_SOCKET, "bob", at);
		CU_ASSERT(client_wait(&bob, "message.created", 3));
		CU_ASSERT(client_said(&bob, "1 2 4"));
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

	world_begin(&world);
	client_start(&bob, &world, API_STREAM_SOCKET, "bob", NULL);
	group = gap_make("live");
	gap_end(group);
	world_send(&world, "ann", world.team, "mark");
	CU_ASSERT(client_wait(&bob, "message.created", 4));
	CU_ASSERT(client_said(&bob, "1 2 4 mark"));
	client_close(&bob);
	free(group);
}

static void
test_reset(void)
{
	struct client ann;
	struct client old;

	world_begin(&world);
	client_resume(&ann, &world, API_STREAM_EVENTS, "ann",
	    world_log_end(&world) + 1000000);
	CU_ASSERT(client_wait(&ann, "reset", 1));
	world_send(&world, "bob", world.team, "after");
	CU_ASSERT(client_wait(&ann, "message.created", 1));
	client_close(&ann);

	client_open(&old, &world, API_STREAM_EVENTS, NULL, NULL, NULL);
	CU_ASSERT(client_wait_end(&old));
	CU_ASSERT_EQUAL(old.status, 401);
	client_close(&old);
}

/* A herd after a restart is served by one scan. */
static void
test_herd(void)
{
	static struct client many[60];
	struct db_pool_stats before, after;
	int64_t at;

	world_begin(&world);
	at = world_log_end(&world);
	world_down(&world);
	for (int i = 0; i < 30; i++)
		world_send(&world, "bob", world.team, "h");
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

	world_begin(&world);
	group = world_group(&world, "walk", "'bob'");
	from = world_log_end(&world);
	for (int i = 0; i < WALKERS; i++)
		walkers[i].last_id = from;
	for (int i = 0; i < STEPS; i++)
		walk_step(walkers, group, (unsigned)rand_r(&seed));
	for (int i = 0; i < WALKERS; i++) {
		if (!walkers[i].open)
			walker_come(&walkers[i], i < 6 ? "ann" : "bob", i & 1);
	}
	CU_ASSERT(world_settle(&world));
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
test_end(void)
{
	world_fini(&world);
}

TEST_MAIN("api_stream_resume", { "resume-from-ring", test_resume_from_ring },
    { "resume after a change", test_resume_after_change },
    { "resume-from-log", test_resume_from_log },
    { "resume-of-large-messages", test_resume_of_large_messages },
    { "removed", test_removed }, { "rejoined", test_rejoined },
    { "removed-live", test_removed_live }, { "reset", test_reset },
    { "herd", test_herd }, { "random-walk", test_random_walk },
    { "end", test_end })
