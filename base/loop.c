/* SPDX-License-Identifier: ISC */
/*
 * What all loops share: the calls through the table of operations, and the end
 * of a turn with its deferred tasks and late frees.
 */

#include "base/loop.h"

#include <assert.h>

#include "base/mem.h"

void
base_loop_init(struct base_loop *loop, const struct base_loop_ops *ops)
{
	*loop = (struct base_loop){ .ops = ops };
	TAILQ_INIT(&loop->tasks);
}

static void
garbage_free(struct base_loop *loop)
{
	for (size_t i = 0; i < loop->garbage_len; i++)
		base_free(loop->garbage[i]);
	loop->garbage_len = 0;
}

void
base_loop_fini(struct base_loop *loop)
{
	while (!TAILQ_EMPTY(&loop->tasks))
		base_task_cancel(TAILQ_FIRST(&loop->tasks));
	garbage_free(loop);
	base_free(loop->garbage);
	loop->garbage = NULL;
	loop->garbage_cap = 0;
}

void
base_loop_watch(
    struct base_loop *loop, int fd, struct base_watch *watch, int interest)
{
	assert(fd >= 0 && watch->handle != NULL);
	loop->ops->watch(loop, fd, watch, interest);
}

void
base_loop_unwatch(struct base_loop *loop, int fd)
{
	loop->ops->unwatch(loop, fd);
}

struct base_timer *
base_timer_start(
    struct base_loop *loop, uint64_t ms, void (*cb)(void *arg), void *arg)
{
	struct base_timer *timer = loop->ops->timer_start(loop, ms, cb, arg);

	timer->loop = loop;
	return timer;
}

void
base_timer_cancel(struct base_timer *timer)
{
	if (timer != NULL)
		timer->loop->ops->timer_cancel(timer);
}

/* The end of the turn is wanted.  While it runs it looks for itself. */
static void
ask(struct base_loop *loop)
{
	if (loop->asked || loop->ending)
		return;
	loop->asked = true;
	loop->ops->turn_end_ask(loop, false);
}

void
base_loop_defer(struct base_loop *loop, struct base_task *task)
{
	if (task->loop != NULL)
		return;
	task->loop = loop;
	TAILQ_INSERT_TAIL(&loop->tasks, task, link);
	ask(loop);
}

void
base_task_cancel(struct base_task *task)
{
	if (task->loop == NULL)
		return;
	TAILQ_REMOVE(&task->loop->tasks, task, link);
	task->loop = NULL;
}

void
base_loop_free(struct base_loop *loop, void *mem)
{
	if (mem == NULL)
		return;
	if (loop->garbage_len == loop->garbage_cap) {
		loop->garbage_cap =
		    loop->garbage_cap > 0 ? loop->garbage_cap * 2 : 16;
		loop->garbage = base_realloc(
		    loop->garbage, loop->garbage_cap * sizeof(*loop->garbage));
	}
	loop->garbage[loop->garbage_len++] = mem;
	ask(loop);
}

void
base_loop_turn_end(struct base_loop *loop)
{
	struct base_task stop = { .loop = loop }, *task;

	assert(!loop->ending);
	loop->asked = false;
	loop->ending = true;
	/* What the tasks defer in their turn comes behind this mark. */
	TAILQ_INSERT_TAIL(&loop->tasks, &stop, link);
	while ((task = TAILQ_FIRST(&loop->tasks)) != &stop) {
		base_task_cancel(task);
		task->cb(task->arg);
	}
	TAILQ_REMOVE(&loop->tasks, &stop, link);
	garbage_free(loop);
	loop->ending = false;
	if (!TAILQ_EMPTY(&loop->tasks)) {
		loop->asked = true;
		loop->ops->turn_end_ask(loop, true);
	}
}
