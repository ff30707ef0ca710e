/* SPDX-License-Identifier: ISC */
/* Groups: who may do what in them. */

#include <stdlib.h>

#include "base/attr.h"
#include "base/buf.h"
#include "tests/db/cluster.h"
#include "tests/db/sql.h"
#include "tests/unit/harness.h"

static struct cluster *cluster;
static struct sql *s;

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
	RUN(s, "select role_may('no such thing', 'owner', 'user')");
	CU_ASSERT_EQUAL(sql_rows(s), -1);
	RUN(s, "select role_require('publish', 'admin', 'user')");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "forbidden");
}

static const struct test_case cases[] = {
	{ "who may what is one table", test_rights },
	{ "the documentation shows that table", test_rights_documented },
};

int
main(int argc, char **argv)
{
	int status;

	cluster = cluster_new_migrated();
	s = sql_open(cluster);
	RUN(s,
	    "create function pg_temp.w(boolean) returns text language sql"
	    " as $$ select case when $1 then 'yes' else '–' end $$");
	status = test_main(
	    "sql_groups", cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL);
	sql_close(s);
	cluster_free(cluster);
	return (status);
}
