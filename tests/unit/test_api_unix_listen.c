/* SPDX-License-Identifier: ISC */
/* api/unix_listen.c: sockets left behind, and those in use. */

#include "tests/unit/harness.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/unix_listen.h"

static char dir[] = "/tmp/parley-listen-XXXXXX";
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static char err[256];

static void
test_listens_with_its_mode(void)
{
	struct stat st;
	int fd, client;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", dir);
	fd = api_unix_listen(address.sun_path, 0660, err, sizeof(err));
	CU_ASSERT_FATAL(fd != -1);
	CU_ASSERT_EQUAL(stat(address.sun_path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0660);
	CU_ASSERT((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	CU_ASSERT_EQUAL(
	    connect(client, (const struct sockaddr *)&address, sizeof(address)),
	    0);
	close(client);

	/* One that lives is not taken away. */
	CU_ASSERT_EQUAL(
	    api_unix_listen(address.sun_path, 0660, err, sizeof(err)), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(err, address.sun_path));
	close(fd);
}

static void
test_replaces_a_dead_one(void)
{
	int fd = api_unix_listen(address.sun_path, 0600, err, sizeof(err));

	CU_ASSERT_FATAL(fd != -1);
	close(fd);
	CU_ASSERT_EQUAL(unlink(address.sun_path), 0);
}

static void
test_leaves_other_files_alone(void)
{
	int fd = open(address.sun_path, O_CREAT | O_WRONLY, 0600);

	CU_ASSERT_FATAL(fd != -1);
	close(fd);
	CU_ASSERT_EQUAL(
	    api_unix_listen(address.sun_path, 0660, err, sizeof(err)), -1);
	CU_ASSERT_EQUAL(unlink(address.sun_path), 0);
	CU_ASSERT_EQUAL(rmdir(dir), 0);
}

static void
test_refuses_odd_paths(void)
{
	char path[200];

	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	CU_ASSERT_EQUAL(api_unix_listen(path, 0660, err, sizeof(err)), -1);
	CU_ASSERT_EQUAL(api_unix_listen("", 0660, err, sizeof(err)), -1);
	CU_ASSERT_EQUAL(
	    api_unix_listen("/nonexistent/s", 0660, err, sizeof(err)), -1);
}

TEST_MAIN("api_unix_listen",
    { "listens with its mode", test_listens_with_its_mode },
    { "replaces a dead one", test_replaces_a_dead_one },
    { "leaves other files alone", test_leaves_other_files_alone },
    { "refuses odd paths", test_refuses_odd_paths })
