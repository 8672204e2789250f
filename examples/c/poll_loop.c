/* Salon in a program's own poll(2) loop, beside another descriptor: each line
 * typed on standard input goes to every client.
 *
 *     cc poll_loop.c -lsalon -o poll_loop && ./poll_loop --listen 127.0.0.1:3000
 *
 * Embedding takes three calls: salon_server_fd() is watched for reading,
 * salon_server_timeout_ms() is how long to sleep at most, and
 * salon_server_poll(server, 0) does a turn after either.
 */
#define _POSIX_C_SOURCE 200809L

#include <salon.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int failed(const char *what) {
    fprintf(stderr, "%s: %s\n", what, salon_last_error());
    return 1;
}

/* One turn, without waiting. Answers whether the server is still there. */
static bool turn(salon_server *server) {
    const salon_event *event;
    bool stopped = false;
    if (salon_server_poll(server, 0) < 0) {
        failed("poll");
        return false;
    }
    /* All events are taken, so that next_event() can write what was answered. */
    while ((event = salon_server_next_event(server)) != NULL) {
        if (event->type == SALON_EVENT_MESSAGE)
            salon_namespace_emit(server, "/", event->name, event->data, event->data_len);
        else if (event->type == SALON_EVENT_STOPPED)
            stopped = true;
    }
    return !stopped;
}

/* A line is sent outside a turn. Nothing more is needed: the descriptor
 * becomes readable by itself, and the loop comes round to a turn. */
static void say(salon_server *server, const char *line, size_t len) {
    salon_bytes text;
    char args[4096];
    ptrdiff_t args_len;
    text.ptr = line;
    text.len = len;
    args_len = salon_json_bind(args, sizeof args, "[?]", &text, 1);
    if (args_len < 0 || (size_t)args_len >= sizeof args
        || salon_namespace_emit(server, "/", "line", args, (size_t)args_len) < 0)
        failed("line");
}

/* Takes what was typed; says each whole line. Answers false at the end. */
static bool typed(salon_server *server) {
    static char line[512];
    static size_t len;
    char *end;
    ssize_t got = read(STDIN_FILENO, line + len, sizeof line - len);
    if (got <= 0)
        return false;
    len += (size_t)got;
    while ((end = (char *)memchr(line, '\n', len)) != NULL) {
        size_t whole = (size_t)(end - line);
        say(server, line, whole);
        len -= whole + 1;
        memmove(line, end + 1, len);
    }
    if (len == sizeof line) /* Too long: it goes out in pieces. */
        say(server, line, len), len = 0;
    return true;
}

int main(int argc, char **argv) {
    const char *address = argc == 3 && strcmp(argv[1], "--listen") == 0 ? argv[2] : "127.0.0.1:3000";
    salon_server *server;
    struct pollfd watched[2];
    uint16_t port;

    if (salon_server_new(NULL, &server) < 0)
        return failed("new");
    if (salon_server_listen(server, address, &port) < 0) {
        failed(address);
        salon_server_free(server);
        return 1;
    }
    printf("listening on ws://%.*s:%u/\n", (int)(strrchr(address, ':') - address), address, (unsigned)port);
    fflush(stdout);

    watched[0].fd = salon_server_fd(server); /* The same for the server's life. */
    watched[1].fd = STDIN_FILENO;
    watched[0].events = watched[1].events = POLLIN;
    do {
        /* The timeout is asked for each time, right before sleeping. */
        int ready = poll(watched, 2, salon_server_timeout_ms(server));
        if (ready < 0 && errno != EINTR)
            break;
        if (ready > 0 && (watched[1].revents & (POLLIN | POLLHUP)) != 0 && !typed(server)) {
            /* End of input: say goodbye. A negative descriptor is skipped. */
            watched[1].fd = -1;
            salon_server_shutdown(server, 1000);
        }
    } while (turn(server));
    salon_server_free(server);
    return 0;
}
