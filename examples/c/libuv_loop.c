/* Salon in a libuv loop: a uv_poll_t on its descriptor, a uv_timer_t for its
 * timeout, and whatever else the program has in the loop; here a clock that
 * tells every client the time, and the signals that end it.
 *
 *     cc libuv_loop.c -lsalon -luv -o libuv_loop && ./libuv_loop --listen 127.0.0.1:3000
 */
#define _POSIX_C_SOURCE 200809L

#include <salon.h>

#include <stdio.h>
#include <string.h>
#include <uv.h>

static salon_server *server;
static uv_poll_t readable;
static uv_timer_t timeout;
static uv_prepare_t before_sleep;
static uv_timer_t clock_timer;
static uv_signal_t signals[2];

static int failed(const char *what) {
    fprintf(stderr, "%s: %s\n", what, salon_last_error());
    return 1;
}

/* With its last handle closed, uv_run() returns. */
static void close_all(void) {
    uv_close((uv_handle_t *)&readable, NULL);
    uv_close((uv_handle_t *)&timeout, NULL);
    uv_close((uv_handle_t *)&before_sleep, NULL);
    uv_close((uv_handle_t *)&clock_timer, NULL);
    uv_close((uv_handle_t *)&signals[0], NULL);
    uv_close((uv_handle_t *)&signals[1], NULL);
}

static void turn(void) {
    const salon_event *event;
    bool stopped = false;
    if (salon_server_poll(server, 0) < 0) {
        failed("poll");
        stopped = true;
    }
    while ((event = salon_server_next_event(server)) != NULL) {
        if (event->type == SALON_EVENT_MESSAGE)
            salon_namespace_emit(server, "/", event->name, event->data, event->data_len);
        else if (event->type == SALON_EVENT_STOPPED)
            stopped = true;
    }
    if (stopped)
        close_all();
}

static void on_readable(uv_poll_t *handle, int status, int events) {
    (void)handle, (void)status, (void)events;
    turn();
}

static void on_timeout(uv_timer_t *handle) {
    (void)handle;
    turn();
}

/* libuv calls this each time before it sleeps: the moment to ask Salon how
 * long that may take. Whatever callback sent something, it is seen here. */
static void on_prepare(uv_prepare_t *handle) {
    int millis = salon_server_timeout_ms(server);
    (void)handle;
    if (millis < 0) {
        uv_timer_stop(&timeout);
        return;
    }
    /* libuv counts from when this round began; salon from now. */
    uv_update_time(uv_default_loop());
    uv_timer_start(&timeout, on_timeout, (uint64_t)millis, 0);
}

/* Outside a turn one may send as well: the descriptor wakes by itself. */
static void on_clock(uv_timer_t *handle) {
    char args[64];
    int len = snprintf(args, sizeof args, "[%llu]", (unsigned long long)uv_now(handle->loop));
    salon_namespace_emit(server, "/", "time", args, (size_t)len);
}

static void on_signal(uv_signal_t *handle, int number) {
    (void)number;
    uv_signal_stop(handle);
    salon_server_shutdown(server, 1000);
}

int main(int argc, char **argv) {
    const char *address = argc == 3 && strcmp(argv[1], "--listen") == 0 ? argv[2] : "127.0.0.1:3000";
    uv_loop_t *loop = uv_default_loop();
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

    uv_poll_init(loop, &readable, salon_server_fd(server));
    uv_poll_start(&readable, UV_READABLE, on_readable);
    uv_timer_init(loop, &timeout);
    uv_prepare_init(loop, &before_sleep);
    uv_prepare_start(&before_sleep, on_prepare);
    uv_timer_init(loop, &clock_timer);
    uv_timer_start(&clock_timer, on_clock, 200, 200);
    uv_signal_init(loop, &signals[0]);
    uv_signal_start(&signals[0], on_signal, SIGINT);
    uv_signal_init(loop, &signals[1]);
    uv_signal_start(&signals[1], on_signal, SIGTERM);

    uv_run(loop, UV_RUN_DEFAULT);
    uv_loop_close(loop);
    salon_server_free(server);
    return 0;
}
