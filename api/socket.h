/* SPDX-License-Identifier: ISC */
/*
 * Calls through a WebSocket.  A request frame
 *
 *	{"id": "7", "op": "messages.send", "args": {...}, "as": "user"}
 *
 * becomes a call of the engine, its answer a reply frame
 *
 *	{"reply": "7", "status": 201, "data": {...}}
 *	{"reply": "7", "status": 422, "error": {problem}}
 *
 * `id` is a string of 1 to 64 bytes or an integer and comes back as it was
 * sent; `args` and `as` may be missing.  Replies come in the order in which
 * the calls end.  Calls start in the order in which their frames came, so
 * sends of one connection keep their order.
 */

#ifndef API_SOCKET_H
#define API_SOCKET_H

#include <stddef.h>

#include "api/call.h"

/* Calls in flight on one connection; then its frames wait unread. */
#define API_SOCKET_CALLS_MAX 64

struct api_sockets; /* one per process: every call in flight */
struct api_socket;  /* one connection's */

struct api_socket_params {
	struct api_identity *identity; /* borrowed until the free */
	const char *connection_id;     /* so are these three */
	const char *remote_addr;
	const char *platform; /* or NULL */

	/* Sends one text frame; `json` is borrowed for the call.  May be
	 * called from inside api_socket_receive(). */
	void (*reply)(void *arg, const char *json, size_t len);

	/* So many calls are in flight now.  Likewise; at CALLS_MAX it brings
	 * no further frames. */
	void (*calls)(void *arg, size_t count);

	/* The client goes on although its frames are refused, 600 in a minute:
	 * to be closed.  Likewise. */
	void (*flooded)(void *arg);
	void *arg;
};

struct api_sockets *api_sockets_new(struct api_engine *engine);

/* Calls in flight, also of connections that are gone. */
size_t api_sockets_calls(const struct api_sockets *sockets);

/* Cancels every call; each api_socket was freed before. */
void api_sockets_free(struct api_sockets *sockets);

struct api_socket *api_socket_new(
    struct api_sockets *sockets, const struct api_socket_params *params);

/* Calls in flight go on, so that a send just before a close is not lost; their
 * answers are dropped. */
void api_socket_free(struct api_socket *socket);

/* One complete text frame, valid UTF-8, bounded by the codec. */
void api_socket_receive(
    struct api_socket *socket, const char *text, size_t len);

/* Who it is and what client, from the next frame on. */
void api_socket_identify(struct api_socket *socket,
    struct api_identity *identity, const char *platform);

#endif
