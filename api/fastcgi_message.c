/* SPDX-License-Identifier: ISC */
/* An HTTP request as CGI parameters, a CGI answer as an HTTP one. */
#include "api/fastcgi_message.h"

#include <string.h>
#include <strings.h>

#include "api/fastcgi_record.h"
#include "api/http_reply.h"

#define ANSWER_HEAD_MAX 16384

/* Header fields that are passed on, as CGI names them. */
static const struct {
	const char *field;
	const char *param;
} passed[] = {
	{ "Accept", "HTTP_ACCEPT" },
	{ "Access-Control-Request-Headers",
	    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS" },
	{ "Access-Control-Request-Method",
	    "HTTP_ACCESS_CONTROL_REQUEST_METHOD" },
	{ "Authorization", "HTTP_AUTHORIZATION" },
	{ "Content-Type", "CONTENT_TYPE" },
	{ "Host", "HTTP_HOST" },
	{ "Idempotency-Key", "HTTP_IDEMPOTENCY_KEY" },
	{ "If-Modified-Since", "HTTP_IF_MODIFIED_SINCE" },
	{ "If-None-Match", "HTTP_IF_NONE_MATCH" },
	{ "If-Match", "HTTP_IF_MATCH" },
	{ "If-Range", "HTTP_IF_RANGE" },
	{ "Origin", "HTTP_ORIGIN" },
	{ "Parley-As", "HTTP_PARLEY_AS" },
	{ "Parley-Client", "HTTP_PARLEY_CLIENT" },
	{ "Parley-Connection", "HTTP_PARLEY_CONNECTION" },
	{ "Range", "HTTP_RANGE" },
	{ "Tus-Resumable", "HTTP_TUS_RESUMABLE" },
	{ "Upload-Checksum", "HTTP_UPLOAD_CHECKSUM" },
	{ "Upload-Defer-Length", "HTTP_UPLOAD_DEFER_LENGTH" },
	{ "Upload-Length", "HTTP_UPLOAD_LENGTH" },
	{ "Upload-Metadata", "HTTP_UPLOAD_METADATA" },
	{ "Upload-Offset", "HTTP_UPLOAD_OFFSET" },
	{ "User-Agent", "HTTP_USER_AGENT" },
	{ "X-Forwarded-Proto", "HTTP_X_FORWARDED_PROTO" },
	{ "X-HTTP-Method-Override", "HTTP_X_HTTP_METHOD_OVERRIDE" },
};

static void
param(struct base_buf *params, const char *name, const char *value, size_t len)
{
	api_fastcgi_record_param(params, name, strlen(name), value, len);
}

static void
param_str(struct base_buf *params, const char *name, const char *value)
{
	param(params, name, value, strlen(value));
}

static void
param_uri(struct base_buf *params, const struct api_http_head *head)
{
	struct base_buf uri;

	base_buf_init(&uri);
	base_buf_append(&uri, head->path, head->path_len);
	if (head->query != NULL) {
		base_buf_append_char(&uri, '?');
		base_buf_append(&uri, head->query, head->query_len);
	}
	param(params, "REQUEST_URI", uri.data, uri.len);
	base_buf_fini(&uri);
}

void
api_fastcgi_message_begin(struct base_buf *out,
    const struct api_http_head *head, const char *remote_addr,
    const char *request_id)
{
	struct base_buf params, length;

	base_buf_init(&params);
	base_buf_init(&length);
	param_str(&params, "GATEWAY_INTERFACE", "CGI/1.1");
	param_str(&params, "SERVER_PROTOCOL",
	    head->http_1_0 ? "HTTP/1.0" : "HTTP/1.1");
	param_str(&params, "REQUEST_METHOD", head->method);
	param_uri(&params, head);
	param(&params, "QUERY_STRING", head->query != NULL ? head->query : "",
	    head->query_len);
	if (head->has_body) {
		base_buf_append_u64(&length, head->body_len);
		param(&params, "CONTENT_LENGTH", length.data, length.len);
	}
	param_str(&params, "REMOTE_ADDR", remote_addr);
	param_str(&params, "PARLEY_TAKES_FILES", "1");
	param_str(&params, "HTTP_X_REQUEST_ID", request_id);
	for (size_t i = 0; i < ARRAY_LEN(passed); i++) {
		const struct api_http_field *f =
		    api_http_head_field(head, passed[i].field);

		if (f != NULL)
			param(&params, passed[i].param, f->value, f->value_len);
	}
	api_fastcgi_record_begin(out);
	api_fastcgi_record_stream(
	    out, API_FASTCGI_PARAMS, params.data, params.len);
	api_fastcgi_record_stream(out, API_FASTCGI_PARAMS, NULL, 0);
	base_buf_fini(&length);
	base_buf_fini(&params);
}

void
api_fastcgi_answer_init(
    struct api_fastcgi_answer *a, const struct api_http_head *request)
{
	memset(a, 0, sizeof(*a));
	a->head_only = strcmp(request->method, "HEAD") == 0;
	a->http_1_0 = request->http_1_0;
	a->status = 200;
	base_buf_init(&a->head);
}

void
api_fastcgi_answer_fini(struct api_fastcgi_answer *a)
{
	base_buf_fini(&a->head);
}

/* Fields that are between two neighbours only, or that we write ourselves. */
static bool
is_ours(const char *name, size_t len)
{
	static const char *const ours[] = { "Connection", "Date", "Keep-Alive",
		"Status", "Trailer", "Transfer-Encoding", "Upgrade" };

	for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
		if (strlen(ours[i]) == len &&
		    strncasecmp(ours[i], name, len) == 0)
			return true;
	}
	return false;
}

static bool
parse_number(const char *s, size_t len, uint64_t *out)
{
	uint64_t n = 0;

	if (len == 0 || len > 18)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(s[i] - '0');
	}
	*out = n;
	return true;
}

/* One line of the answer's head; false when it is none. */
static bool
answer_field(struct api_fastcgi_answer *a, const char *line, size_t len,
    struct base_buf *fields)
{
	const char *colon = memchr(line, ':', len), *value;
	size_t name_len, value_len;
	uint64_t status;

	if (colon == NULL || colon == line || memchr(line, '\r', len) != NULL ||
	    memchr(line, '\0', len) != NULL)
		return false;
	name_len = (size_t)(colon - line);
	value = colon + 1;
	while (value < line + len && *value == ' ')
		value++;
	value_len = (size_t)(line + len - value);
	if (name_len == 6 && strncasecmp(line, "Status", 6) == 0) {
		if (value_len < 3 || !parse_number(value, 3, &status) ||
		    status < 200 || status > 599)
			return false;
		a->status = (int)status;
	}
	if (name_len == 14 && strncasecmp(line, "Content-Length", 14) == 0) {
		if (!parse_number(value, value_len, &a->left))
			return false;
		a->has_length = true;
	}
	if (name_len == 11 && strncasecmp(line, "Parley-File", 11) == 0) {
		a->has_file = true;
		return parse_number(value, value_len, &a->file_offset);
	}
	if (is_ours(line, name_len))
		return true;
	base_buf_append(fields, line, len);
	base_buf_append(fields, "\r\n", 2);
	return true;
}

/* Turns the whole head, `len` bytes up to its empty line. */
static bool
answer_head(struct api_fastcgi_answer *a, size_t len, struct base_buf *out)
{
	const char *at = a->head.data, *end = at + len;
	struct base_buf fields;
	bool good = true;

	base_buf_init(&fields);
	while (good && at < end) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((lf != NULL ? lf : end) - at);

		if (n > 0 && at[n - 1] == '\r')
			n--;
		if (n > 0)
			good = answer_field(a, at, n, &fields);
		at = lf != NULL ? lf + 1 : end;
	}
	if (good) {
		a->bodiless =
		    a->head_only || a->status == 204 || a->status == 304;
		api_http_reply_begin(out, a->status, true);
		base_buf_append(out, fields.data, fields.len);
		if (!a->has_length && !a->bodiless && !a->http_1_0)
			base_buf_append_str(
			    out, "Transfer-Encoding: chunked\r\n");
		base_buf_append(out, "\r\n", 2);
	}
	base_buf_fini(&fields);
	return good;
}

static void
answer_body(struct api_fastcgi_answer *a, const char *bytes, size_t len,
    struct base_buf *out)
{
	if (a->bodiless || len == 0)
		return;
	if (a->has_length) {
		if (len > a->left)
			len = (size_t)a->left;
		a->left -= len;
		base_buf_append(out, bytes, len);
		return;
	}
	if (!a->http_1_0)
		base_buf_printf(out, "%zx\r\n", len);
	base_buf_append(out, bytes, len);
	if (!a->http_1_0)
		base_buf_append(out, "\r\n", 2);
}

/* Length of the head with its empty line, or 0 when that is not there. */
static size_t
head_length(const struct base_buf *head)
{
	const char *at = head->data, *end = at + head->len, *lf;

	while ((lf = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		if (lf == at || (lf == at + 1 && *at == '\r'))
			return (size_t)(lf + 1 - head->data);
		at = lf + 1;
	}
	return 0;
}

void
api_fastcgi_answer_feed(struct api_fastcgi_answer *a, const char *bytes,
    size_t len, struct base_buf *out)
{
	size_t head_len;

	if (a->state == API_FASTCGI_ANSWER_BODY)
		answer_body(a, bytes, len, out);
	if (a->state != API_FASTCGI_ANSWER_HEAD)
		return;
	base_buf_append(&a->head, bytes, len);
	head_len = head_length(&a->head);
	if (head_len == 0 && a->head.len <= ANSWER_HEAD_MAX)
		return;
	if (head_len == 0 || !answer_head(a, head_len, out)) {
		a->state = API_FASTCGI_ANSWER_BROKEN;
		return;
	}
	a->state = API_FASTCGI_ANSWER_BODY;
	answer_body(a, a->head.data + head_len, a->head.len - head_len, out);
	base_buf_fini(&a->head);
}

bool
api_fastcgi_answer_end(
    struct api_fastcgi_answer *a, bool ended, struct base_buf *out)
{
	if (a->state != API_FASTCGI_ANSWER_BODY)
		return false;
	if (a->bodiless)
		return true;
	if (a->has_length)
		return a->left == 0 || a->has_file;
	if (ended && !a->http_1_0)
		base_buf_append_str(out, "0\r\n\r\n");
	return ended;
}
