/* SPDX-License-Identifier: ISC */
/* Who may call: identities, tickets and suspensions, what is refused before an
 * operation begins, and what needs no user. */
#include <unistd.h>

#include "api/auth.h"
#include "api/engine.h"
#include "api/errors.h"
#include "api/seen.h"
#include "base/clock.h"
#include "base/loop.h"
#include "db/pool.h"
#include "tests/db/engine_fixture.h"
#include "tests/unit/harness.h"

static struct fixture f;

static void
test_acts_for_a_user(void)
{
	struct reply r;

	fixture_header("Parley-As", "mia");
	r = http(&f, "service:crm", "GET", "/v1/me", NULL);
	ASSERT_STATUS(r, 200);
	ASSERT_MEMBER(r, "id", "mia");
	ASSERT_MEMBER(r, "role", "user");
	reply_fini(&r);
	r = http(&f, "service:crm", "GET", "/v1/stats", NULL);
	ASSERT_STATUS(r, 403);
	reply_fini(&r);
	r = http(&f, "alice", "GET", "/v1/me", NULL);
	ASSERT_STATUS(r, 403);
	ASSERT_MEMBER(r, "code", "as_not_allowed");
	reply_fini(&r);
	fixture_header("Parley-As", NULL);
}

static void
ticket_seen(const struct api_identified *found, void *arg)
{
	struct reply *r = arg;

	r->done = true;
	r->status = found->error == NULL ? 200 : found->error->status;
	if (found->identity != NULL)
		snprintf(r->text, sizeof(r->text), "%s", found->identity->user);
	api_identity_unref(found->identity);
}

static struct reply
redeem(const char *ticket)
{
	struct api_credentials c = { .ticket = ticket,
		.remote_addr = "192.0.2.7" };
	struct reply r = { .done = false };

	api_auth_identify(f.engine, &c, ticket_seen, &r);
	CU_ASSERT_FALSE(r.done);
	while (!r.done)
		base_loop_poll_turn(f.loop, 100);
	return r;
}

static void
test_tickets(void)
{
	struct reply r = http(&f, "bob", "POST", "/v1/tickets", NULL), t;

	ASSERT_STATUS(r, 201);
	CU_ASSERT_EQUAL(strlen(member(&r, "ticket")), 32);
	CU_ASSERT_EQUAL(strlen(member(&r, "expires_at")), 27);
	t = redeem(member(&r, "ticket"));
	ASSERT_STATUS(t, 200);
	CU_ASSERT_STRING_EQUAL(t.text, "bob");
	t = redeem(member(&r, "ticket"));
	ASSERT_STATUS(t, 401);
	t = redeem("");
	ASSERT_STATUS(t, 401);
	reply_fini(&r);
}

/* This engine hears no orders: it asks the table. */
static void
test_suspension(void)
{
	static const char path[] = "/v1/users/mallory/suspension";
	const struct http_row before[] = {
		{ "alice", "PUT", path, "{}", .status = 403 },
		{ "admin:root", "PUT", "/v1/users/root/suspension", "{}",
		    .status = 422, .path = "errors.0.field",
		    .value = "user_id" },
		{ "admin:root", "PUT", path,
		    "{\"until\":\"2001-01-01T00:00:00Z\"}", .status = 422,
		    .path = "errors.0.field", .value = "until" },
		{ "mallory", "GET", "/v1/me", NULL, .status = 200 },
		{ "admin:root", "PUT", path,
		    "{\"reason\":\"spam\","
		    "\"until\":\"2999-01-01T00:00:00+01:00\"}",
		    .status = 200, .path = "suspended_by", .value = "root" },
		{ "admin:root", "GET", path, NULL, .status = 200,
		    .path = "until", .value = "2998-12-31T23:00:00.000000Z" },
		{ "mallory", "GET", "/v1/me", NULL, .status = 403,
		    .path = "code", .value = "user_suspended" },
		{ "mallory", "GET", "/v1/me", NULL, .status = 403,
		    .path = "detail",
		    .value =
			"The user is suspended until 2998-12-31T23:00:00.000000Z." },
		{ "mallory", "POST", "/v1/ping", "{}", .status = 403 },
		{ "mallory", "GET", "/health", NULL, .status = 200 },
	};
	const struct http_row as[] = {
		{ "service:crm", "GET", "/v1/me", NULL, .status = 403 },
	};
	const struct http_row after[] = {
		{ "admin:root", "DELETE", path, NULL, .status = 200 },
		{ "admin:root", "GET", path, NULL, .status = 404 },
		{ "mallory", "GET", "/v1/me", NULL, .status = 200 },
	};

	http_rows(&f, before, ARRAY_LEN(before));
	fixture_header("Parley-As", "mallory");
	http_rows(&f, as, ARRAY_LEN(as));
	fixture_header("Parley-As", NULL);
	http_rows(&f, after, ARRAY_LEN(after));
}

static void
stranger_seen(const struct api_error *error, void *arg)
{
	size_t *left = arg;

	CU_ASSERT_PTR_NULL(error);
	(*left)--;
}

/* After a restart everybody is new to the process, and comes at once. */
static void
test_strangers_come_in_batches(void)
{
	enum {
		MANY = 1000
	};
	struct db_pool_stats before, after;
	size_t left = MANY;
	char name[32];

	db_pool_stats(api_engine_pool(f.engine), &before);
	for (int i = 0; i < MANY; i++) {
		struct api_identity *id;

		snprintf(name, sizeof(name), "stranger%d", i);
		id = api_identity_new(&(struct api_identity){
		    .user = name, .role = API_ROLE_USER });
		CU_ASSERT_FALSE(api_seen_has(f.engine, id));
		CU_ASSERT_PTR_NOT_NULL(
		    api_seen_start(f.engine, id, stranger_seen, &left));
		api_identity_unref(id);
	}
	for (uint64_t end = base_clock_ms() + 10000;
	     left > 0 && base_clock_ms() < end;)
		base_loop_poll_turn(f.loop, 100);
	CU_ASSERT_EQUAL(left, 0);
	db_pool_stats(api_engine_pool(f.engine), &after);
	CU_ASSERT(after.done - before.done < 50);
	CU_ASSERT_EQUAL(cluster_number(f.cluster,
			    "select count(*) from users "
			    "where id like 'stranger%'"),
	    MANY);
}

static void
test_refusals(void)
{
	static const struct http_row rows[] = {
		{ "bob", "GET", "/v1/nothing", NULL, .status = 404 },
		{ "bob", "GET", "/v1/users/%zz", NULL, .status = 400 },
		{ "bob", "POST", "/v1/conversations", "{\"type\":",
		    .status = 400, .path = "code", .value = "bad_json" },
		{ "bob", "POST", "/v1/conversations", NULL, .status = 422,
		    .path = "errors.0.field", .value = "type" },
		{ "bob", "GET", "/v1/me", "{}", .status = 400 },
	};
	struct reply r;

	r = http(&f, NULL, "GET", "/v1/me", NULL);
	ASSERT_STATUS(r, 401);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.headers, "WWW-Authenticate: Bearer"));
	CU_ASSERT_STRING_EQUAL(r.type, "application/problem+json");
	ASSERT_MEMBER(r, "type", "urn:parley:error:unauthorized");
	CU_ASSERT_TRUE(strlen(member(&r, "request_id")) > 0);
	reply_fini(&r);
	r = http(&f, "bob", "PUT", "/v1/me", NULL);
	ASSERT_STATUS(r, 405);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.headers, "Allow: GET, HEAD, OPTIONS"));
	reply_fini(&r);
	http_rows(&f, rows, ARRAY_LEN(rows));
	fixture_header("X-Request-Id", "given-by-me.1");
	r = http(&f, "bob", "GET", "/v1/me", NULL);
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(r.headers, "X-Request-Id: given-by-me.1\n"));
	reply_fini(&r);
	fixture_header("X-Request-Id", "bad\r\nid");
	r = http(&f, "bob", "GET", "/v1/me", NULL);
	CU_ASSERT_PTR_NULL(strstr(r.headers, "bad"));
	reply_fini(&r);
	fixture_header("X-Request-Id", NULL);
}

static void
test_other_pages(void)
{
	struct reply r;

	fixture_header("Origin", "https://app.example");
	r = http(&f, NULL, "OPTIONS", "/v1/me", NULL);
	ASSERT_STATUS(r, 204);
	CU_ASSERT_PTR_NOT_NULL(strstr(
	    r.headers, "Access-Control-Allow-Origin: https://app.example\n"));
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(r.headers, "Access-Control-Allow-Methods: GET, HEAD"));
	reply_fini(&r);
	fixture_header("Origin", "https://evil.example");
	r = http(&f, "bob", "GET", "/v1/me", NULL);
	ASSERT_STATUS(r, 200);
	CU_ASSERT_PTR_NULL(strstr(r.headers, "Access-Control"));
	reply_fini(&r);
	fixture_header("Origin", NULL);
}

static void
test_service_pages(void)
{
	struct reply r;

	r = http(&f, NULL, "GET", "/health", NULL);
	ASSERT_STATUS(r, 200);
	reply_fini(&r);
	r = http(&f, NULL, "HEAD", "/health/ready", NULL);
	ASSERT_STATUS(r, 200);
	ASSERT_MEMBER(r, "checks", "null");
	reply_fini(&r);
	r = http(&f, "admin:root", "GET", "/health/ready", NULL);
	ASSERT_MEMBER(r, "checks.database", "ok");
	reply_fini(&r);
	r = http(&f, NULL, "GET", "/metrics", NULL);
	ASSERT_STATUS(r, 401);
	reply_fini(&r);
	r = http(&f, "admin:root", "GET", "/metrics", NULL);
	ASSERT_STATUS(r, 200);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.text, "# TYPE parley_requests_total"));
	reply_fini(&r);
	r = http(&f, NULL, "GET", "/openapi.json", NULL);
	ASSERT_STATUS(r, 200);
	ASSERT_MEMBER(r, "openapi", "3.1.0");
	reply_fini(&r);
}

static void
test_database_away(void)
{
	static const char path[] = "/v1/conversations/public/messages";
	struct reply r;
	int status = 503;

	cluster_stop(f.cluster);
	r = http(&f, "alice", "POST", path, "{\"text\":\"lost?\"}");
	ASSERT_STATUS(r, 503);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.headers, "Retry-After: "));
	reply_fini(&r);
	r = http(&f, NULL, "GET", "/health/ready", NULL);
	ASSERT_STATUS(r, 503);
	reply_fini(&r);
	r = http(&f, NULL, "GET", "/health", NULL);
	ASSERT_STATUS(r, 200);
	reply_fini(&r);
	cluster_start(f.cluster);
	for (int i = 0; i < 100 && status == 503; i++) {
		r = http(&f, "alice", "POST", path, "{\"text\":\"back\"}");
		status = r.status;
		reply_fini(&r);
		usleep(50000);
	}
	CU_ASSERT_EQUAL(status, 201);
}

int
main(int argc, char **argv)
{
	static const char *const settings[] = {
		"PARLEY_ORIGINS=https://app.example", NULL
	};
	static const struct test_case cases[] = {
		{ "acts for a user", test_acts_for_a_user },
		{ "tickets", test_tickets },
		{ "suspension", test_suspension },
		{ "strangers come in batches", test_strangers_come_in_batches },
		{ "refusals", test_refusals },
		{ "other pages", test_other_pages },
		{ "service pages", test_service_pages },
		{ "database away", test_database_away },
	};
	int failed;

	fixture_start(&f, settings);
	failed = test_main(
	    "api_access", cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL);
	fixture_stop(&f);
	return failed;
}
