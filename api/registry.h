/* SPDX-License-Identifier: ISC */
/*
 * The table `connections` and this process's lease in `processes`.  Openings
 * and closings are gathered while one write is at the database, and for up to a
 * quarter of a second when many come, and go as the next; nothing waits for
 * them.  When the database is away they wait here.
 */

#ifndef API_REGISTRY_H
#define API_REGISTRY_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/loop.h"
#include "db/pool.h"

struct api_registry;
struct api_registration; /* one connection, until it is closed */

struct api_registry_params {
	struct base_loop *loop;
	struct db_pool *pool;
	const char *process; /* "p1-1": unique among all that run; copied */
	const char *host;    /* copied */
	uint32_t lease_s;    /* 0 means 30: without a beat for so long, others
			      * close this process's connections */
	uint32_t beat_ms;    /* 0 means a third of it */
};

/* All borrowed for the call; NULL where not known. */
struct api_registry_row {
	const char *connection;
	const char *user;
	const char *kind; /* "sse" or "websocket" */
	const char *platform;
	const char *app_version;
	const char *address;
	const char *user_agent; /* cut at 100 bytes */
	int64_t connected_us;	/* wall clock */
};

/*
 * The first statement closes what a former process of this name left open,
 * before any row of this one is written.  From then on a beat renews the lease;
 * it also closes the connections of processes that stopped beating.
 */
MUST_USE struct api_registry *api_registry_new(
    const struct api_registry_params *params);
void api_registry_free(struct api_registry *registry);

/* The handle is the registry's; give it to api_registry_closed() once. */
MUST_USE struct api_registration *api_registry_opened(
    struct api_registry *registry, const struct api_registry_row *row);

/* As the row or api_registry_describe() had them; NULL where not known.  Borrowed
 * until the next api_registry_describe(). */
const char *api_registry_platform(const struct api_registration *registration);
const char *api_registry_address(const struct api_registration *registration);

/* Appends the connection as a JSON object with the members of the operations'
 * answers. */
void api_registry_json(
    const struct api_registration *registration, struct base_buf *out);

/* What is now known of the client; NULL changes nothing.  Reaches the table
 * only with an opening that is not written yet: the statement of
 * connections.update has written the others. */
void api_registry_describe(struct api_registration *registration,
    const char *platform, const char *app_version);

/* Embedded in who waits; zeroed storage with cb and arg set is ready. */
struct api_registry_waiter {
	void (*cb)(void *arg);
	void *arg;
	LIST_ENTRY(api_registry_waiter) link;
	bool waiting;
};

/* Whether the opening is in the table.  If not, `waiter` is called, once and
 * from the loop, when it is or never will be. */
MUST_USE bool api_registry_written(
    struct api_registration *registration, struct api_registry_waiter *waiter);
void api_registry_waiter_cancel(struct api_registry_waiter *waiter);

/* NULL is fine. */
void api_registry_closed(struct api_registry *registry,
    struct api_registration *registration, unsigned int code);

/* The process ends: once everything is written, the lease is given back.  No
 * beat comes any more, nothing may be opened. */
void api_registry_stop(struct api_registry *registry);

/* Connections of which something is not yet known to be in the database; and,
 * when stopping, one for the lease. */
size_t api_registry_pending(const struct api_registry *registry);

/* Statements done: openings and closings share them. */
uint64_t api_registry_writes(const struct api_registry *registry);

#endif
