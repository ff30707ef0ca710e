/* SPDX-License-Identifier: ISC */
/*
 * What happens in the database, brought to this process's hub.  NOTIFY is
 * the doorbell and the event log is the truth: the feed reads the log in id
 * order behind a cursor and publishes each row once.  Ephemeral events and
 * orders to connections come inside notifications of their own.
 */

#ifndef API_FEED_H
#define API_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "db/pool.h"
#include "push/event.h"
#include "push/hub.h"

struct api_feed;

struct api_feed_params {
	struct base_loop *loop;
	struct db_pool *pool;	      /* reads the log */
	struct push_hub *hub;	      /* gets every event */
	const char *conninfo;	      /* of the LISTEN connection; copied */
	const char *application_name; /* of it; NULL: the listener's default */
	size_t turn_bytes;	      /* published in one turn, roughly */

	/* All optional, called from the loop; none may free the feed. */

	/* An ephemeral event, before the hub gets it; borrowed.  False: the
	 * hub does not get it. */
	bool (*on_ephemeral)(void *arg, const struct push_event_fields *event);
	/* A NOTIFY on parley_control: JSON text, not yet checked. */
	void (*on_control)(void *arg, const char *payload);
	/* Logged events were read, and the hub is about to get them. */
	void (*on_logged)(void *arg);
	/* An event of the log is another now, or (NULL) gone: the hub knows. */
	void (*on_replaced)(void *arg, int64_t id, struct push_event *e);
	/* Notifications come from now on; they do not any more. */
	void (*on_listening)(void *arg, bool up);
	void *arg;
};

struct api_feed_stats {
	uint64_t reads;	   /* queries of the log that succeeded */
	uint64_t failures; /* that failed and were tried again */
	uint64_t rows;	   /* logged events published */
	uint64_t ephemerals;
	uint64_t bells;
	int64_t cursor; /* id of the last event published, or the end
				 * of the log at the start; -1 before that */
	bool listening;
};

/*
 * Starts at once and goes on for ever: a lost database is waited for, the
 * cursor kept, and the log read from it as soon as LISTEN is back.  When the
 * database that comes back does not hold the cursor (a restored backup, an
 * absence beyond what the log keeps), the hub's sessions are sent away.
 */
struct api_feed *api_feed_new(const struct api_feed_params *);
void api_feed_free(struct api_feed *);

/* The listener is up and the log's end is known: sessions may start. */
bool api_feed_ready(const struct api_feed *);

int64_t api_feed_cursor(const struct api_feed *);
void api_feed_stats(const struct api_feed *, struct api_feed_stats *);

#endif
