/* SPDX-License-Identifier: ISC */
/* Groups: who may do what in them, what they are, and how each keeps them. */

#include <stdlib.h>

#include "base/attr.h"
#include "base/buf.h"
#include "tests/db/sql_fixture.h"

static void
read_file(struct base_buf *out, const char *name)
{
	const char *top = getenv("PARLEY_SOURCE");
	char path[512], piece[4096];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", top != NULL ? top : ".", name);
	file = fopen(path, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		base_buf_append(out, piece, n);
	fclose(file);
}

/* What is written down is what the table says. */
static void
test_rights_documented(void)
{
	struct base_buf text = { 0 };

	read_file(&text, "docs/clients.md");
	RUN(s,
	    "select concat('| `', action, '` | ', concat_ws(' | ', pg_temp.w(owner),"
	    " pg_temp.w(admin), pg_temp.w(member), pg_temp.w(direct), pg_temp.w(back_end)), ' |') as line"
	    " from role_rights");
	CU_ASSERT_TRUE(sql_rows(s) > 10);
	for (int row = 0; row < sql_rows(s); row++)
		CU_ASSERT_PTR_NOT_NULL(
		    strstr(base_buf_str(&text), sql_text(s, row, "line")));
	base_buf_fini(&text);
}

static bool
may(const char *action, const char *mine, const char *role, const char *type)
{
	QUERY(s,
	    "select role_may($1, $2::member_role, $3, $4::conversation_type)"
	    " as may",
	    action, mine, role, type);
	return (sql_text(s, 0, "may")[0] == 't');
}

static void
test_rights(void)
{
	CU_ASSERT_TRUE(may("publish", "owner", "user", "group"));
	CU_ASSERT_FALSE(may("publish", "admin", "user", "group"));
	CU_ASSERT_TRUE(may("rename", "admin", "user", "channel"));
	CU_ASSERT_FALSE(may("rename", "member", "user", "group"));
	CU_ASSERT_FALSE(may("rename", NULL, "user", "group"));
	CU_ASSERT_TRUE(may("rename", NULL, "service", "group"));
	CU_ASSERT_TRUE(may("rename", "member", "admin", "group"));
	CU_ASSERT_TRUE(may("pin", "member", "user", "direct"));
	CU_ASSERT_FALSE(may("delete_message", "member", "user", "direct"));
	sql_may_fail(s);
	RUN(s, "select role_may('no such thing', 'owner', 'user')");
	CU_ASSERT_EQUAL(sql_rows(s), -1);
	RUN(s, "select role_require('publish', 'admin', 'user')");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "forbidden");
}

static void
create(const char *name, const char *members, const char *visibility)
{
	SQL(s, "conversations.create", "ann", "user", NULL, "group", NULL, name,
	    members, NULL, NULL, NULL, NULL, NULL, NULL, visibility);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
}

/* The group that a test is about, of ann, ben and cat; ben is its admin. */
static char id[40];

static void
new_group(void)
{
	create("Kitchen", "{ben,cat}", NULL);
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	QUERY(s,
	    "update members set role = 'admin'"
	    " where conversation_id = $1::uuid and user_id = 'ben'",
	    id);
}

static void
say(const char *user, const char *text)
{
	char users[40], rooms[60];

	(void)snprintf(users, sizeof(users), "{%s}", user);
	(void)snprintf(rooms, sizeof(rooms), "{%s}", id);
	SQL(s, "messages.send", users, "{user}", rooms, "{null}", text,
	    "{null}", "{null}", "{null}", "{null}", "{null}");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "_status"), "201");
}

/* Topic, type and data of what happened since the last call of this. */
static void
news(void)
{
	static char last[30] = "0";

	QUERY(s,
	    "select id, topic, type, data, data::json->'system'->>'kind' as"
	    " kind, message_id from events where id > $1::bigint order by id",
	    last);
	if (sql_rows(s) > 0)
		(void)snprintf(last, sizeof(last), "%s",
		    sql_text(s, sql_rows(s) - 1, "id"));
}

/* What the newest answer says there, by a path such as {settings,muted}. */
static const char *
at(const char *json, const char *path)
{
	QUERY(s, "select $1::json #>> $2::text[] as value", json, path);
	return (sql_text(s, 0, "value"));
}

static void
get(const char *user, const char *path, const char *value)
{
	SQL(s, "conversations.get", user, "user", id, NULL);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_STRING_EQUAL(at(sql_text(s, 0, "_answer"), path), value);
}

#define REFUSED(code, field)                                   \
	do {                                                   \
		CU_ASSERT_STRING_EQUAL(sql_error(s), (code));  \
		CU_ASSERT_STRING_EQUAL(sql_field(s), (field)); \
	} while (0)

static void
update(const char *user, const char *given, const char *name,
    const char *description, const char *image, const char *category,
    const char *visibility)
{
	SQL(s, "conversations.update", user, "user", "o-1", id, given, name,
	    description, image, category, visibility);
}

/* Who may, changes it; all hear of it, once, and the history tells. */
static void
test_updates(void)
{
	new_group();
	news();
	update("cat", "{name}", "Mine", NULL, NULL, NULL, NULL);
	REFUSED("forbidden", "");
	update("dan", "{name}", "Mine", NULL, NULL, NULL, NULL);
	REFUSED("not_found", "");
	update("ben", "{visibility}", NULL, NULL, NULL, NULL, "public");
	REFUSED("forbidden", "");
	update("ben", "{name,description,category}", "Bakery", "All of bread",
	    NULL, "recipes", NULL);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "name"), "Bakery");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "visibility"), "private");
	news();
	CU_ASSERT_EQUAL(sql_rows(s), 3);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "type"), "conversation.updated");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "kind"), "renamed");
	CU_ASSERT_FALSE(sql_null(s, 1, "message_id"));
	CU_ASSERT_STRING_EQUAL(sql_text(s, 2, "kind"), "described");
	CU_ASSERT_STRING_EQUAL(
	    at(sql_text(s, 0, "data"), "{category}"), "recipes");
	get("cat", "{unread}", "0");
	get("cat", "{last_seq}", "2");

	update("ben", "{name,category}", "Bakery", NULL, NULL, "recipes", NULL);
	CU_ASSERT_TRUE(sql_null(s, 0, "_event"));
	update("ben", "{description}", NULL, NULL, NULL, NULL, NULL);
	CU_ASSERT_TRUE(sql_null(s, 0, "description"));
	SQL(s, "conversations.update", "back", "service", NULL, "public",
	    "{visibility}", NULL, NULL, NULL, NULL, "private");
	REFUSED("invalid", "visibility");
}

/* A group may go without a name, as long as nobody is to find it. */
static void
test_no_names(void)
{
	create(NULL, "{ben,cat}", NULL);
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	get("cat", "{name}", "");
	get("cat", "{member_count}", "3");
	update("ann", "{visibility}", NULL, NULL, NULL, NULL, "public");
	REFUSED("required", "name");
	news();
	update("ann", "{name}", "Pals", NULL, NULL, NULL, NULL);
	news();
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "kind"), "renamed");
	SQL(s, "conversations.create", "ann", "user", NULL, "group", NULL, NULL,
	    NULL, NULL, NULL, NULL, NULL, NULL, NULL, "public");
	REFUSED("required", "name");
	SQL(s, "conversations.create", "back", "service", NULL, "channel");
	REFUSED("required", "name");
}

/* Of the caller's own, those of a category. */
static void
test_lists_category(void)
{
	new_group();
	update("ann", "{category}", NULL, NULL, NULL, "tips", NULL);
	SQL(s, "conversations.list", "ben", NULL, "10", NULL, NULL, NULL, NULL,
	    "tips");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_STRING_EQUAL(at(sql_text(s, 0, "_answer"), "{id}"), id);
	SQL(s, "conversations.list", "dan", NULL, "10", NULL, NULL, NULL, NULL,
	    "tips");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
}

static void
test_channel_names(void)
{
	SQL(s, "conversations.create", "back", "service", NULL, "channel", NULL,
	    "one");
	SQL(s, "conversations.create", "back", "service", NULL, "channel", NULL,
	    "two");
	SQL(s, "conversations.update", "back", "service", NULL, "one", "{name}",
	    "two");
	REFUSED("name_taken", "name");
	SQL(s, "conversations.update", "back", "service", NULL, "one", "{name}",
	    "two words");
	REFUSED("invalid", "name");
	SQL(s, "conversations.update", "back", "service", NULL, "one", "{name}",
	    "three");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "name"), "three");
}

#define PICTURE "00000000-0000-7000-8000-0000000000f1"
#define TEXT "00000000-0000-7000-8000-0000000000f2"

static bool
sees_file(const char *user)
{
	SQL(s, "uploads.get", user, "user", PICTURE);
	return (sql_rows(s) == 1);
}

/* A picture of the caller's, seen by who may see the conversation. */
static void
test_images(void)
{
	new_group();
	RUN(s,
	    "insert into uploads (id, owner_id, filename, type, size, sha256,"
	    " thumbnail_sha256, thumbnail_type, thumbnail_size) values"
	    " ('" PICTURE "', 'ben', 'a.jpg', 'image/jpeg', 1,"
	    " repeat('a', 64), repeat('b', 64), 'image/jpeg', 1),"
	    " ('" TEXT "', 'ben', 'a.txt', 'text/plain', 1, repeat('c', 64),"
	    " null, null, null)");
	update("ann", "{image}", NULL, NULL, PICTURE, NULL, NULL);
	REFUSED("unknown_upload", "image");
	update("ben", "{image}", NULL, NULL, TEXT, NULL, NULL);
	REFUSED("unknown_upload", "image");
	CU_ASSERT_FALSE(sees_file("cat"));
	update("ben", "{image}", NULL, NULL, PICTURE, NULL, NULL);
	get("cat", "{image,thumbnail_url}", "/v1/files/" PICTURE "/thumbnail");
	CU_ASSERT_TRUE(sees_file("cat"));
	CU_ASSERT_FALSE(sees_file("dan"));
	update("ann", "{visibility}", NULL, NULL, NULL, NULL, "public");
	CU_ASSERT_TRUE(sees_file("dan"));
	update("ann", "{image}", NULL, NULL, NULL, NULL, NULL);
	CU_ASSERT_FALSE(sees_file("cat"));
	get("cat", "{image}", "");
}

/* A public one is seen from outside and joined, but not read. */
static void
test_joins(void)
{
	new_group();
	say("cat", "{inside}");
	SQL(s, "members.add", "dan", "user", NULL, id, "{dan}");
	REFUSED("not_found", "");
	update("ann", "{visibility}", NULL, NULL, NULL, NULL, "public");
	get("dan", "{role}", "");
	get("dan", "{last_message}", "");
	get("dan", "{members}", "[]");
	get("dan", "{member_count}", "3");
	/* That it is there is no secret: it says why not. */
	SQL(s, "messages.list", "dan", "user", id, NULL, NULL, "50");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "forbidden");
	SQL(s, "members.add", "dan", "user", NULL, id, "{eve}");
	REFUSED("forbidden", "");
	news();
	SQL(s, "members.add", "dan", "user", NULL, id, "{dan}");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "added"), "[\"dan\"]");
	news();
	CU_ASSERT_STRING_EQUAL(sql_text(s, 2, "kind"), "joined");
	get("dan", "{role}", "member");
	SQL(s, "members.remove", "dan", "user", NULL, id, "dan");
	news();
	CU_ASSERT_STRING_EQUAL(sql_text(s, 2, "kind"), "left");
}

/* What is found by these words, joined by commas. */
static const char *
found(const char *search, const char *category, const char *before,
    const char *limit)
{
	static char names[500];

	SQL(s, "conversations.discover", "dan", search, category, before,
	    limit);
	names[0] = '\0';
	for (int row = 0; row < sql_rows(s); row++)
		(void)snprintf(names + strlen(names),
		    sizeof(names) - strlen(names), "%s%s", row > 0 ? "," : "",
		    sql_text(s, row, "name"));
	return (names);
}

static void
test_discovers(void)
{
	RUN(s, "delete from discovery");
	create("Sourdough Recipes", "{ben,cat}", "public");
	create("Recipes of secret", "{ben}", NULL);
	create("Vegan cooking", "{ben}", "public");
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	update("ann", "{category}", NULL, NULL, NULL, "recipes", NULL);
	create("Weather", "{dan,ben,cat}", "public");
	CU_ASSERT_STRING_EQUAL(found(NULL, NULL, NULL, "10"),
	    "Weather,Sourdough Recipes,Vegan cooking");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "member"), "true");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "member"), "false");
	CU_ASSERT_STRING_EQUAL(
	    found("sourdugh recpies", NULL, NULL, "10"), "Sourdough Recipes");
	CU_ASSERT_STRING_EQUAL(found("wether", NULL, NULL, "10"), "Weather");
	CU_ASSERT_STRING_EQUAL(found("xyzzy", NULL, NULL, "10"), "");
	CU_ASSERT_STRING_EQUAL(
	    found(NULL, "recipes", NULL, "10"), "Vegan cooking");
	CU_ASSERT_STRING_EQUAL(found("weather", "recipes", NULL, "10"), "");
	/* One more than asked for says that there is a next page. */
	CU_ASSERT_STRING_EQUAL(
	    found(NULL, NULL, NULL, "1"), "Weather,Sourdough Recipes");
	CU_ASSERT_STRING_EQUAL(
	    found(NULL, NULL, sql_text(s, 0, "_cursor"), "1"),
	    "Sourdough Recipes,Vegan cooking");
	(void)found(NULL, NULL, "nonsense", "1");
	REFUSED("invalid_cursor", "before");
	update("ann", "{visibility,description}", NULL, "All of plants", NULL,
	    NULL, NULL);
	CU_ASSERT_STRING_EQUAL(
	    found("plants", NULL, NULL, "1"), "Vegan cooking");
	update("ann", "{visibility}", NULL, NULL, NULL, NULL, "private");
	CU_ASSERT_STRING_EQUAL(found("plants", NULL, NULL, "1"), "");
}

/* Settings of cat: the names given, then those of the statement. */
static void
keep(const char *given, const char *muted, const char *until,
    const char *nickname, const char *hidden)
{
	SQL(s, "conversations.settings", "cat", "user", "o-1", id, given, muted,
	    until, NULL, NULL, nickname, NULL, hidden);
}

static void
test_mutes(void)
{
	new_group();
	news();
	keep("{muted}", "true", NULL, NULL, NULL);
	get("cat", "{settings,muted}", "true");
	get("cat", "{settings,muted_until}", "");
	news();
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic"), "user:cat");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "type"), "settings.updated");
	CU_ASSERT_STRING_EQUAL(
	    at(sql_text(s, 0, "data"), "{settings,muted}"), "true");
	keep("{muted}", "true", NULL, NULL, NULL);
	CU_ASSERT_TRUE(sql_null(s, 0, "_event"));
	keep("{muted_until}", NULL, "2001-01-01T00:00:00Z", NULL, NULL);
	REFUSED("invalid", "muted_until");
	keep("{muted_until}", NULL, "2999-01-01T00:00:00Z", NULL, NULL);
	get("cat", "{settings,muted_until}", "2999-01-01T00:00:00.000000Z");
	get("ben", "{settings,muted}", "false");

	/* When its time has come it ends, and cat hears of it. */
	RUN(s,
	    "update members set muted_until = now() - interval '1 s'"
	    " where muted_until < 'infinity'");
	RUN(s,
	    "update mute_ends set at = (select muted_until from members"
	    " where muted_until < 'infinity')");
	get("cat", "{settings,muted}", "false");
	get("cat", "{settings,muted_until}", "");
	news();
	SQL(s, "schedule.run", "50");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "mutes"), "t");
	SQL0(s, "mutes.end");
	CU_ASSERT_EQUAL(sql_number(s, 0, "ended"), 1);
	SQL(s, "schedule.run", "50");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "mutes"), "f");
	news();
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_STRING_EQUAL(
	    at(sql_text(s, 0, "data"), "{settings,muted}"), "false");
	get("cat", "{settings,muted}", "false");
	keep("{muted}", "true", NULL, NULL, NULL);
	keep("{muted}", "false", NULL, NULL, NULL);
	get("cat", "{settings,muted}", "false");
	SQL(s, "conversations.settings", "back", "service", NULL, id, "{muted}",
	    "true");
	REFUSED("not_a_member", "");
}

/* How many of cat's are listed so. */
static int
listed(const char *archived, const char *favourite, const char *hidden)
{
	SQL(s, "conversations.list", "cat", NULL, "50", "group", archived,
	    favourite, hidden);
	return (sql_rows(s));
}

static void
test_hides(void)
{
	int all;

	new_group();
	all = listed(NULL, NULL, "false");
	say("ann", "{one}");
	keep("{hidden}", NULL, NULL, NULL, "true");
	CU_ASSERT_STRING_EQUAL(
	    at(sql_text(s, 0, "_answer"), "{settings,hidden}"), "true");
	CU_ASSERT_EQUAL(listed(NULL, NULL, "false"), all - 1);
	CU_ASSERT_EQUAL(listed(NULL, NULL, "true"), 1);
	say("ann", "{two}");
	CU_ASSERT_EQUAL(listed(NULL, NULL, "false"), all);
	get("cat", "{settings,hidden}", "false");

	SQL(s, "conversations.settings", "cat", "user", NULL, id,
	    "{archived,favourite,level}", NULL, NULL, "true", "true", NULL,
	    "mentions");
	say("ann", "{three}");
	CU_ASSERT_EQUAL(listed("true", NULL, NULL), 1);
	CU_ASSERT_EQUAL(listed("false", NULL, NULL), all - 1);
	CU_ASSERT_EQUAL(listed(NULL, "true", NULL), 1);
	get("cat", "{settings,level}", "mentions");
}

/* Others see what a member is called. */
static void
test_nicknames(void)
{
	new_group();
	news();
	keep("{nickname}", NULL, NULL, "Kitty", NULL);
	news();
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "type"), "member.updated");
	CU_ASSERT_STRING_EQUAL(
	    at(sql_text(s, 1, "data"), "{member,nickname}"), "Kitty");
	get("ann", "{members,2,nickname}", "Kitty");
	SQL(s, "members.list", "ann", "user", id, NULL, NULL, "50");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 2, "nickname"), "Kitty");
	keep("{nickname}", NULL, NULL, NULL, NULL);
	get("ann", "{members,2,nickname}", "");
}

static void
test_clears(void)
{
	new_group();
	say("ann", "{one}");
	say("ann", "{two}");
	news();
	SQL(s, "conversations.clear", "cat", "user", NULL, id);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "visible_from"), "3");
	news();
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic"), "user:cat");
	SQL(s, "conversations.clear", "cat", "user", NULL, id);
	CU_ASSERT_TRUE(sql_null(s, 0, "_event"));
	get("cat", "{unread}", "0");
	get("cat", "{last_message}", "");
	get("cat", "{visible_from}", "3");
	get("ben", "{unread}", "2");
	SQL(s, "messages.list", "cat", "user", id, NULL, NULL, "50");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	say("ann", "{three}");
	SQL(s, "messages.list", "cat", "user", id, NULL, NULL, "50");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	get("cat", "{unread}", "1");
	SQL(s, "conversations.clear", "dan", "user", NULL, id);
	REFUSED("not_found", "");
}

static int64_t
number(const char *query)
{
	QUERY(s, query, id);
	return (sql_number(s, 0, "n"));
}

/* It is gone for all: from lists, from the log, and by and by from the tables;
 * who was in it hears of it, last. */
static void
test_deletes(void)
{
	new_group();
	SQL(s, "members.add", "ann", "user", NULL, id, "{dan}");
	say("cat", "{a whisper}");
	SQL(s, "members.add", "ann", "user", NULL, id, "{eve}");
	SQL(s, "conversations.delete", "ben", "user", NULL, id);
	REFUSED("forbidden", "");
	news();
	SQL(s, "conversations.delete", "ann", "user", "o-1", id);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "conversation_id"), id);
	news();
	CU_ASSERT_EQUAL(sql_rows(s), 6);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic"), "user:ann");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 4, "topic"), "user:eve");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 5, "topic") + 13, id);
	CU_ASSERT_EQUAL(
	    number("select count(*) as n from events where effect = -1 and"
		   " effect_topic = 'conversation:' || $1"),
	    5);
	CU_ASSERT_EQUAL(number("select count(*) as n from events"
			       " where data like '%whisper%' and $1 <> ''"),
	    0);
	CU_ASSERT_EQUAL(
	    number("select count(*) as n from events where effect = 1 and"
		   " effect_topic = 'conversation:' || $1"),
	    5);
	CU_ASSERT_EQUAL(number("select count(*) as n from events"
			       " where topic = 'conversation:' || $1"),
	    1);
	CU_ASSERT_EQUAL(
	    number("select cardinality(rewritten) as n from events where"
		   " data like '%' || $1 || '%' and rewritten is not null"
		   " order by id desc limit 1") > 8,
	    true);

	SQL(s, "conversations.get", "ann", "user", id, NULL);
	REFUSED("not_found", "");
	SQL(s, "conversations.get", "back", "service", id, NULL);
	REFUSED("not_found", "");
	SQL(s, "conversations.delete", "ann", "user", NULL, id);
	REFUSED("not_found", "");
	SQL(s, "conversations.list", "ann", NULL, "100");
	for (int row = 0; row < sql_rows(s); row++)
		CU_ASSERT_STRING_NOT_EQUAL(sql_text(s, row, "id"), id);
	SQL(s, "notifications.follow", "100000", NULL, "0");
	do
		SQL(s, "tidy.run", "7");
	while (sql_text(s, 0, "more")[0] == 't');
	CU_ASSERT_EQUAL(
	    number("select (select count(*) from messages m"
		   " where m.conversation_id = $1::uuid) + (select count(*)"
		   " from members m where m.conversation_id = $1::uuid) as n"),
	    0);
}

/* A channel's name and a pair of users are free again. */
static void
test_deletes_names(void)
{
	SQL(s, "conversations.create", "back", "service", NULL, "channel", NULL,
	    "gone", "{ann,cat}", "open");
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	say("ann", "{one}");
	SQL(s, "conversations.delete", "back", "service", NULL, "gone");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	SQL(s, "conversations.create", "back", "service", NULL, "channel", NULL,
	    "gone");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	SQL(s, "conversations.create", "ann", "user", NULL, "direct", "ben");
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	SQL(s, "conversations.delete", "ann", "user", NULL, id);
	REFUSED("forbidden", "");
	SQL(s, "conversations.delete", "back", "service", NULL, id);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	SQL(s, "conversations.create", "ann", "user", NULL, "direct", "ben");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "_status"), "201");
}

static void
setup(void)
{
	SQL(s, "users.see", "{ann,ben,cat,dan,eve,back}",
	    "{Ann,Ben,Cat,Dan,Eve,NULL}", "{NULL,NULL,NULL,NULL,NULL,NULL}",
	    "{NULL,NULL,NULL,NULL,NULL,NULL}");
	RUN(s,
	    "create function pg_temp.w(boolean) returns text language sql"
	    " as $$ select case when $1 then 'yes' else '–' end $$");
}

static const struct test_case cases[] = {
	{ "who may what is one table", test_rights },
	{ "the documentation shows that table", test_rights_documented },
	{ "is called and described by who may", test_updates },
	{ "a group may go without a name", test_no_names },
	{ "one's own are listed by category", test_lists_category },
	{ "channels keep their names apart", test_channel_names },
	{ "shows a picture to who may see it", test_images },
	{ "is joined by anybody when it is public", test_joins },
	{ "is found by words, category and size", test_discovers },
	{ "is muted for good or for a time", test_mutes },
	{ "is hidden until the next message", test_hides },
	{ "members are called as they like", test_nicknames },
	{ "is cleared for one", test_clears },
	{ "is deleted for all", test_deletes },
	{ "deleted leaves its name", test_deletes_names },
};

SQL_MAIN("sql_groups", setup)
