/* SPDX-License-Identifier: ISC */
/* upload/partial.c, upload/checksum.c, upload/tus_metadata.c: what comes in
 * pieces. */

#include "harness.h"

#include <sys/wait.h>

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "upload/checksum.h"
#include "upload/partial.h"
#include "upload/tus_metadata.h"

#define ID "00000000-0000-7000-8000-000000000001"

static char dir[] = "/tmp/parley-partial-XXXXXX";
static unsigned listed;

static struct upload_partial *
opened(unsigned wait_ms, enum upload_status expected)
{
	struct upload_partial *p;

	CU_ASSERT_EQUAL(upload_partial_open(dir, ID, wait_ms, &p), expected);
	CU_ASSERT_EQUAL(p == NULL, expected != UPLOAD_OK);
	return (p);
}

static void
on_listed(void *arg, const char *id)
{
	(void)arg;
	CU_ASSERT_STRING_EQUAL(id, ID);
	listed++;
}

static void
test_bytes_stay(void)
{
	struct upload_partial *p;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	CU_ASSERT_EQUAL(upload_partial_new(dir, ID, 100, &p), UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_partial_size(p), 0);
	CU_ASSERT_EQUAL(upload_partial_write(p, "abcdef", 6), UPLOAD_OK);
	CU_ASSERT_FALSE(upload_partial_wanted(p));
	upload_partial_close(p);
	p = opened(0, UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_partial_size(p), 6);
	CU_ASSERT_EQUAL(upload_partial_write(p, "gh", 2), UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_partial_sync(p), UPLOAD_OK);
	upload_partial_close(p);
	p = opened(0, UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_partial_size(p), 8);
	upload_partial_close(p);
	upload_partial_list(dir, 3600, on_listed, NULL);
	CU_ASSERT_EQUAL(listed, 0);
	upload_partial_list(dir, 0, on_listed, NULL);
	CU_ASSERT_EQUAL(listed, 1);
}

static void
test_what_does_not_count(void)
{
	struct upload_partial *p = opened(0, UPLOAD_OK);

	CU_ASSERT_EQUAL(upload_partial_hold(p), UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_partial_write(p, "wrong", 5), UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_partial_revert(p), UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_partial_size(p), 8);
	CU_ASSERT_EQUAL(upload_partial_write(p, "i", 1), UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_partial_hold(p), UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_partial_write(p, "never", 5), UPLOAD_OK);
	upload_partial_close(p); /* as when it is killed */
	p = opened(0, UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_partial_size(p), 9);
	CU_ASSERT_EQUAL(upload_partial_hold(p), UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_partial_write(p, "j", 1), UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_partial_sync(p), UPLOAD_OK);
	upload_partial_close(p);
	p = opened(0, UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_partial_size(p), 10);
	upload_partial_close(p);
}

/* One who has it sees that another waits, and lets go; one who does not look
 * is not waited for for ever. */
static void
test_one_at_a_time(void)
{
	struct upload_partial *p = opened(0, UPLOAD_OK);
	int status;
	pid_t pid;

	(void)opened(0, UPLOAD_LOCKED);
	CU_ASSERT_FALSE(upload_partial_wanted(p));
	CU_ASSERT_FALSE(upload_partial_drop(dir, ID));
	pid = fork();
	if (pid == 0) {
		struct upload_partial *mine;

		upload_partial_close(p);
		_exit(upload_partial_open(dir, ID, 60000, &mine) == UPLOAD_OK ?
			0 :
			1);
	}
	while (!upload_partial_wanted(p))
		CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, WNOHANG), 0);
	/* The child has a copy of the descriptor, and so of the lock, until it
	 * closes it. */
	upload_partial_close(p);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
	p = opened(0, UPLOAD_OK); /* who ends lets go */
	CU_ASSERT_FALSE(upload_partial_wanted(p));
	upload_partial_close(p);
}

static void
test_another_name(void)
{
	struct upload_partial *p = opened(0, UPLOAD_OK);
	struct upload_store *store;
	struct upload_temp temp;
	char hash[UPLOAD_HASH_LEN + 1];
	uint64_t size;
	char root[100];

	snprintf(root, sizeof(root), "%s/root", dir);
	store = upload_store_new(root, dir);
	CU_ASSERT_PTR_NOT_NULL_FATAL(store);
	for (int i = 0; i < 2; i++) { /* twice, as after a kill */
		CU_ASSERT_EQUAL(upload_partial_share(p, &temp), UPLOAD_OK);
		CU_ASSERT_EQUAL(
		    upload_store_temp_hash(&temp, hash, &size), UPLOAD_OK);
		CU_ASSERT_EQUAL(size, 10);
		/* Nobody takes it for left behind. */
		CU_ASSERT_EQUAL(upload_store_sweep(store, 0), 0);
		CU_ASSERT_EQUAL(
		    upload_store_keep(store, &temp, hash), UPLOAD_OK);
		CU_ASSERT_EQUAL(upload_store_has(store, hash), UPLOAD_OK);
		CU_ASSERT_EQUAL(upload_store_sweep(store, 0), 0);
	}
	upload_partial_remove(p);
	upload_partial_close(p);
	(void)opened(0, UPLOAD_MISSING);
	CU_ASSERT_EQUAL(upload_store_has(store, hash), UPLOAD_OK);
	upload_store_free(store);
}

static bool
fits(const char *announced, const char *bytes)
{
	struct upload_checksum *c = upload_checksum_new(announced);
	bool same;

	if (c == NULL)
		return (false);
	upload_checksum_add(c, bytes, strlen(bytes));
	same = upload_checksum_fits(c);
	upload_checksum_free(c);
	return (same);
}

static void
test_checksums(void)
{
	CU_ASSERT(fits("sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", "abc"));
	CU_ASSERT(fits("md5 kAFQmDzST7DWlj99KOF/cg==", "abc"));
	CU_ASSERT(
	    fits("sha256 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", "abc"));
	CU_ASSERT_FALSE(fits("sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", "abd"));
	CU_ASSERT_FALSE(fits("sha1", "abc"));
	CU_ASSERT_FALSE(fits("sha1 ", "abc"));
	CU_ASSERT_FALSE(fits("sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0", "abc"));
	CU_ASSERT_FALSE(fits("sha1 =ZkNkcGgWq6PiVxeFDCbJzQ2J0=", "abc"));
	CU_ASSERT_FALSE(fits("md5 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", "abc"));
	CU_ASSERT_FALSE(fits("crc32 AAAA", "abc"));
	CU_ASSERT_FALSE(fits("", "abc"));
}

static void
expect_name(const char *metadata, const char *name)
{
	struct base_buf out = { 0 };
	bool good = upload_tus_metadata_filename(&out, metadata);

	CU_ASSERT_EQUAL(good, name != NULL);
	if (good && name != NULL)
		CU_ASSERT_STRING_EQUAL(base_buf_str(&out), name);
	base_buf_fini(&out);
}

static void
test_names(void)
{
	static char much[UPLOAD_TUS_METADATA_MAX + 2];

	memset(much, 'k', sizeof(much) - 1);
	expect_name(NULL, "file");
	expect_name("", "file");
	expect_name("filename", "file");
	expect_name("filename ", "file");
	expect_name("filename YS50eHQ=", "a.txt");
	expect_name("name YQ==,filename YS50eHQ=", "a.txt");
	expect_name("filetype YQ==, name YS50eHQ=,secret", "a.txt");
	expect_name("filename Li4vLi4vZXRjL3Bhc3N3ZA==", "passwd");
	expect_name("filename YQBi", "ab");
	expect_name("filename ICAg4oCuZ3BqLmV4ZQ==", "gpj.exe");
	expect_name("filename YS50eHQ", NULL);
	expect_name("filename a=b=", NULL);
	expect_name("filename ====", NULL);
	expect_name(" ,filename YQ==", NULL);
	expect_name("a,,b", NULL);
	expect_name("filename YQ== YQ==", NULL);
	expect_name(much, NULL);
}

static int
on_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return (remove(path));
}

static void
test_ends(void)
{
	nftw(dir, on_remove, 8, FTW_DEPTH | FTW_PHYS);
}

TEST_MAIN("upload_partial", { "bytes stay", test_bytes_stay },
    { "what does not count", test_what_does_not_count },
    { "one at a time", test_one_at_a_time },
    { "another name", test_another_name }, { "checksums", test_checksums },
    { "names", test_names }, { "ends", test_ends })
