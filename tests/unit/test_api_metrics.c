/* SPDX-License-Identifier: ISC */
#include "api/metrics.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/operation.h"
#include "base/attr.h"
#include "base/buf.h"
#include "tests/unit/harness.h"

static char dir[] = "/tmp/parley-metrics-XXXXXX";

static void
in_child(const char *process, void (*work)(struct api_metrics *))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct api_metrics *m = api_metrics_open(dir, process);

		work(m);
		_exit(0); /* without closing: it was killed */
	}
	waitpid(pid, &status, 0);
	CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void
work_a_little(struct api_metrics *m)
{
	const struct api_operation *op = api_operation_find("messages.send");

	api_metrics_request(m, api_operation_index(op), 201, 700);
	api_metrics_request(m, api_operation_index(op), 418, 9000000);
	api_metrics_count(m, API_COUNT_EVENTS_DELIVERED, 5);
	api_metrics_gauge_set(m, API_GAUGE_CONNECTIONS_SSE, 3);
	api_metrics_gauge_add(m, API_GAUGE_CONNECTIONS_SSE, 4);
}

static void
test_sums(void)
{
	struct api_metrics *m = api_metrics_open(dir, "me");
	struct base_buf out = { 0 };

	in_child("one", work_a_little);
	in_child("two", work_a_little);
	work_a_little(m);
	CU_ASSERT_EQUAL(api_metrics_counter(m, API_COUNT_EVENTS_DELIVERED), 15);
	/* Gauges of the dead count no more. */
	CU_ASSERT_EQUAL(api_metrics_gauge(m, API_GAUGE_CONNECTIONS_SSE), 7);
	api_metrics_write(m, &out);
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data,
	    "\nparley_requests_total{operation=\"messages.send\","
	    "status=\"201\"} 3\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data,
	    "\nparley_requests_total{operation=\"messages.send\","
	    "status=\"0\"} 3\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data,
	    "_bucket{operation=\"messages.send\",le=\"0.0005\"} 0\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(
	    out.data, "_bucket{operation=\"messages.send\",le=\"0.001\"} 3\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(
	    out.data, "_bucket{operation=\"messages.send\",le=\"+Inf\"} 6\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data,
	    "parley_request_seconds_sum{operation=\"messages.send\"} "
	    "27.002100\n"));
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(out.data, "\nparley_connections{kind=\"sse\"} 7\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data,
	    "\n# TYPE parley_connections gauge\nparley_connections{"));
	base_buf_fini(&out);
	api_metrics_close(m);
}

/* A process that starts again goes on counting where it was. */
static void
test_restarts(void)
{
	struct api_metrics *m;

	in_child("again", work_a_little);
	in_child("again", work_a_little);
	m = api_metrics_open(dir, "watcher");
	CU_ASSERT_EQUAL(api_metrics_counter(m, API_COUNT_EVENTS_DELIVERED), 25);
	CU_ASSERT_EQUAL(api_metrics_gauge(m, API_GAUGE_CONNECTIONS_SSE), 0);
	api_metrics_close(m);
}

/* Two living processes of one name have a slot each. */
static void
test_namesakes(void)
{
	struct api_metrics *a = api_metrics_open(dir, "same");
	struct api_metrics *b = api_metrics_open(dir, "same");

	api_metrics_gauge_set(a, API_GAUGE_CALLS, 1);
	api_metrics_gauge_set(b, API_GAUGE_CALLS, 2);
	CU_ASSERT_EQUAL(api_metrics_gauge(a, API_GAUGE_CALLS), 3);
	api_metrics_close(a);
	CU_ASSERT_EQUAL(api_metrics_gauge(b, API_GAUGE_CALLS), 2);
	api_metrics_close(b);
}

/* More processes than slots: those count for themselves. */
static void
test_too_many(void)
{
	static struct api_metrics *all[140];
	char name[16];

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		snprintf(name, sizeof(name), "p%zu", i);
		all[i] = api_metrics_open(dir, name);
		api_metrics_gauge_set(all[i], API_GAUGE_CALLS, 1);
	}
	CU_ASSERT_EQUAL(api_metrics_gauge(all[0], API_GAUGE_CALLS), 128);
	CU_ASSERT_EQUAL(api_metrics_gauge(all[139], API_GAUGE_CALLS), 129);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		api_metrics_close(all[i]);
}

static void
test_without_directory(void)
{
	struct api_metrics *m = api_metrics_open("", "alone");

	work_a_little(m);
	CU_ASSERT_EQUAL(api_metrics_counter(m, API_COUNT_EVENTS_DELIVERED), 5);
	api_metrics_close(m);
	m = api_metrics_open("/nonexistent", "alone");
	work_a_little(m);
	CU_ASSERT_EQUAL(api_metrics_gauge(m, API_GAUGE_CONNECTIONS_SSE), 7);
	api_metrics_close(m);
}

int
main(int argc, char **argv)
{
	static const struct test_case cases[] = { { "sums", test_sums },
		{ "restarts", test_restarts }, { "namesakes", test_namesakes },
		{ "too many", test_too_many },
		{ "without directory", test_without_directory } };
	char command[128];
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	failed = test_main(
	    "api_metrics", cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) == 0 ? failed : 1;
}
