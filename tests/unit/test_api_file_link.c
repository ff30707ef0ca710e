/* SPDX-License-Identifier: ISC */
/* api/file_link.c: what is signed, for how long, and with which key. */

#include "tests/unit/harness.h"

#include <stdio.h>
#include <string.h>

#include "api/config.h"
#include "api/file_link.h"
#include "base/buf.h"

#define ID "0190a0b0-0000-7000-8000-000000000001"
#define OLD "old:0123456789abcdef0123456789abcdef"
#define NEW "new:fedcba9876543210fedcba9876543210:with a colon"

static char *const old_keys[] = { (char *)(uintptr_t)OLD, NULL };
static char *const both_keys[] = { (char *)(uintptr_t)NEW,
	(char *)(uintptr_t)OLD, NULL };
static char *const new_keys[] = { (char *)(uintptr_t)NEW, NULL };
static char *const no_keys[] = { NULL };

/* The parts of an address as its query has them. */
struct parts {
	char expires[32], key[32], signature[80];
	struct api_file_link link;
};

static void
make(struct parts *p, char *const *keys, int64_t end)
{
	struct base_buf out = { 0 };

	api_file_link_append(&out, keys, ID, "thumbnail", end);
	CU_ASSERT_EQUAL_FATAL(
	    sscanf(base_buf_str(&out),
		"?expires=%31[0-9]&key=%31[a-z]&signature=%79[0-9a-f]",
		p->expires, p->key, p->signature),
	    3);
	p->link = (struct api_file_link){ ID, "thumbnail", p->expires, p->key,
		p->signature };
	base_buf_fini(&out);
}

static void
test_scope(void)
{
	struct parts p;
	struct api_file_link other;

	make(&p, old_keys, 2000);
	CU_ASSERT_EQUAL(strlen(p.signature), 64);
	CU_ASSERT_EQUAL(
	    api_file_link_check(old_keys, &p.link, 1999), API_FILE_LINK_GOOD);
	CU_ASSERT_EQUAL(api_file_link_check(old_keys, &p.link, 2000),
	    API_FILE_LINK_EXPIRED);
	other = p.link;
	other.upload_id = "0190a0b0-0000-7000-8000-000000000002";
	CU_ASSERT_EQUAL(
	    api_file_link_check(old_keys, &other, 1), API_FILE_LINK_BAD);
	other = p.link;
	other.variant = "original";
	CU_ASSERT_EQUAL(
	    api_file_link_check(old_keys, &other, 1), API_FILE_LINK_BAD);
	other = p.link;
	other.expires = "20000";
	CU_ASSERT_EQUAL(
	    api_file_link_check(old_keys, &other, 1), API_FILE_LINK_BAD);
}

static void
test_damage(void)
{
	struct parts p;
	struct api_file_link other;

	make(&p, old_keys, 2000);
	for (size_t i = 0; i < strlen(p.signature); i++) {
		char was = p.signature[i];

		p.signature[i] = was == 'a' ? 'b' : 'a';
		CU_ASSERT_EQUAL(api_file_link_check(old_keys, &p.link, 1),
		    API_FILE_LINK_BAD);
		p.signature[i] = was;
	}
	other = p.link;
	other.signature = NULL;
	CU_ASSERT_EQUAL(
	    api_file_link_check(old_keys, &other, 1), API_FILE_LINK_NONE);
	other.signature = "";
	CU_ASSERT_EQUAL(
	    api_file_link_check(old_keys, &other, 1), API_FILE_LINK_BAD);
	other = p.link;
	other.key = NULL;
	CU_ASSERT_EQUAL(
	    api_file_link_check(old_keys, &other, 1), API_FILE_LINK_BAD);
	other.key = "";
	CU_ASSERT_EQUAL(
	    api_file_link_check(old_keys, &other, 1), API_FILE_LINK_BAD);
	other = p.link;
	other.expires = NULL;
	CU_ASSERT_EQUAL(
	    api_file_link_check(old_keys, &other, 1), API_FILE_LINK_BAD);
}

/* The new key first, the old one behind it; then the old one goes. */
static void
test_rotation(void)
{
	struct parts before, after;

	make(&before, old_keys, 2000);
	make(&after, both_keys, 2000);
	CU_ASSERT_STRING_EQUAL(before.key, "old");
	CU_ASSERT_STRING_EQUAL(after.key, "new");
	CU_ASSERT_STRING_NOT_EQUAL(before.signature, after.signature);
	CU_ASSERT_EQUAL(api_file_link_check(both_keys, &before.link, 1),
	    API_FILE_LINK_GOOD);
	CU_ASSERT_EQUAL(
	    api_file_link_check(both_keys, &after.link, 1), API_FILE_LINK_GOOD);
	CU_ASSERT_EQUAL(
	    api_file_link_check(new_keys, &before.link, 1), API_FILE_LINK_BAD);
	CU_ASSERT_EQUAL(
	    api_file_link_check(no_keys, &after.link, 1), API_FILE_LINK_BAD);
}

static void
test_keys(void)
{
	static const char *const bad[] = { "", "name", ":" OLD,
		"name:0123456789abcdef0123456789abcde",
		"a name:0123456789abcdef0123456789abcdef",
		"seventeen-letters:0123456789abcdef0123456789abcdef" };

	CU_ASSERT(api_file_link_key_fine(OLD));
	CU_ASSERT(api_file_link_key_fine(NEW));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_FALSE(api_file_link_key_fine(bad[i]));
}

/* Good for half of the time at least, for all of it at most, and the same for
 * everybody who asks in the same half. */
static void
test_end(void)
{
	for (int64_t now = 7200; now < 7200 + 3600; now += 7) {
		int64_t left = api_file_link_end(now, 3600) - now;

		CU_ASSERT(left > 1800 && left <= 3600);
	}
	CU_ASSERT_EQUAL(
	    api_file_link_end(7200, 3600), api_file_link_end(8999, 3600));
	CU_ASSERT_EQUAL(api_file_link_end(50, 1), 51);
}

static void
check_json(const struct api_config *c, const char *json, unsigned links)
{
	struct base_buf out = { 0 };
	const char *p;
	unsigned n = 0;

	CU_ASSERT_EQUAL(
	    api_file_link_json(&out, c, json, strlen(json)), links > 0);
	p = base_buf_str(&out);
	while ((p = strstr(p, "&signature=")) != NULL) {
		CU_ASSERT_EQUAL(p[11 + 64], '"');
		p++;
		n++;
	}
	CU_ASSERT_EQUAL(n, links);
	base_buf_fini(&out);
}

#define FILE "\"/v1/files/" ID

static void
test_json(void)
{
	struct api_config c = { .url_keys = (char **)(uintptr_t)old_keys,
		.url_seconds = 3600,
		.sign_urls = true };
	static const char *const plain[] = { "", "{}", "\"url\"",
		"\"url\":", "{\"url\":null}", "{\"url\":\"/v1/files/\"}",
		"{\"url\":" FILE "/\"}", "{\"url\":" FILE "/original",
		"{\"url\":" FILE "/original?x\"}",
		"{\"text\":" FILE "/original\"}",
		"{\"text\":\"\\\"url\\\":\\" FILE "/original\\\"\"}",
		"{\"picture\":" FILE "/avatar\"}" };

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		check_json(&c, plain[i], 0);
	check_json(&c, "{\"url\":" FILE "/original\"}", 1);
	check_json(&c,
	    "[{\"url\" : " FILE "/original\",\"thumbnail_url\":" FILE
	    "/thumbnail\",\"preview_url\":null}]",
	    2);
	c.sign_urls = false;
	check_json(&c, "{\"url\":" FILE "/original\"}", 0);
}

TEST_MAIN("api_file_link", { "what it is for", test_scope },
    { "damage", test_damage }, { "rotation", test_rotation },
    { "keys", test_keys }, { "the end", test_end },
    { "addresses in JSON", test_json })
