/* SPDX-License-Identifier: ISC */
/*
 * A pool on a private PostgreSQL with statements and tables made for tests of
 * it, and calls that note what came of them.
 *
 * Waiting functions turn the loop; what takes too long is false, or fails the
 * test.
 */
#ifndef TESTS_DB_POOL_FIXTURE_H
#define TESTS_DB_POOL_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/loop.h"
#include "db/pool.h"
#include "db/query.h"
#include "tests/db/cluster.h"
#include "tests/unit/harness.h"

/* What may be asked of it. */
enum pool_statement {
	ECHO,
	PAIR,
	DIVIDE,
	PUT,
	PUT_SLEEPING,
	READ_SLEEPING,
	SLOW,
	REFUSE,
	RETRY,
	WARN,
	COMMIT_FAILS,
	STAR,
	FORGET,
	LATER,
	SETTINGS,
	BINARY,
};

struct pool_fixture {
	struct cluster *cluster;
	struct base_loop *loop;
	struct db_pool *pool;
	unsigned int done; /* calls, since the pool was opened */
	bool inside_start;
};

/* One query and what came of it; a text that is not there is "-". */
struct call {
	struct pool_fixture *fixture;
	struct db_query *query;
	bool done;
	unsigned int order; /* how many were done before */
	enum db_status status;
	int rows;
	size_t length;
	char value[100];
	char sqlstate[6];
	char message[100];
	char detail[100];
	char column[100];
};

/* The main function of a program: a cluster with the tables, and the cases.  An
 * argument runs the cases whose names contain it, with the log. */
int pool_main(struct pool_fixture *f, const char *suite,
    const struct test_case *cases, size_t n, const char *only);

/* A pool of `connections`, all of them up, on an empty table t. */
void pool_open(struct pool_fixture *f, unsigned int connections);

/* One of any kind, not waited for.  Its statements, its application_name `pool`
 * and, unless given, its conninfo are filled in. */
void pool_open_with(
    struct pool_fixture *f, const struct db_pool_params *params);
void pool_close(struct pool_fixture *f);

const struct db_statement *pool_statement(enum pool_statement which);

/* `call` must stay where it is until it is done or cancelled. */
void call_start(struct pool_fixture *f, struct call *call,
    enum pool_statement which, const char *a, const char *b);

/* Starts it and waits for its end. */
struct call call_run(struct pool_fixture *f, enum pool_statement which,
    const char *a, const char *b);

/* All of them: after a repeat they may be answered out of order. */
bool calls_wait(
    struct pool_fixture *f, const struct call *calls, size_t n, uint64_t ms);

bool pool_wait(struct pool_fixture *f, const bool *flag, uint64_t ms);
bool pool_wait_up(struct pool_fixture *f, unsigned int connections);
void pool_turn(struct pool_fixture *f, uint64_t ms);

#endif
