/* SPDX-License-Identifier: ISC */
/* api/upkeep.c and what it runs: rows without files, files without rows,
 * uploads that nobody refers to, and the quota. */

#include "tests/unit/harness.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/upkeep.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "db/pool.h"
#include "tests/db/cluster.h"
#include "tests/db/sql.h"
#include "upload/partial.h"
#include "upload/store_private.h"

#define ID(n) "00000000-0000-7000-8000-00000000000" n

static struct cluster *cluster;
static struct sql *s;
static struct upload_store *store;
static char dir[] = "/tmp/parley-upkeep-XXXXXX";
static unsigned rounds, removed, lost;

static void
on_round(void *arg, unsigned files, unsigned uploads)
{
	(void)arg;
	rounds++;
	removed = files;
	lost = uploads;
}

/* One round of upkeep; files go when they are `age_s` old. */
static void
round_run(unsigned age_s)
{
	struct base_loop *loop = base_loop_poll_new();
	struct db_pool *pool =
	    db_pool_new(&(struct db_pool_params){ .loop = loop,
		.conninfo = cluster_conninfo(cluster),
		.connections = 1 });
	struct api_upkeep *u;

	while (!db_pool_ready(pool))
		base_loop_poll_turn(loop, 1000);
	rounds = 0;
	u = api_upkeep_new(&(struct api_upkeep_params){ .loop = loop,
	    .pool = pool,
	    .store = store,
	    .age_s = age_s,
	    .rest_ms = 3600 * 1000,
	    .step_ms = 1,
	    .on_round = on_round });
	while (rounds == 0)
		base_loop_poll_turn(loop, 1000);
	api_upkeep_free(u);
	db_pool_free(pool);
	base_loop_poll_free(loop);
}

/* Store `text`; its hash. */
static void
file_put(const char *text, char hash[UPLOAD_HASH_LEN + 1])
{
	struct upload_temp temp;
	uint64_t size;

	CU_ASSERT_EQUAL_FATAL(upload_store_temp_open(store, &temp), UPLOAD_OK);
	CU_ASSERT_EQUAL(
	    upload_store_temp_write(&temp, text, strlen(text)), UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_store_temp_hash(&temp, hash, &size), UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_store_keep(store, &temp, hash), UPLOAD_OK);
}

/* A row of alice's; `thumbnail` and `avatar` may be NULL. */
static void
row_put(const char *id, const char *hash, const char *thumbnail,
    const char *avatar, const char *files, const char *bytes)
{
	char variants[300] = "[]";

	if (avatar != NULL)
		snprintf(variants, sizeof(variants),
		    "[{\"variant\":\"avatar\",\"type\":\"image/png\","
		    "\"sha256\":\"%s\",\"size\":10}]",
		    avatar);
	SQL(s, "uploads.create", id, "alice", "a.txt", "text/plain", "100",
	    NULL, NULL, hash, thumbnail, thumbnail != NULL ? "image/png" : NULL,
	    thumbnail != NULL ? "5" : NULL, NULL, NULL, NULL, variants, "user",
	    bytes, files, "0", "0");
}

/* --- the store, as a place that takes note of how long it may take --- */

static unsigned asked, impatient; /* calls, and those without time left */
static bool has_time;

static void
on_patience(void *place, unsigned ms)
{
	(void)place;
	has_time = ms > 0;
}

static struct upload_store *
noted(void *place)
{
	asked++;
	impatient += !has_time;
	return (place);
}

static enum upload_status
on_has(void *place, const char *hash)
{
	return (upload_store_has(noted(place), hash));
}

static enum upload_status
on_list(void *place, struct upload_page *page, unsigned age_s)
{
	struct upload_store *whole = noted(place);

	has_time = false; /* the next step is another */
	return (whole->ops->list(whole->place, page, age_s));
}

static enum upload_drop
on_drop(void *place, const char *hash, unsigned age_s)
{
	return (upload_store_drop(noted(place), hash, age_s));
}

/* What an upload has left of its patience is none of the upkeep's. */
static void
test_each_step_has_time_of_its_own(void)
{
	static const struct upload_store_ops ops = { .patience = on_patience,
		.has = on_has,
		.list = on_list,
		.drop = on_drop };
	struct upload_store far = { .ops = &ops,
		.place = store,
		.tmp = store->tmp,
		.tmp_path = store->tmp_path };
	struct upload_store *near = store;
	char hash[UPLOAD_HASH_LEN + 1];

	file_put("a stray one", hash);
	file_put("a lost one", hash);
	row_put(ID("7"), hash, NULL, NULL, "0", "0");
	CU_ASSERT_EQUAL(upload_store_drop(store, hash, 0), UPLOAD_DROPPED);
	for (unsigned round = 0; round < 2; round++) {
		store = &far;
		asked = impatient = 0;
		has_time = false;
		round_run(0);
		store = near;
		CU_ASSERT_EQUAL(lost, 1);
		CU_ASSERT(asked >= 2);
		CU_ASSERT_EQUAL(impatient, 0);
	}
	RUN(s, "delete from uploads");
}

static void
test_starts(void)
{
	base_log_level_set(BASE_LOG_ERROR);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	store = upload_store_new(dir, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(store);
	cluster = cluster_new_migrated();
	s = sql_open(cluster);
	RUN(s, "insert into users (id, name) values ('alice', 'Alice')");
}

static void
test_what_no_row_names_goes(void)
{
	char kept[3][UPLOAD_HASH_LEN + 1], stray[UPLOAD_HASH_LEN + 1];

	file_put("the file", kept[0]);
	file_put("its thumbnail", kept[1]);
	file_put("its avatar", kept[2]);
	file_put("nobody's", stray);
	row_put(ID("1"), kept[0], kept[1], kept[2], "0", "0");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	round_run(3600); /* too young: its row may be about to come */
	CU_ASSERT_EQUAL(removed, 0);
	round_run(0);
	CU_ASSERT_EQUAL(removed, 1);
	CU_ASSERT_EQUAL(lost, 0);
	CU_ASSERT_EQUAL(upload_store_has(store, stray), UPLOAD_MISSING);
	for (int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(upload_store_has(store, kept[i]), UPLOAD_OK);
}

/* Who keeps a file that is there already makes it young. */
static void
test_a_file_kept_again_stays(void)
{
	char hash[UPLOAD_HASH_LEN + 1], path[200];
	const struct timespec old[2] = { { .tv_sec = 1000 },
		{ .tv_sec = 1000 } };

	file_put("twice", hash);
	snprintf(
	    path, sizeof(path), "%s/%.2s/%.2s/%s", dir, hash, hash + 2, hash);
	CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, old, 0), 0);
	file_put("twice", hash);
	CU_ASSERT_EQUAL(upload_store_drop(store, hash, 60), UPLOAD_STAYED);
	CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, old, 0), 0);
	CU_ASSERT_EQUAL(upload_store_drop(store, hash, 60), UPLOAD_DROPPED);
	CU_ASSERT_EQUAL(upload_store_drop(store, hash, 60), UPLOAD_DROPPED);
	file_put("twice", hash);
	CU_ASSERT_EQUAL(upload_store_has(store, hash), UPLOAD_OK);
}

static void
test_what_no_file_backs_is_marked(void)
{
	char hash[UPLOAD_HASH_LEN + 1];

	file_put("here for now", hash);
	row_put(ID("2"), hash, NULL, NULL, "0", "0");
	CU_ASSERT_EQUAL(upload_store_drop(store, hash, 0), UPLOAD_DROPPED);
	round_run(3600);
	CU_ASSERT_EQUAL(lost, 1);
	RUN(s, "select id from uploads where lost_at is not null");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "id"), ID("2"));
	file_put("here for now", hash); /* from a backup */
	round_run(3600);
	CU_ASSERT_EQUAL(lost, 0);
	RUN(s, "select id from uploads where lost_at is not null");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
}

static void
uploads_expect(const char *ids)
{
	SQL(s, "uploads.tidy", "100");
	RUN(s,
	    "select coalesce(string_agg(right(id::text, 1), '' order by id),"
	    " '') as ids from uploads");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "ids"), ids);
}

static void
attach(const char *upload, const char *message)
{
	QUERY(s,
	    "insert into attachments (upload_id, message_id, conversation_id,"
	    " seq) select $1, $2, c.id, 1 from conversations c limit 1",
	    upload, message);
}

static void
test_a_file_goes_with_its_last_reference(void)
{
	attach(ID("1"), ID("a"));
	attach(ID("1"), ID("b"));
	uploads_expect("12");
	QUERY(s, "delete from attachments where message_id = $1", ID("a"));
	uploads_expect("12");
	QUERY(s, "delete from attachments where message_id = $1", ID("b"));
	uploads_expect("2");
	RUN(s, "select from upload_files");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
}

static void
test_unattached_ones_expire(void)
{
	char hash[UPLOAD_HASH_LEN + 1];

	file_put("attached", hash);
	row_put(ID("3"), hash, NULL, NULL, "0", "0");
	attach(ID("3"), ID("c"));
	uploads_expect("23");
	RUN(s, "update upload_loose set due_at = due_at - interval '1 day'");
	uploads_expect("3");
	round_run(0);
	CU_ASSERT_EQUAL(lost, 0);
	CU_ASSERT_EQUAL(upload_store_has(store, hash), UPLOAD_OK);
}

static void
test_quotas(void)
{
	static const char hash[] = "0123456789abcdef0123456789abcdef"
				   "0123456789abcdef0123456789abcdef";

	row_put(ID("4"), hash, NULL, NULL, "1", "0");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "quota_exceeded");
	row_put(ID("4"), hash, NULL, NULL, "0", "199");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "quota_exceeded");
	row_put(ID("4"), hash, NULL, hash, "2", "210");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	row_put(ID("5"), hash, NULL, NULL, "2", "0");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "quota_exceeded");
	for (int i = 0; i < 3; i++) {
		SQL(s, "uploads.create", ID("5"), "alice", "a", "text/plain",
		    "100", NULL, NULL, hash, NULL, NULL, NULL, NULL, NULL, NULL,
		    "[]", i == 2 ? "service" : "user", "0", "0",
		    i == 0 ? "309" : "1", i == 1 ? "2" : "1000");
		CU_ASSERT_STRING_EQUAL(
		    sql_error(s), i == 2 ? "" : "quota_exceeded");
	}
}

/* Names `hash`, which a store that cannot lock was given `ms` ago. */
static const char *
named(const char *hash, const char *ms)
{
	RUN(s, "delete from uploads where id = '" ID("9") "'");
	SQL(s, "uploads.create", ID("9"), "alice", "a", "text/plain", "1", NULL,
	    NULL, hash, NULL, NULL, NULL, NULL, NULL, NULL, "[]", "service",
	    "0", "0", "0", "0", ms);
	return (sql_error(s));
}

static void
doom_expect(const char *hashes, const char *expected)
{
	SQL(s, "uploads.doom", hashes, "", "50");
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "sha256"), expected);
}

/* A store on a network cannot lock: who removes a file asks first, and until
 * that is known to be over no row names it. */
static void
test_nobody_names_a_file_that_goes(void)
{
	static const char hash[] = "1111111111111111111111111111111111111111"
				   "111111111111111111111111";
	char list[80];

	snprintf(list, sizeof(list), "{%s}", hash);
	doom_expect(list, hash);
	doom_expect(list, ""); /* another's already */
	CU_ASSERT_STRING_EQUAL(named(hash, "5"), "storage_unavailable");
	SQL(s, "uploads.dropped", list, "{}");
	CU_ASSERT_STRING_EQUAL(named(hash, "5"), "storage_unavailable");
	RUN(s, "update upload_drops set dropped_at = now() - interval '40 s'");
	CU_ASSERT_STRING_EQUAL(named(hash, "15000"), "storage_unavailable");
	CU_ASSERT_STRING_EQUAL(named(hash, "5"), "");
	doom_expect(list, ""); /* a row names it */
	RUN(s, "delete from uploads where id = '" ID("9") "'");
	doom_expect(list, hash);
	SQL(s, "uploads.dropped", "{}", list); /* it stayed */
	CU_ASSERT_STRING_EQUAL(named(hash, "5"), "");
}

/* One who was killed while removing leaves it to the next round. */
static void
test_what_began_to_go_goes(void)
{
	char hash[UPLOAD_HASH_LEN + 1], list[80];

	RUN(s, "delete from attachments");
	RUN(s, "delete from uploads");
	round_run(0);
	file_put("doomed", hash);
	snprintf(list, sizeof(list), "{%s}", hash);
	doom_expect(list, hash);
	round_run(0);
	CU_ASSERT_EQUAL(upload_store_has(store, hash), UPLOAD_OK);
	RUN(s, "update upload_drops set since = now() - interval '11 min'");
	round_run(0);
	CU_ASSERT_EQUAL(removed, 1);
	CU_ASSERT_EQUAL(upload_store_has(store, hash), UPLOAD_MISSING);
	RUN(s, "select from upload_drops where dropped_at is null");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
	RUN(s, "update upload_drops set dropped_at = now() - interval '2 h'");
	round_run(0);
	RUN(s, "select from upload_drops");
	CU_ASSERT_EQUAL(sql_rows(s), 0);
}

/* More of each than one step takes. */
static void
test_many_files(void)
{
	char hash[UPLOAD_HASH_LEN + 1], text[20];

	for (int i = 0; i < 130; i++) {
		snprintf(text, sizeof(text), "stray %d", i);
		file_put(text, hash);
		snprintf(text, sizeof(text), "lost %d", i);
		file_put(text, hash);
		QUERY(s,
		    "insert into uploads (id, owner_id, filename, type, size,"
		    " sha256) values (gen_random_uuid(), 'alice', 'a',"
		    " 'text/plain', 1, $1)",
		    hash);
		CU_ASSERT_EQUAL(
		    upload_store_drop(store, hash, 0), UPLOAD_DROPPED);
	}
	round_run(0);
	CU_ASSERT_EQUAL(removed, 130);
	CU_ASSERT_EQUAL(lost, 130);
	RUN(s, "select from uploads where lost_at is not null");
	CU_ASSERT_EQUAL(sql_rows(s), 130);
	RUN(s, "delete from uploads");
}

static void
piece_put(const char *id)
{
	struct upload_partial *p;

	CU_ASSERT_EQUAL_FATAL(
	    upload_partial_new(upload_store_tmp(store), id, 0, &p), UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_partial_write(p, "abc", 3), UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_partial_hold(p), UPLOAD_OK);
	upload_partial_close(p);
}

static bool
piece_is_there(const char *id)
{
	struct upload_partial *p;
	enum upload_status status =
	    upload_partial_open(upload_store_tmp(store), id, 0, &p);

	upload_partial_close(p);
	return (status == UPLOAD_OK);
}

static void
test_pieces_go_when_they_are_over(void)
{
	struct upload_partial *p;

	for (int i = 0; i < 3; i++) {
		static const char *const ids[] = { ID("a"), ID("b"), ID("c") };

		SQL(s, "tus.create", ids[i], "alice", "user", "a", "100", NULL,
		    "1", "3", "0", "0", "0", "0");
		CU_ASSERT_EQUAL(sql_rows(s), 1);
		piece_put(ids[i]);
	}
	piece_put(ID("d"));
	SQL(s, "tus.create", ID("e"), "alice", "user", "a", "100", NULL, "1",
	    "3", "0", "0", "0", "0");
	CU_ASSERT_STRING_EQUAL(sql_error(s), "quota_exceeded");
	round_run(3600);
	CU_ASSERT_EQUAL(removed, 0);
	RUN(s,
	    "update tus_uploads set expires_at = now()"
	    " where id::text like '%b'");
	RUN(s,
	    "update tus_uploads set finished_at = now()"
	    " where id::text like '%c'");
	CU_ASSERT_EQUAL(
	    upload_partial_open(upload_store_tmp(store), ID("d"), 0, &p),
	    UPLOAD_OK);
	round_run(0); /* somebody is at d */
	CU_ASSERT_EQUAL(removed, 2);
	CU_ASSERT(piece_is_there(ID("a")));
	CU_ASSERT_FALSE(piece_is_there(ID("b")));
	CU_ASSERT_FALSE(piece_is_there(ID("c")));
	upload_partial_close(p);
	round_run(0);
	CU_ASSERT_EQUAL(removed, 1);
	CU_ASSERT(piece_is_there(ID("a")));
	CU_ASSERT_FALSE(piece_is_there(ID("d")));
	SQL(s, "tus.end", ID("a"), "alice");
	CU_ASSERT_EQUAL(sql_rows(s), 1);
	round_run(0);
	CU_ASSERT_EQUAL(removed, 1);
}

static int
on_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return (remove(path));
}

static void
test_ends(void)
{
	sql_close(s);
	cluster_free(cluster);
	upload_store_free(store);
	nftw(dir, on_remove, 8, FTW_DEPTH | FTW_PHYS);
}

TEST_MAIN("api_upkeep", { "starts", test_starts },
    { "what no row names goes", test_what_no_row_names_goes },
    { "a file kept again stays", test_a_file_kept_again_stays },
    { "what no file backs is marked", test_what_no_file_backs_is_marked },
    { "a file goes with its last reference",
	test_a_file_goes_with_its_last_reference },
    { "unattached ones expire", test_unattached_ones_expire },
    { "pieces go when they are over", test_pieces_go_when_they_are_over },
    { "quotas", test_quotas },
    { "nobody names a file that goes", test_nobody_names_a_file_that_goes },
    { "what began to go goes", test_what_began_to_go_goes },
    { "many files", test_many_files },
    { "each step has time of its own", test_each_step_has_time_of_its_own },
    { "ends", test_ends })
