/* SPDX-License-Identifier: ISC */
/*
 * One connection of the load: a stream (WebSocket or SSE) or a kept-alive HTTP
 * connection that sends one request after the other.
 */

#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/loop.h"
#include "tests/bench/dialect.h"
#include "tests/bench/frames.h"
#include "tests/bench/options.h"

struct bench_client;

/* What a client tells its owner.  `us` of `heard`: what a reply answers; of an
 * event the payload is given.  A client may be closed, not freed, in these. */
struct bench_client_calls {
	void (*heard)(struct bench_client *c, enum bench_heard what,
	    const char *payload, size_t len, uint64_t us);
	void (*lost)(struct bench_client *c, const char *why);
};

enum bench_client_state {
	BENCH_CLIENT_CLOSED,
	BENCH_CLIENT_CONNECTING,
	BENCH_CLIENT_HEAD, /* waits for the head of the answer */
	BENCH_CLIENT_OPEN, /* a stream: not ready before it says so */
	BENCH_CLIENT_LAST, /* the server answers no more here */
};

/* In the owner's storage, zeroed and filled up to `speaker`; freed with the
 * process. */
struct bench_client {
	struct base_watch watch; /* first: the loop calls through it */
	struct base_loop *loop;	 /* borrowed */
	const struct bench_client_calls *calls;
	const struct bench_dialect *dialect; /* NULL: plain HTTP */
	struct bench_speaker speaker;
	unsigned number; /* which of the owner's */

	enum bench_client_state state;
	struct sockaddr_in from;
	const struct bench_place *to; /* borrowed */
	int fd;
	bool ready;
	bool chunked;
	bool writing; /* the loop watches for room to write */
	struct bench_chunks chunks;
	struct base_buf in;  /* the start of an unfinished unit */
	struct base_buf out; /* not yet taken by the kernel */
	uint64_t began_us;   /* connection or HTTP request: when it was due */
	uint64_t bytes_in;

	/* returning.c */
	uint64_t away_us;   /* since when; 0: it is not */
	uint64_t back_us;   /* when it is to come back */
	unsigned attempts;  /* that failed since */
	unsigned hint_ms;   /* it was told to wait so long; 0: nothing */
	uint64_t heard_sum; /* of the ids of its messages */
	TAILQ_ENTRY(bench_client) link; /* while it waits */
};

TAILQ_HEAD(bench_client_list, bench_client);

/* Connects to `to`, over the loopback from `from`; a stream sends its request
 * at once.  It was due at `us`.  False when the system refuses.  Where a server
 * ends a plain connection with an answer that says so, the next request goes
 * over a new one, which nobody is told of. */
MUST_USE bool bench_client_open(struct bench_client *c,
    const struct sockaddr_in *from, const struct bench_place *to, uint64_t us);

/* Sends what stands in `out`. */
void bench_client_flush(struct bench_client *c);

void bench_client_close(struct bench_client *c);

#endif
