/* SPDX-License-Identifier: ISC */
/* upload/receive.c: bodies raw and in forms, longer and shorter than said. */

#include "tests/unit/harness.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "upload/receive.h"

#define TYPE "multipart/form-data; boundary=b"
#define FILE_PART "--b\r\nContent-Disposition: form-data; name=\"file\""

static char root[64];

static struct upload_store *
setup(void)
{
	struct upload_store *store;

	snprintf(root, sizeof(root), "/tmp/parley-receive-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root));
	store = upload_store_new(root, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(store);
	return (store);
}

/* Every test ends with an empty temporary directory. */
static void
teardown(struct upload_store *store)
{
	char path[80];

	upload_store_free(store);
	snprintf(path, sizeof(path), "%s/tmp", root);
	CU_ASSERT_EQUAL(rmdir(path), 0);
	CU_ASSERT_EQUAL(rmdir(root), 0);
}

/* Receive `body`; what came is compared with `content`. */
static enum upload_status
receive(struct upload_receive_params p, const char *body, const char *content,
    const char *filename)
{
	struct upload_store *store = setup();
	enum upload_status status;
	struct upload_received got;
	struct upload_receive *r;
	char text[64] = "";

	p.store = store;
	if ((status = upload_receive_new(&p, &r)) == UPLOAD_OK) {
		for (size_t i = 0; body[i] != '\0' && status == UPLOAD_OK; i++)
			status = upload_receive_feed(r, body + i, 1);
		if (status == UPLOAD_OK)
			status = upload_receive_finish(r, &got);
	}
	if (status == UPLOAD_OK) {
		CU_ASSERT_EQUAL(got.size, strlen(content));
		CU_ASSERT_EQUAL(pread(got.temp.fd, text, sizeof(text) - 1, 0),
		    (ssize_t)strlen(content));
		CU_ASSERT_STRING_EQUAL(text, content);
		CU_ASSERT_STRING_EQUAL(got.filename, filename);
		upload_store_temp_discard(&got.temp);
	}
	upload_receive_free(r);
	teardown(store);
	return (status);
}

/* `announced` < 0: nothing was announced. */
static struct upload_receive_params
params(const char *type, const char *filename, int announced, uint64_t max)
{
	return ((struct upload_receive_params){
	    .content_type = type,
	    .filename = filename,
	    .announced_bytes =
		announced < 0 ? UPLOAD_LENGTH_UNKNOWN : (uint64_t)announced,
	    .max_bytes = max,
	});
}

#define RAW(announced) params(NULL, NULL, announced, 10)
#define FORM(announced) params(TYPE, NULL, announced, 10)

static void
test_raw_bodies(void)
{
	CU_ASSERT_EQUAL(
	    receive(params(NULL, "a/b.txt", -1, 10), "hello", "hello", "b.txt"),
	    UPLOAD_OK);
	CU_ASSERT_EQUAL(receive(params("image/png", NULL, -1, 10), "hello",
			    "hello", "file"),
	    UPLOAD_OK);
	CU_ASSERT_EQUAL(receive(RAW(5), "hello", "hello", "file"), UPLOAD_OK);
	CU_ASSERT_EQUAL(
	    receive(params(NULL, NULL, -1, 5), "hello", "hello", "file"),
	    UPLOAD_OK);
	CU_ASSERT_EQUAL(receive(RAW(-1), "", "", ""), UPLOAD_EMPTY);
}

static void
test_forms(void)
{
	CU_ASSERT_EQUAL(receive(FORM(-1),
			    FILE_PART "; filename=\"x/y.md\""
				      "\r\n\r\nhello\r\n--b--\r\n",
			    "hello", "y.md"),
	    UPLOAD_OK);
	CU_ASSERT_EQUAL(receive(FORM(-1), FILE_PART "\r\n\r\nhello\r\n--b--",
			    "hello", "file"),
	    UPLOAD_OK);
	CU_ASSERT_EQUAL(
	    receive(FORM(-1), FILE_PART "\r\n\r\n\r\n--b--", "", ""),
	    UPLOAD_EMPTY);
	CU_ASSERT_EQUAL(receive(FORM(-1), "--b--", "", ""), UPLOAD_NO_FILE);
	CU_ASSERT_EQUAL(receive(FORM(-1), FILE_PART "\r\n\r\nhello", "", ""),
	    UPLOAD_MALFORMED);
	CU_ASSERT_EQUAL(receive(FORM(-1), "", "", ""), UPLOAD_MALFORMED);
	CU_ASSERT_EQUAL(
	    receive(params("multipart/form-data", NULL, -1, 10), "x", "", ""),
	    UPLOAD_MALFORMED);
}

static void
test_wrong_lengths(void)
{
	CU_ASSERT_EQUAL(receive(RAW(6), "hello", "", ""), UPLOAD_SHORT);
	CU_ASSERT_EQUAL(receive(RAW(4), "hello", "", ""), UPLOAD_MALFORMED);
	CU_ASSERT_EQUAL(receive(RAW(11), "", "", ""), UPLOAD_TOO_LARGE);
	CU_ASSERT_EQUAL(
	    receive(RAW(-1), "eleven byte", "", ""), UPLOAD_TOO_LARGE);
	CU_ASSERT_EQUAL(receive(FORM(-1),
			    FILE_PART "\r\n\r\neleven byte"
				      "\r\n--b--",
			    "", ""),
	    UPLOAD_TOO_LARGE);
	CU_ASSERT_EQUAL(receive(FORM(100000), "", "", ""), UPLOAD_TOO_LARGE);
	CU_ASSERT_EQUAL(
	    receive(FORM(400), FILE_PART "\r\n\r\nhello\r\n--b--", "", ""),
	    UPLOAD_SHORT);
}

static void
test_names_the_field_that_is_not_ours(void)
{
	static const char two[] =
	    FILE_PART "\r\n\r\n1\r\n" FILE_PART "\r\n\r\n2\r\n--b--";
	static const char other[] =
	    "--b\r\nContent-Disposition: form-data; name=picture\r\n\r\n";
	struct upload_receive_params p = FORM(-1);
	struct upload_receive *r;

	CU_ASSERT_EQUAL(receive(p, two, "", ""), UPLOAD_UNKNOWN_FIELD);
	p.store = setup();
	CU_ASSERT_EQUAL_FATAL(upload_receive_new(&p, &r), UPLOAD_OK);
	CU_ASSERT_STRING_EQUAL(upload_receive_field(r), "file");
	CU_ASSERT_EQUAL(upload_receive_feed(r, other, sizeof(other) - 1),
	    UPLOAD_UNKNOWN_FIELD);
	CU_ASSERT_STRING_EQUAL(upload_receive_field(r), "picture");
	CU_ASSERT_EQUAL(upload_receive_feed(r, "x", 1), UPLOAD_UNKNOWN_FIELD);
	upload_receive_free(r);
	teardown(p.store);
}

static void
test_hashes_what_it_writes(void)
{
	struct upload_receive_params p = params(NULL, NULL, -1, 1 << 20);
	char hash[UPLOAD_HASH_LEN + 1], piece[1000];
	struct upload_received got;
	struct upload_receive *r;
	uint64_t size;

	p.store = setup();
	memset(piece, 'x', sizeof(piece));
	CU_ASSERT_EQUAL_FATAL(upload_receive_new(&p, &r), UPLOAD_OK);
	for (int i = 0; i < 300; i++)
		CU_ASSERT_EQUAL(
		    upload_receive_feed(r, piece, sizeof(piece)), UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_receive_finish(r, &got), UPLOAD_OK);
	CU_ASSERT_EQUAL(
	    upload_store_temp_hash(&got.temp, hash, &size), UPLOAD_OK);
	CU_ASSERT_EQUAL(size, 300000);
	CU_ASSERT_EQUAL(got.size, size);
	CU_ASSERT_STRING_EQUAL(got.hash, hash);
	upload_store_temp_discard(&got.temp);
	upload_receive_free(r);
	teardown(p.store);
}

TEST_MAIN("upload_receive", { "raw bodies", test_raw_bodies },
    { "forms", test_forms }, { "wrong lengths", test_wrong_lengths },
    { "names the field that is not ours",
	test_names_the_field_that_is_not_ours },
    { "hashes what it writes", test_hashes_what_it_writes })
