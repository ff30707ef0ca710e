/* SPDX-License-Identifier: ISC */
/* Whole calls: from a request through the engine and a real PostgreSQL to the
 * answer. */
#include <stdlib.h>
#include <unistd.h>

#include "api/auth.h"
#include "api/engine.h"
#include "api/errors.h"
#include "api/seen.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/uuid.h"
#include "db/pool.h"
#include "tests/db/engine_fixture.h"
#include "tests/unit/harness.h"

static struct fixture f;

#define ASSERT_STATUS(r, wanted)                                      \
	do {                                                          \
		if ((r).status != (wanted))                           \
			fprintf(stderr, "\n%s:%d: %d %s\n", __func__, \
			    __LINE__, (r).status, (r).text);          \
		CU_ASSERT_EQUAL((r).status, wanted);                  \
	} while (0)
#define ASSERT_MEMBER(r, path, wanted)                                         \
	do {                                                                   \
		if (strcmp(member(&(r), path), wanted) != 0)                   \
			fprintf(stderr, "\n%s:%d: %s is %s in %s\n", __func__, \
			    __LINE__, path, member(&(r), path), (r).text);     \
		CU_ASSERT_STRING_EQUAL(member(&(r), path), wanted);            \
	} while (0)

static char group[BASE_UUID_TEXT];

static void
in_group(char *out, size_t size, const char *rest)
{
	snprintf(out, size, "/v1/conversations/%s%s", group, rest);
}

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
	snprintf(group, sizeof(group), "%s", member(&r, "id"));
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

	in_group(path, sizeof(path), "/messages");
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
	    "{\"conversation_id\":\"%s\",\"text\":\"from a socket\"}", group);
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

	in_group(path, sizeof(path), "/messages");
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

	in_group(path, sizeof(path), "/messages?limit=20");
	r = http(&f, "alice", "GET", path, NULL);
	ASSERT_STATUS(r, 200);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(r.json, "data")), 20);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.headers, "Link: <"));
	CU_ASSERT_PTR_NOT_NULL(strstr(r.headers, "?before="));
	CU_ASSERT_STRING_EQUAL(member(&r, "next"), member(&r, "data.19.seq"));
	reply_fini(&r);
	in_group(path, sizeof(path), "/messages?limit=2&after=2");
	r = http(&f, "alice", "GET", path, NULL);
	ASSERT_STATUS(r, 200);
	ASSERT_MEMBER(r, "data.0.seq", "3");
	ASSERT_MEMBER(r, "next", "4");
	CU_ASSERT_PTR_NOT_NULL(strstr(r.headers, "?after=4&limit=2"));
	reply_fini(&r);
	in_group(path, sizeof(path), "/messages?after=3&before=9");
	r = http(&f, "alice", "GET", path, NULL);
	ASSERT_STATUS(r, 422);
	ASSERT_MEMBER(r, "errors.0.field", "after");
	reply_fini(&r);
	in_group(path, sizeof(path), "/messages?limit=101&befor=2&around=x");
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
	char path[200], path2[250];
	struct reply r;

	r = http(&f, "alice", "GET", "/v1/sync?limit=10", NULL);
	ASSERT_STATUS(r, 200);
	ASSERT_MEMBER(r, "user.id", "alice");
	CU_ASSERT_TRUE(atoll(member(&r, "last_event_id")) > 0);
	reply_fini(&r);
	r = http(&f, "alice", "GET", "/v1/users/bob", NULL);
	ASSERT_STATUS(r, 200);
	reply_fini(&r);
	r = http(&f, "alice", "PUT", "/v1/users/zoe", "{\"name\":\"Zoe\"}");
	ASSERT_STATUS(r, 403);
	reply_fini(&r);
	r = http(
	    &f, "service:crm", "PUT", "/v1/users/zoe", "{\"name\":\"Zoe\"}");
	ASSERT_STATUS(r, 201);
	reply_fini(&r);
	r = http(&f, "service:crm", "PUT", "/v1/users/zoe",
	    "{\"name\":\"Zoe\",\"picture\":null}");
	ASSERT_STATUS(r, 200);
	reply_fini(&r);
	r = http(&f, "service:crm", "PUT", "/v1/users",
	    "{\"users\":[{\"id\":\"u1\",\"name\":\"One\"},{\"id\":\"u2\"}]}");
	ASSERT_STATUS(r, 200);
	ASSERT_MEMBER(r, "created", "2");
	reply_fini(&r);
	in_group(path, sizeof(path), "");
	r = http(&f, "alice", "GET", path, NULL);
	ASSERT_STATUS(r, 200);
	ASSERT_MEMBER(r, "name", "Team");
	reply_fini(&r);
	in_group(path, sizeof(path), "/members");
	r = http(&f, "alice", "POST", path, "{\"user_ids\":[\"zoe\"]}");
	ASSERT_STATUS(r, 200);
	ASSERT_MEMBER(r, "added.0", "zoe");
	reply_fini(&r);
	r = http(&f, "alice", "POST", path, "{\"user_ids\":[\"nobody\"]}");
	ASSERT_STATUS(r, 422);
	ASSERT_MEMBER(r, "code", "invalid");
	ASSERT_MEMBER(r, "errors.0.code", "unknown_user");
	reply_fini(&r);
	r = http(&f, "bob", "GET", path, NULL);
	ASSERT_STATUS(r, 200);
	ASSERT_MEMBER(r, "data.0.id", "alice");
	reply_fini(&r);
	snprintf(path2, sizeof(path2), "%s/zoe", path);
	r = http(&f, "alice", "DELETE", path2, NULL);
	ASSERT_STATUS(r, 200);
	reply_fini(&r);
	in_group(path, sizeof(path), "/read");
	r = http(&f, "bob", "POST", path, "{\"seq\":2}");
	ASSERT_STATUS(r, 200);
	reply_fini(&r);
	r = http(&f, "bob", "POST", path, "{}");
	ASSERT_STATUS(r, 422);
	reply_fini(&r);
	in_group(path, sizeof(path), "/typing");
	r = http(&f, "bob", "POST", path, NULL);
	ASSERT_STATUS(r, 200);
	reply_fini(&r);
	r = http(&f, "bob", "DELETE", path, NULL);
	ASSERT_STATUS(r, 200);
	reply_fini(&r);
	r = http(&f, "eve", "POST", path, NULL);
	ASSERT_STATUS(r, 404);
	reply_fini(&r);
	r = http(&f, "bob", "GET", "/v1/connections", NULL);
	ASSERT_STATUS(r, 200);
	reply_fini(&r);
	r = http(&f, "bob", "GET", "/v1/stats", NULL);
	ASSERT_STATUS(r, 403);
	reply_fini(&r);
	r = http(&f, "admin:root", "GET", "/v1/stats", NULL);
	ASSERT_STATUS(r, 200);
	CU_ASSERT_TRUE(atoll(member(&r, "messages")) > 100);
	reply_fini(&r);
	r = http(&f, "bob", "GET",
	    "/v1/uploads/0190b1a8-7d2e-7c3a-9f00-5d1e2c3b4a59", NULL);
	ASSERT_STATUS(r, 404);
	reply_fini(&r);
	r = http(&f, "bob", "POST", "/v1/uploads", NULL);
	ASSERT_STATUS(r, 501);
	reply_fini(&r);
}

/* What is answered is what the reference says, member by member. */
static void
test_fits_reference(void)
{
	static const struct {
		const char *op, *user, *method, *rest, *body;
	} calls[] = {
		{ "me.get", "alice", "GET", "/v1/me", NULL },
		{ "users.get", "alice", "GET", "/v1/users/bob", NULL },
		{ "users.put", "admin:root", "PUT", "/v1/users/zoe", "{}" },
		{ "users.put_many", "admin:root", "PUT", "/v1/users",
		    "{\"users\":[{\"id\":\"zoe\"}]}" },
		{ "sync.get", "alice", "GET", "/v1/sync", NULL },
		{ "conversations.create", "alice", "POST", "/v1/conversations",
		    "{\"type\":\"group\",\"name\":\"New\"}" },
		{ "conversations.list", "alice", "GET", "/v1/conversations",
		    NULL },
		{ "conversations.get", "alice", "GET", "@", NULL },
		{ "conversations.get", "eve", "GET", "/v1/conversations/public",
		    NULL },
		{ "members.list", "alice", "GET", "@/members", NULL },
		{ "members.add", "alice", "POST", "@/members",
		    "{\"user_ids\":[\"zoe\"]}" },
		{ "members.remove", "alice", "DELETE", "@/members/zoe", NULL },
		{ "messages.send", "alice", "POST", "@/messages",
		    "{\"text\":\"x\"}" },
		{ "messages.list", "alice", "GET", "@/messages?limit=5", NULL },
		{ "receipts.mark", "bob", "POST", "@/read", "{\"seq\":9}" },
		{ "typing.start", "bob", "POST", "@/typing", NULL },
		{ "typing.stop", "bob", "DELETE", "@/typing", NULL },
		{ "connections.list", "bob", "GET", "/v1/connections", NULL },
		{ "stats.summary", "admin:root", "GET", "/v1/stats", NULL },
		{ "tickets.create", "bob", "POST", "/v1/tickets", NULL },
		{ "ping", "bob", "POST", "/v1/ping", NULL },
		{ "health.live", NULL, "GET", "/health", NULL },
		{ "health.ready", NULL, "GET", "/health/ready", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		char path[256];
		struct reply r;

		if (*calls[i].rest == '@')
			in_group(path, sizeof(path), calls[i].rest + 1);
		else
			snprintf(path, sizeof(path), "%s", calls[i].rest);
		r = http(
		    &f, calls[i].user, calls[i].method, path, calls[i].body);
		CU_ASSERT_TRUE(r.status == 200 || r.status == 201);
		CU_ASSERT_TRUE(reply_fits(&r, calls[i].op));
		reply_fini(&r);
	}
}

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

static void
stranger_seen(const struct api_error *error, void *arg)
{
	size_t *left = arg;

	CU_ASSERT_PTR_NULL(error);
	(*left)--;
}

/* After a restart everybody is new to the process, and comes at once. */
/* This engine hears no orders: it asks the table. */
static void
test_suspension(void)
{
	struct reply r;

	r = http(&f, "alice", "PUT", "/v1/users/mallory/suspension", "{}");
	ASSERT_STATUS(r, 403);
	reply_fini(&r);
	r = http(&f, "admin:root", "PUT", "/v1/users/root/suspension", "{}");
	ASSERT_STATUS(r, 422);
	ASSERT_MEMBER(r, "errors.0.field", "user_id");
	reply_fini(&r);
	r = http(&f, "admin:root", "PUT", "/v1/users/mallory/suspension",
	    "{\"until\":\"2001-01-01T00:00:00Z\"}");
	ASSERT_STATUS(r, 422);
	ASSERT_MEMBER(r, "errors.0.field", "until");
	reply_fini(&r);
	r = http(&f, "mallory", "GET", "/v1/me", NULL);
	ASSERT_STATUS(r, 200);
	reply_fini(&r);
	r = http(&f, "admin:root", "PUT", "/v1/users/mallory/suspension",
	    "{\"reason\":\"spam\",\"until\":\"2999-01-01T00:00:00+01:00\"}");
	ASSERT_STATUS(r, 200);
	ASSERT_MEMBER(r, "suspended_by", "root");
	ASSERT_MEMBER(r, "until", "2998-12-31T23:00:00.000000Z");
	reply_fini(&r);
	r = http(&f, "mallory", "GET", "/v1/me", NULL);
	ASSERT_STATUS(r, 403);
	ASSERT_MEMBER(r, "code", "user_suspended");
	ASSERT_MEMBER(r, "detail",
	    "The user is suspended until 2998-12-31T23:00:00.000000Z.");
	reply_fini(&r);
	r = http(&f, "mallory", "POST", "/v1/ping", "{}");
	ASSERT_STATUS(r, 403);
	reply_fini(&r);
	r = http(&f, "mallory", "GET", "/health", NULL);
	ASSERT_STATUS(r, 200);
	reply_fini(&r);
	fixture_header("Parley-As", "mallory");
	r = http(&f, "service:crm", "GET", "/v1/me", NULL);
	fixture_header("Parley-As", NULL);
	ASSERT_STATUS(r, 403);
	reply_fini(&r);
	r = http(
	    &f, "admin:root", "DELETE", "/v1/users/mallory/suspension", NULL);
	ASSERT_STATUS(r, 200);
	reply_fini(&r);
	r = http(&f, "admin:root", "GET", "/v1/users/mallory/suspension", NULL);
	ASSERT_STATUS(r, 404);
	reply_fini(&r);
	r = http(&f, "mallory", "GET", "/v1/me", NULL);
	ASSERT_STATUS(r, 200);
	reply_fini(&r);
}

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
	r = http(&f, "bob", "GET", "/v1/nothing", NULL);
	ASSERT_STATUS(r, 404);
	reply_fini(&r);
	r = http(&f, "bob", "GET", "/v1/users/%zz", NULL);
	ASSERT_STATUS(r, 400);
	reply_fini(&r);
	r = http(&f, "bob", "POST", "/v1/conversations", "{\"type\":");
	ASSERT_STATUS(r, 400);
	ASSERT_MEMBER(r, "code", "bad_json");
	reply_fini(&r);
	r = http(&f, "bob", "POST", "/v1/conversations", NULL);
	ASSERT_STATUS(r, 422);
	ASSERT_MEMBER(r, "errors.0.field", "type");
	reply_fini(&r);
	r = http(&f, "bob", "GET", "/v1/me", "{}");
	ASSERT_STATUS(r, 400);
	reply_fini(&r);
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

/* One's own sends move one's own position, within two seconds. */
static void
test_moves_own_position(void)
{
	char path[128], sql[300];
	struct reply r;
	int64_t seq, read = 0;

	in_group(path, sizeof(path), "/messages");
	r = http(&f, "alice", "POST", path, "{\"text\":\"mine\"}");
	ASSERT_STATUS(r, 201);
	seq = atoll(member(&r, "seq"));
	reply_fini(&r);
	snprintf(sql, sizeof(sql),
	    "select last_read_seq from members where user_id = 'alice' and "
	    "conversation_id = '%s'",
	    group);
	for (uint64_t end = base_clock_ms() + 4000;
	     read != seq && base_clock_ms() < end;) {
		base_loop_poll_turn(f.loop, 100);
		read = cluster_number(f.cluster, sql);
	}
	CU_ASSERT_EQUAL(read, seq);
}

static void
test_database_away(void)
{
	char path[128];
	struct reply r;
	int status = 503;

	in_group(path, sizeof(path), "/messages");
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

/* The last test: a process that ends writes what it still owes. */
/* What is wrong is said in the detail too. */
static void
test_details(void)
{
	char path[200];
	struct reply r = http(&f, "alice", "PATCH", "/v1/me", NULL);

	ASSERT_STATUS(r, 405);
	CU_ASSERT_PTR_NOT_NULL(strstr(member(&r, "detail"), "takes GET"));
	reply_fini(&r);
	in_group(path, sizeof(path), "/messages");
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
test_drains(void)
{
	char path[128], sql[300];
	struct reply r;
	int64_t seq;

	in_group(path, sizeof(path), "/messages");
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
	    group);
	CU_ASSERT_EQUAL(cluster_number(f.cluster, sql), seq);
	r = http(&f, NULL, "GET", "/health/ready", NULL);
	ASSERT_STATUS(r, 503);
	ASSERT_MEMBER(r, "status", "draining");
	reply_fini(&r);
}

int
main(int argc, char **argv)
{
	static const char *const settings[] = {
		"PARLEY_ORIGINS=https://app.example", NULL
	};
	static const struct test_case cases[] = {
		{ "starts", test_starts },
		{ "tags", test_tags },
		{ "sends and repeats", test_sends_and_repeats },
		{ "sends by socket", test_sends_by_socket },
		{ "batches", test_batches },
		{ "pages", test_pages },
		{ "every operation", test_every_operation },
		{ "fits the reference", test_fits_reference },
		{ "acts for a user", test_acts_for_a_user },
		{ "keys", test_keys },
		{ "key survives its caller", test_key_survives_its_caller },
		{ "tickets", test_tickets },
		{ "suspension", test_suspension },
		{ "strangers come in batches", test_strangers_come_in_batches },
		{ "refusals", test_refusals },
		{ "other pages", test_other_pages },
		{ "service pages", test_service_pages },
		{ "moves own position", test_moves_own_position },
		{ "database away", test_database_away },
		{ "details", test_details },
		{ "drains", test_drains },
	};
	int failed;

	fixture_start(&f, settings);
	failed = test_main(
	    "api_call", cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL);
	fixture_stop(&f);
	return failed;
}
