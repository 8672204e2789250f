/* A complete chat: a guard at the door, rooms, and acks. Salon blocks in
 * salon_server_poll(); the program has no other loop.
 *
 *     cc chat.c -lsalon -o chat && ./chat --listen 127.0.0.1:3000
 *
 * Clients are Socket.IO or plain WebSocket ones, in the same rooms:
 *
 *     io("http://127.0.0.1:3000", { auth: { name: "ann" } })
 *     new WebSocket("ws://127.0.0.1:3000/?name=ann")
 *
 * They emit "join" and "leave" with a room, and "say" with a room and a text;
 * everybody in the room hears "said" with the room, a name and the text.
 */
#define _POSIX_C_SOURCE 200809L

#include <salon.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 32, ROOM_BYTES = 64 };

/* What this program knows of a client: the `user` of its socket. */
struct person {
    char name[NAME_BYTES];
};

/* A remote is the only thing that a signal handler may use. */
static salon_remote *remote;
static volatile sig_atomic_t asked_to_stop;

static void on_signal(int number) {
    (void)number;
    asked_to_stop = 1;
    salon_remote_wake(remote);
}

/* Every failing call explains itself in one sentence. */
static int failed(const char *what) {
    fprintf(stderr, "%s: %s\n", what, salon_last_error());
    return 1;
}

/* The text at a place in a message's arguments: "/0" is the first. Answers
 * whether there is one, not empty, and short enough for `text`. */
static bool text_at(const salon_event *event, const char *place, char *text, size_t cap) {
    salon_bytes json;
    ptrdiff_t len;
    if (salon_json_get(event->data, event->data_len, place, &json) < 0)
        return false;
    len = salon_json_text((const char *)json.ptr, json.len, text, cap);
    return len > 0 && (size_t)len < cap;
}

/* The guard: whoever gives a name comes in. A Socket.IO client has it in its
 * auth payload, any client may have it in its URL. */
static void guard(salon_server *server, const salon_event *event) {
    salon_accept how = SALON_ZERO;
    salon_bytes query;
    struct person *person = (struct person *)calloc(1, sizeof *person);
    if (person == NULL)
        return; /* Nobody answers, so the client is sent away after connect_timeout_ms. */
    if (!text_at(event, "/name", person->name, sizeof person->name)
        && salon_socket_query(server, event->socket, "name", &query) == 0 && query.len < sizeof person->name)
        memcpy(person->name, query.ptr, query.len);
    if (person->name[0] == '\0') {
        free(person);
        salon_socket_reject(server, event->socket, 401, "say who you are", NULL, 0);
        return;
    }
    /* From here on the person belongs to the socket: DISCONNECT gives it back. */
    how.size = sizeof how;
    how.user = person;
    if (salon_socket_accept(server, event->socket, &how) < 0) {
        failed("accept");
        free(person);
    }
}

static bool is_in(salon_server *server, salon_socket_id socket, const char *room) {
    const salon_bytes *rooms = NULL;
    int at, count = salon_socket_rooms(server, socket, &rooms);
    for (at = 0; at < count; at++)
        if (rooms[at].len == strlen(room) && memcmp(rooms[at].ptr, room, rooms[at].len) == 0)
            return true;
    return false;
}

/* "join", "leave" and "say". A client's mistakes are its own: it gets no
 * answer but an error as its ack. */
static void message(salon_server *server, const salon_event *event) {
    const struct person *person = (const struct person *)event->user;
    char room[ROOM_BYTES], args[4096], answer[32] = "[\"you can't\"]";
    salon_bytes parts[3];
    ptrdiff_t len;

    if (!text_at(event, "/0", room, sizeof room)) {
        /* No room, no service. */
    } else if (strcmp(event->name, "join") == 0) {
        if (salon_socket_join(server, event->socket, room) == 0)
            snprintf(answer, sizeof answer, "[null,%d]", salon_room_count(server, "/", room));
    } else if (strcmp(event->name, "leave") == 0) {
        if (salon_socket_leave(server, event->socket, room) == 0)
            snprintf(answer, sizeof answer, "[null]");
    } else if (strcmp(event->name, "say") == 0 && is_in(server, event->socket, room)) {
        /* The text goes on as the JSON that it came as: `#`. The others are
         * made JSON strings: `?`. */
        parts[0].ptr = room, parts[0].len = strlen(room);
        parts[1].ptr = person->name, parts[1].len = strlen(person->name);
        if (salon_json_get(event->data, event->data_len, "/1", &parts[2]) == 0) {
            len = salon_json_bind(args, sizeof args, "[?,?,#]", parts, 3);
            if (len > 0 && (size_t)len < sizeof args
                && salon_room_emit(server, "/", room, 0, "said", args, (size_t)len) >= 0)
                snprintf(answer, sizeof answer, "[null]");
        }
    }
    if (event->ack != 0)
        salon_ack_answer(server, event->ack, answer, strlen(answer), NULL, 0);
}

int main(int argc, char **argv) {
    const char *address = "127.0.0.1:3000";
    salon_namespace_config guarded = SALON_ZERO;
    salon_server *server;
    const salon_event *event;
    uint16_t port;
    bool stopping = false, stopped = false;

    if (argc == 3 && strcmp(argv[1], "--listen") == 0)
        address = argv[2];
    if (salon_abi_version() != SALON_ABI_VERSION)
        return fprintf(stderr, "another salon than the one this was built for\n"), 1;

    guarded.size = sizeof guarded;
    guarded.flags = SALON_NAMESPACE_GUARDED;
    if (salon_server_new(NULL, &server) < 0)
        return failed("new");
    if (salon_namespace_open(server, "/", &guarded) < 0 || salon_server_listen(server, address, &port) < 0
        || salon_remote_new(server, &remote) < 0) {
        failed(address);
        salon_server_free(server);
        return 1;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    printf("listening on ws://%.*s:%u/\n", (int)(strrchr(address, ':') - address), address, (unsigned)port);
    fflush(stdout);

    while (!stopped && salon_server_poll(server, SALON_FOREVER) >= 0) {
        while ((event = salon_server_next_event(server)) != NULL) {
            switch (event->type) {
            case SALON_EVENT_CONNECT_REQUEST:
                guard(server, event);
                break;
            case SALON_EVENT_MESSAGE:
                message(server, event);
                break;
            case SALON_EVENT_DISCONNECT:
                free(event->user);
                break;
            case SALON_EVENT_STOPPED:
                stopped = true;
                break;
            default:
                break;
            }
        }
        /* Shutting down says goodbye to all; each gives its DISCONNECT. */
        if (asked_to_stop && !stopping) {
            stopping = true;
            salon_server_shutdown(server, 1000);
        }
    }
    if (!stopped)
        failed("poll");
    salon_remote_free(remote);
    salon_server_free(server);
    return stopped ? 0 : 1;
}
