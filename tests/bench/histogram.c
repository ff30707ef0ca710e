/* SPDX-License-Identifier: ISC */
/* See histogram.h. */

#include "tests/bench/histogram.h"

#include <string.h>

#include "base/attr.h"

/* Buckets of one power of two. */
#define HALF_BITS 6
#define HALF (1u << HALF_BITS)

static unsigned
bucket(uint64_t us)
{
	unsigned shift, i;

	if (us < 2 * HALF)
		return (unsigned)us;
	shift = 63 - (unsigned)__builtin_clzll(us) - HALF_BITS;
	i = shift * HALF + (unsigned)(us >> shift);
	return i < BENCH_HISTOGRAM_BUCKETS ? i : BENCH_HISTOGRAM_BUCKETS - 1;
}

/* The greatest value that falls into bucket `i`. */
static uint64_t
upper(unsigned i)
{
	unsigned shift;

	if (i < 2 * HALF)
		return i;
	shift = i / HALF - 1;
	return (((uint64_t)(i % HALF) + HALF + 1) << shift) - 1;
}

void
bench_histogram_add(struct bench_histogram *h, uint64_t us)
{
	h->count++;
	h->sum_us += us;
	if (us > h->max_us)
		h->max_us = us;
	h->buckets[bucket(us)]++;
}

uint64_t
bench_histogram_quantile(const struct bench_histogram *h, double q)
{
	uint64_t wanted, seen = 0;
	unsigned i;

	if (h->count == 0)
		return 0;
	wanted = (uint64_t)(q * (double)h->count);
	if (wanted >= h->count)
		return h->max_us;
	for (i = 0; i < ARRAY_LEN(h->buckets); i++) {
		seen += h->buckets[i];
		if (seen > wanted)
			break;
	}
	return upper(i) < h->max_us ? upper(i) : h->max_us;
}
