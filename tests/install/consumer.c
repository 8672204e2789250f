/* A program outside the tree: says in a room what it hears, until somebody says "close". */
#include <salon.h>

#include <stdio.h>
#include <string.h>

int main(void) {
    salon_server *server = NULL;
    const salon_event *event;
    uint16_t port = 0;
    int stopped = 0;

    if (salon_abi_version() != SALON_ABI_VERSION)
        return 2;
    if (salon_server_new(NULL, &server) < 0 || salon_server_listen(server, "127.0.0.1:0", &port) < 0) {
        fprintf(stderr, "%s\n", salon_last_error());
        return 1;
    }
    printf("listening on ws://127.0.0.1:%u/\n", (unsigned)port);
    fflush(stdout);
    while (!stopped && salon_server_poll(server, SALON_FOREVER) >= 0)
        while ((event = salon_server_next_event(server)) != NULL)
            switch (event->type) {
            case SALON_EVENT_CONNECT:
                salon_socket_join(server, event->socket, "lobby");
                break;
            case SALON_EVENT_MESSAGE:
                if (strcmp(event->name, "close") == 0)
                    salon_server_shutdown(server, 1000);
                else
                    salon_room_emit(server, "/", "lobby", 0, event->name, event->data, event->data_len);
                break;
            case SALON_EVENT_STOPPED:
                stopped = 1;
                break;
            }
    salon_server_free(server);
    return stopped ? 0 : 1;
}
