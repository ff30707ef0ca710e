/* SPDX-License-Identifier: ISC */
/* An engine on a private PostgreSQL, and calls to it as a door makes them. */
#ifndef TESTS_DB_ENGINE_FIXTURE_H
#define TESTS_DB_ENGINE_FIXTURE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "api/call.h"
#include "base/uuid.h"
#include "tests/db/cluster.h"

struct fixture {
	struct cluster *cluster;
	struct base_loop *loop;
	struct api_engine *engine;
	char group[BASE_UUID_TEXT]; /* a conversation, once a test made one */
};

/* Started once per program; `settings` are more PARLEY_NAME=value, ended by
 * NULL. */
void fixture_start(struct fixture *f, const char *const *settings);
void fixture_stop(struct fixture *f);

/* A header of the next calls; NULL takes it away. */
void fixture_header(const char *name, const char *value);

/* Does the table say that the operation there may be answered so: with this
 * status, and refused with the code that `body` has?  Complains on stderr. */
bool fixture_knows(
    const char *method, const char *target, int status, const char *body);

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

/* The path of `rest` ("/members?limit=2") within the group. */
void in_group(
    const struct fixture *f, char *out, size_t size, const char *rest);

/* A member of the answer by path, e.g. "sender.id" or "data.0.seq": its text
 * or digits, "" when it is not there. */
const char *member(const struct reply *r, const char *path);

/* Complains on stderr and returns false when the answer is not what the table
 * of objects says of `op`'s. */
bool reply_fits(const struct reply *r, const char *op);

/* A call, and what must come back. */
struct http_row {
	const char *user, *method;
	const char *target; /* "@rest" is within the group */
	const char *body;
	int status;
	const char *path, *value; /* of a member; NULL: any */
	const char *op;		  /* whose answer it must fit; NULL: any */
};

/* Calls one after the other; what is not as it must be fails the test. */
void http_rows(struct fixture *f, const struct http_row *rows, size_t n);

#define ASSERT_STATUS(r, wanted)                                      \
	do {                                                          \
		if ((r).status != (wanted))                           \
			fprintf(stderr, "\n%s:%d: %d %s\n", __func__, \
			    __LINE__, (r).status, (r).text);          \
		CU_ASSERT_EQUAL((r).status, wanted);                  \
	} while (0)
#define ASSERT_MEMBER(r, path, wanted)                                         \
	do {                                                                   \
		if (strcmp(member(&(r), path), wanted) != 0)                   \
			fprintf(stderr, "\n%s:%d: %s is %s in %s\n", __func__, \
			    __LINE__, path, member(&(r), path), (r).text);     \
		CU_ASSERT_STRING_EQUAL(member(&(r), path), wanted);            \
	} while (0)

#endif
