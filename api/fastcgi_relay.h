/* SPDX-License-Identifier: ISC */
/*
 * Hands a request on to the FastCGI processes: operations that need the disk
 * reach Kore's port when there is no Nginx in front that would take them there.
 * Kore's own body code keeps a body in memory or writes it to disk blockingly;
 * here the connection is taken over after the head and the body goes on as it
 * arrives, each side held back by the other.
 *
 * The answer ends the connection.  When nothing can be handed on: 413 for a
 * body that is announced too long, 503 with Retry-After when there is no
 * responder or too many requests are under way, 502 when the responder ends
 * before its answer begins, 504 when it is silent.
 */
#ifndef API_FASTCGI_RELAY_H
#define API_FASTCGI_RELAY_H

#include <stddef.h>
#include <stdint.h>

#include "api/http_head.h"

struct base_loop;
struct api_relays; /* one per process */

struct api_relays_params {
	struct base_loop *loop;
	const char *socket_path; /* of the responder; copied */
	uint64_t body_max;	 /* bytes of a file; a body may be a
				 * little longer */
	size_t limit;		 /* requests at a time; 0 means 256 */
	uint32_t idle_ms;	 /* without a byte either way; 0 means 60 s */
	/* A request that the relay answered itself, for log and metrics. */
	void (*on_refused)(
	    void *arg, const char *request_id, int status, const char *code);
	void *arg;
};

/* Borrowed for the call, except the descriptor, which is taken: non-blocking,
 * watched by nobody. */
struct api_relay_request {
	int fd;
	const struct api_http_head *head;
	const void *first; /* bytes read behind the head */
	size_t first_len;
	const char *remote_addr;
	const char *request_id; /* never NULL */
};

struct api_relays *api_relays_new(const struct api_relays_params *params);

/* Closes what is under way. */
void api_relays_free(struct api_relays *relays);

void api_relays_open(
    struct api_relays *relays, const struct api_relay_request *request);

size_t api_relays_count(const struct api_relays *relays);

#endif
