/* SPDX-License-Identifier: ISC */
/* Streams that were cut come back and resume; whether anybody missed or saw
 * twice what others of the room saw. */

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "tests/bench/run.h"

#define AGAIN_MIN_MS 100 /* between two attempts */
#define AGAIN_MAX_MS 500
/* Begun in a turn: fewer than the loop can serve, so that who has connected
 * sends its request at once. */
#define TURN_MAX 16

static uint64_t
wait_us(const struct bench_run *run, const struct bench_client *c)
{
	unsigned spread = run->options.return_ms;

	if (c->attempts > 0)
		return 1000ull *
		    (AGAIN_MIN_MS +
			base_random_below(AGAIN_MAX_MS - AGAIN_MIN_MS));
	return 1000ull *
	    (c->hint_ms > 0 ? c->hint_ms : base_random_below(spread + 1));
}

void
bench_returning_lost(struct bench_run *run, struct bench_client *c)
{
	uint64_t now = base_clock_us();

	if (c->away_us == 0) {
		if (run->away++ == 0)
			run->away_since_us = now;
		c->away_us = now;
		c->attempts = 0;
	} else {
		c->attempts++;
		run->attempts_failed++;
	}
	c->back_us = now + wait_us(run, c);
	TAILQ_INSERT_TAIL(&run->returning, c, link);
}

void
bench_returning_ready(struct bench_run *run, struct bench_client *c)
{
	uint64_t now = base_clock_us();

	bench_histogram_add(&run->absence, now - c->away_us);
	c->away_us = 0;
	c->hint_ms = 0;
	if (--run->away == 0)
		run->away_us = now - run->away_since_us;
}

void
bench_returning_turn(struct bench_run *run)
{
	uint64_t now = base_clock_us();
	struct bench_client *c, *next;
	unsigned n = 0;

	for (c = TAILQ_FIRST(&run->returning); c != NULL && n < TURN_MAX;
	     c = next) {
		next = TAILQ_NEXT(c, link);
		if (now < c->back_us)
			continue;
		n++;
		TAILQ_REMOVE(&run->returning, c, link);
		if (!bench_connecting_one(run, c, now))
			bench_returning_lost(run, c);
	}
}

/* The number behind the first `key`, or 0. */
static uint64_t
number_of(const char *payload, size_t len, const char *key)
{
	const char *at = memmem(payload, len, key, strlen(key));

	return at != NULL ? strtoull(at + strlen(key), NULL, 10) : 0;
}

void
bench_returning_hint(struct bench_client *c, const char *payload, size_t len)
{
	c->hint_ms = (unsigned)number_of(payload, len, "\"after_ms\":");
}

void
bench_returning_position(
    struct bench_client *c, const char *payload, size_t len)
{
	if (c->speaker.resumes)
		return;
	c->speaker.after = number_of(payload, len, "\"last_event_id\":");
	c->speaker.resumes = true;
}

void
bench_returning_heard(struct bench_run *run, struct bench_client *c,
    const char *payload, size_t len)
{
	uint64_t id = number_of(payload, len, "\"id\":");

	if (id <= c->speaker.after)
		run->disordered++;
	else
		c->speaker.after = id;
	c->heard_sum += id;
}

unsigned
bench_returning_uneven(const struct bench_run *run)
{
	const struct bench_options *o = &run->options;
	const struct bench_client *c, *first = NULL;
	unsigned i, n = 0;

	for (i = 0; i < o->streams; i++) {
		c = &run->streams[i];
		if (first == NULL || (o->first + i) % o->members == 0)
			first = c;
		n += c->heard_sum != first->heard_sum;
	}
	return n;
}
