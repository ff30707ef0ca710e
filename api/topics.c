/* SPDX-License-Identifier: ISC */
/* Topics as callers name them. */

#include "api/topics.h"

#include <stdbool.h>
#include <string.h>

#include "api/array.h"
#include "api/engine_private.h"
#include "base/buf.h"
#include "base/mem.h"
#include "db/query.h"
#include "db/statement.h"

struct api_topics_query {
	struct api_engine *engine;
	struct db_query *query; /* non-NULL = in flight */
	api_topics_cb *cb;
	void *arg;
	bool visits;
	char own_topic[]; /* `user:<id>` */
};

void
api_topics_fini(struct api_topics *t)
{
	for (size_t i = 0; i < t->count; i++)
		base_free(t->names[i]);
	base_free(t->names);
	base_free(t->from);
	memset(t, 0, sizeof(*t));
}

static bool
has(const struct api_topics *t, const char *topic)
{
	for (size_t i = 0; i < t->count; i++) {
		if (strcmp(t->names[i], topic) == 0)
			return true;
	}
	return false;
}

static void
add(struct api_topics *t, const char *topic, int64_t from)
{
	if (has(t, topic))
		return;
	t->names[t->count] = base_strdup(topic);
	t->from[t->count++] = from;
}

static const char *
wanted(const struct db_result *r, int row)
{
	return db_result_value(r, row, db_result_column(r, "wanted"));
}

/* Open conversations come first. */
static void
rows_take(struct api_topics *t, const struct db_result *r, const char *own)
{
	int id = db_result_column(r, "id");
	int member = db_result_column(r, "member");
	int from = db_result_column(r, "visible_from");
	struct base_buf topic = { 0 };

	for (int pass = 0; pass < 2; pass++) {
		for (int row = 0; row < r->rows; row++) {
			if (strcmp(wanted(r, row), own) == 0 ||
			    db_result_value(r, row, id) == NULL ||
			    db_result_bool(r, row, member) != (pass == 1))
				continue;
			base_buf_reset(&topic);
			base_buf_printf(&topic, "conversation:%s",
			    db_result_value(r, row, id));
			add(t, topic.data, db_result_i64(r, row, from));
		}
		if (pass == 0)
			t->open_count = t->count;
	}
	base_buf_fini(&topic);
}

/* The rows are as the names were, the caller's own topic among them. */
static void
names_check(struct api_topics_query *q, const struct db_result *r,
    struct api_topics_found *found)
{
	int id = db_result_column(r, "id");

	for (int row = 0; row < r->rows; row++) {
		if (strcmp(wanted(r, row), q->own_topic) == 0) {
			add(found->topics, q->own_topic, 0);
		} else if (db_result_value(r, row, id) == NULL &&
		    found->missing == NULL) {
			found->missing = wanted(r, row);
			found->missing_at = (size_t)row;
		}
	}
}

static void
readable_done(const struct db_result *r, void *arg)
{
	struct api_topics_query *q = arg;
	struct api_topics topics = { 0 };
	struct api_topics_found found = { .topics = &topics };

	q->query = NULL;
	if (r->status == DB_OK) {
		topics.names = base_alloc_array(
		    (size_t)r->rows + 1, sizeof(*topics.names));
		topics.from =
		    base_alloc_array((size_t)r->rows + 1, sizeof(*topics.from));
		rows_take(&topics, r, q->own_topic);
		topics.visits = q->visits;
		if (r->rows > 0)
			topics.checked =
			    db_result_i64(r, 0, db_result_column(r, "end_id"));
		names_check(q, r, &found);
	} else
		found.error =
		    api_engine_db_error(q->engine, "conversations.readable", r);
	q->cb(&found, q->arg);
	api_topics_fini(&topics);
	base_free(q);
}

struct api_topics_query *
api_topics_ask(struct api_engine *engine, const char *user, enum api_role role,
    const char *const *names, size_t count, api_topics_cb *cb, void *arg)
{
	struct api_topics_query *q;
	struct base_buf list = { 0 };
	const char *values[3], *name;
	size_t len = strlen(user);

	q = base_alloc(sizeof(*q) + len + 6);
	memcpy(q->own_topic, "user:", 5);
	memcpy(q->own_topic + 5, user, len + 1);
	q->engine = engine;
	q->cb = cb;
	q->arg = arg;
	q->visits = role == API_ROLE_USER;
	api_array_begin(&list);
	for (size_t i = 0; i < count; i++) {
		name = names[i];
		if (strncmp(name, "conversation:", 13) == 0)
			name += 13;
		api_array_add(&list, name);
	}
	api_array_end(&list);
	values[0] = user;
	values[1] = api_role_name(role);
	values[2] = list.data;
	q->query = db_query_start(api_engine_pool(engine),
	    db_statement_find("conversations.readable"), values, readable_done,
	    q);
	base_buf_fini(&list);
	return q;
}

void
api_topics_cancel(struct api_topics_query *q)
{
	if (q == NULL)
		return;
	db_query_cancel(q->query);
	base_free(q);
}

void
api_topics_choose(
    const struct api_topics *named, struct api_session_start *start)
{
	size_t room = start->topic_count + named->open_count + 1, n = 0;
	const char **topics;
	int64_t *from;

	if (named->names == NULL)
		return;
	topics = base_arena_alloc(&start->arena, room * sizeof(*topics));
	from = base_arena_alloc(&start->arena, room * sizeof(*from));
	for (size_t i = 0; i < start->topic_count; i++) {
		if (!has(named, start->topics[i]))
			continue;
		topics[n] = start->topics[i];
		from[n++] = start->from[i];
	}
	for (size_t i = 0; i < named->open_count && !named->visits; i++) {
		topics[n] = named->names[i];
		from[n++] = named->from[i];
	}
	start->topics = topics;
	start->from = from;
	start->topic_count = n;
}

size_t
api_topics_visits(const struct api_topics *topics)
{
	return topics->visits ? topics->open_count : 0;
}

size_t
api_topics_split(struct base_arena *arena, const char *literal,
    const char **names, size_t max)
{
	char *out, *copy = base_arena_strdup(arena, literal);
	const char *in = copy;
	size_t count = 0;

	while (count < max && (in = strchr(in, '"')) != NULL) {
		names[count++] = out = copy + (in - copy);
		for (in++; *in != '"' && *in != '\0'; in++) {
			if (*in == '\\' && in[1] != '\0')
				in++;
			*out++ = *in;
		}
		in += *in == '"';
		*out = '\0';
	}
	return count;
}
