/* SPDX-License-Identifier: ISC */
/* upload/seats.c: taken by several, in this process and in others. */

#include "tests/unit/harness.h"

#include <sys/wait.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "upload/seats.h"

enum {
	LONG_MS = 60 * 1000 /* a machine may be busy */
};

static char dir[] = "/tmp/parley-seats-XXXXXX";

static struct upload_seats *
seats_open(unsigned count)
{
	struct upload_seats *s = upload_seats_open(dir, count);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	return (s);
}

static void
test_starts(void)
{
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	CU_ASSERT_PTR_NULL(upload_seats_open("/nonexistent", 1));
	CU_ASSERT_EQUAL(errno, ENOENT);
	/* Without seats everybody sits. */
	CU_ASSERT(upload_seats_take(NULL, 0));
	upload_seats_leave(NULL);
	upload_seats_close(NULL);
}

static void
test_half_of_the_processors(void)
{
	cpu_set_t all, one;
	int cpu = 0;

	CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof(all), &all), 0);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	CU_ASSERT_EQUAL(sched_setaffinity(0, sizeof(one), &one), 0);
	CU_ASSERT_EQUAL(upload_seats_default(), 1);
	CU_ASSERT_EQUAL(sched_setaffinity(0, sizeof(all), &all), 0);
	CU_ASSERT_EQUAL(upload_seats_default(),
	    CPU_COUNT(&all) == 1 ? 1 : (unsigned)CPU_COUNT(&all) / 2);
}

static void
test_no_more_than_there_are(void)
{
	struct upload_seats *a = seats_open(2), *b = seats_open(2),
			    *c = seats_open(2);

	CU_ASSERT(upload_seats_take(a, 0));
	CU_ASSERT(upload_seats_take(b, 0));
	CU_ASSERT_FALSE(upload_seats_take(c, 0));
	CU_ASSERT_FALSE(upload_seats_take(c, 30));
	upload_seats_leave(a);
	upload_seats_leave(a);
	CU_ASSERT(upload_seats_take(c, 0));
	CU_ASSERT_FALSE(upload_seats_take(a, 0));
	upload_seats_close(b); /* leaves */
	CU_ASSERT(upload_seats_take(a, 0));
	upload_seats_close(a);
	upload_seats_close(c);
}

/* A process that has the only seat, until `fd` is closed. */
static pid_t
sitter_start(int ends[2])
{
	int told[2];
	struct upload_seats *s;
	char byte;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	CU_ASSERT_EQUAL_FATAL(pipe(told), 0);
	pid = fork();
	CU_ASSERT_FATAL(pid != -1);
	if (pid == 0) {
		close(ends[1]);
		s = upload_seats_open(dir, 1);
		if (s == NULL || !upload_seats_take(s, 0) ||
		    write(told[1], "", 1) != 1)
			_exit(1);
		(void)!read(ends[0], &byte, 1);
		upload_seats_leave(s);
		pause();
	}
	close(told[1]);
	CU_ASSERT_EQUAL_FATAL(read(told[0], &byte, 1), 1);
	close(told[0]);
	close(ends[0]);
	return (pid);
}

static void
sitter_end(pid_t pid)
{
	CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
	CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
}

static void
test_waits_for_others(void)
{
	struct upload_seats *s = seats_open(1);
	int ends[2];
	pid_t pid = sitter_start(ends);

	CU_ASSERT_FALSE(upload_seats_take(s, 0));
	close(ends[1]);
	CU_ASSERT(upload_seats_take(s, LONG_MS));
	sitter_end(pid);
	upload_seats_close(s);
}

static void
test_the_dead_leave(void)
{
	struct upload_seats *s = seats_open(1);
	int ends[2];
	pid_t pid = sitter_start(ends);

	CU_ASSERT_FALSE(upload_seats_take(s, 0));
	sitter_end(pid);
	CU_ASSERT(upload_seats_take(s, LONG_MS));
	close(ends[1]);
	upload_seats_close(s);
}

static void
test_ends(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/decoders", dir);
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(rmdir(dir), 0);
}

TEST_MAIN("upload_seats", { "starts", test_starts },
    { "half of the processors", test_half_of_the_processors },
    { "no more than there are", test_no_more_than_there_are },
    { "waits for others", test_waits_for_others },
    { "the dead leave", test_the_dead_leave }, { "ends", test_ends })
