/* SPDX-License-Identifier: ISC */
/* The words that the tables of operations (operations_*.c) are written in, and
 * what several of them share.  See operation.h for what the columns mean. */
#ifndef API_OPERATIONS_PRIVATE_H
#define API_OPERATIONS_PRIVATE_H

#include <stddef.h>

#include "api/operation.h"
#include "base/attr.h"

/* The operations of one subject, in the order of the documentation. */
struct operations_table {
	const struct api_operation *rows;
	size_t count;
};

extern const struct operations_table api_operations_people;
extern const struct operations_table api_operations_conversations;
extern const struct operations_table api_operations_messages;
extern const struct operations_table api_operations_files;
extern const struct operations_table api_operations_streams;
extern const struct operations_table api_operations_service;

/* Parameters of several subjects. */
extern const struct api_param api_operations_user_id[1];
extern const struct api_param api_operations_page_before[2];
extern const struct api_param api_operations_names_search[3];

/* 200 of what was made before. */
extern const struct api_also api_operations_was_there[1];
#define WAS_THERE .also = api_operations_was_there, .nalso = 1

/* clang-format off */

/* Parameters, place by place. */

#define IN_PATH(name_, type_, summary_) \
	{ .name = name_, .place = API_IN_PATH, .type = type_, .required = true, \
	  .min = 1, .max = 128, .summary = summary_ }
#define IN_QUERY(name_, type_, min_, max_, summary_) \
	{ .name = name_, .place = API_IN_QUERY, .type = type_, \
	  .min = min_, .max = max_, .summary = summary_ }
#define LIMIT \
	{ .name = "limit", .place = API_IN_QUERY, .type = API_INT, .min = 1, .max = 100, \
	  .fallback = "50", .summary = "Entries of a page" }
#define IN_BODY(name_, type_, min_, max_, summary_) \
	{ .name = name_, .place = API_IN_BODY, .type = type_, \
	  .min = min_, .max = max_, .summary = summary_ }
#define NULLABLE(name_, type_, min_, max_, summary_) \
	{ .name = name_, .place = API_IN_BODY, .type = type_, .nullable = true, \
	  .min = min_, .max = max_, .summary = summary_ }
#define NEEDED(name_, type_, min_, max_, summary_) \
	{ .name = name_, .place = API_IN_BODY, .type = type_, .required = true, \
	  .min = min_, .max = max_, .summary = summary_ }
#define CHOICE(name_, values_, required_, fallback_, summary_) \
	{ .name = name_, .place = API_IN_BODY, .type = API_ENUM, .values = values_, \
	  .required = required_, .fallback = fallback_, .summary = summary_ }

#define SEQ_MAX INT64_MAX
#define PARAMS(list) .params = list, .nparams = ARRAY_LEN(list)
#define HEADS(list) .heads = list, .nheads = ARRAY_LEN(list)
#define ALSO(list) .also = list, .nalso = ARRAY_LEN(list)
#define VARIANTS(list) .variants = list, .nvariants = ARRAY_LEN(list)

#define SEARCH_PAGE \
	IN_QUERY("cursor", API_STRING, 1, 300, "`next` of the page before"), \
	{ .name = "limit", .place = API_IN_QUERY, .type = API_INT, .min = 1, .max = 100, \
	  .fallback = "20", .summary = "Entries of a page" }

/* Rows. */
#define ROW(name_, method_, path_) .name = name_, .method = method_, .path = path_
#define EVERYBODY .roles = API_ROLE_ANY
#define BACK_ENDS .roles = API_ROLE_ADMIN | API_ROLE_SERVICE
#define TABLE(rows_) { .rows = rows_, .count = ARRAY_LEN(rows_) }

/* clang-format on */

#endif
