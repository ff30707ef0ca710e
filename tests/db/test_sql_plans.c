/* SPDX-License-Identifier: ISC */
/* How the statements that read find their rows: with the session's settings
 * and generic plans, each by a bound on an index.  What walks through a whole
 * table is fast only as long as nobody uses the service. */

#include "base/attr.h"
#include "base/buf.h"
#include "db/statement.h"
#include "tests/db/sql_fixture.h"

/* Enough for the planner to see a difference: 500 users, each with ten
 * conversations of twenty messages. */
static const char *const some[] = {
	"insert into users (id, name) select 'u' || i, 'User'"
	" from generate_series(0, 499) i",
	"insert into conversations (id, type, name, created_at, last_at,"
	" last_seq) select uuid_v7(), 'group', i, now(), now(), 20"
	" from generate_series(0, 499) i",
	"insert into members (conversation_id, user_id, joined_at, join_no)"
	" select id, 'u' || (name::integer + i) % 500, now(), i"
	" from conversations, generate_series(1, 10) i where type = 'group'",
	"insert into messages (id, conversation_id, seq, sender_id, type, text,"
	" created_at) select uuid_v7(), id, i, 'u' || i % 10, 'text', 'x', now()"
	" from conversations, generate_series(1, 20) i where type = 'group'",
	"insert into conversations (id, type, parent_id, root_id, root_seq,"
	" created_at, last_at, last_seq) select uuid_v7(), 'thread',"
	" conversation_id, id, seq, now(), now(), 20 from messages"
	" where seq <= 5",
	"insert into followers (user_id, thread_id, followed) select"
	" 'u' || (abs(hashtext(id::text)) + i) % 500, id, true"
	" from conversations, generate_series(1, 5) i where type = 'thread'",
	"insert into mentions (user_id, conversation_id, seq) select distinct"
	" 'u' || abs(hashtext(id::text)) % 500, conversation_id, seq"
	" from messages",
	"insert into receipts (conversation_id, user_id, from_seq, upto_seq,"
	" read_at) select conversation_id, user_id, i * 5 + 1, i * 5 + 5, now()"
	" from members, generate_series(0, 3) i",
	"insert into uploads (id, owner_id, filename, type, size, sha256)"
	" select uuid_v7(), 'u' || i % 500, 'x.png', (array['image/png',"
	" 'audio/mpeg', 'text/plain'])[1 + i / 500 % 3], 1, repeat('a', 64)"
	" from generate_series(0, 9999) i",
	"insert into attachments (upload_id, message_id, conversation_id, seq)"
	" select f.id, m.id, m.conversation_id, m.seq from (select id,"
	" row_number() over () as n from uploads) f join (select id,"
	" conversation_id, seq, row_number() over () as n from messages) m"
	" using (n)",
	"analyze",
};

static void
explain(const struct db_statement *statement)
{
	struct base_buf text = { 0 };

	base_buf_printf(&text, "prepare asked as %s", statement->text);
	RUN(s, text.data);
	base_buf_reset(&text);
	base_buf_append_str(&text, "explain execute asked");
	for (int i = 0; i < statement->nparams; i++)
		base_buf_append_str(&text, i == 0 ? " (null" : ", null");
	base_buf_append_str(&text, statement->nparams > 0 ? ")" : "");
	RUN(s, text.data);
	base_buf_fini(&text);
}

static bool
is_scan_of_much(const char *line)
{
	static const char *const much[] = { " on users ", " on conversations ",
		" on members ", " on messages ", " on receipts ",
		" on followers ", " on mentions ", " on uploads ",
		" on attachments " };

	if (strstr(line, "Seq Scan") == NULL &&
	    strstr(line, "Scan using") == NULL &&
	    strstr(line, "Scan Backward using") == NULL)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(much); i++) {
		if (strstr(line, much[i]) != NULL)
			return true;
	}
	return false;
}

/* Says what is wrong with the plan of the last call. */
static void
check_plan(const struct db_statement *statement)
{
	for (int row = 0; row < sql_rows(s); row++) {
		const char *line = sql_text(s, row, "QUERY PLAN");
		const char *below = sql_text(s, row + 1, "QUERY PLAN");

		if (!is_scan_of_much(line) || strstr(below, "Index Cond: "))
			continue;
		fprintf(stderr, "\n%s: %s", statement->name, line);
		CU_FAIL("walks through a whole table");
	}
}

static void
test_reads(void)
{
	for (size_t i = 0; i < db_statement_count(); i++) {
		const struct db_statement *statement = db_statement_at(i);

		/* To count all is what it is for. */
		if (!statement->read ||
		    strcmp(statement->name, "stats.summary") == 0)
			continue;
		explain(statement);
		CU_ASSERT_TRUE(sql_rows(s) > 0);
		check_plan(statement);
		RUN(s, "deallocate asked");
	}
}

static void
setup(void)
{
	for (size_t i = 0; i < ARRAY_LEN(some); i++)
		RUN(s, some[i]);
}

static const struct test_case cases[] = {
	{ "reads what is asked for only", test_reads },
};

SQL_MAIN("sql_plans", setup)
