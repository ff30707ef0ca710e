/* SPDX-License-Identifier: ISC */
/* Hooks of the engine's own operations: tickets.create, ping, health.*,
 * metrics.get, openapi.get. */
#ifndef API_SERVICE_OPS_H
#define API_SERVICE_OPS_H

#include <stddef.h>

#include "api/hook.h"

/* For api_engine_hooks_add(). */
const struct api_hook *api_service_hooks(size_t *count);

#endif
