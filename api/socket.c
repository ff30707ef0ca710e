/* SPDX-License-Identifier: ISC */
/*
 * A call belongs to the process's list, and to its connection only as long as
 * that lives: the write of a client that sends and leaves is finished.
 */

#include "api/socket.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "api/config.h"
#include "api/errors.h"
#include "api/json_in.h"
#include "api/limit.h"
#include "api/metrics.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"

#define ID_BYTES_MAX 64

/* Answers of 429 until a client is taken for one that does not read them. */
#define REFUSED_MAX 600
#define REFUSED_MS 60000

struct pending {
	LIST_ENTRY(pending) link;
	LIST_ENTRY(pending) of_socket;
	struct api_sockets *all;
	struct api_socket *socket; /* NULL: the connection is gone */
	struct api_call *call;	   /* non-NULL = in flight */
	char id[];		   /* JSON text of the frame's id */
};

LIST_HEAD(pendings, pending);

struct api_sockets {
	struct api_engine *engine;
	struct pendings calls;
	size_t count;
	struct base_buf frame; /* scratch of one reply */
};

struct api_socket {
	struct api_sockets *sockets;
	struct pendings calls;
	size_t count;
	uint64_t refused_ms; /* the first of `refused` */
	unsigned refused;
	struct api_socket_params params;
};

/* A frame taken apart; all borrow the parsed object. */
struct frame {
	const char *op;
	json_t *args;
	const char *as;
	const char *key;
};

struct api_sockets *
api_sockets_new(struct api_engine *engine)
{
	struct api_sockets *all = base_alloc(sizeof(*all));

	all->engine = engine;
	LIST_INIT(&all->calls);
	return all;
}

static void
count_set(struct api_socket *s, size_t count)
{
	s->count = count;
	s->params.calls(s->params.arg, count);
}

static void
pending_free(struct pending *p, struct api_sockets *all)
{
	LIST_REMOVE(p, link);
	all->count--;
	if (p->socket != NULL)
		LIST_REMOVE(p, of_socket);
	base_free(p);
}

void
api_sockets_free(struct api_sockets *all)
{
	struct pending *p;

	if (all == NULL)
		return;
	while ((p = LIST_FIRST(&all->calls)) != NULL) {
		api_call_cancel(p->call);
		pending_free(p, all);
	}
	base_buf_fini(&all->frame);
	base_free(all);
}

size_t
api_sockets_calls(const struct api_sockets *all)
{
	return all->count;
}

struct api_socket *
api_socket_new(struct api_sockets *all, const struct api_socket_params *params)
{
	struct api_socket *s = base_alloc(sizeof(*s));

	s->sockets = all;
	s->params = *params;
	LIST_INIT(&s->calls);
	return s;
}

void
api_socket_free(struct api_socket *s)
{
	struct pending *p;

	if (s == NULL)
		return;
	while ((p = LIST_FIRST(&s->calls)) != NULL) {
		LIST_REMOVE(p, of_socket);
		p->socket = NULL;
	}
	base_free(s);
}

void
api_socket_identify(
    struct api_socket *s, struct api_identity *identity, const char *platform)
{
	s->params.identity = identity;
	s->params.platform = platform;
}

/* Begins a reply in the scratch buffer; `id` is JSON text. */
static void
reply_begin(
    struct api_sockets *all, struct base_json *j, const char *id, int status)
{
	base_buf_reset(&all->frame);
	base_json_init(j, &all->frame);
	base_json_object_begin(j);
	base_json_put_raw(j, "reply", id, strlen(id));
	base_json_put_int(j, "status", status);
}

static void
reply_send(struct api_socket *s, struct base_json *j)
{
	struct base_buf *frame = &s->sockets->frame;

	base_json_object_end(j);
	s->params.reply(s->params.arg, frame->data, frame->len);
}

/* Who is refused all the time and does not heed it is sent away, so that
 * reading and answering its frames does not go on for ever. */
static void
refused_count(struct api_socket *s)
{
	uint64_t now = base_clock_ms();

	if (s->refused == 0 || now - s->refused_ms >= REFUSED_MS) {
		s->refused_ms = now;
		s->refused = 0;
	}
	if (++s->refused == REFUSED_MAX)
		s->params.flooded(s->params.arg);
}

/* Answers a frame that never became a call; it counts like one. */
static void
refuse(
    struct api_socket *s, const char *id, const char *code, const char *detail)
{
	struct api_verdict v =
	    api_limit_take(api_engine_limits(s->sockets->engine), API_RATE_READ,
		s->params.identity);
	char request_id[21];
	struct api_problem problem = { 0 };
	struct base_buf text = { 0 };
	struct base_json j;

	base_random_base32(request_id, sizeof(request_id) - 1);
	problem.error = api_error_get(v.allowed ? code : "rate_limited");
	problem.detail = v.allowed ? detail : NULL;
	problem.request_id = request_id;
	api_problem_write(&text, &problem);
	reply_begin(s->sockets, &j, id, problem.error->status);
	base_json_put_raw(&j, "error", text.data, text.len);
	if (!v.allowed)
		base_json_put_int(&j, "retry_after", v.retry_s);
	base_buf_fini(&text);
	reply_send(s, &j);
	if (!v.allowed)
		refused_count(s);
}

/* Over HTTP this is a header; without it a client cannot know how long. */
static void
put_retry_after(struct base_json *j, const struct api_answer *answer)
{
	for (size_t i = 0; i < answer->nheaders; i++) {
		if (strcasecmp(answer->headers[i].name, "Retry-After") == 0)
			base_json_put_int(j, "retry_after",
			    strtol(answer->headers[i].value, NULL, 10));
	}
}

static bool
is_json(const char *content_type)
{
	return strncmp(content_type, "application/json", 16) == 0 ||
	    strncmp(content_type, "application/problem+json", 24) == 0;
}

static void
call_done(const struct api_answer *answer, void *arg)
{
	struct pending *p = arg;
	struct api_socket *s = p->socket;
	const char *key;
	struct base_json j;

	p->call = NULL;
	if (s == NULL) {
		pending_free(p, p->all);
		return;
	}
	key = answer->status >= 400 ? "error" : "data";
	reply_begin(s->sockets, &j, p->id, answer->status);
	if (answer->content_type == NULL || answer->body == NULL)
		base_json_put_null(&j, key);
	else if (is_json(answer->content_type))
		base_json_put_raw(&j, key, answer->body, answer->body_len);
	else
		base_json_put_strn(&j, key, answer->body, answer->body_len);
	if (answer->status >= 400)
		put_retry_after(&j, answer);
	pending_free(p, p->all);
	reply_send(s, &j);
	count_set(s, s->count - 1);
	if (answer->status == 429)
		refused_count(s);
}

static void
call_start(struct api_socket *s, const struct frame *f, const char *id)
{
	struct api_request r = { 0 };
	struct pending *p;
	size_t len = strlen(id);

	p = base_alloc(sizeof(*p) + len + 1);
	memcpy(p->id, id, len + 1);
	p->all = s->sockets;
	p->socket = s;
	p->all->count++;
	LIST_INSERT_HEAD(&p->all->calls, p, link);
	LIST_INSERT_HEAD(&s->calls, p, of_socket);
	count_set(s, s->count + 1);

	r.door = API_DOOR_SOCKET;
	r.op_name = f->op;
	r.args = f->args;
	r.as = f->as;
	r.key = f->key;
	r.identity = s->params.identity;
	r.connection_id = s->params.connection_id;
	r.platform = s->params.platform;
	r.remote_addr = s->params.remote_addr;
	p->call = api_call_start(s->sockets->engine, &r, call_done, p);
}

/* The id as JSON text, to be sent back; false when it cannot be one. */
static bool
id_write(struct base_buf *out, const json_t *id)
{
	struct base_json j;

	base_json_init(&j, out);
	if (json_is_integer(id)) {
		base_json_int(&j, json_integer_value(id));
		return true;
	}
	if (!json_is_string(id) || json_string_length(id) == 0 ||
	    json_string_length(id) > ID_BYTES_MAX)
		return false;
	base_json_strn(&j, json_string_value(id), json_string_length(id));
	return true;
}

/* NULL, or what is wrong with the members of the frame, `id` aside. */
static const char *
frame_take(struct frame *f, json_t *object)
{
	const char *name;
	json_t *value;

	json_object_foreach (object, name, value) {
		if (strcmp(name, "id") == 0)
			continue;
		if (strcmp(name, "op") == 0 && json_is_string(value))
			f->op = json_string_value(value);
		else if (strcmp(name, "args") == 0 && json_is_object(value))
			f->args = value;
		else if (strcmp(name, "as") == 0 && json_is_string(value))
			f->as = json_string_value(value);
		else if (strcmp(name, "key") == 0 && json_is_string(value))
			f->key = json_string_value(value);
		else if (strcmp(name, "op") == 0)
			return "`op` must be a string.";
		else if (strcmp(name, "args") == 0)
			return "`args` must be an object.";
		else if (strcmp(name, "as") == 0)
			return "`as` must be a string.";
		else if (strcmp(name, "key") == 0)
			return "`key` must be a string.";
		else
			return "A request has the members id, op, args, as and "
			       "key only.";
	}
	return f->op == NULL ? "`op` is missing." : NULL;
}

static void
object_receive(struct api_socket *s, json_t *object)
{
	struct base_buf id = { 0 };
	struct frame f = { 0 };
	const char *wrong;

	if (!id_write(&id, json_object_get(object, "id"))) {
		refuse(s, "null", "bad_request",
		    "`id` must be a string of 1 to 64 bytes or an integer.");
		goto out;
	}
	wrong = frame_take(&f, object);
	if (wrong != NULL)
		refuse(s, id.data, "bad_request", wrong);
	else
		call_start(s, &f, id.data);
out:
	base_buf_fini(&id);
}

void
api_socket_receive(struct api_socket *s, const char *text, size_t len)
{
	struct api_engine *e = s->sockets->engine;
	enum api_json_status status;
	json_t *object;

	api_metrics_count(api_engine_metrics(e), API_COUNT_SOCKET_FRAMES, 1);
	status = api_json_parse(
	    text, len, (size_t)api_engine_config(e)->max_frame_bytes, &object);
	if (status != API_JSON_OK) {
		refuse(s, "null", api_json_error_code(status),
		    api_json_error_detail(status));
		return;
	}
	object_receive(s, object);
	json_decref(object);
}
