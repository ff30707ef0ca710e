/* SPDX-License-Identifier: ISC */
/* Messages edited and forwarded, and what the log holds of them then. */

#include "tests/db/lifecycle_fixture.h"

static void
test_edit(void)
{
	char id[40], answer_id[40];
	int64_t before;

	room_make("all");
	SEND(id, .from = "ben", .text = "first words");
	SEND(answer_id, .from = "ann", .text = "why?", .reply_to = id);
	edit("ben", id, "second words");
	CU_ASSERT_FALSE(sql_null(s, 0, "_event"));
	ANSWER("text", "second words");
	QUERY(s,
	    "select count(*) as n from messages m where m.id = $1::uuid"
	    " and m.edited_at > m.created_at",
	    id);
	CU_ASSERT_EQUAL(sql_number(s, 0, "n"), 1);
	/* Its answer follows it; both are told as they are now. */
	CU_ASSERT_STRING_EQUAL(told("message.updated", "id"), answer_id);
	CU_ASSERT_STRING_EQUAL(
	    told("message.updated", "quote.text"), "second words");
	CU_ASSERT_STRING_EQUAL(places("first words"), "edits");
	/* The same again is no change. */
	before = events_count();
	edit("ben", id, "second words");
	ANSWER("text", "second words");
	CU_ASSERT_EQUAL(events_count(), before);
	SQL(s, "messages.edits", "ben", "user", id, NULL, "50");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "text"), "first words");
}

/* A reader of the log gets what was sent as it is now. */
static void
test_edit_log(void)
{
	char id[40], answer_id[40];

	room_make("all");
	SEND(id, .from = "ben", .text = "one");
	SEND(answer_id, .from = "ann", .text = "two", .reply_to = id);
	edit("ben", id, "uno");
	QUERY(s,
	    "select string_agg(concat_ws('/', e.data::json->>'text',"
	    " e.data::json->'quote'->>'text', cardinality(e.rewritten)), ' '"
	    " order by e.id) as log from events e"
	    " where e.topic = 'conversation:' || $1"
	    " and e.message_id is not null",
	    room);
	CU_ASSERT_STRING_EQUAL(
	    sql_text(s, 0, "log"), "uno two/uno uno/2 two/uno");
	RUN(s,
	    "select l.rewritten_id - max(e.id) as n from event_log l, events e"
	    " group by l.rewritten_id");
	CU_ASSERT_EQUAL(sql_number(s, 0, "n"), 0);
}

/* Who has left may read the log up to there, and nothing that was said since. */
static void
test_edit_after_leaving(void)
{
	char id[40], reply[40];

	room_make("all");
	SEND(id, .from = "ann", .text = "before the door");
	SEND(reply, .from = "ben", .text = "yes", .reply_to = id);
	SQL(s, "members.remove", "ann", "user", NULL, room, "cat");
	edit("ann", id, "behind the door");
	QUERY(s,
	    "select count(*) as n from events e where e.data like"
	    " '%behind the door%' and e.id < (select max(r.id) from events r"
	    " where r.topic = 'user:cat' and r.type = 'member.removed'"
	    " and r.data::json->>'conversation_id' = $1)",
	    room);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "n"), "0");
	RUN(s,
	    "select count(*) as n from events"
	    " where data like '%before the door%'");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "n"), "0");
	QUERY(s,
	    "select string_agg(e.data::json->>'text' || coalesce(' < '"
	    " || (e.data::json#>>'{quote,text}'), ''), ', ' order by e.id)"
	    " as texts from events e where e.type = 'message.updated'"
	    " and e.topic = 'conversation:' || $1",
	    room);
	CU_ASSERT_STRING_EQUAL(
	    sql_text(s, 0, "texts"), "behind the door, yes < behind the door");
}

static void
test_edit_refused(void)
{
	char id[40], upload[40], file[48];

	room_make("all");
	SEND(id, .from = "ben", .text = "mine");
	edit("ann", id, "hers");
	REFUSED("forbidden");
	edit("dan", id, "x");
	REFUSED("not_found");
	edit("ben", id, "");
	REFUSED("required");
	SQL(s, "messages.edit", "ben", "user", NULL, id, NULL, NULL, NULL, "c",
	    "0");
	REFUSED("invalid");
	SQL(s, "messages.edit", "ben", "user", NULL, id, NULL, NULL, "true",
	    NULL, "0");
	REFUSED("forbidden");
	CU_ASSERT_STRING_EQUAL(sql_field(s), "mention_all");
	SQL(s, "messages.edit", "ben", "user", NULL, id, NULL, "{ann,nobody}",
	    NULL, NULL, "0");
	REFUSED("unknown_user");
	CU_ASSERT_STRING_EQUAL(sql_field(s), "mentions[1]");
	QUERY(s,
	    "update messages set created_at = created_at - interval '1 hour'"
	    " where id = $1::uuid",
	    id);
	SQL(s, "messages.edit", "ben", "user", NULL, id, "late", NULL, NULL,
	    NULL, "60");
	REFUSED("too_late");
	SQL(s, "messages.delete", "ben", "user", NULL, id, "60");
	REFUSED("too_late");
	QUERY(s,
	    "select message_id as id from system_message($1::uuid, 'ben',"
	    " '{\"kind\":\"x\"}')",
	    room);
	keep(id, "id");
	edit("ben", id, "x");
	REFUSED("forbidden");
	discard("ann", id);
	REFUSED("forbidden");
	/* With files the text may go. */
	file_make(upload, file);
	SEND(id, .from = "ben", .text = "look", .files = file);
	edit("ben", id, "");
	ANSWER("text", "");
}

static void
test_edit_mentions(void)
{
	char id[40];

	room_make("all");
	SEND(id, .from = "ben", .text = "@ann", .mentions = "[\"ann\"]");
	SQL(s, "messages.edit", "ben", "user", NULL, id, "@cat", "{cat}", NULL,
	    NULL, "0");
	ANSWER("mentions", "[\"cat\"]");
	QUERY(s,
	    "select string_agg(n.user_id, ' ') as who from mentions n"
	    " where n.conversation_id = $1::uuid",
	    room);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "who"), "cat");
	/* Not said: as they were; said: nobody. */
	edit("ben", id, "@cat!");
	ANSWER("mentions", "[\"cat\"]");
	SQL(s, "messages.edit", "ben", "user", NULL, id, NULL, "{}", NULL, NULL,
	    "0");
	ANSWER("mentions", "");
	QUERY(s,
	    "select count(*) as n from mentions n"
	    " where n.conversation_id = $1::uuid",
	    room);
	CU_ASSERT_EQUAL(sql_number(s, 0, "n"), 0);
}

static void
test_edits(void)
{
	char id[40], next[40];

	room_make("all");
	SEND(id, .from = "ben", .text = "one");
	edit("ben", id, "two");
	edit("ben", id, "three");
	SQL(s, "messages.edits", "ann", "user", id, NULL, "50");
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "text"), "two");
	SQL(s, "messages.edits", "ben", "user", id, NULL, "1");
	keep(next, "_cursor");
	SQL(s, "messages.edits", "ben", "user", id, next, "1");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "text"), "one");
	SQL(s, "messages.edits", "cat", "user", id, NULL, "50");
	REFUSED("forbidden");
	SQL(s, "messages.edits", "dan", "user", id, NULL, "50");
	REFUSED("not_found");
	SQL(s, "messages.edits", "root", "admin", id, NULL, "50");
	CU_ASSERT_EQUAL(sql_rows(s), 2);
}

static void
test_forward(void)
{
	char id[40], file[48], upload[40], first[40], second[40], both[90],
	    copy[40], ids[90];

	room_make("all");
	file_make(upload, file);
	SEND(id, .from = "ben", .text = "pass it on", .files = file);
	SQL(s, "conversations.create", "cat", "user", NULL, "group", NULL, "1",
	    "{dan}", NULL, NULL, NULL);
	keep(first, "id");
	SQL(s, "conversations.create", "cat", "user", NULL, "group", NULL, "2",
	    "{eve}", NULL, NULL, NULL);
	keep(second, "id");
	(void)snprintf(both, sizeof(both), "{%s,%s}", first, second);
	SQL(s, "uploads.get", "eve", "user", upload);
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "messages.forward", "cat", "user", NULL, "web", id, both, NULL);
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "_status"), "201");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "conversation_id"), second);
	ANSWER("data.1.text", "pass it on");
	CU_ASSERT_STRING_EQUAL(told("message.created", "sender.id"), "cat");
	CU_ASSERT_STRING_EQUAL(
	    told("message.created", "forwarded.sender.name"), "Ben");
	CU_ASSERT_STRING_EQUAL(
	    told("message.created", "forwarded.message_id"), id);
	CU_ASSERT_STRING_EQUAL(
	    told("message.created", "attachments.0.id"), upload);
	SQL(s, "uploads.get", "eve", "user", upload);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	/* Handed on, it is still from where it was first; what became of the
	 * first is nothing to the copies. */
	(void)snprintf(copy, sizeof(copy), "%s", told("message.created", "id"));
	discard("ben", id);
	(void)snprintf(both, sizeof(both), "{%s}", first);
	(void)snprintf(ids, sizeof(ids), "{%s}", room);
	SQL(s, "messages.forward", "cat", "user", NULL, "web", copy, both, ids);
	CU_ASSERT_STRING_EQUAL(
	    told("message.created", "forwarded.message_id"), id);
	CU_ASSERT_STRING_EQUAL(told("message.created", "id"), room);
	SQL(s, "messages.forward", "cat", "user", NULL, "web", copy, both, ids);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "_status"), "200");
	discard("cat", copy);
	SQL(s, "uploads.get", "dan", "user", upload);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	SQL(s, "uploads.get", "eve", "user", upload);
	CU_ASSERT_EQUAL(sql_rows(s), 0);
}

static void
test_forward_refused(void)
{
	char id[40], both[90], one[40];
	int64_t before;

	room_make("all");
	SEND(id, .from = "ben", .text = "pass it on");
	SQL(s, "conversations.create", "dan", "user", NULL, "group", NULL, "1",
	    "{}", NULL, NULL, NULL);
	keep(one, "id");
	before = events_count();
	(void)snprintf(both, sizeof(both), "{%s,%s}", room, one);
	SQL(s, "messages.forward", "cat", "user", NULL, NULL, id, both, NULL);
	REFUSED("not_found");
	CU_ASSERT_STRING_EQUAL(sql_field(s), "conversation_ids[1]");
	CU_ASSERT_EQUAL(events_count(), before);
	SQL(s, "messages.forward", "dan", "user", NULL, NULL, id, both, NULL);
	REFUSED("not_found");
	(void)snprintf(both, sizeof(both), "{%s,%s}", room, room);
	SQL(s, "messages.forward", "cat", "user", NULL, NULL, id, both, NULL);
	REFUSED("duplicate");
	(void)snprintf(both, sizeof(both), "{%s}", room);
	SQL(s, "messages.forward", "cat", "user", NULL, NULL, id, both, "{}");
	REFUSED("invalid");
	discard("ben", id);
	SQL(s, "messages.forward", "cat", "user", NULL, NULL, id, both, NULL);
	REFUSED("message_deleted");
}

static const struct test_case cases[] = {
	{ "an edit is told and kept", test_edit },
	{ "the log says what an edited message says now", test_edit_log },
	{ "an edit is not for who has left", test_edit_after_leaving },
	{ "an edit is refused", test_edit_refused },
	{ "mentions follow the text", test_edit_mentions },
	{ "who sees earlier texts", test_edits },
	{ "a message is forwarded with its files", test_forward },
	{ "a forward is refused as a whole", test_forward_refused },
};

SQL_MAIN("sql_edits", lifecycle_setup)
