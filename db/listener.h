/* SPDX-License-Identifier: ISC */
/*
 * A connection that LISTENs, and nothing else.  It reconnects by itself with
 * back-off, and every 30 s of silence asks the server whether it is still there,
 * since a dead peer says nothing.
 *
 * Notifications are lost while it is down: read the log in on_up.
 */

#ifndef DB_LISTENER_H
#define DB_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/loop.h"

struct db_listener;

/* Zero means the default.  `loop` and `arg` are borrowed for the listener's
 * life, the rest for the call.  Callbacks come from the loop, never from inside
 * a call; inside them the listener must not be freed. */
struct db_listener_params {
	struct base_loop *loop;
	const char *conninfo;	      /* as in db/pool.h */
	const char *application_name; /* "parley-listen" */
	const char *const *channels;
	size_t channel_count;
	unsigned int connect_timeout_ms; /* 5000; also for the answer to LISTEN
					  * and to the question of silence */
	unsigned int probe_ms;		 /* 30000 */
	/* Both strings are borrowed for the call. */
	void (*on_notify)(const char *channel, const char *payload, void *arg);
	/* LISTEN has been committed: what is committed from now on rings. */
	void (*on_up)(void *arg);
	/* Once after each on_up. */
	void (*on_down)(void *arg);
	void *arg;
};

/* Starts connecting and returns at once.  Owned by the caller. */
MUST_USE struct db_listener *db_listener_new(
    const struct db_listener_params *params);

/* Closes the connection; no callback comes any more. */
void db_listener_free(struct db_listener *listener);

/* Between on_up and on_down. */
bool db_listener_up(const struct db_listener *listener);

#endif
