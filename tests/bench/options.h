/* SPDX-License-Identifier: ISC */
/* What one run of the load does. */

#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/attr.h"
#include "tests/bench/dialect.h"

#define BENCH_WATCHED_MAX 8
#define BENCH_PLACES_MAX 16

struct bench_watched {
	const char *name;
	pid_t pid;
};

/* Where a server listens. */
struct bench_place {
	union {
		struct sockaddr any;
		struct sockaddr_in in; /* 127.0.0.1 */
		struct sockaddr_un un;
	} address;
	socklen_t size;
};

struct bench_options {
	const char *host;			     /* as in the Host header */
	struct bench_place places[BENCH_PLACES_MAX]; /* taken in turn */
	size_t places_count;
	const char *secret;		    /* signs tokens */
	const char *prefix;		    /* user 7 is PREFIX7 */
	const struct bench_dialect *listen; /* NULL: no streams */
	unsigned streams;		    /* one a user, from user `first` */
	unsigned first;
	unsigned connecting;	/* at once */
	double arrivals;	/* connections/s at fixed times; 0: as above */
	const char *rooms_file; /* one id a line */
	const char *roam_file;	/* NULL: a sender sends for its own user */
	unsigned members;	/* of a room: user i is in room i / members */
	unsigned senders;	/* spread over the rooms */
	const char *request;	/* NULL: senders speak on their streams */
	const char *accept;	/* NULL: no such header */
	const char *body;	/* NULL: the request has none */
	double rate;		/* messages/s of all senders; 0: closed loop */
	unsigned window;	/* closed loop: messages under way a sender */
	unsigned text_bytes;
	unsigned sample; /* every how many-th stream measures latency */
	double warm_s;
	double seconds;
	bool returns;	    /* those that are cut come back, */
	unsigned return_ms; /* within this time, and resume */
	double settle_s;    /* between connecting and what follows */
	struct bench_watched watched[BENCH_WATCHED_MAX];
	size_t watched_count;
};

/* False with a message on stderr when the arguments make no sense. */
MUST_USE bool bench_options_parse(
    struct bench_options *o, int argc, char **argv);

#endif
