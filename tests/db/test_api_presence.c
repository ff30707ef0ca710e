/* SPDX-License-Identifier: ISC */
/* The clock of presence goes on, whatever hurries it. */

#include "api/presence.h"

#include "api/activity.h"
#include "tests/db/sql.h"
#include "tests/db/world.h"
#include "tests/unit/harness.h"

#include "db/pool.h"

#define TURNS_MAX 5000

static struct world world;
static struct api_presence *presence;
static struct sql *s;

static void
begin(void)
{
	struct db_pool_params pool = { 0 };
	struct api_presence_params p = { 0 };

	world_init(&world);
	world.loop = base_loop_poll_new();
	pool.loop = world.loop;
	pool.conninfo = world.config.database_url;
	pool.connections = 1;
	pool.wait_ms = 200;
	world.pool = db_pool_new(&pool);
	p.loop = world.loop;
	p.pool = world.pool;
	presence = api_presence_new(&p);
	s = sql_open(world.cluster);
}

static bool
looked(void)
{
	RUN(s, "select count(*) as due from presence_due where at <= now()");
	return sql_number(s, 0, "due") == 0;
}

/* Somebody chooses something all the time. */
static void
test_hurried(void)
{
	int turns = 0;

	begin();
	for (int i = 0; i < 3; i++) {
		RUN(s, "select presence_look('{ann}')");
		for (; turns < TURNS_MAX && !looked(); turns++) {
			api_presence_hurry(presence);
			world_turn(&world, 1);
		}
	}
	CU_ASSERT_TRUE(turns < TURNS_MAX);
}

/* Fifty thousand others come in the same second: who came first is not
 * forgotten. */
static void
test_crowd(void)
{
	struct api_activity *a = api_activity_new(world.loop, world.pool);
	char user[24];
	int turns = 0;

	RUN(s,
	    "insert into presence (user_id, up, active_at)"
	    " values ('ann', true, now() - interval '1 day')"
	    " on conflict (user_id) do update set up = true,"
	    " active_at = excluded.active_at");
	api_activity_note(a, "ann");
	for (int i = 0; i < 50100; i++) {
		snprintf(user, sizeof(user), "user-%d", i);
		api_activity_note(a, user);
	}
	do {
		world_turn(&world, 5);
		RUN(s,
		    "select active_at > now() - interval '1 hour' as written"
		    " from presence where user_id = 'ann'");
	} while (
	    strcmp(sql_text(s, 0, "written"), "t") != 0 && ++turns < TURNS_MAX);
	CU_ASSERT_TRUE(turns < TURNS_MAX);
	api_activity_free(a);
}

static void
test_end(void)
{
	sql_close(s);
	api_presence_free(presence);
	db_pool_free(world.pool);
	base_loop_poll_free(world.loop);
	world.loop = NULL;
	world.pool = NULL;
	world_fini(&world);
}

TEST_MAIN("api_presence", { "is hurried all the time", test_hurried },
    { "forgets nobody in a crowd", test_crowd }, { "end", test_end })
