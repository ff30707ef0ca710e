/* SPDX-License-Identifier: ISC */
/* The migration runner. */

#include "db/migrate.h"

#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "db/migration.h"

/* Any number will do as long as nobody else in the database locks it. */
#define LOCK_SQL "select pg_advisory_lock(8242913750621)"
#define TRY_LOCK_SQL "select pg_try_advisory_lock(8242913750621)"

struct run {
	const struct db_migrate_params *params;
	PGconn *pg;			/* owned */
	struct db_migration_list files; /* owned; oldest first */
	PGresult *applied;		/* owned: version, name, checksum */
	unsigned int done;
};

static void PRINTF_LIKE(2, 3)
    say(const struct run *run, const char *format, ...)
{
	struct base_buf line;
	char text[1000];
	va_list args;

	if (run->params->say == NULL)
		return;
	base_buf_init(&line);
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	base_buf_append_str(&line, text);
	while (line.len > 0 && line.data[line.len - 1] == '\n')
		line.data[--line.len] = '\0';
	run->params->say(base_buf_str(&line), run->params->arg);
	base_buf_fini(&line);
}

/* Runs one command; false was said. */
static bool
command(struct run *run, const char *sql)
{
	PGresult *result = PQexec(run->pg, sql);
	ExecStatusType status = PQresultStatus(result);
	bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

	if (!ok)
		say(run, "%s", PQerrorMessage(run->pg));
	PQclear(result);
	return ok;
}

static bool
flag(struct run *run, const char *sql)
{
	PGresult *result = PQexec(run->pg, sql);
	bool set = PQresultStatus(result) == PGRES_TUPLES_OK &&
	    PQgetvalue(result, 0, 0)[0] == 't';

	PQclear(result);
	return set;
}

static void
on_notice(void *arg, const PGresult *notice)
{
	const struct run *run = arg;

	say(run, "%s: %s", PQresultErrorField(notice, PG_DIAG_SEVERITY),
	    PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY));
}

static bool
open_database(struct run *run)
{
	run->pg = PQconnectdb(run->params->conninfo);
	if (PQstatus(run->pg) != CONNECTION_OK) {
		say(run, "cannot connect: %s", PQerrorMessage(run->pg));
		return false;
	}
	(void)PQsetNoticeReceiver(run->pg, on_notice, run);
	return PQsetClientEncoding(run->pg, "UTF8") == 0 &&
	    command(run, "set client_min_messages = warning") &&
	    command(run, "set statement_timeout = 0") &&
	    command(run, "set idle_in_transaction_session_timeout = 0");
}

/* The lock is the session's: it goes with the connection. */
static bool
lock(struct run *run)
{
	if (flag(run, TRY_LOCK_SQL))
		return true;
	say(run, "another migration is running: waiting for it");
	return command(run, LOCK_SQL);
}

static bool
read_applied(struct run *run)
{
	if (!command(run,
		"create table if not exists schema_migrations ("
		" version int primary key,"
		" name text not null,"
		" checksum text not null,"
		" applied_at timestamptz not null default now())"))
		return false;
	run->applied = PQexec(run->pg,
	    "select version, name, checksum"
	    " from schema_migrations order by version");
	if (PQresultStatus(run->applied) == PGRES_TUPLES_OK)
		return true;
	say(run, "%s", PQerrorMessage(run->pg));
	return false;
}

/* check_only asks without writing: a database without the table has nothing. */
static bool
peek_applied(struct run *run)
{
	const char *sql = "select version, name, checksum"
			  " from schema_migrations order by version";

	if (flag(run, "select to_regclass('schema_migrations') is null"))
		sql = "select 0, '', '' where false";
	run->applied = PQexec(run->pg, sql);
	if (PQresultStatus(run->applied) == PGRES_TUPLES_OK)
		return true;
	say(run, "%s", PQerrorMessage(run->pg));
	return false;
}

/* The server reckons it, so that this room needs no library for it. */
static bool
checksum(struct run *run, struct db_migration *m)
{
	const char *const values[] = { m->text };
	const int lengths[] = { (int)m->text_len };
	const int formats[] = { 1 };
	PGresult *result =
	    PQexecParams(run->pg, "select encode(sha256($1::bytea), 'hex')", 1,
		NULL, values, lengths, formats, 0);
	bool ok = PQresultStatus(result) == PGRES_TUPLES_OK;

	if (ok)
		(void)snprintf(m->checksum, sizeof(m->checksum), "%s",
		    PQgetvalue(result, 0, 0));
	else
		say(run, "%s", PQerrorMessage(run->pg));
	PQclear(result);
	return ok;
}

static bool
checksums(struct run *run)
{
	for (size_t i = 0; i < run->files.count; i++)
		if (!checksum(run, &run->files.items[i]))
			return false;
	return true;
}

/* What was applied must be what the files begin with. */
static bool
compare(struct run *run)
{
	bool same = true;

	for (int row = 0; row < PQntuples(run->applied); row++) {
		int version = atoi(PQgetvalue(run->applied, row, 0));
		const char *name = PQgetvalue(run->applied, row, 1);
		struct db_migration *m =
		    db_migration_find(&run->files, version);

		if (m == NULL) {
			say(run,
			    "%04d_%s was applied to this database, but is not"
			    " in %s: an older release?",
			    version, name, run->params->dir);
			same = false;
			continue;
		}
		m->applied = true;
		if (strcmp(m->checksum, PQgetvalue(run->applied, row, 2)) == 0)
			continue;
		say(run,
		    "%s was changed after it was applied: write a new"
		    " migration instead",
		    m->path);
		same = false;
	}
	return same;
}

/* A file that comes late, with a number below an applied one. */
static bool
in_order(struct run *run)
{
	bool pending = false, ok = true;

	for (size_t i = run->files.count; i-- > 0;) {
		struct db_migration *m = &run->files.items[i];

		pending = pending || m->applied;
		if (m->applied || !pending)
			continue;
		say(run,
		    "%s was not applied, but a later one was: give it a"
		    " higher number",
		    m->path);
		ok = false;
	}
	return ok;
}

/* PostgreSQL tells characters from the start; people want the line. */
static unsigned int
line_of(const struct db_migration *m, const PGresult *result)
{
	const char *field =
	    PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
	long chars = field == NULL ? 0 : strtol(field, NULL, 10);
	unsigned int line = 1;

	for (const char *p = m->text; *p != '\0' && chars > 1; p++) {
		if (*p == '\n')
			line++;
		if (((unsigned char)p[1] & 0xc0) != 0x80)
			chars--;
	}
	return field == NULL ? 0 : line;
}

static void
say_field(
    const struct run *run, const PGresult *result, const char *title, int code)
{
	const char *field = PQresultErrorField(result, code);

	if (field != NULL)
		say(run, "    %s: %s", title, field);
}

static void
say_failure(
    const struct run *run, const struct db_migration *m, const PGresult *result)
{
	const char *message =
	    PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	unsigned int line = line_of(m, result);

	if (message == NULL)
		message = PQerrorMessage(run->pg);
	if (line > 0)
		say(run, "%s:%u: %s", m->path, line, message);
	else
		say(run, "%s: %s", m->path, message);
	say_field(run, result, "detail", PG_DIAG_MESSAGE_DETAIL);
	say_field(run, result, "hint", PG_DIAG_MESSAGE_HINT);
	say_field(run, result, "in", PG_DIAG_CONTEXT);
}

static bool
run_text(struct run *run, const struct db_migration *m)
{
	PGresult *result = PQexec(run->pg, m->text);
	ExecStatusType status = PQresultStatus(result);
	bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
	    status == PGRES_EMPTY_QUERY;

	if (!ok)
		say_failure(run, m, result);
	PQclear(result);
	if (ok && PQtransactionStatus(run->pg) != PQTRANS_INTRANS) {
		say(run, "%s ends the transaction it runs in: leave that out",
		    m->path);
		ok = false;
	}
	return ok;
}

static bool
record(struct run *run, const struct db_migration *m)
{
	char version[16];
	const char *const values[] = { version, m->name, m->checksum };
	PGresult *result;
	bool ok;

	(void)snprintf(version, sizeof(version), "%d", m->version);
	result = PQexecParams(run->pg,
	    "insert into schema_migrations (version, name, checksum)"
	    " values ($1::int, $2::text, $3::text)",
	    3, NULL, values, NULL, NULL, 0);
	ok = PQresultStatus(result) == PGRES_COMMAND_OK;
	if (!ok)
		say_failure(run, m, result);
	PQclear(result);
	return ok;
}

static bool
apply(struct run *run, const struct db_migration *m)
{
	say(run, "applying %04d_%s", m->version, m->name);
	if (command(run, "begin") && run_text(run, m) && record(run, m) &&
	    command(run, "commit"))
		return true;
	if (PQstatus(run->pg) == CONNECTION_OK)
		(void)command(run, "rollback");
	return false;
}

static enum db_migrate_status
apply_all(struct run *run)
{
	for (size_t i = 0; i < run->files.count; i++) {
		const struct db_migration *m = &run->files.items[i];

		if (m->applied)
			continue;
		if (!apply(run, m))
			return PQstatus(run->pg) == CONNECTION_OK ?
			    DB_MIGRATE_FAILED :
			    DB_MIGRATE_LINK;
		run->done++;
	}
	if (run->done == 0)
		say(run, "nothing to do: %zu migrations are applied",
		    run->files.count);
	else
		say(run, "applied %u of %zu migrations", run->done,
		    run->files.count);
	return DB_MIGRATE_OK;
}

static enum db_migrate_status
say_pending(struct run *run)
{
	enum db_migrate_status status = DB_MIGRATE_OK;

	for (size_t i = 0; i < run->files.count; i++) {
		const struct db_migration *m = &run->files.items[i];

		if (m->applied)
			continue;
		say(run, "pending %04d_%s", m->version, m->name);
		status = DB_MIGRATE_PENDING;
	}
	return status;
}

static enum db_migrate_status
run_locked(struct run *run)
{
	bool check_only = run->params->check_only, same, ordered;

	if (!open_database(run) || (!check_only && !lock(run)))
		return DB_MIGRATE_LINK;
	if (!(check_only ? peek_applied(run) : read_applied(run)) ||
	    !checksums(run))
		return PQstatus(run->pg) == CONNECTION_OK ? DB_MIGRATE_FAILED :
							    DB_MIGRATE_LINK;
	/* Both, to say all at once. */
	same = compare(run);
	ordered = in_order(run);
	if (!same || !ordered)
		return DB_MIGRATE_CHANGED;
	return check_only ? say_pending(run) : apply_all(run);
}

static void
say_file_error(const char *text, void *arg)
{
	say(arg, "%s", text);
}

enum db_migrate_status
db_migrate_run(const struct db_migrate_params *params)
{
	struct run run = { .params = params };
	enum db_migrate_status status = DB_MIGRATE_FILES;

	if (db_migration_read(&run.files, params->dir, say_file_error, &run))
		status = run_locked(&run);
	PQclear(run.applied);
	PQfinish(run.pg);
	db_migration_free(&run.files);
	return status;
}
