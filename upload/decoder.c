/* SPDX-License-Identifier: ISC */
/* The process that looks into strangers' files, from outside. */

#include "upload/decoder.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
	START_MS = 30 * 1000, /* a machine may be busy */
	/* It keeps the time itself; this is for when it cannot. */
	SPARE_MS = 5 * 1000,
	ENVIRONMENT_MAX = 8
};

struct upload_decoder {
	char *program; /* owned */
	struct upload_decoder_settings settings;
	struct upload_decoder_hello hello;
	pid_t pid; /* 0: not running */
	int fd;	   /* owned; -1: not running */
};

struct upload_decoder *
upload_decoder_new(
    const char *program, const struct upload_decoder_settings *settings)
{
	struct upload_decoder *d = base_alloc(sizeof(*d));

	d->program = base_strdup(program);
	d->settings = *settings;
	d->fd = -1;
	return d;
}

static void
stop(struct upload_decoder *d)
{
	if (d->fd != -1)
		close(d->fd);
	d->fd = -1;
	if (d->pid > 0) {
		(void)kill(d->pid, SIGKILL);
		while (waitpid(d->pid, NULL, 0) == -1 && errno == EINTR)
			;
	}
	d->pid = 0;
}

void
upload_decoder_free(struct upload_decoder *d)
{
	if (d == NULL)
		return;
	stop(d);
	base_free(d->program);
	base_free(d);
}

/* Our settings are secrets: of the environment it gets only what it needs. */
static void
environment_make(char *environment[ENVIRONMENT_MAX])
{
	static const char *const passed[] = {
		"ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LD_LIBRARY_PATH=", "MAGIC="
	};
	/* Vector code is compiled while running, which the sandbox forbids;
	 * plug-ins bring loaders of other formats along with their libraries:
	 * let them be looked for where there are none. */
	static const char *const fixed[] = { "MALLOC_ARENA_MAX=2",
		"VIPS_NOVECTOR=1", "VIPSHOME=/nonexistent" };
	size_t n = 0, len;

	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		environment[n++] = (char *)(uintptr_t)fixed[i];
	for (size_t i = 0; i < ARRAY_LEN(passed); i++) {
		len = strlen(passed[i]);
		for (char **e = environ; e != NULL && *e != NULL; e++)
			if (strncmp(*e, passed[i], len) == 0)
				environment[n++] = *e;
	}
	environment[n] = NULL;
}

/* Descriptors: 0 is nothing, 1 and 2 are the log, 3 the socket. */
static int
spawn(struct upload_decoder *d, int socket)
{
	char *argv[] = { d->program, NULL }, *environment[ENVIRONMENT_MAX];
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int error;

	environment_make(environment);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(
	    &actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(
	    &actions, STDERR_FILENO, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, socket, UPLOAD_DECODER_FD);
	posix_spawn_file_actions_addclosefrom_np(
	    &actions, UPLOAD_DECODER_FD + 1);
	posix_spawnattr_init(&attributes);
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	error = posix_spawn(
	    &d->pid, d->program, &actions, &attributes, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	if (error != 0)
		d->pid = 0;
	return error;
}

/* Does something come within `ms`? */
static bool
wait_readable(int fd, unsigned ms)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };
	uint64_t until = base_clock_ms() + ms, now;
	int n;

	do {
		now = base_clock_ms();
		n = poll(&one, 1, now < until ? (int)(until - now) : 0);
	} while (n == -1 && errno == EINTR);
	return n == 1;
}

bool
upload_decoder_start(
    struct upload_decoder *d, struct upload_decoder_hello *hello)
{
	int pair[2], error;

	if (d->fd != -1) {
		*hello = d->hello;
		return true;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return false;
	/* dup2() onto itself would leave it to be closed. */
	if (pair[1] == UPLOAD_DECODER_FD &&
	    (pair[1] = fcntl(
		 pair[1], F_DUPFD_CLOEXEC, UPLOAD_DECODER_FD + 1)) == -1) {
		close(pair[0]);
		close(UPLOAD_DECODER_FD);
		return false;
	}
	error = spawn(d, pair[1]);
	close(pair[1]);
	d->fd = pair[0];
	if (error == 0 &&
	    upload_job_send(
		d->fd, &d->settings, sizeof(d->settings), NULL, 0) &&
	    wait_readable(d->fd, START_MS) &&
	    upload_job_receive(
		d->fd, &d->hello, sizeof(d->hello), NULL, NULL)) {
		*hello = d->hello;
		return true;
	}
	stop(d);
	errno = error;
	return false;
}

static bool
ask(struct upload_decoder *d, const struct upload_job *job, const int *files,
    struct upload_report *report)
{
	struct upload_decoder_hello hello;

	return upload_decoder_start(d, &hello) &&
	    upload_job_send(d->fd, job, sizeof(*job), files, job->nfiles) &&
	    wait_readable(d->fd, d->settings.seconds * 2000 + SPARE_MS) &&
	    upload_job_receive(d->fd, report, sizeof(*report), NULL, NULL) &&
	    upload_report_check(report);
}

bool
upload_decoder_run(struct upload_decoder *d, const struct upload_job *job,
    const int *files, struct upload_report *report)
{
	upload_report_init(report);
	/* One that somebody killed while it had nothing to do is no failure. */
	if (d->fd != -1 && wait_readable(d->fd, 0))
		stop(d);
	if (ask(d, job, files, report))
		return true;
	stop(d);
	upload_report_init(report);
	return false;
}
