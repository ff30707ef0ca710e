/* SPDX-License-Identifier: ISC */
/* One event is one line that nothing in it can break. */

#include <unistd.h>

#include "base/log.h"
#include "tests/unit/harness.h"

static int pipe_fds[2];

static const char *
line_get(void)
{
	static char line[4096];
	const ssize_t n = read(pipe_fds[0], line, sizeof(line) - 1);

	line[n > 0 ? n : 0] = '\0';
	return (line);
}

static void
test_line(void)
{
	const char *line;

	CU_ASSERT_EQUAL(pipe(pipe_fds), 0);
	base_log_fd_set(pipe_fds[1]);
	base_log_info("request", "op=%s status=%d", "ping", 200);
	line = line_get();
	CU_ASSERT_EQUAL(strlen(line),
	    27 +
		strlen(" info request op=ping "
		       "status=200\n"));
	CU_ASSERT_STRING_EQUAL(line + 27, " info request op=ping status=200\n");
	base_log_warn("no pairs", "%s", "");
	CU_ASSERT_STRING_EQUAL(line_get() + 27, " warn no pairs\n");
	base_log_error("hostile", "value=%s", "a\nb\x1b[0m\r");
	CU_ASSERT_STRING_EQUAL(
	    line_get() + 27, " error hostile value=a?b?[0m?\n");
}

static void
test_level(void)
{
	enum base_log_level level = BASE_LOG_ERROR;

	CU_ASSERT_FALSE(base_log_enabled(BASE_LOG_DEBUG));
	base_log_debug("not written", "x=%d", 1);
	CU_ASSERT_TRUE(base_log_level_parse("debug", &level));
	CU_ASSERT_EQUAL(level, BASE_LOG_DEBUG);
	CU_ASSERT_FALSE(base_log_level_parse("loud", &level));
	base_log_level_set(BASE_LOG_DEBUG);
	base_log_debug("written", "x=%d", 1);
	CU_ASSERT_STRING_EQUAL(line_get() + 27, " debug written x=1\n");
	base_log_level_set(BASE_LOG_WARN);
	CU_ASSERT_FALSE(base_log_enabled(BASE_LOG_INFO));
	CU_ASSERT_TRUE(base_log_enabled(BASE_LOG_ERROR));
}

static void
test_cut(void)
{
	const char *line;

	base_log_error("long", "value=%05000d", 1);
	line = line_get();
	CU_ASSERT_EQUAL(strlen(line), 2000);
	CU_ASSERT_PTR_EQUAL(strchr(line, '\n'), line + 1999);
}

static void
check_quote(size_t size, const char *s, const char *expected)
{
	char out[64];

	CU_ASSERT_PTR_EQUAL(base_log_quote(out, size, s), out);
	CU_ASSERT_STRING_EQUAL(out, expected);
	CU_ASSERT_TRUE(strlen(out) < size);
}

static void
test_quote(void)
{
	check_quote(64, "plain-1", "plain-1");
	check_quote(64, NULL, "-");
	check_quote(64, "", "\"\"");
	check_quote(64, "two words", "\"two words\"");
	check_quote(64, "a\"b\\c\nd\xc3", "\"a\\\"b\\\\c\\x0ad\\xc3\"");
	check_quote(12, "elevenchars", "elevenchars");
	check_quote(12, "twelve chars", "\"twelve...\"");
	check_quote(8, "\n\n\n\n\n", "\"...\"");
}

TEST_MAIN("base_log", { "a line", test_line }, { "levels", test_level },
    { "a long line is cut", test_cut }, { "quoting", test_quote })
