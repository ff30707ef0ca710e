/* SPDX-License-Identifier: ISC */
/* Rows of the event log (events.read, events.replay) as events. */

#ifndef API_LOG_ROWS_H
#define API_LOG_ROWS_H

#include "db/result.h"
#include "push/event.h"

/* In the caller's storage, valid as long as the result. */
struct api_log_rows {
	const struct db_result *result;
	int id, topic, type, data, origin, skip_origin, effect, effect_topic,
	    seq, time; /* columns */
};

struct api_config;

/* What this process does to the addresses of files in events, from now on: as
 * the settings say.  Once for all, since events are made once for all; NULL:
 * nothing. */
void api_log_rows_configure(const struct api_config *config);

void api_log_rows_init(struct api_log_rows *rows, const struct db_result *r);

/* The event of a row; one reference, the caller's. */
MUST_USE struct push_event *api_log_rows_event(
    const struct api_log_rows *rows, int row);

#endif
