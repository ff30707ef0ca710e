/* SPDX-License-Identifier: ISC */
/* The start query of sessions. */

#include "api/session_start.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/uuid.h"
#include "db/statement.h"

static void
count_batch(size_t items, void *arg)
{
	api_metrics_count(arg, API_COUNT_BATCHES, 1);
	api_metrics_count(arg, API_COUNT_BATCH_ITEMS, items);
}

struct api_batch *
api_session_start_batch(
    struct base_loop *loop, struct db_pool *pool, struct api_metrics *metrics)
{
	struct api_batch_params p = { 0 };

	p.loop = loop;
	p.pool = pool;
	p.sent = count_batch;
	p.arg = metrics;
	p.statement = db_statement_find("sessions.start");
	return api_batch_new(&p);
}

struct api_batch_item *
api_session_start_ask(struct api_batch *batch, const char *user, int64_t after,
    api_batch_cb *cb, void *arg)
{
	char text[24];
	const char *values[] = { user, after != INT64_MAX ? text : NULL };

	snprintf(text, sizeof(text), "%lld", (long long)after);
	return api_batch_start(batch, values, cb, arg);
}

/* {uuid,uuid,...}, and for each a number: one block for all names. */
static bool
topics_read(struct api_session_start *s, const char *text, const char *from)
{
	static const char kind[] = "conversation:";
	const size_t kind_len = sizeof(kind) - 1, len = strlen(text);
	const size_t count = len / BASE_UUID_TEXT;
	char *end, *name;

	/* A comma less than uuids, and two braces. */
	if (len != (count > 0 ? count * BASE_UUID_TEXT + 1 : 2) ||
	    (from == NULL) != (count == 0))
		return false;
	s->topics =
	    base_arena_alloc(&s->arena, (count + 1) * sizeof(*s->topics));
	s->from = base_arena_alloc(&s->arena, (count + 1) * sizeof(*s->from));
	name = base_arena_alloc(
	    &s->arena, count * (kind_len + BASE_UUID_TEXT) + 1);
	for (text++; s->topic_count < count; text += BASE_UUID_TEXT) {
		s->from[s->topic_count] = strtoll(from + 1, &end, 10);
		from = end;
		s->topics[s->topic_count++] = name;
		memcpy(name, kind, kind_len);
		memcpy(name + kind_len, text, BASE_UUID_TEXT - 1);
		name += kind_len + BASE_UUID_TEXT;
	}
	return true;
}

/* [[id, effect, topic, seq], ...] */
static bool
effects_read(struct api_session_start *s, const char *text)
{
	struct push_effect *e;
	json_t *list, *item;
	const char *topic;
	size_t i;

	list = json_loads(text, 0, NULL);
	if (!json_is_array(list)) {
		json_decref(list);
		return false;
	}
	s->effects = base_arena_alloc(
	    &s->arena, (json_array_size(list) + 1) * sizeof(*s->effects));
	json_array_foreach (list, i, item) {
		topic = json_string_value(json_array_get(item, 2));
		if (topic == NULL)
			continue;
		e = &s->effects[s->effect_count++];
		e->id = json_integer_value(json_array_get(item, 0));
		e->effect = (int)json_integer_value(json_array_get(item, 1));
		e->topic = base_arena_strdup(&s->arena, topic);
		e->seq = json_integer_value(json_array_get(item, 3));
	}
	json_decref(list);
	return true;
}

bool
api_session_start_read(
    struct api_session_start *s, const struct db_result *r, int row)
{
	const char *effects, *from, *topics;

	memset(s, 0, sizeof(*s));
	base_arena_init(&s->arena);
	topics = db_result_value(r, row, db_result_column(r, "conversations"));
	from = db_result_value(r, row, db_result_column(r, "visible_from"));
	effects = db_result_value(r, row, db_result_column(r, "effects"));
	s->end_id = db_result_i64(r, row, db_result_column(r, "end_id"));
	s->floor_id = db_result_i64(r, row, db_result_column(r, "floor_id"));
	s->rewritten_id =
	    db_result_i64(r, row, db_result_column(r, "rewritten_id"));
	return topics != NULL && topics_read(s, topics, from) &&
	    (effects == NULL || effects_read(s, effects));
}

void
api_session_start_fini(struct api_session_start *s)
{
	base_arena_fini(&s->arena);
}
