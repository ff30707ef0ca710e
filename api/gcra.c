/* SPDX-License-Identifier: ISC */
/* Token buckets.  Races are harmless by design: when two processes give one
 * slot to different callers at the same moment, one of them counts a call in
 * the other's bucket, once. */
#include "api/gcra.h"

#define WAYS 8

static uint64_t
load(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static bool
swap(uint64_t *p, uint64_t *expected, uint64_t wanted)
{
	return __atomic_compare_exchange_n(
	    p, expected, wanted, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* The bucket of `tag` among its eight, taking over the one that has been full
 * for the longest time when it has none. */
static struct api_gcra_bucket *
find(const struct api_gcra_table *t, uint64_t tag)
{
	struct api_gcra_bucket *set =
	    &t->buckets[(tag & (t->count / WAYS - 1)) * WAYS];

	for (;;) {
		struct api_gcra_bucket *oldest = &set[0];
		uint64_t owner;

		for (size_t i = 0; i < WAYS; i++) {
			if (load(&set[i].tag) == tag)
				return &set[i];
			if (load(&set[i].full_us) < load(&oldest->full_us))
				oldest = &set[i];
		}
		owner = load(&oldest->tag);
		if (swap(&oldest->tag, &owner, tag)) {
			__atomic_store_n(&oldest->full_us, 0, __ATOMIC_RELAXED);
			return oldest;
		}
	}
}

static uint64_t
step_us(const struct api_rate_spec *rate)
{
	return rate->seconds * UINT64_C(1000000) / rate->count;
}

struct api_gcra_outcome
api_gcra_ask(const struct api_gcra_table *t, uint64_t tag,
    const struct api_rate_spec *rate, uint64_t now_us, bool take)
{
	struct api_gcra_bucket *b = find(t, tag != 0 ? tag : 1);
	uint64_t step = step_us(rate);
	uint64_t depth = step * rate->burst;
	uint64_t old = load(&b->full_us), full;
	struct api_gcra_outcome out;

	do {
		/* Later than can be: the clock began anew (a reboot). */
		full = old < now_us || old > now_us + depth ? now_us : old;
		out.allowed = full + step <= now_us + depth;
		if (!out.allowed || !take)
			break;
	} while (!swap(&b->full_us, &old, full + step));
	if (out.allowed && take)
		full += step;
	out.left = (uint32_t)((now_us + depth - full) / step);
	out.full_us = full - now_us;
	out.retry_us = out.allowed ? 0 : full + step - depth - now_us;
	return out;
}

/* A time that has passed is a full bucket, however long ago it was. */
void
api_gcra_give_back(const struct api_gcra_table *t, uint64_t tag,
    const struct api_rate_spec *rate)
{
	struct api_gcra_bucket *b = find(t, tag != 0 ? tag : 1);
	uint64_t step = step_us(rate), old = load(&b->full_us);

	do {
		if (old < step)
			return;
	} while (!swap(&b->full_us, &old, old - step));
}
