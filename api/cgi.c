/* SPDX-License-Identifier: ISC */
/* The door for CGI and FastCGI. */

#include "api/cgi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "api/body.h"
#include "api/call.h"
#include "api/engine.h"
#include "api/errors.h"
#include "api/http_reply.h"
#include "api/router.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"

enum {
	HEADER_NAME_MAX = 64,
	PIECE_BYTES = 64 * 1024,
	TURN_MS = 1000,
	FINISH_MS = 2000,
	FINISH_TURN_MS = 50
};

/* One request while it is served. */
struct serving {
	struct api_cgi_io *io; /* borrowed */
	bool answered;
	int status;
};

static const char *
param(const struct api_cgi_io *io, const char *name)
{
	const char *value = io->param(io->arg, name);

	return value != NULL ? value : "";
}

const char *
api_cgi_header(void *arg, const char *name)
{
	const struct api_cgi_io *io = arg;
	char key[HEADER_NAME_MAX + 6] = "HTTP_";
	size_t n = strlen(name);
	const char *value;

	if (n > HEADER_NAME_MAX)
		return NULL;
	for (size_t i = 0; i <= n; i++) {
		char c = name[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		key[5 + i] = c == '-' ? '_' : c;
	}
	if (strcmp(key, "HTTP_CONTENT_TYPE") == 0 ||
	    strcmp(key, "HTTP_CONTENT_LENGTH") == 0)
		value = io->param(io->arg, key + 5);
	else
		value = io->param(io->arg, key);
	/* Web servers set what they know of, empty when it did not come. */
	return value != NULL && *value != '\0' ? value : NULL;
}

/* A decoded path back into what may stand in a URL; slashes stay. */
static void
path_encode(struct base_buf *out, const char *p)
{
	static const char plain[] = "/-._~!$&'()*+,;=:@"
				    "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

	for (; *p != '\0'; p++) {
		if (strchr(plain, *p) != NULL)
			base_buf_append_char(out, *p);
		else
			base_buf_printf(out, "%%%02X", (unsigned char)*p);
	}
}

void
api_cgi_target(
    const struct api_cgi_io *io, struct base_buf *path, const char **query)
{
	const char *uri = param(io, "REQUEST_URI");
	const char *script = param(io, "SCRIPT_NAME");
	const char *info = param(io, "PATH_INFO");
	size_t mount = strlen(script), n = strcspn(uri, "?#");

	*query = io->param(io->arg, "QUERY_STRING");
	if (*query == NULL && uri[n] == '?')
		*query = uri + n + 1;
	/* Without PATH_INFO, SCRIPT_NAME is the path itself (Nginx). */
	if (*info != '\0' && mount > 0 && mount < n &&
	    strncmp(uri, script, mount) == 0 && uri[mount] == '/')
		base_buf_append(path, uri + mount, n - mount);
	else if (n > 0)
		base_buf_append(path, uri, n);
	else
		path_encode(path, *info != '\0' ? info : script);
}

static void
head_write(struct base_buf *out, const struct api_answer *a, uint64_t length)
{
	base_buf_printf(out, "Status: %d %s\r\n", a->status,
	    api_http_reply_reason(a->status));
	for (size_t i = 0; i < a->nheaders; i++)
		base_buf_printf(
		    out, "%s: %s\r\n", a->headers[i].name, a->headers[i].value);
	if (a->content_type != NULL)
		base_buf_printf(out, "Content-Type: %s\r\n", a->content_type);
	if (a->status != 204 && a->status != 304) {
		base_buf_append_str(out, "Content-Length: ");
		base_buf_append_u64(out, length);
		base_buf_append_str(out, "\r\n");
	}
	base_buf_append_str(out, "\r\n");
}

static bool
file_send(const struct serving *s, int fd, off_t offset, off_t length)
{
	char piece[PIECE_BYTES];
	size_t want;
	ssize_t n;

	while (length > 0) {
		want = (uintmax_t)length < sizeof(piece) ? (size_t)length :
							   sizeof(piece);
		n = pread(fd, piece, want, offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0 || !s->io->write(s->io->arg, piece, (size_t)n))
			return false;
		offset += n;
		length -= n;
	}
	return true;
}

static void
answer_write(struct serving *s, const struct api_answer *a)
{
	struct base_buf head = { 0 };
	bool ok;

	s->status = a->status;
	head_write(&head, a, a->content_type != NULL ? a->body_len : 0);
	ok = s->io->write(s->io->arg, head.data, head.len);
	if (ok && !a->omit_body && a->body_len > 0)
		(void)s->io->write(s->io->arg, a->body, a->body_len);
	base_buf_fini(&head);
}

/* An answer that the engine did not give. */
static void
refuse(struct serving *s, const char *code)
{
	char id[API_HTTP_REQUEST_ID_SIZE];
	const struct api_problem problem = {
		.error = api_error_get(code),
		.request_id = api_http_request_id(
		    id, api_cgi_header(s->io, "X-Request-Id")),
	};
	const struct api_header headers[] = {
		{ "X-Request-Id", problem.request_id },
		{ "Cache-Control", "no-store" },
	};
	struct base_buf body = { 0 };

	api_problem_write(&body, &problem);
	answer_write(s,
	    &(struct api_answer){
		.status = problem.error->status,
		.content_type = "application/problem+json",
		.body = body.data,
		.body_len = body.len,
		.omit_body =
		    strcmp(param(s->io, "REQUEST_METHOD"), "HEAD") == 0,
		.headers = headers,
		.nheaders = ARRAY_LEN(headers),
	    });
	base_log_info("request refused", "door=fastcgi request=%s code=%s",
	    problem.request_id, code);
	base_buf_fini(&body);
}

/* Kore sends files by itself, so that whoever reads slowly holds up nobody
 * here. */
static bool
takes_files(const struct api_cgi_io *io)
{
	return io->pass != NULL &&
	    strcmp(param(io, "PARLEY_TAKES_FILES"), "1") == 0;
}

static bool
file_pass(const struct serving *s, const struct api_answer *a, int fd)
{
	/* It must not wait for the disk: begun here. */
	(void)posix_fadvise(
	    fd, a->file_offset, a->file_length, POSIX_FADV_WILLNEED);
	return s->io->pass(s->io->arg, fd);
}

static void
file_write(struct serving *s, const struct api_answer *a)
{
	int fd = open(a->file_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool is_passed = !a->omit_body && takes_files(s->io), ok;
	struct base_buf head = { 0 };

	if (fd == -1) {
		refuse(s, "internal");
		return;
	}
	s->status = a->status;
	if (is_passed)
		base_buf_printf(
		    &head, "Parley-File: %jd\r\n", (intmax_t)a->file_offset);
	head_write(&head, a, (uint64_t)a->file_length);
	ok = s->io->write(s->io->arg, head.data, head.len);
	if (ok && is_passed)
		ok = file_pass(s, a, fd);
	else if (ok && !a->omit_body)
		ok = file_send(s, fd, a->file_offset, a->file_length);
	if (!ok)
		base_log_info(
		    "file not sent whole", "request=%s", a->request_id);
	base_buf_fini(&head);
	close(fd);
}

static void
on_answer(const struct api_answer *answer, void *arg)
{
	struct serving *s = arg;

	s->answered = true;
	if (answer->file_path != NULL)
		file_write(s, answer);
	else
		answer_write(s, answer);
}

/* Content-Length; false when it is no number. */
static bool
length_read(const struct api_cgi_io *io, uint64_t *length)
{
	const char *text = param(io, "CONTENT_LENGTH");
	char *end;

	*length = API_BODY_LENGTH_UNKNOWN;
	if (*text == '\0')
		return true;
	if (strspn(text, "0123456789") != strlen(text))
		return false;
	/* Nobody takes so much: a length like any that is too long. */
	*length = strlen(text) > 18 ? INT64_MAX : strtoull(text, &end, 10);
	return true;
}

/* A body that is read before the call: NULL, or the code of what is wrong. */
static const char *
body_read(const struct api_cgi_io *io, uint64_t announced, size_t max,
    struct base_buf *body)
{
	size_t want = max + 1; /* one more shows that it is too long */
	ssize_t n;

	if (announced != API_BODY_LENGTH_UNKNOWN) {
		if (announced > max)
			return "payload_too_large";
		want = (size_t)announced;
	}
	while (body->len < want) {
		base_buf_reserve(body, want - body->len);
		n = io->read(io->arg, body->data + body->len, want - body->len);
		if (n == -1)
			return "request_timeout";
		if (n == 0)
			break;
		base_buf_added(body, (size_t)n);
	}
	if (body->len > max)
		return "payload_too_large";
	if (announced != API_BODY_LENGTH_UNKNOWN && body->len < announced)
		return "body_incomplete";
	return NULL;
}

static bool
has_body(const char *method)
{
	return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
	    strcmp(method, "PATCH") == 0;
}

/* Which operation it will be, and so how its body is read. */
static const struct api_operation *
operation_find(const char *method, const char *path)
{
	struct api_route route;

	if (api_router_find(method, path, &route) != API_ROUTE_OK)
		return NULL;
	return route.op;
}

static void
call_run(struct serving *s, struct api_engine *e, struct base_loop *loop,
    const struct api_request *request)
{
	(void)api_call_start(e, request, on_answer, s);
	while (!s->answered)
		base_loop_poll_turn(loop, TURN_MS);
}

int
api_cgi_serve(
    struct api_engine *e, struct base_loop *loop, struct api_cgi_io *io)
{
	struct serving s = { .io = io };
	struct base_buf path = { 0 }, bytes = { 0 };
	struct api_body body = { .read = io->read,
		.guard = io->guard,
		.contended = io->contended,
		.arg = io->arg };
	struct api_request request = {
		.door = API_DOOR_FASTCGI,
		.method = param(io, "REQUEST_METHOD"),
		.content_type = api_cgi_header(io, "Content-Type"),
		.header = api_cgi_header,
		.header_arg = io,
		.remote_addr = param(io, "REMOTE_ADDR"),
		.door_arg = &body,
	};
	const struct api_operation *op;
	const char *wrong = NULL;
	bool is_raw;

	api_cgi_target(io, &path, &request.query);
	request.path = base_buf_str(&path);
	request.method = api_router_method(request.method,
	    api_cgi_header(io, "X-HTTP-Method-Override"), request.path);
	op = operation_find(request.method, request.path);
	is_raw = op != NULL && (op->flags & API_RAW_BODY) != 0;
	if (!length_read(io, &body.announced_bytes))
		wrong = "bad_request";
	else if (has_body(request.method) && !is_raw)
		wrong = body_read(
		    io, body.announced_bytes, api_call_body_max(e, op), &bytes);
	request.body = base_buf_str(&bytes);
	request.body_len = bytes.len;
	if (wrong != NULL)
		refuse(&s, wrong);
	else
		call_run(&s, e, loop, &request);
	base_buf_fini(&path);
	base_buf_fini(&bytes);
	return s.status;
}

void
api_cgi_finish(struct api_engine *e, struct base_loop *loop)
{
	uint64_t until_ms = base_clock_ms() + FINISH_MS;

	api_engine_drain(e);
	while (api_engine_pending(e) > 0 && base_clock_ms() < until_ms)
		base_loop_poll_turn(loop, FINISH_TURN_MS);
}
