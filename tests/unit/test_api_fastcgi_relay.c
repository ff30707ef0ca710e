/* SPDX-License-Identifier: ISC */
/* The relay between a client and a responder played by the test. */

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/fastcgi_record.h"
#include "api/fastcgi_relay.h"
#include "api/fd_pass.h"
#include "api/linger.h"
#include "base/buf.h"
#include "base/loop.h"
#include "tests/unit/harness.h"

static struct base_loop *loop;
static struct api_relays *relays;
static int listener;
static int client;    /* our end of the client's connection */
static int responder; /* our end of the relay's connection; -1 = none */
static char refused[32];
static char dir[] = "/tmp/parley-relay-XXXXXX";
static char path[64];

static void
on_refused(void *arg, const char *id, int status, const char *code)
{
	(void)arg;
	(void)id;
	(void)snprintf(refused, sizeof(refused), "%d %s", status, code);
}

static void
start(uint32_t idle_ms, size_t limit)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const struct api_relays_params params = { .loop = loop =
						      base_loop_poll_new(),
		.socket_path = path,
		.body_max = 1 << 20,
		.limit = limit,
		.idle_ms = idle_ms,
		.on_refused = on_refused };

	strcpy(dir, "/tmp/parley-relay-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	strcpy(at.sun_path, path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CU_ASSERT_EQUAL_FATAL(
	    bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(listener, 8), 0);
	relays = api_relays_new(&params);
	refused[0] = '\0';
	client = responder = -1;
}

static void
turns(int n)
{
	while (n-- > 0)
		base_loop_poll_turn(loop, 0);
}

static void
stop(void)
{
	api_relays_free(relays);
	close(client);
	for (int i = 0; i < 300 && api_linger_count() > 0; i++)
		base_loop_poll_turn(loop, 10);
	CU_ASSERT_EQUAL(api_linger_count(), 0);
	if (responder != -1)
		close(responder);
	close(listener);
	unlink(path);
	rmdir(dir);
	base_loop_poll_free(loop);
}

/* What a request with this head and first body bytes is opened with. */
static void
request(const char *text)
{
	static char kept[4096];
	static struct api_http_head head;
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	strcpy(kept, text);
	CU_ASSERT_EQUAL_FATAL(
	    api_http_head_parse(&head, kept, strlen(kept)), API_HTTP_HEAD_OK);
	client = fds[1];
	api_relays_open(relays,
	    &(struct api_relay_request){ .fd = fds[0],
		.head = &head,
		.first = kept + head.len,
		.first_len = strlen(kept) - head.len,
		.remote_addr = "1.2.3.4",
		.request_id = "rid" });
	turns(2);
	responder = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	turns(2);
}

static size_t
read_all(int fd, struct base_buf *out)
{
	for (;;) {
		ssize_t n;

		base_buf_reserve(out, 65536);
		n = recv(fd, out->data + out->len, 65536, 0);
		if (n <= 0)
			return out->len;
		base_buf_added(out, (size_t)n);
	}
}

static void
answer(const char *text, bool end)
{
	struct base_buf out;

	base_buf_init(&out);
	api_fastcgi_record_stream(&out, API_FASTCGI_STDOUT, text, strlen(text));
	if (end)
		base_buf_append(&out, "\1\3\0\1\0\10\0\0\0\0\0\0\0\0\0\0", 16);
	CU_ASSERT_EQUAL(
	    send(responder, out.data, out.len, MSG_NOSIGNAL), (ssize_t)out.len);
	base_buf_fini(&out);
	turns(4);
}

static void
client_gets(const char *want)
{
	struct base_buf got;

	base_buf_init(&got);
	(void)read_all(client, &got);
	if (strstr(base_buf_str(&got), want) == NULL)
		printf("got: %s\n", base_buf_str(&got));
	CU_ASSERT_PTR_NOT_NULL(strstr(base_buf_str(&got), want));
	base_buf_fini(&got);
}

static bool
is_closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, 0) == 0;
}

#define POST(n) "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: " n "\r\n\r\n"

static void
test_there_and_back(void)
{
	struct base_buf in;

	start(0, 0);
	base_buf_init(&in);
	request(POST("8") "abcd");
	CU_ASSERT_NOT_EQUAL_FATAL(responder, -1);
	CU_ASSERT_EQUAL(send(client, "efgh", 4, 0), 4);
	turns(2);
	(void)read_all(responder, &in);
	CU_ASSERT(in.len > 24 &&
	    memcmp(in.data + in.len - 32,
		"\1\5\0\1\0\4\0\0abcd"
		"\1\5\0\1\0\4\0\0efgh"
		"\1\5\0\1\0\0\0\0",
		32) == 0);
	answer("Status: 201\r\nContent-Length: 2\r\n\r\nok", true);
	client_gets("HTTP/1.1 201 Created\r\n");
	CU_ASSERT(is_closed(client) && is_closed(responder));
	CU_ASSERT_EQUAL(api_relays_count(relays), 0);
	base_buf_fini(&in);
	stop();
}

/* A file of `n` bytes, each its place's last three bits. */
static int
file_make(size_t n)
{
	char name[] = "/tmp/parley-relay-XXXXXX";
	int fd = mkstemp(name);

	CU_ASSERT_FATAL(fd != -1);
	unlink(name);
	for (size_t i = 0; i < n; i += 4096) {
		char piece[4096];

		for (size_t k = 0; k < sizeof(piece); k++)
			piece[k] = (char)('0' + ((i + k) & 7));
		CU_ASSERT_EQUAL(
		    write(fd, piece, sizeof(piece)), (ssize_t)sizeof(piece));
	}
	CU_ASSERT_EQUAL(ftruncate(fd, (off_t)n), 0);
	return fd;
}

/* The head, then a file beside an empty record of the error stream. */
static void
answer_file(const char *head, int fd)
{
	answer(head, false);
	if (fd != -1) {
		CU_ASSERT(
		    api_fd_pass_send(responder, "\1\7\0\1\0\0\0\0", 8, fd));
		close(fd);
	}
	answer("", true);
}

static void
test_a_file_is_sent_by_the_relay(void)
{
	enum {
		BYTES = 3000000
	};
	struct base_buf got;
	const char *body;

	start(0, 0);
	base_buf_init(&got);
	request("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
	(void)read_all(responder, &got);
	base_buf_reset(&got);
	answer_file("Parley-File: 3\r\nContent-Length: 2999990\r\n\r\n",
	    file_make(BYTES));
	/* The responder has done its part, however slow the client is. */
	CU_ASSERT(is_closed(responder));
	CU_ASSERT_EQUAL(api_relays_count(relays), 1);
	for (int i = 0; i < 10000 && api_relays_count(relays) > 0; i++) {
		(void)read_all(client, &got);
		turns(1);
	}
	(void)read_all(client, &got);
	CU_ASSERT(is_closed(client));
	CU_ASSERT_PTR_NULL(strstr(base_buf_str(&got), "Parley-File"));
	body = strstr(base_buf_str(&got), "\r\n\r\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(body);
	body += 4;
	CU_ASSERT_EQUAL_FATAL(got.len - (size_t)(body - got.data), 2999990);
	for (size_t i = 0; i < 2999990; i++)
		if (body[i] != (char)('0' + ((i + 3) & 7)))
			CU_FAIL_FATAL("not the file");
	base_buf_fini(&got);
	stop();
}

/* Without the file, and with one that is shorter, it is cut: less came than was
 * announced. */
static void
test_a_file_that_is_not_whole(void)
{
	static const char head[] =
	    "Parley-File: 0\r\nContent-Length: 9000\r\n\r\n";
	struct base_buf got;

	for (int with = 0; with < 2; with++) {
		start(0, 0);
		base_buf_init(&got);
		request("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
		answer_file(head, with ? file_make(4096) : -1);
		turns(4);
		CU_ASSERT_EQUAL(api_relays_count(relays), 0);
		CU_ASSERT(read_all(client, &got) < 9000);
		CU_ASSERT(is_closed(client));
		base_buf_fini(&got);
		stop();
	}
}

static void
test_half_closed_client_gets_its_answer(void)
{
	start(0, 0);
	request(POST("4") "abcd");
	shutdown(client, SHUT_WR);
	turns(3);
	CU_ASSERT_EQUAL(api_relays_count(relays), 1);
	answer("Content-Type: text/plain\n\nhello", true);
	client_gets("5\r\nhello\r\n0\r\n\r\n");
	stop();
}

/* The responder says what it thinks of it. */
static void
test_half_a_body_is_answered(void)
{
	struct base_buf in = { 0 };

	start(0, 0);
	request(POST("8") "abcd");
	shutdown(client, SHUT_WR);
	turns(3);
	(void)read_all(responder, &in);
	/* An empty record of the body is its end. */
	CU_ASSERT(in.len > 8);
	CU_ASSERT_EQUAL(memcmp(in.data + in.len - 8, "\1\5\0\1\0\0\0\0", 8), 0);
	answer("Status: 400\n\nshort", true);
	client_gets("HTTP/1.1 400 Bad Request\r\n");
	CU_ASSERT_EQUAL(api_relays_count(relays), 0);
	base_buf_fini(&in);
	stop();
}

static void
test_client_leaves(void)
{
	start(0, 0);
	request(POST("8") "abcd");
	close(client);
	turns(3);
	client = -1;
	CU_ASSERT_EQUAL(api_relays_count(relays), 0);
	stop();
}

static void
test_expect_continue(void)
{
	start(0, 0);
	request("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n"
		"Expect: 100-continue\r\n\r\n");
	client_gets("HTTP/1.1 100 Continue\r\n\r\n");
	stop();
}

static void
test_holds_back(void)
{
	static char bytes[65536];
	size_t sent = 0;
	struct base_buf in;
	ssize_t n;

	start(0, 0);
	base_buf_init(&in);
	request(POST("1048576"));
	for (int i = 0; i < 200; i++) { /* nobody reads at the other end */
		while (
		    (n = send(client, bytes, sizeof(bytes), MSG_NOSIGNAL)) > 0)
			sent += (size_t)n;
		turns(1);
	}
	CU_ASSERT(sent > 65536 && sent < 1048576);
	for (int i = 0; i < 2000 && sent < 1048576; i++) {
		size_t want = 1048576 - sent;

		(void)read_all(responder, &in);
		turns(1);
		n = send(client, bytes,
		    want < sizeof(bytes) ? want : sizeof(bytes), MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
	}
	CU_ASSERT_EQUAL(sent, 1048576);
	for (int i = 0; i < 200; i++) {
		(void)read_all(responder, &in);
		turns(1);
	}
	CU_ASSERT(in.len > 1048576);
	answer("\nok", true);
	client_gets("ok");
	base_buf_fini(&in);
	stop();
}

static void
test_early_answer(void)
{
	start(0, 0);
	request(POST("1000000") "abcd");
	answer("Status: 422\n\nno", true);
	close(responder);
	responder = -1;
	client_gets("HTTP/1.1 422 Unprocessable Content\r\n");
	CU_ASSERT_EQUAL(api_relays_count(relays), 0);
	/* Still sending, it is heard out rather than reset. */
	CU_ASSERT_EQUAL(send(client, "efgh", 4, MSG_NOSIGNAL), 4);
	stop();
}

static void
test_responder_fails(void)
{
	start(0, 0);
	request(POST("0"));
	close(responder);
	responder = -1;
	turns(3);
	CU_ASSERT_STRING_EQUAL(refused, "502 bad_gateway");
	client_gets("\"code\":\"bad_gateway\"");
	stop();

	start(0, 0); /* cut short: no end for the client either */
	request(POST("0"));
	answer("\nhello", false);
	close(responder);
	responder = -1;
	turns(3);
	client_gets("5\r\nhello\r\n");
	CU_ASSERT(is_closed(client));
	stop();

	start(0, 0);
	request(POST("0"));
	CU_ASSERT_EQUAL(send(responder, "HTTP/1.1 200 OK\r\n", 17, 0), 17);
	turns(3);
	CU_ASSERT_STRING_EQUAL(refused, "502 bad_gateway");
	stop();
}

static void
test_refuses(void)
{
	start(0, 1);
	request(POST("1114113")); /* the limit, 64 KiB around it, and one */
	CU_ASSERT_STRING_EQUAL(refused, "413 file_too_large");
	client_gets("The limit is 1048576 bytes.");
	close(client);
	request(POST("1"));
	CU_ASSERT_STRING_EQUAL(refused, "413 file_too_large");
	request(POST("1"));
	CU_ASSERT_STRING_EQUAL(refused, "503 overloaded");
	stop();

	start(0, 0);
	unlink(path);
	request(POST("1"));
	CU_ASSERT_STRING_EQUAL(refused, "503 files_unavailable");
	client_gets("Retry-After: 2\r\n");
	stop();
}

static void
test_silence(void)
{
	start(1, 0);
	request(POST("0"));
	for (int i = 0; i < 300 && refused[0] == '\0'; i++)
		base_loop_poll_turn(loop, 10);
	CU_ASSERT_STRING_EQUAL(refused, "504 gateway_timeout");
	stop();
	start(1, 0);
	request(POST("5"));
	for (int i = 0; i < 300 && refused[0] == '\0'; i++)
		base_loop_poll_turn(loop, 10);
	CU_ASSERT_STRING_EQUAL(refused, "408 request_timeout");
	stop();
}

TEST_MAIN("api_fastcgi_relay", { "there and back", test_there_and_back },
    { "a file is sent by the relay", test_a_file_is_sent_by_the_relay },
    { "a file that is not whole", test_a_file_that_is_not_whole },
    { "half-closed client", test_half_closed_client_gets_its_answer },
    { "half a body is answered", test_half_a_body_is_answered },
    { "client leaves", test_client_leaves },
    { "expect continue", test_expect_continue },
    { "holds back", test_holds_back }, { "early answer", test_early_answer },
    { "responder fails", test_responder_fails }, { "refuses", test_refuses },
    { "silence", test_silence })
