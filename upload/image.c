/* SPDX-License-Identifier: ISC */
/* A stranger's picture made ours, through libvips. */

#include "upload/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gmodule.h>
#include <vips/vips.h>

#include "base/log.h"
#include "upload/blurhash.h"
#include "upload/gif.h"

enum {
	JPEG_QUALITY = 85,
	WEBP_QUALITY = 82,
	THUMBNAIL_QUALITY = 80,
	GIF_EFFORT = 4,
	WEBP_EFFORT = 2,
	WEBP_LESS = 8,	  /* as good as a JPEG of so much more */
	PAGE_ZOOM_MAX = 8 /* of a stamp */
};

/* Everything that can read a file is off but the loaders of the kinds that are
 * taken (their subclasses are the variants for files, memory and streams); TIFF
 * among others, which libvips itself trusts.  PDF stays off until a page is
 * drawn.  `module` is the file it may have to come from. */
static const struct {
	enum upload_kind kind;
	const char *loader, *operation, *module;
} loaders[] = {
	{ UPLOAD_JPEG, "VipsForeignLoadJpeg", "jpegload_source", NULL },
	{ UPLOAD_PNG, "VipsForeignLoadPng", "pngload_source", NULL },
	{ UPLOAD_GIF, "VipsForeignLoadNsgif", "gifload_source", NULL },
	{ UPLOAD_WEBP, "VipsForeignLoadWebp", "webpload_source", NULL },
	{ UPLOAD_AVIF, "VipsForeignLoadHeif", "heifload_source", "vips-heif" },
	{ UPLOAD_HEIC, "VipsForeignLoadHeif", "heifload_source", "vips-heif" },
	{ UPLOAD_PDF, "VipsForeignLoadPdf", "pdfload_source", "vips-poppler" },
};

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

/* The one module of a loader that is not built in; no others. */
static void
module_load(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/vips-modules-%d.%d/%s.%s",
	    PARLEY_VIPS_LIBDIR, vips_version(0), vips_version(1), name,
	    G_MODULE_SUFFIX);
	if (g_module_open(path, G_MODULE_BIND_LAZY) == NULL)
		base_log_warn("no such module of libvips", "name=%s", name);
}

static bool
can_load(size_t i)
{
	if (vips_type_find("VipsOperation", loaders[i].operation) == 0 &&
	    loaders[i].module != NULL)
		module_load(loaders[i].module);
	return vips_type_find("VipsOperation", loaders[i].operation) != 0;
}

bool
upload_image_setup(upload_kinds kinds, upload_kinds *lacking)
{
	*lacking = 0;
	/* Modules bring loaders along with their libraries: let it look for
	 * them where there are none. */
	setenv("VIPSHOME", "/nonexistent", 1);
	if (VIPS_INIT("parley-decode") != 0)
		return false;
	vips_block_untrusted_set(TRUE);
	for (size_t i = 0; i < ARRAY_LEN(loaders); i++)
		if ((kinds & UPLOAD_KIND_BIT(loaders[i].kind)) != 0 &&
		    !can_load(i))
			*lacking |= UPLOAD_KIND_BIT(loaders[i].kind);
	vips_operation_block_set("VipsForeignLoad", TRUE);
	for (size_t i = 0; i < ARRAY_LEN(loaders); i++)
		if ((kinds & ~*lacking & UPLOAD_KIND_BIT(loaders[i].kind)) !=
			0 &&
		    loaders[i].kind != UPLOAD_PDF)
			vips_operation_block_set(loaders[i].loader, FALSE);
	g_log_set_handler("VIPS",
	    G_LOG_LEVEL_WARNING | G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG,
	    on_warning, NULL);
	vips_cache_set_max(0);
	vips_concurrency_set(1);
	return true;
}

void
upload_image_pages_allow(void)
{
	vips_operation_block_set("VipsForeignLoadPdf", FALSE);
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
	case UPLOAD_AVIF:
	case UPLOAD_HEIC:
		failed = vips_heifload_source(source, &image, NULL);
		break;
	case UPLOAD_PDF:
		failed = vips_pdfload_source(source, &image, NULL);
		break;
	}
	return failed == 0 ? image : NULL;
}

/* vips_image_get_n_pages() takes 10,000 and more for one. */
static int
frames_get(VipsImage *image)
{
	int frames = 1;

	if (vips_image_get_typeof(image, VIPS_META_N_PAGES) != 0 &&
	    vips_image_get_int(image, VIPS_META_N_PAGES, &frames) != 0)
		return 1;
	return frames;
}

/* What the header promises, before anything is decoded. */
struct promise {
	int width, height; /* of a frame */
	bool animated;	   /* and may stay so */
};

static enum upload_status
header_check(VipsSource *source, enum upload_kind kind, struct promise *p)
{
	VipsImage *image = header_load(source, kind);
	int64_t pixels, frames;

	if (image == NULL)
		return kind == UPLOAD_PDF ? UPLOAD_BAD_DOCUMENT :
					    UPLOAD_BAD_IMAGE;
	p->width = vips_image_get_width(image);
	p->height = vips_image_get_page_height(image);
	pixels = (int64_t)p->width * p->height;
	frames = frames_get(image);
	g_object_unref(image);
	/* A page is drawn as large as we want it. */
	if (kind != UPLOAD_PDF && pixels > UPLOAD_IMAGE_PIXELS_MAX)
		return UPLOAD_TOO_MANY_PIXELS;
	if (kind != UPLOAD_GIF && kind != UPLOAD_WEBP)
		return UPLOAD_OK;
	if (frames > UPLOAD_IMAGE_FRAMES_SANE ||
	    frames * pixels > UPLOAD_IMAGE_ANIMATED_SANE)
		return UPLOAD_TOO_MANY_PIXELS;
	p->animated = frames > 1 && frames <= UPLOAD_IMAGE_FRAMES_MAX &&
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

/* Drop all that is said of the picture besides its pixels, but for what an
 * animation needs.  Writers strip it as well; yet some of them read it first,
 * and libvips has been seen to read freed memory of EXIF there. */
static void
metadata_drop(VipsImage *image)
{
	static const char *const needed[] = { VIPS_META_PAGE_HEIGHT,
		VIPS_META_N_PAGES, "delay", "loop", "gif-loop", "gif-delay",
		"background" };
	gchar **fields = vips_image_get_fields(image);
	size_t i;

	for (gchar **f = fields; f != NULL && *f != NULL; f++) {
		for (i = 0; i < ARRAY_LEN(needed); i++)
			if (strcmp(*f, needed[i]) == 0)
				break;
		if (i == ARRAY_LEN(needed))
			(void)vips_image_remove(image, *f);
	}
	g_strfreev(fields);
}

/* `image`, which is dropped, with its pixels in memory: what failed in the
 * decoder has failed by now, and the stranger's bytes are read once. */
static VipsImage *
settle(VipsImage *image)
{
	VipsImage *pixels = vips_image_copy_memory(image), *out = NULL;

	g_object_unref(image);
	if (pixels == NULL)
		return NULL;
	/* A copy, because what is said of an image may be shared. */
	if (vips_copy(pixels, &out, NULL) == 0)
		metadata_drop(out);
	g_object_unref(pixels);
	return out;
}

/* Libjpeg fills up what is missing and says so by the way; libvips keeps what it
 * said, translated by nobody. */
static bool
is_filled_up(enum upload_kind kind)
{
	return kind == UPLOAD_JPEG &&
	    strstr(vips_error_buffer(), "premature end of data") != NULL;
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

/* On white, whatever shows through. */
static int
flatten(VipsImage *image, VipsImage **out)
{
	VipsArrayDouble *white;
	int failed;

	/* It takes the last band for transparency, whatever it is. */
	if (!vips_image_hasalpha(image)) {
		*out = g_object_ref(image);
		return 0;
	}
	white = vips_array_double_newv(1, 255.0);
	failed = vips_flatten(image, out, "background", white, NULL);
	vips_area_unref(VIPS_AREA(white));
	return failed;
}

/* A page in the size we want. */
static VipsImage *
page_load(VipsSource *source, const struct promise *p)
{
	int longer = p->width > p->height ? p->width : p->height;
	double zoom = (double)UPLOAD_IMAGE_PAGE / (longer > 0 ? longer : 1);
	VipsImage *page = NULL, *image = NULL;
	int failed;

	if (zoom > PAGE_ZOOM_MAX)
		zoom = PAGE_ZOOM_MAX;
	if (vips_pdfload_source(source, &page, "scale", zoom, "fail_on",
		VIPS_FAIL_ON_ERROR, NULL) != 0)
		return NULL;
	failed = flatten(page, &image);
	g_object_unref(page);
	return failed == 0 ? settle(image) : NULL;
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

/* One more form, and its WebP beside it. */
static enum upload_status
put(VipsImage *image, enum upload_kind kind, int quality,
    enum upload_variant variant, const int out[UPLOAD_VARIANTS],
    struct upload_report *report)
{
	struct upload_made made = { kind, vips_image_get_width(image),
		vips_image_get_page_height(image) };
	enum upload_status status;

	status = save(image, kind, quality, out[variant]);
	if (status != UPLOAD_OK)
		return status;
	report->made[variant] = made;
	/* Animations and what is WebP stay as they are. */
	if (kind != UPLOAD_JPEG && kind != UPLOAD_PNG)
		return UPLOAD_OK;
	status =
	    save(image, UPLOAD_WEBP, quality - WEBP_LESS, out[variant + 1]);
	made.kind = UPLOAD_WEBP;
	report->made[variant + 1] = made;
	return status;
}

/* Scaled down to fit a square, or cut to fill it. */
static VipsImage *
small_make(VipsImage *frame, int side, bool is_cut)
{
	VipsImage *image = NULL;
	int failed;

	if (is_cut)
		failed = vips_thumbnail_image(frame, &image, side, "height",
		    side, "crop", VIPS_INTERESTING_CENTRE, NULL);
	else
		failed = vips_thumbnail_image(frame, &image, side, "height",
		    side, "size", VIPS_SIZE_DOWN, NULL);
	if (failed != 0 || (image = plain(image)) == NULL)
		return NULL;
	return settle(image);
}

static enum upload_status
small_put(VipsImage *frame, int side, enum upload_variant variant,
    const int out[UPLOAD_VARIANTS], struct upload_report *report)
{
	VipsImage *image = small_make(frame, side, variant == UPLOAD_AVATAR);
	enum upload_status status;

	if (image == NULL)
		return UPLOAD_FAILED;
	status =
	    put(image, vips_image_hasalpha(image) ? UPLOAD_PNG : UPLOAD_JPEG,
		THUMBNAIL_QUALITY, variant, out, report);
	g_object_unref(image);
	return status;
}

static enum upload_status
blurhash_set(VipsImage *frame, struct upload_report *report)
{
	VipsImage *image = small_make(frame, UPLOAD_BLURHASH_SIDE, false);
	VipsImage *flat = NULL;
	size_t bytes;
	void *rgb;

	if (image == NULL)
		return UPLOAD_FAILED;
	if (flatten(image, &flat) == 0 && vips_image_get_bands(flat) == 3 &&
	    (rgb = vips_image_write_to_memory(flat, &bytes)) != NULL) {
		upload_blurhash_make(rgb, vips_image_get_width(flat),
		    vips_image_get_height(flat), report->blurhash);
		g_free(rgb);
	}
	g_clear_object(&flat);
	g_object_unref(image);
	return UPLOAD_OK;
}

/* In what a picture is kept: of formats that not every browser shows in one
 * that it does. */
static enum upload_kind
kept_kind(VipsImage *image, enum upload_kind kind)
{
	if (upload_kind_is_shown(kind))
		return kind;
	return vips_image_hasalpha(image) ? UPLOAD_WEBP : UPLOAD_JPEG;
}

static enum upload_status
all_put(VipsImage *kept, enum upload_kind kind, const int out[UPLOAD_VARIANTS],
    struct upload_report *report)
{
	VipsImage *frame = first_frame(kept);
	enum upload_status status = UPLOAD_FAILED;

	kind = kept_kind(kept, kind);
	if (frame != NULL)
		status = put(kept, kind,
		    kind == UPLOAD_WEBP ? WEBP_QUALITY : JPEG_QUALITY,
		    UPLOAD_KEPT, out, report);
	if (status == UPLOAD_OK)
		status = small_put(frame, UPLOAD_IMAGE_THUMBNAIL,
		    UPLOAD_THUMBNAIL, out, report);
	if (status == UPLOAD_OK)
		status = small_put(
		    frame, UPLOAD_IMAGE_AVATAR, UPLOAD_AVATAR, out, report);
	if (status == UPLOAD_OK)
		status = blurhash_set(frame, report);
	g_clear_object(&frame);
	return status;
}

enum upload_status
upload_image_process(int fd, enum upload_kind kind,
    const int out[UPLOAD_VARIANTS], struct upload_report *report)
{
	VipsSource *source = vips_source_new_from_descriptor(fd);
	enum upload_status status = UPLOAD_FAILED;
	struct promise promise = { 0 };
	VipsImage *kept = NULL;

	if (kind == UPLOAD_GIF && !upload_gif_is_whole(fd))
		status = UPLOAD_BAD_IMAGE;
	else if (source != NULL)
		status = header_check(source, kind, &promise);
	if (status == UPLOAD_OK) {
		kept = kind == UPLOAD_PDF ? page_load(source, &promise) :
					    kept_load(source, promise.animated);
		if (kept != NULL && !is_filled_up(kind))
			status = all_put(kept, kind, out, report);
		else
			status = kind == UPLOAD_PDF ? UPLOAD_BAD_DOCUMENT :
						      UPLOAD_BAD_IMAGE;
	}
	g_clear_object(&kept);
	g_clear_object(&source);
	if (status != UPLOAD_OK)
		snprintf(report->reason, sizeof(report->reason), "%s",
		    vips_error_buffer());
	vips_error_clear();
	return status;
}
