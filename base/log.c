/* SPDX-License-Identifier: ISC */
/*
 * The log.  A line is one write(2), so that lines of several processes on one
 * pipe do not mix, and it fits PIPE_BUF.
 */

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_BYTES 2000

static const char *const level_names[] = {
	[BASE_LOG_ERROR] = "error",
	[BASE_LOG_WARN] = "warn",
	[BASE_LOG_INFO] = "info",
	[BASE_LOG_DEBUG] = "debug",
};

static enum base_log_level least = BASE_LOG_INFO;
static int log_fd = STDERR_FILENO;

void
base_log_level_set(enum base_log_level level)
{
	least = level;
}

bool
base_log_level_parse(const char *name, enum base_log_level *level)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum base_log_level)i;
			return true;
		}
	}
	return false;
}

bool
base_log_enabled(enum base_log_level level)
{
	return level <= least;
}

void
base_log_fd_set(int fd)
{
	log_fd = fd;
}

static bool
is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* What snprintf said → bytes that really stand in `size` bytes. */
static size_t
printed(int said, size_t size)
{
	if (said < 0)
		return 0;
	return (size_t)said < size ? (size_t)said : size - 1;
}

void
base_log(enum base_log_level level, const char *event, const char *pairs, ...)
{
	char time[BASE_CLOCK_TEXT], line[LINE_BYTES + 1];
	size_t len, room = LINE_BYTES;
	va_list args;

	if (!base_log_enabled(level))
		return;
	base_clock_rfc3339(base_clock_wall_us(), time);
	len = printed(
	    snprintf(line, room, "%s %s %s ", time, level_names[level], event),
	    room);
	va_start(args, pairs);
	len +=
	    printed(vsnprintf(line + len, room - len, pairs, args), room - len);
	va_end(args);
	for (size_t i = 0; i < len; i++) {
		if (is_control(line[i]))
			line[i] = '?';
	}
	if (len > 0 && line[len - 1] == ' ')
		len--;
	line[len++] = '\n';
	/* Nobody could be told that the log cannot be written. */
	if (write(log_fd, line, len) < 0)
		return;
}

static bool
is_plain(const char *s)
{
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++) {
		if (*s <= ' ' || *s > '~' || *s == '"' || *s == '\\')
			return false;
	}
	return true;
}

/* Writes `c` as it stands between quotes; at most 4 bytes and a NUL. */
static size_t
quote_char(char *out, char c)
{
	if (c == '"' || c == '\\') {
		out[0] = '\\';
		out[1] = c;
		return 2;
	}
	if (c >= ' ' && c <= '~') {
		out[0] = c;
		return 1;
	}
	return (size_t)sprintf(out, "\\x%02x", (unsigned char)c);
}

const char *
base_log_quote(char *out, size_t size, const char *s)
{
	char quoted[5];
	size_t at = 0, n;

	if (s == NULL)
		s = "-";
	if (is_plain(s) && strlen(s) < size) {
		memcpy(out, s, strlen(s) + 1);
		return out;
	}
	out[at++] = '"';
	for (; *s != '\0'; s++) {
		n = quote_char(quoted, *s);
		if (at + n + sizeof("...\"") > size) {
			memcpy(out + at, "...", 3);
			at += 3;
			break;
		}
		memcpy(out + at, quoted, n);
		at += n;
	}
	out[at++] = '"';
	out[at] = '\0';
	return out;
}
