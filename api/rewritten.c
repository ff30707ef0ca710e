/* SPDX-License-Identifier: ISC */
/* Arrays of ids as PostgreSQL writes them: {1,2,3}. */

#include "api/rewritten.h"

#include <stdlib.h>
#include <string.h>

#include "api/log_rows.h"

bool
api_rewritten_ids(const struct db_result *r, struct base_buf *ids)
{
	int column = db_result_column(r, "rewritten");
	bool any = false;

	for (int row = 0; row < r->rows; row++) {
		const char *list = db_result_value(r, row, column);
		size_t len = list != NULL ? strlen(list) : 0;

		if (len <= 2)
			continue;
		base_buf_append_char(ids, any ? ',' : '{');
		base_buf_append(ids, list + 1, len - 2);
		any = true;
	}
	if (any)
		base_buf_append_char(ids, '}');
	return any;
}

void
api_rewritten_each(const char *ids, const struct db_result *r,
    void (*each)(void *, int64_t, struct push_event *), void *arg)
{
	struct api_log_rows rows;
	struct push_event *e;
	char *end;

	for (const char *at = ids + 1; *at != '\0' && at[-1] != '}';
	     at = end + 1) {
		each(arg, strtoll(at, &end, 10), NULL);
		if (*end == '\0')
			break;
	}
	api_log_rows_init(&rows, r);
	for (int row = 0; row < r->rows; row++) {
		e = api_log_rows_event(&rows, row);
		each(arg, e->id, e);
		push_event_unref(e);
	}
}
