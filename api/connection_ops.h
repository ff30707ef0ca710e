/* SPDX-License-Identifier: ISC */
/*
 * Operations on a live connection: connections.subscribe, .unsubscribe,
 * .update, .touch, .renew, .close; those of presence are in presence_ops.h.
 */

#ifndef API_CONNECTION_OPS_H
#define API_CONNECTION_OPS_H

#include <stddef.h>

#include "api/hook.h"

/* For api_engine_hooks_add(); works in processes without streams too: there
 * every order goes out. */
extern const struct api_hook api_connection_hooks[];
extern const size_t api_connection_hook_count;

#endif
