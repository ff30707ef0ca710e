/* SPDX-License-Identifier: ISC */
/* upload/store.c and upload/hash.c: what is kept, and that nothing else is. */

#include "tests/unit/harness.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "upload/flush.h"
#include "upload/store.h"

static char root[64];
static unsigned file_count;

static int
on_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return (remove(path));
}

static int
on_count(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path;
	(void)st;
	(void)ftw;
	file_count += type == FTW_F;
	return (0);
}

static unsigned
files(void)
{
	file_count = 0;
	nftw(root, on_count, 8, FTW_PHYS);
	return (file_count);
}

static struct upload_store *
setup(void)
{
	struct upload_store *store;

	snprintf(root, sizeof(root), "/tmp/parley-store-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root));
	store = upload_store_new(root, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(store);
	CU_ASSERT(upload_store_ready(store));
	return (store);
}

static void
teardown(struct upload_store *store)
{
	upload_store_free(store);
	nftw(root, on_remove, 8, FTW_DEPTH | FTW_PHYS);
}

#define ABC_HASH \
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static enum upload_status
keep(struct upload_store *store, const char *text, char hash[65])
{
	struct upload_temp temp = { .fd = -1 };
	uint64_t size;

	CU_ASSERT_EQUAL_FATAL(upload_store_temp_open(store, &temp), UPLOAD_OK);
	CU_ASSERT_EQUAL(
	    upload_store_temp_write(&temp, text, strlen(text)), UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_store_temp_hash(&temp, hash, &size), UPLOAD_OK);
	CU_ASSERT_EQUAL(size, strlen(text));
	return (upload_store_keep(store, &temp, hash));
}

static void
test_keeps_by_content(void)
{
	struct upload_store *store = setup();
	char hash[UPLOAD_HASH_LEN + 1], text[8] = "";
	struct stat st;
	uint64_t size;
	char *path;
	int fd;

	CU_ASSERT_EQUAL(keep(store, "abc", hash), UPLOAD_OK);
	CU_ASSERT_STRING_EQUAL(hash, ABC_HASH);
	CU_ASSERT_EQUAL(upload_store_open(store, hash, &fd, &size), UPLOAD_OK);
	CU_ASSERT_EQUAL(size, 3);
	CU_ASSERT_EQUAL(read(fd, text, sizeof(text)), 3);
	CU_ASSERT_STRING_EQUAL(text, "abc");
	close(fd);

	path = upload_store_path(store, hash);
	CU_ASSERT_PTR_NOT_NULL(strstr(path, "/ba/78/ba7816bf"));
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0640);
	base_free(path);
	teardown(store);
}

static void
test_keeps_one_copy(void)
{
	struct upload_store *store = setup();
	char hash[UPLOAD_HASH_LEN + 1];

	CU_ASSERT_EQUAL(keep(store, "abc", hash), UPLOAD_OK);
	CU_ASSERT_EQUAL(keep(store, "abc", hash), UPLOAD_OK);
	CU_ASSERT_EQUAL(keep(store, "abd", hash), UPLOAD_OK);
	CU_ASSERT_EQUAL(files(), 2);
	teardown(store);
}

static void
test_discards(void)
{
	struct upload_store *store = setup();
	struct upload_temp temp = { .fd = -1 };

	CU_ASSERT_EQUAL(upload_store_temp_open(store, &temp), UPLOAD_OK);
	CU_ASSERT_EQUAL(files(), 1);
	upload_store_temp_discard(&temp);
	upload_store_temp_discard(&temp);
	CU_ASSERT_EQUAL(files(), 0);

	/* A place that is none costs the file, too. */
	CU_ASSERT_EQUAL(upload_store_temp_open(store, &temp), UPLOAD_OK);
	CU_ASSERT_EQUAL(
	    upload_store_keep(store, &temp, "../../etc"), UPLOAD_FAILED);
	CU_ASSERT_EQUAL(files(), 0);
	teardown(store);
}

static void
test_missing_and_odd_hashes(void)
{
	static const char *const odd[] = { "", "abc", "../../../etc/passwd",
		"BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F200"
		"15AD",
		ABC_HASH "0" };
	struct upload_store *store = setup();
	char rel[UPLOAD_STORE_REL_LEN + 1];
	uint64_t size;
	int fd = -1;

	CU_ASSERT_EQUAL(
	    upload_store_open(store, ABC_HASH, &fd, &size), UPLOAD_MISSING);
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		CU_ASSERT_FALSE(upload_store_relative(odd[i], rel));
		CU_ASSERT_PTR_NULL(upload_store_path(store, odd[i]));
		CU_ASSERT_EQUAL(upload_store_open(store, odd[i], &fd, &size),
		    UPLOAD_MISSING);
	}
	teardown(store);
}

/* A link in the store is not followed out of it. */
static void
test_links_are_not_followed(void)
{
	struct upload_store *store = setup();
	char hash[UPLOAD_HASH_LEN + 1], *path;
	uint64_t size;
	int fd = -1;

	CU_ASSERT_EQUAL(keep(store, "abc", hash), UPLOAD_OK);
	path = upload_store_path(store, hash);
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(symlink("/etc/passwd", path), 0);
	CU_ASSERT_EQUAL(
	    upload_store_open(store, hash, &fd, &size), UPLOAD_FAILED);
	base_free(path);
	teardown(store);
}

static void
test_full_disk_leaves_nothing(void)
{
	struct rlimit old, small = { 4096, 4096 };
	struct upload_store *store = setup();
	struct upload_temp temp = { .fd = -1 };
	static char zeros[16384];

	/* A file-size limit fails a write as a full disk does. */
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	CU_ASSERT_EQUAL(upload_store_temp_open(store, &temp), UPLOAD_OK);
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
	CU_ASSERT_EQUAL(upload_store_temp_write(&temp, zeros, sizeof(zeros)),
	    UPLOAD_NO_SPACE);
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
	upload_store_temp_discard(&temp);
	CU_ASSERT_EQUAL(files(), 0);
	CU_ASSERT_EQUAL(upload_status_from_errno(ENOSPC), UPLOAD_NO_SPACE);
	CU_ASSERT_EQUAL(upload_status_from_errno(EIO), UPLOAD_FAILED);
	teardown(store);
}

static void
test_sweeps_what_a_kill_left(void)
{
	struct upload_store *store = setup();
	struct upload_temp temp = { .fd = -1 };
	struct base_buf other = { 0 };

	base_buf_printf(&other, "%s/tmp/not-ours", root);
	close(open(base_buf_str(&other), O_CREAT | O_WRONLY, 0600));
	CU_ASSERT_EQUAL(upload_store_temp_open(store, &temp), UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_store_sweep(store, 0), 0);
	/* As if its writer had been killed. */
	close(temp.fd);
	temp.fd = -1;
	CU_ASSERT_EQUAL(upload_store_sweep(store, 3600), 0);
	CU_ASSERT_EQUAL(upload_store_sweep(store, 0), 1);
	CU_ASSERT_EQUAL(files(), 1);
	upload_store_temp_discard(&temp);
	base_buf_fini(&other);
	teardown(store);
}

static void
test_opening_can_fail(void)
{
	struct base_buf path = { 0 };
	struct upload_store *store = setup();
	char hash[UPLOAD_HASH_LEN + 1];

	CU_ASSERT_PTR_NULL(upload_store_new("/proc/nowhere", NULL));
	CU_ASSERT_EQUAL(keep(store, "abc", hash), UPLOAD_OK);
	base_buf_printf(&path, "%s/ba/78/%s", root, hash);
	CU_ASSERT_PTR_NULL(upload_store_new(base_buf_str(&path), NULL));
	if (access("/dev/shm", W_OK) == 0) {
		CU_ASSERT_PTR_NULL(upload_store_new(root, "/dev/shm"));
		CU_ASSERT(errno == EXDEV);
	}
	base_buf_fini(&path);
	teardown(store);
}

static void
test_flushes(void)
{
	char path[] = "/tmp/parley-flush-XXXXXX";
	int fd = mkstemp(path), ends[2];

	CU_ASSERT_FATAL(fd != -1);
	unlink(path);
	CU_ASSERT_EQUAL(upload_flush(fd), 0);
	CU_ASSERT_EQUAL(pwrite(fd, "x", 1, 3 << 20), 1);
	CU_ASSERT_EQUAL(pwrite(fd, "x", 1, 0), 1);
	CU_ASSERT_EQUAL(upload_flush(fd), 0);
	close(fd);
	CU_ASSERT_EQUAL(upload_flush(fd), -1);
	CU_ASSERT_EQUAL(errno, EBADF);
	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	CU_ASSERT_EQUAL(upload_flush(ends[0]), -1);
	close(ends[0]);
	close(ends[1]);
}

TEST_MAIN("upload_store", { "keeps by content", test_keeps_by_content },
    { "keeps one copy", test_keeps_one_copy }, { "discards", test_discards },
    { "missing and odd hashes", test_missing_and_odd_hashes },
    { "links are not followed", test_links_are_not_followed },
    { "a full disk leaves nothing", test_full_disk_leaves_nothing },
    { "sweeps what a kill left", test_sweeps_what_a_kill_left },
    { "opening can fail", test_opening_can_fail }, { "flushes", test_flushes })
