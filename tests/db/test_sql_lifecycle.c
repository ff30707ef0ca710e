/* SPDX-License-Identifier: ISC */
/* Messages edited, deleted and forwarded, and what the log holds of them then. */

#include <string.h>

#include "base/attr.h"
#include "base/mem.h"
#include "tests/db/cluster.h"
#include "tests/db/sql.h"
#include "tests/unit/harness.h"

static struct cluster *cluster;
static struct sql *s;

/* A group of ann (owner), ben and cat; a new one for each test. */
static char room[40];

static void
room_make(const char *history)
{
	SQL(s, "conversations.create", "ann", "user", NULL, "group", NULL,
	    "Room", "{ben,cat}", NULL, history, NULL);
	(void)snprintf(room, sizeof(room), "%s", sql_text(s, 0, "id"));
}

static void
keep(char to[40], const char *column)
{
	(void)snprintf(to, 40, "%s", sql_text(s, 0, column));
}

/* Parts that are not given are null. */
struct sent {
	const char *from, *text, *reply_to, *thread_root, *mentions, *files,
	    *type;
};

static void
send(char id[40], const struct sent *m)
{
	sql_query(s,
	    "select r.status, r.error, r.id, r.conversation_id from"
	    " messages_send(array[$1], array['user'], array[$2],"
	    " array[uuid_v7()], array[$3], array[$4]::uuid[], array[$7],"
	    " array['web'], array[null], array[null]::boolean[], array[$8],"
	    " null, array[$5]::uuid[], array[$6]) r",
	    (const char *const[]){ m->from, room, m->text, m->reply_to,
		m->thread_root, m->mentions, m->files, m->type },
	    8);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "status"), "201");
	keep(id, "id");
}

#define SEND(id, ...) send((id), &(const struct sent){ __VA_ARGS__ })

/* Of what is not given nothing is said. */
static void
edit(const char *who, const char *id, const char *text)
{
	SQL(s, "messages.edit", who, "user", NULL, id, text, NULL, NULL, NULL,
	    "0");
}

static void
discard(const char *who, const char *id)
{
	SQL(s, "messages.delete", who, "user", NULL, id, "0");
}

/* A new file of ben's, and how messages name it. */
static void
file_make(char id[40], char files[48])
{
	RUN(s,
	    "insert into uploads (id, owner_id, filename, type, size, sha256)"
	    " values (uuid_v7(), 'ben', 'a.txt', 'text/plain', 4,"
	    " repeat('a', 64)) returning id");
	keep(id, "id");
	(void)snprintf(files, 48, "[\"%s\"]", id);
}

#define REFUSED(code) CU_ASSERT_STRING_EQUAL(sql_error(s), (code))

/* A member of the answer of the last call. */
static void
answer(char to[40], const char *path)
{
	char text[4000];

	(void)snprintf(text, sizeof(text), "%s", sql_text(s, 0, "_answer"));
	QUERY(s, "select $1::json #>> string_to_array($2, '.') as member", text,
	    path);
	keep(to, "member");
}

#define ANSWER(path, value)                            \
	do {                                           \
		char member[40];                       \
		answer(member, (path));                \
		CU_ASSERT_STRING_EQUAL(member, value); \
	} while (0)

/* A member of the newest event of `type`. */
static const char *
told(const char *type, const char *path)
{
	QUERY(s,
	    "select e.data::json #>> string_to_array($2, '.') as member"
	    " from events e where e.type = $1 order by e.id desc limit 1",
	    type, path);
	return (sql_text(s, 0, "member"));
}

static int64_t
events_count(void)
{
	RUN(s, "select count(*) as n from events");
	return (sql_number(s, 0, "n"));
}

/* The tables that have `text` in any row, between spaces. */
static const char *
places(const char *text)
{
	QUERY(s, "select places($1) as where", text);
	return (sql_text(s, 0, "where"));
}

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
	{ "a deleted message leaves its place", test_delete },
	{ "what very many quote", test_quoted_often },
	{ "who deletes what others wrote", test_delete_others },
	{ "a deleted reply counts no more", test_delete_reply },
	{ "answers kept for repeats forget", test_delete_kept_answer },
	{ "a scheduled message is as gone", test_delete_scheduled },
	{ "changes are told to who sees the message", test_told_to_whom },
	{ "events are found by time", test_found },
	{ "the log forgets a topic", test_forget },
	{ "a message is forwarded with its files", test_forward },
	{ "a forward is refused as a whole", test_forward_refused },
};

int
main(int argc, char **argv)
{
	int status;

	cluster = cluster_new_migrated();
	s = sql_open(cluster);
	RUN(s,
	    "insert into users (id, name) values ('ann', 'Ann'),"
	    " ('ben', 'Ben'), ('cat', 'Cat'), ('dan', 'Dan'), ('eve', 'Eve')");
	RUN(s,
	    "create function places(p_text text) returns text"
	    " language plpgsql as $$"
	    " declare v_name text; v_all text[]; v_there boolean; begin"
	    " for v_name in select c.oid::regclass::text from pg_class c"
	    " where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace"
	    " order by 1 loop"
	    " execute format('select exists (select from %s t"
	    " where t::text like %L)', v_name, '%' || p_text || '%')"
	    " into v_there;"
	    " if v_there then v_all := v_all || v_name; end if;"
	    " end loop; return array_to_string(v_all, ' '); end $$");
	status = test_main("sql_lifecycle", cases, ARRAY_LEN(cases),
	    argc > 1 ? argv[1] : NULL);
	sql_close(s);
	cluster_free(cluster);
	return (status);
}
