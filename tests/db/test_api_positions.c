/* SPDX-License-Identifier: ISC */
/* All positions are written, in however many parts, and whatever breaks. */

#include "api/positions.h"

#include "base/clock.h"
#include "db/pool.h"
#include "tests/db/sql.h"
#include "tests/db/world.h"
#include "tests/unit/harness.h"

#define MEMBERS 250
#define WAIT_MS 20000

static struct world world;
static struct api_positions *positions;
static struct sql *s;
static char room[40];

/* A room of the members m1 to m250. */
static void
begin(void)
{
	struct db_pool_params pool = { 0 };
	char others[2000];

	world_init(&world);
	world.loop = base_loop_poll_new();
	pool.loop = world.loop;
	pool.conninfo = world.config.database_url;
	pool.connections = 1;
	pool.application_name = "positions";
	world.pool = db_pool_new(&pool);
	while (!db_pool_ready(world.pool))
		base_loop_poll_turn(world.loop, 1000);
	positions = api_positions_new(world.loop, world.pool);
	api_positions_hurry(positions);
	s = sql_open(world.cluster);
	RUN(s,
	    "insert into users (id, name)"
	    " select 'm' || i, 'M' from generate_series(1, 250) i");
	RUN(s,
	    "select array_agg('m' || i)::text as others"
	    " from generate_series(2, 250) i");
	(void)snprintf(others, sizeof(others), "%s", sql_text(s, 0, "others"));
	SQL(s, "conversations.create", "m1", "user", NULL, "group", NULL, "G",
	    others, NULL, NULL, NULL);
	(void)snprintf(room, sizeof(room), "%s", sql_text(s, 0, "id"));
	RUN(s, "update conversations set last_seq = 2");
}

static void
end(void)
{
	sql_close(s);
	api_positions_free(positions);
	db_pool_free(world.pool);
	base_loop_poll_free(world.loop);
	world_fini(&world);
}

static void
note_all(int64_t seq)
{
	char user[16];

	for (int i = 1; i <= MEMBERS; i++) {
		(void)snprintf(user, sizeof(user), "m%d", i);
		api_positions_note(positions, room, user, seq);
	}
}

static void
wait_pending(size_t most)
{
	uint64_t until = base_clock_ms() + WAIT_MS;

	while (
	    api_positions_pending(positions) > most && base_clock_ms() < until)
		base_loop_poll_turn(world.loop, 1);
	CU_ASSERT_TRUE(api_positions_pending(positions) <= most);
}

static int64_t
at(int64_t seq)
{
	char sql[200];

	(void)snprintf(sql, sizeof(sql),
	    "select count(*) from members where last_read_seq = %d"
	    " and seen_upto = %d",
	    (int)seq, (int)seq);
	return cluster_number(world.cluster, sql);
}

static void
test_parts(void)
{
	begin();
	note_all(1);
	CU_ASSERT_EQUAL(api_positions_pending(positions), MEMBERS);
	wait_pending(MEMBERS - 1);
	/* What comes while parts are being written counts for itself. */
	CU_ASSERT_TRUE(at(1) > 0 && at(1) < MEMBERS);
	api_positions_note(positions, room, "m1", 2);
	wait_pending(0);
	CU_ASSERT_EQUAL(at(1), MEMBERS - 1);
	CU_ASSERT_EQUAL(at(2), 1);
	end();
}

/* Between two parts the link breaks, so that one of them fails. */
static void
test_broken(void)
{
	begin();
	note_all(1);
	wait_pending(MEMBERS - 1);
	cluster_exec(world.cluster,
	    "select pg_terminate_backend(pid) from pg_stat_activity"
	    " where application_name = 'positions'");
	wait_pending(0);
	CU_ASSERT_EQUAL(at(1), MEMBERS);
	end();
}

/* A part that is refused is given up; the others are written. */
static void
test_refused(void)
{
	begin();
	RUN(s, "alter function positions_advance rename to positions_away");
	note_all(1);
	wait_pending(MEMBERS - 1);
	RUN(s, "alter function positions_away rename to positions_advance");
	wait_pending(0);
	CU_ASSERT_EQUAL(at(1), MEMBERS - 100);
	end();
}

TEST_MAIN("api_positions", { "parts", test_parts }, { "broken", test_broken },
    { "refused", test_refused })
