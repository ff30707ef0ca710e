/* SPDX-License-Identifier: ISC */
/*
 * The past of the log for sessions whose place is older than the hub's ring.
 * A few chunks are read at a time; when many wait at once, as after a restart,
 * one scan in id order puts the missing events under the ring and serves them
 * all.  While the database is away the chunks wait, and then go on.
 */

#ifndef API_REPLAY_H
#define API_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/loop.h"
#include "db/pool.h"
#include "push/hub.h"
#include "push/session.h"

struct api_replays; /* one per process */
struct api_replay;  /* one chunk that a session waits for */

struct api_replays_params {
	struct base_loop *loop;
	struct db_pool *pool;
	struct push_hub *hub;
	size_t ring_bytes; /* the hub's: a scan keeps no more than that */
};

struct api_replays_stats {
	uint64_t chunks; /* read for single sessions */
	uint64_t scans;	 /* for all who waited */
	uint64_t events; /* read by both */
	size_t waiting;
};

MUST_USE struct api_replays *api_replays_new(
    const struct api_replays_params *params);

/* Cancels what waits. */
void api_replays_free(struct api_replays *replays);

/*
 * Reads the chunk (copied) and gives it to push_session_replay(), later.
 * `done` is called just before that; the handle is gone then.
 */
MUST_USE struct api_replay *api_replay_start(struct api_replays *replays,
    struct push_session *session, const struct push_replay *want,
    void (*done)(void *arg), void *arg);

/* The session ends; NULL is fine. */
void api_replay_cancel(struct api_replay *replay);

/* An event of the log is another now, or (NULL) gone: what has been read for
 * the hub's ring and is not there yet is put right when it is. */
void api_replays_replace(
    struct api_replays *replays, int64_t id, struct push_event *e);

void api_replays_stats(
    const struct api_replays *replays, struct api_replays_stats *out);

#endif
