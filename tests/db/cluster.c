/* SPDX-License-Identifier: ISC */
/* A private PostgreSQL for tests. */

#include "tests/db/cluster.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define PATH_BYTES 300
#define DIR_BYTES 100 /* what a socket allows */
#define SKIPPED 77

struct cluster {
	char dir[DIR_BYTES];
	char conninfo[PATH_BYTES];
	const struct passwd *owner; /* who runs it; NULL = we */
	pid_t guardian;		    /* cleans up when `alive` is closed */
	int alive;		    /* owned; the pipe that it reads */
};

static const char config[] = "listen_addresses = ''\n"
			     "max_connections = 60\n"
			     "shared_buffers = 32MB\n"
			     "fsync = off\n"
			     "restart_after_crash = on\n"
			     "log_min_messages = warning\n"
			     "log_line_prefix = '%m [%p] %a '\n";

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "cluster: %s: %s\n", what, why);
	exit(1);
}

static const char *
program(char path[PATH_BYTES], const char *name)
{
	const char *dir = getenv("PG_BINDIR");

	if (dir == NULL || dir[0] == '\0')
		dir = "/usr/lib/postgresql/15/bin";
	(void)snprintf(path, PATH_BYTES, "%s/%s", dir, name);
	return (path);
}

/* In a child: becomes `owner`, NULL = stays who we are, and runs argv[0], with its output in `log`. */
static void
become(const struct passwd *owner, const char *log, const char *const *argv)
{
	int fd;

	if (owner != NULL &&
	    (initgroups(owner->pw_name, owner->pw_gid) != 0 ||
		setgid(owner->pw_gid) != 0 || setuid(owner->pw_uid) != 0))
		_exit(126);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (fd != -1) {
		(void)dup2(fd, 1);
		(void)dup2(fd, 2);
	}
	(void)chdir("/");
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* Runs a program as that user and waits; whether it succeeded. */
static bool
run(const struct cluster *c, const struct passwd *user, const char *const *argv)
{
	char log[PATH_BYTES + 16];
	int status;
	pid_t pid;

	(void)snprintf(log, sizeof(log), "%s/%s", c->dir,
	    user != NULL ? "tools-of-owner" : "tools");
	pid = fork();
	if (pid == 0)
		become(user, log, argv);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return (false);
	return (WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static bool
control(const struct cluster *c, const char *verb, const char *mode)
{
	char path[PATH_BYTES], data[PATH_BYTES + 8], log[PATH_BYTES + 8];
	const char *const argv[] = { program(path, "pg_ctl"), verb, "-D", data,
		"-w", "-t", "60", mode == NULL ? "-l" : "-m",
		mode == NULL ? log : mode, NULL };

	(void)snprintf(data, sizeof(data), "%s/data", c->dir);
	(void)snprintf(log, sizeof(log), "%s/log", c->dir);
	return (run(c, c->owner, argv));
}

/* The guardian: sleeps until the test is gone, then tidies up. */
static void
guard(const struct cluster *c, int alive)
{
	const char *const remove_argv[] = { "/bin/rm", "-rf", c->dir, NULL };
	char byte;

	/* Of another cluster's pipe, say: its guardian waits for the end. */
	if (alive > 3)
		(void)close_range(3, (unsigned int)alive - 1, 0);
	(void)close_range((unsigned int)alive + 1, ~0U, 0);
	while (read(alive, &byte, 1) == -1 && errno == EINTR)
		;
	(void)control(c, "stop", "immediate");
	become(NULL, "/dev/null", remove_argv);
}

static void
start_guardian(struct cluster *c)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		die("pipe", strerror(errno));
	c->guardian = fork();
	if (c->guardian == 0) {
		close(ends[1]);
		(void)setsid(); /* Ctrl-C is for the test */
		guard(c, ends[0]);
	}
	close(ends[0]);
	c->alive = ends[1];
}

static void
make_dir(struct cluster *c)
{
	const char *tmp = getenv("TMPDIR");

	/* The path of a socket has about 100 characters. */
	if (tmp == NULL || strlen(tmp) > 60)
		tmp = "/tmp";
	(void)snprintf(c->dir, sizeof(c->dir), "%s/parley-db-XXXXXX", tmp);
	if (mkdtemp(c->dir) == NULL)
		die(c->dir, strerror(errno));
	if (geteuid() != 0)
		return;
	c->owner = getpwnam("postgres");
	if (c->owner == NULL)
		die("no user", "postgres");
	if (chown(c->dir, c->owner->pw_uid, c->owner->pw_gid) != 0)
		die(c->dir, strerror(errno));
}

static void
configure(const struct cluster *c)
{
	char path[PATH_BYTES + 32];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/data/postgresql.conf", c->dir);
	file = fopen(path, "ae");
	if (file == NULL)
		die(path, strerror(errno));
	fprintf(file, "%sunix_socket_directories = '%s'\n", config, c->dir);
	if (fclose(file) != 0)
		die(path, strerror(errno));
}

/* Copies the cluster that tests/db/template.sh made. */
static void
copy_template(const struct cluster *c)
{
	const char *build = getenv("PARLEY_BUILD");
	char from[PATH_BYTES], data[PATH_BYTES + 8];
	const char *const argv[] = { "/bin/cp", "-a", from, data, NULL };

	(void)snprintf(from, sizeof(from), "%s/tests/db/template/data",
	    build == NULL ? "." : build);
	(void)snprintf(data, sizeof(data), "%s/data", c->dir);
	if (access(from, F_OK) != 0)
		die("make check makes it", from);
	if (!run(c, NULL, argv))
		die("cannot copy", from);
}

static struct cluster *
start_copy(const char *database)
{
	struct cluster *c = base_alloc(sizeof(*c));
	char path[PATH_BYTES];

	if (access(program(path, "initdb"), X_OK) != 0) {
		fprintf(stderr, "cluster: no %s: skipped\n", path);
		exit(SKIPPED);
	}
	make_dir(c);
	start_guardian(c);
	copy_template(c);
	configure(c);
	cluster_start(c);
	(void)snprintf(c->conninfo, sizeof(c->conninfo),
	    "host=%s user=parley dbname=%s", c->dir, database);
	return (c);
}

struct cluster *
cluster_new(void)
{
	return (start_copy("postgres"));
}

struct cluster *
cluster_new_migrated(void)
{
	return (start_copy("parley"));
}

void
cluster_free(struct cluster *c)
{
	if (c == NULL)
		return;
	close(c->alive);
	while (waitpid(c->guardian, NULL, 0) == -1 && errno == EINTR)
		;
	base_free(c);
}

const char *
cluster_conninfo(const struct cluster *c)
{
	return (c->conninfo);
}

const char *
cluster_dir(const struct cluster *c)
{
	return (c->dir);
}

void
cluster_stop(struct cluster *c)
{
	if (!control(c, "stop", "fast"))
		die("pg_ctl stop", c->dir);
}

void
cluster_start(struct cluster *c)
{
	if (!control(c, "start", NULL))
		die("pg_ctl start", c->dir);
}

void
cluster_crash(struct cluster *c)
{
	if (!control(c, "stop", "immediate"))
		die("pg_ctl stop", c->dir);
}

static void
ignore_notice(void *arg, const PGresult *notice)
{
	(void)arg;
	(void)notice;
}

/* One value, or 0; the connection is made anew each time, since tests end
 * connections. */
static int64_t
execute(struct cluster *c, const char *sql)
{
	PGconn *pg = PQconnectdb(c->conninfo);
	ExecStatusType status;
	PGresult *result;
	int64_t value = 0;

	(void)PQsetNoticeReceiver(pg, ignore_notice, NULL);
	result = PQexec(pg, sql);
	status = PQresultStatus(result);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		die(sql, PQerrorMessage(pg));
	if (PQntuples(result) > 0)
		value = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	PQfinish(pg);
	return (value);
}

void
cluster_exec(struct cluster *c, const char *sql)
{
	(void)execute(c, sql);
}

int64_t
cluster_number(struct cluster *c, const char *sql)
{
	return (execute(c, sql));
}

int64_t
cluster_kill(struct cluster *c, const char *pattern)
{
	struct base_buf sql;
	int64_t n;

	base_buf_init(&sql);
	base_buf_printf(&sql,
	    "select count(pg_terminate_backend(pid)) from pg_stat_activity"
	    " where application_name like '%s' and pid <> pg_backend_pid()",
	    pattern);
	n = execute(c, base_buf_str(&sql));
	base_buf_fini(&sql);
	return (n);
}
