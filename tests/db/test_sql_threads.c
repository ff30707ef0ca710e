/* SPDX-License-Identifier: ISC */
/* Threads: who follows them, up to where they have read them, and what is told
 * of that. */

#include "base/attr.h"
#include "tests/db/sql_fixture.h"

/* A new group of ann (owner), ben and cat for each test, with a message of
 * ann's in it, whose thread is the matter. */
static char room[40], root[40];

static void
send(const char *user, const char *text, const char *thread_root,
    const char *mentions)
{
	QUERY(s,
	    "select r.status, r.error, r.field, r.id, r.conversation_id, r.seq"
	    " from messages_send(array[$1], array['user'], array[$2],"
	    " array[uuid_v7()], array[$3], array[null]::uuid[], array[null],"
	    " array[null], array[null], array[null]::boolean[], null, null,"
	    " array[$4]::uuid[], array[$5]) r",
	    user, room, text, thread_root, mentions);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "status"), "201");
}

#define REPLY(user, mentions) send((user), "reply", root, (mentions))

static void
fresh(const char *history)
{
	SQL(s, "conversations.create", "ann", "user", NULL, "group", NULL,
	    "Room", "{ben,cat}", NULL, history, NULL);
	(void)snprintf(room, sizeof(room), "%s", sql_text(s, 0, "id"));
	send("ann", "root", NULL, NULL);
	(void)snprintf(root, sizeof(root), "%s", sql_text(s, 0, "id"));
}

/* A member of the thread as `user` sees it. */
static const char *
seen(const char *user, const char *path)
{
	SQL(s, "threads.get", user, "user", root);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	QUERY(s, "select $1::json #>> string_to_array($2, '.') as member",
	    sql_text(s, 0, "_answer"), path);
	return (sql_text(s, 0, "member"));
}

#define SEEN(user, path, value) \
	CU_ASSERT_STRING_EQUAL(seen((user), (path)), (value))

/* How many events of `type` the user was told of, and the newest. */
static int
told(const char *user, const char *type, const char *path)
{
	QUERY(s,
	    "select count(*) over () as n,"
	    " e.data::json #>> string_to_array($3, '.') as member"
	    " from events e where e.topic = 'user:' || $1 and e.type = $2"
	    " and e.id > (select min(id) from events where type"
	    " = 'conversation.created' and data::json->>'id' = $4)"
	    " order by e.id desc limit 1",
	    user, type, path, room);
	return (sql_rows(s) > 0 ? (int)sql_number(s, 0, "n") : 0);
}

static void
mark(const char *user, const char *seq, const char *unread)
{
	SQL(s, "threads.mark", user, "user", NULL, root, seq, unread);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
}

static void
test_none(void)
{
	fresh("all");
	SEEN("ben", "id", "");
	SEEN("ben", "followed", "false");
	SEEN("ben", "root.text", "root");
	mark("ben", "5", NULL);
	SEEN("ben", "last_read_seq", "0");
	SQL(s, "threads.unfollow", "ben", "user", NULL, root);
	CU_ASSERT_TRUE(sql_null(s, 0, "_event"));
}

/* Who replies, who wrote the root and who is named follow; who is none of
 * these does not. */
static void
test_follows(void)
{
	fresh("all");
	REPLY("ben", NULL);
	SEEN("ben", "followed", "true");
	SEEN("ben", "unread", "0");
	SEEN("ben", "last_read_seq", "1");
	SEEN("ann", "followed", "true");
	SEEN("ann", "unread", "1");
	SEEN("cat", "followed", "false");
	SEEN("cat", "unread", "0");
	REPLY("ben", "[\"cat\",\"dan\"]");
	SEEN("cat", "followed", "true");
	SEEN("cat", "unread", "1");
	SEEN("cat", "mentions", "1");
	SEEN("ann", "unread", "2");
	SEEN("ann", "mentions", "0");
	QUERY(s,
	    "update messages set mention_all = true where seq = 2"
	    " and thread_root = $1::uuid",
	    root);
	SEEN("cat", "mentions", "1");
	SEEN("ann", "mentions", "1");
	SEEN("ben", "mentions", "0");
	CU_ASSERT_EQUAL(told("ann", "thread.followed", "unread"), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "member"), "1");
	CU_ASSERT_EQUAL(
	    told("cat", "thread.followed", "root.thread.reply_count"), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "member"), "2");
	CU_ASSERT_EQUAL(told("dan", "thread.followed", "unread"), 0);
	/* A reply is read by who wrote it. */
	REPLY("ann", NULL);
	SEEN("ann", "unread", "0");
	SEEN("ben", "unread", "1");
}

/* Replies of one batch count one by one. */
static void
test_follows_many(void)
{
	fresh("all");
	QUERY(s,
	    "select r.status from messages_send(array['ben', 'cat', 'ben'],"
	    " array['user', 'user', 'user'], array[$1, $1, $1],"
	    " array[null, null, null]::uuid[], array['a', 'b', 'c'],"
	    " array[null, null, null]::uuid[], array[null, null, null],"
	    " array[null, null, null], array[null, null, null],"
	    " array[null, null, null]::boolean[], null, null,"
	    " array[$2, $2, null]::uuid[],"
	    " array[null, '[\"ann\"]', null]) r",
	    room, root);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 2, "status"), "201");
	SEEN("ann", "unread", "2");
	SEEN("ann", "mentions", "1");
	SEEN("ben", "unread", "1");
	SEEN("cat", "unread", "0");
	CU_ASSERT_EQUAL(told("ann", "thread.followed", "last_seq"), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "member"), "2");
}

/* What one has chosen stays. */
static void
test_chooses(void)
{
	fresh("all");
	SQL(s, "threads.follow", "cat", "user", "here", root);
	CU_ASSERT_FALSE(sql_null(s, 0, "_event"));
	SQL(s, "threads.follow", "cat", "user", NULL, root);
	CU_ASSERT_TRUE(sql_null(s, 0, "_event"));
	SEEN("cat", "followed", "true");
	SEEN("cat", "last_seq", "0");
	CU_ASSERT_EQUAL(told("cat", "thread.followed", "root.id"), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "member"), root);
	REPLY("ben", NULL);
	SEEN("cat", "unread", "1");
	SQL(s, "threads.unfollow", "cat", "user", NULL, root);
	CU_ASSERT_FALSE(sql_null(s, 0, "_event"));
	REPLY("ben", "[\"cat\"]");
	SEEN("cat", "followed", "false");
	SEEN("cat", "unread", "0");
	CU_ASSERT_EQUAL(told("cat", "thread.unfollowed", "message_id"), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "member"), root);
	/* From now on: what was there is read. */
	SQL(s, "threads.follow", "cat", "user", NULL, root);
	SEEN("cat", "unread", "0");
	SEEN("cat", "last_read_seq", "2");
}

static void
test_marks(void)
{
	fresh("all");
	for (int i = 0; i < 5; i++)
		REPLY("ben", i == 3 ? "[\"ann\"]" : NULL);
	SEEN("ann", "unread", "5");
	mark("ann", "3", NULL);
	CU_ASSERT_EQUAL(told("ann", "thread.read", "unread"), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "member"), "2");
	SEEN("ann", "mentions", "1");
	mark("ann", "1", NULL);
	CU_ASSERT_TRUE(sql_null(s, 0, "_event"));
	SEEN("ann", "last_read_seq", "3");
	mark("ann", "99", NULL);
	SEEN("ann", "last_read_seq", "5");
	SEEN("ann", "unread", "0");
	mark("ann", "2", "true");
	SEEN("ann", "last_read_seq", "2");
	CU_ASSERT_EQUAL(told("ann", "thread.read", "unread"), 3);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "member"), "3");
	/* Also of a reply: it is the same thread. */
	SQL(s, "threads.get", "ann", "user", root);
	QUERY(s,
	    "select id from messages where thread_root = $1::uuid and seq = 4",
	    root);
	SQL(s, "threads.mark", "ann", "user", NULL, sql_text(s, 0, "id"), "4",
	    NULL);
	SEEN("ann", "unread", "1");
}

static int
listed(const char *user, const char *before, const char *limit)
{
	SQL(s, "threads.list", user, "user", before, limit);
	return (sql_rows(s));
}

static void
test_lists(void)
{
	char first[40], cursor[80];

	fresh("all");
	RUN(s, "delete from followers");
	REPLY("ben", NULL);
	(void)snprintf(first, sizeof(first), "%s", root);
	send("ann", "another", NULL, NULL);
	(void)snprintf(root, sizeof(root), "%s", sql_text(s, 0, "id"));
	REPLY("ben", NULL);
	CU_ASSERT_EQUAL(listed("ben", NULL, "50"), 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(sql_text(s, 0, "_answer"), root));
	CU_ASSERT_PTR_NOT_NULL(strstr(sql_text(s, 1, "_answer"), first));
	(void)snprintf(cursor, sizeof(cursor), "%s", sql_text(s, 0, "_cursor"));
	CU_ASSERT_EQUAL(listed("ben", cursor, "50"), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(sql_text(s, 0, "_answer"), first));
	CU_ASSERT_EQUAL(listed("cat", NULL, "50"), 0);
	SQL(s, "threads.unfollow", "ben", "user", NULL, root);
	CU_ASSERT_EQUAL(listed("ben", NULL, "50"), 1);
}

/* Who leaves the conversation leaves its threads, and comes back without. */
static void
test_leaves(void)
{
	fresh("all");
	RUN(s, "delete from followers");
	REPLY("ben", NULL);
	CU_ASSERT_EQUAL(listed("ben", NULL, "50"), 1);
	SQL(s, "members.remove", "ann", "user", NULL, room, "ben");
	CU_ASSERT_EQUAL(listed("ben", NULL, "50"), 0);
	SQL(s, "threads.get", "ben", "user", root);
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "threads.follow", "ben", "user", NULL, root);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "not_found");
	SQL(s, "members.add", "ann", "user", NULL, room, "{ben}");
	CU_ASSERT_EQUAL(listed("ben", NULL, "50"), 0);
	/* Nobody who is no member follows. */
	SQL(s, "threads.follow", "op", "admin", NULL, root);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "not_a_member");
}

/* A root from before one's time. */
static void
test_hidden(void)
{
	char about[64];

	fresh("joined");
	SQL(s, "members.add", "ann", "user", NULL, room, "{dan}");
	REPLY("ben", "[\"dan\"]");
	CU_ASSERT_EQUAL(told("dan", "thread.followed", "unread"), 0);
	/* They hear nothing of the reply; the others do, once. */
	(void)snprintf(about, sizeof(about), "\"thread_root\":\"%s", root);
	CU_ASSERT_STRING_EQUAL(
	    sql_heard(s, "message.created", about), "ann ben cat");
	SQL(s, "threads.follow", "dan", "user", NULL, root);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "not_found");
	SQL(s, "threads.mark", "dan", "user", NULL, root, "1", NULL);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "not_found");
}

/* A deleted reply is no reply. */
static void
test_recounts(void)
{
	fresh("all");
	REPLY("ben", NULL);
	REPLY("cat", NULL);
	QUERY(s,
	    "update messages set deleted_at = now() where seq = 1"
	    " and thread_root = $1::uuid",
	    root);
	QUERY(s,
	    "select r.topic, r.data::json #>> '{thread,reply_count}' as n,"
	    " r.data::json #>> '{thread,participants}' as who"
	    " from conversations t, thread_recount(t.id) r"
	    " where t.root_id = $1::uuid",
	    root);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "n"), "1");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "who"), "[\"cat\"]");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic") + 13, room);
	SEEN("ann", "root.thread.reply_count", "1");
	SEEN("ann", "unread", "1");
	QUERY(s,
	    "update messages set deleted_at = now()"
	    " where thread_root = $1::uuid",
	    root);
	QUERY(s,
	    "select r.data::json #>> '{thread,participants}' as who"
	    " from conversations t, thread_recount(t.id) r"
	    " where t.root_id = $1::uuid",
	    root);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "who"), "[]");
	SEEN("ann", "root.thread.reply_count", "0");
}

/* Who follows a thread and has not read a reply is told what is left when it
 * is deleted. */
static void
test_deleted(void)
{
	fresh("all");
	REPLY("ben", NULL);
	REPLY("ben", "[\"ann\"]");
	REPLY("cat", NULL);
	mark("ben", "3", NULL);
	QUERY(s,
	    "select m.id from messages m"
	    " where m.thread_root = $1::uuid and m.seq = 2",
	    root);
	SQL(s, "messages.delete", "ben", "user", NULL, sql_text(s, 0, "id"),
	    "0");
	CU_ASSERT_EQUAL(told("ann", "thread.read", "unread"), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "member"), "2");
	CU_ASSERT_EQUAL(told("ann", "thread.read", "mentions"), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "member"), "0");
	CU_ASSERT_EQUAL(told("ben", "thread.read", "unread"), 1);
	CU_ASSERT_EQUAL(told("cat", "thread.read", "unread"), 0);
}

/* What goes to the thread names its root. */
/* As a conversation it has what its readers see. */
static void
test_conversation(void)
{
	fresh("all");
	REPLY("ben", NULL);
	SQL(s, "conversations.get", "cat", "user",
	    sql_text(s, 0, "conversation_id"), NULL);
	QUERY(s,
	    "select c->>'type' as type, c->>'visible_from' as visible_from,"
	    " c #>> '{last_message,text}' as text, c->>'root_id' as root_id"
	    " from (select $1::json as c) x",
	    sql_text(s, 0, "_answer"));
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "type"), "thread");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "visible_from"), "1");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "text"), "reply");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "root_id"), root);
}

static void
test_refuses(void)
{
	char thread[40];

	fresh("all");
	REPLY("ben", NULL);
	(void)snprintf(
	    thread, sizeof(thread), "%s", sql_text(s, 0, "conversation_id"));
	QUERY(s,
	    "select r.error, r.field from messages_send(array['ben'],"
	    " array['user'], array[$1], array[uuid_v7()], array['x'],"
	    " array[null]::uuid[], array[null], array[null], array[null],"
	    " array[null]::boolean[]) r",
	    thread);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "error"), "invalid");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "field"), "conversation_id");
	SQL(s, "members.add", "op", "admin", NULL, thread, "{dan}");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "not_found");
	QUERY(s,
	    "select m.status from messages_schedule('ben', 'user', null, $1,"
	    " null, now() + interval '1 hour', 'x', null, null, null, null,"
	    " null, null, null, null) m",
	    thread);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "invalid");
	CU_ASSERT_STRING_EQUAL(sql_field(s), "conversation_id");
	RUN(s,
	    "select system_message(c.id, 'ann', '{\"kind\":\"x\"}')"
	    " from conversations c where c.type = 'group'"
	    " order by c.id desc limit 1");
	QUERY(s,
	    "select id from messages where conversation_id = $1::uuid"
	    " and type = 'system'",
	    room);
	SQL(s, "threads.follow", "ann", "user", NULL, sql_text(s, 0, "id"));
	CU_ASSERT_STRING_EQUAL(sql_error(s), "invalid");
}

/* Typing in a thread is told where its root is. */
static void
test_typing(void)
{
	char rooms[100], roots[100];
	const char *payload;

	fresh("all");
	REPLY("ben", NULL);
	(void)snprintf(rooms, sizeof(rooms), "{%s,%s}", room,
	    sql_text(s, 0, "conversation_id"));
	(void)snprintf(roots, sizeof(roots), "{%s,null}", root);
	RUN(s, "listen parley_ephemeral");
	SQL(s, "typing.tell", "{typing.started,typing.started}", "{ben,cat}",
	    "{user,user}", rooms, roots, "{null,null}");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "_error"), "");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "conversation_id"), room);
	payload = sql_notified(s, "parley_ephemeral");
	CU_ASSERT_PTR_NOT_NULL_FATAL(payload);
	QUERY(s,
	    "select e->>'topic' as topic, e#>>'{data,thread_root}' as root"
	    " from json_array_elements($1::json) e",
	    payload);
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	for (int row = 0; row < 2; row++) {
		CU_ASSERT_STRING_EQUAL(sql_text(s, row, "topic") + 13, room);
		CU_ASSERT_STRING_EQUAL(sql_text(s, row, "root"), root);
	}
	send("ann", "elsewhere", NULL, NULL);
	(void)snprintf(roots, sizeof(roots), "{%s}", room);
	(void)snprintf(rooms, sizeof(rooms), "{%s}", room);
	SQL(s, "typing.tell", "{typing.started}", "{ben}", "{user}", rooms,
	    roots, "{null}");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "_error"), "unknown_message");
}

/* Who may not reply is told so, and opens none. */
static void
test_barred(void)
{
	fresh(NULL);
	RUN(s,
	    "update members set barred = true where user_id = 'cat'"
	    " and conversation_id = (select id from conversations"
	    " order by created_at desc limit 1)");
	QUERY(s,
	    "select r.error from messages_send(array['cat'], array['user'],"
	    " array[$1], array[uuid_v7()], array['no'], array[null]::uuid[],"
	    " array[null], array[null], array[null], array[null]::boolean[],"
	    " null, null, array[$2]::uuid[]) r",
	    room, root);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "error"), "forbidden");
	QUERY(s,
	    "select count(*) as n from conversations"
	    " where root_id = $1::uuid",
	    root);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "n"), "0");
	REPLY("ben", NULL);
}

static void
setup(void)
{
	RUN(s,
	    "insert into users (id, name) values ('ann', 'Ann'),"
	    " ('ben', 'Ben'), ('cat', 'Cat'), ('dan', 'Dan'), ('op', 'Op')");
}

static const struct test_case cases[] = {
	{ "a message without a thread has an empty one", test_none },
	{ "who is concerned follows", test_follows },
	{ "a batch of replies counts one by one", test_follows_many },
	{ "what one has chosen stays", test_chooses },
	{ "positions go forward, and back when asked", test_marks },
	{ "lists what one follows", test_lists },
	{ "who leaves the conversation leaves its threads", test_leaves },
	{ "who does not see the root does not follow", test_hidden },
	{ "a deleted reply does not count", test_recounts },
	{ "a deletion is told to who has not read it", test_deleted },
	{ "a thread is shown as a conversation", test_conversation },
	{ "a thread is no place of its own", test_refuses },
	{ "who may not reply opens no thread", test_barred },
	{ "typing in a thread is told", test_typing },
};

SQL_MAIN("sql_threads", setup)
