/* SPDX-License-Identifier: ISC */
/* Suspended users: their streams end and none begins, in a process that hears
 * of it and in one that was deaf when it happened. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/db/world.h"
#include "tests/unit/harness.h"

#define PATIENCE_MS 10000

static struct world world;
static struct client admin;

static void
begin(void)
{
	char *token;

	if (world.cluster != NULL)
		return;
	world_init(&world);
	world_up(&world);
	token = world_token(&world, "root", "admin");
	client_open(&admin, &world, API_STREAM_SOCKET, token, NULL, NULL);
	base_free(token);
	CU_ASSERT_TRUE_FATAL(client_wait(&admin, "ready", 1));
}

static bool
says(const char *reply, const char *what)
{
	bool said = strstr(reply, what) != NULL;

	if (!said)
		fprintf(stderr, "\nno %s in %s\n", what, reply);
	return said;
}

/* The status that a new stream of this user begins with; 0: the order came
 * while it was let in. */
static int
greeting(const char *user)
{
	char *token = world_token(&world, user, "user");
	uint64_t end = base_clock_ms() + PATIENCE_MS;
	struct client c;
	int status;

	client_open(&c, &world, API_STREAM_EVENTS, token, NULL, NULL);
	base_free(token);
	while (!c.headed && !c.ended && base_clock_ms() < end) {
		world_turn(&world, 2);
		client_read(&c);
	}
	status = c.status;
	if (status == 403)
		CU_ASSERT_PTR_NOT_NULL(
		    strstr(c.in.data, "\"code\":\"user_suspended\""));
	client_close(&c);
	return status;
}

static bool
greeted_with(const char *user, int status)
{
	uint64_t end = base_clock_ms() + PATIENCE_MS;

	while (greeting(user) != status)
		if (base_clock_ms() > end)
			return false;
	return true;
}

static bool
closed_with(struct client *c, unsigned code)
{
	uint64_t end = base_clock_ms() + PATIENCE_MS;

	while (c->code != code && base_clock_ms() < end) {
		world_turn(&world, 2);
		client_read(c);
	}
	return c->code == code;
}

static void
test_suspended(void)
{
	struct client socket, events, bob;
	const char *reply;

	begin();
	client_start(&socket, &world, API_STREAM_SOCKET, "ann", NULL);
	client_start(&events, &world, API_STREAM_EVENTS, "ann", NULL);
	client_start(&bob, &world, API_STREAM_SOCKET, "bob", NULL);
	reply = client_call(&admin, "1", "users.suspend",
	    "{\"user_id\":\"ann\",\"reason\":\"spam\"}");
	CU_ASSERT_TRUE(says(reply, "\"status\":200"));
	CU_ASSERT_TRUE(says(reply, "\"reason\":\"spam\""));
	CU_ASSERT_TRUE(closed_with(&socket, 4423));
	CU_ASSERT_TRUE(client_wait_end(&events));
	CU_ASSERT_EQUAL_FATAL(client_count(&events, "error"), 1);
	CU_ASSERT_TRUE(says(client_nth(&events, "error", 0)->json,
	    "\"code\":\"user_suspended\",\"close\":4423"));
	CU_ASSERT_EQUAL(greeting("ann"), 403);
	CU_ASSERT_TRUE(
	    says(client_call(&bob, "1", "me.get", "{}"), "\"status\":200"));
	reply = client_call(&admin, "2", "suspensions.list", "{}");
	CU_ASSERT_TRUE(says(reply, "\"user_id\":\"ann\""));
	reply =
	    client_call(&admin, "3", "users.restore", "{\"user_id\":\"ann\"}");
	CU_ASSERT_TRUE(says(reply, "\"status\":200"));
	CU_ASSERT_TRUE(greeted_with("ann", 200));
	reply =
	    client_call(&admin, "4", "users.restore", "{\"user_id\":\"ann\"}");
	CU_ASSERT_TRUE(says(reply, "\"status\":404"));
	client_close(&socket);
	client_close(&events);
	client_close(&bob);
}

static void
test_ends_by_itself(void)
{
	char at[BASE_CLOCK_TEXT], now[BASE_CLOCK_TEXT], args[128];

	begin();
	base_clock_rfc3339(base_clock_wall_us() + 5000000, at);
	(void)snprintf(
	    args, sizeof(args), "{\"user_id\":\"bob\",\"until\":\"%s\"}", at);
	CU_ASSERT_TRUE(says(
	    client_call(&admin, "5", "users.suspend", args), "\"status\":200"));
	CU_ASSERT_TRUE(greeted_with("bob", 403)); /* it has been heard */
	CU_ASSERT_TRUE(greeted_with("bob", 200));
	base_clock_rfc3339(base_clock_wall_us(), now);
	CU_ASSERT_TRUE(strcmp(now, at) >= 0);
}

/* The notification is lost: the table tells when the listener is back. */
static void
test_deaf(void)
{
	struct client cid;

	begin();
	client_start(&cid, &world, API_STREAM_SOCKET, "cid", NULL);
	free(world_sql(&world,
	    "select pg_terminate_backend(pid) from pg_stat_activity"
	    " where application_name like 'parley-%%-listen';"
	    " select user_id from users_suspend('root', 'cid', null, null)"));
	CU_ASSERT_TRUE(closed_with(&cid, 4423));
	CU_ASSERT_TRUE(greeted_with("cid", 403));
	client_close(&cid);
	free(world_sql(&world, "select user_id from users_restore('cid')"));
	CU_ASSERT_TRUE(greeted_with("cid", 200));
}

/* The order is not here yet: who is let in again comes in all the same. */
static void
test_restored_before_the_order(void)
{
	struct client bob;

	begin();
	free(world_sql(&world,
	    "select user_id from users_suspend('root', 'bob', null, null)"));
	CU_ASSERT_TRUE(greeted_with("bob", 403));
	free(world_sql(&world, "delete from suspensions"));
	CU_ASSERT_EQUAL(greeting("bob"), 200);
	client_start(&bob, &world, API_STREAM_SOCKET, "bob", NULL);
	CU_ASSERT_TRUE(
	    says(client_call(&bob, "1", "me.get", "{}"), "\"status\":200"));
	client_close(&bob);
}

static void
test_end(void)
{
	client_drop(&admin);
	world_fini(&world);
}

TEST_MAIN("api_suspension", { "streams end", test_suspended },
    { "it ends by itself", test_ends_by_itself },
    { "what was not heard", test_deaf },
    { "let in before the order", test_restored_before_the_order },
    { "end", test_end })
