/* SPDX-License-Identifier: ISC */
/* upload/sandbox.c: what can still be done inside, and what cannot.  Each case
 * is a child, which says by its end what happened. */

#include "tests/unit/harness.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "upload/sandbox.h"

/* How a child ends that runs `what` inside: its exit code, or minus the signal
 * that ended it. */
static int
inside(int (*what)(void))
{
	int status;
	pid_t pid = fork();

	CU_ASSERT_FATAL(pid != -1);
	if (pid == 0)
		_exit(upload_sandbox_enter(false) ? what() : 99);
	CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
	return (WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

static void *
on_thread(void *arg)
{
	*(int *)arg = 1;
	return (NULL);
}

static int
computes(void)
{
	char *much = malloc(64 << 20);
	pthread_t thread;
	int ran = 0, fd = dup(STDERR_FILENO);

	if (much == NULL || fd == -1)
		return (2);
	memset(much, 1, 64 << 20);
	free(much);
	if (pthread_create(&thread, NULL, on_thread, &ran) != 0 ||
	    pthread_join(thread, NULL) != 0 || !ran)
		return (3);
	return (write(fd, "", 0) == 0 ? 0 : 4);
}

static int
opens(void)
{
	return (open("/etc/passwd", O_RDONLY) == -1 && errno == EPERM &&
		    open("/tmp/parley-x", O_CREAT | O_WRONLY, 0600) == -1 &&
		    unlink("/tmp/parley-x") == -1 && errno == EPERM ?
		0 :
		1);
}

static int
maps_code(void)
{
	return (mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ?
		0 :
		1);
}

static int
signals_others(void)
{
	return (kill(getppid(), 0) == -1 && errno == EPERM ? 0 : 1);
}

static int
aborts(void)
{
	abort();
}

static int
talks(void)
{
	return (socket(AF_INET, SOCK_STREAM, 0));
}

static int
talks_locally(void)
{
	return (socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
executes(void)
{
	return (execl("/bin/true", "true", (char *)NULL));
}

static int
forks(void)
{
	return (fork());
}

static void
test_allows_and_forbids(void)
{
	static const struct {
		int (*what)(void);
		int end;
	} cases[] = { { computes, 0 }, { opens, 0 }, { maps_code, 0 },
		{ signals_others, 0 }, { aborts, -SIGABRT }, { talks, -SIGSYS },
		{ talks_locally, -SIGSYS }, { executes, -SIGSYS },
		{ forks, -SIGSYS } };

	bool enters, has_fonts;

	upload_sandbox_probe(&enters, &has_fonts);
	if (!enters) {
		puts("no seccomp filter is taken here: skipped");
		return;
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CU_ASSERT_EQUAL(inside(cases[i].what), cases[i].end);
}

/* Fonts may be read, nothing else, and nothing written. */
static int
reads_fonts(void)
{
	int fd = open("/usr/share/fonts", O_RDONLY | O_DIRECTORY);

	if (fd == -1 && errno != ENOENT)
		return (1);
	if (open("/etc/passwd", O_RDONLY) != -1 || errno != EACCES)
		return (2);
	if (open("/usr/share/fonts/x", O_CREAT | O_WRONLY, 0600) != -1 ||
	    errno != EPERM)
		return (3);
	return (0);
}

static void
test_fonts(void)
{
	bool enters, has_fonts;
	int status;
	pid_t pid;

	upload_sandbox_probe(&enters, &has_fonts);
	if (!enters || !has_fonts) {
		puts("no Landlock here: skipped");
		return;
	}
	pid = fork();
	CU_ASSERT_FATAL(pid != -1);
	if (pid == 0)
		_exit(upload_sandbox_fonts() && upload_sandbox_enter(true) ?
			reads_fonts() :
			99);
	CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT(WIFEXITED(status));
	CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
}

static const struct upload_sandbox_limits limits = {
	.cpu_seconds = 1, .memory_bytes = 512 << 20, .file_bytes = 1000
};

static int
limited(void (*what)(void))
{
	int status;
	pid_t pid = fork();

	CU_ASSERT_FATAL(pid != -1);
	if (pid == 0) {
		if (!upload_sandbox_limit(&limits))
			_exit(99);
		what();
		_exit(0);
	}
	CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
	return (WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

static void
works_for_ever(void)
{
	for (volatile unsigned i = 0;; i++)
		;
}

static void
writes_much(void)
{
	char path[] = "/tmp/parley-sandbox-XXXXXX", bytes[600] = "";
	int fd = mkstemp(path);

	unlink(path);
	if (write(fd, bytes, 600) != 600 || write(fd, bytes, 600) != 400 ||
	    write(fd, bytes, 600) != -1 || errno != EFBIG)
		_exit(1);
}

static void
opens_much(void)
{
	int fd;

	do
		fd = dup(STDERR_FILENO);
	while (fd != -1 && fd < 64);
	_exit(fd == -1 && errno == EMFILE ? 0 : 1);
}

static void
takes_much(void)
{
	void *p = mmap(NULL, 1 << 30, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	_exit(p == MAP_FAILED ? 0 : 1);
}

static void
test_limits(void)
{
	CU_ASSERT_EQUAL(limited(works_for_ever), -SIGXCPU);
	CU_ASSERT_EQUAL(limited(writes_much), 0);
	CU_ASSERT_EQUAL(limited(opens_much), 0);
#ifndef __SANITIZE_ADDRESS__
	CU_ASSERT_EQUAL(limited(takes_much), 0);
#else
	(void)takes_much;
#endif
}

TEST_MAIN("upload_sandbox", { "allows and forbids", test_allows_and_forbids },
    { "fonts", test_fonts }, { "limits", test_limits })
