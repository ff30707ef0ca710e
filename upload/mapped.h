/* SPDX-License-Identifier: ISC */
/* A file's bytes in memory, to be looked at.  Only of files that nobody cuts
 * meanwhile. */
#ifndef UPLOAD_MAPPED_H
#define UPLOAD_MAPPED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct upload_mapped {
	const unsigned char *bytes; /* NULL of an empty file */
	uint64_t size;
};

/* False when it cannot be read; else upload_mapped_fini(). */
MUST_USE bool upload_mapped_init(struct upload_mapped *m, int fd);
void upload_mapped_fini(struct upload_mapped *m);

#endif
