/* SPDX-License-Identifier: ISC */
/* SipHash as published, and the map against a plain model of it. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "tests/unit/harness.h"

#define ENTRIES 2000

struct entry {
	char key[20];
	bool in;
};

static void
test_siphash(void)
{
	/* From the authors' vectors: key 00..0f, input 00 01 02 ... */
	static const struct {
		size_t len;
		uint64_t hash;
	} vectors[] = {
		{ 0, UINT64_C(0x726fdb47dd0e0e31) },
		{ 1, UINT64_C(0x74f839c593dc67fd) },
		{ 7, UINT64_C(0xab0200f58b01d137) },
		{ 8, UINT64_C(0x93f5f5799a932462) },
		{ 15, UINT64_C(0xa129ca6149be45e5) },
		{ 63, UINT64_C(0x958a324ceb064572) },
	};
	unsigned char key[16], input[64];

	for (unsigned char i = 0; i < 64; i++)
		input[i] = i;
	memcpy(key, input, sizeof(key));
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		CU_ASSERT_EQUAL(base_hash_keyed(key, input, vectors[i].len),
		    vectors[i].hash);
	}
	CU_ASSERT_EQUAL(base_hash("abc", 3), base_hash("abc", 3));
	CU_ASSERT_NOT_EQUAL(base_hash("abc", 3), base_hash("abd", 3));
}

static void
test_map_basics(void)
{
	struct base_map m;
	char one[] = "one", two[] = "two";
	size_t pos = 0;

	base_map_init(&m);
	CU_ASSERT_PTR_NULL(base_map_get(&m, "a", 1));
	CU_ASSERT_PTR_NULL(base_map_remove(&m, "a", 1));
	CU_ASSERT_PTR_NULL(base_map_next(&m, &pos));
	CU_ASSERT_PTR_NULL(base_map_put(&m, "a", 1, one));
	CU_ASSERT_PTR_EQUAL(base_map_put(&m, "a", 1, two), one);
	CU_ASSERT_EQUAL(m.count, 1);
	CU_ASSERT_PTR_EQUAL(base_map_get(&m, "a", 1), two);
	CU_ASSERT_PTR_NULL(base_map_get(&m, "a\0", 2));
	CU_ASSERT_PTR_NULL(base_map_get(&m, "", 0));
	CU_ASSERT_PTR_EQUAL(base_map_remove(&m, "a", 1), two);
	CU_ASSERT_EQUAL(m.count, 0);
	base_map_fini(&m);
}

static void
compare(const struct base_map *m, struct entry *entries)
{
	size_t count = 0, wrong = 0, walked = 0, pos = 0;
	const struct entry *found;

	for (size_t i = 0; i < ENTRIES; i++) {
		found = base_map_get(m, entries[i].key, strlen(entries[i].key));
		wrong += found != (entries[i].in ? &entries[i] : NULL);
		count += entries[i].in;
	}
	while ((found = base_map_next(m, &pos)) != NULL) {
		walked++;
		wrong += !found->in;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(m->count, count);
	CU_ASSERT_EQUAL(walked, count);
}

/* Puts and removes at random; `out_of_ten` of ten steps put. */
static void
churn(struct base_map *m, struct entry *entries, int out_of_ten)
{
	struct entry *e;
	void *old;
	size_t wrong = 0;

	for (int step = 0; step < 3 * ENTRIES; step++) {
		e = &entries[random() % ENTRIES];
		if (random() % 10 < out_of_ten) {
			old = base_map_put(m, e->key, strlen(e->key), e);
			wrong += old != (e->in ? e : NULL);
			e->in = true;
		} else {
			old = base_map_remove(m, e->key, strlen(e->key));
			wrong += old != (e->in ? e : NULL);
			e->in = false;
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void
test_map_model(void)
{
	struct entry *entries = base_alloc_array(ENTRIES, sizeof(*entries));
	struct base_map m = { 0 };
	size_t most;

	srandom(1);
	for (int i = 0; i < ENTRIES; i++)
		snprintf(entries[i].key, sizeof(entries[i].key), "user:%d", i);
	churn(&m, entries, 9);
	compare(&m, entries);
	most = m.cap;
	churn(&m, entries, 5);
	compare(&m, entries);
	churn(&m, entries, 0);
	compare(&m, entries);
	CU_ASSERT_TRUE(m.cap < most);
	base_map_fini(&m);
	base_free(entries);
}

TEST_MAIN("base_hash", { "SipHash-2-4", test_siphash },
    { "map: put, get, remove", test_map_basics },
    { "map: against a model", test_map_model })
