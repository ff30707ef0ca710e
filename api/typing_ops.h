/* SPDX-License-Identifier: ISC */
/* The C part of typing.start and typing.stop. */
#ifndef API_TYPING_OPS_H
#define API_TYPING_OPS_H

#include <stddef.h>

#include "api/hook.h"

const struct api_hook *api_typing_hooks(size_t *count);

#endif
