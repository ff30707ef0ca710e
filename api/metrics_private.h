/* SPDX-License-Identifier: ISC */
/* How the metrics lie in the mapped file: for metrics.c, which counts, and
 * metrics_text.c, which sums. */
#ifndef API_METRICS_PRIVATE_H
#define API_METRICS_PRIVATE_H

#include "api/map_file.h"
#include "api/metrics.h"

#define API_METRICS_SLOTS 128
#define API_METRICS_HEAD 4096	   /* bytes before the first slot */
#define API_METRICS_OPERATIONS 128 /* room; the last is "none" */
#define API_METRICS_STATUSES 32
#define API_METRICS_BUCKETS 13 /* and one more for what is above */

/* Upper bound of a latency bucket; the HTTP status a counter is of, 0 = all
 * others. */
uint32_t api_metrics_bound_us(size_t bucket);
int api_metrics_status(size_t counter);

struct api_metrics_op {
	uint64_t statuses[API_METRICS_STATUSES];
	uint64_t buckets[API_METRICS_BUCKETS + 1];
	uint64_t sum_us;
};

struct api_metrics_slot {
	char process[48]; /* "" = never used */
	uint64_t counters[API_COUNTERS];
	int64_t gauges[API_GAUGES];
	struct api_metrics_op ops[API_METRICS_OPERATIONS];
};

struct api_metrics {
	struct api_map_file file;
	struct api_metrics_slot *slots;	       /* in it; NULL = no file */
	struct api_metrics_slot *own;	       /* where this process counts */
	struct api_metrics_slot *private_slot; /* owned; when all are taken */
};

#endif
