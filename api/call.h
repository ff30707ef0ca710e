/* SPDX-License-Identifier: ISC */
/* A call: one operation asked for by one caller through one door.
 *
 * A door fills an api_request, starts it and gets one api_answer.  Everything
 * else (routing, credentials, rate limits, validation, the statement, errors,
 * CORS, request ids, the log line, metrics) happens here, the same for all. */
#ifndef API_CALL_H
#define API_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "api/auth.h"
#include "api/engine.h"
#include "api/operation.h"
#include "base/attr.h"

struct base_arena;
struct base_buf;
struct db_result;
struct json_t; /* jansson */

enum api_door {
	API_DOOR_REST,
	API_DOOR_FASTCGI,
	API_DOOR_SOCKET
};

/* Borrowed for the duration of api_call_start(), except where noted: the engine
 * copies what it keeps. */
struct api_request {
	enum api_door door;

	/* HTTP doors. */
	const char *method;	  /* "GET" */
	const char *path;	  /* as on the wire, percent-encoded */
	const char *query;	  /* after the '?', or NULL */
	const char *content_type; /* or NULL */
	const char *body;
	size_t body_len;

	/* Value of a request header, or NULL; any case.  May be NULL for
	 * doors without headers.  For rows with API_RAW_BODY it must stay
	 * valid until the answer; so must door_arg.  Otherwise hooks find
	 * Accept, Last-Event-ID, Range, If-Range, If-None-Match and
	 * If-Match, which are copied. */
	const char *(*header)(void *arg, const char *name);
	void *header_arg;

	/* Socket door. */
	const char *op_name;
	struct json_t *args;	       /* an object, or NULL = {}; referenced */
	const char *as;		       /* `as` of the frame, or NULL */
	const char *key;	       /* `key`: its Idempotency-Key, or NULL */
	struct api_identity *identity; /* already known; referenced */
	const char *connection_id;     /* own connection; NULL elsewhere */
	const char *platform;	       /* of the connection; NULL = from the
				    * Parley-Client header */

	const char *remote_addr;
	const char *request_id; /* NULL = from X-Request-Id, or minted */
	void *door_arg;		/* for hooks that know the door */
};

struct api_header {
	const char *name;
	const char *value;
};

/* Borrowed for the callback. */
struct api_answer {
	int status;
	const char *request_id;	  /* also among the headers */
	const char *content_type; /* NULL = no body (204, 304) */
	const char *body;
	size_t body_len;
	bool omit_body; /* HEAD: send headers with body_len, but no body */
	const struct api_header *headers; /* without Content-Type/-Length */
	size_t nheaders;

	/* A file instead of a body, when file_path != NULL. */
	const char *file_path;
	off_t file_offset;
	off_t file_length;
};

typedef void api_answer_cb(const struct api_answer *answer, void *arg);

/* Calls back exactly once, never from inside; unless cancelled. */
struct api_call *api_call_start(struct api_engine *e,
    const struct api_request *request, api_answer_cb *cb, void *arg);

/* The caller went away.  What was sent to the database may still happen. */
void api_call_cancel(struct api_call *call);

/* Bytes of body that the operation takes: what a door may refuse before it has
 * read them.  Of a call of no operation (NULL): those of any JSON body. */
size_t api_call_body_max(
    const struct api_engine *e, const struct api_operation *op);

/* --- for hooks ------------------------------------------------------- */

struct api_engine *api_call_engine(const struct api_call *call);
const struct api_operation *api_call_operation(const struct api_call *call);
void *api_call_door_arg(const struct api_call *call);

/* Who called; NULL for a PUBLIC operation without credentials. */
struct api_identity *api_call_identity(const struct api_call *call);

/* For whom it is done: the `as` user, or the same as above.  Its role is the
 * one that counts. */
struct api_identity *api_call_subject(const struct api_call *call);

/* Its id; NULL as above. */
const char *api_call_user(const struct api_call *call);
const char *api_call_request_id(const struct api_call *call);
const char *api_call_connection(const struct api_call *call); /* or NULL */
const char *api_call_remote_addr(const struct api_call *call);

/* Memory that lives as long as the call. */
struct base_arena *api_call_arena(struct api_call *call);

/* A request header; see api_request.header. */
const char *api_call_request_header(
    const struct api_call *call, const char *name);

/* A validated argument as the text that goes to the database (lists are array
 * literals, objects JSON); NULL = absent or null. */
const char *api_call_value(const struct api_call *call, const char *name);

/* Give the statement's parameter `name` a value, over the caller's if there is
 * one.  `value` is copied; NULL = SQL null. */
void api_call_value_set(
    struct api_call *call, const char *name, const char *value);

/* Refuse: `code` of api/errors.h; field and detail may be NULL.  Several calls
 * with fields of the same code gather in `errors`.  Return the result from
 * the hook. */
enum api_hook_next api_call_refuse(struct api_call *call, const char *code,
    const char *field, const char *detail);

/* Refuse for a statement of the hook's own that did not end with DB_OK. */
enum api_hook_next api_call_refuse_result(struct api_call *call,
    const char *statement, const struct db_result *result);

/* Answer this instead of what the row and the rows would give. */
void api_call_status_set(struct api_call *call, int status);
/* A Vary joins the one that is there. */
void api_call_header_add(
    struct api_call *call, const char *name, const char *value);
/* `body` is copied. */
void api_call_body_set(struct api_call *call, const char *content_type,
    const char *body, size_t body_len);
void api_call_file_set(struct api_call *call, const char *content_type,
    const char *path, off_t offset, off_t length);
/* Is the head of the answer all that was asked for? */
bool api_call_is_head(const struct api_call *call);

/* It does not count against the caller's rate after all. */
void api_call_uncount(struct api_call *call);

/* No body, whatever the rows say. */
void api_call_body_none(struct api_call *call);

/* Go on after API_HOOK_PENDING, with what the hook would have returned. */
void api_call_resume(struct api_call *call, enum api_hook_next next);

/* Called once when the call ends, answered or cancelled; one per call. */
void api_call_at_end(struct api_call *call, void (*end)(void *), void *arg);

/* Its `arg`; NULL before. */
void *api_call_at_end_arg(const struct api_call *call);

#endif
