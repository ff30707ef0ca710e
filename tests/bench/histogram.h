/* SPDX-License-Identifier: ISC */
/*
 * Latencies, counted in buckets whose width grows with the value: every value
 * up to 2^40 us is known to within 1.6 %, in 18 KiB.
 */

#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define BENCH_HISTOGRAM_BUCKETS 2304

/* In the caller's storage; zeroed storage is empty. */
struct bench_histogram {
	uint64_t count;
	uint64_t sum_us;
	uint64_t max_us;
	uint64_t buckets[BENCH_HISTOGRAM_BUCKETS];
};

void bench_histogram_add(struct bench_histogram *h, uint64_t us);

/* The value that a share of `q` (0 to 1) of all values does not exceed; 0 when
 * there are none. */
uint64_t bench_histogram_quantile(const struct bench_histogram *h, double q);

#endif
