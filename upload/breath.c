/* SPDX-License-Identifier: ISC */
/* Each thread has a timer: one of the process would tell whichever thread, and
 * only the one at work is meant. */

#include "upload/breath.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

enum {
	WORK_NS = 1000 * 1000,
	/* Who does next to nothing is asked less often. */
	IDLE_NS = WORK_NS / 20,
	REST_NS = 4 * WORK_NS
};

typedef int create_fn(
    pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

/* What a thread begins with. */
struct start {
	void *(*work)(void *);
	void *arg;
};

static bool is_on;
static uint64_t breaths;
static pthread_key_t ending;
static _Thread_local timer_t timer;
static _Thread_local uint64_t worked_ns; /* when it was asked last */

static void
timer_set(long ns)
{
	const struct itimerspec once = { .it_value.tv_nsec = ns };

	(void)timer_settime(timer, 0, &once, NULL);
}

static uint64_t
thread_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == -1)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Time goes by while it waits for a processor too: then it has just had its
 * break. */
static void
on_time(int number)
{
	/* The kernel makes some 50 us of it. */
	const struct timespec moment = { .tv_nsec = 1 };
	uint64_t now = thread_ns(), done = now - worked_ns;
	int saved = errno;

	(void)number;
	if (done >= WORK_NS / 2) {
		(void)nanosleep(&moment, NULL);
		(void)__atomic_fetch_add(&breaths, 1, __ATOMIC_RELAXED);
		worked_ns = now;
	}
	timer_set(done < IDLE_NS ? REST_NS : WORK_NS);
	errno = saved;
}

static void
thread_begin(void)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGALRM,
	};

	event._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) == -1)
		return;
	(void)pthread_setspecific(ending, &timer);
	worked_ns = thread_ns();
	timer_set(WORK_NS);
}

static void
thread_end(void *arg)
{
	(void)timer_delete(*(timer_t *)arg);
}

static void *
thread_run(void *arg)
{
	struct start start = *(struct start *)arg;

	base_free(arg);
	thread_begin();
	return start.work(start.arg);
}

/* Libc's own: the program's is this file's. */
static create_fn *
libc_create(void)
{
	union {
		void *p;
		create_fn *call;
	} found = { .p = dlsym(RTLD_NEXT, "pthread_create") };

	return found.call;
}

int
upload_breath_thread(pthread_t *thread, const pthread_attr_t *attr,
    void *(*work)(void *), void *arg)
{
	create_fn *create = libc_create();
	struct start *start;
	int error;

	if (create == NULL)
		return EAGAIN;
	if (!is_on)
		return create(thread, attr, work, arg);
	start = base_alloc(sizeof(*start));
	start->work = work;
	start->arg = arg;
	if ((error = create(thread, attr, thread_run, start)) != 0)
		base_free(start);
	return error;
}

void
upload_breathe(void)
{
	const struct sigaction action = {
		.sa_handler = on_time,
		.sa_flags = SA_RESTART,
	};

	if (pthread_key_create(&ending, thread_end) != 0)
		return;
	is_on = sigaction(SIGALRM, &action, NULL) == 0;
	if (is_on)
		thread_begin();
}

uint64_t
upload_breaths(void)
{
	return __atomic_load_n(&breaths, __ATOMIC_RELAXED);
}
