/* SPDX-License-Identifier: ISC */
/*
 * parley-decode: looks into strangers' files for parley-fcgi, which starts it
 * with a socket as descriptor 3 and nothing else: no secret, no database.
 *
 * It loads the libraries once; for each file it forks a child that has their
 * pages for nothing, locks itself up, looks, and ends.  A child that crashes
 * or takes too long costs its own file.
 */

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "upload/breath.h"
#include "upload/decode.h"
#include "upload/decoder.h"
#include "upload/image.h"
#include "upload/sandbox.h"
#include "upload/sniff.h"

/* No kept picture is larger; more is a decoder gone wild. */
#define FILE_BYTES (256ull * 1024 * 1024)

/* A third of what others get when all want the processor. */
enum {
	NICE = 5
};

struct server {
	struct upload_decoder_settings settings;
	struct upload_decoder_hello hello;
	struct upload_sniffer *sniffer; /* owned */
	sigset_t signals;		/* those that it waits for */
	pid_t pid;			/* its own */
};

/* One file. */
struct round {
	struct upload_job job;
	int files[UPLOAD_JOB_FILES]; /* owned */
	unsigned nfiles;
	struct upload_report *report; /* shared with the child */
};

static void
round_end(struct round *r)
{
	while (r->nfiles > 0)
		close(r->files[--r->nfiles]);
	if (r->report != NULL)
		(void)munmap(r->report, sizeof(*r->report));
	r->report = NULL;
}

/* Those of libvips and its loaders. */
int
pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*work)(void *), void *arg)
{
	return upload_breath_thread(thread, attr, work, arg);
}

/* What the child does; it writes nothing but its report and the files. */
static void
look(const struct server *s, struct round *r)
{
	const struct upload_sandbox_limits limits = {
		.cpu_seconds = s->settings.seconds,
		.memory_bytes = s->settings.memory,
		.file_bytes = FILE_BYTES,
	};
	bool has_fonts = false;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != s->pid)
		_exit(1);
	(void)sigprocmask(SIG_UNBLOCK, &s->signals, NULL);
	close(UPLOAD_DECODER_FD);
	if (r->job.is_page) {
		upload_image_pages_allow();
		has_fonts = upload_sandbox_fonts();
	}
	upload_breathe();
	if (!upload_sandbox_limit(&limits) ||
	    (!upload_sandbox_enter(has_fonts) && s->settings.is_strict))
		_exit(1);
	upload_decode(
	    s->sniffer, s->settings.kinds, &r->job, r->files, r->report);
	_exit(0);
}

/* Until the child is done or its time is up, which is twice that of the
 * processor: machines are shared.  Its exit status. */
static int
child_wait(const struct server *s, pid_t pid, bool *timed_out)
{
	uint64_t until = base_clock_ms() + s->settings.seconds * 2000ull, now;
	struct timespec most;
	int status;

	*timed_out = false;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		now = base_clock_ms();
		if (now >= until) {
			*timed_out = true;
			(void)kill(pid, SIGKILL);
			while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
				;
			break;
		}
		most.tv_sec = (time_t)((until - now) / 1000);
		most.tv_nsec = (long)((until - now) % 1000 * 1000000);
		(void)sigtimedwait(&s->signals, NULL, &most);
	}
	return status;
}

static void
end_note(struct upload_report *report, int status, bool timed_out)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	upload_report_init(report);
	report->status = UPLOAD_UNDECODABLE;
	report->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	/* The kernel's limit on processor time ends with this signal. */
	report->death = timed_out || report->signal == SIGXCPU ?
	    UPLOAD_TIMED_OUT :
	    UPLOAD_CRASHED;
	snprintf(report->reason, sizeof(report->reason), "%s",
	    report->signal != 0 ? strsignal(report->signal) : "exit");
}

static void
round_run(const struct server *s, struct round *r)
{
	bool timed_out;
	int status;
	pid_t pid;

	upload_report_init(r->report);
	if ((pid = fork()) == -1)
		return;
	if (pid == 0)
		look(s, r);
	status = child_wait(s, pid, &timed_out);
	end_note(r->report, status, timed_out);
}

/* One file after the other, until nobody asks any more. */
static void
serve(const struct server *s)
{
	struct round r;
	bool good = true;

	while (good) {
		memset(&r, 0, sizeof(r));
		r.nfiles = UPLOAD_JOB_FILES;
		if (!upload_job_receive(UPLOAD_DECODER_FD, &r.job,
			sizeof(r.job), r.files, &r.nfiles))
			break;
		r.report = mmap(NULL, sizeof(*r.report), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		good = r.report != MAP_FAILED && r.nfiles > 0 &&
		    r.nfiles == r.job.nfiles;
		if (r.report == MAP_FAILED)
			r.report = NULL;
		if (good) {
			round_run(s, &r);
			good = upload_job_send(UPLOAD_DECODER_FD, r.report,
			    sizeof(*r.report), NULL, 0);
		}
		round_end(&r);
	}
}

/* Live delivery comes first.  Where the scheduler shares out by session (auto-
 * groups), the nice value of one counts only within it: so this is a session of
 * its own, and has one too. */
static void
step_back(void)
{
	const struct sched_param none = { 0 };
	char value[8];
	int fd, n = snprintf(value, sizeof(value), "%d", NICE);

	(void)setsid();
	(void)sched_setscheduler(0, SCHED_BATCH, &none);
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
	if (fd != -1) {
		(void)!write(fd, value, (size_t)n);
		close(fd);
	}
}

static bool
prepare(struct server *s)
{
	step_back();
	if (!upload_job_receive(UPLOAD_DECODER_FD, &s->settings,
		sizeof(s->settings), NULL, NULL))
		return false;
	sigemptyset(&s->signals);
	sigaddset(&s->signals, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &s->signals, NULL);
	s->sniffer = upload_sniffer_new();
	s->hello.has_magic = s->sniffer != NULL;
	s->hello.has_images =
	    upload_image_setup(s->settings.kinds, &s->hello.lacking);
	upload_sandbox_probe(&s->hello.has_seccomp, &s->hello.has_fonts);
	return upload_job_send(
	    UPLOAD_DECODER_FD, &s->hello, sizeof(s->hello), NULL, 0);
}

int
main(void)
{
	struct server s = { .pid = getpid() };

	/* Who asks is gone: nobody wants what we find. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!prepare(&s)) {
		fputs("parley-decode is started by parley-fcgi\n", stderr);
		return 1;
	}
	if (s.hello.has_magic && s.hello.has_images)
		serve(&s);
	upload_sniffer_free(s.sniffer);
	upload_image_shutdown();
	return 0;
}
