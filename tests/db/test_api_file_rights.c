/* SPDX-License-Identifier: ISC */
/* Who gets a file: those it was sent to, and who has a signed address. */

#include "tests/db/files_fixture.h"

#include "api/file_link.h"
#include "base/clock.h"

static void
test_only_those_it_was_sent_to(void)
{
	char *id = upload("alice", "filename=secret.txt", "a secret\n");
	char path[80], conversation[64], text[200], send[128];
	struct reply r;

	target(path, id, "original");
	CU_ASSERT_EQUAL(status_of("alice", path), 200);
	CU_ASSERT_EQUAL(status_of("bob", path), 404);
	CU_ASSERT_EQUAL(status_of(NULL, path), 401);

	r = http(&f, "alice", "POST", "/v1/conversations",
	    "{\"type\": \"direct\", \"user_id\": \"bob\"}");
	CU_ASSERT_EQUAL(r.status, 201);
	snprintf(conversation, sizeof(conversation), "%s", member(&r, "id"));
	reply_fini(&r);
	snprintf(text, sizeof(text),
	    "{\"text\": \"look\", \"attachments\": [\"%s\"]}", id);
	snprintf(
	    send, sizeof(send), "/v1/conversations/%s/messages", conversation);
	r = http(&f, "alice", "POST", send, text);
	CU_ASSERT_EQUAL(r.status, 201);
	reply_fini(&r);
	CU_ASSERT_EQUAL(status_of("bob", path), 200);
	CU_ASSERT_EQUAL(status_of("eve", path), 404);

	/* There is no thumbnail of it, and no other variant of anything. */
	target(path, id, "thumbnail");
	CU_ASSERT_EQUAL(status_of("alice", path), 404);
	target(path, id, "..%2Foriginal");
	CU_ASSERT_EQUAL(status_of("alice", path), 422);
	base_free(id);
}

/* What files.sign gives `user` for these files: the first address, or NULL;
 * base_free(). */
static char *
signed_url(const char *user, const char *ids, const char *more)
{
	struct base_buf text = { 0 };
	struct exchange x;
	char *url = NULL;

	base_buf_printf(&text, "{\"upload_ids\":[%s]%s}", ids, more);
	exchange_begin(&x, &config, user, "POST", "/v1/files/sign");
	exchange_body(&x, "application/json", text.data, text.len);
	CU_ASSERT_EQUAL_FATAL(exchange_serve(&x, &f), 200);
	if (exchange_has(&x, "\"url\""))
		url = text_of(&x, "url");
	exchange_end(&x);
	base_buf_fini(&text);
	return (url);
}

static void
test_a_signed_address_needs_no_credentials(void)
{
	char *id = upload("alice", "filename=shared.txt", "to be seen\n");
	char ids[128], *url, *p;
	struct exchange x;

	snprintf(ids, sizeof(ids), "\"%s\"", id);
	CU_ASSERT_PTR_NULL(signed_url("eve", ids, ""));
	/* A text has no thumbnail to sign. */
	CU_ASSERT_PTR_NULL(
	    signed_url("alice", ids, ",\"variant\":\"thumbnail\""));
	url = signed_url("alice", ids, ",\"seconds\":600");
	CU_ASSERT_PTR_NOT_NULL_FATAL(url);
	exchange_begin(&x, &config, NULL, "GET", url);
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 200);
	CU_ASSERT(exchange_has(&x, "to be seen\n"));
	CU_ASSERT(exchange_has(&x, "Cache-Control: public, max-age="));
	CU_ASSERT_FALSE(exchange_has(&x, "RateLimit: "));
	exchange_end(&x);
	/* Who may not see it by themselves. */
	CU_ASSERT_EQUAL(status_of("eve", url), 200);

	p = strstr(url, "signature=") + 10;
	*p = *p == '0' ? '1' : '0';
	exchange_begin(&x, &config, NULL, "GET", url);
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 403);
	CU_ASSERT(exchange_has(&x, "\"signature_invalid\""));
	exchange_end(&x);
	CU_ASSERT_EQUAL(status_of("eve", url), 404);
	CU_ASSERT_EQUAL(status_of("alice", url), 200);
	base_free(url);
	base_free(id);
}

static void
test_a_signed_address_ends(void)
{
	const char *key = config.url_keys[0];
	char *id = upload("alice", "filename=old.txt", "gone\n");
	char *const keys[] = { (char *)(uintptr_t)key, NULL };
	struct base_buf url = { 0 };
	struct exchange x;

	base_buf_printf(&url, "/v1/files/%s/original", id);
	api_file_link_append(
	    &url, keys, id, "original", base_clock_wall_us() / 1000000 - 1);
	exchange_begin(&x, &config, NULL, "GET", base_buf_str(&url));
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 403);
	CU_ASSERT(exchange_has(&x, "\"signature_expired\""));
	exchange_end(&x);
	base_buf_fini(&url);
	base_free(id);
}

TEST_MAIN("api_file_rights", { "starts", test_starts },
    { "only those it was sent to", test_only_those_it_was_sent_to },
    { "a signed address needs no credentials",
	test_a_signed_address_needs_no_credentials },
    { "a signed address ends", test_a_signed_address_ends },
    { "ends", test_ends })
