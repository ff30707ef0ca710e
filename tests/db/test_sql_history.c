/* SPDX-License-Identifier: ISC */
/* What is new in many conversations at once. */

#include "base/attr.h"
#include "tests/db/sql_fixture.h"

#define ANSWER(column, value) \
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, (column)), (value))

/* A group of ann and ben with `count` messages of `length` characters. */
static void
make_room(char id[40], const char *count, const char *length)
{
	SQL(s, "conversations.create", "ann", "user", NULL, "group", NULL,
	    "Room", "{ben}", NULL, "joined", NULL);
	(void)snprintf(id, 40, "%s", sql_text(s, 0, "id"));
	QUERY(s,
	    "select m.seq from (select array_agg($1::text) as c,"
	    " array_agg(null::uuid) as none, array_agg('ann'::text) as a,"
	    " array_agg('user'::text) as u, array_agg(null::text) as x,"
	    " array_agg(repeat('x', $3::integer)) as t,"
	    " array_agg(null::boolean) as b"
	    " from generate_series(1, $2::integer)) i,"
	    " messages_send(i.a, i.u, i.c, i.none, i.t, i.none, i.x, i.x,"
	    " i.x, i.b) m",
	    id, count, length);
}

/* Asks, and says of each conversation: seqs, and whether there is a gap. */
static void
catch_up(const char *user, const char *asked, const char *limit)
{
	QUERY(s,
	    "select d.e->>'conversation_id' as id, d.e->>'gone' as gone,"
	    " d.e->>'gap' as gap, d.e->>'last_seq' as last_seq, (select"
	    " string_agg(m->>'seq', ',') from"
	    " json_array_elements(d.e->'messages') m) as seqs,"
	    " d.e->'messages'->0->>'text' as text, r.last_event_id = (select"
	    " max(id) from events) as now"
	    " from messages_catch_up($1, 'user', $2::json, $3::integer) r,"
	    " json_array_elements(r.data) with ordinality d(e, ord)"
	    " order by d.ord",
	    user, asked, limit);
}

static const char *
ask(const char *first, int after, const char *second, int after_second)
{
	static char text[300];

	(void)snprintf(text, sizeof(text),
	    "[{\"conversation_id\":\"%s\",\"after_seq\":%d},"
	    "{\"conversation_id\":\"%s\",\"after_seq\":%d}]",
	    first, after, second, after_second);
	return (text);
}

static void
test_newest(void)
{
	char a[40], b[40];

	make_room(a, "5", "10");
	make_room(b, "0", "0");
	catch_up("ben", ask(a, 2, b, 0), "3");
	CU_ASSERT_EQUAL(sql_rows(s), 2);
	ANSWER("id", a);
	ANSWER("seqs", "3,4,5");
	ANSWER("gap", "false");
	ANSWER("last_seq", "5");
	ANSWER("now", "t");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "id"), b);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "seqs"), "");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "gap"), "false");
	catch_up("ben", ask(a, 0, a, 9), "3");
	ANSWER("seqs", "3,4,5");
	ANSWER("gap", "true");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "seqs"), "");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "gap"), "false");
}

/* What the caller may not read is gone, what came before them is no gap. */
static void
test_rights(void)
{
	char a[40];

	make_room(a, "3", "10");
	catch_up("cat", ask(a, 0, "no:such", 0), "30");
	ANSWER("gone", "true");
	ANSWER("seqs", "");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "gone"), "true");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "id"), "no:such");
	SQL(s, "members.add", "ann", "user", NULL, a, "{cat}");
	catch_up("cat", ask(a, 0, "public", 0), "30");
	/* That they joined is what they see. */
	ANSWER("gone", "");
	ANSWER("seqs", "4");
	ANSWER("gap", "false");
	ANSWER("last_seq", "4");
	CU_ASSERT_STRING_NOT_EQUAL(sql_text(s, 1, "id"), "public");
}

/* The first ones asked for get their messages; of the others a gap is told. */
static void
test_bounds(void)
{
	char a[40], asked[2000] = "[", bytes[40];

	make_room(a, "100", "10");
	for (int i = 0; i < 12; i++)
		(void)snprintf(asked + strlen(asked),
		    sizeof(asked) - strlen(asked),
		    "%s{\"conversation_id\":\"%s\",\"after_seq\":%d}",
		    i > 0 ? "," : "", a, i == 0 ? 30 : 0);
	(void)snprintf(
	    asked + strlen(asked), sizeof(asked) - strlen(asked), "]");
	catch_up("ben", asked, "100");
	CU_ASSERT_EQUAL(sql_rows(s), 12);
	for (int i = 0; i < 12; i++)
		CU_ASSERT_STRING_EQUAL(
		    sql_text(s, i, "gap"), i < 10 ? "false" : "true");
	/* 70 + 9 * 100, and 30 of the next; nothing of the last. */
	CU_ASSERT_EQUAL(strncmp(sql_text(s, 10, "seqs"), "71,72,", 6), 0);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 11, "seqs"), "");
	/* By bytes: 99 messages of 20,000 and 500 are the most. */
	make_room(a, "100", "20000");
	catch_up("ben", ask(a, 0, a, 99), "100");
	(void)snprintf(bytes, sizeof(bytes), "%s", sql_text(s, 0, "seqs"));
	CU_ASSERT_EQUAL(strncmp(bytes, "4,5,6,", 6), 0);
	ANSWER("gap", "true");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "seqs"), "");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 1, "gap"), "true");
}

static void
setup(void)
{
	RUN(s, "insert into users (id) values ('ann'), ('ben'), ('cat')");
}

static const struct test_case cases[] = {
	{ "the newest, and whether more are missing", test_newest },
	{ "what may be read", test_rights },
	{ "bounds, by number and bytes", test_bounds },
};

SQL_MAIN("sql_history", setup)
