/* SPDX-License-Identifier: ISC */
/* Header values with parameters (RFC 2045 5.1, RFC 2183, RFC 7578). */

#include "upload/mime.h"

#include <string.h>
#include <strings.h>

static bool
is_token(char c)
{
	return c > 0x20 && c < 0x7f && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

static void
skip_blanks(struct upload_mime *m)
{
	while (m->p < m->end && (*m->p == ' ' || *m->p == '\t'))
		m->p++;
}

static void
token_read(struct upload_mime *m, struct base_buf *out)
{
	const char *start = m->p;

	while (m->p < m->end && is_token(*m->p))
		m->p++;
	base_buf_append(out, start, (size_t)(m->p - start));
}

/*
 * A value without quotes.  More than a token is taken, because scripts send
 * names in UTF-8 bare; it ends at a blank or a semicolon.
 */
static void
bare_read(struct upload_mime *m, struct base_buf *out)
{
	const char *start = m->p;

	while (m->p < m->end && strchr("; \t\"", *m->p) == NULL)
		m->p++;
	base_buf_append(out, start, (size_t)(m->p - start));
}

static bool
quoted_read(struct upload_mime *m, struct base_buf *out)
{
	char c;

	for (m->p++; m->p < m->end; m->p++) {
		c = *m->p;
		if (c == '"') {
			m->p++;
			return true;
		}
		if (c == '\\' && m->p + 1 < m->end &&
		    (m->p[1] == '"' || m->p[1] == '\\'))
			c = *++m->p;
		base_buf_append_char(out, c);
	}
	return false;
}

bool
upload_mime_begin(
    struct upload_mime *m, const char *p, size_t n, const char *word)
{
	size_t len = strlen(word);

	m->p = p;
	m->end = p + n;
	skip_blanks(m);
	if ((size_t)(m->end - m->p) < len || strncasecmp(m->p, word, len) != 0)
		return false;
	m->p += len;
	return m->p == m->end || strchr("; \t", *m->p) != NULL;
}

enum upload_mime_result
upload_mime_next(
    struct upload_mime *m, struct base_buf *name, struct base_buf *value)
{
	base_buf_reset(name);
	base_buf_reset(value);
	skip_blanks(m);
	if (m->p == m->end)
		return UPLOAD_MIME_END;
	if (*m->p++ != ';')
		return UPLOAD_MIME_BAD;
	skip_blanks(m);
	if (m->p == m->end) /* a trailing semicolon does no harm */
		return UPLOAD_MIME_END;
	token_read(m, name);
	skip_blanks(m);
	if (name->len == 0 || m->p == m->end || *m->p++ != '=')
		return UPLOAD_MIME_BAD;
	skip_blanks(m);
	if (m->p < m->end && *m->p == '"')
		return quoted_read(m, value) ? UPLOAD_MIME_PARAM :
					       UPLOAD_MIME_BAD;
	bare_read(m, value);
	return value->len > 0 ? UPLOAD_MIME_PARAM : UPLOAD_MIME_BAD;
}
