/* SPDX-License-Identifier: ISC */
/* What a process and its descendants take, from /proc. */

#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

struct bench_usage {
	uint64_t cpu_us; /* user and system time, also of those that ended */
	uint64_t memory_kib; /* proportional set size */
	unsigned processes;
};

/* Adds up `root` and all below it.  Zeros when there is no such process. */
void bench_process_usage(pid_t root, struct bench_usage *usage);

#endif
