/* SPDX-License-Identifier: ISC */
/* The table of operations.  See operation.h for what the columns mean; a test
 * checks every row against its statement, its path and its hooks. */
#include "api/operation.h"

#include <assert.h>
#include <string.h>

#include "base/attr.h"

/* clang-format off */

/* --- parameters, place by place --- */

#define IN_PATH(name_, type_, summary_) \
	{ .name = name_, .place = API_IN_PATH, .type = type_, .required = true, \
	  .min = 1, .max = 128, .summary = summary_ }
#define IN_QUERY(name_, type_, min_, max_, summary_) \
	{ .name = name_, .place = API_IN_QUERY, .type = type_, \
	  .min = min_, .max = max_, .summary = summary_ }
#define LIMIT \
	{ .name = "limit", .place = API_IN_QUERY, .type = API_INT, .min = 1, .max = 100, \
	  .fallback = "50", .summary = "Entries of a page" }
#define IN_BODY(name_, type_, min_, max_, summary_) \
	{ .name = name_, .place = API_IN_BODY, .type = type_, \
	  .min = min_, .max = max_, .summary = summary_ }
#define NULLABLE(name_, type_, min_, max_, summary_) \
	{ .name = name_, .place = API_IN_BODY, .type = type_, .nullable = true, \
	  .min = min_, .max = max_, .summary = summary_ }
#define NEEDED(name_, type_, min_, max_, summary_) \
	{ .name = name_, .place = API_IN_BODY, .type = type_, .required = true, \
	  .min = min_, .max = max_, .summary = summary_ }
#define CHOICE(name_, values_, required_, fallback_, summary_) \
	{ .name = name_, .place = API_IN_BODY, .type = API_ENUM, .values = values_, \
	  .required = required_, .fallback = fallback_, .summary = summary_ }

#define SEQ_MAX INT64_MAX
#define PARAMS(list) .params = list, .nparams = ARRAY_LEN(list)
#define VARIANTS(list) .variants = list, .nvariants = ARRAY_LEN(list)

static const char *const conversation_types[] = { "direct", "group", "channel", NULL };
static const char *const access_kinds[] = { "open", "members", "claim", NULL };
static const char *const history_kinds[] = { "all", "joined", NULL };
static const char *const visibilities[] = { "public", "private", NULL };
static const char *const notification_levels[] = { "all", "mentions", "none", NULL };
static const char *const member_roles[] = { "owner", "admin", "member", NULL };
static const char *const presence_states[] = { "online", "away", "dnd", "invisible", NULL };
static const char *const activity_types[] = { "playing", "listening", "watching", "streaming",
	"competing", "custom", NULL };
static const char *const message_types[] = { "text", "code", NULL };
static const char *const search_has[] = { "file", "image", "link", NULL };
static const char *const search_sorts[] = { "time", "relevance", NULL };
static const char *const inclusions[] = { "reads", NULL };
static const char *const variants[] = { "original", "thumbnail", "preview", "avatar", "source",
	NULL };

static const struct api_param user_id[] = {
	IN_PATH("user_id", API_ID, "The user"),
};

static const struct api_param users_put[] = {
	IN_PATH("user_id", API_ID, "The user"),
	NULLABLE("name", API_STRING, 1, 200, "Display name"),
	NULLABLE("picture", API_STRING, 1, 2000, "URL of a picture"),
};

static const struct api_param users_put_fields[] = {
	NEEDED("id", API_ID, 1, 128, "The user"),
	NULLABLE("name", API_STRING, 1, 200, "Display name"),
	NULLABLE("picture", API_STRING, 1, 2000, "URL of a picture"),
};

static const struct api_param users_put_many[] = {
	{ .name = "users", .place = API_IN_BODY, .type = API_OBJECT_LIST, .required = true,
	  .min = 1, .max = 1000, .fields = users_put_fields, .nfields = ARRAY_LEN(users_put_fields),
	  .summary = "The users" },
};

static const struct api_param users_suspend[] = {
	IN_PATH("user_id", API_ID, "The user"),
	NULLABLE("reason", API_STRING, 1, 500, "For admins; the user does not see it"),
	NULLABLE("until", API_TIME, 0, 0, "When it ends by itself; without it, by users.restore only"),
};

static const struct api_param conversations_create[] = {
	CHOICE("type", conversation_types, true, NULL,
	    "What kind; channels are for services and admins"),
	{ .name = "user_id", .place = API_IN_BODY, .type = API_ID, .only_for = "direct",
	  .summary = "direct: the other one" },
	{ .name = "name", .place = API_IN_BODY, .type = API_STRING, .min = 1, .max = 200,
	  .only_for = "group channel", .summary = "group, channel: its name; a channel's is unique" },
	{ .name = "member_ids", .place = API_IN_BODY, .type = API_ID_LIST, .max = 1000,
	  .only_for = "group channel", .summary = "group, channel: first members besides the caller" },
	{ .name = "access", .place = API_IN_BODY, .type = API_ENUM, .values = access_kinds,
	  .only_for = "channel", .summary = "channel: who may read it" },
	{ .name = "announce", .place = API_IN_BODY, .type = API_BOOL, .only_for = "channel",
	  .summary = "channel: false: others do not hear who joins and leaves; for large ones" },
	{ .name = "history", .place = API_IN_BODY, .type = API_ENUM, .values = history_kinds,
	  .only_for = "group channel", .summary = "group, channel: what a new member reads" },
	{ .name = "description", .place = API_IN_BODY, .type = API_TEXT, .min = 1, .max = 2000,
	  .only_for = "group channel", .summary = "group, channel: what it is about" },
	{ .name = "image", .place = API_IN_BODY, .type = API_UUID,
	  .only_for = "group channel", .summary = "group, channel: an uploaded picture of the caller's" },
	{ .name = "category", .place = API_IN_BODY, .type = API_CATEGORY,
	  .only_for = "group channel", .summary = "group, channel: default `general`" },
	{ .name = "visibility", .place = API_IN_BODY, .type = API_ENUM, .values = visibilities,
	  .only_for = "group", .summary = "group: public: anybody finds and joins it; default private" },
};

static const struct api_param conversations_update[] = {
	IN_PATH("conversation_id", API_CONVERSATION, "Id of the conversation, or a channel's name"),
	IN_BODY("name", API_STRING, 1, 200, "Its name"),
	NULLABLE("description", API_TEXT, 1, 2000, "What it is about"),
	NULLABLE("image", API_UUID, 0, 0, "An uploaded picture of the caller's"),
	IN_BODY("category", API_CATEGORY, 0, 0, "Its category"),
	CHOICE("visibility", visibilities, false, NULL, "Of a group"),
	CHOICE("history", history_kinds, false, NULL, "What those read who join from now on"),
};

static const struct api_param conversations_settings[] = {
	IN_PATH("conversation_id", API_CONVERSATION, "Id of the conversation, or a channel's name"),
	IN_BODY("muted", API_BOOL, 0, 0, "Whether to notify of nothing"),
	NULLABLE("muted_until", API_TIME, 0, 0, "Until when; null or left out: for good"),
	IN_BODY("archived", API_BOOL, 0, 0, "Put away; new messages do not bring it back"),
	IN_BODY("favourite", API_BOOL, 0, 0, "Marked"),
	NULLABLE("nickname", API_STRING, 1, 100, "What the caller is called here; others see it"),
	CHOICE("level", notification_levels, false, NULL, "Of what to notify"),
	IN_BODY("hidden", API_BOOL, 0, 0, "true: not listed until the next message"),
};

static const struct api_param conversations_discover[] = {
	IN_QUERY("search", API_STRING, 1, 100, "Words of name and description; typing errors are forgiven"),
	IN_QUERY("category", API_CATEGORY, 0, 0, "Only of this category"),
	IN_QUERY("before", API_STRING, 1, 300, "`next` of the page before"),
	LIMIT,
};

static const struct api_param page_before[] = {
	IN_QUERY("before", API_STRING, 1, 300, "`next` of the page before"),
	LIMIT,
};

static const struct api_param conversations_list[] = {
	{ .name = "type", .place = API_IN_QUERY, .type = API_ENUM, .values = conversation_types,
	  .summary = "Only of this kind" },
	IN_QUERY("archived", API_BOOL, 0, 0, "Only those that are archived, or are not"),
	IN_QUERY("favourite", API_BOOL, 0, 0, "Only favourites, or others"),
	{ .name = "hidden", .place = API_IN_QUERY, .type = API_BOOL, .fallback = "false",
	  .summary = "true: only those that are hidden" },
	IN_QUERY("before", API_STRING, 1, 300, "`next` of the page before"),
	LIMIT,
};

static const struct api_param catch_up_fields[] = {
	NEEDED("conversation_id", API_CONVERSATION, 0, 0,
	    "Id of the conversation or thread, or a channel's name"),
	NEEDED("after_seq", API_INT, 0, SEQ_MAX, "The newest message that the client has of it"),
};

static const struct api_param catch_up[] = {
	{ .name = "conversations", .place = API_IN_BODY, .type = API_OBJECT_LIST, .required = true,
	  .min = 1, .max = 200, .fields = catch_up_fields, .nfields = ARRAY_LEN(catch_up_fields),
	  .summary = "Which, the most important first" },
	{ .name = "limit", .place = API_IN_BODY, .type = API_INT, .min = 1, .max = 100,
	  .fallback = "30", .summary = "Messages of each at most" },
};

static const struct api_param conversation_id[] = {
	IN_PATH("conversation_id", API_CONVERSATION, "Id of the conversation, or a channel's name"),
};

static const struct api_param conversation_before[] = {
	IN_PATH("conversation_id", API_CONVERSATION, "Id of the conversation, or a channel's name"),
	IN_QUERY("before", API_STRING, 1, 300, "`next` of the page before"),
	LIMIT,
};

static const struct api_param members_list[] = {
	IN_PATH("conversation_id", API_CONVERSATION, "Id of the conversation, or a channel's name"),
	IN_QUERY("after", API_STRING, 1, 300, "`next` of the page before"),
	LIMIT,
};

static const struct api_param members_add[] = {
	IN_PATH("conversation_id", API_CONVERSATION, "Id of the conversation, or a channel's name"),
	NEEDED("user_ids", API_ID_LIST, 1, 1000, "Whom to add"),
};

static const struct api_param members_update[] = {
	IN_PATH("conversation_id", API_CONVERSATION, "Id of the conversation, or a channel's name"),
	IN_PATH("user_id", API_ID, "The member"),
	CHOICE("role", member_roles, true, NULL, "What the member is from now on"),
};

static const struct api_param members_remove[] = {
	IN_PATH("conversation_id", API_CONVERSATION, "Id of the conversation, or a channel's name"),
	IN_PATH("user_id", API_ID, "Whom to remove; oneself = leave"),
};

static const struct api_param messages_send[] = {
	IN_PATH("conversation_id", API_CONVERSATION, "Id of the conversation, or a channel's name"),
	IN_BODY("id", API_UUID, 0, 0,
	    "Made by the client, so that repeating is safe: a UUID, version 7 preferred"),
	{ .name = "text", .place = API_IN_BODY, .type = API_TEXT, .max = API_MAX_TEXT,
	  .fallback = "", .summary = "What is said, in lines that end with U+000A; no other control "
	      "characters but tabs; may be left out when there are attachments" },
	NULLABLE("reply_to", API_UUID, 0, 0, "The message that it answers"),
	IN_BODY("attachments", API_UUID_LIST, 0, 10, "Uploads of the caller's, in order"),
	IN_BODY("echo", API_BOOL, 0, 0,
	    "false: the connection it comes from does not get the event"),
	CHOICE("type", message_types, false, NULL,
	    "code: the text is a program's; else said by what it holds"),
	{ .name = "language", .place = API_IN_BODY, .type = API_STRING, .min = 1, .max = 40,
	  .only_for = "code", .summary = "code: what it is written in, such as c or php" },
	IN_BODY("thread_root", API_UUID, 0, 0,
	    "The message whose thread it goes to; the first reply opens it"),
	IN_BODY("mentions", API_ID_LIST, 0, 50, "Users whom the text names"),
	IN_BODY("mention_all", API_BOOL, 0, 0,
	    "true: all members are named; for owners, admins and back ends"),
};

static const struct api_param messages_schedule[] = {
	IN_PATH("conversation_id", API_CONVERSATION, "Id of the conversation, or a channel's name"),
	IN_BODY("id", API_UUID, 0, 0,
	    "Of the message to be, made by the client, so that repeating is safe"),
	NEEDED("send_at", API_TIME, 0, 0, "When; a year ahead at most"),
	{ .name = "text", .place = API_IN_BODY, .type = API_TEXT, .max = API_MAX_TEXT,
	  .fallback = "", .summary = "As of messages.send" },
	NULLABLE("reply_to", API_UUID, 0, 0, "The message that it answers"),
	IN_BODY("attachments", API_UUID_LIST, 0, 10, "Uploads of the caller's, in order"),
	CHOICE("type", message_types, false, NULL, "As of messages.send"),
	{ .name = "language", .place = API_IN_BODY, .type = API_STRING, .min = 1, .max = 40,
	  .only_for = "code", .summary = "code: what it is written in" },
	IN_BODY("thread_root", API_UUID, 0, 0, "The message whose thread it goes to"),
	IN_BODY("mentions", API_ID_LIST, 0, 50, "Users whom the text names"),
	IN_BODY("mention_all", API_BOOL, 0, 0, "true: all members are named"),
};

static const struct api_param schedule_list[] = {
	IN_QUERY("conversation_id", API_CONVERSATION, 1, 128, "Only to this conversation"),
	IN_QUERY("after", API_STRING, 1, 300, "`next` of the page before"),
	LIMIT,
};

static const struct api_param schedule_update[] = {
	IN_PATH("scheduled_id", API_UUID, "The message to be"),
	IN_BODY("text", API_TEXT, 0, API_MAX_TEXT, "Instead of what it says"),
	IN_BODY("send_at", API_TIME, 0, 0, "Another time; one that failed is tried again then"),
};

static const struct api_param scheduled_id[] = {
	IN_PATH("scheduled_id", API_UUID, "The message to be"),
};

static const struct api_param messages_list[] = {
	IN_PATH("conversation_id", API_CONVERSATION, "Id of the conversation, or a channel's name"),
	IN_QUERY("before", API_INT, 1, SEQ_MAX, "Older than this seq, newest first"),
	IN_QUERY("after", API_INT, 0, SEQ_MAX - 1, "Newer than this seq, oldest first"),
	IN_QUERY("around", API_INT, 1, SEQ_MAX - 1,
	    "Half a page up to this seq, half a page after it"),
	IN_QUERY("around_id", API_UUID, 0, 0, "The same around this message"),
	IN_QUERY("at", API_TIME, 0, 0,
	    "The same around the first message of this time or later, or else the newest"),
	{ .name = "include", .place = API_IN_QUERY, .type = API_ENUM, .values = inclusions,
	  .summary = "reads: with who has read each message, in conversations of at most 1,000" },
	LIMIT,
};

/* Each way to read has a statement of its own, and so the least of plans. */
static const struct api_variant messages_list_variants[] = {
	{ "include", "messages.list_reads" },
	{ "before", "messages.list" },
	{ "after", "messages.list_after" },
	{ "around", "messages.list_around" },
	{ "around_id", "messages.list_around" },
	{ "at", "messages.list_around" },
};

static const struct api_param message_id[] = {
	IN_PATH("message_id", API_UUID, "The message"),
};

static const struct api_param reaction[] = {
	IN_PATH("message_id", API_UUID, "The message"),
	IN_PATH("emoji", API_EMOJI, "One emoji, or a name between colons"),
};

static const struct api_param reactions_list[] = {
	IN_PATH("message_id", API_UUID, "The message"),
	IN_QUERY("emoji", API_EMOJI, 0, 0, "Only this one"),
	IN_QUERY("after", API_STRING, 1, 300, "`next` of the page before"),
	LIMIT,
};

#define SEARCH_PAGE \
	IN_QUERY("cursor", API_STRING, 1, 300, "`next` of the page before"), \
	{ .name = "limit", .place = API_IN_QUERY, .type = API_INT, .min = 1, .max = 100, \
	  .fallback = "20", .summary = "Entries of a page" }

static const struct api_param messages_search[] = {
	IN_QUERY("q", API_STRING, 1, 500, "Words that must all be there; \"a phrase\", -without, "
	    "this or that; the last word may be the beginning of one"),
	IN_QUERY("from", API_ID, 1, 128, "Only what this user wrote"),
	IN_QUERY("in", API_CONVERSATION, 1, 128,
	    "Only in this conversation and its threads, or in this thread"),
	{ .name = "has", .place = API_IN_QUERY, .type = API_ENUM, .values = search_has,
	  .summary = "Only with an attachment, a picture, a web address" },
	IN_QUERY("before", API_TIME, 0, 0, "Only older than this time"),
	IN_QUERY("after", API_TIME, 0, 0, "Only newer than this time"),
	{ .name = "sort", .place = API_IN_QUERY, .type = API_ENUM, .values = search_sorts,
	  .fallback = "time", .summary = "time: newest first; relevance: best first, of the newest "
	      "thousand" },
	SEARCH_PAGE,
};

static const struct api_param names_search[] = {
	{ .name = "q", .place = API_IN_QUERY, .type = API_STRING, .required = true, .min = 2,
	  .max = 200, .summary = "A name or the beginning of one, typing errors allowed" },
	SEARCH_PAGE,
};

static const struct api_param messages_edit[] = {
	IN_PATH("message_id", API_UUID, "The message"),
	{ .name = "text", .place = API_IN_BODY, .type = API_TEXT, .max = API_MAX_TEXT,
	  .summary = "What it says from now on; empty only where there are attachments" },
	IN_BODY("mentions", API_ID_LIST, 0, 50, "Users whom the text names, all of them"),
	IN_BODY("mention_all", API_BOOL, 0, 0, "Whether it names all members"),
	IN_BODY("language", API_STRING, 1, 40, "Of code: what it is written in"),
};

static const struct api_param messages_edits[] = {
	IN_PATH("message_id", API_UUID, "The message"),
	IN_QUERY("before", API_STRING, 1, 300, "`next` of the page before"),
	LIMIT,
};

static const struct api_param messages_forward[] = {
	IN_PATH("message_id", API_UUID, "The message"),
	NEEDED("conversation_ids", API_STRING_LIST, 1, 20,
	    "Where to: ids of conversations, or channels' names"),
	IN_BODY("ids", API_UUID_LIST, 1, 20,
	    "Ids of the copies, in that order, made by the client, so that repeating is safe"),
};

static const struct api_param receipts_mark[] = {
	IN_PATH("conversation_id", API_CONVERSATION, "Id of the conversation, or a channel's name"),
	IN_BODY("seq", API_INT, 0, SEQ_MAX, "Read up to this message"),
	IN_BODY("message_id", API_UUID, 0, 0, "Or up to this one"),
	IN_BODY("unread", API_BOOL, 0, 0, "true: the position may go back (mark as unread)"),
};

static const struct api_param reads_list[] = {
	IN_PATH("message_id", API_UUID, "The message"),
	IN_QUERY("after", API_STRING, 1, 300, "`next` of the page before"),
	LIMIT,
};

static const struct api_param delivered_fields[] = {
	NEEDED("conversation_id", API_UUID, 0, 0, "The conversation"),
	NEEDED("seq", API_INT, 0, SEQ_MAX, "A device has had it up to this message"),
};

static const struct api_param receipts_deliver[] = {
	{ .name = "positions", .place = API_IN_BODY, .type = API_OBJECT_LIST, .required = true,
	  .min = 1, .max = 500, .fields = delivered_fields, .nfields = ARRAY_LEN(delivered_fields),
	  .summary = "Up to where, by conversation" },
};

static const struct api_param typing_start[] = {
	IN_PATH("conversation_id", API_CONVERSATION, "Id of the conversation, or a channel's name"),
	IN_BODY("thread_root", API_UUID, 0, 0, "The message in whose thread"),
};

static const struct api_param threads_mark[] = {
	IN_PATH("message_id", API_UUID, "The root of the thread, or a reply in it"),
	{ .name = "seq", .place = API_IN_BODY, .type = API_INT, .required = true, .max = SEQ_MAX,
	  .summary = "Read up to this reply" },
	IN_BODY("unread", API_BOOL, 0, 0, "true: the position may go back (mark as unread)"),
};

static const struct api_param thread_of[] = {
	IN_PATH("message_id", API_UUID, "The root of the thread, or a reply in it"),
};

static const struct api_param connections_list[] = {
	IN_QUERY("user_id", API_ID, 1, 128, "Admins and services: whose; default: the caller's"),
	IN_QUERY("before", API_STRING, 1, 300, "`next` of the page before"),
	LIMIT,
};

/* Over a socket the hook puts in its own connection where none is named. */
#define CONNECTION_ID \
	{ .name = "connection_id", .place = API_IN_PATH, .type = API_STRING, .min = 1, .max = 128, \
	  .summary = "Id of the connection, from `ready`; over a socket by default its own" }

static const struct api_param connections_update[] = {
	CONNECTION_ID,
	IN_BODY("platform", API_STRING, 1, 32, "Such as web, ios, flutter"),
	IN_BODY("app_version", API_STRING, 1, 64, "Version of the client"),
};

static const struct api_param connections_subscribe[] = {
	CONNECTION_ID,
	NEEDED("conversations", API_STRING_LIST, 1, 100,
	    "Ids of conversations, or channels' names"),
};

static const struct api_param connections_renew[] = {
	CONNECTION_ID,
	NEEDED("token", API_STRING, 1, 8192, "A new token of the same user"),
};

static const struct api_param connection_id[] = {
	CONNECTION_ID,
};

static const struct api_param connections_touch[] = {
	CONNECTION_ID,
	{ .name = "active", .place = API_IN_BODY, .type = API_BOOL, .fallback = "true",
	  .summary = "false: the client is alive, the user is idle" },
};

static const struct api_param presence_watch[] = {
	CONNECTION_ID,
	NEEDED("user_ids", API_ID_LIST, 1, 500, "Whom"),
};

static const struct api_param presence_get[] = {
	NEEDED("user_ids", API_ID_LIST, 1, 500, "Whose"),
};

static const struct api_param presence_set[] = {
	CHOICE("state", presence_states, false, NULL,
	    "online: by itself, also away after idling; the others until it is set again"),
	IN_BODY("status_text", API_STRING, 0, 100, "What the caller says of themselves; empty: nothing"),
	IN_BODY("status_emoji", API_STRING, 0, 32, "The same in an emoji; empty: none"),
	IN_BODY("status_seconds", API_INT, 0, 31536000, "The status ends after so many; 0: it does not"),
	CHOICE("activity_type", activity_types, false, NULL, "Of the activity"),
	IN_BODY("activity_name", API_STRING, 0, 128, "What the caller is doing; empty: nothing"),
};

static const struct api_param notifications_list[] = {
	IN_QUERY("unread", API_BOOL, 0, 0, "true: only those not read"),
	IN_QUERY("kind", API_STRING, 1, 64, "Only those of a kind"),
	IN_QUERY("before", API_STRING, 1, 300, "`next` of the page before"),
	LIMIT,
};

static const struct api_param notifications_read[] = {
	IN_BODY("ids", API_UUID_LIST, 1, 500, "These"),
	IN_BODY("conversation_id", API_UUID, 0, 0, "Or those of a conversation"),
	IN_BODY("all", API_BOOL, 0, 0, "Or, with true, all"),
};

static const struct api_param notifications_remove[] = {
	IN_PATH("notification_id", API_UUID, "The notification"),
};

static const struct api_param notifications_create[] = {
	NEEDED("user_ids", API_ID_LIST, 1, 1000, "Whom"),
	NEEDED("kind", API_STRING, 1, 64, "A word of the back end's own: small letters, digits, _ . : -"),
	NEEDED("title", API_STRING, 1, 200, "What it is about"),
	IN_BODY("body", API_TEXT, 1, 2000, "More of it"),
	IN_BODY("url", API_STRING, 1, 2000, "Where it leads"),
	IN_BODY("payload", API_TEXT, 1, 4000, "For the client's own use, as it is given"),
};

static const struct api_param uploads_create[] = {
	IN_QUERY("filename", API_STRING, 1, 255, "Of a raw body; a form's field has its own"),
};

static const struct api_param uploads_get[] = {
	IN_PATH("upload_id", API_UUID, "The upload"),
};

static const struct api_param files_get[] = {
	IN_PATH("upload_id", API_UUID, "The upload"),
	{ .name = "variant", .place = API_IN_PATH, .type = API_ENUM, .required = true,
	  .values = variants, .summary = "Which form of it" },
	IN_QUERY("download", API_BOOL, 0, 0, "true: to be saved, not shown"),
};

static const struct api_param events_list[] = {
	IN_QUERY("after", API_INT, 0, INT64_MAX,
	    "What happened after this event id; default: from now on"),
	IN_QUERY("topics", API_STRING_LIST, 1, 100,
	    "Only these topics; all: everything, for services"),
	IN_QUERY("limit", API_INT, 1, 1000, "JSON: events of a page; a stream has all"),
	IN_QUERY("wait", API_INT, 0, 60, "JSON: wait so many seconds for something to happen; a stream waits anyway"),
	IN_QUERY("ticket", API_STRING, 1, 128, "Instead of an Authorization header"),
	IN_QUERY("platform", API_STRING, 1, 32, "What the client is, such as web"),
	IN_QUERY("app_version", API_STRING, 1, 64, "Its version"),
	IN_QUERY("heartbeat", API_INT, 5, 300, "An event `heartbeat` every so many seconds"),
};

static const struct api_param socket_open[] = {
	IN_QUERY("after", API_INT, 0, INT64_MAX, "Resume after this event id"),
	IN_QUERY("topics", API_STRING_LIST, 1, 100,
	    "Only these topics; all: everything, for services"),
	IN_QUERY("ticket", API_STRING, 1, 128, "Instead of an Authorization header"),
	IN_QUERY("platform", API_STRING, 1, 32, "What the client is, such as web"),
	IN_QUERY("app_version", API_STRING, 1, 64, "Its version"),
	IN_QUERY("heartbeat", API_INT, 5, 300, "An event `heartbeat` every so many seconds"),
};

/* --- the table --- */

#define ROW(name_, method_, path_) .name = name_, .method = method_, .path = path_
#define EVERYBODY .roles = API_ROLE_ANY
#define BACK_ENDS .roles = API_ROLE_ADMIN | API_ROLE_SERVICE

static const struct api_operation operations[] = {
	{ ROW("sync.get", "GET", "/v1/sync"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_POLLED,
	  .statement = "sync.get", PARAMS(page_before), .answer = "sync_state",
	  .summary = "All that a client starts with",
	  .detail = "The caller, their conversations with last message, unread count and read "
	      "position, and the id of the last event, in one snapshot: following events "
	      "after that id misses nothing." },

	{ ROW("messages.catch_up", "POST", "/v1/sync/messages"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_NO_KEY | API_UPKEEP,
	  .statement = "messages.catch_up", PARAMS(catch_up), .answer = "caught_up",
	  .summary = "What is new in many conversations at once",
	  .detail = "For each the newest messages after what the client has, oldest first, and `gap`: "
	      "there are more between the two. At most 1,000 messages in all: what does not fit "
	      "has a gap too." },

	{ ROW("me.get", "GET", "/v1/me"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_POLLED,
	  .statement = "me.get", .answer = "me",
	  .summary = "The caller" },
	{ ROW("users.get", "GET", "/v1/users/{user_id}"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_POLLED,
	  .statement = "users.get", PARAMS(user_id), .answer = "user",
	  .summary = "A user" },
	{ ROW("users.put", "PUT", "/v1/users/{user_id}"),
	  BACK_ENDS, .rate = API_RATE_WRITE, .status = 201,
	  .statement = "users.put", PARAMS(users_put), .answer = "user", .made = "users.get",
	  .summary = "Create or change a user",
	  .detail = "From then on the claims of tokens no longer change name and picture. 200 "
	      "when the user was there." },
	{ ROW("users.put_many", "PUT", "/v1/users"),
	  BACK_ENDS, .rate = API_RATE_WRITE, .status = 200,
	  .body_bytes = 4 * 1024 * 1024,
	  .statement = "users.put_many", PARAMS(users_put_many), .answer = "users_written",
	  .summary = "Create or change up to a thousand users" },

	{ ROW("blocks.list", "GET", "/v1/blocks"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST | API_POLLED,
	  .statement = "blocks.list", PARAMS(page_before), .answer = "block",
	  .summary = "Users whom the caller has blocked, newest first" },
	{ ROW("blocks.add", "PUT", "/v1/blocks/{user_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 201,
	  .statement = "blocks.add", PARAMS(user_id), .answer = "block",
	  .summary = "Block a user",
	  .detail = "They can no longer open a direct conversation with the caller or write in "
	      "it: 403, without a reason. To them the caller is offline from now on. In groups the "
	      "caller's clients hide what they say. "
	      "200 when it was so." },
	{ ROW("blocks.remove", "DELETE", "/v1/blocks/{user_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "blocks.remove", PARAMS(user_id), .answer = "user_ref",
	  .summary = "Block a user no longer" },

	{ ROW("users.suspend", "PUT", "/v1/users/{user_id}/suspension"),
	  BACK_ENDS, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "users.suspend", PARAMS(users_suspend), .answer = "suspension",
	  .summary = "Shut a user out",
	  .detail = "Their streams end at once, everywhere, with close code 4423 (SSE: an `error` "
	      "event with the code `user_suspended`), and whatever they ask for is refused with "
	      "403 `user_suspended`. Again: changes reason and end." },
	{ ROW("users.restore", "DELETE", "/v1/users/{user_id}/suspension"),
	  BACK_ENDS, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "users.restore", PARAMS(user_id), .answer = "suspension",
	  .summary = "Let a suspended user in again",
	  .detail = "Answers what was lifted; 404 when the user was not suspended." },
	{ ROW("suspensions.get", "GET", "/v1/users/{user_id}/suspension"),
	  BACK_ENDS, .rate = API_RATE_READ, .status = 200,
	  .flags = API_POLLED,
	  .statement = "suspensions.get", PARAMS(user_id), .answer = "suspension",
	  .summary = "A user's suspension" },
	{ ROW("suspensions.list", "GET", "/v1/suspensions"),
	  BACK_ENDS, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST | API_POLLED,
	  .statement = "suspensions.list", PARAMS(page_before), .answer = "suspension",
	  .summary = "Who is suspended, newest first" },

	{ ROW("conversations.create", "POST", "/v1/conversations"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 201,
	  .statement = "conversations.create", PARAMS(conversations_create),
	  .answer = "conversation", .made = "conversations.get",
	  .summary = "Create a conversation, or get the direct one",
	  .detail = "A direct conversation is unique for its two members: 200 when it was there." },
	{ ROW("conversations.list", "GET", "/v1/conversations"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST | API_POLLED,
	  .statement = "conversations.list", PARAMS(conversations_list), .answer = "conversation",
	  .summary = "The caller's conversations, newest activity first" },
	{ ROW("conversations.get", "GET", "/v1/conversations/{conversation_id}"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_POLLED,
	  .statement = "conversations.get", PARAMS(conversation_id), .answer = "conversation",
	  .summary = "A conversation",
	  .detail = "Also a public group that the caller is not in, without its members and "
	      "messages." },
	{ ROW("conversations.update", "PATCH", "/v1/conversations/{conversation_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "conversations.update", PARAMS(conversations_update),
	  .answer = "conversation",
	  .summary = "Change what a group or channel is called and is",
	  .detail = "For those whom the table of rights names (docs/clients.md). What is left out "
	      "stays as it is." },
	{ ROW("conversations.delete", "DELETE", "/v1/conversations/{conversation_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "conversations.delete", PARAMS(conversation_id), .answer = "conversation_ref",
	  .summary = "Delete a conversation for all",
	  .detail = "For owners of groups and channels, and back ends: nobody reads it from then "
	      "on, and what was said is gone from the log of events too." },
	{ ROW("conversations.settings", "PATCH", "/v1/conversations/{conversation_id}/settings"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "conversations.settings", PARAMS(conversations_settings),
	  .answer = "settings_kept",
	  .summary = "Say how one keeps a conversation: mute, archive, hide, …",
	  .detail = "The caller's own; others see the nickname only. What is left out stays as it "
	      "is." },
	{ ROW("conversations.clear", "POST", "/v1/conversations/{conversation_id}/clear"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .flags = API_NO_KEY,
	  .statement = "conversations.clear", PARAMS(conversation_id), .answer = "history_cleared",
	  .summary = "Have the history so far gone for oneself",
	  .detail = "Others keep theirs." },
	{ ROW("conversations.discover", "GET", "/v1/discover"),
	  EVERYBODY, .rate = API_RATE_SEARCH, .status = 200,
	  .flags = API_LIST,
	  .statement = "conversations.discover", PARAMS(conversations_discover),
	  .answer = "conversation_found",
	  .summary = "Find public groups and open channels to join",
	  .detail = "The largest first; with `search` the most alike first. Join one by adding "
	      "oneself (members.add)." },

	{ ROW("members.list", "GET", "/v1/conversations/{conversation_id}/members"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST | API_POLLED,
	  .statement = "members.list", PARAMS(members_list), .answer = "member",
	  .summary = "The members, longest first" },
	{ ROW("members.add", "POST", "/v1/conversations/{conversation_id}/members"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "members.add", PARAMS(members_add), .answer = "members_added",
	  .summary = "Add members, or join a public group or an open channel",
	  .detail = "Who is a member already stays one. A user's id that nobody knows is 422 for "
	      "a user; services and admins make it known by naming it." },
	{ ROW("members.update", "PATCH", "/v1/conversations/{conversation_id}/members/{user_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "members.update", PARAMS(members_update), .answer = "member",
	  .summary = "Say what a member is",
	  .detail = "For owners. Several may be owners: ownership is handed on by making another "
	      "one, and leaving or stepping down then. The last one stays: 409." },
	{ ROW("members.remove", "DELETE", "/v1/conversations/{conversation_id}/members/{user_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "members.remove", PARAMS(members_remove), .answer = "member_removed",
	  .summary = "Remove a member, or leave",
	  .detail = "When the last owner leaves, the admin or else the member who has been there "
	      "longest becomes owner." },

	{ ROW("messages.send", "POST", "/v1/conversations/{conversation_id}/messages"),
	  EVERYBODY, .rate = API_RATE_SEND, .status = 201,
	  .flags = API_BATCHED | API_MOVES_OWN | API_NO_KEY,
	  .statement = "messages.send", PARAMS(messages_send), .answer = "message",
	  .made = "messages.get",
	  .summary = "Send a message",
	  .detail = "With a client-made `id` it is safe to repeat: the same id from the same "
	      "sender in the same conversation gives the first answer again, with 200 "
	      "instead of 201, and no second event." },
	{ ROW("messages.schedule", "POST", "/v1/conversations/{conversation_id}/scheduled"),
	  EVERYBODY, .rate = API_RATE_SEND, .status = 201,
	  .flags = API_NO_KEY,
	  .statement = "messages.schedule", PARAMS(messages_schedule), .answer = "scheduled",
	  .summary = "Have a message sent later",
	  .detail = "At its time, once, as messages.send would send it then; `id` is the message's. "
	      "Repeating is safe with an `id`: 200 with what there is. A user has 100 waiting at "
	      "most." },
	{ ROW("schedule.list", "GET", "/v1/scheduled"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST | API_POLLED,
	  .statement = "schedule.list", PARAMS(schedule_list), .answer = "scheduled",
	  .summary = "The caller's messages that wait to be sent, the next one first",
	  .detail = "With those that could not be sent: `state` is failed, and `error` and `detail` "
	      "say why. They stay until they are changed or cancelled." },
	{ ROW("schedule.update", "PATCH", "/v1/scheduled/{scheduled_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "schedule.update", PARAMS(schedule_update), .answer = "scheduled",
	  .summary = "Change text or time of a scheduled message",
	  .detail = "409 `conflict` when it has been sent." },
	{ ROW("schedule.cancel", "DELETE", "/v1/scheduled/{scheduled_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "schedule.cancel", PARAMS(scheduled_id), .answer = "scheduled_ref",
	  .summary = "Do not send a scheduled message",
	  .detail = "409 `conflict` when it has been sent." },
	{ ROW("messages.list", "GET", "/v1/conversations/{conversation_id}/messages"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST,
	  .statement = "messages.list", VARIANTS(messages_list_variants),
	  PARAMS(messages_list), .answer = "message",
	  .summary = "The history",
	  .detail = "Newest first; with `after` oldest first. A page around a place has no `next`: "
	      "go on from its ends with `before` and `after`." },
	{ ROW("messages.get", "GET", "/v1/messages/{message_id}"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .statement = "messages.get", PARAMS(message_id), .answer = "message",
	  .summary = "A message" },
	{ ROW("messages.edit", "PATCH", "/v1/messages/{message_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "messages.edit", PARAMS(messages_edit), .answer = "message",
	  .summary = "Say a message of one's own otherwise",
	  .detail = "For who wrote it, for `PARLEY_EDIT_SECONDS`. What is left out stays as it is. "
	      "What it said before is kept (messages.edits). Events and answers that have it in "
	      "them, also as a quote, are changed too." },
	{ ROW("messages.edits", "GET", "/v1/messages/{message_id}/edits"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST,
	  .statement = "messages.edits", PARAMS(messages_edits), .answer = "edit",
	  .summary = "What a message said before, newest first",
	  .detail = "For who wrote it, for owners and admins of the conversation, and for back "
	      "ends." },
	{ ROW("messages.delete", "DELETE", "/v1/messages/{message_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "messages.delete", PARAMS(message_id), .answer = "message",
	  .summary = "Delete a message",
	  .detail = "One's own, for `PARLEY_EDIT_SECONDS`; anybody's, at any time, for owners and "
	      "admins of the conversation and for back ends. Its place is left, without what it "
	      "said and what hung on it, and the event log forgets that as well. A file goes with "
	      "the last message that shows it. Again: the same answer." },
	{ ROW("messages.forward", "POST", "/v1/messages/{message_id}/forward"),
	  EVERYBODY, .rate = API_RATE_SEND, .status = 201,
	  .statement = "messages.forward", PARAMS(messages_forward), .answer = "messages_forwarded",
	  .summary = "Send a message once more, to other conversations",
	  .detail = "Text and files of any message that the caller sees, as messages of the "
	      "caller's that name who wrote it first (`forwarded`). To all or, where one is "
	      "refused, to none. Counts as a send for each conversation. With `ids` it is safe to "
	      "repeat: 200." },

	{ ROW("threads.list", "GET", "/v1/threads"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST | API_POLLED,
	  .statement = "threads.list", PARAMS(page_before), .answer = "thread_state",
	  .summary = "The threads that the caller follows, newest activity first",
	  .detail = "Whoever replies in a thread, has written its root, or is named in a reply "
	      "follows it, unless they have said otherwise." },
	{ ROW("threads.get", "GET", "/v1/messages/{message_id}/thread"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .statement = "threads.get", PARAMS(thread_of), .answer = "thread_state",
	  .summary = "The thread of a message",
	  .detail = "Its `id` is null when nobody has replied. The replies are the history of the "
	      "conversation of that id: messages.list." },
	{ ROW("threads.follow", "PUT", "/v1/messages/{message_id}/thread/follow"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "threads.follow", PARAMS(thread_of), .answer = "thread_state",
	  .summary = "Follow a thread",
	  .detail = "For members of the conversation, also before the first reply." },
	{ ROW("threads.unfollow", "DELETE", "/v1/messages/{message_id}/thread/follow"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "threads.unfollow", PARAMS(thread_of), .answer = "thread_state",
	  .summary = "Follow a thread no longer",
	  .detail = "It stays so, whatever happens in the thread, until threads.follow." },
	{ ROW("threads.mark", "POST", "/v1/messages/{message_id}/thread/read"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_NO_KEY,
	  .statement = "threads.mark", PARAMS(threads_mark), .answer = "thread_state",
	  .summary = "Say up to where one has read a thread",
	  .detail = "The position only goes forward, unless `unread` is true." },

	{ ROW("reactions.list", "GET", "/v1/messages/{message_id}/reactions"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST | API_POLLED,
	  .statement = "reactions.list", PARAMS(reactions_list), .answer = "reaction_by",
	  .summary = "Who reacted to a message",
	  .detail = "By emoji, those of each in the order of time." },
	{ ROW("reactions.add", "PUT", "/v1/messages/{message_id}/reactions/{emoji}"),
	  EVERYBODY, .rate = API_RATE_REACT, .status = 201,
	  .statement = "reactions.add", PARAMS(reaction), .answer = "reaction_change",
	  .summary = "React to a message",
	  .detail = "With one emoji, percent-encoded in a path (a skin tone, a flag or a family "
	      "is one), or with a custom one that clients know by its name, such as "
	      "`:party_parrot:`. 200 when it was so. A message takes 20 different ones, a deleted "
	      "message none." },
	{ ROW("reactions.remove", "DELETE", "/v1/messages/{message_id}/reactions/{emoji}"),
	  EVERYBODY, .rate = API_RATE_REACT, .status = 200,
	  .statement = "reactions.remove", PARAMS(reaction), .answer = "reaction_change",
	  .summary = "Take back a reaction of one's own",
	  .detail = "200 also when there was none." },

	{ ROW("pins.list", "GET", "/v1/conversations/{conversation_id}/pins"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST | API_POLLED,
	  .statement = "pins.list", PARAMS(conversation_before), .answer = "message",
	  .summary = "Pinned messages, newest pin first",
	  .detail = "With those of the conversation's threads." },
	{ ROW("pins.add", "PUT", "/v1/messages/{message_id}/pin"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 201,
	  .statement = "pins.add", PARAMS(message_id), .answer = "message",
	  .summary = "Pin a message",
	  .detail = "At most 50 in a conversation. The history says it in a message of type "
	      "system. 200 when it was so." },
	{ ROW("pins.remove", "DELETE", "/v1/messages/{message_id}/pin"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "pins.remove", PARAMS(message_id), .answer = "message",
	  .summary = "Unpin a message",
	  .detail = "200 also when it was not pinned." },

	{ ROW("messages.search", "GET", "/v1/search/messages"),
	  EVERYBODY, .rate = API_RATE_SEARCH, .status = 200,
	  .flags = API_LIST,
	  .statement = "messages.search", PARAMS(messages_search), .answer = "found_message",
	  .summary = "Find messages",
	  .detail = "In the caller's conversations and their threads, as far as the caller may read "
	      "them at this moment. Needs one of `q`, `from`, `has`. A new message is found about "
	      "a second after it was sent." },
	{ ROW("conversations.search", "GET", "/v1/search/conversations"),
	  EVERYBODY, .rate = API_RATE_SEARCH, .status = 200,
	  .flags = API_LIST,
	  .statement = "conversations.search", PARAMS(names_search), .answer = "conversation",
	  .summary = "Find one's conversations by name",
	  .detail = "A direct one by the other's name. Best first." },
	{ ROW("users.search", "GET", "/v1/search/users"),
	  EVERYBODY, .rate = API_RATE_SEARCH, .status = 200,
	  .flags = API_LIST,
	  .statement = "users.search", PARAMS(names_search), .answer = "person",
	  .summary = "Find users by name",
	  .detail = "By a word of the name or the beginning of the id, best first. Whom users find "
	      "is a setting (PARLEY_SEARCH_EVERYBODY); services and admins find everybody." },

	{ ROW("receipts.mark", "POST", "/v1/conversations/{conversation_id}/read"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_BATCHED | API_NO_KEY,
	  .statement = "receipts.mark", PARAMS(receipts_mark), .answer = "position",
	  .summary = "Say up to where one has read",
	  .detail = "By `seq` or by `message_id`. The position only goes forward, unless `unread` "
	      "is true." },
	{ ROW("reads.list", "GET", "/v1/messages/{message_id}/reads"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST | API_POLLED,
	  .statement = "reads.list", PARAMS(reads_list), .answer = "reader",
	  .summary = "Who has read a message, longest members first",
	  .detail = "Without its sender. Of the first 20 of each message of a page: messages.list "
	      "with `include`." },
	{ ROW("receipts.deliver", "POST", "/v1/receipts/delivered"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_BATCHED | API_NO_KEY | API_UPKEEP,
	  .statement = "receipts.deliver", PARAMS(receipts_deliver), .answer = "delivered_list",
	  .summary = "Say up to where a device has had the messages",
	  .detail = "Of many conversations at once, at most once a second. Positions only go "
	      "forward; conversations that the caller is no member of are passed over." },
	{ ROW("unread.get", "GET", "/v1/me/unread"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_POLLED,
	  .statement = "unread.get", .answer = "unread",
	  .summary = "How much the caller has not read, over all: for a badge" },
	{ ROW("typing.start", "POST", "/v1/conversations/{conversation_id}/typing"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_BATCHED | API_HOOKED | API_NO_KEY,
	  .statement = "typing.tell", PARAMS(typing_start), .answer = "conversation_ref",
	  .summary = "Say that one is typing",
	  .detail = "Ends by itself after 5 seconds; say it again while it lasts, every 3 seconds is "
	      "good. Others hear of it once a second at most, however often it is said." },
	{ ROW("typing.stop", "DELETE", "/v1/conversations/{conversation_id}/typing"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_BATCHED | API_HOOKED,
	  .statement = "typing.tell", PARAMS(conversation_id), .answer = "conversation_ref",
	  .summary = "Say that one is not typing any more" },

	{ ROW("notifications.list", "GET", "/v1/notifications"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST | API_POLLED,
	  .statement = "notifications.list", PARAMS(notifications_list), .answer = "notification",
	  .summary = "What the caller should know of, newest first" },
	{ ROW("notifications.count", "GET", "/v1/notifications/count"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_POLLED,
	  .statement = "notifications.count", .answer = "notification_count",
	  .summary = "How many of them are not read" },
	{ ROW("notifications.read", "POST", "/v1/notifications/read"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .flags = API_NO_KEY,
	  .statement = "notifications.read", PARAMS(notifications_read),
	  .answer = "notifications_seen",
	  .summary = "Say that the caller has seen them",
	  .detail = "`ids`, `conversation_id` or `all`. Reading a conversation up to a message does it "
	      "too, for those of messages before." },
	{ ROW("notifications.remove", "DELETE", "/v1/notifications/{notification_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "notifications.remove", PARAMS(notifications_remove),
	  .answer = "notification_removed",
	  .summary = "Take one off the list" },
	{ ROW("notifications.create", "POST", "/v1/notifications"),
	  BACK_ENDS, .rate = API_RATE_WRITE, .status = 201,
	  .statement = "notifications.create", PARAMS(notifications_create),
	  .answer = "notifications_made",
	  .summary = "Notify users of something of the back end's own" },

	{ ROW("uploads.create", "POST", "/v1/uploads"),
	  EVERYBODY, .rate = API_RATE_UPLOAD, .status = 201,
	  .flags = API_ON_FASTCGI | API_HOOKED | API_HTTP_ONLY | API_RAW_BODY | API_NO_KEY,
	  .statement = "uploads.create", PARAMS(uploads_create), .answer = "upload", .made = "uploads.get",
	  .summary = "Store a file",
	  .detail = "multipart/form-data with one field `file`, or the file itself as the body "
	      "with `filename` in the query. The type is found from the content." },
	{ ROW("uploads.get", "GET", "/v1/uploads/{upload_id}"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_POLLED,
	  .statement = "uploads.get", PARAMS(uploads_get), .answer = "upload",
	  .summary = "What is known of a file" },
	{ ROW("files.get", "GET", "/v1/files/{upload_id}/{variant}"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_ON_FASTCGI | API_HOOKED | API_HTTP_ONLY,
	  .statement = "files.get", PARAMS(files_get),
	  .summary = "A file's bytes",
	  .detail = "For its owner and the members of conversations it was sent to. Answers Range "
	      "and If-None-Match. Pictures have `original` (at most 2,000 pixels wide, without what the "
	      "camera wrote), `thumbnail` (at most 300) and `avatar` (64 x 64); PDFs have `preview` and "
	      "these two of their first page. Who names image/webp in Accept gets that, but "
	      "for animations. `source` is the file as it came, for its owner, where the service keeps it." },

	{ ROW("events.list", "GET", "/v1/events"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_STREAM | API_HOOKED | API_HTTP_ONLY,
	  PARAMS(events_list), .answer = "events_page",
	  .summary = "Follow events: Server-Sent Events, or polling",
	  .detail = "text/event-stream unless Accept asks for application/json. Resumes after "
	      "`after` or Last-Event-ID, which wins when both are there." },
	{ ROW("socket.open", "GET", "/v1/socket"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 101,
	  .flags = API_STREAM | API_HOOKED | API_HTTP_ONLY,
	  PARAMS(socket_open),
	  .summary = "Follow events and call operations over a WebSocket",
	  .detail = "Text frames of JSON. Of the subprotocols offered `parley.v1` is chosen; "
	      "`bearer.<token>` beside it is a credential. `permessage-deflate` is agreed to "
	      "without context takeover (`PARLEY_DEFLATE`). A request waits for no other; what was "
	      "asked before a close is answered first. Closed with 1002: what breaks RFC 6455; "
	      "1003: a binary message; 1007: text that is not UTF-8; 1009: a message over "
	      "`PARLEY_MAX_FRAME_BYTES`." },
	{ ROW("tickets.create", "POST", "/v1/tickets"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 201,
	  .flags = API_HOOKED | API_NO_KEY,
	  .statement = "tickets.create", .answer = "ticket",
	  .summary = "Get a ticket for a stream",
	  .detail = "Browsers cannot set headers on EventSource and WebSocket: they put it in the "
	      "URL as ?ticket=. It works once, for 30 seconds; an EventSource that lost its stream "
	      "comes back with it by itself, for as long as the token lives." },

	{ ROW("connections.list", "GET", "/v1/connections"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST | API_POLLED,
	  .statement = "connections.list", PARAMS(connections_list), .answer = "connection",
	  .summary = "Open streams, newest first" },
	{ ROW("connections.update", "PATCH", "/v1/connections/{connection_id}"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED | API_UPKEEP,
	  .statement = "connections.update", PARAMS(connections_update), .answer = "connection",
	  .summary = "Say what a client is" },
	{ ROW("connections.subscribe", "POST", "/v1/connections/{connection_id}/subscribe"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED | API_NO_KEY | API_UPKEEP,
	  PARAMS(connections_subscribe), .answer = "connection",
	  .summary = "Follow conversations on a stream",
	  .detail = "Whoever may read a channel may follow it without being a member." },
	{ ROW("connections.unsubscribe", "POST", "/v1/connections/{connection_id}/unsubscribe"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED | API_NO_KEY | API_UPKEEP,
	  PARAMS(connections_subscribe), .answer = "connection",
	  .summary = "Follow conversations no longer on a stream" },
	{ ROW("connections.renew", "POST", "/v1/connections/{connection_id}/renew"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED | API_NO_KEY | API_UPKEEP,
	  PARAMS(connections_renew), .answer = "connection",
	  .summary = "Give a stream a new token before the old one ends",
	  .detail = "Of the same user and role: rights stay those that the stream was opened with." },
	{ ROW("connections.close", "DELETE", "/v1/connections/{connection_id}"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED | API_UPKEEP,
	  PARAMS(connection_id), .answer = "connection",
	  .summary = "Close a stream" },
	{ ROW("connections.close_all", "DELETE", "/v1/users/{user_id}/connections"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .statement = "connections.close_all", PARAMS(user_id), .answer = "connections_closed",
	  .summary = "Close all streams of a user",
	  .detail = "On every host, with close code 4403; the caller's own may be among them. Tickets "
	      "of the user end too. A token that is still good opens new streams." },

	{ ROW("connections.touch", "POST", "/v1/connections/{connection_id}/touch"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED | API_NO_KEY | API_UPKEEP,
	  PARAMS(connections_touch), .answer = "connection",
	  .summary = "Sign of life of a stream, and of its user",
	  .detail = "For SSE clients, which cannot answer pings: one that has called this once is "
	      "taken for dead when it does not call it again within 45 seconds; every 20 is "
	      "good. `active` also keeps its user from being shown as away." },

	{ ROW("presence.get", "POST", "/v1/presence/query"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_NO_KEY | API_UPKEEP,
	  .statement = "presence.get", PARAMS(presence_get), .answer = "presence_list",
	  .summary = "Who of up to 500 users is there",
	  .detail = "As the last `presence.updated` said. A user who is invisible is offline for "
	      "others." },
	{ ROW("presence.set", "PUT", "/v1/presence"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED,
	  .statement = "presence.set", PARAMS(presence_set), .answer = "presence_choice",
	  .summary = "Choose one's state, status and activity",
	  .detail = "What is left out stays as it is. The activity ends when the user goes "
	      "offline." },
	{ ROW("presence.watch", "POST", "/v1/connections/{connection_id}/watch"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED | API_NO_KEY | API_UPKEEP,
	  .statement = "presence.get", PARAMS(presence_watch), .answer = "presence_list",
	  .summary = "Hear of the presence of more users on a stream",
	  .detail = "Of others than those one shares a small conversation with; 500 users a "
	      "stream at most. Answers how they are now." },
	{ ROW("presence.unwatch", "POST", "/v1/connections/{connection_id}/unwatch"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED | API_NO_KEY | API_UPKEEP,
	  PARAMS(presence_watch), .answer = "connection",
	  .summary = "Hear of these users no longer" },

	{ ROW("stats.summary", "GET", "/v1/stats"),
	  BACK_ENDS, .rate = API_RATE_READ, .status = 200,
	  .flags = API_POLLED,
	  .statement = "stats.summary", .answer = "stats",
	  .summary = "Figures for admins and services" },
	{ ROW("ping", "POST", "/v1/ping"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED | API_NO_KEY | API_UPKEEP,
	  .answer = "pong",
	  .summary = "Sign of life, for clients that cannot see the stream's own" },
	{ ROW("health.live", "GET", "/health"),
	  EVERYBODY, .rate = API_RATE_NONE, .status = 200,
	  .flags = API_PUBLIC | API_HOOKED | API_HTTP_ONLY,
	  .answer = "health",
	  .summary = "Is the process alive" },
	{ ROW("health.ready", "GET", "/health/ready"),
	  EVERYBODY, .rate = API_RATE_NONE, .status = 200,
	  .flags = API_PUBLIC | API_HOOKED | API_HTTP_ONLY,
	  .answer = "health",
	  .summary = "Can it serve: database, listener, storage",
	  .detail = "503 when it cannot, or is going down." },
	{ ROW("metrics.get", "GET", "/metrics"),
	  EVERYBODY, .rate = API_RATE_NONE, .status = 200,
	  .flags = API_PUBLIC | API_HOOKED | API_HTTP_ONLY | API_OPERATOR,
	  .summary = "Figures for Prometheus, summed over the processes of the host" },
	{ ROW("openapi.get", "GET", "/openapi.json"),
	  EVERYBODY, .rate = API_RATE_NONE, .status = 200,
	  .flags = API_PUBLIC | API_HOOKED | API_HTTP_ONLY,
	  .summary = "The OpenAPI 3.1 document" },
};

/* clang-format on */

size_t
api_operation_count(void)
{
	return ARRAY_LEN(operations);
}

const struct api_operation *
api_operation_at(size_t i)
{
	assert(i < ARRAY_LEN(operations));
	return &operations[i];
}

const struct api_operation *
api_operation_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
		if (strcmp(operations[i].name, name) == 0)
			return &operations[i];
	}
	return NULL;
}

size_t
api_operation_index(const struct api_operation *op)
{
	return (size_t)(op - operations);
}

const struct api_param *
api_operation_param(const struct api_operation *op, const char *name)
{
	for (size_t i = 0; i < op->nparams; i++) {
		if (strcmp(op->params[i].name, name) == 0)
			return &op->params[i];
	}
	return NULL;
}
