/* SPDX-License-Identifier: ISC */
/* Files by their content, written beside and renamed into place. */

#include "upload/store.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "upload/hash.h"

enum {
	DIR_MODE = 0750,
	FILE_MODE = 0640,
	NAME_CHARS = 24
};

#define PREFIX "up-"

struct upload_store {
	int root;	 /* owned: descriptor of the root directory */
	int tmp;	 /* owned: descriptor of the temporary directory */
	char *root_path; /* owned */
	char *tmp_path;	 /* owned */
};

/* Like mkdir -p.  The mode does not depend on the umask of who starts us. */
static int
dirs_make(const char *path)
{
	char *copy = base_strdup(path);
	int result = 0;

	for (char *p = copy + 1; result == 0; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		char saved = *p;

		*p = '\0';
		if (mkdir(copy, DIR_MODE) == -1 && errno != EEXIST)
			result = -1;
		*p = saved;
		if (saved == '\0')
			break;
	}
	base_free(copy);
	return result;
}

static int
dir_open(const char *path)
{
	if (dirs_make(path) == -1)
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
same_device(const struct upload_store *store)
{
	struct stat root, tmp;

	if (fstat(store->root, &root) == -1 || fstat(store->tmp, &tmp) == -1)
		return -1;
	if (root.st_dev == tmp.st_dev)
		return 0;
	errno = EXDEV;
	return -1;
}

struct upload_store *
upload_store_new(const char *root, const char *tmp)
{
	struct upload_store *store = base_alloc(sizeof(*store));
	struct base_buf path = { 0 };
	int error;

	base_buf_printf(&path, "%s/tmp", root);
	store->root_path = base_strdup(root);
	store->tmp_path =
	    tmp != NULL ? base_strdup(tmp) : base_strdup(base_buf_str(&path));
	base_buf_fini(&path);

	store->tmp = -1;
	if ((store->root = dir_open(store->root_path)) != -1 &&
	    (store->tmp = dir_open(store->tmp_path)) != -1 &&
	    same_device(store) == 0)
		return store;
	error = errno;
	upload_store_free(store);
	errno = error;
	return NULL;
}

void
upload_store_free(struct upload_store *store)
{
	if (store == NULL)
		return;
	if (store->root != -1)
		close(store->root);
	if (store->tmp != -1)
		close(store->tmp);
	base_free(store->root_path);
	base_free(store->tmp_path);
	base_free(store);
}

bool
upload_store_ready(struct upload_store *store)
{
	return faccessat(store->tmp, ".", W_OK | X_OK, 0) == 0 &&
	    faccessat(store->root, ".", W_OK | X_OK, 0) == 0;
}

enum upload_status
upload_store_temp_open(struct upload_store *store, struct upload_temp *temp)
{
	struct base_buf path = { 0 };
	char name[NAME_CHARS + 1];

	base_random_base32(name, NAME_CHARS);
	base_buf_printf(&path, "%s/" PREFIX "%s", store->tmp_path, name);
	temp->path = base_buf_take(&path);
	temp->fd = open(temp->path,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	if (temp->fd != -1 && fchmod(temp->fd, FILE_MODE) == 0) {
		/* As long as it is held, its writer lives: see the sweep. */
		(void)flock(temp->fd, LOCK_EX | LOCK_NB);
		return UPLOAD_OK;
	}

	int error = errno;

	upload_store_temp_discard(temp);
	return upload_status_from_errno(error);
}

enum upload_status
upload_store_temp_write(struct upload_temp *temp, const char *p, size_t n)
{
	ssize_t done;

	while (n > 0) {
		done = write(temp->fd, p, n);
		if (done == -1 && errno == EINTR)
			continue;
		if (done == -1)
			return upload_status_from_errno(errno);
		p += done;
		n -= (size_t)done;
	}
	return UPLOAD_OK;
}

void
upload_store_temp_discard(struct upload_temp *temp)
{
	if (temp->fd != -1)
		close(temp->fd);
	temp->fd = -1;
	if (temp->path != NULL)
		unlink(temp->path);
	base_free(temp->path);
	temp->path = NULL;
}

enum upload_status
upload_store_temp_hash(
    struct upload_temp *temp, char hash[UPLOAD_HASH_LEN + 1], uint64_t *size)
{
	struct upload_hash *h = upload_hash_new();
	enum upload_status status = UPLOAD_OK;
	char piece[32768];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(temp->fd, piece, sizeof(piece), at)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			status = upload_status_from_errno(errno);
			break;
		}
		upload_hash_add(h, piece, (size_t)n);
		at += n;
	}
	upload_hash_finish(h, hash);
	*size = (uint64_t)at;
	return status;
}

bool
upload_store_relative(const char *hash, char rel[UPLOAD_STORE_REL_LEN + 1])
{
	if (hash == NULL || strlen(hash) != UPLOAD_HASH_LEN ||
	    strspn(hash, "0123456789abcdef") != UPLOAD_HASH_LEN)
		return false;
	snprintf(rel, UPLOAD_STORE_REL_LEN + 1, "%.2s/%.2s/%s", hash, hash + 2,
	    hash);
	return true;
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
is_kept(const struct upload_store *store, const struct upload_temp *temp,
    const char *rel)
{
	int fd = openat(store->root, rel, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
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
place(struct upload_store *store, struct upload_temp *temp, const char *rel)
{
	char outer[3], inner[6];

	snprintf(outer, sizeof(outer), "%.2s", rel);
	snprintf(inner, sizeof(inner), "%.5s", rel);
	if (fsync(temp->fd) == -1 || dir_make(store->root, outer, ".") == -1 ||
	    dir_make(store->root, inner, outer) == -1)
		return -1;
	if (!is_kept(store, temp, rel)) {
		if (renameat(AT_FDCWD, temp->path, store->root, rel) == -1)
			return -1;
		base_free(temp->path);
		temp->path = NULL;
	}
	/* Also for one that is there: who put it may not be this far yet. */
	return dir_sync(store->root, inner);
}

enum upload_status
upload_store_keep(
    struct upload_store *store, struct upload_temp *temp, const char *hash)
{
	enum upload_status status = UPLOAD_OK;
	char rel[UPLOAD_STORE_REL_LEN + 1];

	if (!upload_store_relative(hash, rel))
		status = UPLOAD_FAILED;
	else if (place(store, temp, rel) == -1)
		status = upload_status_from_errno(errno);
	upload_store_temp_discard(temp);
	return status;
}

enum upload_status
upload_store_open(
    struct upload_store *store, const char *hash, int *fd, uint64_t *size)
{
	char rel[UPLOAD_STORE_REL_LEN + 1];
	struct stat st;

	if (!upload_store_relative(hash, rel))
		return UPLOAD_MISSING;
	*fd = openat(store->root, rel, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
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

char *
upload_store_path(struct upload_store *store, const char *hash)
{
	char rel[UPLOAD_STORE_REL_LEN + 1];
	struct base_buf path = { 0 };

	if (!upload_store_relative(hash, rel))
		return NULL;
	base_buf_printf(&path, "%s/%s", store->root_path, rel);
	return base_buf_take(&path);
}

bool
upload_store_has(struct upload_store *store, const char *hash)
{
	char rel[UPLOAD_STORE_REL_LEN + 1];
	struct stat st;

	return upload_store_relative(hash, rel) &&
	    fstatat(store->root, rel, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode);
}

/* Not time(), whose clock may lag behind that of a file's times. */
static time_t
time_before(unsigned age_s)
{
	return (time_t)(base_clock_wall_us() / 1000000) - (time_t)age_s;
}

static void
inner_list(struct upload_store *store, const char *inner, time_t newest,
    void (*each)(void *arg, const char *hash), void *arg)
{
	int fd = openat(store->root, inner, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char rel[UPLOAD_STORE_REL_LEN + 1];
	struct dirent *entry;
	struct stat st;
	DIR *dir;

	if (fd == -1 || (dir = fdopendir(fd)) == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		if (upload_store_relative(entry->d_name, rel) &&
		    fstatat(store->root, rel, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && st.st_mtime <= newest)
			each(arg, entry->d_name);
	closedir(dir);
}

void
upload_store_list(struct upload_store *store, unsigned outer, unsigned age_s,
    void (*each)(void *arg, const char *hash), void *arg)
{
	time_t newest = time_before(age_s);
	struct dirent *entry;
	char name[3], inner[6];
	DIR *dir;
	int fd;

	snprintf(name, sizeof(name), "%02x", outer & 0xff);
	fd = openat(store->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (dir = fdopendir(fd)) == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		if (strlen(entry->d_name) == 2 && entry->d_name[0] != '.') {
			snprintf(inner, sizeof(inner), "%s/%.2s", name,
			    entry->d_name);
			inner_list(store, inner, newest, each, arg);
		}
	closedir(dir);
}

bool
upload_store_drop(struct upload_store *store, const char *hash, unsigned age_s)
{
	char rel[UPLOAD_STORE_REL_LEN + 1];
	bool dropped = false;
	struct stat st;
	int fd;

	if (!upload_store_relative(hash, rel) ||
	    (fd = openat(
		 store->root, rel, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		return false;
	/* Without a name any more, it is not the one that has the name. */
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 &&
	    st.st_nlink > 0 && S_ISREG(st.st_mode) &&
	    st.st_mtime <= time_before(age_s))
		dropped = unlinkat(store->root, rel, 0) == 0;
	close(fd);
	return dropped;
}

/* Is nobody writing it any more?  `newest` leaves one alone that has just been
 * made and is not locked yet. */
static bool
is_abandoned(int fd, time_t newest)
{
	struct stat st;

	return fd != -1 && fstat(fd, &st) == 0 && st.st_ctime <= newest &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0;
}

unsigned
upload_store_sweep(struct upload_store *store, unsigned age_s)
{
	time_t newest = time_before(age_s);
	struct dirent *entry;
	unsigned removed = 0;
	DIR *dir;
	int fd;

	if ((dir = opendir(store->tmp_path)) == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		fd = openat(store->tmp, entry->d_name,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (is_abandoned(fd, newest) &&
		    unlinkat(store->tmp, entry->d_name, 0) == 0)
			removed++;
		if (fd != -1)
			close(fd);
	}
	closedir(dir);
	return removed;
}
