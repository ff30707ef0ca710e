/* SPDX-License-Identifier: ISC */
/* File names from strangers: cleaning, decoding, quoting. */

#include "upload/filename.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/hex.h"
#include "base/utf8.h"

enum {
	EXTENSION_MAX = 16,
	READ_MAX = 8192 /* bytes of a name that are looked at */
};

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

struct range {
	uint32_t first, last;
};

/*
 * What is invisible or turns the reading direction.  U+200C and U+200D stay:
 * Persian and emoji need them.
 */
static const struct range dropped[] = {
	{ 0x00, 0x1f },
	{ 0x7f, 0x9f },
	{ 0xad, 0xad },
	{ 0x61c, 0x61c },
	{ 0x180e, 0x180e },
	{ 0x200b, 0x200b },
	{ 0x200e, 0x200f },
	{ 0x2028, 0x202e },
	{ 0x2060, 0x206f },
	{ 0xfeff, 0xfeff },
	{ 0xfff9, 0xfffb },
	{ 0xe0000, 0xe007f },
};

/* What takes room at most: by itself it is no name. */
static const struct range blank[] = {
	{ ' ', ' ' },
	{ '.', '.' },
	{ 0xa0, 0xa0 },
	{ 0x34f, 0x34f },
	{ 0x115f, 0x1160 },
	{ 0x1680, 0x1680 },
	{ 0x17b4, 0x17b5 },
	{ 0x2000, 0x200f },
	{ 0x202f, 0x202f },
	{ 0x205f, 0x205f },
	{ 0x2800, 0x2800 },
	{ 0x3000, 0x3000 },
	{ 0x3164, 0x3164 },
	{ 0xfe00, 0xfe0f },
	{ 0xffa0, 0xffa0 },
	{ 0xe0100, 0xe01ef },
};

static bool
is_among(const struct range *ranges, size_t n, uint32_t c)
{
	for (size_t i = 0; i < n; i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

/* Bytes of the well-formed character at `p` (its value in `*c`), or 0. */
static size_t
char_get(const char *p, size_t n, uint32_t *c)
{
	struct base_utf8 state = { 0 };
	unsigned char first = (unsigned char)p[0];

	*c = first < 0x80 ? first :
	    first < 0xe0  ? first & 0x1f :
	    first < 0xf0  ? first & 0x0f :
			    first & 0x07;
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			*c = *c << 6 | ((unsigned char)p[i] & 0x3f);
		switch (base_utf8_feed(&state, p + i, 1)) {
		case BASE_UTF8_OK:
			return i + 1;
		case BASE_UTF8_BAD:
			return 0;
		case BASE_UTF8_NEED_MORE:
			break;
		}
	}
	return 0;
}

static void
append_visible(struct base_buf *out, const char *p, size_t n)
{
	uint32_t c;

	for (size_t i = 0, len; i < n; i += len) {
		len = char_get(p + i, n - i, &c);
		if (len == 0) {
			base_buf_append_str(out, REPLACEMENT);
			len = 1;
		} else if (!is_among(dropped, ARRAY_LEN(dropped), c)) {
			base_buf_append(out, p + i, len);
		}
	}
}

/* Is nothing to be seen in `p[0..n)`, which is well-formed? */
static bool
is_blank(const char *p, size_t n)
{
	uint32_t c;

	for (size_t i = 0; i < n;) {
		i += char_get(p + i, n - i, &c);
		if (!is_among(blank, ARRAY_LEN(blank), c))
			return false;
	}
	return true;
}

/* The greatest length up to `max` that does not split a character. */
static size_t
border(const char *p, size_t max)
{
	while (max > 0 && ((unsigned char)p[max] & 0xc0) == 0x80)
		max--;
	return max;
}

/* Append `p[0..n)`, shortened in the middle when it is too long. */
static void
append_short(struct base_buf *out, const char *p, size_t n)
{
	const char *dot = memrchr(p, '.', n);
	size_t tail = 0;

	if (n <= UPLOAD_FILENAME_MAX) {
		base_buf_append(out, p, n);
		return;
	}
	if (dot != NULL && (size_t)(p + n - dot) <= EXTENSION_MAX)
		tail = (size_t)(p + n - dot);
	base_buf_append(out, p, border(p, UPLOAD_FILENAME_MAX - tail));
	base_buf_append(out, p + n - tail, tail);
}

void
upload_filename_clean(struct base_buf *out, const char *p, size_t n)
{
	struct base_buf name;
	const char *start, *end;

	for (size_t i = n; i > 0; i--) {
		if (p[i - 1] == '/' || p[i - 1] == '\\') {
			n -= i;
			p += i;
			break;
		}
	}
	/* What cannot be shown is not worth more of our time than this; a form
	 * has no room for more. */
	if (n > READ_MAX)
		n = READ_MAX;

	base_buf_init(&name);
	append_visible(&name, p, n);
	start = base_buf_str(&name);
	end = start + name.len;
	while (start < end && (*start == '.' || *start == ' '))
		start++;
	while (end > start && (end[-1] == '.' || end[-1] == ' '))
		end--;
	if (is_blank(start, (size_t)(end - start)))
		base_buf_append_str(out, "file");
	else
		append_short(out, start, (size_t)(end - start));
	base_buf_fini(&name);
}

static bool
is_attr_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') ||
	    (c != '\0' && strchr("!#$&+-.^_`|~", c) != NULL);
}

static void
append_latin1(struct base_buf *out, unsigned char c)
{
	if (c < 0x80) {
		base_buf_append_char(out, (char)c);
		return;
	}
	base_buf_append_char(out, (char)(0xc0 | c >> 6));
	base_buf_append_char(out, (char)(0x80 | (c & 0x3f)));
}

/* The percent-encoded rest of an ext-value. */
static bool
append_percent(
    struct base_buf *out, const char *p, const char *end, bool latin1)
{
	int high, low;
	char c;

	for (; p < end; p++) {
		c = *p;
		if (c == '%') {
			if (end - p < 3 || (high = base_hex_value(p[1])) < 0 ||
			    (low = base_hex_value(p[2])) < 0)
				return false;
			c = (char)(high << 4 | low);
			p += 2;
		} else if (!is_attr_char(c)) {
			return false;
		}
		if (latin1)
			append_latin1(out, (unsigned char)c);
		else
			base_buf_append_char(out, c);
	}
	return true;
}

bool
upload_filename_decode(struct base_buf *out, const char *p, size_t n)
{
	const char *end = p + n, *quote, *language_end;
	struct base_buf text;
	size_t charset;
	bool latin1, ok;

	if ((quote = memchr(p, '\'', n)) == NULL ||
	    (language_end =
		    memchr(quote + 1, '\'', (size_t)(end - quote - 1))) == NULL)
		return false;
	charset = (size_t)(quote - p);
	latin1 = charset == 10 && strncasecmp(p, "iso-8859-1", 10) == 0;
	if (!latin1 && !(charset == 5 && strncasecmp(p, "utf-8", 5) == 0))
		return false;

	base_buf_init(&text);
	ok = append_percent(&text, language_end + 1, end, latin1);
	if (ok)
		base_buf_append(out, base_buf_str(&text), text.len);
	base_buf_fini(&text);
	return ok;
}

/*
 * What old readers get: `"` and `\` would need escapes that are read in
 * several ways, and some readers decode a percent sign.
 */
static bool
is_plain(char c)
{
	return c >= 0x20 && c < 0x7f && strchr("\"\\%;", c) == NULL;
}

void
upload_filename_disposition(
    struct base_buf *out, bool is_inline, const char *name)
{
	bool exact = true;

	base_buf_append_str(out, is_inline ? "inline" : "attachment");
	base_buf_append_str(out, "; filename=\"");
	for (const char *p = name; *p != '\0'; p++) {
		if (is_plain(*p)) {
			base_buf_append_char(out, *p);
			continue;
		}
		exact = false;
		if (((unsigned char)*p & 0xc0) != 0x80)
			base_buf_append_char(out, '_');
	}
	base_buf_append_char(out, '"');
	if (exact)
		return;
	base_buf_append_str(out, "; filename*=UTF-8''");
	for (const char *p = name; *p != '\0'; p++) {
		if (is_attr_char(*p))
			base_buf_append_char(out, *p);
		else
			base_buf_printf(out, "%%%02X", (unsigned char)*p);
	}
}

bool
upload_filename_has_extension(const char *name, const char *extension)
{
	size_t n = strlen(name), len = strlen(extension);

	return n > len && strcasecmp(name + n - len, extension) == 0;
}

void
upload_filename_rename(
    struct base_buf *out, const char *name, const char *extension)
{
	const char *dot = strrchr(name, '.');
	size_t n = strlen(name);

	if (upload_filename_has_extension(name, extension) ||
	    (strcmp(extension, ".jpg") == 0 &&
		upload_filename_has_extension(name, ".jpeg"))) {
		base_buf_append_str(out, name);
		return;
	}
	if (dot != NULL && dot > name && strlen(dot) <= EXTENSION_MAX)
		n = (size_t)(dot - name);
	if (n + strlen(extension) > UPLOAD_FILENAME_MAX)
		n = border(name, UPLOAD_FILENAME_MAX - strlen(extension));
	base_buf_append(out, name, n);
	base_buf_append_str(out, extension);
}
