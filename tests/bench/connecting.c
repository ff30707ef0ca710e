/* SPDX-License-Identifier: ISC */
/* Opens connections: so many at once, or at fixed times, whatever the server
 * does; then latency counts from when one was due. */

#include <arpa/inet.h>

#include "base/clock.h"
#include "tests/bench/run.h"

#define SOURCES 16 /* loopback addresses: one has 28,000 ports */
#define MAX_S 120

static uint64_t
under_way(const struct bench_run *run)
{
	return run->opened - run->ready - run->failed;
}

bool
bench_connecting_one(struct bench_run *run, struct bench_client *c, uint64_t us)
{
	const struct bench_options *o = &run->options;
	struct sockaddr_in from = { .sin_family = AF_INET };
	size_t place = (c->number + c->attempts) % o->places_count;

	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + c->number % SOURCES);
	return bench_client_open(c, &from, &o->places[place], us);
}

void
bench_connecting_all(struct bench_run *run, struct bench_client *clients,
    unsigned count, double arrivals)
{
	const uint64_t start = base_clock_us(),
		       end = start + MAX_S * 1000000ull;
	const unsigned goal = run->ready + run->failed + count;
	uint64_t now = start, due;
	unsigned i = 0;

	while (run->ready + run->failed < goal && now < end) {
		for (; i < count; i++) {
			due = arrivals > 0 ?
			    start + (uint64_t)((double)i * 1e6 / arrivals) :
			    base_clock_us();
			if (arrivals > 0 ?
				due > now :
				under_way(run) >= run->options.connecting)
				break;
			run->opened++;
			if (!bench_connecting_one(run, &clients[i], due))
				run->failed++;
		}
		bench_turn(run);
		now = base_clock_us();
	}
}
