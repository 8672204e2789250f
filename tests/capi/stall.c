/* In a foreign loop nothing stalls: `stall poll` and `stall uv`. What is sent
 * outside a turn, timers, acks' time-outs and what other threads send all
 * happen though no client says anything and no clock but
 * salon_server_timeout_ms() wakes the loop. */
#define _GNU_SOURCE

#include <salon.h>

#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <uv.h>

#include "client.h"

enum { PATIENCE_MS = 5000 };

static salon_server *server;
static struct client *client;
static char heard[4096];
static const char *wanted;
static uint32_t seen_type;
static int seen_code;
static uint64_t seen_tag;
static salon_socket_id guest;
static bool found;
static int sleep_ms; /* As Salon said after the last turn. */

static void fail(const char *what) {
    fprintf(stderr, "stalled: %s\n", what);
    exit(1);
}

static uint64_t now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void turn(void) {
    const salon_event *event;
    if (salon_server_poll(server, 0) < 0)
        fail(salon_last_error());
    while ((event = salon_server_next_event(server)) != NULL) {
        if (event->type == SALON_EVENT_CONNECT)
            guest = event->socket;
        seen_type = event->type;
        seen_code = event->code;
        seen_tag = event->tag;
    }
    sleep_ms = salon_server_timeout_ms(server);
}

/* What the client hears; whether it is what is waited for. */
static void listen_up(void) {
    while (client_hear(client, heard, sizeof heard, NULL) >= 0)
        if (wanted != NULL && strstr(heard, wanted) != NULL)
            found = true;
}

/* The loop with poll(2): sleeps until a descriptor is ready, or as long as Salon
 * said after the last turn. It does not ask again after commands outside a turn,
 * so that only the descriptor can tell of them. */
static void loop_poll(bool (*over)(void), const char *what) {
    uint64_t end = now_ms() + PATIENCE_MS;
    struct pollfd watched[2];
    memset(watched, 0, sizeof watched);
    watched[0].fd = salon_server_fd(server);
    watched[1].fd = client->fd;
    watched[0].events = watched[1].events = POLLIN;
    while (!over()) {
        int timeout = sleep_ms;
        uint64_t now = now_ms();
        bool until_end = timeout < 0 || now + (uint64_t)timeout > end;
        if (now >= end)
            fail(what);
        if (poll(watched, 2, until_end ? (int)(end - now) : timeout) == 0 && until_end)
            fail(what);
        /* Only what Salon asked for brings a turn about. */
        if (watched[0].revents != 0 || !until_end)
            turn();
        listen_up();
    }
}

/* The same with libuv, which asks right before it sleeps. */
static uv_poll_t readable, of_client;
static uv_timer_t timeout, end;
static uv_prepare_t before_sleep;
static const char *what_now;

static void on_readable(uv_poll_t *handle, int status, int events) {
    (void)handle, (void)status, (void)events;
    turn();
}

static void on_client(uv_poll_t *handle, int status, int events) {
    (void)handle, (void)status, (void)events;
    listen_up();
}

static void on_timeout(uv_timer_t *handle) {
    (void)handle;
    turn();
}

static void on_end(uv_timer_t *handle) {
    (void)handle;
    fail(what_now);
}

static void on_prepare(uv_prepare_t *handle) {
    int millis = salon_server_timeout_ms(server);
    (void)handle;
    uv_update_time(uv_default_loop());
    if (millis < 0)
        uv_timer_stop(&timeout);
    else
        uv_timer_start(&timeout, on_timeout, (uint64_t)millis, 0);
}

static void start_uv(void) {
    uv_loop_t *loop = uv_default_loop();
    uv_poll_init(loop, &readable, salon_server_fd(server));
    uv_poll_start(&readable, UV_READABLE, on_readable);
    uv_poll_init(loop, &of_client, client->fd);
    uv_poll_start(&of_client, UV_READABLE, on_client);
    uv_timer_init(loop, &timeout);
    uv_timer_init(loop, &end);
    uv_prepare_init(loop, &before_sleep);
    uv_prepare_start(&before_sleep, on_prepare);
}

static void stop_uv(void) {
    uv_close((uv_handle_t *)&readable, NULL);
    uv_close((uv_handle_t *)&of_client, NULL);
    uv_close((uv_handle_t *)&timeout, NULL);
    uv_close((uv_handle_t *)&end, NULL);
    uv_close((uv_handle_t *)&before_sleep, NULL);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    uv_loop_close(uv_default_loop());
}

static void loop_uv(bool (*over)(void), const char *what) {
    what_now = what;
    uv_update_time(uv_default_loop());
    uv_timer_start(&end, on_end, PATIENCE_MS, 0);
    while (!over())
        uv_run(uv_default_loop(), UV_RUN_ONCE);
    uv_timer_stop(&end);
}

static bool has_heard(void) { return found; }
static bool has_entered(void) { return guest != 0; }
static bool has_fired(void) { return seen_type == SALON_EVENT_TIMER; }
static bool has_ack(void) { return seen_type == SALON_EVENT_ACK; }
static bool has_post(void) { return seen_type == SALON_EVENT_POST; }
static bool has_stopped(void) { return seen_type == SALON_EVENT_STOPPED; }

static void expect(const char *text) {
    wanted = text;
    found = false;
    seen_type = 0;
}

/* Another thread, which speaks only once the loop is likely to be asleep. */
static void *speak(void *argument) {
    salon_remote *remote = (salon_remote *)argument;
    salon_message message = SALON_ZERO;
    struct timespec while_loop_sleeps = {0, 50 * 1000 * 1000};
    message.size = sizeof message;
    message.name = "remote";
    nanosleep(&while_loop_sleeps, NULL);
    if (salon_remote_emit(remote, NULL, &message) < 0 || salon_remote_post(remote, 7, "x", 1) < 0)
        abort();
    salon_remote_free(remote);
    return NULL;
}

int main(int argc, char **argv) {
    bool uv = argc > 1 && strcmp(argv[1], "uv") == 0;
    void (*loop)(bool (*)(void), const char *) = uv ? loop_uv : loop_poll;
    salon_message question = SALON_ZERO;
    salon_remote *remote;
    pthread_t thread;
    uint64_t started;
    uint16_t port;
    int round;

    if (salon_server_new(NULL, &server) < 0 || salon_server_listen(server, "127.0.0.1:0", &port) < 0)
        fail(salon_last_error());
    client = client_new(port, "/");
    if (uv)
        start_uv();
    loop(has_entered, "entering");
    expect("connect");
    if (strstr(heard, wanted) == NULL)
        loop(has_heard, "the greeting");

    for (round = 0; round < 20; round++) {
        /* The loop has come to rest before each: nothing is due, nothing moves. */
        expect("outside");
        while (salon_server_timeout_ms(server) == 0)
            turn();
        if (salon_socket_emit(server, guest, "outside", NULL, 0) != 1)
            fail(salon_last_error());
        loop(has_heard, "a message that is sent outside a turn");

        expect(NULL);
        started = now_ms();
        if (salon_timer_start(server, 30, 0, 5, NULL) < 0)
            fail(salon_last_error());
        loop(has_fired, "a timer");
        if (seen_tag != 5 || now_ms() - started < 29 || now_ms() - started > 1000)
            fail("a timer at the wrong time");

        expect(NULL);
        question.size = sizeof question;
        question.name = "question";
        started = now_ms();
        if (salon_socket_emit_with_ack(server, guest, &question, 30, NULL) < 0)
            fail(salon_last_error());
        loop(has_ack, "an ack's time-out");
        if (seen_code != SALON_ERR_TIMEOUT || now_ms() - started > 1000)
            fail("an ack that came out wrong");

        expect("remote");
        if (salon_remote_new(server, &remote) < 0 || pthread_create(&thread, NULL, speak, remote) != 0)
            fail("a thread");
        loop(has_heard, "what another thread emits");
        if (!has_post())
            loop(has_post, "what another thread posts");
        pthread_join(thread, NULL);
    }

    expect(NULL);
    if (salon_server_shutdown(server, 100) < 0)
        fail(salon_last_error());
    loop(has_stopped, "shutting down");
    if (uv)
        stop_uv();
    salon_server_free(server);
    client_free(client);
    return 0;
}
