/* SPDX-License-Identifier: ISC */
/* What the files of the engine share of struct api_engine; doors and hooks use
 * engine.h. */
#ifndef API_ENGINE_PRIVATE_H
#define API_ENGINE_PRIVATE_H

#include <stdint.h>

#include "api/engine.h"
#include "base/hashset.h"
#include "base/loop.h"
#include "db/statement.h"

struct api_batch;
struct api_channels;
struct api_error;
struct api_followers;
struct api_scheduler;
struct api_housekeeper;
struct api_activity;
struct api_positions;
struct api_suspensions;
struct api_tokens;
struct db_result;

#define API_READY_CHECKS_MAX 8

/* Where a statement's parameter gets its value from. */
enum api_source {
	API_FROM_ARGUMENT,	/* `index` of the operation's parameters */
	API_FROM_ARGUMENT_ID,	/* likewise, when it is a UUID, else null */
	API_FROM_ARGUMENT_NAME, /* likewise, when it is none, else null */
	API_FROM_ARGUMENT_NEW,	/* likewise, or a new UUID */
	API_FROM_CALLER,	/* what the call knows of itself: */
	API_FROM_ROLE,
	API_FROM_ORIGIN,
	API_FROM_PLATFORM,
	API_FROM_INSTANCE,
	API_FROM_REQUEST_ID,
	API_FROM_VIA,
	API_FROM_GIVEN, /* names of the arguments there are, null or not */
	API_FROM_SEARCH_EVERYBODY, /* that setting */
	API_FROM_EDIT_SECONDS,	   /* likewise */
	API_FROM_HOOK		   /* only api_call_value_set() gives it */
};

struct api_binding {
	enum api_source source;
	size_t index;
};

/* A statement of an operation. */
struct api_way {
	const struct db_statement *statement;
	struct api_binding *bindings; /* owned; one per parameter */
	size_t given;		      /* the argument that asks for it */
};

#define API_WAYS_MAX 8

/* What this process knows of an operation beyond its row. */
struct api_plan {
	struct api_way ways[API_WAYS_MAX]; /* the first: when no other fits */
	size_t nways;			   /* 0 = perform hook */
	const struct api_hook *hook;	   /* or NULL */
	struct api_batch *batch; /* BATCHED rows; owned by all that share it */
};

struct api_ready_check {
	const char *name;
	api_ready_fn *ok;
	void *arg;
};

struct api_engine {
	const struct api_config *config;
	struct base_loop *loop;
	struct db_pool *pool;
	struct api_limits *limits;
	struct api_metrics *metrics;
	const char *process;

	struct api_tokens *tokens;	 /* owned */
	struct api_plan *plans;		 /* owned; by api_operation_index() */
	struct api_positions *positions; /* owned */
	struct api_activity *activity;	 /* owned */
	struct api_housekeeper *housekeeper; /* owned */
	struct api_followers *followers;     /* owned */
	struct api_scheduler *scheduler;     /* owned */
	struct base_hashset seen;	     /* api/seen.c */
	struct api_batch *sightings;	     /* owned; api/seen.c */
	struct api_suspensions *suspensions; /* owned */
	struct api_batch *suspension_checks; /* owned; the table asked */
	struct api_channels *channels;	     /* owned */
	const struct db_statement *tickets_redeem;
	const struct db_statement *tickets_resume;
	const struct db_statement *key_claim, *key_store, *key_release;

	struct api_streams *streams;
	struct api_uploads *uploads;
	struct api_ready_check checks[API_READY_CHECKS_MAX];
	size_t nchecks;
	bool draining;
	char *openapi; /* owned; made when first asked for */

	struct base_timer *timer; /* figures of the pool, into the metrics */
	uint64_t round_trips, db_errors, connects; /* already counted */
};

/* The error that a failed result means for callers; logs what operators must
 * know, once.  `what` names the statement. */
const struct api_error *api_engine_db_error(
    struct api_engine *e, const char *what, const struct db_result *r);

/* Bring the pool's figures into the metrics. */
void api_engine_measure(struct api_engine *e);

#endif
