/* SPDX-License-Identifier: ISC */
/* One run of the load: shared by load.c, which goes through its phases,
 * speakers.c, connecting.c, sending.c and report.c. */

#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/loop.h"
#include "tests/bench/client.h"
#include "tests/bench/histogram.h"
#include "tests/bench/options.h"
#include "tests/bench/process.h"

struct bench_tally {
	uint64_t sent;
	uint64_t replies;
	uint64_t refused;
	uint64_t events;
	uint64_t lost; /* connections that ended by themselves */
};

struct bench_sender {
	struct bench_client *client; /* its own, or its user's stream */
	unsigned under_way;
	TAILQ_ENTRY(bench_sender) link; /* among those that may send */
	bool free;
};

TAILQ_HEAD(bench_sender_list, bench_sender);

/* When usage was read. */
enum bench_moment {
	BENCH_BEFORE,	 /* nothing connected */
	BENCH_CONNECTED, /* all streams ready, and settled */
	BENCH_START,
	BENCH_END,
	BENCH_MOMENTS
};

struct bench_run {
	struct bench_options options;
	struct base_loop *loop;
	char **rooms; /* owned */
	size_t rooms_count;

	struct bench_speaker *roam; /* owned; for whom requests are, in turn */
	size_t roam_count;	    /* 0: for their own senders */
	size_t roam_next;

	struct bench_client *streams;  /* owned; options.streams of them */
	struct bench_client *posters;  /* owned; HTTP senders */
	struct bench_sender *senders;  /* owned */
	struct bench_sender_list free; /* may send, oldest first */

	unsigned opened; /* connections begun */
	unsigned ready;
	unsigned failed;     /* ended before they were ready */
	const char *why;     /* the last one's reason */
	uint64_t connect_us; /* from the first connect to the last ready */

	struct bench_client_list returning; /* wait to come back */
	unsigned away;			    /* cut and not ready again */
	unsigned attempts_failed;	    /* of coming back */
	uint64_t away_since_us;		    /* anybody */
	uint64_t away_us;    /* the last time: until all were back */
	uint64_t disordered; /* messages heard twice or out of order */

	bool sending;
	bool measuring;
	uint64_t sending_since_us;
	uint64_t due; /* messages of the open loop that were begun */
	struct bench_tally total, at[BENCH_MOMENTS];
	uint64_t at_us[BENCH_MOMENTS];
	uint64_t own_cpu_us[BENCH_MOMENTS];
	struct bench_usage usage[BENCH_MOMENTS][BENCH_WATCHED_MAX];

	struct bench_histogram connecting, delivery, reply, absence;
};

/* load.c: one turn of the loop, and a nap when nothing was ready. */
void bench_turn(struct bench_run *run);

/* speakers.c: reads the files that the options name; false with a message when
 * one is of no use. */
MUST_USE bool bench_speakers_read(struct bench_run *run);

/* Speaks for user number `user`, in that user's room. */
void bench_speakers_make(
    const struct bench_run *run, struct bench_speaker *s, unsigned user);

/* connecting.c: opens `count` clients and waits until they are ready or lost,
 * two minutes at most; counts on in `opened`, `ready` and `failed`. */
void bench_connecting_all(struct bench_run *run, struct bench_client *clients,
    unsigned count, double arrivals);

/* Opens one of them, due at `us`. */
MUST_USE bool bench_connecting_one(
    struct bench_run *run, struct bench_client *c, uint64_t us);

/* returning.c: `c` was cut, or an attempt to come back failed. */
void bench_returning_lost(struct bench_run *run, struct bench_client *c);
/* It is back. */
void bench_returning_ready(struct bench_run *run, struct bench_client *c);
/* Begins the attempts that are due; called every turn. */
void bench_returning_turn(struct bench_run *run);
/* What a stream heard: that it will be cut, that it is ready, a message. */
void bench_returning_hint(
    struct bench_client *c, const char *payload, size_t len);
void bench_returning_position(
    struct bench_client *c, const char *payload, size_t len);
void bench_returning_heard(struct bench_run *run, struct bench_client *c,
    const char *payload, size_t len);
/* Streams that did not hear the same messages as the first of their room. */
unsigned bench_returning_uneven(const struct bench_run *run);

/* sending.c: makes the senders; needs ready streams when they speak there. */
void bench_sending_init(struct bench_run *run);

/* Begins to send, and ends it; what is under way goes on. */
void bench_sending_start(struct bench_run *run);
void bench_sending_stop(struct bench_run *run);

/* Sends what is due in the open loop; called a few thousand times a second. */
void bench_sending_tick(struct bench_run *run);

/* A reply came for what `c` sent. */
void bench_sending_answered(struct bench_run *run, struct bench_client *c);

/* `c` is back: what it had under way will not be answered. */
void bench_sending_back(struct bench_run *run, struct bench_client *c);

/* report.c: one line of JSON on stdout. */
void bench_report(const struct bench_run *run);

#endif
