/* SPDX-License-Identifier: ISC */
/* Calls through a WebSocket, orders to connections, and polling. */

#include <jansson.h>
#include <stdlib.h>
#include <strings.h>

#include "api/call.h"
#include "api/digest.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tests/db/world.h"
#include "tests/unit/harness.h"

static struct world world;

static int
status_of(const char *reply)
{
	json_t *object = json_loads(reply, 0, NULL);
	int status = (int)json_integer_value(json_object_get(object, "status"));

	json_decref(object);
	return status;
}

static bool
has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

static char *
connection_of(const struct client *c)
{
	json_t *object = json_loads(client_nth(c, "ready", 0)->json, 0, NULL);
	char *id = strdup(json_string_value(
	    json_object_get(json_object_get(object, "data"), "connection")));

	json_decref(object);
	return id;
}

static void
test_calls(void)
{
	struct client ann, bob;
	char args[200], text[20];
	const char *reply;

	world_begin(&world);
	client_start(&ann, &world, API_STREAM_SOCKET, "ann", "platform=web");
	client_start(&bob, &world, API_STREAM_EVENTS, "bob", NULL);
	reply = client_call(&ann, "1", "ping", "{}");
	CU_ASSERT_EQUAL(status_of(reply), 200);
	CU_ASSERT(has(reply, "{\"reply\":\"1\",\"status\":200,\"data\":{"));
	snprintf(args, sizeof(args),
	    "{\"conversation_id\":\"%s\",\"text\":\"hi\"}", world.team);
	reply = client_call(&ann, "2", "messages.send", args);
	CU_ASSERT_EQUAL(status_of(reply), 201);
	CU_ASSERT(client_wait(&bob, "message.created", 1));
	CU_ASSERT(client_wait(&ann, "message.created", 1));
	CU_ASSERT(has(client_nth(&bob, "message.created", 0)->json,
	    "\"platform\":\"web\""));
	reply = client_call(&ann, "3", "messages.send", "{\"text\":\"\"}");
	CU_ASSERT_EQUAL(status_of(reply), 422);
	CU_ASSERT(has(reply, "\"error\":{\"type\""));
	reply = client_call(&ann, "4", "health.live", "{}");
	CU_ASSERT_EQUAL(status_of(reply), 400);
	CU_ASSERT(has(reply, "\"http_only\""));
	reply = client_call(&ann, "5", "no.such", "{}");
	CU_ASSERT_EQUAL(status_of(reply), 404);

	/* Sends of one connection keep their order. */
	for (int i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "n%02d", i);
		snprintf(args, sizeof(args),
		    "{\"id\":%d,\"op\":\"messages.send\",\"args\":{"
		    "\"conversation_id\":\"%s\",\"text\":\"%s\"}}",
		    i, world.team, text);
		client_say(&ann, args);
	}
	CU_ASSERT(client_wait(&bob, "message.created", 41));
	for (size_t i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "\"n%02zu\"", i);
		CU_ASSERT(has(
		    client_nth(&bob, "message.created", i + 1)->json, text));
	}
	client_close(&ann);
	client_close(&bob);
}

/* A frame that is sent again, since nobody knows what became of it. */
static void
test_key(void)
{
	static const char *const names[] = { "Pals", "Pals", "Others" };
	static const int status[] = { 201, 201, 422 };
	struct client ann;
	char frame[200];

	world_begin(&world);
	client_start(&ann, &world, API_STREAM_SOCKET, "ann", NULL);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(frame, sizeof(frame),
		    "{\"id\":1,\"op\":\"conversations.create\",\"key\":\"k-1\","
		    "\"args\":{\"type\":\"group\",\"name\":\"%s\"}}",
		    names[i]);
		client_say(&ann, frame);
		CU_ASSERT(client_wait(&ann, "reply", i + 1));
		CU_ASSERT_EQUAL(
		    status_of(client_nth(&ann, "reply", i)->json), status[i]);
	}
	CU_ASSERT_STRING_EQUAL(client_nth(&ann, "reply", 0)->json,
	    client_nth(&ann, "reply", 1)->json);
	CU_ASSERT(has(
	    client_nth(&ann, "reply", 2)->json, "\"idempotency_mismatch\""));
	client_close(&ann);
}

static void
test_bad_frames(void)
{
	static const struct {
		const char *frame;
		int status;
	} cases[] = {
		{ "{", 400 },
		{ "[]", 400 },
		{ "{\"op\":\"ping\"}", 400 },
		{ "{\"id\":true,\"op\":\"ping\"}", 400 },
		{ "{\"id\":\"\",\"op\":\"ping\"}", 400 },
		{ "{\"id\":\"1\"}", 400 },
		{ "{\"id\":\"1\",\"op\":7}", 400 },
		{ "{\"id\":\"1\",\"op\":\"ping\",\"args\":[]}", 400 },
		{ "{\"id\":\"1\",\"op\":\"ping\",\"as\":1}", 400 },
		{ "{\"id\":\"1\",\"op\":\"ping\",\"key\":1}", 400 },
		{ "{\"id\":\"1\",\"op\":\"ping\",\"x\":1}", 400 },
		{ "{\"id\":1,\"op\":\"ping\"}", 200 },
	};
	struct client ann;

	world_begin(&world);
	client_start(&ann, &world, API_STREAM_SOCKET, "ann", NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		client_say(&ann, cases[i].frame);
		CU_ASSERT(client_wait(&ann, "reply", i + 1));
		CU_ASSERT_EQUAL(status_of(client_nth(&ann, "reply", i)->json),
		    cases[i].status);
	}
	client_close(&ann);
}

/* A send just before the close is not lost. */
static void
test_send_and_leave(void)
{
	struct client ann, bob;
	char frame[200];

	world_begin(&world);
	client_start(&bob, &world, API_STREAM_EVENTS, "bob", NULL);
	client_start(&ann, &world, API_STREAM_SOCKET, "ann", NULL);
	snprintf(frame, sizeof(frame),
	    "{\"id\":1,\"op\":\"messages.send\",\"args\":{"
	    "\"conversation_id\":\"%s\",\"text\":\"bye\"}}",
	    world.team);
	client_say(&ann, frame);
	client_close(&ann);
	CU_ASSERT(client_wait(&bob, "message.created", 1));
	client_close(&bob);
}

static void
test_subscribe(void)
{
	struct client cid, ann;
	char args[256], *id;
	const char *reply;

	world_begin(&world);
	client_start(&cid, &world, API_STREAM_SOCKET, "cid", NULL);
	snprintf(args, sizeof(args), "{\"conversations\":[\"public\",\"%s\"]}",
	    world.team);
	reply = client_call(&cid, "1", "connections.subscribe", args);
	CU_ASSERT_EQUAL(status_of(reply), 404);
	CU_ASSERT(has(reply, world.team));
	CU_ASSERT(has(reply, "\"field\":\"conversations[1]\""));
	reply = client_call(&cid, "2", "connections.subscribe",
	    "{\"conversations\":[\"public\"]}");
	CU_ASSERT_EQUAL(status_of(reply), 200);
	CU_ASSERT(has(reply, "\"user_id\":\"cid\""));
	world_send(&world, "ann", "public", "one");
	CU_ASSERT(client_wait(&cid, "message.created", 1));
	reply = client_call(&cid, "3", "connections.unsubscribe",
	    "{\"conversations\":[\"public\"]}");
	CU_ASSERT_EQUAL(status_of(reply), 200);
	world_send(&world, "ann", "public", "two");
	client_call(&cid, "4", "ping", "{}");
	world_turn(&world, 50);
	client_read(&cid);
	CU_ASSERT_EQUAL(client_count(&cid, "message.created"), 1);

	/* Another's connection is not to be found. */
	id = connection_of(&cid);
	client_start(&ann, &world, API_STREAM_SOCKET, "ann", NULL);
	snprintf(args, sizeof(args), "{\"connection_id\":\"%s\"}", id);
	reply = client_call(&ann, "1", "connections.close", args);
	CU_ASSERT_EQUAL(status_of(reply), 404);
	client_close(&ann);
	free(id);
	client_close(&cid);
}

/* As if the order came from another process. */
static void
test_control(void)
{
	struct client cid;
	char *id;

	world_begin(&world);
	client_start(&cid, &world, API_STREAM_SOCKET, "cid", NULL);
	world_turn(&world, 50);
	id = connection_of(&cid);
	free(world_sql(&world,
	    "select id from connections_control('cid', 'user', '%s',"
	    " 'subscribe', json_build_object('topics', json_build_array("
	    "'conversation:' || (select id from conversations"
	    " where name = 'public'))))",
	    id));
	world_turn(&world, 50);
	world_send(&world, "ann", "public", "x");
	CU_ASSERT(client_wait(&cid, "message.created", 1));
	free(world_sql(&world,
	    "select id from connections_control('cid', 'user', '%s',"
	    " 'close', '{}')",
	    id));
	CU_ASSERT(client_wait_end(&cid) || cid.code == 4403);
	CU_ASSERT_EQUAL(cid.code, 4403);
	free(id);
	client_close(&cid);
}

/* Of a stream that another process has just opened: its row comes in a moment,
 * behind the first question. */
static void
test_not_yet_written(void)
{
	struct client ann;
	const char *reply;

	world_begin(&world);
	client_start(&ann, &world, API_STREAM_SOCKET, "ann", NULL);
	client_say(&ann,
	    "{\"id\":\"new\",\"op\":\"connections.touch\","
	    "\"args\":{\"connection_id\":\"t9-1-new\"}}");
	client_call(&ann, "1", "ping", "{}");
	CU_ASSERT_EQUAL(client_count(&ann, "reply"), 1);
	free(world_sql(&world,
	    "insert into connections (id, process, user_id, kind, address,"
	    " host, connected_at) select 't9-1-new', process, 'ann', kind,"
	    " address, host, now() from connections limit 1"));
	CU_ASSERT(client_wait(&ann, "reply", 2));
	reply = client_nth(&ann, "reply", 1)->json;
	CU_ASSERT_EQUAL(status_of(reply), 200);
	CU_ASSERT(has(reply, "t9-1-new"));
	reply = client_call(&ann, "2", "connections.touch",
	    "{\"connection_id\":\"t9-1-none\"}");
	CU_ASSERT_EQUAL(status_of(reply), 404);
	CU_ASSERT(has(reply, "no open connection of this id"));
	client_close(&ann);
}

/* An order that the stream's process does not hear is refused, and taken back. */
static void
test_unheard(void)
{
	struct client ann;
	const char *reply;
	char *left;

	world_begin(&world);
	client_start(&ann, &world, API_STREAM_SOCKET, "ann", NULL);
	client_call(&ann, "1", "ping", "{}");
	free(world_sql(&world,
	    "insert into connections (id, process, user_id, kind, address,"
	    " host, connected_at) select 't8-1-deaf', 't8-1', 'ann', kind,"
	    " address, host, now() from connections limit 1"));
	client_say(&ann,
	    "{\"id\":\"sub\",\"op\":\"connections.subscribe\",\"args\":"
	    "{\"connection_id\":\"t8-1-deaf\",\"conversations\":[\"public\"]}}");
	CU_ASSERT(client_wait(&ann, "reply", 2));
	reply = client_nth(&ann, "reply", 1)->json;
	CU_ASSERT_EQUAL(status_of(reply), 503);
	CU_ASSERT(has(reply, "connection_unreachable"));
	left = world_sql(&world, "select count(*) from orders");
	CU_ASSERT_STRING_EQUAL(left, "0");
	free(left);
	client_close(&ann);
}

/* Whoever ordered it has their answer: the stream hears whom it does not
 * watch. */
static void
test_watches_full(void)
{
	struct client cid;
	char *id;

	world_begin(&world);
	client_start(&cid, &world, API_STREAM_SOCKET, "cid", NULL);
	CU_ASSERT_EQUAL(
	    status_of(client_call(&cid, "1", "connections.update", "{}")), 200);
	id = connection_of(&cid);
	for (int part = 0; part < 3; part++)
		free(world_sql(&world,
		    "select id from connections_control('cid', 'user', '%s',"
		    " 'watch', json_build_object('topics', array(select"
		    " 'presence:u' || n from generate_series(%d, %d) n)))",
		    id, part * 167 + 1, part * 167 + 167));
	CU_ASSERT(client_wait(&cid, "presence.unwatched", 1));
	CU_ASSERT(has(client_nth(&cid, "presence.unwatched", 0)->json,
	    "{\"user_ids\":[\"u501\"]}"));
	free(id);
	client_close(&cid);
}

/* What is gone can be left by its topic too, as it can be followed. */
static void
test_leaves_what_is_gone(void)
{
	struct client cid;
	char args[200], *id;

	world_begin(&world);
	client_start(&cid, &world, API_STREAM_SOCKET, "cid", NULL);
	CU_ASSERT_EQUAL(
	    status_of(client_call(&cid, "1", "connections.update", "{}")), 200);
	id = connection_of(&cid);
	/* A topic of which the caller sees nothing. */
	free(world_sql(&world,
	    "select id from connections_control('cid', 'user', '%s',"
	    " 'subscribe', json_build_object('topics', json_build_array("
	    "'conversation:%s')))",
	    id, world.team));
	for (int i = 0; i < 100 && client_count(&cid, "message.created") == 0;
	     i++) {
		world_send(&world, "ann", world.team, "heard");
		world_turn(&world, 20);
		client_read(&cid);
	}
	CU_ASSERT(client_count(&cid, "message.created") > 0);
	snprintf(args, sizeof(args),
	    "{\"conversations\":[\"conversation:%s\"]}", world.team);
	CU_ASSERT_EQUAL(
	    status_of(client_call(&cid, "2", "connections.unsubscribe", args)),
	    200);
	world_send(&world, "ann", world.team, "not heard");
	world_send(&world, "ann", "public", "behind it");
	client_call(&cid, "3", "ping", "{}");
	world_turn(&world, 50);
	client_read(&cid);
	for (size_t i = 0; i < client_count(&cid, "message.created"); i++)
		CU_ASSERT(!has(
		    client_nth(&cid, "message.created", i)->json, "not heard"));
	free(id);
	client_close(&cid);
}

static void
test_own_connection(void)
{
	struct client ann;
	char args[1200], *token;
	const char *reply;

	world_begin(&world);
	client_start(&ann, &world, API_STREAM_SOCKET, "ann", NULL);
	/* At once: its row need not be written yet. */
	reply = client_call(&ann, "1", "connections.update",
	    "{\"platform\":\"ios\",\"app_version\":\"2\"}");
	CU_ASSERT_EQUAL(status_of(reply), 200);
	CU_ASSERT(has(reply, "\"platform\":\"ios\""));
	token = world_token(&world, "ann", "user");
	snprintf(args, sizeof(args), "{\"token\":\"%s\"}", token);
	reply = client_call(&ann, "2", "connections.renew", args);
	CU_ASSERT_EQUAL(status_of(reply), 200);
	base_free(token);
	token = world_token(&world, "bob", "user");
	snprintf(args, sizeof(args), "{\"token\":\"%s\"}", token);
	reply = client_call(&ann, "3", "connections.renew", args);
	CU_ASSERT_EQUAL(status_of(reply), 422);
	base_free(token);
	token = world_token(&world, "ann", "admin");
	snprintf(args, sizeof(args), "{\"token\":\"%s\"}", token);
	reply = client_call(&ann, "6", "connections.renew", args);
	CU_ASSERT_EQUAL(status_of(reply), 422);
	base_free(token);
	reply = client_call(
	    &ann, "4", "connections.renew", "{\"token\":\"nonsense\"}");
	CU_ASSERT_EQUAL(status_of(reply), 422);
	world_turn(&world, 50);
	CU_ASSERT_EQUAL(cluster_number(world.cluster,
			    "select count(*) from connections where "
			    "platform = 'ios' and app_version = '2'"),
	    1);
	reply = client_call(&ann, "5", "connections.close", "{}");
	CU_ASSERT_EQUAL(status_of(reply), 200);
	for (int i = 0; i < 500 && ann.code == 0; i++) {
		world_turn(&world, 2);
		client_read(&ann);
	}
	CU_ASSERT_EQUAL(ann.code, 4403);
	client_close(&ann);
}

/* Polling. */

struct asked {
	bool answered;
	int status;
	char *type;
	char *body;
	const char *token;
	const char *accept;
	const char *last_id;
};

static const char *
asked_header(void *arg, const char *name)
{
	struct asked *a = arg;

	if (strcasecmp(name, "Authorization") == 0)
		return a->token;
	if (strcasecmp(name, "Accept") == 0)
		return a->accept;
	if (strcasecmp(name, "Last-Event-ID") == 0)
		return a->last_id;
	return NULL;
}

static void
asked_answer(const struct api_answer *answer, void *arg)
{
	struct asked *a = arg;

	a->answered = true;
	a->status = answer->status;
	a->type = base_strdup(answer->content_type);
	a->body = base_strndup(answer->body, answer->body_len);
}

static void
ask(struct asked *a, const char *query)
{
	struct api_request r = { 0 };

	r.door = API_DOOR_REST;
	r.method = "GET";
	r.path = "/v1/events";
	r.query = query;
	r.header = asked_header;
	r.header_arg = a;
	r.remote_addr = "192.0.2.7";
	a->answered = false;
	api_call_start(world.engine, &r, asked_answer, a);
}

static bool
answered(struct asked *a)
{
	for (int i = 0; i < 2000 && !a->answered; i++)
		world_turn(&world, 2);
	return a->answered;
}

static void
asked_free(struct asked *a)
{
	base_free(a->type);
	base_free(a->body);
	a->type = a->body = NULL;
}

static int64_t
next_of(const struct asked *a, size_t *count)
{
	json_t *page = json_loads(a->body, 0, NULL);
	int64_t next = json_integer_value(json_object_get(page, "next"));

	*count = json_array_size(json_object_get(page, "data"));
	json_decref(page);
	return next;
}

/* Of ann, whose token `authorization` takes. */
static void
poll_begin(struct asked *a, char authorization[1200])
{
	char *token;

	world_begin(&world);
	token = world_token(&world, "ann", "user");
	snprintf(authorization, 1200, "Bearer %s", token);
	base_free(token);
	memset(a, 0, sizeof(*a));
	a->token = authorization;
	a->accept = "application/json";
}

static void
poll_from(struct asked *a, int64_t after, const char *more)
{
	char query[64];

	snprintf(query, sizeof(query), "after=%lld%s", (long long)after, more);
	ask(a, query);
}

static void
test_poll(void)
{
	char authorization[1200], last[24];
	struct asked a;
	int64_t at, next;
	size_t count;

	poll_begin(&a, authorization);
	ask(&a, NULL);
	CU_ASSERT_FATAL(answered(&a));
	CU_ASSERT_EQUAL(a.status, 200);
	at = next_of(&a, &count);
	CU_ASSERT_EQUAL(count, 0);
	asked_free(&a);

	for (int i = 0; i < 5; i++)
		world_send(&world, "bob", world.team, "p");
	poll_from(&a, at, "&limit=3");
	CU_ASSERT_FATAL(answered(&a));
	next = next_of(&a, &count);
	CU_ASSERT_EQUAL(count, 3);
	asked_free(&a);
	poll_from(&a, next, "");
	CU_ASSERT_FATAL(answered(&a));
	(void)next_of(&a, &count);
	CU_ASSERT_EQUAL(count, 2);
	asked_free(&a);

	ask(&a, "after=99999999");
	CU_ASSERT_FATAL(answered(&a));
	CU_ASSERT(has(a.body, "\"reset\""));
	CU_ASSERT(has(a.body, "\"last_event_id\":"));
	asked_free(&a);

	a.accept = "text/event-stream";
	snprintf(last, sizeof(last), "%lld", (long long)at);
	a.last_id = last;
	ask(&a, NULL);
	CU_ASSERT_FATAL(answered(&a));
	CU_ASSERT_STRING_EQUAL(a.type, "text/event-stream");
	CU_ASSERT(has(a.body, "retry: "));
	CU_ASSERT(has(a.body, "\nevent: message.created\ndata: {"));
	asked_free(&a);
}

/* Held until something happens, or the time is over. */
static void
test_poll_waits(void)
{
	char authorization[1200];
	struct asked a;
	int64_t next;
	size_t count;

	poll_begin(&a, authorization);
	ask(&a, NULL);
	CU_ASSERT_FATAL(answered(&a));
	next = next_of(&a, &count);
	asked_free(&a);
	poll_from(&a, next, "&wait=5");
	world_turn(&world, 100);
	CU_ASSERT(!a.answered);
	world_send(&world, "bob", world.team, "held");
	CU_ASSERT_FATAL(answered(&a));
	CU_ASSERT(has(a.body, "\"held\""));
	next = next_of(&a, &count);
	asked_free(&a);
	poll_from(&a, next, "&wait=1");
	CU_ASSERT_FATAL(answered(&a));
	/* Of those who have gone before, not of the log. */
	while (has(a.body, "\"presence.updated\"")) {
		asked_free(&a);
		poll_from(&a, next, "&wait=1");
		CU_ASSERT_FATAL(answered(&a));
	}
	CU_ASSERT_EQUAL(next_of(&a, &count), next);
	CU_ASSERT_EQUAL(count, 0);
	asked_free(&a);
}

static void
test_poll_topics(void)
{
	struct asked a = { 0 };
	char authorization[1200], query[128], *token;
	int64_t at;
	size_t count;

	world_begin(&world);
	token = world_token(&world, "cid", "user");
	snprintf(authorization, sizeof(authorization), "Bearer %s", token);
	base_free(token);
	a.token = authorization;
	a.accept = "application/json";
	ask(&a, "topics=public");
	CU_ASSERT_FATAL(answered(&a));
	at = next_of(&a, &count);
	asked_free(&a);
	world_send(&world, "ann", world.team, "no");
	world_send(&world, "ann", "public", "yes");
	snprintf(
	    query, sizeof(query), "topics=public&after=%lld", (long long)at);
	ask(&a, query);
	CU_ASSERT_FATAL(answered(&a));
	next_of(&a, &count);
	CU_ASSERT_EQUAL(count, 1);
	asked_free(&a);
	snprintf(query, sizeof(query), "topics=%s", world.team);
	ask(&a, query);
	CU_ASSERT_FATAL(answered(&a));
	CU_ASSERT_EQUAL(a.status, 404);
	CU_ASSERT(has(a.body, "\"field\":\"topics[0]\""));
	asked_free(&a);
	ask(&a, "after=0&nosuch=1");
	CU_ASSERT_FATAL(answered(&a));
	CU_ASSERT_EQUAL(a.status, 422);
	CU_ASSERT(has(a.body, "\"field\":\"nosuch\""));
	asked_free(&a);
	ask(&a, "topics=all");
	CU_ASSERT_FATAL(answered(&a));
	CU_ASSERT_EQUAL(a.status, 403);
	asked_free(&a);
}

/* An EventSource that polls comes back every few seconds with its ticket. */
static void
test_poll_ticket(void)
{
	struct asked a = { .accept = "text/event-stream" };
	char hash[API_DIGEST_HEX], last[80] = "";
	const char *id;

	world_begin(&world);
	api_digest_hex("one", 3, hash);
	base_free(world_sql(&world,
	    "insert into tickets (hash, user_id, role, token_exp, expires_at)"
	    " values ('%s', 'ann', 'user', 4000000000, now() + '30 s')"
	    " returning 1",
	    hash));
	ask(&a, "ticket=one");
	CU_ASSERT_FATAL(answered(&a));
	CU_ASSERT_EQUAL(a.status, 200);
	id = strstr(a.body, "\nid: ");
	CU_ASSERT_PTR_NOT_NULL_FATAL(id);
	CU_ASSERT_EQUAL(sscanf(id, "\nid: %79[0-9]", last), 1);
	asked_free(&a);

	world_send(&world, "bob", world.team, "between polls");
	a.last_id = last;
	for (int i = 0; i < 2; i++) {
		ask(&a, "ticket=one");
		CU_ASSERT_FATAL(answered(&a));
		CU_ASSERT_EQUAL(a.status, 200);
		CU_ASSERT(has(a.body, "between polls"));
		asked_free(&a);
	}
	/* Who begins anew has no use for it. */
	a.last_id = NULL;
	ask(&a, "ticket=one");
	CU_ASSERT_FATAL(answered(&a));
	CU_ASSERT_EQUAL(a.status, 401);
	asked_free(&a);
}

static void
test_end(void)
{
	world_fini(&world);
}

TEST_MAIN("api_socket", { "calls", test_calls }, { "key", test_key },
    { "bad-frames", test_bad_frames },
    { "send-and-leave", test_send_and_leave }, { "subscribe", test_subscribe },
    { "control", test_control }, { "own-connection", test_own_connection },
    { "not-yet-written", test_not_yet_written }, { "unheard", test_unheard },
    { "watches-full", test_watches_full },
    { "leaves-what-is-gone", test_leaves_what_is_gone }, { "poll", test_poll },
    { "poll-waits", test_poll_waits }, { "poll-topics", test_poll_topics },
    { "poll-ticket", test_poll_ticket }, { "end", test_end })
