/* SPDX-License-Identifier: ISC */
/*
 * Draining an instance: each of its workers gets the order, sends its clients
 * away over some seconds, and finishes what is under way.  When all have, or
 * after the time for it, the instance ends; requests have a minute more.
 */
#ifndef API_DRAIN_H
#define API_DRAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/loop.h"

struct api_drain; /* one per worker */

/* In memory that the workers share; zeroed.  It outlives a worker that is
 * killed, so that the next in its place goes on with the drain. */
struct api_drain_shared {
	_Atomic uint64_t begun;	   /* a bit per worker */
	_Atomic uint64_t empty;	   /* of them, those with nothing left */
	_Atomic uint64_t busy;	   /* those with requests under way */
	_Atomic uint64_t until_ms; /* base_clock_ms(); 0: no drain */
};

struct api_drain_params {
	struct base_loop *loop;
	struct api_drain_shared *shared;
	unsigned int worker; /* its number in the instance */
	/* Lets nobody in any more, and sends away who is there. */
	void (*begin)(void *arg, uint32_t spread_ms);
	bool (*is_empty)(void *arg); /* nobody is there, nothing under way */
	bool (*is_busy)(void *arg);  /* a request is under way */
	void (*end)(void *arg);	     /* of the whole instance; once */
	void *arg;
};

MUST_USE struct api_drain *api_drain_new(const struct api_drain_params *p);

/* begin() runs within the call.  A later order, perhaps a more urgent one,
 * takes the place of the first. */
void api_drain_order(struct api_drain *d, uint32_t spread_ms);

/* No callback runs. */
void api_drain_free(struct api_drain *d);

#endif
