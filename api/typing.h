/* SPDX-License-Identifier: ISC */
/*
 * Typing indicators end by themselves.  Every process that delivered a
 * typing.started says typing.stopped to its own sessions when neither a
 * renewal nor a stop came in time, so that a typist who vanished leaves no
 * ghost and nobody has to write to the database for it.
 *
 * Every process also holds back what comes too often: of one typist in one
 * conversation its sessions hear at most one event a second, however many
 * connections, processes and hosts it was asked of.  What is held back is told
 * when the second is over, as far as it is the last word then: so the last
 * state always arrives.
 *
 * Of one conversation twenty are shown at a time: no client draws more, and in a
 * room of ten thousand each is told to all of them.  Who comes when all places
 * are taken is shown when they say so again and one is free.
 */

#ifndef API_TYPING_H
#define API_TYPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/loop.h"

struct api_typing;

/* That somebody types, or does not any more; borrowed for the call. */
struct api_typing_word {
	const char *topic; /* on which it is told */
	const char *conversation;
	const char *user;
	const char *root;   /* of the thread, or NULL */
	const char *origin; /* the connection that it came from, or NULL */
	const char *data;   /* of the event */
	bool started;
};

struct api_typing_params {
	struct base_loop *loop;
	uint32_t expire_ms; /* 0 means 5,000 */
	uint32_t told_ms;   /* between two events that are told; 0: 1,000 */
	size_t limit;	    /* typists at a time, 0 means 10,000; past it the
			     * oldest ends early */
	size_t crowd_limit; /* shown at a time on one topic, 0 means 20 */
	/* A word to be told now: one held back, or an end by itself, with the
	 * data of the last start.  Called from the loop, or (an early end) from
	 * inside api_typing_say(). */
	void (*tell)(void *arg, const struct api_typing_word *w);
	void *arg;
};

struct api_typing *api_typing_new(const struct api_typing_params *);
void api_typing_free(struct api_typing *);

/* True: it is to be told at once, by the caller. */
MUST_USE bool api_typing_say(
    struct api_typing *, const struct api_typing_word *);

/* Those who type. */
size_t api_typing_count(const struct api_typing *);

#endif
