/* SPDX-License-Identifier: ISC */
/* What is unread, what others have read and had, and what is told of it. */

#include "base/attr.h"
#include "tests/db/cluster.h"
#include "tests/db/sql.h"
#include "tests/unit/harness.h"

static struct cluster *cluster;
static struct sql *s;

/* A new group of ann (owner), ben and cat for each test. */
static char room[40], told_of[40];

static void
make_room(void)
{
	SQL(s, "conversations.create", "ann", "user", NULL, "group", NULL,
	    "Room", "{ben,cat}", NULL, NULL, NULL);
	(void)snprintf(room, sizeof(room), "%s", sql_text(s, 0, "id"));
}

static void
send(const char *user, const char *mentions, const char *all)
{
	QUERY(s,
	    "select r.status, r.id from messages_send(array[$1], array['user'],"
	    " array[$2], array[uuid_v7()], array['x'], array[null]::uuid[],"
	    " array[null], array[null], array[null], array[null]::boolean[],"
	    " null, null, null, array[$3], array[$4]::boolean[]) r",
	    user, room, mentions, all);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "status"), "201");
}

static void
mark(const char *user, const char *seq, const char *unread)
{
	QUERY(s,
	    "select r.* from receipts_mark(array[$1], array['user'],"
	    " array[$2], array[$3]::bigint[], array[null]::uuid[],"
	    " array[$4]::boolean[], array[null]) r",
	    user, room, seq, unread);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
}

static void
advance(const char *user, const char *seq)
{
	QUERY(s,
	    "select positions_advance(array[$1], array[$2]::uuid[],"
	    " array[$3]::bigint[])",
	    user, room, seq);
}

/* A member of the room as `user` sees it. */
static const char *
shown(const char *user, const char *name)
{
	QUERY(s,
	    "select object::json ->> $3 as member"
	    " from conversation_object($1, 'user', $2::uuid)",
	    user, room, name);
	return (sql_text(s, 0, "member"));
}

/* A member of the newest receipt.updated. */
static const char *
told(const char *name)
{
	RUN(s,
	    "select * from events where type = 'receipt.updated'"
	    " order by id desc limit 1");
	QUERY(s, "select $1::json ->> $2 as member", sql_text(s, 0, "data"),
	    name);
	return (sql_text(s, 0, "member"));
}

#define SHOWN(user, name, value) \
	CU_ASSERT_STRING_EQUAL(shown((user), (name)), (value))
#define TOLD(name, value) CU_ASSERT_STRING_EQUAL(told(name), (value))

static void
test_counts(void)
{
	make_room();
	SHOWN("ben", "first_unread_seq", "");
	send("ann", NULL, NULL);
	send("ann", "[\"ben\"]", NULL);
	send("ann", "[\"ben\"]", "true");
	send("cat", "[\"ann\"]", NULL);
	SHOWN("ben", "unread", "4");
	SHOWN("ben", "mentions", "2");
	SHOWN("ben", "first_unread_seq", "1");
	SHOWN("ann", "mentions", "1");
	/* What they have written they have read, also before it is noted; what
	 * was sent for them, or before they turned back, does not count. */
	SHOWN("cat", "last_read_seq", "4");
	SHOWN("cat", "unread", "0");
	SHOWN("cat", "mentions", "0");
	SQL(s, "unread.get", "cat");
	CU_ASSERT_EQUAL(sql_number(s, 0, "unread"), 0);
	mark("cat", "1", "true");
	SHOWN("cat", "last_read_seq", "1");
	SHOWN("cat", "mentions", "1");
	/* Who sees without being a member has read nothing and owes nothing. */
	SHOWN("op", "unread", "0");
	mark("ben", "2", NULL);
	CU_ASSERT_EQUAL(sql_number(s, 0, "unread"), 2);
	CU_ASSERT_EQUAL(sql_number(s, 0, "mentions"), 1);
	TOLD("unread", "2");
	TOLD("mentions", "1");
	TOLD("back", "");
	SHOWN("ben", "first_unread_seq", "3");
	QUERY(s,
	    "update messages set deleted_at = now() where seq = 3"
	    " and conversation_id = $1::uuid",
	    room);
	SHOWN("ben", "unread", "1");
	SHOWN("ben", "mentions", "0");
	mark("ben", "4", NULL);
	SHOWN("ben", "first_unread_seq", "");
}

/* Clients take a message of their own as read up to there.  It is written a
 * little later, and must not undo what the user did in between. */
static void
test_turns(void)
{
	make_room();
	for (int i = 0; i < 3; i++)
		send("ann", NULL, NULL);
	send("ben", NULL, NULL);
	mark("ben", "1", "true");
	TOLD("back", "true");
	TOLD("last_read_seq", "1");
	advance("ben", "4");
	SHOWN("ben", "last_read_seq", "1");
	SHOWN("ben", "unread", "3");
	QUERY(s,
	    "select seen_upto from members where user_id = 'ben'"
	    " and conversation_id = $1::uuid",
	    room);
	CU_ASSERT_EQUAL(sql_number(s, 0, "seen_upto"), 4);
	/* Again is no news. */
	mark("ben", "1", "true");
	CU_ASSERT_TRUE(sql_null(s, 0, "event_id"));
	send("ben", NULL, NULL);
	advance("ben", "5");
	SHOWN("ben", "last_read_seq", "5");
}

/* The position that the database has yet is that of before the own message: to
 * set it back there is news for the user's clients. */
static void
test_turns_early(void)
{
	make_room();
	send("ann", NULL, NULL);
	send("ben", NULL, NULL);
	mark("ben", "0", "true");
	CU_ASSERT_FALSE(sql_null(s, 0, "event_id"));
	TOLD("unread", "2");
	advance("ben", "2");
	SHOWN("ben", "unread", "2");
}

static void
test_refuses_threads(void)
{
	char id[40];

	make_room();
	send("ann", NULL, NULL);
	SQL(s, "threads.follow", "ann", "user", NULL, sql_text(s, 0, "id"));
	QUERY(s, "select $1::json ->> 'id' as id", sql_text(s, 0, "_answer"));
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	QUERY(s,
	    "select r.* from receipts_mark(array['ann'], array['user'],"
	    " array[$1], array[1]::bigint[], array[null]::uuid[],"
	    " array[null]::boolean[], array[null]) r",
	    id);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "error"), "invalid");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "field"), "conversation_id");
}

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

/* Reading that goes on is noted once a minute; a message that came after the
 * note was not read before it was there. */
/* Everything at once, and each conversation told of once. */
static void
test_marks_all(void)
{
	char upto[30];

	SQL(s, "receipts.mark_all", "ben", "user", NULL);
	make_room();
	send("ann", NULL, NULL);
	send("ann", "[\"ben\"]", NULL);
	make_room();
	send("cat", NULL, NULL);
	RUN(s, "select max(id) as id from events");
	(void)snprintf(upto, sizeof(upto), "%s", sql_text(s, 0, "id"));
	SQL(s, "receipts.mark_all", "ben", "user", NULL);
	CU_ASSERT_EQUAL(sql_number(s, 0, "conversations"), 2);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "more"), "f");
	QUERY(s,
	    "select count(*) as n, sum((data::json->>'last_read_seq')::int) as"
	    " upto, max((data::json->>'unread')::int) as unread from events"
	    " where id > $1::bigint and type = 'receipt.updated'",
	    upto);
	CU_ASSERT_EQUAL(sql_number(s, 0, "n"), 2);
	CU_ASSERT_EQUAL(sql_number(s, 0, "upto"), 3);
	CU_ASSERT_EQUAL(sql_number(s, 0, "unread"), 0);
	SQL(s, "unread.get", "ben");
	CU_ASSERT_EQUAL(sql_number(s, 0, "unread"), 0);
	SHOWN("ann", "unread", "1");
	SQL(s, "receipts.mark_all", "ben", "user", NULL);
	CU_ASSERT_EQUAL(sql_number(s, 0, "conversations"), 0);
	CU_ASSERT_TRUE(sql_null(s, 0, "_event"));
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

/* What was written before a block is seen to be read, also when its writer has
 * read on before that is noted. */
static void
test_written_before_block(void)
{
	make_room();
	send("ann", NULL, NULL);
	send("ben", NULL, NULL);
	send("ann", NULL, NULL);
	QUERY(s,
	    "update members set barred = true where user_id = 'ben'"
	    " and conversation_id = $1::uuid",
	    room);
	mark("ben", "3", NULL);
	advance("ben", "2");
	QUERY(s,
	    "select last_read_seq, seen_upto from members"
	    " where user_id = 'ben' and conversation_id = $1::uuid",
	    room);
	CU_ASSERT_EQUAL(sql_number(s, 0, "last_read_seq"), 3);
	CU_ASSERT_EQUAL(sql_number(s, 0, "seen_upto"), 2);
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

#define TOTAL(unread_, mentions_, conversations_, muted_)                 \
	do {                                                              \
		SQL(s, "unread.get", "dan");                              \
		CU_ASSERT_EQUAL(sql_number(s, 0, "unread"), unread_);     \
		CU_ASSERT_EQUAL(sql_number(s, 0, "mentions"), mentions_); \
		CU_ASSERT_EQUAL(                                          \
		    sql_number(s, 0, "conversations"), conversations_);   \
		CU_ASSERT_EQUAL(sql_number(s, 0, "muted"), muted_);       \
	} while (0)

/* Dan's, over all, as far as he wants to hear of it. */
static void
test_totals(void)
{
	char quiet[40];

	make_room();
	SQL(s, "members.add", "ann", "user", NULL, room, "{dan}");
	(void)snprintf(quiet, sizeof(quiet), "%s", room);
	make_room();
	SQL(s, "members.add", "ann", "user", NULL, room, "{dan}");
	TOTAL(0, 0, 0, 0);
	send("ann", "[\"dan\"]", NULL);
	send("ann", NULL, NULL);
	(void)snprintf(room, sizeof(room), "%s", quiet);
	send("ann", "[\"dan\"]", NULL);
	TOTAL(3, 2, 2, 0);
	QUERY(s,
	    "update members set muted_until = 'infinity' where user_id = 'dan'"
	    " and conversation_id = $1::uuid",
	    quiet);
	TOTAL(2, 1, 1, 1);
	QUERY(s,
	    "update members set muted_until = now() - interval '1 s',"
	    " level = 'mentions' where user_id = 'dan'"
	    " and conversation_id = $1::uuid",
	    quiet);
	TOTAL(2, 2, 2, 0);
	QUERY(s,
	    "update members set level = 'none' where user_id = 'dan'"
	    " and conversation_id = $1::uuid",
	    quiet);
	TOTAL(2, 1, 1, 0);
	SQL(s, "members.remove", "ann", "user", NULL, quiet, "dan");
	TOTAL(2, 1, 1, 0);
}

static void
test_totals_of_threads(void)
{
	make_room();
	send("cat", NULL, NULL);
	QUERY(s,
	    "select count(*) as n from messages_send(array['ann'],"
	    " array['user'], array[$1], array[uuid_v7()], array['x'],"
	    " array[null]::uuid[], array[null], array[null], array[null],"
	    " array[null]::boolean[], null, null, array[$2]::uuid[])",
	    room, sql_text(s, 0, "id"));
	SQL(s, "unread.get", "cat");
	CU_ASSERT_EQUAL(sql_number(s, 0, "threads"), 1);
	SQL(s, "unread.get", "ann");
	CU_ASSERT_EQUAL(sql_number(s, 0, "threads"), 0);
}

static const struct test_case cases[] = {
	{ "counts what is unread and who is named", test_counts },
	{ "marked as unread it stays", test_turns },
	{ "marked as unread before the own message is written",
	    test_turns_early },
	{ "a thread has a position of its own", test_refuses_threads },
	{ "adds up what one wants to hear of", test_totals },
	{ "tells what devices have had", test_delivers },
	{ "not shown where many are", test_large },
	{ "tells it of many at once", test_delivers_many },
	{ "shows who has read the messages of a page", test_reads },
	{ "lists who has read a message", test_readers },
	{ "tells whom a change names", test_changes },
	{ "nobody has read before it was sent", test_read_after_sent },
	{ "adds up threads", test_totals_of_threads },
	{ "reads all at once", test_marks_all },
	{ "has read what was written before a block",
	    test_written_before_block },
	{ "counts what was written as read when names change",
	    test_changes_behind },
	{ "counts what was written as read when somebody leaves",
	    test_leaves_behind },
	{ "counts what was written as read though its process was killed",
	    test_survives_process },
};

int
main(int argc, char **argv)
{
	int status;

	cluster = cluster_new_migrated();
	s = sql_open(cluster);
	RUN(s,
	    "insert into users (id, name) values ('ann', 'Ann'),"
	    " ('ben', 'Ben'), ('cat', 'Cat'), ('dan', 'Dan'), ('op', 'Op')");
	status = test_main(
	    "sql_receipts", cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL);
	sql_close(s);
	cluster_free(cluster);
	return (status);
}
