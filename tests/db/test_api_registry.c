/* SPDX-License-Identifier: ISC */
/* The table of connections tells what is so, whatever happened in between. */

#include "api/registry.h"

#include <stdlib.h>

#include "base/clock.h"
#include "tests/db/world.h"
#include "tests/unit/harness.h"

#include "db/pool.h"

static struct world world;
static struct api_registry *registry;

static void
registry_up(uint32_t beat_ms)
{
	struct db_pool_params pool = { 0 };
	struct api_registry_params p = { 0 };

	if (world.cluster == NULL)
		world_init(&world);
	world.loop = base_loop_poll_new();
	pool.loop = world.loop;
	pool.conninfo = world.config.database_url;
	pool.connections = 1;
	pool.wait_ms = 200;
	world.pool = db_pool_new(&pool);
	p.loop = world.loop;
	p.pool = world.pool;
	p.process = "r1-1";
	p.host = "here";
	p.beat_ms = beat_ms;
	registry = api_registry_new(&p);
}

static void
registry_down(void)
{
	api_registry_free(registry);
	db_pool_free(world.pool);
	base_loop_poll_free(world.loop);
}

static struct api_registration *
opened(const char *id, const char *kind)
{
	struct api_registry_row row = { 0 };

	row.connection = id;
	row.user = "ann";
	row.kind = kind;
	row.platform = "web";
	row.address = "192.0.2.1";
	row.user_agent = "caf\xc3\xa9 \xff";
	row.connected_us = base_clock_wall_us();
	return api_registry_opened(registry, &row);
}

static bool
settled(void)
{
	for (int i = 0; i < 2000 && api_registry_pending(registry) > 0; i++)
		world_turn(&world, 3);
	return api_registry_pending(registry) == 0;
}

static int64_t
count(const char *where)
{
	char sql[200];

	snprintf(sql, sizeof(sql), "select count(*) from connections where %s",
	    where);
	return cluster_number(world.cluster, sql);
}

static void
test_gathers(void)
{
	struct api_registration *all[300];
	char id[32];

	registry_up(0);
	for (int i = 0; i < 300; i++) {
		snprintf(id, sizeof(id), "r1-1-%d", i);
		all[i] = opened(id, i % 2 ? "sse" : "websocket");
	}
	/* One that is gone before it is written. */
	api_registry_closed(registry, all[0], 1000);
	CU_ASSERT(settled());
	CU_ASSERT_EQUAL(count("disconnected_at is null"), 299);
	CU_ASSERT_EQUAL(count("close_code = 1000"), 1);
	CU_ASSERT(api_registry_writes(registry) <= 2);
	for (int i = 1; i < 100; i++)
		api_registry_closed(registry, all[i], 1001);
	CU_ASSERT(settled());
	CU_ASSERT_EQUAL(count("close_code = 1001"), 99);
	CU_ASSERT_EQUAL(count("disconnected_at is null"), 200);
	registry_down();

	/* The next process of this name ends what it left. */
	registry_up(0);
	world_turn(&world, 300);
	CU_ASSERT_EQUAL(count("disconnected_at is null"), 0);
	registry_down();
}

static void
test_database_away(void)
{
	struct api_registration *one, *two;

	registry_up(0);
	one = opened("r1-1-one", "sse");
	CU_ASSERT(settled());
	cluster_crash(world.cluster);
	world_turn(&world, 50);
	two = opened("r1-1-two", "sse");
	api_registry_closed(registry, one, 1006);
	world_turn(&world, 500);
	CU_ASSERT(api_registry_pending(registry) > 0);
	cluster_start(world.cluster);
	CU_ASSERT(settled());
	CU_ASSERT_EQUAL(count("disconnected_at is null"), 1);
	CU_ASSERT_EQUAL(count("id = 'r1-1-two' and close_code is null"), 1);
	api_registry_closed(registry, two, 1000);
	CU_ASSERT(settled());
	registry_down();
}

/* A row that the table refuses does not hold back the others. */
static void
test_refused_row(void)
{
	struct api_registration *bad, *good;

	registry_up(0);
	bad = opened("r1-1-bad", "carrier pigeon");
	good = opened("r1-1-good", "sse");
	CU_ASSERT(settled());
	CU_ASSERT_EQUAL(count("id = 'r1-1-good'"), 1);
	CU_ASSERT_EQUAL(count("id = 'r1-1-bad'"), 0);
	api_registry_closed(registry, bad, 1000);
	api_registry_closed(registry, good, 1000);
	CU_ASSERT(settled());
	registry_down();
}

/* Others took this process for dead. */
static void
test_lost_lease(void)
{
	struct api_registration *one;

	registry_up(50);
	one = opened("r1-1-lost", "sse");
	CU_ASSERT(settled());
	free(world_sql(&world,
	    "with p as (delete from processes) update connections"
	    " set disconnected_at = now(), close_code = 1006"));
	CU_ASSERT_EQUAL(
	    count("id = 'r1-1-lost' and disconnected_at is null"), 0);
	world_turn(&world, 300);
	CU_ASSERT_EQUAL(
	    count("id = 'r1-1-lost' and disconnected_at is null"), 1);
	api_registry_closed(registry, one, 1000);
	CU_ASSERT(settled());
	api_registry_stop(registry);
	CU_ASSERT(settled());
	CU_ASSERT_EQUAL(
	    cluster_number(world.cluster, "select count(*) from processes"), 0);
	registry_down();
}

static void
test_end(void)
{
	world_fini(&world);
}

TEST_MAIN("api_registry", { "gathers", test_gathers },
    { "database-away", test_database_away },
    { "refused-row", test_refused_row }, { "lost-lease", test_lost_lease },
    { "end", test_end })
