/* SPDX-License-Identifier: ISC */
/* Reactions and pins: what a message shows of them, to whom, and what is told. */

#include "base/attr.h"
#include "tests/db/sql_fixture.h"

#define OK ":ok:"
#define THUMB "\xf0\x9f\x91\x8d"

/* A group of ann (owner) and ben with one message, made anew for each test. */
static char room[40], message[40];

#define ANSWER(column, value) \
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, (column)), (value))
#define REFUSED(code) CU_ASSERT_STRING_EQUAL(sql_error(s), (code))

static void
send(const char *from, const char *thread_root, char id[40])
{
	QUERY(s,
	    "select r.id from messages_send(array[$1], array['user'],"
	    " array[$2], array[null]::uuid[], array['hello'],"
	    " array[null]::uuid[], array[null], array[null], array[null],"
	    " array[null]::boolean[], array[null], array[null],"
	    " array[$3]::uuid[]) r",
	    from, room, thread_root);
	(void)snprintf(id, 40, "%s", sql_text(s, 0, "id"));
}

static void
make_room(const char *history)
{
	SQL(s, "conversations.create", "ann", "user", NULL, "group", NULL,
	    "Room", "{ben}", NULL, history, NULL);
	(void)snprintf(room, sizeof(room), "%s", sql_text(s, 0, "id"));
	send("ann", NULL, message);
}

static void
add(const char *user, const char *emoji)
{
	SQL(s, "reactions.add", user, "user", NULL, message, emoji);
}

static void
take_back(const char *user, const char *emoji)
{
	SQL(s, "reactions.remove", user, "user", NULL, message, emoji);
}

/* What the history shows `user` of the message's reactions. */
static const char *
shown(const char *user)
{
	QUERY(s,
	    "select message_object(m, $2, 'user')::json->'reactions' as r"
	    " from messages m where m.id = $1::uuid",
	    message, user);
	return (sql_text(s, 0, "r"));
}

static int64_t
told(void)
{
	QUERY(s,
	    "select count(*) as n from events where type like 'reaction.%'"
	    " and data::json->>'message_id' = $1",
	    message);
	return (sql_number(s, 0, "n"));
}

static void
test_add(void)
{
	make_room("all");
	CU_ASSERT_STRING_EQUAL(shown("ben"), "");
	add("ben", THUMB);
	ANSWER("_status", "201");
	ANSWER("conversation_id", room);
	ANSWER("reactions",
	    "[{\"emoji\":\"" THUMB
	    "\",\"count\":1,\"users\":[\"ben\"],\"me\":true}]");
	add("ann", OK);
	add("ann", THUMB);
	ANSWER("reactions",
	    "[{\"emoji\":\"" THUMB
	    "\",\"count\":2,\"users\":[\"ben\",\"ann\"],\"me\":true},"
	    "{\"emoji\":\":ok:\",\"count\":1,\"users\":[\"ann\"],"
	    "\"me\":true}]");
	CU_ASSERT_STRING_EQUAL(shown("ben"),
	    "[{\"emoji\":\"" THUMB
	    "\",\"count\":2,\"users\":[\"ben\",\"ann\"],\"me\":true},"
	    "{\"emoji\":\":ok:\",\"count\":1,\"users\":[\"ann\"],"
	    "\"me\":false}]");
	CU_ASSERT_EQUAL(told(), 3);
}

/* The event holds all that the message shows, without `me`. */
static void
test_event(void)
{
	make_room("all");
	add("ben", OK);
	take_back("ben", OK);
	QUERY(s,
	    "select type, topic, data from events where type like"
	    " 'reaction.%' and data::json->>'message_id' = $1 order by id",
	    message);
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	ANSWER("type", "reaction.added");
	CU_ASSERT_STRING_EQUAL(
	    sql_text(s, 0, "topic") + strlen("conversation:"), room);
	CU_ASSERT_PTR_NOT_NULL(strstr(sql_text(s, 0, "data"),
	    "\"user_id\":\"ben\",\"emoji\":\":ok:\",\"reactions\":[{\"emoji\":"
	    "\":ok:\",\"count\":1,\"users\":[\"ben\"]}]}"));
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "type"), "reaction.removed");
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(sql_text(s, 1, "data"), "\"reactions\":[]}"));
}

static void
test_again(void)
{
	make_room("all");
	take_back("ben", OK);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	ANSWER("reactions", "[]");
	add("ben", OK);
	add("ben", OK);
	ANSWER("_status", "200");
	ANSWER("reactions",
	    "[{\"emoji\":\":ok:\",\"count\":1,\"users\":[\"ben\"],"
	    "\"me\":true}]");
	CU_ASSERT_TRUE(sql_null(s, 0, "_event"));
	take_back("ben", OK);
	ANSWER("reactions", "[]");
	take_back("ben", OK);
	CU_ASSERT_TRUE(sql_null(s, 0, "_event"));
	CU_ASSERT_EQUAL(told(), 2);
	/* It is a plain message again. */
	QUERY(s,
	    "select message_has_more(m) as more from messages m"
	    " where m.id = $1::uuid",
	    message);
	ANSWER("more", "f");
}

/* Five users are shown, and others move up when one of them goes. */
static void
test_first_users(void)
{
	char user[12];

	make_room("all");
	QUERY(s,
	    "select member_count from members_add('ann', 'service', null, $1,"
	    " array(select 'u' || n from generate_series(1, 7) n))",
	    room);
	for (int i = 1; i <= 7; i++) {
		(void)snprintf(user, sizeof(user), "u%d", i);
		add(user, OK);
	}
	add("ben", THUMB);
	take_back("u1", OK);
	take_back("u7", OK);
	CU_ASSERT_STRING_EQUAL(shown("u6"),
	    "[{\"emoji\":\":ok:\",\"count\":5,\"users\":"
	    "[\"u2\",\"u3\",\"u4\",\"u5\",\"u6\"],\"me\":true},"
	    "{\"emoji\":\"" THUMB
	    "\",\"count\":1,\"users\":[\"ben\"],\"me\":false}]");
}

static void
test_bound(void)
{
	char emoji[12];

	make_room("all");
	for (int i = 0; i < 20; i++) {
		(void)snprintf(emoji, sizeof(emoji), ":e%d:", i);
		add("ben", emoji);
		ANSWER("_status", "201");
	}
	add("ann", ":e20:");
	REFUSED("too_many");
	add("ann", ":e19:");
	ANSWER("_status", "201");
	take_back("ben", ":e0:");
	add("ann", ":e20:");
	ANSWER("_status", "201");
	CU_ASSERT_EQUAL(told(), 23);
}

static void
test_rights(void)
{
	make_room("joined");
	add("cat", OK);
	REFUSED("not_found");
	take_back("cat", OK);
	REFUSED("not_found");
	SQL(s, "reactions.list", "cat", "user", message, NULL, NULL, "50");
	REFUSED("not_found");
	/* Who joined later does not see the message. */
	SQL(s, "members.add", "ann", "user", NULL, room, "{cat}");
	add("cat", OK);
	REFUSED("not_found");
	add("ben", OK);
	QUERY(s, "update messages set deleted_at = now() where id = $1::uuid",
	    message);
	add("ben", THUMB);
	REFUSED("message_deleted");
}

/* Where members see what came after them only, who does not see the message is
 * told nothing of it. */
static void
test_told_to(void)
{
	make_room("joined");
	add("ben", OK);
	SQL(s, "members.add", "ann", "user", NULL, room, "{cat}");
	add("ben", THUMB);
	SQL(s, "pins.add", "ann", "user", NULL, message);
	QUERY(s,
	    "select string_agg(coalesce(seq::text, '-'), ',' order by id)"
	    " as seen from events where type = 'reaction.added'"
	    " and data like '%' || $1 || '%'",
	    message);
	ANSWER("seen", "-,1");
	CU_ASSERT_STRING_EQUAL(
	    sql_heard(s, "message.pinned", message), "ann ben");
	take_back("ben", THUMB);
	SQL(s, "pins.remove", "ann", "user", NULL, message);
	CU_ASSERT_STRING_EQUAL(
	    sql_heard(s, "reaction.removed", message), "ann ben");
	CU_ASSERT_STRING_EQUAL(
	    sql_heard(s, "message.unpinned", message), "ann ben");
}

/* Who is blocked reads on, but says no more; they may take back. */
static void
test_blocked(void)
{
	SQL(s, "conversations.create", "ann", "user", NULL, "direct", "cat",
	    NULL, NULL, NULL, NULL, NULL);
	(void)snprintf(room, sizeof(room), "%s", sql_text(s, 0, "id"));
	send("cat", NULL, message);
	add("cat", OK);
	SQL(s, "blocks.add", "ann", "user", NULL, "cat");
	add("cat", THUMB);
	REFUSED("forbidden");
	take_back("cat", OK);
	ANSWER("reactions", "[]");
}

/* Of a reply in a thread the members of the parent are told. */
static void
test_thread(void)
{
	char root[40];

	make_room("all");
	(void)snprintf(root, sizeof(root), "%s", message);
	send("ben", root, message);
	add("ann", OK);
	ANSWER("_status", "201");
	CU_ASSERT_STRING_NOT_EQUAL(sql_text(s, 0, "conversation_id"), room);
	QUERY(s,
	    "select count(*) as n from events where type = 'reaction.added'"
	    " and topic = 'conversation:' || $1",
	    room);
	ANSWER("n", "1");
	add("cat", OK);
	REFUSED("not_found");
}

static void
test_list(void)
{
	char cursor[200];

	make_room("all");
	SQL(s, "reactions.list", "ann", "user", message, NULL, NULL, "50");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	add("ben", THUMB);
	add("ben", OK);
	add("ann", OK);
	SQL(s, "reactions.list", "ann", "user", message, NULL, NULL, "2");
	CU_ASSERT_EQUAL(sql_rows(s), 3);
	ANSWER("emoji", OK);
	ANSWER("user.id", "ben");
	ANSWER("user.name", "Ben");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "user.id"), "ann");
	(void)snprintf(cursor, sizeof(cursor), "%s", sql_text(s, 1, "_cursor"));
	SQL(s, "reactions.list", "ann", "user", message, NULL, cursor, "2");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	ANSWER("emoji", THUMB);
	SQL(s, "reactions.list", "ann", "user", message, THUMB, NULL, "50");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	SQL(s, "reactions.list", "ann", "user", message, NULL, "x", "50");
	REFUSED("invalid_cursor");
}

/* --- pins --- */

static void
pin(const char *user)
{
	SQL(s, "pins.add", user, "user", NULL, message);
}

static void
list_pins(const char *user, const char *conversation, const char *before,
    const char *limit)
{
	SQL(s, "pins.list", user, "user", conversation, NULL, before, limit);
}

/* A member of what was answered last. */
static const char *
answered(const char *path)
{
	static char answer[4000];

	(void)snprintf(answer, sizeof(answer), "%s", sql_text(s, 0, "_answer"));
	QUERY(s, "select $1::json #>> string_to_array($2, '.') as member",
	    answer, path);
	return (sql_text(s, 0, "member"));
}

static void
test_pin(void)
{
	make_room("all");
	pin("ben");
	REFUSED("forbidden");
	pin("ann");
	ANSWER("_status", "201");
	CU_ASSERT_STRING_EQUAL(answered("pinned.by"), "ann");
	pin("ann");
	ANSWER("_status", "200");
	/* The pin is told with the message, and stands in the history. */
	QUERY(s,
	    "select e.type, e.message_id, e.data::json#>>'{pinned,by}' as by,"
	    " e.data::json#>>'{system,kind}' as kind,"
	    " e.data::json#>>'{system,message_id}' as about, e.data::json"
	    "->>'seq' as seq from events e where e.topic = 'conversation:' "
	    "|| $1 order by e.id offset 1",
	    room);
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	ANSWER("type", "message.pinned");
	ANSWER("by", "ann");
	ANSWER("message_id", message);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "type"), "message.created");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "kind"), "pinned");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "about"), message);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "seq"), "2");

	SQL(s, "pins.remove", "ben", "user", NULL, message);
	REFUSED("forbidden");
	SQL(s, "pins.remove", "ann", "user", NULL, message);
	CU_ASSERT_STRING_EQUAL(answered("pinned"), "");
	SQL(s, "pins.remove", "ann", "user", NULL, message);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_TRUE(sql_null(s, 0, "_event"));
	QUERY(s,
	    "select count(*) as n from events where topic = 'conversation:' "
	    "|| $1 and type = 'message.unpinned'",
	    room);
	ANSWER("n", "1");
	list_pins("ann", room, NULL, "50");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
}

static void
test_pins_list(void)
{
	char first[40], root[40], thread[40], cursor[200], note[40];

	make_room("joined");
	(void)snprintf(first, sizeof(first), "%s", message);
	pin("ann");
	SQL(s, "members.add", "ann", "user", NULL, room, "{cat}");
	send("ben", NULL, root);
	send("ben", root, message);
	pin("ann");
	ANSWER("_status", "201");
	(void)snprintf(
	    thread, sizeof(thread), "%s", answered("conversation_id"));
	CU_ASSERT_STRING_NOT_EQUAL(thread, room);
	list_pins("ann", room, NULL, "1");
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	ANSWER("id", message);
	(void)snprintf(cursor, sizeof(cursor), "%s", sql_text(s, 0, "_cursor"));
	list_pins("ann", room, cursor, "1");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	ANSWER("id", first);
	list_pins("ann", thread, NULL, "50");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	ANSWER("id", message);
	/* Who joined later sees what came after. */
	list_pins("cat", room, NULL, "50");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	ANSWER("id", message);
	list_pins("dan", room, NULL, "50");
	REFUSED("not_found");
	list_pins("ann", room, "x", "50");
	REFUSED("invalid_cursor");
	list_pins("ann", room, "2026-01-01T00:00:00.000000Z_x", "50");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	/* Neither what the service says is pinned nor what is gone. */
	QUERY(s,
	    "select id from messages where conversation_id = $1::uuid"
	    " and type = 'system' limit 1",
	    room);
	(void)snprintf(note, sizeof(note), "%s", sql_text(s, 0, "id"));
	SQL(s, "pins.add", "ann", "user", NULL, note);
	REFUSED("forbidden");
	QUERY(s, "update messages set deleted_at = now() where id = $1::uuid",
	    root);
	SQL(s, "pins.add", "ann", "user", NULL, root);
	REFUSED("message_deleted");
}

static void
test_pins_direct(void)
{
	SQL(s, "conversations.create", "ann", "user", NULL, "direct", "dan",
	    NULL, NULL, NULL, NULL, NULL);
	(void)snprintf(room, sizeof(room), "%s", sql_text(s, 0, "id"));
	send("ann", NULL, message);
	pin("dan");
	ANSWER("_status", "201");
	SQL(s, "blocks.add", "ann", "user", NULL, "dan");
	SQL(s, "pins.remove", "dan", "user", NULL, message);
	REFUSED("forbidden");
}

static void
test_pins_bound(void)
{
	make_room("all");
	QUERY(s,
	    "select count(*) from generate_series(1, 50) n,"
	    " lateral (select r.id from messages_send(array['ann'],"
	    " array['user'], array[$1], array[null]::uuid[], array['m' || n],"
	    " array[null]::uuid[], array[null], array[null], array[null],"
	    " array[null]::boolean[]) r) m, lateral pins_add('ann', 'user',"
	    " null, m.id)",
	    room);
	pin("ann");
	REFUSED("too_many");
	list_pins("ann", room, NULL, "100");
	CU_ASSERT_EQUAL(sql_rows(s), 50);
}

static void
setup(void)
{
	RUN(s,
	    "insert into users (id, name) values ('ann', 'Ann'),"
	    " ('ben', 'Ben'), ('cat', 'Cat'), ('dan', 'Dan')");
}

static const struct test_case cases[] = {
	{ "counts, with the first users and oneself", test_add },
	{ "an event brings all reactions", test_event },
	{ "what is so already changes nothing", test_again },
	{ "shows the first five users", test_first_users },
	{ "twenty different ones at most", test_bound },
	{ "who may react", test_rights },
	{ "tells whoever sees the message", test_told_to },
	{ "a blocked user does not react", test_blocked },
	{ "in a thread", test_thread },
	{ "who reacted, page by page", test_list },
	{ "a pin is told and stands in the history", test_pin },
	{ "pins are listed to who sees the message", test_pins_list },
	{ "both of a direct conversation pin", test_pins_direct },
	{ "fifty pins at most", test_pins_bound },
};

SQL_MAIN("sql_reactions", setup)
