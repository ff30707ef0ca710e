/* SPDX-License-Identifier: ISC */
/* api/cgi.c: what web servers put into CGI parameters. */

#include "tests/unit/harness.h"

#include "api/cgi.h"

/* name, value, name, value, ..., NULL */
static const char *
param(void *arg, const char *name)
{
	const char *const *p = arg;

	for (; *p != NULL; p += 2)
		if (strcmp(p[0], name) == 0)
			return (p[1]);
	return (NULL);
}

static void
expect_target(const char **params, const char *path, const char *query)
{
	struct api_cgi_io io = { .param = param, .arg = params };
	struct base_buf got = { 0 };
	const char *got_query;

	api_cgi_target(&io, &got, &got_query);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&got), path);
	if (query == NULL)
		CU_ASSERT_PTR_NULL(got_query);
	if (query != NULL && got_query != NULL)
		CU_ASSERT_STRING_EQUAL(got_query, query);
	base_buf_fini(&got);
}

#define PARAMS(...)               \
	(const char *[])          \
	{                         \
		__VA_ARGS__, NULL \
	}

static void
test_targets(void)
{
	/* Nginx, with the usual parameters and with ours. */
	expect_target(
	    PARAMS("REQUEST_URI", "/v1/users/a%2Fb?x=1", "SCRIPT_NAME",
		"/v1/users/a/b", "QUERY_STRING", "x=1"),
	    "/v1/users/a%2Fb", "x=1");
	expect_target(PARAMS("REQUEST_URI", "/v1/me"), "/v1/me", NULL);
	expect_target(PARAMS("REQUEST_URI", "/v1/me?a=b"), "/v1/me", "a=b");
	/* Apache, mounted under a path. */
	expect_target(
	    PARAMS("REQUEST_URI", "/chat/v1/users/a%2Fb", "SCRIPT_NAME",
		"/chat", "PATH_INFO", "/v1/users/a/b", "QUERY_STRING", ""),
	    "/v1/users/a%2Fb", "");
	expect_target(
	    PARAMS("REQUEST_URI", "/cgi-bin/parley-fcgi/v1/me?x", "SCRIPT_NAME",
		"/cgi-bin/parley-fcgi", "PATH_INFO", "/v1/me"),
	    "/v1/me", "x");
	/* A shell. */
	expect_target(PARAMS("PATH_INFO", "/v1/me"), "/v1/me", NULL);
	expect_target(PARAMS("PATH_INFO", "/v1/users/a %\xc3\xa4?#"),
	    "/v1/users/a%20%25%C3%A4%3F%23", NULL);
	expect_target(PARAMS("SCRIPT_NAME", "/v1/me"), "/v1/me", NULL);
	expect_target(PARAMS("X", "Y"), "", NULL);
}

static void
test_headers(void)
{
	const char *params[] = { "HTTP_X_REQUEST_ID", "r1", "CONTENT_TYPE",
		"text/plain", "HTTP_CONTENT_TYPE", "wrong", "HTTP_RANGE", "",
		NULL };
	struct api_cgi_io io = { .param = param, .arg = params };
	char name[200];

	CU_ASSERT_STRING_EQUAL(api_cgi_header(&io, "X-Request-Id"), "r1");
	CU_ASSERT_STRING_EQUAL(api_cgi_header(&io, "x-request-id"), "r1");
	CU_ASSERT_STRING_EQUAL(
	    api_cgi_header(&io, "Content-Type"), "text/plain");
	CU_ASSERT_PTR_NULL(api_cgi_header(&io, "Range"));
	CU_ASSERT_PTR_NULL(api_cgi_header(&io, "Authorization"));
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	CU_ASSERT_PTR_NULL(api_cgi_header(&io, name));
}

TEST_MAIN("api_cgi", { "targets", test_targets }, { "headers", test_headers })
