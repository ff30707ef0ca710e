/* SPDX-License-Identifier: ISC */
/* FastCGI requests from a listening socket, and a single CGI request from the
 * environment: both go to api/cgi.h. */
#ifndef API_DOOR_FASTCGI_H
#define API_DOOR_FASTCGI_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct api_engine;
struct base_loop;

/* Seconds that a request may take before its process ends (api/watchdog.h). */
enum {
	API_FASTCGI_REQUEST_S = 60, /* without a byte read or written */
	API_FASTCGI_BODY_S = 300    /* until its body is there */
};

struct api_door_fastcgi_params {
	int listen_fd; /* non-blocking */
	struct base_loop *loop;
	struct api_engine *engine;
	const volatile sig_atomic_t *stop;
	unsigned requests_max; /* then return, for a fresh process */
	uint64_t *taken;       /* shared with a doorman (api/doorman.h) */
};

/* Has the web server started us with a listening socket as descriptor 0? */
bool api_door_fastcgi_inherited(void);

/* Serve until `*stop` or `requests_max`; the loop turns while nothing comes, so
 * that lost database connections come back.  False: libfcgi does not start. */
MUST_USE bool api_door_fastcgi_run(
    const struct api_door_fastcgi_params *params);

/* Serve the one request of this process's environment. */
void api_door_cgi_run(struct api_engine *e, struct base_loop *loop);

#endif
