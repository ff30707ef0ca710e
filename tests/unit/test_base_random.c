/* SPDX-License-Identifier: ISC */
/* Random numbers are in range and not the same twice. */

#include <sys/wait.h>

#include <unistd.h>

#include "base/random.h"
#include "tests/unit/harness.h"

static void
test_bytes(void)
{
	unsigned char a[32] = { 0 }, b[32] = { 0 };

	base_random_bytes(a, sizeof(a));
	base_random_bytes(b, sizeof(b));
	CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof(a)), 0);
	base_random_bytes(a, 0);
}

/* Neither in turn nor in a child does anything come twice. */
static void
test_never_twice(void)
{
	static uint64_t drawn[1000];
	uint64_t theirs[2], mine;
	int ends[2], equal = 0;
	pid_t pid;

	for (int i = 0; i < 1000; i++) {
		base_random_bytes(&drawn[i], sizeof(drawn[i]));
		for (int k = 0; k < i; k++)
			equal += drawn[k] == drawn[i];
	}
	CU_ASSERT_EQUAL(equal, 0);
	CU_ASSERT_EQUAL(pipe(ends), 0);
	for (int i = 0; i < 2; i++) {
		pid = fork();
		if (pid == 0) {
			base_random_bytes(&mine, sizeof(mine));
			_exit(write(ends[1], &mine, sizeof(mine)) !=
			    (ssize_t)sizeof(mine));
		}
		CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
		CU_ASSERT_EQUAL(read(ends[0], &theirs[i], sizeof(theirs[i])),
		    (ssize_t)sizeof(theirs[i]));
	}
	base_random_bytes(&mine, sizeof(mine));
	CU_ASSERT_NOT_EQUAL(theirs[0], theirs[1]);
	CU_ASSERT_NOT_EQUAL(theirs[0], mine);
	CU_ASSERT_NOT_EQUAL(theirs[1], mine);
	close(ends[0]);
	close(ends[1]);
}

static void
test_below(void)
{
	int seen[7] = { 0 }, missing = 0;

	for (int i = 0; i < 1000; i++)
		seen[base_random_below(7)]++;
	for (int i = 0; i < 7; i++)
		missing += seen[i] == 0;
	CU_ASSERT_EQUAL(missing, 0);
	CU_ASSERT_EQUAL(base_random_below(1), 0);
}

static void
test_base32(void)
{
	char text[101], empty[1] = "";

	base_random_base32(text, 100);
	CU_ASSERT_EQUAL(strlen(text), 100);
	CU_ASSERT_EQUAL(strspn(text, "abcdefghijklmnopqrstuvwxyz234567"), 100);
	base_random_base32(empty, 0);
	CU_ASSERT_STRING_EQUAL(empty, "");
}

TEST_MAIN("base_random", { "bytes", test_bytes },
    { "never twice", test_never_twice }, { "below", test_below },
    { "base32", test_base32 })
