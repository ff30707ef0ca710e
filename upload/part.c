/* SPDX-License-Identifier: ISC */
/* The header of one part of a form (RFC 7578, RFC 2183). */

#include "upload/part.h"

#include <string.h>
#include <strings.h>

#include "upload/filename.h"
#include "upload/mime.h"

/* One header line's value, trimmed, when its name is `name`. */
static bool
line_matches(const char *line, size_t n, const char *name, const char **value,
    size_t *value_len)
{
	size_t len = strlen(name);

	if (n <= len || line[len] != ':' || strncasecmp(line, name, len) != 0)
		return false;
	line += len + 1;
	n -= len + 1;
	while (n > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		n--;
	}
	while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t'))
		n--;
	*value = line;
	*value_len = n;
	return true;
}

/* Browsers write `"`, CR and LF in names as %22, %0D and %0A. */
static void
append_form_name(struct base_buf *out, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (n - i >= 3 && strncasecmp(p + i, "%22", 3) == 0) {
			base_buf_append_char(out, '"');
			i += 2;
		} else if (n - i >= 3 &&
		    (strncasecmp(p + i, "%0d", 3) == 0 ||
			strncasecmp(p + i, "%0a", 3) == 0)) {
			i += 2;
		} else {
			base_buf_append_char(out, p[i]);
		}
	}
}

/* RFC 7578 forbids filename*, yet clients send it: the better of the two. */
static bool
disposition_param(
    struct upload_part *h, const char *name, const struct base_buf *value)
{
	const char *text = base_buf_str(value);

	if (strcasecmp(name, "name") == 0) {
		if (h->has_name)
			return false;
		h->has_name = true;
		append_form_name(&h->name, text, value->len);
	} else if (strcasecmp(name, "filename") == 0) {
		if (h->has_filename)
			return false;
		h->has_filename = true;
		if (!h->has_extended)
			append_form_name(&h->filename, text, value->len);
	} else if (strcasecmp(name, "filename*") == 0) {
		if (h->has_extended)
			return false;
		h->has_extended = true;
		base_buf_reset(&h->filename);
		return upload_filename_decode(&h->filename, text, value->len);
	}
	return true;
}

static bool
disposition_read(struct upload_part *h, const char *p, size_t n)
{
	struct base_buf name = { 0 }, value = { 0 };
	enum upload_mime_result result;
	struct upload_mime mime;
	bool ok = true;

	if (h->has_disposition || !upload_mime_begin(&mime, p, n, "form-data"))
		return false;
	h->has_disposition = true;
	while (ok &&
	    (result = upload_mime_next(&mime, &name, &value)) !=
		UPLOAD_MIME_END)
		ok = result == UPLOAD_MIME_PARAM &&
		    disposition_param(h, base_buf_str(&name), &value);
	base_buf_fini(&name);
	base_buf_fini(&value);
	return ok;
}

/* Only encodings that change nothing; RFC 7578 4.7 retired the others. */
static bool
encoding_is_identity(const char *p, size_t n)
{
	return (n == 4 && strncasecmp(p, "7bit", n) == 0) ||
	    (n == 4 && strncasecmp(p, "8bit", n) == 0) ||
	    (n == 6 && strncasecmp(p, "binary", n) == 0);
}

static bool
line_read(struct upload_part *h, const char *line, size_t n)
{
	const char *value;
	size_t len;

	/* No folded lines, no bare CR or LF, no NUL, no line without a name. */
	if (n == 0 || line[0] == ' ' || line[0] == '\t' || line[0] == ':' ||
	    memchr(line, ':', n) == NULL || memchr(line, '\0', n) != NULL ||
	    memchr(line, '\r', n) != NULL || memchr(line, '\n', n) != NULL)
		return false;
	if (line_matches(line, n, "Content-Disposition", &value, &len))
		return disposition_read(h, value, len);
	if (line_matches(line, n, "Content-Transfer-Encoding", &value, &len))
		return encoding_is_identity(value, len);
	if (line_matches(line, n, "Content-Type", &value, &len)) {
		if (h->has_type)
			return false;
		h->has_type = true;
		base_buf_append(&h->type, value, len);
	}
	return true;
}

bool
upload_part_parse(struct upload_part *h, const char *p, size_t n)
{
	const char *end = p + n, *eol;
	unsigned lines = 0;

	while (p < end) {
		eol = memmem(p, (size_t)(end - p), "\r\n", 2);
		if (eol == NULL || ++lines > UPLOAD_PART_LINES_MAX ||
		    !line_read(h, p, (size_t)(eol - p)))
			return false;
		p = eol + 2;
	}
	return h->has_disposition && h->has_name;
}

void
upload_part_fini(struct upload_part *h)
{
	base_buf_fini(&h->name);
	base_buf_fini(&h->filename);
	base_buf_fini(&h->type);
}
