/* SPDX-License-Identifier: ISC */
/* Conversations and their members: who may do what, and who is told. */

#include "base/attr.h"
#include "base/mem.h"
#include "tests/db/sql_fixture.h"

#define REFUSED(code, field)                                   \
	do {                                                   \
		CU_ASSERT_STRING_EQUAL(sql_error(s), (code));  \
		CU_ASSERT_STRING_EQUAL(sql_field(s), (field)); \
	} while (0)

static void
create(const char *caller, const char *role, const char *type, const char *user,
    const char *name, const char *members)
{
	SQL(s, "conversations.create", caller, role, "p1-1-origin", type, user,
	    name, members, NULL, NULL, NULL);
}

/* The new group's id; good until the next call of this. */
static const char *
group(const char *owner, const char *members)
{
	static char id[40];

	create(owner, "user", "group", NULL, "Group", members);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	return (id);
}

/* The last result becomes the n-th newest event, what the service says in the
 * history left out. */
static void
newest(const char *back)
{
	QUERY(s,
	    "select * from events where type <> 'message.created'"
	    " or data::json->>'type' <> 'system'"
	    " order by id desc limit 1 offset $1::integer",
	    back);
}

static void
send(const char *sender, const char *conversation, const char *text)
{
	char senders[40], conversations[60];

	(void)snprintf(senders, sizeof(senders), "{%s}", sender);
	(void)snprintf(
	    conversations, sizeof(conversations), "{%s}", conversation);
	SQL(s, "messages.send", senders, "{user}", conversations, "{null}",
	    text, "{null}", "{null}", "{null}", "{null}", "{null}", NULL, NULL,
	    NULL, NULL, NULL, NULL);
}

static void
test_direct(void)
{
	char id[40], data[3000];

	create("ann", "user", "direct", "ben", NULL, NULL);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "_status"), "201");
	CU_ASSERT_EQUAL(sql_number(s, 0, "member_count"), 2);
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	newest("1");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic"), "user:ann");
	newest("0");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic"), "user:ben");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "type"), "conversation.created");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "effect"), "1");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "effect_topic") + 13, id);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "origin"), "p1-1-origin");
	(void)snprintf(data, sizeof(data), "%s", sql_text(s, 0, "data"));
	SQL(s, "conversations.get", "ben", "user", id, NULL);
	CU_ASSERT_TRUE(sql_shows(s, 0, data));

	create("ben", "user", "direct", "ann", NULL, NULL);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "_status"), "200");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "id"), id);
	newest("0");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic"), "user:ben");

	create("ann", "user", "direct", "ann", NULL, NULL);
	REFUSED("invalid", "user_id");
	create("ann", "user", "direct", NULL, NULL, NULL);
	REFUSED("required", "user_id");
	create("ann", "user", "direct", "ben", "No name", NULL);
	REFUSED("invalid", "name");
	create("ann", "user", "direct", "ben", NULL, "{cat}");
	REFUSED("invalid", "member_ids");
	create("ann", "user", "direct", "nobody", NULL, NULL);
	REFUSED("unknown_user", "user_id");
	SQL(s, "members.add", "ann", "user", NULL, id, "{cat}");
	REFUSED("direct_conversation", "");
	SQL(s, "members.remove", "ann", "user", NULL, id, "ann");
	REFUSED("direct_conversation", "");
	SQL(s, "conversations.get", "cat", "user", id, NULL);
	REFUSED("not_found", "");
}

static void
test_group(void)
{
	const char *id;

	create("ann", "user", "group", NULL, "G", "{ben,nobody}");
	REFUSED("unknown_user", "member_ids[1]");
	create("ann", "user", "group", "ben", "G", NULL);
	REFUSED("invalid", "user_id");
	create("back", "service", "channel", NULL, NULL, "{ben}");
	REFUSED("required", "name");
	create("back", "service", "group", NULL, "G", "{ben,stub}");
	CU_ASSERT_EQUAL(sql_number(s, 0, "member_count"), 2);
	CU_ASSERT_TRUE(sql_null(s, 0, "role"));
	SQL(s, "users.get", "stub");
	CU_ASSERT_TRUE(sql_null(s, 0, "name"));

	id = group("ann", "{ben,ann,cat}");
	CU_ASSERT_EQUAL(sql_number(s, 0, "member_count"), 3);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "role"), "owner");
	SQL(s, "members.list", "ben", "user", id, NULL, NULL, "2");
	CU_ASSERT_EQUAL(sql_rows(s), 3);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "id"), "ann");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "id"), "ben");
	SQL(s, "members.list", "ben", "user", id, NULL,
	    sql_text(s, 1, "_cursor"), "2");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "id"), "cat");
	SQL(s, "members.list", "ben", "user", id, NULL, "rubbish", "2");
	REFUSED("invalid_cursor", "after");
	SQL(s, "members.list", "dan", "user", id, NULL, NULL, "2");
	REFUSED("not_found", "");
	SQL(s, "members.list", "back", "service", id, NULL, NULL, "2");
	CU_ASSERT_EQUAL(sql_rows(s), 3);
}

static void
test_channel(void)
{
	create("ann", "user", "channel", NULL, "news", NULL);
	REFUSED("forbidden", "");
	create("back", "service", "channel", NULL, "news", "{ben}");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "access"), "members");
	create("back", "service", "channel", NULL, "news", NULL);
	REFUSED("name_taken", "name");
	create("back", "service", "channel", NULL, "two words", NULL);
	REFUSED("invalid", "name");
	create("back", "service", "channel", NULL,
	    "01234567-89ab-cdef-0123-456789abcdef", NULL);
	REFUSED("invalid", "name");
	SQL(s, "conversations.get", "ben", "user", NULL, "news");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	SQL(s, "conversations.get", "ann", "user", NULL, "news");
	REFUSED("not_found", "");
	SQL(s, "conversations.get", "ann", "user", NULL, "no:such");
	REFUSED("not_found", "");

	/* An open one is read and written by all who are signed in. */
	SQL(s, "conversations.get", "ann", "user", NULL, "public");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_TRUE(sql_null(s, 0, "role"));
	send("ann", "public", "{hello}");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "_status"), "201");
	send("ann", "news", "{hello}");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "_error"), "not_found");
	SQL(s, "members.add", "ann", "user", NULL, "public", "{ben}");
	REFUSED("forbidden", "");
	SQL(s, "members.add", "ann", "user", NULL, "public", "{ann}");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "added"), "[\"ann\"]");
	SQL(s, "conversations.readable", "dan", "user",
	    "{news,public,no:such,x-x}");
	CU_ASSERT_EQUAL(sql_rows(s), 4);
	CU_ASSERT_TRUE(sql_null(s, 0, "id"));
	CU_ASSERT_FALSE(sql_null(s, 1, "id"));
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "member"), "f");
	CU_ASSERT_TRUE(sql_null(s, 2, "id"));
}

static void
set_access(
    const char *caller, const char *role, const char *id, const char *access)
{
	SQL(s, "conversations.update", caller, role, NULL, id, "{access}", NULL,
	    NULL, NULL, NULL, NULL, NULL, access);
}

/* Whoever follows an open channel without being in it goes when it is open no
 * longer: the log says so once. */
static void
test_access(void)
{
	static const char ended[] =
	    "select count(*) as n, min(effect) as effect, bool_and(topic"
	    " = effect_topic) as own from events"
	    " where type = 'subscription.ended'";
	char id[40];

	create("back", "service", "channel", NULL, "fair", "{ben}");
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	set_access("ben", "user", id, "open");
	REFUSED("forbidden", "");
	set_access("back", "service", id, "open");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "access"), "open");
	SQL(s, "conversations.get", "dan", "user", id, NULL);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	RUN(s, ended);
	CU_ASSERT_EQUAL(sql_number(s, 0, "n"), 0);
	set_access("back", "service", id, "members");
	RUN(s, ended);
	CU_ASSERT_EQUAL(sql_number(s, 0, "n"), 1);
	CU_ASSERT_EQUAL(sql_number(s, 0, "effect"), -1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "own"), "t");
	SQL(s, "conversations.get", "dan", "user", id, NULL);
	REFUSED("not_found", "");
	SQL(s, "conversations.discover", "dan", "fair", NULL, NULL, "10");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	set_access("back", "service", id, "members");
	CU_ASSERT_TRUE(sql_null(s, 0, "_event"));
	set_access("ann", "user", group("ann", "{ben}"), "open");
	REFUSED("invalid", "access");
}

static void
test_members(void)
{
	const char *id = group("ann", "{ben,cat}");

	SQL(s, "members.add", "ben", "user", NULL, id, "{dan}");
	REFUSED("forbidden", "");
	SQL(s, "members.add", "dan", "user", NULL, id, "{dan}");
	REFUSED("not_found", "");
	SQL(s, "members.add", "ann", "user", NULL, id, "{dan,who}");
	REFUSED("unknown_user", "user_ids[1]");
	SQL(s, "members.add", "ann", "user", "o-1", id, "{ben,dan}");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "added"), "[\"dan\"]");
	CU_ASSERT_EQUAL(sql_number(s, 0, "member_count"), 4);
	newest("1");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic") + 13, id);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "type"), "member.added");
	CU_ASSERT_TRUE(sql_null(s, 0, "effect"));
	newest("0");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic"), "user:dan");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "effect"), "1");
	QUERY(s,
	    "select $1::json->'conversation'->>'member_count' as count,"
	    " $1::json->'member'->>'id' as member, $1::json->>'by' as by",
	    sql_text(s, 0, "data"));
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "count"), "4");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "member"), "dan");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "by"), "ann");

	SQL(s, "members.remove", "ben", "user", NULL, id, "cat");
	REFUSED("forbidden", "");
	SQL(s, "members.remove", "ann", "user", NULL, id, "who");
	REFUSED("not_found", "");
	SQL(s, "members.remove", "ann", "user", NULL, id, "dan");
	CU_ASSERT_EQUAL(sql_number(s, 0, "member_count"), 3);
	newest("1");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic"), "user:dan");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "type"), "member.removed");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "effect"), "-1");
	newest("0");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic") + 13, id);
	SQL(s, "conversations.get", "dan", "user", id, NULL);
	REFUSED("not_found", "");
	SQL(s, "members.remove", "dan", "user", NULL, id, "dan");
	REFUSED("not_found", "");
}

/* Who leaves last as owner hands the group on. */
static void
test_owner_leaves(void)
{
	const char *id = group("ann", "{ben,cat}");

	QUERY(s,
	    "update members set role = 'admin'"
	    " where conversation_id = $1::uuid and user_id = 'cat'",
	    id);
	SQL(s, "members.remove", "cat", "user", NULL, id, "ann");
	REFUSED("forbidden", "");
	SQL(s, "members.remove", "ann", "user", NULL, id, "ann");
	CU_ASSERT_EQUAL(sql_number(s, 0, "member_count"), 2);
	newest("0");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "type"), "member.updated");
	newest("1");
	QUERY(s, "select $1::json->>'new_owner_id' as heir",
	    sql_text(s, 0, "data"));
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "heir"), "cat");
	SQL(s, "members.remove", "cat", "user", NULL, id, "ben");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	SQL(s, "members.remove", "cat", "user", NULL, id, "cat");
	CU_ASSERT_EQUAL(sql_number(s, 0, "member_count"), 0);
}

/* How many of the last events were on its topic, and the total they told. */
static void
announced(const char *id, int64_t events, const char *total)
{
	QUERY(s,
	    "select count(*) filter (where topic like 'conversation:%') as n,"
	    " min(data::json->>'member_count') as total"
	    " from events where data::json->>'conversation_id' = $1"
	    " and id > (select coalesce(max(id), 0) from events) - $2::bigint",
	    id, events > 0 ? "2" : "1");
	CU_ASSERT_EQUAL(sql_number(s, 0, "n"), events);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "total"), total);
}

static void
test_announces(void)
{
	char loud[40], quiet[40];

	SQL(s, "conversations.create", "ann", "user", NULL, "group", NULL, "G",
	    NULL, NULL, NULL, "false");
	REFUSED("invalid", "announce");
	SQL(s, "conversations.create", "back", "service", NULL, "channel", NULL,
	    "loud", "{ann}", "open", NULL, NULL);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "announce"), "true");
	(void)snprintf(loud, sizeof(loud), "%s", sql_text(s, 0, "id"));
	SQL(s, "conversations.create", "back", "service", NULL, "channel", NULL,
	    "quiet", "{ann}", "open", NULL, "false");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "announce"), "false");
	(void)snprintf(quiet, sizeof(quiet), "%s", sql_text(s, 0, "id"));
	SQL(s, "members.add", "ben", "user", NULL, "loud", "{ben}");
	announced(loud, 1, "2");
	SQL(s, "members.remove", "ben", "user", NULL, "loud", "ben");
	announced(loud, 1, "1");
	SQL(s, "members.add", "ben", "user", NULL, "quiet", "{ben}");
	announced(quiet, 0, "2");
	newest("0");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "topic"), "user:ben");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "effect"), "1");
	SQL(s, "members.remove", "ben", "user", NULL, "quiet", "ben");
	announced(quiet, 0, "1");
	newest("0");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "effect"), "-1");
}

/* With history for members from their joining on, rejoining begins anew. */
static void
test_rejoins(void)
{
	char id[40];

	SQL(s, "conversations.create", "back", "service", NULL, "channel", NULL,
	    "from-now", "{ann,ben}", "members", "joined", NULL);
	(void)snprintf(id, sizeof(id), "%s", sql_text(s, 0, "id"));
	send("ann", id, "{one}");
	SQL(s, "members.add", "back", "service", NULL, id, "{cat}");
	send("ann", id, "{two}");
	SQL(s, "messages.list", "cat", "user", id, NULL, NULL, "50");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "text"), "two");
	SQL(s, "conversations.get", "cat", "user", id, NULL);
	CU_ASSERT_EQUAL(sql_number(s, 0, "unread"), 1);
	SQL(s, "members.remove", "cat", "user", NULL, id, "cat");
	send("ann", id, "{three}");
	SQL(s, "members.add", "back", "service", NULL, id, "{cat}");
	SQL(s, "conversations.get", "cat", "user", id, NULL);
	CU_ASSERT_EQUAL(sql_number(s, 0, "unread"), 0);
	CU_ASSERT_TRUE(sql_null(s, 0, "last_message"));
	SQL(s, "messages.list", "cat", "user", id, NULL, NULL, "50");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	send("ann", id, "{four}");
	SQL(s, "messages.list_after", "cat", "user", id, NULL, "0", "50");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	SQL(s, "messages.list_after", "ben", "user", id, NULL, "0", "50");
	CU_ASSERT_EQUAL(sql_rows(s), 4);
}

static void
become(const char *caller, const char *conversation, const char *user,
    const char *role)
{
	SQL(s, "members.update", caller, "user", NULL, conversation, user,
	    role);
}

/* Ownership is handed on; there is always an owner. */
static void
test_changes_roles(void)
{
	char id[40];

	(void)snprintf(id, sizeof(id), "%s", group("ann", "{ben,cat}"));
	become("ben", id, "cat", "admin");
	REFUSED("forbidden", "");
	become("ann", id, "dan", "admin");
	REFUSED("not_found", "");
	become("ann", id, "ann", "member");
	REFUSED("last_owner", "role");
	become("ann", id, "ben", "owner");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "role"), "owner");
	newest("0");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "type"), "member.updated");
	become("ann", id, "ben", "owner");
	CU_ASSERT_TRUE(sql_null(s, 0, "_event"));
	become("ann", id, "ann", "member");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "role"), "member");
	become("ann", id, "cat", "admin");
	REFUSED("forbidden", "");
	become("ben", id, "ben", "admin");
	REFUSED("last_owner", "role");
}

/* The list and sync.get page through the same, newest activity first. */
static void
test_lists(void)
{
	char first[40], second[40], cursor[100];

	(void)snprintf(first, sizeof(first), "%s", group("eve", "{ann}"));
	(void)snprintf(second, sizeof(second), "%s", group("eve", "{ann}"));
	(void)group("eve", "{}");
	send("eve", first, "{\"a \\\"quoted\\\"\nword\"}");
	SQL(s, "conversations.list", "eve", NULL, "2", NULL, NULL, NULL,
	    "false");
	CU_ASSERT_EQUAL(sql_rows(s), 3);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "id"), first);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 2, "id"), second);
	(void)snprintf(cursor, sizeof(cursor), "%s", sql_text(s, 1, "_cursor"));
	SQL(s, "sync.get", "eve", "user", NULL, "2");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "next"), cursor);
	QUERY(
	    s, "select $1::json->0 as object", sql_text(s, 0, "conversations"));
	{
		char *object = base_strdup(sql_text(s, 0, "object"));

		SQL(s, "conversations.list", "eve", NULL, "2", NULL, NULL, NULL,
		    "false");
		CU_ASSERT_TRUE(sql_shows(s, 0, object));
		base_free(object);
	}
	SQL(s, "conversations.list", "eve", cursor, "2", NULL, NULL, NULL,
	    "false");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "id"), second);
	SQL(s, "sync.get", "eve", "user", cursor, "2");
	CU_ASSERT_TRUE(sql_null(s, 0, "next"));
	QUERY(s, "select json_array_length($1::json) as n",
	    sql_text(s, 0, "conversations"));
	CU_ASSERT_EQUAL(sql_number(s, 0, "n"), 1);
	SQL(s, "conversations.list", "eve", "2026-13-01", "2", NULL, NULL, NULL,
	    "false");
	REFUSED("invalid_cursor", "before");
}

/* Topics now, and the joins and leaves since a cursor. */
static void
test_session_starts(void)
{
	char id[40], after[24], last[24], wanted[400];

	(void)snprintf(id, sizeof(id), "%s", group("ann", "{fay}"));
	SQL0(s, "events.bounds");
	(void)snprintf(
	    after, sizeof(after), "{%s,null}", sql_text(s, 0, "end_id"));
	SQL(s, "members.remove", "fay", "user", NULL, id, "fay");
	SQL(s, "members.add", "ann", "user", NULL, id, "{fay}");
	(void)snprintf(last, sizeof(last), "%s", sql_text(s, 0, "_event"));
	SQL(s, "sessions.start", "{fay,stranger}", after);
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "end_id"), last);
	(void)snprintf(wanted, sizeof(wanted), "{%s}", id);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "conversations"), wanted);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "conversations"), "{}");
	CU_ASSERT(sql_null(s, 1, "effects"));
	QUERY(s,
	    "select string_agg(e->>1, ' ' order by n) as effects,"
	    " bool_and(e->>2 = 'conversation:' || $2) as same"
	    " from json_array_elements($1::json) with ordinality x(e, n)",
	    sql_text(s, 0, "effects"), id);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "effects"), "-1 1");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "same"), "t");
}

static void
misshapes(const char *set, const char *where)
{
	char text[200];

	(void)snprintf(text, sizeof(text),
	    "update conversations set %s where %s", set, where);
	sql_may_fail(s);
	RUN(s, text);
	CU_ASSERT_STRING_EQUAL(sql_state(s), "23514");
}

/* Whoever writes a row: what cannot be is refused. */
static void
test_shapes(void)
{
	misshapes("name = ''", "name = 'public'");
	misshapes("access = null", "name = 'public'");
	misshapes("access = 'open'", "type = 'group'");
	misshapes("direct_low = direct_high", "type = 'direct'");
	misshapes("member_count = -1", "name = 'public'");
	misshapes("parent_id = id", "name = 'public'");
	RUN(s,
	    "update conversations set last_at = now(), name = name,"
	    " member_count = member_count");
	CU_ASSERT_STRING_EQUAL(sql_state(s), "");
}

static void
setup(void)
{
	SQL(s, "users.put_many",
	    "[{\"id\": \"ann\", \"name\": \"Ann \\\"A\\\"\"},"
	    " {\"id\": \"ben\"}, {\"id\": \"cat\"}, {\"id\": \"dan\"},"
	    " {\"id\": \"eve\"}, {\"id\": \"fay\"}, {\"id\": \"back\"}]");
}

static const struct test_case cases[] = {
	{ "has one direct conversation for a pair", test_direct },
	{ "makes groups", test_group },
	{ "makes channels, open and not", test_channel },
	{ "a channel's access is changed", test_access },
	{ "adds and removes members in order", test_members },
	{ "hands a group on when its owner leaves", test_owner_leaves },
	{ "announces who comes and goes", test_announces },
	{ "shows history from the joining on", test_rejoins },
	{ "hands ownership on", test_changes_roles },
	{ "lists by activity", test_lists },
	{ "starts sessions", test_session_starts },
	{ "has no other shapes", test_shapes },
};

SQL_MAIN("sql_conversations", setup)
