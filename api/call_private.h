/* SPDX-License-Identifier: ISC */
/* The inside of a call, for the files call*.c only.
 *
 *	call.c         the steps, one after the other, and their waits
 *	call_admit.c   which operation, who, may they, how often, suspended
 *	call_channel.c how often together, into one conversation
 *	call_run.c     hooks, statement, rows
 *	call_key.c     Idempotency-Key
 *	call_answer.c  headers, problem, log line, the callback
 *	call_hooks.c   what hooks may ask and say */
#ifndef API_CALL_PRIVATE_H
#define API_CALL_PRIVATE_H

#include "api/call.h"
#include "api/engine_private.h"
#include "api/errors.h"
#include "api/http_reply.h"
#include "api/limit.h"
#include "api/param.h"
#include "api/router.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/loop.h"

struct api_batch_item;
struct api_identify;
struct api_seen_wait;
struct db_query;

#define API_CALL_HEADERS_MAX 24
#define API_CALL_EXTRAS_MAX 24
#define API_CALL_KEPT_MAX 8

enum api_step {
	API_STEP_NEXT, /* on to the next one */
	API_STEP_WAIT, /* api_call_go_on() comes later */
	API_STEP_STOP  /* refused, or answered early: settle and answer */
};

/* A value that a hook gave; over the argument of that name. */
struct api_extra {
	const char *name;
	const char *value;
};

/* Conversations that a message is forwarded to at most. */
#define API_CALL_COPIES_MAX 20

struct api_call {
	struct api_engine *engine;
	api_answer_cb *cb;
	void *arg;
	struct base_arena arena; /* all text below lives here */
	uint64_t started_us;

	/* The request. */
	enum api_door door;
	const struct api_operation *op; /* NULL: it named none */
	struct api_plan *plan;		/* of op */
	const struct api_way *way;	/* of plan, once it is run */
	struct api_route route;		/* HTTP doors */
	const char *method, *path, *query_string;
	const char *content_type;
	const char *body; /* borrowed; only inside api_call_start() */
	size_t body_len;
	struct json_t *object; /* owned: body or args */
	const char *(*header)(void *arg, const char *name);
	void *header_arg; /* may be gone after api_call_start() */
	struct api_header kept[API_CALL_KEPT_MAX]; /* copies */
	size_t nkept;
	void *door_arg;
	const char *remote_addr, *connection_id, *platform, *page_origin;
	const char *as_user; /* or NULL */
	char request_id[API_HTTP_REQUEST_ID_SIZE];

	/* Who: `identity` holds the credentials; `subject` is for whom it is
	 * done, the same unless a service acts for a user. */
	struct api_identity *identity, *subject; /* owned references */
	struct api_verdict verdict, channel_verdict;
	/* Conversations that it sends to, and what was taken of their limits. */
	const char **wanted;
	struct api_verdict *taken;
	size_t nwanted, ncounted, ntaken;

	/* Arguments. */
	struct api_args args;
	struct api_extra extras[API_CALL_EXTRAS_MAX];
	size_t nextras;

	/* Where it is. */
	size_t step;
	bool starting; /* inside api_call_start(): do not answer yet */
	bool in_hook;
	struct api_identify *identifying; /* non-NULL = waiting for it */
	struct api_seen_wait *mirroring;
	struct db_query *query;
	struct api_batch_item *item;
	struct base_task task; /* answers later what was known at once */
	void (*at_end)(void *);
	void *at_end_arg;

	/* Idempotency-Key. */
	const char *key; /* claimed; NULL = none, or settled */
	bool keyed;	 /* the call had one: it runs to its end */
	bool unknown;	 /* the outcome is: keep the claim */

	/* The answer. */
	const struct api_error *error; /* non-NULL = a problem */
	const char *detail;
	struct api_field_error fields[API_PARAM_ERRORS_MAX];
	size_t nfields;
	int status;
	const char *answer_type; /* NULL = no body */
	struct base_buf out;	 /* owned */
	struct api_header headers[API_CALL_HEADERS_MAX];
	size_t nheaders;
	bool hook_answered; /* the rows are not rendered */
	const char *file_path;
	off_t file_offset, file_length;
};

/* call.c: the wait is over. */
void api_call_go_on(struct api_call *c, enum api_step with);

/* Refuse with a code of api/errors.h; `detail` must stay, or be NULL. */
enum api_step api_call_fail(
    struct api_call *c, const char *code, const char *detail);
enum api_step api_call_fail_with(
    struct api_call *c, const struct api_error *error, const char *detail);

/* The same, naming the field it is about (NULL or "" = none).  A 422 becomes
 * `invalid` with its code beside the field, as if the table had found it;
 * anything else keeps its own.  Both texts are copied. */
enum api_step api_call_fail_field(struct api_call *c,
    const struct api_error *error, const char *field, const char *detail);

/* A 201: Location, where what was made can be read by `id` (NULL = none). */
void api_call_location_add(struct api_call *c, const char *id);

/* The steps of call_admit.c, call_channel.c, call_run.c and call_key.c. */
enum api_step api_call_step_find(struct api_call *c);
enum api_step api_call_step_identify(struct api_call *c);
enum api_step api_call_step_authorize(struct api_call *c);
enum api_step api_call_step_count(struct api_call *c);
enum api_step api_call_step_copies(struct api_call *c);
enum api_step api_call_step_suspended(struct api_call *c);
enum api_step api_call_step_channel(struct api_call *c);
/* What the conversations were to have taken. */
void api_call_give_back_channels(struct api_call *c);
enum api_step api_call_step_before(struct api_call *c);
enum api_step api_call_step_run(struct api_call *c);
enum api_step api_call_step_claim(struct api_call *c);

/* The key's last word; true = it is being written, api_call_go_on() follows. */
bool api_call_settle_key(struct api_call *c);

/* call_answer.c: log line and metrics. */
void api_call_record(const struct api_call *c);

/* Answer, or arrange for it, and free. */
void api_call_finish(struct api_call *c);
void api_call_free(struct api_call *c);

/* A header of the request, or NULL; empty ones count as absent. */
const char *api_call_header(const struct api_call *c, const char *name);

/* An admin, or an address that PARLEY_METRICS_ALLOW has. */
bool api_call_is_operator(const struct api_call *c);

#endif
