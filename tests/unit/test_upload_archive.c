/* SPDX-License-Identifier: ISC */
/* upload/archive.c: archives written here, sound ones and others. */

#include "tests/unit/harness.h"

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <zlib.h>

#include "base/attr.h"
#include "base/buf.h"
#include "upload/archive.h"

static void
put(struct base_buf *b, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		base_buf_append_char(b, (char)(i < 8 ? value >> 8 * i : 0));
}

/* An archive while it is written. */
struct zip {
	struct base_buf bytes, list;
	unsigned entries;
	uint32_t list_at;
	unsigned method; /* of the next entry */
	uint32_t crc;	 /* as well */
};

enum {
	STORED = 0,
	DEFLATED = 8,
	OTHER = 93 /* nothing that is unpacked here */
};

/* An entry of the list that says that its data stand at `at`. */
static void
list_add(struct zip *z, const char *name, uint32_t packed, uint32_t unpacked,
    uint32_t at)
{
	base_buf_append_str(&z->list, "PK\1\2");
	put(&z->list, 0, 6);
	put(&z->list, z->method, 2);
	put(&z->list, 0, 4);
	put(&z->list, z->crc, 4);
	put(&z->list, packed, 4);
	put(&z->list, unpacked, 4);
	put(&z->list, strlen(name), 2);
	put(&z->list, 0, 12);
	put(&z->list, at, 4);
	base_buf_append_str(&z->list, name);
	z->entries++;
}

static void
local_add(struct zip *z, const char *name)
{
	base_buf_append_str(&z->bytes, "PK\3\4");
	put(&z->bytes, 0, 22);
	put(&z->bytes, strlen(name), 2);
	put(&z->bytes, 0, 2);
	base_buf_append_str(&z->bytes, name);
}

/* A file of `packed` bytes that says it has `unpacked`. */
static void
zip_add(struct zip *z, const char *name, uint32_t packed, uint32_t unpacked)
{
	z->method = OTHER;
	list_add(z, name, packed, unpacked, (uint32_t)z->bytes.len);
	local_add(z, name);
	for (uint32_t i = 0; i < packed; i++)
		base_buf_append_char(&z->bytes, (char)i);
}

/* A file that is what its bytes are, but says that these are `said`. */
static void
zip_pack(struct zip *z, const char *name, const void *p, size_t n, size_t said)
{
	z_stream deflating = { .next_in = (Bytef *)(uintptr_t)p,
		.avail_in = (uInt)n };
	size_t room = n + 1000;
	Bytef *packed = malloc(room);

	CU_ASSERT_EQUAL_FATAL(
	    deflateInit2(&deflating, 9, Z_DEFLATED, -15, 9, 0), Z_OK);
	deflating.next_out = packed;
	deflating.avail_out = (uInt)room;
	CU_ASSERT_EQUAL(deflate(&deflating, Z_FINISH), Z_STREAM_END);
	z->method = DEFLATED;
	z->crc = (uint32_t)crc32_z(0, p, n);
	list_add(z, name, (uint32_t)deflating.total_out, (uint32_t)said,
	    (uint32_t)z->bytes.len);
	local_add(z, name);
	base_buf_append(&z->bytes, (const char *)packed, deflating.total_out);
	(void)deflateEnd(&deflating);
	free(packed);
}

static void
zip_end(struct zip *z)
{
	z->list_at = (uint32_t)z->bytes.len;
	base_buf_append(&z->bytes, base_buf_str(&z->list), z->list.len);
	base_buf_append_str(&z->bytes, "PK\5\6");
	put(&z->bytes, 0, 4);
	put(&z->bytes, z->entries, 2);
	put(&z->bytes, z->entries, 2);
	put(&z->bytes, z->list.len, 4);
	put(&z->bytes, z->list_at, 4);
	put(&z->bytes, 0, 2);
}

static enum upload_status
check(const void *p, size_t n)
{
	char path[] = "/tmp/parley-archive-XXXXXX";
	char reason[UPLOAD_REASON_MAX] = "";
	enum upload_status status;
	int fd = mkstemp(path);

	CU_ASSERT_FATAL(fd != -1);
	unlink(path);
	CU_ASSERT_EQUAL(write(fd, p, n), (ssize_t)n);
	status = upload_archive_check(fd, reason);
	CU_ASSERT_EQUAL(status == UPLOAD_OK, reason[0] == '\0');
	close(fd);
	return (status);
}

/* The verdict over what was written; frees it. */
static enum upload_status
verdict(struct zip *z)
{
	enum upload_status status;

	zip_end(z);
	status = check(z->bytes.data, z->bytes.len);
	base_buf_fini(&z->bytes);
	base_buf_fini(&z->list);
	return (status);
}

static void
test_sound_ones_pass(void)
{
	struct zip z = { 0 };

	CU_ASSERT_EQUAL(verdict(&z), UPLOAD_OK); /* empty */
	memset(&z, 0, sizeof(z));
	zip_add(&z, "a.txt", 1000, 30000);
	zip_add(&z, "b/", 0, 0);
	zip_add(&z, "b/inner.zip", 900, 1000);
	zip_add(&z, "zeros.csv", 1000, 15 << 20); /* little, after all */
	CU_ASSERT_EQUAL(verdict(&z), UPLOAD_OK);
}

/* An archive of its own, as an entry: moved, as it is. */
static void
zip_nest(struct zip *z, const char *name, struct zip *inner)
{
	zip_end(inner);
	zip_pack(
	    z, name, inner->bytes.data, inner->bytes.len, inner->bytes.len);
	base_buf_fini(&inner->bytes);
	base_buf_fini(&inner->list);
	memset(inner, 0, sizeof(*inner));
}

static void
test_files_are_what_the_list_says(void)
{
	static const char zeros[1 << 20];
	struct zip z = { 0 };

	zip_pack(&z, "zeros", zeros, sizeof(zeros), sizeof(zeros));
	z.method = STORED;
	z.crc = 0x3610a686; /* of "hello" */
	list_add(&z, "hello", 5, 5, (uint32_t)z.bytes.len);
	local_add(&z, "hello");
	base_buf_append_str(&z.bytes, "hello");
	CU_ASSERT_EQUAL(verdict(&z), UPLOAD_OK);

	/* More than it says, by whatever it says. */
	memset(&z, 0, sizeof(z));
	zip_pack(&z, "zeros", zeros, sizeof(zeros), 10);
	CU_ASSERT_EQUAL(verdict(&z), UPLOAD_BOMB);
	memset(&z, 0, sizeof(z));
	zip_pack(&z, "zeros", zeros, sizeof(zeros), sizeof(zeros) - 1);
	CU_ASSERT_EQUAL(verdict(&z), UPLOAD_BOMB);

	/* Less, or something else. */
	memset(&z, 0, sizeof(z));
	zip_pack(&z, "zeros", zeros, sizeof(zeros), sizeof(zeros) + 1);
	CU_ASSERT_EQUAL(verdict(&z), UPLOAD_BAD_ARCHIVE);
	memset(&z, 0, sizeof(z));
	zip_pack(&z, "a", "aaaaaaaaaa", 10, 10);
	z.list.data[16]++; /* the sum */
	CU_ASSERT_EQUAL(verdict(&z), UPLOAD_BAD_ARCHIVE);
	memset(&z, 0, sizeof(z));
	z.method = DEFLATED;
	list_add(&z, "a", 5, 9, 0);
	local_add(&z, "a");
	base_buf_append_str(&z.bytes, "\377\377\377\377\377");
	CU_ASSERT_EQUAL(verdict(&z), UPLOAD_BAD_ARCHIVE);
	memset(&z, 0, sizeof(z));
	z.method = STORED;
	list_add(&z, "a", 5, 9, 0);
	local_add(&z, "a");
	base_buf_append_str(&z.bytes, "hello");
	CU_ASSERT_EQUAL(verdict(&z), UPLOAD_BAD_ARCHIVE);
}

static void
test_archives_within(void)
{
	static const char begins[] = "PK\3\4 and then something else";
	static const char zeros[6 << 20];
	struct zip z = { 0 }, inner = { 0 };
	char name[16];

	/* Some levels are for people, */
	zip_pack(&inner, "a.txt", "words", 5, 5);
	for (int i = 0; i < UPLOAD_ARCHIVE_DEPTH; i++) {
		zip_nest(&z, "down.bin", &inner);
		inner = z;
		memset(&z, 0, sizeof(z));
	}
	CU_ASSERT_EQUAL(verdict(&inner), UPLOAD_OK);

	/* more are not, */
	memset(&inner, 0, sizeof(inner));
	zip_pack(&inner, "a.txt", "words", 5, 5);
	for (int i = 0; i <= UPLOAD_ARCHIVE_DEPTH; i++) {
		zip_nest(&z, "down.bin", &inner);
		inner = z;
		memset(&z, 0, sizeof(z));
	}
	CU_ASSERT_EQUAL(verdict(&inner), UPLOAD_BOMB);

	/* nor what is little at each level and much in the end. */
	memset(&z, 0, sizeof(z));
	for (int i = 0; i < 5; i++) {
		memset(&inner, 0, sizeof(inner));
		zip_pack(&inner, "z", zeros, sizeof(zeros), sizeof(zeros));
		snprintf(name, sizeof(name), "%d.dat", i);
		zip_nest(&z, name, &inner);
	}
	CU_ASSERT_EQUAL(verdict(&z), UPLOAD_BOMB);

	/* What only begins as one is a file as any other. */
	memset(&z, 0, sizeof(z));
	zip_pack(&z, "a.doc", begins, sizeof(begins) - 1, sizeof(begins) - 1);
	CU_ASSERT_EQUAL(verdict(&z), UPLOAD_OK);
}

static void
test_names_stay_within(void)
{
	static const struct {
		const char *name;
		enum upload_status status;
	} names[] = {
		{ "a..b/..c/d...", UPLOAD_OK },
		{ "../a", UPLOAD_BAD_ARCHIVE },
		{ "a/../../b", UPLOAD_BAD_ARCHIVE },
		{ "a\\..\\b", UPLOAD_BAD_ARCHIVE },
		{ "a/..", UPLOAD_BAD_ARCHIVE },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct zip z = { 0 };

		zip_add(&z, names[i].name, 5, 5);
		CU_ASSERT_EQUAL(verdict(&z), names[i].status);
	}
}

static bool
follows(const struct base_buf *b)
{
	char path[] = "/tmp/parley-archive-XXXXXX";
	int fd = mkstemp(path);
	bool found;

	CU_ASSERT_FATAL(fd != -1);
	unlink(path);
	CU_ASSERT_EQUAL(write(fd, b->data, b->len), (ssize_t)b->len);
	found = upload_archive_follows(fd);
	close(fd);
	return (found);
}

static void
test_one_behind_another_file(void)
{
	struct base_buf both = { 0 };
	struct zip z = { 0 };

	CU_ASSERT_FALSE(follows(&both));
	base_buf_append_str(&both, "%PDF-1.4 and so on\n%%EOF\n");
	CU_ASSERT_FALSE(follows(&both));
	zip_add(&z, "a", 5, 5);
	zip_end(&z);
	base_buf_append(&both, z.bytes.data, z.bytes.len);
	CU_ASSERT_TRUE(follows(&both));
	base_buf_append_str(&both, "more, so no program finds its end");
	CU_ASSERT_FALSE(follows(&both));
	base_buf_fini(&both);
	base_buf_fini(&z.bytes);
	base_buf_fini(&z.list);
}

static void
test_a_comment_may_follow(void)
{
	struct zip z = { 0 };

	zip_add(&z, "a", 5, 5);
	zip_end(&z);
	z.bytes.data[z.bytes.len - 2] = 11;
	base_buf_append_str(&z.bytes, "PK\5\6 remark");
	CU_ASSERT_EQUAL(check(z.bytes.data, z.bytes.len), UPLOAD_OK);
	base_buf_fini(&z.bytes);
	base_buf_fini(&z.list);
}

static void
test_bombs(void)
{
	char name[16];
	struct zip z = { 0 };

	zip_add(&z, "zeros", 100000, 100000u * 1000);
	CU_ASSERT_EQUAL(verdict(&z), UPLOAD_BOMB);

	/* Many small ones. */
	memset(&z, 0, sizeof(z));
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "%d", i);
		zip_add(&z, name, 1000, 1000 * 1000);
	}
	CU_ASSERT_EQUAL(verdict(&z), UPLOAD_BOMB);

	/* One within another. */
	memset(&z, 0, sizeof(z));
	zip_add(&z, "lib 0.ZIP", 34902, 558432);
	CU_ASSERT_EQUAL(verdict(&z), UPLOAD_BOMB);

	/* All the same bytes. */
	memset(&z, 0, sizeof(z));
	zip_add(&z, "a", 10000, 20000);
	for (int i = 0; i < 10; i++)
		list_add(&z, "a", 10000, 20000, 0);
	CU_ASSERT_EQUAL(verdict(&z), UPLOAD_BOMB);

	memset(&z, 0, sizeof(z));
	for (int i = 0; i <= UPLOAD_ARCHIVE_ENTRIES; i++)
		zip_add(&z, "a", 0, 0);
	CU_ASSERT_EQUAL(verdict(&z), UPLOAD_BOMB);
}

static void
test_damaged_ones(void)
{
	struct zip z = { 0 };

	zip_add(&z, "a", 100, 100);
	zip_add(&z, "b", 100, 100);
	zip_end(&z);
	for (size_t n = 0; n < z.bytes.len; n++)
		CU_ASSERT_EQUAL(check(z.bytes.data, n), UPLOAD_BAD_ARCHIVE);
	base_buf_fini(&z.bytes);
	base_buf_fini(&z.list);

	memset(&z, 0, sizeof(z));
	list_add(&z, "nowhere", 10, 10, 5000);
	CU_ASSERT_EQUAL(verdict(&z), UPLOAD_BAD_ARCHIVE);
	memset(&z, 0, sizeof(z));
	zip_add(&z, "a", 10, 10);
	list_add(&z, "beyond", 1 << 30, 10, 0);
	CU_ASSERT_EQUAL(verdict(&z), UPLOAD_BAD_ARCHIVE);
	memset(&z, 0, sizeof(z));
	zip_add(&z, "a", 10, 10);
	z.entries = 7;
	CU_ASSERT_EQUAL(verdict(&z), UPLOAD_BAD_ARCHIVE);
}

/* Sizes of eight bytes, in an extra field and a second end record. */
static void
test_large_archives(void)
{
	struct zip z = { 0 };
	uint64_t end_at;

	base_buf_append_str(&z.bytes, "PK\3\4");
	put(&z.bytes, 0, 22);
	put(&z.bytes, 1, 2);
	put(&z.bytes, 0, 2);
	base_buf_append_str(&z.bytes, "adata");
	z.list_at = (uint32_t)z.bytes.len;
	base_buf_append_str(&z.list, "PK\1\2");
	put(&z.list, 0, 16);
	put(&z.list, 4, 4);
	put(&z.list, UINT32_MAX, 4);
	put(&z.list, 1, 2);
	put(&z.list, 12, 2);
	put(&z.list, 0, 10);
	put(&z.list, 0, 4);
	base_buf_append_str(&z.list, "a\1");
	put(&z.list, 0, 1);
	put(&z.list, 8, 2);
	put(&z.list, 6ull << 32, 8);
	base_buf_append(&z.bytes, z.list.data, z.list.len);
	end_at = z.bytes.len;
	base_buf_append_str(&z.bytes, "PK\6\6");
	put(&z.bytes, 44, 8);
	put(&z.bytes, 0, 12);
	put(&z.bytes, 1, 8);
	put(&z.bytes, 1, 8);
	put(&z.bytes, z.list.len, 8);
	put(&z.bytes, z.list_at, 8);
	base_buf_append_str(&z.bytes, "PK\6\7");
	put(&z.bytes, 0, 4);
	put(&z.bytes, end_at, 8);
	put(&z.bytes, 1, 4);
	base_buf_append_str(&z.bytes, "PK\5\6");
	put(&z.bytes, 0, 4);
	put(&z.bytes, UINT16_MAX, 2);
	put(&z.bytes, UINT16_MAX, 2);
	put(&z.bytes, UINT32_MAX, 4);
	put(&z.bytes, UINT32_MAX, 4);
	put(&z.bytes, 0, 2);
	/* Read as it is meant: 24 GiB out of four bytes. */
	CU_ASSERT_EQUAL(check(z.bytes.data, z.bytes.len), UPLOAD_BOMB);
	base_buf_fini(&z.bytes);
	base_buf_fini(&z.list);
}

TEST_MAIN("upload_archive", { "sound ones pass", test_sound_ones_pass },
    { "a comment may follow", test_a_comment_may_follow },
    { "bombs", test_bombs }, { "damaged ones", test_damaged_ones },
    { "large archives", test_large_archives },
    { "files are what the list says", test_files_are_what_the_list_says },
    { "archives within", test_archives_within },
    { "names stay within", test_names_stay_within },
    { "one behind another file", test_one_behind_another_file })
