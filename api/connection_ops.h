/* SPDX-License-Identifier: ISC */
/*
 * Operations on a live connection: connections.subscribe, .unsubscribe,
 * .update, .renew, .close.  The statement checks the right to the connection
 * and its target; here is what happens to the stream itself, at once when this
 * process holds it, else by an order on the channel parley_control, which every
 * process hears and the holder obeys.
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
