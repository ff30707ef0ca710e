/* SPDX-License-Identifier: ISC */
/* Errors that callers see: one table of stable codes with HTTP status and
 * title, and the RFC 9457 problem object made from them. */
#ifndef API_ERRORS_H
#define API_ERRORS_H

#include <stddef.h>

struct base_buf;

struct api_error {
	const char *code; /* stable; clients switch on it */
	int status;	  /* HTTP */
	const char *title;
};

/* One wrong argument.  `field` is a path: "member_ids[3]". */
struct api_field_error {
	const char *field;
	const char *code;
	const char *detail;
};

/* Everything that a problem body says.  Borrowed by the writer. */
struct api_problem {
	const struct api_error *error;
	const char *detail; /* NULL = the title says it all */
	const char *request_id;
	const struct api_field_error *fields;
	size_t nfields;
};

/* By code; NULL when the table has no such code. */
const struct api_error *api_error_find(const char *code);

/* By code, falling back to `internal`. */
const struct api_error *api_error_get(const char *code);

size_t api_error_count(void);
const struct api_error *api_error_at(size_t i);

/* Append the problem as one JSON object (application/problem+json). */
void api_problem_write(struct base_buf *out, const struct api_problem *p);

#endif
