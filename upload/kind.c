/* SPDX-License-Identifier: ISC */
/* The table of kinds: names, signatures, and what libmagic calls them. */

#include "upload/kind.h"

#include <string.h>

struct row {
	const char *mime;
	const char *extension;
	/* What libmagic says begins with one of these; NULL: with `mime`. */
	const char *said[3];
};

static const struct row rows[UPLOAD_KIND_COUNT] = {
	[UPLOAD_JPEG] = { "image/jpeg", ".jpg", { NULL } },
	[UPLOAD_PNG] = { "image/png", ".png", { NULL } },
	[UPLOAD_GIF] = { "image/gif", ".gif", { NULL } },
	[UPLOAD_WEBP] = { "image/webp", ".webp", { NULL } },
	[UPLOAD_AVIF] = { "image/avif", ".avif", { "image/" } },
	[UPLOAD_HEIC] = { "image/heic", ".heic", { "image/" } },
	[UPLOAD_PDF] = { "application/pdf", ".pdf", { NULL } },
	/* It goes by many names; all that matters is that it is one. */
	[UPLOAD_ZIP] = { "application/zip", ".zip", { "application/" } },
	[UPLOAD_TEXT] = { "text/plain", ".txt", { NULL } },
	[UPLOAD_MARKDOWN] = { "text/markdown", ".md", { NULL } },
	[UPLOAD_MP4] = { "video/mp4", ".mp4", { "video/" } },
	[UPLOAD_QUICKTIME] = { "video/quicktime", ".mov", { "video/" } },
	[UPLOAD_WEBM] = { "video/webm", ".webm", { "video/" } },
	[UPLOAD_M4A] = { "audio/mp4", ".m4a", { "audio/", "video/" } },
	[UPLOAD_MP3] = { "audio/mpeg", ".mp3", { "audio/" } },
	[UPLOAD_OGG] = { "audio/ogg", ".ogg",
	    { "audio/", "video/ogg", "application/ogg" } },
	[UPLOAD_WAV] = { "audio/wav", ".wav", { "audio/" } },
	[UPLOAD_FLAC] = { "audio/flac", ".flac", { "audio/" } },
};

struct signature {
	enum upload_kind kind;
	size_t len;
	const char *bytes;
	size_t second_at;
	const char *second; /* NULL: none; RIFF alone is not WebP */
};

static const struct signature signatures[] = {
	{ UPLOAD_JPEG, 3, "\xff\xd8\xff", 0, NULL },
	{ UPLOAD_PNG, 8, "\x89PNG\r\n\x1a\n", 0, NULL },
	{ UPLOAD_GIF, 6, "GIF87a", 0, NULL },
	{ UPLOAD_GIF, 6, "GIF89a", 0, NULL },
	{ UPLOAD_WEBP, 4, "RIFF", 8, "WEBP" },
	{ UPLOAD_PDF, 5, "%PDF-", 0, NULL },
	{ UPLOAD_ZIP, 4, "PK\x03\x04", 0, NULL },
	{ UPLOAD_ZIP, 4, "PK\x05\x06", 0, NULL }, /* an empty one */
	{ UPLOAD_OGG, 4, "OggS", 0, NULL },
	{ UPLOAD_FLAC, 4, "fLaC", 0, NULL },
	{ UPLOAD_WAV, 4, "RIFF", 8, "WAVE" },
	{ UPLOAD_MP3, 3, "ID3", 0, NULL },
	{ UPLOAD_MP3, 2, "\xff\xfb", 0, NULL },
	{ UPLOAD_MP3, 2, "\xff\xf3", 0, NULL },
	{ UPLOAD_MP3, 2, "\xff\xf2", 0, NULL },
};

/* Brands of ISO base media files (ISO 14496-12): the first one known decides,
 * the major brand before those it is compatible with. */
static const struct {
	const char *brand;
	enum upload_kind kind;
} brands[] = {
	{ "avif", UPLOAD_AVIF },
	{ "avis", UPLOAD_AVIF },
	{ "heic", UPLOAD_HEIC },
	{ "heix", UPLOAD_HEIC },
	{ "heim", UPLOAD_HEIC },
	{ "heis", UPLOAD_HEIC },
	{ "hevc", UPLOAD_HEIC },
	{ "hevx", UPLOAD_HEIC },
	{ "qt  ", UPLOAD_QUICKTIME },
	{ "M4A ", UPLOAD_M4A },
	{ "M4B ", UPLOAD_M4A },
	{ "M4V ", UPLOAD_MP4 },
	{ "isom", UPLOAD_MP4 },
	{ "iso2", UPLOAD_MP4 },
	{ "iso4", UPLOAD_MP4 },
	{ "iso5", UPLOAD_MP4 },
	{ "iso6", UPLOAD_MP4 },
	{ "mp41", UPLOAD_MP4 },
	{ "mp42", UPLOAD_MP4 },
	{ "avc1", UPLOAD_MP4 },
	{ "dash", UPLOAD_MP4 },
	{ "3gp4", UPLOAD_MP4 },
	{ "3gp5", UPLOAD_MP4 },
	{ "3gp6", UPLOAD_MP4 },
};

static enum upload_kind
brand_find(const char *p)
{
	for (size_t i = 0; i < ARRAY_LEN(brands); i++)
		if (memcmp(p, brands[i].brand, 4) == 0)
			return brands[i].kind;
	return UPLOAD_KIND_COUNT;
}

/* A box of type ftyp: its size, the type, brands; a version at 12. */
static enum upload_kind
brand_guess(const unsigned char *p, size_t n)
{
	enum upload_kind kind = UPLOAD_KIND_COUNT;
	size_t size;

	if (n < 16 || memcmp(p + 4, "ftyp", 4) != 0 || p[0] != 0 || p[1] != 0)
		return kind;
	size = (size_t)p[2] << 8 | p[3];
	for (size_t at = 8;
	     kind == UPLOAD_KIND_COUNT && at + 4 <= n && at + 4 <= size;
	     at += 4)
		if (at != 12)
			kind = brand_find((const char *)p + at);
	return kind;
}

/* Matroska says in its head what it is used for. */
static bool
is_webm(const void *p, size_t n)
{
	return n > 4 && memcmp(p, "\x1a\x45\xdf\xa3", 4) == 0 &&
	    memmem(p, n < 64 ? n : 64, "webm", 4) != NULL;
}

enum upload_kind
upload_kind_guess(const void *p, size_t n)
{
	const struct signature *s;

	for (size_t i = 0; i < ARRAY_LEN(signatures); i++) {
		s = &signatures[i];
		if (n < s->len || memcmp(p, s->bytes, s->len) != 0)
			continue;
		if (s->second == NULL ||
		    (n >= s->second_at + 4 &&
			memcmp((const char *)p + s->second_at, s->second, 4) ==
			    0))
			return s->kind;
	}
	return is_webm(p, n) ? UPLOAD_WEBM : brand_guess(p, n);
}

upload_kinds
upload_kinds_named(const char *type)
{
	size_t n = strlen(type);
	bool all = n > 2 && strcmp(type + n - 2, "/*") == 0;
	upload_kinds kinds = 0;

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		if (all ? strncmp(rows[i].mime, type, n - 1) == 0 :
			  strcmp(rows[i].mime, type) == 0)
			kinds |= UPLOAD_KIND_BIT(i);
	return kinds;
}

const char *
upload_kind_mime(enum upload_kind kind)
{
	return kind < UPLOAD_KIND_COUNT ? rows[kind].mime :
					  "application/octet-stream";
}

const char *
upload_kind_extension(enum upload_kind kind)
{
	return kind < UPLOAD_KIND_COUNT ? rows[kind].extension : "";
}

enum upload_kind
upload_kind_find(const char *mime)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].mime, mime) == 0)
			return (enum upload_kind)i;
	return UPLOAD_KIND_COUNT;
}

bool
upload_kind_is_image(enum upload_kind kind)
{
	return kind <= UPLOAD_HEIC;
}

bool
upload_kind_is_shown(enum upload_kind kind)
{
	return kind <= UPLOAD_WEBP;
}

bool
upload_kind_agrees(enum upload_kind kind, const char *mime)
{
	const struct row *row = &rows[kind];

	if (row->said[0] == NULL)
		return strcmp(mime, row->mime) == 0;
	for (size_t i = 0; i < ARRAY_LEN(row->said); i++)
		if (row->said[i] != NULL &&
		    strncmp(mime, row->said[i], strlen(row->said[i])) == 0)
			return true;
	return false;
}
