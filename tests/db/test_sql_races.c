/* SPDX-License-Identifier: ISC */
/* Many at once: what must stay true when writers meet.  Each client is a
 * process with a connection of its own. */

#include <sys/wait.h>

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/clock.h"
#include "tests/db/cluster.h"
#include "tests/db/sql.h"
#include "tests/unit/harness.h"

#define CLIENTS_MAX 16
#define PAIRS 60
#define ROOMS 5
#define MEMBERS 4
#define IDS 400 /* so few that they are used twice, and stolen */
#define WRITE_MS 2500
#define READ_MS 60000 /* readers at most; they stop when all is written */
#define WRITERS 6
#define BATCHES_MIN 10

static struct cluster *cluster;

typedef void client_fn(struct sql *s, int number, uint64_t began);

/* Forks `n` clients that do `fn` and waits; how many failed. */
static int
run_clients(int n, client_fn *const *fns)
{
	pid_t pids[CLIENTS_MAX];
	uint64_t began = base_clock_ms();
	int failed = 0;

	for (int i = 0; i < n; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct sql *s = sql_open(cluster);

			srand((unsigned int)i);
			fns[i](s, i, began);
			sql_close(s);
			_exit(0);
		}
	}
	for (int i = 0; i < n; i++) {
		int status;

		(void)waitpid(pids[i], &status, 0);
		failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	}
	return (failed);
}

static bool
goes_on(uint64_t began, uint64_t ms)
{
	return (base_clock_ms() - began < ms);
}

/* --- one direct conversation for a pair --- */

static void
create_directs(struct sql *s, int number, uint64_t began)
{
	(void)began;
	for (int pair = 0; pair < PAIRS; pair++) {
		char low[12], high[12];

		(void)snprintf(low, sizeof(low), "a%d", pair);
		(void)snprintf(high, sizeof(high), "b%d", pair);
		SQL(s, "conversations.create", number % 2 == 0 ? low : high,
		    "user", NULL, "direct", number % 2 == 0 ? high : low, NULL,
		    NULL, NULL, NULL, NULL);
		if (sql_rows(s) != 1 || sql_number(s, 0, "member_count") != 2)
			_exit(1);
	}
}

static void
test_directs(void)
{
	client_fn *const fns[] = { create_directs, create_directs,
		create_directs, create_directs };

	cluster_exec(cluster,
	    "insert into users (id) select k || n from"
	    " generate_series(0, 59) n, unnest('{a,b}'::text[]) k");
	CU_ASSERT_EQUAL(run_clients(4, fns), 0);
	CU_ASSERT_EQUAL(cluster_number(cluster,
			    "select count(*) from conversations"
			    " where type = 'direct'"),
	    PAIRS);
	CU_ASSERT_EQUAL(cluster_number(cluster,
			    "select count(*) from events"
			    " where type = 'conversation.created'"),
	    2 * PAIRS);
}

/* --- naming a file against removing it --- */

/* Even clients name files in a store without locks, odd ones sweep it. */
static void
name_or_doom(struct sql *s, int number, uint64_t began)
{
	(void)began;
	for (int pair = 0; pair < PAIRS; pair++) {
		char hash[65], list[70], id[40];

		(void)snprintf(hash, sizeof(hash), "%064d", pair);
		(void)snprintf(list, sizeof(list), "{%s}", hash);
		(void)snprintf(id, sizeof(id),
		    "00000000-0000-7000-8000-%06d%06d", number, pair);
		if (number % 2 == 0)
			SQL(s, "uploads.create", id, "a0", "a", "text/plain",
			    "1", NULL, NULL, hash, NULL, NULL, NULL, NULL, NULL,
			    NULL, "[]", "service", "0", "0", "0", "0", "1");
		else
			SQL(s, "uploads.doom", list, "", "50");
	}
}

/* Whoever comes first: a file is named, or one sweeper's to remove. */
static void
test_names(void)
{
	client_fn *const fns[] = { name_or_doom, name_or_doom, name_or_doom,
		name_or_doom };

	CU_ASSERT_EQUAL(run_clients(4, fns), 0);
	CU_ASSERT_EQUAL(cluster_number(cluster,
			    "select (select count(*) from upload_drops)"
			    " + (select count(distinct sha256) from uploads)"),
	    PAIRS);
	CU_ASSERT_EQUAL(cluster_number(cluster,
			    "select count(*) from upload_drops d"
			    " join uploads f using (sha256)"),
	    0);
}

/* --- blocking against the opening of a conversation --- */

/* Even clients block, odd ones open at the same moment: whoever comes first,
 * the blocked one has no conversation or is barred in it. */
static void
block_or_open(struct sql *s, int number, uint64_t began)
{
	(void)began;
	for (int pair = 0; pair < PAIRS; pair++) {
		char shy[12], loud[12];

		(void)snprintf(shy, sizeof(shy), "s%d", pair);
		(void)snprintf(loud, sizeof(loud), "l%d", pair);
		if (number % 2 == 0)
			SQL(s, "blocks.add", shy, "user", NULL, loud);
		else
			SQL(s, "conversations.create", loud, "user", NULL,
			    "direct", shy, NULL, NULL, NULL, NULL, NULL);
	}
}

static void
test_blocks(void)
{
	client_fn *const fns[] = { block_or_open, block_or_open, block_or_open,
		block_or_open };

	cluster_exec(cluster,
	    "insert into users (id) select k || n from"
	    " generate_series(0, 59) n, unnest('{s,l}'::text[]) k");
	CU_ASSERT_EQUAL(run_clients(4, fns), 0);
	CU_ASSERT_EQUAL(
	    cluster_number(cluster, "select count(*) from blocks"), PAIRS);
	CU_ASSERT_EQUAL(cluster_number(cluster,
			    "select count(*) from members m"
			    " join conversations c on c.id = m.conversation_id"
			    " where c.type = 'direct' and m.user_id like 'l%'"
			    " and not m.barred"),
	    0);
}

/* --- reactions to one message --- */

#define REACTED "20000000-0000-7000-8000-000000000000"

/* Each client is a part of two hundred users: all react in two ways, half of
 * them take one back. */
static void
react(struct sql *s, int number, uint64_t began)
{
	(void)began;
	for (int i = number; i < 200; i += 8) {
		char user[16];

		(void)snprintf(user, sizeof(user), "r%d", i);
		SQL(s, "reactions.add", user, "user", NULL, REACTED, ":a:");
		if (sql_rows(s) != 1)
			_exit(1);
		SQL(s, "reactions.add", user, "user", NULL, REACTED, ":b:");
		if (sql_rows(s) != 1)
			_exit(1);
		if (i % 2 == 1)
			SQL(s, "reactions.remove", user, "user", NULL, REACTED,
			    ":a:");
	}
}

static void
test_reactions(void)
{
	client_fn *const fns[] = { react, react, react, react, react, react,
		react, react };

	cluster_exec(cluster,
	    "insert into users (id) select 'r' || n from"
	    " generate_series(0, 199) n;"
	    "insert into messages (id, conversation_id, seq, sender_id, type,"
	    " created_at) select '" REACTED "', c.id, 1, 'r0', 'text', now()"
	    " from conversations c where c.name = 'public';"
	    "update conversations set last_seq = 1 where name = 'public'");
	CU_ASSERT_EQUAL(run_clients(ARRAY_LEN(fns), fns), 0);
	CU_ASSERT_EQUAL(cluster_number(cluster,
			    "select count(*) from messages m,"
			    " json_array_elements(m.reactions) e,"
			    " lateral (select count(*) as n from reactions r"
			    " where r.message_id = m.id and r.emoji"
			    " = e->>'emoji') r where m.id = '" REACTED
			    "' and (e->>'count')::integer = r.n and r.n ="
			    " case e->>'emoji' when ':a:' then 100"
			    " else 200 end"),
	    2);
	/* The last event says what there is, and nobody was told twice. */
	CU_ASSERT_EQUAL(
	    cluster_number(cluster,
		"select count(*) from messages m where m.id = '" REACTED
		"' and m.reactions::jsonb = (select"
		" e.data::jsonb->'reactions' from events e where"
		" e.type like 'reaction.%' order by id desc"
		" limit 1)"),
	    1);
	CU_ASSERT_EQUAL(cluster_number(cluster,
			    "select count(*) from events"
			    " where type like 'reaction.%'"),
	    500);
}

/* --- sends against removals, repeats, rollbacks and readers --- */

static void
append_item(struct base_buf *list, bool first, const char *value)
{
	base_buf_printf(list, "%s%s", first ? "{" : ",", value);
}

/* A batch of one to twelve messages to any rooms from any members, with ids
 * that were used before or are in use by others.  A unique id that meets
 * another in a room that is not locked ends the batch with 23505, and the engine
 * then runs its items one by one: here they are dropped.  */
static void
send_batches(struct sql *s, int number, uint64_t began)
{
	struct base_buf lists[10];

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		base_buf_init(&lists[i]);
	for (int done = 0; done < BATCHES_MIN || goes_on(began, WRITE_MS);
	     done++) {
		int n = 1 + rand() % 12;

		for (size_t i = 0; i < ARRAY_LEN(lists); i++)
			base_buf_reset(&lists[i]);
		for (int i = 0; i < n; i++) {
			char value[60];

			(void)snprintf(
			    value, sizeof(value), "m%d", rand() % MEMBERS);
			append_item(&lists[0], i == 0, value);
			append_item(&lists[1], i == 0, "user");
			(void)snprintf(value, sizeof(value),
			    "00000000-0000-7000-8000-00000000000%d",
			    rand() % ROOMS);
			append_item(&lists[2], i == 0, value);
			(void)snprintf(value, sizeof(value),
			    "10000000-0000-7000-8000-%06d%06d",
			    rand() % 2 == 0 ? number : 99, rand() % IDS);
			append_item(&lists[3], i == 0,
			    rand() % 3 == 0 ? "null" : value);
			append_item(&lists[4], i == 0, "text");
			for (int rest = 5; rest < 10; rest++)
				append_item(&lists[rest], i == 0, "null");
		}
		for (size_t i = 0; i < ARRAY_LEN(lists); i++)
			base_buf_append_char(&lists[i], '}');
		SQL(s, "messages.send", lists[0].data, lists[1].data,
		    lists[2].data, lists[3].data, lists[4].data, lists[5].data,
		    lists[6].data, lists[7].data, lists[8].data, lists[9].data,
		    NULL, NULL, NULL, NULL, NULL, NULL);
		if (sql_rows(s) != n && strcmp(sql_state(s), "23505") != 0)
			_exit(1);
	}
}

/* Removes members and lets them in again. */
static void
kick(struct sql *s, int number, uint64_t began)
{
	(void)number;
	while (goes_on(began, WRITE_MS)) {
		char room[40], user[12];

		(void)snprintf(room, sizeof(room),
		    "00000000-0000-7000-8000-00000000000%d", rand() % ROOMS);
		(void)snprintf(user, sizeof(user), "{m%d}", rand() % MEMBERS);
		SQL(s, "members.add", "root", "admin", NULL, room, user);
		if (sql_rows(s) != 1)
			_exit(1);
		user[strlen(user) - 1] = '\0';
		SQL(s, "members.remove", "root", "admin", NULL, room, user + 1);
		if (sql_rows(s) != 1 && strcmp(sql_error(s), "not_found") != 0)
			_exit(1);
		(void)usleep(2000);
	}
}

static void
mark(struct sql *s, int number, uint64_t began)
{
	(void)number;
	while (goes_on(began, WRITE_MS)) {
		char users[40], rooms[100], seqs[40];
		int room = rand() % ROOMS, other = rand() % ROOMS;

		(void)snprintf(users, sizeof(users), "{m%d,m%d}",
		    rand() % MEMBERS, rand() % MEMBERS);
		(void)snprintf(rooms, sizeof(rooms),
		    "{00000000-0000-7000-8000-00000000000%d,"
		    "00000000-0000-7000-8000-00000000000%d}",
		    room, other);
		(void)snprintf(seqs, sizeof(seqs), "{%d,%d}", rand() % 2000,
		    rand() % 2000);
		SQL(s, "receipts.mark", users, "{user,user}", rooms, seqs,
		    "{null,null}",
		    rand() % 4 == 0 ? "{true,null}" : "{null,null}",
		    "{null,null}");
		if (sql_rows(s) != 2)
			_exit(1);
	}
}

/* Draws ids and gives them back, as a transaction that fails does. */
static void
roll_back(struct sql *s, int number, uint64_t began)
{
	(void)number;
	while (goes_on(began, WRITE_MS)) {
		RUN(s, "begin");
		RUN(s, "select emit('{t}', '{never}', '{x}')");
		RUN(s, "savepoint p");
		RUN(s, "select emit('{t}', '{never}', '{x}')");
		RUN(s, "rollback to savepoint p");
		if (rand() % 2 == 0)
			RUN(s, "select pg_sleep(0.002)");
		RUN(s, "rollback");
		(void)usleep(1000);
	}
}

/* Reads behind a cursor until all have written, and notes how many it got,
 * which must be all. */
static void
follow(struct sql *s, int number, uint64_t began)
{
	char cursor[24] = "0", seen[24], me[12];
	int64_t count = 0;
	bool over = false;

	while (goes_on(began, READ_MS)) {
		RUN(s, "select count(*) as n from written");
		over = sql_number(s, 0, "n") == WRITERS;
		SQL(s, "events.read", cursor, "500");
		if (over && sql_rows(s) == 0)
			break;
		for (int row = 0; row < sql_rows(s); row++) {
			if (strcmp(sql_text(s, row, "type"), "never") == 0)
				_exit(1);
			count++;
		}
		if (sql_rows(s) > 0)
			(void)snprintf(cursor, sizeof(cursor), "%s",
			    sql_text(s, sql_rows(s) - 1, "id"));
	}
	(void)snprintf(seen, sizeof(seen), "%lld", (long long)count);
	(void)snprintf(me, sizeof(me), "%d", number);
	QUERY(s, "insert into seen values ($1::integer, $2::bigint)", me, seen);
}

static const char *const truths[] = {
	/* The numbers of a conversation have no gaps. */
	"select count(*) from conversations c where last_seq <> (select count(*)"
	" from messages m where m.conversation_id = c.id) or last_seq <>"
	" coalesce((select max(seq) from messages m"
	" where m.conversation_id = c.id), 0)",
	/* One event a message, with its number. */
	"select count(*) from messages m full join (select * from events"
	" where type = 'message.created') e on e.message_id = m.id"
	" where m.id is null or e.id is null"
	" or (e.data::json->>'seq')::bigint <> m.seq",
	/* Events are in the order of the numbers; time does not run backwards. */
	"select count(*) from (select seq, created_at, lag(seq) over w as before,"
	" lag(created_at) over w as earlier from (select m.seq, m.created_at,"
	" m.conversation_id, e.id from messages m join events e"
	" on e.message_id = m.id and e.type = 'message.created') x"
	" window w as (partition by conversation_id order by id)) y"
	" where seq <> before + 1 or created_at < earlier",
	"select count(*) from (select at, lag(at) over (order by id) as earlier"
	" from events) x where at < earlier",
	/* Nobody sends between a removal and the next joining. */
	"select count(*) from events m, lateral (select e.type from events e"
	" where e.topic = m.topic and e.id < m.id"
	" and e.type in ('member.added', 'member.removed')"
	" and e.data::json->>'user_id' = m.data::json#>>'{sender,id}'"
	" order by e.id desc limit 1) last"
	" where m.type = 'message.created' and last.type = 'member.removed'"
	" and m.data::json->>'type' <> 'system'",
	/* Counters and positions. */
	"select count(*) from conversations c where member_count <> (select"
	" count(*) from members m where m.conversation_id = c.id"
	" and m.left_at is null)",
	"select count(*) from members m join conversations c"
	" on c.id = m.conversation_id where m.seen_upto > c.last_seq",
	"select count(*) from receipts a join receipts b"
	" using (conversation_id, user_id) where a.from_seq < b.from_seq"
	" and a.upto_seq >= b.from_seq",
	/* Readers missed nothing. */
	"select count(*) from seen where n <> (select count(*) from events)",
};

static void
write_down(struct sql *s, int number, uint64_t began)
{
	static client_fn *const fns[WRITERS] = { send_batches, send_batches,
		send_batches, kick, mark, roll_back };

	fns[number](s, number, began);
	RUN(s, "insert into written values (1)");
}

static void
test_storm(void)
{
	client_fn *const fns[] = { write_down, write_down, write_down,
		write_down, write_down, write_down, follow, follow };

	cluster_exec(cluster,
	    "truncate conversations, members, messages, receipts,"
	    " attachments, events cascade;"
	    "create table seen (reader integer, n bigint);"
	    "create table written (writer integer);"
	    "insert into users (id) select 'm' || n from generate_series(0, 3)"
	    " n; insert into users values ('root');"
	    "insert into conversations (id, type, name, created_at, last_at,"
	    " member_count, joins) select"
	    " ('00000000-0000-7000-8000-00000000000' || n)::uuid, 'group', 'G',"
	    " now(), now(), 4, 4 from generate_series(0, 4) n;"
	    "insert into members (conversation_id, user_id, joined_at, join_no)"
	    " select id, 'm' || n, now(), n + 1 from conversations,"
	    " generate_series(0, 3) n");
	CU_ASSERT_EQUAL(run_clients(ARRAY_LEN(fns), fns), 0);
	CU_ASSERT_TRUE(
	    cluster_number(cluster, "select count(*) from messages") > 100);
	CU_ASSERT_EQUAL(
	    cluster_number(cluster, "select count(*) from seen"), 2);
	for (size_t i = 0; i < ARRAY_LEN(truths); i++) {
		int64_t wrong = cluster_number(cluster, truths[i]);

		if (wrong != 0)
			fprintf(stderr, "\n%s\n", truths[i]);
		CU_ASSERT_EQUAL(wrong, 0);
	}
}

static const struct test_case cases[] = {
	{ "makes one direct conversation for a pair", test_directs },
	{ "bars who is blocked while they open", test_blocks },
	{ "names no file that goes", test_names },
	{ "counts everybody who reacts at once", test_reactions },
	{ "stays true in a storm", test_storm },
};

int
main(int argc, char **argv)
{
	int status;

	cluster = cluster_new_migrated();
	status = test_main(
	    "sql_races", cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL);
	cluster_free(cluster);
	return (status);
}
