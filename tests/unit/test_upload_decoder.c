/* SPDX-License-Identifier: ISC */
/* upload/decoder.c with the real parley-decode: files that it knows, and
 * children of it that end in every way. */

#include "tests/unit/harness.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "upload/decoder.h"

static struct upload_decoder *decoder;

static struct upload_decoder *
decoder_new(unsigned seconds, upload_kinds kinds)
{
	const struct upload_decoder_settings settings = {
		.seconds = seconds, .memory = 1536ull << 20, .kinds = kinds
	};
	const char *build = getenv("PARLEY_BUILD");
	char program[512];

	snprintf(program, sizeof(program), "%s/parley-decode",
	    build != NULL ? build : ".");
	return (upload_decoder_new(program, &settings));
}

static int
file_new(const void *p, size_t n)
{
	char path[] = "/tmp/parley-decoder-XXXXXX";
	int fd = mkstemp(path);

	CU_ASSERT_FATAL(fd != -1);
	unlink(path);
	CU_ASSERT_EQUAL(write(fd, p, n), (ssize_t)n);
	return (fd);
}

static int
demo_open(void)
{
	const char *source = getenv("PARLEY_SOURCE");
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/docs/demo.jpg",
	    source != NULL ? source : ".");
	fd = open(path, O_RDONLY);
	CU_ASSERT_FATAL(fd != -1);
	return (fd);
}

/* Have the text looked at under the name `filename`. */
static struct upload_report
look(struct upload_decoder *d, const char *text, const char *filename)
{
	struct upload_job job = { .nfiles = 1 };
	struct upload_report report;
	int fd = file_new(text, strlen(text));

	snprintf(job.filename, sizeof(job.filename), "%s", filename);
	CU_ASSERT(upload_decoder_run(d, &job, &fd, &report));
	close(fd);
	return (report);
}

/* The demo picture; what is made goes into `out`, which stays the caller's. */
static bool
look_at_demo(const int out[UPLOAD_VARIANTS], struct upload_report *report)
{
	struct upload_job job = { .filename = "demo.jpg",
		.nfiles = UPLOAD_JOB_FILES };
	int files[UPLOAD_JOB_FILES] = { demo_open() };
	bool came;

	memcpy(files + 1, out, sizeof(int) * UPLOAD_VARIANTS);
	came = upload_decoder_run(decoder, &job, files, report);
	close(files[0]);
	return (came);
}

static void
test_starts(void)
{
	struct upload_decoder_settings settings = { .seconds = 1 };
	struct upload_decoder_hello hello;
	struct upload_decoder *none;

	none = upload_decoder_new("/nonexistent/parley-decode", &settings);
	CU_ASSERT_FALSE(upload_decoder_start(none, &hello));
	CU_ASSERT_EQUAL(errno, ENOENT);
	upload_decoder_free(none);
	/* One that is no decoder. */
	none = upload_decoder_new("/bin/true", &settings);
	CU_ASSERT_FALSE(upload_decoder_start(none, &hello));
	upload_decoder_free(none);

	decoder = decoder_new(20, UPLOAD_KINDS_ALL);
	CU_ASSERT_FATAL(upload_decoder_start(decoder, &hello));
	CU_ASSERT(hello.has_magic && hello.has_images);
}

static void
test_looks(void)
{
	struct upload_report r = look(decoder, "just words\n", "a.md");

	CU_ASSERT_EQUAL(r.status, UPLOAD_OK);
	CU_ASSERT_EQUAL(r.kind, UPLOAD_MARKDOWN);
	CU_ASSERT_EQUAL(r.made[UPLOAD_KEPT].kind, UPLOAD_KIND_COUNT);
	CU_ASSERT_EQUAL(
	    look(decoder, "<svg/>", "a.png").status, UPLOAD_BAD_TYPE);
	CU_ASSERT_EQUAL(
	    look(decoder, "PK\3\4", "a.zip").status, UPLOAD_BAD_ARCHIVE);
	/* A picture without the files that pictures need is our mistake. */
	CU_ASSERT_NOT_EQUAL(
	    look(decoder, "GIF89a\1", "a.gif").status, UPLOAD_OK);
}

static void
test_makes_pictures(void)
{
	struct upload_report r;
	int out[UPLOAD_VARIANTS];
	struct stat st;

	for (int i = 0; i < UPLOAD_VARIANTS; i++)
		out[i] = file_new("", 0);
	CU_ASSERT_FATAL(look_at_demo(out, &r));
	CU_ASSERT_EQUAL(r.status, UPLOAD_OK);
	CU_ASSERT_EQUAL(r.kind, UPLOAD_JPEG);
	CU_ASSERT_EQUAL(r.made[UPLOAD_KEPT].width, 1200);
	CU_ASSERT_EQUAL(r.made[UPLOAD_KEPT].height, 800);
	CU_ASSERT_EQUAL(r.made[UPLOAD_THUMBNAIL].width, 300);
	for (int i = 0; i < UPLOAD_VARIANTS; i++) {
		CU_ASSERT_EQUAL(fstat(out[i], &st), 0);
		CU_ASSERT(
		    st.st_size > 0 || r.made[i].kind == UPLOAD_KIND_COUNT);
		close(out[i]);
	}
}

static void
test_takes_what_is_allowed(void)
{
	struct upload_decoder *d =
	    decoder_new(20, UPLOAD_KIND_BIT(UPLOAD_MARKDOWN));
	struct upload_report r = look(d, "words", "a.txt");

	CU_ASSERT_EQUAL(r.status, UPLOAD_BAD_TYPE);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.reason, "text/plain"));
	CU_ASSERT_EQUAL(look(d, "words", "a.md").status, UPLOAD_OK);
	upload_decoder_free(d);
}

/* A child of `parent` that is not who asks, or 0. */
static pid_t
child_of(pid_t parent)
{
	char path[300], text[512], *end;
	const struct dirent *entry;
	DIR *proc = opendir("/proc");
	pid_t found = 0;
	FILE *file;
	int of;

	CU_ASSERT_PTR_NOT_NULL_FATAL(proc);
	while (found == 0 && (entry = readdir(proc)) != NULL) {
		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    (file = fopen(path, "r")) == NULL)
			continue;
		if (fgets(text, sizeof(text), file) != NULL &&
		    (end = strrchr(text, ')')) != NULL &&
		    sscanf(end, ") %*c %d", &of) == 1 && of == parent &&
		    atoi(entry->d_name) != getpid())
			found = (pid_t)atoi(entry->d_name);
		fclose(file);
	}
	closedir(proc);
	return (found);
}

/* A process that ends the child which looks into a file, once there is one. */
static pid_t
assassin_start(pid_t of, int signal)
{
	pid_t pid = fork(), victim;

	CU_ASSERT_FATAL(pid != -1);
	if (pid != 0)
		return (pid);
	while ((victim = child_of(of)) == 0)
		usleep(1000);
	_exit(kill(victim, signal));
}

/* Files of which nobody reads what is written: the child waits for ever. */
static void
stuck(int out[UPLOAD_VARIANTS], int ends[2])
{
	CU_ASSERT_FATAL(pipe(ends) == 0);
	CU_ASSERT(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 0);
	for (int i = 0; i < UPLOAD_VARIANTS; i++)
		out[i] = ends[1];
}

static void
test_a_crash_costs_its_own_file(void)
{
	pid_t zygote = child_of(getpid()), assassin;
	int out[UPLOAD_VARIANTS], ends[2];
	struct upload_report r;

	CU_ASSERT_FATAL(zygote != 0);
	stuck(out, ends);
	/* One that AddressSanitizer leaves alone. */
	assassin = assassin_start(zygote, SIGTRAP);
	CU_ASSERT(look_at_demo(out, &r));
	CU_ASSERT_EQUAL(r.status, UPLOAD_UNDECODABLE);
	CU_ASSERT_EQUAL(r.death, UPLOAD_CRASHED);
	CU_ASSERT_EQUAL(r.signal, SIGTRAP);
	CU_ASSERT_EQUAL(waitpid(assassin, NULL, 0), assassin);
	close(ends[0]);
	close(ends[1]);
	CU_ASSERT_EQUAL(look(decoder, "next", "a").status, UPLOAD_OK);
	CU_ASSERT_EQUAL(child_of(getpid()), zygote);
}

static void
test_a_decoder_that_is_gone_is_started_again(void)
{
	pid_t zygote = child_of(getpid()), assassin;
	int out[UPLOAD_VARIANTS], ends[2];
	struct upload_report r;

	/* While it has nothing to do. */
	CU_ASSERT_FATAL(zygote > 0);
	CU_ASSERT_EQUAL(kill(zygote, SIGKILL), 0);
	CU_ASSERT_EQUAL(
	    waitid(P_PID, (id_t)zygote, NULL, WEXITED | WNOWAIT), 0);
	CU_ASSERT_EQUAL(look(decoder, "next", "a").status, UPLOAD_OK);

	/* While it looks. */
	stuck(out, ends);
	assassin = assassin_start(getpid(), SIGKILL);
	CU_ASSERT_FALSE(look_at_demo(out, &r));
	CU_ASSERT_EQUAL(r.status, UPLOAD_FAILED);
	CU_ASSERT_EQUAL(waitpid(assassin, NULL, 0), assassin);
	close(ends[0]);
	close(ends[1]);
	CU_ASSERT_EQUAL(look(decoder, "next", "a").status, UPLOAD_OK);
}

static void
test_a_file_has_its_time(void)
{
	int out[UPLOAD_VARIANTS], ends[2];
	struct upload_report r;

	upload_decoder_free(decoder);
	decoder = decoder_new(1, UPLOAD_KINDS_ALL);
	stuck(out, ends);
	CU_ASSERT(look_at_demo(out, &r));
	CU_ASSERT_EQUAL(r.status, UPLOAD_UNDECODABLE);
	CU_ASSERT_EQUAL(r.death, UPLOAD_TIMED_OUT);
	close(ends[0]);
	close(ends[1]);
}

static void
test_reports_are_not_believed(void)
{
	struct upload_report good, r;

	upload_report_init(&good);
	CU_ASSERT(upload_report_check(&good));
	good.status = UPLOAD_OK;
	good.kind = UPLOAD_JPEG;
	good.made[UPLOAD_KEPT] = (struct upload_made){ UPLOAD_JPEG, 10, 10 };
	CU_ASSERT(upload_report_check(&good));
	r = good;
	r.kind = UPLOAD_KIND_COUNT;
	CU_ASSERT_FALSE(upload_report_check(&r));
	r = good;
	r.kind = (enum upload_kind) - 1;
	CU_ASSERT_FALSE(upload_report_check(&r));
	r = good;
	r.status = (enum upload_status)1000;
	CU_ASSERT_FALSE(upload_report_check(&r));
	r = good;
	r.made[UPLOAD_KEPT].kind = UPLOAD_TEXT;
	CU_ASSERT_FALSE(upload_report_check(&r));
	r = good;
	r.made[UPLOAD_KEPT].width = -5;
	CU_ASSERT_FALSE(upload_report_check(&r));
	r = good;
	memset(r.reason, 'x', sizeof(r.reason));
	CU_ASSERT(upload_report_check(&r));
	CU_ASSERT_EQUAL(strlen(r.reason), UPLOAD_REASON_MAX - 1);
}

static void
test_ends(void)
{
	upload_decoder_free(decoder);
	CU_ASSERT_EQUAL(child_of(getpid()), 0);
}

TEST_MAIN("upload_decoder", { "starts", test_starts }, { "looks", test_looks },
    { "makes pictures", test_makes_pictures },
    { "takes what is allowed", test_takes_what_is_allowed },
    { "a crash costs its own file", test_a_crash_costs_its_own_file },
    { "a decoder that is gone is started again",
	test_a_decoder_that_is_gone_is_started_again },
    { "a file has its time", test_a_file_has_its_time },
    { "reports are not believed", test_reports_are_not_believed },
    { "ends", test_ends })
