/* SPDX-License-Identifier: ISC */
/* An engine on a private PostgreSQL, and calls to it as a door makes them. */
#ifndef TESTS_DB_ENGINE_FIXTURE_H
#define TESTS_DB_ENGINE_FIXTURE_H

#include <jansson.h>
#include <stdbool.h>

#include "api/call.h"
#include "tests/db/cluster.h"

struct fixture {
	struct cluster *cluster;
	struct base_loop *loop;
	struct api_engine *engine;
};

/* Started once per program; `settings` are more PARLEY_NAME=value, ended by
 * NULL. */
void fixture_start(struct fixture *f, const char *const *settings);
void fixture_stop(struct fixture *f);

/* A header of the next calls; NULL takes it away. */
void fixture_header(const char *name, const char *value);

/* What came back; `json` is owned. */
struct reply {
	bool done;
	int status;
	json_t *json;
	char type[64];
	char text[8192];
	char headers[4096]; /* "Name: value\n" … */
};

/* Over HTTP, as `user` ("alice", "admin:root", "service:crm", or NULL), and
 * waiting for the answer.  `body` may be NULL. */
struct reply http(struct fixture *f, const char *user, const char *method,
    const char *target, const char *body);

/* The same, but only started: turn the loop until `out->done`. */
struct api_call *http_start(struct fixture *f, const char *user,
    const char *method, const char *target, const char *body,
    struct reply *out);

/* As a frame on a socket of `user`. */
struct reply frame(
    struct fixture *f, const char *user, const char *op, const char *args);

void reply_fini(struct reply *r);

/* A member of the answer by path, e.g. "sender.id" or "data.0.seq": its text
 * or digits, "" when it is not there. */
const char *member(const struct reply *r, const char *path);

/* Complains on stderr and returns false when the answer is not what the table
 * of objects says of `op`'s. */
bool reply_fits(const struct reply *r, const char *op);

#endif
