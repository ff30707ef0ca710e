/* SPDX-License-Identifier: ISC */
/* Requests for streams. */

#include "api/stream_request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/http_reply.h"
#include "api/operation.h"
#include "api/param.h"
#include "api/percent.h"
#include "base/utf8.h"
#include "push/deflate.h"
#include "push/sse.h"
#include "push/websocket.h"

#define PLATFORM_MAX 32
#define VERSION_MAX 64
#define TOPIC_MAX 200 /* bytes of one name */
#define TICKET_MAX 200

static bool
refused(struct api_stream_refusal *why, const char *code, const char *field,
    const char *detail)
{
	why->code = code;
	why->field = field;
	why->detail = detail;
	return false;
}

/* Headers. */

static const char *
header_copy(struct api_stream_request *r, const struct api_stream_params *p,
    const char *name)
{
	const char *value = p->header(p->header_arg, name);

	if (value == NULL || *value == '\0')
		return NULL;
	return base_arena_strdup(&r->arena, value);
}

/* A list, which may come in several lines (RFC 9110, 5.3). */
static const char *
list_copy(struct api_stream_request *r, const struct api_stream_params *p,
    const char *name)
{
	const char *all = header_copy(r, p, name), *more;
	size_t n;

	for (n = 1; p->line != NULL &&
	     (more = p->line(p->header_arg, name, n)) != NULL;
	     n++)
		all = base_arena_printf(
		    &r->arena, "%s,%s", all != NULL ? all : "", more);
	return all;
}

/* How much a media type is wanted (RFC 9110, 12.5.1): the quality in
 * thousandths that the closest range gives it, -1: none does. */
struct preference {
	long quality;
	int closeness; /* 1: any type, 2: its kind, 3: it by name */
};

/* The q among a range's parameters, in thousandths; 1 where there is none. */
static long
range_quality(const char *parameters, size_t len)
{
	char text[128];
	const char *q = text;
	double value;

	if (len >= sizeof(text))
		return 1000;
	memcpy(text, parameters, len);
	text[len] = '\0';
	while ((q = strchr(q, ';')) != NULL) {
		q += 1 + strspn(q + 1, " \t");
		if (strncasecmp(q, "q=", 2) != 0)
			continue;
		value = strtod(q + 2, NULL);
		return value > 0 ? value < 1 ? (long)(value * 1000) : 1000 : 0;
	}
	return 1000;
}

static int
range_closeness(const char *range, size_t len, const char *type)
{
	size_t kind = strcspn(type, "/") + 1;

	if (len == strlen(type) && strncasecmp(range, type, len) == 0)
		return 3;
	if (len == kind + 1 && strncasecmp(range, type, kind) == 0 &&
	    range[kind] == '*')
		return 2;
	return len == 3 && strncmp(range, "*/*", len) == 0 ? 1 : 0;
}

static struct preference
preference(const char *accept, const char *type)
{
	struct preference p = { -1, 0 };
	size_t len, name;
	int closeness;

	for (; *accept != '\0'; accept += len) {
		accept += strspn(accept, ", \t");
		len = strcspn(accept, ",");
		name = strcspn(accept, "; \t,");
		closeness = range_closeness(accept, name, type);
		if (closeness > p.closeness) {
			p.closeness = closeness;
			p.quality = range_quality(accept + name, len - name);
		}
	}
	return p;
}

/* What is asked for by name goes before what would do; a stream before a
 * list. */
enum api_stream_want
api_stream_want(const char *accept)
{
	struct preference stream, list;

	if (accept == NULL || accept[strspn(accept, ", \t")] == '\0')
		return API_STREAM_WANT_STREAM;
	stream = preference(accept, "text/event-stream");
	list = preference(accept, "application/json");
	if (stream.quality <= 0 && list.quality <= 0)
		return API_STREAM_WANT_NEITHER;
	if (list.quality != stream.quality)
		return list.quality > stream.quality ? API_STREAM_WANT_LIST :
						       API_STREAM_WANT_STREAM;
	return list.closeness > stream.closeness ? API_STREAM_WANT_LIST :
						   API_STREAM_WANT_STREAM;
}

/* "flutter/1.2.0": what a REST client says of itself serves here too. */
static void
client_take(struct api_stream_request *r, const char *client)
{
	const char *slash;
	size_t len;

	if (client == NULL)
		return;
	len = strcspn(client, "/ ;");
	if (r->platform == NULL && len > 0 && len <= PLATFORM_MAX)
		r->platform = base_arena_strndup(&r->arena, client, len);
	slash = client + len;
	if (*slash != '/' || r->app_version != NULL)
		return;
	len = strcspn(slash + 1, " ;");
	if (len > 0 && len <= VERSION_MAX)
		r->app_version = base_arena_strndup(&r->arena, slash + 1, len);
}

static void
headers_take(struct api_stream_request *r, const struct api_stream_params *p)
{
	char id[API_HTTP_REQUEST_ID_SIZE];
	const char *accept;

	r->authorization = header_copy(r, p, "Authorization");
	r->origin = header_copy(r, p, "Origin");
	r->user_agent = header_copy(r, p, "User-Agent");
	r->subprotocol = list_copy(r, p, "Sec-WebSocket-Protocol");
	if (p->kind == API_STREAM_SOCKET && p->deflate)
		r->window_bits = push_deflate_choose(
		    list_copy(r, p, "Sec-WebSocket-Extensions"),
		    &r->window_named);
	r->key = header_copy(r, p, "Sec-WebSocket-Key");
	r->remote_addr = base_arena_strdup(
	    &r->arena, p->remote_addr != NULL ? p->remote_addr : "");
	api_http_request_id(id,
	    p->request_id != NULL ? p->request_id :
				    p->header(p->header_arg, "X-Request-Id"));
	r->request_id = base_arena_strdup(&r->arena, id);
	accept = p->header(p->header_arg, "Accept");
	r->event_source = p->kind == API_STREAM_EVENTS && accept != NULL &&
	    preference(accept, "text/event-stream").closeness == 3 &&
	    (r->origin != NULL || r->ticket != NULL ||
		p->header(p->header_arg, "Sec-Fetch-Mode") != NULL);
}

/* A browser repeats the URL but knows better where it was. */
static bool
last_id_take(struct api_stream_request *r, const struct api_stream_params *p,
    struct api_stream_refusal *why)
{
	const char *last = header_copy(r, p, "Last-Event-ID");

	if (last == NULL || p->kind != API_STREAM_EVENTS)
		return true;
	r->came_back = true;
	if (push_sse_last_id_parse(last, &r->after)) {
		r->has_after = r->after >= 0;
		return true;
	}
	return refused(
	    why, "invalid", "Last-Event-ID", API_STREAM_LAST_ID_DETAIL);
}

/* Query. */

/* Characters of one line, at least one and at most `max` of them. */
static bool
line_valid(const char *s, size_t max)
{
	size_t len = strlen(s);

	return len > 0 && base_text_check(s, len) &&
	    strpbrk(s, "\t\n") == NULL && base_utf8_count(s, len) <= max;
}

static bool
topics_take(
    struct api_stream_request *r, char *list, struct api_stream_refusal *why)
{
	char *name, *rest;

	if (strcmp(list, "all") == 0) {
		r->all = true;
		return true;
	}
	r->topics = base_arena_alloc(
	    &r->arena, API_STREAM_TOPICS_MAX * sizeof(*r->topics));
	for (name = strtok_r(list, ",", &rest); name != NULL;
	     name = strtok_r(NULL, ",", &rest)) {
		if (r->topic_count == API_STREAM_TOPICS_MAX)
			return refused(why, "invalid", "topics",
			    "At most 100 topics can be named.");
		if (strlen(name) > TOPIC_MAX || !line_valid(name, TOPIC_MAX))
			return refused(why, "invalid", "topics",
			    "A topic is a conversation's id or name.");
		r->topics[r->topic_count++] = name;
	}
	if (r->topic_count == 0)
		return refused(why, "invalid", "topics", "No topic is named.");
	return true;
}

static bool
number_take(const char *value, uint32_t min, uint32_t max, uint32_t *out)
{
	char *end;
	unsigned long n;

	if (strspn(value, "0123456789") != strlen(value) || strlen(value) > 9)
		return false;
	n = strtoul(value, &end, 10);
	*out = (uint32_t)n;
	return n >= min && n <= max;
}

/* One decoded pair; `value` lives in the arena. */
static bool
pair_take(struct api_stream_request *r, const char *name, char *value,
    struct api_stream_refusal *why)
{
	if (strcmp(name, "after") == 0 && !r->has_after) {
		r->has_after = true;
		r->after = push_sse_id_parse(value);
		if (r->after < 0)
			return refused(why, "invalid", "after",
			    "`after` is the id of an event: digits only.");
	} else if (strcmp(name, "heartbeat") == 0) {
		if (!number_take(value, API_STREAM_HEARTBEAT_MIN,
			API_STREAM_HEARTBEAT_MAX, &r->heartbeat_s))
			return refused(why, "invalid", "heartbeat",
			    "`heartbeat` is a number of seconds from 5 to "
			    "300.");
	} else if (strcmp(name, "topics") == 0) {
		return topics_take(r, value, why);
	} else if (strcmp(name, "platform") == 0) {
		if (!line_valid(value, PLATFORM_MAX))
			return refused(why, "invalid", "platform",
			    "`platform` is a line of at most 32 characters.");
		r->platform = value;
	} else if (strcmp(name, "app_version") == 0) {
		if (!line_valid(value, VERSION_MAX))
			return refused(why, "invalid", "app_version",
			    "`app_version` is a line of at most 64 "
			    "characters.");
		r->app_version = value;
	}
	return true;
}

static bool
field_refused(struct api_stream_refusal *why, const char *fault,
    const char *field, const char *detail)
{
	why->fault = fault;
	return refused(why, "invalid", field, detail);
}

/* The operation's row says which parameters there are. */
static bool
item_take(struct api_stream_request *r, char *item, uint32_t *given,
    struct api_stream_refusal *why)
{
	const struct api_operation *op = api_operation_find(
	    r->kind == API_STREAM_SOCKET ? "socket.open" : "events.list");
	char *value = item + strcspn(item, "=");
	const struct api_param *p;
	uint32_t bit;

	if (*value != '\0')
		*value++ = '\0';
	p = api_percent_decode(item, item, strlen(item) + 1, true) ?
	    api_operation_param(op, item) :
	    NULL;
	if (p == NULL)
		return field_refused(why, "unknown_field",
		    api_param_name_shown(&r->arena, item),
		    "The operation has no query parameter of this name.");
	bit = 1U << (p - op->params);
	if (*given & bit)
		return field_refused(
		    why, "repeated", p->name, "The parameter is given twice.");
	*given |= bit;
	if (!api_percent_decode(value, value, strlen(value) + 1, true))
		return field_refused(why, "bad_encoding", p->name,
		    "The query is not properly percent-encoded.");
	return pair_take(r, p->name, value, why);
}

static bool
query_take(struct api_stream_request *r, const char *query,
    struct api_stream_refusal *why)
{
	char *copy, *item, *rest;
	uint32_t given = 0;

	if (query == NULL)
		return true;
	copy = base_arena_strdup(&r->arena, query);
	for (item = strtok_r(copy, "&", &rest); item != NULL;
	     item = strtok_r(NULL, "&", &rest)) {
		if (!item_take(r, item, &given, why))
			return false;
	}
	return true;
}

/* Needed before everything else: it tells what kind of client this is. */
static void
ticket_take(struct api_stream_request *r, const char *query)
{
	const char *at = query;
	char text[TICKET_MAX];
	size_t len;

	for (; at != NULL; at = strchr(at, '&')) {
		at += *at == '&';
		if (strncmp(at, "ticket=", 7) != 0)
			continue;
		at += 7;
		len = strcspn(at, "&");
		if (len > 0 &&
		    api_percent_decode_n(text, sizeof(text), at, len, true))
			r->ticket = base_arena_strdup(&r->arena, text);
		return;
	}
}

/* Method and handshake. */

static bool
socket_check(struct api_stream_request *r, const struct api_stream_params *p,
    struct api_stream_refusal *why)
{
	if (strcmp(p->method, "GET") != 0)
		return refused(why, "method_not_allowed", NULL,
		    "A WebSocket is opened by GET.");
	switch (push_websocket_check(list_copy(r, p, "Upgrade"),
	    list_copy(r, p, "Connection"),
	    p->header(p->header_arg, "Sec-WebSocket-Version"), r->key)) {
	case PUSH_WS_HANDSHAKE_NOT_UPGRADE:
		return refused(why, "upgrade_required", NULL, NULL);
	case PUSH_WS_HANDSHAKE_BAD_VERSION:
		return refused(why, "upgrade_required", NULL,
		    "The version of the WebSocket protocol is 13.");
	case PUSH_WS_HANDSHAKE_BAD_KEY:
		return refused(why, "bad_request", NULL,
		    "Sec-WebSocket-Key is not 16 bytes in base64.");
	case PUSH_WS_HANDSHAKE_OK:
		break;
	}
	if (p->http_1_0)
		return refused(
		    why, "bad_request", NULL, "A WebSocket needs HTTP/1.1.");
	return true;
}

static bool
events_check(const struct api_stream_params *p, struct api_stream_refusal *why)
{
	if (strcmp(p->method, "GET") != 0 && strcmp(p->method, "HEAD") != 0)
		return refused(why, "method_not_allowed", NULL, NULL);
	if (api_stream_want(p->header(p->header_arg, "Accept")) ==
	    API_STREAM_WANT_NEITHER)
		return refused(why, "not_acceptable", NULL,
		    "There are text/event-stream and application/json.");
	return true;
}

bool
api_stream_request_parse(struct api_stream_request *r,
    const struct api_stream_params *p, struct api_stream_refusal *why)
{
	bool fine;

	memset(r, 0, sizeof(*r));
	memset(why, 0, sizeof(*why));
	base_arena_init(&r->arena);
	r->kind = p->kind;
	r->head = strcmp(p->method, "HEAD") == 0;
	ticket_take(r, p->query);
	headers_take(r, p);
	if (p->kind == API_STREAM_SOCKET)
		fine = socket_check(r, p, why);
	else
		fine = events_check(p, why);
	if (!fine || !last_id_take(r, p, why) || !query_take(r, p->query, why))
		return false;
	client_take(r, p->header(p->header_arg, "Parley-Client"));
	return true;
}

void
api_stream_request_fini(struct api_stream_request *r)
{
	base_arena_fini(&r->arena);
}
