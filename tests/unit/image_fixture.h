/* SPDX-License-Identifier: ISC */
/* A picture that libvips makes here and what upload/image.c makes of it, for the
 * tests of what it makes (test_upload_image) and of what it refuses
 * (test_upload_image_refused). */
#ifndef TESTS_UNIT_IMAGE_FIXTURE_H
#define TESTS_UNIT_IMAGE_FIXTURE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vips/vips.h>

#include "base/log.h"
#include "base/mem.h"
#include "tests/unit/harness.h"
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

static inline void
temp_make(struct upload_temp *temp)
{
	char path[] = "/tmp/parley-image-XXXXXX";

	temp->fd = mkstemp(path);
	temp->path = base_strdup(path);
}

static inline void
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

static inline void
end(struct work *w)
{
	unlink(w->source);
	for (int i = 0; i < UPLOAD_VARIANTS; i++)
		upload_store_temp_discard(&w->made[i]);
}

static inline enum upload_status
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
static inline VipsImage *
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

static inline VipsImage *
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
static inline void
write_source(struct work *w, VipsImage *image)
{
	CU_ASSERT_FATAL(vips_image_write_to_file(image, w->source, NULL) == 0);
	g_object_unref(image);
}

static inline void
text_source(struct work *w, const char *text, size_t n)
{
	int fd = open(w->source, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	CU_ASSERT_EQUAL(write(fd, text, n), (ssize_t)n);
	close(fd);
}

static inline void
test_shuts_down(void)
{
	upload_image_shutdown();
}

#endif
