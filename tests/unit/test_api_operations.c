/* SPDX-License-Identifier: ISC */
/* Every row of the table is whole and fits its statement. */
#include "api/operation.h"

#include <stdbool.h>

#include "api/param.h"
#include "api/router.h"
#include "api/schema.h"
#include "base/attr.h"
#include "db/statement.h"
#include "tests/unit/harness.h"

static void
complain(const struct api_operation *op, const char *what)
{
	fprintf(stderr, "\n%s: %s\n", op->name, what);
	CU_FAIL("row");
}

static bool
is_context(const char *name)
{
	static const char *const known[] = { "caller", "caller_role", "origin",
		"platform", "instance", "request_id", "via", "given",
		"search_everybody", "edit_seconds" };

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strcmp(known[i], name) == 0)
			return true;
	}
	return false;
}

/* Of an id or a name, a statement may ask for the one and the other; of an id,
 * for one in any case. */
static const char *
argument_name(const char *param)
{
	if (strcmp(param, "new_id") == 0)
		return "id";
	return strcmp(param, "conversation_uuid") == 0 ||
		strcmp(param, "channel_name") == 0 ?
	    "conversation_id" :
	    param;
}

static bool
takes(const char *statement, const char *argument)
{
	const struct db_statement *s = db_statement_find(statement);

	for (int i = 0; s != NULL && i < s->nparams; i++) {
		if (strcmp(argument_name(s->params[i]), argument) == 0)
			return true;
	}
	return false;
}

/* A parameter that nobody fills would always be null. */
static void
check_statement(const struct api_operation *op, const char *name)
{
	const struct db_statement *s = db_statement_find(name);

	if (s == NULL) {
		complain(op, "no such statement");
		return;
	}
	for (int i = 0; i < s->nparams; i++) {
		if (api_operation_param(op, argument_name(s->params[i])) ==
			NULL &&
		    !is_context(s->params[i]) && !(op->flags & API_HOOKED))
			complain(op, s->params[i]);
	}
	if (s->read && strcmp(op->method, "GET") != 0 &&
	    op->rate != API_RATE_READ)
		complain(op, "reads, but is no GET and counts as a write");
}

static void
check_variants(const struct api_operation *op)
{
	for (size_t i = 0; i < op->nvariants; i++) {
		const struct api_variant *v = &op->variants[i];

		check_statement(op, v->statement);
		if (api_operation_param(op, v->given) == NULL ||
		    !takes(v->statement, v->given))
			complain(op, v->given);
	}
	if (op->nvariants > 0 &&
	    (op->statement == NULL || (op->flags & API_BATCHED)))
		complain(op, "variants of nothing");
}

/* And one that no statement takes would be ignored. */
static void
check_params(const struct api_operation *op)
{
	CU_ASSERT_TRUE(op->nparams <= API_PARAM_MAX);
	for (size_t i = 0; i < op->nparams; i++) {
		const struct api_param *p = &op->params[i];
		bool taken = op->statement == NULL ||
		    (op->flags & API_HOOKED) || takes(op->statement, p->name);

		for (size_t k = 0; !taken && k < op->nvariants; k++)
			taken = takes(op->variants[k].statement, p->name);
		/* An argument called like the caller's rights would be taken
		 * for them.  (What a client calls its platform, it may.) */
		if (!taken ||
		    (is_context(p->name) && strcmp(p->name, "platform") != 0))
			complain(op, p->name);
		if (p->summary == NULL ||
		    (p->type == API_ENUM) != (p->values != NULL) ||
		    (p->type == API_OBJECT_LIST) != (p->fields != NULL))
			complain(op, p->name);
	}
}

static void
check_path(const struct api_operation *op)
{
	struct api_route route;
	char path[256];
	size_t n = 0;

	for (const char *p = op->path; *p != '\0'; p++) {
		if (*p == '{') {
			path[n++] = 'x';
			p = strchr(p, '}');
		} else {
			path[n++] = *p;
		}
	}
	path[n] = '\0';
	CU_ASSERT_EQUAL(
	    api_router_find(op->method, path, &route), API_ROUTE_OK);
	CU_ASSERT_PTR_EQUAL(route.op, op);
	for (size_t i = 0; i < route.nargs; i++) {
		char name[64];
		const struct api_param *p;

		snprintf(name, sizeof(name), "%.*s",
		    (int)route.args[i].name_len, route.args[i].name);
		p = api_operation_param(op, name);
		if (p == NULL || p->place != API_IN_PATH)
			complain(op, name);
	}
}

static void
check_list(const struct api_operation *op)
{
	const struct api_param *limit = api_operation_param(op, "limit");

	if (limit == NULL || limit->fallback == NULL ||
	    (api_operation_param(op, "before") == NULL &&
		api_operation_param(op, "after") == NULL &&
		api_operation_param(op, "cursor") == NULL))
		complain(op, "a list without limit or cursor");
}

/* Location is the path with the id in its only argument's place. */
static void
check_made(const struct api_operation *op)
{
	const struct api_operation *get = api_operation_find(op->made);
	const char *open = get != NULL ? strchr(get->path, '{') : NULL;

	if (open == NULL || strcmp(get->method, "GET") != 0 ||
	    strchr(open, '}')[1] != '\0' || op->status != 201)
		complain(op, "what it makes cannot be got");
}

static void
test_rows(void)
{
	for (size_t i = 0; i < api_operation_count(); i++) {
		const struct api_operation *op = api_operation_at(i);

		CU_ASSERT_PTR_EQUAL(api_operation_find(op->name), op);
		CU_ASSERT_EQUAL(api_operation_index(op), i);
		check_path(op);
		check_params(op);
		if (op->statement != NULL)
			check_statement(op, op->statement);
		else if (!(op->flags & API_HOOKED))
			complain(op, "nothing does it");
		check_variants(op);
		if (op->flags & API_LIST)
			check_list(op);
		if (op->made != NULL)
			check_made(op);
		if ((op->flags & API_POLLED) && strcmp(op->method, "GET") != 0)
			complain(op, "nobody polls it");
		if (op->answer != NULL && api_schema_find(op->answer) == NULL)
			complain(op, op->answer);
		if (op->summary == NULL || op->roles == 0 || op->status == 0)
			complain(op, "incomplete");
	}
	CU_ASSERT_PTR_NULL(api_operation_find("no.such"));
}

/* A batched statement gives back which row is whose. */
static void
test_batched(void)
{
	for (size_t i = 0; i < api_operation_count(); i++) {
		const struct api_operation *op = api_operation_at(i);

		if (!(op->flags & API_BATCHED))
			continue;
		if (strstr(db_statement_find(op->statement)->text,
			"\"_ord\"") == NULL)
			complain(op, "no _ord");
	}
}

TEST_MAIN("api_operations", { "rows", test_rows }, { "batched", test_batched })
