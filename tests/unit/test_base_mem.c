/* SPDX-License-Identifier: ISC */
/* Memory comes zeroed, and copies of strings are ended. */

#include <sys/wait.h>

#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/harness.h"

static void
test_zeroed(void)
{
	unsigned char *p = base_alloc(100);
	int sum = 0;

	for (int i = 0; i < 100; i++)
		sum |= p[i];
	CU_ASSERT_EQUAL(sum, 0);
	base_free(p);
	base_free(NULL);
	p = base_alloc(0);
	CU_ASSERT_PTR_NOT_NULL(p);
	base_free(p);
}

static void
test_strings(void)
{
	char *s = base_strdup("hello");

	CU_ASSERT_STRING_EQUAL(s, "hello");
	s = base_realloc(s, 1000);
	CU_ASSERT_STRING_EQUAL(s, "hello");
	base_free(s);
	s = base_strndup("hello", 2);
	CU_ASSERT_STRING_EQUAL(s, "he");
	base_free(s);
	s = base_strndup(NULL, 0);
	CU_ASSERT_STRING_EQUAL(s, "");
	base_free(s);
	CU_ASSERT_PTR_NULL(base_strdup(NULL));
}

static void
test_overflow_ends_the_process(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		close(STDERR_FILENO);
		base_free(base_alloc_array(SIZE_MAX / 2, 3));
		_exit(0);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

TEST_MAIN("base_mem", { "memory is zeroed", test_zeroed },
    { "strings are copied", test_strings },
    { "an overflowing size ends the process", test_overflow_ends_the_process })
