/* SPDX-License-Identifier: ISC */
/* A room, what is said in it and what becomes of that, for the tests of messages
 * that are edited and forwarded (test_sql_edits) and deleted
 * (test_sql_deletions). */
#ifndef TESTS_DB_LIFECYCLE_FIXTURE_H
#define TESTS_DB_LIFECYCLE_FIXTURE_H

#include <stdint.h>
#include <stdio.h>

#include "base/attr.h"
#include "tests/db/sql_fixture.h"

/* A group of ann (owner), ben and cat; a new one for each test. */
static char room[40];

static inline void
room_make(const char *history)
{
	SQL(s, "conversations.create", "ann", "user", NULL, "group", NULL,
	    "Room", "{ben,cat}", NULL, history, NULL);
	(void)snprintf(room, sizeof(room), "%s", sql_text(s, 0, "id"));
}

static inline void
keep(char to[40], const char *column)
{
	(void)snprintf(to, 40, "%s", sql_text(s, 0, column));
}

/* Parts that are not given are null. */
struct sent {
	const char *from, *text, *reply_to, *thread_root, *mentions, *files,
	    *type;
};

static inline void
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
static inline void
edit(const char *who, const char *id, const char *text)
{
	SQL(s, "messages.edit", who, "user", NULL, id, text, NULL, NULL, NULL,
	    "0");
}

static inline void
discard(const char *who, const char *id)
{
	SQL(s, "messages.delete", who, "user", NULL, id, "0");
}

/* A new file of ben's, and how messages name it. */
static inline void
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
static inline void
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
static inline const char *
told(const char *type, const char *path)
{
	QUERY(s,
	    "select e.data::json #>> string_to_array($2, '.') as member"
	    " from events e where e.type = $1 order by e.id desc limit 1",
	    type, path);
	return (sql_text(s, 0, "member"));
}

static inline int64_t
events_count(void)
{
	RUN(s, "select count(*) as n from events");
	return (sql_number(s, 0, "n"));
}

/* The tables that have `text` in any row, between spaces. */
static inline const char *
places(const char *text)
{
	QUERY(s, "select places($1) as where", text);
	return (sql_text(s, 0, "where"));
}

static inline void
lifecycle_setup(void)
{
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
}

#endif
