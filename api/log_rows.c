/* SPDX-License-Identifier: ISC */
/* Rows of the event log as events. */

#include "api/log_rows.h"

#include "api/file_link.h"
#include "base/buf.h"

static const struct api_config *settings;

void
api_log_rows_configure(const struct api_config *config)
{
	settings = config;
}

void
api_log_rows_init(struct api_log_rows *rows, const struct db_result *r)
{
	rows->result = r;
	rows->id = db_result_column(r, "id");
	rows->topic = db_result_column(r, "topic");
	rows->type = db_result_column(r, "type");
	rows->data = db_result_column(r, "data");
	rows->origin = db_result_column(r, "origin");
	rows->skip_origin = db_result_column(r, "skip_origin");
	rows->effect = db_result_column(r, "effect");
	rows->effect_topic = db_result_column(r, "effect_topic");
	rows->seq = db_result_column(r, "seq");
	rows->time = db_result_column(r, "time");
}

struct push_event *
api_log_rows_event(const struct api_log_rows *rows, int row)
{
	const struct db_result *r = rows->result;
	struct push_event_fields f = { 0 };
	struct base_buf data = { 0 };
	struct push_event *e;

	f.id = db_result_i64(r, row, rows->id);
	f.topic = db_result_value(r, row, rows->topic);
	f.type = db_result_value(r, row, rows->type);
	f.data = db_result_bytes(r, row, rows->data, &f.data_len);
	f.origin = db_result_value(r, row, rows->origin);
	f.skip_origin = db_result_bool(r, row, rows->skip_origin);
	f.effect = (int)db_result_i64(r, row, rows->effect);
	f.effect_topic = db_result_value(r, row, rows->effect_topic);
	f.seq = db_result_i64(r, row, rows->seq);
	f.time = db_result_value(r, row, rows->time);
	if (settings != NULL &&
	    api_file_link_json(&data, settings, f.data, f.data_len)) {
		f.data = data.data;
		f.data_len = data.len;
	}
	e = push_event_new(&f);
	base_buf_fini(&data);
	return e;
}
