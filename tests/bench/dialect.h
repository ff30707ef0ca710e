/* SPDX-License-Identifier: ISC */
/* How one kind of server is spoken to: what opens a stream, how a message is
 * said on it, and what the units mean that come back. */

#ifndef BENCH_DIALECT_H
#define BENCH_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Precedes the sixteen hexadecimal digits of the time in a message's text. */
#define BENCH_MARK "~!"

enum bench_heard {
	BENCH_HEARD_OTHER,
	BENCH_HEARD_READY,   /* the stream is signed in and follows its room */
	BENCH_HEARD_EVENT,   /* a message */
	BENCH_HEARD_REPLY,   /* a message of ours was stored */
	BENCH_HEARD_REFUSED, /* it was not */
	BENCH_HEARD_HINT,    /* when to come back */
};

/* Whom a stream is for, and what it says. */
struct bench_speaker {
	const char *host;
	const char *user;
	const char *token;
	const char *room;
	bool resumes; /* it has been ready: behind the event `after` */
	uint64_t after;
};

struct bench_dialect {
	const char *name;
	bool sse;	    /* else WebSocket */
	bool ready_at_head; /* the answer's head is all there is to wait for */
	const char *path;
	bool resumes; /* the path takes ?after= */
	/* Appends the request's own header lines; NULL: none. */
	void (*headers)(
	    struct base_buf *out, const struct bench_speaker *speaker);
	/* Appends one message; `us` comes back in the reply. */
	void (*say)(struct base_buf *out, const struct bench_speaker *speaker,
	    uint64_t us, const char *text);
	/* What a unit means.  What it asks for is appended to `answer`; for a
	 * reply or a refusal *us is what was said. */
	enum bench_heard (*hear)(const char *payload, size_t len,
	    const struct bench_speaker *speaker, struct base_buf *answer,
	    uint64_t *us);
};

/* NULL: there is none of that name. */
const struct bench_dialect *bench_dialect_find(const char *name);

/* The request that opens the stream. */
void bench_dialect_request(const struct bench_dialect *d, struct base_buf *out,
    const struct bench_speaker *speaker);

/* Copies `template` with %r replaced by the room, %u by the user, %t by
 * `text`. */
void bench_dialect_fill(struct base_buf *out, const char *template,
    const struct bench_speaker *speaker, const char *text);

/* The time marked in the text of an event, or 0. */
uint64_t bench_dialect_marked(const char *payload, size_t len);

#endif
