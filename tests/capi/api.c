/* Every function of salon.h, with good and bad input. Run under
 * AddressSanitizer and UBSan, and under valgrind: no error, no leak. */
#define _GNU_SOURCE

#include <salon.h>

#include <poll.h>
#include <pthread.h>
#include <sys/un.h>

#include "harness.h"

#define INVALID SALON_ERR_INVALID
#define NOT_FOUND SALON_ERR_NOT_FOUND
static const char *const NOT_UTF8 = "a\xff";
static char too_long[257];
static const salon_socket_id STALE = 0x7777000000000007u;

static void errors_and_versions(void) {
    int code;
    CHECK(salon_version() == SALON_VERSION_MAJOR * 1000000u + SALON_VERSION_MINOR * 1000u + SALON_VERSION_PATCH);
    CHECK(salon_abi_version() == SALON_ABI_VERSION);
    CHECK(strcmp(salon_last_error(), "") == 0);
    for (code = -120; code < 5; code++)
        CHECK(salon_strerror(code) != NULL && salon_strerror(code)[0] != '\0');
    CHECK(strcmp(salon_strerror(SALON_ERR_BUSY), salon_strerror(SALON_ERR_TIMEOUT)) != 0);
}

static void json_helpers(void) {
    const char *json = " {\"a\":[1,\"\\u00e9t\\u00e9 \\ud83d\\ude00\",{\"b/c\":-2.5e1}],\"\":null} ";
    size_t len = strlen(json);
    salon_bytes found, texts[2];
    char text[64];
    double number = 0;
    ANSWERS(salon_json_get(json, len, "/a/0", &found), 0);
    CHECK(found.len == 1 && *(const char *)found.ptr == '1');
    ANSWERS(salon_json_get(json, len, "/a/2/b~1c", &found), 0);
    ANSWERS(salon_json_number((const char *)found.ptr, found.len, &number), 0);
    CHECK(number == -25);
    ANSWERS(salon_json_get(json, len, "/a/1", &found), 0);
    ANSWERS(salon_json_text((const char *)found.ptr, found.len, text, sizeof text), 10);
    CHECK(strcmp(text, "\xc3\xa9t\xc3\xa9 \xf0\x9f\x98\x80") == 0);
    memset(text, 'x', sizeof text);
    ANSWERS(salon_json_text((const char *)found.ptr, found.len, text, 2), 10);
    CHECK(text[0] == '\0' && text[2] == 'x');
    ANSWERS(salon_json_text((const char *)found.ptr, found.len, text, 8), 10);
    CHECK(strcmp(text, "\xc3\xa9t\xc3\xa9 ") == 0);
    ANSWERS(salon_json_text((const char *)found.ptr, found.len, NULL, 0), 10);
    ANSWERS(salon_json_text((const char *)found.ptr, found.len, NULL, 1), INVALID);
    memcpy(text, "\"a\\u0062c\"", 10); /* In place. */
    ANSWERS(salon_json_text(text, 10, text, sizeof text), 3);
    CHECK(strcmp(text, "abc") == 0);
    memcpy(text, "\"abcdef\"", 8);
    ANSWERS(salon_json_text(text, 8, text, sizeof text), 6);
    CHECK(strcmp(text, "abcdef") == 0);
    ANSWERS(salon_json_text("1", 1, text, sizeof text), INVALID);
    ANSWERS(salon_json_text("\"a", 2, text, sizeof text), INVALID);
    ANSWERS(salon_json_text(NULL, 2, text, sizeof text), INVALID);
    ANSWERS(salon_json_get(json, len, "", &found), 0);
    CHECK(found.len == len - 2);
    ANSWERS(salon_json_get(json, len, "/", &found), 0);
    ANSWERS(salon_json_get(json, len, "/nothing", &found), NOT_FOUND);
    ANSWERS(salon_json_get(json, len, "/a/3", &found), NOT_FOUND);
    ANSWERS(salon_json_get(json, len, "/a/-1", &found), NOT_FOUND);
    ANSWERS(salon_json_get(json, len, "a", &found), INVALID);
    ANSWERS(salon_json_get(json, len, NOT_UTF8, &found), INVALID);
    ANSWERS(salon_json_get(json, len - 2, "/a", &found), INVALID);
    ANSWERS(salon_json_get(NULL, 3, "/a", &found), INVALID);
    ANSWERS(salon_json_get(NULL, 0, "/a", &found), INVALID);
    ANSWERS(salon_json_get(json, len, NULL, &found), INVALID);
    ANSWERS(salon_json_get(json, len, "/a", NULL), INVALID);
    ANSWERS(salon_json_get(json, SIZE_MAX, "/a", &found), INVALID);
    ANSWERS(salon_json_number("true", 4, &number), INVALID);
    ANSWERS(salon_json_number("1", 1, NULL), INVALID);
    ANSWERS(salon_json_number(NULL, 1, &number), INVALID);

    texts[0].ptr = "say \"\n\"", texts[0].len = 7;
    texts[1].ptr = "[1]", texts[1].len = 3;
    ANSWERS(salon_json_bind(text, sizeof text, "[?,#,\"?#\"]", texts, 2), 23);
    CHECK(strcmp(text, "[\"say \\\"\\n\\\"\",[1],\"?#\"]") == 0);
    ANSWERS(salon_json_bind(NULL, 0, "[?,#]", texts, 2), 18);
    ANSWERS(salon_json_bind(text, sizeof text, "[?]", texts, 2), INVALID);
    ANSWERS(salon_json_bind(text, sizeof text, "[?,?,?]", texts, 2), INVALID);
    ANSWERS(salon_json_bind(text, sizeof text, "[#]", texts, 1), INVALID);
    ANSWERS(salon_json_bind(text, sizeof text, "[", NULL, 0), INVALID);
    ANSWERS(salon_json_bind(text, sizeof text, "[]", NULL, 1), INVALID);
    ANSWERS(salon_json_bind(text, sizeof text, NULL, NULL, 0), INVALID);
    ANSWERS(salon_json_bind(NULL, 4, "[]", NULL, 0), INVALID);
    texts[0].ptr = NOT_UTF8, texts[0].len = 2;
    ANSWERS(salon_json_bind(text, sizeof text, "[?]", texts, 1), INVALID);
    texts[0].ptr = NULL;
    ANSWERS(salon_json_bind(text, sizeof text, "[?]", texts, 1), INVALID);
}

static void null_servers(void) {
    salon_bytes value;
    const salon_bytes *values;
    salon_server *server = NULL;
    salon_remote *remote = NULL;
    salon_stats stats = SALON_ZERO;
    salon_socket_info info = SALON_ZERO;
    stats.size = sizeof stats, info.size = sizeof info;
    salon_server_free(NULL);
    salon_server_free(NULL);
    salon_remote_free(NULL);
    salon_remote_free(NULL);
    ANSWERS(salon_server_new(NULL, NULL), INVALID);
    ANSWERS(salon_server_listen(NULL, "127.0.0.1:0", NULL), INVALID);
    ANSWERS(salon_server_listen_fd(NULL, -1), INVALID);
    ANSWERS(salon_server_poll(NULL, 0), INVALID);
    CHECK(salon_server_next_event(NULL) == NULL);
    ANSWERS(salon_server_flush(NULL), INVALID);
    ANSWERS(salon_server_shutdown(NULL, 0), INVALID);
    ANSWERS(salon_server_fd(NULL), INVALID);
    ANSWERS(salon_server_timeout_ms(NULL), INVALID);
    ANSWERS(salon_server_stats(NULL, &stats), INVALID);
    ANSWERS(salon_server_emit(NULL, NULL, NULL, NULL), INVALID);
    ANSWERS(salon_server_send(NULL, NULL, "x", 1, 0), INVALID);
    ANSWERS(salon_namespace_open(NULL, "/x", NULL), INVALID);
    ANSWERS(salon_namespace_open_pattern(NULL, "/x", NULL), INVALID);
    ANSWERS(salon_namespace_close(NULL, "/x"), INVALID);
    ANSWERS(salon_namespace_emit(NULL, "/", "e", NULL, 0), INVALID);
    ANSWERS(salon_namespace_rooms(NULL, "/", &values), INVALID);
    ANSWERS(salon_server_namespaces(NULL, &values), INVALID);
    ANSWERS(salon_socket_auth(NULL, 1, &value), INVALID);
    ANSWERS(salon_room_emit(NULL, "/", "r", 0, "e", NULL, 0), INVALID);
    ANSWERS(salon_room_count(NULL, "/", NULL), INVALID);
    ANSWERS(salon_http_respond(NULL, 1, 200, NULL, 0, NULL, 0), INVALID);
    ANSWERS(salon_http_header(NULL, 1, "a", &value), INVALID);
    ANSWERS(salon_http_query(NULL, 1, "a", &value), INVALID);
    ANSWERS(salon_timer_start(NULL, 1, 0, 0, NULL), INVALID);
    ANSWERS(salon_timer_stop(NULL, 1), INVALID);
    ANSWERS(salon_socket_accept(NULL, 1, NULL), INVALID);
    ANSWERS(salon_socket_reject(NULL, 1, 401, "no", NULL, 0), INVALID);
    ANSWERS(salon_socket_emit(NULL, 1, "e", NULL, 0), INVALID);
    ANSWERS(salon_socket_emit_with_ack(NULL, 1, NULL, 1, NULL), INVALID);
    ANSWERS(salon_ack_answer(NULL, 1, NULL, 0, NULL, 0), INVALID);
    ANSWERS(salon_socket_send(NULL, 1, "x", 1, 0), INVALID);
    ANSWERS(salon_socket_join(NULL, 1, "r"), INVALID);
    ANSWERS(salon_socket_leave(NULL, 1, "r"), INVALID);
    ANSWERS(salon_socket_disconnect(NULL, 1, true), INVALID);
    ANSWERS(salon_socket_disconnect_with(NULL, 1, 1000, "bye"), INVALID);
    CHECK(salon_socket_by_sid(NULL, "a") == 0);
    ANSWERS(salon_socket_set_user(NULL, 1, NULL), INVALID);
    CHECK(salon_socket_user(NULL, 1) == NULL);
    ANSWERS(salon_socket_describe(NULL, 1, &info), INVALID);
    ANSWERS(salon_socket_header(NULL, 1, "a", &value), INVALID);
    ANSWERS(salon_socket_query(NULL, 1, "a", &value), INVALID);
    ANSWERS(salon_socket_url(NULL, 1, &value), INVALID);
    ANSWERS(salon_socket_rooms(NULL, 1, &values), INVALID);
    ANSWERS(salon_socket_queued(NULL, 1), INVALID);
    ANSWERS(salon_audience_sockets(NULL, NULL, NULL, 0), INVALID);
    ANSWERS(salon_audience_join(NULL, NULL, "r"), INVALID);
    ANSWERS(salon_audience_leave(NULL, NULL, "r"), INVALID);
    ANSWERS(salon_audience_disconnect(NULL, NULL), INVALID);
    ANSWERS(salon_remote_new(NULL, &remote), INVALID);
    ANSWERS(salon_remote_wake(NULL), INVALID);
    ANSWERS(salon_remote_post(NULL, 1, NULL, 0), INVALID);
    ANSWERS(salon_remote_emit(NULL, NULL, NULL), INVALID);
    ANSWERS(salon_remote_send(NULL, NULL, "x", 1, 0), INVALID);
    ANSWERS(salon_remote_accept(NULL, 1, NULL), INVALID);
    ANSWERS(salon_remote_reject(NULL, 1, 401, "no"), INVALID);
    ANSWERS(salon_remote_disconnect(NULL, 1), INVALID);
    ANSWERS(salon_remote_shutdown(NULL), INVALID);
    ANSWERS(salon_remote_shutdown_within(NULL, 0), INVALID);
    CHECK(server == NULL && remote == NULL);
}

/* A caller that knows fewer fields, or more: the struct has exactly the bytes
 * that it says, so that a look beyond them is seen. */
static void struct_sizes(void) {
    static const size_t good[] = {sizeof(size_t) * 2, sizeof(salon_config), sizeof(salon_config) + 64};
    /* The size of a pointer is what `sizeof config` gives for one by mistake. */
    static const size_t bad[] = {0, 1, sizeof(size_t) - 1, sizeof(void *), (1 << 16) + 1, SIZE_MAX};
    salon_config config = SALON_ZERO;
    salon_server *server = NULL;
    size_t at;
    for (at = 0; at < 3; at++) {
        size_t *given = (size_t *)calloc(1, good[at]);
        *given = good[at];
        ANSWERS(salon_server_new((const salon_config *)given, &server), 0);
        free(given);
        given = (size_t *)calloc(1, good[at]);
        *given = good[at];
        ANSWERS(salon_server_stats(server, (salon_stats *)given), 0);
        CHECK(*given == good[at]);
        memset(given + 1, 0, good[at] - sizeof *given);
        ANSWERS(salon_namespace_open(server, "/x", (const salon_namespace_config *)given), 0);
        ANSWERS(salon_namespace_open_pattern(server, "/p-", (const salon_namespace_config *)given), 0);
        ANSWERS(salon_audience_disconnect(server, (const salon_audience *)given), 0);
        ANSWERS(salon_audience_sockets(server, (const salon_audience *)given, NULL, 0), 0);
        /* Without a name there is no message. */
        ANSWERS(salon_server_emit(server, NULL, (const salon_message *)given, NULL), INVALID);
        free(given);
        salon_server_free(server);
    }
    server = NULL;
    for (at = 0; at < 6; at++) {
        config.size = bad[at];
        ANSWERS(salon_server_new(&config, &server), INVALID);
        CHECK(server == NULL);
    }
    config.size = sizeof config;
    config.overflow = 9;
    ANSWERS(salon_server_new(&config, &server), INVALID);
    config.overflow = 0, config.socketio_path = NOT_UTF8;
    ANSWERS(salon_server_new(&config, &server), INVALID);
    config.socketio_path = NULL, config.allowed_origins = NOT_UTF8;
    ANSWERS(salon_server_new(&config, &server), INVALID);
    config.allowed_origins = "example.org";
    ANSWERS(salon_server_new(&config, &server), INVALID);
    config.allowed_origins = NULL, config.trusted_proxies = NOT_UTF8;
    ANSWERS(salon_server_new(&config, &server), INVALID);
    config.trusted_proxies = "10.0.0.0/8, example.org";
    ANSWERS(salon_server_new(&config, &server), INVALID);
    config.trusted_proxies = "10.0.0.0/8, ::1, unix", config.socketio_path = "socket.io/";
    ANSWERS(salon_server_new(&config, &server), INVALID);
    config.socketio_path = "/sio/";
    config.allowed_origins = "https://a.example, https://b.example";
    config.connections = SALON_UNLIMITED;
    config.flags = SALON_CONFIG_HTTP | SALON_CONFIG_RECOVERY | SALON_CONFIG_CREDENTIALS |
        SALON_CONFIG_PROXY_PROTOCOL | SALON_CONFIG_AGAINST_FLOODS;
    ANSWERS(salon_server_new(&config, &server), 0);
    for (at = 0; at < 6; at++) {
        salon_stats stats = SALON_ZERO;
        salon_namespace_config nsp = SALON_ZERO;
        salon_audience to = SALON_ZERO;
        salon_message message = SALON_ZERO;
        stats.size = nsp.size = to.size = message.size = bad[at];
        message.name = "e";
        ANSWERS(salon_server_stats(server, &stats), INVALID);
        ANSWERS(salon_namespace_open(server, "/x", &nsp), INVALID);
        ANSWERS(salon_namespace_open_pattern(server, "/x", &nsp), INVALID);
        ANSWERS(salon_server_emit(server, &to, &message, NULL), INVALID);
        ANSWERS(salon_server_emit(server, NULL, &message, NULL), INVALID);
        ANSWERS(salon_server_send(server, &to, "x", 1, 0), INVALID);
        ANSWERS(salon_audience_join(server, &to, "r"), INVALID);
    }
    salon_server_free(server);
}

static void listening(void) {
    salon_server *server;
    struct sockaddr_in any;
    uint16_t port = 0, again = 0;
    int fd;
    ANSWERS(salon_server_new(NULL, &server), 0);
    ANSWERS(salon_server_listen(server, NULL, &port), INVALID);
    ANSWERS(salon_server_listen(server, NOT_UTF8, &port), INVALID);
    CHECK(salon_server_listen(server, "", &port) < 0);
    CHECK(salon_server_listen(server, "nonsense", &port) < 0);
    CHECK(salon_server_listen(server, "127.0.0.1:99999", &port) < 0);
    CHECK(port == 0);
    ANSWERS(salon_server_listen(server, "127.0.0.1:0", &port), 0);
    CHECK(port != 0);
    ANSWERS(salon_server_listen(server, "127.0.0.1:0", &again), 0);
    CHECK(again != 0 && again != port);
    ANSWERS(salon_server_listen(server, "127.0.0.1:0", NULL), 0);
    ANSWERS(salon_server_listen_fd(server, -1), INVALID);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    ANSWERS(salon_server_listen_fd(server, fd), INVALID); /* Does not listen. */
    CHECK(close(fd) < 0);                                 /* And is gone. */
    fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&any, 0, sizeof any);
    any.sin_family = AF_INET, any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(fd, (struct sockaddr *)&any, sizeof any) == 0 && listen(fd, 8) == 0);
    ANSWERS(salon_server_listen_fd(server, fd), 0);
    salon_server_free(server);
}

static void names_and_ids(salon_server *server) {
    salon_bytes value;
    const salon_bytes *values = NULL;
    salon_socket_info info = SALON_ZERO;
    salon_accept how = SALON_ZERO;
    salon_message message = SALON_ZERO;
    salon_namespace_config raw = SALON_ZERO;
    const char *header[2] = {"A", "b"};
    uint64_t ids[] = {0, 1, STALE, UINT64_MAX};
    size_t at;
    info.size = sizeof info, how.size = sizeof how, message.size = sizeof message, raw.size = sizeof raw;
    message.name = "e";
    for (at = 0; at < sizeof ids / sizeof *ids; at++) {
        uint64_t id = ids[at];
        ANSWERS(salon_socket_accept(server, id, NULL), NOT_FOUND);
        ANSWERS(salon_socket_accept(server, id, &how), NOT_FOUND);
        ANSWERS(salon_socket_reject(server, id, 401, "no", NULL, 0), NOT_FOUND);
        ANSWERS(salon_socket_emit(server, id, "e", NULL, 0), NOT_FOUND);
        ANSWERS(salon_socket_emit_with_ack(server, id, &message, 10, NULL), NOT_FOUND);
        ANSWERS(salon_ack_answer(server, id, NULL, 0, NULL, 0), NOT_FOUND);
        ANSWERS(salon_socket_send(server, id, "x", 1, 0), NOT_FOUND);
        ANSWERS(salon_socket_join(server, id, "r"), NOT_FOUND);
        ANSWERS(salon_socket_leave(server, id, "r"), NOT_FOUND);
        ANSWERS(salon_socket_leave(server, id, NULL), NOT_FOUND);
        ANSWERS(salon_socket_disconnect(server, id, false), NOT_FOUND);
        ANSWERS(salon_socket_disconnect(server, id, true), NOT_FOUND);
        ANSWERS(salon_socket_disconnect_with(server, id, 4000, "bye"), NOT_FOUND);
        ANSWERS(salon_socket_set_user(server, id, &value), NOT_FOUND);
        CHECK(salon_socket_user(server, id) == NULL);
        ANSWERS(salon_socket_describe(server, id, &info), NOT_FOUND);
        ANSWERS(salon_socket_header(server, id, "host", &value), NOT_FOUND);
        ANSWERS(salon_socket_query(server, id, "a", &value), NOT_FOUND);
        ANSWERS(salon_socket_url(server, id, &value), NOT_FOUND);
        ANSWERS(salon_socket_auth(server, id, &value), NOT_FOUND);
        ANSWERS(salon_socket_rooms(server, id, &values), NOT_FOUND);
        ANSWERS(salon_socket_queued(server, id), NOT_FOUND);
        ANSWERS(salon_timer_stop(server, id), NOT_FOUND);
        ANSWERS(salon_http_respond(server, id, 200, header, 2, "x", 1), id == 0 ? NOT_FOUND : 0); /* Nobody waits. */
        ANSWERS(salon_http_header(server, id, "a", &value), NOT_FOUND);
        ANSWERS(salon_http_query(server, id, "a", &value), NOT_FOUND);
    }
    ANSWERS(salon_http_respond(server, 1, 200, header, 1, "x", 1), INVALID);
    ANSWERS(salon_http_respond(server, 1, 200, NULL, 2, "x", 1), INVALID);

    ANSWERS(salon_namespace_open(server, NULL, NULL), INVALID);
    ANSWERS(salon_namespace_open(server, NOT_UTF8, NULL), INVALID);
    ANSWERS(salon_namespace_open(server, "chat", NULL), INVALID);
    ANSWERS(salon_namespace_open(server, too_long, NULL), SALON_ERR_LIMIT);
    ANSWERS(salon_namespace_open_pattern(server, NULL, NULL), INVALID);
    ANSWERS(salon_namespace_open_pattern(server, "x", NULL), INVALID);
    raw.dialect = 77;
    ANSWERS(salon_namespace_open(server, "/raw", &raw), INVALID);
    raw.dialect = 0, raw.subprotocol_count = 1;
    ANSWERS(salon_namespace_open(server, "/raw", &raw), INVALID);
    ANSWERS(salon_namespace_close(server, "/nowhere"), NOT_FOUND);
    ANSWERS(salon_namespace_close(server, NULL), INVALID);
    ANSWERS(salon_namespace_rooms(server, "/nowhere", &values), NOT_FOUND);
    ANSWERS(salon_namespace_rooms(server, NULL, &values), INVALID);
    ANSWERS(salon_namespace_rooms(server, "/", NULL), 0);
    ANSWERS(salon_namespace_emit(server, "/", NULL, NULL, 0), INVALID);
    ANSWERS(salon_namespace_emit(server, NULL, "e", NULL, 0), INVALID);
    ANSWERS(salon_namespace_emit(server, "/nowhere", "e", NULL, 0), NOT_FOUND);
    ANSWERS(salon_namespace_emit(server, "/", "e", "{}", 2), INVALID);
    ANSWERS(salon_namespace_emit(server, "/", "e", "[", 1), INVALID);
    ANSWERS(salon_namespace_emit(server, "/", "e", NOT_UTF8, 2), INVALID);
    ANSWERS(salon_namespace_emit(server, "/", "e", "[]", SIZE_MAX), INVALID);
    ANSWERS(salon_namespace_emit(server, "/", "connect", NULL, 0), INVALID);
    ANSWERS(salon_namespace_emit(server, "/", too_long, NULL, 0), SALON_ERR_LIMIT);
    ANSWERS(salon_room_emit(server, "/", NULL, 0, "e", NULL, 0), INVALID);
    ANSWERS(salon_room_emit(server, "/", "nobody", 0, "e", NULL, 0), 0);
    ANSWERS(salon_room_emit(server, "/", "nobody", STALE, "e", "[1]", 3), 0);
    ANSWERS(salon_room_count(server, NULL, NULL), INVALID);
    ANSWERS(salon_room_count(server, "/nowhere", NULL), NOT_FOUND);
    ANSWERS(salon_room_count(server, "/", "nobody"), 0);
    ANSWERS(salon_server_send(server, NULL, NULL, 1, 0), INVALID);
    ANSWERS(salon_server_send(server, NULL, NOT_UTF8, 2, SALON_SEND_TEXT), INVALID);
    ANSWERS(salon_server_send(server, NULL, NULL, 0, 0), 0);
    ANSWERS(salon_audience_sockets(server, NULL, NULL, 1), INVALID);
    ANSWERS(salon_audience_join(server, NULL, NULL), INVALID);
    ANSWERS(salon_audience_leave(server, NULL, NOT_UTF8), INVALID);
    ANSWERS(salon_server_stats(server, NULL), INVALID);
    ANSWERS(salon_remote_new(server, NULL), INVALID);
    ANSWERS(salon_server_poll(server, 0), 0);
}

static void talking(salon_server *server, uint16_t port) {
    salon_socket_id ann, ben, ids[4];
    struct client *a = enter(server, port, "/?name=ann&x=%41", &ann), *b = enter(server, port, "/", &ben);
    struct seen event;
    salon_audience to = SALON_ZERO;
    salon_message message = SALON_ZERO;
    salon_bytes blob, value;
    const salon_bytes *rooms = NULL;
    salon_socket_info info = SALON_ZERO;
    const char *room = "hall", *names[2];
    uint64_t ack = 0;
    char text[4096], many[8];
    int at, mark;
    to.size = sizeof to, message.size = sizeof message, info.size = sizeof info;
    blob.ptr = "\x00\x01", blob.len = 2;
    hear_text(server, a, "\"connect\"");
    hear_text(server, b, "\"connect\"");

    /* Who it is. */
    ANSWERS(salon_socket_set_user(server, ann, &mark), 0);
    CHECK(salon_socket_user(server, ann) == &mark);
    ANSWERS(salon_socket_describe(server, ann, &info), 0);
    CHECK(strlen(info.sid) > 0 && strncmp(info.address, "127.0.0.1:", 10) == 0);
    CHECK(info.protocol == SALON_PROTOCOL_JSON && info.transport == SALON_TRANSPORT_WEBSOCKET);
    CHECK(salon_socket_by_sid(server, info.sid) == ann);
    CHECK(salon_socket_by_sid(server, "nobody") == 0 && salon_socket_by_sid(server, NULL) == 0);
    CHECK(salon_socket_disconnect_with(server, ann, 1005, "never on the wire") == SALON_ERR_INVALID);
    ANSWERS(salon_socket_describe(server, ann, NULL), INVALID);
    info.size = 3;
    ANSWERS(salon_socket_describe(server, ann, &info), INVALID);
    ANSWERS(salon_socket_header(server, ann, "x-test", &value), 0);
    CHECK(value.len == 3 && strcmp((const char *)value.ptr, "yes") == 0);
    ANSWERS(salon_socket_header(server, ann, "x-none", &value), NOT_FOUND);
    ANSWERS(salon_socket_header(server, ann, NULL, &value), INVALID);
    ANSWERS(salon_socket_header(server, ann, "host", NULL), INVALID);
    ANSWERS(salon_socket_query(server, ann, "x", &value), 0);
    CHECK(strcmp((const char *)value.ptr, "A") == 0);
    ANSWERS(salon_socket_query(server, ann, NOT_UTF8, &value), INVALID);
    ANSWERS(salon_socket_url(server, ann, &value), 0);
    CHECK(strcmp((const char *)value.ptr, "/?name=ann&x=%41") == 0);
    ANSWERS(salon_socket_url(server, ann, NULL), INVALID);
    ANSWERS(salon_socket_auth(server, ann, &value), 0);
    CHECK(value.len == 2 && strcmp((const char *)value.ptr, "{}") == 0);
    ANSWERS(salon_socket_auth(server, ann, NULL), INVALID);
    CHECK(salon_server_namespaces(server, &rooms) >= 1 && rooms[0].len >= 1);
    CHECK(salon_server_namespaces(server, NULL) >= 1);

    /* Rooms. */
    ANSWERS(salon_socket_join(server, ann, "hall"), 0);
    ANSWERS(salon_socket_join(server, ann, NULL), INVALID);
    ANSWERS(salon_socket_join(server, ann, NOT_UTF8), INVALID);
    ANSWERS(salon_socket_join(server, ann, too_long), SALON_ERR_LIMIT);
    ANSWERS(salon_socket_rooms(server, ann, &rooms), 1);
    CHECK(rooms[0].len == 4 && strcmp((const char *)rooms[0].ptr, "hall") == 0);
    ANSWERS(salon_socket_rooms(server, ann, NULL), 1);
    ANSWERS(salon_audience_join(server, NULL, "all"), 2);
    ANSWERS(salon_namespace_rooms(server, "/", &rooms), 2);
    ANSWERS(salon_room_count(server, "/", "all"), 2);
    ANSWERS(salon_room_count(server, "/", NULL), 2);
    ANSWERS(salon_room_emit(server, "/", "all", ann, "one", "[1]", 3), 1);
    hear_text(server, b, "{\"event\":\"one\",\"data\":1}");
    to.nsp = "/", to.rooms = &room, to.room_count = 1;
    ANSWERS(salon_audience_sockets(server, &to, ids, 4), 1);
    CHECK(ids[0] == ann);
    ANSWERS(salon_audience_sockets(server, NULL, ids, 1), 2);
    to.sockets = &ben, to.socket_count = 1;
    message.name = "two", message.args = "[2]", message.args_len = 3, message.flags = SALON_MESSAGE_VOLATILE;
    ANSWERS(salon_server_emit(server, &to, &message, &ack), 2);
    CHECK(ack == 0);
    hear_text(server, a, "\"two\"");
    hear_text(server, b, "\"two\"");
    to.except_rooms = &room, to.except_room_count = 1;
    ANSWERS(salon_server_emit(server, &to, &message, NULL), 1);
    hear_text(server, b, "\"two\"");
    to.except_sockets = &ben, to.except_socket_count = 1;
    ANSWERS(salon_server_emit(server, &to, &message, NULL), 0);
    names[0] = "hall", names[1] = NULL;
    to.rooms = names, to.room_count = 2;
    ANSWERS(salon_server_emit(server, &to, &message, NULL), INVALID);
    to.rooms = NULL;
    ANSWERS(salon_server_emit(server, &to, &message, NULL), INVALID);
    memset(&to, 0, sizeof to), to.size = sizeof to;
    ANSWERS(salon_server_emit(server, NULL, NULL, NULL), INVALID);
    message.args = "[1,]", message.args_len = 4;
    ANSWERS(salon_server_emit(server, NULL, &message, NULL), INVALID);
    message.args = NULL, message.attachments = NULL, message.attachment_count = 1;
    ANSWERS(salon_server_emit(server, NULL, &message, NULL), INVALID);
    message.attachments = &blob, message.name = "blob", message.flags = 0;
    ANSWERS(salon_server_emit(server, NULL, &message, NULL), 2);
    hear_text(server, a, "\"attachments\":[\"AAE=\"]");
    hear_text(server, b, "AAE=");
    ANSWERS(salon_socket_leave(server, ann, "hall"), 0);
    ANSWERS(salon_socket_leave(server, ann, "hall"), 0);
    ANSWERS(salon_audience_leave(server, NULL, "all"), 2);
    ANSWERS(salon_socket_join(server, ann, "x"), 0);
    ANSWERS(salon_socket_leave(server, ann, NULL), 0);
    ANSWERS(salon_namespace_rooms(server, "/", &rooms), 0);

    /* Raw messages to a client of the JSON dialect. */
    ANSWERS(salon_socket_send(server, ann, "hi", 2, SALON_SEND_TEXT), 1);
    hear_text(server, a, "\"message\"");
    ANSWERS(salon_socket_send(server, ann, NULL, 2, 0), INVALID);
    ANSWERS(salon_server_send(server, NULL, "\x01", 1, SALON_SEND_VOLATILE), 2);
    hear_text(server, a, "\"message\"");
    hear_text(server, b, "\"message\"");

    /* Messages and acks, both ways. */
    client_say(a, "{\"event\":\"say\",\"args\":[\"hi\",2],\"id\":7}");
    event = wait_for(server, SALON_EVENT_MESSAGE);
    CHECK(event.socket == ann && event.user == &mark && strcmp(event.name, "say") == 0);
    CHECK(strcmp(event.data, "[\"hi\",2]") == 0 && event.ack != 0);
    ANSWERS(salon_ack_answer(server, event.ack, "nonsense", 8, NULL, 0), INVALID);
    ANSWERS(salon_ack_answer(server, event.ack, "[1]", 3, NULL, 1), INVALID);
    ANSWERS(salon_ack_answer(server, event.ack, "[\"ok\"]", 6, NULL, 0), 0);
    CHECK(salon_ack_answer(server, event.ack, "[]", 2, NULL, 0) < 0); /* Once only. */
    hear_text(server, a, "{\"ack\":7,\"data\":\"ok\"}");
    client_say(a, "{\"event\":\"say\",\"id\":8}");
    event = wait_for(server, SALON_EVENT_MESSAGE);
    ANSWERS(salon_ack_answer(server, event.ack, NULL, 0, &blob, 1), 0);
    hear_text(server, a, "AAE=");

    message.name = "question", message.args = "[]", message.args_len = 2, message.attachment_count = 0;
    ANSWERS(salon_socket_emit_with_ack(server, ann, NULL, 10, &ack), INVALID);
    ANSWERS(salon_socket_emit_with_ack(server, ann, &message, PATIENCE_MS, &ack), 0);
    hear_text(server, a, "\"question\"");
    /* The client's number of the question is in what it heard; try the first few. */
    for (at = 0; at < 4; at++) {
        snprintf(text, sizeof text, "{\"ack\":%d,\"data\":5}", at);
        client_say(a, text);
    }
    event = wait_for(server, SALON_EVENT_ACK);
    CHECK(event.ack == ack && event.code == SALON_OK && strcmp(event.data, "[5]") == 0);
    ANSWERS(salon_socket_emit_with_ack(server, ben, &message, 1, &ack), 0);
    event = wait_for(server, SALON_EVENT_ACK);
    CHECK(event.ack == ack && event.code == SALON_ERR_TIMEOUT && event.socket == ben);
    message.ack_timeout_ms = 1;
    ANSWERS(salon_server_emit(server, NULL, &message, &ack), 0);
    event = wait_for(server, SALON_EVENT_ACKS_DONE);
    CHECK(event.ack == ack && event.code == 0 && event.tag == 2);
    CHECK(wait_for(server, SALON_EVENT_ACK).ack == ack && wait_for(server, SALON_EVENT_ACK).ack == ack);

    /* One that leaves: commands on it succeed in that turn, later it is unknown. */
    ANSWERS(salon_socket_queued(server, ann) >= 0, 1);
    ANSWERS(salon_socket_emit(server, ben, "last", NULL, 0), 1);
    client_frame(a, 8, "\x03\xe8", 2);
    for (mark = 0; mark == 0;) {
        const salon_event *now;
        CHECK(salon_server_poll(server, 5) >= 0);
        while ((now = salon_server_next_event(server)) != NULL) {
            if (now->type != SALON_EVENT_DISCONNECT)
                continue;
            mark = 1;
            CHECK(now->socket == ann && now->user == &mark && now->code == SALON_REASON_CLIENT_LEFT);
            message.ack_timeout_ms = 0;
            ANSWERS(salon_socket_emit(server, ann, "e", NULL, 0), 0);
            ANSWERS(salon_socket_send(server, ann, "e", 1, 0), 0);
            ANSWERS(salon_socket_join(server, ann, "r"), 0);
            ANSWERS(salon_socket_leave(server, ann, "r"), 0);
            ANSWERS(salon_socket_leave(server, ann, NULL), 0);
            ANSWERS(salon_socket_disconnect(server, ann, false), 0);
            ANSWERS(salon_socket_disconnect(server, ann, true), 0);
            ANSWERS(salon_socket_accept(server, ann, NULL), 0);
            ANSWERS(salon_socket_reject(server, ann, 401, "no", NULL, 0), 0);
            ANSWERS(salon_socket_rooms(server, ann, &rooms), 0);
            ANSWERS(salon_socket_queued(server, ann), 0);
            ANSWERS(salon_socket_set_user(server, ann, many), 0);
            CHECK(salon_socket_user(server, ann) == many);
            info.size = sizeof info;
            ANSWERS(salon_socket_describe(server, ann, &info), 0);
            CHECK(info.protocol == 0 && info.transport == 0);
            ANSWERS(salon_socket_emit_with_ack(server, ann, &message, 1000, &ack), 0);
            CHECK(ack != 0);
        }
    }
    event = wait_for(server, SALON_EVENT_ACK);
    CHECK(event.ack == ack && event.code == SALON_ERR_CLOSED && event.socket == ann);
    ANSWERS(salon_socket_emit(server, ann, "e", NULL, 0), NOT_FOUND);
    ANSWERS(salon_socket_set_user(server, ann, NULL), NOT_FOUND);

    ANSWERS(salon_audience_disconnect(server, NULL), 1);
    CHECK(wait_for(server, SALON_EVENT_DISCONNECT).code == SALON_REASON_SERVER_LEFT);
    do /* Before it come two questions, which it has not answered. */
        CHECK(hear(server, b, text) == 1);
    while (strstr(text, "\"last\"") == NULL);
    CHECK(hear(server, b, text) == 8);
    client_free(a);
    client_free(b);
}

/* A person at the door, who is given back whatever becomes of the client. */
static void guards(salon_server *server, uint16_t port) {
    salon_namespace_config door = SALON_ZERO;
    salon_accept how = SALON_ZERO;
    salon_remote *remote;
    salon_bytes value;
    const char *protocols[] = {"one", "three"}, *rooms[] = {"hall", NULL};
    struct client *client;
    struct seen event;
    char text[4096];
    int mark, given_back;
    door.size = sizeof door, how.size = sizeof how;
    door.flags = SALON_NAMESPACE_GUARDED | SALON_NAMESPACE_REQUIRE_SUBPROTOCOL;
    door.dialect = SALON_DIALECT_RAW, door.subprotocols = protocols, door.subprotocol_count = 2;
    ANSWERS(salon_namespace_open(server, "/door", &door), 0);
    ANSWERS(salon_remote_new(server, &remote), 0);

    client = client_new(port, "/door?token=1");
    event = wait_for(server, SALON_EVENT_CONNECT_REQUEST);
    ANSWERS(salon_socket_query(server, event.socket, "token", &value), 0);
    ANSWERS(salon_socket_url(server, event.socket, &value), 0);
    ANSWERS(salon_socket_set_user(server, event.socket, &mark), 0);
    ANSWERS(salon_socket_emit(server, event.socket, "e", NULL, 0), SALON_ERR_STATE);
    ANSWERS(salon_socket_send(server, event.socket, "e", 1, 0), SALON_ERR_STATE);
    ANSWERS(salon_socket_join(server, event.socket, "r"), SALON_ERR_STATE);
    how.rooms = rooms, how.room_count = 2;
    ANSWERS(salon_socket_accept(server, event.socket, &how), INVALID);
    how.rooms = NULL;
    ANSWERS(salon_socket_accept(server, event.socket, &how), INVALID);
    how.rooms = rooms, how.room_count = 1, how.dialect = 9;
    ANSWERS(salon_socket_accept(server, event.socket, &how), INVALID);
    how.dialect = 0, how.subprotocol = "three"; /* Not offered. */
    ANSWERS(salon_socket_accept(server, event.socket, &how), INVALID);
    how.size = 2;
    ANSWERS(salon_socket_accept(server, event.socket, &how), INVALID);
    ANSWERS(salon_socket_reject(server, event.socket, 200, "no", NULL, 0), INVALID);
    ANSWERS(salon_socket_reject(server, event.socket, 401, NULL, NULL, 0), INVALID);
    ANSWERS(salon_socket_reject(server, event.socket, 401, "no", "{", 1), INVALID);
    ANSWERS(salon_socket_reject(server, event.socket, 401, "no", NULL, 1), INVALID);
    how.size = sizeof how, how.subprotocol = "one";
    ANSWERS(salon_socket_accept(server, event.socket, &how), 0);
    ANSWERS(salon_socket_accept(server, event.socket, &how), SALON_ERR_STATE);
    ANSWERS(salon_socket_reject(server, event.socket, 401, "no", NULL, 0), SALON_ERR_STATE);
    event = wait_for(server, SALON_EVENT_CONNECT);
    CHECK(event.user == &mark); /* A null `user` leaves what was set before. */
    ANSWERS(salon_room_count(server, "/door", "hall"), 1);
    CHECK(status_of(server, client) == 101);
    client_say(client, "text");
    event = wait_for(server, SALON_EVENT_DATA);
    CHECK(event.flags == SALON_EVENT_FLAG_TEXT && strcmp(event.data, "text") == 0);
    client_frame(client, 2, "\x00\xff", 2);
    event = wait_for(server, SALON_EVENT_DATA);
    CHECK(event.flags == 0 && event.data_len == 2);
    ANSWERS(salon_socket_send(server, event.socket, "\x00\xff", 2, 0), 1);
    CHECK(hear(server, client, text) == 2);

    /* The namespace goes, and says so once. */
    ANSWERS(salon_namespace_close(server, "/door"), 0);
    CHECK(wait_for(server, SALON_EVENT_DISCONNECT).code == SALON_REASON_NAMESPACE_CLOSED);
    CHECK(hear(server, client, text) == 8);
    client_free(client);
    ANSWERS(salon_namespace_open(server, "/door", &door), 0);

    client = client_new(port, "/door");
    event = wait_for(server, SALON_EVENT_CONNECT_REQUEST);
    ANSWERS(salon_socket_reject(server, event.socket, 403, "no", "{\"a\":1}", 7), 0);
    CHECK(wait_for(server, SALON_EVENT_DISCONNECT).code == SALON_REASON_REJECTED);
    CHECK(status_of(server, client) == 403);
    client_free(client);

    client = client_new(port, "/door");
    event = wait_for(server, SALON_EVENT_CONNECT_REQUEST);
    ANSWERS(salon_remote_accept(remote, 0, NULL), NOT_FOUND);
    ANSWERS(salon_remote_accept(remote, event.socket, &mark), 0);
    event = wait_for(server, SALON_EVENT_CONNECT);
    CHECK(event.user == &mark);
    ANSWERS(salon_remote_disconnect(remote, 0), NOT_FOUND);
    ANSWERS(salon_remote_disconnect(remote, event.socket), 0);
    CHECK(wait_for(server, SALON_EVENT_DISCONNECT).user == &mark);
    client_free(client);

    client = client_new(port, "/door");
    event = wait_for(server, SALON_EVENT_CONNECT_REQUEST);
    ANSWERS(salon_remote_reject(remote, event.socket, 401, NULL), INVALID);
    ANSWERS(salon_remote_reject(remote, 0, 401, "no"), NOT_FOUND);
    ANSWERS(salon_remote_reject(remote, event.socket, 401, "no"), 0);
    CHECK(wait_for(server, SALON_EVENT_DISCONNECT).code == SALON_REASON_REJECTED);
    CHECK(status_of(server, client) == 401);
    client_free(client);

    /* It leaves while the guard thinks, and the guard lets it in just then:
     * the pointer comes back with DISCONNECT. */
    client = client_new(port, "/door");
    event = wait_for(server, SALON_EVENT_CONNECT_REQUEST);
    client_free(client);
    for (given_back = 0; given_back == 0;) {
        const salon_event *now;
        if (salon_server_poll(server, 5) == 0)
            continue;
        how.user = &given_back;
        ANSWERS(salon_socket_accept(server, event.socket, &how), 0);
        while ((now = salon_server_next_event(server)) != NULL)
            if (now->type == SALON_EVENT_DISCONNECT)
                given_back = now->user == &given_back ? 1 : -1;
    }
    CHECK(given_back == 1);
    ANSWERS(salon_namespace_close(server, "/door"), 0);
    salon_remote_free(remote);
}

static void patterns_and_timers(salon_server *server, uint16_t port) {
    salon_socket_id socket;
    uint64_t timer = 0;
    struct client *client;
    struct seen event;
    ANSWERS(salon_namespace_open_pattern(server, "/game-", NULL), 0);
    client = enter(server, port, "/game-1", &socket);
    ANSWERS(salon_namespace_emit(server, "/game-1", "e", NULL, 0), 1);
    ANSWERS(salon_socket_disconnect_with(server, socket, 4000, "bye"), 0);
    wait_for(server, SALON_EVENT_DISCONNECT);
    client_free(client);
    ANSWERS(salon_timer_start(server, 1, 1, 42, &timer), 0);
    event = wait_for(server, SALON_EVENT_TIMER);
    CHECK(event.tag == 42 && event.ack == timer);
    wait_for(server, SALON_EVENT_TIMER);
    ANSWERS(salon_timer_stop(server, timer), 0);
    ANSWERS(salon_timer_stop(server, timer), NOT_FOUND);
    ANSWERS(salon_timer_start(server, UINT32_MAX, UINT32_MAX, 0, NULL), 0);
    CHECK(salon_server_timeout_ms(server) != 0 && salon_server_fd(server) >= 0);
    CHECK(salon_server_fd(server) == salon_server_fd(server));
    ANSWERS(salon_server_flush(server), 0);
}

static void http(salon_server *server, uint16_t port) {
    static const char said[] = "POST /say?text=a%20b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody";
    struct client *client = client_raw(port, said, strlen(said));
    const char *headers[] = {"Content-Type", "text/plain", "Bad\nName", "x"};
    const salon_event *event = NULL;
    uint64_t request, end = now_ms() + PATIENCE_MS;
    salon_bytes value;
    while (event == NULL || event->type != SALON_EVENT_HTTP_REQUEST) {
        CHECK(now_ms() < end);
        CHECK(salon_server_poll(server, 5) >= 0);
        event = salon_server_next_event(server);
    }
    request = event->ack;
    CHECK(strcmp(event->name, "POST") == 0 && strcmp(event->nsp, "/say") == 0 && event->data_len == 4);
    ANSWERS(salon_http_query(server, request, "text", &value), 0);
    CHECK(strcmp((const char *)value.ptr, "a b") == 0);
    ANSWERS(salon_http_query(server, request, "none", &value), NOT_FOUND);
    ANSWERS(salon_http_query(server, request, NULL, &value), INVALID);
    ANSWERS(salon_http_header(server, request, "HOST", &value), 0);
    ANSWERS(salon_http_header(server, request, "host", NULL), INVALID);
    ANSWERS(salon_http_respond(server, request, 200, headers, 3, "x", 1), INVALID);
    ANSWERS(salon_http_respond(server, request, 200, headers, 4, "x", 1), INVALID);
    ANSWERS(salon_http_respond(server, request, 70000, headers, 2, "x", 1), INVALID);
    ANSWERS(salon_http_respond(server, request, 200, headers, 2, NULL, 1), INVALID);
    ANSWERS(salon_http_respond(server, request, 201, headers, 2, "done", 4), 1);
    CHECK(salon_http_respond(server, request, 200, NULL, 0, NULL, 0) <= 0);
    while (salon_server_next_event(server) != NULL)
        continue;
    CHECK(status_of(server, client) == 201);
    client_free(client);
}

/* Events that are not taken stay, with their texts, through polls. */
static void held_events(salon_server *server) {
    salon_remote *remote;
    const salon_event *first, *second;
    ANSWERS(salon_remote_new(server, &remote), 0);
    ANSWERS(salon_remote_post(remote, 1, "first", 5), 0);
    ANSWERS(salon_remote_post(remote, 2, NULL, 0), 0);
    ANSWERS(salon_remote_post(remote, 2, NULL, 1), INVALID);
    ANSWERS(salon_server_poll(server, 1000), 2);
    first = salon_server_next_event(server);
    CHECK(first != NULL && first->type == SALON_EVENT_POST);
    ANSWERS(salon_server_timeout_ms(server), 0);
    ANSWERS(salon_remote_post(remote, 3, "third", 5), 0);
    ANSWERS(salon_server_poll(server, 0), 1);
    CHECK(first->tag == 1 && memcmp(first->data, "first", 5) == 0);
    second = salon_server_next_event(server);
    CHECK(second != NULL && second->tag == 2 && first->tag == 1);
    CHECK(salon_server_next_event(server) == NULL && salon_server_next_event(server) == NULL);
    ANSWERS(salon_server_poll(server, 1000), 1);
    CHECK(salon_server_next_event(server)->tag == 3);
    CHECK(salon_server_next_event(server) == NULL);
    salon_remote_free(remote);
}

static void *polling(void *server) {
    int there;
    /* Until then the other thread may be the one that is in a call. */
    while ((there = salon_server_poll((salon_server *)server, SALON_FOREVER)) == SALON_ERR_BUSY)
        sched_yield();
    return there >= 0 ? server : NULL;
}

/* Two threads on one server: the second is told, and nothing breaks. */
static void busy(salon_server *server) {
    salon_remote *remote;
    pthread_t thread;
    void *fine;
    ANSWERS(salon_remote_new(server, &remote), 0);
    CHECK(pthread_create(&thread, NULL, polling, server) == 0);
    while (salon_server_flush(server) != SALON_ERR_BUSY)
        sched_yield();
    CHECK(strstr(salon_last_error(), "thread") != NULL);
    CHECK(salon_server_next_event(server) == NULL);
    ANSWERS(salon_namespace_emit(server, "/", "e", NULL, 0), SALON_ERR_BUSY);
    ANSWERS(salon_server_poll(server, 0), SALON_ERR_BUSY);
    ANSWERS(salon_remote_wake(remote), 0);
    CHECK(pthread_join(thread, &fine) == 0 && fine == server);
    ANSWERS(salon_server_flush(server), 0);
    while (salon_server_next_event(server) != NULL)
        continue;
    salon_remote_free(remote);
}

static void remotes(salon_server *server, uint16_t port) {
    salon_remote *remote;
    salon_message message = SALON_ZERO;
    salon_audience to = SALON_ZERO;
    salon_socket_id socket;
    const char *room = "r";
    struct client *client = enter(server, port, "/", &socket);
    message.size = sizeof message, to.size = sizeof to;
    ANSWERS(salon_remote_new(server, &remote), 0);
    hear_text(server, client, "\"connect\"");
    ANSWERS(salon_remote_emit(remote, NULL, NULL), INVALID);
    ANSWERS(salon_remote_emit(remote, NULL, &message), INVALID);
    message.name = "e", message.args = "[", message.args_len = 1;
    ANSWERS(salon_remote_emit(remote, NULL, &message), INVALID);
    message.args = "[1]", message.args_len = 3;
    to.size = 1;
    ANSWERS(salon_remote_emit(remote, &to, &message), INVALID);
    ANSWERS(salon_remote_send(remote, &to, "x", 1, 0), INVALID);
    to.size = sizeof to, to.room_count = 1;
    ANSWERS(salon_remote_emit(remote, &to, &message), INVALID);
    to.rooms = &room;
    ANSWERS(salon_remote_emit(remote, &to, &message), 0); /* To nobody. */
    to.room_count = 0, to.sockets = &socket, to.socket_count = 1;
    ANSWERS(salon_remote_emit(remote, &to, &message), 0);
    hear_text(server, client, "{\"event\":\"e\",\"data\":1}");
    ANSWERS(salon_remote_send(remote, NULL, NULL, 1, 0), INVALID);
    ANSWERS(salon_remote_send(remote, NULL, NOT_UTF8, 2, SALON_SEND_TEXT), INVALID);
    ANSWERS(salon_remote_send(remote, &to, "x", 1, SALON_SEND_TEXT | SALON_SEND_VOLATILE), 0);
    hear_text(server, client, "\"message\"");
    ANSWERS(salon_remote_disconnect(remote, STALE), 0); /* Too late to be known here. */
    ANSWERS(salon_remote_accept(remote, socket, NULL), 0);
    ANSWERS(salon_remote_reject(remote, socket, 401, "no"), 0);
    turn(server);
    client_free(client);
    wait_for(server, SALON_EVENT_DISCONNECT);
    salon_remote_free(remote);
}

static void *free_remote(void *remote) {
    salon_remote_free((salon_remote *)remote);
    return NULL;
}

static void the_end(salon_server *server, uint16_t port) {
    salon_socket_id socket;
    salon_stats stats = SALON_ZERO;
    salon_remote *remote, *other;
    salon_message message = SALON_ZERO;
    pthread_t thread;
    struct client *client = enter(server, port, "/", &socket);
    message.size = sizeof message, message.name = "e";
    stats.size = sizeof stats;
    ANSWERS(salon_server_stats(server, &stats), 0);
    CHECK(stats.sockets == 1 && stats.accepted > 5 && stats.messages_in > 3);
    ANSWERS(salon_remote_new(server, &remote), 0);
    ANSWERS(salon_remote_new(server, &other), 0);
    ANSWERS(salon_remote_shutdown(remote), 0);
    turn(server);
    ANSWERS(salon_server_shutdown(server, UINT32_MAX), 0);
    /* The client does not go: the last word is that it is cut off. */
    ANSWERS(salon_remote_shutdown_within(remote, 50), 0);
    CHECK(wait_for(server, SALON_EVENT_DISCONNECT).code == SALON_REASON_SHUTDOWN);
    wait_for(server, SALON_EVENT_STOPPED);
    client_free(client);

    /* Nothing is left to do, and every call says so or does nothing. */
    ANSWERS(salon_server_poll(server, 0), 0);
    CHECK(salon_server_next_event(server) == NULL);
    ANSWERS(salon_server_listen(server, "127.0.0.1:0", NULL), SALON_ERR_CLOSED);
    ANSWERS(salon_socket_emit(server, socket, "e", NULL, 0), NOT_FOUND);
    ANSWERS(salon_namespace_emit(server, "/", "e", NULL, 0), 0);
    ANSWERS(salon_room_count(server, "/", NULL), 0);
    ANSWERS(salon_server_shutdown(server, 0), 0);
    ANSWERS(salon_server_flush(server), 0);
    CHECK(salon_server_fd(server) >= 0);
    ANSWERS(salon_server_stats(server, &stats), 0);
    CHECK(stats.sockets == 0 && stats.connections == 0);

    /* Remotes outlive the server. */
    salon_server_free(server);
    ANSWERS(salon_remote_wake(remote), SALON_ERR_CLOSED);
    ANSWERS(salon_remote_post(remote, 1, "x", 1), SALON_ERR_CLOSED);
    ANSWERS(salon_remote_emit(remote, NULL, &message), SALON_ERR_CLOSED);
    ANSWERS(salon_remote_send(remote, NULL, "x", 1, 0), SALON_ERR_CLOSED);
    ANSWERS(salon_remote_accept(remote, socket, NULL), SALON_ERR_CLOSED);
    ANSWERS(salon_remote_reject(remote, socket, 401, "no"), SALON_ERR_CLOSED);
    ANSWERS(salon_remote_disconnect(remote, socket), SALON_ERR_CLOSED);
    ANSWERS(salon_remote_shutdown(remote), SALON_ERR_CLOSED);
    ANSWERS(salon_remote_shutdown_within(remote, 0), SALON_ERR_CLOSED);
    salon_remote_free(remote);
    CHECK(pthread_create(&thread, NULL, free_remote, other) == 0 && pthread_join(thread, NULL) == 0);
}

/* Freed in the middle of everything: clients, a waiting one, untaken events,
 * posts on the way, a live remote. */
static void freed_early(void) {
    salon_namespace_config door = SALON_ZERO;
    salon_server *server;
    salon_remote *remote;
    salon_socket_id socket;
    struct client *inside, *outside;
    uint16_t port;
    ANSWERS(salon_server_new(NULL, &server), 0);
    ANSWERS(salon_server_listen(server, "127.0.0.1:0", &port), 0);
    door.size = sizeof door, door.flags = SALON_NAMESPACE_GUARDED;
    ANSWERS(salon_namespace_open(server, "/door", &door), 0);
    ANSWERS(salon_remote_new(server, &remote), 0);
    inside = enter(server, port, "/", &socket);
    outside = client_new(port, "/door");
    wait_for(server, SALON_EVENT_CONNECT_REQUEST);
    ANSWERS(salon_remote_post(remote, 1, "x", 1), 0);
    ANSWERS(salon_server_poll(server, 1000), 1);
    ANSWERS(salon_remote_post(remote, 2, "y", 1), 0);
    ANSWERS(salon_socket_emit(server, socket, "e", NULL, 0), 1);
    salon_server_free(server);
    ANSWERS(salon_remote_post(remote, 3, "z", 1), SALON_ERR_CLOSED);
    salon_remote_free(remote);
    client_free(inside);
    client_free(outside);
}

int main(void) {
    salon_config config = SALON_ZERO;
    salon_server *server;
    uint16_t port;
    memset(too_long, 'n', sizeof too_long - 1);
    too_long[0] = '/';
    errors_and_versions();
    json_helpers();
    null_servers();
    struct_sizes();
    listening();
    config.size = sizeof config;
    config.flags = SALON_CONFIG_HTTP | SALON_CONFIG_KEEP_HANDSHAKES;
    ANSWERS(salon_server_new(&config, &server), 0);
    ANSWERS(salon_server_listen(server, "127.0.0.1:0", &port), 0);
    names_and_ids(server);
    talking(server, port);
    guards(server, port);
    patterns_and_timers(server, port);
    http(server, port);
    held_events(server);
    busy(server);
    remotes(server, port);
    the_end(server, port);
    freed_early();
    puts("every call behaves");
    return 0;
}
