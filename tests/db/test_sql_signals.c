/* SPDX-License-Identifier: ISC */
/* Read positions and typing. */

#include "base/attr.h"
#include "tests/db/sql_fixture.h"

static char room[40]; /* a group of ann, ben and cat with ten messages */

static void
fresh_room(void)
{
	char to[700] = "{";

	SQL(s, "conversations.create", "ann", "user", NULL, "group", NULL, "G",
	    "{ben,cat}", NULL, NULL, NULL);
	(void)snprintf(room, sizeof(room), "%s", sql_text(s, 0, "id"));
	for (int i = 0; i < 10; i++)
		(void)snprintf(to + strlen(to), sizeof(to) - strlen(to), "%s%s",
		    room, i < 9 ? "," : "}");
	SQL(s, "messages.send", "{ann,ann,ann,ann,ann,ann,ann,ann,ann,ann}",
	    "{user,user,user,user,user,user,user,user,user,user}", to,
	    "{null,null,null,null,null,null,null,null,null,null}",
	    "{a,b,c,d,e,f,g,h,i,j}",
	    "{null,null,null,null,null,null,null,null,null,null}",
	    "{null,null,null,null,null,null,null,null,null,null}",
	    "{null,null,null,null,null,null,null,null,null,null}",
	    "{null,null,null,null,null,null,null,null,null,null}",
	    "{null,null,null,null,null,null,null,null,null,null}", NULL, NULL,
	    NULL, NULL, NULL, NULL);
	CU_ASSERT_EQUAL(sql_number(s, 9, "seq"), 10);
}

static void
mark(const char *user, const char *seq, const char *unread)
{
	char users[40], rooms[60], seqs[40], flags[40];

	(void)snprintf(users, sizeof(users), "{%s}", user);
	(void)snprintf(rooms, sizeof(rooms), "{%s}", room);
	(void)snprintf(seqs, sizeof(seqs), "{%s}", seq);
	(void)snprintf(flags, sizeof(flags), "{%s}", unread);
	SQL(s, "receipts.mark", users, "{user}", rooms, seqs, "{null}", flags,
	    "{null}");
}

#define POSITION(row, last, seen, left)                                     \
	do {                                                                \
		CU_ASSERT_EQUAL(                                            \
		    sql_number(s, (row), "last_read_seq"), (last));         \
		CU_ASSERT_EQUAL(sql_number(s, (row), "seen_upto"), (seen)); \
		CU_ASSERT_EQUAL(sql_number(s, (row), "unread"), (left));    \
	} while (0)

static void
test_marks(void)
{
	char topic[60];

	fresh_room();
	(void)snprintf(topic, sizeof(topic), "conversation:%s", room);
	mark("ben", "4", "null");
	POSITION(0, 4, 4, 6);
	RUN(s, "select * from events order by id desc limit 1");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "type"), "receipt.updated");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic"), topic);
	mark("ben", "2", "null");
	POSITION(0, 4, 4, 6);
	CU_ASSERT_TRUE(sql_null(s, 0, "_event"));
	mark("ben", "99", "null");
	POSITION(0, 10, 10, 0);
	mark("ben", "7", "true");
	POSITION(0, 7, 10, 3);
	RUN(s, "select * from events order by id desc limit 1");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic"), "user:ben");
	mark("ben", "8", "null");
	POSITION(0, 8, 10, 2);
	SQL(s, "conversations.get", "ben", "user", room, NULL);
	CU_ASSERT_EQUAL(sql_number(s, 0, "unread"), 2);
	SQL(s, "members.list", "ann", "user", room, NULL, NULL, "50");
	CU_ASSERT_EQUAL(sql_number(s, 1, "seen_upto"), 10);
}

/* A batch: several members, and several marks of one in their order. */
static void
test_marks_many(void)
{
	char rooms[300], messages[200];

	fresh_room();
	(void)snprintf(rooms, sizeof(rooms), "{%s,%s,%s,%s,%s,public}", room,
	    room, room, room, room);
	QUERY(s,
	    "select format('{null,null,null,%s,null,null}', id) as ids"
	    " from messages where conversation_id = $1::uuid and seq = 6",
	    room);
	(void)snprintf(messages, sizeof(messages), "%s", sql_text(s, 0, "ids"));
	SQL(s, "receipts.mark", "{ben,ben,ben,cat,dan,ann}",
	    "{user,user,user,user,user,user}", rooms, "{5,3,4,null,1,1}",
	    messages, "{null,true,null,null,null,null}",
	    "{o1,o1,o1,null,null,null}");
	CU_ASSERT_EQUAL(sql_rows(s), 6);
	POSITION(0, 4, 5, 6);
	POSITION(1, 4, 5, 6);
	POSITION(2, 4, 5, 6);
	POSITION(3, 6, 6, 4);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 4, "_error"), "not_found");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 5, "_error"), "not_a_member");
	QUERY(s,
	    "select count(*) as n from events where type = 'receipt.updated'"
	    " and topic = 'conversation:' || $1",
	    room);
	CU_ASSERT_EQUAL(sql_number(s, 0, "n"), 2);
}

static void
test_refuses(void)
{
	char rooms[100];

	fresh_room();
	(void)snprintf(rooms, sizeof(rooms), "{%s,%s}", room, room);
	SQL(s, "receipts.mark", "{ben,ben}", "{user,user}", rooms,
	    "{null,null}", "{null,00000000-0000-0000-0000-000000000000}",
	    "{null,null}", "{null,null}");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "_error"), "required");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "_error"), "unknown_message");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "_field"), "message_id");
}

/* In a large conversation only the reader's own connections hear of it. */
static void
test_tells_few(void)
{
	fresh_room();
	QUERY(s,
	    "update conversations set member_count = 65 where id = $1::uuid",
	    room);
	mark("cat", "5", "null");
	RUN(s, "select * from events order by id desc limit 1");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic"), "user:cat");
}

static void
test_ranges(void)
{
	fresh_room();
	mark("ben", "2", "null");
	mark("ben", "4", "null");
	QUERY(s,
	    "update receipts set read_at = read_at - interval '61 seconds'"
	    " where conversation_id = $1::uuid",
	    room);
	mark("ben", "7", "null");
	mark("ben", "1", "true");
	mark("ben", "8", "null");
	QUERY(s,
	    "select string_agg(from_seq || '-' || upto_seq, ' '"
	    " order by from_seq) as ranges from receipts"
	    " where conversation_id = $1::uuid and user_id = 'ben'",
	    room);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "ranges"), "1-4 5-8");
}

/* What one typed is read by oneself; a position that is further stays. */
static void
test_advances(void)
{
	char rooms[200];

	fresh_room();
	mark("ben", "9", "null");
	(void)snprintf(
	    rooms, sizeof(rooms), "{%s,%s,%s,%s}", room, room, room, room);
	SQL(s, "positions.advance", "{ann,ben,ann,dan}", rooms, "{3,5,10,2}");
	CU_ASSERT_EQUAL(sql_number(s, 0, "moved"), 1);
	SQL(s, "conversations.get", "ann", "user", room, NULL);
	CU_ASSERT_EQUAL(sql_number(s, 0, "last_read_seq"), 10);
	CU_ASSERT_EQUAL(sql_number(s, 0, "unread"), 0);
	SQL(s, "conversations.get", "ben", "user", room, NULL);
	CU_ASSERT_EQUAL(sql_number(s, 0, "last_read_seq"), 9);
}

/* System messages and tombstones do not count, and 999 is the most. */
static void
test_unread(void)
{
	fresh_room();
	QUERY(s,
	    "update messages set type = case when seq = 3 then 'system'"
	    " else type end, deleted_at = case when seq = 5 then now() end"
	    " where conversation_id = $1::uuid",
	    room);
	SQL(s, "conversations.get", "cat", "user", room, NULL);
	CU_ASSERT_EQUAL(sql_number(s, 0, "unread"), 8);
	mark("cat", "4", "null");
	CU_ASSERT_EQUAL(sql_number(s, 0, "unread"), 5);
	QUERY(s, "update conversations set last_seq = 5000 where id = $1::uuid",
	    room);
	SQL(s, "conversations.get", "cat", "user", room, NULL);
	CU_ASSERT_EQUAL(sql_number(s, 0, "unread"), 999);
}

/* Typing goes out in notifications that are under the limit of 8000 bytes, once
 * for each who types. */
static void
test_typing(void)
{
	char users[900] = "{", roles[900] = "{", rooms[3000] = "{";
	char nulls[900] = "{", starts[2000] = "{";
	const char *payload;
	int told = 0;

	fresh_room();
	RUN(s, "listen parley_ephemeral");
	for (int i = 0; i < 64; i++) {
		const char *end = i < 63 ? "," : "}";

		(void)snprintf(users + strlen(users), 12, "typist%d%s", i, end);
		(void)snprintf(roles + strlen(roles), 12, "user%s", end);
		(void)snprintf(rooms + strlen(rooms), 12, "public%s", end);
		(void)snprintf(nulls + strlen(nulls), 12, "null%s", end);
		(void)snprintf(
		    starts + strlen(starts), 20, "typing.started%s", end);
	}
	SQL(s, "typing.tell", starts, users, roles, rooms, NULL, nulls);
	CU_ASSERT_EQUAL(sql_rows(s), 64);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 63, "_error"), "");
	while (told < 64 &&
	    (payload = sql_notified(s, "parley_ephemeral")) != NULL) {
		CU_ASSERT_TRUE(strlen(payload) < 8000);
		QUERY(s, "select json_array_length($1::json) as n", payload);
		told += (int)sql_number(s, 0, "n");
	}
	CU_ASSERT_EQUAL(told, 64);

	(void)snprintf(rooms, sizeof(rooms), "{%s,%s,%s}", room, room, room);
	/* Of what one user said at once the last word is told. */
	SQL(s, "typing.tell", "{typing.started,typing.started,typing.stopped}",
	    "{ann,dan,ann}", "{user,user,user}", rooms, NULL, "{old,new,new}");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "_error"), "");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "_error"), "not_found");
	payload = sql_notified(s, "parley_ephemeral");
	CU_ASSERT_PTR_NOT_NULL_FATAL(payload);
	QUERY(s,
	    "select json_array_length($1::json) as n,"
	    " $1::json#>>'{0,event}' as event, $1::json#>>'{0,topic}' as topic,"
	    " $1::json#>>'{0,origin}' as origin, $1::json#>>'{0,data,name}' as"
	    " name",
	    payload);
	CU_ASSERT_EQUAL(sql_number(s, 0, "n"), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "event"), "typing.stopped");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic") + 13, room);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "origin"), "new");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "name"), "Ann");
}

static void
setup(void)
{
	SQL(s, "users.put_many",
	    "[{\"id\": \"ann\", \"name\": \"Ann\"}, {\"id\": \"ben\"},"
	    " {\"id\": \"cat\"}, {\"id\": \"dan\"}]");
}

static const struct test_case cases[] = {
	{ "moves positions", test_marks },
	{ "moves those of a batch in order", test_marks_many },
	{ "refuses marks without sense", test_refuses },
	{ "tells few of reading in a crowd", test_tells_few },
	{ "extends young ranges", test_ranges },
	{ "takes what one typed as read", test_advances },
	{ "counts what is to be read", test_unread },
	{ "announces who types", test_typing },
};

SQL_MAIN("sql_signals", setup)
