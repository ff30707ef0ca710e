/* SPDX-License-Identifier: ISC */
/* The start query of sessions. */

#include "api/session_start.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "db/statement.h"

struct api_batch *
api_session_start_batch(struct base_loop *loop, struct db_pool *pool)
{
	struct api_batch_params p = { 0 };

	p.loop = loop;
	p.pool = pool;
	p.statement = db_statement_find("sessions.start");
	return api_batch_new(&p);
}

struct api_batch_item *
api_session_start_ask(struct api_batch *batch, const char *user, int64_t after,
    api_batch_cb *cb, void *arg)
{
	char text[24];
	const char *values[] = { user, text };

	snprintf(text, sizeof(text), "%lld", (long long)after);
	return api_batch_start(batch, values, cb, arg);
}

static bool
topics_read(struct api_session_start *s, const char *text)
{
	json_t *list, *item;
	size_t i;

	list = json_loads(text, 0, NULL);
	if (!json_is_array(list)) {
		json_decref(list);
		return false;
	}
	s->topics = base_arena_alloc(
	    &s->arena, (json_array_size(list) + 1) * sizeof(*s->topics));
	json_array_foreach (list, i, item) {
		if (json_is_string(item))
			s->topics[s->topic_count++] = base_arena_strdup(
			    &s->arena, json_string_value(item));
	}
	json_decref(list);
	return true;
}

/* [[id, effect, topic], ...] */
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
	}
	json_decref(list);
	return true;
}

bool
api_session_start_read(
    struct api_session_start *s, const struct db_result *r, int row)
{
	const char *effects, *topics;

	memset(s, 0, sizeof(*s));
	base_arena_init(&s->arena);
	topics = db_result_value(r, row, db_result_column(r, "topics"));
	effects = db_result_value(r, row, db_result_column(r, "effects"));
	s->end_id = db_result_i64(r, row, db_result_column(r, "end_id"));
	s->floor_id = db_result_i64(r, row, db_result_column(r, "floor_id"));
	return topics != NULL && effects != NULL && topics_read(s, topics) &&
	    effects_read(s, effects);
}

void
api_session_start_fini(struct api_session_start *s)
{
	base_arena_fini(&s->arena);
}
