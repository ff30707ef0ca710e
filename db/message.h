/* SPDX-License-Identifier: ISC */
/* libpq's messages in our log. */

#ifndef DB_MESSAGE_H
#define DB_MESSAGE_H

struct pg_result;

#define DB_MESSAGE_BYTES 300

/* `text` on one line, quoted as base_log_quote() does it.  NULL and "" are shown
 * as -.  Returns `out`. */
const char *db_message_quote(char out[DB_MESSAGE_BYTES], const char *text);

/* A notice receiver for libpq: warnings are logged, the rest for debugging. */
void db_message_on_notice(void *arg, const struct pg_result *notice);

#endif
