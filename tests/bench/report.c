/* SPDX-License-Identifier: ISC */
/* What a run found, as one line of JSON. */

#include <stdio.h>

#include "base/json.h"
#include "tests/bench/run.h"

static void
number(struct base_json *j, const char *key, double value)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%.3f", value);

	base_json_put_raw(j, key, text, (size_t)n);
}

static void
latency(struct base_json *j, const char *key, const struct bench_histogram *h)
{
	static const struct {
		const char *name;
		double q;
	} shown[] = {
		{ "p50", 0.5 },
		{ "p90", 0.9 },
		{ "p99", 0.99 },
		{ "p999", 0.999 },
		{ "max", 1 },
	};
	size_t i;

	base_json_key(j, key);
	base_json_object_begin(j);
	base_json_put_uint(j, "count", h->count);
	number(j, "mean",
	    h->count > 0 ? (double)h->sum_us / 1e3 / (double)h->count : 0);
	for (i = 0; i < ARRAY_LEN(shown); i++)
		number(j, shown[i].name,
		    (double)bench_histogram_quantile(h, shown[i].q) / 1e3);
	base_json_object_end(j);
}

static void
connecting(struct base_json *j, const struct bench_run *run)
{
	double seconds = (double)run->connect_us / 1e6;
	unsigned streams =
	    run->options.listen != NULL ? run->options.streams : 0;

	base_json_key(j, "connect");
	base_json_object_begin(j);
	base_json_put_uint(j, "streams", streams);
	base_json_put_uint(j, "ready", run->ready);
	base_json_put_uint(j, "failed", run->failed);
	base_json_put_str(j, "why", run->failed > 0 ? run->why : NULL);
	number(j, "seconds", seconds);
	number(j, "per_s", seconds > 0 ? streams / seconds : 0);
	number(j, "generator_cores",
	    seconds > 0 ? (double)(run->own_cpu_us[BENCH_CONNECTED] -
			      run->own_cpu_us[BENCH_BEFORE]) /
		    1e6 / seconds :
			  0);
	latency(j, "ms", &run->connecting);
	base_json_object_end(j);
}

/* What came of --return. */
static void
returning(struct base_json *j, const struct bench_run *run)
{
	if (!run->options.returns)
		return;
	base_json_key(j, "returning");
	base_json_object_begin(j);
	base_json_put_uint(j, "back", run->absence.count);
	base_json_put_uint(j, "away", run->away);
	base_json_put_uint(j, "attempts_failed", run->attempts_failed);
	base_json_put_str(j, "why", run->attempts_failed > 0 ? run->why : NULL);
	number(j, "seconds", (double)run->away_us / 1e6);
	latency(j, "absence_ms", &run->absence);
	base_json_put_uint(j, "disordered", run->disordered);
	base_json_put_uint(j, "uneven", bench_returning_uneven(run));
	base_json_object_end(j);
}

/* Of each watched process: cores while measuring, and memory. */
static void
watched(struct base_json *j, const struct bench_run *run, double seconds)
{
	const struct bench_usage(*u)[BENCH_WATCHED_MAX] = run->usage;
	size_t i;

	base_json_key(j, "watched");
	base_json_object_begin(j);
	for (i = 0; i < run->options.watched_count; i++) {
		base_json_key(j, run->options.watched[i].name);
		base_json_object_begin(j);
		base_json_put_uint(j, "processes", u[BENCH_END][i].processes);
		number(j, "cores",
		    ((double)u[BENCH_END][i].cpu_us -
			(double)u[BENCH_START][i].cpu_us) /
			1e6 / seconds);
		number(j, "connect_cpu_s",
		    ((double)u[BENCH_CONNECTED][i].cpu_us -
			(double)u[BENCH_BEFORE][i].cpu_us) /
			1e6);
		number(j, "warm_cpu_s",
		    ((double)u[BENCH_START][i].cpu_us -
			(double)u[BENCH_CONNECTED][i].cpu_us) /
			1e6);
		base_json_put_uint(
		    j, "before_kib", u[BENCH_BEFORE][i].memory_kib);
		base_json_put_uint(
		    j, "connected_kib", u[BENCH_CONNECTED][i].memory_kib);
		base_json_put_uint(j, "end_kib", u[BENCH_END][i].memory_kib);
		base_json_object_end(j);
	}
	base_json_object_end(j);
}

/* Deliveries that answered messages should have had and did not. */
static uint64_t
missing(const struct bench_run *run)
{
	const struct bench_options *o = &run->options;
	uint64_t wanted;

	if (o->listen == NULL || o->senders == 0)
		return 0;
	wanted = run->total.replies * o->members;
	return wanted > run->total.events ? wanted - run->total.events : 0;
}

void
bench_report(const struct bench_run *run)
{
	const struct bench_tally *a = &run->at[BENCH_START],
				 *b = &run->at[BENCH_END];
	double s =
	    (double)(run->at_us[BENCH_END] - run->at_us[BENCH_START]) / 1e6;
	struct base_buf out = { 0 };
	struct base_json j;

	base_json_init(&j, &out);
	base_json_object_begin(&j);
	connecting(&j, run);
	number(&j, "warm_s",
	    (double)(run->at_us[BENCH_START] - run->at_us[BENCH_CONNECTED]) /
		1e6);
	number(&j, "seconds", s);
	number(&j, "sent_per_s", (double)(b->sent - a->sent) / s);
	number(&j, "replies_per_s", (double)(b->replies - a->replies) / s);
	number(&j, "events_per_s", (double)(b->events - a->events) / s);
	base_json_put_uint(&j, "sent", run->total.sent);
	base_json_put_uint(&j, "replies", run->total.replies);
	base_json_put_uint(&j, "refused", run->total.refused);
	base_json_put_uint(&j, "events", run->total.events);
	base_json_put_uint(&j, "missing", missing(run));
	base_json_put_uint(&j, "lost", run->total.lost);
	base_json_put_str(&j, "why", run->total.lost > 0 ? run->why : NULL);
	returning(&j, run);
	latency(&j, "delivery_ms", &run->delivery);
	latency(&j, "reply_ms", &run->reply);
	watched(&j, run, s);
	number(&j, "generator_cores",
	    (double)(run->own_cpu_us[BENCH_END] -
		run->own_cpu_us[BENCH_START]) /
		1e6 / s);
	base_json_object_end(&j);
	puts(base_buf_str(&out));
	base_buf_fini(&out);
}
