/* SPDX-License-Identifier: ISC */
/*
 * A file that comes in pieces: `tus-<id>`, and while bytes in it do not count
 * yet, `tus-<id>.from` with the length that does.  Two bytes far behind any
 * content are locked: one by who has it open, one by who wants it.  The kernel
 * drops such locks with their process.
 */

#include "upload/partial.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/uuid.h"
#include "upload/flush.h"

#define PREFIX "tus-"
#define HELD ".from"

enum {
	FILE_MODE = 0640,
	PAUSE_MS = 10,
	NAME_CHARS = 24
};

/* Behind any content. */
enum lock_byte {
	LOCK_OWNED = 1,
	LOCK_WANTED
};
#define LOCKS ((off_t)1 << 62)

struct upload_partial {
	int fd;	    /* owned */
	char *dir;  /* owned */
	char *path; /* owned */
	char *held; /* owned: the file beside it */
	uint64_t size;
	uint64_t counts; /* of them, while the rest does not */
	bool holds;
};

static struct flock
lock_of(enum lock_byte byte, short type)
{
	return (struct flock){ .l_type = type,
		.l_whence = SEEK_SET,
		.l_start = LOCKS + byte,
		.l_len = 1 };
}

static bool
lock(int fd, enum lock_byte byte)
{
	struct flock l = lock_of(byte, F_WRLCK);

	return fcntl(fd, F_OFD_SETLK, &l) == 0;
}

static void
unlock(int fd, enum lock_byte byte)
{
	struct flock l = lock_of(byte, F_UNLCK);

	(void)fcntl(fd, F_OFD_SETLK, &l);
}

static struct upload_partial *
partial_new(const char *dir, const char *id)
{
	struct upload_partial *p = base_alloc(sizeof(*p));
	struct base_buf path = { 0 };

	base_buf_printf(&path, "%s/" PREFIX "%s", dir, id);
	p->fd = -1;
	p->dir = base_strdup(dir);
	p->path = base_strdup(base_buf_str(&path));
	base_buf_append_str(&path, HELD);
	p->held = base_buf_take(&path);
	return p;
}

void
upload_partial_close(struct upload_partial *p)
{
	if (p == NULL)
		return;
	if (p->fd != -1)
		close(p->fd);
	base_free(p->dir);
	base_free(p->path);
	base_free(p->held);
	base_free(p);
}

/* Names that come and go survive a power cut. */
static bool
dir_sync(const struct upload_partial *p)
{
	int fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool done = fd != -1 && fsync(fd) == 0;

	if (fd != -1)
		close(fd);
	return done;
}

enum upload_status
upload_partial_new(const char *dir, const char *id, uint64_t bytes,
    struct upload_partial **out)
{
	struct upload_partial *p = partial_new(dir, id);
	int error;

	*out = NULL;
	p->fd = open(p->path,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	if (p->fd == -1) {
		error = errno;
		upload_partial_close(p);
		return upload_status_from_errno(error);
	}
	/* Better full now than in the middle.  Not all file systems can. */
	if (fchmod(p->fd, FILE_MODE) == 0 && lock(p->fd, LOCK_OWNED) &&
	    (bytes == 0 ||
		fallocate(p->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes) == 0 ||
		errno == EOPNOTSUPP) &&
	    dir_sync(p)) {
		*out = p;
		return UPLOAD_OK;
	}
	error = errno;
	upload_partial_remove(p);
	upload_partial_close(p);
	return upload_status_from_errno(error);
}

static void
pause_a_little(void)
{
	const struct timespec t = { .tv_nsec = PAUSE_MS * 1000000L };

	(void)nanosleep(&t, NULL);
}

/* Wanted as long as it waits. */
static bool
own(int fd, unsigned wait_ms)
{
	uint64_t until = base_clock_ms() + wait_ms;
	bool owned = lock(fd, LOCK_OWNED);

	while (!owned && base_clock_ms() < until) {
		(void)lock(fd, LOCK_WANTED);
		pause_a_little();
		owned = lock(fd, LOCK_OWNED);
	}
	unlock(fd, LOCK_WANTED);
	return owned;
}

/* The length that counts when the rest never came to: false when all does. */
static bool
held_read(const struct upload_partial *p, uint64_t *counts)
{
	char text[24] = "";
	int fd = open(p->held, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	/* Without its end nothing was written behind it yet. */
	if (n < 2 || text[n - 1] != '\n')
		return false;
	*counts = strtoull(text, NULL, 10);
	return true;
}

static enum upload_status
recover(struct upload_partial *p)
{
	struct stat st;
	uint64_t counts;

	if (held_read(p, &counts) && ftruncate(p->fd, (off_t)counts) == -1)
		return upload_status_from_errno(errno);
	if (fstat(p->fd, &st) == -1 || fsync(p->fd) == -1)
		return upload_status_from_errno(errno);
	(void)unlink(p->held);
	if (st.st_nlink == 0) /* its owner has just removed it */
		return UPLOAD_MISSING;
	p->size = (uint64_t)st.st_size;
	return lseek(p->fd, 0, SEEK_END) == -1 ? UPLOAD_FAILED : UPLOAD_OK;
}

enum upload_status
upload_partial_open(const char *dir, const char *id, unsigned wait_ms,
    struct upload_partial **out)
{
	struct upload_partial *p = partial_new(dir, id);
	enum upload_status status;

	*out = NULL;
	p->fd = open(p->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (p->fd == -1)
		status = errno == ENOENT ? UPLOAD_MISSING : UPLOAD_FAILED;
	else if (!own(p->fd, wait_ms))
		status = UPLOAD_LOCKED;
	else
		status = recover(p);
	if (status == UPLOAD_OK)
		*out = p;
	else
		upload_partial_close(p);
	return status;
}

uint64_t
upload_partial_size(const struct upload_partial *p)
{
	return p->size;
}

enum upload_status
upload_partial_write(struct upload_partial *p, const char *bytes, size_t n)
{
	ssize_t done;

	while (n > 0) {
		done = write(p->fd, bytes, n);
		if (done == -1 && errno == EINTR)
			continue;
		if (done == -1)
			return upload_status_from_errno(errno);
		bytes += done;
		n -= (size_t)done;
		p->size += (uint64_t)done;
	}
	return UPLOAD_OK;
}

bool
upload_partial_wanted(const struct upload_partial *p)
{
	struct flock l = lock_of(LOCK_WANTED, F_WRLCK);

	return fcntl(p->fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}

enum upload_status
upload_partial_hold(struct upload_partial *p)
{
	int fd = open(p->held,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	bool done = fd != -1 && dprintf(fd, "%" PRIu64 "\n", p->size) > 0 &&
	    fsync(fd) == 0 && dir_sync(p);
	int error = errno;

	if (fd != -1)
		close(fd);
	if (!done) {
		(void)unlink(p->held);
		return upload_status_from_errno(error);
	}
	p->holds = true;
	p->counts = p->size;
	return UPLOAD_OK;
}

static void
held_end(struct upload_partial *p)
{
	if (p->holds)
		(void)unlink(p->held);
	p->holds = false;
}

enum upload_status
upload_partial_sync(struct upload_partial *p)
{
	if (upload_flush(p->fd) == -1)
		return upload_status_from_errno(errno);
	held_end(p);
	return UPLOAD_OK;
}

enum upload_status
upload_partial_revert(struct upload_partial *p)
{
	if (!p->holds)
		return UPLOAD_OK;
	if (ftruncate(p->fd, (off_t)p->counts) == -1 ||
	    lseek(p->fd, 0, SEEK_END) == -1)
		return upload_status_from_errno(errno);
	p->size = p->counts;
	return upload_partial_sync(p);
}

enum upload_status
upload_partial_share(struct upload_partial *p, struct upload_temp *out)
{
	struct base_buf path = { 0 };
	char name[NAME_CHARS + 1];

	base_random_base32(name, NAME_CHARS);
	base_buf_printf(&path, "%s/" UPLOAD_STORE_TEMP "%s", p->dir, name);
	out->path = base_buf_take(&path);
	out->fd = -1;
	if (link(p->path, out->path) == 0)
		out->fd = open(out->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	/* Shared, so that it can be given its place while we have it: see
	 * is_kept() of the store. */
	if (out->fd != -1 && flock(out->fd, LOCK_SH | LOCK_NB) == 0)
		return UPLOAD_OK;

	int error = errno;

	upload_store_temp_discard(out);
	return upload_status_from_errno(error);
}

void
upload_partial_remove(struct upload_partial *p)
{
	(void)unlink(p->path);
	(void)unlink(p->held);
}

bool
upload_partial_drop(const char *dir, const char *id)
{
	struct upload_partial *p = NULL, *gone;
	enum upload_status status = upload_partial_open(dir, id, 0, &p);

	if (status == UPLOAD_MISSING) {
		/* What stands beside it may have been left alone. */
		gone = partial_new(dir, id);
		upload_partial_remove(gone);
		upload_partial_close(gone);
	}
	if (status == UPLOAD_OK)
		upload_partial_remove(p);
	upload_partial_close(p);
	return status == UPLOAD_OK;
}

void
upload_partial_list(const char *dir, unsigned age_s,
    void (*each)(void *arg, const char *id), void *arg)
{
	int64_t newest = base_clock_wall_us() / 1000000 - (int64_t)age_s;
	struct base_buf path = { 0 };
	char id[BASE_UUID_TEXT];
	struct dirent *entry;
	struct stat st;
	DIR *d = opendir(dir);

	while (d != NULL && (entry = readdir(d)) != NULL) {
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		base_buf_reset(&path);
		base_buf_printf(&path, "%s/%s", dir, entry->d_name);
		(void)snprintf(
		    id, sizeof(id), "%s", entry->d_name + strlen(PREFIX));
		if (base_uuid_valid(id) &&
		    lstat(base_buf_str(&path), &st) == 0 &&
		    S_ISREG(st.st_mode) && st.st_mtime <= newest)
			each(arg, id);
	}
	if (d != NULL)
		closedir(d);
	base_buf_fini(&path);
}
