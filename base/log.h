/* SPDX-License-Identifier: ISC */
/*
 * The log: one line per event on stderr,
 *
 *	2026-01-31T23:59:59.123456Z info request op=messages.send status=201
 *
 * The event is a fixed text, everything that varies is a key=value pair.
 * error = someone must act, warn = we coped.  Never message text, tokens or
 * file names.
 */

#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

enum base_log_level {
	BASE_LOG_ERROR,
	BASE_LOG_WARN,
	BASE_LOG_INFO,
	BASE_LOG_DEBUG,
};

/* Least important level that is written; info until set. */
void base_log_level_set(enum base_log_level level);

/* "error", "warn", "info", "debug" → true and *level. */
MUST_USE bool base_log_level_parse(
    const char *name, enum base_log_level *level);

/* Whether a line of this level would be written: to spare costly arguments. */
bool base_log_enabled(enum base_log_level level);

/* Where lines go; stderr (2) until set.  The descriptor is borrowed. */
void base_log_fd_set(int fd);

/* One line: the event, then the formatted pairs ("" for none).  Control
 * characters and broken lines in the pairs are replaced by '?'; values that may
 * hold spaces go through base_log_quote().  Lines over 2000 bytes are cut. */
void base_log(enum base_log_level level, const char *event, const char *pairs,
    ...) PRINTF_LIKE(3, 4);

#define base_log_error(...) base_log(BASE_LOG_ERROR, __VA_ARGS__)
#define base_log_warn(...) base_log(BASE_LOG_WARN, __VA_ARGS__)
#define base_log_info(...) base_log(BASE_LOG_INFO, __VA_ARGS__)
#define base_log_debug(...) base_log(BASE_LOG_DEBUG, __VA_ARGS__)

/* The value `s` as the log shows it: itself when it is plain, else between
 * double quotes with \" \\ and \xNN; cut to fit `size` (at least 8) and then
 * ended by "...".  NULL is shown as -.  Returns `out`. */
const char *base_log_quote(char *out, size_t size, const char *s);

#endif
