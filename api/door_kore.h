/* SPDX-License-Identifier: ISC */
/*
 * The HTTP door on Kore: requests become calls; streams, and requests that need
 * the disk, are taken to where they are served.
 */
#ifndef API_DOOR_KORE_H
#define API_DOOR_KORE_H

#include <stdbool.h>
#include <stddef.h>

struct api_engine;
struct api_relays;
struct api_streams;
struct base_loop;

struct api_door_kore_params {
	struct base_loop *loop;
	struct api_engine *engine;
	struct api_streams *streams; /* NULL: neither SSE nor WebSocket */
	struct api_relays *relays;   /* NULL: operations on disk answer 501 */
};

/* One door per worker process.  Sets up api/kore_guard.h: connections may come
 * from now on. */
void api_door_kore_open(const struct api_door_kore_params *params);

/* A request that something in front of the engine answered: its line in the
 * log and its place in the metrics.  Fits api_relays_params.on_refused. */
void api_door_kore_refused(
    void *arg, const char *request_id, int status, const char *code);

/* From now on connections end with their next answers. */
void api_door_kore_drain(void);

/* Calls not yet answered, and answers not yet sent. */
size_t api_door_kore_count(void);

/* Connections, also those on which nothing is asked. */
size_t api_door_kore_connections(void);

/* Closes every connection and cancels every call. */
void api_door_kore_close(void);

#endif
