/* SPDX-License-Identifier: ISC */
/*
 * What the processes that take files and the one that looks into them say to
 * each other: fixed structs over a socket that keeps their bounds.  Both ends
 * are of one build, so the layout is the compiler's.
 *
 * What comes back was written by a process that may have been taken over by
 * the file it read: upload_report_check() before anything else.
 */
#ifndef UPLOAD_JOB_H
#define UPLOAD_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "upload/blurhash.h"
#include "upload/filename.h"
#include "upload/kind.h"
#include "upload/status.h"

/* What can be made of one file; each also as WebP, for those who say that they
 * take it. */
enum upload_variant {
	UPLOAD_KEPT, /* of a PDF: its first page */
	UPLOAD_KEPT_WEBP,
	UPLOAD_THUMBNAIL,
	UPLOAD_THUMBNAIL_WEBP,
	UPLOAD_AVATAR,
	UPLOAD_AVATAR_WEBP,
	UPLOAD_VARIANTS
};

/* First to the decoder: how it works from now on. */
struct upload_decoder_settings {
	bool is_strict;	    /* no decoding outside of the sandbox */
	unsigned seconds;   /* of processor for one file; twice by the clock */
	uint64_t memory;    /* bytes of address space */
	upload_kinds kinds; /* that are taken at all */
};

/* Its answer. */
struct upload_decoder_hello {
	bool has_magic, has_images;
	upload_kinds lacking; /* of those taken, what libvips cannot read */
	bool has_seccomp;     /* the kernel takes our filter */
	bool has_fonts;	      /* and Landlock: pages are drawn with fonts */
};

/* A file to look into; its descriptor and, for pictures, those of
 * UPLOAD_VARIANTS empty files to write come along. */
struct upload_job {
	char filename[UPLOAD_FILENAME_MAX + 1]; /* cleaned */
	unsigned nfiles;			/* that came along */
	bool is_page; /* a PDF: only then is its loader there */
};

struct upload_made {
	enum upload_kind kind; /* UPLOAD_KIND_COUNT: not made */
	int width, height;     /* of one frame, upright */
};

enum {
	UPLOAD_REASON_MAX = 160,
	UPLOAD_SIDE_MAX = 100000 /* of anything made, in pixels */
};

/* How a process that looked into a file ended. */
enum upload_death {
	UPLOAD_ALIVE,	/* as it should */
	UPLOAD_CRASHED, /* by `signal`, or with an exit code */
	UPLOAD_TIMED_OUT
};

struct upload_report {
	enum upload_status status;
	enum upload_kind kind; /* what the file is */
	struct upload_made made[UPLOAD_VARIANTS];
	char blurhash[UPLOAD_BLURHASH_MAX + 1]; /* "" = none */
	enum upload_death death;
	int signal;
	char reason[UPLOAD_REASON_MAX]; /* of a refusal, for the log */
};

/* A report of nothing yet: UPLOAD_FAILED. */
void upload_report_init(struct upload_report *report);

/* Is every field within its bounds?  (`reason` is ended here.) */
MUST_USE bool upload_report_check(struct upload_report *report);

/* Descriptors that go along with one message. */
enum {
	UPLOAD_JOB_FILES = 1 + UPLOAD_VARIANTS
};

/* Send or receive one struct, with descriptors or without (n = 0).  False on
 * the peer's end, on a message of another size and on failure. */
MUST_USE bool upload_job_send(
    int fd, const void *p, size_t size, const int *files, unsigned n);

/* `*n` is the room in `files`, then how many came (owned by the caller). */
MUST_USE bool upload_job_receive(
    int fd, void *p, size_t size, int *files, unsigned *n);

#endif
