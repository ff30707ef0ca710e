/* SPDX-License-Identifier: ISC */
/* Clients of a worker inside a test: see world.h. */

#include "tests/db/world.h"

#include <sys/socket.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "base/clock.h"
#include "base/mem.h"

#define WAIT_MS 30000

/* Values stay valid for a dozen look-ups, as long as a request is read. */
static const char *
field_value(void *arg, const char *name)
{
	static char copies[16][1024];
	static unsigned next;
	const char *line, *end, *text = arg;
	size_t len = strlen(name);

	for (line = text; *line != '\0'; line = end + 2) {
		end = strstr(line, "\r\n");
		if (strncasecmp(line, name, len) != 0 || line[len] != ':')
			continue;
		next = (next + 1) % 16;
		snprintf(copies[next], sizeof(copies[next]), "%.*s",
		    (int)(end - line - (ptrdiff_t)len - 2), line + len + 2);
		return copies[next];
	}
	return NULL;
}

void
client_open(struct client *c, struct world *w, enum api_stream_kind kind,
    const char *token, const char *query, const char *fields)
{
	struct api_stream_params p = { 0 };
	char text[2048]; /* "Name: value\r\n" lines */
	int fds[2];

	memset(c, 0, sizeof(*c));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		fds) != 0)
		abort();
	c->world = w;
	c->fd = fds[1];
	c->websocket = kind == API_STREAM_SOCKET;
	snprintf(text, sizeof(text), "%s%s%s%s%s",
	    token != NULL ? "Authorization: Bearer " : "",
	    token != NULL ? token : "", token != NULL ? "\r\n" : "",
	    c->websocket ? "Upgrade: websocket\r\nConnection: Upgrade\r\n"
			   "Sec-WebSocket-Version: 13\r\n"
			   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" :
			   "",
	    fields != NULL ? fields : "");
	p.fd = fds[0];
	p.kind = kind;
	p.method = "GET";
	p.query = query;
	p.header = field_value;
	p.header_arg = text;
	p.remote_addr = "192.0.2.7";
	api_stream_open(w->streams, &p);
}

void
client_start(struct client *c, struct world *w, enum api_stream_kind kind,
    const char *user, const char *query)
{
	char *token = world_token(w, user, "user");

	client_open(c, w, kind, token, query, NULL);
	base_free(token);
	CU_ASSERT(client_wait(c, "ready", 1));
}

void
client_resume(struct client *c, struct world *w, enum api_stream_kind kind,
    const char *user, int64_t after)
{
	char query[64];

	snprintf(query, sizeof(query), "after=%lld", (long long)after);
	client_start(c, w, kind, user, query);
}

void
client_drop(struct client *c)
{
	close(c->fd);
	for (size_t i = 0; i < c->count; i++) {
		base_free(c->got[i].event);
		base_free(c->got[i].json);
	}
	base_free(c->got);
	base_buf_fini(&c->in);
	base_buf_fini(&c->head);
	c->got = NULL;
	c->count = 0;
}

void
client_close(struct client *c)
{
	client_drop(c);
	world_turn(c->world, 20);
}

static void
keep(struct client *c, int64_t id, const char *event, const char *json,
    size_t len)
{
	c->got = base_realloc(c->got, (c->count + 1) * sizeof(*c->got));
	c->got[c->count].id = id;
	c->got[c->count].event = base_strdup(event);
	c->got[c->count].json = base_strndup(json, len);
	c->count++;
	if (id > 0)
		c->last_id = id;
}

/* One SSE block without its empty line. */
static void
block_take(struct client *c, char *block)
{
	char *line, *rest, *event = NULL, *data = NULL;
	int64_t id = 0;

	for (line = strtok_r(block, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, "id: ", 4) == 0)
			id = strtoll(line + 4, NULL, 10);
		else if (strncmp(line, "event: ", 7) == 0)
			event = line + 7;
		else if (strncmp(line, "data: ", 6) == 0)
			data = line + 6;
	}
	if (event != NULL && data != NULL)
		keep(c, id, event, data, strlen(data));
	else if (id > 0)
		c->last_id = id;
}

static bool
sse_take(struct client *c)
{
	char *end;

	if (c->in.data == NULL || (end = strstr(c->in.data, "\n\n")) == NULL)
		return false;
	*end = '\0';
	block_take(c, c->in.data);
	base_buf_consume(&c->in, (size_t)(end - c->in.data) + 2);
	return true;
}

static void
text_take(struct client *c, const char *text, size_t len)
{
	json_t *object = json_loadb(text, len, 0, NULL);
	const char *event;

	CU_ASSERT_PTR_NOT_NULL(object);
	event = json_string_value(json_object_get(object, "event"));
	keep(c, json_integer_value(json_object_get(object, "id")),
	    event != NULL ? event : "reply", text, len);
	json_decref(object);
}

static bool
frame_take(struct client *c)
{
	const unsigned char *p = (const unsigned char *)c->in.data;
	size_t head = 2, len;

	if (c->in.len < 2)
		return false;
	len = p[1];
	if (len == 126) {
		head = 4;
		if (c->in.len < head)
			return false;
		len = (size_t)p[2] << 8 | p[3];
	}
	if (c->in.len < head + len)
		return false;
	if ((p[0] & 15) == 1)
		text_take(c, c->in.data + head, len);
	else if ((p[0] & 15) == 8)
		c->code =
		    len >= 2 ? (unsigned)p[head] << 8 | p[head + 1] : 1005;
	base_buf_consume(&c->in, head + len);
	return true;
}

static void
head_take(struct client *c)
{
	char *end;

	if (c->in.data == NULL ||
	    (end = strstr(c->in.data, "\r\n\r\n")) == NULL)
		return;
	base_buf_append(&c->head, c->in.data, (size_t)(end - c->in.data) + 4);
	base_buf_consume(&c->in, c->head.len);
	c->headed = true;
	c->status = atoi(c->head.data + 9);
}

void
client_read(struct client *c)
{
	ssize_t n;

	for (;;) {
		base_buf_reserve(&c->in, 65536);
		n = read(c->fd, c->in.data + c->in.len, 65536);
		if (n <= 0)
			break;
		base_buf_added(&c->in, (size_t)n);
	}
	if (n == 0 || (n == -1 && errno != EAGAIN))
		c->ended = true;
	if (!c->headed)
		head_take(c);
	if (!c->headed || (c->status != 200 && c->status != 101))
		return;
	while (c->websocket ? frame_take(c) : sse_take(c))
		;
}

void
client_say(struct client *c, const char *json)
{
	size_t len = strlen(json);
	struct base_buf f = { 0 };

	base_buf_append_char(&f, (char)0x81);
	if (len < 126)
		base_buf_append_char(&f, (char)(0x80 | len));
	else {
		base_buf_append_char(&f, (char)(0x80 | 126));
		base_buf_append_char(&f, (char)(len >> 8));
		base_buf_append_char(&f, (char)len);
	}
	base_buf_append(&f, "\0\0\0\0", 4);
	base_buf_append(&f, json, len);
	CU_ASSERT_EQUAL(write(c->fd, f.data, f.len), (ssize_t)f.len);
	base_buf_fini(&f);
}

size_t
client_count(const struct client *c, const char *event)
{
	size_t n = 0;

	for (size_t i = 0; i < c->count; i++)
		n += strcmp(c->got[i].event, event) == 0;
	return n;
}

const struct got *
client_nth(const struct client *c, const char *event, size_t n)
{
	for (size_t i = 0; i < c->count; i++) {
		if (strcmp(c->got[i].event, event) == 0 && n-- == 0)
			return &c->got[i];
	}
	return NULL;
}

bool
client_wait(struct client *c, const char *event, size_t count)
{
	uint64_t end = base_clock_ms() + WAIT_MS;

	while (client_count(c, event) < count && !c->ended &&
	    base_clock_ms() < end) {
		base_loop_poll_turn(c->world->loop, 2);
		client_read(c);
	}
	return client_count(c, event) >= count;
}

bool
client_wait_end(struct client *c)
{
	uint64_t end = base_clock_ms() + WAIT_MS;

	while (!c->ended && base_clock_ms() < end) {
		base_loop_poll_turn(c->world->loop, 2);
		client_read(c);
	}
	return c->ended;
}

const char *
client_call(struct client *c, const char *id, const char *op, const char *args)
{
	struct base_buf frame = { 0 };
	size_t before = client_count(c, "reply");
	const struct got *reply;

	base_buf_printf(
	    &frame, "{\"id\":\"%s\",\"op\":\"%s\",\"args\":%s}", id, op, args);
	client_say(c, frame.data);
	base_buf_fini(&frame);
	CU_ASSERT(client_wait(c, "reply", before + 1));
	reply = client_nth(c, "reply", before);
	return reply != NULL ? reply->json : "";
}

bool
client_said(const struct client *c, const char *texts)
{
	struct base_buf out = { 0 };
	json_t *object, *data;
	bool same;

	for (size_t i = 0; i < c->count; i++) {
		if (strcmp(c->got[i].event, "message.created") != 0)
			continue;
		object = json_loads(c->got[i].json, 0, NULL);
		data = json_object_get(object, "data");
		if (strcmp(json_string_value(json_object_get(data, "type")),
			"system") != 0)
			base_buf_printf(&out, "%s%s", out.len > 0 ? " " : "",
			    json_string_value(json_object_get(data, "text")));
		json_decref(object);
	}
	same = strcmp(base_buf_str(&out), texts) == 0;
	if (!same)
		fprintf(stderr, "\nsaid: %s\n", base_buf_str(&out));
	base_buf_fini(&out);
	return same;
}
