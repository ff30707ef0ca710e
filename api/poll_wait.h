/* SPDX-License-Identifier: ISC */
/*
 * Waiting for something to happen, without a connection of one's own: a sink in
 * the hub that ends with the first events, or with its time.
 */

#ifndef API_POLL_WAIT_H
#define API_POLL_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/topics.h"
#include "base/attr.h"
#include "push/event.h"

struct api_poll_wait;
struct api_poll_waits; /* one per process */
struct api_streams;

struct api_poll_wait_params {
	const char *user;
	int64_t after;			 /* the wait begins here */
	bool everything;		 /* all topics */
	const struct api_topics *topics; /* or these; NULL: what is joined */
	uint32_t wait_ms;

	/* Once, from the loop: what happened first, oldest first, borrowed for
	 * the call; none when the time is over or nobody can wait any more. */
	void (*over)(void *arg, struct push_event *const *events, size_t count);
	void *arg;
};

MUST_USE struct api_poll_waits *api_poll_waits_new(struct api_streams *streams);

/* Ends every wait, as if its time were over: the hub has let go of all. */
void api_poll_waits_stop(struct api_poll_waits *waits);

/* Forgets all; nobody may wait any more. */
void api_poll_waits_free(struct api_poll_waits *waits);

MUST_USE struct api_poll_wait *api_poll_wait_start(
    struct api_poll_waits *waits, const struct api_poll_wait_params *params);

/* NULL is fine. */
void api_poll_wait_cancel(struct api_poll_wait *wait);

#endif
