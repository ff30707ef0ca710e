/* SPDX-License-Identifier: ISC */
/* What others have read and had, and who is told of it. */

#include "tests/db/receipts_fixture.h"

static char told_of[40];

/* What ben's device has had: the conversation of `room` and one that is not
 * there. */
static void
deliver(const char *user, const char *seq)
{
	QUERY(s,
	    "select r.ord, r.data::text as data, r.event_id"
	    " from receipts_deliver(array[$1], array[json_build_array("
	    "json_build_object('conversation_id', $2::text, 'seq', $3::bigint),"
	    "json_build_object('conversation_id', uuid_v7(), 'seq', 5))::text],"
	    " array[null]) r",
	    user, room, seq);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
}

static const char *
delivered(const char *user)
{
	QUERY(s,
	    "select member_object($1::uuid, $2)::json->>'delivered_upto' as n",
	    room, user);
	return (sql_text(s, 0, "n"));
}

/* The positions of the first two members as the lists have them. */
static void
positions_are(const char *id, const char *first, const char *second)
{
	char want[80];

	SQL(s, "members.list", "u1", "user", id, NULL, NULL, "2");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "seen_upto"), first);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "delivered_upto"), first);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "seen_upto"), second);
	QUERY(s,
	    "select coalesce(o.object::json->'members'->0->>'seen_upto', '')"
	    " || ',' || coalesce(o.object::json->'members'->1->>'seen_upto',"
	    " '') as seen from conversation_object('u1', 'user', $1) o",
	    id);
	(void)snprintf(want, sizeof(want), "%s,%s", first, second);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "seen"), want);
}

/* Up to 64 members see up to where others have read; of more nobody does, in
 * lists as in events. */
static void
test_large(void)
{
	char id[40], there[60];

	RUN(s, "insert into users (id) values ('back')");
	RUN(s,
	    "select array_agg('u' || n)::text as ids"
	    " from generate_series(1, 64) n");
	SQL(s, "conversations.create", "back", "service", NULL, "group", NULL,
	    "Many", sql_text(s, 0, "ids"), NULL, NULL, NULL);
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	(void)snprintf(there, sizeof(there), "{%s}", id);
	SQL(s, "messages.send", "{back}", "{service}", there, "{null}", "{a}",
	    "{null}", "{null}", "{null}", "{null}", "{null}", NULL, NULL, NULL,
	    NULL, NULL, NULL);
	SQL(s, "receipts.mark", "{u1}", "{user}", there, "{1}", "{null}",
	    "{null}", "{null}");
	positions_are(id, "1", "0");
	SQL(s, "members.add", "back", "service", NULL, id, "{u65}");
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(sql_text(s, 0, "members"), "\"seen_upto\":null"));
	positions_are(id, "", "");
	SQL(s, "receipts.mark", "{u2}", "{user}", there, "{1}", "{null}",
	    "{null}", "{null}");
	RUN(s, "select topic from events order by id desc limit 1");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic"), "user:u2");
	SQL(s, "members.remove", "u65", "user", NULL, id, "u65");
	RUN(s,
	    "select data::json->'members'->1->>'seen_upto' as seen from events"
	    " where type = 'member.removed' and topic like 'conversation:%'"
	    " order by id desc limit 1");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "seen"), "1");
	positions_are(id, "1", "1");
	QUERY(s, "update conversations set announce = false where id = $1", id);
	positions_are(id, "", "");
}

static void
test_delivers(void)
{
	make_room();
	for (int i = 0; i < 5; i++)
		send("ann", NULL, NULL);
	deliver("ben", "3");
	CU_ASSERT_FALSE(sql_null(s, 0, "event_id"));
	CU_ASSERT_PTR_NOT_NULL(strstr(sql_text(s, 0, "data"), room));
	CU_ASSERT_STRING_EQUAL(delivered("ben"), "3");
	RUN(s,
	    "select topic, data::json->>'delivered_upto' as n from events"
	    " where type = 'receipt.delivered' order by id desc limit 1");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic") + 13, room);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "n"), "3");
	deliver("ben", "2");
	CU_ASSERT_TRUE(sql_null(s, 0, "event_id"));
	/* Reading says as much. */
	mark("ben", "4", NULL);
	CU_ASSERT_STRING_EQUAL(delivered("ben"), "4");
	deliver("ben", "4");
	CU_ASSERT_TRUE(sql_null(s, 0, "event_id"));
	deliver("ben", "99");
	CU_ASSERT_STRING_EQUAL(delivered("ben"), "5");
	deliver("dan", "5");
	CU_ASSERT_TRUE(sql_null(s, 0, "event_id"));
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "data"), "");
	QUERY(s,
	    "update conversations set member_count = 65 where id = $1::uuid",
	    room);
	deliver("cat", "5");
	CU_ASSERT_TRUE(sql_null(s, 0, "event_id"));
	CU_ASSERT_STRING_EQUAL(delivered("cat"), "");
}

/* Calls of one batch, two of one user. */
static void
test_delivers_many(void)
{
	make_room();
	for (int i = 0; i < 5; i++)
		send("ann", NULL, NULL);
	QUERY(s,
	    "select r.ord, r.data::json->0->>'delivered_upto' as n"
	    " from receipts_deliver(array['ben', 'cat', 'ben'], array("
	    "select json_build_array(json_build_object('conversation_id',"
	    " $1::text, 'seq', i))::text from generate_series(2, 4) i),"
	    " array[null, null, null]) r order by r.ord",
	    room);
	CU_ASSERT_EQUAL(sql_rows(s), 3);
	CU_ASSERT_EQUAL(sql_number(s, 0, "n"), 4);
	CU_ASSERT_EQUAL(sql_number(s, 1, "n"), 3);
	CU_ASSERT_EQUAL(sql_number(s, 2, "n"), 4);
	QUERY(s,
	    "select count(*) as n from events where type = 'receipt.delivered'"
	    " and topic = 'conversation:' || $1",
	    room);
	CU_ASSERT_EQUAL(sql_number(s, 0, "n"), 2);
}

/* Rows of a page with who has read them: by `way` before, after or around. */
static int
page(const char *before, const char *after, const char *around,
    const char *limit)
{
	SQL(s, "messages.list_reads", "ann", "user", room, NULL, before, after,
	    around, NULL, NULL, limit, "reads");
	return (sql_rows(s));
}

/* A member of the `reads` of a row of the last page. */
static const char *
reads(int row, const char *path)
{
	QUERY(s,
	    "select ('{' || substr($1, strpos($1, '\"reads\"')) || '}')::json"
	    " #>> string_to_array($2, '.') as member",
	    sql_text(s, row, "_more"), path);
	return (sql_text(s, 0, "member"));
}

static void
test_reads(void)
{
	make_room();
	for (int i = 0; i < 4; i++)
		send("ann", NULL, NULL);
	mark("ben", "2", NULL);
	QUERY(s,
	    "update receipts set read_at = read_at - interval '2 minutes'"
	    " where conversation_id = $1::uuid",
	    room);
	mark("ben", "3", NULL);
	mark("cat", "2", NULL);
	/* What one has sent oneself is no news. */
	advance("ann", "4");
	CU_ASSERT_EQUAL(page(NULL, NULL, NULL, "50"), 4);
	CU_ASSERT_EQUAL(sql_number(s, 0, "seq"), 4);
	CU_ASSERT_STRING_EQUAL(reads(0, "reads.count"), "0");
	(void)page(NULL, NULL, NULL, "50");
	CU_ASSERT_STRING_EQUAL(reads(1, "reads.count"), "1");
	(void)page(NULL, NULL, NULL, "50");
	CU_ASSERT_STRING_EQUAL(reads(1, "reads.users.0.id"), "ben");
	(void)page(NULL, NULL, NULL, "50");
	CU_ASSERT_STRING_EQUAL(reads(2, "reads.count"), "2");
	(void)page(NULL, NULL, NULL, "50");
	CU_ASSERT_STRING_EQUAL(reads(3, "reads.users.0.id"), "ben");
	(void)page(NULL, NULL, NULL, "50");
	CU_ASSERT_STRING_EQUAL(reads(3, "reads.users.1.name"), "Cat");
	/* A page in the middle of the ranges. */
	CU_ASSERT_EQUAL(page("3", NULL, NULL, "1"), 2);
	CU_ASSERT_EQUAL(sql_number(s, 0, "seq"), 2);
	CU_ASSERT_STRING_EQUAL(reads(0, "reads.count"), "2");
	CU_ASSERT_EQUAL(page(NULL, "1", NULL, "2"), 3);
	CU_ASSERT_EQUAL(sql_number(s, 0, "seq"), 2);
	CU_ASSERT_STRING_EQUAL(reads(1, "reads.count"), "1");
	CU_ASSERT_EQUAL(page(NULL, NULL, "2", "2"), 2);
	CU_ASSERT_EQUAL(sql_number(s, 0, "seq"), 3);
	CU_ASSERT_STRING_EQUAL(reads(0, "reads.count"), "1");
	/* Members who have left are no readers; too many are not shown. */
	SQL(s, "members.remove", "ann", "user", NULL, room, "cat");
	(void)page(NULL, NULL, "2", "2");
	CU_ASSERT_STRING_EQUAL(reads(1, "reads.count"), "1");
	QUERY(s,
	    "update conversations set member_count = 1001"
	    " where id = $1::uuid",
	    room);
	CU_ASSERT_EQUAL(page(NULL, NULL, "2", "2"), 2);
	CU_ASSERT_TRUE(sql_null(s, 0, "_more"));
}

static void
test_readers(void)
{
	char id[40], cursor[40];

	make_room();
	send("ann", NULL, NULL);
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	send("ann", NULL, NULL);
	mark("cat", "1", NULL);
	mark("ben", "2", NULL);
	advance("ann", "2");
	SQL(s, "reads.list", "ann", "user", id, NULL, "1");
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "id"), "ben");
	(void)snprintf(cursor, sizeof(cursor), "%s", sql_text(s, 0, "_cursor"));
	SQL(s, "reads.list", "ann", "user", id, cursor, "1");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "name"), "Cat");
	SQL(s, "reads.list", "dan", "user", id, NULL, "1");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "not_found");
}

static void
test_read_after_sent(void)
{
	char id[40], sent[40], seen[40];

	make_room();
	send("ann", NULL, NULL);
	mark("ben", "1", NULL);
	QUERY(s,
	    "update receipts set read_at = read_at - interval '20 seconds'"
	    " where conversation_id = $1::uuid",
	    room);
	send("ann", NULL, NULL);
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	mark("ben", "2", NULL);
	QUERY(s,
	    "select rfc3339(created_at) as at from messages"
	    " where id = $1::uuid",
	    id);
	(void)snprintf(sent, sizeof(sent), "%s", sql_text(s, 0, "at"));
	SQL(s, "reads.list", "ann", "user", id, NULL, "1");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	(void)snprintf(seen, sizeof(seen), "%s", sql_text(s, 0, "read_at"));
	QUERY(s, "select ($1::timestamptz = $2::timestamptz)::integer as same",
	    seen, sent);
	CU_ASSERT_EQUAL(sql_number(s, 0, "same"), 1);
	(void)page(NULL, NULL, NULL, "1");
	CU_ASSERT_STRING_EQUAL(reads(0, "reads.users.0.read_at"), sent);
}

/* Who is named by a change, or no longer, is told what that makes. */
static void
test_changes(void)
{
	make_room();
	send("ann", "[\"ben\"]", NULL);
	(void)snprintf(told_of, sizeof(told_of), "%s", sql_text(s, 0, "id"));
	mark("cat", "1", NULL);
	SQL(s, "messages.edit", "ann", "user", NULL, told_of, NULL, "{cat}",
	    NULL, NULL, "0");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	SHOWN("ben", "mentions", "0");
	RUN(s,
	    "select topic, data::json->>'unread' as unread,"
	    " data::json->>'mentions' as mentions from events"
	    " where type = 'unread.updated'");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic"), "user:ben");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "unread"), "1");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "mentions"), "0");
	SQL(s, "messages.edit", "ann", "user", NULL, told_of, NULL, NULL,
	    "true", NULL, "0");
	SHOWN("ben", "mentions", "1");
	RUN(s,
	    "select count(*) as n from events"
	    " where type = 'unread.updated'");
	CU_ASSERT_EQUAL(sql_number(s, 0, "n"), 2);
	QUERY(s,
	    "update conversations set member_count = 1001"
	    " where id = $1::uuid",
	    room);
	SQL(s, "messages.edit", "ann", "user", NULL, told_of, NULL, NULL,
	    "false", NULL, "0");
	CU_ASSERT_STRING_EQUAL(sql_field(s), "mention_all");
}

/* A client takes what its user has written as read, and leaves counts of before
 * that alone: those that come after it must not be such. */
static void
test_changes_behind(void)
{
	make_room();
	send("ann", NULL, NULL);
	send("ben", NULL, NULL);
	send("ann", "[\"ben\"]", NULL);
	SQL(s, "messages.edit", "ann", "user", NULL, sql_text(s, 0, "id"), NULL,
	    "{}", NULL, NULL, "0");
	QUERY(s,
	    "select data::json->>'last_read_seq' as last,"
	    " data::json->>'mentions' as mentions from events"
	    " where type = 'unread.updated'"
	    " and data::json->>'conversation_id' = $1",
	    room);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "last"), "2");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "mentions"), "0");
}

/* The members that are told of when one leaves have read what they have just
 * written, though that is noted later: clients put them in the place of theirs. */
static void
test_leaves_behind(void)
{
	make_room();
	send("ann", NULL, NULL);
	send("ben", NULL, NULL);
	SQL(s, "members.remove", "cat", "user", NULL, room, "cat");
	QUERY(s,
	    "select string_agg(concat(m->>'id', ' ', m->>'seen_upto', ' ',"
	    " m->>'delivered_upto'), ', ') as members from events e,"
	    " json_array_elements(e.data::json->'members') m"
	    " where e.type = 'member.removed'"
	    " and e.topic = concat('conversation:', $1::text)",
	    room);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "members"), "ann 1 1, ben 2 2");
}

/* What a process had not yet noted when it was killed is noted by the next of its
 * name, or by who finds its lease over. */
static void
test_survives_process(void)
{
	const char *positions =
	    "select string_agg(last_read_seq || ' ' || seen_upto, ', '"
	    " order by user_id) as positions from members"
	    " where conversation_id = $1::uuid";

	make_room();
	SQL(s, "instances.start", "p7-1", "host-a", "30");
	send("ann", NULL, NULL);
	send("ben", NULL, NULL);
	mark("ben", "1", "true");
	send("ben", NULL, NULL);
	QUERY(s, positions, room);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "positions"), "0 0, 1 1, 0 0");
	SQL(s, "instances.start", "p7-1", "host-a", "30");
	QUERY(s, positions, room);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "positions"), "1 1, 3 3, 0 0");
	send("cat", NULL, NULL);
	RUN(s,
	    "update processes set expires_at = now() - interval '1 second'"
	    " where id = 'p7-1'");
	SQL0(s, "connections.reap");
	QUERY(s, positions, room);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "positions"), "1 1, 3 3, 4 4");
}

static const struct test_case cases[] = {
	{ "tells what devices have had", test_delivers },
	{ "not shown where many are", test_large },
	{ "tells it of many at once", test_delivers_many },
	{ "shows who has read the messages of a page", test_reads },
	{ "lists who has read a message", test_readers },
	{ "tells whom a change names", test_changes },
	{ "nobody has read before it was sent", test_read_after_sent },
	{ "counts what was written as read when names change",
	    test_changes_behind },
	{ "counts what was written as read when somebody leaves",
	    test_leaves_behind },
	{ "counts what was written as read though its process was killed",
	    test_survives_process },
};

SQL_MAIN("sql_readers", receipts_setup)
