/* SPDX-License-Identifier: ISC */
/* People: mirrored from tokens, written by back ends. */

#include "base/attr.h"
#include "tests/db/sql_fixture.h"

static int64_t
updates_of(const char *topic)
{
	QUERY(s,
	    "select count(*) as n from events"
	    " where type = 'user.updated' and topic = $1",
	    topic);
	return (sql_number(s, 0, "n"));
}

static void
test_sees(void)
{
	SQL(s, "users.see", "{ann}", "{Ann}", "{NULL}", "{staff}");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "changed"), "t");
	SQL(s, "users.see", "{ann}", "{Ann}", "{NULL}", "{staff}");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "changed"), "f");
	SQL(s, "users.see", "{ann}", "{NULL}", "{NULL}", "{NULL}");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "changed"), "f");
	CU_ASSERT_EQUAL(updates_of("user:ann"), 0);
	SQL(s, "users.see", "{ann}", "{Anna}", "{https://example.org/a}",
	    "{NULL}");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "changed"), "t");
	CU_ASSERT_EQUAL(updates_of("user:ann"), 1);
	SQL(s, "me.get", "ann", "user");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "name"), "Anna");
	CU_ASSERT_STRING_EQUAL(
	    sql_text(s, 0, "picture"), "https://example.org/a");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "label"), "staff");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "role"), "user");
}

/* A batch may have one user with several tokens, and some whom nothing is new
 * of. */
static void
test_sees_many(void)
{
	SQL(s, "users.see", "{zoe,ann,yan,zoe,zoe}",
	    "{Zoe,Anna,Yan,NULL,Zoe B}", "{NULL,NULL,NULL,https://z,NULL}",
	    "{NULL,NULL,NULL,NULL,guest}");
	CU_ASSERT_EQUAL(sql_rows(s), 5);
	for (int i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL(sql_number(s, i, "_ord"), i + 1);
		CU_ASSERT_STRING_EQUAL(
		    sql_text(s, i, "changed"), i == 1 ? "f" : "t");
	}
	CU_ASSERT_EQUAL(updates_of("user:zoe"), 0);
	SQL(s, "me.get", "zoe", "user");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "name"), "Zoe B");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "picture"), "https://z");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "label"), "guest");
	SQL(s, "users.see", "{xia,zoe,yan}", "{Xia,Zoe C,Yan}",
	    "{NULL,NULL,NULL}", "{NULL,NULL,member}");
	CU_ASSERT_EQUAL(updates_of("user:zoe"), 1);
	CU_ASSERT_EQUAL(updates_of("user:yan"), 0);
	CU_ASSERT_EQUAL(updates_of("user:xia"), 0);
	SQL(s, "me.get", "yan", "user");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "label"), "member");
}

static void
test_back_end_wins(void)
{
	SQL(s, "users.put", "ben", "Ben", NULL);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "_status"), "201");
	SQL(s, "users.put", "ben", "Benjamin", NULL);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "_status"), "200");
	CU_ASSERT_EQUAL(updates_of("user:ben"), 1);
	SQL(s, "users.put", "ben", "Benjamin", NULL);
	CU_ASSERT_EQUAL(updates_of("user:ben"), 1);
	SQL(s, "users.see", "{ben}", "{Old claim}", "{https://old}", "{NULL}");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "changed"), "f");
	SQL(s, "users.get", "ben");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "name"), "Benjamin");
	CU_ASSERT_TRUE(sql_null(s, 0, "picture"));
	SQL(s, "users.get", "nobody");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
}

static void
test_puts_many(void)
{
	SQL(s, "users.put_many",
	    "[{\"id\": \"c1\", \"name\": \"One\"}, {\"id\": \"c2\"},"
	    " {\"id\": \"c1\", \"name\": \"The last counts\"}]");
	CU_ASSERT_EQUAL(sql_number(s, 0, "created"), 2);
	CU_ASSERT_EQUAL(sql_number(s, 0, "updated"), 0);
	SQL(s, "users.put_many",
	    "[{\"id\": \"c1\", \"name\": \"New\"}, {\"id\": \"c2\"},"
	    " {\"id\": \"c3\", \"picture\": \"https://c3\"}]");
	CU_ASSERT_EQUAL(sql_number(s, 0, "created"), 1);
	CU_ASSERT_EQUAL(sql_number(s, 0, "updated"), 1);
	CU_ASSERT_EQUAL(sql_number(s, 0, "unchanged"), 1);
	CU_ASSERT_EQUAL(updates_of("user:c1"), 1);
	CU_ASSERT_EQUAL(updates_of("user:c2"), 0);
	SQL(s, "users.put_many", "[]");
	CU_ASSERT_EQUAL(sql_number(s, 0, "created"), 0);
	RUN(s,
	    "select json_agg(json_build_object('id', n::text)) as many"
	    " from generate_series(1, 1001) n");
	SQL(s, "users.put_many", sql_text(s, 0, "many"));
	CU_ASSERT_STRING_EQUAL(sql_error(s), "too_many");
	CU_ASSERT_STRING_EQUAL(sql_field(s), "users");
}

/* Who shares a conversation hears of a new name; members of a large one do
 * not. */
static void
test_announces(void)
{
	char topic[80];

	SQL(s, "users.see", "{back}", "{NULL}", "{NULL}", "{NULL}");
	SQL(s, "conversations.create", "back", "service", NULL, "group", NULL,
	    "Few", "{dora,dan}", NULL, NULL, NULL);
	(void)snprintf(
	    topic, sizeof(topic), "conversation:%s", sql_text(s, 0, "id"));
	SQL(s, "users.put", "dora", "Dora", NULL);
	CU_ASSERT_EQUAL(updates_of(topic), 1);
	RUN(s,
	    "update conversations set member_count = 1001"
	    " where name = 'Few'");
	SQL(s, "users.put", "dora", "Theodora", NULL);
	CU_ASSERT_EQUAL(updates_of(topic), 1);
	/* One of few that a back end changes at once is told of as widely. */
	for (int i = 0; i < 12; i++)
		SQL(s, "conversations.create", "back", "service", NULL, "group",
		    NULL, "More", "{dora}", NULL, NULL, NULL);
	SQL(s, "users.put_many", "[{\"id\": \"dora\", \"name\": \"D.\"}]");
	RUN(s,
	    "select count(*) as told from events e"
	    " where e.type = 'user.updated' and e.data like '%\"D.\"%'"
	    " and e.topic like 'conversation:%'");
	CU_ASSERT_EQUAL(sql_number(s, 0, "told"), 12);
	CU_ASSERT_EQUAL(updates_of("user:dora"), 3);
}

/* Where somebody is shown from now on, a change of their name that is under way
 * is announced before or not at all: who puts them there waits for it. */
static void
test_renamed(void)
{
	struct sql *other = sql_open(cluster);
	char room[40];

	SQL(s, "users.see", "{eve,fay}", "{Eve,Fay}", "{NULL,NULL}",
	    "{NULL,NULL}");
	SQL(s, "conversations.create", "eve", "user", NULL, "group", NULL,
	    "Alone", "{}", NULL, NULL, NULL);
	(void)snprintf(room, sizeof(room), "%s", sql_text(s, 0, "id"));
	RUN(other, "set lock_timeout = '100ms'");
	RUN(s, "begin");
	SQL(s, "users.put", "fay", "Faye", NULL);
	sql_may_fail(other);
	SQL(other, "conversations.create", "eve", "user", NULL, "group", NULL,
	    "Two", "{fay}", NULL, NULL, NULL);
	CU_ASSERT_STRING_EQUAL(sql_state(other), "55P03");
	sql_may_fail(other);
	SQL(other, "members.add", "eve", "user", NULL, room, "{fay}");
	CU_ASSERT_STRING_EQUAL(sql_state(other), "55P03");
	sql_may_fail(other);
	SQL(other, "blocks.add", "eve", "user", NULL, "fay");
	CU_ASSERT_STRING_EQUAL(sql_state(other), "55P03");
	RUN(s, "commit");
	SQL(other, "blocks.add", "eve", "user", NULL, "fay");
	CU_ASSERT_STRING_EQUAL(sql_text(other, 0, "name"), "Faye");
	sql_close(other);
}

static const struct test_case cases[] = {
	{ "mirrors what a token says", test_sees },
	{ "sees many at once", test_sees_many },
	{ "lets a back end have the last word", test_back_end_wins },
	{ "puts many at once", test_puts_many },
	{ "tells who is concerned of a new name", test_announces },
	{ "is shown by no name that has just changed", test_renamed },
};

SQL_MAIN("sql_users", NULL)
