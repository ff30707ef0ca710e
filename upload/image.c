/* SPDX-License-Identifier: ISC */
/* A stranger's picture made ours, through libvips. */

#include "upload/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <vips/vips.h>

#include "base/log.h"

enum {
	JPEG_QUALITY = 85,
	WEBP_QUALITY = 82,
	THUMBNAIL_QUALITY = 80,
	GIF_EFFORT = 4,
	WEBP_EFFORT = 2
};

/* Everything that can read a file is off but these (their subclasses are the
 * variants for files, memory and streams). */
static const char *const loaders[] = { "VipsForeignLoadJpeg",
	"VipsForeignLoadPng", "VipsForeignLoadNsgif", "VipsForeignLoadWebp" };

/* Libvips warns of every broken picture; what matters is logged here. */
static void
on_warning(
    const char *domain, GLogLevelFlags level, const char *message, void *arg)
{
	char text[200];

	(void)domain;
	(void)level;
	(void)arg;
	base_log_debug("image warning", "text=%s",
	    base_log_quote(text, sizeof(text), message));
}

bool
upload_image_setup(void)
{
	/* Plug-ins bring loaders of other formats along with their
	 * libraries: let it look for them where there are none. */
	setenv("VIPSHOME", "/nonexistent", 1);
	if (VIPS_INIT("parley-fcgi") != 0)
		return false;
	vips_block_untrusted_set(TRUE);
	vips_operation_block_set("VipsForeignLoad", TRUE);
	for (size_t i = 0; i < ARRAY_LEN(loaders); i++)
		vips_operation_block_set(loaders[i], FALSE);
	g_log_set_handler("VIPS",
	    G_LOG_LEVEL_WARNING | G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG,
	    on_warning, NULL);
	vips_cache_set_max(0);
	vips_concurrency_set(1);
	return true;
}

void
upload_image_shutdown(void)
{
	vips_shutdown();
}

/* Where a saver writes to, so that a full disk has a name. */
struct sink {
	int fd; /* borrowed */
	enum upload_status status;
};

static gint64
on_write(VipsTargetCustom *target, const void *p, gint64 n, void *arg)
{
	struct sink *sink = arg;
	const char *at = p;
	gint64 left = n;
	ssize_t done;

	(void)target;
	while (sink->status == UPLOAD_OK && left > 0) {
		done = write(sink->fd, at, (size_t)left);
		if (done == -1 && errno == EINTR)
			continue;
		if (done == -1) {
			sink->status = upload_status_from_errno(errno);
			break;
		}
		at += done;
		left -= done;
	}
	return sink->status == UPLOAD_OK ? n : -1;
}

static int
encode(VipsImage *image, enum upload_kind kind, int quality, VipsTarget *target)
{
	switch ((int)kind) {
	case UPLOAD_JPEG:
		return vips_jpegsave_target(image, target, "Q", quality,
		    "strip", TRUE, "optimize_coding", TRUE, NULL);
	case UPLOAD_PNG:
		return vips_pngsave_target(image, target, "strip", TRUE, NULL);
	case UPLOAD_GIF:
		return vips_gifsave_target(
		    image, target, "strip", TRUE, "effort", GIF_EFFORT, NULL);
	case UPLOAD_WEBP:
		return vips_webpsave_target(image, target, "Q", quality,
		    "effort", WEBP_EFFORT, "strip", TRUE, NULL);
	}
	return -1;
}

static enum upload_status
save(VipsImage *image, enum upload_kind kind, int quality, int fd)
{
	struct sink sink = { .fd = fd, .status = UPLOAD_OK };
	VipsTargetCustom *target = vips_target_custom_new();
	int failed;

	g_signal_connect(target, "write", G_CALLBACK(on_write), &sink);
	failed = encode(image, kind, quality, VIPS_TARGET(target));
	g_object_unref(target);
	if (sink.status != UPLOAD_OK)
		return sink.status;
	return failed == 0 ? UPLOAD_OK : UPLOAD_FAILED;
}

/* The header only, by the one loader of the kind. */
static VipsImage *
header_load(VipsSource *source, enum upload_kind kind)
{
	VipsImage *image = NULL;
	int failed = -1;

	switch ((int)kind) {
	case UPLOAD_JPEG:
		failed = vips_jpegload_source(source, &image, NULL);
		break;
	case UPLOAD_PNG:
		failed = vips_pngload_source(source, &image, NULL);
		break;
	case UPLOAD_GIF:
		failed = vips_gifload_source(source, &image, NULL);
		break;
	case UPLOAD_WEBP:
		failed = vips_webpload_source(source, &image, NULL);
		break;
	}
	return failed == 0 ? image : NULL;
}

/* What the header promises, before anything is decoded: is it too much, and
 * may it stay animated? */
static enum upload_status
header_check(VipsSource *source, enum upload_kind kind, bool *animated)
{
	VipsImage *image = header_load(source, kind);
	int64_t pixels, frames;

	if (image == NULL)
		return UPLOAD_BAD_IMAGE;
	pixels = (int64_t)vips_image_get_width(image) *
	    vips_image_get_page_height(image);
	frames = vips_image_get_n_pages(image);
	g_object_unref(image);
	if (pixels > UPLOAD_IMAGE_PIXELS_MAX)
		return UPLOAD_TOO_MANY_PIXELS;
	*animated = (kind == UPLOAD_GIF || kind == UPLOAD_WEBP) && frames > 1 &&
	    frames <= UPLOAD_IMAGE_FRAMES_MAX &&
	    frames * pixels <= UPLOAD_IMAGE_ANIMATED_MAX;
	return UPLOAD_OK;
}

/* `image`, which is dropped, in eight-bit sRGB. */
static VipsImage *
plain(VipsImage *image)
{
	VipsImage *out = NULL;
	int failed;

	if (vips_image_get_interpretation(image) == VIPS_INTERPRETATION_sRGB &&
	    vips_image_get_format(image) == VIPS_FORMAT_UCHAR)
		return image;
	failed = vips_colourspace(image, &out, VIPS_INTERPRETATION_sRGB, NULL);
	g_object_unref(image);
	return failed == 0 ? out : NULL;
}

/* `image`, which is dropped, with its pixels in memory: what failed in the
 * decoder has failed by now, and the stranger's bytes are read once. */
static VipsImage *
settle(VipsImage *image)
{
	VipsImage *out = vips_image_copy_memory(image);

	g_object_unref(image);
	return out;
}

/* The picture to keep: upright, in sRGB, in eight bits, small enough.  (The
 * loader's options go as text: `fail_on` itself is not handed on.) */
static VipsImage *
kept_load(VipsSource *source, bool animated)
{
	VipsImage *image = NULL;

	if (vips_thumbnail_source(source, &image, UPLOAD_IMAGE_WIDTH, "height",
		UPLOAD_IMAGE_HEIGHT, "size", VIPS_SIZE_DOWN, "export_profile",
		"srgb", "option_string",
		animated ? "[n=-1,fail_on=error]" : "[fail_on=error]",
		NULL) != 0 ||
	    (image = plain(image)) == NULL)
		return NULL;
	return settle(image);
}

/* The first frame, without what says that there are more. */
static VipsImage *
first_frame(VipsImage *kept)
{
	VipsImage *cut = NULL, *frame = NULL;

	if (vips_extract_area(kept, &cut, 0, 0, vips_image_get_width(kept),
		vips_image_get_page_height(kept), NULL) != 0 ||
	    vips_copy(cut, &frame, NULL) != 0) {
		g_clear_object(&cut);
		return NULL;
	}
	g_object_unref(cut);
	vips_image_remove(frame, VIPS_META_PAGE_HEIGHT);
	vips_image_remove(frame, VIPS_META_N_PAGES);
	return frame;
}

/* Write `image`, which is dropped and may be NULL. */
static enum upload_status
put(VipsImage *image, enum upload_kind kind, int quality, int fd,
    struct upload_made *made)
{
	enum upload_status status;

	if (image == NULL)
		return UPLOAD_FAILED;
	status = save(image, kind, quality, fd);
	made->kind = kind;
	made->width = vips_image_get_width(image);
	made->height = vips_image_get_page_height(image);
	g_object_unref(image);
	return status;
}

static enum upload_status
thumbnail_put(VipsImage *frame, int fd, struct upload_made *made)
{
	VipsImage *image = NULL;

	if (vips_thumbnail_image(frame, &image, UPLOAD_IMAGE_THUMBNAIL,
		"height", UPLOAD_IMAGE_THUMBNAIL, "size", VIPS_SIZE_DOWN,
		NULL) != 0 ||
	    (image = plain(image)) == NULL)
		return UPLOAD_FAILED;
	return put(settle(image),
	    vips_image_hasalpha(frame) ? UPLOAD_PNG : UPLOAD_JPEG,
	    THUMBNAIL_QUALITY, fd, made);
}

static enum upload_status
all_put(VipsImage *kept, enum upload_kind kind, const int out[UPLOAD_VARIANTS],
    struct upload_made made[UPLOAD_VARIANTS])
{
	VipsImage *frame = first_frame(kept);
	enum upload_status status = UPLOAD_FAILED;

	if (frame != NULL)
		status = put(g_object_ref(kept), kind,
		    kind == UPLOAD_WEBP ? WEBP_QUALITY : JPEG_QUALITY,
		    out[UPLOAD_KEPT], &made[UPLOAD_KEPT]);
	if (status == UPLOAD_OK)
		status = thumbnail_put(
		    frame, out[UPLOAD_THUMBNAIL], &made[UPLOAD_THUMBNAIL]);
	g_clear_object(&frame);
	return status;
}

enum upload_status
upload_image_process(int fd, enum upload_kind kind,
    const int out[UPLOAD_VARIANTS], struct upload_made made[UPLOAD_VARIANTS],
    char reason[UPLOAD_REASON_MAX])
{
	VipsSource *source = vips_source_new_from_descriptor(fd);
	enum upload_status status = UPLOAD_FAILED;
	VipsImage *kept = NULL;
	bool animated = false;

	if (source != NULL)
		status = header_check(source, kind, &animated);
	if (status == UPLOAD_OK) {
		kept = kept_load(source, animated);
		status = kept != NULL ? all_put(kept, kind, out, made) :
					UPLOAD_BAD_IMAGE;
	}
	g_clear_object(&kept);
	g_clear_object(&source);
	if (status != UPLOAD_OK)
		snprintf(reason, UPLOAD_REASON_MAX, "%s", vips_error_buffer());
	vips_error_clear();
	return status;
}
