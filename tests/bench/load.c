/* SPDX-License-Identifier: ISC */
/*
 * A load generator for chat servers: opens streams, sends messages by frames
 * or requests, measures how long answers and deliveries take, and reads from
 * the kernel what the servers take.  One thread, one run, one line of JSON.
 *
 *	connect all - settle - send: warm up, measure - drain - report
 *
 * SIGUSR1 ends the warming up.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/bench/run.h"

#define DRAIN_MAX_S 5
#define RETURN_MAX_S 30
#define NAP_US 200

static struct bench_run run;
static volatile sig_atomic_t warm; /* told so */

/* ---- what clients tell --------------------------------------------------- */

static void
heard(struct bench_client *c, enum bench_heard what, const char *payload,
    size_t len, uint64_t us)
{
	const uint64_t now = base_clock_us();
	uint64_t marked;

	switch (what) {
	case BENCH_HEARD_READY:
		if (payload != NULL)
			bench_returning_position(c, payload, len);
		if (c->away_us != 0) {
			bench_returning_ready(&run, c);
			bench_sending_back(&run, c);
			break;
		}
		run.ready++;
		bench_histogram_add(&run.connecting, now - c->began_us);
		break;
	case BENCH_HEARD_EVENT:
		run.total.events++;
		if (run.options.returns)
			bench_returning_heard(&run, c, payload, len);
		if (!run.measuring || c->number % run.options.sample != 0)
			break;
		marked = bench_dialect_marked(payload, len);
		if (marked != 0 && marked <= now)
			bench_histogram_add(&run.delivery, now - marked);
		break;
	case BENCH_HEARD_REPLY:
		run.total.replies++;
		if (run.measuring)
			bench_histogram_add(&run.reply, now - us);
		bench_sending_answered(&run, c);
		break;
	case BENCH_HEARD_REFUSED:
		if (run.total.refused++ == 0)
			fprintf(stderr, "load: refused: %.*s\n",
			    (int)(len < 500 ? len : 500), payload);
		bench_sending_answered(&run, c);
		break;
	case BENCH_HEARD_HINT:
		bench_returning_hint(c, payload, len);
		break;
	case BENCH_HEARD_OTHER:
		break;
	}
}

static void
lost(struct bench_client *c, const char *why)
{
	run.why = why;
	if (run.at_us[BENCH_CONNECTED] == 0)
		run.failed++;
	else if (c->away_us == 0)
		run.total.lost++;
	if (run.at_us[BENCH_CONNECTED] != 0 && run.options.returns)
		bench_returning_lost(&run, c);
}

static const struct bench_client_calls calls = { heard, lost };

/* ---- making them --------------------------------------------------------- */

static struct bench_client *
clients_make(unsigned count, const struct bench_dialect *dialect)
{
	struct bench_client *all = base_alloc_array(count + 1, sizeof(*all));
	unsigned i, rooms = run.rooms_count > 0 ? (unsigned)run.rooms_count : 1;

	for (i = 0; i < count; i++) {
		all[i].loop = run.loop;
		all[i].calls = &calls;
		all[i].dialect = dialect;
		all[i].number = i;
		bench_speakers_make(&run, &all[i].speaker,
		    dialect != NULL ? run.options.first + i :
				      i % rooms * run.options.members +
			    i / rooms % run.options.members);
	}
	return all;
}

/* ---- phases -------------------------------------------------------------- */

static void
moment(enum bench_moment m)
{
	struct rusage own;
	size_t i;

	run.at_us[m] = base_clock_us();
	run.at[m] = run.total;
	getrusage(RUSAGE_SELF, &own);
	run.own_cpu_us[m] = (uint64_t)own.ru_utime.tv_sec * 1000000 +
	    (uint64_t)own.ru_utime.tv_usec +
	    (uint64_t)own.ru_stime.tv_sec * 1000000 +
	    (uint64_t)own.ru_stime.tv_usec;
	for (i = 0; i < run.options.watched_count; i++)
		bench_process_usage(run.options.watched[i].pid,
		    m != BENCH_START, &run.usage[m][i]);
}

/*
 * Looks a few thousand times a second.  Were it asleep in epoll_wait() instead,
 * a server on the same machine would wake it with nearly every write, which
 * costs that server a fifth of the write; its clients elsewhere cost it none.
 */
void
bench_turn(struct bench_run *r)
{
	const struct timespec nap = { .tv_nsec = NAP_US * 1000 };
	int ready = base_loop_poll_turn(r->loop, 0);

	bench_returning_turn(r);
	bench_sending_tick(r);
	if (ready == 0)
		nanosleep(&nap, NULL);
}

static void
turns(double seconds)
{
	const uint64_t end = base_clock_us() + (uint64_t)(seconds * 1e6);

	while (base_clock_us() < end)
		bench_turn(&run);
}

static void
warm_tell(int signal_number)
{
	(void)signal_number;
	warm = 1;
}

static void
warm_up(double seconds)
{
	const uint64_t end = base_clock_us() + (uint64_t)(seconds * 1e6);

	while (base_clock_us() < end && !warm)
		bench_turn(&run);
}

static void
connect_phase(void)
{
	const struct bench_options *o = &run.options;
	const uint64_t start = base_clock_us();

	bench_connecting_all(
	    &run, run.streams, o->listen != NULL ? o->streams : 0, o->arrivals);
	run.connect_us = base_clock_us() - start;
	if (o->request != NULL)
		bench_connecting_all(&run, run.posters, o->senders, 0);
	turns(o->settle_s);
	moment(BENCH_CONNECTED);
}

static void
send_phase(void)
{
	const bool returns = run.options.returns;
	const uint64_t drain_us =
	    1000000ull * (returns ? RETURN_MAX_S : DRAIN_MAX_S);
	const uint64_t quiet_us = returns ? 3000000 : 500000;
	uint64_t last, events;

	bench_sending_init(&run);
	bench_sending_start(&run);
	warm_up(run.options.warm_s);
	moment(BENCH_START);
	run.measuring = true;
	turns(run.options.seconds);
	run.measuring = false;
	moment(BENCH_END);
	bench_sending_stop(&run);
	/* until nothing came for a while; who is back may still be resuming */
	for (last = base_clock_us();
	     (base_clock_us() < last + quiet_us || run.away > 0) &&
	     base_clock_us() < run.at_us[BENCH_END] + drain_us;) {
		events = run.total.events + run.total.replies;
		bench_turn(&run);
		if (run.total.events + run.total.replies != events)
			last = base_clock_us();
	}
}

static void
descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int
main(int argc, char **argv)
{
	struct bench_options *o = &run.options;

	if (!bench_options_parse(o, argc, argv) || !bench_speakers_read(&run))
		return 2;
	descriptors_raise();
	prctl(PR_SET_TIMERSLACK, 1000); /* ns, of the naps */
	(void)signal(SIGUSR1, warm_tell);
	TAILQ_INIT(&run.returning);
	run.loop = base_loop_poll_new();
	run.streams =
	    clients_make(o->listen != NULL ? o->streams : 0, o->listen);
	run.posters = clients_make(o->request != NULL ? o->senders : 0, NULL);
	moment(BENCH_BEFORE);
	connect_phase();
	if (run.ready == 0 && run.opened > 0) {
		fprintf(stderr, "load: no connection was opened: %s\n",
		    run.why != NULL ? run.why : "time is up");
		return 1;
	}
	send_phase();
	bench_report(&run);
	return 0;
}
