/* SPDX-License-Identifier: ISC */
/* The set of suspended users: read whole when the listener comes up, and kept
 * by orders from then on. */
#include "api/suspension.h"

#include <jansson.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "db/query.h"
#include "db/result.h"
#include "db/statement.h"

#define RETRY_MS 500

struct entry {
	int64_t until; /* seconds since 1970 */
	char user[];   /* the map borrows it */
};

struct api_suspensions {
	struct base_loop *loop;
	struct db_pool *pool;
	const struct db_statement *all;
	struct base_map set;	  /* owned entries */
	struct db_query *query;	  /* either this */
	struct base_timer *retry; /* or this may be non-NULL */
	uint64_t version;
	bool listening;
	bool fresh;
	void (*changed)(void *);
	void *arg;
};

static void read_start(struct api_suspensions *);

struct api_suspensions *
api_suspensions_new(struct base_loop *loop, struct db_pool *pool)
{
	struct api_suspensions *s = base_alloc(sizeof(*s));

	s->loop = loop;
	s->pool = pool;
	s->all = db_statement_find("suspensions.all");
	return s;
}

static void
clear(struct api_suspensions *s)
{
	struct entry *e;
	size_t pos = 0;

	while ((e = base_map_next(&s->set, &pos)) != NULL)
		base_free(e);
	base_map_fini(&s->set);
}

static void
read_stop(struct api_suspensions *s)
{
	db_query_cancel(s->query);
	s->query = NULL;
	base_timer_cancel(s->retry);
	s->retry = NULL;
}

void
api_suspensions_free(struct api_suspensions *s)
{
	if (s == NULL)
		return;
	read_stop(s);
	clear(s);
	base_free(s);
}

void
api_suspensions_watch(
    struct api_suspensions *s, void (*changed)(void *), void *arg)
{
	s->changed = changed;
	s->arg = arg;
}

static void
tell(struct api_suspensions *s)
{
	s->version++;
	if (s->changed != NULL && s->set.count > 0)
		s->changed(s->arg);
}

static void
put(struct api_suspensions *s, const char *user, int64_t until)
{
	size_t len = strlen(user);
	struct entry *e = base_alloc(sizeof(*e) + len + 1);

	e->until = until;
	memcpy(e->user, user, len + 1);
	base_free(base_map_put(&s->set, e->user, len, e));
}

static void
retry_now(void *arg)
{
	struct api_suspensions *s = arg;

	s->retry = NULL;
	read_start(s);
}

static void
read_done(const struct db_result *r, void *arg)
{
	struct api_suspensions *s = arg;
	int user = db_result_column(r, "user_id");
	int until = db_result_column(r, "until");

	s->query = NULL;
	if (r->status != DB_OK) {
		s->retry = base_timer_start(s->loop, RETRY_MS, retry_now, s);
		return;
	}
	clear(s);
	for (int i = 0; i < r->rows; i++)
		put(s, db_result_value(r, i, user),
		    db_result_value(r, i, until) != NULL ?
			db_result_i64(r, i, until) :
			INT64_MAX);
	s->fresh = true;
	tell(s);
}

static void
read_start(struct api_suspensions *s)
{
	s->query = db_query_start(s->pool, s->all, NULL, read_done, s);
}

void
api_suspensions_listening(struct api_suspensions *s, bool up)
{
	s->listening = up;
	s->fresh = false;
	read_stop(s);
	if (up)
		read_start(s);
}

void
api_suspensions_told(struct api_suspensions *s, const json_t *order)
{
	const char *op = json_string_value(json_object_get(order, "op"));
	const char *user = json_string_value(json_object_get(order, "user"));
	const json_t *until = json_object_get(order, "until");

	if (op == NULL || user == NULL)
		return;
	if (strcmp(op, "suspend") == 0)
		put(s, user,
		    json_is_integer(until) ? json_integer_value(until) :
					     INT64_MAX);
	else if (strcmp(op, "restore") == 0)
		base_free(base_map_remove(&s->set, user, strlen(user)));
	else
		return;
	/* What is being read may be from before this: once more. */
	if (s->listening && !s->fresh) {
		read_stop(s);
		read_start(s);
	}
	tell(s);
}

bool
api_suspensions_fresh(const struct api_suspensions *s)
{
	return s->fresh;
}

uint64_t
api_suspensions_version(const struct api_suspensions *s)
{
	return s->version;
}

int64_t
api_suspensions_until(const struct api_suspensions *s, const char *user)
{
	const struct entry *e = base_map_get(&s->set, user, strlen(user));

	if (e == NULL ||
	    (e->until != INT64_MAX &&
		e->until <= base_clock_wall_us() / 1000000))
		return 0;
	return e->until;
}
