/* SPDX-License-Identifier: ISC */
/* Who sends what when.  Closed loop: a sender sends when it is answered.  Open
 * loop: messages are due at fixed times, whatever the server does, and latency
 * counts from then. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/bench/run.h"

/* The user of sender `k`: the first of each room, then the second. */
static unsigned
sender_user(const struct bench_run *run, unsigned k)
{
	unsigned rooms = run->rooms_count > 0 ? (unsigned)run->rooms_count : 1;

	return k % rooms * run->options.members +
	    k / rooms % run->options.members;
}

void
bench_sending_init(struct bench_run *run)
{
	const struct bench_options *o = &run->options;
	struct bench_sender *s;
	unsigned k;

	TAILQ_INIT(&run->free);
	run->senders = base_alloc_array(o->senders + 1, sizeof(*run->senders));
	for (k = 0; k < o->senders; k++) {
		s = &run->senders[k];
		s->client = o->request != NULL ?
		    &run->posters[k] :
		    &run->streams[sender_user(run, k)];
		if (s->client->ready) {
			s->free = true;
			TAILQ_INSERT_TAIL(&run->free, s, link);
		}
	}
}

static void
request_append(struct bench_run *run, struct bench_client *c, const char *text)
{
	const struct bench_options *o = &run->options;
	struct base_buf body = { 0 };

	if (run->roam_count > 0)
		c->speaker = run->roam[run->roam_next++ % run->roam_count];
	bench_dialect_fill(&c->out, o->request, &c->speaker, text);
	base_buf_printf(&c->out,
	    " HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n", o->host,
	    c->speaker.token);
	if (o->accept != NULL)
		base_buf_printf(&c->out, "Accept: %s\r\n", o->accept);
	if (o->body != NULL) {
		bench_dialect_fill(&body, o->body, &c->speaker, text);
		base_buf_printf(&c->out,
		    "Content-Type: application/json\r\n"
		    "Content-Length: %zu\r\n\r\n%s",
		    body.len, body.data);
		base_buf_fini(&body);
	} else
		base_buf_append_str(&c->out, "\r\n");
}

/* One message, due at `us`; not flushed yet. */
static void
say(struct bench_run *run, struct bench_sender *s, uint64_t us)
{
	struct bench_client *c = s->client;
	char text[1024];
	int n;

	n = snprintf(text, sizeof(text), BENCH_MARK "%016" PRIx64 " ", us);
	memset(text + n, 'x', run->options.text_bytes - (size_t)n);
	text[run->options.text_bytes] = '\0';
	if (c->dialect == NULL) {
		c->began_us = us;
		request_append(run, c, text);
	} else
		c->dialect->say(&c->out, &c->speaker, us, text);
	s->under_way++;
	run->total.sent++;
}

static bool
open_loop(const struct bench_run *run)
{
	return run->options.rate > 0;
}

/* How many a sender may have under way; frames of the open loop: any number. */
static unsigned
window(const struct bench_run *run, const struct bench_sender *s)
{
	if (s->client->dialect == NULL)
		return 1;
	return open_loop(run) ? 1000000 : run->options.window;
}

static void
fill_window(struct bench_run *run, struct bench_sender *s)
{
	while (s->under_way < window(run, s))
		say(run, s, base_clock_us());
}

void
bench_sending_start(struct bench_run *run)
{
	unsigned k;

	run->sending = true;
	run->sending_since_us = base_clock_us();
	if (open_loop(run))
		return;
	for (k = 0; k < run->options.senders; k++)
		if (run->senders[k].client->ready) {
			fill_window(run, &run->senders[k]);
			bench_client_flush(run->senders[k].client);
		}
}

void
bench_sending_stop(struct bench_run *run)
{
	run->sending = false;
}

static uint64_t
due_us(const struct bench_run *run, uint64_t n)
{
	return run->sending_since_us +
	    (uint64_t)((double)n * 1e6 / run->options.rate);
}

void
bench_sending_tick(struct bench_run *run)
{
	uint64_t now = base_clock_us();
	struct bench_sender *s;

	if (!run->sending || !open_loop(run))
		return;
	while (due_us(run, run->due) <= now) {
		if ((s = TAILQ_FIRST(&run->free)) == NULL)
			return; /* stays due; its latency grows */
		TAILQ_REMOVE(&run->free, s, link);
		if (!s->client->ready) {
			s->free = false;
			continue;
		}
		say(run, s, due_us(run, run->due++));
		bench_client_flush(s->client);
		s->free = s->under_way < window(run, s);
		if (s->free)
			TAILQ_INSERT_TAIL(&run->free, s, link);
	}
}

/* Posters are senders; a stream's sender is found by its user. */
static struct bench_sender *
sender_of(struct bench_run *run, struct bench_client *c)
{
	const unsigned rooms = (unsigned)run->rooms_count;
	unsigned k = c->number;

	if (c->dialect != NULL)
		k = k % run->options.members * rooms + k / run->options.members;
	return &run->senders[k];
}

void
bench_sending_answered(struct bench_run *run, struct bench_client *c)
{
	struct bench_sender *s = sender_of(run, c);

	s->under_way--;
	if (open_loop(run)) {
		if (!s->free) {
			s->free = true;
			TAILQ_INSERT_TAIL(&run->free, s, link);
			bench_sending_tick(run);
		}
	} else if (run->sending)
		fill_window(run, s); /* the input's end flushes */
}

void
bench_sending_back(struct bench_run *run, struct bench_client *c)
{
	const struct bench_options *o = &run->options;
	struct bench_sender *s = sender_of(run, c);

	if ((c->dialect == NULL) != (o->request != NULL) ||
	    s >= run->senders + o->senders)
		return;
	s->under_way = 0;
	if (open_loop(run)) {
		if (!s->free)
			TAILQ_INSERT_TAIL(&run->free, s, link);
		s->free = true;
	} else if (run->sending) {
		fill_window(run, s);
		bench_client_flush(c);
	}
}
