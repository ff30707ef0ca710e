/* SPDX-License-Identifier: ISC */
/* Messages deleted: nothing of them is left anywhere, and who hears of it. */

#include <string.h>

#include "tests/db/lifecycle_fixture.h"

/* All that a message can have, and then nothing of it anywhere. */
static void
test_delete(void)
{
	char id[40], answer_id[40], file[48], upload[40];
	int64_t before;

	room_make("all");
	file_make(upload, file);
	SEND(id, .from = "ben", .text = "needle one", .files = file,
	    .mentions = "[\"ann\"]");
	SEND(answer_id, .from = "ann", .text = "two", .reply_to = id);
	edit("ben", id, "needle three");
	QUERY(s, "insert into reactions values ($1::uuid, 'x', 'cat', now())",
	    id);
	SQL(s, "pins.add", "ann", "user", NULL, id);
	/* A newcomer is told of the last message. */
	SEND(answer_id, .from = "cat", .text = "four", .reply_to = id);
	SQL(s, "members.add", "ann", "user", NULL, room, "{dan}");
	SQL(s, "uploads.get", "cat", "user", upload);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	discard("cat", id);
	REFUSED("forbidden");
	discard("ben", id);
	ANSWER("text", "");
	QUERY(s,
	    "select (message_object(m, null, null)::jsonb - 'created_at' -"
	    " 'deleted_at' - 'id' - 'conversation_id')::text as object"
	    " from messages m where m.id = $1::uuid",
	    id);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "object"),
	    "{\"seq\": 1, \"text\": \"\", \"type\": \"file\", \"sender\":"
	    " {\"id\": \"ben\", \"name\": \"Ben\", \"picture\": null},"
	    " \"mentions\": [\"ann\"], \"platform\": null, \"reply_to\": null,"
	    " \"deleted_by\": \"ben\", \"attachments\": []}");
	CU_ASSERT_STRING_EQUAL(places("needle"), "");
	QUERY(s,
	    "select (select count(*) from reactions r where r.message_id"
	    " = $1::uuid) + (select count(*) from pins p where p.message_id"
	    " = $1::uuid) + (select count(*) from mentions n where"
	    " n.conversation_id = $2::uuid) as n",
	    id, room);
	CU_ASSERT_EQUAL(sql_number(s, 0, "n"), 0);
	SQL(s, "uploads.get", "cat", "user", upload);
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	QUERY(s,
	    "select count(*) as n from events e where e.type"
	    " = 'message.updated' and e.data::json->'quote'->>'deleted'"
	    " = 'true' and e.data::json->'quote'->>'id' = $1",
	    id);
	CU_ASSERT_EQUAL(sql_number(s, 0, "n"), 3);
	/* Again: the same, and nobody hears. */
	before = events_count();
	discard("ben", id);
	ANSWER("deleted_by", "ben");
	CU_ASSERT_EQUAL(events_count(), before);
	edit("ben", id, "back");
	REFUSED("message_deleted");
}

/* Quotes that were told of since `event`, how often those are of each message at
 * most, and whether nothing of `text` is left of them. */
static void
requoted(int64_t event, const char *text, int n)
{
	char since[24];

	(void)snprintf(since, sizeof(since), "%lld", (long long)event);
	QUERY(s,
	    "select count(distinct e.message_id) as n, count(*) as times from"
	    " events e where e.id > $1::bigint and e.type = 'message.updated'"
	    " and e.data::json->'quote' is not null",
	    since);
	CU_ASSERT_EQUAL(sql_number(s, 0, "n"), n);
	CU_ASSERT_EQUAL(sql_number(s, 0, "times"), n);
	if (n == 450)
		CU_ASSERT_STRING_EQUAL(places(text), "");
}

/* Of a message that very many quote the newest quotes follow it at once, the
 * others behind it, step by step; a change meanwhile begins anew. */
static void
test_quoted_often(void)
{
	char id[40];
	int64_t event;

	room_make("all");
	SEND(id, .from = "ben", .text = "needle");
	for (int i = 0; i < 9; i++)
		QUERY(s,
		    "select count(r.status) as n from generate_series(1, 50) i,"
		    " messages_send(array['ann'], array['user'], array[$1],"
		    " array[uuid_v7()], array['why?' || i],"
		    " array[$2]::uuid[], array[null], array[null],"
		    " array[null], array[null]::boolean[]) r",
		    room, id);
	edit("ben", id, "thimble");
	SQL0(s, "quotes.renew");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "more"), "t");
	RUN(s, "select max(id) as id from events");
	event = sql_number(s, 0, "id");
	discard("ben", id);
	requoted(event, "thimble", 200);
	SQL(s, "schedule.run", "50");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "quotes"), "t");
	SQL0(s, "quotes.renew");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "more"), "t");
	requoted(event, "thimble", 400);
	SQL0(s, "quotes.renew");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "more"), "f");
	requoted(event, "thimble", 450);
	CU_ASSERT_STRING_EQUAL(places("needle"), "");
	SQL(s, "schedule.run", "50");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "quotes"), "f");
}

static void
test_delete_others(void)
{
	char id[40];

	room_make("all");
	SEND(id, .from = "ben", .text = "x");
	discard("dan", id);
	REFUSED("not_found");
	discard("ann", id);
	ANSWER("deleted_by", "ann");
	SEND(id, .from = "ben", .text = "x");
	SQL(s, "messages.delete", "root", "service", NULL, id, "0");
	ANSWER("deleted_by", "root");
	SQL(s, "conversations.create", "ann", "user", NULL, "direct", "ben",
	    NULL, NULL, NULL, NULL, NULL);
	keep(room, "id");
	SEND(id, .from = "ben", .text = "x");
	discard("ann", id);
	REFUSED("forbidden");
}

static void
test_delete_reply(void)
{
	char root[40], one[40], two[40];

	room_make("all");
	SEND(root, .from = "ann", .text = "root");
	SEND(one, .from = "ben", .text = "one", .thread_root = root);
	SEND(two, .from = "cat", .text = "two", .thread_root = root);
	discard("ben", one);
	CU_ASSERT_STRING_EQUAL(told("thread.updated", "message_id"), root);
	CU_ASSERT_STRING_EQUAL(
	    told("thread.updated", "thread.reply_count"), "1");
	CU_ASSERT_STRING_EQUAL(
	    told("thread.updated", "thread.participants"), "[\"cat\"]");
	CU_ASSERT_STRING_EQUAL(told("message.deleted", "thread_root"), root);
	discard("cat", two);
	CU_ASSERT_STRING_EQUAL(
	    told("thread.updated", "thread.reply_count"), "0");
	SEND(two, .from = "cat", .text = "three", .thread_root = root);
	CU_ASSERT_STRING_EQUAL(
	    told("thread.updated", "thread.reply_count"), "1");
	/* The thread of a root that is gone goes on. */
	discard("ann", root);
	CU_ASSERT_STRING_EQUAL(
	    told("message.deleted", "thread.reply_count"), "1");
}

/* An answer that is kept for repeats is one more place. */
static void
test_delete_kept_answer(void)
{
	char id[40], body[400];

	room_make("all");
	SEND(id, .from = "ben", .text = "needle");
	SQL(s, "idempotency.claim", "ben", id, "messages.forward", "f");
	(void)snprintf(body, sizeof(body),
	    "{\"data\":[{\"id\":\"%s\",\"conversation_id\":\"%s\",\"seq\":1,"
	    "\"text\":\"needle\"},{\"n\": 1}]}",
	    id, room);
	SQL(s, "idempotency.store", "ben", id, "201", body);
	discard("ben", id);
	CU_ASSERT_STRING_EQUAL(places("needle"), "");
	QUERY(s,
	    "select k.body::json->'data'->0->>'deleted_by' as deleted_by,"
	    " k.body::json->'data'->>1 as rest"
	    " from idempotency_keys k where k.key = $1",
	    id);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "deleted_by"), "ben");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "rest"), "{\"n\": 1}");
	/* One that comes later. */
	SQL(s, "idempotency.claim", "cat", id, "messages.forward", "f");
	SQL(s, "idempotency.store", "cat", id, "201", body);
	CU_ASSERT_STRING_EQUAL(places("needle"), "");
}

/* One that was scheduled is in the events and the answers of that too. */
static void
test_delete_scheduled(void)
{
	char id[40], upload[40], file[48], text[4000];

	room_make("all");
	file_make(upload, file);
	QUERY(s,
	    "select m.answer, m.answer::json->>'id' as id"
	    " from messages_schedule('ben', 'user', null, $1, uuid_v7(),"
	    " clock_timestamp() + interval '1 hour', 'needle', null, null,"
	    " null, null, array[$2::uuid], null, null, 'web') m",
	    room, upload);
	keep(id, "id");
	(void)snprintf(text, sizeof(text), "%s", sql_text(s, 0, "answer"));
	SQL(s, "idempotency.claim", "ben", id, "messages.schedule", "f");
	SQL(s, "idempotency.store", "ben", id, "201", text);
	RUN(s, "update scheduled set send_at = now() - interval '1 s'");
	SQL(s, "schedule.run", "50");
	discard("ben", id);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "");
	CU_ASSERT_STRING_EQUAL(places("needle"), "");
	CU_ASSERT_PTR_NULL(strstr(places(upload), "events"));
	CU_ASSERT_PTR_NULL(strstr(places(upload), "idempotency_keys"));
}

/* Where only some see what was before, only they hear of it. */
static void
test_told_to_whom(void)
{
	char id[40];

	room_make("joined");
	SEND(id, .from = "ben", .text = "before");
	edit("ben", id, "before!");
	QUERY(s,
	    "select seq from events where type = 'message.updated'"
	    " and message_id = $1::uuid",
	    id);
	CU_ASSERT(sql_null(s, 0, "seq"));
	SQL(s, "members.add", "ann", "user", NULL, room, "{dan}");
	discard("ben", id);
	CU_ASSERT_STRING_EQUAL(
	    sql_heard(s, "message.deleted", id), "ann ben cat");
}

/* Messages are found by time, across holes and partitions; and if the clock
 * was put back, all the same. */
static void
test_found(void)
{
	char id[40], more[40];

	room_make("all");
	SEND(id, .from = "ben", .text = "needle");
	RUN(s,
	    "select setval('events_id_seq', (select (max(id) / 500000 + 1)"
	    " * 500000 from events))");
	for (int i = 0; i < 50; i++)
		SEND(more, .from = "ann", .text = "hay");
	edit("ben", id, "sewing");
	edit("ann", more, "straw");
	discard("ben", id);
	discard("ann", more);
	CU_ASSERT_STRING_EQUAL(places("needle"), "");
	CU_ASSERT_STRING_EQUAL(places("straw"), "");
	RUN(s,
	    "select count(*) as n from events e where e.id <> (select min(f.id)"
	    " from events f where f.id >= events_since(e.at)) and e.at"
	    " > (select max(g.at) from events g where g.id < e.id)");
	CU_ASSERT_EQUAL(sql_number(s, 0, "n"), 0);
	SEND(id, .from = "ben", .text = "needle");
	QUERY(s,
	    "update events set at = at + interval '1 hour'"
	    " where message_id = $1::uuid",
	    id);
	for (int i = 0; i < 50; i++)
		SEND(more, .from = "ann", .text = "hay");
	discard("ben", id);
	CU_ASSERT_STRING_EQUAL(places("needle"), "");
}

static void
test_forget(void)
{
	char id[40], topic[60];

	room_make("all");
	SEND(id, .from = "ben", .text = "haystack");
	(void)snprintf(topic, sizeof(topic), "conversation:%s", room);
	QUERY(s, "select events_forget($1)::text as ids", topic);
	CU_ASSERT_STRING_NOT_EQUAL(sql_text(s, 0, "ids"), "");
	CU_ASSERT_STRING_EQUAL(places("haystack"), "messages");
}

static const struct test_case cases[] = {
	{ "a deleted message leaves its place", test_delete },
	{ "what very many quote", test_quoted_often },
	{ "who deletes what others wrote", test_delete_others },
	{ "a deleted reply counts no more", test_delete_reply },
	{ "answers kept for repeats forget", test_delete_kept_answer },
	{ "a scheduled message is as gone", test_delete_scheduled },
	{ "changes are told to who sees the message", test_told_to_whom },
	{ "events are found by time", test_found },
	{ "the log forgets a topic", test_forget },
};

SQL_MAIN("sql_deletions", lifecycle_setup)
