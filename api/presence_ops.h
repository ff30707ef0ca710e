/* SPDX-License-Identifier: ISC */
/* Operations presence.set, .watch, .unwatch; in processes without streams every
 * order goes out. */
#ifndef API_PRESENCE_OPS_H
#define API_PRESENCE_OPS_H

#include <stddef.h>

#include "api/hook.h"

const struct api_hook *api_presence_hooks(size_t *count);

#endif
