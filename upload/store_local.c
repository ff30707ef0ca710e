/* SPDX-License-Identifier: ISC */
/* Files in a directory: written beside and renamed into place. */

#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "upload/flush.h"
#include "upload/store_private.h"

enum {
	DIR_MODE = 0750,
	/* Inner directories, "ab/cd", and how many files make a page. */
	INNER_DIRECTORIES = 256 * 256,
	PAGE_HASHES = 1000
};

struct local {
	int root;   /* owned: descriptor of the root directory */
	char *path; /* owned: of it */
};

static void
local_free(void *place)
{
	struct local *local = place;

	if (local->root != -1)
		close(local->root);
	base_free(local->path);
	base_free(local);
}

static bool
local_ready(void *place)
{
	const struct local *local = place;

	return faccessat(local->root, ".", W_OK | X_OK, 0) == 0;
}

/* Make what a directory lists survive a power cut. */
static int
dir_sync(int at, const char *path)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result;

	if (fd == -1)
		return -1;
	result = fsync(fd);
	close(fd);
	return result;
}

static int
dir_make(int at, const char *path, const char *parent)
{
	if (mkdirat(at, path, DIR_MODE) == 0)
		return dir_sync(at, parent);
	return errno == EEXIST ? 0 : -1;
}

static bool
stats_agree(const struct stat *there, const struct upload_temp *temp)
{
	struct stat here;

	return fstat(temp->fd, &here) == 0 && S_ISREG(there->st_mode) &&
	    there->st_size == here.st_size && there->st_nlink > 0;
}

/* A file of this hash that is there already is the same file; it is young
 * again.  Who sweeps holds the lock while removing it: then it is gone. */
static bool
is_kept(
    const struct local *local, const struct upload_temp *temp, const char *rel)
{
	int fd = openat(local->root, rel, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat there;
	bool kept;

	if (fd == -1)
		return false;
	kept = flock(fd, LOCK_SH) == 0 && fstat(fd, &there) == 0 &&
	    stats_agree(&there, temp) && futimens(fd, NULL) == 0;
	close(fd);
	return kept;
}

static int
put(struct local *local, struct upload_temp *temp, const char *rel)
{
	char outer[3], inner[6];

	snprintf(outer, sizeof(outer), "%.2s", rel);
	snprintf(inner, sizeof(inner), "%.5s", rel);
	if (upload_flush(temp->fd) == -1 ||
	    dir_make(local->root, outer, ".") == -1 ||
	    dir_make(local->root, inner, outer) == -1)
		return -1;
	if (!is_kept(local, temp, rel)) {
		if (renameat(AT_FDCWD, temp->path, local->root, rel) == -1)
			return -1;
		base_free(temp->path);
		temp->path = NULL;
	}
	/* Also for one that is there: who put it may not be this far yet. */
	return dir_sync(local->root, inner);
}

static enum upload_status
local_keep(void *place, struct upload_temp *temp, const char *hash)
{
	char rel[UPLOAD_STORE_REL_LEN + 1];

	upload_store_layout(hash, rel);
	return put(place, temp, rel) == 0 ? UPLOAD_OK :
					    upload_status_from_errno(errno);
}

static enum upload_status
local_open(void *place, const char *hash, int *fd, uint64_t *size)
{
	const struct local *local = place;
	char rel[UPLOAD_STORE_REL_LEN + 1];
	struct stat st;

	upload_store_layout(hash, rel);
	*fd = openat(local->root, rel, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd == -1)
		return errno == ENOENT ? UPLOAD_MISSING : UPLOAD_FAILED;
	if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode)) {
		*size = (uint64_t)st.st_size;
		return UPLOAD_OK;
	}
	close(*fd);
	*fd = -1;
	return UPLOAD_FAILED;
}

static char *
local_path(void *place, const char *hash)
{
	const struct local *local = place;
	char rel[UPLOAD_STORE_REL_LEN + 1];
	struct base_buf path = { 0 };

	upload_store_layout(hash, rel);
	base_buf_printf(&path, "%s/%s", local->path, rel);
	return base_buf_take(&path);
}

static enum upload_status
local_has(void *place, const char *hash)
{
	const struct local *local = place;
	char rel[UPLOAD_STORE_REL_LEN + 1];
	struct stat st;

	upload_store_layout(hash, rel);
	if (fstatat(local->root, rel, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode))
		return UPLOAD_OK;
	return UPLOAD_MISSING;
}

/* The files of the inner directory `name`. */
static void
inner_list(const struct local *local, const char *name, int64_t newest,
    struct upload_page *page)
{
	int fd = openat(local->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char rel[UPLOAD_STORE_REL_LEN + 1];
	struct dirent *entry;
	struct stat st;
	DIR *dir;

	if (fd == -1 || (dir = fdopendir(fd)) == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (!upload_store_relative(entry->d_name, rel) ||
		    fstatat(local->root, rel, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
		    !S_ISREG(st.st_mode))
			continue;
		base_buf_append(&page->all, entry->d_name, UPLOAD_HASH_LEN);
		if (st.st_mtime <= newest)
			base_buf_append(
			    &page->old, entry->d_name, UPLOAD_HASH_LEN);
	}
	closedir(dir);
}

/* Inner directories until there are enough; those of an outer one that is not
 * there are passed over. */
static enum upload_status
local_list(void *place, struct upload_page *page, unsigned age_s)
{
	const struct local *local = place;
	int64_t newest = upload_store_time_before(age_s);
	unsigned next = 0;
	char name[16];

	/* Where the last page ended: see below. */
	if (sscanf(page->to, "%4x", &next) == 1)
		next++;
	while (next < INNER_DIRECTORIES &&
	    page->all.len < PAGE_HASHES * UPLOAD_HASH_LEN) {
		snprintf(name, sizeof(name), "%02x", next >> 8);
		if (faccessat(local->root, name, X_OK, 0) == -1) {
			next = (next | 0xff) + 1;
			continue;
		}
		snprintf(
		    name, sizeof(name), "%02x/%02x", next >> 8, next & 0xff);
		inner_list(local, name, newest, page);
		next++;
	}
	/* "g" comes after all digits. */
	page->is_last = next >= INNER_DIRECTORIES;
	snprintf(page->to, sizeof(page->to), "%04xg", next - 1);
	return UPLOAD_OK;
}

static enum upload_drop
local_drop(void *place, const char *hash, unsigned age_s)
{
	const struct local *local = place;
	enum upload_drop result = UPLOAD_STAYED;
	char rel[UPLOAD_STORE_REL_LEN + 1];
	struct stat st;
	int fd;

	upload_store_layout(hash, rel);
	fd = openat(local->root, rel, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT ? UPLOAD_DROPPED : UPLOAD_UNCERTAIN;
	/* Without a name any more, it is not the one that has the name. */
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 &&
	    st.st_nlink > 0 && S_ISREG(st.st_mode) &&
	    st.st_mtime <= upload_store_time_before(age_s))
		result = unlinkat(local->root, rel, 0) == 0 ? UPLOAD_DROPPED :
							      UPLOAD_UNCERTAIN;
	close(fd);
	return result;
}

static const struct upload_store_ops local_ops = {
	.locks = true,
	.free = local_free,
	.ready = local_ready,
	.keep = local_keep,
	.open = local_open,
	.has = local_has,
	.list = local_list,
	.drop = local_drop,
	.path = local_path,
};

/* Files are renamed from one to the other. */
static int
same_device(int a, int b)
{
	struct stat one, other;

	if (fstat(a, &one) == -1 || fstat(b, &other) == -1)
		return -1;
	if (one.st_dev == other.st_dev)
		return 0;
	errno = EXDEV;
	return -1;
}

struct upload_store *
upload_store_new(const char *root, const char *tmp)
{
	struct local *local = base_alloc(sizeof(*local));
	struct upload_store *store = NULL;
	struct base_buf beneath = { 0 };
	int error;

	local->path = base_strdup(root);
	base_buf_printf(&beneath, "%s/tmp", root);
	if ((local->root = upload_store_directory(root)) != -1)
		store = upload_store_begin(
		    &local_ops, tmp != NULL ? tmp : base_buf_str(&beneath));
	base_buf_fini(&beneath);
	if (store != NULL) {
		store->place = local;
		if (same_device(local->root, store->tmp) == 0)
			return store;
	}
	error = errno;
	if (store == NULL)
		local_free(local);
	upload_store_free(store);
	errno = error;
	return NULL;
}
