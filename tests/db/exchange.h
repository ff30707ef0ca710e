/* SPDX-License-Identifier: ISC */
/* One exchange with the CGI door: parameters and a body in, bytes out. */
#ifndef TESTS_DB_EXCHANGE_H
#define TESTS_DB_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/config.h"
#include "base/buf.h"
#include "tests/db/engine_fixture.h"

struct exchange {
	const char *params[40]; /* name, value, … */
	size_t nparams;
	const char *body;
	size_t body_len;
	struct base_buf out;
	char length[24];
	char authorization[2048];
};

/* With a token of `user`; NULL: nobody. */
void exchange_begin(struct exchange *x, const struct api_config *config,
    const char *user, const char *method, const char *target);

void exchange_param(struct exchange *x, const char *name, const char *value);

void exchange_body(
    struct exchange *x, const char *type, const char *bytes, size_t n);

/* The status that it is answered with. */
int exchange_serve(struct exchange *x, struct fixture *f);

/* Does the answer have `text`? */
bool exchange_has(const struct exchange *x, const char *text);

/* The value of an answer's header, base_free(); NULL: there is none. */
char *exchange_header(const struct exchange *x, const char *name);

void exchange_end(struct exchange *x);

#endif
