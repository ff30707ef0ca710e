/* SPDX-License-Identifier: ISC */
/* Whole calls: from a request through the engine and a real PostgreSQL to the
 * answer.  Who may call at all is in test_api_access.c. */
#include <stdlib.h>

#include "api/engine.h"
#include "base/clock.h"
#include "base/loop.h"
#include "tests/db/engine_fixture.h"
#include "tests/unit/harness.h"

static struct fixture f;

static void
test_starts(void)
{
	char made[100];
	struct reply r;

	r = http(&f, "bob", "GET", "/v1/me", NULL);
	ASSERT_STATUS(r, 200);
	ASSERT_MEMBER(r, "id", "bob");
	ASSERT_MEMBER(r, "name", "bob");
	ASSERT_MEMBER(r, "role", "user");
	reply_fini(&r);
	r = http(&f, "alice", "POST", "/v1/conversations",
	    "{\"type\":\"group\",\"name\":\"Team\",\"member_ids\":[\"bob\"]}");
	ASSERT_STATUS(r, 201);
	ASSERT_MEMBER(r, "type", "group");
	ASSERT_MEMBER(r, "member_count", "2");
	snprintf(made, sizeof(made), "Location: /v1/conversations/%s\n",
	    member(&r, "id"));
	CU_ASSERT_PTR_NOT_NULL(strstr(r.headers, made));
	snprintf(f.group, sizeof(f.group), "%s", member(&r, "id"));
	reply_fini(&r);
	r = http(&f, "alice", "POST", "/v1/conversations",
	    "{\"type\":\"direct\",\"user_id\":\"bob\"}");
	ASSERT_STATUS(r, 201);
	reply_fini(&r);
	r = http(&f, "bob", "POST", "/v1/conversations",
	    "{\"type\":\"direct\",\"user_id\":\"alice\"}");
	ASSERT_STATUS(r, 200);
	reply_fini(&r);
}

/* Who polls is told when nothing has changed. */
static void
test_tags(void)
{
	struct reply r = http(&f, "alice", "GET", "/v1/conversations", NULL);
	const char *at = strstr(r.headers, "ETag: \"");
	char etag[20];

	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	snprintf(etag, sizeof(etag), "%.18s", at + 6);
	reply_fini(&r);
	fixture_header("If-None-Match", etag);
	r = http(&f, "alice", "GET", "/v1/conversations", NULL);
	ASSERT_STATUS(r, 304);
	CU_ASSERT_STRING_EQUAL(r.text, "");
	CU_ASSERT_PTR_NOT_NULL(strstr(r.headers, etag));
	reply_fini(&r);
	r = http(&f, "bob", "GET", "/v1/conversations", NULL);
	ASSERT_STATUS(r, 200);
	reply_fini(&r);
	fixture_header("If-None-Match", NULL);
	r = http(&f, "alice", "GET", "/v1/conversations/nosuch", NULL);
	ASSERT_STATUS(r, 404);
	CU_ASSERT_PTR_NULL(strstr(r.headers, "ETag"));
	reply_fini(&r);
}

static void
test_sends_and_repeats(void)
{
	char path[128], body[200], id[BASE_UUID_TEXT];
	struct reply r;

	in_group(&f, path, sizeof(path), "/messages");
	base_uuid_v7(id);
	snprintf(body, sizeof(body),
	    "{\"id\":\"%s\",\"text\":\"hi \\\"x\\\"\"}", id);
	fixture_header("Parley-Client", "flutter/1.2.0");
	r = http(&f, "alice", "POST", path, body);
	fixture_header("Parley-Client", NULL);
	ASSERT_STATUS(r, 201);
	ASSERT_MEMBER(r, "id", id);
	ASSERT_MEMBER(r, "seq", "1");
	ASSERT_MEMBER(r, "sender.id", "alice");
	ASSERT_MEMBER(r, "text", "hi \"x\"");
	ASSERT_MEMBER(r, "platform", "flutter");
	CU_ASSERT_EQUAL(strlen(member(&r, "created_at")), 27);
	reply_fini(&r);
	r = http(&f, "alice", "POST", path, body);
	ASSERT_STATUS(r, 200);
	ASSERT_MEMBER(r, "seq", "1");
	reply_fini(&r);
	r = http(&f, "bob", "POST", path, body);
	ASSERT_STATUS(r, 409);
	ASSERT_MEMBER(r, "code", "id_conflict");
	reply_fini(&r);
	r = http(&f, "eve", "POST", path, "{\"text\":\"let me in\"}");
	ASSERT_STATUS(r, 404);
	reply_fini(&r);
	r = http(&f, "alice", "POST", path, "{}");
	ASSERT_STATUS(r, 422);
	ASSERT_MEMBER(r, "errors.0.field", "text");
	reply_fini(&r);
	r = http(&f, "alice", "POST", "/v1/conversations/public/messages",
	    "{\"text\":\"to everybody\"}");
	ASSERT_STATUS(r, 201);
	reply_fini(&r);
}

static void
test_sends_by_socket(void)
{
	char args[200];
	struct reply r;

	snprintf(args, sizeof(args),
	    "{\"conversation_id\":\"%s\",\"text\":\"from a socket\"}", f.group);
	r = frame(&f, "bob", "messages.send", args);
	ASSERT_STATUS(r, 201);
	ASSERT_MEMBER(r, "platform", "test");
	reply_fini(&r);
	r = frame(&f, "bob", "messages.send", "{\"text\":\"where\"}");
	ASSERT_STATUS(r, 422);
	ASSERT_MEMBER(r, "errors.0.field", "conversation_id");
	ASSERT_MEMBER(r, "errors.0.code", "required");
	reply_fini(&r);
	r = frame(&f, "bob", "uploads.create", "{}");
	ASSERT_STATUS(r, 400);
	ASSERT_MEMBER(r, "code", "http_only");
	reply_fini(&r);
	r = frame(&f, "bob", "no.such", "{}");
	ASSERT_STATUS(r, 404);
	reply_fini(&r);
	r = frame(&f, "bob", "ping", "{}");
	ASSERT_STATUS(r, 200);
	reply_fini(&r);
}

/* Many at once go in a few batches and come back in their order. */
static void
test_batches(void)
{
	enum {
		MANY = 150
	};
	static struct reply replies[MANY];
	char path[128], body[64];
	int64_t last = 0;
	bool all = false;

	in_group(&f, path, sizeof(path), "/messages");
	for (int i = 0; i < MANY; i++) {
		snprintf(body, sizeof(body), "{\"text\":\"number %d\"}", i);
		http_start(&f, i % 2 ? "alice" : "bob", "POST", path,
		    i == 70 ? "{\"text\":\"\"}" : body, &replies[i]);
	}
	for (uint64_t end = base_clock_ms() + 10000;
	     !all && base_clock_ms() < end;) {
		base_loop_poll_turn(f.loop, 100);
		all = true;
		for (int i = 0; i < MANY; i++)
			all = all && replies[i].done;
	}
	CU_ASSERT_TRUE(all);
	for (int i = 0; i < MANY; i++) {
		if (i == 70) {
			ASSERT_STATUS(replies[i], 422);
		} else {
			int64_t seq = atoll(member(&replies[i], "seq"));

			ASSERT_STATUS(replies[i], 201);
			CU_ASSERT_TRUE(last == 0 || seq == last + 1);
			last = seq;
		}
		reply_fini(&replies[i]);
	}
}

static void
test_pages(void)
{
	char path[200];
	struct reply r;

	in_group(&f, path, sizeof(path), "/messages?limit=20");
	r = http(&f, "alice", "GET", path, NULL);
	ASSERT_STATUS(r, 200);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(r.json, "data")), 20);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.headers, "Link: <"));
	CU_ASSERT_PTR_NOT_NULL(strstr(r.headers, "?before="));
	CU_ASSERT_STRING_EQUAL(member(&r, "next"), member(&r, "data.19.seq"));
	reply_fini(&r);
	in_group(&f, path, sizeof(path), "/messages?limit=2&after=2");
	r = http(&f, "alice", "GET", path, NULL);
	ASSERT_STATUS(r, 200);
	ASSERT_MEMBER(r, "data.0.seq", "3");
	ASSERT_MEMBER(r, "next", "4");
	CU_ASSERT_PTR_NOT_NULL(strstr(r.headers, "?after=4&limit=2"));
	reply_fini(&r);
	in_group(&f, path, sizeof(path), "/messages?after=3&before=9");
	r = http(&f, "alice", "GET", path, NULL);
	ASSERT_STATUS(r, 422);
	ASSERT_MEMBER(r, "errors.0.field", "after");
	reply_fini(&r);
	in_group(
	    &f, path, sizeof(path), "/messages?limit=101&befor=2&around=x");
	r = http(&f, "alice", "GET", path, NULL);
	ASSERT_STATUS(r, 422);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(r.json, "errors")), 3);
	reply_fini(&r);
	r = http(&f, "alice", "GET", "/v1/conversations?limit=1", NULL);
	ASSERT_STATUS(r, 200);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(r.json, "data")), 1);
	snprintf(path, sizeof(path), "/v1/conversations?limit=1&before=%s",
	    member(&r, "next"));
	reply_fini(&r);
	r = http(&f, "alice", "GET", path, NULL);
	ASSERT_STATUS(r, 200);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(r.json, "data")), 1);
	reply_fini(&r);
	r = http(&f, "alice", "GET", "/v1/conversations?before=nonsense", NULL);
	ASSERT_STATUS(r, 422);
	ASSERT_MEMBER(r, "errors.0.field", "before");
	reply_fini(&r);
}

static void
test_every_operation(void)
{
	static const struct http_row rows[] = {
		{ "alice", "GET", "/v1/sync?limit=10", NULL, .status = 200,
		    .path = "user.id", .value = "alice" },
		{ "alice", "GET", "/v1/users/bob", NULL, .status = 200 },
		{ "alice", "PUT", "/v1/users/zoe", "{\"name\":\"Zoe\"}",
		    .status = 403 },
		{ "service:crm", "PUT", "/v1/users/zoe", "{\"name\":\"Zoe\"}",
		    .status = 201 },
		{ "service:crm", "PUT", "/v1/users/zoe",
		    "{\"name\":\"Zoe\",\"picture\":null}", .status = 200 },
		{ "service:crm", "PUT", "/v1/users",
		    "{\"users\":[{\"id\":\"u1\",\"name\":\"One\"},"
		    "{\"id\":\"u2\"}]}",
		    .status = 200, .path = "created", .value = "2" },
		{ "alice", "GET", "@", NULL, .status = 200, .path = "name",
		    .value = "Team" },
		{ "alice", "POST", "@/members", "{\"user_ids\":[\"zoe\"]}",
		    .status = 200, .path = "added.0", .value = "zoe" },
		{ "alice", "POST", "@/members", "{\"user_ids\":[\"nobody\"]}",
		    .status = 422, .path = "code", .value = "invalid" },
		{ "alice", "POST", "@/members", "{\"user_ids\":[\"nobody\"]}",
		    .status = 422, .path = "errors.0.code",
		    .value = "unknown_user" },
		{ "bob", "GET", "@/members", NULL, .status = 200,
		    .path = "data.0.id", .value = "alice" },
		{ "alice", "DELETE", "@/members/zoe", NULL, .status = 200 },
		{ "bob", "POST", "@/read", "{\"seq\":2}", .status = 200 },
		{ "bob", "POST", "@/read", "{}", .status = 422 },
		{ "bob", "POST", "@/typing", NULL, .status = 200 },
		{ "bob", "DELETE", "@/typing", NULL, .status = 200 },
		{ "eve", "POST", "@/typing", NULL, .status = 404 },
		{ "bob", "GET", "/v1/connections", NULL, .status = 200 },
		{ "bob", "GET", "/v1/stats", NULL, .status = 403 },
		{ "bob", "GET",
		    "/v1/uploads/0190b1a8-7d2e-7c3a-9f00-5d1e2c3b4a59", NULL,
		    .status = 404 },
		{ "bob", "POST", "/v1/uploads", NULL, .status = 501 },
	};
	struct reply r;

	http_rows(&f, rows, ARRAY_LEN(rows));
	r = http(&f, "alice", "GET", "/v1/sync?limit=10", NULL);
	CU_ASSERT_TRUE(atoll(member(&r, "last_event_id")) > 0);
	reply_fini(&r);
	r = http(&f, "admin:root", "GET", "/v1/stats", NULL);
	ASSERT_STATUS(r, 200);
	CU_ASSERT_TRUE(atoll(member(&r, "messages")) > 100);
	reply_fini(&r);
}

/* What is answered is what the reference says, member by member. */
static void
test_fits_reference(void)
{
	static const struct http_row rows[] = {
		{ "alice", "GET", "/v1/me", NULL, .status = 200,
		    .op = "me.get" },
		{ "alice", "GET", "/v1/users/bob", NULL, .status = 200,
		    .op = "users.get" },
		{ "admin:root", "PUT", "/v1/users/zoe", "{}", .status = 200,
		    .op = "users.put" },
		{ "admin:root", "PUT", "/v1/users",
		    "{\"users\":[{\"id\":\"zoe\"}]}", .status = 200,
		    .op = "users.put_many" },
		{ "alice", "GET", "/v1/sync", NULL, .status = 200,
		    .op = "sync.get" },
		{ "alice", "POST", "/v1/conversations",
		    "{\"type\":\"group\",\"name\":\"New\"}", .status = 201,
		    .op = "conversations.create" },
		{ "alice", "GET", "/v1/conversations", NULL, .status = 200,
		    .op = "conversations.list" },
		{ "alice", "GET", "@", NULL, .status = 200,
		    .op = "conversations.get" },
		{ "eve", "GET", "/v1/conversations/public", NULL, .status = 200,
		    .op = "conversations.get" },
		{ "alice", "GET", "@/members", NULL, .status = 200,
		    .op = "members.list" },
		{ "alice", "POST", "@/members", "{\"user_ids\":[\"zoe\"]}",
		    .status = 200, .op = "members.add" },
		{ "alice", "DELETE", "@/members/zoe", NULL, .status = 200,
		    .op = "members.remove" },
		{ "alice", "POST", "@/messages", "{\"text\":\"x\"}",
		    .status = 201, .op = "messages.send" },
		{ "alice", "GET", "@/messages?limit=5", NULL, .status = 200,
		    .op = "messages.list" },
		{ "bob", "POST", "@/read", "{\"seq\":9}", .status = 200,
		    .op = "receipts.mark" },
		{ "bob", "POST", "@/typing", NULL, .status = 200,
		    .op = "typing.start" },
		{ "bob", "DELETE", "@/typing", NULL, .status = 200,
		    .op = "typing.stop" },
		{ "bob", "GET", "/v1/connections", NULL, .status = 200,
		    .op = "connections.list" },
		{ "admin:root", "GET", "/v1/stats", NULL, .status = 200,
		    .op = "stats.summary" },
		{ "bob", "POST", "/v1/tickets", NULL, .status = 201,
		    .op = "tickets.create" },
		{ "bob", "POST", "/v1/ping", NULL, .status = 200,
		    .op = "ping" },
		{ NULL, "GET", "/health", NULL, .status = 200,
		    .op = "health.live" },
		{ NULL, "GET", "/health/ready", NULL, .status = 200,
		    .op = "health.ready" },
	};

	http_rows(&f, rows, ARRAY_LEN(rows));
}

/* What is wrong is said in the detail too. */
static void
test_details(void)
{
	char path[200];
	struct reply r = http(&f, "alice", "PATCH", "/v1/me", NULL);

	ASSERT_STATUS(r, 405);
	CU_ASSERT_PTR_NOT_NULL(strstr(member(&r, "detail"), "takes GET"));
	reply_fini(&r);
	in_group(&f, path, sizeof(path), "/messages");
	r = http(&f, "alice", "POST", path, "null");
	ASSERT_STATUS(r, 400);
	ASSERT_MEMBER(r, "detail", "The JSON text must be an object.");
	reply_fini(&r);
	r = http(&f, "alice", "POST", path, "{\"text\":\" \\n\\u2003\"}");
	ASSERT_STATUS(r, 422);
	ASSERT_MEMBER(r, "errors.0.code", "required");
	reply_fini(&r);
	r = http(&f, "alice", "POST", path, "{\"text\":1}");
	ASSERT_STATUS(r, 422);
	CU_ASSERT_EQUAL(strncmp(member(&r, "detail"), "text: ", 6), 0);
	reply_fini(&r);
	r = http(&f, "alice", "POST", path, "{\"text\":1,\"id\":2}");
	CU_ASSERT_PTR_NOT_NULL(strstr(member(&r, "detail"), "(and 1 more)"));
	reply_fini(&r);
}

static void
test_keys(void)
{
	static const char body[] = "{\"type\":\"group\",\"name\":\"Keyed\"}";
	char id[BASE_UUID_TEXT];
	struct reply r;

	fixture_header("Idempotency-Key", "\"k-1\"");
	r = http(&f, "alice", "POST", "/v1/conversations", body);
	ASSERT_STATUS(r, 201);
	snprintf(id, sizeof(id), "%s", member(&r, "id"));
	reply_fini(&r);
	r = http(&f, "alice", "POST", "/v1/conversations", body);
	ASSERT_STATUS(r, 201);
	ASSERT_MEMBER(r, "id", id);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.headers, "Idempotency-Replayed: true"));
	CU_ASSERT_PTR_NOT_NULL(strstr(r.headers, "Location: /v1/conv"));
	reply_fini(&r);
	r = http(&f, "alice", "POST", "/v1/conversations",
	    "{\"type\":\"group\",\"name\":\"Other\"}");
	ASSERT_STATUS(r, 422);
	ASSERT_MEMBER(r, "code", "idempotency_mismatch");
	reply_fini(&r);
	fixture_header("Idempotency-Key", "k-2");
	r = http(&f, "alice", "POST", "/v1/conversations",
	    "{\"type\":\"direct\",\"user_id\":\"nobody\"}");
	ASSERT_STATUS(r, 422);
	reply_fini(&r);
	r = http(&f, "alice", "POST", "/v1/conversations",
	    "{\"type\":\"direct\",\"user_id\":\"zoe\"}");
	ASSERT_STATUS(r, 201);
	reply_fini(&r);
	fixture_header("Idempotency-Key", NULL);
}

/* Who goes away in the middle comes again with the same key: it happened once
 * and the answer is there. */
static void
test_key_survives_its_caller(void)
{
	static const char body[] = "{\"type\":\"group\",\"name\":\"Once\"}";
	struct reply r;
	int status = 409;

	fixture_header("Idempotency-Key", "k-3");
	api_call_cancel(
	    http_start(&f, "alice", "POST", "/v1/conversations", body, &r));
	for (int i = 0; i < 50 && status == 409; i++) {
		r = http(&f, "alice", "POST", "/v1/conversations", body);
		status = r.status;
		reply_fini(&r);
	}
	CU_ASSERT_EQUAL(status, 201);
	CU_ASSERT_EQUAL(cluster_number(f.cluster,
			    "select count(*) from conversations "
			    "where name = 'Once'"),
	    1);
	fixture_header("Idempotency-Key", NULL);
}

/* One's own sends move one's own position, within two seconds. */
static void
test_moves_own_position(void)
{
	char path[128], sql[300];
	struct reply r;
	int64_t seq, read = 0;

	in_group(&f, path, sizeof(path), "/messages");
	r = http(&f, "alice", "POST", path, "{\"text\":\"mine\"}");
	ASSERT_STATUS(r, 201);
	seq = atoll(member(&r, "seq"));
	reply_fini(&r);
	snprintf(sql, sizeof(sql),
	    "select last_read_seq from members where user_id = 'alice' and "
	    "conversation_id = '%s'",
	    f.group);
	for (uint64_t end = base_clock_ms() + 4000;
	     read != seq && base_clock_ms() < end;) {
		base_loop_poll_turn(f.loop, 100);
		read = cluster_number(f.cluster, sql);
	}
	CU_ASSERT_EQUAL(read, seq);
}

/* The last test: a process that ends writes what it still owes. */
static void
test_drains(void)
{
	char path[128], sql[300];
	struct reply r;
	int64_t seq;

	in_group(&f, path, sizeof(path), "/messages");
	r = http(&f, "bob", "POST", path, "{\"text\":\"the last\"}");
	ASSERT_STATUS(r, 201);
	seq = atoll(member(&r, "seq"));
	reply_fini(&r);
	CU_ASSERT_TRUE(api_engine_pending(f.engine) > 0);
	api_engine_drain(f.engine);
	for (int i = 0; i < 100 && api_engine_pending(f.engine) > 0; i++)
		base_loop_poll_turn(f.loop, 20);
	snprintf(sql, sizeof(sql),
	    "select last_read_seq from members where user_id = 'bob' and "
	    "conversation_id = '%s'",
	    f.group);
	CU_ASSERT_EQUAL(cluster_number(f.cluster, sql), seq);
	r = http(&f, NULL, "GET", "/health/ready", NULL);
	ASSERT_STATUS(r, 503);
	ASSERT_MEMBER(r, "status", "draining");
	reply_fini(&r);
}

int
main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ "starts", test_starts },
		{ "tags", test_tags },
		{ "sends and repeats", test_sends_and_repeats },
		{ "sends by socket", test_sends_by_socket },
		{ "batches", test_batches },
		{ "pages", test_pages },
		{ "every operation", test_every_operation },
		{ "fits the reference", test_fits_reference },
		{ "keys", test_keys },
		{ "key survives its caller", test_key_survives_its_caller },
		{ "moves own position", test_moves_own_position },
		{ "details", test_details },
		{ "drains", test_drains },
	};
	int failed;

	fixture_start(&f, NULL);
	failed = test_main(
	    "api_call", cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL);
	fixture_stop(&f);
	return failed;
}
