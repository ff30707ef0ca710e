/* SPDX-License-Identifier: ISC */
/* Arguments against a table of the test's own. */
#include "api/param.h"

#include <jansson.h>

#include "api/router.h"
#include "base/arena.h"
#include "base/attr.h"
#include "tests/unit/harness.h"

static const char *const colours[] = { "red", "green", NULL };

static const struct api_param fields[] = {
	{ .name = "id",
	    .place = API_IN_BODY,
	    .type = API_ID,
	    .required = true },
	{ .name = "age", .place = API_IN_BODY, .type = API_INT, .max = 150 },
	{ .name = "nick",
	    .place = API_IN_BODY,
	    .type = API_STRING,
	    .nullable = true,
	    .min = 1,
	    .max = 10 },
};

static const struct api_param params[] = {
	{ .name = "room",
	    .place = API_IN_PATH,
	    .type = API_CONVERSATION,
	    .required = true },
	{ .name = "limit",
	    .place = API_IN_QUERY,
	    .type = API_INT,
	    .min = 1,
	    .max = 100,
	    .fallback = "50" },
	{ .name = "deep", .place = API_IN_QUERY, .type = API_BOOL },
	{ .name = "tags",
	    .place = API_IN_QUERY,
	    .type = API_STRING_LIST,
	    .min = 1,
	    .max = 3 },
	{ .name = "text",
	    .place = API_IN_BODY,
	    .type = API_TEXT,
	    .min = 1,
	    .max = API_MAX_TEXT },
	{ .name = "title",
	    .place = API_IN_BODY,
	    .type = API_STRING,
	    .min = 2,
	    .max = 5 },
	{ .name = "user", .place = API_IN_BODY, .type = API_ID },
	{ .name = "uuid",
	    .place = API_IN_BODY,
	    .type = API_UUID,
	    .nullable = true },
	{ .name = "at", .place = API_IN_BODY, .type = API_TIME },
	{ .name = "seq",
	    .place = API_IN_BODY,
	    .type = API_INT,
	    .min = 0,
	    .max = INT64_MAX },
	{ .name = "loud", .place = API_IN_BODY, .type = API_BOOL },
	{ .name = "colour",
	    .place = API_IN_BODY,
	    .type = API_ENUM,
	    .values = colours },
	{ .name = "emoji", .place = API_IN_BODY, .type = API_EMOJI },
	{ .name = "any_emoji",
	    .place = API_IN_BODY,
	    .type = API_EMOJI,
	    .max = 1 },
	{ .name = "about", .place = API_IN_BODY, .type = API_CATEGORY },
	{ .name = "ids", .place = API_IN_BODY, .type = API_ID_LIST, .max = 3 },
	{ .name = "uuids",
	    .place = API_IN_BODY,
	    .type = API_UUID_LIST,
	    .max = 3 },
	{ .name = "people",
	    .place = API_IN_BODY,
	    .type = API_OBJECT_LIST,
	    .min = 1,
	    .max = 2,
	    .fields = fields,
	    .nfields = ARRAY_LEN(fields) },
};

static const struct api_operation plain = {
	.name = "t.plain", .params = params, .nparams = ARRAY_LEN(params)
};
static const struct api_operation batched = { .name = "t.batched",
	.flags = API_BATCHED,
	.params = params,
	.nparams = ARRAY_LEN(params) };
static const char *const categories[] = { "news", "tips", NULL };
static const struct api_param_limits limits = { .max_text = 8,
	.categories = categories };

static struct base_arena arena;
static struct api_args args;
static bool good;

static void
take(const struct api_operation *op, const char *query, const char *body)
{
	static struct api_route route = { .nargs = 1,
		.args = {
		    { .name = "room", .name_len = 4, .value = "public" } } };
	json_t *object =
	    body != NULL ? json_loads(body, JSON_ALLOW_NUL, NULL) : NULL;

	base_arena_fini(&arena);
	api_args_init(&args, op, &arena, &limits);
	api_args_route(&args, &route);
	api_args_query(&args, query);
	if (object != NULL)
		api_args_object(&args, object, false);
	good = api_args_finish(&args);
	json_decref(object);
}

static const char *
value(const char *name)
{
	const char *v =
	    args.values[api_operation_param(args.op, name) - params];

	return v != NULL ? v : "(null)";
}

/* The only fault is `code` at `field`. */
#define ASSERT_FAULT(field_, code_)                                   \
	do {                                                          \
		CU_ASSERT_FALSE(good);                                \
		CU_ASSERT_EQUAL_FATAL(args.nerrors, 1);               \
		CU_ASSERT_STRING_EQUAL(args.errors[0].field, field_); \
		CU_ASSERT_STRING_EQUAL(args.errors[0].code, code_);   \
		CU_ASSERT_PTR_NOT_NULL(args.errors[0].detail);        \
	} while (0)

/* A line that shows nothing is none; white space at its ends is left off. */
static void
test_blank_lines(void)
{
	static const char *const blank[] = { "   ", "\u3164\u2800",
		"\u200b\u200b", "\u00ad\u2060\ufeff" };
	char body[80];

	for (size_t i = 0; i < ARRAY_LEN(blank); i++) {
		snprintf(body, sizeof(body), "{\"title\":\"%s\"}", blank[i]);
		take(&plain, NULL, body);
		ASSERT_FAULT("title", "too_short");
	}
	take(&plain, NULL, "{\"title\":\"\\u00a0 a b  \"}");
	CU_ASSERT_TRUE(good);
	CU_ASSERT_STRING_EQUAL(value("title"), "a b");
	take(&plain, NULL, "{\"title\":\" a \"}");
	ASSERT_FAULT("title", "too_short");
}

static void
test_takes(void)
{
	take(&plain, "deep=1&tags=a,b%2Cc",
	    "{\"text\":\"h\\ti\\n\","
	    "\"title\":\"öäüßé\",\"user\":\"17\",\"uuid\":"
	    "\"0190B1A8-7d2e-7c3a-9f00-5d1e2c3b4a59\",\"seq\":"
	    "9223372036854775807,\"loud\":false,\"colour\":\"green\","
	    "\"ids\":[\"a\",\"b\\\"\"],\"uuids\":[],\"people\":"
	    "[{\"id\":\"x\",\"age\":3,\"nick\":null}]}");
	CU_ASSERT_TRUE(good);
	CU_ASSERT_STRING_EQUAL(value("room"), "public");
	CU_ASSERT_STRING_EQUAL(value("limit"), "50");
	CU_ASSERT_STRING_EQUAL(value("deep"), "true");
	CU_ASSERT_STRING_EQUAL(value("tags"), "{\"a\",\"b\",\"c\"}");
	CU_ASSERT_STRING_EQUAL(value("text"), "h\ti\n");
	CU_ASSERT_STRING_EQUAL(value("title"), "öäüßé");
	CU_ASSERT_STRING_EQUAL(
	    value("uuid"), "0190b1a8-7d2e-7c3a-9f00-5d1e2c3b4a59");
	CU_ASSERT_STRING_EQUAL(value("seq"), "9223372036854775807");
	CU_ASSERT_STRING_EQUAL(value("loud"), "false");
	CU_ASSERT_STRING_EQUAL(value("colour"), "green");
	CU_ASSERT_STRING_EQUAL(value("ids"), "{\"a\",\"b\\\"\"}");
	CU_ASSERT_STRING_EQUAL(value("uuids"), "{}");
	CU_ASSERT_STRING_EQUAL(
	    value("people"), "[{\"id\":\"x\",\"age\":3,\"nick\":null}]");
	take(&batched, NULL, "{\"ids\":[\"a\",\"b\\\"\"],\"uuid\":null}");
	CU_ASSERT_TRUE(good);
	CU_ASSERT_STRING_EQUAL(value("ids"), "[\"a\",\"b\\\"\"]");
	CU_ASSERT_STRING_EQUAL(value("uuid"), "(null)");
}

static void
test_emoji(void)
{
	take(&plain, NULL, "{\"emoji\":\"\u2764\"}");
	CU_ASSERT_TRUE(good);
	CU_ASSERT_STRING_EQUAL(value("emoji"), "\u2764\ufe0f");
	take(&plain, NULL, "{\"emoji\":\":a_b-c+1:\"}");
	CU_ASSERT_TRUE(good);
	CU_ASSERT_STRING_EQUAL(value("emoji"), ":a_b-c+1:");
	take(
	    &plain, NULL, "{\"emoji\":\":12345678901234567890123456789012:\"}");
	CU_ASSERT_TRUE(good);
	take(&plain, NULL,
	    "{\"emoji\":\":123456789012345678901234567890123:\"}");
	ASSERT_FAULT("emoji", "bad_emoji");
	take(&plain, NULL, "{\"emoji\":\"::\"}");
	ASSERT_FAULT("emoji", "bad_emoji");
	take(&plain, NULL, "{\"emoji\":\":a\\u0000:\"}");
	ASSERT_FAULT("emoji", "bad_emoji");
	take(&plain, NULL, "{\"emoji\":\"a\"}");
	ASSERT_FAULT("emoji", "bad_emoji");
	take(&plain, NULL, "{\"emoji\":\"\"}");
	ASSERT_FAULT("emoji", "bad_emoji");
	take(&plain, NULL, "{\"any_emoji\":\"\"}");
	CU_ASSERT_TRUE(good);
	CU_ASSERT_STRING_EQUAL(value("any_emoji"), "");
	take(&plain, NULL, "{\"any_emoji\":\"busy\"}");
	ASSERT_FAULT("any_emoji", "bad_emoji");
	take(&plain, NULL, "{\"emoji\":1}");
	ASSERT_FAULT("emoji", "wrong_type");
}

static void
test_unknown(void)
{
	take(&plain, NULL, "{\"txet\":\"x\"}");
	ASSERT_FAULT("txet", "unknown_field");
	take(&plain, NULL, "{\"limit\":3}"); /* of the query, not the body */
	ASSERT_FAULT("limit", "unknown_field");
	take(&plain, "text=x", NULL);
	ASSERT_FAULT("text", "unknown_field");
	take(&plain, "limit=1&limit=2", NULL);
	ASSERT_FAULT("limit", "repeated");
	take(&plain, "limit=%zz", NULL);
	ASSERT_FAULT("limit", "bad_encoding");
	take(&plain, "limit=%00", NULL);
	ASSERT_FAULT("limit", "bad_encoding");
	take(&plain, "%zz=1", NULL);
	ASSERT_FAULT("", "bad_encoding");
	take(&plain, NULL, "{\"a\\u0007\\u00e9\":1}");
	ASSERT_FAULT("a\?\?\?", "unknown_field");
	take(&plain, NULL, "{\"people\":[{\"id\":\"a\",\"x\":1}]}");
	ASSERT_FAULT("people[0].x", "unknown_field");
}

static void
test_types(void)
{
	take(&plain, NULL, "{\"text\":5}");
	ASSERT_FAULT("text", "wrong_type");
	take(&plain, NULL, "{\"text\":null}");
	ASSERT_FAULT("text", "null");
	take(&plain, NULL, "{\"user\":17}");
	ASSERT_FAULT("user", "wrong_type");
	take(&plain, NULL, "{\"seq\":\"17\"}");
	ASSERT_FAULT("seq", "wrong_type");
	take(&plain, NULL, "{\"seq\":17.0}");
	ASSERT_FAULT("seq", "wrong_type");
	take(&plain, NULL, "{\"loud\":1}");
	ASSERT_FAULT("loud", "wrong_type");
	take(&plain, NULL, "{\"ids\":\"a\"}");
	ASSERT_FAULT("ids", "wrong_type");
	take(&plain, NULL, "{\"ids\":[\"a\",\"b\",3]}");
	ASSERT_FAULT("ids[2]", "wrong_type");
	take(&plain, NULL, "{\"people\":[1]}");
	ASSERT_FAULT("people[0]", "wrong_type");
	take(&plain, NULL, "{\"people\":[{\"id\":\"a\",\"age\":\"old\"}]}");
	ASSERT_FAULT("people[0].age", "wrong_type");
	take(&plain, "limit=5x", NULL);
	ASSERT_FAULT("limit", "wrong_type");
	take(&plain, "limit=%205", NULL);
	ASSERT_FAULT("limit", "wrong_type");
	take(&plain, "limit=", NULL);
	ASSERT_FAULT("limit", "wrong_type");
	take(&plain, "deep=yes", NULL);
	ASSERT_FAULT("deep", "wrong_type");
}

static void
test_bounds(void)
{
	take(&plain, NULL, "{\"text\":\"\"}");
	ASSERT_FAULT("text", "too_short");
	take(&plain, NULL, "{\"text\":\"123456789\"}");
	ASSERT_FAULT("text", "too_long");
	take(&plain, NULL,
	    "{\"text\":\"öööööööö\"}"); /* characters, not bytes */
	CU_ASSERT_TRUE(good);
	take(&plain, NULL, "{\"title\":\"x\"}");
	ASSERT_FAULT("title", "too_short");
	take(&plain, NULL, "{\"seq\":-1}");
	ASSERT_FAULT("seq", "out_of_range");
	take(&plain, "limit=0", NULL);
	ASSERT_FAULT("limit", "out_of_range");
	take(&plain, "limit=99999999999999999999", NULL);
	ASSERT_FAULT("limit", "out_of_range");
	take(&plain, NULL, "{\"ids\":[\"a\",\"b\",\"c\",\"d\"]}");
	ASSERT_FAULT("ids", "too_many");
	take(&plain, NULL, "{\"people\":[]}");
	ASSERT_FAULT("people", "too_few");
	take(&plain, NULL, "{\"ids\":[\"a\",\"b\",\"a\"]}");
	ASSERT_FAULT("ids[2]", "repeated");
	take(&plain, NULL, "{\"people\":[{\"id\":\"a\"},{\"id\":\"a\"}]}");
	ASSERT_FAULT("people[1].id", "repeated");
	take(&plain, NULL, "{\"colour\":\"blue\"}");
	ASSERT_FAULT("colour", "not_allowed");
	take(&plain, NULL, "{\"about\":\"tips\"}");
	CU_ASSERT_STRING_EQUAL(value("about"), "tips");
	take(&plain, NULL, "{\"about\":\"gossip\"}");
	ASSERT_FAULT("about", "not_allowed");
	take(&plain, NULL, "{\"people\":[{\"age\":1}]}");
	ASSERT_FAULT("people[0].id", "required");
}

static void
test_text(void)
{
	take(&plain, NULL, "{\"text\":\"a\\u0000b\"}");
	ASSERT_FAULT("text", "bad_text");
	take(&plain, NULL, "{\"text\":\"\\u001b[0m\"}");
	ASSERT_FAULT("text", "bad_text");
	take(&plain, NULL, "{\"title\":\"a\\nb\"}");
	ASSERT_FAULT("title", "bad_text");
	take(&plain, NULL, "{\"user\":\"a\\tb\"}");
	ASSERT_FAULT("user", "bad_text");
	take(&plain, NULL, "{\"user\":\"\"}");
	ASSERT_FAULT("user", "too_short");
	take(&plain, NULL, "{\"at\":\"2024-02-29T18:04:56+05:30\"}");
	CU_ASSERT_STRING_EQUAL(value("at"), "2024-02-29T12:34:56.000000Z");
	take(&plain, NULL, "{\"at\":\"tomorrow\"}");
	ASSERT_FAULT("at", "bad_time");
	take(&plain, NULL, "{\"uuid\":\"0190b1a8\"}");
	ASSERT_FAULT("uuid", "bad_uuid");
	take(&plain, "tags=%ff", NULL);
	ASSERT_FAULT("tags[0]", "bad_text");
}

static void
take_room(const char *room)
{
	struct api_route route = { .nargs = 1,
		.args = { { .name = "room", .name_len = 4 } } };

	snprintf(route.args[0].value, sizeof(route.args[0].value), "%s", room);
	base_arena_fini(&arena);
	api_args_init(&args, &plain, &arena, &limits);
	api_args_route(&args, &route);
	good = api_args_finish(&args);
}

static void
test_conversations(void)
{
	take_room("0190B1A8-7D2E-7C3A-9F00-5D1E2C3B4A59");
	CU_ASSERT_TRUE(good);
	CU_ASSERT_STRING_EQUAL(
	    value("room"), "0190b1a8-7d2e-7c3a-9f00-5d1e2c3b4a59");
	take_room("chat:123");
	CU_ASSERT_TRUE(good);
	take_room("two words");
	ASSERT_FAULT("room", "bad_conversation");
	take_room("a'b");
	ASSERT_FAULT("room", "bad_conversation");
}

static void
test_several(void)
{
	char many[2000] = "{", name[16];

	take(&plain, "limit=0&x=1", "{\"text\":1,\"y\":2}");
	CU_ASSERT_FALSE(good);
	CU_ASSERT_EQUAL(args.nerrors, 4);
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "%s\"k%d\":1", i ? "," : "", i);
		strcat(many, name);
	}
	strcat(many, "}");
	take(&plain, NULL, many);
	CU_ASSERT_EQUAL(args.nerrors, API_PARAM_ERRORS_MAX);
}

/* A frame has one object for all places, and nothing comes from a path. */
static void
test_frames(void)
{
	json_t *object = json_pack(
	    "{s:s, s:i, s:s}", "room", "public", "limit", 7, "text", "hi");

	base_arena_fini(&arena);
	api_args_init(&args, &plain, &arena, &limits);
	api_args_object(&args, object, true);
	CU_ASSERT_TRUE(api_args_finish(&args));
	CU_ASSERT_STRING_EQUAL(value("limit"), "7");
	json_object_del(object, "room");
	api_args_init(&args, &plain, &arena, &limits);
	api_args_object(&args, object, true);
	good = api_args_finish(&args);
	ASSERT_FAULT("room", "required");
	json_decref(object);
	base_arena_fini(&arena);
}

static void
test_only_for(void)
{
	static const char *const kinds[] = { "one", "two", "three", NULL };
	static const struct api_param some[] = {
		{ .name = "type",
		    .place = API_IN_BODY,
		    .type = API_ENUM,
		    .values = kinds },
		{ .name = "x",
		    .place = API_IN_BODY,
		    .type = API_BOOL,
		    .only_for = "one three" },
	};
	static const struct api_operation op = {
		.name = "t.kinds", .params = some, .nparams = ARRAY_LEN(some)
	};
	static const char *const bodies[] = { "{\"type\":\"one\",\"x\":true}",
		"{\"type\":\"three\",\"x\":true}", "{\"type\":\"two\"}",
		"{\"type\":\"two\",\"x\":true}", "{\"x\":true}" };

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		json_t *object = json_loads(bodies[i], 0, NULL);

		api_args_init(&args, &op, &arena, &limits);
		api_args_object(&args, object, false);
		good = api_args_finish(&args);
		json_decref(object);
		if (i < 3) {
			CU_ASSERT_TRUE(good);
		} else {
			ASSERT_FAULT("x", "not_allowed");
		}
	}
	base_arena_fini(&arena);
}

/* A list has one place; a search within a span of time has its cursor. */
static void
test_places(void)
{
	static const struct api_param places[] = {
		{ .name = "before", .place = API_IN_BODY, .type = API_TIME },
		{ .name = "after", .place = API_IN_BODY, .type = API_TIME },
		{ .name = "cursor",
		    .place = API_IN_BODY,
		    .type = API_STRING,
		    .max = 300 },
	};
	static const struct api_operation ops[] = {
		{ .name = "t.search",
		    .flags = API_LIST,
		    .params = places,
		    .nparams = 3 },
		{ .name = "t.list",
		    .flags = API_LIST,
		    .params = places,
		    .nparams = 2 },
	};
	json_t *object = json_pack("{s:s, s:s}", "before",
	    "2026-02-01T00:00:00Z", "after", "2026-01-01T00:00:00Z");

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		api_args_init(&args, &ops[i], &arena, &limits);
		api_args_object(&args, object, false);
		good = api_args_finish(&args);
		if (i == 0)
			CU_ASSERT_TRUE(good);
	}
	ASSERT_FAULT("after", "not_allowed");
	json_decref(object);
	base_arena_fini(&arena);
}

TEST_MAIN("api_param", { "takes", test_takes },
    { "blank lines", test_blank_lines }, { "unknown", test_unknown },
    { "types", test_types }, { "bounds", test_bounds }, { "emoji", test_emoji },
    { "text", test_text }, { "conversations", test_conversations },
    { "only for", test_only_for }, { "several", test_several },
    { "frames", test_frames }, { "places", test_places })
