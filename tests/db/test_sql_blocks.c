/* SPDX-License-Identifier: ISC */
/* Users who block others. */

#include "base/attr.h"
#include "tests/db/sql_fixture.h"

static char direct[40]; /* of ann and ben */

static void
people(void)
{
	RUN(s, "truncate users cascade");
	SQL(s, "users.see", "{ann,ben,cat}", "{Ann,Ben,Cat}",
	    "{NULL,NULL,NULL}", "{NULL,NULL,NULL}");
}

static void
open_direct(const char *one, const char *other)
{
	SQL(s, "conversations.create", one, "user", NULL, "direct", other, NULL,
	    NULL, NULL, NULL, NULL);
}

static void
people_talking(void)
{
	people();
	open_direct("ann", "ben");
	(void)snprintf(direct, sizeof(direct), "%s", sql_text(s, 0, "id"));
}

/* The error of one message, "" when it was sent. */
static const char *
send_error(const char *user, const char *role)
{
	char users[20], roles[20], rooms[60];

	(void)snprintf(users, sizeof(users), "{%s}", user);
	(void)snprintf(roles, sizeof(roles), "{%s}", role);
	(void)snprintf(rooms, sizeof(rooms), "{%s}", direct);
	SQL(s, "messages.send", users, roles, rooms, "{null}", "{a}", "{null}",
	    "{null}", "{null}", "{null}", "{null}", NULL, NULL, NULL, NULL,
	    NULL, NULL);
	return (sql_text(s, 0, "_error"));
}

static const char *
typing_error(const char *user)
{
	char users[20], rooms[60];

	(void)snprintf(users, sizeof(users), "{%s}", user);
	(void)snprintf(rooms, sizeof(rooms), "{%s}", direct);
	SQL(s, "typing.tell", "{typing.started}", users, "{user}", rooms, NULL,
	    "{null}");
	return (sql_text(s, 0, "_error"));
}

static void
test_shuts_up(void)
{
	people_talking();
	SQL(s, "blocks.add", "ann", "user", NULL, "ben");
	CU_ASSERT_EQUAL(sql_number(s, 0, "_status"), 201);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "name"), "Ben");
	CU_ASSERT_STRING_EQUAL(send_error("ben", "user"), "forbidden");
	CU_ASSERT_STRING_EQUAL(typing_error("ben"), "forbidden");
	CU_ASSERT_STRING_EQUAL(send_error("ann", "user"), "");
	/* What was said can still be read, and the conversation be found. */
	open_direct("ben", "ann");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "id"), direct);
	SQL(s, "blocks.remove", "ann", NULL, "ben");
	CU_ASSERT_STRING_EQUAL(send_error("ben", "user"), "");
	CU_ASSERT_STRING_EQUAL(typing_error("ben"), "");
}

static void
test_opens_nothing(void)
{
	people();
	SQL(s, "blocks.add", "ann", "user", NULL, "ben");
	open_direct("ben", "ann");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "forbidden");
	open_direct("cat", "ann");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	/* Who blocks may write; the other still may not answer. */
	open_direct("ann", "ben");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	(void)snprintf(direct, sizeof(direct), "%s", sql_text(s, 0, "id"));
	CU_ASSERT_STRING_EQUAL(send_error("ann", "user"), "");
	CU_ASSERT_STRING_EQUAL(send_error("ben", "user"), "forbidden");
}

/* Twice is once; each way is its own. */
static void
test_both_ways(void)
{
	people_talking();
	SQL(s, "blocks.add", "ann", "user", NULL, "ben");
	SQL(s, "blocks.add", "ann", "user", NULL, "ben");
	CU_ASSERT_EQUAL(sql_number(s, 0, "_status"), 200);
	CU_ASSERT_TRUE(sql_null(s, 0, "_event"));
	SQL(s, "blocks.add", "ben", "user", NULL, "ann");
	CU_ASSERT_EQUAL(sql_number(s, 0, "_status"), 201);
	SQL(s, "blocks.remove", "ann", NULL, "ben");
	CU_ASSERT_STRING_EQUAL(send_error("ben", "user"), "");
	CU_ASSERT_STRING_EQUAL(send_error("ann", "user"), "forbidden");
	SQL(s, "blocks.remove", "ann", NULL, "ben");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "user_id"), "ben");
	CU_ASSERT_TRUE(sql_null(s, 0, "_event"));
}

static void
test_refuses(void)
{
	people();
	SQL(s, "blocks.add", "ann", "user", NULL, "ann");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "invalid");
	CU_ASSERT_STRING_EQUAL(sql_field(s), "user_id");
	SQL(s, "blocks.add", "ann", "user", NULL, "nobody");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "unknown_user");
	CU_ASSERT_STRING_EQUAL(sql_field(s), "user_id");
	SQL(s, "blocks.add", "ann", "service", NULL, "newcomer");
	CU_ASSERT_EQUAL(sql_number(s, 0, "_status"), 201);
}

/* Only who blocks hears of it, and what they hear is what the list shows. */
static void
test_tells(void)
{
	people();
	SQL(s, "blocks.add", "ann", "user", "c1", "ben");
	SQL(s, "blocks.add", "ann", "user", "c1", "cat");
	RUN(s,
	    "select data, origin, topic from events where type = 'block.added'"
	    " order by id desc limit 1");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic"), "user:ann");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "origin"), "c1");
	char data[300];
	(void)snprintf(data, sizeof(data), "%s", sql_text(s, 0, "data"));
	SQL(s, "blocks.list", "ann", NULL, "1");
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	char cursor[200];
	(void)snprintf(cursor, sizeof(cursor), "%s", sql_text(s, 0, "_cursor"));
	CU_ASSERT_TRUE(sql_shows(s, 0, data));
	SQL(s, "blocks.list", "ann", cursor, "1");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "id"), "ben");
	SQL(s, "blocks.list", "ben", NULL, "1");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "blocks.remove", "ann", NULL, "ben");
	RUN(s,
	    "select topic, data from events where type = 'block.removed'"
	    " order by id desc limit 1");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic"), "user:ann");
	CU_ASSERT_STRING_EQUAL(
	    sql_text(s, 0, "data"), "{\"user_id\" : \"ben\"}");
}

/* How many events who blocked has heard since. */
static int64_t
heard_since(const char *id)
{
	QUERY(s,
	    "select count(*) as n from events where id > $1 and topic in"
	    " ('user:ann', 'conversation:' || $2)",
	    id, direct);
	return (sql_number(s, 0, "n"));
}

/* All that ben could do so that ann would see a sign of him: of her message, of
 * his own, in `there`. */
static void
signs_refused(const char *hers, const char *his, const char *there)
{
	char at[40];

	SQL(s, "conversations.settings", "ben", "user", NULL, direct,
	    "{nickname}", NULL, NULL, NULL, NULL, "It's me", NULL, NULL);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "forbidden");
	CU_ASSERT_STRING_EQUAL(sql_field(s), "nickname");
	SQL(s, "reactions.add", "ben", "user", NULL, hers, "\xf0\x9f\x91\x8d");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "forbidden");
	SQL(s, "pins.add", "ben", "user", NULL, hers);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "forbidden");
	SQL(s, "messages.edit", "ben", "user", NULL, his, "b", NULL, NULL, NULL,
	    "0");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "forbidden");
	SQL(s, "messages.forward", "ben", "user", NULL, NULL, hers, there,
	    NULL);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "forbidden");
	RUN(s, "select rfc3339(now() + interval '1 hour') as at");
	(void)snprintf(at, sizeof(at), "%s", sql_text(s, 0, "at"));
	SQL(s, "messages.schedule", "ben", "user", NULL, direct, NULL, at,
	    "later", NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "forbidden");
	CU_ASSERT_STRING_EQUAL(typing_error("ben"), "forbidden");
}

/* What somebody does who is blocked: refused, or told to nobody else. */
static void
test_shows_no_life(void)
{
	char hers[40], his[40], there[60], last[30];

	people_talking();
	(void)snprintf(there, sizeof(there), "{%s}", direct);
	CU_ASSERT_STRING_EQUAL(send_error("ann", "user"), "");
	(void)snprintf(hers, sizeof(hers), "%s", sql_text(s, 0, "id"));
	CU_ASSERT_STRING_EQUAL(send_error("ben", "user"), "");
	(void)snprintf(his, sizeof(his), "%s", sql_text(s, 0, "id"));
	SQL(s, "blocks.add", "ann", "user", NULL, "ben");
	(void)snprintf(last, sizeof(last), "%s", sql_text(s, 0, "_event"));
	signs_refused(hers, his, there);

	/* These are theirs to do, and nobody else's to hear of. */
	SQL(s, "conversations.settings", "ben", "user", NULL, direct,
	    "{favourite}", NULL, NULL, NULL, "t", NULL, NULL, NULL);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	SQL(s, "receipts.mark", "{ben}", "{user}", there, "{2}", "{null}",
	    "{null}", "{null}");
	CU_ASSERT_EQUAL(sql_number(s, 0, "last_read_seq"), 2);
	QUERY(s,
	    "select r.* from receipts_deliver('{ben}', array[json_build_array("
	    "json_build_object('conversation_id', $1::text, 'seq', 2))::text],"
	    " '{null}') r",
	    direct);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	SQL(s, "threads.follow", "ben", "user", NULL, hers);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_EQUAL(heard_since(last), 0);
	QUERY(s,
	    "select seen_upto, delivered_upto from members where user_id"
	    " = 'ben' and conversation_id = $1",
	    direct);
	CU_ASSERT_EQUAL(sql_number(s, 0, "seen_upto"), 0);
	CU_ASSERT_EQUAL(sql_number(s, 0, "delivered_upto"), 0);

	/* When it is over, the next word of it says all. */
	SQL(s, "blocks.remove", "ann", NULL, "ben");
	SQL(s, "receipts.mark", "{ben}", "{user}", there, "{2}", "{null}",
	    "{null}", "{null}");
	CU_ASSERT_EQUAL(sql_number(s, 0, "seen_upto"), 2);
	RUN(s,
	    "select count(*) as n from events where type = 'receipt.updated'"
	    " and topic like 'conversation:%'");
	CU_ASSERT_EQUAL(sql_number(s, 0, "n"), 1);
}

/* Nor are they brought into a group together. */
static void
test_brings_nobody(void)
{
	SQL(s, "blocks.add", "ann", "user", NULL, "ben");
	SQL(s, "conversations.create", "ben", "user", NULL, "group", NULL, "Us",
	    "{ann}", NULL, NULL, NULL);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "forbidden");
	CU_ASSERT_STRING_EQUAL(sql_field(s), "member_ids");
	SQL(s, "conversations.create", "ben", "user", NULL, "group", NULL, "Me",
	    NULL, NULL, NULL, NULL);
	SQL(s, "members.add", "ben", "user", NULL, sql_text(s, 0, "id"),
	    "{ann}");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "forbidden");
	CU_ASSERT_STRING_EQUAL(sql_field(s), "user_ids");
	SQL(s, "blocks.remove", "ann", NULL, "ben");
}

static const struct test_case cases[] = {
	{ "who is blocked cannot write", test_shuts_up },
	{ "who is blocked cannot open a conversation", test_opens_nothing },
	{ "each blocks for themselves", test_both_ways },
	{ "who is blocked shows no sign of life", test_shows_no_life },
	{ "who is blocked brings nobody in", test_brings_nobody },
	{ "refuses what makes no sense", test_refuses },
	{ "tells who blocks, and nobody else", test_tells },
};

SQL_MAIN("sql_blocks", NULL)
