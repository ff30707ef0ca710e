/* SPDX-License-Identifier: ISC */
/* Searches: what is found, by whom, in which order; and that the index follows
 * what happens to messages. */

#include <stdlib.h>

#include "base/attr.h"
#include "base/buf.h"
#include "tests/db/sql_fixture.h"

/* A group of ann (owner) and ben, a new one for each test. */
static char room[40];

static void
make_room(const char *members, const char *history)
{
	SQL(s, "conversations.create", "ann", "user", NULL, "group", NULL,
	    "Room", members, NULL, history, NULL);
	(void)snprintf(room, sizeof(room), "%s", sql_text(s, 0, "id"));
}

/* Sends and keeps the id; `root` and `upload` may be NULL. */
static void
say_more(char id[40], const char *from, const char *text, const char *root,
    const char *upload)
{
	sql_query(s,
	    "select r.id, r.error from messages_send(array[$1], array['user'],"
	    " array[$2], array[uuid_v7()], array[$3], array[null]::uuid[],"
	    " array[$5], array[null], array[null], array[null]::boolean[],"
	    " p_thread_root => array[$4]::uuid[]) r",
	    (const char *const[]){ from, room, text, root, upload }, 5);
	CU_ASSERT_TRUE_FATAL(sql_null(s, 0, "error"));
	if (id != NULL)
		(void)snprintf(id, 40, "%s", sql_text(s, 0, "id"));
}

static void
say(char id[40], const char *from, const char *text)
{
	say_more(id, from, text, NULL, NULL);
}

/* Runs the follower until nothing is left. */
static void
index_all(void)
{
	do
		SQL(s, "search.follow", "50", NULL, "0");
	while (strcmp(sql_text(s, 0, "more"), "t") == 0);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "turn"), "t");
}

/* What is asked for: what is not given is null. */
struct ask {
	const char *by, *q, *from, *in, *has, *before, *after, *sort, *cursor,
	    *limit;
};

static void
ask(const struct ask *a)
{
	SQL(s, "messages.search", a->by != NULL ? a->by : "ann", "user", a->q,
	    a->from, a->in, a->has, a->before, a->after,
	    a->sort != NULL ? a->sort : "time", a->cursor,
	    a->limit != NULL ? a->limit : "20");
}

/* The texts that were found, in order, separated by "|". */
static const char *
found(const struct ask *a)
{
	static struct base_buf out;

	ask(a);
	base_buf_reset(&out);
	base_buf_append_str(&out, "");
	for (int row = 0; row < sql_rows(s); row++) {
		const char *text =
		    strstr(sql_text(s, row, "message"), "\"text\":\"");
		size_t len = strcspn(text + 8, "\"");

		base_buf_printf(
		    &out, "%s%.*s", row > 0 ? "|" : "", (int)len, text + 8);
	}
	if (sql_rows(s) == -1)
		base_buf_printf(&out, "%s %s", sql_error(s), sql_field(s));
	return (base_buf_str(&out));
}

#define FOUND(wanted, ...)      \
	CU_ASSERT_STRING_EQUAL( \
	    found(&(const struct ask){ __VA_ARGS__ }), wanted)

static void
test_words(void)
{
	make_room("{ben}", NULL);
	say(NULL, "ann", "The launch is at noon, in the Café Müller");
	say(NULL, "ben", "launching at midnight?");
	say(NULL, "ann", "nothing of that");
	FOUND("", .q = "launch", .in = room); /* not yet */
	index_all();
	FOUND(
	    "launching at midnight?|The launch is at noon, in the Café Müller",
	    .q = "launch", .in = room);
	FOUND("The launch is at noon, in the Café Müller", .q = "launch ",
	    .in = room);
	FOUND("The launch is at noon, in the Café Müller", .q = "MÜLLER cafe",
	    .in = room);
	FOUND("The launch is at noon, in the Café Müller", .q = "\"at noon\"",
	    .in = room);
	FOUND("The launch is at noon, in the Café Müller", .q = "\"is at\" noo",
	    .in = room);
	FOUND("", .q = "\"noon at\"", .in = room);
	FOUND("launching at midnight?", .q = "at -noon", .in = room);
	FOUND("nothing of that|launching at midnight?", .q = "midnight or that",
	    .in = room);
	FOUND("required q", .q = "!?", .in = room);
	FOUND("required q", .q = " ", .in = room);
	FOUND("required q", .q = "\"\"", .in = room);
	FOUND("launching at midnight?", .q = "!?", .from = "ben", .in = room);
	say(NULL, "ann", "see https://example.org/docs/launch_plan.html?x=1");
	index_all();
	FOUND("see https://example.org/docs/launch_plan.html?x=1",
	    .q = "launch plan docs", .in = room);
	FOUND("see https://example.org/docs/launch_plan.html?x=1",
	    .q = "example.org", .in = room);
	FOUND("required q", .in = room);
}

/* No blanks between words. */
static void
test_characters(void)
{
	make_room(NULL, NULL);
	say(NULL, "ann", "今日は東京タワーに行きます");
	say(NULL, "ann", "京東で会う");
	index_all();
	FOUND("今日は東京タワーに行きます", .q = "東京");
	FOUND("今日は東京タワーに行きます", .q = "タワー 今日");
	FOUND("京東で会う|今日は東京タワーに行きます", .q = "東");
	FOUND("", .q = "京都");
	ask(&(const struct ask){ .q = "東京" });
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "excerpt"),
	    "[{\"text\":\"今日は\"},{\"text\":\"東京\",\"match\":true},"
	    "{\"text\":\"タワーに行きます\"}]");
}

static void
test_excerpts(void)
{
	struct base_buf text = { 0 };

	make_room(NULL, NULL);
	say(NULL, "ann", "<b>bold</b> & \"quoted\" bold");
	for (int i = 0; i < 100; i++)
		base_buf_printf(&text, "w%d %s", i,
		    i == 50	? "needle " :
			i == 99 ? "needles" :
				  "");
	say(NULL, "ann", text.data);
	base_buf_fini(&text);
	index_all();
	ask(&(const struct ask){ .q = "bold" });
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "excerpt"),
	    "[{\"text\":\"<b>\"},{\"text\":\"bold\",\"match\":true},"
	    "{\"text\":\"</b> & \\\"quoted\\\" \"},"
	    "{\"text\":\"bold\",\"match\":true}]");
	ask(&(const struct ask){ .q = "needle" });
	CU_ASSERT_PTR_NOT_NULL(strstr(sql_text(s, 0, "excerpt"),
	    "{\"text\":\"needle\",\"match\":true},{\"text\":\" w51"));
	CU_ASSERT_PTR_NOT_NULL(strstr(sql_text(s, 0, "excerpt"),
	    "{\"text\":\"needles\",\"match\":true}"));
	CU_ASSERT_TRUE(strlen(sql_text(s, 0, "excerpt")) < 600);
}

static void
test_filters(void)
{
	char thread[40], root[40];

	make_room("{ben,\"o'b\\\\x\"}", NULL);
	say(root, "ann", "filtered one");
	say(NULL, "ben", "filtered two https://example.org/x");
	say_more(NULL, "ben", "filtered three", root, NULL);
	say_more(NULL, "ann", "filtered four", NULL,
	    "[\"00000000-0000-7000-8000-00000000000a\"]");
	say_more(NULL, "ann", "filtered five", NULL,
	    "[\"00000000-0000-7000-8000-00000000000b\"]");
	say(NULL, "o'b\\x", "filtered six");
	index_all();
	FOUND("filtered three|filtered two https://example.org/x",
	    .q = "filtered", .from = "ben");
	FOUND("filtered three|filtered two https://example.org/x",
	    .from = "ben", .in = room);
	FOUND("filtered six", .q = "filtered", .from = "o'b\\x");
	FOUND("", .q = "filtered", .from = "be");
	FOUND("filtered two https://example.org/x", .has = "link", .in = room);
	FOUND("filtered five|filtered four", .has = "file", .in = room);
	FOUND("filtered five", .has = "image", .in = room);
	FOUND("", .q = "by ben", .in = room);
	FOUND("", .q = ":by:ben", .in = room);
	QUERY(s, "select id from conversations where root_id = $1::uuid", root);
	(void)snprintf(thread, sizeof(thread), "%s", sql_text(s, 0, "id"));
	FOUND("filtered three", .q = "filtered", .in = thread);
	FOUND("not_found in", .q = "filtered",
	    .in = "00000000-0000-7000-8000-00000000000f");
	QUERY(s,
	    "update messages set created_at = timestamptz '2020-05-01' + seq * interval '1 day' where"
	    " conversation_id = $1::uuid",
	    room);
	QUERY(s,
	    "select search_index(array_agg(id)) from messages"
	    " where conversation_id = $1::uuid",
	    room);
	FOUND("filtered five|filtered four", .q = "filtered", .in = room,
	    .after = "2020-05-03", .before = "2020-05-06");
}

/* Nobody finds what they cannot read. */
static void
test_rights(void)
{
	char hidden[40], root[40];

	make_room("{ben}", "joined");
	say(hidden, "ann", "secret early");
	say_more(NULL, "ann", "secret reply early", hidden, NULL);
	SQL(s, "members.add", "ann", "user", NULL, room, "{cat}");
	say(root, "ann", "secret late");
	say_more(NULL, "ann", "secret reply late", root, NULL);
	index_all();
	FOUND("secret reply late|secret late|secret reply early|secret early",
	    .by = "ben", .q = "secret");
	FOUND("secret reply late|secret late", .by = "cat", .q = "secret");
	FOUND("secret late|secret reply late", .by = "cat", .q = "secret",
	    .sort = "relevance");
	FOUND("", .by = "dan", .q = "secret");
	FOUND("not_found in", .by = "dan", .q = "secret", .in = room);
	SQL(s, "members.remove", "ann", "user", NULL, room, "ben");
	FOUND("", .by = "ben", .q = "secret");
	QUERY(s,
	    "update conversations set deleted_at = now() where id = $1::uuid",
	    room);
	FOUND("", .by = "cat", .q = "secret");
	FOUND("", .q = "secret");
}

/* An open channel is searched by whoever may read it, when it is named. */
static void
test_channel(void)
{
	SQL(s, "conversations.create", "crm", "service", NULL, "channel", NULL,
	    "town", NULL, "open", NULL, NULL);
	(void)snprintf(room, sizeof(room), "%s", sql_text(s, 0, "id"));
	say(NULL, "ann", "townhall");
	index_all();
	FOUND("townhall", .by = "dan", .q = "townhall", .in = "town");
	FOUND("", .by = "dan", .q = "townhall");
}

static int64_t
indexed(const char *id)
{
	QUERY(s,
	    "select count(*) as n from message_search"
	    " where message_id = $1::uuid",
	    id);
	return (sql_number(s, 0, "n"));
}

static void
test_changes(void)
{
	char id[40];

	make_room(NULL, NULL);
	say(id, "ann", "alpha");
	say(NULL, "ann", "beta");
	index_all();
	FOUND("alpha", .q = "alpha");
	/* As an edit does it: the old text is gone at once. */
	QUERY(s,
	    "update messages set text = 'gamma', edited_at = now()"
	    " where id = $1::uuid",
	    id);
	CU_ASSERT_EQUAL(indexed(id), 0);
	FOUND("", .q = "alpha");
	QUERY(s,
	    "select emit(array['t'], array['message.edited'], array['{}'],"
	    " p_message_id => array[$1]::uuid[]) as id",
	    id);
	index_all();
	FOUND("gamma", .q = "gamma");
	/* A row that came between an edit and the follower's next step. */
	QUERY(s,
	    "update message_search set vector = search_vector('alpha', 'ann',"
	    " '[]') where message_id = $1::uuid",
	    id);
	FOUND("", .q = "alpha");
	FOUND("", .q = "alpha", .sort = "relevance");
	QUERY(s, "update messages set deleted_at = now() where id = $1::uuid",
	    id);
	CU_ASSERT_EQUAL(indexed(id), 0);
	FOUND("", .q = "gamma");
	QUERY(s, "select search_index(array[$1]::uuid[])", id);
	CU_ASSERT_EQUAL(indexed(id), 0);
	QUERY(s, "delete from messages where conversation_id = $1::uuid", room);
	FOUND("", .q = "beta");
}

/* Every message once, in order, however long the pages are. */
static void
test_pages(void)
{
	static const char *const limits[] = { "1", "7", "100" };
	char cursor[300], last[300];

	make_room(NULL, NULL);
	QUERY(s,
	    "select count(*) from generate_series(1, 60) n, lateral"
	    " messages_send(array['ann'], array['user'], array[$1],"
	    " array[uuid_v7()], array['page ' || n || repeat(' page', n % 5)],"
	    " array[null]::uuid[], array[null], array[null], array[null],"
	    " array[null]::boolean[]) r",
	    room);
	index_all();
	/* As many slices and blocks as a long conversation has. */
	for (int part = 1; part < 5; part++) {
		char rest[2] = { (char)('0' + part), '\0' };

		RUN(s,
		    part == 2 ?
			"update search_slices set messages = 2000" :
			"update search_slices set block_messages = 125");
		QUERY(s,
		    "select search_index(array_agg(id)) from messages where"
		    " conversation_id = $1::uuid and seq % 5 = $2::integer",
		    room, rest);
	}
	for (int way = 0; way < 6; way++) {
		int total = 0, limit = atoi(limits[way / 2]), rows;

		cursor[0] = last[0] = '\0';
		do {
			ask(&(const struct ask){ .q = "page",
			    .sort = way % 2 == 0 ? "time" : "relevance",
			    .cursor = cursor[0] != '\0' ? cursor : NULL,
			    .limit = limits[way / 2] });
			rows = sql_rows(s) > limit ? limit : sql_rows(s);
			for (int row = 0; way % 2 == 0 && row < rows; row++) {
				const char *at = sql_text(s, row, "_cursor");

				CU_ASSERT_TRUE(
				    last[0] == '\0' || strcmp(at, last) < 0);
				(void)snprintf(last, sizeof(last), "%s", at);
			}
			total += rows;
			(void)snprintf(cursor, sizeof(cursor), "%s",
			    sql_text(s, rows - 1, "_cursor"));
		} while (sql_rows(s) > limit);
		CU_ASSERT_EQUAL(total, 60);
	}
	QUERY(s,
	    "select count(*) as n, bool_or(block > 1) as blocks"
	    " from search_slices where conversation_id = $1::uuid",
	    room);
	CU_ASSERT_EQUAL(sql_number(s, 0, "n"), 2);
	FOUND("invalid_cursor cursor", .q = "page", .cursor = "x");
	FOUND("invalid_cursor cursor", .q = "page", .sort = "relevance",
	    .cursor = "2020-01-01T00:00:00.000000Z_x_y");
}

/* The more often, and the younger, the better. */
static void
test_relevance(void)
{
	make_room(NULL, NULL);
	say(NULL, "ann", "kiwi kiwi kiwi");
	say(NULL, "ann", "kiwi and apple and pear and plum and fig");
	index_all();
	FOUND("kiwi kiwi kiwi|kiwi and apple and pear and plum and fig",
	    .q = "kiwi", .sort = "relevance");
	FOUND("kiwi and apple and pear and plum and fig|kiwi kiwi kiwi",
	    .q = "kiwi");
}

/* Messages from before there was an index; some that it has already. */
static void
test_walk(void)
{
	make_room(NULL, NULL);
	say(NULL, "ann", "walked one");
	say(NULL, "ann", "walked two");
	index_all();
	cluster_exec(cluster,
	    "delete from message_search where seq % 2 = 1;"
	    "update search_index_state"
	    " set below = 'ffffffff-ffff-ffff-ffff-ffffffffffff'");
	SQL(s, "search.follow", "3", NULL, "0");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "more"), "t");
	index_all();
	CU_ASSERT_EQUAL(cluster_number(cluster,
			    "select count(*) from messages m full join"
			    " message_search f on f.message_id = m.id"
			    " where (m.id is null or f.message_id is null)"
			    " and m.deleted_at is null and m.type <> 'system'"),
	    0);
	FOUND("walked two|walked one", .q = "walked");
	SQL0(s, "search.rebuild");
	FOUND("", .q = "walked");
	index_all();
	FOUND("walked two|walked one", .q = "walked");
}

/* --- names --- */

/* The ids that were found, separated by blanks. */
static const char *
names(const char *by, const char *role, const char *everybody, const char *q)
{
	static struct base_buf out;

	SQL(s, "users.search", by, role, everybody, q, NULL, "20");
	base_buf_reset(&out);
	base_buf_append_str(&out, "");
	for (int row = 0; row < sql_rows(s); row++)
		base_buf_printf(
		    &out, "%s%s", row > 0 ? " " : "", sql_text(s, row, "id"));
	return (base_buf_str(&out));
}

static void
test_users(void)
{
	const char *all = "true", *shared = "false";

	cluster_exec(cluster,
	    "insert into users (id, name) values ('u1', 'Jonathan Meier'),"
	    " ('u2', 'Johanna Müller'), ('u3', 'Ann-Kathrin'),"
	    " ('u4', '100%_Max'), ('zz-9', null)");
	CU_ASSERT_STRING_EQUAL(names("ann", "user", all, "jonathan"), "u1");
	CU_ASSERT_STRING_EQUAL(names("ann", "user", all, "jonatan"), "u1");
	CU_ASSERT_STRING_EQUAL(names("ann", "user", all, "MULER"), "u2");
	CU_ASSERT_STRING_EQUAL(names("ann", "user", all, "mei"), "u1");
	CU_ASSERT_STRING_EQUAL(names("ann", "user", all, "ka"), "");
	CU_ASSERT_STRING_EQUAL(names("ann", "user", all, "me"), "u1");
	CU_ASSERT_STRING_EQUAL(names("ann", "user", all, "100%"), "u4");
	CU_ASSERT_STRING_EQUAL(names("ann", "user", all, "zz-"), "zz-9");
	CU_ASSERT_STRING_EQUAL(names("ann", "user", all, "%%%"), "");
	CU_ASSERT_STRING_EQUAL(names("ann", "user", shared, "jonathan"), "");
	CU_ASSERT_STRING_EQUAL(
	    names("crm", "service", shared, "jonathan"), "u1");
	make_room("{u1}", NULL);
	CU_ASSERT_STRING_EQUAL(names("ann", "user", shared, "jonatan"), "u1");
	SQL(s, "members.remove", "ann", "user", NULL, room, "u1");
	CU_ASSERT_STRING_EQUAL(names("ann", "user", shared, "jonatan"), "");
}

static void
test_user_pages(void)
{
	char cursor[300] = "";
	int total = 0, rows;

	cluster_exec(cluster,
	    "insert into users (id, name) select 'p' || i,"
	    " case i % 3 when 0 then 'Perdita' when 1 then 'Perdito'"
	    " else 'La Perdida' end from generate_series(1, 30) i");
	do {
		SQL(s, "users.search", "ann", "user", "true", "perdita",
		    cursor[0] != '\0' ? cursor : NULL, "7");
		rows = sql_rows(s) > 7 ? 7 : sql_rows(s);
		total += rows;
		if (total <= 7)
			CU_ASSERT_STRING_EQUAL(
			    sql_text(s, 0, "name"), "Perdita");
		(void)snprintf(cursor, sizeof(cursor), "%s",
		    sql_text(s, rows - 1, "_cursor"));
	} while (sql_rows(s) > 7);
	CU_ASSERT_EQUAL(total, 30);
	SQL(s, "users.search", "ann", "user", "true", "perdita", "x", "7");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "invalid_cursor");
}

static void
test_conversations(void)
{
	SQL(s, "conversations.create", "eve", "user", NULL, "group", NULL,
	    "Garden party", NULL, NULL, NULL, NULL);
	SQL(s, "conversations.create", "eve", "user", NULL, "direct", "u2",
	    NULL, NULL, NULL, NULL, NULL);
	SQL(s, "conversations.search", "eve", "gardn", NULL, "20");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	SQL(s, "conversations.search", "eve", "johana", NULL, "20");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(sql_text(s, 0, "_answer"), "\"type\":\"direct\""));
	SQL(s, "conversations.search", "dan", "garden", NULL, "20");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
}

static void
setup(void)
{
	cluster_exec(cluster,
	    "insert into users (id, name) values ('ann', 'Ann'), ('ben', 'Ben'),"
	    " ('cat', 'Cat'), ('dan', 'Dan'), ('eve', 'Eve'),"
	    " ('o''b\\x', 'Odd'), ('crm', 'CRM');"
	    "insert into uploads (id, owner_id, filename, type, size, sha256)"
	    " values ('00000000-0000-7000-8000-00000000000a', 'ann', 'a.txt',"
	    " 'text/plain', 1, repeat('a', 64)),"
	    " ('00000000-0000-7000-8000-00000000000b', 'ann', 'b.png',"
	    " 'image/png', 1, repeat('b', 64))");
}

static const struct test_case cases[] = {
	{ "words", test_words },
	{ "characters", test_characters },
	{ "excerpts", test_excerpts },
	{ "filters", test_filters },
	{ "rights", test_rights },
	{ "channel", test_channel },
	{ "changes", test_changes },
	{ "pages", test_pages },
	{ "relevance", test_relevance },
	{ "walk", test_walk },
	{ "users", test_users },
	{ "pages of users", test_user_pages },
	{ "conversations", test_conversations },
};

SQL_MAIN("sql_search", setup)
