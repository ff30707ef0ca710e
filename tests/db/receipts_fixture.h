/* SPDX-License-Identifier: ISC */
/* A room in which something is said and read, for the tests of what is unread
 * (test_sql_receipts) and of who has read it (test_sql_readers). */
#ifndef TESTS_DB_RECEIPTS_FIXTURE_H
#define TESTS_DB_RECEIPTS_FIXTURE_H

#include <stdio.h>

#include "base/attr.h"
#include "tests/db/sql_fixture.h"

/* A new group of ann (owner), ben and cat for each test. */
static char room[40];

static inline void
make_room(void)
{
	SQL(s, "conversations.create", "ann", "user", NULL, "group", NULL,
	    "Room", "{ben,cat}", NULL, NULL, NULL);
	(void)snprintf(room, sizeof(room), "%s", sql_text(s, 0, "id"));
}

static inline void
send(const char *user, const char *mentions, const char *all)
{
	QUERY(s,
	    "select r.status, r.id from messages_send(array[$1], array['user'],"
	    " array[$2], array[uuid_v7()], array['x'], array[null]::uuid[],"
	    " array[null], array[null], array[null], array[null]::boolean[],"
	    " null, null, null, array[$3], array[$4]::boolean[]) r",
	    user, room, mentions, all);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "status"), "201");
}

static inline void
mark(const char *user, const char *seq, const char *unread)
{
	QUERY(s,
	    "select r.* from receipts_mark(array[$1], array['user'],"
	    " array[$2], array[$3]::bigint[], array[null]::uuid[],"
	    " array[$4]::boolean[], array[null]) r",
	    user, room, seq, unread);
	CU_ASSERT_EQUAL(sql_rows(s), 1);
}

static inline void
advance(const char *user, const char *seq)
{
	QUERY(s,
	    "select positions_advance(array[$1], array[$2]::uuid[],"
	    " array[$3]::bigint[])",
	    user, room, seq);
}

/* A member of the room as `user` sees it. */
static inline const char *
shown(const char *user, const char *name)
{
	QUERY(s,
	    "select object::json ->> $3 as member"
	    " from conversation_object($1, 'user', $2::uuid)",
	    user, room, name);
	return (sql_text(s, 0, "member"));
}

/* A member of the newest receipt.updated. */
static inline const char *
told(const char *name)
{
	RUN(s,
	    "select * from events where type = 'receipt.updated'"
	    " order by id desc limit 1");
	QUERY(s, "select $1::json ->> $2 as member", sql_text(s, 0, "data"),
	    name);
	return (sql_text(s, 0, "member"));
}

#define SHOWN(user, name, value) \
	CU_ASSERT_STRING_EQUAL(shown((user), (name)), (value))
#define TOLD(name, value) CU_ASSERT_STRING_EQUAL(told(name), (value))

static inline void
receipts_setup(void)
{
	RUN(s,
	    "insert into users (id, name) values ('ann', 'Ann'),"
	    " ('ben', 'Ben'), ('cat', 'Cat'), ('dan', 'Dan'), ('op', 'Op')");
}

#endif
