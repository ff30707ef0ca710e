/* SPDX-License-Identifier: ISC */
/* What must not be seen or touched by whom it is no business of. */

#include <string.h>

#include "base/attr.h"
#include "tests/db/sql_fixture.h"

static void
keep(char to[40], const char *column)
{
	(void)snprintf(to, 40, "%s", sql_text(s, 0, column));
}

/* A group of `owner` and `members`. */
static void
group(char id[40], const char *owner, const char *members, const char *history,
    const char *visibility)
{
	SQL(s, "conversations.create", owner, "user", NULL, "group", NULL,
	    "Room", members, NULL, history, NULL, NULL, NULL, NULL, visibility);
	keep(id, "id");
}

/* A message of `user`'s; `id` may be chosen or null. */
static void
post(char kept[40], const char *room, const char *user, const char *text,
    const char *root, const char *id, const char *files)
{
	QUERY(s,
	    "select r.status, r.id from messages_send(array[$1], array['user'],"
	    " array[$2], array[coalesce($3::uuid, uuid_v7())], array[$4],"
	    " array[null]::uuid[], array[$5], array[null], array[null],"
	    " array[null]::boolean[], null, null, array[$6]::uuid[]) r",
	    user, room, id, text, files, root);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "status"), "201");
	keep(kept, "id");
}

static void
upload(char id[40])
{
	RUN(s,
	    "insert into uploads (id, owner_id, filename, type, size, sha256,"
	    " thumbnail_sha256, thumbnail_type, thumbnail_size)"
	    " values (uuid_v7(), 'ann', 'a.png', 'image/png', 4,"
	    " repeat('a', 64), repeat('b', 64), 'image/png', 1) returning id");
	keep(id, "id");
}

static int
logged(const char *text)
{
	QUERY(s,
	    "select count(*) as n from events e"
	    " where e.data like '%' || $1 || '%'",
	    text);
	return ((int)sql_number(s, 0, "n"));
}

/* Senders choose the ids of messages: that of a group gives no right over what
 * is the group's. */
static void
test_borrowed_id(void)
{
	char room[40], own[40], image[40], file[40], files[48], id[40];

	group(room, "ann", "{ben}", "all", "public");
	upload(image);
	SQL(s, "conversations.update", "ann", "user", NULL, room, "{image}",
	    NULL, NULL, image, NULL, NULL, NULL);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "");
	group(own, "eve", "{ann}", "all", NULL);
	upload(file);
	(void)snprintf(files, sizeof(files), "[\"%s\"]", file);
	post(id, own, "ann", "", NULL, room, files);
	CU_ASSERT_STRING_EQUAL(id, room);
	SQL(s, "uploads.get", "cat", "user", file);
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "messages.delete", "ann", "user", NULL, id, "0");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "");
	SQL(s, "uploads.get", "cat", "user", image);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	SQL(s, "conversations.delete", "eve", "user", NULL, own);
	SQL(s, "notifications.follow", "100000", NULL, "0");
	SQL(s, "tidy.run", "7");
	SQL(s, "uploads.get", "cat", "user", image);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
}

/* A reply that not all members hear of leaves the log as others do. */
static void
test_reply_deleted(void)
{
	char room[40], root[40], id[40];

	group(room, "ann", "{ben,cat}", "joined", NULL);
	post(root, room, "ann", "root", NULL, NULL, NULL);
	SQL(s, "members.add", "ann", "user", NULL, room, "{dan}");
	post(id, room, "ben", "needle in a thread", root, NULL, NULL);
	CU_ASSERT_STRING_EQUAL(
	    sql_heard(s, "message.created", "needle in a thread"),
	    "ann ben cat");
	SQL(s, "messages.edit", "ben", "user", NULL, id, "pin in a thread",
	    NULL, NULL, NULL, "0");
	CU_ASSERT_EQUAL(logged("needle in a thread"), 0);
	SQL(s, "messages.delete", "ben", "user", NULL, id, "0");
	CU_ASSERT_EQUAL(logged("pin in a thread"), 0);
}

/* Who joined later hears nothing of a thread whose root they do not see. */
static void
test_hidden_thread(void)
{
	char room[40], root[40], id[40];
	const char *note;

	group(room, "ann", "{ben}", "joined", NULL);
	post(root, room, "ann", "root", NULL, NULL, NULL);
	SQL(s, "members.add", "ann", "user", NULL, room, "{dan}");
	post(id, room, "ben", "reply", root, NULL, NULL);
	SQL(s, "messages.delete", "ben", "user", NULL, id, "0");
	CU_ASSERT_STRING_EQUAL(
	    sql_heard(s, "thread.updated", room), "ann ben,ann ben");
	RUN(s, "listen parley_ephemeral");
	QUERY(s,
	    "select error from typing_tell(array['typing.started'],"
	    " array['ben'], array['user'], array[$1], array[$2]::uuid[],"
	    " array[null])",
	    room, root);
	CU_ASSERT_TRUE(sql_null(s, 0, "error"));
	note = sql_notified(s, "parley_ephemeral");
	CU_ASSERT_PTR_NOT_NULL_FATAL(note);
	CU_ASSERT_PTR_NOT_NULL(strstr(note, "\"seq\":1,"));
}

/* Nor do they when later members are to read everything. */
static void
test_history_changed(void)
{
	char room[40], id[40];

	group(room, "ann", "{ben}", "joined", NULL);
	post(id, room, "ann", "before", NULL, NULL, NULL);
	SQL(s, "members.add", "ann", "user", NULL, room, "{dan}");
	SQL(s, "conversations.update", "ann", "user", NULL, room, "{history}",
	    NULL, NULL, NULL, NULL, NULL, "all");
	SQL(s, "members.add", "ann", "user", NULL, room, "{cat}");
	SQL(s, "messages.get", "dan", "user", id);
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "messages.edit", "ann", "user", NULL, id, "before, and more",
	    NULL, NULL, NULL, "0");
	CU_ASSERT_STRING_EQUAL(
	    sql_heard(s, "message.updated", id), "ann ben cat");
	QUERY(s,
	    "select r.message from messages_send(array['ann'], array['user'],"
	    " array[$1], array[uuid_v7()], array['so'], array[$2]::uuid[],"
	    " array[null], array[null], array[null], array[null]::boolean[])"
	    " r",
	    room, id);
	CU_ASSERT_PTR_NULL(strstr(sql_text(s, 0, "message"), "before"));
}

/* What no member sees any more can be deleted, and leaves the log. */
static void
test_seen_by_nobody(void)
{
	char room[40], root[40], id[40];

	group(room, "ann", "{ben}", "joined", NULL);
	post(root, room, "ben", "unseen root", NULL, NULL, NULL);
	post(id, room, "ben", "unseen reply", root, NULL, NULL);
	SQL(s, "members.add", "ann", "user", NULL, room, "{dan}");
	SQL(s, "members.remove", "ben", "user", NULL, room, "ben");
	SQL(s, "members.remove", "ann", "user", NULL, room, "ann");
	SQL(s, "messages.delete", "op", "admin", NULL, id, "0");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "");
	SQL(s, "messages.delete", "op", "admin", NULL, root, "0");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "");
	CU_ASSERT_EQUAL(logged("unseen r"), 0);
}

/* The log keeps nothing of a conversation that was deleted. */
static void
test_forgotten(void)
{
	char room[40], root[40], id[40];

	group(room, "ann", "{ben}", "joined", NULL);
	post(root, room, "ann", "lasting root", NULL, NULL, NULL);
	SQL(s, "members.add", "ann", "user", NULL, room, "{dan}");
	post(id, room, "ben", "lasting reply", root, NULL, NULL);
	CU_ASSERT(logged("lasting r") > 2);
	SQL(s, "conversations.delete", "ann", "user", NULL, room);
	CU_ASSERT_EQUAL(logged("lasting r"), 0);
	SQL(s, "notifications.follow", "100000", NULL, "0");
	SQL(s, "tidy.run", "7");
}

/* And notifications go with its messages. */
static void
test_purged(void)
{
	char room[40], id[40];

	group(room, "ann", "{ben}", "all", NULL);
	post(id, room, "ann", "to ben", NULL, NULL, NULL);
	QUERY(s,
	    "insert into notifications (id, user_id, kind, conversation_id,"
	    " message_id, seq, actor_id, created_at)"
	    " values (uuid_v7(), 'ben', 'mention', $1::uuid, $2::uuid, 1,"
	    " 'ann', now())",
	    room, id);
	SQL(s, "conversations.delete", "ann", "user", NULL, room);
	SQL(s, "notifications.follow", "100000", NULL, "0");
	SQL(s, "tidy.run", "7");
	SQL(s, "notifications.list", "ben", NULL, NULL, NULL, "10");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
}

static void
setup(void)
{
	RUN(s,
	    "insert into users (id, name) values ('ann', 'Ann'),"
	    " ('ben', 'Ben'), ('cat', 'Cat'), ('dan', 'Dan'), ('eve', 'Eve'),"
	    " ('op', 'Op')");
}

static const struct test_case cases[] = {
	{ "an id of a group is of no use", test_borrowed_id },
	{ "a reply leaves the log as a whole", test_reply_deleted },
	{ "a thread is hidden with its root", test_hidden_thread },
	{ "history stays hidden from whom it was", test_history_changed },
	{ "what nobody sees can be deleted", test_seen_by_nobody },
	{ "a deleted conversation leaves the log", test_forgotten },
	{ "a deleted conversation leaves nothing", test_purged },
};

SQL_MAIN("sql_rights", setup)
