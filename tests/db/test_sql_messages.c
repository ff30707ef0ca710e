/* SPDX-License-Identifier: ISC */
/* Sending in batches, and what is then read, everywhere the same. */

#include <stdlib.h>

#include "base/attr.h"
#include "base/mem.h"
#include "tests/db/sql_fixture.h"

#define ID1 "00000000-0000-7000-8000-000000000001"
#define ID2 "00000000-0000-7000-8000-000000000002"
#define ID3 "00000000-0000-7000-8000-000000000003"
#define ID4 "00000000-0000-7000-8000-000000000004"
#define PHOTO "00000000-0000-7000-8000-00000000000a"
#define PAPER "00000000-0000-7000-8000-00000000000b"

/* The direct conversation of `a` and `b`; good until the next call. */
static const char *
direct(const char *a, const char *b)
{
	static char id[40];

	SQL(s, "conversations.create", a, "user", NULL, "direct", b, NULL, NULL,
	    NULL, NULL, NULL);
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	return (id);
}

/* One message; parts that are not given are null. */
struct message {
	const char *from, *role, *to, *id, *text, *reply_to, *files;
	const char *type, *language, *thread_root, *mentions, *mention_all;
};

static const char *
one(char out[200], const char *value)
{
	if (value == NULL)
		return (NULL);
	(void)snprintf(out, 200, "{\"%s\"}", value);
	return (out);
}

static void
send(const struct message *m)
{
	char from[200], to[200], id[200], text[200], reply[200], files[400];
	char type[200], language[200], root[200], names[200], all[200];

	/* What no item has is no array, as the batch does it. */
	(void)snprintf(
	    files, sizeof(files), "{\"%s\"}", m->files != NULL ? m->files : "");
	SQL(s, "messages.send", one(from, m->from),
	    m->role != NULL ? m->role : "{user}", one(to, m->to),
	    one(id, m->id), one(text, m->text), one(reply, m->reply_to),
	    m->files != NULL ? files : NULL, "{web}", "{p1-1-x}", NULL,
	    one(type, m->type), one(language, m->language),
	    one(root, m->thread_root), one(names, m->mentions),
	    one(all, m->mention_all), NULL);
}

#define SEND(...) send(&(const struct message){ __VA_ARGS__ })
#define ANSWER(column, value) \
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, (column)), (value))

/* A member of the message in row `row` of the last answer, which is gone
 * afterwards. */
static const char *
member(int row, const char *path)
{
	char *message = base_strdup(sql_text(s, row, "_answer"));

	QUERY(s, "select $1::json #>> string_to_array($2, '.') as member",
	    message, path);
	base_free(message);
	return (sql_text(s, 0, "member"));
}

static char *
newest_data(void)
{
	RUN(s, "select data from events order by id desc limit 1");
	return (base_strdup(sql_text(s, 0, "data")));
}

/* The event, the answer, the history and messages.get say the same. */
static void
test_same_everywhere(void)
{
	const char *to = direct("ann", "ben");
	char *answer, *data;

	SEND(.from = "ann", .to = to, .id = ID1,
	    .text = "Hi \\\\ \\\"B\\\"\t☕");
	ANSWER("_status", "201");
	ANSWER("id", ID1);
	ANSWER("conversation_id", to);
	ANSWER("seq", "1");
	answer = base_strdup(sql_text(s, 0, "_answer"));
	CU_ASSERT_STRING_EQUAL(member(0, "platform"), "web");
	data = newest_data();
	CU_ASSERT_STRING_EQUAL(answer, data);
	base_free(answer);
	CU_ASSERT_PTR_NULL(strchr(data, '\n'));
	SQL(s, "messages.list", "ben", "user", to, NULL, NULL, "50");
	CU_ASSERT_TRUE(sql_shows(s, 0, data));
	SQL(s, "messages.get", "ben", "user", ID1);
	CU_ASSERT_TRUE(sql_shows(s, 0, data));
	SEND(.from = "ann", .to = to, .id = ID1, .text = "again");
	ANSWER("_answer", data);
	QUERY(s, "select $1::json->'sender' as sender, $1::json->'seq' as seq",
	    data);
	ANSWER("sender",
	    "{\"id\":\"ann\",\"name\":\"Ann \\\"A\\\"\",\"picture\":null}");
	base_free(data);
	SQL(s, "conversations.get", "ben", "user", to, NULL);
	QUERY(
	    s, "select $1::json->>'id' as id", sql_text(s, 0, "last_message"));
	ANSWER("id", ID1);
}

static const char *
batch_of(const char *a, const char *b, const char *c, const char *d)
{
	static char list[200];

	(void)snprintf(list, sizeof(list), "{%s,%s,%s,%s}", a, b, c, d);
	return (list);
}

/* The same id from the same sender to the same conversation is a repeat; any
 * other use of it shows nothing of the first. */
static void
test_repeats(void)
{
	char to[40];

	(void)snprintf(to, sizeof(to), "%s", direct("ann", "cat"));
	SEND(.from = "ann", .to = to, .id = ID2, .text = "first");
	SEND(.from = "ann", .to = to, .id = ID2, .text = "second");
	ANSWER("_status", "200");
	CU_ASSERT_TRUE(sql_null(s, 0, "_event"));
	CU_ASSERT_STRING_EQUAL(member(0, "text"), "first");
	SEND(.from = "cat", .to = to, .id = ID2, .text = "stolen");
	ANSWER("_error", "id_conflict");
	ANSWER("_field", "id");
	CU_ASSERT_TRUE(sql_null(s, 0, "_answer"));
	SEND(.from = "ann", .to = direct("ann", "ben"), .id = ID2, .text = "x");
	ANSWER("_error", "id_conflict");
	RUN(s, "select count(*) as n from events where message_id = '" ID2 "'");
	ANSWER("n", "1");

	/* A repeat, a refusal and what is new in one batch. */
	SQL(s, "messages.send", "{ann,ben,ann,cat}", "{user,user,user,user}",
	    batch_of(to, "public", to, "public"), "{" ID2 ",null," ID3 ",null}",
	    "{\"\",\"\",one,two}", "{null,null,null,null}",
	    "{null,null,null,null}", "{null,null,null,null}",
	    "{null,null,null,null}", "{null,null,null,null}", NULL, NULL, NULL,
	    NULL, NULL, NULL);
	CU_ASSERT_EQUAL(sql_rows(s), 4);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "_status"), "200");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "_error"), "required");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 2, "_status"), "201");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 2, "seq"), "2");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 3, "_status"), "201");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 3, "seq"), "1");
	CU_ASSERT_STRING_EQUAL(
	    sql_text(s, 3, "_event"), sql_text(s, 2, "_event"));
	CU_ASSERT_STRING_EQUAL(member(0, "text"), "first");

	/* The caller must not do that, and nothing is written. */
	SQL(s, "messages.send", "{ann,ann}", "{user,user}", "{public,public}",
	    "{" ID4 "," ID4 "}", "{one,two}", "{null,null}", "{null,null}",
	    "{null,null}", "{null,null}", "{null,null}", NULL, NULL, NULL, NULL,
	    NULL, NULL);
	CU_ASSERT_STRING_EQUAL(sql_state(s), "23505");
	RUN(s, "select count(*) as n from messages where id = '" ID4 "'");
	ANSWER("n", "0");
}

/* The answer comes again although the sender was removed meanwhile: as it was
 * sent, and for what they sent only. */
static void
test_repeats_of_who_is_gone(void)
{
	static const char post[] = "00000000-0000-7000-8000-0000000000c1";
	static const char reply[] = "00000000-0000-7000-8000-0000000000c2";
	char room[40];

	SQL(s, "conversations.create", "ben", "user", NULL, "group", NULL,
	    "Repeats", "{ann}", NULL, NULL, NULL);
	(void)snprintf(room, sizeof(room), "%s", sql_text(s, 0, "id"));
	SEND(.from = "ann", .to = room, .id = post, .text = "once");
	SEND(.from = "ann", .to = room, .id = reply, .text = "below",
	    .thread_root = post);
	ANSWER("_status", "201");
	SQL(s, "reactions.add", "ben", "user", NULL, post, "x");
	SQL(s, "members.remove", "ben", "user", NULL, room, "ann");
	SEND(.from = "ann", .to = room, .id = post, .text = "again");
	ANSWER("_status", "200");
	CU_ASSERT_TRUE(sql_null(s, 0, "_event"));
	CU_ASSERT_PTR_NULL(strstr(sql_text(s, 0, "_answer"), "reactions"));
	CU_ASSERT_STRING_EQUAL(member(0, "text"), "once");
	SEND(.from = "ann", .to = room, .id = reply, .text = "again",
	    .thread_root = post);
	ANSWER("_status", "200");
	CU_ASSERT_STRING_EQUAL(member(0, "text"), "below");
	SEND(.from = "ann", .to = room, .text = "new");
	ANSWER("_error", "not_found");
	SEND(.from = "cat", .to = room, .id = post, .text = "stolen");
	ANSWER("_error", "not_found");
	SEND(.from = "ann", .to = direct("ann", "ben"), .id = post,
	    .text = "elsewhere");
	ANSWER("_error", "id_conflict");
	SQL(s, "conversations.delete", "ben", "user", NULL, room);
	SEND(.from = "ann", .to = room, .id = post, .text = "again");
	ANSWER("_error", "not_found");
}

/* Five items, of which the second and the fourth are refused; `none` is what the
 * arrays hold that no item needs: nulls, or nothing. */
static void
some_refused(const char *to, const char *id, const char *none)
{
	char list[300];

	(void)snprintf(
	    list, sizeof(list), "{%s,%s,public,%s,%s}", to, to, to, to);
	SQL(s, "messages.send", "{ann,ben,ann,ann,cat}",
	    "{user,user,user,user,user}", list, id, "{a,b,c,\"\",e}", none,
	    none, "{null,ios,null,null,web}", "{null,null,null,null,c-1}",
	    "{null,null,null,null,false}", none, none, none, none, none, none);
	CU_ASSERT_EQUAL(sql_rows(s), 5);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "_error"), "not_found");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 3, "_error"), "required");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 3, "_field"), "text");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 4, "_status"), "201");
	CU_ASSERT(sql_null(s, 1, "id") || sql_null(s, 1, "_answer"));
	CU_ASSERT_TRUE(sql_null(s, 1, "seq"));
}

/* Those that are not refused have the numbers that follow, whether one of the
 * batch is more than a text or none. */
static void
test_numbers(void)
{
	static const char *const none[] = { NULL,
		"{null,null,null,null,null}" };
	char to[40], before[24];

	(void)snprintf(to, sizeof(to), "%s", direct("ann", "cat"));
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		QUERY(s,
		    "select last_seq from conversations where id = $1::uuid",
		    to);
		(void)snprintf(
		    before, sizeof(before), "%s", sql_text(s, 0, "last_seq"));
		some_refused(to, none[i], none[i]);
		CU_ASSERT_EQUAL(atol(sql_text(s, 0, "seq")), atol(before) + 1);
		CU_ASSERT_EQUAL(atol(sql_text(s, 4, "seq")), atol(before) + 2);
		QUERY(s,
		    "select last_seq - $2::bigint as more, (select string_agg("
		    " concat_ws(' ', m.sender_id, m.text, m.platform, e.origin,"
		    " e.skip_origin, e.data::json->>'seq' = m.seq::text), ', '"
		    " order by m.seq) from messages m join events e"
		    " on e.message_id = m.id where m.conversation_id = c.id"
		    " and m.seq > $2::bigint) as kept"
		    " from conversations c where id = $1::uuid",
		    to, before);
		ANSWER("more", "2");
		ANSWER("kept", "ann a f t, cat e web c-1 t t");
	}
}

/* What item `row` of the last batch got: where, which number, from whom, what;
 * and that its answer is its event. */
static const char *
told(int row)
{
	char id[40], *answer = base_strdup(sql_text(s, row, "_answer"));

	(void)snprintf(id, sizeof(id), "%s", sql_text(s, row, "id"));
	QUERY(s,
	    "select concat_ws(' ', e.data = $2, c.last_seq - m.seq,"
	    " (select string_agg(o.user_id, '+' order by o.user_id)"
	    " from members o where o.conversation_id = c.id),"
	    " e.topic = 'conversation:' || c.id, m.sender_id, m.text,"
	    " m.platform, e.origin, e.skip_origin) as told from messages m"
	    " join conversations c on c.id = m.conversation_id"
	    " join events e on e.message_id = m.id where m.id = $1::uuid",
	    id, answer);
	base_free(answer);
	return (sql_text(s, 0, "told"));
}

/* Plain messages of members are judged together, others one by one: no
 * difference, in whichever order their conversations come. */
static void
test_judges_alike(void)
{
	static const char *const none[] = { NULL,
		"{null,null,null,null,null}" };
	static const char *const expected[] = {
		"t 2 ann+ben t ann a web f",
		"t 1 ann+cat t cat b ios c-1 t",
		"t 1 ann+ben t ben c f",
		"t 0 ann+cat t ann d f",
		"t 0 ann+ben t ann e f",
	};
	char list[300], one[40], two[40];

	(void)snprintf(one, sizeof(one), "%s", direct("ann", "ben"));
	(void)snprintf(two, sizeof(two), "%s", direct("ann", "cat"));
	(void)snprintf(
	    list, sizeof(list), "{%s,%s,%s,%s,%s}", one, two, one, two, one);
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		for (int row = 0; row < (int)ARRAY_LEN(expected); row++) {
			SQL(s, "messages.send", "{ann,cat,ben,ann,ann}",
			    "{user,user,user,user,user}", list, none[i],
			    "{a,b,c,d,e}", none[i], none[i],
			    "{web,ios,null,null,null}",
			    "{null,c-1,null,null,null}",
			    "{true,false,null,true,true}", none[i], none[i],
			    none[i], none[i], none[i], none[i]);
			CU_ASSERT_STRING_EQUAL(
			    sql_text(s, row, "_status"), "201");
			CU_ASSERT_STRING_EQUAL(told(row), expected[row]);
		}
	}
}

static void
test_refuses(void)
{
	char to[40];

	(void)snprintf(to, sizeof(to), "%s", direct("ann", "ben"));
	SEND(.from = "cat", .to = to, .text = "hi");
	ANSWER("_error", "not_found");
	SEND(.from = "back", .role = "{service}", .to = to, .text = "hi");
	ANSWER("_error", "forbidden");
	SEND(.from = "ann", .to = "no:such", .text = "hi");
	ANSWER("_error", "not_found");
	SEND(.from = "ann", .to = "00000000-0000-0000-0000-000000000000",
	    .text = "hi");
	ANSWER("_error", "not_found");
	SEND(.from = "ann", .to = to, .text = "");
	ANSWER("_error", "required");
	ANSWER("_field", "text");
	SEND(.from = "ann", .to = to, .text = "hi", .reply_to = PHOTO);
	ANSWER("_error", "unknown_message");
	ANSWER("_field", "reply_to");
	/* ID2 is in another conversation. */
	SEND(.from = "ann", .to = to, .text = "hi", .reply_to = ID2);
	ANSWER("_error", "unknown_message");
	SEND(.from = "ben", .to = to, .text = "hi", .reply_to = ID1);
	ANSWER("_status", "201");
	CU_ASSERT_STRING_EQUAL(member(0, "reply_to"), ID1);
}

/* One who joined later cannot quote what was before. */
static void
test_quotes_what_is_visible(void)
{
	char id[40], message[40];

	SQL(s, "conversations.create", "ann", "user", NULL, "group", NULL, "G",
	    "{}", NULL, "joined", NULL);
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	SEND(.from = "ann", .to = id, .text = "before");
	(void)snprintf(message, sizeof(message), "%s", sql_text(s, 0, "id"));
	SQL(s, "members.add", "ann", "user", NULL, id, "{ben}");
	SEND(.from = "ben", .to = id, .text = "re", .reply_to = message);
	ANSWER("_error", "unknown_message");
	SQL(s, "messages.get", "ben", "user", message);
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "messages.get", "ann", "user", message);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
}

static void
upload(const char *id, const char *owner, const char *type, bool thumbnail)
{
	char sha[65], small[65];

	memset(sha, 'a', 64);
	memset(small, 'b', 64);
	sha[64] = small[64] = '\0';
	SQL(s, "uploads.create", id, owner, "naïve.png", type, "1000", "20",
	    "10", sha, thumbnail ? small : NULL,
	    thumbnail ? "image/jpeg" : NULL, thumbnail ? "99" : NULL,
	    thumbnail ? "2" : NULL, thumbnail ? "1" : NULL,
	    thumbnail ? "L00000fQfQfQ" : NULL, "[]", "user", "0", "0", "0",
	    "0");
}

/* What becomes of a message of ann's that is said to be of this type. */
static void
typed(const char *to, const char *type, const char *files, const char *becomes)
{
	QUERY(s,
	    "select coalesce(r.message::json->>'type',"
	    " concat(r.error, ' ', r.field)) as type from"
	    " messages_send(array['ann'], array['user'], array[$1],"
	    " array[uuid_v7()], array['text'], array[null]::uuid[], array[$3],"
	    " array[null], array[null], array[null]::boolean[], array[$2]) r",
	    to, type, files);
	ANSWER("type", becomes);
}

static void
types_fit(const char *to)
{
	typed(to, "image", "[\"" PHOTO "\"]", "image");
	typed(to, "file", "[\"" PHOTO "\"]", "file");
	typed(to, "image", "[\"" PAPER "\",\"" PHOTO "\"]", "invalid type");
	typed(to, "image", NULL, "invalid type");
	typed(to, "file", NULL, "invalid type");
}

/* Those who see the message, its sender and who may all. */
static void
files_are_for(void)
{
	SQL(s, "files.get", "ben", "user", PHOTO, "thumbnail", "false");
	ANSWER("type", "image/jpeg");
	SQL(s, "files.get", "ben", "user", PAPER, "thumbnail", "false");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "uploads.get", "ben", "user", PAPER);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	SQL(s, "files.get", "cat", "user", PHOTO, "original", "false");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SQL(s, "files.get", "root", "admin", PHOTO, "original", "false");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	SQL(s, "files.get", "ann", "user", PHOTO, "original", "false");
	ANSWER("filename", "naïve.png");
}

static void
test_attachments(void)
{
	char to[40];
	char *data;

	(void)snprintf(to, sizeof(to), "%s", direct("ann", "ben"));
	upload(PHOTO, "ann", "image/png", true);
	ANSWER("thumbnail_url", "/v1/files/" PHOTO "/thumbnail");
	upload(PAPER, "ann", "application/pdf", false);
	CU_ASSERT_TRUE(sql_null(s, 0, "thumbnail_url"));
	SQL(s, "files.get", "ben", "user", PHOTO, "original", "false");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	SEND(.from = "ben", .to = to, .files = "[\\\"" PHOTO "\\\"]");
	ANSWER("_error", "unknown_upload");
	ANSWER("_field", "attachments[0]");
	SEND(.from = "ann", .to = to,
	    .files = "[\\\"" PHOTO "\\\",\\\"" PHOTO "\\\"]");
	ANSWER("_error", "duplicate");
	SEND(.from = "ann", .to = to, .files = "[1,2,3,4,5,6,7,8,9,10,11]");
	ANSWER("_error", "too_many");
	SEND(.from = "ann", .to = to, .files = "[]");
	ANSWER("_error", "required");
	SEND(.from = "ann", .to = to, .files = "[\\\"" PHOTO "\\\"]");
	ANSWER("_status", "201");
	CU_ASSERT_STRING_EQUAL(member(0, "type"), "image");
	data = newest_data();
	CU_ASSERT_PTR_NULL(strchr(data, '\n'));
	SQL(s, "messages.list", "ben", "user", to, NULL, NULL, "1");
	CU_ASSERT_TRUE(sql_shows(s, 0, data));
	QUERY(s, "select $1::json#>'{attachments,0}' as file", data);
	base_free(data);
	data = base_strdup(sql_text(s, 0, "file"));
	QUERY(s,
	    "select id, filename, type, size, width, height,"
	    " '/v1/files/' || id || '/original' as url,"
	    " '/v1/files/' || id || '/thumbnail' as thumbnail_url,"
	    " null as preview_url, blurhash"
	    " from uploads where id = $1::uuid",
	    PHOTO);
	CU_ASSERT_TRUE(sql_shows(s, 0, data));
	base_free(data);
	SEND(.from = "ann", .to = to, .text = "both",
	    .files = "[\\\"" PAPER "\\\",\\\"" PHOTO "\\\"]");
	CU_ASSERT_STRING_EQUAL(member(0, "type"), "file");
	/* A type that is given fits what it holds. */
	types_fit(to);
	files_are_for();
}

/* One page; what a way to read has no use for is not given. */
static void
list(const char *statement, const char *caller, const char *role,
    const char *id, const char *name, const char *seq, const char *limit)
{
	if (strcmp(statement, "messages.list_around") == 0)
		SQL(s, statement, caller, role, id, name, seq, limit, NULL,
		    NULL);
	else
		SQL(s, statement, caller, role, id, name, seq, limit);
}

/* Pages: before, after, around and the end of each. */
static void
test_pages(void)
{
	char to[40];
	static const struct {
		const char *statement, *seq, *limit, *seqs;
	} pages[] = {
		{ "messages.list", NULL, "3", "9,8,7,6" },
		{ "messages.list", "6", "3", "5,4,3,2" },
		{ "messages.list", "3", "3", "2,1" },
		{ "messages.list", "1", "3", "" },
		{ "messages.list_after", "0", "3", "1,2,3,4" },
		{ "messages.list_after", "7", "3", "8,9" },
		{ "messages.list_after", "9", "3", "" },
		{ "messages.list_around", "5", "4", "7,6,5,4" },
		{ "messages.list_around", "5", "3", "6,5,4" },
		{ "messages.list_around", "9", "4", "9,8" },
		{ "messages.list_around", "1", "100", "9,8,7,6,5,4,3,2,1" },
	};

	(void)snprintf(to, sizeof(to), "%s", direct("ben", "cat"));
	for (int i = 0; i < 9; i++)
		SEND(.from = "ben", .to = to, .text = "n");
	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		char seqs[100] = "";

		list(pages[i].statement, "cat", "user", to, NULL, pages[i].seq,
		    pages[i].limit);
		for (int row = 0; row < sql_rows(s); row++)
			(void)snprintf(seqs + strlen(seqs),
			    sizeof(seqs) - strlen(seqs), "%s%s",
			    row > 0 ? "," : "", sql_text(s, row, "seq"));
		CU_ASSERT_STRING_EQUAL(seqs, pages[i].seqs);
	}
}

/* The same around a message, and around a time. */
static void
test_pages_around(void)
{
	char to[40], id[40], at[40];

	SQL(s, "conversations.create", "back", "service", NULL, "channel", NULL,
	    "around", "{ann,ben}", "members", "joined", NULL);
	(void)snprintf(to, sizeof(to), "%s", sql_text(s, 0, "id"));
	for (int i = 0; i < 9; i++) {
		if (i == 3)
			SQL(s, "members.add", "back", "service", NULL, to,
			    "{cat}");
		SEND(.from = "ann", .to = to, .text = "n");
	}
	/* A message a day, the first of them on the first. */
	QUERY(s,
	    "update messages set created_at = timestamptz '2026-01-01 12:00Z'"
	    " + (seq - 1) * interval '1 day' where conversation_id = $1::uuid",
	    to);
	for (int seq = 1; seq <= 9; seq++) {
		(void)snprintf(at, sizeof(at), "2026-01-%02dT00:00:00Z", seq);
		SQL(s, "messages.list_around", "ben", "user", to, NULL, NULL,
		    "1", NULL, at);
		CU_ASSERT_EQUAL(sql_rows(s), 1);
		CU_ASSERT_EQUAL(sql_number(s, 0, "seq"), seq);
		(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
		SQL(s, "messages.list_around", "ben", "user", to, NULL, NULL,
		    "2", id, NULL);
		CU_ASSERT_EQUAL(sql_number(s, 0, "seq"), seq < 9 ? seq + 1 : 9);
		SQL(s, "messages.list_around", "cat", "user", to, NULL, NULL,
		    "1", id, NULL);
		CU_ASSERT_STRING_EQUAL(
		    sql_error(s), seq < 4 ? "unknown_message" : "");
		CU_ASSERT_EQUAL(sql_number(s, 0, "seq"), seq < 4 ? 0 : seq);
	}
	SQL(s, "messages.list_around", "ben", "user", to, NULL, NULL, "1", NULL,
	    "2027-01-01T00:00:00Z");
	CU_ASSERT_EQUAL(sql_number(s, 0, "seq"), 9);
	/* Who sees a part finds its beginning. */
	SQL(s, "messages.list_around", "cat", "user", to, NULL, NULL, "1", NULL,
	    "2020-01-01T00:00:00Z");
	CU_ASSERT_EQUAL(sql_number(s, 0, "seq"), 4);
	/* A message of another conversation is none of this. */
	SQL(s, "messages.list_around", "ann", "user", direct("ann", "ben"),
	    NULL, NULL, "1", id, NULL);
	CU_ASSERT_STRING_EQUAL(sql_error(s), "unknown_message");
	CU_ASSERT_STRING_EQUAL(sql_field(s), "around_id");
	SQL(s, "conversations.create", "ann", "user", NULL, "group", NULL,
	    "Empty", NULL, NULL, NULL, NULL);
	(void)snprintf(to, sizeof(to), "%s", sql_text(s, 0, "id"));
	SQL(s, "messages.list_around", "ann", "user", to, NULL, NULL, "1", NULL,
	    "2020-01-01T00:00:00Z");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
}

static const char *const lists[] = { "messages.list", "messages.list_after",
	"messages.list_around" };

/* Whatever the way to read: from where the caller may, and not at all where
 * they may not. */
static void
test_pages_are_closed(void)
{
	char to[40];

	SQL(s, "conversations.create", "back", "service", NULL, "channel", NULL,
	    "from-now", "{ann,ben}", "members", "joined", NULL);
	(void)snprintf(to, sizeof(to), "%s", sql_text(s, 0, "id"));
	SEND(.from = "ann", .to = to, .text = "before");
	SQL(s, "members.add", "back", "service", NULL, to, "{cat}");
	SEND(.from = "ann", .to = to, .text = "since");
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const char *seq = i == 0 ? "9" : "1";

		list(lists[i], "cat", "user", to, NULL, seq, "50");
		CU_ASSERT_EQUAL(sql_rows(s), 1);
		CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "text"), "since");
		list(lists[i], "back", "service", to, NULL, seq, "50");
		CU_ASSERT_EQUAL(sql_rows(s), i == 1 ? 1 : 2);
		list(lists[i], "root", "user", to, NULL, seq, "50");
		CU_ASSERT_STRING_EQUAL(sql_error(s), "not_found");
		list(lists[i], "ann", "user", ID1, NULL, seq, "50");
		CU_ASSERT_STRING_EQUAL(sql_error(s), "not_found");
		list(lists[i], "back", "service", NULL, "no:such", seq, "50");
		CU_ASSERT_STRING_EQUAL(sql_error(s), "not_found");
		list(lists[i], "ann", "user", NULL, "public", seq, "50");
		CU_ASSERT_TRUE(sql_rows(s) >= 0);
	}
}

/* A page costs the same wherever it begins and however much there is: both of
 * its ends are bounds of the walk, and nothing is sorted. */
static void
test_pages_walk_the_index(void)
{
	static const char *const plans[] = {
		"explain execute \"messages.list\" ('ann', 'user', '" ID1
		"', null, 5, 50)",
		"explain execute \"messages.list_after\" ('ann', 'user', '" ID1
		"', null, 5, 50)",
	};

	RUN(s, "analyze messages");
	for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
		char plan[8192] = "";
		const char *walk;

		list(lists[i], "back", "service", NULL, "public", "5", "50");
		RUN(s, plans[i]);
		for (int row = 0; row < sql_rows(s); row++)
			(void)snprintf(plan + strlen(plan),
			    sizeof(plan) - strlen(plan), "%s\n",
			    sql_text(s, row, "QUERY PLAN"));
		walk = strstr(plan,
		    i == 0 ? "Index Scan Backward using messages_seq" :
			     "Index Scan using messages_seq");
		CU_ASSERT_PTR_NOT_NULL(walk);
		CU_ASSERT_PTR_NULL(strstr(plan, "Sort"));
		if (walk == NULL)
			continue;
		walk = strstr(walk, "Index Cond: ");
		CU_ASSERT_PTR_NOT_NULL(strstr(walk, "(conversation_id = "));
		CU_ASSERT_PTR_NOT_NULL(
		    strstr(walk, i == 0 ? "(seq < " : "(seq > "));
		CU_ASSERT_PTR_NOT_NULL(
		    strstr(walk, "ROW(conversation_id, seq) >= "));
		CU_ASSERT_PTR_NULL(strstr(walk, "Filter"));
	}
}

static void
setup(void)
{
	SQL(s, "users.put_many",
	    "[{\"id\": \"ann\", \"name\": \"Ann \\\"A\\\"\"},"
	    " {\"id\": \"ben\", \"name\": \"Ben\"}, {\"id\": \"cat\"},"
	    " {\"id\": \"back\"}, {\"id\": \"root\"}]");
}

static const struct test_case cases[] = {
	{ "says the same everywhere", test_same_everywhere },
	{ "answers a repeat with the first", test_repeats },
	{ "answers it also to who is gone", test_repeats_of_who_is_gone },
	{ "numbers those that are not refused", test_numbers },
	{ "judges plain messages like others", test_judges_alike },
	{ "refuses one and writes the others", test_refuses },
	{ "quotes what is visible only", test_quotes_what_is_visible },
	{ "attaches files and lets members read them", test_attachments },
	{ "pages through history", test_pages },
	{ "pages around a message, and a time", test_pages_around },
	{ "shows no page of what is closed", test_pages_are_closed },
	{ "walks an index for a page", test_pages_walk_the_index },
};

SQL_MAIN("sql_messages", setup)
