/* SPDX-License-Identifier: ISC */
/* The tables of kinds: names and signatures. */

#include "upload/kind.h"

#include <string.h>

static const char *const mimes[UPLOAD_KIND_COUNT] = {
	[UPLOAD_JPEG] = "image/jpeg",
	[UPLOAD_PNG] = "image/png",
	[UPLOAD_GIF] = "image/gif",
	[UPLOAD_WEBP] = "image/webp",
	[UPLOAD_PDF] = "application/pdf",
	[UPLOAD_ZIP] = "application/zip",
	[UPLOAD_TEXT] = "text/plain",
	[UPLOAD_MARKDOWN] = "text/markdown",
};

struct signature {
	enum upload_kind kind;
	size_t len;
	const char *bytes;
	const char *second; /* at 8, or NULL: RIFF alone is not WebP */
};

static const struct signature signatures[] = {
	{ UPLOAD_JPEG, 3, "\xff\xd8\xff", NULL },
	{ UPLOAD_PNG, 8, "\x89PNG\r\n\x1a\n", NULL },
	{ UPLOAD_GIF, 6, "GIF87a", NULL }, { UPLOAD_GIF, 6, "GIF89a", NULL },
	{ UPLOAD_WEBP, 4, "RIFF", "WEBP" }, { UPLOAD_PDF, 5, "%PDF-", NULL },
	{ UPLOAD_ZIP, 4, "PK\x03\x04", NULL },
	{ UPLOAD_ZIP, 4, "PK\x05\x06", NULL }, /* an empty one */
};

enum upload_kind
upload_kind_guess(const void *p, size_t n)
{
	const struct signature *s;

	for (size_t i = 0; i < ARRAY_LEN(signatures); i++) {
		s = &signatures[i];
		if (n < s->len || memcmp(p, s->bytes, s->len) != 0)
			continue;
		if (s->second == NULL ||
		    (n >= 12 && memcmp((const char *)p + 8, s->second, 4) == 0))
			return s->kind;
	}
	return UPLOAD_KIND_COUNT;
}

const char *
upload_kind_mime(enum upload_kind kind)
{
	return kind < UPLOAD_KIND_COUNT ? mimes[kind] :
					  "application/octet-stream";
}

enum upload_kind
upload_kind_find(const char *mime)
{
	for (size_t i = 0; i < ARRAY_LEN(mimes); i++)
		if (strcmp(mimes[i], mime) == 0)
			return (enum upload_kind)i;
	return UPLOAD_KIND_COUNT;
}

bool
upload_kind_is_image(enum upload_kind kind)
{
	return kind == UPLOAD_JPEG || kind == UPLOAD_PNG ||
	    kind == UPLOAD_GIF || kind == UPLOAD_WEBP;
}
