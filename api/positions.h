/* SPDX-License-Identifier: ISC */
/* A message that its user typed moves their own read position.  Not inside the
 * send, which it would slow down by a fifth: the moves of a process are
 * gathered and written once a second. */
#ifndef API_POSITIONS_H
#define API_POSITIONS_H

#include <stddef.h>
#include <stdint.h>

struct api_positions;
struct base_loop;
struct db_pool;

/* Both borrowed. */
struct api_positions *api_positions_new(
    struct base_loop *loop, struct db_pool *pool);

/* Forgets what has not been written: at most the sends of a second. */
void api_positions_free(struct api_positions *p);

/* Only the greatest `seq` of a user in a conversation counts. */
void api_positions_note(struct api_positions *p, const char *conversation_id,
    const char *user, int64_t seq);

/* From now on write at once: the process is about to end. */
void api_positions_hurry(struct api_positions *p);

/* Not yet known to be written. */
size_t api_positions_pending(const struct api_positions *p);

#endif
