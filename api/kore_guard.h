/* SPDX-License-Identifier: ISC */
/*
 * HTTP/1.1 on Kore's connections.
 *
 * Kore accepts, polls, sends and closes; the bytes of a request are read here
 * and not by Kore's own http.c, because that drops header lines past the 24th,
 * takes the body of a bodyless request for the next one, reads without limit
 * when the first segment is longer than Content-Length, resets a client that
 * shuts down its sending side, answers an idle connection with 408, and loses
 * pipelined requests.  Here one request is read at a time, checked as a
 * whole (api/http_head.h) and answered before the next byte is looked at.
 */
#ifndef API_KORE_GUARD_H
#define API_KORE_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/http_head.h"

struct base_loop;
struct connection;	  /* Kore's */
struct api_kore_exchange; /* one connection: the request and its answer */

/* What the door decides of a request whose head is sound. */
enum api_kore_verdict {
	API_KORE_READ_BODY, /* on_request follows when it is complete */
	API_KORE_TAKEN /* api_kore_exchange_take() or _refuse() was called */
};

struct api_kore_guard_params {
	struct base_loop *loop;
	size_t requests_max;	  /* in progress at a time; beyond: 503 */
	uint32_t head_timeout_ms; /* from a head's first byte to its last */
	uint32_t body_timeout_ms;
	uint32_t idle_ms; /* between two requests */

	/* A body of more than *body_max bytes, to be set with READ_BODY, is
	 * refused with 413. */
	enum api_kore_verdict (*on_head)(
	    void *arg, struct api_kore_exchange *x, size_t *body_max);
	/* Answer with api_kore_exchange_answer(), now or later. */
	void (*on_request)(void *arg, struct api_kore_exchange *x);
	/* The client left while its answer was awaited; `x` ends. */
	void (*on_gone)(void *arg, struct api_kore_exchange *x);
	/* A problem was answered: the guard's own, or by
	 * api_kore_exchange_refuse(). */
	void (*on_refused)(
	    void *arg, const char *request_id, int status, const char *code);
	void *arg;
};

/* Once per worker, before the first connection. */
void api_kore_guard_init(const struct api_kore_guard_params *params);

/* From now on each connection ends with its next answer.  Idle ones are left to
 * the client: a request may already be on its way. */
void api_kore_guard_drain(void);

/* Connections, idle ones too. */
size_t api_kore_guard_count(void);

/* Requests whose answer is awaited or on its way. */
size_t api_kore_guard_busy(void);

/* Ends every connection, answered or not.  Before the loop is freed. */
void api_kore_guard_fini(void);

/* The hook of a new connection; named on the listener's line. */
void api_kore_guard_connect(struct connection *c);

/* Head and body as received; NUL-terminated values.  Valid until the callback
 * that got `x` returns. */
struct api_http_head *api_kore_exchange_head(struct api_kore_exchange *x);
const char *api_kore_exchange_body(
    const struct api_kore_exchange *x, size_t *len);

/* The peer as api/client_addr.h writes it. */
const char *api_kore_exchange_peer(const struct api_kore_exchange *x);

/* For the door's own use; NULL at first. */
void api_kore_exchange_state_set(struct api_kore_exchange *x, void *state);
void *api_kore_exchange_state(const struct api_kore_exchange *x);

/* From on_head only: the descriptor is the caller's, non-blocking and watched
 * by nobody, and Kore forgets the connection.  `first`: bytes behind the head,
 * valid as long as the head. */
int api_kore_exchange_take(
    struct api_kore_exchange *x, const void **first, size_t *first_len);

/* Answers on_request's exchange with these bytes, which are copied.  `x` goes
 * on with the next request or, when `close` is set, ends. */
void api_kore_exchange_answer(
    struct api_kore_exchange *x, const void *bytes, size_t len, bool close);

/* The answer must say so: the client or the state of the connection asks for
 * it. */
bool api_kore_exchange_closes(const struct api_kore_exchange *x);

/* From on_head or on_request: a problem answer, after which `x` ends. */
void api_kore_exchange_refuse(struct api_kore_exchange *x, const char *code,
    const char *detail, const char *fields);

#endif
