/* SPDX-License-Identifier: ISC */
/* A last answer reaches a client that is still sending. */

#include <sys/socket.h>

#include <errno.h>
#include <unistd.h>

#include "api/linger.h"
#include "base/loop.h"
#include "tests/unit/harness.h"

static struct base_loop *loop;
static int client;

static void
start(const void *bytes, size_t len)
{
	int fds[2];

	loop = base_loop_poll_new();
	CU_ASSERT_EQUAL_FATAL(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	client = fds[1];
	/* It has sent already, and nobody has read it. */
	CU_ASSERT_EQUAL(send(client, "unread", 6, 0), 6);
	api_linger_start(loop, fds[0], bytes, len);
}

static void
turns(int n, int wait_ms)
{
	while (n-- > 0 && api_linger_count() > 0)
		base_loop_poll_turn(loop, wait_ms);
}

static void
stop(void)
{
	CU_ASSERT_EQUAL(api_linger_count(), 0);
	base_loop_poll_free(loop);
}

static void
test_hears_out(void)
{
	char got[8];

	start("bye", 3);
	turns(3, 0);
	CU_ASSERT_EQUAL(send(client, "more", 4, MSG_NOSIGNAL), 4);
	turns(3, 0);
	CU_ASSERT_EQUAL(recv(client, got, sizeof(got), 0), 3);
	CU_ASSERT_EQUAL(recv(client, got, sizeof(got), 0), 0);
	CU_ASSERT_EQUAL(api_linger_count(), 1);
	close(client);
	turns(3, 0);
	stop();
}

static void
test_long_answer(void)
{
	static char bytes[1 << 20], got[65536];
	size_t seen = 0;
	ssize_t n;

	start(bytes, sizeof(bytes));
	while (seen < sizeof(bytes)) {
		turns(1, 10);
		while ((n = recv(client, got, sizeof(got), 0)) > 0)
			seen += (size_t)n;
		if (n == 0 || errno != EAGAIN)
			break;
	}
	CU_ASSERT_EQUAL(seen, sizeof(bytes));
	close(client);
	turns(3, 0);
	stop();
}

static void
test_not_for_ever(void)
{
	start("bye", 3);
	turns(400, 10);
	stop();
	CU_ASSERT_EQUAL(send(client, "x", 1, MSG_NOSIGNAL), -1);
	close(client);
}

TEST_MAIN("api_linger", { "hears out", test_hears_out },
    { "long answer", test_long_answer }, { "not for ever", test_not_for_ever })
