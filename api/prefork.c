/* SPDX-License-Identifier: ISC */
/* A master that keeps some child processes alive. */

#include "api/prefork.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/watchdog.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum {
	PAUSE_MS_MIN = 100,
	PAUSE_MS_MAX = 10000,
	/* A child that lived so long did not crash at once. */
	HEALTHY_MS = 10000
};

struct worker {
	pid_t pid;		       /* 0: not running */
	struct api_prefork_slot *slot; /* shared with the child */
	uint64_t started_ms;
	uint64_t due_ms;   /* when it may start; of one not running */
	unsigned pause_ms; /* the last pause; 0: none was needed */
};

struct master {
	const struct api_prefork_params *params;
	struct worker *workers;
	sigset_t signals; /* those that it waits for */
	uint64_t kill_ms; /* when patience ends; 0: not stopping */
	int exit_code;
};

static volatile sig_atomic_t stop;

static void
on_stop(int sig)
{
	(void)sig;
	stop = 1;
}

static void
child_signals(const sigset_t *signals)
{
	static const int stops[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	sigemptyset(&action.sa_mask);
	/* Waiting for a request (epoll) ends all the same; reading one that is
	 * in hand must not. */
	action.sa_flags = SA_RESTART;
	action.sa_handler = on_stop;
	for (size_t i = 0; i < ARRAY_LEN(stops); i++)
		(void)sigaction(stops[i], &action, NULL);
	(void)sigprocmask(SIG_UNBLOCK, signals, NULL);
}

static void
worker_start(struct master *m, struct worker *w)
{
	pid_t master = getpid(), pid;

	api_prefork_mark(w->slot, NULL, NULL);
	w->started_ms = base_clock_ms();
	if ((pid = fork()) == -1) {
		base_log_error("fork failed", "errno=%d", errno);
		w->due_ms = w->started_ms + PAUSE_MS_MAX;
		return;
	}
	if (pid > 0) {
		w->pid = pid;
		return;
	}
	/* A master that was killed takes its children along. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != master)
		_exit(0);
	child_signals(&m->signals);
	exit(m->params->child(m->params->arg, w->slot, &stop));
}

static void
crash_log(const struct worker *w, int status)
{
	char how[40];

	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) == API_WATCHDOG_EXIT)
		snprintf(how, sizeof(how), "took too long");
	else
		snprintf(how, sizeof(how), "exit %d", WEXITSTATUS(status));
	base_log_error("child died",
	    "child=%u pid=%d how=\"%s\" request=%.64s upload_sha256=%.64s",
	    w->slot->index, (int)w->pid, how,
	    w->slot->request_id[0] != '\0' ? w->slot->request_id : "-",
	    w->slot->hash[0] != '\0' ? w->slot->hash : "-");
}

/* When may its successor start? */
static void
pause_set(struct worker *w, bool crashed)
{
	uint64_t now = base_clock_ms();

	if (!crashed || now - w->started_ms >= HEALTHY_MS)
		w->pause_ms = 0;
	else if (w->pause_ms == 0)
		w->pause_ms = PAUSE_MS_MIN;
	else
		w->pause_ms = w->pause_ms * 2 < PAUSE_MS_MAX ? w->pause_ms * 2 :
							       PAUSE_MS_MAX;
	w->due_ms = now + w->pause_ms;
}

static void
all_stop(struct master *m, int exit_code)
{
	if (m->kill_ms != 0)
		return;
	m->exit_code = exit_code;
	m->kill_ms = base_clock_ms() + (uint64_t)m->params->grace_s * 1000;
	for (unsigned i = 0; i < m->params->processes; i++)
		if (m->workers[i].pid > 0)
			(void)kill(m->workers[i].pid, SIGTERM);
}

static void
worker_ended(struct master *m, struct worker *w, int status)
{
	bool config =
	    WIFEXITED(status) && WEXITSTATUS(status) == API_PREFORK_EXIT_CONFIG;
	bool crashed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;

	if (crashed && !config && m->kill_ms == 0)
		crash_log(w, status);
	w->pid = 0;
	pause_set(w, crashed);
	if (config)
		all_stop(m, API_PREFORK_EXIT_CONFIG);
}

static void
reap(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned i = 0; i < m->params->processes; i++)
			if (m->workers[i].pid == pid)
				worker_ended(m, &m->workers[i], status);
}

/* Start who is due; gives how many run. */
static unsigned
tend(struct master *m)
{
	uint64_t now = base_clock_ms();
	unsigned running = 0;
	struct worker *w;

	for (unsigned i = 0; i < m->params->processes; i++) {
		w = &m->workers[i];
		if (w->pid == 0 && m->kill_ms == 0 && w->due_ms <= now)
			worker_start(m, w);
		if (w->pid > 0 && m->kill_ms != 0 && now >= m->kill_ms)
			(void)kill(w->pid, SIGKILL);
		running += w->pid > 0;
	}
	return running;
}

/* Until a signal comes, or somebody is to be started or killed. */
static void
wait_for_news(struct master *m, bool settled)
{
	struct timespec most = {
		.tv_sec = settled ? 3600 : 0,
		.tv_nsec = settled ? 0 : 50 * 1000000L,
	};

	switch (sigtimedwait(&m->signals, NULL, &most)) {
	case SIGTERM:
	case SIGINT:
	case SIGHUP:
		all_stop(m, 0);
		break;
	default: /* SIGCHLD, or time to look */
		break;
	}
	reap(m);
}

int
api_prefork_run(const struct api_prefork_params *params)
{
	struct master m = { .params = params };
	size_t bytes = params->processes * sizeof(struct api_prefork_slot);
	struct api_prefork_slot *slots;
	unsigned running;

	slots = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (slots == MAP_FAILED) {
		base_log_error("no shared memory", "errno=%d", errno);
		return 1;
	}
	m.workers = base_alloc_array(params->processes, sizeof(*m.workers));
	for (unsigned i = 0; i < params->processes; i++) {
		slots[i].index = i;
		m.workers[i].slot = &slots[i];
	}
	sigemptyset(&m.signals);
	sigaddset(&m.signals, SIGCHLD);
	sigaddset(&m.signals, SIGTERM);
	sigaddset(&m.signals, SIGINT);
	sigaddset(&m.signals, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &m.signals, NULL);
	while ((running = tend(&m)) > 0 || m.kill_ms == 0)
		wait_for_news(
		    &m, running == params->processes && m.kill_ms == 0);
	base_free(m.workers);
	(void)munmap(slots, bytes);
	return m.exit_code;
}

void
api_prefork_mark(
    struct api_prefork_slot *slot, const char *request_id, const char *hash)
{
	snprintf(slot->request_id, sizeof(slot->request_id), "%s",
	    request_id != NULL ? request_id : "");
	snprintf(
	    slot->hash, sizeof(slot->hash), "%s", hash != NULL ? hash : "");
}
