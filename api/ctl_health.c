/* SPDX-License-Identifier: ISC */
/* A very small HTTP client, blocking, for one question. */
#include "api/ctl_health.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

#define TIMEOUT_S 5
#define ANSWER_MAX 65536

struct target {
	char host[256];
	char port[8];
	const char *path; /* of a unix socket, or NULL */
};

static bool
complain(const char *url, const char *why)
{
	fprintf(stderr, "parleyctl health: %s: %s\n", url, why);
	return false;
}

static bool
parse_url(const char *url, struct target *t)
{
	static const char http[] = "http://";
	size_t host, port;

	*t = (struct target){ .host = "localhost", .port = "80" };
	if (strncmp(url, "unix:", 5) == 0) {
		t->path = url + 5;
		return true;
	}
	if (strncmp(url, http, sizeof(http) - 1) != 0)
		return complain(url,
		    "must be http://HOST[:PORT] or unix:PATH (TLS ends at the "
		    "proxy: ask the service behind it)");
	url += sizeof(http) - 1;
	host = *url == '[' ? strcspn(url, "]") + 1 : strcspn(url, ":/");
	if (host == 0 || host >= sizeof(t->host))
		return complain(url, "has no host");
	memcpy(t->host, url, host);
	t->host[host] = '\0';
	url += host;
	if (*url != ':')
		return true;
	port = strspn(url + 1, "0123456789");
	if (port == 0 || port >= sizeof(t->port))
		return complain(url, "is no port");
	memcpy(t->port, url + 1, port);
	t->port[port] = '\0';
	return true;
}

static void
set_timeouts(int fd)
{
	struct timeval tv = { .tv_sec = TIMEOUT_S };

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

static int
connect_to(int family, const struct sockaddr *addr, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	set_timeouts(fd);
	if (connect(fd, addr, len) == -1) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static int
connect_unix(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(sun.sun_path, path);
	return connect_to(AF_UNIX, (const struct sockaddr *)&sun, sizeof(sun));
}

static int
connect_tcp(const struct target *t)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *a;
	char host[256];
	size_t len = strlen(t->host);
	int fd = -1;

	snprintf(host, sizeof(host), "%s", t->host);
	if (*host == '[') { /* an IPv6 address */
		memmove(host, host + 1, len);
		host[len - 2] = '\0';
	}
	if (getaddrinfo(host, t->port, &hints, &list) != 0) {
		errno = EHOSTUNREACH;
		return -1;
	}
	for (a = list; a != NULL && fd == -1; a = a->ai_next)
		fd = connect_to(a->ai_family, a->ai_addr, a->ai_addrlen);
	freeaddrinfo(list);
	return fd;
}

static bool
ask(int fd, const struct target *t, struct base_buf *answer)
{
	struct base_buf request = { 0 };
	ssize_t n;
	bool sent;

	base_buf_printf(&request,
	    "GET /health/ready HTTP/1.1\r\nHost: %s\r\n"
	    "Connection: close\r\n\r\n",
	    t->host);
	sent = send(fd, request.data, request.len, MSG_NOSIGNAL) ==
	    (ssize_t)request.len;
	base_buf_fini(&request);
	while (sent && answer->len < ANSWER_MAX) {
		base_buf_reserve(answer, 4096);
		n = recv(fd, answer->data + answer->len, 4096, 0);
		if (n <= 0)
			return n == 0;
		base_buf_added(answer, (size_t)n);
		answer->data[answer->len] = '\0';
	}
	return sent;
}

bool
api_ctl_health(const char *url)
{
	struct base_buf answer = { 0 };
	struct target t;
	const char *body;
	bool ready;
	int fd;

	if (!parse_url(url, &t))
		return false;
	fd = t.path != NULL ? connect_unix(t.path) : connect_tcp(&t);
	if (fd == -1)
		return complain(url, strerror(errno));
	if (!ask(fd, &t, &answer) || answer.len == 0) {
		close(fd);
		base_buf_fini(&answer);
		return complain(url, "no answer");
	}
	close(fd);
	ready = strncmp(answer.data, "HTTP/1.1 200 ", 13) == 0;
	body = strstr(answer.data, "\r\n\r\n");
	puts(body != NULL ? body + 4 : answer.data);
	base_buf_fini(&answer);
	return ready;
}
