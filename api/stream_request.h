/* SPDX-License-Identifier: ISC */
/*
 * What a client that opens a stream asks for, taken from its request and
 * checked.  Pure: no loop, no database.
 */

#ifndef API_STREAM_REQUEST_H
#define API_STREAM_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/stream.h"
#include "base/arena.h"
#include "base/attr.h"

#define API_STREAM_TOPICS_MAX 100
#define API_STREAM_HEARTBEAT_MIN 5
#define API_STREAM_HEARTBEAT_MAX 300

/* Why there is no stream.  All borrowed; NULL where there is nothing. */
struct api_stream_refusal {
	const char *code;   /* of api/errors.h */
	const char *detail; /* sentence */
	const char *field;  /* the parameter that is at fault */
	const char *fault;  /* its own code in `errors`; NULL: `code` */
	uint32_t retry_s;   /* Retry-After; 0: none */
	const struct api_verdict *verdict; /* what is used up */
};

/* In the caller's storage, with everything it points to in `arena`. */
struct api_stream_request {
	struct base_arena arena;
	enum api_stream_kind kind;
	bool head;	   /* HEAD: the head of the answer only */
	bool event_source; /* a browser's; see api/stream.h on 503 */

	const char *authorization;
	const char *subprotocol; /* Sec-WebSocket-Protocol, as sent */
	unsigned window_bits;	 /* of permessage-deflate; 0: none */
	bool window_named;	 /* the client named them */
	const char *ticket;
	const char *origin;
	const char *user_agent;
	const char *remote_addr; /* never NULL */
	const char *request_id;	 /* never NULL */
	const char *key;	 /* Sec-WebSocket-Key */

	bool came_back; /* with a Last-Event-ID */
	bool has_after;
	int64_t after;
	uint32_t heartbeat_s;
	bool all;	     /* ?topics=all */
	const char **topics; /* ?topics=a,b; NULL: whatever is joined */
	size_t topic_count;
	const char *platform; /* ?platform= or of Parley-Client; NULL */
	const char *app_version;
};

/*
 * Always initializes `r`; api_stream_request_fini() frees it.  False: `why` is
 * the refusal, and `r` knows enough for api_stream_answer_refuse().
 */
MUST_USE bool api_stream_request_parse(struct api_stream_request *r,
    const struct api_stream_params *p, struct api_stream_refusal *why);
void api_stream_request_fini(struct api_stream_request *r);

#endif
