/* SPDX-License-Identifier: ISC */
/* upload/image.c with what is no picture, or not all of one, or a trap. */

#include "tests/unit/image_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/buf.h"

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

TEST_MAIN("upload_image_refused",
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
