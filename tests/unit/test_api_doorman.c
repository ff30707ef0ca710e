/* SPDX-License-Identifier: ISC */
/* api/doorman.c: who waits too long is answered, and nobody else. */

#include "harness.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/doorman.h"
#include "api/linger.h"
#include "api/unix_listen.h"
#include "base/log.h"
#include "base/loop.h"

static char path[80];
static uint64_t taken;
static unsigned refused;

static int
client(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path) + 1);
	CU_ASSERT_EQUAL_FATAL(
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return (fd);
}

static void
on_refused(void *arg)
{
	(void)arg;
	refused++;
}

/* A queue of two, in which one may wait `wait_ms`. */
static struct api_doorman *
doorman(struct base_loop *loop, int fd, uint32_t wait_ms)
{
	refused = 0;
	return (api_doorman_new(&(struct api_doorman_params){ .loop = loop,
	    .listen_fd = fd,
	    .queue = 2,
	    .wait_ms = wait_ms,
	    .first_wait_ms = wait_ms,
	    .taken = &taken,
	    .on_refused = on_refused }));
}

static int
listener(void)
{
	char err[200];
	int fd;

	snprintf(path, sizeof(path), "/tmp/parley-doorman-%d", (int)getpid());
	fd = api_unix_listen(path, 0600, err, sizeof(err));
	CU_ASSERT_NOT_EQUAL_FATAL(fd, -1);
	return (fd);
}

static void
test_who_waits_too_long_is_answered(void)
{
	struct base_loop *loop = base_loop_poll_new();
	int fd = listener(), waiting[3];
	struct api_doorman *d = doorman(loop, fd, 1);
	char text[2000];
	ssize_t n, more;

	base_log_level_set(BASE_LOG_ERROR);
	for (int i = 0; i < 3; i++)
		waiting[i] = client();
	while (refused < 3)
		base_loop_poll_turn(loop, 1000);
	for (int i = 0; i < 3; i++) {
		n = read(waiting[i], text, sizeof(text) - 1);
		CU_ASSERT_FATAL(n > 24);
		text[n] = '\0';
		/* A record of its answer, to the first request, and its end. */
		CU_ASSERT_EQUAL(text[1], 6);
		CU_ASSERT_EQUAL(text[3], 1);
		CU_ASSERT_EQUAL(text[n - 15], 3);
		CU_ASSERT_PTR_NOT_NULL(strstr(text + 8, "Status: 503 "));
		CU_ASSERT_PTR_NOT_NULL(
		    strstr(text + 8, "\r\nRetry-After: 5\r"));
		CU_ASSERT_PTR_NOT_NULL(
		    strstr(text + 8, "\"code\":\"overloaded\""));
		more = read(waiting[i], text, sizeof(text));
		CU_ASSERT_EQUAL(more, 0);
		close(waiting[i]);
	}
	api_doorman_free(d);
	while (api_linger_count() > 0)
		base_loop_poll_turn(loop, 1000);
	base_loop_poll_free(loop);
	close(fd);
	unlink(path);
}

/* One refusal is no verdict on who comes later. */
static void
test_who_comes_later_may_wait(void)
{
	struct base_loop *loop = base_loop_poll_new();
	int fd = listener(), waiting = client(), later;
	struct api_doorman *d;

	refused = 0;
	d = api_doorman_new(&(struct api_doorman_params){ .loop = loop,
	    .listen_fd = fd,
	    .queue = 2,
	    .wait_ms = 10 * 60 * 1000,
	    .first_wait_ms = 1,
	    .taken = &taken,
	    .on_refused = on_refused });
	while (refused == 0)
		base_loop_poll_turn(loop, 1000);
	later = client();
	while (api_linger_count() > 0)
		base_loop_poll_turn(loop, 1000);
	for (int i = 0; i < 3; i++)
		base_loop_poll_turn(loop, 1000);
	CU_ASSERT_EQUAL(refused, 1);
	api_doorman_free(d);
	close(later);
	close(waiting);
	base_loop_poll_free(loop);
	close(fd);
	unlink(path);
}

/* Many wait, but none of them long: processes take them as they come. */
static void
test_a_queue_that_moves_is_left_alone(void)
{
	struct base_loop *loop = base_loop_poll_new();
	int fd = listener(), waiting = client();
	struct api_doorman *d;

	/* With a wait of nothing, it is the moving that saves them. */
	d = doorman(loop, fd, 0);
	taken += 3;
	for (int i = 0; i < 3; i++) {
		taken += 3;
		base_loop_poll_turn(loop, 1000);
	}
	CU_ASSERT_EQUAL(refused, 0);
	while (refused == 0) /* it stands still */
		base_loop_poll_turn(loop, 1000);
	api_doorman_free(d);
	close(waiting);
	while (api_linger_count() > 0)
		base_loop_poll_turn(loop, 1000);
	base_loop_poll_free(loop);
	close(fd);
	unlink(path);
}

TEST_MAIN("api_doorman",
    { "who waits too long is answered", test_who_waits_too_long_is_answered },
    { "who comes later may wait", test_who_comes_later_may_wait },
    { "a queue that moves is left alone",
	test_a_queue_that_moves_is_left_alone })
