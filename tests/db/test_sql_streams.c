/* SPDX-License-Identifier: ISC */
/* What streams need: the log and its keeping, the registry, tickets, keys. */

#include "base/attr.h"
#include "tests/db/sql_fixture.h"

#define PARTITION 500000

#define VALUE(column, value) \
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, (column)), (value))
#define NUMBER(column, value) \
	CU_ASSERT_EQUAL(sql_number(s, 0, (column)), (value))

/* `n` events on topics t0 … t6 in turn, one transaction each as always. */
static void
emit(int n)
{
	for (int i = 0; i < n; i++) {
		char topic[10];

		(void)snprintf(topic, sizeof(topic), "t%d", i % 7);
		QUERY(s, "select emit(array[$1], '{x}', '{\"{}\"}') as id",
		    topic);
	}
}

static void
housekeep(const char *hours)
{
	SQL(s, "events.housekeeping", hours, "4");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
}

/* events.replay in chunks against the plain query. */
static void
replay_by(
    const char *topics, const char *after, const char *upto, const char *bytes)
{
	char at[24];
	int chunk, total = 0;
	bool more;

	(void)snprintf(at, sizeof(at), "%s", after);
	do {
		SQL(s, "events.replay", topics, at, upto, "10", bytes);
		chunk = sql_rows(s);
		more = chunk > 0 &&
		    strcmp(sql_text(s, chunk - 1, "more"), "t") == 0;
		for (int row = 1; row < chunk; row++)
			CU_ASSERT_TRUE(sql_number(s, row - 1, "id") <
			    sql_number(s, row, "id"));
		total += chunk;
		if (chunk > 0)
			(void)snprintf(
			    at, sizeof(at), "%s", sql_text(s, chunk - 1, "id"));
	} while (more);
	QUERY(s,
	    "select count(*) as n, max(id) as last from events"
	    " where coalesce(topic = any ($1), true) and id > $2::bigint"
	    " and id <= $3::bigint",
	    topics, after, upto);
	NUMBER("n", total);
	if (total > 0)
		VALUE("last", at);
}

static void
replay(const char *topics, const char *after, const char *upto)
{
	replay_by(topics, after, upto, "1000000");
	replay_by(topics, after, upto, "500");
	replay_by(topics, after, upto, "1");
}

static void
test_log(void)
{
	SQL0(s, "events.bounds");
	NUMBER("floor_id", 0);
	NUMBER("end_id", 0);
	emit(50);
	housekeep("72");
	NUMBER("created", 0);
	NUMBER("indexed", 0);
	RUN(s, "alter sequence events_id_seq restart with 499990");
	emit(50);
	RUN(s, "alter sequence events_id_seq restart with 1000000");
	emit(20);
	SQL(s, "events.read", "499980", "5");
	CU_ASSERT_EQUAL(sql_rows(s), 5);
	NUMBER("id", 499990);
	RUN(s, "select events_room() as ids_left");
	NUMBER("ids_left", 5 * PARTITION - 1 - 1000019);

	for (int indexed = 0; indexed <= 2; indexed++) {
		replay("{t1,t3,t3,none}", "0", "1000019");
		replay("{t0}", "0", "499999");
		replay("{t0,t5}", "20", "500010");
		replay("{t2}", "500001", "1000010");
		replay("{none}", "0", "1000019");
		replay(NULL, "0", "1000019");
		replay(NULL, "30", "500000");
		housekeep("72");
		NUMBER("indexed", indexed < 2 ? 1 : 0);
		NUMBER("created", indexed == 0 ? 2 : 0);
	}
	RUN(s, "select indexed_upto from event_log");
	NUMBER("indexed_upto", 2 * PARTITION - 1);
}

/* Retention drops what is old, never the newest, and raises the floor. */
static void
test_retention(void)
{
	RUN(s,
	    "update events set at = at - interval '80 hours' where id < 500000");
	housekeep("72");
	NUMBER("dropped", 1);
	NUMBER("floor_id", PARTITION - 1);
	SQL0(s, "events.bounds");
	NUMBER("floor_id", PARTITION - 1);
	NUMBER("end_id", 1000019);
	RUN(s, "update events set at = at - interval '80 hours'");
	housekeep("72");
	NUMBER("dropped", 1);
	NUMBER("floor_id", 2 * PARTITION - 1);
	RUN(s, "select count(*) as n from events");
	NUMBER("n", 20);
	replay("{t1,t3}", "999999", "1000019");
}

static void
test_registry(void)
{
	SQL(s, "instances.start", "p1-1", "host-a", "30");
	SQL(s, "connections.record", "p1-1", "host-a",
	    "{p1-1-a,p1-1-b,p1-1-c,p1-1-d}", "{ann,ann,gone,ben}",
	    "{sse,websocket,sse,sse}", "{web,null,null,null}",
	    "{null,null,null,null}", "{null,null,null,null}",
	    "{null,null,null,null}",
	    "{2026-01-02T03:04:05.6Z,2026-01-03T00:00:00Z,"
	    "2026-01-03T00:00:00Z,2026-01-03T00:00:00Z}",
	    "{p1-1-d}", "{1000}");
	NUMBER("opened", 3);
	NUMBER("closed", 1);
	SQL(s, "connections.list", "ann", "user", NULL, NULL, "1");
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	VALUE("id", "p1-1-b");
	VALUE("host", "host-a");
	SQL(s, "connections.list", "ann", "user", NULL,
	    sql_text(s, 0, "_cursor"), "1");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	VALUE("id", "p1-1-a");
	SQL(s, "connections.list", "ben", "user", "ann", NULL, "9");
	VALUE("id", "");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "forbidden");
	SQL(s, "connections.list", "root", "admin", "ann", NULL, "9");
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	SQL(s, "connections.update", "ann", "user", "p1-1-a", NULL, "1.2");
	VALUE("platform", "web");
	VALUE("app_version", "1.2");
	SQL0(s, "stats.summary");
	QUERY(s, "select $1::json#>>'{by_platform,other}' as other",
	    sql_text(s, 0, "connections"));
	NUMBER("other", 1);
	RUN(s,
	    "insert into presence (user_id, up, shown, chosen) values"
	    " ('ann', true, 'away', 'away'), ('ben', true, 'offline',"
	    " 'invisible')");
	SQL0(s, "stats.summary");
	VALUE(
	    "presence", "{\"online\":0,\"away\":1,\"dnd\":0,\"invisible\":1}");
	RUN(s, "delete from presence");
}

static void
test_orders(void)
{
	RUN(s, "listen parley_control");
	SQL(s, "connections.control", "ben", "user", "p1-1-a", "close", "{}");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "connections.control", "ann", "user", "p1-1-d", "close", "{}");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "connections.control", "ann", "user", "p1-1-a", "close",
	    "{\"code\": 4403, \"role\": \"admin\"}");
	VALUE("_process", "p1-1");
	QUERY(s,
	    "select $1::json->>'connection' as connection,"
	    " $1::json->>'op' as op, $1::json->>'code' as code,"
	    " $1::json->>'role' as role",
	    sql_notified(s, "parley_control"));
	VALUE("connection", "p1-1-a");
	VALUE("op", "close");
	VALUE("code", "4403");
	VALUE("role", "user");
}

/* A process that does not beat is taken for dead, and hears of it. */
static void
opened(const char *process, const char *id)
{
	SQL(s, "connections.record", process, "host-a", id, "{ann}", "{sse}",
	    "{null}", "{null}", "{null}", "{null}", "{2026-01-04T00:00:00Z}",
	    "{}", "{}");
}

static void
test_leases(void)
{
	SQL(s, "instances.start", "p1-2", "host-a", "30");
	opened("p1-2", "{p1-2-a}");
	RUN(s,
	    "update processes set expires_at = now() - interval '1 second'"
	    " where id = 'p1-1'");
	SQL0(s, "connections.reap");
	NUMBER("processes", 1);
	NUMBER("connections", 2);
	SQL(s, "connections.list", "ann", "user", NULL, NULL, "9");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	VALUE("id", "p1-2-a");
	SQL(s, "instances.beat", "p1-2", "host-a", "30");
	VALUE("fresh", "f");
	SQL(s, "instances.beat", "p1-1", "host-a", "30");
	VALUE("fresh", "t");
	opened("p1-1", "{p1-1-a}");
	SQL(s, "connections.list", "ann", "user", NULL, NULL, "9");
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	SQL(s, "instances.start", "p1-1", "host-a", "30");
	NUMBER("closed", 1);
	SQL(s, "instances.stop", "p1-2");
	NUMBER("closed", 1);
}

static void
test_tickets(void)
{
	char hash[65];

	memset(hash, '7', 64);
	hash[64] = '\0';
	SQL(s, "tickets.create", hash, "ann", "user", "vip", "4000000000");
	CU_ASSERT_FALSE(sql_null(s, 0, "expires_at"));
	SQL(s, "tickets.redeem", hash);
	VALUE("user_id", "ann");
	VALUE("label", "vip");
	VALUE("token_exp", "4000000000");
	SQL(s, "tickets.redeem", hash);
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "tickets.create", hash, "ann", "user", NULL, "4000000000");
	RUN(s, "update tickets set expires_at = now() - interval '2 minutes'");
	SQL(s, "tickets.redeem", hash);
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "tickets.create", hash, "ann", "user", NULL, "1000");
	SQL(s, "tidy.run", "7");
	NUMBER("tickets", 1);
}

static void
test_disconnect(void)
{
	char hash[65] = "";
	int64_t open;

	memset(hash, '9', 64);
	SQL(s, "tickets.create", hash, "ann", "user", NULL, "4000000000");
	RUN(s,
	    "select count(*) as open from connections"
	    " where user_id = 'ann' and disconnected_at is null");
	open = sql_number(s, 0, "open");
	SQL(s, "connections.close_all", "ben", "user", "ann");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "forbidden");
	SQL(s, "connections.close_all", "ben", "admin", "ann");
	VALUE("user_id", "ann");
	NUMBER("closed", open);
	SQL(s, "tickets.redeem", hash);
	CU_ASSERT_EQUAL(sql_rows(s), 0);
}

/* What a process is to close is there for it to find. */
static void
test_closings(void)
{
	RUN(s, "truncate closings");
	opened("p1-9", "{p1-9-a}");
	SQL(s, "connections.control", "ben", "user", "p1-9-a", "close", "{}");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "connections.control", "ann", "user", "p1-9-a", "touch", "{}");
	SQL(s, "closings.mine", "p1-9");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "connections.control", "ann", "user", "p1-9-a", "close", "{}");
	SQL(s, "connections.close_all", "ann", "user", "ann");
	SQL(s, "closings.mine", "p1-9");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	VALUE("connection", "p1-9-a");
	RUN(s, "update closings set at = at - interval '61 minutes'");
	SQL(s, "tidy.run", "7");
	SQL(s, "closings.mine", "p1-9");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
}

/* What somebody waits for is kept until it was obeyed or is taken back. */
static void
test_orders_kept(void)
{
	char id[24], other[24];

	RUN(s, "truncate orders");
	opened("p1-8", "{p1-8-a}");
	SQL(s, "connections.control", "ann", "user", "p1-8-a", "touch", "{}");
	CU_ASSERT_TRUE(sql_null(s, 0, "_order"));
	SQL(s, "orders.mine", "p1-8");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "connections.control", "ann", "user", "p1-8-a", "watch",
	    "{\"topics\":[\"presence:ben\"]}");
	VALUE("id", "p1-8-a");
	snprintf(id, sizeof(id), "%s", sql_text(s, 0, "_order"));
	SQL(s, "connections.control", "ann", "user", "p1-8-a", "unwatch",
	    "{\"topics\":[\"presence:ben\"]}");
	snprintf(other, sizeof(other), "%s", sql_text(s, 0, "_order"));
	SQL(s, "orders.mine", "p1-9");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "orders.mine", "p1-8");
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	VALUE("id", id);
	CU_ASSERT_PTR_NOT_NULL(strstr(sql_text(s, 0, "terms"), "presence:ben"));
	SQL(s, "orders.waits", id);
	VALUE("waits", "t");
	RUN(s, "update orders set at = at - interval '11 seconds'");
	SQL(s, "orders.mine", "p1-8");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "orders.done", "{0}");
	SQL(s, "orders.withdraw", id);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	SQL(s, "orders.withdraw", id);
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "orders.waits", other);
	VALUE("waits", "t");
	RUN(s, "update orders set at = at - interval '1 minute'");
	SQL(s, "tidy.run", "7");
	SQL(s, "orders.waits", other);
	VALUE("waits", "f");
}

static void
test_ticket_resumed(void)
{
	char hash[65] = "", mine[65] = "", other[65] = "";

	memset(hash, '8', 64);
	memset(mine, 'a', 64);
	memset(other, 'b', 64);
	SQL(s, "tickets.create", hash, "ann", "user", "vip", "4000000000");
	SQL(s, "tickets.resume", hash, mine, "f");
	VALUE("user_id", "ann");
	VALUE("token_exp", "4000000000");
	QUERY(s,
	    "select expires_at between now() + interval '23 hours' and"
	    " now() + interval '24 hours' as held from tickets");
	VALUE("held", "t");
	SQL(s, "tickets.resume", hash, other, "t");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "tickets.resume", hash, mine, "f");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "tickets.redeem", hash);
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "tickets.resume", hash, mine, "t");
	CU_ASSERT_EQUAL(sql_rows(s), 1);

	/* Half a day later the day begins anew. */
	RUN(s, "update tickets set expires_at = now() + interval '11 hours'");
	SQL(s, "tickets.resume", hash, mine, "t");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	QUERY(s,
	    "select expires_at > now() + interval '23 hours' as held"
	    " from tickets");
	VALUE("held", "t");

	/* Never beyond the credentials, which may be renewed. */
	SQL(s, "tickets.renew", hash, "1000");
	SQL(s, "tickets.resume", hash, mine, "t");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "tickets.renew", hash, "4000000000");
	SQL(s, "tickets.resume", hash, mine, "t");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	SQL(s, "tickets.end", hash);
	SQL(s, "tickets.resume", hash, mine, "t");
	CU_ASSERT_EQUAL(sql_rows(s), 0);

	/* Spent otherwise, it is nobody's; unused, it is not renewed. */
	SQL(s, "tickets.create", hash, "ann", "user", NULL, "4000000000");
	SQL(s, "tickets.renew", hash, "4000000001");
	SQL(s, "tickets.redeem", hash);
	VALUE("token_exp", "4000000000");
	SQL(s, "tickets.resume", hash, mine, "t");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
}

/* After a restored backup ids go on far above, and nothing below is served. */
static void
test_restored(void)
{
	RUN(s,
	    "select emit(array['t'], array['x'], array['{}']) as id,"
	    " (select count(*) from pg_inherits"
	    " where inhparent = 'events'::regclass) as parts");
	/* What followers have not seen is not thrown away. */
	SQL0(s, "events.restored");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	RUN(s,
	    "update log_followers set after_id = (select max(id) from events)");
	SQL0(s, "events.restored");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_TRUE(sql_number(s, 0, "floor_id") > INT64_C(10000000000));
	CU_ASSERT_TRUE(sql_number(s, 0, "dropped") > 0);
	RUN(s,
	    "select emit(array['t'], array['x'], array['{}'])"
	    " = l.floor_id + 1 as next, l.floor_id = l.indexed_upto as closed,"
	    " (select count(*) from events) as left,"
	    " (select min(after_id) from log_followers) = l.floor_id as followed"
	    " from event_log l");
	VALUE("next", "t");
	VALUE("closed", "t");
	VALUE("followed", "t");
	SQL(s, "events.housekeeping", "72", "4");
	CU_ASSERT_TRUE(sql_number(s, 0, "ids_left") > 1000000);
	RUN(s, "select count(*) as n from events");
	NUMBER("n", 1);
}

static void
test_keys(void)
{
	SQL(s, "idempotency.claim", "ann", "k", "op", "print");
	VALUE("outcome", "new");
	SQL(s, "idempotency.claim", "ann", "k", "op", "print");
	VALUE("outcome", "in_flight");
	SQL(s, "idempotency.claim", "ann", "k", "op", "other");
	VALUE("outcome", "mismatch");
	SQL(s, "idempotency.claim", "ben", "k", "op", "other");
	VALUE("outcome", "new");
	SQL(s, "idempotency.release", "ben", "k");
	SQL(s, "idempotency.claim", "ben", "k", "op", "print");
	VALUE("outcome", "new");
	SQL(s, "idempotency.store", "ann", "k", "201", "{\"id\": 1}");
	SQL(s, "idempotency.claim", "ann", "k", "op", "print");
	VALUE("outcome", "done");
	VALUE("status", "201");
	VALUE("body", "{\"id\": 1}");
	RUN(s,
	    "update idempotency_keys set created_at = now() - interval '61 s'"
	    " where caller = 'ben'");
	SQL(s, "idempotency.claim", "ben", "k", "op", "print");
	VALUE("outcome", "new");
	RUN(s,
	    "update idempotency_keys set created_at = now() - interval '25 h'");
	SQL(s, "idempotency.claim", "ann", "k", "op", "other");
	VALUE("outcome", "new");
	SQL(s, "tidy.run", "7");
	NUMBER("keys", 1);
	VALUE("more", "f");
}

static void
setup(void)
{
	RUN(s, "insert into users (id) values ('ann'), ('ben')");
}

static const struct test_case cases[] = {
	{ "keeps a log in partitions", test_log },
	{ "drops what is old", test_retention },
	{ "records connections", test_registry },
	{ "orders connections about", test_orders },
	{ "holds leases for processes", test_leases },
	{ "spends tickets once", test_tickets },
	{ "disconnects a user", test_disconnect },
	{ "closings", test_closings },
	{ "orders kept", test_orders_kept },
	{ "lets a browser come back with its ticket", test_ticket_resumed },
	{ "remembers idempotency keys", test_keys },
	{ "goes on far above after a restored backup", test_restored },
};

SQL_MAIN("sql_streams", setup)
