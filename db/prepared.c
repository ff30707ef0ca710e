/* SPDX-License-Identifier: ISC */
/* Prepared statements of one connection. */

#include "db/prepared.h"

#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Bytes of the longest name on the server; statements.awk bounds ours. */
#define NAME_BYTES 128

enum state {
	UNTRIED,
	ASKED,
	READY,
	FAILED,
};

struct db_prepared_state {
	enum state state;
	unsigned int generation;
};

void
db_prepared_init(
    struct db_prepared *p, const struct db_statement *statements, size_t count)
{
	memset(p, 0, sizeof(*p));
	p->statements = statements;
	p->count = count;
	p->states = base_alloc_array(count, sizeof(*p->states));
}

void
db_prepared_fini(struct db_prepared *p)
{
	base_free(p->states);
	p->states = NULL;
}

static void
set(struct db_prepared *p, size_t i, enum state state)
{
	if (p->states[i].state == FAILED)
		p->failed--;
	if (state == FAILED)
		p->failed++;
	p->states[i].state = state;
}

void
db_prepared_reset(struct db_prepared *p)
{
	for (size_t i = 0; i < p->count; i++) {
		set(p, i, UNTRIED);
		p->states[i].generation = 0;
	}
	p->cursor = 0;
}

/* The name on the server: a statement prepared anew gets another one, since
 * the old one may still be taken. */
static const char *
server_name(const struct db_prepared *p, size_t i, char buf[NAME_BYTES])
{
	if (p->states[i].generation == 0)
		return p->statements[i].name;
	(void)snprintf(buf, NAME_BYTES, "%s@%u", p->statements[i].name,
	    p->states[i].generation);
	return buf;
}

bool
db_prepared_ask(struct db_prepared *p, struct pg_conn *pg, size_t i)
{
	char buf[NAME_BYTES];

	set(p, i, ASKED);
	return PQsendPrepare(pg, server_name(p, i, buf), p->statements[i].text,
		   0, NULL) == 1;
}

bool
db_prepared_round(struct db_prepared *p, struct pg_conn *pg)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->states[i].state == UNTRIED && !db_prepared_ask(p, pg, i))
			return false;
	p->cursor = 0;
	return PQpipelineSync(pg) == 1;
}

void
db_prepared_asked(
    struct db_prepared *p, size_t i, const struct pg_result *result)
{
	enum state state = FAILED;

	if (PQresultStatus(result) == PGRES_COMMAND_OK)
		state = READY;
	else if (PQresultStatus(result) == PGRES_PIPELINE_ABORTED)
		state = UNTRIED;
	set(p, i, state);
}

bool
db_prepared_answer(struct db_prepared *p, const struct pg_result *result)
{
	while (p->cursor < p->count && p->states[p->cursor].state != ASKED)
		p->cursor++;
	if (p->cursor == p->count)
		return false;
	db_prepared_asked(p, p->cursor, result);
	p->cursor++;
	return true;
}

bool
db_prepared_more(const struct db_prepared *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->states[i].state == UNTRIED)
			return true;
	return false;
}

void
db_prepared_forgive(struct db_prepared *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->states[i].state == FAILED)
			set(p, i, UNTRIED);
}

bool
db_prepared_wants(const struct db_prepared *p, size_t i)
{
	return p->states[i].state == UNTRIED || p->states[i].state == FAILED;
}

unsigned int
db_prepared_generation(const struct db_prepared *p, size_t i)
{
	return p->states[i].generation;
}

void
db_prepared_outdate(struct db_prepared *p, size_t i)
{
	set(p, i, UNTRIED);
	p->states[i].generation++;
}

bool
db_prepared_send(struct db_prepared *p, struct pg_conn *pg, size_t i,
    const char *const *values)
{
	char buf[NAME_BYTES];

	return PQsendQueryPrepared(pg, server_name(p, i, buf),
		   p->statements[i].nparams, values, NULL, NULL,
		   p->statements[i].binary) == 1;
}
