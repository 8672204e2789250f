/* Threads beside the server's: some check tokens for the guard, one tells
 * everybody what it has worked out. None of them touches the server; each has
 * a remote, the door that other threads may use.
 *
 *     cc threads.c -lsalon -lpthread -o threads && ./threads --listen 127.0.0.1:3000
 *     io("http://127.0.0.1:3000", { auth: { token: "secret-ann" } })
 *     new WebSocket("ws://127.0.0.1:3000/?token=secret-ann")
 */
#define _POSIX_C_SOURCE 200809L

#include <salon.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { CHECKERS = 2, MOST_WAITING = 64, TOKEN_BYTES = 64 };

/* Clients whose token is to be checked, from the server's thread to the checkers. */
struct question {
    salon_socket_id socket;
    char token[TOKEN_BYTES];
};
static struct question waiting[MOST_WAITING];
static size_t waiting_count;
static bool over;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;

/* For the signal handler: wake and shut down through a door of its own. */
static salon_remote *signal_remote;
static volatile sig_atomic_t asked_to_stop;

static void on_signal(int number) {
    (void)number;
    asked_to_stop = 1;
    salon_remote_wake(signal_remote);
}

static int failed(const char *what) {
    fprintf(stderr, "%s: %s\n", what, salon_last_error());
    return 1;
}

static void nap(long millis) {
    struct timespec time;
    time.tv_sec = millis / 1000;
    time.tv_nsec = millis % 1000 * 1000000;
    nanosleep(&time, NULL);
}

/* Checks tokens, as slowly as a database would. The server's thread serves all
 * others meanwhile. */
static void *checker(void *argument) {
    salon_remote *remote = (salon_remote *)argument;
    struct question question;
    for (;;) {
        pthread_mutex_lock(&lock);
        while (waiting_count == 0 && !over)
            pthread_cond_wait(&news, &lock);
        if (waiting_count == 0) {
            pthread_mutex_unlock(&lock);
            break;
        }
        question = waiting[--waiting_count];
        pthread_mutex_unlock(&lock);

        nap(50);
        /* A client that has left meanwhile is no mistake. */
        if (strncmp(question.token, "secret-", 7) == 0)
            salon_remote_accept(remote, question.socket, NULL);
        else
            salon_remote_reject(remote, question.socket, 401, "no such token");
    }
    salon_remote_free(remote);
    return NULL;
}

/* Works something out and tells it. Ends when the server is gone: then a
 * remote answers SALON_ERR_CLOSED. */
static void *teller(void *argument) {
    salon_remote *remote = (salon_remote *)argument;
    salon_audience everybody = SALON_ZERO;
    salon_message told = SALON_ZERO;
    char args[32];
    int number = 0;
    everybody.size = sizeof everybody;
    everybody.nsp = "/";
    told.size = sizeof told;
    told.name = "news";
    told.args = args;
    do {
        nap(100);
        told.args_len = (size_t)snprintf(args, sizeof args, "[%d]", ++number);
    } while (salon_remote_emit(remote, &everybody, &told) == 0);
    salon_remote_free(remote);
    return NULL;
}

/* Hands a client's token to the checkers; the answer comes through a remote. */
static void ask(salon_server *server, const salon_event *event) {
    struct question question;
    salon_bytes found;
    memset(&question, 0, sizeof question);
    question.socket = event->socket;
    if (salon_json_get(event->data, event->data_len, "/token", &found) == 0)
        salon_json_text((const char *)found.ptr, found.len, question.token, sizeof question.token);
    else if (salon_socket_query(server, event->socket, "token", &found) == 0 && found.len < TOKEN_BYTES)
        memcpy(question.token, found.ptr, found.len);

    pthread_mutex_lock(&lock);
    if (waiting_count == MOST_WAITING) {
        pthread_mutex_unlock(&lock);
        salon_socket_reject(server, event->socket, 503, "too many at the door", NULL, 0);
        return;
    }
    waiting[waiting_count++] = question;
    pthread_cond_signal(&news);
    pthread_mutex_unlock(&lock);
}

int main(int argc, char **argv) {
    const char *address = argc == 3 && strcmp(argv[1], "--listen") == 0 ? argv[2] : "127.0.0.1:3000";
    salon_namespace_config guarded = SALON_ZERO;
    pthread_t threads[CHECKERS + 1];
    salon_remote *remotes[CHECKERS + 1];
    salon_server *server;
    const salon_event *event;
    uint16_t port;
    int at, started = 0;
    bool stopping = false, stopped = false;

    guarded.size = sizeof guarded;
    guarded.flags = SALON_NAMESPACE_GUARDED;
    if (salon_server_new(NULL, &server) < 0)
        return failed("new");
    if (salon_namespace_open(server, "/", &guarded) < 0 || salon_server_listen(server, address, &port) < 0
        || salon_remote_new(server, &signal_remote) < 0) {
        failed(address);
        salon_server_free(server);
        return 1;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    /* Each thread owns its door and frees it, before or after the server's end. */
    for (at = 0; at <= CHECKERS; at++) {
        if (salon_remote_new(server, &remotes[at]) < 0)
            break;
        if (pthread_create(&threads[at], NULL, at < CHECKERS ? checker : teller, remotes[at]) != 0) {
            salon_remote_free(remotes[at]);
            break;
        }
        started++;
    }
    printf("listening on ws://%.*s:%u/\n", (int)(strrchr(address, ':') - address), address, (unsigned)port);
    fflush(stdout);

    while (!stopped && salon_server_poll(server, SALON_FOREVER) >= 0) {
        while ((event = salon_server_next_event(server)) != NULL) {
            if (event->type == SALON_EVENT_CONNECT_REQUEST)
                ask(server, event);
            else if (event->type == SALON_EVENT_MESSAGE)
                salon_namespace_emit(server, "/", event->name, event->data, event->data_len);
            else if (event->type == SALON_EVENT_STOPPED)
                stopped = true;
        }
        if (asked_to_stop && !stopping) {
            stopping = true;
            salon_server_shutdown(server, 1000);
        }
    }
    salon_server_free(server);

    pthread_mutex_lock(&lock);
    over = true;
    pthread_cond_broadcast(&news);
    pthread_mutex_unlock(&lock);
    for (at = 0; at < started; at++)
        pthread_join(threads[at], NULL);
    salon_remote_free(signal_remote);
    return stopped ? 0 : 1;
}
