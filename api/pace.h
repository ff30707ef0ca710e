/* SPDX-License-Identifier: ISC */
/*
 * Whether who sends a body keeps up, so that a slow one does not hold a process
 * that others wait for.  Asked from the handler of a signal (api/body.h,
 * `guard`), told of by the code that it interrupts.
 */
#ifndef API_PACE_H
#define API_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct api_body;

enum {
	API_PACE_IDLE_MS = 25 * 1000,	   /* without a byte */
	API_PACE_TURN_MS = 5 * 1000,	   /* while others wait */
	API_PACE_LEAST_BYTES_S = 64 * 1024 /* then */
};

struct api_pace {
	const struct api_body *body; /* borrowed */
	uint64_t began_ms;
	volatile uint64_t heard_ms, bytes;
};

void api_pace_begin(struct api_pace *p, const struct api_body *body);

/* `n` bytes came. */
void api_pace_heard(struct api_pace *p, size_t n);

/* Nothing came for too long. */
bool api_pace_is_idle(const struct api_pace *p);

/* Others wait, and it had its turn. */
bool api_pace_had_turn(const struct api_pace *p);

/* Idle, or it had its turn and made less of it than a usual network allows. */
bool api_pace_is_slow(const struct api_pace *p);

#endif
