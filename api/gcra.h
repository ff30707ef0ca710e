/* SPDX-License-Identifier: ISC */
/* The generic cell rate algorithm over a table in shared memory.  A bucket is
 * one time: the "theoretical arrival time" of the next call.  No locks: it
 * moves by compare-and-swap. */
#ifndef API_GCRA_H
#define API_GCRA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/config.h"

/* Zeroed memory is a table of full buckets. */
struct api_gcra_bucket {
	uint64_t tag;	  /* whose; 0 = nobody's */
	uint64_t full_us; /* when the bucket will be full again */
};

struct api_gcra_table {
	struct api_gcra_bucket *buckets; /* borrowed */
	size_t count;			 /* a power of two, at least 8 */
};

struct api_gcra_outcome {
	bool allowed;
	uint32_t left;	   /* calls that would be allowed at once now */
	uint64_t full_us;  /* from now until the bucket is full */
	uint64_t retry_us; /* from now until one more would be allowed; 0 when
			    * it was */
};

/* Ask for one call at `now_us` (monotonic, the same clock in all processes);
 * `take` = false only looks.  When neighbours of a tag are all in use, the
 * longest unused of eight is forgotten. */
struct api_gcra_outcome api_gcra_ask(const struct api_gcra_table *t,
    uint64_t tag, const struct api_rate_spec *rate, uint64_t now_us, bool take);

/* Undo one call that was taken. */
void api_gcra_give_back(const struct api_gcra_table *t, uint64_t tag,
    const struct api_rate_spec *rate);

#endif
