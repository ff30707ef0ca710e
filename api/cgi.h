/* SPDX-License-Identifier: ISC */
/* The door for CGI and FastCGI: one request in CGI parameters, one CGI answer,
 * everything between them within one call.  It runs the process's loop until
 * the engine has answered; knows no libfcgi. */
#ifndef API_CGI_H
#define API_CGI_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"

struct api_engine;
struct base_loop;

/* Where a request comes from and its answer goes to. */
struct api_cgi_io {
	/* A parameter ("REQUEST_METHOD"), or NULL. */
	const char *(*param)(void *arg, const char *name);
	/* Up to `n` bytes of the body: how many, 0 at its end, -1 when it does
	 * not come. */
	ssize_t (*read)(void *arg, char *p, size_t n);
	/* All of `n` bytes; false when the reader is gone. */
	bool (*write)(void *arg, const char *p, size_t n);
	/* As in api/body.h; may be NULL. */
	void (*guard)(void *arg, bool (*over)(void *), void *over_arg);
	bool (*contended)(void *arg);
	/* Leave it to the reader to send this file, with PARLEY_TAKES_FILES
	 * among the parameters; the caller keeps `fd`.  False when the reader
	 * is gone.  May be NULL. */
	bool (*pass)(void *arg, int fd);
	void *arg;
};

/* Serve one request; gives the HTTP status of its answer. */
int api_cgi_serve(
    struct api_engine *e, struct base_loop *loop, struct api_cgi_io *io);

/* The process ends: write what it still owes the database (api_engine_pending),
 * for two seconds at most. */
void api_cgi_finish(struct api_engine *e, struct base_loop *loop);

/* Append the path and set `*query` (NULL = none).  The path as it was on the
 * wire if the web server tells (REQUEST_URI, less the prefix that SCRIPT_NAME
 * and PATH_INFO show it is mounted under); else PATH_INFO, encoded again. */
void api_cgi_target(
    const struct api_cgi_io *io, struct base_buf *path, const char **query);

/* Value of a request header, or NULL; `arg` is the api_cgi_io.  Fits
 * api_request.header. */
const char *api_cgi_header(void *arg, const char *name);

#endif
