/* SPDX-License-Identifier: ISC */
/* Blocks kept for the next of their size. */
#include "base/recycle.h"

#include <stdint.h>
#include <string.h>

#include "base/attr.h"
#include "tests/unit/harness.h"

static void
test_gives_again(void)
{
	char *a = base_recycle_get(100), *b;

	memset(a, 'a', 100);
	base_recycle_put(a, 100);
	CU_ASSERT_EQUAL(base_recycle_kept(), 128);
	b = base_recycle_get(65); /* of the same step */
	CU_ASSERT_PTR_EQUAL(b, a);
	CU_ASSERT_EQUAL(base_recycle_kept(), 0);
	memset(b, 'b', 65);
	base_recycle_put(b, 65);
	a = base_recycle_get(64); /* of the step below */
	CU_ASSERT_PTR_NOT_EQUAL(a, b);
	base_recycle_put(a, 64);
	CU_ASSERT_EQUAL(base_recycle_kept(), 192);
	base_recycle_put(NULL, 64);
	a = base_recycle_get(0);
	*a = 1;
	base_recycle_put(a, 0);
	CU_ASSERT_EQUAL(base_recycle_kept(), 192);
}

/* Every size, written to its last byte, all of them at once and twice. */
static void
test_sizes(void)
{
	static unsigned char *blocks[5000];

	for (int round = 0; round < 2; round++) {
		for (size_t size = 1; size < ARRAY_LEN(blocks); size++) {
			blocks[size] = base_recycle_get(size);
			memset(blocks[size], (int)(size & 255), size);
		}
		for (size_t size = 1; size < ARRAY_LEN(blocks); size++) {
			CU_ASSERT_EQUAL(blocks[size][0], size & 255);
			CU_ASSERT_EQUAL(blocks[size][size - 1], size & 255);
			base_recycle_put(blocks[size], size);
		}
	}
}

static void
test_bounded(void)
{
	static void *blocks[3000];

	for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
		blocks[i] = base_recycle_get(4096);
	for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
		base_recycle_put(blocks[i], 4096);
	CU_ASSERT_TRUE(base_recycle_kept() <= 4u << 20);
	CU_ASSERT_TRUE(base_recycle_kept() > (4u << 20) - 8192);
	for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
		blocks[i] = base_recycle_get(4096);
	for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
		memset(blocks[i], 1, 4096);
	for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
		base_recycle_put(blocks[i], 4096);
}

/* Blocks of a size that went out of use give way. */
static void
test_makes_room(void)
{
	static void *blocks[10000];
	void *last;

	for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
		blocks[i] = base_recycle_get(832);
	for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
		base_recycle_put(blocks[i], 832);
	for (size_t i = 0; i < 100; i++)
		blocks[i] = base_recycle_get(4000);
	for (size_t i = 0; i < 100; i++)
		base_recycle_put(blocks[i], 4000);
	CU_ASSERT_TRUE(base_recycle_kept() <= 4u << 20);
	last = base_recycle_get(4000);
	CU_ASSERT_PTR_EQUAL(last, blocks[99]);
	base_recycle_put(last, 4000);
}

TEST_MAIN("base_recycle", { "gives again", test_gives_again },
    { "sizes", test_sizes }, { "bounded", test_bounded },
    { "makes room", test_makes_room })
