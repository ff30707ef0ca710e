/* SPDX-License-Identifier: ISC */
/* api/prefork.c and api/watchdog.c: children that crash, hang, refuse, and
 * leave when they are told. */

#include "tests/unit/harness.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "api/prefork.h"
#include "api/watchdog.h"
#include "base/attr.h"
#include "base/log.h"

/* Seen by all processes of a test. */
struct shared {
	int starts;  /* of children, all together */
	int calm;    /* children that stayed until they were told to go */
	int told;    /* one was told to go in the middle of something */
	ssize_t got; /* what its read() gave */
};

static struct shared *shared;
static char log_path[] = "/tmp/parley-prefork-XXXXXX";

static void
nap(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	(void)nanosleep(&t, NULL);
}

static int
stay(const volatile sig_atomic_t *stop)
{
	while (!*stop)
		nap(5);
	__atomic_add_fetch(&shared->calm, 1, __ATOMIC_SEQ_CST);
	return (0);
}

/* The first life ends by a signal, the second by the watchdog. */
static int
troubled(
    void *arg, struct api_prefork_slot *slot, const volatile sig_atomic_t *stop)
{
	(void)arg;
	switch (__atomic_add_fetch(&shared->starts, 1, __ATOMIC_SEQ_CST)) {
	case 1:
		api_prefork_mark(slot, "request-1", "hash-1");
		(void)raise(SIGKILL);
		break;
	case 2:
		api_prefork_mark(slot, "request-2", "hash-2");
		api_watchdog_init();
		api_watchdog_arm(1);
		for (;;)
			nap(1000);
	default:
		break;
	}
	return (stay(stop));
}

static int
misconfigured(
    void *arg, struct api_prefork_slot *slot, const volatile sig_atomic_t *stop)
{
	(void)arg;
	if (slot->index == 0)
		return (API_PREFORK_EXIT_CONFIG);
	return (stay(stop));
}

/* Ends at once by itself, as a process does that has served enough. */
static int
short_lived(
    void *arg, struct api_prefork_slot *slot, const volatile sig_atomic_t *stop)
{
	(void)arg;
	(void)slot;
	if (__atomic_add_fetch(&shared->starts, 1, __ATOMIC_SEQ_CST) < 10)
		return (0);
	return (stay(stop));
}

static int
deaf(
    void *arg, struct api_prefork_slot *slot, const volatile sig_atomic_t *stop)
{
	(void)arg;
	(void)slot;
	__atomic_add_fetch(&shared->starts, 1, __ATOMIC_SEQ_CST);
	while (*stop < 2) /* it becomes 1 */
		nap(1000);
	return (0);
}

static int in_hand[2]; /* a pipe: what a child reads */

static int
reader(
    void *arg, struct api_prefork_slot *slot, const volatile sig_atomic_t *stop)
{
	char c;

	(void)arg;
	(void)slot;
	__atomic_add_fetch(&shared->starts, 1, __ATOMIC_SEQ_CST);
	shared->got = read(in_hand[0], &c, 1);
	__atomic_store_n(&shared->told, *stop, __ATOMIC_SEQ_CST);
	return (0);
}

typedef int child_fn(void *arg, struct api_prefork_slot *slot,
    const volatile sig_atomic_t *stop);

/* A master in a process of its own. */
static pid_t
master_start(child_fn *child, unsigned processes, unsigned grace_s)
{
	struct api_prefork_params params = {
		.processes = processes, .child = child, .grace_s = grace_s
	};
	int fd = mkstemp(log_path);
	pid_t pid;

	CU_ASSERT_FATAL(fd != -1);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CU_ASSERT_FATAL(shared != MAP_FAILED);
	pid = fork();
	CU_ASSERT_FATAL(pid != -1);
	if (pid == 0) {
		base_log_fd_set(fd);
		_exit(api_prefork_run(&params));
	}
	close(fd);
	return (pid);
}

static bool
reached(const int *value, int wanted)
{
	for (int i = 0; i < 1000; i++) {
		if (__atomic_load_n(value, __ATOMIC_SEQ_CST) >= wanted)
			return (true);
		nap(10);
	}
	return (false);
}

/* Its exit code, and what it logged into `text`. */
static int
master_wait(pid_t pid, char *text, size_t size)
{
	int status, fd = open(log_path, O_RDONLY);
	ssize_t n;

	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	n = read(fd, text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
	unlink(log_path);
	memcpy(log_path + sizeof(log_path) - 7, "XXXXXX", 6);
	return (WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static void
test_replaces_who_dies(void)
{
	pid_t pid = master_start(troubled, 2, 10);
	char text[4096];

	CU_ASSERT(reached(&shared->starts, 4));
	CU_ASSERT_EQUAL(kill(pid, SIGTERM), 0);
	CU_ASSERT_EQUAL(master_wait(pid, text, sizeof(text)), 0);
	CU_ASSERT_EQUAL(shared->calm, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(
	    text, "how=\"signal 9\" request=request-1 upload_sha256=hash-1"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text,
	    "how=\"took too long\" request=request-2 upload_sha256=hash-2"));
}

static void
test_a_wrong_setting_ends_all(void)
{
	pid_t pid = master_start(misconfigured, 3, 10);
	char text[4096];

	CU_ASSERT_EQUAL(
	    master_wait(pid, text, sizeof(text)), API_PREFORK_EXIT_CONFIG);
}

static void
test_recycling_is_no_crash(void)
{
	pid_t pid = master_start(short_lived, 1, 10);
	char text[4096];

	CU_ASSERT(reached(&shared->starts, 10));
	CU_ASSERT_EQUAL(kill(pid, SIGINT), 0);
	CU_ASSERT_EQUAL(master_wait(pid, text, sizeof(text)), 0);
	CU_ASSERT_STRING_EQUAL(text, "");
}

static void
test_patience_ends(void)
{
	pid_t pid = master_start(deaf, 2, 1);
	char text[4096];

	CU_ASSERT(reached(&shared->starts, 2));
	CU_ASSERT_EQUAL(kill(pid, SIGTERM), 0);
	CU_ASSERT_EQUAL(master_wait(pid, text, sizeof(text)), 0);
}

/* A body that is still coming is read to its end. */
static void
test_what_is_in_hand_is_finished(void)
{
	char text[4096];
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(in_hand), 0);
	pid = master_start(reader, 1, 10);
	CU_ASSERT(reached(&shared->starts, 1));
	nap(50);
	CU_ASSERT_EQUAL(kill(pid, SIGTERM), 0);
	nap(200);
	CU_ASSERT_EQUAL(write(in_hand[1], "x", 1), 1);
	CU_ASSERT_EQUAL(master_wait(pid, text, sizeof(text)), 0);
	CU_ASSERT_EQUAL(shared->got, 1);
	CU_ASSERT_EQUAL(shared->told, 1);
	close(in_hand[0]);
	close(in_hand[1]);
}

TEST_MAIN("api_prefork", { "replaces who dies", test_replaces_who_dies },
    { "a wrong setting ends all", test_a_wrong_setting_ends_all },
    { "recycling is no crash", test_recycling_is_no_crash },
    { "patience ends", test_patience_ends },
    { "what is in hand is finished", test_what_is_in_hand_is_finished })
