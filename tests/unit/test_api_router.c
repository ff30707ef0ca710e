/* SPDX-License-Identifier: ISC */
#include "api/router.h"

#include "tests/unit/harness.h"

static struct api_route route;

static const char *
found(const char *method, const char *path)
{
	return api_router_find(method, path, &route) == API_ROUTE_OK ?
	    route.op->name :
	    "";
}

static void
test_finds(void)
{
	CU_ASSERT_STRING_EQUAL(found("GET", "/v1/me"), "me.get");
	CU_ASSERT_STRING_EQUAL(
	    found("GET", "/v1/conversations"), "conversations.list");
	CU_ASSERT_STRING_EQUAL(
	    found("POST", "/v1/conversations"), "conversations.create");
	CU_ASSERT_STRING_EQUAL(
	    found("POST", "/v1/conversations/public/messages"),
	    "messages.send");
	CU_ASSERT_EQUAL(route.nargs, 1);
	CU_ASSERT_EQUAL(route.args[0].name_len, strlen("conversation_id"));
	CU_ASSERT_STRING_EQUAL(route.args[0].value, "public");
	CU_ASSERT_STRING_EQUAL(
	    found("DELETE", "/v1/conversations/c/members/a%2Fb%20c"),
	    "members.remove");
	CU_ASSERT_STRING_EQUAL(route.args[1].value, "a/b c");
	CU_ASSERT_STRING_EQUAL(found("GET", "/v1/users/a+b"), "users.get");
	CU_ASSERT_STRING_EQUAL(route.args[0].value, "a+b");
	CU_ASSERT_STRING_EQUAL(found("HEAD", "/health/ready"), "health.ready");
	CU_ASSERT_TRUE(route.head);
	CU_ASSERT_STRING_EQUAL(found("GET", "/health"), "health.live");
	CU_ASSERT_FALSE(route.head);
}

static void
test_refuses(void)
{
	char path[600] = "/v1/users/";

	CU_ASSERT_EQUAL(
	    api_router_find("GET", "/", &route), API_ROUTE_NOT_FOUND);
	CU_ASSERT_EQUAL(
	    api_router_find("GET", "", &route), API_ROUTE_NOT_FOUND);
	CU_ASSERT_EQUAL(
	    api_router_find("GET", "/v1/me/", &route), API_ROUTE_NOT_FOUND);
	CU_ASSERT_EQUAL(
	    api_router_find("GET", "/v1/m", &route), API_ROUTE_NOT_FOUND);
	CU_ASSERT_EQUAL(
	    api_router_find("GET", "/v1/users/", &route), API_ROUTE_NOT_FOUND);
	CU_ASSERT_EQUAL(
	    api_router_find("GET", "/v1/ME", &route), API_ROUTE_NOT_FOUND);
	CU_ASSERT_EQUAL(api_router_find("GET", "/v1/users/%00", &route),
	    API_ROUTE_BAD_PATH);
	CU_ASSERT_EQUAL(api_router_find("GET", "/v1/users/a%2", &route),
	    API_ROUTE_BAD_PATH);
	memset(path + 10, 'x', 400);
	CU_ASSERT_EQUAL(
	    api_router_find("GET", path, &route), API_ROUTE_BAD_PATH);
	CU_ASSERT_EQUAL(api_router_find("DELETE", "/v1/conversations", &route),
	    API_ROUTE_BAD_METHOD);
	CU_ASSERT_STRING_EQUAL(route.allow, "POST, GET, HEAD, OPTIONS");
	CU_ASSERT_EQUAL(
	    api_router_find("get", "/v1/me", &route), API_ROUTE_BAD_METHOD);
	CU_ASSERT_EQUAL(api_router_find("HEAD", "/v1/tickets", &route),
	    API_ROUTE_BAD_METHOD);
	CU_ASSERT_EQUAL(api_router_find("OPTIONS", "/v1/tickets", &route),
	    API_ROUTE_OPTIONS);
	CU_ASSERT_STRING_EQUAL(route.allow, "POST, OPTIONS");
}

TEST_MAIN("api_router", { "finds", test_finds }, { "refuses", test_refuses })
