/* SPDX-License-Identifier: ISC */
/* Files in lists: one's own, a conversation's; what is said of them, and their
 * end. */

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#include "tests/db/sql_fixture.h"

/* A group of ann (owner) and ben, made anew for each test; those who join see
 * what comes after them. */
static char room[40];

#define ANSWER(column, value) \
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, (column)), (value))

static void
keep(char out[40], const char *column)
{
	(void)snprintf(out, 40, "%s", sql_text(s, 0, column));
}

static void
room_make(void)
{
	SQL(s, "conversations.create", "ann", "user", NULL, "group", NULL,
	    "Room", "{ben}", NULL, "joined");
	keep(room, "id");
	RUN(s, "update upload_loose set due_at = now() + interval '1 day'");
}

static void
upload(char id[40], const char *owner, const char *name, const char *type)
{
	char sha[65];

	memset(sha, 'a', 64);
	sha[64] = '\0';
	RUN(s, "select uuid_v7() as id");
	keep(id, "id");
	SQL(s, "uploads.create", id, owner, name, type, "1000", NULL, NULL, sha,
	    NULL, NULL, NULL, NULL, NULL, NULL, "[]", "user", "0", "0", "0",
	    "0");
}

/* A message with one file, in the room or in a thread of it; its id. */
static void
send(char id[40], const char *from, const char *file, const char *root)
{
	sql_query(s,
	    "select m.id, m.error from messages_send(array[$1], array['user'],"
	    " array[$2], array[null::uuid], array['look'], array[null::uuid],"
	    " array['[\"' || $3 || '\"]'], array['web'], array[null],"
	    " array[true], null, null, case when $4::uuid is not null"
	    " then array[$4::uuid] end) m",
	    (const char *const[]){ from, room, file, root }, 4);
	ANSWER("error", "");
	keep(id, "id");
}

/* The names in the gallery that `user` sees, newest first. */
static const char *
gallery(const char *user, const char *of, const char *kind)
{
	static char names[400];

	SQL(s, "uploads.list_in", user, "user", of, NULL, kind, NULL, "50");
	names[0] = '\0';
	for (int i = 0; i < sql_rows(s); i++) {
		if (i > 0)
			strcat(names, " ");
		strcat(names, sql_text(s, i, "filename"));
	}
	return (names);
}

/* The type and a member of the events on this topic since `event`. */
static const char *
told(const char *event, const char *topic, const char *member)
{
	sql_query(s,
	    "select coalesce(string_agg(concat(e.type, ' ', e.data::json#>>"
	    "$3::text[]), ', ' order by e.id), '') as told from events e"
	    " where e.id > $1::bigint and e.topic = $2",
	    (const char *const[]){ event, topic, member }, 3);
	return (sql_text(s, 0, "told"));
}

static void
last_event(char id[40])
{
	RUN(s, "select coalesce(max(id), 0) as id from events");
	keep(id, "id");
}

static void
test_mine(void)
{
	char id[40], since[40], cursor[80];

	last_event(since);
	upload(id, "cid", "1.png", "image/png");
	ANSWER("kind", "image");
	CU_ASSERT_TRUE(sql_null(s, 0, "alt"));
	CU_ASSERT_STRING_EQUAL(
	    told(since, "user:cid", "{filename}"), "upload.ready 1.png");
	upload(id, "cid", "2.mp3", "audio/mpeg");
	upload(id, "cid", "3.mp4", "video/mp4");
	upload(id, "cid", "4.txt", "text/plain");
	upload(id, "ann", "5.txt", "text/plain");
	upload(id, "cid", "6.png", "image/png");
	SQL(s, "uploads.list", "cid", NULL, NULL, "3");
	CU_ASSERT_EQUAL_FATAL(sql_rows(s), 4);
	ANSWER("filename", "6.png");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "filename"), "4.txt");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 2, "filename"), "3.mp4");
	(void)snprintf(cursor, sizeof(cursor), "%s", sql_text(s, 2, "_cursor"));
	SQL(s, "uploads.list", "cid", NULL, cursor, "3");
	CU_ASSERT_EQUAL_FATAL(sql_rows(s), 2);
	ANSWER("filename", "2.mp3");
	SQL(s, "uploads.list", "cid", "image", NULL, "3");
	CU_ASSERT_EQUAL_FATAL(sql_rows(s), 2);
	ANSWER("filename", "6.png");
	SQL(s, "uploads.list", "cid", "image", cursor, "3");
	CU_ASSERT_EQUAL_FATAL(sql_rows(s), 1);
	ANSWER("filename", "1.png");
	SQL(s, "uploads.list", "cid", "file", "nonsense", "3");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "invalid_cursor");
}

static void
test_gallery(void)
{
	char photo[40], song[40], paper[40], first[40], second[40], reply[40],
	    thread[40], cursor[40];

	room_make();
	upload(photo, "ann", "photo.png", "image/png");
	upload(song, "ben", "song.mp3", "audio/mpeg");
	upload(paper, "ann", "paper.pdf", "application/pdf");
	send(first, "ann", photo, NULL);
	send(second, "ben", song, NULL);
	send(reply, "ann", paper, first);
	QUERY(s, "select conversation_id as id from messages where id = $1",
	    reply);
	keep(thread, "id");
	/* What stands for no message is in no gallery. */
	QUERY(s,
	    "insert into attachments (upload_id, message_id, conversation_id,"
	    " seq) values ($1, uuid_v7(), $2, 0),"
	    " ($1, $2, $2, 9223372036854775807)",
	    photo, room);
	CU_ASSERT_STRING_EQUAL(
	    gallery("ben", room, NULL), "paper.pdf song.mp3 photo.png");
	ANSWER("shared.message_id", reply);
	ANSWER("shared.thread_root", first);
	ANSWER("shared.sender.name", "Ann");
	CU_ASSERT_STRING_EQUAL(gallery("ann", room, "audio"), "song.mp3");
	CU_ASSERT_STRING_EQUAL(gallery("ann", room, "file"), "paper.pdf");
	CU_ASSERT_STRING_EQUAL(gallery("ann", room, "video"), "");
	CU_ASSERT_STRING_EQUAL(gallery("ann", thread, NULL), "paper.pdf");
	CU_ASSERT_STRING_EQUAL(gallery("ann", thread, "image"), "");
	SQL(s, "uploads.list_in", "ann", "user", room, NULL, NULL, NULL, "1");
	CU_ASSERT_EQUAL_FATAL(sql_rows(s), 2);
	keep(cursor, "_cursor");
	SQL(s, "uploads.list_in", "ann", "user", room, NULL, NULL, cursor, "9");
	CU_ASSERT_EQUAL_FATAL(sql_rows(s), 2);
	ANSWER("filename", "song.mp3");
	CU_ASSERT_STRING_EQUAL(gallery("cid", room, NULL), "");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "not_found");
	SQL(s, "uploads.list_in", "ann", "user", room, NULL, NULL, "x", "9");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "invalid_cursor");

	/* Deleted, cleared, and what was there before one came. */
	SQL(s, "messages.delete", "ben", "user", NULL, second, "0");
	CU_ASSERT_STRING_EQUAL(
	    gallery("ann", room, NULL), "paper.pdf photo.png");
	SQL(s, "members.add", "ann", "user", NULL, room, "{cid}");
	CU_ASSERT_STRING_EQUAL(gallery("cid", room, NULL), "");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "");
	SQL(s, "conversations.clear", "ben", "user", NULL, room);
	CU_ASSERT_STRING_EQUAL(gallery("ben", room, NULL), "");
	send(second, "ann", photo, NULL);
	CU_ASSERT_STRING_EQUAL(gallery("ben", room, NULL), "photo.png");
	CU_ASSERT_STRING_EQUAL(gallery("cid", room, NULL), "photo.png");
}

/* A message that ann is to send with the second file before the first, and a
 * place that holds the first as what is no message yet does. */
static void
schedule(const char *first, const char *second)
{
	QUERY(s,
	    "insert into scheduled (id, user_id, role, conversation_id,"
	    " send_at, type, text, attachments, uploads, files_id, created_at,"
	    " updated_at) select uuid_v7(), 'ann', 'user', $2::uuid,"
	    " now() + interval '1 h', 'image', '', json_build_array("
	    " upload_json(g), upload_json(f)), array[g.id, f.id], f.id, now(),"
	    " now() from uploads f, uploads g where f.id = $1 and g.id = $3",
	    first, room, second);
	QUERY(s,
	    "insert into attachments (upload_id, message_id, conversation_id,"
	    " seq) values ($1, $1, $2, 0)",
	    first, room);
}

static void
test_update(void)
{
	char id[40], other[40], message[40], since[40];

	room_make();
	upload(id, "ann", "IMG_1.jpeg", "image/jpeg");
	upload(other, "ann", "b.png", "image/png");
	send(message, "ann", id, NULL);
	schedule(id, other);
	last_event(since);
	SQL(s, "uploads.update", "ben", "user", NULL, id, "{alt}", NULL, "A");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "forbidden");
	SQL(s, "uploads.update", "cid", "user", NULL, id, "{alt}", NULL, "A");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "not_found");
	SQL(s, "uploads.update", "ann", "user", NULL, id, "{filename,alt}",
	    "cat.exe", "A \"cat\"");
	ANSWER("filename", "cat.exe.jpeg");
	ANSWER("alt", "A \"cat\"");
	CU_ASSERT_STRING_EQUAL(told(since, "user:ann", "{alt}"),
	    "upload.updated A \"cat\", scheduled.updated ");
	CU_ASSERT_STRING_EQUAL(
	    told(since, "user:ann", "{attachments,1,filename}"),
	    "upload.updated , scheduled.updated cat.exe.jpeg");
	CU_ASSERT_STRING_EQUAL(
	    told(since, "user:ann", "{attachments,0,filename}"),
	    "upload.updated , scheduled.updated b.png");
	QUERY(s, "select 'conversation:' || $1 as id", room);
	CU_ASSERT_STRING_EQUAL(
	    told(since, sql_text(s, 0, "id"), "{attachments,0,alt}"),
	    "message.updated A \"cat\"");
	/* What the log had is so too, and nothing else of the message. */
	QUERY(s,
	    "select e.data::json#>>'{attachments,0,filename}' as name,"
	    " e.data::json->>'text' as text, m.edited_at from events e"
	    " join messages m on m.id = e.message_id"
	    " where e.message_id = $1 and e.type = 'message.created'",
	    message);
	ANSWER("name", "cat.exe.jpeg");
	ANSWER("text", "look");
	CU_ASSERT_TRUE(sql_null(s, 0, "edited_at"));

	last_event(since);
	SQL(s, "uploads.update", "root", "admin", NULL, id, "{filename}",
	    "cat.exe.jpeg", NULL);
	CU_ASSERT_STRING_EQUAL(told(since, "user:ann", "{}"), "");
	SQL(s, "uploads.update", "root", "admin", NULL, id, "{alt}", NULL,
	    NULL);
	CU_ASSERT_TRUE(sql_null(s, 0, "alt"));
	QUERY(s,
	    "select (attachments->0->'alt') is null as gone from messages"
	    " where id = $1",
	    message);
	ANSWER("gone", "t");
}

/* A message that is being sent shows what is said meanwhile. */
static void
test_update_meets_a_send(void)
{
	char id[40], message[40];
	int status = -1;
	pid_t pid;

	room_make();
	upload(id, "ann", "a.png", "image/png");
	RUN(s, "begin");
	send(message, "ann", id, NULL);
	pid = fork();
	if (pid == 0) {
		struct sql *other = sql_open(cluster);

		SQL(other, "uploads.update", "ann", "user", NULL, id, "{alt}",
		    NULL, "Words");
		_exit(sql_error(other)[0] != '\0');
	}
	for (int i = 0; i < 3000; i++) {
		RUN(s,
		    "select count(*) as n, pg_sleep(0.01)::text from pg_locks"
		    " where not granted");
		if (sql_number(s, 0, "n") > 0)
			break;
	}
	RUN(s, "commit");
	(void)waitpid(pid, &status, 0);
	CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	QUERY(s,
	    "select attachments->0->>'alt' as alt from messages where id = $1",
	    message);
	ANSWER("alt", "Words");
}

static void
test_names(void)
{
	static const char *const names[][3] = {
		{ "a.png", "b", "b.png" },
		{ "a.png", "b.PNG", "b.PNG" },
		{ "a.tar.gz", "b.tar", "b.tar.gz" },
		{ "README", "b.exe", "b.exe" },
		{ ".profile", "b", "b" },
		{ "a.png", "b.", "b..png" },
	};
	char long_name[260];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		QUERY(s, "select upload_renamed($1, $2) as name", names[i][0],
		    names[i][1]);
		ANSWER("name", names[i][2]);
	}
	memset(long_name, 'x', 255);
	long_name[255] = '\0';
	QUERY(
	    s, "select length(upload_renamed('a.png', $1)) as name", long_name);
	ANSWER("name", "255");
}

static void
test_delete(void)
{
	char id[40], message[40], since[40];

	room_make();
	upload(id, "ann", "a.png", "image/png");
	send(message, "ann", id, NULL);
	SQL(s, "uploads.delete", "ann", "user", NULL, id);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "in_use");
	SQL(s, "uploads.delete", "ben", "user", NULL, id);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "forbidden");
	SQL(s, "messages.delete", "ann", "user", NULL, message, "0");
	SQL(s, "uploads.delete", "ben", "user", NULL, id);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "not_found");
	last_event(since);
	SQL(s, "uploads.delete", "ann", "user", NULL, id);
	ANSWER("id", id);
	QUERY(s, "select 'upload.deleted ' || $1 as told", id);
	(void)snprintf(message, sizeof(message), "%s", id);
	CU_ASSERT_STRING_EQUAL(
	    told(since, "user:ann", "{id}") + strlen("upload.deleted "),
	    message);
	SQL(s, "uploads.get", "ann", "user", id);
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "uploads.delete", "ann", "user", NULL, id);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "not_found");
}

/* What nobody sent goes after a day, and its owner hears of it. */
static void
test_tidy(void)
{
	char id[40], since[40];

	room_make();
	upload(id, "ben", "a.png", "image/png");
	QUERY(s,
	    "update upload_loose set due_at = now() - interval '1 s'"
	    " where upload_id = $1",
	    id);
	last_event(since);
	SQL(s, "uploads.tidy", "100");
	ANSWER("removed", "1");
	CU_ASSERT_STRING_EQUAL(
	    told(since, "user:ben", "{id}") + strlen("upload.deleted "), id);
	last_event(since);
	SQL(s, "uploads.tidy", "100");
	ANSWER("removed", "0");
	CU_ASSERT_STRING_EQUAL(told(since, "user:ben", "{id}"), "");
	SQL(s, "uploads.fail", "ben", NULL, NULL, "x.png", "unsupported_type",
	    "Not taken.");
	CU_ASSERT_STRING_EQUAL(told(since, "user:ben", "{code}"),
	    "upload.failed unsupported_type");
}

static void
setup(void)
{
	RUN(s,
	    "insert into users (id, name) values ('ann', 'Ann'),"
	    " ('ben', 'Ben'), ('cid', 'Cid')");
}

static const struct test_case cases[] = {
	{ "lists one's own by kind, page by page", test_mine },
	{ "lists what a conversation shows to who sees it", test_gallery },
	{ "says of a file what is on it, everywhere", test_update },
	{ "says it in what is being sent too", test_update_meets_a_send },
	{ "names keep their endings", test_names },
	{ "deletes what nothing shows", test_delete },
	{ "tells what comes and goes", test_tidy },
};

SQL_MAIN("sql_gallery", setup)
