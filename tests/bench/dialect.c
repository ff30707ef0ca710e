/* SPDX-License-Identifier: ISC */
/* See dialect.h. */

#include "tests/bench/dialect.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "tests/bench/frames.h"

enum {
	TEXT = 1
};

static bool
begins(const char *p, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && memcmp(p, with, n) == 0;
}

/* ---- Parley -------------------------------------------------------------- */

static void
parley_headers(struct base_buf *out, const struct bench_speaker *speaker)
{
	base_buf_printf(out, "Authorization: Bearer %s\r\n", speaker->token);
}

static void
parley_say(struct base_buf *out, const struct bench_speaker *speaker,
    uint64_t us, const char *text)
{
	char frame[2048];
	int n;

	n = snprintf(frame, sizeof(frame),
	    "{\"id\":\"%" PRIx64 "\",\"op\":\"messages.send\",\"args\":"
	    "{\"conversation_id\":\"%s\",\"text\":\"%s\"}}",
	    us, speaker->room, text);
	bench_frames_websocket_append(out, TEXT, frame, (size_t)n);
}

static enum bench_heard
parley_hear(const char *p, size_t len, const struct bench_speaker *speaker,
    struct base_buf *answer, uint64_t *us)
{
	static const char event[] = "{\"event\":\"", reply[] = "{\"reply\":\"";
	const char *status;

	(void)speaker;
	(void)answer;
	if (begins(p, len, event)) {
		p += sizeof(event) - 1;
		len -= sizeof(event) - 1;
		if (begins(p, len, "message.created\""))
			return BENCH_HEARD_EVENT;
		if (begins(p, len, "reconnect\""))
			return BENCH_HEARD_HINT;
		return begins(p, len, "ready\"") ? BENCH_HEARD_READY :
						   BENCH_HEARD_OTHER;
	}
	if (!begins(p, len, reply))
		return BENCH_HEARD_OTHER;
	*us = strtoull(p + sizeof(reply) - 1, NULL, 16);
	status = memmem(p, len, "\"status\":", 9);
	return status != NULL && status[9] == '2' ? BENCH_HEARD_REPLY :
						    BENCH_HEARD_REFUSED;
}

static enum bench_heard
parley_sse_hear(const char *p, size_t len, const struct bench_speaker *speaker,
    struct base_buf *answer, uint64_t *us)
{
	const char *data = memmem(p, len, "data: ", 6);

	if (data == NULL)
		return BENCH_HEARD_OTHER;
	data += 6;
	return parley_hear(data, len - (size_t)(data - p), speaker, answer, us);
}

/* ---- Socket.IO 4 over a WebSocket (Engine.IO 4) -------------------------- */

static void
socketio_say(struct base_buf *out, const struct bench_speaker *speaker,
    uint64_t us, const char *text)
{
	char frame[2048];
	int n;

	n = snprintf(frame, sizeof(frame),
	    "42%" PRIu64 "[\"message\",{\"room\":\"%s\",\"text\":\"%s\"}]", us,
	    speaker->room, text);
	bench_frames_websocket_append(out, TEXT, frame, (size_t)n);
}

static enum bench_heard
socketio_hear(const char *p, size_t len, const struct bench_speaker *speaker,
    struct base_buf *answer, uint64_t *us)
{
	char connect[1024], *end;
	int n;

	if (begins(p, len, "42[\"message\""))
		return BENCH_HEARD_EVENT;
	if (begins(p, len, "43")) {
		*us = strtoull(p + 2, &end, 10);
		return begins(end, len - (size_t)(end - p), "[{\"ok\":true") ?
		    BENCH_HEARD_REPLY :
		    BENCH_HEARD_REFUSED;
	}
	if (begins(p, len, "0{")) {
		n = snprintf(connect, sizeof(connect), "40{\"token\":\"%s\"}",
		    speaker->token);
		bench_frames_websocket_append(answer, TEXT, connect, (size_t)n);
	} else if (len == 1 && p[0] == '2') {
		bench_frames_websocket_append(answer, TEXT, "3", 1);
	} else if (begins(p, len, "42[\"ready\"")) {
		return BENCH_HEARD_READY;
	}
	return BENCH_HEARD_OTHER;
}

/* ---- nchan --------------------------------------------------------------- */

static enum bench_heard
nchan_hear(const char *p, size_t len, const struct bench_speaker *speaker,
    struct base_buf *answer, uint64_t *us)
{
	(void)p;
	(void)len;
	(void)speaker;
	(void)answer;
	(void)us;
	return BENCH_HEARD_EVENT;
}

/* ---- all of them --------------------------------------------------------- */

/* clang-format off */
static const struct bench_dialect dialects[] = {
	{ "ws", false, false, "/v1/socket", true, parley_headers, parley_say, parley_hear },
	{ "sse", true, false, "/v1/events", true, parley_headers, NULL, parley_sse_hear },
	{ "socketio", false, false, "/socket.io/?EIO=4&transport=websocket", false, NULL, socketio_say, socketio_hear },
	{ "nchan", false, true, "/sub/%r", false, NULL, NULL, nchan_hear },
};
/* clang-format on */

const struct bench_dialect *
bench_dialect_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(dialects); i++)
		if (strcmp(dialects[i].name, name) == 0)
			return &dialects[i];
	return NULL;
}

void
bench_dialect_request(const struct bench_dialect *d, struct base_buf *out,
    const struct bench_speaker *speaker)
{
	base_buf_append_str(out, "GET ");
	bench_dialect_fill(out, d->path, speaker, "");
	if (d->resumes && speaker->resumes)
		base_buf_printf(out, "?after=%" PRIu64, speaker->after);
	base_buf_printf(out, " HTTP/1.1\r\nHost: %s\r\n", speaker->host);
	if (d->sse)
		base_buf_append_str(out, "Accept: text/event-stream\r\n");
	else
		base_buf_append_str(out,
		    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
		    "Sec-WebSocket-Version: 13\r\n"
		    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
	if (d->headers != NULL)
		d->headers(out, speaker);
	base_buf_append_str(out, "\r\n");
}

void
bench_dialect_fill(struct base_buf *out, const char *template,
    const struct bench_speaker *speaker, const char *text)
{
	const char *p;

	for (p = template; *p != '\0'; p++) {
		if (p[0] == '%' && p[1] == 'r')
			base_buf_append_str(out, speaker->room);
		else if (p[0] == '%' && p[1] == 'u')
			base_buf_append_str(out, speaker->user);
		else if (p[0] == '%' && p[1] == 't')
			base_buf_append_str(out, text);
		else {
			base_buf_append_char(out, *p);
			continue;
		}
		p++;
	}
}

uint64_t
bench_dialect_marked(const char *payload, size_t len)
{
	const char *mark = memmem(payload, len, BENCH_MARK, 2);
	char digits[17];

	if (mark == NULL || (size_t)(payload + len - mark) < 18)
		return 0;
	memcpy(digits, mark + 2, 16);
	digits[16] = '\0';
	return strtoull(digits, NULL, 16);
}
