/* SPDX-License-Identifier: ISC */
/* A look at a ZIP file's list of contents. */

#include "upload/archive.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"

enum {
	END_BYTES = 22, /* end of central directory, without comment */
	COMMENT_MAX = 65535,
	LOCATOR_BYTES = 20, /* where the ZIP64 end is */
	END64_BYTES = 56,
	ENTRY_BYTES = 46, /* of the list, without names */
	LOCAL_BYTES = 30, /* before a file's data, without names */
	ZIP64_FIELD = 0x0001
};

#define END_MARK 0x06054b50u
#define LOCATOR_MARK 0x07064b50u
#define END64_MARK 0x06064b50u
#define ENTRY_MARK 0x02014b50u
#define LOCAL_MARK 0x04034b50u

/* Where the list is, and what is known of the file. */
struct archive {
	int fd;
	uint64_t size;
	uint64_t list_at, list_bytes, entries;
	uint64_t unpacked; /* of all entries so far */
	char *reason;
};

/* One entry. */
struct entry {
	uint64_t packed, unpacked, at;
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

static bool
read_at(const struct archive *a, uint64_t at, void *p, size_t n)
{
	char *to = p;
	ssize_t got;

	if (at > a->size || n > a->size - at)
		return false;
	while (n > 0) {
		got = pread(a->fd, to, n, (off_t)at);
		if (got == -1 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		to += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return true;
}

static enum upload_status
complain(const struct archive *a, enum upload_status status, const char *why)
{
	snprintf(a->reason, UPLOAD_REASON_MAX, "%s", why);
	return status;
}

/* Large archives say it in a second end record. */
static bool
end64_read(struct archive *a, uint64_t end_at)
{
	unsigned char locator[LOCATOR_BYTES], end[END64_BYTES];
	uint64_t at;

	if (end_at < LOCATOR_BYTES ||
	    !read_at(a, end_at - LOCATOR_BYTES, locator, sizeof(locator)) ||
	    get(locator, 4) != LOCATOR_MARK)
		return false;
	at = get(locator + 8, 8);
	if (!read_at(a, at, end, sizeof(end)) || get(end, 4) != END64_MARK)
		return false;
	a->entries = get(end + 32, 8);
	a->list_bytes = get(end + 40, 8);
	a->list_at = get(end + 48, 8);
	return true;
}

static bool
end_try(struct archive *a, const unsigned char *p, size_t n, uint64_t at)
{
	if (get(p, 4) != END_MARK || get(p + 20, 2) != n - END_BYTES)
		return false;
	a->entries = get(p + 10, 2);
	a->list_bytes = get(p + 12, 4);
	a->list_at = get(p + 16, 4);
	return (a->list_at != UINT32_MAX && a->entries != UINT16_MAX) ||
	    end64_read(a, at);
}

static bool
end_read(struct archive *a)
{
	size_t n = a->size < END_BYTES + COMMENT_MAX ? (size_t)a->size :
						       END_BYTES + COMMENT_MAX;
	unsigned char *tail = base_alloc(n + 1);
	bool found = false;

	if (n >= END_BYTES && read_at(a, a->size - n, tail, n))
		for (size_t i = n - END_BYTES + 1; i-- > 0 && !found;)
			found = end_try(a, tail + i, n - i, a->size - n + i);
	base_free(tail);
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

static enum upload_status
entry_check(struct archive *a, const struct entry *e, struct span *span)
{
	unsigned char local[LOCAL_BYTES];

	if (!read_at(a, e->at, local, sizeof(local)) ||
	    get(local, 4) != LOCAL_MARK)
		return complain(
		    a, UPLOAD_BAD_ARCHIVE, "an entry points nowhere");
	span->from = e->at;
	span->upto =
	    e->at + LOCAL_BYTES + get(local + 26, 2) + get(local + 28, 2);
	if (span->upto > a->list_at || e->packed > a->list_at - span->upto)
		return complain(
		    a, UPLOAD_BAD_ARCHIVE, "an entry reaches beyond its place");
	span->upto += e->packed;
	if (is_archive(e) && e->unpacked > UPLOAD_ARCHIVE_NESTED_SMALL &&
	    is_times(e->unpacked, e->packed, UPLOAD_ARCHIVE_NESTED_RATIO))
		return complain(
		    a, UPLOAD_BOMB, "an archive within shrank as none does");
	if (e->unpacked > UINT64_MAX / 2 - a->unpacked)
		return complain(a, UPLOAD_BOMB, "sizes beyond counting");
	a->unpacked += e->unpacked;
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
list_check(struct archive *a, const unsigned char *list, struct span *spans)
{
	size_t n = (size_t)a->list_bytes, used;
	enum upload_status status;
	struct entry e;

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
	if (a->unpacked > UPLOAD_ARCHIVE_SMALL &&
	    is_times(a->unpacked, a->size, UPLOAD_ARCHIVE_RATIO))
		return complain(a, UPLOAD_BOMB, "it unpacks to too much");
	return UPLOAD_OK;
}

enum upload_status
upload_archive_check(int fd, char reason[UPLOAD_REASON_MAX])
{
	struct archive a = { .fd = fd, .reason = reason };
	enum upload_status status;
	unsigned char *list;
	struct span *spans;
	struct stat st;

	if (fstat(fd, &st) == -1)
		return UPLOAD_FAILED;
	a.size = (uint64_t)st.st_size;
	if (!end_read(&a) || a.list_at > a.size ||
	    a.list_bytes > a.size - a.list_at)
		return complain(
		    &a, UPLOAD_BAD_ARCHIVE, "there is no list of contents");
	if (a.entries > UPLOAD_ARCHIVE_ENTRIES)
		return complain(&a, UPLOAD_BOMB, "too many entries");
	/* Names and comments may be long, yet not all of them. */
	if (a.list_bytes > UPLOAD_ARCHIVE_ENTRIES * 1024ull)
		return complain(&a, UPLOAD_BOMB, "too long a list");
	list = base_alloc((size_t)a.list_bytes + 1);
	spans = base_alloc_array((size_t)a.entries + 1, sizeof(*spans));
	status = read_at(&a, a.list_at, list, (size_t)a.list_bytes) ?
	    list_check(&a, list, spans) :
	    UPLOAD_FAILED;
	base_free(spans);
	base_free(list);
	return status;
}
