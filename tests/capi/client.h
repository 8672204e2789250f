/* A small WebSocket client for the C tests: it never blocks, so that the test
 * turns the server's loop meanwhile on the same thread. */
#ifndef SALON_TEST_CLIENT_H
#define SALON_TEST_CLIENT_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
    int fd;
    bool open;  /* The server has let it in. */
    bool ended; /* The server has closed the connection. */
    size_t len;
    char bytes[32768];
};

static inline void client_write(struct client *client, const void *bytes, size_t len) {
    if (send(client->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
        abort();
}

/* Connects, and says what is given, as it is. */
static inline struct client *client_at(const struct sockaddr *to, socklen_t to_len, const char *said, size_t len) {
    struct client *client = (struct client *)calloc(1, sizeof *client);
    client->fd = socket(to->sa_family, SOCK_STREAM, 0);
    if (client->fd < 0 || connect(client->fd, to, to_len) < 0)
        abort();
    fcntl(client->fd, F_SETFL, O_NONBLOCK);
    client_write(client, said, len);
    return client;
}

static inline struct client *client_raw(uint16_t port, const char *said, size_t len) {
    struct sockaddr_in to;
    memset(&to, 0, sizeof to);
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return client_at((struct sockaddr *)&to, sizeof to, said, len);
}

/* The request that asks to enter. */
#define CLIENT_ENTERS(path) \
    "GET " path " HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" \
    "Sec-WebSocket-Protocol: two, one\r\nX-Test: yes\r\n\r\n"

/* Asks to enter: `path` is the namespace and the query. */
static inline struct client *client_new(uint16_t port, const char *path) {
    char request[1024];
    snprintf(request, sizeof request, CLIENT_ENTERS("%s"), path);
    return client_raw(port, request, strlen(request));
}

static inline void client_free(struct client *client) {
    close(client->fd);
    free(client);
}

static inline void client_frame(struct client *client, uint8_t opcode, const void *bytes, size_t len) {
    uint8_t frame[4096];
    size_t at = 0;
    frame[at++] = (uint8_t)(0x80 | opcode);
    if (len < 126) {
        frame[at++] = (uint8_t)(0x80 | len);
    } else {
        frame[at++] = 0x80 | 126;
        frame[at++] = (uint8_t)(len >> 8);
        frame[at++] = (uint8_t)len;
    }
    memset(frame + at, 0, 4); /* A mask of zeros. */
    at += 4;
    if (len > sizeof frame - at)
        abort();
    memcpy(frame + at, bytes, len);
    client_write(client, frame, at + len);
}

static inline void client_say(struct client *client, const char *text) {
    client_frame(client, 1, text, strlen(text));
}

static inline void client_receive(struct client *client) {
    ssize_t got;
    while (client->len < sizeof client->bytes
           && (got = recv(client->fd, client->bytes + client->len, sizeof client->bytes - client->len, 0)) >= 0) {
        if (got == 0) {
            client->ended = true;
            break;
        }
        client->len += (size_t)got;
    }
}

static inline void client_forget(struct client *client, size_t len) {
    client->len -= len;
    memmove(client->bytes, client->bytes + len, client->len);
}

/* Takes the answer to the handshake, once it is whole; answers its status. */
static inline int client_status(struct client *client) {
    char *end;
    int status;
    client_receive(client);
    end = (char *)memmem(client->bytes, client->len, "\r\n\r\n", 4);
    if (end == NULL || sscanf(client->bytes, "HTTP/1.1 %d", &status) != 1)
        return 0;
    client_forget(client, (size_t)(end + 4 - client->bytes));
    client->open = status == 101;
    return status;
}

/* Takes the answer to a request, once head and body are whole; answers its
 * status. */
static inline int client_answer(struct client *client, char *body, size_t cap) {
    char *end, *length;
    size_t head, len;
    int status;
    client_receive(client);
    end = (char *)memmem(client->bytes, client->len, "\r\n\r\n", 4);
    if (end == NULL || sscanf(client->bytes, "HTTP/1.1 %d", &status) != 1)
        return 0;
    head = (size_t)(end + 4 - client->bytes);
    length = (char *)memmem(client->bytes, head, "\r\nContent-Length: ", 18);
    len = length == NULL ? 0 : (size_t)strtoul(length + 18, NULL, 10);
    if (client->len < head + len)
        return 0;
    if (len + 1 > cap)
        abort();
    memcpy(body, client->bytes + head, len);
    body[len] = '\0';
    client_forget(client, head + len);
    return status;
}

/* Takes the next frame, answers its opcode, or -1 if none is there yet. The text
 * gets a zero byte behind it, and `len_out` its length. */
static inline int client_hear(struct client *client, char *text, size_t cap, size_t *len_out) {
    const uint8_t *bytes = (const uint8_t *)client->bytes;
    size_t head = 2, len;
    int opcode;
    if (!client->open && client_status(client) == 0)
        return -1;
    client_receive(client);
    if (client->len < 2)
        return -1;
    len = bytes[1] & 127;
    if (len == 126) {
        head = 4;
        if (client->len < head)
            return -1;
        len = (size_t)bytes[2] << 8 | bytes[3];
    }
    if (client->len < head + len)
        return -1;
    opcode = bytes[0] & 15;
    if (len + 1 > cap)
        abort();
    memcpy(text, bytes + head, len);
    text[len] = '\0';
    if (len_out != NULL)
        *len_out = len;
    client_forget(client, head + len);
    return opcode;
}

#endif
