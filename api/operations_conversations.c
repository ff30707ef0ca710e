/* SPDX-License-Identifier: ISC */
/* Conversations, their members and settings, and who is typing in them. */
#include "api/operations_private.h"

/* clang-format off */

static const char *const conversation_types[] = { "direct", "group", "channel", NULL };
static const char *const access_kinds[] = { "open", "members", "claim", NULL };
static const char *const history_kinds[] = { "all", "joined", NULL };
static const char *const visibilities[] = { "public", "private", NULL };
static const char *const notification_levels[] = { "all", "mentions", "none", NULL };
static const char *const member_roles[] = { "owner", "admin", "member", NULL };

static const struct api_param conversations_create[] = {
	CHOICE("type", conversation_types, true, NULL,
	    "What kind; channels are for services and admins"),
	{ .name = "user_id", .place = API_IN_BODY, .type = API_ID, .only_for = "direct",
	  .summary = "direct: the other one" },
	{ .name = "name", .place = API_IN_BODY, .type = API_STRING, .min = 1, .max = 200,
	  .only_for = "group channel", .summary = "channel: its name, which is unique; group: its name, if it has one" },
	{ .name = "member_ids", .place = API_IN_BODY, .type = API_ID_LIST, .max = 1000,
	  .only_for = "group channel", .summary = "group, channel: first members besides the caller" },
	{ .name = "access", .place = API_IN_BODY, .type = API_ENUM, .values = access_kinds,
	  .only_for = "channel", .summary = "channel: who may read it; `claim` means `members` so far" },
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
	CHOICE("access", access_kinds, false, NULL, "Of a channel: who may read it; `claim` means `members` so far"),
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

static const struct api_param conversations_list[] = {
	{ .name = "type", .place = API_IN_QUERY, .type = API_ENUM, .values = conversation_types,
	  .summary = "Only of this kind" },
	IN_QUERY("category", API_CATEGORY, 0, 0, "Only of this category"),
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

static const struct api_param typing_start[] = {
	IN_PATH("conversation_id", API_CONVERSATION, "Id of the conversation, or a channel's name"),
	IN_BODY("thread_root", API_UUID, 0, 0, "The message in whose thread"),
};

static const struct api_operation rows[] = {
	{ ROW("sync.get", "GET", "/v1/sync"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_POLLED,
	  .statement = "sync.get", PARAMS(api_operations_page_before), .answer = "sync_state",
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
	{ ROW("conversations.create", "POST", "/v1/conversations"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 201,
	  .statement = "conversations.create", WAS_THERE, PARAMS(conversations_create),
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
	      "stays as it is. A channel that is open no longer is followed no longer by "
	      "who is not a member: `subscription.ended`, at once, everywhere." },
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
	{ ROW("conversations.search", "GET", "/v1/search/conversations"),
	  EVERYBODY, .rate = API_RATE_SEARCH, .status = 200,
	  .flags = API_LIST,
	  .statement = "conversations.search", PARAMS(api_operations_names_search), .answer = "conversation",
	  .summary = "Find one's conversations by name",
	  .detail = "A direct one by the other's name. Best first." },
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
	      "good. Others hear of it once a second at most, however often it is said, and of twenty "
	      "who type in one conversation at a time." },
	{ ROW("typing.stop", "DELETE", "/v1/conversations/{conversation_id}/typing"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_BATCHED | API_HOOKED,
	  .statement = "typing.tell", PARAMS(conversation_id), .answer = "conversation_ref",
	  .summary = "Say that one is not typing any more" },
};

/* clang-format on */

const struct operations_table api_operations_conversations = TABLE(rows);
