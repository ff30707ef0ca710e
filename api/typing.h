/* SPDX-License-Identifier: ISC */
/*
 * Typing indicators end by themselves.  Every process that delivered a
 * typing.started says typing.stopped to its own sessions when neither a
 * renewal nor a stop came in time, so that a typist who vanished leaves no
 * ghost and nobody has to write to the database for it.
 *
 * Every process also holds back what comes too often: of one typist in one
 * topic its sessions hear at most one start a second, and no stop without a
 * start, however many connections, processes and hosts it was asked of.
 */

#ifndef API_TYPING_H
#define API_TYPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/loop.h"

struct api_typing;

struct api_typing_params {
	struct base_loop *loop;
	uint32_t expire_ms; /* 0 means 5,000 */
	uint32_t told_ms;   /* between two starts that are told; 0: 1,000 */
	size_t limit;	    /* typists at a time, 0 means 10,000; past it the
			     * oldest ends early */
	/* Origin (NULL: none) and data are those of the last start.  Called
	 * from the loop. */
	void (*on_stop)(
	    void *arg, const char *topic, const char *origin, const char *data);
	void *arg;
};

struct api_typing *api_typing_new(const struct api_typing_params *);
void api_typing_free(struct api_typing *);

/* `user` types in `topic`; renews when they already do.  True: it is to be
 * told. */
MUST_USE bool api_typing_started(struct api_typing *, const char *topic,
    const char *user, const char *origin, const char *data);

/* They said so themselves: on_stop is not called for them.  True: it is to be
 * told. */
MUST_USE bool api_typing_stopped(
    struct api_typing *, const char *topic, const char *user);

/* Would a start now not be told? */
bool api_typing_is_told(
    const struct api_typing *, const char *topic, const char *user);

/* Those who type. */
size_t api_typing_count(const struct api_typing *);

#endif
