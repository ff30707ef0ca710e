/* SPDX-License-Identifier: ISC */
/* A request body that has not been read yet: what the hook of an API_RAW_BODY
 * operation finds as its call's door_arg. */
#ifndef API_BODY_H
#define API_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define API_BODY_LENGTH_UNKNOWN UINT64_MAX

/* Owned by the door; valid until the answer. */
struct api_body {
	uint64_t announced_bytes; /* Content-Length, or _UNKNOWN */
	/* Up to `n` bytes: how many came, 0 at the end of what came, -1 when
	 * the sender is too slow.  May block. */
	ssize_t (*read)(void *arg, char *p, size_t n);
	/* While reads wait, `over` is asked some times a second, in the context
	 * of a signal; once it says so, the body ends there.  `over` NULL: no
	 * longer.  May be NULL. */
	void (*guard)(void *arg, bool (*over)(void *), void *over_arg);
	/* Does another request wait for a process?  May be asked in the context
	 * of a signal; NULL: no. */
	bool (*contended)(void *arg);
	void *arg;
};

#endif
