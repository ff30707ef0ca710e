/* SPDX-License-Identifier: ISC */
/* The table of operations, put together from those of each subject; a test checks
 * every row against its statement, its path and its hooks. */
#include <assert.h>
#include <string.h>

#include "api/operations_private.h"

/* clang-format off */

const struct api_param api_operations_user_id[1] = {
	IN_PATH("user_id", API_ID, "The user"),
};

const struct api_param api_operations_page_before[2] = {
	IN_QUERY("before", API_STRING, 1, 300, "`next` of the page before"),
	LIMIT,
};

const struct api_param api_operations_names_search[3] = {
	{ .name = "q", .place = API_IN_QUERY, .type = API_STRING, .required = true, .min = 2,
	  .max = 200, .summary = "A name or the beginning of one, typing errors allowed" },
	SEARCH_PAGE,
};

/* clang-format on */

const struct api_also api_operations_was_there[1] = {
	{ 200, "It was there, or was so, before" },
};

static const struct operations_table *const tables[] = {
	&api_operations_people,
	&api_operations_conversations,
	&api_operations_messages,
	&api_operations_files,
	&api_operations_streams,
	&api_operations_service,
};

size_t
api_operation_count(void)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		count += tables[i]->count;
	return count;
}

const struct api_operation *
api_operation_at(size_t i)
{
	size_t t = 0;

	while (i >= tables[t]->count) {
		i -= tables[t++]->count;
		assert(t < ARRAY_LEN(tables));
	}
	return &tables[t]->rows[i];
}

const struct api_operation *
api_operation_find(const char *name)
{
	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		for (size_t i = 0; i < tables[t]->count; i++) {
			if (strcmp(tables[t]->rows[i].name, name) == 0)
				return &tables[t]->rows[i];
		}
	}
	return NULL;
}

bool
api_operation_answers(const struct api_operation *op, int status)
{
	for (size_t i = 0; i < op->nalso; i++)
		if (op->also[i].status == status)
			return true;
	return status == op->status || status >= 400 ||
	    (status == 304 && (op->flags & API_POLLED) != 0);
}

size_t
api_operation_index(const struct api_operation *op)
{
	size_t before = 0;

	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		const struct operations_table *table = tables[t];

		if (op >= table->rows && op < table->rows + table->count)
			return before + (size_t)(op - table->rows);
		before += table->count;
	}
	assert(!"an operation of the table");
	return 0;
}

const struct api_param *
api_operation_param(const struct api_operation *op, const char *name)
{
	for (size_t i = 0; i < op->nparams; i++) {
		if (strcmp(op->params[i].name, name) == 0)
			return &op->params[i];
	}
	return NULL;
}
