/* SPDX-License-Identifier: ISC */
/* upload/breath.c: threads that work breathe, within the sandbox too.  A child
 * does it, since it is for good. */

#include "tests/unit/harness.h"

#include <sys/wait.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "base/clock.h"
#include "upload/breath.h"
#include "upload/sandbox.h"

enum {
	LONG_MS = 60 * 1000, /* a machine may be busy */
	ENOUGH = 5
};

/* As parley-decode does. */
int
pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*work)(void *), void *arg)
{
	return (upload_breath_thread(thread, attr, work, arg));
}

static int
in_child(int (*what)(void))
{
	int status;
	pid_t pid = fork();

	CU_ASSERT_FATAL(pid != -1);
	if (pid == 0)
		_exit(what());
	CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
	return (WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

/* Work until this process has breathed that often. */
static bool
works(uint64_t until)
{
	uint64_t end = base_clock_ms() + LONG_MS;

	errno = 77;
	while (upload_breaths() < until)
		if (base_clock_ms() > end)
			return (false);
	return (errno == 77);
}

static void *
on_thread(void *arg)
{
	*(bool *)arg = works(upload_breaths() + ENOUGH);
	return (NULL);
}

/* The thread that began with it, and one after the other that it starts. */
static int
breathes(void)
{
	pthread_t thread;
	bool did;

	upload_breathe();
	if (!works(ENOUGH))
		return (1);
	for (int i = 0; i < 50; i++) {
		did = false;
		if (pthread_create(&thread, NULL, on_thread, &did) != 0 ||
		    pthread_join(thread, NULL) != 0 || !did)
			return (2);
	}
	return (0);
}

static int
breathes_inside(void)
{
	return (upload_sandbox_enter(false) ? breathes() : 99);
}

/* Nobody asked for it. */
static int
does_not(void)
{
	pthread_t thread;
	bool did = false;

	if (pthread_create(&thread, NULL, on_thread, &did) != 0)
		return (1);
	for (uint64_t end = base_clock_ms() + 20; base_clock_ms() < end;)
		;
	return (upload_breaths() == 0 ? 0 : 2);
}

static void
test_threads_that_work_breathe(void)
{
	CU_ASSERT_EQUAL(in_child(breathes), 0);
	CU_ASSERT_EQUAL(in_child(breathes_inside), 0);
}

static void
test_only_when_asked(void)
{
	CU_ASSERT_EQUAL(in_child(does_not), 0);
}

TEST_MAIN("upload_breath",
    { "threads that work breathe", test_threads_that_work_breathe },
    { "only when asked", test_only_when_asked })
