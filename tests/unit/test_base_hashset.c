/* SPDX-License-Identifier: ISC */
/* What was added is in the set, and nothing else. */

#include "base/hashset.h"

#include "base/hash.h"
#include "tests/unit/harness.h"

#define MANY 10000

static uint64_t
hash_of(unsigned i)
{
	return base_hash(&i, sizeof(i));
}

static void
test_many(void)
{
	struct base_hashset s = { 0 };
	unsigned there = 0, strange = 0;

	CU_ASSERT_FALSE(base_hashset_has(&s, hash_of(0)));
	for (unsigned i = 0; i < MANY; i++)
		base_hashset_add(&s, hash_of(i));
	for (unsigned i = 0; i < MANY; i++)
		base_hashset_add(&s, hash_of(i));
	CU_ASSERT_EQUAL(s.count, MANY);
	for (unsigned i = 0; i < MANY; i++) {
		there += base_hashset_has(&s, hash_of(i));
		strange += base_hashset_has(&s, hash_of(MANY + i));
	}
	CU_ASSERT_EQUAL(there, MANY);
	CU_ASSERT_EQUAL(strange, 0);
	base_hashset_fini(&s);
	CU_ASSERT_EQUAL(s.count, 0);
	CU_ASSERT_FALSE(base_hashset_has(&s, hash_of(0)));
}

/* Those that want the same slot, and the one that marks a free slot. */
static void
test_neighbours(void)
{
	struct base_hashset s = { 0 };

	for (uint64_t i = 1; i <= 40; i++)
		base_hashset_add(&s, i << 32);
	CU_ASSERT_EQUAL(s.count, 40);
	for (uint64_t i = 1; i <= 40; i++)
		CU_ASSERT_TRUE(base_hashset_has(&s, i << 32));
	CU_ASSERT_FALSE(base_hashset_has(&s, UINT64_C(41) << 32));
	CU_ASSERT_FALSE(base_hashset_has(&s, 0));
	base_hashset_add(&s, 0);
	CU_ASSERT_TRUE(base_hashset_has(&s, 0));
	CU_ASSERT_EQUAL(s.count, 41);
	base_hashset_fini(&s);
}

TEST_MAIN("base_hashset", { "has what was added", test_many },
    { "has neighbours", test_neighbours })
