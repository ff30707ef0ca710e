/* SPDX-License-Identifier: ISC */
/* Operations that have nothing to do with files, through the CGI door: api/cgi.c. */

#include "tests/db/files_fixture.h"

#include "api/cgi.h"

static void
test_other_operations(void)
{
	static char much[100000];
	struct exchange x;

	CU_ASSERT_EQUAL(status_of("alice", "/v1/me"), 200);
	CU_ASSERT_EQUAL(status_of("alice", "/v1/users/a%2Fb"), 404);
	CU_ASSERT_EQUAL(status_of("alice", "/nowhere"), 404);
	memset(much, 'x', sizeof(much));
	exchange_begin(&x, &config, "alice", "POST", "/v1/conversations");
	exchange_body(&x, "application/json", much, sizeof(much));
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 413);
	CU_ASSERT(exchange_has(&x, "payload_too_large"));
	CU_ASSERT(exchange_has(&x, "X-Request-Id: "));
	exchange_end(&x);
	exchange_begin(&x, &config, "alice", "POST", "/v1/conversations");
	exchange_body(&x, "application/json", "{}", 2);
	snprintf(x.length, sizeof(x.length), "3");
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 400);
	CU_ASSERT(exchange_has(&x, "body_incomplete"));
	exchange_end(&x);
	exchange_begin(&x, &config, "alice", "POST", "/v1/conversations");
	exchange_body(&x, "application/json", "{}", 2);
	snprintf(x.length, sizeof(x.length), "-2");
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 400);
	exchange_end(&x);
	exchange_begin(&x, &config, "alice", "POST", "/v1/conversations");
	exchange_body(&x, "application/json", "{}", 2);
	snprintf(x.length, sizeof(x.length), "99999999999999999999");
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 413);
	exchange_end(&x);
}

/* Positions of senders are written up to a second late, which a process that
 * ends does not have. */
static void
test_the_end_writes_what_is_owed(void)
{
	static const char group[] = "{\"type\":\"group\",\"name\":\"Own\"}";
	static const char text[] = "{\"text\":\"read by its sender\"}";
	char path[120], *id;
	struct exchange x;

	exchange_begin(&x, &config, "alice", "POST", "/v1/conversations");
	exchange_body(&x, "application/json", group, strlen(group));
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 201);
	id = text_of(&x, "id");
	exchange_end(&x);
	snprintf(path, sizeof(path), "/v1/conversations/%s/messages", id);
	exchange_begin(&x, &config, "alice", "POST", path);
	exchange_body(&x, "application/json", text, strlen(text));
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 201);
	exchange_end(&x);
	CU_ASSERT(api_engine_pending(f.engine) > 0);
	api_cgi_finish(f.engine, f.loop);
	CU_ASSERT_EQUAL(api_engine_pending(f.engine), 0);
	snprintf(path, sizeof(path), "/v1/conversations/%s", id);
	exchange_begin(&x, &config, "alice", "GET", path);
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 200);
	CU_ASSERT(exchange_has(&x, "\"last_read_seq\":1,"));
	exchange_end(&x);
	base_free(id);
}

TEST_MAIN("api_cgi_door", { "starts", test_starts },
    { "other operations", test_other_operations },
    { "the end writes what is owed", test_the_end_writes_what_is_owed },
    { "ends", test_ends })
