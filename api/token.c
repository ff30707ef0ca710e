/* SPDX-License-Identifier: ISC */
/* Tokens.  libjwt checks signatures by key pairs; it takes the algorithm from
 * the token's own header and checks no claim, so both are done here: the header
 * is read first and must name the configured algorithm, the claims are read from
 * the signed bytes by our own strict parser.  An HMAC is libcrypto's alone: libjwt
 * would read the token once more, and prepare the same key each time. */
#include "api/token.h"

#include <sys/queue.h>

#include <errno.h>
#include <jansson.h>
#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "api/base64url.h"
#include "api/claims.h"
#include "api/config.h"
#include "api/json_in.h"
#include "api/key_file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"

#define CACHE_MAX 16384
#define MAC_BYTES 32
#define MAC_TEXT 43 /* in base64url */

/* A verified token.  Its bytes are not kept: two keyed hashes under secrets of
 * this process name it. */
struct cached {
	uint64_t name[2];
	struct api_identity *identity; /* owned reference */
	TAILQ_ENTRY(cached) link;      /* oldest first */
};

TAILQ_HEAD(cached_list, cached);

struct api_tokens {
	struct api_claim_rules rules;
	jwt_alg_t algorithm;
	char *key; /* owned; secret or PEM */
	int key_len;
	EVP_MAC_CTX *mac;	      /* owned; HS256: ready with the key */
	unsigned char secrets[2][16]; /* of the cache */
	struct base_map cache;	      /* name → struct cached */
	struct cached_list entries;   /* owned */
};

/* --- keys --- */

static bool
algorithm_of(const char *name, jwt_alg_t *out)
{
	if (strcmp(name, "HS256") == 0)
		*out = JWT_ALG_HS256;
	else if (strcmp(name, "RS256") == 0)
		*out = JWT_ALG_RS256;
	else if (strcmp(name, "ES256") == 0)
		*out = JWT_ALG_ES256;
	else
		return false;
	return true;
}

static EVP_MAC_CTX *
mac_new(const char *key, size_t len)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(
				    "digest", digest, 0),
		OSSL_PARAM_construct_end() };
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);

	EVP_MAC_free(hmac);
	if (mac == NULL ||
	    EVP_MAC_init(mac, (const unsigned char *)key, len, params) != 1)
		abort(); /* no SHA-256, or no memory */
	return mac;
}

static bool
load_secret(struct api_tokens *t, const struct api_config *c, char *err,
    size_t err_size)
{
	size_t len = strlen(c->jwt_secret);

	if (len < API_TOKEN_SECRET_MIN) {
		snprintf(err, err_size,
		    "PARLEY_JWT_SECRET %s; tokens are signed with it "
		    "(PARLEY_JWT_ALGORITHM is HS256) and it must have at least "
		    "%d bytes, for example from: openssl rand -hex 32",
		    len == 0 ? "is not set" : "is too short",
		    API_TOKEN_SECRET_MIN);
		return false;
	}
	t->key = base_strdup(c->jwt_secret);
	t->key_len = (int)len;
	t->mac = mac_new(t->key, len);
	return true;
}

static bool
load_key(struct api_tokens *t, const struct api_config *c, char *err,
    size_t err_size)
{
	if (!algorithm_of(c->jwt_algorithm, &t->algorithm)) {
		snprintf(err, err_size,
		    "PARLEY_JWT_ALGORITHM must be HS256, RS256 or ES256");
		return false;
	}
	if (t->algorithm == JWT_ALG_HS256)
		return load_secret(t, c, err, err_size);
	t->key = api_key_file_read("PARLEY_JWT_PUBLIC_KEY_FILE",
	    c->jwt_public_key_file, err, err_size);
	if (t->key == NULL)
		return false;
	t->key_len = (int)strlen(t->key);
	return api_key_check_public("PARLEY_JWT_PUBLIC_KEY_FILE", t->key,
	    t->algorithm == JWT_ALG_RS256, err, err_size);
}

struct api_tokens *
api_tokens_new(const struct api_config *config, char *err, size_t err_size)
{
	struct api_tokens *t = base_alloc(sizeof(*t));

	TAILQ_INIT(&t->entries);
	t->rules = (struct api_claim_rules){ .audience = config->jwt_audience,
		.issuer = config->jwt_issuer,
		.role_claim = config->role_claim,
		.admin_roles = config->admin_roles,
		.service_roles = config->service_roles,
		.leeway_s = API_TOKEN_LEEWAY_S };
	base_random_bytes(t->secrets, sizeof(t->secrets));
	if (!load_key(t, config, err, err_size)) {
		api_tokens_free(t);
		return NULL;
	}
	return t;
}

/* --- the cache --- */

static void
forget(struct api_tokens *t, struct cached *c)
{
	base_map_remove(&t->cache, c->name, sizeof(c->name));
	TAILQ_REMOVE(&t->entries, c, link);
	api_identity_unref(c->identity);
	base_free(c);
}

void
api_tokens_free(struct api_tokens *t)
{
	if (t == NULL)
		return;
	while (!TAILQ_EMPTY(&t->entries))
		forget(t, TAILQ_FIRST(&t->entries));
	base_map_fini(&t->cache);
	EVP_MAC_CTX_free(t->mac);
	if (t->key != NULL)
		explicit_bzero(t->key, (size_t)t->key_len);
	base_free(t->key);
	base_free(t);
}

static void
name_of(
    const struct api_tokens *t, const char *token, size_t len, uint64_t name[2])
{
	name[0] = base_hash_keyed(t->secrets[0], token, len);
	name[1] = base_hash_keyed(t->secrets[1], token, len);
}

static void
remember(struct api_tokens *t, const uint64_t name[2], struct api_identity *id)
{
	struct cached *c = base_alloc(sizeof(*c));

	if (t->cache.count >= CACHE_MAX)
		forget(t, TAILQ_FIRST(&t->entries));
	memcpy(c->name, name, sizeof(c->name));
	c->identity = api_identity_ref(id);
	base_map_put(&t->cache, c->name, sizeof(c->name), c);
	TAILQ_INSERT_TAIL(&t->entries, c, link);
}

/* --- checking --- */

struct parts {
	const char *header, *payload, *signature;
	size_t header_len, payload_len, signature_len;
};

static bool
split(const char *token, size_t len, struct parts *p)
{
	const char *end = token + len;
	const char *dot1 = memchr(token, '.', len), *dot2;

	if (dot1 == NULL)
		return false;
	dot2 = memchr(dot1 + 1, '.', (size_t)(end - dot1 - 1));
	if (dot2 == NULL ||
	    memchr(dot2 + 1, '.', (size_t)(end - dot2 - 1)) != NULL)
		return false;
	*p = (struct parts){ token, dot1 + 1, dot2 + 1, (size_t)(dot1 - token),
		(size_t)(dot2 - dot1 - 1), (size_t)(end - dot2 - 1) };
	return true;
}

static json_t *
decode_part(const char *text, size_t len)
{
	char bytes[API_TOKEN_BYTES_MAX];
	json_t *object = NULL;
	size_t n;

	if (!api_base64url_decode(text, len, bytes, &n) ||
	    api_json_parse(bytes, n, sizeof(bytes), &object) != API_JSON_OK)
		return NULL;
	return object;
}

static enum api_token_status
check_header(const struct api_tokens *t, const struct parts *p)
{
	enum api_token_status status = API_TOKEN_OK;
	json_t *header = decode_part(p->header, p->header_len);
	const char *alg, *type;

	if (header == NULL)
		return API_TOKEN_MALFORMED;
	alg = json_string_value(json_object_get(header, "alg"));
	type = json_string_value(json_object_get(header, "typ"));
	if (json_object_get(header, "crit") != NULL)
		status = API_TOKEN_MALFORMED; /* we know no extension */
	else if (type != NULL && strcasecmp(type, "JWT") != 0)
		status = API_TOKEN_SIGNATURE; /* as libjwt has it */
	else if (alg == NULL || strcmp(alg, jwt_alg_str(t->algorithm)) != 0)
		status = API_TOKEN_ALGORITHM;
	json_decref(header);
	return status;
}

static enum api_token_status
check_hmac(const struct api_tokens *t, const struct parts *p)
{
	const size_t signed_len = (size_t)(p->signature - p->header) - 1;
	unsigned char want[MAC_BYTES];
	char given[MAC_TEXT];
	size_t n;

	if (p->signature_len != MAC_TEXT ||
	    !api_base64url_decode(p->signature, MAC_TEXT, given, &n) ||
	    n != MAC_BYTES)
		return API_TOKEN_SIGNATURE;
	/* Without a key: with the one it has. */
	if (EVP_MAC_init(t->mac, NULL, 0, NULL) != 1 ||
	    EVP_MAC_update(
		t->mac, (const unsigned char *)p->header, signed_len) != 1 ||
	    EVP_MAC_final(t->mac, want, &n, sizeof(want)) != 1 ||
	    n != MAC_BYTES || CRYPTO_memcmp(want, given, MAC_BYTES) != 0)
		return API_TOKEN_SIGNATURE;
	return API_TOKEN_OK;
}

static enum api_token_status
check_signature(
    const struct api_tokens *t, const char *token, const struct parts *parts)
{
	jwt_t *jwt = NULL;
	bool good;

	if (t->algorithm == JWT_ALG_HS256)
		return check_hmac(t, parts);
	if (jwt_decode(
		&jwt, token, (const unsigned char *)t->key, t->key_len) != 0)
		return API_TOKEN_SIGNATURE;
	good = jwt_get_alg(jwt) == t->algorithm;
	jwt_free(jwt);
	return good ? API_TOKEN_OK : API_TOKEN_ALGORITHM;
}

static enum api_token_status
check_all(const struct api_tokens *t, const char *token, size_t len,
    int64_t now, struct api_identity **id)
{
	enum api_token_status status;
	struct parts parts;
	json_t *claims;

	if (!split(token, len, &parts))
		return API_TOKEN_MALFORMED;
	status = check_header(t, &parts);
	if (status == API_TOKEN_OK)
		status = check_signature(t, token, &parts);
	if (status != API_TOKEN_OK)
		return status;
	claims = decode_part(parts.payload, parts.payload_len);
	if (claims == NULL)
		return API_TOKEN_MALFORMED;
	status = api_claims_check(&t->rules, claims, now, id);
	json_decref(claims);
	return status;
}

enum api_token_status
api_token_verify(struct api_tokens *t, const char *token, size_t len,
    int64_t now, struct api_identity **id)
{
	enum api_token_status status;
	struct cached *hit;
	uint64_t name[2];
	char *copy;

	*id = NULL;
	if (len > API_TOKEN_BYTES_MAX)
		return API_TOKEN_TOO_LONG;
	name_of(t, token, len, name);
	hit = base_map_get(&t->cache, name, sizeof(name));
	if (hit != NULL &&
	    hit->identity->expires_at + API_TOKEN_LEEWAY_S >= now) {
		*id = api_identity_ref(hit->identity);
		return API_TOKEN_OK;
	}
	if (hit != NULL) {
		forget(t, hit);
		return API_TOKEN_EXPIRED;
	}
	copy = base_strndup(token, len);
	status = strlen(copy) == len ? check_all(t, copy, len, now, id) :
				       API_TOKEN_MALFORMED;
	base_free(copy);
	if (status == API_TOKEN_OK)
		remember(t, name, *id);
	return status;
}

const char *
api_token_status_name(enum api_token_status s)
{
	static const char *const names[] = {
		[API_TOKEN_OK] = "ok",
		[API_TOKEN_TOO_LONG] = "too_long",
		[API_TOKEN_MALFORMED] = "malformed",
		[API_TOKEN_ALGORITHM] = "algorithm",
		[API_TOKEN_SIGNATURE] = "signature",
		[API_TOKEN_EXPIRED] = "expired",
		[API_TOKEN_EARLY] = "early",
		[API_TOKEN_AUDIENCE] = "audience",
		[API_TOKEN_ISSUER] = "issuer",
		[API_TOKEN_SUBJECT] = "subject",
	};

	return names[s];
}
