/* SPDX-License-Identifier: ISC */
/* Bytes and their time. */

#include "api/pace.h"

#include "api/body.h"
#include "base/clock.h"

void
api_pace_begin(struct api_pace *p, const struct api_body *body)
{
	p->body = body;
	p->began_ms = p->heard_ms = base_clock_ms();
	p->bytes = 0;
}

void
api_pace_heard(struct api_pace *p, size_t n)
{
	p->heard_ms = base_clock_ms();
	p->bytes += n;
}

bool
api_pace_is_idle(const struct api_pace *p)
{
	return base_clock_ms() - p->heard_ms >= API_PACE_IDLE_MS;
}

bool
api_pace_had_turn(const struct api_pace *p)
{
	return base_clock_ms() - p->began_ms >= API_PACE_TURN_MS &&
	    p->body->contended != NULL && p->body->contended(p->body->arg);
}

bool
api_pace_is_slow(const struct api_pace *p)
{
	uint64_t took_ms = base_clock_ms() - p->began_ms;

	return api_pace_is_idle(p) ||
	    (p->bytes < took_ms * API_PACE_LEAST_BYTES_S / 1000 &&
		api_pace_had_turn(p));
}
