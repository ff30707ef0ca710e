/* SPDX-License-Identifier: ISC */
/* Notifications: whom they are made for, and what becomes of them. */

#include "base/attr.h"
#include "base/mem.h"
#include "tests/db/sql_fixture.h"

static char room[40], direct[40];

/* One step of the follower over all that happened. */
static void
follow(void)
{
	SQL(s, "notifications.follow", "1000", NULL, "0");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "turn"), "t");
}

/* A group of ann, ben and cat, and ann's conversation with ben, both new to
 * the test; nobody has any notifications. */
static void
begin(void)
{
	follow();
	RUN(s, "delete from notifications");
	SQL(s, "conversations.create", "ann", "user", NULL, "group", NULL,
	    "Room", "{ben,cat}", NULL, NULL, NULL);
	(void)snprintf(room, sizeof(room), "%s", sql_text(s, 0, "id"));
}

/* What is sent: parts that are not given are null. */
struct message {
	const char *from, *to, *text, *reply_to, *thread_root, *mentions, *all;
};

static void
send(char id[40], const struct message *m)
{
	sql_query(s,
	    "select r.status, r.id from messages_send(array[$1], array['user'],"
	    " array[$2], array[uuid_v7()], array[$3], array[$4]::uuid[],"
	    " array[null], array[null], array[null], array[null]::boolean[],"
	    " array[null], array[null], array[$5]::uuid[], array[$6],"
	    " array[$7]::boolean[]) r",
	    (const char *const[]){ m->from, m->to, m->text, m->reply_to,
		m->thread_root, m->mentions, m->all },
	    7);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "status"), "201");
	(void)snprintf(id, 40, "%s", sql_text(s, 0, "id"));
}

#define SEND(id, ...) send(id, &(const struct message){ __VA_ARGS__ })

/* Whoever has any: "user:kind×count" of those not read, in order. */
static void
check(const char *expected)
{
	RUN(s,
	    "select coalesce(string_agg(user_id || ':' || kind || case when"
	    " count > 1 then 'x' || count else '' end, ' '"
	    " order by user_id, created_at), '') as all_"
	    " from notifications where read_at is null");
	if (strcmp(sql_text(s, 0, "all_"), expected) != 0)
		fprintf(
		    stderr, "\n%s, not %s\n", sql_text(s, 0, "all_"), expected);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "all_"), expected);
}

static void
test_kinds(void)
{
	char id[40], answer[40];

	begin();
	SEND(id, .from = "ann", .to = room, .text = "nobody in particular");
	follow();
	check("");
	SEND(id, .from = "ann", .to = room, .text = "you",
	    .mentions = "[\"ben\",\"dan\",\"ann\"]");
	follow();
	check("ben:mention");
	SEND(answer, .from = "cat", .to = room, .text = "yes", .reply_to = id);
	SEND(answer, .from = "ben", .to = room, .text = "so?",
	    .thread_root = answer);
	follow();
	check("ann:reply ben:mention cat:reply");
	SEND(id, .from = "ann", .to = room, .text = "all", .all = "true");
	follow();
	/* ann wrote behind what answered her. */
	check("ben:mention ben:mention cat:reply cat:mention");
}

/* A message that names whom it answers is one notification, of the more telling
 * kind. */
static void
test_one_each(void)
{
	char id[40], answer[40];

	begin();
	SEND(id, .from = "ben", .to = room, .text = "x");
	SEND(answer, .from = "ann", .to = room, .text = "y", .reply_to = id,
	    .mentions = "[\"ben\"]", .all = "true");
	follow();
	check("ben:mention cat:mention");
}

/* What is alike and unread is counted together; the event has the whole. */
static void
test_counts(void)
{
	char id[40];

	begin();
	SEND(id, .from = "ann", .to = direct, .text = "one");
	SEND(id, .from = "ann", .to = direct, .text = "two");
	follow();
	check("ben:direct_messagex2");
	SEND(id, .from = "ann", .to = direct, .text = "three");
	follow();
	check("ben:direct_messagex3");
	QUERY(s,
	    "select data::json->'notification'->>'count' as count,"
	    " data::json->'notification'->>'message_id' = $1 as newest,"
	    " data::json->>'unread' as unread from events"
	    " where type = 'notification.created' and topic = 'user:ben'"
	    " order by id desc limit 1",
	    id);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "count"), "3");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "newest"), "t");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "unread"), "1");
}

/* What a part of is gone counts less, and is of the newest that is left. */
static void
test_counts_less(void)
{
	char one[40], two[40], three[40];

	begin();
	SEND(one, .from = "ann", .to = direct, .text = "one");
	SEND(two, .from = "ann", .to = direct, .text = "two");
	SEND(three, .from = "ann", .to = direct, .text = "three");
	follow();
	check("ben:direct_messagex3");
	SQL(s, "messages.delete", "ann", "user", NULL, two, "0");
	follow();
	check("ben:direct_messagex2");
	SQL(s, "messages.delete", "ann", "user", NULL, three, "0");
	follow();
	check("ben:direct_message");
	QUERY(s,
	    "select message_id = $1::uuid as newest from notifications"
	    " where read_at is null",
	    one);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "newest"), "t");
	SQL(s, "messages.delete", "ann", "user", NULL, one, "0");
	follow();
	check("");
}

/* Reading up to a message, or writing behind it, is having seen it. */
static void
test_read(void)
{
	char id[40];

	begin();
	SEND(id, .from = "ann", .to = direct, .text = "one");
	SEND(id, .from = "ann", .to = room, .text = "x",
	    .mentions = "[\"ben\"]");
	follow();
	check("ben:direct_message ben:mention");
	QUERY(s,
	    "select r.error from receipts_mark('{ben}', '{user}', array[$1],"
	    " array[null]::bigint[], array[$2]::uuid[], '{null}', '{null}') r",
	    room, id);
	follow();
	check("ben:direct_message");
	SEND(id, .from = "ben", .to = direct, .text = "two");
	follow();
	check("ann:direct_message");
	SQL(s, "notifications.list", "ben", NULL, NULL, NULL, "50");
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	SQL(s, "notifications.list", "ben", "true", NULL, NULL, "50");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
}

/* Who follows a thread hears of its replies, until they have read them. */
static void
test_thread(void)
{
	char root[40], id[40];

	begin();
	SEND(root, .from = "ann", .to = room, .text = "root");
	SEND(id, .from = "ben", .to = room, .text = "one", .thread_root = root);
	SEND(id, .from = "cat", .to = room, .text = "two", .thread_root = root);
	follow();
	check("ann:reply ann:reply ben:reply");
	SQL(s, "threads.mark", "ben", "user", NULL, root, "2", NULL);
	follow();
	check("ann:reply ann:reply");
	SEND(id, .from = "ann", .to = room, .text = "three",
	    .thread_root = root);
	follow();
	check("ben:reply cat:reply");
}

/* Levels, mutes and blocks keep them off; a mute lets mentions in, silently. */
static void
test_levels(void)
{
	char id[40];

	begin();
	QUERY(s,
	    "update members set level = 'none' where user_id = 'ben'"
	    " and conversation_id = $1::uuid",
	    room);
	SEND(id, .from = "ann", .to = room, .text = "x", .all = "true");
	follow();
	check("cat:mention");
	begin();
	QUERY(s,
	    "update members set level = 'mentions', muted_until = 'infinity'"
	    " where user_id = 'ben' and conversation_id in ($1::uuid,"
	    " $2::uuid)",
	    room, direct);
	SEND(id, .from = "ben", .to = room, .text = "x");
	SEND(id, .from = "ann", .to = room, .text = "y", .reply_to = id);
	SEND(id, .from = "ann", .to = direct, .text = "z");
	follow();
	check("");
	SEND(id, .from = "ann", .to = room, .text = "y",
	    .mentions = "[\"ben\"]");
	follow();
	check("ben:mention");
	RUN(s, "select bool_and(silent) as silent from notifications");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "silent"), "t");
	QUERY(s,
	    "update members set level = 'all', muted_until = null"
	    " where user_id = 'ben' and conversation_id = $1::uuid",
	    direct);
	begin();
	SQL(s, "blocks.add", "ben", "user", NULL, "ann");
	SEND(id, .from = "ann", .to = room, .text = "y",
	    .mentions = "[\"ben\"]");
	follow();
	check("");
	SQL(s, "blocks.remove", "ben", NULL, "ann");
}

/* Who wants quiet has them in the list only. */
static void
test_quiet(void)
{
	char id[40];

	begin();
	SQL(s, "presence.set", "ben", "dnd", NULL, NULL, NULL, NULL, NULL);
	SEND(id, .from = "ann", .to = direct, .text = "x");
	follow();
	check("ben:direct_message");
	RUN(s, "select silent from notifications");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "silent"), "t");
	SQL(s, "presence.set", "ben", "online", NULL, NULL, NULL, NULL, NULL);
}

/* Those of what is gone are gone. */
static void
test_gone(void)
{
	char id[40];

	begin();
	SEND(id, .from = "ann", .to = room, .text = "x", .all = "true");
	follow();
	check("ben:mention cat:mention");
	SQL(s, "members.remove", "ann", "user", NULL, room, "ben");
	follow();
	check("cat:mention");
	RUN(s,
	    "select data::json->>'unread' as unread from events where type"
	    " = 'notification.removed' and topic = 'user:ben'"
	    " order by id desc limit 1");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "unread"), "0");
}

/* Several reactions are one notification: it goes with the last of them. */
static void
test_taken_back(void)
{
	static const char *const who[] = { "ann", "cat" };
	char id[40];

	begin();
	SEND(id, .from = "ben", .to = room, .text = "x");
	for (size_t i = 0; i < 2; i++)
		SQL(s, "reactions.add", who[i], "user", NULL, id, "👍");
	follow();
	check("ben:reactionx2");
	for (size_t i = 0; i < 2; i++)
		SQL(s, "reactions.remove", who[i], "user", NULL, id, "👍");
	follow();
	check("");
}

/* Nobody is told of what they have cleared away, threads on it among that. */
static void
test_cleared(void)
{
	char id[40], answer[40];

	begin();
	SEND(id, .from = "ben", .to = room, .text = "x",
	    .mentions = "[\"cat\"]");
	SEND(answer, .from = "cat", .to = room, .text = "y", .thread_root = id);
	SEND(answer, .from = "ann", .to = room, .text = "z", .thread_root = id);
	SEND(id, .from = "ann", .to = room, .text = "you",
	    .mentions = "[\"ben\",\"cat\"]");
	follow();
	check("ben:reply ben:reply ben:mention cat:mention cat:reply"
	      " cat:mention");
	SQL(s, "conversations.clear", "ben", "user", NULL, room);
	SEND(id, .from = "ann", .to = room, .text = "and now",
	    .mentions = "[\"ben\"]");
	follow();
	check("ben:mention cat:mention cat:reply cat:mention");
	RUN(s, "select message_id from notifications where user_id = 'ben'");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "message_id"), id);
}

/* A back end's own, to whom it names; a kind of the service's is refused. */
static void
test_custom(void)
{
	begin();
	SQL(s, "notifications.create", "shop", "service", NULL, "{ben,cat}",
	    "order.shipped", "On its way", NULL, "https://shop.example/1",
	    NULL);
	check("ben:order.shipped cat:order.shipped");
	SQL(s, "notifications.create", "shop", "service", NULL, "{ben}",
	    "mention", "x", NULL, NULL, NULL);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "invalid");
	CU_ASSERT_STRING_EQUAL(sql_field(s), "kind");
	SQL(s, "notifications.count", "ben");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "unread"), "1");
	CU_ASSERT_STRING_EQUAL(
	    sql_text(s, 0, "by_kind"), "{\"order.shipped\":1}");
	SQL(s, "notifications.read", "ben", NULL, NULL, NULL, "true");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "read"), "1");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "unread"), "0");
	SQL(s, "notifications.read", "ben", NULL, NULL, NULL, "true");
	CU_ASSERT_TRUE(sql_null(s, 0, "_event"));
	SQL(s, "notifications.read", "ben", NULL, NULL, NULL, NULL);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "required");
	check("cat:order.shipped");
}

/* The list is that of the events, member for member, page by page. */
static void
test_list(void)
{
	char id[40], data[2000], cursor[100];

	begin();
	SEND(id, .from = "ann", .to = room, .text = "x",
	    .mentions = "[\"ben\"]");
	SEND(id, .from = "ann", .to = room, .text = "y", .thread_root = id,
	    .mentions = "[\"ben\"]");
	SEND(id, .from = "ann", .to = direct, .text = "z");
	follow();
	RUN(s,
	    "select data::json->'notification' as n from events where type"
	    " = 'notification.created' and data like '%thread_root%'"
	    " order by id desc limit 1");
	(void)snprintf(data, sizeof(data), "%s", sql_text(s, 0, "n"));
	SQL(s, "notifications.list", "ben", NULL, NULL, NULL, "1");
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "kind"), "direct_message");
	(void)snprintf(cursor, sizeof(cursor), "%s", sql_text(s, 0, "_cursor"));
	SQL(s, "notifications.list", "ben", NULL, NULL, cursor, "5");
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	CU_ASSERT_TRUE(sql_shows(s, 0, data));
	SQL(s, "notifications.list", "ben", NULL, "direct_message", NULL, "5");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	SQL(s, "notifications.list", "ben", NULL, NULL, "nonsense", "5");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "invalid_cursor");
}

/* What was done is not done again, however often the step is repeated; one that
 * is rolled back is. */
static void
test_once(void)
{
	char id[40];

	begin();
	SEND(id, .from = "ann", .to = direct, .text = "x");
	RUN(s, "begin");
	follow();
	RUN(s, "rollback");
	check("");
	follow();
	follow();
	check("ben:direct_message");
}

static void
setup(void)
{
	RUN(s,
	    "insert into users (id, name) values ('ann', 'Ann'),"
	    " ('ben', 'Ben'), ('cat', 'Cat'), ('dan', 'Dan')");
	SQL(s, "conversations.create", "ann", "user", NULL, "direct", "ben",
	    NULL, NULL, NULL, NULL, NULL);
	(void)snprintf(direct, sizeof(direct), "%s", sql_text(s, 0, "id"));
}

static const struct test_case cases[] = {
	{ "each kind for whom it concerns", test_kinds },
	{ "one for a message", test_one_each },
	{ "counts what is alike", test_counts },
	{ "counts less when a part is gone", test_counts_less },
	{ "reading is having seen", test_read },
	{ "followers of a thread", test_thread },
	{ "levels, mutes and blocks", test_levels },
	{ "silent for who wants quiet", test_quiet },
	{ "gone with what they are about", test_gone },
	{ "gone with the last reaction", test_taken_back },
	{ "gone with what is cleared away", test_cleared },
	{ "a back end's own", test_custom },
	{ "the list says what the events said", test_list },
	{ "made once", test_once },
};

SQL_MAIN("sql_notifications", setup)
