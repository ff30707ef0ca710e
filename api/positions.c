/* SPDX-License-Identifier: ISC */
/* Read positions of senders, gathered and written once a second. */
#include "api/positions.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "api/array.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "db/query.h"

#define EVERY_MS 1000
#define HURRY_MS 1

/* In one statement.  A member costs it thrice as much where there are a thousand, and
 * those who wait for a processor should not have to wait for all of them. */
#define PART_MOVES 100
#define REST_MS 5 /* between two parts */

#define PENDING_MAX 50000 /* while the database is away; then new ones drop */

struct move {
	int64_t seq;
	size_t key_len;
	size_t user; /* offset of the user in `key` */
	char key[];  /* conversation, NUL, user, NUL */
};

struct api_positions {
	struct base_loop *loop;
	struct db_pool *pool;
	const struct db_statement *statement;
	struct base_map gathering; /* owned moves */
	struct base_map writing;   /* owned from `part` on; being written */
	size_t part;		   /* place in it: the part that comes next */
	size_t part_moves;	   /* of those that are at the database */
	size_t written;		   /* moves before `part` */
	struct base_timer *timer;
	struct db_query *query; /* non-NULL = the part is at the database */
	bool hurry;
};

static void part_write(struct api_positions *p);

struct api_positions *
api_positions_new(struct base_loop *loop, struct db_pool *pool)
{
	struct api_positions *p = base_alloc(sizeof(*p));

	p->loop = loop;
	p->pool = pool;
	p->statement = db_statement_find("positions.advance");
	return p;
}

static void
clear(struct base_map *map, size_t pos)
{
	struct move *m;

	while ((m = base_map_next(map, &pos)) != NULL)
		base_free(m);
	base_map_fini(map);
}

void
api_positions_free(struct api_positions *p)
{
	if (p == NULL)
		return;
	base_timer_cancel(p->timer);
	db_query_cancel(p->query);
	clear(&p->gathering, 0);
	clear(&p->writing, p->part);
	base_free(p);
}

static void
tick(void *arg)
{
	struct api_positions *p = arg;

	p->timer = NULL;
	if (p->query != NULL)
		return;
	if (p->writing.count == 0) {
		p->writing = p->gathering;
		base_map_init(&p->gathering);
	}
	part_write(p);
}

static unsigned
wait_ms(const struct api_positions *p)
{
	if (p->hurry)
		return HURRY_MS;
	return p->writing.count > 0 ? REST_MS : EVERY_MS;
}

static void
arm(struct api_positions *p)
{
	if (p->timer == NULL && p->query == NULL &&
	    api_positions_pending(p) > 0)
		p->timer = base_timer_start(p->loop, wait_ms(p), tick, p);
}

static void
gather(struct api_positions *p, struct move *m)
{
	struct move *known = base_map_get(&p->gathering, m->key, m->key_len);

	if (known == NULL && p->gathering.count < PENDING_MAX) {
		base_map_put(&p->gathering, m->key, m->key_len, m);
		return;
	}
	if (known != NULL && known->seq < m->seq)
		known->seq = m->seq;
	base_free(m);
}

static void
writing_end(struct api_positions *p)
{
	base_map_fini(&p->writing);
	base_map_init(&p->writing);
	p->part = 0;
	p->written = 0;
}

static void
part_written(const struct db_result *r, void *arg)
{
	struct api_positions *p = arg;
	struct move *m;

	p->query = NULL;
	if (r->status == DB_ERROR)
		base_log_error("positions not written", "sqlstate=%s",
		    r->sqlstate != NULL ? r->sqlstate : "-");
	if (r->status == DB_OK || r->status == DB_ERROR) {
		p->written += p->part_moves;
		for (size_t i = 0; i < p->part_moves; i++)
			base_free(base_map_next(&p->writing, &p->part));
		if (p->written == p->writing.count)
			writing_end(p);
	} else {
		/* Writing one again does no harm: positions only rise. */
		while ((m = base_map_next(&p->writing, &p->part)) != NULL)
			gather(p, m);
		writing_end(p);
	}
	arm(p);
}

static void
part_write(struct api_positions *p)
{
	struct base_buf users = { 0 }, conversations = { 0 }, seqs = { 0 };
	const char *values[3];
	size_t pos = p->part;
	struct move *m;

	api_array_begin(&users);
	api_array_begin(&conversations);
	api_array_begin(&seqs);
	for (p->part_moves = 0; p->part_moves < PART_MOVES; p->part_moves++) {
		char seq[24];

		m = base_map_next(&p->writing, &pos);
		if (m == NULL)
			break;
		snprintf(seq, sizeof(seq), "%" PRId64, m->seq);
		api_array_add(&users, m->key + m->user);
		api_array_add(&conversations, m->key);
		api_array_add(&seqs, seq);
	}
	api_array_end(&users);
	api_array_end(&conversations);
	api_array_end(&seqs);
	values[0] = users.data;
	values[1] = conversations.data;
	values[2] = seqs.data;
	p->query =
	    db_query_start(p->pool, p->statement, values, part_written, p);
	base_buf_fini(&users);
	base_buf_fini(&conversations);
	base_buf_fini(&seqs);
}

void
api_positions_note(struct api_positions *p, const char *conversation_id,
    const char *user, int64_t seq)
{
	size_t conversation_size = strlen(conversation_id) + 1;
	size_t user_size = strlen(user) + 1;
	struct move *m = base_alloc(sizeof(*m) + conversation_size + user_size);

	m->seq = seq;
	m->user = conversation_size;
	m->key_len = conversation_size + user_size;
	memcpy(m->key, conversation_id, conversation_size);
	memcpy(m->key + conversation_size, user, user_size);
	gather(p, m);
	arm(p);
}

size_t
api_positions_pending(const struct api_positions *p)
{
	return p->gathering.count + p->writing.count - p->written;
}

void
api_positions_hurry(struct api_positions *p)
{
	p->hurry = true;
	base_timer_cancel(p->timer);
	p->timer = NULL;
	arm(p);
}
