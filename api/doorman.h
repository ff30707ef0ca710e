/* SPDX-License-Identifier: ISC */
/*
 * Turns away who waits for a process of parley-fcgi that none is free for, with
 * 503 and Retry-After, so that nobody waits until somebody else's time-out.
 *
 * Requests wait in the queue of the listening socket, where nobody can see how
 * long they do.  But once as many as fit in there have been taken, those that
 * were there before are through; so when that does not happen for a while and
 * the queue is never empty, some wait too long, and all who wait are answered.
 */
#ifndef API_DOORMAN_H
#define API_DOORMAN_H

#include <stdint.h>

#include "base/attr.h"

struct api_doorman;
struct base_loop;

struct api_doorman_params {
	struct base_loop *loop; /* borrowed */
	int listen_fd;		/* non-blocking; borrowed */
	unsigned queue;		/* connections that may wait there */
	uint32_t wait_ms;	/* nobody waits more than twice that */
	uint32_t first_wait_ms; /* the same while processes start */
	/* Counts those that were taken; shared.  A process that is free anew
	 * may add all that wait. */
	const uint64_t *taken;
	void (*on_refused)(void *); /* for each; may be NULL */
	void *arg;
};

MUST_USE struct api_doorman *api_doorman_new(
    const struct api_doorman_params *params);

/* NULL is fine. */
void api_doorman_free(struct api_doorman *d);

#endif
