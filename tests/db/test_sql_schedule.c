/* SPDX-License-Identifier: ISC */
/* Scheduled messages: sent at their time, once, or said why not. */

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#include "tests/db/sql_fixture.h"

/* A group of ann (owner) and ben, made anew for each test. */
static char room[40];

#define ANSWER(column, value) \
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, (column)), (value))
#define REFUSED(code, field)                                   \
	do {                                                   \
		CU_ASSERT_STRING_EQUAL(sql_error(s), (code));  \
		CU_ASSERT_STRING_EQUAL(sql_field(s), (field)); \
	} while (0)

static void
make_room(void)
{
	RUN(s, "delete from scheduled");
	SQL(s, "conversations.create", "ann", "user", NULL, "group", NULL,
	    "Room", "{ben}", NULL, NULL, NULL);
	(void)snprintf(room, sizeof(room), "%s", sql_text(s, 0, "id"));
}

/* What is scheduled: parts that are not given are null. */
struct later {
	const char *from, *text, *id, *in, *type, *language, *reply_to,
	    *thread_root, *uploads, *mentions, *all, *role;
};

static void
schedule(const struct later *l)
{
	sql_query(s,
	    "select m.status, m.answer::json->>'id' as id, m.answer::json->>"
	    "'state' as state, m.answer, m.event_id from messages_schedule($1,"
	    " coalesce($13, 'user'), null, $2, $3::uuid, clock_timestamp()"
	    " + coalesce($4, '1 hour')::interval, coalesce($5, 'later'),"
	    " $6, $7, $8::uuid, $9::uuid, $10::uuid[], $11::text[],"
	    " $12::boolean, 'web') m",
	    (const char *const[]){ l->from != NULL ? l->from : "ben", room,
		l->id, l->in, l->text, l->type, l->language, l->reply_to,
		l->thread_root, l->uploads, l->mentions, l->all, l->role },
	    13);
}

#define SCHEDULE(...) schedule(&(const struct later){ __VA_ARGS__ })

/* Everything is due. */
static void
run(void)
{
	RUN(s,
	    "update scheduled set send_at = now() - interval '1 s'"
	    " where failed_at is null");
	SQL(s, "schedule.run", "50");
}

/* Types of the events about ben's messages since `event`, and texts in them. */
static void
told_since(const char *event)
{
	QUERY(s,
	    "select string_agg(type, ',' order by id) as types,"
	    " string_agg(coalesce(data::json->>'text', '-'), ',' order by id)"
	    " as texts from events where id > $1::bigint and (topic ="
	    " 'user:ben' and type like 'scheduled.%' or type ="
	    " 'message.created')",
	    event);
}

static void
last_event(char id[24])
{
	RUN(s, "select coalesce(max(id), 0) as id from events");
	(void)snprintf(id, 24, "%s", sql_text(s, 0, "id"));
}

static void
test_sent(void)
{
	char id[40], since[24];

	make_room();
	last_event(since);
	SCHEDULE(.text = "good morning");
	ANSWER("status", "201");
	ANSWER("state", "pending");
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	SQL(s, "schedule.run", "50");
	ANSWER("sent", "0");
	CU_ASSERT_TRUE(sql_number(s, 0, "next_ms") > 3500000);
	run();
	ANSWER("sent", "1");
	ANSWER("failed", "0");
	CU_ASSERT_TRUE(sql_null(s, 0, "next_ms"));
	run();
	ANSWER("sent", "0");
	QUERY(s,
	    "select m.sender_id, m.text, m.via, m.platform, r.last_read_seq"
	    " from messages m join members r using (conversation_id)"
	    " where m.id = $1::uuid and r.user_id = 'ben'",
	    id);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	ANSWER("sender_id", "ben");
	ANSWER("text", "good morning");
	ANSWER("via", "schedule");
	ANSWER("platform", "web");
	ANSWER("last_read_seq", "0");
	told_since(since);
	ANSWER("types", "scheduled.created,message.created,scheduled.sent");
	/* Scheduling it again, as after a lost answer. */
	SCHEDULE(.id = id, .text = "good morning");
	ANSWER("status", "200");
	ANSWER("state", "sent");
	SQL(s, "schedule.cancel", "ben", NULL, id);
	REFUSED("conflict", "");
}

/* Every part of a message arrives. */
static void
test_whole(void)
{
	char root[40];

	make_room();
	QUERY(s,
	    "select r.id from messages_send(array['ann'], array['user'],"
	    " array[$1], array[null]::uuid[], array['root'],"
	    " array[null]::uuid[], array[null], array[null], array[null],"
	    " array[null]::boolean[]) r",
	    room);
	(void)snprintf(root, sizeof(root), "%s", sql_text(s, 0, "id"));
	SCHEDULE(.text = "int x;", .type = "code", .language = "c",
	    .thread_root = root, .mentions = "{ann}");
	ANSWER("status", "201");
	SCHEDULE(.text = "an answer", .reply_to = root);
	SCHEDULE(.from = "ann", .text = "all", .all = "true");
	run();
	ANSWER("sent", "3");
	QUERY(s,
	    "select m.type, m.language, m.thread_root, m.mentions, o.text as"
	    " other, o.reply_to, a.mention_all from messages m, messages o,"
	    " messages a where m.text = 'int x;' and o.text = 'an answer' and"
	    " a.text = 'all' and o.conversation_id = $1::uuid",
	    room);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	ANSWER("type", "code");
	ANSWER("language", "c");
	ANSWER("thread_root", root);
	ANSWER("mentions", "{ann}");
	ANSWER("reply_to", root);
	ANSWER("mention_all", "t");
}

/* Files are kept for it, and nobody else sees them before it is sent. */
static void
test_files(void)
{
	static const char file[] = "30000000-0000-7000-8000-000000000000";
	char sha[65], id[40];

	make_room();
	memset(sha, 'a', 64);
	sha[64] = '\0';
	SQL(s, "uploads.create", file, "ben", "a.txt", "text/plain", "1000",
	    NULL, NULL, sha, NULL, NULL, NULL, NULL, NULL, NULL, "[]", "user",
	    "0", "0", "0", "0");
	SCHEDULE(.text = "",
	    .uploads = "{30000000-0000-7000-8000-000000000000}");
	ANSWER("status", "201");
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	SQL(s, "uploads.get", "ann", "user", file);
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	RUN(s, "update upload_loose set due_at = now() - interval '1 day'");
	RUN(s, "select removed from uploads_tidy(100)");
	ANSWER("removed", "0");
	run();
	ANSWER("sent", "1");
	SQL(s, "uploads.get", "ann", "user", file);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	QUERY(s,
	    "select count(*) as n, min(message_id::text) as id from attachments"
	    " where upload_id = $1::uuid",
	    file);
	ANSWER("n", "1");
	ANSWER("id", id);
	SCHEDULE(.uploads = "{30000000-0000-7000-8000-000000000000}");
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	SQL(s, "schedule.cancel", "ben", NULL, id);
	QUERY(s,
	    "select count(*) as n from attachments where upload_id = $1::uuid",
	    file);
	ANSWER("n", "1");
}

static void
test_repeat(void)
{
	char id[40];

	make_room();
	SCHEDULE(.text = "once");
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	SCHEDULE(.id = id, .text = "twice");
	ANSWER("status", "200");
	CU_ASSERT_TRUE(sql_null(s, 0, "event_id"));
	CU_ASSERT_PTR_NOT_NULL(strstr(sql_text(s, 0, "answer"), "once"));
	SCHEDULE(.from = "ann", .id = id);
	REFUSED("id_conflict", "id");
	run();
	SCHEDULE(.from = "ann", .id = id);
	REFUSED("id_conflict", "id");
}

static void
test_refused(void)
{
	make_room();
	SCHEDULE(.from = "cat");
	REFUSED("not_found", "");
	SCHEDULE(.in = "-1 second");
	REFUSED("invalid", "send_at");
	SCHEDULE(.in = "1 year 1 day");
	REFUSED("invalid", "send_at");
	SCHEDULE(.text = "");
	REFUSED("required", "text");
	SCHEDULE(.all = "true");
	REFUSED("forbidden", "mention_all");
	SCHEDULE(.mentions = "{ann,nobody}");
	REFUSED("unknown_user", "mentions[1]");
	SCHEDULE(.reply_to = "10000000-0000-7000-8000-000000000000");
	REFUSED("unknown_message", "reply_to");
	SCHEDULE(.thread_root = "10000000-0000-7000-8000-000000000000");
	REFUSED("unknown_message", "thread_root");
	SCHEDULE(.uploads = "{10000000-0000-7000-8000-000000000000}");
	REFUSED("unknown_upload", "attachments[0]");
	for (int i = 0; i < 100; i++)
		SCHEDULE(.text = "n");
	SCHEDULE(.text = "n");
	REFUSED("too_many", "send_at");
}

static void
test_changed(void)
{
	char id[40], since[24];

	make_room();
	last_event(since);
	SCHEDULE(.text = "one");
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	SQL(s, "schedule.update", "ben", NULL, id, "two", NULL);
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(sql_text(s, 0, "_answer"), "\"text\":\"two\""));
	SQL(s, "schedule.update", "ben", NULL, id, "two", NULL);
	CU_ASSERT_TRUE(sql_null(s, 0, "_event"));
	SQL(s, "schedule.update", "ben", NULL, id, NULL,
	    "2020-01-01T00:00:00Z");
	REFUSED("invalid", "send_at");
	SQL(s, "schedule.update", "ben", NULL, id, "", NULL);
	REFUSED("required", "text");
	SQL(s, "schedule.update", "ann", NULL, id, "mine", NULL);
	REFUSED("not_found", "");
	SQL(s, "schedule.cancel", "ann", NULL, id);
	REFUSED("not_found", "");
	SQL(s, "schedule.cancel", "ben", NULL, id);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	SQL(s, "schedule.cancel", "ben", NULL, id);
	REFUSED("not_found", "");
	run();
	ANSWER("sent", "0");
	told_since(since);
	ANSWER(
	    "types", "scheduled.created,scheduled.updated,scheduled.cancelled");
	ANSWER("texts", ",,-");
}

static void
test_list(void)
{
	char cursor[100];

	make_room();
	SCHEDULE(.text = "b", .in = "2 hours");
	SCHEDULE(.text = "a", .in = "1 hour");
	SCHEDULE(.from = "ann", .text = "not ben's");
	SQL(s, "schedule.list", "ben", NULL, NULL, "1");
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	ANSWER("text", "a");
	(void)snprintf(cursor, sizeof(cursor), "%s", sql_text(s, 0, "_cursor"));
	SQL(s, "schedule.list", "ben", room, cursor, "1");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	ANSWER("text", "b");
	SQL(s, "schedule.list", "ben", "public", NULL, "50");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
}

/* Rights are those of the moment; the others of the batch are sent. */
static void
test_failed(void)
{
	char id[40], since[24];

	make_room();
	SCHEDULE(.text = "kicked");
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	SCHEDULE(.from = "ann", .text = "still here");
	SQL(s, "members.remove", "ann", "user", NULL, room, "ben");
	last_event(since);
	run();
	ANSWER("sent", "1");
	ANSWER("failed", "1");
	told_since(since);
	ANSWER("types", "message.created,scheduled.failed");
	SQL(s, "schedule.list", "ben", NULL, NULL, "50");
	ANSWER("state", "failed");
	ANSWER("error", "not_found");
	ANSWER("detail", "There is no such conversation.");
	run();
	ANSWER("failed", "0");
	/* Another time is another try. */
	SQL(s, "members.add", "ann", "user", NULL, room, "{ben}");
	QUERY(s,
	    "select answer::json->>'state' as state from schedule_update('ben',"
	    " null, $1::uuid, null, now() + interval '1 hour')",
	    id);
	ANSWER("state", "pending");
	RUN(s,
	    "insert into suspensions (user_id, suspended_by) values ('ben',"
	    " 'root')");
	run();
	ANSWER("failed", "1");
	SQL(s, "schedule.list", "ben", NULL, NULL, "50");
	ANSWER("error", "user_suspended");
	RUN(s, "delete from suspensions");
}

/* Nobody shows a token when it is sent: what counts is what its user is in the
 * conversation then. */
static void
test_rights(void)
{
	make_room();
	SCHEDULE(.from = "cat", .role = "admin");
	REFUSED("forbidden", "");
	SCHEDULE(.role = "admin", .all = "true");
	REFUSED("forbidden", "mention_all");
	SCHEDULE(.from = "cat", .role = "service", .text = "from the back end");
	ANSWER("status", "201");
	SQL(s, "members.update", "ann", "user", NULL, room, "ben", "admin");
	SCHEDULE(.role = "admin", .all = "true");
	ANSWER("status", "201");
	SQL(s, "members.update", "ann", "user", NULL, room, "ben", "member");
	run();
	ANSWER("sent", "1");
	ANSWER("failed", "1");
	SQL(s, "schedule.list", "ben", NULL, NULL, "50");
	ANSWER("state", "failed");
	ANSWER("error", "forbidden");
}

/* One that cannot be sent at all does not hold up the others. */
static void
test_poison(void)
{
	make_room();
	SCHEDULE(.text = "poison");
	SCHEDULE(.text = "fine");
	RUN(s,
	    "update scheduled set reply_to = null, send_at = now() - case text"
	    " when 'poison' then interval '2 s' else interval '1 s' end");
	RUN(s,
	    "alter table messages add constraint poison"
	    " check (text <> 'poison') not valid");
	SQL(s, "schedule.run", "50");
	ANSWER("sent", "0");
	ANSWER("failed", "1");
	CU_ASSERT_TRUE(sql_number(s, 0, "next_ms") <= 0);
	SQL(s, "schedule.run", "50");
	ANSWER("sent", "1");
	RUN(s, "alter table messages drop constraint poison");
	SQL(s, "schedule.list", "ben", NULL, NULL, "50");
	ANSWER("error", "internal");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
}

#define RUNNERS 4

/* Another process at it until nothing is left, killed when `number` is 0. */
static void
runner(int number)
{
	struct sql *own = sql_open(cluster);

	if (number == 0) {
		SQL(own, "schedule.run", "0"); /* prepared */
		RUN(own, "begin");
		SQL(own, "schedule.run", "7");
		_exit(0); /* as if killed: the server ends what it began */
	}
	do {
		SQL(own, "schedule.run", "5");
		if (sql_rows(own) != 1)
			_exit(1);
	} while (!sql_null(own, 0, "next_ms"));
	sql_close(own);
	_exit(0);
}

/* Several at once, one of which dies in the middle: all are sent, once. */
static void
test_race(void)
{
	pid_t pids[RUNNERS];
	int failed = 0;

	make_room();
	for (int i = 0; i < 90; i++)
		SCHEDULE(.text = i % 2 == 0 ? "even" : "odd",
		    .from = i % 3 == 0 ? "ann" : "ben");
	RUN(s, "update scheduled set send_at = now() - interval '1 s'");
	for (int i = 0; i < RUNNERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			runner(i);
	}
	for (int i = 0; i < RUNNERS; i++) {
		int status;

		(void)waitpid(pids[i], &status, 0);
		failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	}
	CU_ASSERT_EQUAL(failed, 0);
	RUN(s, "select count(*) as n from scheduled");
	ANSWER("n", "0");
	QUERY(s,
	    "select count(*) as n, max(seq) as last from messages"
	    " where conversation_id = $1::uuid",
	    room);
	ANSWER("n", "90");
	ANSWER("last", "90");
	QUERY(s,
	    "select count(*) as n, count(distinct e.data::json->>'id') as ids"
	    " from events e where e.type = 'scheduled.sent'"
	    " and e.data like '%' || $1 || '%'",
	    room);
	ANSWER("n", "90");
	ANSWER("ids", "90");
}

static void
setup(void)
{
	RUN(s,
	    "insert into users (id, name) values ('ann', 'Ann'),"
	    " ('ben', 'Ben'), ('cat', 'Cat')");
}

static const struct test_case cases[] = {
	{ "is sent once, at its time", test_sent },
	{ "arrives whole", test_whole },
	{ "keeps its files", test_files },
	{ "may be scheduled again", test_repeat },
	{ "is refused at once where it would be then", test_refused },
	{ "is changed and cancelled", test_changed },
	{ "is listed, the next one first", test_list },
	{ "fails when its user may not post then", test_failed },
	{ "has the rights that its user has then", test_rights },
	{ "does not hold up others", test_poison },
	{ "is sent once by many", test_race },
};

SQL_MAIN("sql_schedule", setup)
