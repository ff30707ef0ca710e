/* SPDX-License-Identifier: ISC */
/*
 * An incremental reader of multipart/form-data.
 *
 * A delimiter is CR LF "--" boundary.  CR can stand only at its beginning, so
 * a partial match that fails can hold no second one: the matched bytes are
 * content and the search goes on with the byte that did not fit.  That is why
 * a counter is all there is to remember between two pieces.
 */

#include "upload/multipart.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "upload/mime.h"

enum state {
	PREAMBLE,  /* before the first delimiter */
	DELIMITER, /* a delimiter has just been read */
	PADDING,   /* blanks after it */
	DASH,	   /* "-" after it: the final one, if another follows */
	LINE_END,  /* CR after it */
	HEADER,	   /* in a part's header */
	CONTENT,   /* in a part's content */
	EPILOGUE   /* after the final delimiter */
};

struct upload_multipart {
	enum state state;
	enum upload_status status; /* the first failure, kept */
	const struct upload_multipart_events *events; /* borrowed */
	void *arg;				      /* borrowed */
	char delimiter[4 + UPLOAD_MULTIPART_BOUNDARY_MAX];
	size_t delimiter_len;
	size_t matched; /* bytes of it seen so far */
	size_t slack;	/* bytes that belong to no part */
	unsigned parts;
	struct base_buf header; /* of the part being read */
};

static const char form_data[] = "multipart/form-data";

bool
upload_multipart_matches(const char *content_type)
{
	struct upload_mime mime;

	return content_type != NULL &&
	    upload_mime_begin(
		&mime, content_type, strlen(content_type), form_data);
}

/* RFC 2046: bcharsnospace, and blanks inside. */
static bool
boundary_is_valid(const char *p, size_t n)
{
	if (n == 0 || n > UPLOAD_MULTIPART_BOUNDARY_MAX || p[n - 1] == ' ')
		return false;
	for (size_t i = 0; i < n; i++) {
		bool alnum = (p[i] >= 'a' && p[i] <= 'z') ||
		    (p[i] >= 'A' && p[i] <= 'Z') ||
		    (p[i] >= '0' && p[i] <= '9');

		if (!alnum &&
		    (p[i] == '\0' || strchr("'()+_,-./:=? ", p[i]) == NULL))
			return false;
	}
	return true;
}

/* The boundary into `out`; false unless there is exactly one good one. */
static bool
boundary_find(const char *content_type, struct base_buf *out)
{
	struct base_buf name = { 0 }, value = { 0 };
	enum upload_mime_result result;
	struct upload_mime mime;
	unsigned found = 0;

	if (content_type == NULL ||
	    !upload_mime_begin(
		&mime, content_type, strlen(content_type), form_data))
		return false;
	while ((result = upload_mime_next(&mime, &name, &value)) ==
	    UPLOAD_MIME_PARAM) {
		if (strcasecmp(base_buf_str(&name), "boundary") != 0)
			continue;
		found++;
		base_buf_reset(out);
		base_buf_append(out, base_buf_str(&value), value.len);
	}
	base_buf_fini(&name);
	base_buf_fini(&value);
	return result == UPLOAD_MIME_END && found == 1 &&
	    boundary_is_valid(base_buf_str(out), out->len);
}

struct upload_multipart *
upload_multipart_new(const char *content_type,
    const struct upload_multipart_events *events, void *arg)
{
	struct upload_multipart *m = NULL;
	struct base_buf boundary = { 0 };

	if (boundary_find(content_type, &boundary)) {
		m = base_alloc(sizeof(*m));
		m->events = events;
		m->arg = arg;
		memcpy(m->delimiter, "\r\n--", 4);
		memcpy(m->delimiter + 4, boundary.data, boundary.len);
		m->delimiter_len = 4 + boundary.len;
		/* The body may begin with "--boundary": as after CR LF. */
		m->matched = 2;
	}
	base_buf_fini(&boundary);
	return m;
}

void
upload_multipart_free(struct upload_multipart *m)
{
	if (m == NULL)
		return;
	base_buf_fini(&m->header);
	base_free(m);
}

/* The blank line came: tell the owner about the part. */
static enum upload_status
header_done(struct upload_multipart *m)
{
	enum upload_status status = UPLOAD_MALFORMED;
	struct upload_part part = { 0 };

	/* Without the blank line itself. */
	if (++m->parts <= UPLOAD_MULTIPART_PARTS_MAX &&
	    upload_part_parse(&part, m->header.data, m->header.len - 2))
		status = m->events->part(m->arg, &part);
	upload_part_fini(&part);
	m->state = CONTENT;
	m->matched = 0;
	return status;
}

static enum upload_status
header_byte(struct upload_multipart *m, char c)
{
	struct base_buf *b = &m->header;

	base_buf_append_char(b, c);
	if (c == '\n' &&
	    ((b->len == 2 && b->data[0] == '\r') ||
		(b->len >= 4 &&
		    memcmp(b->data + b->len - 4, "\r\n\r\n", 4) == 0)))
		return header_done(m);
	return b->len < UPLOAD_MULTIPART_HEADER_MAX ? UPLOAD_OK :
						      UPLOAD_MALFORMED;
}

/* Bytes that belong to no part are read over, up to a limit. */
static enum upload_status
slack_add(struct upload_multipart *m, size_t n)
{
	m->slack += n;
	return m->slack <= UPLOAD_MULTIPART_SLACK_MAX ? UPLOAD_OK :
							UPLOAD_MALFORMED;
}

static enum upload_status
content_emit(struct upload_multipart *m, const char *p, size_t n)
{
	if (n == 0)
		return UPLOAD_OK;
	if (m->state == PREAMBLE)
		return slack_add(m, n);
	return m->events->data(m->arg, p, n);
}

/* Read up to the delimiter or the end of the piece; `*pp` moves. */
static enum upload_status
content_read(struct upload_multipart *m, const char **pp, const char *end)
{
	enum upload_status status = UPLOAD_OK;
	const char *p = *pp, *cr;
	size_t held;

	while (status == UPLOAD_OK && p < end) {
		if (m->matched == 0) {
			cr = memchr(p, '\r', (size_t)(end - p));
			status = content_emit(
			    m, p, (size_t)((cr != NULL ? cr : end) - p));
			p = cr != NULL ? cr + 1 : end;
			m->matched = cr != NULL;
		} else if (*p != m->delimiter[m->matched]) {
			held = m->matched;
			m->matched = 0;
			status = content_emit(m, m->delimiter, held);
		} else {
			p++;
			if (++m->matched < m->delimiter_len)
				continue;
			if (m->state == CONTENT)
				status = m->events->part_end(m->arg);
			m->state = DELIMITER;
			break;
		}
	}
	*pp = p;
	return status;
}

/* What may follow a delimiter: blanks, then CR LF; or "--" at once. */
static enum upload_status
delimiter_byte(struct upload_multipart *m, char c)
{
	bool first = m->state == DELIMITER;

	if (m->state == DASH) {
		m->state = EPILOGUE;
		return c == '-' ? UPLOAD_OK : UPLOAD_MALFORMED;
	}
	if (m->state == LINE_END) {
		m->state = HEADER;
		base_buf_reset(&m->header);
		return c == '\n' ? UPLOAD_OK : UPLOAD_MALFORMED;
	}
	if (first && c == '-') {
		m->state = DASH;
	} else if (c == ' ' || c == '\t') {
		m->state = PADDING;
		return slack_add(m, 1);
	} else if (c == '\r') {
		m->state = LINE_END;
	} else {
		return UPLOAD_MALFORMED;
	}
	return UPLOAD_OK;
}

enum upload_status
upload_multipart_feed(struct upload_multipart *m, const char *p, size_t n)
{
	const char *end = p + n;

	while (m->status == UPLOAD_OK && p < end) {
		switch (m->state) {
		case PREAMBLE:
		case CONTENT:
			m->status = content_read(m, &p, end);
			break;
		case DELIMITER:
		case PADDING:
		case DASH:
		case LINE_END:
			m->status = delimiter_byte(m, *p++);
			break;
		case HEADER:
			m->status = header_byte(m, *p++);
			break;
		case EPILOGUE:
			m->status = slack_add(m, (size_t)(end - p));
			p = end;
			break;
		}
	}
	return m->status;
}

enum upload_status
upload_multipart_finish(struct upload_multipart *m)
{
	if (m->status == UPLOAD_OK && m->state != EPILOGUE)
		m->status = UPLOAD_MALFORMED;
	return m->status;
}
