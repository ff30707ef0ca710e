/* SPDX-License-Identifier: ISC */
/* Users are the host's; the table `users` mirrors what tokens say of them.  At
 * first sight of a user, or of a new name or picture, statement `users.see`
 * runs before anything else is done for them; batched, since everybody is new to
 * a process that has just started.  What has been seen is remembered per
 * process, bounded. */
#ifndef API_SEEN_H
#define API_SEEN_H

#include <stdbool.h>

struct api_engine;
struct api_error;
struct api_identity;
struct api_seen_wait;

/* `error` NULL = the user is mirrored. */
typedef void api_seen_cb(const struct api_error *error, void *arg);

/* Has this identity been mirrored already?  Then there is nothing to do. */
bool api_seen_has(struct api_engine *e, const struct api_identity *id);

/* Mirror it; never calls back from inside. */
struct api_seen_wait *api_seen_start(
    struct api_engine *e, struct api_identity *id, api_seen_cb *cb, void *arg);
void api_seen_cancel(struct api_seen_wait *w);

#endif
