/* SPDX-License-Identifier: ISC */
/* A stranger's picture made ours, through libvips. */

#include "upload/image.h"

#include <stdlib.h>

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
	struct upload_temp *temp; /* borrowed */
	enum upload_status status;
};

static gint64
on_write(VipsTargetCustom *target, const void *p, gint64 n, void *arg)
{
	struct sink *sink = arg;

	(void)target;
	if (sink->status == UPLOAD_OK)
		sink->status =
		    upload_store_temp_write(sink->temp, p, (size_t)n);
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
save(VipsImage *image, enum upload_kind kind, int quality,
    struct upload_temp *temp)
{
	struct sink sink = { .temp = temp, .status = UPLOAD_OK };
	VipsTargetCustom *target = vips_target_custom_new();
	int failed;

	g_signal_connect(target, "write", G_CALLBACK(on_write), &sink);
	failed = encode(image, kind, quality, VIPS_TARGET(target));
	g_object_unref(target);
	if (sink.status != UPLOAD_OK)
		return sink.status;
	/* Decoding runs while we encode: a failure is the sender's. */
	return failed == 0 ? UPLOAD_OK : UPLOAD_BAD_IMAGE;
}

/* The header only, by the one loader of the kind. */
static VipsImage *
header_load(const char *path, enum upload_kind kind)
{
	VipsImage *image = NULL;
	int failed = -1;

	switch ((int)kind) {
	case UPLOAD_JPEG:
		failed = vips_jpegload(path, &image, NULL);
		break;
	case UPLOAD_PNG:
		failed = vips_pngload(path, &image, NULL);
		break;
	case UPLOAD_GIF:
		failed = vips_gifload(path, &image, NULL);
		break;
	case UPLOAD_WEBP:
		failed = vips_webpload(path, &image, NULL);
		break;
	}
	return failed == 0 ? image : NULL;
}

/* What the header promises, before anything is decoded: is it too much, and
 * may it stay animated? */
static enum upload_status
header_check(const char *path, enum upload_kind kind, bool *animated)
{
	VipsImage *image = header_load(path, kind);
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

/* Upright, in sRGB, at most `width` x `height`, in eight bits. */
static VipsImage *
scale(const char *path, bool animated, int width, int height)
{
	VipsImage *scaled = NULL, *plain = NULL;
	char *source = g_strdup_printf("%s%s", path, animated ? "[n=-1]" : "");
	int failed;

	failed = vips_thumbnail(source, &scaled, width, "height", height,
	    "size", VIPS_SIZE_DOWN, "export_profile", "srgb", "fail_on",
	    VIPS_FAIL_ON_ERROR, NULL);
	g_free(source);
	if (failed != 0)
		return NULL;
	if (vips_image_get_interpretation(scaled) == VIPS_INTERPRETATION_sRGB &&
	    vips_image_get_format(scaled) == VIPS_FORMAT_UCHAR)
		return scaled;
	failed =
	    vips_colourspace(scaled, &plain, VIPS_INTERPRETATION_sRGB, NULL);
	g_object_unref(scaled);
	return failed == 0 ? plain : NULL;
}

static enum upload_status
kept_write(const char *source, enum upload_kind kind, bool animated,
    struct upload_temp *kept, struct upload_image *out)
{
	VipsImage *image =
	    scale(source, animated, UPLOAD_IMAGE_WIDTH, UPLOAD_IMAGE_HEIGHT);
	enum upload_status status;

	if (image == NULL)
		return UPLOAD_BAD_IMAGE;
	out->width = vips_image_get_width(image);
	out->height = vips_image_get_page_height(image);
	status = save(image, kind,
	    kind == UPLOAD_WEBP ? WEBP_QUALITY : JPEG_QUALITY, kept);
	g_object_unref(image);
	return status;
}

/* Of the kept picture: the stranger's bytes are decoded once. */
static enum upload_status
thumbnail_write(
    const char *kept, struct upload_temp *thumbnail, struct upload_image *out)
{
	VipsImage *image =
	    scale(kept, false, UPLOAD_IMAGE_THUMBNAIL, UPLOAD_IMAGE_THUMBNAIL);
	enum upload_status status;

	if (image == NULL)
		return UPLOAD_FAILED;
	out->thumbnail_kind =
	    vips_image_hasalpha(image) ? UPLOAD_PNG : UPLOAD_JPEG;
	out->thumbnail_width = vips_image_get_width(image);
	out->thumbnail_height = vips_image_get_height(image);
	status = save(image, out->thumbnail_kind, THUMBNAIL_QUALITY, thumbnail);
	g_object_unref(image);
	return status;
}

static void
failure_log(enum upload_status status)
{
	char reason[200];

	if (status != UPLOAD_OK)
		base_log_info("image refused", "code=%s reason=%s",
		    upload_status_code(status),
		    base_log_quote(
			reason, sizeof(reason), vips_error_buffer()));
	vips_error_clear();
}

enum upload_status
upload_image_process(const char *source, enum upload_kind kind,
    struct upload_temp *kept, struct upload_temp *thumbnail,
    struct upload_image *out)
{
	enum upload_status status;
	bool animated = false;

	status = header_check(source, kind, &animated);
	if (status == UPLOAD_OK)
		status = kept_write(source, kind, animated, kept, out);
	if (status == UPLOAD_OK)
		status = thumbnail_write(kept->path, thumbnail, out);
	failure_log(status);
	return status;
}
