/* SPDX-License-Identifier: ISC */
/* What a file is, decided by its content. */

#include "upload/sniff.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <magic.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "upload/filename.h"

/* What libmagic sees of a file: bounded, whatever its rules would do. */
enum {
	MAGIC_BYTES = 64 * 1024
};

struct upload_sniffer {
	magic_t magic; /* owned */
};

struct upload_sniffer *
upload_sniffer_new(void)
{
	static const struct {
		int name;
		size_t value;
	} limits[] = {
		{ MAGIC_PARAM_BYTES_MAX, MAGIC_BYTES },
		{ MAGIC_PARAM_INDIR_MAX, 15 },
		{ MAGIC_PARAM_NAME_MAX, 30 },
		{ MAGIC_PARAM_REGEX_MAX, 4096 },
	};
	struct upload_sniffer *s = base_alloc(sizeof(*s));

	/* What unpacks, or looks into formats that are not ours, is off. */
	s->magic = magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS |
	    MAGIC_NO_CHECK_TAR | MAGIC_NO_CHECK_ELF | MAGIC_NO_CHECK_CDF |
	    MAGIC_NO_CHECK_JSON | MAGIC_NO_CHECK_CSV);
	if (s->magic == NULL || magic_load(s->magic, NULL) == -1) {
		upload_sniffer_free(s);
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		magic_setparam(s->magic, limits[i].name, &limits[i].value);
	return s;
}

void
upload_sniffer_free(struct upload_sniffer *s)
{
	if (s == NULL)
		return;
	if (s->magic != NULL)
		magic_close(s->magic);
	base_free(s);
}

/* Past a byte order mark, blanks and comments. */
static size_t
first_word(const char *p, size_t n)
{
	size_t at = n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	const char *end;

	for (;;) {
		while (at < n && strchr(" \t\r\n\f", p[at]) != NULL)
			at++;
		if (n - at < 4 || memcmp(p + at, "<!--", 4) != 0)
			return at;
		end = memmem(p + at + 4, n - at - 4, "-->", 3);
		at = end != NULL ? (size_t)(end - p) + 3 : n;
	}
}

/*
 * Is this what a browser could take for a page or a drawing?  Looks at the
 * first word only: Markdown may hold tags.
 */
static bool
begins_as_markup(const char *p, size_t n)
{
	static const char *const starts[] = { "<!doctype", "<html", "<svg",
		"<?xml", "<script", "<head", "<body", "<iframe", "<!entity" };
	size_t at = first_word(p, n), len;

	for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
		len = strlen(starts[i]);
		if (n - at >= len && strncasecmp(p + at, starts[i], len) == 0)
			return true;
	}
	return false;
}

/* Text has no control characters but those that lay it out. */
static bool
has_control(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((p[i] < 0x20 &&
			(p[i] < '\t' || p[i] > '\r' || p[i] == '\v')) ||
		    p[i] == 0x7f)
			return true;
	return false;
}

/*
 * Read all of it.  In UTF-8 it is text because we say so; in another encoding
 * (`legacy`) only libmagic can tell.
 */
static enum upload_status
text_check(int fd, bool legacy)
{
	enum base_utf8_status utf8 = BASE_UTF8_OK;
	struct base_utf8 state = { 0 };
	char piece[32768];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, piece, sizeof(piece), at)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return UPLOAD_FAILED;
		if (has_control((const unsigned char *)piece, (size_t)n))
			return UPLOAD_BAD_TYPE;
		if (utf8 != BASE_UTF8_BAD)
			utf8 = base_utf8_feed(&state, piece, (size_t)n);
		at += n;
	}
	return utf8 == BASE_UTF8_OK || legacy ? UPLOAD_OK : UPLOAD_BAD_TYPE;
}

static bool
is_markup(const char *mime, bool is_markdown)
{
	return strstr(mime, "xml") != NULL || strstr(mime, "svg") != NULL ||
	    (strcmp(mime, "text/html") == 0 && !is_markdown);
}

static enum upload_status
decide(int fd, const char *head, size_t n, const char *mime,
    const char *filename, enum upload_kind *kind)
{
	bool is_markdown = upload_filename_has_extension(filename, ".md") ||
	    upload_filename_has_extension(filename, ".markdown");

	*kind = upload_kind_guess(head, n);
	if (*kind != UPLOAD_KIND_COUNT)
		return upload_kind_agrees(*kind, mime) ? UPLOAD_OK :
							 UPLOAD_BAD_TYPE;
	if (is_markup(mime, is_markdown) || begins_as_markup(head, n))
		return UPLOAD_BAD_TYPE;
	*kind = is_markdown ? UPLOAD_MARKDOWN : UPLOAD_TEXT;
	return text_check(fd, strncmp(mime, "text/", 5) == 0);
}

enum upload_status
upload_sniff_file(struct upload_sniffer *s, int fd, const char *filename,
    enum upload_kind *kind)
{
	enum upload_status status = UPLOAD_BAD_TYPE;
	char *head = base_alloc(MAGIC_BYTES);
	ssize_t n = pread(fd, head, MAGIC_BYTES, 0);
	const char *mime;

	if (n == -1)
		status = UPLOAD_FAILED;
	else if (n == 0)
		status = UPLOAD_EMPTY;
	else if ((mime = magic_buffer(s->magic, head, (size_t)n)) != NULL)
		status = decide(fd, head, (size_t)n, mime, filename, kind);
	base_free(head);
	if (status != UPLOAD_OK)
		*kind = UPLOAD_KIND_COUNT;
	return status;
}
