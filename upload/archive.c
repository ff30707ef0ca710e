/* SPDX-License-Identifier: ISC */
/* A look into a ZIP file: at its list of contents, then at what that lists. */

#include "upload/archive.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "upload/mapped.h"
#include "upload/unpack.h"

enum {
	END_BYTES = 22, /* end of central directory, without comment */
	COMMENT_MAX = 65535,
	LOCATOR_BYTES = 20, /* where the ZIP64 end is */
	END64_BYTES = 56,
	ENTRY_BYTES = 46, /* of the list, without names */
	LOCAL_BYTES = 30, /* before a file's data, without names */
	ZIP64_FIELD = 0x0001,
	ENCRYPTED = 0x0001, /* a flag of an entry */
	STORED = 0,	    /* ways to pack: as it is, */
	DEFLATED = 8	    /* or nearly always so */
};

#define END_MARK 0x06054b50u
#define LOCATOR_MARK 0x07064b50u
#define END64_MARK 0x06064b50u
#define ENTRY_MARK 0x02014b50u
#define LOCAL_MARK 0x04034b50u

/* What the archives within one file have in common. */
struct look {
	uint64_t bytes;	   /* of the file */
	uint64_t unpacked; /* of all entries so far, by their lists */
	uint64_t read;	   /* of them, by ourselves */
	char *reason;
};

/* An archive: the file, or one that was found in it. */
struct archive {
	struct look *look;
	unsigned depth;
	const unsigned char *bytes;
	uint64_t size;
	uint64_t list_at, list_bytes, entries;
};

/* One entry. */
struct entry {
	unsigned flags, method;
	uint64_t packed, unpacked, at;
	uint32_t crc;
	const char *name; /* borrowed: the list */
	size_t name_len;
	uint16_t name_and_extra; /* bytes */
};

/* Bytes of the file that belong to one entry. */
struct span {
	uint64_t from, upto;
};

static uint64_t
get(const unsigned char *p, unsigned bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | p[bytes];
	return value;
}

/* `n` bytes that stand at `at`; NULL when it has not so many. */
static const unsigned char *
bytes_at(const struct archive *a, uint64_t at, uint64_t n)
{
	return at <= a->size && n <= a->size - at ? a->bytes + at : NULL;
}

static enum upload_status
complain(const struct archive *a, enum upload_status status, const char *why)
{
	snprintf(a->look->reason, UPLOAD_REASON_MAX, "%s", why);
	return status;
}

/* Large archives say it in a second end record. */
static bool
end64_read(struct archive *a, uint64_t end_at)
{
	const unsigned char *locator, *end;

	if (end_at < LOCATOR_BYTES)
		return false;
	locator = a->bytes + end_at - LOCATOR_BYTES;
	if (get(locator, 4) != LOCATOR_MARK ||
	    (end = bytes_at(a, get(locator + 8, 8), END64_BYTES)) == NULL ||
	    get(end, 4) != END64_MARK)
		return false;
	a->entries = get(end + 32, 8);
	a->list_bytes = get(end + 40, 8);
	a->list_at = get(end + 48, 8);
	return true;
}

/* Does the file end with an end record at `at`, and its comment? */
static bool
is_end(const struct archive *a, uint64_t at)
{
	const unsigned char *p = a->bytes + at;

	return get(p, 4) == END_MARK &&
	    get(p + 20, 2) == a->size - at - END_BYTES;
}

static bool
end_try(struct archive *a, uint64_t at)
{
	const unsigned char *p = a->bytes + at;

	if (!is_end(a, at))
		return false;
	a->entries = get(p + 10, 2);
	a->list_bytes = get(p + 12, 4);
	a->list_at = get(p + 16, 4);
	return (a->list_at != UINT32_MAX && a->entries != UINT16_MAX) ||
	    end64_read(a, at);
}

/* The first place where an end record may be. */
static uint64_t
end_first(const struct archive *a)
{
	return a->size < END_BYTES + COMMENT_MAX ?
	    0 :
	    a->size - END_BYTES - COMMENT_MAX;
}

static bool
end_read(struct archive *a)
{
	bool found = false;

	if (a->size >= END_BYTES)
		for (uint64_t at = a->size - END_BYTES + 1;
		     at-- > end_first(a) && !found;)
			found = end_try(a, at);
	return found;
}

/* Sizes that did not fit stand in an extra field, in this order. */
static bool
zip64_read(struct entry *e, const unsigned char *p, size_t n)
{
	uint64_t *const wanted[] = { &e->unpacked, &e->packed, &e->at };
	size_t len;

	for (; n >= 4; p += 4 + len, n -= 4 + len) {
		len = (size_t)get(p + 2, 2);
		if (len > n - 4)
			return false;
		if (get(p, 2) != ZIP64_FIELD)
			continue;
		for (size_t i = 0, at = 4; i < ARRAY_LEN(wanted); i++) {
			if (*wanted[i] != UINT32_MAX)
				continue;
			if (at + 8 > 4 + len)
				return false;
			*wanted[i] = get(p + at, 8);
			at += 8;
		}
	}
	return true;
}

/* The entry at `p[0..n)`: how many bytes it has there, 0 when it is none. */
static size_t
entry_read(struct entry *e, const unsigned char *p, size_t n)
{
	size_t name, extra, all;

	if (n < ENTRY_BYTES || get(p, 4) != ENTRY_MARK)
		return 0;
	name = (size_t)get(p + 28, 2);
	extra = (size_t)get(p + 30, 2);
	all = ENTRY_BYTES + name + extra + (size_t)get(p + 32, 2);
	if (all > n)
		return 0;
	e->flags = (unsigned)get(p + 8, 2);
	e->method = (unsigned)get(p + 10, 2);
	e->crc = (uint32_t)get(p + 16, 4);
	e->packed = get(p + 20, 4);
	e->unpacked = get(p + 24, 4);
	e->at = get(p + 42, 4);
	e->name = (const char *)p + ENTRY_BYTES;
	e->name_len = name;
	return zip64_read(e, p + ENTRY_BYTES + name, extra) ? all : 0;
}

/* `b` more than `ratio` times `a`? */
static bool
is_times(uint64_t b, uint64_t a, uint64_t ratio)
{
	return b / ratio > a || (b / ratio == a && b % ratio > 0);
}

static bool
is_archive(const struct entry *e)
{
	static const char *const suffixes[] = { ".zip", ".gz", ".tgz", ".bz2",
		".xz", ".zst", ".7z", ".rar", ".tar", ".jar" };
	size_t len;

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		len = strlen(suffixes[i]);
		if (e->name_len > len &&
		    strncasecmp(
			e->name + e->name_len - len, suffixes[i], len) == 0)
			return true;
	}
	return false;
}

/* Does its name lead out of where it is unpacked? */
static bool
leads_out(const struct entry *e)
{
	size_t start = 0;

	for (size_t i = 0; i <= e->name_len; i++) {
		if (i < e->name_len && strchr("/\\", e->name[i]) == NULL)
			continue;
		if (i - start == 2 && memcmp(e->name + start, "..", 2) == 0)
			return true;
		start = i + 1;
	}
	return false;
}

static enum upload_status
entry_check(struct archive *a, const struct entry *e, struct span *span)
{
	const unsigned char *local = bytes_at(a, e->at, LOCAL_BYTES);

	if (local == NULL || get(local, 4) != LOCAL_MARK)
		return complain(
		    a, UPLOAD_BAD_ARCHIVE, "an entry points nowhere");
	span->from = e->at;
	span->upto =
	    e->at + LOCAL_BYTES + get(local + 26, 2) + get(local + 28, 2);
	if (span->upto > a->list_at || e->packed > a->list_at - span->upto)
		return complain(
		    a, UPLOAD_BAD_ARCHIVE, "an entry reaches beyond its place");
	span->upto += e->packed;
	if (leads_out(e))
		return complain(
		    a, UPLOAD_BAD_ARCHIVE, "an entry's name leads out of it");
	if (is_archive(e) && e->unpacked > UPLOAD_ARCHIVE_NESTED_SMALL &&
	    is_times(e->unpacked, e->packed, UPLOAD_ARCHIVE_NESTED_RATIO))
		return complain(
		    a, UPLOAD_BOMB, "an archive within shrank as none does");
	if (e->unpacked > UINT64_MAX / 2 - a->look->unpacked)
		return complain(a, UPLOAD_BOMB, "sizes beyond counting");
	a->look->unpacked += e->unpacked;
	return UPLOAD_OK;
}

static int
span_compare(const void *x, const void *y)
{
	const struct span *a = x, *b = y;

	return a->from < b->from ? -1 : a->from > b->from;
}

/* Entries that share bytes unpack to more than their list lets on. */
static bool
spans_overlap(struct span *spans, size_t n)
{
	qsort(spans, n, sizeof(*spans), span_compare);
	for (size_t i = 1; i < n; i++)
		if (spans[i].from < spans[i - 1].upto)
			return true;
	return false;
}

static enum upload_status
list_check(
    struct archive *a, const unsigned char *list, struct span *spans, size_t n)
{
	enum upload_status status;
	struct entry e;
	size_t used;

	for (uint64_t i = 0; i < a->entries; i++, list += used, n -= used) {
		if ((used = entry_read(&e, list, n)) == 0)
			return complain(a, UPLOAD_BAD_ARCHIVE,
			    "an entry of the list cannot be read");
		status = entry_check(a, &e, &spans[i]);
		if (status != UPLOAD_OK)
			return status;
	}
	if (spans_overlap(spans, (size_t)a->entries))
		return complain(a, UPLOAD_BOMB, "entries overlap");
	if (a->look->unpacked > UPLOAD_ARCHIVE_SMALL &&
	    is_times(a->look->unpacked, a->look->bytes, UPLOAD_ARCHIVE_RATIO))
		return complain(a, UPLOAD_BOMB, "it unpacks to too much");
	return UPLOAD_OK;
}

/* --- what the entries are --- */

static enum upload_status archive_look(struct archive *a);

/* What an entry unpacked to.  An archive that cannot be read is a file like
 * any other. */
static enum upload_status
nested_look(
    const struct archive *outer, const unsigned char *bytes, uint64_t size)
{
	struct archive a = { .look = outer->look,
		.depth = outer->depth + 1,
		.bytes = bytes,
		.size = size };
	enum upload_status status;

	if (size < END_BYTES ||
	    (get(bytes, 4) != LOCAL_MARK && get(bytes, 4) != END_MARK))
		return UPLOAD_OK;
	if (a.depth > UPLOAD_ARCHIVE_DEPTH)
		return complain(&a, UPLOAD_BOMB, "archives within archives");
	status = archive_look(&a);
	if (status != UPLOAD_BAD_ARCHIVE)
		return status;
	a.look->reason[0] = '\0';
	return UPLOAD_OK;
}

static enum upload_status
deflated_look(const struct archive *a, const struct entry *e,
    const unsigned char *data, const struct upload_unpack_claim *claim)
{
	bool is_kept = e->unpacked <= UPLOAD_ARCHIVE_KEPT;
	unsigned char *kept =
	    is_kept ? base_alloc((size_t)e->unpacked + 1) : NULL;
	enum upload_status status =
	    upload_unpack(data, (size_t)e->packed, claim, kept);

	if (status == UPLOAD_BOMB)
		(void)complain(a, status, "an entry is more than it says");
	else if (status == UPLOAD_BAD_ARCHIVE)
		(void)complain(a, status, "an entry is damaged");
	else if (status == UPLOAD_OK && is_kept)
		status = nested_look(a, kept, e->unpacked);
	base_free(kept);
	return status;
}

/* What is encrypted, or packed as hardly anybody does it, is passed by. */
static enum upload_status
entry_look(const struct archive *a, const struct entry *e)
{
	const struct upload_unpack_claim claim = { e->unpacked, e->crc };
	const unsigned char *local = a->bytes + e->at, *data;

	if ((e->flags & ENCRYPTED) != 0 ||
	    (e->method != STORED && e->method != DEFLATED) ||
	    a->look->read > UPLOAD_ARCHIVE_READ)
		return UPLOAD_OK;
	a->look->read += e->unpacked;
	data = local + LOCAL_BYTES + get(local + 26, 2) + get(local + 28, 2);
	if (e->method == DEFLATED)
		return deflated_look(a, e, data, &claim);
	if (upload_unpack_stored(data, (size_t)e->packed, &claim) != UPLOAD_OK)
		return complain(a, UPLOAD_BAD_ARCHIVE, "an entry is damaged");
	return nested_look(a, data, e->packed);
}

static enum upload_status
entries_look(const struct archive *a, const unsigned char *list, size_t n)
{
	enum upload_status status = UPLOAD_OK;
	struct entry e;
	size_t used;

	for (uint64_t i = 0; i < a->entries && status == UPLOAD_OK; i++) {
		used = entry_read(&e, list, n);
		list += used;
		n -= used;
		status = entry_look(a, &e);
	}
	return status;
}

static enum upload_status
archive_look(struct archive *a)
{
	const unsigned char *list;
	enum upload_status status;
	struct span *spans;

	if (!end_read(a) ||
	    (list = bytes_at(a, a->list_at, a->list_bytes)) == NULL)
		return complain(
		    a, UPLOAD_BAD_ARCHIVE, "there is no list of contents");
	if (a->entries > UPLOAD_ARCHIVE_ENTRIES)
		return complain(a, UPLOAD_BOMB, "too many entries");
	/* Names and comments may be long, yet not all of them. */
	if (a->list_bytes > UPLOAD_ARCHIVE_ENTRIES * 1024ull)
		return complain(a, UPLOAD_BOMB, "too long a list");
	spans = base_alloc_array((size_t)a->entries + 1, sizeof(*spans));
	status = list_check(a, list, spans, (size_t)a->list_bytes);
	base_free(spans);
	return status == UPLOAD_OK ?
	    entries_look(a, list, (size_t)a->list_bytes) :
	    status;
}

enum upload_status
upload_archive_check(int fd, char reason[UPLOAD_REASON_MAX])
{
	struct upload_mapped file;
	struct look look = { .reason = reason };
	struct archive a = { .look = &look };
	enum upload_status status;

	if (!upload_mapped_init(&file, fd))
		return UPLOAD_FAILED;
	a.bytes = file.bytes;
	a.size = look.bytes = file.size;
	status = archive_look(&a);
	upload_mapped_fini(&file);
	return status;
}

/* A list stands right before an end record. */
static bool
is_behind_list(const struct archive *a, uint64_t at)
{
	const unsigned char *end = a->bytes + at;
	uint64_t list_bytes = get(end + 12, 4);

	return is_end(a, at) && list_bytes >= ENTRY_BYTES && list_bytes <= at &&
	    get(end - list_bytes, 4) == ENTRY_MARK;
}

bool
upload_archive_follows(int fd)
{
	struct archive a = { .look = NULL };
	struct upload_mapped file;
	bool found = false;

	if (!upload_mapped_init(&file, fd))
		return false;
	a.bytes = file.bytes;
	a.size = file.size;
	if (a.size >= END_BYTES)
		for (uint64_t at = a.size - END_BYTES + 1;
		     at-- > end_first(&a) && !found;)
			found = is_behind_list(&a, at);
	upload_mapped_fini(&file);
	return found;
}
