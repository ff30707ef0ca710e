/* SPDX-License-Identifier: ISC */
/* Writes HTTP/1.1 answers. */
#include "api/http_reply.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api/errors.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/random.h"

#define MINTED_CHARS 20 /* a hundred random bits */

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 206, "Partial Content" },
	{ 304, "Not Modified" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 416, "Range Not Satisfiable" },
	{ 417, "Expectation Failed" },
	{ 422, "Unprocessable Content" },
	{ 423, "Locked" },
	{ 426, "Upgrade Required" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 460, "Checksum Mismatch" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
	{ 507, "Insufficient Storage" },
};

const char *
api_http_reply_reason(int status)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "Status";
}

/* IMF-fixdate of RFC 9110, section 5.6.7; made once a second. */
static const char *
date(void)
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu",
		"Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May",
		"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	static char text[64];
	static time_t made = -1;
	time_t now = (time_t)(base_clock_wall_us() / 1000000);
	struct tm tm;

	if (now == made || gmtime_r(&now, &tm) == NULL)
		return text;
	(void)snprintf(text, sizeof(text), "%s, %02d %s %d %02d:%02d:%02d GMT",
	    days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
	    tm.tm_hour, tm.tm_min, tm.tm_sec);
	made = now;
	return text;
}

static void
field(struct base_buf *out, const char *name, const char *value)
{
	base_buf_append_str(out, name);
	base_buf_append(out, ": ", 2);
	base_buf_append_str(out, value);
	base_buf_append(out, "\r\n", 2);
}

void
api_http_reply_begin(struct base_buf *out, int status, bool close)
{
	base_buf_append(out, "HTTP/1.1 ", 9);
	base_buf_append_i64(out, status);
	base_buf_append_char(out, ' ');
	base_buf_append_str(out, api_http_reply_reason(status));
	base_buf_append(out, "\r\n", 2);
	field(out, "Date", date());
	field(out, "Connection", close ? "close" : "keep-alive");
}

/* 204 and 304 must not carry a length (RFC 9110, section 8.6). */
static bool
has_length(int status)
{
	return status >= 200 && status != 204 && status != 304;
}

void
api_http_reply_write(
    struct base_buf *out, const struct api_answer *answer, bool close)
{
	size_t len = answer->content_type != NULL ? answer->body_len : 0;

	base_buf_reserve(out, 512 + (answer->omit_body ? 0 : len));
	api_http_reply_begin(out, answer->status, close);
	for (size_t i = 0; i < answer->nheaders; i++)
		field(out, answer->headers[i].name, answer->headers[i].value);
	if (answer->content_type != NULL)
		field(out, "Content-Type", answer->content_type);
	if (has_length(answer->status)) {
		base_buf_append_str(out, "Content-Length: ");
		base_buf_append_u64(out, len);
		base_buf_append(out, "\r\n", 2);
	}
	base_buf_append(out, "\r\n", 2);
	if (!answer->omit_body && len > 0)
		base_buf_append(out, answer->body, len);
}

const char *
api_http_request_id(char out[API_HTTP_REQUEST_ID_SIZE], const char *given)
{
	size_t len = 0;

	if (given != NULL)
		len = strspn(given,
		    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		    "0123456789-_.");
	if (len == 0 || len >= API_HTTP_REQUEST_ID_SIZE || given[len] != '\0')
		base_random_base32(out, MINTED_CHARS);
	else
		memcpy(out, given, len + 1);
	return out;
}

int
api_http_reply_refuse(
    struct base_buf *out, const struct api_http_refusal *refusal)
{
	const struct api_error *error = api_error_get(refusal->code);
	struct api_problem problem = { .error = error,
		.detail = refusal->detail,
		.request_id = refusal->request_id };
	struct base_buf body;

	base_buf_init(&body);
	api_problem_write(&body, &problem);
	api_http_reply_begin(out, error->status, true);
	if (refusal->fields != NULL)
		base_buf_append_str(out, refusal->fields);
	field(out, "X-Request-Id", refusal->request_id);
	field(out, "Cache-Control", "no-store");
	field(out, "Content-Type", "application/problem+json");
	base_buf_printf(out, "Content-Length: %zu\r\n\r\n", body.len);
	if (!refusal->head_only)
		base_buf_append(out, body.data, body.len);
	base_buf_fini(&body);
	return error->status;
}
