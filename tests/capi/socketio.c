/* What api.c does not reach: Socket.IO clients, by polling and by WebSocket,
 * those that come back, and what each event and each description tells. Run as
 * api.c is. */
#define _GNU_SOURCE

#include <salon.h>

#include <pthread.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "harness.h"

#define IO "/socket.io/?EIO=4&transport="

/* Bytes as Salon hands them out. */
static bool is(salon_bytes value, const char *text) {
    return value.len == strlen(text) && memcmp(value.ptr, text, value.len) == 0;
}

static bool has_attachment(const struct seen *event, size_t at, const void *bytes, size_t len) {
    return at < event->attachment_count && event->attachments[at].len == len
        && memcmp(event->attachments[at].bytes, bytes, len) == 0;
}

static salon_server *serve(salon_config *config, uint16_t *port) {
    salon_server *server;
    config->size = sizeof *config;
    ANSWERS(salon_server_new(config, &server), 0);
    ANSWERS(salon_server_listen(server, "127.0.0.1:0", port), 0);
    seen_count = 0;
    return server;
}

static salon_socket_info describe(salon_server *server, salon_socket_id socket) {
    salon_socket_info info = SALON_ZERO;
    info.size = sizeof info;
    ANSWERS(salon_socket_describe(server, socket, &info), 0);
    CHECK(salon_socket_queued(server, socket) == (ptrdiff_t)info.queued);
    return info;
}

/* The text between what comes before it and a quote. */
static void cut(char *out, size_t cap, const char *text, const char *before) {
    const char *from = strstr(text, before);
    size_t len = from == NULL ? 0 : strcspn(from + strlen(before), "\"");
    if (len == 0 || len >= cap) {
        fprintf(stderr, "%s and a text is not in %s\n", before, text);
        exit(1);
    }
    from += strlen(before);
    memcpy(out, from, len);
    out[len] = '\0';
}

/* A Socket.IO client on polling, on one connection: a poll or a post at a time. */
struct polling {
    struct client *http;
    char sid[64];
    char heard[4096];
};

static void ask(salon_server *server, struct polling *client, const char *request) {
    uint64_t end = now_ms() + PATIENCE_MS;
    int status;
    client_write(client->http, request, strlen(request));
    while ((status = client_answer(client->http, client->heard, sizeof client->heard)) == 0) {
        CHECK(now_ms() < end);
        turn(server);
    }
    CHECK(status == 200);
}

static void poll_once(salon_server *server, struct polling *client) {
    char request[512];
    snprintf(request, sizeof request, "GET " IO "polling%s%s HTTP/1.1\r\nHost: localhost\r\n\r\n",
             client->sid[0] == '\0' ? "" : "&sid=", client->sid);
    ask(server, client, request);
}

static void post(salon_server *server, struct polling *client, const char *payload) {
    char request[1024];
    snprintf(request, sizeof request,
             "POST " IO "polling&sid=%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s", client->sid,
             strlen(payload), payload);
    ask(server, client, request);
    CHECK(strcmp(client->heard, "ok") == 0);
}

/* A Socket.IO session that begins on a WebSocket. */
static struct client *websocket(salon_server *server, uint16_t port) {
    struct client *client = client_new(port, IO "websocket");
    CHECK(status_of(server, client) == 101);
    hear_text(server, client, "0{\"sid\":\"");
    return client;
}

static void polling_then_websocket(void) {
    salon_config config = SALON_ZERO;
    salon_message message = SALON_ZERO;
    salon_bytes value, blob;
    salon_socket_info info;
    salon_socket_id socket;
    uint16_t port;
    salon_server *server = serve(&config, &port);
    struct polling client;
    struct client *upgraded;
    struct seen event;
    uint64_t ack, end, now = (uint64_t)time(NULL) * 1000;
    char text[512], number[32];
    int mark;
    memset(&client, 0, sizeof client);
    client.http = client_raw(port, "", 0);
    message.size = sizeof message;
    blob.ptr = "\x02\x03\x04", blob.len = 3;

    ANSWERS(salon_namespace_open(server, "/chat", NULL), 0);
    poll_once(server, &client);
    cut(client.sid, sizeof client.sid, client.heard, "0{\"sid\":\"");
    post(server, &client, "40/chat,{\"token\":\"t\"}");
    event = wait_for(server, SALON_EVENT_CONNECT);
    socket = event.socket;
    CHECK(strcmp(event.nsp, "/chat") == 0 && strcmp(event.data, "{\"token\":\"t\"}") == 0);
    CHECK(event.tag == 0 && event.user == NULL && event.flags == 0);
    ANSWERS(salon_socket_set_user(server, socket, &mark), 0);
    poll_once(server, &client);
    cut(text, sizeof text, client.heard, "40/chat,{\"sid\":\"");

    info = describe(server, socket);
    CHECK(info.protocol == SALON_PROTOCOL_SOCKETIO && info.transport == SALON_TRANSPORT_POLLING);
    CHECK(strcmp(info.sid, text) == 0 && salon_socket_by_sid(server, text) == socket);
    CHECK(strncmp(info.address, "127.0.0.1:", 10) == 0 && info.subprotocol[0] == '\0');
    CHECK(info.queued == 0 && info.dropped == 0);
    /* The unit and the epoch; what the clock says may be corrected meanwhile. */
    CHECK(info.connected_ms > now - 3600000 && info.connected_ms < now + 3600000);
    for (end = now_ms() + 3; now_ms() < end;)
        CHECK(describe(server, socket).connected_ms == info.connected_ms);
    ANSWERS(salon_socket_auth(server, socket, &value), 0);
    CHECK(is(value, "{\"token\":\"t\"}"));
    ANSWERS(salon_socket_header(server, socket, "host", &value), 0);
    CHECK(is(value, "localhost"));

    /* While no poll waits for it, it waits for a poll. */
    ANSWERS(salon_socket_emit(server, socket, "before", "[1]", 3), 1);
    ANSWERS(salon_server_flush(server), 0);
    CHECK(describe(server, socket).queued > 0);
    poll_once(server, &client);
    CHECK(strcmp(client.heard, "42/chat,[\"before\",1]") == 0);
    CHECK(describe(server, socket).queued == 0);

    /* Bytes in a message, in its answer, and in an answer to us. */
    post(server, &client, "451-/chat,7[\"blob\",{\"_placeholder\":true,\"num\":0}]\x1e" "bAAH/");
    event = wait_for(server, SALON_EVENT_MESSAGE);
    CHECK(event.socket == socket && event.user == &mark && strcmp(event.nsp, "/chat") == 0);
    CHECK(strcmp(event.name, "blob") == 0 && strcmp(event.data, "[{\"_placeholder\":true,\"num\":0}]") == 0);
    CHECK(event.attachment_count == 1 && has_attachment(&event, 0, "\x00\x01\xff", 3));
    ANSWERS(salon_ack_answer(server, event.ack, NULL, 0, &blob, 1), 0);
    poll_once(server, &client);
    CHECK(strcmp(client.heard, "461-/chat,7[{\"_placeholder\":true,\"num\":0}]\x1e" "bAgME") == 0);
    message.name = "question";
    ANSWERS(salon_socket_emit_with_ack(server, socket, &message, PATIENCE_MS, &ack), 0);
    poll_once(server, &client);
    CHECK(sscanf(client.heard, "42/chat,%31[0-9]", number) == 1);
    snprintf(text, sizeof text, "461-/chat,%s[\"x\",{\"_placeholder\":true,\"num\":0}]\x1e" "bAP8=", number);
    post(server, &client, text);
    event = wait_for(server, SALON_EVENT_ACK);
    CHECK(event.socket == socket && event.ack == ack && event.code == SALON_OK);
    CHECK(strcmp(event.data, "[\"x\",{\"_placeholder\":true,\"num\":0}]") == 0);
    CHECK(event.attachment_count == 1 && has_attachment(&event, 0, "\x00\xff", 2));

    /* The move. */
    CHECK(saw_none(SALON_EVENT_UPGRADED));
    snprintf(text, sizeof text, IO "websocket&sid=%s", client.sid);
    upgraded = client_new(port, text);
    CHECK(status_of(server, upgraded) == 101);
    client_say(upgraded, "2probe");
    hear_text(server, upgraded, "3probe");
    CHECK(describe(server, socket).transport == SALON_TRANSPORT_POLLING);
    client_say(upgraded, "5");
    event = wait_for(server, SALON_EVENT_UPGRADED);
    CHECK(event.socket == socket && strcmp(event.nsp, "/chat") == 0 && event.user == &mark);
    CHECK(describe(server, socket).connected_ms == info.connected_ms);
    info = describe(server, socket);
    CHECK(info.protocol == SALON_PROTOCOL_SOCKETIO && info.transport == SALON_TRANSPORT_WEBSOCKET);
    ANSWERS(salon_socket_auth(server, socket, &value), 0);
    CHECK(is(value, "{\"token\":\"t\"}"));
    ANSWERS(salon_socket_emit(server, socket, "after", NULL, 0), 1);
    hear_text(server, upgraded, "42/chat,[\"after\"]");
    client_say(upgraded, "452-/chat,[\"two\",{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":0}]");
    client_frame(upgraded, 2, "\x01", 1);
    client_frame(upgraded, 2, "\x00\x02", 2);
    event = wait_for(server, SALON_EVENT_MESSAGE);
    CHECK(event.ack == 0 && event.attachment_count == 2);
    CHECK(has_attachment(&event, 0, "\x01", 1) && has_attachment(&event, 1, "\x00\x02", 2));

    /* It leaves its namespace, and its connection stays. */
    ANSWERS(salon_socket_join(server, socket, "hall"), 0);
    client_say(upgraded, "41/chat,");
    event = wait_for(server, SALON_EVENT_DISCONNECT);
    CHECK(event.socket == socket && event.user == &mark && event.code == SALON_REASON_CLIENT_LEFT);
    CHECK(strcmp(event.name, "client left") == 0 && event.tag == 0 && event.flags == 0);
    CHECK(event.attachment_count == 1 && has_attachment(&event, 0, "hall", 4));
    CHECK(!upgraded->ended);
    client_free(upgraded);
    client_free(client.http);
    salon_server_free(server);
}

/* A guard sees the auth of a Socket.IO client, and so does who asks later. */
static void guarded(void) {
    salon_config config = SALON_ZERO;
    salon_namespace_config door = SALON_ZERO;
    salon_accept how = SALON_ZERO;
    salon_bytes value;
    const char *rooms[] = {"hall", "yard"};
    uint16_t port;
    salon_server *server = serve(&config, &port);
    struct client *client = websocket(server, port);
    struct seen event;
    int mark;
    door.size = sizeof door, door.flags = SALON_NAMESPACE_GUARDED;
    ANSWERS(salon_namespace_open(server, "/door", &door), 0);
    client_say(client, "40/door,{\"token\":\"bad\"}");
    event = wait_for(server, SALON_EVENT_CONNECT_REQUEST);
    CHECK(strcmp(event.nsp, "/door") == 0 && strcmp(event.data, "{\"token\":\"bad\"}") == 0);
    ANSWERS(salon_socket_reject(server, event.socket, 401, "no", "{\"why\":1}", 9), 0);
    CHECK(wait_for(server, SALON_EVENT_DISCONNECT).code == SALON_REASON_REJECTED);
    hear_text(server, client, "44/door,{\"message\":\"no\",\"data\":{\"why\":1}}");

    client_say(client, "40/door,{\"token\":\"good\"}");
    event = wait_for(server, SALON_EVENT_CONNECT_REQUEST);
    ANSWERS(salon_socket_auth(server, event.socket, &value), 0);
    CHECK(is(value, "{\"token\":\"good\"}"));
    how.size = sizeof how, how.user = &mark, how.rooms = rooms, how.room_count = 2;
    ANSWERS(salon_socket_accept(server, event.socket, &how), 0);
    event = wait_for(server, SALON_EVENT_CONNECT);
    CHECK(event.user == &mark && strcmp(event.data, "{\"token\":\"good\"}") == 0);
    hear_text(server, client, "40/door,{\"sid\":\"");
    ANSWERS(salon_socket_auth(server, event.socket, &value), 0);
    CHECK(is(value, "{\"token\":\"good\"}"));
    ANSWERS(salon_room_count(server, "/door", "yard"), 1);
    client_free(client);
    salon_server_free(server);
}

/* Rooms as they come and go, and what a DISCONNECT tells. */
static void rooms_and_ends(void) {
    salon_config config = SALON_ZERO;
    salon_socket_id ann, ben, cy;
    uint16_t port;
    salon_server *server;
    struct client *a, *b, *c;
    struct seen event;
    int mark;
    config.flags = SALON_CONFIG_ROOM_EVENTS | SALON_CONFIG_MEMBER_EVENTS;
    server = serve(&config, &port);
    ANSWERS(salon_namespace_open(server, "/x", NULL), 0);
    a = enter(server, port, "/x", &ann);
    b = enter(server, port, "/x", &ben);
    c = enter(server, port, "/x", &cy);
    CHECK(saw_none(SALON_EVENT_ROOM_CREATED) && saw_none(SALON_EVENT_JOINED));
    ANSWERS(salon_socket_set_user(server, ann, &mark), 0);

    ANSWERS(salon_socket_join(server, ann, "hall"), 0);
    event = wait_for(server, SALON_EVENT_ROOM_CREATED);
    CHECK(strcmp(event.nsp, "/x") == 0 && strcmp(event.name, "hall") == 0 && event.socket == 0);
    event = wait_for(server, SALON_EVENT_JOINED);
    CHECK(event.socket == ann && event.user == &mark);
    CHECK(strcmp(event.nsp, "/x") == 0 && strcmp(event.name, "hall") == 0);
    ANSWERS(salon_socket_join(server, ben, "hall"), 0);
    event = wait_for(server, SALON_EVENT_JOINED);
    CHECK(event.socket == ben && event.user == NULL && saw_none(SALON_EVENT_ROOM_CREATED));
    ANSWERS(salon_socket_leave(server, ann, "hall"), 0);
    event = wait_for(server, SALON_EVENT_LEFT);
    CHECK(event.socket == ann && event.user == &mark && saw_none(SALON_EVENT_ROOM_DELETED));
    CHECK(strcmp(event.nsp, "/x") == 0 && strcmp(event.name, "hall") == 0);

    /* The client says goodbye in its own words. */
    ANSWERS(salon_socket_join(server, ben, "yard"), 0);
    CHECK(wait_for(server, SALON_EVENT_JOINED).socket == ben);
    CHECK(strcmp(wait_for(server, SALON_EVENT_ROOM_CREATED).name, "yard") == 0);
    client_frame(b, 8, "\x0f\xa1" "bye", 5);
    event = wait_for(server, SALON_EVENT_DISCONNECT);
    CHECK(event.socket == ben && strcmp(event.nsp, "/x") == 0 && event.flags == 0);
    CHECK(event.code == SALON_REASON_CLIENT_LEFT && strcmp(event.name, "client left") == 0);
    CHECK(event.tag == 4001 && strcmp(event.data, "bye") == 0);
    CHECK(event.attachment_count == 2);
    CHECK(has_attachment(&event, 0, "hall", 4) ? has_attachment(&event, 1, "yard", 4)
                                               : has_attachment(&event, 0, "yard", 4)
                  && has_attachment(&event, 1, "hall", 4));
    CHECK(wait_for(server, SALON_EVENT_LEFT).socket == ben && wait_for(server, SALON_EVENT_LEFT).socket == ben);
    wait_for(server, SALON_EVENT_ROOM_DELETED);
    event = wait_for(server, SALON_EVENT_ROOM_DELETED);
    CHECK(strcmp(event.nsp, "/x") == 0 && strlen(event.name) == 4 && event.socket == 0);
    ANSWERS(salon_namespace_rooms(server, "/x", NULL), 0);

    /* The host says it. */
    ANSWERS(salon_socket_disconnect_with(server, ann, 4002, "out"), 0);
    event = wait_for(server, SALON_EVENT_DISCONNECT);
    CHECK(event.socket == ann && event.user == &mark && event.code == SALON_REASON_SERVER_LEFT);
    CHECK(event.tag == 4002 && strcmp(event.data, "out") == 0 && event.attachment_count == 0);

    /* Nobody says it. */
    client_free(c);
    event = wait_for(server, SALON_EVENT_DISCONNECT);
    CHECK(event.socket == cy && event.code == SALON_REASON_TRANSPORT_CLOSE);
    CHECK(event.tag == 1006 && event.attachment_count == 0);
    client_free(a);
    client_free(b);
    salon_server_free(server);
}

/* Enters "/" or another namespace by a WebSocket; answers what it hears. */
static struct client *recoverable(salon_server *server, uint16_t port, const char *enters) {
    struct client *client = websocket(server, port);
    client_say(client, enters);
    return client;
}

static void coming_back(void) {
    salon_config config = SALON_ZERO;
    salon_namespace_config door = SALON_ZERO;
    salon_accept how = SALON_ZERO;
    salon_bytes value;
    const salon_bytes *rooms;
    salon_socket_id before, after;
    uint16_t port;
    salon_server *server;
    struct client *client;
    struct seen event;
    char text[4096], sid[64], pid[64], again[64], enters[256];
    int mark, other;
    config.flags = SALON_CONFIG_RECOVERY;
    server = serve(&config, &port);
    client = recoverable(server, port, "40{\"name\":\"ann\"}");
    event = wait_for(server, SALON_EVENT_CONNECT);
    before = event.socket;
    CHECK(event.tag == 0);
    CHECK(hear(server, client, text) == 1);
    cut(sid, sizeof sid, text, "\"sid\":\"");
    cut(pid, sizeof pid, text, "\"pid\":\"");
    ANSWERS(salon_socket_set_user(server, before, &mark), 0);
    ANSWERS(salon_socket_join(server, before, "hall"), 0);
    ANSWERS(salon_socket_emit(server, before, "heard", NULL, 0), 1);
    hear_text(server, client, "42[\"heard\",\"1\"]");

    client_free(client);
    event = wait_for(server, SALON_EVENT_DISCONNECT);
    CHECK(event.socket == before && event.user == &mark && event.flags == SALON_EVENT_FLAG_MAY_RETURN);
    CHECK(event.code == SALON_REASON_TRANSPORT_CLOSE && has_attachment(&event, 0, "hall", 4));
    ANSWERS(salon_room_emit(server, "/", "hall", 0, "missed", NULL, 0), 0);
    snprintf(enters, sizeof enters, "40{\"pid\":\"%s\",\"offset\":\"1\"}", pid);
    client = recoverable(server, port, enters);
    event = wait_for(server, SALON_EVENT_CONNECT);
    after = event.socket;
    CHECK(after != 0 && after != before && event.tag == before && event.user == &mark);
    CHECK(saw_none(SALON_EVENT_EXPIRED));
    hear_text(server, client, "42[\"missed\",\"2\"]");
    CHECK(hear(server, client, text) == 1);
    cut(again, sizeof again, text, "\"sid\":\"");
    CHECK(strcmp(again, sid) == 0 && strcmp(describe(server, after).sid, sid) == 0);
    ANSWERS(salon_socket_rooms(server, after, &rooms), 1);
    CHECK(is(rooms[0], "hall"));
    ANSWERS(salon_socket_auth(server, after, &value), 0);
    CHECK(is(value, enters + 2));
    ANSWERS(salon_socket_emit(server, before, "e", NULL, 0), SALON_ERR_NOT_FOUND);
    client_free(client);
    CHECK(wait_for(server, SALON_EVENT_DISCONNECT).socket == after);

    /* Its guard gives it another pointer: the first comes back to be freed. */
    door.size = sizeof door, door.flags = SALON_NAMESPACE_GUARDED;
    how.size = sizeof how, how.user = &mark;
    ANSWERS(salon_namespace_open(server, "/door", &door), 0);
    client = recoverable(server, port, "40/door,");
    ANSWERS(salon_socket_accept(server, wait_for(server, SALON_EVENT_CONNECT_REQUEST).socket, &how), 0);
    before = wait_for(server, SALON_EVENT_CONNECT).socket;
    CHECK(hear(server, client, text) == 1);
    cut(pid, sizeof pid, text, "\"pid\":\"");
    client_free(client);
    CHECK(wait_for(server, SALON_EVENT_DISCONNECT).flags == SALON_EVENT_FLAG_MAY_RETURN);
    snprintf(enters, sizeof enters, "40/door,{\"pid\":\"%s\"}", pid);
    client = recoverable(server, port, enters);
    how.user = &other;
    ANSWERS(salon_socket_accept(server, wait_for(server, SALON_EVENT_CONNECT_REQUEST).socket, &how), 0);
    event = wait_for(server, SALON_EVENT_EXPIRED);
    CHECK(event.socket == 0 && event.tag == before && event.user == &mark && strcmp(event.nsp, "/door") == 0);
    event = wait_for(server, SALON_EVENT_CONNECT);
    CHECK(event.tag == before && event.user == &other);
    client_free(client);
    salon_server_free(server);
}

static void not_coming_back(void) {
    salon_config config = SALON_ZERO;
    salon_socket_id socket;
    uint16_t port;
    salon_server *server;
    struct client *client;
    struct seen event;
    int mark;
    config.flags = SALON_CONFIG_RECOVERY;
    config.recovery_window_ms = 1;
    server = serve(&config, &port);
    ANSWERS(salon_namespace_open(server, "/x", NULL), 0);
    client = recoverable(server, port, "40/x,");
    socket = wait_for(server, SALON_EVENT_CONNECT).socket;
    ANSWERS(salon_socket_set_user(server, socket, &mark), 0);
    client_free(client);
    event = wait_for(server, SALON_EVENT_DISCONNECT);
    CHECK(event.user == &mark && event.flags == SALON_EVENT_FLAG_MAY_RETURN);
    event = wait_for(server, SALON_EVENT_EXPIRED);
    CHECK(event.socket == 0 && event.tag == socket && event.user == &mark && strcmp(event.nsp, "/x") == 0);
    salon_server_free(server);
}

/* Who does not read: what waits for it and what was dropped. */
static void slow_reader(void) {
    salon_config config = SALON_ZERO;
    salon_socket_info info;
    salon_socket_id socket;
    uint16_t port;
    salon_server *server;
    struct client *client;
    struct seen event;
    static char message[30000];
    uint64_t dropped = 0, end = now_ms() + PATIENCE_MS;
    int said;
    config.overflow = SALON_OVERFLOW_DROP;
    config.queue_bytes = 1 << 16;
    server = serve(&config, &port);
    client = enter(server, port, "/", &socket);
    while (dropped < 3) {
        said = salon_socket_send(server, socket, message, sizeof message, 0);
        CHECK(said == 1 || said == SALON_ERR_BACKPRESSURE);
        dropped += said == 1 ? 0 : 1;
        CHECK(now_ms() < end);
    }
    info = describe(server, socket);
    CHECK(info.dropped == 3 && info.queued > 0 && saw_none(SALON_EVENT_DRAIN));
    while (saw_none(SALON_EVENT_DRAIN)) {
        client_receive(client);
        client->len = 0; /* It reads on, and does not care what. */
        turn(server);
        CHECK(now_ms() < end);
    }
    event = wait_for(server, SALON_EVENT_DRAIN);
    CHECK(event.socket == socket && event.tag == 3);
    CHECK(describe(server, socket).dropped == 0);
    client_free(client);
    salon_server_free(server);
}

/* A plain WebSocket: its subprotocol, and a handshake that is not kept. */
static void plain_description(void) {
    salon_config config = SALON_ZERO;
    salon_namespace_config spoken = SALON_ZERO;
    const char *protocols[] = {"one", "three"};
    salon_socket_info info;
    salon_socket_id socket;
    uint16_t port;
    salon_server *server = serve(&config, &port);
    struct client *client;
    spoken.size = sizeof spoken, spoken.dialect = SALON_DIALECT_RAW;
    spoken.subprotocols = protocols, spoken.subprotocol_count = 2;
    ANSWERS(salon_namespace_open(server, "/x", &spoken), 0);
    client = client_new(port, "/x");
    socket = wait_for(server, SALON_EVENT_CONNECT).socket;
    CHECK(describe(server, socket).connected_ms != 0);
    turn(server);
    turn(server);
    info = describe(server, socket);
    CHECK(strcmp(info.subprotocol, "one") == 0 && info.sid[0] == '\0' && info.connected_ms == 0);
    CHECK(info.protocol == SALON_PROTOCOL_RAW && info.transport == SALON_TRANSPORT_WEBSOCKET);
    client_free(client);
    salon_server_free(server);
}

/* On another thread, whose last error is its own. */
static void *fill(void *given) {
    static char large[4096];
    salon_remote *remote = (salon_remote *)given;
    salon_message message = SALON_ZERO;
    int limit = SALON_ERR_LIMIT;
    message.size = sizeof message, message.name = "e";
    ANSWERS(salon_remote_post(remote, 1, large, sizeof large), 0);
    CHECK(salon_last_error()[0] == '\0');
    ANSWERS(salon_remote_post(remote, 2, NULL, 0), limit);
    CHECK(strstr(salon_last_error(), "mailbox") != NULL);
    ANSWERS(salon_remote_emit(remote, NULL, &message), limit);
    ANSWERS(salon_remote_send(remote, NULL, "x", 1, 0), limit);
    ANSWERS(salon_remote_accept(remote, 1, NULL), limit);
    ANSWERS(salon_remote_reject(remote, 1, 401, "no"), limit);
    ANSWERS(salon_remote_disconnect(remote, 1), limit);
    ANSWERS(salon_remote_shutdown(remote), limit);
    ANSWERS(salon_remote_shutdown_within(remote, 1), limit);
    ANSWERS(salon_remote_wake(remote), 0); /* It carries nothing. */
    return remote;
}

/* A mailbox takes one thing of any size, and no more until it is looked into. */
static void full_mailbox(void) {
    salon_config config = SALON_ZERO;
    salon_remote *remote;
    salon_stats stats = SALON_ZERO;
    struct seen event;
    pthread_t thread;
    void *done;
    uint16_t port;
    salon_server *server;
    config.mailbox_bytes = 1024, stats.size = sizeof stats;
    server = serve(&config, &port);
    ANSWERS(salon_remote_new(server, &remote), 0);
    CHECK(pthread_create(&thread, NULL, fill, remote) == 0);
    CHECK(pthread_join(thread, &done) == 0 && done == remote);
    ANSWERS(salon_server_stats(server, &stats), 0);
    CHECK(stats.breaches[SALON_LIMIT_MAILBOX_BYTES] == 8); /* All of them but the wake. */
    event = wait_for(server, SALON_EVENT_POST);
    CHECK(event.tag == 1 && event.data_len == 4096 && saw_none(SALON_EVENT_POST));
    ANSWERS(salon_remote_post(remote, 3, NULL, 0), 0);
    CHECK(wait_for(server, SALON_EVENT_POST).tag == 3);
    CHECK(saw_none(SALON_EVENT_STOPPED));
    salon_remote_free(remote);
    salon_server_free(server);
}

/* A copy of a struct in a place of exactly its size, so that a look or a word
 * beyond it is seen. */
static void *resized(const void *whole, size_t known, size_t size) {
    char *copy = (char *)malloc(size);
    memset(copy, 0xa5, size);
    memcpy(copy, whole, size < known ? size : known);
    memcpy(copy, &size, sizeof size);
    return copy;
}

static void older_and_newer(void) {
    static const size_t accepts[] = {
        offsetof(salon_accept, rooms),       offsetof(salon_accept, dialect),
        offsetof(salon_accept, subprotocol), sizeof(salon_accept),
        sizeof(salon_accept) + 64,
    };
    static const size_t infos[] = {
        offsetof(salon_socket_info, address),     offsetof(salon_socket_info, protocol),
        offsetof(salon_socket_info, queued),      offsetof(salon_socket_info, dropped),
        offsetof(salon_socket_info, subprotocol), offsetof(salon_socket_info, connected_ms),
        sizeof(salon_socket_info),                sizeof(salon_socket_info) + 64,
    };
    static const size_t bad[] = {0, 1, sizeof(size_t) - 1, sizeof(void *), (1 << 16) + 1, SIZE_MAX};
    salon_config config = SALON_ZERO;
    salon_namespace_config door = SALON_ZERO;
    salon_accept how = SALON_ZERO;
    salon_socket_info info;
    const char *protocols[] = {"two", "one"}, *rooms[] = {"hall"};
    uint16_t port;
    salon_server *server = serve(&config, &port);
    struct client *client = NULL;
    struct seen event;
    size_t at, byte;
    int mark;
    door.size = sizeof door, door.flags = SALON_NAMESPACE_GUARDED;
    door.subprotocols = protocols, door.subprotocol_count = 2;
    ANSWERS(salon_namespace_open(server, "/door", &door), 0);
    how.user = &mark, how.rooms = rooms, how.room_count = 1;
    how.dialect = SALON_DIALECT_RAW, how.subprotocol = "one";
    memset(&event, 0, sizeof event);
    for (at = 0; at < sizeof accepts / sizeof *accepts; at++) {
        size_t size = accepts[at];
        void *given = resized(&how, sizeof how, size);
        if (client != NULL)
            client_free(client);
        client = client_new(port, "/door");
        event = wait_for(server, SALON_EVENT_CONNECT_REQUEST);
        ANSWERS(salon_socket_accept(server, event.socket, (const salon_accept *)given), 0);
        free(given);
        event = wait_for(server, SALON_EVENT_CONNECT);
        CHECK(event.user == &mark);
        ANSWERS(salon_socket_rooms(server, event.socket, NULL), size > offsetof(salon_accept, rooms) ? 1 : 0);
        info = describe(server, event.socket);
        CHECK((info.protocol == SALON_PROTOCOL_RAW) == (size > offsetof(salon_accept, dialect)));
        /* Without a word of the host it is the one that the namespace prefers. */
        CHECK(strcmp(info.subprotocol, size > offsetof(salon_accept, subprotocol) ? "one" : "two") == 0);
    }
    for (at = 0; at < sizeof bad / sizeof *bad; at++) {
        how.size = info.size = bad[at];
        ANSWERS(salon_socket_accept(server, event.socket, &how), SALON_ERR_INVALID);
        ANSWERS(salon_socket_describe(server, event.socket, &info), SALON_ERR_INVALID);
    }

    info = describe(server, event.socket);
    for (at = 0; at < sizeof infos / sizeof *infos; at++) {
        size_t size = infos[at], known = size < sizeof info ? size : sizeof info;
        char *given = (char *)resized(&info, 0, size);
        ANSWERS(salon_socket_describe(server, event.socket, (salon_socket_info *)given), 0);
        CHECK(memcmp(given, &size, sizeof size) == 0); /* It stays what the caller said. */
        for (byte = known; byte < size; byte++)
            CHECK(given[byte] == (char)0xa5);
        if (known > offsetof(salon_socket_info, protocol)) {
            salon_socket_info got;
            memcpy(&got, given, known);
            CHECK(got.protocol == SALON_PROTOCOL_RAW && strcmp(got.address, info.address) == 0);
        }
        if (known == sizeof info) {
            salon_socket_info got;
            memcpy(&got, given, sizeof got);
            CHECK(strcmp(got.subprotocol, "one") == 0 && got.connected_ms == info.connected_ms);
        }
        free(given);
    }
    client_free(client);
    salon_server_free(server);
}

/* A Unix socket that listens already, as a service manager hands one over. */
static void unix_listener(void) {
    salon_config config = SALON_ZERO;
    struct sockaddr_un at;
    const char *folder = getenv("TMPDIR");
    salon_socket_info info;
    uint16_t port;
    salon_server *server = serve(&config, &port);
    struct client *client;
    struct seen event;
    static const char enters[] = CLIENT_ENTERS("/");
    char made[80];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(made, sizeof made, "%s/salon-%ld", folder == NULL || strlen(folder) > 60 ? "/tmp" : folder, (long)getpid());
    CHECK(mkdir(made, 0700) == 0);
    memset(&at, 0, sizeof at);
    at.sun_family = AF_UNIX;
    snprintf(at.sun_path, sizeof at.sun_path, "%s/door", made);
    CHECK(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 8) == 0);
    ANSWERS(salon_server_listen_fd(server, fd), 0);
    client = client_at((struct sockaddr *)&at, sizeof at, enters, strlen(enters));
    event = wait_for(server, SALON_EVENT_CONNECT);
    CHECK(status_of(server, client) == 101);
    hear_text(server, client, "\"connect\"");
    info = describe(server, event.socket);
    CHECK(info.address[0] == '\0' && info.protocol == SALON_PROTOCOL_JSON);
    client_say(client, "{\"event\":\"say\",\"data\":\"hi\"}");
    CHECK(strcmp(wait_for(server, SALON_EVENT_MESSAGE).data, "[\"hi\"]") == 0);
    ANSWERS(salon_socket_emit(server, event.socket, "e", NULL, 0), 1);
    hear_text(server, client, "{\"event\":\"e\"");
    client_free(client);
    salon_server_free(server);
    CHECK(close(fd) < 0); /* The server had it. */
    unlink(at.sun_path);
    CHECK(rmdir(made) == 0);
}

int main(void) {
    polling_then_websocket();
    guarded();
    rooms_and_ends();
    coming_back();
    not_coming_back();
    slow_reader();
    plain_description();
    full_mailbox();
    older_and_newer();
    unix_listener();
    puts("every event and description tells what the header says");
    return 0;
}
