/* SPDX-License-Identifier: ISC */
/*
 * The main function of a CUnit test program:
 *
 *	static void test_appends(void) { CU_ASSERT(...); }
 *	TEST_MAIN("base_buf", { "appends", test_appends }, ...)
 *
 * It exits 0 when every assertion held.  An argument runs the cases whose
 * names contain it.
 */

#ifndef TESTS_UNIT_HARNESS_H
#define TESTS_UNIT_HARNESS_H

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct test_case {
	const char *name;
	void (*run)(void);
};

static inline int
test_main(const char *suite_name, const struct test_case *cases, size_t n,
    const char *only)
{
	CU_pSuite suite;
	unsigned int failures;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (CU_initialize_registry() != CUE_SUCCESS)
		return (2);
	suite = CU_add_suite(suite_name, NULL, NULL);
	for (size_t i = 0; i < n; i++) {
		if (only != NULL && strstr(cases[i].name, only) == NULL)
			continue;
		if (CU_add_test(suite, cases[i].name, cases[i].run) == NULL)
			return (2);
	}
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return (failures == 0 ? 0 : 1);
}

#define TEST_MAIN(suite_name, ...)                                       \
	int main(int argc, char **argv)                                  \
	{                                                                \
		static const struct test_case cases[] = { __VA_ARGS__ }; \
                                                                         \
		return (test_main(suite_name, cases,                     \
		    sizeof(cases) / sizeof(cases[0]),                    \
		    argc > 1 ? argv[1] : NULL));                         \
	}

#endif
