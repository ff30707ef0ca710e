/* SPDX-License-Identifier: ISC */
/*
 * GET /v1/events without a stream (operation events.list): what happened after
 * `after`, and, where the process has a feed, waiting up to `wait` seconds for
 * something to happen.  With `Accept: application/json`
 *
 *	{"data": [events], "next": 1234}
 *
 * where `next` is the next `after`; otherwise what is pending as Server-Sent
 * Events with a `retry:`, and the end: an EventSource comes back by itself, so
 * this is SSE by polling for hosts without the daemon.  Without `after` nothing
 * is sent but the place to start from.  An `after` that the log no longer
 * reaches is answered by one `reset`.
 */

#ifndef API_POLL_H
#define API_POLL_H

#include <stddef.h>

#include "api/hook.h"

extern const struct api_hook api_poll_hooks[];
extern const size_t api_poll_hook_count;

#endif
