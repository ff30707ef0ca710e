/* SPDX-License-Identifier: ISC */
/* Asking a running service for /health/ready. */
#ifndef API_CTL_HEALTH_H
#define API_CTL_HEALTH_H

#include <stdbool.h>

/* `url`: http://HOST[:PORT], or unix:PATH of a socket.  Prints the answer;
 * true when the service is ready. */
bool api_ctl_health(const char *url);

#endif
