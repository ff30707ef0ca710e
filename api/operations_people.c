/* SPDX-License-Identifier: ISC */
/* People: users, suspensions, blocks, presence, notifications. */
#include "api/operations_private.h"

/* clang-format off */

static const char *const presence_states[] = { "online", "away", "dnd", "invisible", NULL };
static const char *const activity_types[] = { "playing", "listening", "watching", "streaming",
	"competing", "custom", NULL };

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

static const struct api_param presence_get[] = {
	NEEDED("user_ids", API_ID_LIST, 1, 500, "Whose"),
};

static const struct api_param presence_set[] = {
	CHOICE("state", presence_states, false, NULL,
	    "online: by itself, also away after idling; the others until it is set again"),
	IN_BODY("status_text", API_STRING, 0, 100, "What the caller says of themselves; empty: nothing"),
	IN_BODY("status_emoji", API_EMOJI, 0, 1, "The same in an emoji or `:name:`; empty: none"),
	IN_BODY("status_seconds", API_INT, 0, 31536000, "The status ends after so many; 0, or left out with a new status: it does not"),
	CHOICE("activity_type", activity_types, false, NULL, "Of the activity; when left out as before, or else playing"),
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

static const struct api_operation rows[] = {
	{ ROW("me.get", "GET", "/v1/me"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_POLLED,
	  .statement = "me.get", .answer = "me",
	  .summary = "The caller" },
	{ ROW("users.get", "GET", "/v1/users/{user_id}"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_POLLED,
	  .statement = "users.get", PARAMS(api_operations_user_id), .answer = "user",
	  .summary = "A user" },
	{ ROW("users.put", "PUT", "/v1/users/{user_id}"),
	  BACK_ENDS, .rate = API_RATE_WRITE, .status = 201,
	  .statement = "users.put", WAS_THERE, PARAMS(users_put), .answer = "user", .made = "users.get",
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
	  .statement = "blocks.list", PARAMS(api_operations_page_before), .answer = "block",
	  .summary = "Users whom the caller has blocked, newest first" },
	{ ROW("blocks.add", "PUT", "/v1/blocks/{user_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 201,
	  .statement = "blocks.add", WAS_THERE, PARAMS(api_operations_user_id), .answer = "block",
	  .summary = "Block a user",
	  .detail = "They can no longer open a direct conversation with the caller or write in "
	      "it: 403, without a reason; and each is offline for the other. In groups the "
	      "caller's clients hide what they say. "
	      "200 when it was so." },
	{ ROW("blocks.remove", "DELETE", "/v1/blocks/{user_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "blocks.remove", PARAMS(api_operations_user_id), .answer = "user_ref",
	  .summary = "Block a user no longer", .detail = "200 also when they were not blocked." },
	{ ROW("users.suspend", "PUT", "/v1/users/{user_id}/suspension"),
	  BACK_ENDS, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "users.suspend", PARAMS(users_suspend), .answer = "suspension",
	  .summary = "Shut a user out",
	  .detail = "Their streams end at once, everywhere, with close code 4423 (SSE: an `error` "
	      "event with the code `user_suspended`), and whatever they ask for is refused with "
	      "403 `user_suspended`. Again: changes reason and end." },
	{ ROW("users.restore", "DELETE", "/v1/users/{user_id}/suspension"),
	  BACK_ENDS, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "users.restore", PARAMS(api_operations_user_id), .answer = "suspension",
	  .summary = "Let a suspended user in again",
	  .detail = "Answers what was lifted; 404 when the user was not suspended." },
	{ ROW("suspensions.get", "GET", "/v1/users/{user_id}/suspension"),
	  BACK_ENDS, .rate = API_RATE_READ, .status = 200,
	  .flags = API_POLLED,
	  .statement = "suspensions.get", PARAMS(api_operations_user_id), .answer = "suspension",
	  .summary = "A user's suspension" },
	{ ROW("suspensions.list", "GET", "/v1/suspensions"),
	  BACK_ENDS, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST | API_POLLED,
	  .statement = "suspensions.list", PARAMS(api_operations_page_before), .answer = "suspension",
	  .summary = "Who is suspended, newest first" },
	{ ROW("users.search", "GET", "/v1/search/users"),
	  EVERYBODY, .rate = API_RATE_SEARCH, .status = 200,
	  .flags = API_LIST,
	  .statement = "users.search", PARAMS(api_operations_names_search), .answer = "person",
	  .summary = "Find users by name",
	  .detail = "By a word of the name or the beginning of the id, best first. Whom users find "
	      "is a setting (PARLEY_SEARCH_EVERYBODY); services and admins find everybody." },
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
	{ ROW("presence.get", "POST", "/v1/presence/query"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_NO_KEY | API_UPKEEP,
	  .statement = "presence.get", PARAMS(presence_get), .answer = "presence_list",
	  .summary = "Who of up to 500 users is there",
	  .detail = "As the last `presence.updated` said. A user who is invisible is offline for "
	      "others. `last_seen` is for those with whom they share a conversation of at most "
	      "200 members." },
	{ ROW("presence.set", "PUT", "/v1/presence"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED,
	  .statement = "presence.set", PARAMS(presence_set), .answer = "presence_choice",
	  .summary = "Choose one's state, status and activity",
	  .detail = "What is left out stays as it is. The activity ends when the user goes "
	      "offline." },
};

/* clang-format on */

const struct operations_table api_operations_people = TABLE(rows);
