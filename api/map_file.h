/* SPDX-License-Identifier: ISC */
/* A small file that all processes of a host map: memory that they share and
 * that outlives each of them.  Only system calls that Kore's filter allows are
 * used, so that a worker can open one. */
#ifndef API_MAP_FILE_H
#define API_MAP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* First bytes of the mapping; the rest is the user's. */
struct api_map_head {
	uint64_t magic;		  /* what lies here, and in which layout */
	uint64_t size;		  /* of the whole file */
	unsigned char secret[16]; /* random, drawn when it was made */
};

struct api_map_file {
	struct api_map_head *head;
	size_t size;
	int fd; /* -1: anonymous memory, shared with later children only */
};

/* Map `<dir>/<name>`, making it (zeroed) when it is not there, and anew when
 * its magic or size differ.  An empty `dir` maps anonymous memory.  False:
 * `err` says why. */
MUST_USE bool api_map_file_open(struct api_map_file *m, const char *dir,
    const char *name, uint64_t magic, size_t size, char *err, size_t err_size);
void api_map_file_close(struct api_map_file *m);

/* Lock byte `at` of the file until this process ends or closes it; false: it
 * is somebody else's.  Always true for anonymous memory. */
MUST_USE bool api_map_file_claim(const struct api_map_file *m, uint64_t at);

/* Has another process claimed byte `at`? */
bool api_map_file_claimed(const struct api_map_file *m, uint64_t at);

#endif
