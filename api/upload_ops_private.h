/* SPDX-License-Identifier: ISC */
/* What the files behind api/upload_ops.h share. */
#ifndef API_UPLOAD_OPS_PRIVATE_H
#define API_UPLOAD_OPS_PRIVATE_H

#include <stdbool.h>

#include "api/upload_ops.h"
#include "upload/decoder.h"
#include "upload/store.h"

struct api_uploads {
	struct api_uploads_params params;  /* strings borrowed */
	struct upload_store *store;	   /* borrowed: of the storage */
	struct upload_decoder *decoder;	   /* owned */
	struct upload_decoder_hello hello; /* what it can */
};

#endif
