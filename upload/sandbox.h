/* SPDX-License-Identifier: ISC */
/*
 * What a process may still do once it looks into a stranger's file: compute,
 * read and write the descriptors it has, start threads, end.  No network, no
 * other program or process, no file by name but fonts.
 *
 * All of it is for good, and for this process only.
 */
#ifndef UPLOAD_SANDBOX_H
#define UPLOAD_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct upload_sandbox_limits {
	unsigned cpu_seconds;
	uint64_t memory_bytes; /* address space */
	uint64_t file_bytes;   /* of each file it writes */
};

/* Limits of the kernel: processor, memory, file size, open files, no core
 * (it would hold other people's data).  A file that gets too large fails with
 * EFBIG.  False when one cannot be set. */
MUST_USE bool upload_sandbox_limit(const struct upload_sandbox_limits *limits);

/* Of files by name, only fonts and what finds them can be opened from here on
 * (Landlock), which drawing a page asks for.  False when the kernel has no
 * Landlock.  To be called before upload_sandbox_enter(). */
MUST_USE bool upload_sandbox_fonts(void);

/* System calls from here on by an allow-list (seccomp): what could reach the
 * network, another program or another process kills; the rest fails with
 * EPERM.  With `has_names`, files can be opened for reading: for whom
 * upload_sandbox_fonts() says which.  False when the kernel or a container
 * around us refuses. */
MUST_USE bool upload_sandbox_enter(bool has_names);

/* Would they work?  Tries it in a child. */
void upload_sandbox_probe(bool *enters, bool *has_fonts);

#endif
