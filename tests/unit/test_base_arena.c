/* SPDX-License-Identifier: ISC */
/* The arena gives aligned, zeroed pieces that do not overlap. */

#include <stdint.h>

#include "base/arena.h"
#include "tests/unit/harness.h"

static void
test_pieces(void)
{
	struct base_arena a;
	unsigned char *pieces[200];
	size_t wrong = 0;

	base_arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		const size_t size = i * 13 % 3000 + 1;

		pieces[i] = base_arena_alloc(&a, size);
		if ((uintptr_t)pieces[i] % _Alignof(max_align_t) != 0)
			wrong++;
		for (size_t at = 0; at < size; at++)
			wrong += pieces[i][at] != 0;
		memset(pieces[i], (int)i, size);
	}
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		for (size_t at = 0; at < i * 13 % 3000 + 1; at++)
			wrong += pieces[i][at] != (unsigned char)i;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	base_arena_fini(&a);
	CU_ASSERT_PTR_NULL(a.blocks);
}

static void
test_large_first(void)
{
	struct base_arena a;
	char *large, *small;

	base_arena_init(&a);
	large = base_arena_alloc(&a, 100000);
	small = base_arena_alloc(&a, 10);
	memset(large, 'l', 100000);
	memset(small, 's', 10);
	CU_ASSERT_EQUAL(large[99999], 'l');
	CU_ASSERT_EQUAL(small[0], 's');
	base_arena_fini(&a);
}

static void
test_strings(void)
{
	struct base_arena a;
	char *text;

	base_arena_init(&a);
	CU_ASSERT_PTR_NULL(base_arena_strdup(&a, NULL));
	CU_ASSERT_STRING_EQUAL(base_arena_strdup(&a, "hello"), "hello");
	CU_ASSERT_STRING_EQUAL(base_arena_strndup(&a, "hello", 3), "hel");
	CU_ASSERT_STRING_EQUAL(base_arena_strndup(&a, NULL, 0), "");
	text = base_arena_printf(&a, "%s=%d", "seq", 17);
	CU_ASSERT_STRING_EQUAL(text, "seq=17");
	text = base_arena_printf(&a, "%5000d", 1);
	CU_ASSERT_EQUAL(strlen(text), 5000);
	base_arena_fini(&a);
}

TEST_MAIN("base_arena", { "pieces are aligned, zeroed, apart", test_pieces },
    { "a large piece may come first", test_large_first },
    { "strings are copied and formatted", test_strings })
