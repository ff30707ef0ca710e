/* SPDX-License-Identifier: ISC */
#include "api/ctl_environment.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/harness.h"

static char path[] = "/tmp/parley-env-XXXXXX";

static void
test_takes(void)
{
	FILE *f = fopen(path, "w");

	fputs(
	    "# PARLEY_A=comment\n\nPARLEY_B=plain\n  PARLEY_C=\"with space\"\n"
	    "PARLEY_D='a=b'\r\nPATH=/nowhere\nPARLEY_E=\nnonsense\n"
	    "PARLEY_F=no newline",
	    f);
	fclose(f);
	clearenv();
	CU_ASSERT_TRUE(api_ctl_environment_load(path));
	CU_ASSERT_PTR_NULL(getenv("PARLEY_A"));
	CU_ASSERT_STRING_EQUAL(getenv("PARLEY_B"), "plain");
	CU_ASSERT_STRING_EQUAL(getenv("PARLEY_C"), "with space");
	CU_ASSERT_STRING_EQUAL(getenv("PARLEY_D"), "a=b");
	CU_ASSERT_STRING_EQUAL(getenv("PARLEY_E"), "");
	CU_ASSERT_STRING_EQUAL(getenv("PARLEY_F"), "no newline");
	CU_ASSERT_PTR_NULL(getenv("PATH"));
}

static void
test_leaves(void)
{
	clearenv();
	setenv("PARLEY_Z", "mine", 1);
	CU_ASSERT_TRUE(api_ctl_environment_load(path));
	CU_ASSERT_PTR_NULL(getenv("PARLEY_B"));
	clearenv();
	CU_ASSERT_TRUE(api_ctl_environment_load("/nonexistent/parley.env"));
}

int
main(int argc, char **argv)
{
	static const struct test_case cases[] = { { "takes", test_takes },
		{ "leaves", test_leaves } };
	int fd = mkstemp(path), failed;

	if (fd == -1)
		return 1;
	close(fd);
	failed = test_main(
	    "api_ctl_environment", cases, 2, argc > 1 ? argv[1] : NULL);
	unlink(path);
	return failed;
}
