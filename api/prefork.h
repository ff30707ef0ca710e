/* SPDX-License-Identifier: ISC */
/* A master that keeps some child processes alive.  One that crashes is started
 * again, after a pause that doubles while crashes go on; what it was at stands
 * in memory it shares with the master, and in the master's log. */
#ifndef API_PREFORK_H
#define API_PREFORK_H

#include <signal.h>
#include <stdbool.h>

#include "base/attr.h"

/* A child that cannot work with these settings ends with this, and the master
 * with it. */
enum {
	API_PREFORK_EXIT_CONFIG = 78
};

/* One child, as itself and the master see it. */
struct api_prefork_slot {
	unsigned index; /* 0, 1, …: stays the same when it is replaced */
	/* What a stranger sent and is being decoded; "" = nothing. */
	char request_id[72];
	char hash[72];
};

struct api_prefork_params {
	unsigned processes;
	/* The life of a child, which gives its exit code.  `*stop` is set by
	 * SIGTERM: finish what is in hand, then return. */
	int (*child)(void *arg, struct api_prefork_slot *slot,
	    const volatile sig_atomic_t *stop);
	void *arg;
	unsigned grace_s; /* after SIGTERM, before SIGKILL */
};

/* Returns the exit code for the process once SIGTERM, SIGINT or SIGHUP came
 * and all children are gone, or at once when one of them ended with
 * API_PREFORK_EXIT_CONFIG. */
int api_prefork_run(const struct api_prefork_params *params);

/* For the child: what it decodes now; NULL = nothing. */
void api_prefork_mark(
    struct api_prefork_slot *slot, const char *request_id, const char *hash);

#endif
