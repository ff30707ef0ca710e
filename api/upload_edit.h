/* SPDX-License-Identifier: ISC */
/* The C part of uploads.update: names are made harmless. */
#ifndef API_UPLOAD_EDIT_H
#define API_UPLOAD_EDIT_H

#include "api/hook.h"

extern const struct api_hook api_upload_edit_hooks[];
extern const size_t api_upload_edit_hook_count;

#endif
