/* SPDX-License-Identifier: ISC */
/* Tokens for developers and tests, as the host application would make them. */
#include "api/token.h"

#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/config.h"
#include "api/key_file.h"
#include "base/json.h"
#include "base/mem.h"

static void
write_claims(struct base_buf *out, const struct api_config *c,
    const struct api_token_claims *claims)
{
	struct base_json j;

	base_json_init(&j, out);
	base_json_object_begin(&j);
	base_json_put_str(&j, "sub", claims->user);
	base_json_put_int(&j, "iat", claims->issued_at);
	base_json_put_int(&j, "exp", claims->issued_at + claims->ttl_s);
	if (claims->role != NULL)
		base_json_put_str(&j, c->role_claim, claims->role);
	if (claims->name != NULL)
		base_json_put_str(&j, "name", claims->name);
	if (*c->jwt_audience != '\0')
		base_json_put_str(&j, "aud", c->jwt_audience);
	if (*c->jwt_issuer != '\0')
		base_json_put_str(&j, "iss", c->jwt_issuer);
	base_json_object_end(&j);
}

static char *
sign(const char *claims, jwt_alg_t alg, const char *key)
{
	char *text = NULL, *copy = NULL;
	jwt_t *jwt = NULL;

	if (jwt_new(&jwt) != 0)
		return NULL;
	if (jwt_add_grants_json(jwt, claims) == 0 &&
	    jwt_set_alg(
		jwt, alg, (const unsigned char *)key, (int)strlen(key)) == 0)
		text = jwt_encode_str(jwt);
	jwt_free(jwt);
	copy = base_strdup(text);
	free(text);
	return copy;
}

/* The key to sign with, in memory of its own. */
static char *
signing_key(const struct api_config *c, char *err, size_t err_size)
{
	if (strcmp(c->jwt_algorithm, "HS256") != 0)
		return api_key_file_read("PARLEY_JWT_PRIVATE_KEY_FILE",
		    c->jwt_private_key_file, err, err_size);
	if (strlen(c->jwt_secret) < API_TOKEN_SECRET_MIN) {
		snprintf(err, err_size,
		    "PARLEY_JWT_SECRET %s: it must have at least %d bytes",
		    *c->jwt_secret == '\0' ? "is not set" : "is too short",
		    API_TOKEN_SECRET_MIN);
		return NULL;
	}
	return base_strdup(c->jwt_secret);
}

char *
api_token_mint(const struct api_config *config,
    const struct api_token_claims *claims, char *err, size_t err_size)
{
	jwt_alg_t alg = jwt_str_alg(config->jwt_algorithm);
	struct base_buf body = { 0 };
	char *key, *token;

	if (alg != JWT_ALG_HS256 && alg != JWT_ALG_RS256 &&
	    alg != JWT_ALG_ES256) {
		snprintf(err, err_size,
		    "PARLEY_JWT_ALGORITHM must be HS256, RS256 or ES256");
		return NULL;
	}
	key = signing_key(config, err, err_size);
	if (key == NULL)
		return NULL;
	write_claims(&body, config, claims);
	token = sign(base_buf_str(&body), alg, key);
	if (token == NULL)
		snprintf(err, err_size, "the key cannot sign for %s",
		    config->jwt_algorithm);
	base_buf_fini(&body);
	base_free(key);
	return token;
}
