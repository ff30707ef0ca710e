/* SPDX-License-Identifier: ISC */
/* upload/s3_url.c and upload/s3_list.c: addresses, signatures, and what a list
 * of objects says. */

#include "tests/unit/harness.h"

#include <string.h>

#include "base/buf.h"
#include "upload/s3_list.h"
#include "upload/s3_url.h"

/* The account of Amazon's own examples. */
#define KEY_ID "AKIAIOSFODNN7EXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

static struct upload_s3_url_params
params(const char *endpoint, bool path_style)
{
	return ((struct upload_s3_url_params){ .endpoint = endpoint,
	    .bucket = "examplebucket",
	    .region = "us-east-1",
	    .key_id = KEY_ID,
	    .secret = SECRET,
	    .path_style = path_style });
}

static struct upload_s3_url *
make(const struct upload_s3_url_params *p)
{
	char err[200] = "";
	struct upload_s3_url *u = upload_s3_url_new(p, err, sizeof(err));

	CU_ASSERT_PTR_NOT_NULL_FATAL(u);
	CU_ASSERT_STRING_EQUAL(err, "");
	return (u);
}

/* The example of "Authenticating Requests: Using Query Parameters". */
static void
test_signs_as_published(void)
{
	struct upload_s3_url_params p =
	    params("https://s3.amazonaws.com", false);
	const struct upload_s3_grant grant = { .now_s = 1369353600,
		.seconds = 86400 };
	struct upload_s3_url *u = make(&p);
	struct base_buf url = { 0 };

	upload_s3_url_sign(u, "test.txt", &grant, &url);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&url),
	    "https://examplebucket.s3.amazonaws.com/test.txt"
	    "?X-Amz-Algorithm=AWS4-HMAC-SHA256"
	    "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1"
	    "%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z"
	    "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
	    "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957"
	    "d157751f604d404");
	base_buf_fini(&url);
	upload_s3_url_free(u);
}

static void
url_expect(
    const struct upload_s3_url_params *p, const char *key, const char *expected)
{
	struct upload_s3_url *u = make(p);
	struct base_buf url = { 0 };

	upload_s3_url_append(u, key, &url);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&url), expected);
	base_buf_fini(&url);
	upload_s3_url_free(u);
}

static void
test_addresses(void)
{
	struct upload_s3_url_params p = params("http://127.0.0.1:9000", true);

	url_expect(&p, "ab/cd", "http://127.0.0.1:9000/examplebucket/ab/cd");
	url_expect(&p, NULL, "http://127.0.0.1:9000/examplebucket");
	p.prefix = "chat/files";
	url_expect(
	    &p, "ab", "http://127.0.0.1:9000/examplebucket/chat/files/ab");
	p.endpoint = "https://store.example:443/s3/";
	url_expect(
	    &p, "ab", "https://store.example/s3/examplebucket/chat/files/ab");
	url_expect(&p, NULL, "https://store.example/s3/examplebucket");
	p.path_style = false;
	p.prefix = "";
	url_expect(&p, "ab", "https://examplebucket.store.example/s3/ab");
	url_expect(&p, NULL, "https://examplebucket.store.example/s3/");
}

static void
refused(const struct upload_s3_url_params *p)
{
	char err[200] = "";

	CU_ASSERT_PTR_NULL(upload_s3_url_new(p, err, sizeof(err)));
	CU_ASSERT_STRING_NOT_EQUAL(err, "");
	CU_ASSERT_PTR_NULL(strstr(err, SECRET));
}

static void
test_refuses_what_would_need_encoding(void)
{
	static const char *const endpoints[] = { "", "s3.example",
		"ftp://s3.example", "https://", "https:///x",
		"https://user@s3.example", "https://s3.example/?x=1",
		"https://s3.example/a b" };
	static const char *const prefixes[] = { "/", "/x", "a//b", "../x",
		"a b", "a?b", "\xc3\xa4" };
	struct upload_s3_url_params p;

	for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
		p = params(endpoints[i], true);
		refused(&p);
	}
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		p = params("https://s3.example", true);
		p.prefix = prefixes[i];
		refused(&p);
	}
	p = params("https://s3.example", true);
	p.bucket = "a/b";
	refused(&p);
	p = params("https://s3.example", true);
	p.region = "";
	refused(&p);
	p = params("https://s3.example", true);
	p.secret = "";
	refused(&p);
}

static void
test_overrides_are_encoded(void)
{
	struct upload_s3_url_params p = params("https://s3.example", true);
	const struct upload_s3_grant grant = { .now_s = 1369353600,
		.seconds = 60,
		.type = "image/png",
		.disposition = "inline; filename*=UTF-8''%C3%A4 b.png",
		.cache = "private, max-age=1" };
	struct upload_s3_url *u = make(&p);
	struct base_buf url = { 0 };

	upload_s3_url_sign(u, "k", &grant, &url);
	CU_ASSERT_PTR_NOT_NULL(strstr(base_buf_str(&url),
	    "&X-Amz-SignedHeaders=host"
	    "&response-cache-control=private%2C%20max-age%3D1"
	    "&response-content-disposition=inline%3B%20filename%2A%3D"
	    "UTF-8%27%27%25C3%25A4%20b.png"
	    "&response-content-type=image%2Fpng&X-Amz-Signature="));
	base_buf_fini(&url);
	upload_s3_url_free(u);
}

struct told {
	unsigned n;
	char key[40];
	int64_t wall_us;
};

static void
on_key(void *arg, const char *key, int64_t wall_us)
{
	struct told *told = arg;

	told->n++;
	snprintf(told->key, sizeof(told->key), "%s", key);
	told->wall_us = wall_us;
}

#define OBJECT                                                          \
	"<Contents><Key>a&amp;b/c</Key><LastModified>2026-01-31T00:00:" \
	"01.000Z</LastModified><Size>3</Size></Contents>"

static bool
parse(const char *xml, struct told *told, struct base_buf *token)
{
	memset(told, 0, sizeof(*told));
	return (upload_s3_list_parse(xml, strlen(xml), on_key, told, token));
}

static void
test_lists(void)
{
	struct base_buf token = { 0 };
	struct told told;

	CU_ASSERT_TRUE(parse("<?xml version=\"1.0\"?>"
			     "<ListBucketResult xmlns=\"x\"><IsTruncated>true"
			     "</IsTruncated>" OBJECT OBJECT
			     "<NextContinuationToken>a+/=&#39;"
			     "</NextContinuationToken></ListBucketResult>",
	    &told, &token));
	CU_ASSERT_EQUAL(told.n, 2);
	CU_ASSERT_STRING_EQUAL(told.key, "a&b/c");
	CU_ASSERT_EQUAL(told.wall_us, INT64_C(1769817601000000));
	CU_ASSERT_STRING_EQUAL(base_buf_str(&token), "a+/='");
	CU_ASSERT_TRUE(parse("<ListBucketResult><IsTruncated>false"
			     "</IsTruncated></ListBucketResult>",
	    &told, &token));
	CU_ASSERT_EQUAL(told.n, 0);
	CU_ASSERT_EQUAL(token.len, 0);
	base_buf_fini(&token);
}

/* An answer that was cut must not look like the end of the list. */
static void
test_half_a_list_is_none(void)
{
	static const char *const odd[] = { "", "<html>busy</html>",
		"<ListBucketResult><IsTruncated>false</IsTruncated>" OBJECT,
		"<ListBucketResult>" OBJECT "</ListBucketResult>",
		"<ListBucketResult><IsTruncated>true</IsTruncated>" OBJECT
		"</ListBucketResult>",
		"<ListBucketResult><IsTruncated>false</IsTruncated><Contents>"
		"<Key>a</Key></Contents></ListBucketResult>",
		"<ListBucketResult><IsTruncated>false</IsTruncated><Contents>"
		"<Key>a</Key><LastModified>now</LastModified></Contents>"
		"</ListBucketResult>" };
	struct base_buf token = { 0 };
	struct told told;

	for (size_t i = 0; i < ARRAY_LEN(odd); i++)
		CU_ASSERT_FALSE(parse(odd[i], &told, &token));
	base_buf_fini(&token);
}

TEST_MAIN("upload_s3", { "signs as published", test_signs_as_published },
    { "addresses", test_addresses },
    { "refuses what would need encoding",
	test_refuses_what_would_need_encoding },
    { "overrides are encoded", test_overrides_are_encoded },
    { "lists", test_lists },
    { "half a list is none", test_half_a_list_is_none })
