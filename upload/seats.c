/* SPDX-License-Identifier: ISC */
/* A seat is the lock on one byte of a file.  Locks are those of the open file
 * (OFD): the kernel drops them when their process ends. */

#include "upload/seats.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
	PATH_SIZE = 1024,
	MODE = 0660,
	/* A newcomer looks for a free one so often, ... */
	NAP_MS = 25,
	/* ... and who has waited so long twice as often, and so on. */
	PATIENCE_MS = 1000,
	NAP_MIN_MS = 2
};

struct upload_seats {
	int fd; /* owned */
	unsigned count;
	int own; /* -1 = none */
};

unsigned
upload_seats_default(void)
{
	cpu_set_t set;
	int processors = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		processors = CPU_COUNT(&set);
	return processors > 1 ? (unsigned)processors / 2 : 1;
}

struct upload_seats *
upload_seats_open(const char *dir, unsigned count)
{
	struct upload_seats *s;
	char path[PATH_SIZE];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/decoders", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, MODE);
	if (fd == -1)
		return NULL;
	s = base_alloc(sizeof(*s));
	s->fd = fd;
	s->count = count;
	s->own = -1;
	return s;
}

void
upload_seats_close(struct upload_seats *s)
{
	if (s == NULL)
		return;
	close(s->fd);
	base_free(s);
}

static bool
lock_set(struct upload_seats *s, int seat, short type)
{
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = seat,
		.l_len = 1,
	};

	return fcntl(s->fd, F_OFD_SETLK, &lock) == 0;
}

static bool
look(struct upload_seats *s)
{
	for (int seat = 0; seat < (int)s->count; seat++)
		if (lock_set(s, seat, F_WRLCK)) {
			s->own = seat;
			return true;
		}
	return false;
}

static void
nap(uint64_t waited_ms)
{
	uint64_t ms = NAP_MS;
	struct timespec t;

	for (; waited_ms >= PATIENCE_MS && ms > NAP_MIN_MS; waited_ms /= 2)
		ms /= 2;
	t.tv_sec = 0;
	t.tv_nsec = (long)(ms * 1000000);
	(void)nanosleep(&t, NULL);
}

bool
upload_seats_take(struct upload_seats *s, uint64_t wait_ms)
{
	uint64_t since = base_clock_ms(), waited = 0;

	if (s == NULL)
		return true;
	while (!look(s)) {
		waited = base_clock_ms() - since;
		if (waited >= wait_ms)
			return false;
		nap(waited);
	}
	return true;
}

void
upload_seats_leave(struct upload_seats *s)
{
	if (s == NULL || s->own == -1)
		return;
	(void)lock_set(s, s->own, F_UNLCK);
	s->own = -1;
}
