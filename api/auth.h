/* SPDX-License-Identifier: ISC */
/* Who is calling: identities, and how credentials become one.
 *
 * Tokens are checked by api/token.h; tickets are redeemed at the database, so
 * identifying is asynchronous. */
#ifndef API_AUTH_H
#define API_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/limit.h"
#include "api/operation.h"
#include "base/attr.h"

struct api_engine;
struct api_error;

/* A verified caller.  Shared, immutable, refcounted: the token cache, calls and
 * live sessions hold the same one. */
struct api_identity {
	const char *user;     /* `sub`, 1..128 bytes */
	enum api_role role;   /* exactly one bit */
	const char *label;    /* the host's own word for the role, or NULL */
	const char *name;     /* claim, or NULL */
	const char *picture;  /* claim, or NULL */
	int64_t expires_at;   /* of the credentials, unix seconds; a live
			       * stream ends then */
	uint64_t claims_hash; /* of all texts: what api/seen.h remembers */
	unsigned refs;
};

/* A copy of `from` (its hash and refs are not looked at) with one reference,
 * the caller's. */
MUST_USE struct api_identity *api_identity_new(const struct api_identity *from);
struct api_identity *api_identity_ref(struct api_identity *id);
void api_identity_unref(struct api_identity *id); /* NULL is fine */

const char *api_role_name(enum api_role role); /* "user", "admin", … */

/* What came with a request; any may be NULL.  The first present of
 * authorization, subprotocol, ticket counts; the others are not looked at. */
struct api_credentials {
	const char *authorization; /* value of the header: "Bearer …" */
	const char *subprotocol;   /* Sec-WebSocket-Protocol:
				    * "parley.v1, bearer.<token>" */
	const char *ticket;	   /* of ?ticket= */
	const char *remote_addr;   /* what fails is counted against it */

	/* A ticket is spent, unless it is `kept`: then its client, who has this
	 * address, this program and this page, may come back with it, and does
	 * if `again`. */
	bool kept, again;
	const char *user_agent, *origin; /* NULL: not said */
};

/* What came of credentials. */
struct api_identified {
	struct api_identity *identity; /* a reference, the receiver's */
	/* Without it: why not (401 `unauthorized`, 429 `rate_limited`, 503
	 * `database_unavailable`), `detail` may be NULL, and what the address
	 * has left. */
	const struct api_error *error;
	const char *detail;
	struct api_verdict verdict;
};

typedef void api_identify_cb(const struct api_identified *found, void *arg);

/* Never calls back from inside.  No credentials at all is 401 `unauthorized`
 * too.  Refused ones count against the address as API_RATE_SIGNIN, none as
 * API_RATE_ADDRESS.  The user is not mirrored by this; api_call does it, and a stream door
 * asks api_seen_start(). */
struct api_identify *api_auth_identify(struct api_engine *e,
    const struct api_credentials *c, api_identify_cb *cb, void *arg);
void api_auth_identify_cancel(struct api_identify *a);

/* The quick half, for calls: an Authorization header (or NULL), checked now. */
MUST_USE struct api_identified api_auth_check(
    struct api_engine *e, const char *authorization, const char *remote_addr);

/* Value of the WWW-Authenticate header of every 401. */
#define API_AUTH_CHALLENGE "Bearer realm=\"parley\""

#endif
