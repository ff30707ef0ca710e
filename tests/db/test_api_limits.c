/* SPDX-License-Identifier: ISC */
/* What is counted, and whose answer says so: whole calls with limits that are
 * soon reached. */
#include "api/engine.h"
#include "base/loop.h"
#include "tests/db/engine_fixture.h"
#include "tests/unit/harness.h"

static struct fixture f;

static void
conversation(const char *body, char id[40])
{
	struct reply r =
	    http(&f, "service:crm", "POST", "/v1/conversations", body);

	CU_ASSERT_EQUAL(r.status, 201);
	snprintf(id, 40, "%s", member(&r, "id"));
	reply_fini(&r);
}

/* The status, and 429's other marks. */
static int
send_to(const char *user, const char *conversation_id)
{
	char target[200];
	struct reply r;
	int status;

	snprintf(target, sizeof(target), "/v1/conversations/%s/messages",
	    conversation_id);
	r = http(&f, user, "POST", target, "{\"text\":\"x\"}");
	status = r.status;
	if (status == 429) {
		CU_ASSERT_STRING_EQUAL(member(&r, "code"), "rate_limited");
		CU_ASSERT_PTR_NOT_NULL(strstr(r.headers, "Retry-After: "));
		CU_ASSERT_PTR_NULL(strstr(r.headers, "Retry-After: 0\n"));
	}
	reply_fini(&r);
	return status;
}

static int
frame_to(const char *user, const char *conversation_id)
{
	char args[200];
	struct reply r;
	int status;

	snprintf(args, sizeof(args),
	    "{\"conversation_id\":\"%s\",\"text\":\"x\"}", conversation_id);
	r = frame(&f, user, "messages.send", args);
	status = r.status;
	reply_fini(&r);
	return status;
}

/* Five in all, whoever sends, however the channel is named, at both doors. */
static void
test_channel(void)
{
	struct reply r;
	char help[40];

	conversation("{\"type\":\"channel\",\"name\":\"support:1\",\"access\":"
		     "\"open\",\"member_ids\":[\"alice\",\"bob\"]}",
	    help);
	CU_ASSERT_EQUAL(send_to("alice", "support:1"), 201);
	CU_ASSERT_EQUAL(send_to("bob", help), 201);
	CU_ASSERT_EQUAL(frame_to("alice", help), 201);
	CU_ASSERT_EQUAL(frame_to("bob", "support:1"), 201);
	r = http(&f, "alice", "POST", "/v1/conversations/support:1/messages",
	    "{\"text\":\"x\"}");
	CU_ASSERT_EQUAL(r.status, 201);
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(r.headers, "RateLimit-Policy: \"channel\";q=5;w=1000\n"));
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(r.headers, "RateLimit: \"channel\";r=0;t="));
	reply_fini(&r);
	CU_ASSERT_EQUAL(send_to("alice", help), 429);
	CU_ASSERT_EQUAL(send_to("bob", "support:1"), 429);
	CU_ASSERT_EQUAL(frame_to("bob", help), 429);
	/* A service says what it must; for a user it is that user. */
	CU_ASSERT_EQUAL(send_to("service:crm", "support:1"), 201);
	fixture_header("Parley-As", "alice");
	CU_ASSERT_EQUAL(send_to("service:crm", "support:1"), 429);
	fixture_header("Parley-As", NULL);
	CU_ASSERT_EQUAL(cluster_number(f.cluster,
			    "select count(*) from messages m "
			    "join conversations c on c.id = m.conversation_id "
			    "where c.name = 'support:1'"),
	    6);
}

/* Outsiders, and whatever else is refused, take nothing from those inside. */
static void
test_refused(void)
{
	char id[40];

	conversation("{\"type\":\"channel\",\"name\":\"support:2\","
		     "\"access\":\"members\",\"member_ids\":[\"alice\"]}",
	    id);
	for (int i = 0; i < 8; i++)
		CU_ASSERT_EQUAL(send_to("mallory", id), 404);
	for (int i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(send_to("alice", "support:2"), 201);
	CU_ASSERT_EQUAL(send_to("alice", "support:2"), 429);
	CU_ASSERT_EQUAL(send_to("alice", "support:none"), 404);
}

/* What the conversation refused is not the sender's loss. */
static void
test_sender_keeps(void)
{
	char id[40], group[40];

	conversation("{\"type\":\"channel\",\"name\":\"one:1\","
		     "\"access\":\"open\",\"member_ids\":[\"carol\"]}",
	    id);
	conversation("{\"type\":\"group\",\"name\":\"g\","
		     "\"member_ids\":[\"carol\"]}",
	    group);
	CU_ASSERT_EQUAL(send_to("carol", id), 201);
	for (int i = 0; i < 30; i++)
		CU_ASSERT_EQUAL(send_to("carol", id), 429);
	/* 20 in all are hers; a group has the limit of any: 25. */
	for (int i = 0; i < 19; i++)
		CU_ASSERT_EQUAL(send_to("carol", group), 201);
	CU_ASSERT_EQUAL(send_to("carol", group), 429);
	CU_ASSERT_EQUAL(send_to("service:crm", group), 201);
}

static int
forward_to(
    const char *user, const char *message, const char *one, const char *other)
{
	char path[80], body[120];
	struct reply r;
	int status;

	snprintf(path, sizeof(path), "/v1/messages/%s/forward", message);
	snprintf(body, sizeof(body), "{\"conversation_ids\":[\"%s\",\"%s\"]}",
	    one, other);
	r = http(&f, user, "POST", path, body);
	status = r.status;
	reply_fini(&r);
	return status;
}

/* A copy is a send into its conversation; what one refuses, none has taken. */
static void
test_forwards(void)
{
	static const char message[] = "01920000-0000-7000-8000-000000000001";
	char from[40], id[40], path[90];
	struct reply r;

	conversation("{\"type\":\"group\",\"name\":\"from\","
		     "\"member_ids\":[\"erin\"]}",
	    from);
	conversation("{\"type\":\"channel\",\"name\":\"support:4\","
		     "\"access\":\"open\"}",
	    id);
	conversation("{\"type\":\"channel\",\"name\":\"one:2\","
		     "\"access\":\"open\"}",
	    id);
	snprintf(path, sizeof(path), "/v1/conversations/%s/messages", from);
	r = http(&f, "erin", "POST", path,
	    "{\"id\":\"01920000-0000-7000-8000-000000000001\",\"text\":\"x\"}");
	CU_ASSERT_EQUAL(r.status, 201);
	reply_fini(&r);
	CU_ASSERT_EQUAL(forward_to("erin", message, "one:2", "support:4"), 201);
	for (int i = 0; i < 20; i++)
		CU_ASSERT_EQUAL(
		    forward_to("erin", message, "support:4", id), 429);
	for (int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(
		    forward_to("erin", message, "support:4", from), 201);
	CU_ASSERT_EQUAL(forward_to("erin", message, "support:4", from), 429);
	CU_ASSERT_EQUAL(send_to("erin", "support:4"), 429);
	/* 20 in all are hers: these eleven, and nine more. */
	for (int i = 0; i < 9; i++)
		CU_ASSERT_EQUAL(send_to("erin", from), 201);
	CU_ASSERT_EQUAL(send_to("erin", from), 429);
}

/* All at once: the calls that wait for the look-up are counted like others. */
static void
test_together(void)
{
	struct reply replies[12];
	char id[40];
	int sent = 0;

	conversation("{\"type\":\"channel\",\"name\":\"support:3\","
		     "\"access\":\"open\",\"member_ids\":[\"dave\"]}",
	    id);
	for (size_t i = 0; i < ARRAY_LEN(replies); i++)
		http_start(&f, "dave", "POST",
		    "/v1/conversations/support:3/messages", "{\"text\":\"x\"}",
		    &replies[i]);
	for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
		while (!replies[i].done)
			base_loop_poll_turn(f.loop, 100);
		CU_ASSERT_EQUAL(replies[i].status, i < 5 ? 201 : 429);
		sent += replies[i].status == 201;
		reply_fini(&replies[i]);
	}
	CU_ASSERT_EQUAL(sent, 5);
}

/* Nobody is known: the address is counted, and told. */
static void
test_address(void)
{
	struct reply r = http(&f, NULL, "GET", "/v1/me", NULL);

	CU_ASSERT_EQUAL(r.status, 401);
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(r.headers, "RateLimit: \"address\";r=2;t="));
	reply_fini(&r);
	r = http(&f, NULL, "GET", "/v1/nothing", NULL);
	CU_ASSERT_EQUAL(r.status, 404);
	reply_fini(&r);
	r = http(&f, NULL, "GET", "/health", NULL);
	CU_ASSERT_EQUAL(r.status, 200);
	reply_fini(&r);
	r = http(&f, NULL, "GET", "/health", NULL);
	CU_ASSERT_EQUAL(r.status, 429);
	reply_fini(&r);
	r = http(&f, NULL, "OPTIONS", "/v1/me", NULL);
	CU_ASSERT_EQUAL(r.status, 204);
	reply_fini(&r);
	r = http(&f, "alice", "GET", "/v1/me", NULL);
	CU_ASSERT_EQUAL(r.status, 200);
	reply_fini(&r);
}

int
main(int argc, char **argv)
{
	static const char *const settings[] = { "PARLEY_RATE_SEND=20/1000",
		"PARLEY_RATE_ADDRESS=3/1000",
		"PARLEY_RATE_CHANNEL=25/1000 one:*=1/1000 support:*=5/1000",
		NULL };
	static const struct test_case cases[] = {
		{ "channel", test_channel },
		{ "forwards", test_forwards },
		{ "refused", test_refused },
		{ "sender keeps", test_sender_keeps },
		{ "together", test_together },
		{ "address", test_address },
	};
	int failed;

	fixture_start(&f, settings);
	failed = test_main(
	    "api_limits", cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL);
	fixture_stop(&f);
	return failed;
}
