/* SPDX-License-Identifier: ISC */
/* What all stores have: temporary files, and the way to a place's table. */

#include "upload/store.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "upload/store_private.h"

enum {
	DIR_MODE = 0750,
	FILE_MODE = 0640,
	NAME_CHARS = 24
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

int
upload_store_directory(const char *path)
{
	if (dirs_make(path) == -1)
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

struct upload_store *
upload_store_begin(const struct upload_store_ops *ops, const char *tmp)
{
	struct upload_store *store = base_alloc(sizeof(*store));
	int error;

	store->ops = ops;
	store->tmp_path = base_strdup(tmp);
	if ((store->tmp = upload_store_directory(tmp)) != -1)
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
	if (store->place != NULL)
		store->ops->free(store->place);
	if (store->tmp != -1)
		close(store->tmp);
	base_free(store->tmp_path);
	base_free(store);
}

const char *
upload_store_tmp(const struct upload_store *store)
{
	return store->tmp_path;
}

bool
upload_store_ready(struct upload_store *store)
{
	return faccessat(store->tmp, ".", W_OK | X_OK, 0) == 0 &&
	    store->ops->ready(store->place);
}

void
upload_store_patience(struct upload_store *store, unsigned ms)
{
	if (store->ops->patience != NULL)
		store->ops->patience(store->place, ms);
}

enum upload_status
upload_store_temp_open(struct upload_store *store, struct upload_temp *temp)
{
	struct base_buf path = { 0 };
	char name[NAME_CHARS + 1];

	base_random_base32(name, NAME_CHARS);
	base_buf_printf(
	    &path, "%s/" UPLOAD_STORE_TEMP "%s", store->tmp_path, name);
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

static bool
is_hash(const char *hash)
{
	return hash != NULL && strlen(hash) == UPLOAD_HASH_LEN &&
	    strspn(hash, "0123456789abcdef") == UPLOAD_HASH_LEN;
}

void
upload_store_layout(const char *hash, char rel[UPLOAD_STORE_REL_LEN + 1])
{
	snprintf(rel, UPLOAD_STORE_REL_LEN + 1, "%.2s/%.2s/%.64s", hash,
	    hash + 2, hash);
}

bool
upload_store_relative(const char *hash, char rel[UPLOAD_STORE_REL_LEN + 1])
{
	if (!is_hash(hash))
		return false;
	upload_store_layout(hash, rel);
	return true;
}

enum upload_status
upload_store_keep(
    struct upload_store *store, struct upload_temp *temp, const char *hash)
{
	enum upload_status status = UPLOAD_FAILED;

	if (is_hash(hash))
		status = store->ops->keep(store->place, temp, hash);
	upload_store_temp_discard(temp);
	return status;
}

enum upload_status
upload_store_open(
    struct upload_store *store, const char *hash, int *fd, uint64_t *size)
{
	if (!is_hash(hash))
		return UPLOAD_MISSING;
	return store->ops->open(store->place, hash, fd, size);
}

char *
upload_store_path(struct upload_store *store, const char *hash)
{
	if (!is_hash(hash) || store->ops->path == NULL)
		return NULL;
	return store->ops->path(store->place, hash);
}

enum upload_status
upload_store_has(struct upload_store *store, const char *hash)
{
	if (!is_hash(hash))
		return UPLOAD_MISSING;
	return store->ops->has(store->place, hash);
}

enum upload_status
upload_store_list(
    struct upload_store *store, struct upload_page *page, unsigned age_s)
{
	memcpy(page->from, page->to, sizeof(page->from));
	base_buf_reset(&page->all);
	base_buf_reset(&page->old);
	return store->ops->list(store->place, page, age_s);
}

void
upload_page_fini(struct upload_page *page)
{
	base_buf_fini(&page->all);
	base_buf_fini(&page->old);
	base_free(page->token);
	memset(page, 0, sizeof(*page));
}

bool
upload_store_locks(const struct upload_store *store)
{
	return store->ops->locks;
}

enum upload_drop
upload_store_drop(struct upload_store *store, const char *hash, unsigned age_s)
{
	if (!is_hash(hash))
		return UPLOAD_STAYED;
	return store->ops->drop(store->place, hash, age_s);
}

/* Not time(), whose clock may lag behind that of a file's times. */
int64_t
upload_store_time_before(unsigned age_s)
{
	return base_clock_wall_us() / 1000000 - (int64_t)age_s;
}

/* Is nobody writing it any more?  `newest` leaves one alone that has just been
 * made and is not locked yet. */
static bool
is_abandoned(int fd, int64_t newest)
{
	struct stat st;

	return fd != -1 && fstat(fd, &st) == 0 && st.st_ctime <= newest &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0;
}

unsigned
upload_store_sweep(struct upload_store *store, unsigned age_s)
{
	int64_t newest = upload_store_time_before(age_s);
	struct dirent *entry;
	unsigned removed = 0;
	DIR *dir;
	int fd;

	if ((dir = opendir(store->tmp_path)) == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, UPLOAD_STORE_TEMP,
			strlen(UPLOAD_STORE_TEMP)) != 0)
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
