/* The server that the load generator measures, through the C API: the same
 * contract as bench_server.rs. `bench_server PORT`, plain WebSocket and
 * Socket.IO on one port.
 *
 * Plain, in the raw dialect: `/echo` sends each message back; in `/room` the
 * text `j:NAME` moves the client to a room and is sent back, and anything else
 * goes to its whole room. Socket.IO in `/`: `echo`, `join` and `msg` do the same.
 */
#include <salon.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The room of a socket is its `user`: a copy of the name. */
static void enter(salon_server *server, const salon_event *event, const char *name, size_t len) {
    char *room = (char *)malloc(len + 1);
    if (room == NULL)
        return;
    memcpy(room, name, len);
    room[len] = '\0';
    free(event->user);
    salon_socket_leave(server, event->socket, NULL);
    salon_socket_join(server, event->socket, room);
    salon_socket_set_user(server, event->socket, room);
}

static void data(salon_server *server, const salon_event *event) {
    bool text = (event->flags & SALON_EVENT_FLAG_TEXT) != 0;
    uint32_t flags = text ? (uint32_t)SALON_SEND_TEXT : 0u;
    salon_audience to = SALON_ZERO;
    const char *room = (const char *)event->user;
    if (strcmp(event->nsp, "/echo") == 0) {
        salon_socket_send(server, event->socket, event->data, event->data_len, flags);
    } else if (text && event->data_len >= 2 && memcmp(event->data, "j:", 2) == 0) {
        enter(server, event, event->data + 2, event->data_len - 2);
        salon_socket_send(server, event->socket, event->data, event->data_len, flags);
    } else if (room != NULL) {
        to.size = sizeof to;
        to.nsp = "/room";
        to.rooms = &room;
        to.room_count = 1;
        salon_server_send(server, &to, event->data, event->data_len, flags);
    }
}

static void message(salon_server *server, const salon_event *event) {
    if (strcmp(event->name, "echo") == 0) {
        salon_socket_emit(server, event->socket, "echo", event->data, event->data_len);
    } else if (strcmp(event->name, "join") == 0) {
        enter(server, event, event->data, event->data_len);
        salon_socket_emit(server, event->socket, "joined", event->data, event->data_len);
    } else if (strcmp(event->name, "msg") == 0 && event->user != NULL) {
        salon_room_emit(server, "/", (const char *)event->user, 0, "msg", event->data, event->data_len);
    }
}

int main(int argc, char **argv) {
    salon_config config = SALON_ZERO;
    salon_namespace_config raw = SALON_ZERO;
    salon_server *server;
    const salon_event *event;
    char address[32];

    snprintf(address, sizeof address, "127.0.0.1:%.5s", argc > 1 ? argv[1] : "9117");
    config.size = sizeof config;
    config.message_bytes = 4u << 20;
    config.queue_bytes = 64u << 20;
    raw.size = sizeof raw;
    raw.dialect = SALON_DIALECT_RAW;
    if (salon_server_new(&config, &server) < 0 || salon_namespace_open(server, "/echo", &raw) < 0
        || salon_namespace_open(server, "/room", &raw) < 0 || salon_server_listen(server, address, NULL) < 0)
        return fprintf(stderr, "%s\n", salon_last_error()), 1;

    while (salon_server_poll(server, SALON_FOREVER) >= 0) {
        while ((event = salon_server_next_event(server)) != NULL) {
            if (event->type == SALON_EVENT_DATA)
                data(server, event);
            else if (event->type == SALON_EVENT_MESSAGE)
                message(server, event);
            else if (event->type == SALON_EVENT_DISCONNECT)
                free(event->user);
        }
    }
    return fprintf(stderr, "%s\n", salon_last_error()), 1;
}
