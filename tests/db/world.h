/* SPDX-License-Identifier: ISC */
/*
 * A worker inside a test: a private PostgreSQL, an engine with its streams on
 * the poll loop, and clients on socket pairs that speak SSE and WebSocket.
 *
 * Waiting functions turn the loop; what does not happen within ten seconds
 * fails the assertion of whoever waits.
 */

#ifndef TESTS_DB_WORLD_H
#define TESTS_DB_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/config.h"
#include "api/stream.h"
#include "base/buf.h"
#include "tests/db/cluster.h"

struct world {
	struct cluster *cluster;
	struct pg_conn *sql; /* of world_sql() */
	char *team;	     /* of world_begin() */
	struct api_config config;
	struct base_loop *loop;
	struct db_pool *pool;
	struct api_limits *limits;
	struct api_metrics *metrics;
	struct api_engine *engine;
	struct api_streams *streams;
};

/* A cluster with the users ann, bob and cid. */
void world_init(struct world *w);
void world_fini(struct world *w);

/* The first time world_init() and a group of ann and bob, `team`; world_up() if
 * it is not up. */
void world_begin(struct world *w);

/* Starts the process's parts and waits until streams may be opened; ends
 * them. */
void world_up(struct world *w);
void world_down(struct world *w);

void world_turn(struct world *w, unsigned ms);

/* Runs SQL beside the process; the first value, which the caller frees. */
char *world_sql(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);

/* A group of `members` (SQL array elements) made by ann; its id. */
char *world_group(struct world *w, const char *name, const char *members);
void world_send(struct world *w, const char *user, const char *conversation,
    const char *text);

/* Its sender edits the message that says `from`. */
void world_edit(struct world *w, const char *conversation, const char *from,
    const char *to);

/* The id of the last event; waits until the worker has published all. */
int64_t world_log_end(struct world *w);
bool world_settle(struct world *w);

/* A token's text, base_free(). */
char *world_token(struct world *w, const char *user, const char *role);

struct got {
	int64_t id; /* 0: none */
	char *event;
	char *json; /* the object */
};

struct client {
	struct world *world;
	int fd;
	bool websocket;
	bool headed; /* the head has come */
	bool ended;
	int status;    /* of the head */
	unsigned code; /* of a close frame */
	struct base_buf head;
	struct base_buf in; /* not yet taken apart */
	struct got *got;
	size_t count;
	int64_t last_id; /* of the last event that had one */
};

/* `token` NULL: none; `query` NULL: none; `fields`: more header lines. */
void client_open(struct client *c, struct world *w, enum api_stream_kind kind,
    const char *token, const char *query, const char *fields);

/* For a user, with a fresh token; waits for `ready`. */
void client_start(struct client *c, struct world *w, enum api_stream_kind kind,
    const char *user, const char *query);

/* As before, from behind an event on. */
void client_resume(struct client *c, struct world *w, enum api_stream_kind kind,
    const char *user, int64_t after);

/* Goes away, and lets the worker notice; goes away. */
void client_close(struct client *c);
void client_drop(struct client *c);

/* Reads what is there. */
void client_read(struct client *c);

/* Sends one masked text frame. */
void client_say(struct client *c, const char *json);

/* Turns until there are `count` events of this type; whether there are. */
bool client_wait(struct client *c, const char *event, size_t count);
bool client_wait_end(struct client *c);
size_t client_count(const struct client *c, const char *event);

/* The nth (from 0) event of the type; NULL when there is none. */
const struct got *client_nth(
    const struct client *c, const char *event, size_t n);

/* Sends a call and waits for its reply: the frame; borrowed. */
const char *client_call(
    struct client *c, const char *id, const char *op, const char *args);

/* Are these, separated by spaces, the texts of the message.created events but
 * for the service's own?  Else says on stderr which are. */
bool client_said(const struct client *c, const char *texts);

#endif
