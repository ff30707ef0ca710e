/* SPDX-License-Identifier: ISC */
/* Presence: what is so, when it is told, and to whom. */

#include <string.h>

#include "base/attr.h"
#include "tests/db/cluster.h"
#include "tests/db/sql.h"
#include "tests/unit/harness.h"

static struct cluster *cluster;
static struct sql *s, *other;

#define VALUE(column, value) \
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, (column)), (value))
#define NUMBER(column, value) \
	CU_ASSERT_EQUAL(sql_number(s, 0, (column)), (value))

static void
told_is(struct sql *who, int told)
{
	if (sql_number(who, 0, "told") != told)
		fprintf(stderr, "\ntold %s\n", sql_text(who, 0, "told"));
	CU_ASSERT_EQUAL(sql_number(who, 0, "told"), told);
}

/* A look, and the telling of what it wrote. */
static void
tick_as(struct sql *who, const char *grace_s, const char *away_s, int told)
{
	SQL(who, "presence.tick", grace_s, away_s, "1000", "100000");
	told_is(who, told);
	SQL0(who, "presence.tell");
	told_is(who, told);
}

/* Grace of 8 s, away after 300 s. */
static void
tick(int told)
{
	tick_as(s, "8", "300", told);
}

static void
look_now(void)
{
	RUN(s, "update presence_due set at = now()");
}

/* Streams of one process: their ids, users and platforms. */
static void
record(const char *process, const char *ids, const char *users,
    const char *platforms, const char *ended)
{
	QUERY(s,
	    "select opened, closed from connections_record($1, 'here', $2, $3, array_fill('sse'::text,"
	    " array[cardinality($2::text[])]), $4, $4, $4, $4, array_fill("
	    " now(), array[cardinality($2::text[])]), $5, array_fill(1000,"
	    " array[cardinality($5::text[])]))",
	    process, ids, users, platforms, ended);
}

static void
opened(const char *connection, const char *user, const char *platform)
{
	char id[20], who[20], what[20];

	(void)snprintf(id, sizeof(id), "{%s}", connection);
	(void)snprintf(who, sizeof(who), "{%s}", user);
	(void)snprintf(what, sizeof(what), "{%s}", platform);
	record("p1-1", id, who, what, "{}");
}

static void
closed(const char *connection)
{
	char id[20];

	(void)snprintf(id, sizeof(id), "{%s}", connection);
	record("p1-1", "{}", "{}", "{}", id);
}

/* As if what has ended had ended a minute ago. */
static void
long_ago(void)
{
	RUN(s, "update presence_due set gone = now() - interval '1 minute'");
	look_now();
}

static const char *
seen(const char *caller, const char *user, const char *path)
{
	char ids[64];

	(void)snprintf(ids, sizeof(ids), "{%s}", user);
	SQL(s, "presence.get", caller, "user", ids);
	QUERY(s, "select $1::json#>>$2::text[] as it", sql_text(s, 0, "data"),
	    path);
	return sql_text(s, 0, "it");
}

#define STATE(caller, user, wanted) \
	CU_ASSERT_STRING_EQUAL(seen((caller), (user), "{0,state}"), (wanted))

static void
test_comes_and_goes(void)
{
	RUN(s,
	    "insert into users (id) values ('ann'), ('ben'), ('cid'), ('dan')");
	tick(0);
	STATE("ben", "ann", "offline");
	opened("a1", "ann", "web");
	STATE("ben", "ann", "offline");
	tick(1);
	STATE("ben", "ann", "online");
	CU_ASSERT_STRING_EQUAL(seen("ben", "ann", "{0,devices}"), "[\"web\"]");
	CU_ASSERT_STRING_EQUAL(seen("ben", "ann", "{0,last_seen}"), "");
	tick(0);
	/* Another device is news, its like is none. */
	opened("a2", "ann", "ios");
	tick(1);
	opened("a3", "ann", "ios");
	tick(0);
	CU_ASSERT_STRING_EQUAL(
	    seen("ben", "ann", "{0,devices}"), "[\"ios\",\"web\"]");
	closed("a3");
	closed("a2");
	tick(0);
	long_ago();
	tick(1);
	CU_ASSERT_STRING_EQUAL(seen("ben", "ann", "{0,devices}"), "[\"web\"]");
	/* So is what a client says of itself later. */
	SQL(s, "connections.update", "ann", "user", "a1", "desktop", NULL);
	tick(1);
	CU_ASSERT_STRING_EQUAL(
	    seen("ben", "ann", "{0,devices}"), "[\"desktop\"]");
	SQL(s, "connections.update", "ann", "user", "a1", NULL, "2");
	tick(0);
	SQL(s, "connections.update", "ann", "user", "a1", "web", NULL);
	tick(1);
}

/* Whoever comes back within the grace was never gone. */
static void
test_grace(void)
{
	closed("a1");
	tick(0);
	STATE("ben", "ann", "online");
	opened("a4", "ann", "web");
	long_ago();
	tick(0);
	closed("a4");
	tick(0);
	long_ago();
	tick(1);
	STATE("ben", "ann", "offline");
	RUN(s,
	    "select last_seen < now() - interval '50 s' as then"
	    " from presence where user_id = 'ann'");
	VALUE("then", "t");
	RUN(s, "select count(*) as n from presence_due");
	NUMBER("n", 0);
}

/* A dead process: the living close its rows, with no grace, since that has long
 * been over. */
static void
test_dead_process(void)
{
	SQL(s, "instances.start", "p9-1", "there", "30");
	record("p9-1", "{d1}", "{dan}", "{NULL}", "{}");
	tick(1);
	RUN(s,
	    "update connections set connected_at = now() - interval '1 hour'"
	    " where id = 'd1'");
	RUN(s,
	    "update processes set expires_at = now() - interval '1 second'"
	    " where id = 'p9-1'");
	SQL0(s, "connections.reap");
	NUMBER("connections", 1);
	tick(1);
	STATE("ben", "dan", "offline");
}

static void
set(const char *state, const char *text, const char *emoji, const char *seconds,
    const char *type, const char *name)
{
	SQL(s, "presence.set", "ann", state, text, emoji, seconds, type, name);
}

static void
test_chosen(void)
{
	opened("a5", "ann", "NULL");
	tick(1);
	CU_ASSERT_STRING_EQUAL(
	    seen("ben", "ann", "{0,devices}"), "[\"other\"]");
	set("dnd", "in a \"meeting\"", "\xf0\x9f\x93\x85", "60", "playing",
	    "Chess");
	VALUE("state", "dnd");
	tick(1);
	STATE("ben", "ann", "dnd");
	CU_ASSERT_STRING_EQUAL(
	    seen("ben", "ann", "{0,status,text}"), "in a \"meeting\"");
	CU_ASSERT_STRING_EQUAL(
	    seen("ben", "ann", "{0,activity,name}"), "Chess");
	set(NULL, NULL, NULL, NULL, NULL, NULL);
	tick(0);
	/* Its end comes by itself. */
	RUN(s,
	    "update presence set status_until = now() - interval '1 s'"
	    " where user_id = 'ann'");
	look_now();
	tick(1);
	CU_ASSERT_STRING_EQUAL(seen("ben", "ann", "{0,status}"), "");
	STATE("ben", "ann", "dnd");
	set("online", NULL, NULL, NULL, NULL, "");
	tick(1);
	CU_ASSERT_STRING_EQUAL(seen("ben", "ann", "{0,activity}"), "");
	set(NULL, NULL, NULL, NULL, "playing", NULL);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "required");
}

/* Others see nobody, and not later either that somebody was there. */
static void
test_invisible(void)
{
	set("invisible", NULL, NULL, NULL, "custom", "secret");
	tick(1);
	STATE("ben", "ann", "offline");
	CU_ASSERT_STRING_EQUAL(seen("ben", "ann", "{0,activity}"), "");
	CU_ASSERT_STRING_EQUAL(seen("ben", "ann", "{0,devices}"), "[]");
	STATE("ann", "ann", "invisible");
	CU_ASSERT_STRING_EQUAL(
	    seen("ann", "ann", "{0,devices}"), "[\"other\"]");
	RUN(s,
	    "update presence set last_seen = now() - interval '1 hour'"
	    " where user_id = 'ann'");
	closed("a5");
	long_ago();
	tick(1);
	RUN(s,
	    "select last_seen < now() - interval '30 minutes' as kept"
	    " from presence where user_id = 'ann'");
	VALUE("kept", "t");
	set("online", NULL, NULL, NULL, NULL, NULL);
	tick(0);
}

static void
test_idles(void)
{
	opened("a6", "ann", "web");
	tick(1);
	RUN(s, "select at > now() + interval '290 s' as due from presence_due");
	VALUE("due", "t");
	RUN(s,
	    "update presence set active_at = now() - interval '301 s'"
	    " where user_id = 'ann'");
	look_now();
	tick(1);
	STATE("ben", "ann", "away");
	/* Coming back with the device is no doing. */
	closed("a6");
	opened("a7", "ann", "web");
	long_ago();
	tick(0);
	STATE("ben", "ann", "away");
	SQL(s, "presence.touch", "{ann,ben,nobody}");
	NUMBER("touched", 1);
	tick(1);
	STATE("ben", "ann", "online");
	/* And without the setting nobody idles. */
	RUN(s,
	    "update presence set active_at = now() - interval '1 day'"
	    " where user_id = 'ann'");
	look_now();
	tick_as(s, "8", NULL, 0);
	RUN(s, "select count(*) as n from presence_due");
	NUMBER("n", 0);
}

static const char *
told(void)
{
	const char *text = sql_notified(s, "parley_ephemeral");

	return text != NULL ? text : "";
}

/* ann is with ben in a small conversation, with 200 others in a large one, and
 * with cid in an open channel.  The id of the small one. */
static void
circles_make(char small[40])
{
	RUN(s,
	    "select id from conversations_create('ann', 'user', null,"
	    " 'group', null, 'G', '{ben}', null, null)");
	(void)snprintf(small, 40, "%s", sql_text(s, 0, "id"));
	RUN(s,
	    "insert into users (id) select 'u' || n"
	    " from generate_series(1, 200) n");
	RUN(s,
	    "select id from conversations_create('ann', 'user', null,"
	    " 'group', null, 'L', array(select 'u' || n"
	    " from generate_series(1, 200) n), null, null)");
	RUN(s,
	    "select added from members_add('root', 'service', null, 'public',"
	    " '{ann,cid}')");
}

/* Members of small conversations; of an open channel not who only listens. */
static void
test_to_whom(void)
{
	char small[40];

	circles_make(small);
	RUN(s, "listen parley_ephemeral");
	set("dnd", NULL, NULL, NULL, NULL, NULL);
	tick(1);
	QUERY(s,
	    "select e->>'event' as event, e->>'topic' as topic,"
	    " e->>'except' as except, e#>>'{data,state}' as state,"
	    " array(select json_array_elements_text(e->'via') order by 1)"
	    " = array['conversation:' || $2, 'presence:ann', 'user:cid']"
	    " as via"
	    " from json_array_elements($1::json) e"
	    " where e->>'except' is not null",
	    told(), small);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	VALUE("event", "presence.updated");
	VALUE("topic", "presence:ann");
	VALUE("except", "user:ann");
	VALUE("state", "dnd");
	VALUE("via", "t");
	set("invisible", NULL, NULL, NULL, NULL, NULL);
	tick(1);
	/* When she was last there, those hear who hear of her unasked; after
	 * those who only watch, since some do both. */
	QUERY(s,
	    "select string_agg(concat(e.v#>>'{data,state}', ' ',"
	    " e.v#>>'{data,last_seen}' is not null, ' ', (e.v->>'via')"
	    " like '[\"presence:ann\"%', ' ', json_array_length(e.v->'via')),"
	    " ', ' order by n) as right"
	    " from json_array_elements($1::json) with ordinality e(v, n)",
	    told());
	VALUE("right", "offline f t 1, offline t f 2, invisible t f 1");
	RUN(s, "unlisten *");
}

/* The same learn by asking when she was last there. */
static void
test_who_may_ask(void)
{
	RUN(s,
	    "select ((presence_shared('ben', 'ann'),"
	    " presence_shared('u1', 'ann'), presence_shared('u1', 'u2'),"
	    " presence_shared('cid', 'ann'), presence_shared('dan', 'ann'))"
	    " = (true, false, false, true, false))::text as right");
	VALUE("right", "true");
	CU_ASSERT_STRING_NOT_EQUAL(seen("ben", "ann", "{0,last_seen}"), "");
	CU_ASSERT_STRING_NOT_EQUAL(seen("cid", "ann", "{0,last_seen}"), "");
	CU_ASSERT_STRING_EQUAL(seen("dan", "ann", "{0,last_seen}"), "");
	CU_ASSERT_STRING_EQUAL(seen("u1", "ann", "{0,last_seen}"), "");
	CU_ASSERT_STRING_NOT_EQUAL(seen("ann", "ann", "{0,last_seen}"), "");
	SQL(s, "presence.get", "root", "service", "{ann}");
	CU_ASSERT_PTR_NULL(
	    strstr(sql_text(s, 0, "data"), "\"last_seen\":null"));
}

static void
state_for(const char *caller, const char *wanted)
{
	SQL(s, "presence.get", caller, "user", "{ann}");
	QUERY(s, "select $1::json#>>'{0,state}' as state, $1::json->0 as whole",
	    sql_text(s, 0, "data"));
	VALUE("state", wanted);
}

/* Who is blocked sees nobody there, at once and from then on; afterwards what
 * is so. */
static void
test_blocked(void)
{
	set("online", "busy", NULL, NULL, "playing", "chess");
	tick(1);
	state_for("ben", "online");
	RUN(s, "listen parley_ephemeral");
	SQL(s, "blocks.add", "ann", "user", NULL, "ben");
	QUERY(s,
	    "select e->>'via' as via, e#>>'{data,state}' as state,"
	    " (e->'data')::text = presence_nobody('ann')::json::text as bare"
	    " from json_array_elements($1::json) e",
	    told());
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	VALUE("via", "[\"user:ben\"]");
	VALUE("state", "offline");
	VALUE("bare", "t");
	state_for("ben", "offline");
	QUERY(s, "select $1::text = presence_nobody('ann')::json::text as bare",
	    sql_text(s, 0, "whole"));
	VALUE("bare", "t");
	state_for("cid", "online");
	state_for("ann", "online");
	SQL(s, "blocks.add", "ann", "user", NULL, "ben"); /* nothing new */
	set("dnd", NULL, NULL, NULL, NULL, NULL);
	tick(1);
	QUERY(s,
	    "select e->>'unless' as unless"
	    " from json_array_elements($1::json) e"
	    " where e->>'except' is not null",
	    told());
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	VALUE("unless", "[\"user:ben\"]");
	SQL(s, "blocks.remove", "ann", NULL, "ben");
	QUERY(s,
	    "select e->>'via' as via, e#>>'{data,state}' as state"
	    " from json_array_elements($1::json) e",
	    told());
	VALUE("via", "[\"user:ben\"]");
	VALUE("state", "dnd");
	state_for("ben", "dnd");
	/* However many are blocked, others are told. */
	RUN(s,
	    "insert into blocks (user_id, blocked_id, created_at)"
	    " select 'ann', 'u' || n, now() from generate_series(1, 200) n");
	RUN(s,
	    "insert into users (id) select repeat('\"', 100) || n"
	    " from generate_series(1, 60) n");
	RUN(s,
	    "insert into blocks (user_id, blocked_id, created_at)"
	    " select 'ann', id, now() from users where id like '\"\"%'"
	    " on conflict do nothing");
	set("away", NULL, NULL, NULL, NULL, NULL);
	tick(1);
	RUN(s, "unlisten *");
	while (*told() != '\0')
		;
	RUN(s, "delete from blocks where user_id = 'ann'");
	RUN(s, "delete from users where id like '\"\"%'");
	set("invisible", "", NULL, NULL, NULL, "");
	tick(1);
}

/* However users are called, it fits notifications: else nobody would be told of
 * any more. */
static void
test_awkward_names(void)
{
	RUN(s,
	    "insert into users (id) select repeat('\"', 120) || n"
	    " from generate_series(100, 179) n");
	RUN(s,
	    "select id from conversations_create('ann', 'admin', null,"
	    " 'channel', null, 'quotes', array(select id from users"
	    " where id like '\"%' or id = 'ann'), 'open', null)");
	RUN(s, "listen parley_ephemeral");
	set("away", NULL, NULL, NULL, NULL, NULL);
	tick(1);
	RUN(s, "unlisten *");
}

/* What is too much for one look comes in the next; one user always. */
static void
test_budget(void)
{
	char ids[200], users[200];

	RUN(s,
	    "select array_agg('x' || n) as ids, array_agg('u' || n) as users"
	    " from generate_series(1, 20) n");
	(void)snprintf(ids, sizeof(ids), "%s", sql_text(s, 0, "ids"));
	(void)snprintf(users, sizeof(users), "%s", sql_text(s, 0, "users"));
	record("p1-1", ids, users, users, "{}");
	/* Each has cost: a conversation of two with the next. */
	RUN(s,
	    "select count(*) from generate_series(1, 19) n,"
	    " conversations_create('u' || n, 'user', null, 'group', null,"
	    " 'P', array['u' || n + 1], null, null)");
	/* Who has waited longest goes first, whatever their name. */
	RUN(s,
	    "update presence_due set at = now() - interval '1 minute'"
	    " where user_id = 'u9'");
	SQL(s, "presence.tick", "8", "300", "1000", "1");
	NUMBER("looked", 20);
	NUMBER("told", 1);
	RUN(s, "select up from presence where user_id = 'u9'");
	VALUE("up", "t");
	SQL(s, "presence.tick", "8", "300", "1000", "8");
	NUMBER("looked", 19);
	CU_ASSERT_TRUE(sql_number(s, 0, "told") > 1);
	CU_ASSERT_TRUE(sql_number(s, 0, "told") < 6);
	SQL(s, "presence.tick", "8", "300", "5", "100000");
	NUMBER("told", 5);
	VALUE("more", "t");
	SQL(s, "presence.tick", "8", "300", "1000", "100000");
	RUN(s,
	    "select count(*) as n from presence where up"
	    " and user_id like 'u%'");
	NUMBER("n", 20);
}

/* One at a time; and what changes under way is not missed. */
static void
test_races(void)
{
	RUN(s, "begin");
	closed("x1");
	/* Not visible yet: another's look finds nothing to do. */
	tick_as(other, "0", "300", 0);
	RUN(s, "commit");
	tick_as(other, "0", "300", 1);

	RUN(s, "begin");
	tick(0);
	closed("x2");
	tick_as(s, "0", "300", 1);
	tick_as(other, "0", "300", 0);
	RUN(s, "commit");
	RUN(s,
	    "select bool_or(up) as up from presence"
	    " where user_id in ('u1', 'u2')");
	VALUE("up", "f");
}

/* A look under way knows nothing of a block that comes meanwhile, and would tell
 * last of who is offline then: the block waits for it. */
static void
test_block_waits(void)
{
	opened("x3", "u3", "web");
	look_now();
	RUN(other, "set lock_timeout = '100ms'");
	RUN(s, "begin");
	SQL(s, "presence.tick", "8", "300", "1000", "100000");
	sql_may_fail(other);
	SQL(other, "blocks.add", "u3", "user", NULL, "u4");
	CU_ASSERT_STRING_EQUAL(sql_state(other), "55P03");
	RUN(s, "commit");
	SQL(other, "blocks.add", "u3", "user", NULL, "u4");
	CU_ASSERT_STRING_EQUAL(sql_text(other, 0, "_status"), "201");
	RUN(other, "reset lock_timeout");
	STATE("u4", "u3", "offline");
}

/* Whether a notification, the others before it aside, names that topic. */
static bool
heard_on(const char *kind, const char *id)
{
	char topic[64];
	const char *text;

	(void)snprintf(topic, sizeof(topic), "\"%s:%s\"", kind, id);
	do {
		text = told();
	} while (*text != '\0' && strstr(text, topic) == NULL);
	return (*text != '\0');
}

/* Who comes to share a conversation while a look goes on, and asks meanwhile,
 * hears what the look found: the telling knows of it. */
static void
test_joined_meanwhile(void)
{
	static char shared[40];

	opened("y1", "u160", "web");
	tick(1);
	RUN(s, "listen parley_ephemeral");
	RUN(s, "begin");
	closed("y1");
	SQL(s, "presence.tick", "0", "300", "1000", "100000");
	told_is(s, 1);
	RUN(other,
	    "select id from conversations_create('u150', 'user', null,"
	    " 'group', null, 'Late', '{u160}', null, null)");
	(void)snprintf(shared, sizeof(shared), "%s", sql_text(other, 0, "id"));
	SQL(other, "presence.get", "u150", "user", "{u160}");
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(sql_text(other, 0, "data"), "\"online\""));
	RUN(s, "commit");
	SQL0(s, "presence.tell");
	told_is(s, 1);
	CU_ASSERT_TRUE(heard_on("conversation", shared));
	RUN(s, "unlisten *");
}

/* The process that looked has died: the next look tells. */
static void
test_left_untold(void)
{
	opened("y2", "u160", "ios");
	SQL(s, "presence.tick", "8", "300", "1000", "100000");
	told_is(s, 1);
	RUN(s, "listen parley_ephemeral");
	SQL(other, "presence.tick", "8", "300", "1000", "100000");
	told_is(other, 0);
	CU_ASSERT_TRUE(heard_on("presence", "u160"));
	RUN(s, "unlisten *");
	SQL0(s, "presence.tell");
	told_is(s, 0);
}

/* Rows that the transaction has read through an index. */
static int64_t
read_by(const char *index)
{
	QUERY(s, "select pg_stat_get_xact_tuples_returned($1::regclass) as n",
	    index);
	return sql_number(s, 0, "n");
}

/* Plans that were made while nobody was there serve a thousand who come at once:
 * each is looked up, no table is gone through for each. */
static void
test_first_crowd(void)
{
	tick(0);
	RUN(s,
	    "insert into users (id) select 'c' || i"
	    " from generate_series(0, 999) i");
	opened("c-first", "c0", "web");
	tick(1);
	closed("c-first");
	QUERY(s,
	    "select opened from connections_record('p1-1', 'here',"
	    " array(select 'c-' || i from generate_series(0, 999) i),"
	    " array(select 'c' || i from generate_series(0, 999) i),"
	    " array_fill('sse'::text, array[1000]),"
	    " array_fill('web'::text, array[1000]), $1, $1, $1,"
	    " array_fill(now(), array[1000]), '{}', '{}')",
	    NULL);
	NUMBER("opened", 1000);
	RUN(s, "begin");
	SQL(s, "presence.tick", "8", "300", "1000", "100000");
	NUMBER("looked", 1000);
	NUMBER("lookers", 1);
	told_is(s, 999); /* the first is as before */
	CU_ASSERT_EQUAL(read_by("connections_process"), 0);
	CU_ASSERT_TRUE(read_by("connections_user") <= 2000);
	CU_ASSERT_TRUE(read_by("presence_pkey") <= 8000);
	CU_ASSERT_TRUE(read_by("presence_due_pkey") <= 8000);
	RUN(s, "commit");
	SQL0(s, "presence.tell");
	told_is(s, 999);
	RUN(s, "delete from connections");
	RUN(s, "delete from users");
	look_now();
	tick(0);
}

static const struct test_case cases[] = {
	{ "costs what its users cost", test_first_crowd },
	{ "comes and goes", test_comes_and_goes },
	{ "has a grace", test_grace },
	{ "ends with the process", test_dead_process },
	{ "is chosen", test_chosen },
	{ "is hidden", test_invisible },
	{ "idles", test_idles },
	{ "is told to whom it concerns", test_to_whom },
	{ "those may ask as well", test_who_may_ask },
	{ "is not seen by who is blocked", test_blocked },
	{ "is told to whoever is called what", test_awkward_names },
	{ "is told as fast as can be", test_budget },
	{ "misses nothing", test_races },
	{ "keeps the order of a look and a block", test_block_waits },
	{ "is told to who joins meanwhile", test_joined_meanwhile },
	{ "is told by the next look", test_left_untold },
};

int
main(int argc, char **argv)
{
	int status;

	cluster = cluster_new_migrated();
	s = sql_open(cluster);
	other = sql_open(cluster);
	status = test_main(
	    "sql_presence", cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL);
	sql_close(s);
	sql_close(other);
	cluster_free(cluster);
	return (status);
}
