/* SPDX-License-Identifier: ISC */
/* What is unread, and marked as read. */

#include "tests/db/receipts_fixture.h"

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
	{ "adds up threads", test_totals_of_threads },
	{ "reads all at once", test_marks_all },
	{ "has read what was written before a block",
	    test_written_before_block },
};

SQL_MAIN("sql_receipts", receipts_setup)
