/* SPDX-License-Identifier: ISC */
/* JSON Web Tokens: checked with libjwt behind our own guards, remembered until
 * they expire, and minted for `parleyctl token`.
 *
 * The algorithm is fixed by configuration and compared with the token's header
 * before a key is touched; `exp` is required; `nbf`, and `aud` and `iss` when
 * configured, are checked with 30 s of leeway. */
#ifndef API_TOKEN_H
#define API_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "api/auth.h"
#include "base/attr.h"

struct api_config;
struct api_tokens;

#define API_TOKEN_BYTES_MAX 8192
#define API_TOKEN_LEEWAY_S 30
#define API_TOKEN_SECRET_MIN 32

enum api_token_status {
	API_TOKEN_OK = 0,
	API_TOKEN_TOO_LONG,
	API_TOKEN_MALFORMED, /* not three parts of base64url JSON */
	API_TOKEN_ALGORITHM, /* not the configured one */
	API_TOKEN_SIGNATURE,
	API_TOKEN_EXPIRED, /* or without exp */
	API_TOKEN_EARLY,   /* nbf */
	API_TOKEN_AUDIENCE,
	API_TOKEN_ISSUER,
	API_TOKEN_SUBJECT /* no usable sub */
};

/* The key is read here, once.  NULL: it is missing, too short or unusable, and
 * `err` names the variable. */
struct api_tokens *api_tokens_new(
    const struct api_config *config, char *err, size_t err_size);
void api_tokens_free(struct api_tokens *t);

/* Check a compact token.  On API_TOKEN_OK *id is the caller's reference.
 * `now` is unix seconds. */
MUST_USE enum api_token_status api_token_verify(struct api_tokens *t,
    const char *token, size_t len, int64_t now, struct api_identity **id);

/* One word for the log. */
const char *api_token_status_name(enum api_token_status s);

struct api_token_claims {
	const char *user;
	const char *role; /* value of the role claim, or NULL */
	const char *name; /* or NULL */
	int64_t issued_at;
	int64_t ttl_s;
};

/* A signed token in base_alloc() memory; NULL with `err` when there is no key
 * to sign with. */
char *api_token_mint(const struct api_config *config,
    const struct api_token_claims *claims, char *err, size_t err_size);

#endif
