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
	    time; /* columns */
};

void api_log_rows_init(struct api_log_rows *rows, const struct db_result *r);

/* The event of a row; one reference, the caller's. */
MUST_USE struct push_event *api_log_rows_event(
    const struct api_log_rows *rows, int row);

#endif
