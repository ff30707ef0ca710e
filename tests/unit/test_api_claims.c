/* SPDX-License-Identifier: ISC */
#include "api/claims.h"

#include <jansson.h>

#include "tests/unit/harness.h"

#define NOW 1800000000

static char *const admin_roles[] = { "admin", "owner", NULL };
static char *const service_roles[] = { "service", NULL };
static struct api_claim_rules rules = { .audience = "",
	.issuer = "",
	.role_claim = "role",
	.admin_roles = admin_roles,
	.service_roles = service_roles,
	.leeway_s = 30 };

static struct api_identity *id;

static enum api_token_status
check(const char *text)
{
	json_t *claims = json_loads(text, 0, NULL);
	enum api_token_status s;

	CU_ASSERT_PTR_NOT_NULL_FATAL(claims);
	api_identity_unref(id);
	id = NULL;
	s = api_claims_check(&rules, claims, NOW, &id);
	json_decref(claims);
	CU_ASSERT_EQUAL(s == API_TOKEN_OK, id != NULL);
	return s;
}

#define GOOD "\"exp\":1800000100,\"sub\":\"alice\""

static void
test_times(void)
{
	CU_ASSERT_EQUAL(check("{" GOOD "}"), API_TOKEN_OK);
	CU_ASSERT_EQUAL(id->expires_at, 1800000100);
	CU_ASSERT_EQUAL(check("{\"sub\":\"a\"}"), API_TOKEN_EXPIRED);
	CU_ASSERT_EQUAL(
	    check("{\"sub\":\"a\",\"exp\":\"1800000100\"}"), API_TOKEN_EXPIRED);
	CU_ASSERT_EQUAL(
	    check("{\"sub\":\"a\",\"exp\":1799999971}"), API_TOKEN_OK);
	CU_ASSERT_EQUAL(
	    check("{\"sub\":\"a\",\"exp\":1799999969}"), API_TOKEN_EXPIRED);
	CU_ASSERT_EQUAL(
	    check("{\"sub\":\"a\",\"exp\":1800000000.5}"), API_TOKEN_OK);
	CU_ASSERT_EQUAL(
	    check("{\"sub\":\"a\",\"exp\":1e300}"), API_TOKEN_EXPIRED);
	CU_ASSERT_EQUAL(check("{\"sub\":\"a\",\"exp\":-5}"), API_TOKEN_EXPIRED);
	CU_ASSERT_EQUAL(check("{" GOOD ",\"nbf\":1800000029}"), API_TOKEN_OK);
	CU_ASSERT_EQUAL(
	    check("{" GOOD ",\"nbf\":1800000031}"), API_TOKEN_EARLY);
	CU_ASSERT_EQUAL(check("{" GOOD ",\"nbf\":\"now\"}"), API_TOKEN_EARLY);
}

static void
test_audience_and_issuer(void)
{
	rules.audience = "chat";
	CU_ASSERT_EQUAL(check("{" GOOD "}"), API_TOKEN_AUDIENCE);
	CU_ASSERT_EQUAL(check("{" GOOD ",\"aud\":\"chat\"}"), API_TOKEN_OK);
	CU_ASSERT_EQUAL(
	    check("{" GOOD ",\"aud\":\"chats\"}"), API_TOKEN_AUDIENCE);
	CU_ASSERT_EQUAL(
	    check("{" GOOD ",\"aud\":[1,\"x\",\"chat\"]}"), API_TOKEN_OK);
	CU_ASSERT_EQUAL(check("{" GOOD ",\"aud\":[]}"), API_TOKEN_AUDIENCE);
	CU_ASSERT_EQUAL(check("{" GOOD ",\"aud\":5}"), API_TOKEN_AUDIENCE);
	rules.audience = "";
	rules.issuer = "https://host";
	CU_ASSERT_EQUAL(check("{" GOOD "}"), API_TOKEN_ISSUER);
	CU_ASSERT_EQUAL(
	    check("{" GOOD ",\"iss\":\"https://host\"}"), API_TOKEN_OK);
	CU_ASSERT_EQUAL(
	    check("{" GOOD ",\"iss\":[\"https://host\"]}"), API_TOKEN_ISSUER);
	rules.issuer = "";
}

static void
test_subject(void)
{
	char text[400];

	CU_ASSERT_EQUAL(check("{" GOOD "}"), API_TOKEN_OK);
	CU_ASSERT_STRING_EQUAL(id->user, "alice");
	CU_ASSERT_EQUAL(check("{\"exp\":1800000100,\"sub\":42}"), API_TOKEN_OK);
	CU_ASSERT_STRING_EQUAL(id->user, "42");
	CU_ASSERT_EQUAL(
	    check("{\"exp\":1800000100,\"sub\":4.2}"), API_TOKEN_SUBJECT);
	CU_ASSERT_EQUAL(check("{\"exp\":1800000100}"), API_TOKEN_SUBJECT);
	CU_ASSERT_EQUAL(
	    check("{\"exp\":1800000100,\"sub\":\"\"}"), API_TOKEN_SUBJECT);
	CU_ASSERT_EQUAL(
	    check("{\"exp\":1800000100,\"sub\":\"a\\nb\"}"), API_TOKEN_SUBJECT);
	snprintf(
	    text, sizeof(text), "{\"exp\":1800000100,\"sub\":\"%0128d\"}", 1);
	CU_ASSERT_EQUAL(check(text), API_TOKEN_OK);
	snprintf(
	    text, sizeof(text), "{\"exp\":1800000100,\"sub\":\"%0129d\"}", 1);
	CU_ASSERT_EQUAL(check(text), API_TOKEN_SUBJECT);
}

static void
test_roles(void)
{
	CU_ASSERT_EQUAL(check("{" GOOD "}"), API_TOKEN_OK);
	CU_ASSERT_EQUAL(id->role, API_ROLE_USER);
	CU_ASSERT_PTR_NULL(id->label);
	CU_ASSERT_EQUAL(check("{" GOOD ",\"role\":\"owner\"}"), API_TOKEN_OK);
	CU_ASSERT_EQUAL(id->role, API_ROLE_ADMIN);
	CU_ASSERT_STRING_EQUAL(id->label, "owner");
	CU_ASSERT_EQUAL(check("{" GOOD ",\"role\":\"service\"}"), API_TOKEN_OK);
	CU_ASSERT_EQUAL(id->role, API_ROLE_SERVICE);
	CU_ASSERT_EQUAL(
	    check("{" GOOD ",\"role\":\"moderator\"}"), API_TOKEN_OK);
	CU_ASSERT_EQUAL(id->role, API_ROLE_USER);
	CU_ASSERT_STRING_EQUAL(id->label, "moderator");
	CU_ASSERT_EQUAL(check("{" GOOD ",\"role\":\"ADMIN\"}"), API_TOKEN_OK);
	CU_ASSERT_EQUAL(id->role, API_ROLE_USER);
	CU_ASSERT_EQUAL(
	    check("{" GOOD ",\"role\":[\"x\",\"admin\"]}"), API_TOKEN_OK);
	CU_ASSERT_EQUAL(id->role, API_ROLE_ADMIN);
	CU_ASSERT_EQUAL(
	    check("{" GOOD ",\"role\":{\"admin\":1}}"), API_TOKEN_OK);
	CU_ASSERT_EQUAL(id->role, API_ROLE_USER);
}

static void
test_texts(void)
{
	uint64_t hash;

	CU_ASSERT_EQUAL(
	    check("{" GOOD ",\"name\":\"A\",\"picture\":\"p\"}"), API_TOKEN_OK);
	CU_ASSERT_STRING_EQUAL(id->name, "A");
	CU_ASSERT_STRING_EQUAL(id->picture, "p");
	hash = id->claims_hash;
	CU_ASSERT_EQUAL(
	    check("{" GOOD ",\"name\":\"A\",\"picture\":\"p\"}"), API_TOKEN_OK);
	CU_ASSERT_EQUAL(id->claims_hash, hash);
	CU_ASSERT_EQUAL(check("{" GOOD ",\"name\":\"A\"}"), API_TOKEN_OK);
	CU_ASSERT_NOT_EQUAL(id->claims_hash, hash);
	hash = id->claims_hash;
	CU_ASSERT_EQUAL(check("{" GOOD ",\"picture\":\"A\"}"), API_TOKEN_OK);
	CU_ASSERT_NOT_EQUAL(id->claims_hash, hash);
	/* Not worth refusing a token for. */
	CU_ASSERT_EQUAL(
	    check("{" GOOD ",\"name\":\"a\\u0007\"}"), API_TOKEN_OK);
	CU_ASSERT_PTR_NULL(id->name);
	CU_ASSERT_EQUAL(check("{" GOOD ",\"name\":7}"), API_TOKEN_OK);
	CU_ASSERT_PTR_NULL(id->name);
	CU_ASSERT_EQUAL(
	    check("{" GOOD ",\"name\":\" \\u200b\"}"), API_TOKEN_OK);
	CU_ASSERT_PTR_NULL(id->name);
	api_identity_unref(id);
	id = NULL;
}

TEST_MAIN("api_claims", { "times", test_times },
    { "audience and issuer", test_audience_and_issuer },
    { "subject", test_subject }, { "roles", test_roles },
    { "texts", test_texts })
