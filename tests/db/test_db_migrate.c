/* SPDX-License-Identifier: ISC */
/* The migration runner, on directories that this test writes. */

#include <sys/stat.h>
#include <sys/wait.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/buf.h"
#include "db/migrate.h"
#include "tests/db/cluster.h"
#include "tests/unit/harness.h"

static struct cluster *cluster;
static char dir[200];
static struct base_buf said;

static void
put_file(const char *name, const char *text)
{
	char path[300];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
}

static void
remove_file(const char *name)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	CU_ASSERT_EQUAL(unlink(path), 0);
}

/* An empty database and a directory with one good migration. */
static void
fresh(void)
{
	static int count;

	cluster_exec(
	    cluster, "drop schema public cascade; create schema public");
	(void)snprintf(
	    dir, sizeof(dir), "%s/migrations%d", cluster_dir(cluster), count++);
	CU_ASSERT_EQUAL(mkdir(dir, 0700), 0);
	put_file("0001_first.sql",
	    "create table a (v int);\ninsert into a values (1);\n");
}

static void
say(const char *line, void *arg)
{
	(void)arg;
	base_buf_printf(&said, "%s\n", line);
}

static enum db_migrate_status
migrate(bool check_only)
{
	const struct db_migrate_params params = {
		.conninfo = cluster_conninfo(cluster),
		.dir = dir,
		.check_only = check_only,
		.say = say,
	};

	base_buf_reset(&said);
	return (db_migrate_run(&params));
}

static bool
was_said(const char *text)
{
	return (strstr(base_buf_str(&said), text) != NULL);
}

static int64_t
applied(void)
{
	return (
	    cluster_number(cluster, "select count(*) from schema_migrations"));
}

static void
test_applies(void)
{
	fresh();
	put_file("0002_second.sql", "alter table a add column w text;");
	put_file("notes.txt", "not for us");
	CU_ASSERT_EQUAL(migrate(true), DB_MIGRATE_PENDING);
	CU_ASSERT_TRUE(was_said("pending 0001_first"));
	CU_ASSERT_EQUAL(migrate(false), DB_MIGRATE_OK);
	CU_ASSERT_TRUE(was_said("applying 0002_second"));
	CU_ASSERT_EQUAL(applied(), 2);
	CU_ASSERT_EQUAL(cluster_number(cluster,
			    "select count(*) from schema_migrations"
			    " where length(checksum) = 64 and name in"
			    " ('first', 'second')"),
	    2);
	CU_ASSERT_EQUAL(migrate(false), DB_MIGRATE_OK);
	CU_ASSERT_TRUE(was_said("nothing to do"));
	CU_ASSERT_EQUAL(migrate(true), DB_MIGRATE_OK);
	put_file("0003_third.sql", "create table b (v int);");
	CU_ASSERT_EQUAL(migrate(false), DB_MIGRATE_OK);
	CU_ASSERT_EQUAL(applied(), 3);
	CU_ASSERT_EQUAL(cluster_number(cluster, "select count(*) from a"), 1);
}

static void
test_changed(void)
{
	fresh();
	CU_ASSERT_EQUAL(migrate(false), DB_MIGRATE_OK);
	put_file("0001_first.sql", "create table a (v bigint);");
	put_file("0002_second.sql", "create table b (v int);");
	CU_ASSERT_EQUAL(migrate(false), DB_MIGRATE_CHANGED);
	CU_ASSERT_TRUE(was_said("0001_first.sql was changed"));
	CU_ASSERT_EQUAL(applied(), 1);
	CU_ASSERT_EQUAL(migrate(true), DB_MIGRATE_CHANGED);
}

static void
test_missing(void)
{
	fresh();
	put_file("0002_second.sql", "create table b (v int);");
	CU_ASSERT_EQUAL(migrate(false), DB_MIGRATE_OK);
	remove_file("0002_second.sql");
	CU_ASSERT_EQUAL(migrate(false), DB_MIGRATE_CHANGED);
	CU_ASSERT_TRUE(was_said("0002_second was applied"));
	put_file("0002_second.sql", "create table b (v int);");
	put_file("0004_fourth.sql", "create table d (v int);");
	CU_ASSERT_EQUAL(migrate(false), DB_MIGRATE_OK);
	put_file("0003_late.sql", "create table c (v int);");
	CU_ASSERT_EQUAL(migrate(false), DB_MIGRATE_CHANGED);
	CU_ASSERT_TRUE(was_said("0003_late.sql was not applied"));
}

static void
test_failing(void)
{
	fresh();
	put_file("0002_second.sql",
	    "create table b (v int);\n-- héllo\ninsert into b\n"
	    "  values (1, nonsense);\n");
	put_file("0003_third.sql", "create table c (v int);");
	CU_ASSERT_EQUAL(migrate(false), DB_MIGRATE_FAILED);
	CU_ASSERT_TRUE(was_said("0002_second.sql:4: "));
	CU_ASSERT_TRUE(was_said("\"nonsense\" does not exist"));
	CU_ASSERT_EQUAL(applied(), 1);
	CU_ASSERT_EQUAL(cluster_number(cluster,
			    "select count(*) from pg_class"
			    " where relname in ('b', 'c')"),
	    0);
	put_file("0002_second.sql", "create table b (v int);");
	CU_ASSERT_EQUAL(migrate(false), DB_MIGRATE_OK);
	CU_ASSERT_EQUAL(applied(), 3);
}

/* An error at commit, and a file that commits by itself. */
static void
test_transaction(void)
{
	fresh();
	put_file("0002_second.sql",
	    "create table b (v int unique deferrable initially deferred);\n"
	    "insert into b values (1), (1);");
	CU_ASSERT_EQUAL(migrate(false), DB_MIGRATE_FAILED);
	CU_ASSERT_TRUE(was_said("duplicate key"));
	CU_ASSERT_EQUAL(applied(), 1);
	put_file("0002_second.sql", "create table b (v int); commit;");
	CU_ASSERT_EQUAL(migrate(false), DB_MIGRATE_FAILED);
	CU_ASSERT_TRUE(was_said("ends the transaction"));
	CU_ASSERT_EQUAL(applied(), 1);
}

static void
test_files(void)
{
	fresh();
	put_file("2_bad.sql", "select 1;");
	CU_ASSERT_EQUAL(migrate(false), DB_MIGRATE_FILES);
	CU_ASSERT_TRUE(was_said("2_bad.sql"));
	remove_file("2_bad.sql");
	put_file("0001_again.sql", "select 1;");
	CU_ASSERT_EQUAL(migrate(false), DB_MIGRATE_FILES);
	CU_ASSERT_TRUE(was_said("has this number"));
	(void)snprintf(dir, sizeof(dir), "/nonexistent");
	CU_ASSERT_EQUAL(migrate(false), DB_MIGRATE_FILES);
	CU_ASSERT_TRUE(was_said("/nonexistent"));
}

static void
test_no_database(void)
{
	const struct db_migrate_params params = {
		.conninfo = "host=/nonexistent", .dir = dir, .say = say
	};

	fresh();
	base_buf_reset(&said);
	CU_ASSERT_EQUAL(db_migrate_run(&params), DB_MIGRATE_LINK);
	CU_ASSERT_TRUE(was_said("cannot connect"));
}

/* Several at once: each file is done once, and all succeed. */
static void
test_at_once(void)
{
	pid_t pids[4];
	int status;

	fresh();
	put_file(
	    "0002_second.sql", "select pg_sleep(0.3); create table b (v int);");
	put_file("0003_third.sql",
	    "select pg_sleep(0.3); insert into b values (1);");
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit((int)migrate(false));
	}
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		CU_ASSERT_EQUAL(waitpid(pids[i], &status, 0), pids[i]);
		CU_ASSERT_TRUE(
		    WIFEXITED(status) && WEXITSTATUS(status) == DB_MIGRATE_OK);
	}
	CU_ASSERT_EQUAL(applied(), 3);
	CU_ASSERT_EQUAL(cluster_number(cluster, "select count(*) from b"), 1);
}

static void
test_ours(void)
{
	const char *source = getenv("PARLEY_SOURCE");

	cluster_exec(
	    cluster, "drop schema public cascade; create schema public");
	(void)snprintf(
	    dir, sizeof(dir), "%s/migrations", source == NULL ? "." : source);
	CU_ASSERT_EQUAL(migrate(false), DB_MIGRATE_OK);
	if (applied() == 0)
		fprintf(stderr, "%s", base_buf_str(&said));
	CU_ASSERT_TRUE(applied() > 0);
	CU_ASSERT_EQUAL(migrate(false), DB_MIGRATE_OK);
}

static const struct test_case cases[] = {
	{ "applies what is new, in order", test_applies },
	{ "refuses a changed file", test_changed },
	{ "refuses missing and late files", test_missing },
	{ "leaves nothing of a failing file", test_failing },
	{ "guards its transaction", test_transaction },
	{ "checks the directory", test_files },
	{ "says that there is no database", test_no_database },
	{ "is safe for several at once", test_at_once },
	{ "applies the tree's own", test_ours },
};

int
main(int argc, char **argv)
{
	int status;

	base_buf_init(&said);
	cluster = cluster_new();
	status = test_main(
	    "db_migrate", cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL);
	cluster_free(cluster);
	base_buf_fini(&said);
	return (status);
}
