/* SPDX-License-Identifier: ISC */
/* What a message may have beyond its text: quotes, code, mentions, threads. */

#include "base/attr.h"
#include "base/mem.h"
#include "tests/db/sql_fixture.h"

/* A group of ann (owner), ben and cat, who joins at `history`; a new one for
 * each test. */
static char room[40];

static void
make_room(const char *history)
{
	SQL(s, "conversations.create", "ann", "user", NULL, "group", NULL,
	    "Room", "{ben}", NULL, history, NULL);
	(void)snprintf(room, sizeof(room), "%s", sql_text(s, 0, "id"));
}

/* What is sent: parts that are not given are null. */
struct message {
	const char *from, *text, *reply_to, *type, *language, *thread_root,
	    *mentions, *all;
};

static void
send(const struct message *m)
{
	sql_query(s,
	    "select r.status, r.error, r.field, r.id, r.conversation_id, r.seq,"
	    " r.message::json as message from messages_send(array[$1],"
	    " array['user'], array[$2], array[uuid_v7()], array[$3],"
	    " array[$4]::uuid[], array[null], array[null], array[null],"
	    " array[null]::boolean[], array[$5], array[$6], array[$7]::uuid[],"
	    " array[$8], array[$9]::boolean[]) r",
	    (const char *const[]){ m->from, room, m->text, m->reply_to, m->type,
		m->language, m->thread_root, m->mentions, m->all },
	    9);
}

#define SEND(...) send(&(const struct message){ __VA_ARGS__ })
#define ANSWER(column, value) \
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, (column)), (value))

/* Sends, and keeps the id. */
#define SENT(id, ...)              \
	do {                       \
		SEND(__VA_ARGS__); \
		keep_id(id);       \
	} while (0)

static void
keep_id(char id[40])
{
	ANSWER("status", "201");
	(void)snprintf(id, 40, "%s", sql_text(s, 0, "id"));
}

/* A member of the message as `user` is shown it. */
static const char *
shown(const char *id, const char *user, const char *path)
{
	QUERY(s,
	    "select message_object(m, $2, 'user')::json"
	    " #>> string_to_array($3, '.') as member"
	    " from messages m where m.id = $1::uuid",
	    id, user, path);
	return (sql_text(s, 0, "member"));
}

/* A member of the newest event of `type`. */
static const char *
told(const char *type, const char *path)
{
	QUERY(s,
	    "select e.data::json #>> string_to_array($2, '.') as member,"
	    " e.topic from events e where e.type = $1"
	    " order by e.id desc limit 1",
	    type, path);
	return (sql_text(s, 0, "member"));
}

static void
test_plain(void)
{
	char id[40];

	make_room("all");
	SENT(id, .from = "ann", .text = "hello");
	QUERY(s,
	    "select message_has_more(m) as more from messages m"
	    " where m.id = $1::uuid",
	    id);
	ANSWER("more", "f");
	SQL(s, "messages.get", "ben", "user", id);
	CU_ASSERT_TRUE(sql_null(s, 0, "_more"));
}

static void
test_quote(void)
{
	char id[40], answer[40], data[2000];

	make_room("all");
	SENT(id, .from = "ann", .text = "a question");
	SENT(answer, .from = "ben", .text = "an answer", .reply_to = id);
	CU_ASSERT_STRING_EQUAL(
	    shown(answer, "ann", "quote.text"), "a question");
	CU_ASSERT_STRING_EQUAL(shown(answer, "ann", "quote.sender.id"), "ann");
	CU_ASSERT_STRING_EQUAL(told("message.created", "quote.id"), id);
	(void)snprintf(data, sizeof(data), "%s", told("message.created", ""));
	SQL(s, "messages.list", "ann", "user", room, NULL, NULL, "1");
	CU_ASSERT_TRUE(sql_shows(s, 0, data));
}

/* Who joined later sees no more of a quote than of the history; an event,
 * which goes to all, quotes nothing then. */
static void
test_quote_hidden(void)
{
	char id[40], answer[40];

	make_room("joined");
	SENT(id, .from = "ann", .text = "before");
	SQL(s, "members.add", "ann", "user", NULL, room, "{cat}");
	SENT(answer, .from = "ben", .text = "after", .reply_to = id);
	CU_ASSERT_STRING_EQUAL(shown(answer, "ben", "quote.text"), "before");
	CU_ASSERT_STRING_EQUAL(shown(answer, "cat", "quote.text"), "");
	CU_ASSERT_STRING_EQUAL(shown(answer, "cat", "quote.id"), id);
	CU_ASSERT_STRING_EQUAL(told("message.created", "quote.text"), "");
}

static void
test_code(void)
{
	char id[40];

	make_room("all");
	SENT(id, .from = "ann", .text = "int x;", .type = "code",
	    .language = "c");
	CU_ASSERT_STRING_EQUAL(shown(id, "ben", "type"), "code");
	CU_ASSERT_STRING_EQUAL(shown(id, "ben", "language"), "c");
}

static void
test_mentions(void)
{
	char id[40];

	make_room("all");
	SENT(id, .from = "ann", .text = "you and me",
	    .mentions = "[\"ben\",\"ann\",\"cat\"]");
	CU_ASSERT_STRING_EQUAL(
	    told("message.created", "mentions"), "[\"ben\",\"ann\",\"cat\"]");
	/* Neither who wrote it nor who is no member is counted for. */
	QUERY(s,
	    "select string_agg(user_id, ',') as who from mentions"
	    " where conversation_id = $1::uuid",
	    room);
	ANSWER("who", "ben");
	SEND(.from = "ann", .text = "x", .mentions = "[\"ben\",\"nobody\"]");
	ANSWER("error", "unknown_user");
	ANSWER("field", "mentions[1]");
	SEND(.from = "ben", .text = "all", .all = "true");
	ANSWER("error", "forbidden");
	ANSWER("field", "mention_all");
	SENT(id, .from = "ann", .text = "all", .all = "true");
	CU_ASSERT_STRING_EQUAL(shown(id, "ben", "mention_all"), "true");
}

static void
test_thread(void)
{
	char root[40], reply[40], thread[40];

	make_room("all");
	SENT(root, .from = "ann", .text = "root");
	SENT(reply, .from = "ben", .text = "one", .thread_root = root);
	(void)snprintf(
	    thread, sizeof(thread), "%s", sql_text(s, 0, "conversation_id"));
	CU_ASSERT_STRING_NOT_EQUAL(thread, room);
	ANSWER("seq", "1");
	CU_ASSERT_STRING_EQUAL(shown(reply, "ann", "thread_root"), root);
	CU_ASSERT_STRING_EQUAL(shown(reply, "ann", "parent_id"), room);
	CU_ASSERT_STRING_EQUAL(shown(reply, "ann", "root_seq"), "1");
	SEND(.from = "ann", .text = "two", .thread_root = root);
	ANSWER("seq", "2");
	ANSWER("conversation_id", thread);
	CU_ASSERT_STRING_EQUAL(shown(root, "ben", "thread.reply_count"), "2");
	CU_ASSERT_STRING_EQUAL(
	    shown(root, "ben", "thread.participants"), "[\"ben\",\"ann\"]");
	CU_ASSERT_STRING_EQUAL(told("thread.updated", "message_id"), root);
	CU_ASSERT_STRING_EQUAL(
	    told("thread.updated", "thread.reply_count"), "2");
	/* All of it is told to the parent's topic. */
	QUERY(s,
	    "select count(distinct topic) as n from events"
	    " where type in ('message.created', 'thread.updated')"
	    " and topic = 'conversation:' || $1",
	    room);
	ANSWER("n", "1");
	QUERY(s,
	    "select count(*) as n from events where topic"
	    " = 'conversation:' || $1",
	    thread);
	ANSWER("n", "0");
	/* Its history is one, and the parent's has the root only. */
	SQL(s, "messages.list", "ben", "user", thread, NULL, NULL, "50");
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	SQL(s, "messages.list", "ben", "user", room, NULL, NULL, "50");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	/* A reply has no thread of its own. */
	SEND(.from = "ann", .text = "x", .thread_root = reply);
	ANSWER("error", "unknown_message");
	ANSWER("field", "thread_root");
}

static void
test_thread_rights(void)
{
	char root[40], thread[40];

	make_room("joined");
	SENT(root, .from = "ann", .text = "root");
	SEND(.from = "ben", .text = "one", .thread_root = root);
	(void)snprintf(
	    thread, sizeof(thread), "%s", sql_text(s, 0, "conversation_id"));
	SEND(.from = "cat", .text = "x", .thread_root = root);
	ANSWER("error", "not_found");
	SQL(s, "messages.list", "cat", "user", thread, NULL, NULL, "50");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "not_found");
	/* Who does not see the root does not see the thread. */
	SQL(s, "members.add", "ann", "user", NULL, room, "{cat}");
	SQL(s, "messages.list", "cat", "user", thread, NULL, NULL, "50");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "not_found");
	SEND(.from = "cat", .text = "x", .thread_root = root);
	ANSWER("error", "unknown_message");
	/* Who leaves the parent leaves the thread. */
	SQL(s, "members.remove", "ben", "user", NULL, room, "ben");
	SQL(s, "messages.list", "ben", "user", thread, NULL, NULL, "50");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "not_found");
}

/* The service's own messages have a number and count for nobody. */
static void
test_system(void)
{
	make_room("all");
	QUERY(s,
	    "select object::json->'system'->>'kind' as kind,"
	    " object::json->>'seq' as seq from system_message($1::uuid, 'ann',"
	    " '{\"kind\":\"renamed\"}')",
	    room);
	ANSWER("kind", "renamed");
	ANSWER("seq", "1");
	SQL(s, "conversations.get", "ben", "user", room, NULL);
	ANSWER("unread", "0");
	ANSWER("last_seq", "1");
}

static void
setup(void)
{
	RUN(s,
	    "insert into users (id, name) values ('ann', 'Ann'),"
	    " ('ben', 'Ben'), ('cat', 'Cat')");
}

static const struct test_case cases[] = {
	{ "a plain message has no more", test_plain },
	{ "a reply quotes", test_quote },
	{ "a quote shows what its reader may see", test_quote_hidden },
	{ "code has a language", test_code },
	{ "mentions are checked and counted", test_mentions },
	{ "a thread has numbers of its own", test_thread },
	{ "a thread's rights are its parent's", test_thread_rights },
	{ "the service writes into the history", test_system },
};

SQL_MAIN("sql_content", setup)
