/* SPDX-License-Identifier: ISC */
/* What a process and its descendants take, from /proc. */

#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bench_usage {
	uint64_t cpu_us; /* user and system time, also of those that ended */
	uint64_t memory_kib; /* proportional set size */
	unsigned processes;
};

/* Adds up `root` and all below it.  Zeros when there is no such process.
 * Without `memory`, that is 0: the kernel looks at each page and holds up the
 * process and the caller, some tens of milliseconds for a database. */
void bench_process_usage(pid_t root, bool memory, struct bench_usage *usage);

#endif
