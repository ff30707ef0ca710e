/* SPDX-License-Identifier: ISC */
/* The loop over epoll: readiness, timers, deferred tasks, late frees. */

#include <sys/socket.h>

#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "tests/unit/harness.h"

struct end {
	struct base_watch watch; /* first */
	struct base_loop *loop;
	struct end *other; /* what a handle may act on */
	int fd;
	int calls;
	int hangups;
};

static char order[32]; /* what ran, in order */

static void
note(char c)
{
	const size_t len = strlen(order);

	if (len + 1 < sizeof(order)) {
		order[len] = c;
		order[len + 1] = '\0';
	}
}

static void
on_ready(void *watch, int hangup)
{
	struct end *end = watch;

	end->calls++;
	end->hangups += hangup;
}

static void
pair_init(struct base_loop *loop, struct end *a, struct end *b)
{
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	*a = (struct end){ { 0, 0, on_ready }, loop, b, fds[0], 0, 0 };
	*b = (struct end){ { 0, 0, on_ready }, loop, a, fds[1], 0, 0 };
}

static void
pair_fini(struct end *a, struct end *b)
{
	base_loop_unwatch(a->loop, a->fd);
	base_loop_unwatch(b->loop, b->fd);
	close(a->fd);
	close(b->fd);
}

static void
test_level(void)
{
	struct base_loop *loop = base_loop_poll_new();
	struct end a, b;
	char byte;

	pair_init(loop, &a, &b);
	base_loop_watch(loop, a.fd, &a.watch, BASE_READ);
	base_loop_poll_turn(loop, 0);
	CU_ASSERT_EQUAL(a.calls, 0);
	CU_ASSERT_EQUAL(write(b.fd, "x", 1), 1);
	base_loop_poll_turn(loop, 0);
	base_loop_poll_turn(loop, 0);
	CU_ASSERT_EQUAL(a.calls, 2);
	CU_ASSERT_EQUAL(a.watch.ready, BASE_READ);
	CU_ASSERT_EQUAL(read(a.fd, &byte, 1), 1);
	base_loop_poll_turn(loop, 0);
	CU_ASSERT_EQUAL(a.calls, 2);
	base_loop_watch(loop, a.fd, &a.watch, BASE_READ | BASE_WRITE);
	base_loop_poll_turn(loop, 0);
	CU_ASSERT_EQUAL(a.calls, 3);
	CU_ASSERT_EQUAL(a.watch.ready, BASE_READ | BASE_WRITE);
	pair_fini(&a, &b);
	base_loop_unwatch(loop, 5000);
	base_loop_poll_free(loop);
}

static void
test_edge_and_hangup(void)
{
	struct base_loop *loop = base_loop_poll_new();
	struct end a, b;

	pair_init(loop, &a, &b);
	base_loop_watch(loop, a.fd, &a.watch, BASE_READ | BASE_EDGE);
	CU_ASSERT_EQUAL(write(b.fd, "x", 1), 1);
	base_loop_poll_turn(loop, 0);
	base_loop_poll_turn(loop, 0);
	CU_ASSERT_EQUAL(a.calls, 1);
	CU_ASSERT_EQUAL(a.hangups, 0);
	CU_ASSERT_EQUAL(shutdown(b.fd, SHUT_WR), 0);
	base_loop_poll_turn(loop, 0);
	CU_ASSERT_EQUAL(a.calls, 2);
	CU_ASSERT_EQUAL(a.hangups, 1);
	pair_fini(&a, &b);
	base_loop_poll_free(loop);
}

static void
on_ready_unwatch_other(void *watch, int hangup)
{
	struct end *end = watch;

	on_ready(watch, hangup);
	base_loop_unwatch(end->loop, end->other->fd);
}

/* Both are ready in one turn; whichever is called first silences the other. */
static void
test_unwatch_in_turn(void)
{
	struct base_loop *loop = base_loop_poll_new();
	struct end a, b;

	pair_init(loop, &a, &b);
	a.watch.handle = on_ready_unwatch_other;
	b.watch.handle = on_ready_unwatch_other;
	base_loop_watch(loop, a.fd, &a.watch, BASE_WRITE);
	base_loop_watch(loop, b.fd, &b.watch, BASE_WRITE);
	base_loop_poll_turn(loop, 0);
	CU_ASSERT_EQUAL(a.calls + b.calls, 1);
	pair_fini(&a, &b);
	base_loop_poll_free(loop);
}

static void
on_timer(void *arg)
{
	note(*(const char *)arg);
}

static void
run_for(struct base_loop *loop, uint64_t ms)
{
	const uint64_t end = base_clock_ms() + ms;

	while (base_clock_ms() < end)
		base_loop_poll_turn(loop, 1);
}

static void
test_timers(void)
{
	struct base_loop *loop = base_loop_poll_new();
	char a = 'a', b = 'b', c = 'c', d = 'd', e = 'e';
	struct base_timer *cancelled;
	uint64_t start;

	order[0] = '\0';
	(void)!base_timer_start(loop, 20, on_timer, &c);
	(void)!base_timer_start(loop, 0, on_timer, &a);
	(void)!base_timer_start(loop, 10, on_timer, &b);
	cancelled = base_timer_start(loop, 5, on_timer, &d);
	CU_ASSERT_STRING_EQUAL(order, "");
	base_timer_cancel(cancelled);
	base_timer_cancel(NULL);
	run_for(loop, 40);
	CU_ASSERT_STRING_EQUAL(order, "abc");
	/* A timer ends the wait, and not before its time. */
	start = base_clock_ms();
	(void)!base_timer_start(loop, 30, on_timer, &e);
	while (strcmp(order, "abce") != 0)
		base_loop_poll_turn(loop, -1);
	CU_ASSERT_TRUE(base_clock_ms() - start >= 29);
	(void)!base_timer_start(loop, 60000, on_timer, &e);
	base_loop_poll_free(loop);
}

struct step {
	struct base_task task;
	struct base_loop *loop;
	struct step *other;
	char name;
	int again;
};

static void
on_step(void *arg)
{
	struct step *step = arg;

	note(step->name);
	if (step->again-- > 0)
		base_loop_defer(step->loop, &step->task);
	if (step->other != NULL)
		base_task_cancel(&step->other->task);
}

static void
step_init(struct step *step, struct base_loop *loop, char name)
{
	*step = (struct step){ .loop = loop, .name = name };
	step->task.cb = on_step;
	step->task.arg = step;
}

static void
test_tasks(void)
{
	struct base_loop *loop = base_loop_poll_new();
	struct step a, b, c;

	order[0] = '\0';
	step_init(&a, loop, 'a');
	step_init(&b, loop, 'b');
	step_init(&c, loop, 'c');
	base_loop_defer(loop, &a.task);
	base_loop_defer(loop, &b.task);
	base_loop_defer(loop, &a.task); /* is queued: stays first */
	base_loop_defer(loop, &c.task);
	a.other = &b; /* a cancels b in the same turn */
	CU_ASSERT_STRING_EQUAL(order, "");
	base_loop_poll_turn(loop, -1);
	CU_ASSERT_STRING_EQUAL(order, "ac");
	base_task_cancel(&a.task);
	base_loop_poll_turn(loop, 0);
	CU_ASSERT_STRING_EQUAL(order, "ac");
	base_loop_defer(loop, &c.task);
	base_loop_poll_free(loop);
	CU_ASSERT_PTR_NULL(c.task.loop);
}

/* Each turn of a task that defers itself hears what is ready, and none waits
 * (or this would not end). */
static void
test_task_again(void)
{
	struct base_loop *loop = base_loop_poll_new();
	struct end ready, peer;
	struct step a;

	order[0] = '\0';
	step_init(&a, loop, 'a');
	a.again = 2;
	base_loop_defer(loop, &a.task);
	base_loop_poll_turn(loop, -1);
	CU_ASSERT_STRING_EQUAL(order, "a");
	pair_init(loop, &ready, &peer);
	base_loop_watch(loop, ready.fd, &ready.watch, BASE_WRITE | BASE_EDGE);
	base_loop_poll_turn(loop, -1);
	CU_ASSERT_STRING_EQUAL(order, "aa");
	CU_ASSERT_EQUAL(ready.calls, 1);
	base_loop_poll_turn(loop, -1);
	CU_ASSERT_STRING_EQUAL(order, "aaa");
	pair_fini(&ready, &peer);
	base_loop_poll_free(loop);
}

struct piece {
	struct base_task task;
	struct base_loop *loop;
};

static void
on_piece(void *arg)
{
	struct piece *piece = arg;

	base_loop_free(piece->loop, piece);
	note('p');
}

/* That the memory lives long enough, and is freed, is for ASan to say. */
static void
test_late_free(void)
{
	struct base_loop *loop = base_loop_poll_new();
	struct piece *piece = base_alloc(sizeof(*piece));

	order[0] = '\0';
	piece->loop = loop;
	piece->task.cb = on_piece;
	piece->task.arg = piece;
	base_loop_defer(loop, &piece->task);
	for (int i = 0; i < 100; i++)
		base_loop_free(loop, base_alloc(10));
	base_loop_free(loop, NULL);
	base_loop_poll_turn(loop, -1);
	CU_ASSERT_STRING_EQUAL(order, "p");
	base_loop_free(loop, base_alloc(10));
	base_loop_poll_free(loop);
}

TEST_MAIN("base_loop", { "level-triggered", test_level },
    { "edge-triggered and hangup", test_edge_and_hangup },
    { "unwatched in the turn", test_unwatch_in_turn },
    { "timers", test_timers }, { "deferred tasks", test_tasks },
    { "a task that defers itself", test_task_again },
    { "late free", test_late_free })
