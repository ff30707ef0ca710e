/* SPDX-License-Identifier: ISC */
/* upload/image.c with pictures that libvips makes here: turned, odd, large. */

#include "tests/unit/image_fixture.h"

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
    { "shuts down", test_shuts_down })
