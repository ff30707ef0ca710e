/* SPDX-License-Identifier: ISC */
/* Whether a GIF is whole: libvips takes the frames that are there. */
#ifndef UPLOAD_GIF_H
#define UPLOAD_GIF_H

#include <stdbool.h>

#include "base/attr.h"

/* Does something come behind the last of its blocks (GIF89a specification, 17
 * to 27), as the trailer should? */
MUST_USE bool upload_gif_is_whole(int fd);

#endif
