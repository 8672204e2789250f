/* What the C tests share: checks that say where they stand, and the events that
 * were seen, copied. */
#ifndef SALON_TEST_HARNESS_H
#define SALON_TEST_HARNESS_H

#include <salon.h>

#include <time.h>

#include "client.h"

enum { PATIENCE_MS = 20000, MOST_SEEN = 256 };

#define CHECK(what) \
    do { \
        if (!(what)) { \
            fprintf(stderr, "%s:%d: %s; %s\n", __FILE__, __LINE__, #what, salon_last_error()); \
            exit(1); \
        } \
    } while (0)

/* That a call answers this, and, if it is an error, explains it. */
#define ANSWERS(call, wanted) answers(__FILE__, __LINE__, #call, (long)(call), (long)(wanted))

static inline void answers(const char *file, int line, const char *call, long got, long wanted) {
    if (got != wanted || (got < 0 && salon_last_error()[0] == '\0')) {
        fprintf(stderr, "%s:%d: %s: %ld, not %ld; %s\n", file, line, call, got, wanted, salon_last_error());
        exit(1);
    }
}

/* A copy of what matters of an event. */
struct seen {
    uint32_t type, flags;
    int code;
    salon_socket_id socket;
    uint64_t ack, tag;
    void *user;
    char nsp[64], name[128], data[512];
    size_t data_len, attachment_count;
    struct {
        size_t len;
        char bytes[64];
    } attachments[4];
};
static struct seen seen[MOST_SEEN];
static size_t seen_count;

static inline uint64_t now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static inline void note(const salon_event *event) {
    struct seen *copy = &seen[seen_count++];
    size_t at;
    CHECK(seen_count < MOST_SEEN);
    CHECK(event->nsp != NULL && event->name != NULL && event->data != NULL && event->attachments != NULL);
    CHECK(strlen(event->nsp) == event->nsp_len && strlen(event->name) == event->name_len);
    memset(copy, 0, sizeof *copy);
    copy->type = event->type, copy->flags = event->flags, copy->code = event->code;
    copy->socket = event->socket, copy->ack = event->ack, copy->tag = event->tag, copy->user = event->user;
    copy->data_len = event->data_len, copy->attachment_count = event->attachment_count;
    snprintf(copy->nsp, sizeof copy->nsp, "%s", event->nsp);
    snprintf(copy->name, sizeof copy->name, "%s", event->name);
    memcpy(copy->data, event->data, event->data_len < 511 ? event->data_len : 511);
    for (at = 0; at < event->attachment_count && at < 4; at++) {
        size_t len = event->attachments[at].len;
        copy->attachments[at].len = len;
        memcpy(copy->attachments[at].bytes, event->attachments[at].ptr, len < 64 ? len : 64);
    }
}

static inline void turn(salon_server *server) {
    const salon_event *event;
    CHECK(salon_server_poll(server, 5) >= 0);
    while ((event = salon_server_next_event(server)) != NULL)
        note(event);
}

/* Waits for an event of a type and takes it out of those that were seen. */
static inline struct seen wait_for(salon_server *server, uint32_t type) {
    uint64_t end = now_ms() + PATIENCE_MS;
    size_t at;
    struct seen found;
    for (;;) {
        for (at = 0; at < seen_count; at++) {
            if (seen[at].type == type) {
                found = seen[at];
                seen_count--;
                memmove(&seen[at], &seen[at + 1], (seen_count - at) * sizeof found);
                return found;
            }
        }
        if (now_ms() > end) {
            fprintf(stderr, "no event of type %u\n", type);
            exit(1);
        }
        turn(server);
    }
}

/* That none of a type is among those seen and not yet taken out. */
static inline bool saw_none(uint32_t type) {
    size_t at;
    for (at = 0; at < seen_count && seen[at].type != type; at++)
        continue;
    return at == seen_count;
}

/* The next message that a client hears; answers its opcode. */
static inline int hear(salon_server *server, struct client *client, char *text) {
    uint64_t end = now_ms() + PATIENCE_MS;
    int opcode;
    while ((opcode = client_hear(client, text, 4096, NULL)) < 0) {
        CHECK(now_ms() < end);
        turn(server);
    }
    return opcode;
}

static inline void hear_text(salon_server *server, struct client *client, const char *part) {
    char text[4096];
    CHECK(hear(server, client, text) == 1);
    if (strstr(text, part) == NULL) {
        fprintf(stderr, "heard %s, not %s\n", text, part);
        exit(1);
    }
}

static inline int status_of(salon_server *server, struct client *client) {
    uint64_t end = now_ms() + PATIENCE_MS;
    int status;
    while ((status = client_status(client)) == 0) {
        CHECK(now_ms() < end);
        turn(server);
    }
    return status;
}

static inline struct client *enter(salon_server *server, uint16_t port, const char *path, salon_socket_id *socket) {
    struct client *client = client_new(port, path);
    *socket = wait_for(server, SALON_EVENT_CONNECT).socket;
    CHECK(status_of(server, client) == 101);
    return client;
}

#endif
