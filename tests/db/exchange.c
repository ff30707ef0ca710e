/* SPDX-License-Identifier: ISC */
/* Exchanges with the CGI door. */

#include "tests/db/exchange.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/harness.h"

#include "api/cgi.h"
#include "api/token.h"
#include "base/clock.h"
#include "base/mem.h"

static const char *
on_param(void *arg, const char *name)
{
	struct exchange *x = arg;

	for (size_t i = 0; i + 1 < x->nparams; i += 2)
		if (strcmp(x->params[i], name) == 0)
			return (x->params[i + 1]);
	return (NULL);
}

static ssize_t
on_read(void *arg, char *p, size_t n)
{
	struct exchange *x = arg;

	/* In small pieces, as from a network. */
	if (n > 1000)
		n = 1000;
	if (n > x->body_len)
		n = x->body_len;
	memcpy(p, x->body, n);
	x->body += n;
	x->body_len -= n;
	return ((ssize_t)n);
}

static bool
on_write(void *arg, const char *p, size_t n)
{
	struct exchange *x = arg;

	base_buf_append(&x->out, p, n);
	return (true);
}

void
exchange_param(struct exchange *x, const char *name, const char *value)
{
	x->params[x->nparams++] = name;
	x->params[x->nparams++] = value;
}

void
exchange_begin(struct exchange *x, const struct api_config *config,
    const char *user, const char *method, const char *target)
{
	struct api_token_claims claims = { .user = user,
		.role = "user",
		.issued_at = base_clock_wall_us() / 1000000,
		.ttl_s = 600 };
	char err[200], *token;

	memset(x, 0, sizeof(*x));
	exchange_param(x, "REQUEST_METHOD", method);
	exchange_param(x, "REQUEST_URI", target);
	if (user == NULL)
		return;
	token = api_token_mint(config, &claims, err, sizeof(err));
	CU_ASSERT_PTR_NOT_NULL_FATAL(token);
	snprintf(
	    x->authorization, sizeof(x->authorization), "Bearer %s", token);
	base_free(token);
	exchange_param(x, "HTTP_AUTHORIZATION", x->authorization);
}

void
exchange_body(struct exchange *x, const char *type, const char *bytes, size_t n)
{
	x->body = bytes;
	x->body_len = n;
	snprintf(x->length, sizeof(x->length), "%zu", n);
	exchange_param(x, "CONTENT_TYPE", type);
	exchange_param(x, "CONTENT_LENGTH", x->length);
}

int
exchange_serve(struct exchange *x, struct fixture *f)
{
	struct api_cgi_io io = {
		.param = on_param, .read = on_read, .write = on_write, .arg = x
	};

	int status = api_cgi_serve(f->engine, f->loop, &io);

	CU_ASSERT(fixture_knows(on_param(x, "REQUEST_METHOD"),
	    on_param(x, "REQUEST_URI"), status, base_buf_str(&x->out)));
	return (status);
}

bool
exchange_has(const struct exchange *x, const char *text)
{
	return (strstr(base_buf_str(&x->out), text) != NULL);
}

char *
exchange_header(const struct exchange *x, const char *name)
{
	struct base_buf start = { 0 };
	char *value = NULL;
	const char *p;

	base_buf_printf(&start, "\r\n%s: ", name);
	p = strstr(base_buf_str(&x->out), base_buf_str(&start));
	if (p != NULL) {
		p += start.len;
		value = base_strndup(p, strcspn(p, "\r"));
	}
	base_buf_fini(&start);
	return (value);
}

void
exchange_end(struct exchange *x)
{
	base_buf_fini(&x->out);
}
