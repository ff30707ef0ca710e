/* SPDX-License-Identifier: ISC */
/* parley-fcgi: a master and its children behind a FastCGI socket; or, when a
 * web server or a shell starts it with REQUEST_METHOD set, one CGI request. */

#include <sys/mman.h>
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/cgi.h"
#include "api/config.h"
#include "api/connection_ops.h"
#include "api/door_fastcgi.h"
#include "api/doorman.h"
#include "api/engine.h"
#include "api/limit.h"
#include "api/linger.h"
#include "api/metrics.h"
#include "api/poll.h"
#include "api/prefork.h"
#include "api/presence_ops.h"
#include "api/storage.h"
#include "api/tus_ops.h"
#include "api/unix_listen.h"
#include "api/upkeep.h"
#include "api/upload_ops.h"
#include "api/watchdog.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "db/pool.h"
#include "upload/seats.h"

enum {
	CONNECTIONS = 2, /* to the database; one request at a time */
	READY_WAIT_MS = 3000,
	GRACE_S = 30,
	/* Whatever leaks or fragments, ends. */
	REQUESTS_MAX = 5000,
	FILES_MAX = 256,
	SWEEP_MS = 60 * 1000,
	/* A row comes within a request's time of its file. */
	UPKEEP_AGE_S = 2 * API_FASTCGI_REQUEST_S,
	/* With what looking into a file may take by the clock less than
	 * those wait who wait for us: Kore and Nginx do so for 75 s. */
	SEAT_WAIT_MS = 25 * 1000,
	UPKEEP_REST_MS = 5 * 60 * 1000,
	UPKEEP_STEP_MS = 100,
	TURN_MS = 1000,
	SOCKET_MODE = 0660,
	START_MS = 30 * 1000
};

/* Far more than a process needs that hands bodies on in pieces. */
#define ADDRESS_SPACE ((rlim_t)1024 * 1024 * 1024)

/* What the processes share, set up before fork(). */
struct host {
	struct api_config config;
	struct api_limits *limits;
	int listen_fd;
	uint64_t *taken; /* requests, by all processes; shared */
	char *decoder;	 /* owned: path of parley-decode */
};

/* What one process has. */
struct process {
	struct host *host;
	struct api_prefork_slot *slot; /* NULL: CGI */
	struct base_loop *loop;
	struct db_pool *pool;
	struct api_metrics *metrics;
	struct api_storage *storage; /* as the next */
	struct upload_seats *seats;  /* as well; NULL: any number */
	struct api_uploads *uploads; /* NULL: no directory for files is set */
	struct api_engine *engine;
	struct base_timer *sweep;  /* of the caretaker only */
	struct api_upkeep *upkeep; /* as well */
	char name[64];
};

static void
limit_set(int which, rlim_t value)
{
	struct rlimit limit;

	if (getrlimit(which, &limit) == -1)
		return;
	if (limit.rlim_max == RLIM_INFINITY || value < limit.rlim_max)
		limit.rlim_max = value;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(which, &limit) == -1)
		base_log_warn("limit not set", "which=%d", which);
}

/* Whatever goes wild meets these first; parley-decode has its own. */
static void
limits_set(void)
{
	(void)signal(SIGXFSZ, SIG_IGN);
	limit_set(RLIMIT_NOFILE, FILES_MAX);
	limit_set(RLIMIT_CORE, 0); /* it would hold other people's data */
#ifndef __SANITIZE_ADDRESS__
	limit_set(RLIMIT_AS, ADDRESS_SPACE);
#endif
}

static void
on_decode(void *arg, const char *request_id, const char *hash)
{
	struct process *p = arg;

	if (p->slot != NULL)
		api_prefork_mark(p->slot, request_id, hash);
	api_watchdog_arm(API_FASTCGI_REQUEST_S);
}

static struct upload_seats *
seats_open(const struct api_config *c)
{
	unsigned count =
	    c->decoders > 0 ? (unsigned)c->decoders : upload_seats_default();
	struct upload_seats *seats = NULL;

	if (*c->run_dir != '\0' &&
	    (seats = upload_seats_open(c->run_dir, count)) == NULL)
		base_log_warn("any number of pictures is made at the same time",
		    "dir=%s errno=%d", c->run_dir, errno);
	return seats;
}

/* 0 with a message when one of them is none that we know. */
static upload_kinds
kinds_read(char **types, char *err, size_t err_size)
{
	upload_kinds all = 0, kinds;

	for (; *types != NULL; types++, all |= kinds)
		if ((kinds = upload_kinds_named(*types)) == 0) {
			snprintf(err, err_size,
			    "PARLEY_UPLOAD_TYPES: %s is no type that can be "
			    "taken",
			    *types);
			return 0;
		}
	if (all == 0)
		snprintf(err, err_size, "PARLEY_UPLOAD_TYPES is empty");
	return all;
}

static bool
uploads_open(struct process *p, char *err, size_t err_size)
{
	const struct api_config *c = &p->host->config;
	upload_kinds kinds = kinds_read(c->upload_types, err, err_size);
	struct api_uploads_params params = {
		.redirects = c->s3_redirect,
		.store_seconds = (unsigned)c->s3_seconds,
		.accel_prefix = c->accel_prefix,
		.max_bytes = (uint64_t)c->max_upload_bytes,
		.keeps_originals = c->keep_originals,
		.quota = { c->quota_bytes, c->quota_files, c->quota_day_bytes,
		    c->quota_day_files },
		.decoder = p->host->decoder,
		.decoding = {
			.is_strict = c->sandbox_strict,
			.seconds = (unsigned)c->decode_seconds,
			.memory = (uint64_t)c->decode_memory_bytes,
			.kinds = kinds,
		},
		.seat_wait_ms = SEAT_WAIT_MS,
		.on_decode = on_decode,
		.arg = p,
	};

	if (*c->upload_dir == '\0')
		return true;
	if (kinds == 0)
		return false;
	if ((p->storage = api_storage_new(c, err, err_size)) == NULL)
		return false;
	params.storage = p->storage;
	params.seats = p->seats = seats_open(c);
	p->uploads = api_uploads_new(&params);
	return true;
}

static void
engine_wire(struct process *p)
{
	size_t nhooks;
	const struct api_hook *hooks = api_presence_hooks(&nhooks);

	api_engine_hooks_add(p->engine, hooks, nhooks);
	api_engine_hooks_add(p->engine, api_poll_hooks, api_poll_hook_count);
	api_engine_hooks_add(
	    p->engine, api_connection_hooks, api_connection_hook_count);
	api_engine_hooks_add(
	    p->engine, api_upload_hooks, api_upload_hook_count);
	api_engine_hooks_add(p->engine, api_tus_hooks, api_tus_hook_count);
	if (p->uploads == NULL)
		return;
	api_engine_uploads_set(p->engine, p->uploads);
	api_engine_ready_add(
	    p->engine, "storage", api_uploads_ready, p->uploads);
}

static bool
process_open(struct process *p, char *err, size_t err_size)
{
	const struct api_config *c = &p->host->config;
	const struct db_pool_params pool = {
		.conninfo = c->database_url,
		.application_name = "parley-fcgi",
		.connections = p->slot != NULL ? CONNECTIONS : 1,
		.queue_limit = (unsigned)c->db_queue,
		.statement_timeout_ms = (unsigned)c->statement_timeout_ms,
	};
	struct db_pool_params params = pool;

	p->loop = base_loop_poll_new();
	params.loop = p->loop;
	p->pool = db_pool_new(&params);
	p->metrics = api_metrics_open(c->run_dir, p->name);
	if (!uploads_open(p, err, err_size))
		return false;
	p->engine = api_engine_new(
	    &(struct api_engine_params){
		.config = c,
		.loop = p->loop,
		.pool = p->pool,
		.limits = p->host->limits,
		.metrics = p->metrics,
		.process = p->name,
	    },
	    err, err_size);
	if (p->engine == NULL)
		return false;
	engine_wire(p);
	return true;
}

static void
on_sweep(void *arg)
{
	struct process *p = arg;

	api_uploads_sweep(p->uploads);
	p->sweep = base_timer_start(p->loop, SWEEP_MS, on_sweep, p);
}

static void
upkeep_begin(struct process *p)
{
	on_sweep(p);
	p->upkeep = api_upkeep_new(&(struct api_upkeep_params){
	    .loop = p->loop,
	    .pool = p->pool,
	    .store = api_uploads_store(p->uploads),
	    .age_s = UPKEEP_AGE_S,
	    .rest_ms = UPKEEP_REST_MS,
	    .step_ms = UPKEEP_STEP_MS,
	});
}

static void
process_close(struct process *p)
{
	base_timer_cancel(p->sweep);
	api_upkeep_free(p->upkeep);
	if (p->engine != NULL)
		api_cgi_finish(p->engine, p->loop);
	api_engine_free(p->engine);
	api_uploads_free(p->uploads);
	upload_seats_close(p->seats);
	api_storage_free(p->storage);
	api_metrics_close(p->metrics);
	db_pool_free(p->pool);
	base_loop_poll_free(p->loop);
}

static void
on_waited(void *arg)
{
	struct base_timer **timer = arg;

	*timer = NULL;
}

/* The first request should find the database; without it, it is told so. */
static void
database_wait(struct process *p)
{
	struct base_timer *timer;

	timer = base_timer_start(p->loop, READY_WAIT_MS, on_waited, &timer);
	while (timer != NULL && !db_pool_ready(p->pool))
		base_loop_poll_turn(p->loop, READY_WAIT_MS);
	base_timer_cancel(timer);
}

/* The life of the child that takes no requests: it looks after the files, and
 * after those who wait too long. */
static int
caretaker_main(struct host *host, const volatile sig_atomic_t *stop)
{
	const struct api_config *c = &host->config;
	struct process p = { .host = host };
	struct api_doorman *doorman;
	char err[256];

	p.loop = base_loop_poll_new();
	p.pool = db_pool_new(&(struct db_pool_params){
	    .loop = p.loop,
	    .conninfo = c->database_url,
	    .application_name = "parley-fcgi",
	    .connections = 1,
	    .queue_limit = (unsigned)c->db_queue,
	    .statement_timeout_ms = (unsigned)c->statement_timeout_ms,
	});
	if (!uploads_open(&p, err, sizeof(err))) {
		base_log_error("cannot start", "why=\"%s\"", err);
		return API_PREFORK_EXIT_CONFIG;
	}
	doorman = api_doorman_new(&(struct api_doorman_params){
	    .loop = p.loop,
	    .listen_fd = host->listen_fd,
	    .queue = API_UNIX_BACKLOG,
	    .wait_ms = (uint32_t)c->fcgi_wait_seconds * 1000,
	    .first_wait_ms = START_MS,
	    .taken = host->taken,
	});
	upkeep_begin(&p);
	while (!*stop)
		base_loop_poll_turn(p.loop, TURN_MS);
	api_doorman_free(doorman);
	while (api_linger_count() > 0) /* two seconds at most */
		base_loop_poll_turn(p.loop, TURN_MS);
	process_close(&p);
	return 0;
}

/* The life of one child. */
static int
child_main(
    void *arg, struct api_prefork_slot *slot, const volatile sig_atomic_t *stop)
{
	struct host *host = arg;
	struct process p = { .host = host, .slot = slot };
	struct api_door_fastcgi_params door = {
		.listen_fd = host->listen_fd,
		.stop = stop,
		.taken = host->taken,
		/* Not all at once. */
		.requests_max = REQUESTS_MAX + slot->index * 97,
	};
	char err[256];
	bool ok;

	limits_set();
	if (slot->index == (unsigned)host->config.fcgi_processes)
		return caretaker_main(host, stop);
	api_watchdog_init();
	snprintf(p.name, sizeof(p.name), "fcgi-%s-%u", host->config.instance,
	    slot->index);
	if (!process_open(&p, err, sizeof(err))) {
		base_log_error("cannot start", "why=\"%s\"", err);
		return API_PREFORK_EXIT_CONFIG;
	}
	if (!api_uploads_warm(p.uploads, err, sizeof(err))) {
		base_log_error("cannot start", "why=\"%s\"", err);
		return API_PREFORK_EXIT_CONFIG;
	}
	if (slot->index == 0)
		api_uploads_lack_log(p.uploads);
	database_wait(&p);
	/* Whoever waits has a fresh process to wait for. */
	(void)__atomic_fetch_add(
	    host->taken, API_UNIX_BACKLOG + 1, __ATOMIC_RELAXED);
	door.loop = p.loop;
	door.engine = p.engine;
	ok = api_door_fastcgi_run(&door);
	process_close(&p);
	return ok ? 0 : 1;
}

static int
cgi_main(struct host *host)
{
	struct process p = { .host = host, .name = "cgi" };
	char err[256];

	limits_set();
	api_watchdog_init();
	if (!process_open(&p, err, sizeof(err))) {
		base_log_error("cannot start", "why=\"%s\"", err);
		return API_PREFORK_EXIT_CONFIG;
	}
	database_wait(&p);
	api_door_cgi_run(p.engine, p.loop);
	process_close(&p);
	return 0;
}

static int
socket_open(struct host *host, char *err, size_t err_size)
{
	const char *path = host->config.fcgi_socket;

	if (api_door_fastcgi_inherited()) {
		host->listen_fd = STDIN_FILENO;
		return fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	}
	if (*path == '\0') {
		snprintf(err, err_size,
		    "PARLEY_FCGI_SOCKET is not set, and descriptor 0 is no "
		    "listening socket");
		return -1;
	}
	host->listen_fd = api_unix_listen(path, SOCKET_MODE, err, err_size);
	return host->listen_fd == -1 ? -1 : 0;
}

static int
fastcgi_main(struct host *host)
{
	struct api_config *c = &host->config;
	char err[256] = "";
	int code;

	if (*c->upload_dir == '\0') {
		base_log_error(
		    "cannot start", "why=\"PARLEY_UPLOAD_DIR is not set\"");
		return API_PREFORK_EXIT_CONFIG;
	}
	host->taken = mmap(NULL, sizeof(*host->taken), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (host->taken == MAP_FAILED) {
		base_log_error("no shared memory", "errno=%d", errno);
		return 1;
	}
	if (socket_open(host, err, sizeof(err)) == -1) {
		base_log_error("cannot start", "why=\"%s\"", err);
		return API_PREFORK_EXIT_CONFIG;
	}
	base_log_info("started", "processes=%d socket=%s", c->fcgi_processes,
	    host->listen_fd == STDIN_FILENO ? "inherited" : c->fcgi_socket);
	code = api_prefork_run(&(struct api_prefork_params){
	    .processes = (unsigned)c->fcgi_processes + 1, /* the caretaker */
	    .child = child_main,
	    .arg = host,
	    .grace_s = GRACE_S,
	});
	if (host->listen_fd != STDIN_FILENO)
		(void)unlink(c->fcgi_socket);
	base_log_info("stopped", "code=%d", code);
	return code;
}

/* It stands beside this program; where /proc is missing, where it was
 * installed. */
static char *
decoder_find(void)
{
	struct base_buf path = { 0 };
	char own[4096];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own));
	const char *slash = n > 0 ? memrchr(own, '/', (size_t)n) : NULL;

	if (slash != NULL && (size_t)n < sizeof(own))
		base_buf_append(&path, own, (size_t)(slash - own));
	else
		base_buf_append_str(&path, PARLEY_LIBEXEC_DIR);
	base_buf_append_str(&path, "/parley-decode");
	return base_buf_take(&path);
}

int
main(void)
{
	struct host host = { .listen_fd = -1 };
	char err[512];
	int code;

	(void)signal(SIGPIPE, SIG_IGN);
	if (!api_config_load(
		&host.config, API_CONFIG_SERVICE, err, sizeof(err)) ||
	    (host.limits = api_limits_open(&host.config, err, sizeof(err))) ==
		NULL) {
		base_log_error("cannot start", "why=\"%s\"", err);
		return API_PREFORK_EXIT_CONFIG;
	}
	base_log_level_set((enum base_log_level)host.config.log_level);
	host.decoder = decoder_find();
	code = getenv("REQUEST_METHOD") != NULL ? cgi_main(&host) :
						  fastcgi_main(&host);
	base_free(host.decoder);
	api_limits_close(host.limits);
	api_config_fini(&host.config);
	return code;
}
