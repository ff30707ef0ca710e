/* SPDX-License-Identifier: ISC */
/*
 * parley.so: what Kore calls, and how the parts of a worker are put together.
 * The parent reads the settings, so that a mistake in them ends the start and
 * not one worker after the other.
 */
#include <kore/kore.h>

#include <kore/hooks.h>
#include <kore/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <stdbool.h>

#include "api/call.h"
#include "api/config.h"
#include "api/door_kore.h"
#include "api/drain.h"
#include "api/engine.h"
#include "api/fastcgi_relay.h"
#include "api/kore_guard.h"
#include "api/kore_listen.h"
#include "api/limit.h"
#include "api/linger.h"
#include "api/metrics.h"
#include "api/stream.h"
#include "api/token.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "db/loop_kore.h"
#include "db/pool.h"

#define GOODBYE_SPREAD_MS 3000 /* over which streams are told to return */
#define STOP_MS 5000	       /* for what is under way when asked to stop */
#define SETTLE_MS 300	       /* for what is on its way here */
#define SPARE_DESCRIPTORS 128  /* for all that is neither client nor stream */
#define RETRY_MS 200
#define DRAIN_SPREAD_MS 10000 /* when the order does not say */
#define SIGNAL_LOOK_MS 500

/* Named on the listener's line of Kore's configuration. */
void parley_connect(struct connection *c);

/*
 * Calls to the kernel that Kore's own list lacks.  What none of our libraries
 * needs after the start stays forbidden: files are parley-fcgi's, and nothing
 * is ever executed.
 */
/* clang-format off */
KORE_SECCOMP_FILTER("parley",
    /* libpq: connections, also over TCP to a host that it must look up */
    KORE_SYSCALL_ALLOW(socket), KORE_SYSCALL_ALLOW(connect),
    KORE_SYSCALL_ALLOW(bind), KORE_SYSCALL_ALLOW(getsockname),
    KORE_SYSCALL_ALLOW(getpeername), KORE_SYSCALL_ALLOW(getsockopt),
    KORE_SYSCALL_ALLOW(sendmsg), KORE_SYSCALL_ALLOW(sendmmsg),
    KORE_SYSCALL_ALLOW(recvmsg), KORE_SYSCALL_ALLOW(uname),
    /* streams and lingering answers */
    KORE_SYSCALL_ALLOW(shutdown),
    /* files that parley-fcgi opened */
    KORE_SYSCALL_ALLOW(sendfile),
    /* glibc 2.36: fstat(), realloc(), raise() and abort() */
    KORE_SYSCALL_ALLOW(newfstatat), KORE_SYSCALL_ALLOW(mremap),
    KORE_SYSCALL_ALLOW(gettid), KORE_SYSCALL_ALLOW(tgkill),
    /* to end with the parent */
    KORE_SYSCALL_ALLOW_ARG(prctl, 0, PR_SET_PDEATHSIG),
    /* getrlimit() */
    KORE_SYSCALL_ALLOW(prlimit64));
/* clang-format on */

static struct api_config config;
/* By the parent and all workers. */
struct together {
	bool start_failed;
	struct api_drain_shared drain;
};

static struct together *shared;
/* With the key, which is read before the chroot and under root's eyes; each
 * worker inherits it. */
static struct api_tokens *tokens;

/* The parts of this worker, in the order in which they are made. */
static struct {
	char name[48]; /* "kore-p1-1" */
	struct base_loop *loop;
	struct api_metrics *metrics;
	struct api_limits *limits;
	struct db_pool *pool;
	struct api_engine *engine;
	struct api_streams *streams;
	struct api_relays *relays;
	struct api_drain *drain;
	struct base_timer *look; /* for SIGUSR1; non-NULL = running */
} parts;

static volatile sig_atomic_t drain_asked;

void
parley_connect(struct connection *c)
{
	if (parts.engine == NULL)
		kore_connection_disconnect(c);
	else
		api_kore_guard_connect(c);
}

/* --- the parent --- */

static void
parent_fail(const char *why)
{
	(void)unlink(kore_pidfile);
	fatalx("parley: %s", why);
}

/* TLS is Nginx's, and every listener goes through the guard. */
static void
check_listeners(void)
{
	void *guard = kore_module_getsym("parley_connect", NULL);
	struct kore_server *server;
	struct listener *l;

	LIST_FOREACH (server, &kore_servers, list) {
		if (server->tls)
			parent_fail("Kore's server needs the line: tls no");
		LIST_FOREACH (l, &server->listeners, list) {
			if (l->connect == NULL || l->connect->addr != guard)
				parent_fail("Kore's bind and unix lines must "
					    "end in parley_connect");
		}
	}
}

void
kore_parent_configure(int argc, char **argv)
{
	char err[512];

	(void)argc;
	(void)argv;
	/* Kore's own log: each line once and in time, also in a file. */
	(void)fflush(stdout);
	setlinebuf(stdout);
	/* Kore would load this module anew under the connections' feet. */
	(void)signal(SIGHUP, SIG_IGN);
	if (!api_config_load(&config, API_CONFIG_SERVICE, err, sizeof(err)))
		parent_fail(err);
	base_log_level_set((enum base_log_level)config.log_level);
	check_listeners();
	if (!db_pool_conninfo_valid(config.database_url))
		parent_fail("PARLEY_DATABASE_URL is not a connection string");
	if (!db_pool_conninfo_valid(config.listen_database_url))
		parent_fail(
		    "PARLEY_LISTEN_DATABASE_URL is not a connection string");
	tokens = api_tokens_new(&config, err, sizeof(err));
	if (tokens == NULL)
		parent_fail(err);
	/* Without a directory the counters are shared by inheritance. */
	if (*config.run_dir == '\0')
		parts.limits = api_limits_open(&config, err, sizeof(err));
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		parent_fail("out of memory");
}

void
kore_parent_teardown(void)
{
	if (!shared->start_failed)
		return;
	(void)unlink(kore_pidfile);
	exit(1);
}

/* --- a worker --- */

/* Kore restarts a worker that exits, for ever: so ask for the end of it all,
 * once its loop is there to carry the request. */
static void
ask_for_the_end(void *arg, u_int64_t now)
{
	(void)arg;
	(void)now;
	kore_shutdown();
}

static void
worker_fail(const char *why)
{
	base_log_error("start", "process=%s reason=\"%s\"", parts.name, why);
	shared->start_failed = true;
	(void)kore_timer_add(ask_for_the_end, RETRY_MS, NULL, 0);
}

/* Streams are not Kore's connections, so its limits do not hold for them. */
static size_t
sessions_max(void)
{
	size_t taken = worker_max_connections + SPARE_DESCRIPTORS;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == -1 || files.rlim_cur <= taken)
		return 1;
	return (size_t)files.rlim_cur - taken;
}

static struct db_pool *
pool_make(void)
{
	struct db_pool_params p = { .loop = parts.loop,
		.conninfo = config.database_url,
		.application_name = parts.name,
		.connections = (unsigned int)config.db_connections,
		.queue_limit = (unsigned int)config.db_queue,
		.statement_timeout_ms =
		    (unsigned int)config.statement_timeout_ms };

	return db_pool_new(&p);
}

static struct api_relays *
relays_make(void)
{
	struct api_relays_params p = { .loop = parts.loop,
		.socket_path = config.fcgi_socket,
		.body_max = (uint64_t)config.max_upload_bytes,
		.on_refused = api_door_kore_refused };

	return *config.fcgi_socket != '\0' ? api_relays_new(&p) : NULL;
}

static void
on_drain_signal(int signal_number)
{
	(void)signal_number;
	drain_asked = 1;
}

/* SIGUSR1, which Kore's parent passes on: for when the database, through which
 * orders come, is away. */
static void
look_for_signal(void *arg)
{
	parts.look =
	    base_timer_start(parts.loop, SIGNAL_LOOK_MS, look_for_signal, arg);
	if (!drain_asked)
		return;
	drain_asked = 0;
	api_drain_order(parts.drain, DRAIN_SPREAD_MS);
}

static void
drain_told(void *arg, uint32_t spread_ms)
{
	(void)arg;
	api_drain_order(parts.drain, spread_ms);
}

/* No new connections; those that are here end with their next answer. */
static void
let_nobody_in(void)
{
	api_kore_listen_close();
	api_engine_drain(parts.engine);
	api_door_kore_drain();
}

static void
drain_begin(void *arg, uint32_t spread_ms)
{
	(void)arg;
	base_log_info("draining", "process=%s streams=%zu spread_ms=%u",
	    parts.name, api_streams_count(parts.streams), spread_ms);
	let_nobody_in();
	api_streams_drain(parts.streams, spread_ms);
}

static bool
is_busy(void)
{
	return api_door_kore_count() > 0 ||
	    api_engine_pending(parts.engine) > 0 ||
	    (parts.relays != NULL && api_relays_count(parts.relays) > 0);
}

static bool
is_done(void)
{
	return !is_busy() && api_linger_count() == 0 &&
	    api_streams_count(parts.streams) == 0 &&
	    api_streams_pending(parts.streams) == 0;
}

static bool
drain_is_empty(void *arg)
{
	(void)arg;
	return is_done() && api_door_kore_connections() == 0;
}

static bool
drain_is_busy(void *arg)
{
	(void)arg;
	return is_busy();
}

static void
drain_end(void *arg)
{
	(void)arg;
	kore_shutdown();
}

static struct api_drain *
drain_make(void)
{
	struct api_drain_params p = { .loop = parts.loop,
		.shared = &shared->drain,
		.worker = worker->id,
		.begin = drain_begin,
		.is_empty = drain_is_empty,
		.is_busy = drain_is_busy,
		.end = drain_end };

	return api_drain_new(&p);
}

/* Without the parent nobody passes on the turn to accept, and the address stays
 * taken.  Kore looks for the end of its pipe to the parent, but workers that
 * were started again hold those of each other open. */
static void
leave_with_parent(void)
{
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1)
		base_log_warn("prctl failed", "errno=%d", errno);
}

void
kore_worker_configure(void)
{
	struct api_engine_params engine = { .config = &config };
	struct api_streams_params streams = { .worker = worker->id,
		.on_drain = drain_told };
	char err[512];

	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGUSR1, on_drain_signal);
	leave_with_parent();
	(void)snprintf(parts.name, sizeof(parts.name), "kore-%.32s-%u",
	    config.instance, worker->id);
	if (parts.limits == NULL)
		parts.limits = api_limits_open(&config, err, sizeof(err));
	if (parts.limits == NULL) {
		worker_fail(err);
		return;
	}
	parts.loop = db_loop_kore_new();
	parts.metrics = api_metrics_open(config.run_dir, parts.name);
	parts.pool = pool_make();
	engine.loop = parts.loop;
	engine.pool = parts.pool;
	engine.limits = parts.limits;
	engine.metrics = parts.metrics;
	engine.process = parts.name;
	engine.tokens = tokens;
	parts.engine = api_engine_new(&engine, err, sizeof(err));
	if (parts.engine == NULL) {
		worker_fail(err);
		return;
	}
	streams.engine = parts.engine;
	streams.sessions_max = sessions_max();
	parts.streams = api_streams_new(&streams);
	parts.relays = relays_make();
	api_door_kore_open(&(struct api_door_kore_params){ .loop = parts.loop,
	    .engine = parts.engine,
	    .streams = parts.streams,
	    .relays = parts.relays });
	api_kore_listen_init();
	parts.drain = drain_make();
	parts.look =
	    base_timer_start(parts.loop, SIGNAL_LOOK_MS, look_for_signal, NULL);
	base_log_info("started", "process=%s pid=%d sessions_max=%zu",
	    parts.name, (int)getpid(), streams.sessions_max);
}

/* --- its end --- */

/* Idle connections have a moment: a request may be on its way on one that Nginx
 * keeps, or has just made. */
static bool
is_finished(uint64_t began_ms)
{
	return is_done() &&
	    (api_door_kore_connections() == 0 ||
		base_clock_ms() >= began_ms + SETTLE_MS);
}

/* Kore leaves its loop at once, and takes no notice of what is under way: so
 * its turns are made here until that is done. */
static void
finish(void)
{
	uint64_t now = base_clock_ms();
	uint64_t until = now + STOP_MS;

	while (!is_finished(now) && base_clock_ms() < until) {
		kore_platform_event_wait(20);
		kore_timer_run(kore_time_ms());
		kore_connection_prune(KORE_CONNECTION_PRUNE_DISCONNECT);
	}
}

void
kore_worker_teardown(void)
{
	if (parts.engine == NULL)
		return;
	base_log_info("stopping", "process=%s calls=%zu streams=%zu",
	    parts.name, api_door_kore_count(),
	    api_streams_count(parts.streams));
	let_nobody_in();
	api_streams_goodbye(parts.streams, GOODBYE_SPREAD_MS);
	finish();
	base_timer_cancel(parts.look);
	api_drain_free(parts.drain);
	api_door_kore_close();
	if (parts.relays != NULL)
		api_relays_free(parts.relays);
	api_streams_free(parts.streams);
	api_engine_free(parts.engine);
	db_pool_free(parts.pool);
	api_metrics_close(parts.metrics);
	api_limits_close(parts.limits);
	db_loop_kore_free(parts.loop);
	base_log_info("stopped", "process=%s", parts.name);
}
