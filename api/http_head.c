/* SPDX-License-Identifier: ISC */
/* Checks the head of an HTTP/1.x request and takes it apart. */
#include "api/http_head.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/attr.h"

/* The part of the head not yet read. */
struct scan {
	const char *at;
	const char *end;
};

static const struct {
	const char *name;
	bool has_body;
} methods[] = {
	{ "GET", false },
	{ "POST", true },
	{ "PUT", true },
	{ "PATCH", true },
	{ "DELETE", false },
	{ "HEAD", false },
	{ "OPTIONS", false },
};

static enum api_http_head_status
refuse(struct api_http_head *head, enum api_http_head_status status,
    const char *wrong)
{
	head->wrong = wrong;
	return status;
}

static enum api_http_head_status
malformed(struct api_http_head *head, const char *wrong)
{
	return refuse(head, API_HTTP_HEAD_MALFORMED, wrong);
}

/* tchar of RFC 9110, section 5.6.2 */
static bool
is_token(const char *s, size_t len)
{
	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9'))
			continue;
		if (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)
			return false;
	}
	return true;
}

static bool
is_name(const struct api_http_field *f, const char *name)
{
	return f->name_len == strlen(name) &&
	    strncasecmp(f->name, name, f->name_len) == 0;
}

static bool
is_value(const struct api_http_field *f, const char *value)
{
	return f->value_len == strlen(value) &&
	    strncasecmp(f->value, value, f->value_len) == 0;
}

/* One element of a comma-separated list, any case. */
static bool
has_element(const struct api_http_field *f, const char *element)
{
	const char *at = f->value, *end = f->value + f->value_len;
	size_t want = strlen(element);

	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const char *stop = comma != NULL ? comma : end;
		const char *last = stop;

		while (at < last && (*at == ' ' || *at == '\t'))
			at++;
		while (last > at && (last[-1] == ' ' || last[-1] == '\t'))
			last--;
		if ((size_t)(last - at) == want &&
		    strncasecmp(at, element, want) == 0)
			return true;
		at = stop + 1;
	}
	return false;
}

/* The next line without its CRLF; false at a line that does not end in one. */
static bool
next_line(struct scan *s, const char **line, size_t *len)
{
	const char *lf = memchr(s->at, '\n', (size_t)(s->end - s->at));

	if (lf == NULL || lf == s->at || lf[-1] != '\r')
		return false;
	*line = s->at;
	*len = (size_t)(lf - 1 - s->at);
	s->at = lf + 1;
	return true;
}

static enum api_http_head_status
parse_method(struct api_http_head *head, const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		if (strlen(methods[i].name) != len ||
		    memcmp(methods[i].name, name, len) != 0)
			continue;
		head->method = methods[i].name;
		head->has_body = methods[i].has_body;
		return API_HTTP_HEAD_OK;
	}
	if (!is_token(name, len))
		return malformed(head, "The request line has no method.");
	return refuse(head, API_HTTP_HEAD_METHOD,
	    "GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS exist.");
}

/* Origin form, absolute form (as to a proxy) or "*". */
static enum api_http_head_status
parse_target(struct api_http_head *head, const char *target, size_t len)
{
	const char *end = target + len, *mark;

	if (len > API_HTTP_TARGET_MAX)
		return refuse(head, API_HTTP_HEAD_TARGET,
		    "Path and query are longer than 4,000 bytes.");
	for (const char *p = target; p < end; p++) {
		if (*p <= ' ' || *p >= 0x7f)
			return malformed(head,
			    "The address holds a character that must be "
			    "percent-encoded.");
	}
	if (len > 7 && strncasecmp(target, "http://", 7) == 0) {
		target = memchr(target + 7, '/', len - 7);
		if (target == NULL)
			return malformed(head, "The address has no path.");
	} else if (*target != '/' && !(len == 1 && *target == '*')) {
		return malformed(head, "The address must begin with a slash.");
	}
	head->path = target;
	mark = memchr(target, '?', (size_t)(end - target));
	head->path_len = (size_t)((mark != NULL ? mark : end) - target);
	if (mark != NULL) {
		head->query = mark + 1;
		head->query_len = (size_t)(end - mark - 1);
	}
	return API_HTTP_HEAD_OK;
}

static enum api_http_head_status
parse_version(struct api_http_head *head, const char *version, size_t len)
{
	if (len != 8 || memcmp(version, "HTTP/", 5) != 0 || version[6] != '.')
		return malformed(head, "The request line has no version.");
	if (version[5] != '1')
		return refuse(head, API_HTTP_HEAD_VERSION,
		    "HTTP/1.1 and HTTP/1.0 are spoken here.");
	if (version[7] < '0' || version[7] > '9')
		return malformed(head, "The request line has no version.");
	head->http_1_0 = version[7] == '0';
	head->close = head->http_1_0;
	return API_HTTP_HEAD_OK;
}

static enum api_http_head_status
parse_request_line(struct api_http_head *head, const char *line, size_t len)
{
	const char *end = line + len, *space, *last;
	enum api_http_head_status status;

	space = memchr(line, ' ', len);
	last = memrchr(line, ' ', len);
	if (space == NULL || space == line || last == space ||
	    last == space + 1)
		return malformed(head,
		    "The first line is not a method, an address and a version.");
	status = parse_method(head, line, (size_t)(space - line));
	if (status == API_HTTP_HEAD_OK)
		status =
		    parse_target(head, space + 1, (size_t)(last - space - 1));
	if (status == API_HTTP_HEAD_OK)
		status =
		    parse_version(head, last + 1, (size_t)(end - last - 1));
	return status;
}

static enum api_http_head_status
parse_field(struct api_http_head *head, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len), *end = line + len;
	struct api_http_field *f;

	if (colon == NULL || !is_token(line, (size_t)(colon - line)))
		return malformed(
		    head, "A header line is not a name, a colon and a value.");
	if (head->nfields == API_HTTP_FIELDS_MAX)
		return refuse(head, API_HTTP_HEAD_TOO_LARGE,
		    "There are more than 32 header lines.");
	f = &head->fields[head->nfields];
	f->name = line;
	f->name_len = (size_t)(colon - line);
	for (colon++; colon < end && (*colon == ' ' || *colon == '\t'); colon++)
		continue;
	while (end > colon && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	f->value = colon;
	f->value_len = (size_t)(end - colon);
	for (; colon < end; colon++) {
		if (((unsigned char)*colon < ' ' && *colon != '\t') ||
		    *colon == 0x7f)
			return malformed(
			    head, "A header value holds a control character.");
	}
	head->nfields++;
	return API_HTTP_HEAD_OK;
}

static enum api_http_head_status
parse_length(struct api_http_head *head, const struct api_http_field *f)
{
	uint64_t n = 0;

	if (f->value_len == 0 || f->value_len > 18)
		return malformed(head, "Content-Length is not a number.");
	for (size_t i = 0; i < f->value_len; i++) {
		if (f->value[i] < '0' || f->value[i] > '9')
			return malformed(
			    head, "Content-Length is not a number.");
		n = n * 10 + (uint64_t)(f->value[i] - '0');
	}
	head->body_len = n;
	return API_HTTP_HEAD_OK;
}

/* Fields that may come once, and say how the message is framed or who sent
 * it: of two, a proxy might have believed the other. */
static enum api_http_head_status
check_single(struct api_http_head *head)
{
	static const char *const single[] = { "Host", "Content-Length",
		"Transfer-Encoding", "Authorization", "Content-Type", "Origin",
		"Expect", "X-Real-IP", "Sec-WebSocket-Key",
		"Sec-WebSocket-Version" };

	for (size_t s = 0; s < ARRAY_LEN(single); s++) {
		size_t seen = 0;

		for (size_t i = 0; i < head->nfields; i++)
			seen += is_name(&head->fields[i], single[s]);
		if (seen > 1)
			return malformed(
			    head, "A header that may come once comes twice.");
	}
	return API_HTTP_HEAD_OK;
}

/* RFC 9112, section 6.3, and what we refuse of it. */
static enum api_http_head_status
check_framing(struct api_http_head *head)
{
	const struct api_http_field *length, *coding;
	enum api_http_head_status status;

	length = api_http_head_field(head, "Content-Length");
	coding = api_http_head_field(head, "Transfer-Encoding");
	if (coding != NULL && (length != NULL || !head->has_body))
		return malformed(
		    head, "Transfer-Encoding does not fit this request.");
	if (coding != NULL)
		return refuse(head, API_HTTP_HEAD_LENGTH,
		    "Send the body with a Content-Length, not chunked.");
	if (length != NULL) {
		status = parse_length(head, length);
		if (status != API_HTTP_HEAD_OK)
			return status;
	}
	if (head->body_len > 0 && !head->has_body)
		return malformed(head, "This method takes no body.");
	return API_HTTP_HEAD_OK;
}

static enum api_http_head_status
check_fields(struct api_http_head *head)
{
	const struct api_http_field *f;
	enum api_http_head_status status = check_single(head);

	if (status == API_HTTP_HEAD_OK)
		status = check_framing(head);
	if (status != API_HTTP_HEAD_OK)
		return status;
	f = api_http_head_field(head, "Host");
	if (f == NULL && !head->http_1_0)
		return malformed(head, "The Host header is missing.");
	for (size_t i = 0; i < head->nfields; i++) {
		f = &head->fields[i];
		if (!is_name(f, "Connection"))
			continue;
		if (has_element(f, "close"))
			head->close = true;
		else if (head->http_1_0 && has_element(f, "keep-alive"))
			head->close = false;
	}
	f = api_http_head_field(head, "Expect");
	if (f != NULL && !is_value(f, "100-continue"))
		return refuse(head, API_HTTP_HEAD_EXPECTATION,
		    "The only expectation known here is 100-continue.");
	head->expects_continue =
	    f != NULL && !head->http_1_0 && head->body_len > 0;
	return API_HTTP_HEAD_OK;
}

/* Where the head ends, or NULL.  A line feed without its carriage return is
 * seen at once rather than waited behind. */
static const char *
find_end(const char *bytes, size_t len, bool *bare)
{
	const char *at = bytes, *end = bytes + len, *lf;

	*bare = false;
	while ((lf = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		if (lf == bytes || lf[-1] != '\r') {
			*bare = true;
			return NULL;
		}
		if (lf == at + 1)
			return lf + 1;
		at = lf + 1;
	}
	return NULL;
}

/* Another protocol, such as TLS, is told so before it waits for an answer. */
static bool
begins_well(const char *bytes, size_t len)
{
	if (*bytes < 'A' || *bytes > 'Z')
		return false;
	for (const char *p = bytes; p < bytes + len && *p != '\r'; p++) {
		if (*p < ' ' || *p >= 0x7f)
			return *p == '\n';
	}
	return true;
}

enum api_http_head_status
api_http_head_parse(struct api_http_head *head, const char *bytes, size_t len)
{
	size_t seen = len < API_HTTP_HEAD_BYTES ? len : API_HTTP_HEAD_BYTES;
	struct scan s = { .at = bytes };
	const char *line;
	size_t line_len;
	bool bare;
	enum api_http_head_status status;

	/* The fields themselves are written before they are read. */
	memset(head, 0, offsetof(struct api_http_head, fields));
	head->wrong = NULL;
	if (len == 0)
		return API_HTTP_HEAD_MORE;
	if (!begins_well(bytes, seen))
		return malformed(head, "This is not an HTTP request.");
	s.end = find_end(bytes, seen, &bare);
	if (bare)
		return malformed(head, "A line does not end in CR LF.");
	if (s.end == NULL && seen < API_HTTP_HEAD_BYTES)
		return API_HTTP_HEAD_MORE;
	if (s.end == NULL)
		return refuse(head, API_HTTP_HEAD_TOO_LARGE,
		    "The header is longer than 8,000 bytes.");
	head->len = (size_t)(s.end - bytes);
	if (!next_line(&s, &line, &line_len))
		return malformed(head, "A line does not end in CR LF.");
	status = parse_request_line(head, line, line_len);
	while (status == API_HTTP_HEAD_OK && next_line(&s, &line, &line_len) &&
	    line_len > 0)
		status = parse_field(head, line, line_len);
	if (status == API_HTTP_HEAD_OK)
		status = check_fields(head);
	if (status == API_HTTP_HEAD_OK && head->has_body &&
	    len - head->len > head->body_len)
		return malformed(
		    head, "The body is longer than Content-Length says.");
	return status;
}

const struct api_http_field *
api_http_head_field(const struct api_http_head *head, const char *name)
{
	for (size_t i = 0; i < head->nfields; i++) {
		if (is_name(&head->fields[i], name))
			return &head->fields[i];
	}
	return NULL;
}

const char *
api_http_head_code(enum api_http_head_status status)
{
	switch (status) {
	case API_HTTP_HEAD_OK:
	case API_HTTP_HEAD_MORE:
		break;
	case API_HTTP_HEAD_MALFORMED:
		return "bad_request";
	case API_HTTP_HEAD_LENGTH:
		return "length_required";
	case API_HTTP_HEAD_TARGET:
		return "uri_too_long";
	case API_HTTP_HEAD_EXPECTATION:
		return "expectation_failed";
	case API_HTTP_HEAD_TOO_LARGE:
		return "headers_too_large";
	case API_HTTP_HEAD_METHOD:
		return "method_not_implemented";
	case API_HTTP_HEAD_VERSION:
		return "http_version";
	}
	assert(!"a refusal");
	return "internal";
}

void
api_http_head_terminate(const struct api_http_head *head, char *bytes)
{
	/* Behind each stands a '?', a space or the line's CR. */
	if (head->path != NULL)
		bytes[head->path + head->path_len - bytes] = '\0';
	if (head->query != NULL)
		bytes[head->query + head->query_len - bytes] = '\0';
	for (size_t i = 0; i < head->nfields; i++) {
		const struct api_http_field *f = &head->fields[i];

		bytes[f->value + f->value_len - bytes] = '\0';
	}
}

const char *
api_http_head_value(void *arg, const char *name)
{
	const struct api_http_field *f = api_http_head_field(arg, name);

	return f != NULL ? f->value : NULL;
}

const char *
api_http_head_line(void *arg, const char *name, size_t n)
{
	const struct api_http_head *head = arg;

	for (size_t i = 0; i < head->nfields; i++) {
		if (is_name(&head->fields[i], name) && n-- == 0)
			return head->fields[i].value;
	}
	return NULL;
}
