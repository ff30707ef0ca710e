/* SPDX-License-Identifier: ISC */
/* The parts of the load generator that could lie about what they measure. */

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/client.h"
#include "tests/bench/dialect.h"
#include "tests/bench/frames.h"
#include "tests/bench/histogram.h"
#include "tests/unit/harness.h"

static void
test_histogram(void)
{
	static struct bench_histogram h;
	uint64_t us;

	CU_ASSERT_EQUAL(bench_histogram_quantile(&h, 0.5), 0);
	for (us = 1; us <= 100000; us++)
		bench_histogram_add(&h, us);
	CU_ASSERT_EQUAL(h.count, 100000);
	CU_ASSERT_EQUAL(h.max_us, 100000);
	CU_ASSERT_EQUAL(bench_histogram_quantile(&h, 0.0001), 11);
	CU_ASSERT(labs((long)bench_histogram_quantile(&h, 0.5) - 50000) < 800);
	CU_ASSERT(
	    labs((long)bench_histogram_quantile(&h, 0.99) - 99000) < 1600);
	CU_ASSERT_EQUAL(bench_histogram_quantile(&h, 1), 100000);
	bench_histogram_add(&h, UINT64_C(1) << 50);
	CU_ASSERT_EQUAL(bench_histogram_quantile(&h, 1), UINT64_C(1) << 50);
}

static void
test_websocket(void)
{
	struct bench_unit unit;
	struct base_buf long_one = { 0 };
	static const char text[] = "\x81\x02hi\x89\x00";

	CU_ASSERT_EQUAL(
	    bench_frames_websocket(text, 3, &unit), BENCH_FRAMES_MORE);
	CU_ASSERT_EQUAL(
	    bench_frames_websocket(text, 6, &unit), BENCH_FRAMES_OK);
	CU_ASSERT_EQUAL(unit.opcode, 1);
	CU_ASSERT_EQUAL(unit.size, 4);
	CU_ASSERT_NSTRING_EQUAL(unit.payload, "hi", 2);
	base_buf_append(&long_one, "\x81\x7e\x01\x00", 4);
	while (long_one.len < 4 + 256)
		base_buf_append_char(&long_one, 'x');
	CU_ASSERT_EQUAL(bench_frames_websocket(long_one.data, 259, &unit),
	    BENCH_FRAMES_MORE);
	CU_ASSERT_EQUAL(
	    bench_frames_websocket(long_one.data, 260, &unit), BENCH_FRAMES_OK);
	CU_ASSERT_EQUAL(unit.len, 256);
	base_buf_fini(&long_one);
	/* a server does not mask */
	CU_ASSERT_EQUAL(
	    bench_frames_websocket("\x81\x82", 2, &unit), BENCH_FRAMES_BAD);
}

static void
test_response(void)
{
	static const char two[] = "HTTP/1.1 201 Created\r\n"
				  "content-length: 3\r\n\r\nabcHTTP/1.1 ";
	struct bench_unit unit;

	CU_ASSERT_EQUAL(bench_frames_response(two, strlen(two) - 12, &unit),
	    BENCH_FRAMES_MORE);
	CU_ASSERT_EQUAL(
	    bench_frames_response(two, strlen(two), &unit), BENCH_FRAMES_OK);
	CU_ASSERT_EQUAL(unit.status, 201);
	CU_ASSERT_EQUAL(unit.size, strlen(two) - 9);
	CU_ASSERT_NSTRING_EQUAL(unit.payload, "abc", 3);
	CU_ASSERT_FALSE(unit.last);
}

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"

static unsigned readies, replies, losses;

/* A sender of the closed loop: the next request at once. */
static void
poster_heard(struct bench_client *c, enum bench_heard what, const char *payload,
    size_t len, uint64_t us)
{
	(void)payload;
	(void)len;
	(void)us;
	readies += what == BENCH_HEARD_READY;
	replies += what == BENCH_HEARD_REPLY;
	base_buf_append_str(&c->out, "GET /");
}

static void
poster_lost(struct bench_client *c, const char *why)
{
	(void)c;
	(void)why;
	losses++;
}

/* The server's side of a client's next request. */
static int
request_accept(struct base_loop *loop, int listener, int fd)
{
	char request[16];

	while (fd == -1 &&
	    (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) == -1)
		base_loop_poll_turn(loop, 1);
	while (recv(fd, request, sizeof(request), 0) == -1)
		base_loop_poll_turn(loop, 1);
	return fd;
}

static void
request_answer(struct base_loop *loop, int fd, const char *answer)
{
	const unsigned before = replies;

	CU_ASSERT_EQUAL(
	    send(fd, answer, strlen(answer), 0), (ssize_t)strlen(answer));
	while (replies == before && losses == 0)
		base_loop_poll_turn(loop, 1);
}

/* Nginx ends a connection after a thousand requests: no fault of anybody's. */
static void
test_renewing(void)
{
	static const struct bench_client_calls calls = { poster_heard,
		poster_lost };
	struct base_loop *loop = base_loop_poll_new();
	struct bench_client c = { .loop = loop, .calls = &calls };
	struct sockaddr_in from = { .sin_family = AF_INET };
	struct bench_place to = { .size = sizeof(from) };
	int fd, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CU_ASSERT_EQUAL(bind(listener, (void *)&from, sizeof(from)), 0);
	CU_ASSERT_EQUAL(listen(listener, 8), 0);
	getsockname(listener, &to.address.any, &to.size);
	CU_ASSERT(bench_client_open(&c, &from, &to, 1));
	fd = request_accept(loop, listener, -1);
	request_answer(loop, fd, ANSWER "\r\n");
	request_accept(loop, listener, fd);
	request_answer(loop, fd, ANSWER "Connection: close\r\n\r\n");
	close(fd);
	fd = request_accept(loop, listener, -1);
	request_answer(loop, fd, ANSWER "\r\n");
	CU_ASSERT_EQUAL(readies, 1);
	CU_ASSERT_EQUAL(replies, 3);
	CU_ASSERT_EQUAL(losses, 0);
	bench_client_close(&c);
	close(fd);
	close(listener);
	base_loop_poll_free(loop);
}

/* Chunk lines are taken out wherever the reads cut them. */
static void
test_chunks(void)
{
	static const char whole[] = "5\r\nab\n\nc\r\n1A;x=0\r\n"
				    "abcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n";
	static const char content[] = "ab\n\ncabcdefghijklmnopqrstuvwxyz";
	char piece[sizeof(whole)], got[sizeof(whole)];
	size_t step, at, n, len;

	for (step = 1; step < sizeof(whole); step++) {
		struct bench_chunks chunks = { 0 };

		len = 0;
		for (at = 0; at < sizeof(whole) - 1; at += n) {
			n = sizeof(whole) - 1 - at;
			n = n < step ? n : step;
			memcpy(piece, whole + at, n);
			size_t left = bench_frames_unchunk(&chunks, piece, n);
			memcpy(got + len, piece, left);
			len += left;
		}
		CU_ASSERT_EQUAL(len, sizeof(content) - 1);
		CU_ASSERT_NSTRING_EQUAL(got, content, len);
	}
}

static void
test_dialects(void)
{
	static const char event[] =
	    "{\"event\":\"message.created\",\"data\":{\"text\":\""
	    "~!00000000000000ff xxx\"}}";
	static const char reply[] = "{\"reply\":\"ff\",\"status\":201}";
	static const char refusal[] = "{\"reply\":\"ff\",\"status\":429}";
	static const char ack[] = "43255[{\"ok\":true}]";
	const struct bench_speaker who = {
		.host = "h", .user = "u1", .token = "t", .room = "r1"
	};
	const struct bench_dialect *d = bench_dialect_find("ws");
	struct base_buf answer = { 0 };
	uint64_t us = 0;

	CU_ASSERT_EQUAL(d->hear(event, strlen(event), &who, &answer, &us),
	    BENCH_HEARD_EVENT);
	CU_ASSERT_EQUAL(bench_dialect_marked(event, strlen(event)), 255);
	CU_ASSERT_EQUAL(bench_dialect_marked(event, strlen(event) - 12), 0);
	CU_ASSERT_EQUAL(d->hear(reply, strlen(reply), &who, &answer, &us),
	    BENCH_HEARD_REPLY);
	CU_ASSERT_EQUAL(us, 255);
	CU_ASSERT_EQUAL(d->hear(refusal, strlen(refusal), &who, &answer, &us),
	    BENCH_HEARD_REFUSED);
	d = bench_dialect_find("socketio");
	us = 0;
	CU_ASSERT_EQUAL(
	    d->hear(ack, strlen(ack), &who, &answer, &us), BENCH_HEARD_REPLY);
	CU_ASSERT_EQUAL(us, 255);
	CU_ASSERT_EQUAL(answer.len, 0);
	CU_ASSERT_EQUAL(d->hear("2", 1, &who, &answer, &us), BENCH_HEARD_OTHER);
	CU_ASSERT_EQUAL(answer.len, 7);
	base_buf_reset(&answer);
	bench_dialect_fill(&answer, "/a/%r/%u?%t%", &who, "x");
	CU_ASSERT_STRING_EQUAL(answer.data, "/a/r1/u1?x%");
	base_buf_fini(&answer);
	CU_ASSERT_PTR_NULL(bench_dialect_find("none"));
}

/* Also who left an empty log: its end is 0. */
static void
test_resuming(void)
{
	struct bench_speaker who = {
		.host = "h", .user = "u1", .token = "t", .room = "r1"
	};
	const struct bench_dialect *d = bench_dialect_find("ws");
	struct base_buf request = { 0 };

	bench_dialect_request(d, &request, &who);
	CU_ASSERT_PTR_NULL(strstr(base_buf_str(&request), "after"));
	base_buf_reset(&request);
	who.resumes = true;
	bench_dialect_request(d, &request, &who);
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(base_buf_str(&request), "/v1/socket?after=0 HTTP"));
	base_buf_fini(&request);
}

TEST_MAIN("bench", { "histogram", test_histogram },
    { "websocket", test_websocket }, { "response", test_response },
    { "chunks", test_chunks }, { "dialects", test_dialects },
    { "renewing", test_renewing }, { "resuming", test_resuming })
