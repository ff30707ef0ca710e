/* SPDX-License-Identifier: ISC */
/* The claims of a token whose signature is good: may it be used now, and whom
 * does it speak of. */
#ifndef API_CLAIMS_H
#define API_CLAIMS_H

#include <stdint.h>

#include "api/token.h"
#include "base/attr.h"

struct json_t;

/* Borrowed from the settings; empty strings = not checked. */
struct api_claim_rules {
	const char *audience;
	const char *issuer;
	const char *role_claim;
	char *const *admin_roles;
	char *const *service_roles;
	int64_t leeway_s;
};

/* On API_TOKEN_OK *id is the caller's reference.  A numeric `sub` counts as
 * its digits; `aud` may be a list; the role claim may be a list.  A name or
 * picture that breaks our rules for text is as good as absent. */
MUST_USE enum api_token_status api_claims_check(
    const struct api_claim_rules *rules, struct json_t *claims, int64_t now,
    struct api_identity **id);

#endif
