/* SPDX-License-Identifier: ISC */
/*
 * The event loop as our code sees it.  Two loops stand behind it: loop_poll
 * (FastCGI, tools, tests) and Kore's.  One thread; a callback never runs from
 * inside the call that asked for it.
 *
 * A loop works in turns: wait, call the handles of what is ready, run the
 * timers that are due, then the end of the turn: deferred tasks, late frees.
 */

#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct base_loop;
struct base_timer;

enum {
	BASE_READ = 1,
	BASE_WRITE = 2,
	BASE_EDGE = 4,
};

/*
 * What is called when a descriptor is ready: the first member of whatever is
 * watched, owned by the watcher.  It has the layout of Kore's struct
 * kore_event, so that Kore's epoll can call it without a step between.
 */
struct base_watch {
	int type;  /* set by the loop */
	int ready; /* BASE_READ and BASE_WRITE: bits set by the loop, which
		    * never clears them; the owner clears one on EAGAIN */
	/* `watch` is this struct.  `hangup`: an error, or the peer closed; with
	 * BASE_EDGE also that it will send no more.  What was received before
	 * can still be read. */
	void (*handle)(void *watch, int hangup);
};

/* A deferred call, embedded in what it works on; zeroed storage with cb and
 * arg set is ready for use. */
struct base_task {
	void (*cb)(void *arg);
	void *arg;
	struct base_loop *loop; /* the loop's; non-NULL = queued */
	TAILQ_ENTRY(base_task) link;
};

TAILQ_HEAD(base_task_list, base_task);

/*
 * Watches `fd`, or changes how it is watched (also to another `watch`).
 * `interest`: BASE_READ, BASE_WRITE or both; level-triggered unless BASE_EDGE
 * is added.  Neither is allowed: then only `hangup` is told.  `watch->handle` is
 * set by the caller before; `watch` is borrowed until base_loop_unwatch(), and
 * then must stay allocated to the end of the turn: base_loop_free().
 */
void base_loop_watch(
    struct base_loop *loop, int fd, struct base_watch *watch, int interest);

/* Ends watching `fd`: always before close(fd).  The handle is not called
 * again, not even for what is ready in this turn.  Of an `fd` that is not
 * watched it does nothing. */
void base_loop_unwatch(struct base_loop *loop, int fd);

/* Calls `cb(arg)` once, `ms` milliseconds from now or as soon after as may be.
 * A process has few of these.  The timer is the loop's: it is gone when `cb`
 * begins, so the first line of `cb` clears the owner's pointer. */
MUST_USE struct base_timer *base_timer_start(
    struct base_loop *loop, uint64_t ms, void (*cb)(void *arg), void *arg);

/* Forgets a timer that has not begun; NULL is fine. */
void base_timer_cancel(struct base_timer *timer);

/* Runs `task->cb(task->arg)` once at the end of this turn, in the order of
 * asking; a task that is queued already stays where it is.  Deferred from
 * inside a deferred task, it runs at the end of the next turn, which does not
 * wait: what is ready comes between, so that tasks cannot starve the loop, but
 * one that always defers itself keeps it busy. */
void base_loop_defer(struct base_loop *loop, struct base_task *task);

/* Forgets the task if it is queued. */
void base_task_cancel(struct base_task *task);

/* base_free(mem) at the end of this turn, after its deferred tasks, when no
 * event of the turn can point at it any more.  NULL is fine. */
void base_loop_free(struct base_loop *loop, void *mem);

/* The loop over epoll.  Owned by the caller. */
MUST_USE struct base_loop *base_loop_poll_new(void);

/* One turn: waits at most `max_wait_ms` (-1: until something happens; less
 * when a timer is due).  Also returns when a signal came.  Returns how many
 * descriptors were ready. */
int base_loop_poll_turn(struct base_loop *loop, int max_wait_ms);

/* Frees the loop, its timers and what waits in base_loop_free(); forgets
 * deferred tasks without running them.  Watched descriptors stay open. */
void base_loop_poll_free(struct base_loop *loop);

/*
 * From here on: for those who write a loop.
 */

/* What a loop does itself.  Deferred tasks and late frees are kept by loop.c,
 * which asks for the end of the turn. */
struct base_loop_ops {
	void (*watch)(struct base_loop *loop, int fd, struct base_watch *watch,
	    int interest);
	void (*unwatch)(struct base_loop *loop, int fd);
	struct base_timer *(*timer_start)(struct base_loop *loop, uint64_t ms,
	    void (*cb)(void *arg), void *arg);
	void (*timer_cancel)(struct base_timer *timer);
	/* Call base_loop_turn_end(loop) once, not from inside this call and not
	 * between two events of one turn: at the end of this turn; or, asked
	 * from inside base_loop_turn_end() (`next`), of the next, which must
	 * not wait.  Never asked twice before it was done. */
	void (*turn_end_ask)(struct base_loop *loop, bool next);
};

/* First member of every loop; the fields behind `ops` are loop.c's. */
struct base_loop {
	const struct base_loop_ops *ops;
	struct base_task_list tasks; /* queued; oldest first */
	void **garbage;		     /* owned; waits for the end of the turn */
	size_t garbage_len;
	size_t garbage_cap;
	bool asked;  /* turn_end_ask is under way */
	bool ending; /* inside base_loop_turn_end() */
};

/* First member of every timer. */
struct base_timer {
	struct base_loop *loop; /* borrowed */
};

/* Prepares the common part; `ops` is borrowed for the loop's life. */
void base_loop_init(struct base_loop *loop, const struct base_loop_ops *ops);

/* Frees the garbage and forgets queued tasks. */
void base_loop_fini(struct base_loop *loop);

/* Runs the deferred tasks and frees the garbage. */
void base_loop_turn_end(struct base_loop *loop);

#endif
