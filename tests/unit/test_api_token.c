/* SPDX-License-Identifier: ISC */
/* Tokens of every wrong kind, made by hand with libcrypto. */
#include "api/token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/config.h"
#include "base/buf.h"
#include "base/mem.h"
#include "tests/unit/harness.h"

#define NOW 1800000000
#define SECRET "0123456789abcdef0123456789abcdef"

static char *no_roles[] = { NULL };
static char *admin[] = { "admin", NULL };
static char dir[] = "/tmp/parley-token-XXXXXX";

static struct api_config
config(const char *algorithm)
{
	static char empty[] = "", secret[] = SECRET, role[] = "role";
	static char public_file[64], private_file[64];

	snprintf(public_file, sizeof(public_file), "%s/public.pem", dir);
	snprintf(private_file, sizeof(private_file), "%s/private.pem", dir);
	return (struct api_config){ .jwt_algorithm = base_strdup(algorithm),
		.jwt_secret = secret,
		.jwt_public_key_file = public_file,
		.jwt_private_key_file = private_file,
		.jwt_audience = empty,
		.jwt_issuer = empty,
		.role_claim = role,
		.admin_roles = admin,
		.service_roles = no_roles };
}

static void
append_base64url(struct base_buf *out, const void *bytes, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789-_";
	const unsigned char *p = bytes;

	for (size_t bit = 0; bit < len * 8; bit += 6) {
		unsigned v = p[bit / 8] << 8;

		if (bit / 8 + 1 < len)
			v |= p[bit / 8 + 1];
		base_buf_append_char(out, digits[v >> (10 - bit % 8) & 63]);
	}
}

/* Signed with HMAC under `key`, whatever the header says. */
static char *
make(const char *header, const char *claims, const char *key)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	struct base_buf out = { 0 };
	unsigned n = 0;

	append_base64url(&out, header, strlen(header));
	base_buf_append_char(&out, '.');
	append_base64url(&out, claims, strlen(claims));
	if (key != NULL)
		HMAC(EVP_sha256(), key, (int)strlen(key),
		    (const unsigned char *)out.data, out.len, sum, &n);
	base_buf_append_char(&out, '.');
	append_base64url(&out, sum, n);
	return base_buf_take(&out);
}

static enum api_token_status
verify(struct api_tokens *t, const char *token)
{
	struct api_identity *id;
	enum api_token_status s =
	    api_token_verify(t, token, strlen(token), NOW, &id);

	CU_ASSERT_EQUAL(s == API_TOKEN_OK, id != NULL);
	api_identity_unref(id);
	CU_ASSERT_PTR_NOT_NULL(api_token_status_name(s));
	return s;
}

static enum api_token_status
verify_made(struct api_tokens *t, const char *header, const char *claims,
    const char *key)
{
	char *token = make(header, claims, key);
	enum api_token_status s = verify(t, token);

	base_free(token);
	return s;
}

#define HS "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS "{\"sub\":\"alice\",\"exp\":1800000100}"

static struct api_tokens *
tokens_for(const char *algorithm)
{
	struct api_config c = config(algorithm);
	char err[300] = "";
	struct api_tokens *t = api_tokens_new(&c, err, sizeof(err));

	if (t == NULL)
		fprintf(stderr, "\n%s\n", err);
	base_free(c.jwt_algorithm);
	return t;
}

static void
test_good(void)
{
	struct api_tokens *t = tokens_for("HS256");
	struct api_identity *one, *two;
	char *token = make(HS, CLAIMS, SECRET);

	CU_ASSERT_EQUAL(
	    api_token_verify(t, token, strlen(token), NOW, &one), API_TOKEN_OK);
	CU_ASSERT_STRING_EQUAL(one->user, "alice");
	/* Remembered: the same identity again, but not for ever. */
	CU_ASSERT_EQUAL(
	    api_token_verify(t, token, strlen(token), NOW, &two), API_TOKEN_OK);
	CU_ASSERT_PTR_EQUAL(one, two);
	api_identity_unref(two);
	CU_ASSERT_EQUAL(
	    api_token_verify(t, token, strlen(token), NOW + 131, &two),
	    API_TOKEN_EXPIRED);
	CU_ASSERT_EQUAL(
	    api_token_verify(t, token, strlen(token), NOW + 131, &two),
	    API_TOKEN_EXPIRED);
	api_identity_unref(one);
	base_free(token);
	CU_ASSERT_EQUAL(verify_made(t, "{\"alg\":\"HS256\"}", CLAIMS, SECRET),
	    API_TOKEN_OK);
	api_tokens_free(t);
}

static void
test_algorithms(void)
{
	struct api_tokens *t = tokens_for("HS256");

	CU_ASSERT_EQUAL(verify_made(t, "{\"alg\":\"none\"}", CLAIMS, NULL),
	    API_TOKEN_ALGORITHM);
	CU_ASSERT_EQUAL(verify_made(t, "{\"alg\":\"None\"}", CLAIMS, NULL),
	    API_TOKEN_ALGORITHM);
	CU_ASSERT_EQUAL(verify_made(t, "{\"alg\":\"hs256\"}", CLAIMS, SECRET),
	    API_TOKEN_ALGORITHM);
	CU_ASSERT_EQUAL(verify_made(t, "{\"alg\":\"HS384\"}", CLAIMS, SECRET),
	    API_TOKEN_ALGORITHM);
	CU_ASSERT_EQUAL(verify_made(t, "{\"alg\":\"RS256\"}", CLAIMS, SECRET),
	    API_TOKEN_ALGORITHM);
	CU_ASSERT_EQUAL(verify_made(t, "{\"alg\":256}", CLAIMS, SECRET),
	    API_TOKEN_ALGORITHM);
	CU_ASSERT_EQUAL(
	    verify_made(t, "{}", CLAIMS, SECRET), API_TOKEN_ALGORITHM);
	CU_ASSERT_EQUAL(verify_made(t, "{\"alg\":\"HS256\",\"alg\":\"none\"}",
			    CLAIMS, SECRET),
	    API_TOKEN_MALFORMED);
	CU_ASSERT_EQUAL(verify_made(t, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}",
			    CLAIMS, SECRET),
	    API_TOKEN_SIGNATURE);
	CU_ASSERT_EQUAL(verify_made(t, "{\"alg\":\"HS256\",\"crit\":[\"b64\"]}",
			    CLAIMS, SECRET),
	    API_TOKEN_MALFORMED);
	api_tokens_free(t);
}

static void
test_tampered(void)
{
	struct api_tokens *t = tokens_for("HS256");
	char *token = make(HS, CLAIMS, SECRET);
	char *other = make(HS, "{\"sub\":\"root\",\"exp\":1800000100}", "x");
	char mixed[1024];
	size_t len = strlen(token);

	CU_ASSERT_EQUAL(
	    verify_made(t, HS, CLAIMS, "another secret of at least 32 bytes"),
	    API_TOKEN_SIGNATURE);
	CU_ASSERT_EQUAL(verify_made(t, HS, CLAIMS, NULL), API_TOKEN_SIGNATURE);
	/* Another's claims with this one's signature. */
	snprintf(mixed, sizeof(mixed), "%.*s%s",
	    (int)(strrchr(other, '.') - other), other, strrchr(token, '.'));
	CU_ASSERT_EQUAL(verify(t, mixed), API_TOKEN_SIGNATURE);
	token[len - 2] = token[len - 2] == 'A' ? 'B' : 'A';
	CU_ASSERT_EQUAL(verify(t, token), API_TOKEN_SIGNATURE);
	snprintf(mixed, sizeof(mixed), "%sAA", token);
	CU_ASSERT_EQUAL(verify(t, mixed), API_TOKEN_SIGNATURE);
	token[len - 3] = '\0';
	CU_ASSERT_EQUAL(verify(t, token), API_TOKEN_SIGNATURE);
	base_free(token);
	base_free(other);
	api_tokens_free(t);
}

static void
test_malformed(void)
{
	struct api_tokens *t = tokens_for("HS256");
	struct api_identity *id;
	char *token = make(HS, CLAIMS, SECRET);
	char *huge = base_alloc(9000);

	CU_ASSERT_EQUAL(verify(t, ""), API_TOKEN_MALFORMED);
	CU_ASSERT_EQUAL(verify(t, "."), API_TOKEN_MALFORMED);
	CU_ASSERT_EQUAL(verify(t, ".."), API_TOKEN_MALFORMED);
	CU_ASSERT_EQUAL(verify(t, "a.b.c"), API_TOKEN_MALFORMED);
	CU_ASSERT_EQUAL(verify(t, "a.b.c.d"), API_TOKEN_MALFORMED);
	CU_ASSERT_EQUAL(verify(t, "not a token"), API_TOKEN_MALFORMED);
	CU_ASSERT_EQUAL(
	    verify_made(t, "[]", CLAIMS, SECRET), API_TOKEN_MALFORMED);
	CU_ASSERT_EQUAL(verify_made(t, HS,
			    "{\"sub\":\"a\",\"sub\":\"b\","
			    "\"exp\":1800000100}",
			    SECRET),
	    API_TOKEN_MALFORMED);
	CU_ASSERT_EQUAL(
	    verify_made(t, HS, "{\"sub\":\"a\"}", SECRET), API_TOKEN_EXPIRED);
	memset(huge, 'a', 8999);
	huge[100] = huge[200] = '.';
	CU_ASSERT_EQUAL(verify(t, huge), API_TOKEN_TOO_LONG);
	huge[8192] = '\0';
	CU_ASSERT_EQUAL(verify(t, huge), API_TOKEN_MALFORMED);
	/* A NUL inside is not its end. */
	CU_ASSERT_EQUAL(api_token_verify(t, token, strlen(token) + 1, NOW, &id),
	    API_TOKEN_MALFORMED);
	base_free(huge);
	base_free(token);
	api_tokens_free(t);
}

static void
write_keys(EVP_PKEY *key)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/public.pem", dir);
	f = fopen(path, "w");
	PEM_write_PUBKEY(f, key);
	fclose(f);
	snprintf(path, sizeof(path), "%s/private.pem", dir);
	f = fopen(path, "w");
	PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	EVP_PKEY_free(key);
}

static char *
mint(const char *algorithm)
{
	struct api_config c = config(algorithm);
	struct api_token_claims claims = { .user = "bob",
		.role = "admin",
		.name = "Bob",
		.issued_at = NOW,
		.ttl_s = 60 };
	char err[300] = "";
	char *token = api_token_mint(&c, &claims, err, sizeof(err));

	if (token == NULL)
		fprintf(stderr, "\n%s\n", err);
	base_free(c.jwt_algorithm);
	return token;
}

static char *
read_public(void)
{
	char path[64], *text = base_alloc(4096);
	FILE *f;

	snprintf(path, sizeof(path), "%s/public.pem", dir);
	f = fopen(path, "r");
	(void)!fread(text, 1, 4095, f);
	fclose(f);
	return text;
}

static void
check_key_pair(const char *algorithm)
{
	struct api_tokens *t = tokens_for(algorithm);
	struct api_identity *id = NULL;
	char *token = mint(algorithm), *pem = read_public();
	char header[64];

	CU_ASSERT_PTR_NOT_NULL_FATAL(t);
	CU_ASSERT_PTR_NOT_NULL_FATAL(token);
	CU_ASSERT_EQUAL(
	    api_token_verify(t, token, strlen(token), NOW, &id), API_TOKEN_OK);
	CU_ASSERT_STRING_EQUAL(id->user, "bob");
	CU_ASSERT_EQUAL(id->role, API_ROLE_ADMIN);
	api_identity_unref(id);
	token[strlen(token) - 8] ^= 1;
	CU_ASSERT_EQUAL(verify(t, token), API_TOKEN_SIGNATURE);
	/* The public key is no HMAC secret. */
	CU_ASSERT_EQUAL(verify_made(t, HS, CLAIMS, pem), API_TOKEN_ALGORITHM);
	snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", algorithm);
	CU_ASSERT_EQUAL(
	    verify_made(t, header, CLAIMS, pem), API_TOKEN_SIGNATURE);
	base_free(pem);
	base_free(token);
	api_tokens_free(t);
}

static void
test_key_pairs(void)
{
	write_keys(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048));
	check_key_pair("RS256");
	CU_ASSERT_PTR_NULL(tokens_for("ES256"));
	write_keys(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"));
	check_key_pair("ES256");
	CU_ASSERT_PTR_NULL(tokens_for("RS256"));
	write_keys(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024));
	CU_ASSERT_PTR_NULL(tokens_for("RS256"));
}

static bool
starts(struct api_config *c, const char *named)
{
	char err[300] = "";
	struct api_tokens *t = api_tokens_new(c, err, sizeof(err));

	if (t == NULL && strstr(err, named) == NULL)
		fprintf(stderr, "\n%s\n", err);
	CU_ASSERT_TRUE(t != NULL || strstr(err, named) != NULL);
	api_tokens_free(t);
	return t != NULL;
}

static void
test_starts(void)
{
	struct api_config c = config("HS256");
	char short_one[] = "only thirty-one bytes long.....", empty[] = "";
	char missing[] = "/nonexistent/key.pem", es[] = "ES256",
	     none[] = "none";

	CU_ASSERT_TRUE(starts(&c, ""));
	base_free(c.jwt_algorithm);
	c.jwt_secret = short_one;
	c.jwt_algorithm = none;
	CU_ASSERT_FALSE(starts(&c, "PARLEY_JWT_ALGORITHM"));
	c.jwt_algorithm = es;
	c.jwt_public_key_file = missing;
	CU_ASSERT_FALSE(starts(&c, "PARLEY_JWT_PUBLIC_KEY_FILE"));
	c.jwt_public_key_file = empty;
	CU_ASSERT_FALSE(starts(&c, "PARLEY_JWT_PUBLIC_KEY_FILE"));
	c.jwt_algorithm = base_strdup("HS256");
	CU_ASSERT_FALSE(starts(&c, "PARLEY_JWT_SECRET"));
	c.jwt_secret = empty;
	CU_ASSERT_FALSE(starts(&c, "PARLEY_JWT_SECRET"));
	base_free(c.jwt_algorithm);
}

/* The cache is bounded, and forgets the oldest. */
static void
test_many(void)
{
	struct api_tokens *t = tokens_for("HS256");
	char claims[80];

	for (int i = 0; i < 17000; i++) {
		snprintf(claims, sizeof(claims),
		    "{\"sub\":%d,\"exp\":1800000100}", i);
		CU_ASSERT_EQUAL(
		    verify_made(t, HS, claims, SECRET), API_TOKEN_OK);
	}
	api_tokens_free(t);
}

int
main(int argc, char **argv)
{
	static const struct test_case cases[] = { { "good", test_good },
		{ "algorithms", test_algorithms },
		{ "tampered", test_tampered }, { "malformed", test_malformed },
		{ "key pairs", test_key_pairs }, { "starts", test_starts },
		{ "many", test_many } };
	char command[128];
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	failed = test_main(
	    "api_token", cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) == 0 ? failed : 1;
}
