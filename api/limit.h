/* SPDX-License-Identifier: ISC */
/* Rate limits: token buckets in a file that all processes of a host map, so that
 * a caller has one budget however many workers answer.  What a bucket is:
 * api/gcra.h. */
#ifndef API_LIMIT_H
#define API_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/config.h"
#include "api/operation.h"
#include "base/attr.h"

struct api_identity; /* api/auth.h */
struct api_limits;

struct api_verdict {
	bool counted; /* false: limits are off or the class is free */
	bool allowed;
	struct api_rate_spec rate;
	uint32_t left;	    /* calls that would be allowed now */
	uint32_t reset_s;   /* until the bucket is full again */
	uint32_t retry_s;   /* when !allowed: after this it would pass */
	const char *policy; /* name of the class, for the headers */
	uint64_t tag;	    /* of the bucket; see api_limit_give_back() */
};

/* "send": as the headers, the documentation and the names of the settings have
 * it. */
const char *api_rate_name(enum api_rate rate);

/* What one must know of a conversation to count what is sent into it. */
enum api_limit_by {
	API_LIMIT_BY_NOTHING, /* there is no such limit */
	API_LIMIT_BY_ID,
	API_LIMIT_BY_NAME /* that too: channels have limits of their own */
};
enum api_limit_by api_limit_channels_by(const struct api_limits *l);

/* One message into the conversation `id`, whoever sends it; `name` is a
 * channel's, else NULL. */
struct api_verdict api_limit_channel(
    struct api_limits *l, const char *id, const char *name);

/* What was counted did not happen: undo it, once; a refusal took nothing. */
void api_limit_give_back(struct api_limits *l, struct api_verdict *v);

/* Values of the headers RateLimit-Policy and RateLimit. */
#define API_LIMIT_TEXT 64
void api_limit_policy_format(
    char out[API_LIMIT_TEXT], const struct api_verdict *v);
void api_limit_left_format(
    char out[API_LIMIT_TEXT], const struct api_verdict *v);

/* Map (making it if need be) `<run_dir>/limits`.  An empty run_dir keeps the
 * buckets in anonymous memory, shared with children made by fork only.
 * NULL: `err` says why. */
struct api_limits *api_limits_open(
    const struct api_config *config, char *err, size_t err_size);
void api_limits_close(struct api_limits *l);

/* Count one call of `id` in `rate`.  Services have their own class. */
struct api_verdict api_limit_take(
    struct api_limits *l, enum api_rate rate, const struct api_identity *id);

/* Per address, before anybody is known: `rate` is API_RATE_SIGNIN, or
 * API_RATE_ADDRESS, of which PARLEY_METRICS_ALLOW and unix sockets are free
 * (a balancer's probes; a proxy that does not say for whom it asks).
 * `count` = false only looks. */
struct api_verdict api_limit_address(struct api_limits *l, enum api_rate rate,
    const char *remote_addr, bool count);

#endif
