/* SPDX-License-Identifier: ISC */
/* upload/image.c with pictures that libvips makes here: turned, odd, broken. */

#include "tests/unit/harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vips/vips.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "upload/image.h"
#include "upload/store.h"

#ifdef __SANITIZE_ADDRESS__
/* Fontconfig keeps what it has read to the end. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return ("leak:libfontconfig\n");
}
#endif

/* A picture on its way: the sender's file, and what is made of it. */
struct work {
	char source[64];
	struct upload_temp made[UPLOAD_VARIANTS];
	struct upload_report report;
	struct upload_made *result; /* of the report */
};

static void
temp_make(struct upload_temp *temp)
{
	char path[] = "/tmp/parley-image-XXXXXX";

	temp->fd = mkstemp(path);
	temp->path = base_strdup(path);
}

static void
begin(struct work *w, const char *suffix)
{
	static bool started;

	upload_kinds lacking;

	if (!started) {
		CU_ASSERT_FATAL(upload_image_setup(UPLOAD_KINDS_ALL, &lacking));
		CU_ASSERT_EQUAL(lacking, 0);
		upload_image_pages_allow();
	}
	started = true;
	base_log_level_set(BASE_LOG_WARN);
	memset(w, 0, sizeof(*w));
	upload_report_init(&w->report);
	w->result = w->report.made;
	snprintf(w->source, sizeof(w->source), "/tmp/parley-image-%d.%s",
	    (int)getpid(), suffix);
	for (int i = 0; i < UPLOAD_VARIANTS; i++)
		temp_make(&w->made[i]);
}

static void
end(struct work *w)
{
	unlink(w->source);
	for (int i = 0; i < UPLOAD_VARIANTS; i++)
		upload_store_temp_discard(&w->made[i]);
}

static enum upload_status
process(struct work *w, enum upload_kind kind)
{
	int source = open(w->source, O_RDONLY), out[UPLOAD_VARIANTS];
	enum upload_status status;

	CU_ASSERT_FATAL(source != -1);
	for (int i = 0; i < UPLOAD_VARIANTS; i++)
		out[i] = w->made[i].fd;
	status = upload_image_process(source, kind, out, &w->report);
	close(source);
	return (status);
}

/* Black with a white square of 10 at the left top, `bands` wide. */
static VipsImage *
picture(int width, int height, int bands)
{
	VipsImage *black, *image;
	double ink[4] = { 255, 255, 255, 255 };

	CU_ASSERT_FATAL(
	    vips_black(&black, width, height, "bands", bands, NULL) == 0);
	image = vips_image_copy_memory(black);
	g_object_unref(black);
	vips_draw_rect(image, ink, bands, 0, 0, 10, 10, "fill", TRUE, NULL);
	image->Type =
	    bands < 3 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB;
	return (image);
}

static VipsImage *
frames(int width, int height, int n)
{
	VipsImage *image = picture(width, height * n, 3);
	double ink[3] = { 200, 0, 0 };
	int *delays = base_alloc_array((size_t)n, sizeof(int));

	/* No two frames alike, or a saver may join them. */
	for (int i = 0; i < n; i++) {
		delays[i] = 70;
		vips_draw_rect(image, ink, 3, i % width, i * height, 1, 1,
		    "fill", TRUE, NULL);
	}
	vips_image_set_int(image, "page-height", height);
	vips_image_set_array_int(image, "delay", delays, n);
	base_free(delays);
	return (image);
}

/* Write and drop `image`; the suffix of the source says how. */
static void
write_source(struct work *w, VipsImage *image)
{
	CU_ASSERT_FATAL(vips_image_write_to_file(image, w->source, NULL) == 0);
	g_object_unref(image);
}

static VipsImage *
read_back(const struct upload_temp *temp, const char *options)
{
	char name[80];
	VipsImage *image;

	snprintf(name, sizeof(name), "%s%s", temp->path, options);
	image = vips_image_new_from_file(name, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(image);
	return (image);
}

/* The first band at x, y. */
static int
pixel(VipsImage *image, int x, int y)
{
	double *values, first;
	int n;

	CU_ASSERT_FATAL(vips_getpoint(image, &values, &n, x, y, NULL) == 0);
	first = values[0];
	g_free(values);
	return ((int)first);
}

static bool
contains(const struct upload_temp *temp, const char *text)
{
	char *bytes = base_alloc(1 << 20);
	ssize_t n = pread(temp->fd, bytes, 1 << 20, 0);
	bool found = memmem(bytes, (size_t)n, text, strlen(text)) != NULL;

	base_free(bytes);
	return (found);
}

static void
test_turns_and_strips(void)
{
	VipsImage *image;
	struct work w;

	begin(&w, "jpg");
	image = picture(400, 300, 3);
	vips_image_set_int(image, "orientation", 6);
	vips_image_set_string(image, "exif-ifd0-Make",
	    "SecretCamera (SecretCamera, ASCII, 13 components, 13 bytes)");
	vips_image_set_string(image, "exif-ifd3-GPSLatitude",
	    "51/1 30/1 0/1 (51, 30, 0, Rational, 3 components, 24 bytes)");
	write_source(&w, image);
	CU_ASSERT_EQUAL_FATAL(process(&w, UPLOAD_JPEG), UPLOAD_OK);
	CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].width, 300);
	CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].height, 400);
	CU_ASSERT_EQUAL(w.result[UPLOAD_THUMBNAIL].width, 225);
	CU_ASSERT_EQUAL(w.result[UPLOAD_THUMBNAIL].height, 300);
	CU_ASSERT_EQUAL(w.result[UPLOAD_THUMBNAIL].kind, UPLOAD_JPEG);
	CU_ASSERT_FALSE(contains(&w.made[UPLOAD_KEPT], "Exif"));
	CU_ASSERT_FALSE(contains(&w.made[UPLOAD_KEPT], "SecretCamera"));
	CU_ASSERT_FALSE(contains(&w.made[UPLOAD_THUMBNAIL], "Exif"));

	/* Orientation 6: the left top came to the right top. */
	image = read_back(&w.made[UPLOAD_KEPT], "");
	CU_ASSERT_EQUAL(vips_image_get_width(image), 300);
	CU_ASSERT(pixel(image, 295, 4) > 200);
	CU_ASSERT(pixel(image, 4, 4) < 50);
	g_object_unref(image);
	end(&w);
}

static void
test_scales_down_only(void)
{
	struct work w;

	begin(&w, "png");
	write_source(&w, picture(3000, 60, 3));
	CU_ASSERT_EQUAL(process(&w, UPLOAD_PNG), UPLOAD_OK);
	CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].width, 2000);
	CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].height, 40);
	CU_ASSERT_EQUAL(w.result[UPLOAD_THUMBNAIL].width, 300);
	CU_ASSERT_EQUAL(w.result[UPLOAD_THUMBNAIL].height, 6);
	end(&w);

	begin(&w, "png");
	write_source(&w, picture(20, 9000, 3));
	CU_ASSERT_EQUAL(process(&w, UPLOAD_PNG), UPLOAD_OK);
	CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].width, 18);
	CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].height, 8000);
	CU_ASSERT_EQUAL(w.result[UPLOAD_THUMBNAIL].height, 300);
	CU_ASSERT_EQUAL(w.result[UPLOAD_THUMBNAIL].width, 1);
	end(&w);

	begin(&w, "png");
	write_source(&w, picture(1, 1, 3));
	CU_ASSERT_EQUAL(process(&w, UPLOAD_PNG), UPLOAD_OK);
	CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].width, 1);
	CU_ASSERT_EQUAL(w.result[UPLOAD_THUMBNAIL].width, 1);
	end(&w);
}

/* Whatever colours came, eight-bit sRGB is kept. */
static void
expect_plain(struct work *w, enum upload_kind kind, int bands)
{
	VipsImage *image;

	CU_ASSERT_EQUAL_FATAL(process(w, kind), UPLOAD_OK);
	image = read_back(&w->made[UPLOAD_KEPT], "");
	CU_ASSERT_EQUAL(
	    vips_image_get_interpretation(image), VIPS_INTERPRETATION_sRGB);
	CU_ASSERT_EQUAL(vips_image_get_format(image), VIPS_FORMAT_UCHAR);
	CU_ASSERT_EQUAL(vips_image_get_bands(image), bands);
	CU_ASSERT_EQUAL(vips_image_get_typeof(image, VIPS_META_ICC_NAME), 0);
	g_object_unref(image);
	end(w);
}

static void
test_colours_become_srgb(void)
{
	VipsImage *image, *other;
	struct work w;

	begin(&w, "jpg");
	image = picture(100, 80, 3);
	CU_ASSERT_FATAL(vips_icc_export(image, &other, "output_profile", "cmyk",
			    NULL) == 0);
	g_object_unref(image);
	CU_ASSERT_EQUAL(vips_image_get_bands(other), 4);
	write_source(&w, other);
	expect_plain(&w, UPLOAD_JPEG, 3);

	begin(&w, "jpg");
	write_source(&w, picture(100, 80, 1));
	expect_plain(&w, UPLOAD_JPEG, 3);

	begin(&w, "png");
	image = picture(100, 80, 3);
	CU_ASSERT_FATAL(vips_colourspace(image, &other,
			    VIPS_INTERPRETATION_RGB16, NULL) == 0);
	g_object_unref(image);
	write_source(&w, other);
	expect_plain(&w, UPLOAD_PNG, 3);

	begin(&w, "png");
	write_source(&w, picture(100, 80, 2));
	expect_plain(&w, UPLOAD_PNG, 4);
}

static void
test_transparent_thumbnails_are_png(void)
{
	struct work w;

	begin(&w, "png");
	write_source(&w, picture(100, 80, 4));
	CU_ASSERT_EQUAL(process(&w, UPLOAD_PNG), UPLOAD_OK);
	CU_ASSERT_EQUAL(w.result[UPLOAD_THUMBNAIL].kind, UPLOAD_PNG);
	end(&w);
}

static void
test_animations_stay_animated(void)
{
	static const struct {
		const char *suffix;
		enum upload_kind kind;
	} formats[] = { { "gif", UPLOAD_GIF }, { "webp", UPLOAD_WEBP } };
	VipsImage *image;
	struct work w;
	int *delays, n;

	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		begin(&w, formats[i].suffix);
		write_source(&w, frames(2500, 50, 4));
		CU_ASSERT_EQUAL_FATAL(process(&w, formats[i].kind), UPLOAD_OK);
		CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].width, 2000);
		CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].height, 40);
		image = read_back(&w.made[UPLOAD_KEPT], "[n=-1]");
		CU_ASSERT_EQUAL(vips_image_get_n_pages(image), 4);
		CU_ASSERT_EQUAL(vips_image_get_height(image), 160);
		CU_ASSERT_EQUAL(
		    vips_image_get_array_int(image, "delay", &delays, &n), 0);
		CU_ASSERT_EQUAL(n, 4);
		CU_ASSERT_EQUAL(delays[0], 70);
		g_object_unref(image);
		CU_ASSERT_EQUAL(w.result[UPLOAD_THUMBNAIL].height, 6);
		end(&w);
	}
}

/* The limit of the height is for each frame, not for all of them. */
static void
test_frames_keep_their_height(void)
{
	struct work w;

	begin(&w, "gif");
	write_source(&w, frames(10, 500, 40));
	CU_ASSERT_EQUAL_FATAL(process(&w, UPLOAD_GIF), UPLOAD_OK);
	CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].width, 10);
	CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].height, 500);
	end(&w);
}

static void
test_long_animations_become_stills(void)
{
	VipsImage *image;
	struct work w;

	begin(&w, "gif");
	write_source(&w, frames(40, 4, UPLOAD_IMAGE_FRAMES_MAX + 1));
	CU_ASSERT_EQUAL_FATAL(process(&w, UPLOAD_GIF), UPLOAD_OK);
	CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].height, 4);
	image = read_back(&w.made[UPLOAD_KEPT], "[n=-1]");
	CU_ASSERT_EQUAL(vips_image_get_n_pages(image), 1);
	g_object_unref(image);
	end(&w);
}

static bool
is_webp(const struct upload_temp *temp)
{
	char head[12];

	return (pread(temp->fd, head, 12, 0) == 12 &&
	    memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WEBP", 4) == 0);
}

/* Each form in two types. */
static void
test_makes_all_forms(void)
{
	struct work w;

	begin(&w, "jpg");
	write_source(&w, picture(700, 500, 3));
	CU_ASSERT_EQUAL_FATAL(process(&w, UPLOAD_JPEG), UPLOAD_OK);
	CU_ASSERT_EQUAL(w.result[UPLOAD_AVATAR].kind, UPLOAD_JPEG);
	CU_ASSERT_EQUAL(w.result[UPLOAD_AVATAR].width, 64);
	CU_ASSERT_EQUAL(w.result[UPLOAD_AVATAR].height, 64);
	for (int i = UPLOAD_KEPT_WEBP; i < UPLOAD_VARIANTS; i += 2) {
		CU_ASSERT_EQUAL(w.result[i].kind, UPLOAD_WEBP);
		CU_ASSERT_EQUAL(w.result[i].width, w.result[i - 1].width);
		CU_ASSERT(is_webp(&w.made[i]));
	}
	CU_ASSERT_EQUAL(strlen(w.report.blurhash), UPLOAD_BLURHASH_MAX);
	end(&w);

	/* A small one is cut and enlarged to the avatar, and nothing else. */
	begin(&w, "png");
	write_source(&w, picture(20, 40, 4));
	CU_ASSERT_EQUAL_FATAL(process(&w, UPLOAD_PNG), UPLOAD_OK);
	CU_ASSERT_EQUAL(w.result[UPLOAD_AVATAR].width, 64);
	CU_ASSERT_EQUAL(w.result[UPLOAD_AVATAR].height, 64);
	CU_ASSERT_EQUAL(w.result[UPLOAD_THUMBNAIL].width, 20);
	end(&w);
}

/* What browsers do not show is kept in what they do. */
static void
test_heif(void)
{
	VipsImage *image;
	struct work w;

	begin(&w, "avif");
	write_source(&w, picture(120, 80, 3));
	CU_ASSERT_EQUAL_FATAL(process(&w, UPLOAD_AVIF), UPLOAD_OK);
	CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].kind, UPLOAD_JPEG);
	CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].width, 120);
	image = read_back(&w.made[UPLOAD_KEPT], "");
	CU_ASSERT(pixel(image, 4, 4) > 200);
	CU_ASSERT(pixel(image, 60, 60) < 50);
	g_object_unref(image);
	end(&w);

	begin(&w, "avif");
	write_source(&w, picture(120, 80, 4));
	CU_ASSERT_EQUAL_FATAL(process(&w, UPLOAD_AVIF), UPLOAD_OK);
	CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].kind, UPLOAD_WEBP);
	CU_ASSERT_EQUAL(w.result[UPLOAD_THUMBNAIL].kind, UPLOAD_PNG);
	end(&w);
}

/* As phones write it, HEVC inside: 40 x 20, red at its left top, blue at its right
 * bottom, green at the left below; to be turned by a quarter, which the file says
 * in its own words and again in EXIF, and XMP besides. */
static void
test_heif_of_a_phone(void)
{
	const char *top = getenv("PARLEY_SOURCE");
	VipsImage *image;
	char path[512];
	struct work w;

	begin(&w, "heic");
	snprintf(path, sizeof(path), "%s/tests/unit/turned.heic",
	    top != NULL ? top : ".");
	CU_ASSERT_EQUAL_FATAL(symlink(path, w.source), 0);
	CU_ASSERT_EQUAL_FATAL(process(&w, UPLOAD_HEIC), UPLOAD_OK);
	CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].kind, UPLOAD_JPEG);
	CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].width, 20);
	CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].height, 40);
	image = read_back(&w.made[UPLOAD_KEPT], "");
	CU_ASSERT(pixel(image, 3, 2) < 100);   /* green */
	CU_ASSERT(pixel(image, 15, 8) > 150);  /* red */
	CU_ASSERT(pixel(image, 4, 32) < 100);  /* blue */
	CU_ASSERT(pixel(image, 15, 32) > 200); /* white */
	CU_ASSERT_EQUAL(vips_image_get_typeof(image, "exif-data"), 0);
	CU_ASSERT_EQUAL(vips_image_get_typeof(image, "xmp-data"), 0);
	g_object_unref(image);
	end(&w);
}

/* A page of 300 x 200 points, black below its middle. */
static const char pdf[] =
    "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]"
    "/Contents 4 0 R/Resources<</Font<</F<</Type/Font/Subtype/Type1"
    "/BaseFont/Helvetica>>>>>>>>endobj\n"
    "4 0 obj<</Length 62>>stream\n"
    "0 0 300 100 re f BT /F 40 Tf 20 120 Td (Parley) Tj ET         \n"
    "endstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";

static void
text_source(struct work *w, const char *text, size_t n)
{
	int fd = open(w->source, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	CU_ASSERT_EQUAL(write(fd, text, n), (ssize_t)n);
	close(fd);
}

static void
test_pages(void)
{
	VipsImage *image;
	struct work w;

	begin(&w, "pdf");
	text_source(&w, pdf, sizeof(pdf) - 1);
	CU_ASSERT_EQUAL_FATAL(process(&w, UPLOAD_PDF), UPLOAD_OK);
	CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].kind, UPLOAD_JPEG);
	CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].width, 1200);
	CU_ASSERT_EQUAL(w.result[UPLOAD_KEPT].height, 800);
	CU_ASSERT_EQUAL(w.result[UPLOAD_THUMBNAIL].width, 300);
	image = read_back(&w.made[UPLOAD_KEPT], "");
	CU_ASSERT(pixel(image, 1100, 40) > 200);
	CU_ASSERT(pixel(image, 600, 700) < 50);
	g_object_unref(image);
	CU_ASSERT_EQUAL(ftruncate(w.made[UPLOAD_KEPT].fd, 0), 0);
	text_source(&w, "%PDF-1.4\nnothing\n", 17);
	CU_ASSERT_EQUAL(process(&w, UPLOAD_PDF), UPLOAD_BAD_DOCUMENT);
	end(&w);
}

static void
test_broken_pictures_are_refused(void)
{
	static const struct {
		const char *suffix;
		enum upload_kind kind;
	} formats[] = { { "jpg", UPLOAD_JPEG }, { "png", UPLOAD_PNG },
		{ "webp", UPLOAD_WEBP } };
	VipsImage *noise, *image;
	struct stat st;
	struct work w;

	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		begin(&w, formats[i].suffix);
		CU_ASSERT_FATAL(vips_gaussnoise(&noise, 300, 200, NULL) == 0);
		CU_ASSERT_FATAL(
		    vips_cast(noise, &image, VIPS_FORMAT_UCHAR, NULL) == 0);
		g_object_unref(noise);
		write_source(&w, image);
		CU_ASSERT_EQUAL(process(&w, formats[i].kind), UPLOAD_OK);
		CU_ASSERT_EQUAL(stat(w.source, &st), 0);
		CU_ASSERT_EQUAL(truncate(w.source, st.st_size / 2), 0);
		CU_ASSERT_EQUAL(ftruncate(w.made[UPLOAD_KEPT].fd, 0), 0);
		CU_ASSERT_EQUAL(process(&w, formats[i].kind), UPLOAD_BAD_IMAGE);
		CU_ASSERT_EQUAL(truncate(w.source, 12), 0);
		CU_ASSERT_EQUAL(process(&w, formats[i].kind), UPLOAD_BAD_IMAGE);
		end(&w);
	}
}

/* Also where whole frames came before the end. */
static void
test_cut_animations_are_refused(void)
{
	static const struct {
		const char *suffix;
		enum upload_kind kind;
	} formats[] = { { "gif", UPLOAD_GIF }, { "webp", UPLOAD_WEBP } };
	struct stat st;
	struct work w;

	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		begin(&w, formats[i].suffix);
		write_source(&w, frames(20, 20, 10));
		CU_ASSERT_EQUAL(process(&w, formats[i].kind), UPLOAD_OK);
		CU_ASSERT_EQUAL(stat(w.source, &st), 0);
		for (int eighth = 7; eighth > 0; eighth--) {
			CU_ASSERT_EQUAL(
			    truncate(w.source, st.st_size * eighth / 8), 0);
			CU_ASSERT_EQUAL(
			    process(&w, formats[i].kind), UPLOAD_BAD_IMAGE);
		}
		end(&w);
	}
}

/* The decoder fills up what is missing; it says so by the way only. */
static void
test_less_data_than_promised_is_refused(void)
{
	unsigned char bytes[8192], *sof;
	struct work w;
	ssize_t n;
	int fd;

	begin(&w, "jpg");
	write_source(&w, picture(64, 64, 3));
	CU_ASSERT_EQUAL(process(&w, UPLOAD_JPEG), UPLOAD_OK);
	fd = open(w.source, O_RDWR);
	CU_ASSERT((n = pread(fd, bytes, sizeof(bytes), 0)) > 0);
	sof = memmem(bytes, (size_t)n, "\xff\xc0\x00\x11", 4);
	CU_ASSERT_PTR_NOT_NULL_FATAL(sof);
	CU_ASSERT_EQUAL(pwrite(fd, "\x04\x00\x04\x00", 4, sof + 5 - bytes), 4);
	close(fd);
	CU_ASSERT_EQUAL(process(&w, UPLOAD_JPEG), UPLOAD_BAD_IMAGE);
	end(&w);
}

static void
test_the_kind_must_be_true(void)
{
	struct work w;

	begin(&w, "png");
	write_source(&w, picture(100, 80, 3));
	CU_ASSERT_EQUAL(process(&w, UPLOAD_JPEG), UPLOAD_BAD_IMAGE);
	CU_ASSERT_EQUAL(process(&w, UPLOAD_GIF), UPLOAD_BAD_IMAGE);
	CU_ASSERT_EQUAL(process(&w, UPLOAD_WEBP), UPLOAD_BAD_IMAGE);
	end(&w);
}

static void
test_other_loaders_are_off(void)
{
	static const char svg[] =
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" "
	    "height=\"9\"/>";
	static const char *const suffixes[] = { "tif", "v", "ppm", "svg" };
	struct work w;
	int fd;

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		begin(&w, suffixes[i]);
		if (strcmp(suffixes[i], "svg") == 0) {
			fd = open(w.source, O_CREAT | O_WRONLY, 0600);
			CU_ASSERT(write(fd, svg, sizeof(svg) - 1) > 0);
			close(fd);
		} else {
			write_source(&w, picture(9, 9, 3));
		}
		CU_ASSERT_PTR_NULL(vips_image_new_from_file(w.source, NULL));
		vips_error_clear();
		end(&w);
	}
}

static void
put32(unsigned char *p, unsigned value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* A header that promises 3,600 megapixels, over a picture of 10 x 10. */
static void
test_bombs_are_refused_by_their_header(void)
{
	unsigned char head[33], bytes[4096], *sof;
	unsigned crc = 0xffffffff;
	struct work w;
	ssize_t n;
	int fd;

	begin(&w, "png");
	write_source(&w, picture(10, 10, 3));
	fd = open(w.source, O_RDWR);
	CU_ASSERT_EQUAL(pread(fd, head, sizeof(head), 0), 33);
	put32(head + 16, 60000);
	put32(head + 20, 60000);
	for (int i = 12; i < 29; i++) {
		crc ^= head[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? 0xedb88320 ^ crc >> 1 : crc >> 1;
	}
	put32(head + 29, ~crc);
	CU_ASSERT_EQUAL(pwrite(fd, head, sizeof(head), 0), 33);
	close(fd);
	CU_ASSERT_EQUAL(process(&w, UPLOAD_PNG), UPLOAD_TOO_MANY_PIXELS);
	end(&w);

	/* JPEG: the size stands in the frame header. */
	begin(&w, "jpg");
	write_source(&w, picture(10, 10, 3));
	fd = open(w.source, O_RDWR);
	CU_ASSERT((n = pread(fd, bytes, sizeof(bytes), 0)) > 0);
	sof = memmem(bytes, (size_t)n, "\xff\xc0\x00\x11", 4);
	CU_ASSERT_PTR_NOT_NULL_FATAL(sof);
	CU_ASSERT_EQUAL(pwrite(fd, "\xff\xdc\xff\xdc", 4, sof + 5 - bytes), 4);
	close(fd);
	CU_ASSERT_EQUAL(process(&w, UPLOAD_JPEG), UPLOAD_TOO_MANY_PIXELS);
	end(&w);
}

/* So many frames, or so large ones, are not for people. */
static void
test_bombs_of_frames_are_refused(void)
{
	static const char head[] =
	    "GIF89a\x64\0\x64\0\x80\0\0\0\0\0\377\377\377";
	static const char large[] =
	    "GIF89a\xb8\x0b\xb8\x0b\x80\0\0\0\0\0\377\377\377";
	static const char frame[] =
	    "!\371\4\0\4\0\0\0,\0\0\0\0\x64\0\x64\0\0\2\2D\1\0";
	static const char largest[] =
	    "!\371\4\0\4\0\0\0,\0\0\0\0\xb8\x0b\xb8\x0b\0\2\2D\1\0";
	struct base_buf many = { 0 }, wide = { 0 };
	struct work w;

	base_buf_append(&many, head, sizeof(head) - 1);
	for (int i = 0; i <= UPLOAD_IMAGE_FRAMES_SANE; i++)
		base_buf_append(&many, frame, sizeof(frame) - 1);
	base_buf_append(&wide, large, sizeof(large) - 1);
	for (int i = 0; i < UPLOAD_IMAGE_FRAMES_MAX; i++)
		base_buf_append(&wide, largest, sizeof(largest) - 1);
	base_buf_append_char(&many, ';');
	base_buf_append_char(&wide, ';');
	begin(&w, "gif");
	text_source(&w, many.data, many.len);
	CU_ASSERT_EQUAL(process(&w, UPLOAD_GIF), UPLOAD_TOO_MANY_PIXELS);
	text_source(&w, wide.data, wide.len);
	CU_ASSERT_EQUAL(process(&w, UPLOAD_GIF), UPLOAD_TOO_MANY_PIXELS);
	end(&w);
	base_buf_fini(&many);
	base_buf_fini(&wide);
}

static void
test_a_full_disk_is_no_bad_picture(void)
{
	struct rlimit old, small;
	struct work w;

	begin(&w, "png");
	write_source(&w, picture(2000, 2000, 3));
	signal(SIGXFSZ, SIG_IGN);
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_cur = 100;
	small.rlim_max = old.rlim_max;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
	CU_ASSERT_EQUAL(process(&w, UPLOAD_PNG), UPLOAD_NO_SPACE);
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
	end(&w);
}

static void
test_shuts_down(void)
{
	upload_image_shutdown();
}

TEST_MAIN("upload_image",
    { "turns pictures and strips metadata", test_turns_and_strips },
    { "scales down only", test_scales_down_only },
    { "colours become sRGB", test_colours_become_srgb },
    { "transparent thumbnails are PNG", test_transparent_thumbnails_are_png },
    { "animations stay animated", test_animations_stay_animated },
    { "frames keep their height", test_frames_keep_their_height },
    { "long animations become stills", test_long_animations_become_stills },
    { "makes all forms", test_makes_all_forms }, { "heif", test_heif },
    { "heif of a phone", test_heif_of_a_phone }, { "pages", test_pages },
    { "broken pictures are refused", test_broken_pictures_are_refused },
    { "cut animations are refused", test_cut_animations_are_refused },
    { "less data than promised is refused",
	test_less_data_than_promised_is_refused },
    { "bombs of frames are refused", test_bombs_of_frames_are_refused },
    { "the kind must be true", test_the_kind_must_be_true },
    { "other loaders are off", test_other_loaders_are_off },
    { "bombs are refused by their header",
	test_bombs_are_refused_by_their_header },
    { "a full disk is no bad picture", test_a_full_disk_is_no_bad_picture },
    { "shuts down", test_shuts_down })
