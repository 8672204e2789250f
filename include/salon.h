/* Salon: a chat engine that a program embeds. Socket.IO and plain WebSocket
 * clients, in namespaces and rooms, on one thread.
 *
 * A server does nothing by itself. salon_server_poll() does one turn and
 * answers how many events there are; salon_server_next_event() gives one after
 * the other; what you say in between goes out when none is left:
 *
 *     salon_server *server;
 *     const salon_event *event;
 *     if (salon_server_new(NULL, &server) < 0 || salon_server_listen(server, "127.0.0.1:3000", NULL) < 0)
 *         return fprintf(stderr, "%s\\n", salon_last_error()), 1;
 *     while (salon_server_poll(server, SALON_FOREVER) >= 0)
 *         while ((event = salon_server_next_event(server)) != NULL)
 *             if (event->type == SALON_EVENT_CONNECT)
 *                 salon_socket_join(server, event->socket, "lobby");
 *             else if (event->type == SALON_EVENT_MESSAGE)
 *                 salon_room_emit(server, "/", "lobby", event->socket, event->name, event->data, event->data_len);
 *
 * Answers: int, zero or a count; negative is a salon_error, and
 * salon_last_error() says in a sentence why. A call that fails has changed
 * nothing.
 * Memory: events and all texts handed out are the library's and stay until the
 * next poll that starts a turn; there is nothing to free but the server and its
 * remotes. What you hand in is copied before the call returns.
 * Texts: UTF-8. Names are zero-terminated in and out (and carry a length out),
 * payloads carry a length.
 * Structs: SALON_ZERO is every default; `size` comes first where you make one.
 * Threads: a server belongs to one thread at a time, and misuse is
 * SALON_ERR_BUSY; salon_remote_* is for the others.
 * Clients that leave: a socket stays known until the poll after its DISCONNECT;
 * commands on it succeed and do nothing. After that its id is NOT_FOUND. */

/* Made by cbindgen from src/ffi; `cargo test --test header` keeps it so. */


#ifndef SALON_H
#define SALON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32) && defined(SALON_SHARED)
#define SALON_API __declspec(dllimport)
#else
#define SALON_API
#endif

#if defined(__GNUC__) || defined(__clang__)
#define SALON_MUST_USE __attribute__((warn_unused_result))
#else
#define SALON_MUST_USE
#endif

/* Zeroes a struct in C and in C++: `salon_config config = SALON_ZERO;`. */
#ifdef __cplusplus
#define SALON_ZERO {}
#else
#define SALON_ZERO {0}
#endif


/*
 Major part of the version of this header.
 */
#define SALON_VERSION_MAJOR 0

/*
 Minor part of the version of this header.
 */
#define SALON_VERSION_MINOR 1

/*
 Patch part of the version of this header.
 */
#define SALON_VERSION_PATCH 0

/*
 Binary interface that this header describes; see salon_abi_version().
 */
#define SALON_ABI_VERSION 1

/*
 Wait without end, for salon_server_poll().
 */
#define SALON_FOREVER -1

/*
 No limit, for every limit where none makes sense.
 */
#define SALON_UNLIMITED UINT32_MAX

/*
 What a call can answer. Zero or more is success, every failure is negative.
 */
typedef enum salon_error {
    /*
     Success.
     */
    SALON_OK = 0,
    /*
     A null pointer, a text that is not UTF-8, JSON that is none, or a value out of range.
     */
    SALON_ERR_INVALID = -1,
    /*
     No such socket, namespace, request, timer or ack; also a stale id.
     */
    SALON_ERR_NOT_FOUND = -2,
    /*
     The call does not fit the object's state (say, accepting twice).
     */
    SALON_ERR_STATE = -3,
    /*
     A limit of the configuration is reached.
     */
    SALON_ERR_LIMIT = -4,
    /*
     The socket's send queue is full; the message was not queued.
     */
    SALON_ERR_BACKPRESSURE = -5,
    /*
     The operating system refused; see salon_last_error().
     */
    SALON_ERR_IO = -6,
    /*
     The server is shut down, or the remote's server is gone.
     */
    SALON_ERR_CLOSED = -7,
    /*
     No answer came in time; only in SALON_EVENT_ACK.
     */
    SALON_ERR_TIMEOUT = -8,
    /*
     Called from a second thread while another call is running, or re-entered.
     */
    SALON_ERR_BUSY = -9,
    /*
     A bug in Salon was caught. The server answers this to every later call.
     */
    SALON_ERR_PANIC = -99,
} salon_error;

/*
 What happens when a client reads too slowly.
 */
typedef enum salon_overflow {
    /*
     It is disconnected.
     */
    SALON_OVERFLOW_DISCONNECT = 0,
    /*
     Sends to it answer SALON_ERR_BACKPRESSURE; broadcasts skip it. What was
     dropped is counted and told by SALON_EVENT_DRAIN.
     */
    SALON_OVERFLOW_DROP = 1,
} salon_overflow;

/*
 Bits of salon_config.flags.
 */
typedef enum salon_config_flag {
    /*
     Hand HTTP requests that are not Salon's own to the host, as
     SALON_EVENT_HTTP_REQUEST. Otherwise they get 404.
     */
    SALON_CONFIG_HTTP = 1,
    /*
     Refuse HTTP long-polling.
     */
    SALON_CONFIG_NO_POLLING = 2,
    /*
     Refuse WebSocket to Socket.IO clients.
     */
    SALON_CONFIG_NO_WEBSOCKET = 4,
    /*
     Do not let Socket.IO clients move from polling to WebSocket.
     */
    SALON_CONFIG_NO_UPGRADE = 8,
    /*
     Serve plain WebSocket clients only.
     */
    SALON_CONFIG_NO_SOCKETIO = 16,
    /*
     Let pages send cookies along.
     */
    SALON_CONFIG_CREDENTIALS = 32,
    /*
     Keep the handshake's headers and query of plain WebSockets as well.
     */
    SALON_CONFIG_KEEP_HANDSHAKES = 64,
    /*
     Deliver SALON_EVENT_ROOM_CREATED and SALON_EVENT_ROOM_DELETED.
     */
    SALON_CONFIG_ROOM_EVENTS = 128,
    /*
     Deliver SALON_EVENT_JOINED and SALON_EVENT_LEFT.
     */
    SALON_CONFIG_MEMBER_EVENTS = 256,
    /*
     Let Socket.IO clients that lost their connection come back as the same
     socket; see the recovery_* fields.
     */
    SALON_CONFIG_RECOVERY = 512,
} salon_config_flag;

/*
 Bits of salon_namespace_config.flags.
 */
typedef enum salon_namespace_flag {
    /*
     Each client that asks to enter raises SALON_EVENT_CONNECT_REQUEST and waits.
     */
    SALON_NAMESPACE_GUARDED = 1,
    /*
     Refuse plain WebSockets with which no subprotocol is in common.
     */
    SALON_NAMESPACE_REQUIRE_SUBPROTOCOL = 2,
} salon_namespace_flag;

/*
 What plain WebSocket clients speak.
 */
typedef enum salon_dialect {
    /*
     As the namespace has it; for a namespace, JSON.
     */
    SALON_DIALECT_DEFAULT = 0,
    /*
     Text messages are objects: {"event":"say","data":...}.
     */
    SALON_DIALECT_JSON = 1,
    /*
     Text and binary messages go through as they are.
     */
    SALON_DIALECT_RAW = 2,
} salon_dialect;

/*
 What happened, and which fields of salon_event tell more. Ignore those that
 you do not know.
 */
typedef enum salon_event_type {
    /*
     A client asks to enter a guarded namespace: socket, nsp, data (its auth
     payload). Answer with salon_socket_accept() or salon_socket_reject(), now
     or later. Exactly one CONNECT or DISCONNECT follows.
     */
    SALON_EVENT_CONNECT_REQUEST = 1,
    /*
     A client is in: socket, nsp, data (its auth payload), tag (the id that it
     had before, if it has been recovered).
     */
    SALON_EVENT_CONNECT = 2,
    /*
     A client is gone: socket, nsp, user, code (a salon_reason), name (the
     same in words), tag (the WebSocket close code), data (the text beside
     it), attachments (the rooms it was in). Exactly one for each socket that
     was announced. SALON_EVENT_FLAG_MAY_RETURN: EXPIRED or a CONNECT with
     this id as its tag follows.
     */
    SALON_EVENT_DISCONNECT = 3,
    /*
     A client sent an event: socket, nsp, name, data (a JSON array of its
     arguments), attachments, and ack if it wants an answer.
     */
    SALON_EVENT_MESSAGE = 4,
    /*
     An answer to a question of yours, or that none comes: socket, ack, code
     (SALON_OK, SALON_ERR_TIMEOUT or SALON_ERR_CLOSED), data, attachments.
     */
    SALON_EVENT_ACK = 5,
    /*
     A full send queue has room again: socket, tag (how many messages were
     dropped).
     */
    SALON_EVENT_DRAIN = 6,
    /*
     A timer fired: tag, ack (the timer).
     */
    SALON_EVENT_TIMER = 7,
    /*
     Another thread posted: tag, data.
     */
    SALON_EVENT_POST = 8,
    /*
     salon_server_shutdown() is done.
     */
    SALON_EVENT_STOPPED = 9,
    /*
     A question to an audience is over: ack, code (how many answered), tag (of
     how many).
     */
    SALON_EVENT_ACKS_DONE = 11,
    /*
     A client of the raw dialect sent a message: socket, nsp, data, flags
     (SALON_EVENT_FLAG_TEXT for text).
     */
    SALON_EVENT_DATA = 12,
    /*
     An HTTP request: ack (for salon_http_respond()), name (the method), nsp
     (the path), data (the body). Its other parts by salon_http_header() and
     salon_http_query().
     */
    SALON_EVENT_HTTP_REQUEST = 13,
    /*
     A room came about: nsp, name.
     */
    SALON_EVENT_ROOM_CREATED = 14,
    /*
     A room is gone: nsp, name.
     */
    SALON_EVENT_ROOM_DELETED = 15,
    /*
     A socket is in a room: socket, nsp, name.
     */
    SALON_EVENT_JOINED = 16,
    /*
     A socket is no longer in a room: socket, nsp, name.
     */
    SALON_EVENT_LEFT = 17,
    /*
     A Socket.IO client has moved from polling to WebSocket: socket, nsp.
     */
    SALON_EVENT_UPGRADED = 18,
    /*
     A client that might have come back has not: tag (the id that it had),
     nsp, user.
     */
    SALON_EVENT_EXPIRED = 19,
} salon_event_type;

/*
 Bits of salon_event.flags.
 */
typedef enum salon_event_flag {
    /*
     The data of a raw message is text.
     */
    SALON_EVENT_FLAG_TEXT = 1,
    /*
     The client that is gone may come back.
     */
    SALON_EVENT_FLAG_MAY_RETURN = 2,
} salon_event_flag;

/*
 Why a client is gone.
 */
typedef enum salon_reason {
    /*
     It said goodbye in the orderly way.
     */
    SALON_REASON_CLIENT_LEFT = 0,
    /*
     Its connection ended without a goodbye.
     */
    SALON_REASON_TRANSPORT_CLOSE = 1,
    /*
     Its connection broke.
     */
    SALON_REASON_TRANSPORT_ERROR = 2,
    /*
     It answered no ping in time.
     */
    SALON_REASON_PING_TIMEOUT = 3,
    /*
     The host disconnected it.
     */
    SALON_REASON_SERVER_LEFT = 4,
    /*
     Its namespace was closed.
     */
    SALON_REASON_NAMESPACE_CLOSED = 5,
    /*
     The guard rejected it.
     */
    SALON_REASON_REJECTED = 6,
    /*
     The guard did not answer in time.
     */
    SALON_REASON_GUARD_TIMEOUT = 7,
    /*
     It broke the protocol.
     */
    SALON_REASON_PROTOCOL_ERROR = 8,
    /*
     It sent a packet that can't be decoded.
     */
    SALON_REASON_PARSE_ERROR = 9,
    /*
     It sent a message over the limit.
     */
    SALON_REASON_MESSAGE_TOO_BIG = 10,
    /*
     It broke another limit.
     */
    SALON_REASON_POLICY_VIOLATION = 11,
    /*
     It read too slowly.
     */
    SALON_REASON_SLOW_READER = 12,
    /*
     The memory of all queues was used up.
     */
    SALON_REASON_OUT_OF_MEMORY = 13,
    /*
     The server shuts down.
     */
    SALON_REASON_SHUTDOWN = 14,
} salon_reason;

/*
 How a client talks.
 */
typedef enum salon_protocol {
    /*
     Socket.IO 5 over Engine.IO 4.
     */
    SALON_PROTOCOL_SOCKETIO = 1,
    /*
     Plain WebSocket with JSON messages {"event": ..., "data": ...}.
     */
    SALON_PROTOCOL_JSON = 2,
    /*
     Plain WebSocket with messages as they are.
     */
    SALON_PROTOCOL_RAW = 3,
} salon_protocol;

/*
 What its bytes travel on now.
 */
typedef enum salon_transport {
    /*
     HTTP requests, one of which waits for news.
     */
    SALON_TRANSPORT_POLLING = 1,
    /*
     One WebSocket.
     */
    SALON_TRANSPORT_WEBSOCKET = 2,
} salon_transport;

/*
 Bits of salon_message.flags.
 */
typedef enum salon_message_flag {
    /*
     Leave it out for clients that are behind with what was sent before.
     */
    SALON_MESSAGE_VOLATILE = 1,
} salon_message_flag;

/*
 Bits of the flags of salon_socket_send() and salon_server_send().
 */
typedef enum salon_send_flag {
    /*
     A text message; otherwise it is binary.
     */
    SALON_SEND_TEXT = 1,
    /*
     Leave it out for clients that are behind.
     */
    SALON_SEND_VOLATILE = 2,
} salon_send_flag;

/*
 A door to a server that other threads may use. It may outlive the server:
 then its calls answer SALON_ERR_CLOSED.
 */
typedef struct salon_remote salon_remote;

/*
 The chat engine. Belongs to one thread at a time: a call while another one
 runs answers SALON_ERR_BUSY.
 */
typedef struct salon_server salon_server;

/*
 A client in a namespace. Ids are never reused while a stale copy could be
 mistaken for another client; zero is nobody.
 */
typedef uint64_t salon_socket_id;

/*
 To whom: the union of the rooms and sockets, or the whole namespace if none
 is named, less the excepted ones. Each client receives once. Zero is the
 default.
 */
typedef struct salon_audience {
    /*
     Always `sizeof(salon_audience)`.
     */
    size_t size;
    /*
     Namespace; null is all of them.
     */
    const char *nsp;
    /*
     Rooms whose members receive it.
     */
    const char *const *rooms;
    /*
     How many.
     */
    size_t room_count;
    /*
     Rooms whose members do not.
     */
    const char *const *except_rooms;
    /*
     How many.
     */
    size_t except_room_count;
    /*
     Single clients that receive it.
     */
    const salon_socket_id *sockets;
    /*
     How many.
     */
    size_t socket_count;
    /*
     Clients that do not.
     */
    const salon_socket_id *except_sockets;
    /*
     How many.
     */
    size_t except_socket_count;
} salon_audience;

/*
 `len` bytes at `ptr`, which belong to someone else.
 */
typedef struct salon_bytes {
    /*
     The bytes; may be anything if there are none.
     */
    const void *ptr;
    /*
     How many.
     */
    size_t len;
} salon_bytes;

/*
 An outgoing event with everything said. Zero is the default.
 */
typedef struct salon_message {
    /*
     Always `sizeof(salon_message)`.
     */
    size_t size;
    /*
     Event name.
     */
    const char *name;
    /*
     JSON array of the arguments. Null: none, or the attachments themselves.
     */
    const char *args;
    /*
     Bytes of `args`.
     */
    size_t args_len;
    /*
     Binary attachments, to which `args` refers by {"_placeholder":true,"num":0}.
     */
    const struct salon_bytes *attachments;
    /*
     How many.
     */
    size_t attachment_count;
    /*
     SALON_MESSAGE_* bits.
     */
    uint32_t flags;
    /*
     How long to wait for answers; zero asks for none.
     */
    uint32_t ack_timeout_ms;
} salon_message;

/*
 How a server behaves. Zero in a field means its default, so
 `salon_config config = SALON_ZERO; config.size = sizeof config;` is a good
 start; SALON_UNLIMITED means none where none makes sense. Times are in
 milliseconds, sizes in bytes.
 */
typedef struct salon_config {
    /*
     Always `sizeof(salon_config)`: tells which fields the caller knows.
     */
    size_t size;
    /*
     Path of the Socket.IO endpoint. Default "/socket.io/".
     */
    const char *socketio_path;
    /*
     Which web pages may connect: null is no check, "*" all, "same" those of
     the host and port that the request is for; or origins, separated by commas.
     */
    const char *allowed_origins;
    /*
     SALON_CONFIG_* bits.
     */
    uint32_t flags;
    /*
     What a full send queue does: SALON_OVERFLOW_*.
     */
    uint32_t overflow;
    /*
     Bytes of a request's head. Default 16384.
     */
    uint32_t head_bytes;
    /*
     Header lines of a request. Default 100.
     */
    uint32_t header_lines;
    /*
     Bytes of a request's target. Default 8192.
     */
    uint32_t target_bytes;
    /*
     From a head's first byte to its end. Default 10000.
     */
    uint32_t head_timeout_ms;
    /*
     For a request's body. Default 30000.
     */
    uint32_t body_timeout_ms;
    /*
     How long a kept connection may stand without a request. Default 10000.
     */
    uint32_t idle_timeout_ms;
    /*
     How long the host may take to answer an HTTP request. Default 30000.
     */
    uint32_t response_timeout_ms;
    /*
     Largest message or body taken from a client. Default 1000000.
     */
    uint32_t message_bytes;
    /*
     Fragments of one message. Default 1024.
     */
    uint32_t message_fragments;
    /*
     How long a client may take to answer a close frame. Default 5000.
     */
    uint32_t close_timeout_ms;
    /*
     Send queue of one client. Default 4194304.
     */
    uint32_t queue_bytes;
    /*
     Bytes that wait in the mailbox of other threads. Default 67108864.
     */
    uint32_t mailbox_bytes;
    /*
     All queues and partial messages together. Default 1073741824.
     */
    uint64_t memory_bytes;
    /*
     Silence after which a client is pinged. Default 25000.
     */
    uint32_t ping_interval_ms;
    /*
     How long it may take to answer. Default 20000.
     */
    uint32_t ping_timeout_ms;
    /*
     How long a guard may think and a client may take to enter. Default 45000.
     */
    uint32_t connect_timeout_ms;
    /*
     Time for the upgrade from polling to WebSocket. Default 10000.
     */
    uint32_t upgrade_timeout_ms;
    /*
     Time for the attachments of one packet. Default 20000.
     */
    uint32_t attachment_timeout_ms;
    /*
     How long a closed polling session waits to be fetched. Default 30000.
     */
    uint32_t drop_timeout_ms;
    /*
     Kept for a client while its guard thinks. Default 65536.
     */
    uint32_t waiting_bytes;
    /*
     Sessions that nobody has come back to. Default 20000.
     */
    uint32_t unclaimed_sessions;
    /*
     Acks that the host owes to one socket. Default 1024.
     */
    uint32_t acks_owed;
    /*
     Acks that one socket owes to the host. Default 1024.
     */
    uint32_t acks_awaited;
    /*
     Attachments of one event. Default 10.
     */
    uint32_t attachments;
    /*
     Packets in one payload that a client posts. Default 4096.
     */
    uint32_t payload_packets;
    /*
     Packets in the answer to one poll. Default 16.
     */
    uint32_t poll_packets;
    /*
     Bytes of the name of a namespace, room or event. Default 255.
     */
    uint32_t name_bytes;
    /*
     Namespaces of one session. Default 16.
     */
    uint32_t namespaces;
    /*
     Rooms of one socket. Default 128.
     */
    uint32_t rooms;
    /*
     Depth of arrays and objects. Default 64.
     */
    uint32_t json_depth;
    /*
     Messages taken from one connection in one turn. Default 256.
     */
    uint32_t turn_messages;
    /*
     Open connections. Default: as many as the system allows.
     */
    uint32_t connections;
    /*
     How long a client may stay away and be recovered. Default 120000.
     */
    uint32_t recovery_window_ms;
    /*
     Events kept for those who are away. Default 10000.
     */
    uint32_t recovery_events;
    /*
     Bytes of these events. Default 16777216.
     */
    uint32_t recovery_bytes;
    /*
     Clients that may be away at a time. Default 10000.
     */
    uint32_t recovery_sockets;
} salon_config;

/*
 One event. It belongs to the server: it and everything that it points to
 stay until the next salon_server_poll() that starts a turn, or
 salon_server_free(), whatever else is called between. Names are UTF-8 and
 end in a zero byte besides their length; payloads do not. Pointers are never
 null. Later versions add fields at the end.
 */
typedef struct salon_event {
    /*
     A salon_event_type.
     */
    uint32_t type;
    /*
     A salon_error, a salon_reason or a count, as the type tells.
     */
    int32_t code;
    /*
     Whom it concerns, or zero.
     */
    salon_socket_id socket;
    /*
     For salon_ack_answer(), or the number that a question of yours has; or zero.
     */
    uint64_t ack;
    /*
     A number, as the type tells.
     */
    uint64_t tag;
    /*
     The pointer set with salon_socket_set_user(), as it is when the event is
     taken.
     */
    void *user;
    /*
     Namespace, such as "/".
     */
    const char *nsp;
    /*
     Bytes of `nsp`.
     */
    size_t nsp_len;
    /*
     Event name, room, or reason in words.
     */
    const char *name;
    /*
     Bytes of `name`.
     */
    size_t name_len;
    /*
     Payload: JSON text, or bytes.
     */
    const char *data;
    /*
     Bytes of `data`.
     */
    size_t data_len;
    /*
     Binary attachments, in the order of their placeholders in `data`.
     */
    const struct salon_bytes *attachments;
    /*
     How many.
     */
    size_t attachment_count;
    /*
     SALON_EVENT_FLAG_* bits.
     */
    uint32_t flags;
} salon_event;

/*
 How a namespace is run; zero is the default.
 */
typedef struct salon_namespace_config {
    /*
     Always `sizeof(salon_namespace_config)`.
     */
    size_t size;
    /*
     SALON_NAMESPACE_* bits.
     */
    uint32_t flags;
    /*
     SALON_DIALECT_*.
     */
    uint32_t dialect;
    /*
     Subprotocols that are spoken here, the preferred one first.
     */
    const char *const *subprotocols;
    /*
     How many.
     */
    size_t subprotocol_count;
} salon_namespace_config;

/*
 Counters since the start, and gauges of now.
 */
typedef struct salon_stats {
    /*
     Always `sizeof(salon_stats)`, set by the caller.
     */
    size_t size;
    /*
     Open connections.
     */
    uint64_t connections;
    /*
     Sessions.
     */
    uint64_t sessions;
    /*
     Sockets that are in a namespace.
     */
    uint64_t sockets;
    /*
     Namespaces.
     */
    uint64_t namespaces;
    /*
     Rooms.
     */
    uint64_t rooms;
    /*
     Bytes that wait in send queues, counted for every receiver.
     */
    uint64_t queued_bytes;
    /*
     Memory of all queues and partial messages.
     */
    uint64_t memory_bytes;
    /*
     Connections taken since the start.
     */
    uint64_t accepted;
    /*
     Messages received.
     */
    uint64_t messages_in;
    /*
     Messages queued, counted for every receiver.
     */
    uint64_t messages_out;
    /*
     Bytes received.
     */
    uint64_t bytes_in;
    /*
     Bytes sent.
     */
    uint64_t bytes_out;
    /*
     HTTP requests that were no handshakes.
     */
    uint64_t requests;
    /*
     Messages that could not be taken.
     */
    uint64_t exceptions;
    /*
     Volatile messages left out.
     */
    uint64_t dropped_volatile;
    /*
     Messages dropped because a send queue was full.
     */
    uint64_t dropped_full;
    /*
     Malformed requests and handshakes.
     */
    uint64_t refused_malformed;
    /*
     Handshakes of other origins.
     */
    uint64_t refused_origin;
    /*
     Handshakes for unknown namespaces.
     */
    uint64_t refused_namespace;
    /*
     Handshakes without a subprotocol in common.
     */
    uint64_t refused_subprotocol;
    /*
     Handshakes that the guard rejected.
     */
    uint64_t refused_guard;
    /*
     Requests and handshakes that took too long.
     */
    uint64_t refused_timeout;
    /*
     Times that accepting paused.
     */
    uint64_t accept_pauses;
    /*
     Sockets that are gone, by salon_reason.
     */
    uint64_t disconnects[15];
} salon_stats;

/*
 How a waiting client is let in; zero leaves a thing as the namespace has it.
 */
typedef struct salon_accept {
    /*
     Always `sizeof(salon_accept)`.
     */
    size_t size;
    /*
     The host's pointer for it; null leaves what salon_socket_set_user() set.
     */
    void *user;
    /*
     Rooms that it is in before its CONNECT.
     */
    const char *const *rooms;
    /*
     How many.
     */
    size_t room_count;
    /*
     SALON_DIALECT_*, for a plain WebSocket.
     */
    uint32_t dialect;
    /*
     The subprotocol, one of those that it offered; null leaves the choice to
     the namespace.
     */
    const char *subprotocol;
} salon_accept;

/*
 What is known of a client; see salon_socket_describe().
 */
typedef struct salon_socket_info {
    /*
     Always `sizeof(salon_socket_info)`, set by the caller.
     */
    size_t size;
    /*
     The name by which the client knows its socket, zero-terminated; empty for
     the raw dialect.
     */
    const char *sid;
    /*
     "address:port" of the peer, zero-terminated; empty over a Unix socket.
     */
    const char *address;
    /*
     A salon_protocol; 0 if it has left.
     */
    uint32_t protocol;
    /*
     A salon_transport; 0 if it has left.
     */
    uint32_t transport;
    /*
     Bytes that wait in its send queue.
     */
    size_t queued;
    /*
     When its handshake came, in milliseconds since 1970; 0 if that is not kept.
     */
    uint64_t connected_ms;
} salon_socket_info;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/*
 Version of the library as major * 1000000 + minor * 1000 + patch.
 */
SALON_API uint32_t salon_version(void);

/*
 The library's SALON_ABI_VERSION. Refuse to run if it differs from the header's.
 */
SALON_API uint32_t salon_abi_version(void);

/*
 Sends an event to an audience (null: everybody). Answers for how many it was
 queued; an empty audience is 0. With ack_timeout_ms, one SALON_EVENT_ACK
 comes for each that answers, leaves or is late, and a last
 SALON_EVENT_ACKS_DONE; `ack_out` gets their number, and the answer is 0.
 */
SALON_API
int salon_server_emit(struct salon_server *server,
                      const struct salon_audience *to,
                      const struct salon_message *message,
                      uint64_t *ack_out);

/*
 Sends a raw message to an audience; to clients of other dialects the event
 "message". `flags`: SALON_SEND_*. Answers for how many it was queued.
 */
SALON_API
int salon_server_send(struct salon_server *server,
                      const struct salon_audience *to,
                      const void *message,
                      size_t len,
                      uint32_t flags);

/*
 Sends an event to every client of a namespace.
 */
SALON_API
int salon_namespace_emit(struct salon_server *server,
                         const char *nsp,
                         const char *name,
                         const char *args,
                         size_t args_len);

/*
 Sends an event to every client in a room, except one (zero: to all).
 */
SALON_API
int salon_room_emit(struct salon_server *server,
                    const char *nsp,
                    const char *room,
                    salon_socket_id except,
                    const char *name,
                    const char *args,
                    size_t args_len);

/*
 How many clients are in a room, or in a whole namespace if `room` is null.
 */
SALON_API int salon_room_count(const struct salon_server *server, const char *nsp, const char *room);

/*
 Names of the rooms of a namespace: `out` points to them; they stay until the
 next poll. Answers how many there are.
 */
SALON_API
int salon_namespace_rooms(struct salon_server *server,
                          const char *nsp,
                          const struct salon_bytes **rooms_out);

/*
 Lists an audience: at most `cap` ids go to `out`; answers how many there are,
 or a negative salon_error.
 */
SALON_API
ptrdiff_t salon_audience_sockets(struct salon_server *server,
                                 const struct salon_audience *to,
                                 salon_socket_id *ids_out,
                                 size_t cap);

/*
 Puts everybody in an audience into a room: all of them, or nobody if that
 would be one room too many for one. Answers how many they are.
 */
SALON_API
int salon_audience_join(struct salon_server *server,
                        const struct salon_audience *to,
                        const char *room);

/*
 Takes everybody in an audience out of a room; answers how many they are.
 */
SALON_API
int salon_audience_leave(struct salon_server *server,
                         const struct salon_audience *to,
                         const char *room);

/*
 Disconnects everybody in an audience; answers how many they were.
 */
SALON_API int salon_audience_disconnect(struct salon_server *server, const struct salon_audience *to);

/*
 Names an error code in a few English words. Never null; the text is static.
 */
SALON_API const char *salon_strerror(int code);

/*
 Tells why the last failed call on this thread failed: one sentence. Never
 null; the text stays until the next failing call on this thread.
 */
SALON_API const char *salon_last_error(void);

/*
 Finds the value that a JSON Pointer (RFC 6901) names, such as "/0/token":
 `out` gets its JSON text, which lies within `json`. SALON_ERR_NOT_FOUND if
 there is none.
 */
SALON_API
int salon_json_get(const char *json,
                   size_t json_len,
                   const char *pointer,
                   struct salon_bytes *value_out);

/*
 The text that a JSON string stands for, as snprintf() would write it: at most
 `cap` bytes with a zero byte at the end, cut after a whole character if need
 be. Answers how many bytes the whole text has.
 */
SALON_API ptrdiff_t salon_json_text(const char *json, size_t json_len, char *buf, size_t cap);

/*
 The value of a JSON number.
 */
SALON_API int salon_json_number(const char *json, size_t json_len, double *number_out);

/*
 Writes JSON from a pattern, as snprintf() would: each `?` outside a string
 becomes the next of `texts` as a JSON string, each `#` the next one as it is,
 which must be JSON itself. "[{\"text\":?}]" is safe whatever the text holds.
 Answers how many bytes the whole has, or a negative salon_error.
 */
SALON_API
ptrdiff_t salon_json_bind(char *buf,
                          size_t cap,
                          const char *format,
                          const struct salon_bytes *texts,
                          size_t text_count);

/*
 Makes a door to the server for other threads.
 */
SALON_API int salon_remote_new(struct salon_server *server, struct salon_remote **remote_out);

/*
 Frees a door, from any thread. Null is ignored.
 */
SALON_API void salon_remote_free(struct salon_remote *remote);

/*
 Thread-safe, and safe in a signal handler. Makes a sleeping
 salon_server_poll() return; many calls may wake it once.
 */
SALON_API int salon_remote_wake(const struct salon_remote *remote);

/*
 Thread-safe. Hands a number and a copy of some bytes to the server's thread,
 which gets them as SALON_EVENT_POST, in order.
 */
SALON_API
int salon_remote_post(const struct salon_remote *remote,
                      uint64_t tag,
                      const void *message,
                      size_t len);

/*
 Thread-safe. Like salon_server_emit(), without answers; takes effect when the
 server's thread next polls.
 */
SALON_API
int salon_remote_emit(const struct salon_remote *remote,
                      const struct salon_audience *to,
                      const struct salon_message *message);

/*
 Thread-safe. Like salon_server_send().
 */
SALON_API
int salon_remote_send(const struct salon_remote *remote,
                      const struct salon_audience *to,
                      const void *message,
                      size_t len,
                      uint32_t flags);

/*
 Thread-safe. Lets a waiting client in, with the host's pointer for it.
 */
SALON_API int salon_remote_accept(const struct salon_remote *remote, salon_socket_id socket, void *user);

/*
 Thread-safe. Turns a waiting client away; see salon_socket_reject().
 */
SALON_API
int salon_remote_reject(const struct salon_remote *remote,
                        salon_socket_id socket,
                        uint32_t status,
                        const char *message);

/*
 Thread-safe. Disconnects a client from its namespace.
 */
SALON_API int salon_remote_disconnect(const struct salon_remote *remote, salon_socket_id socket);

/*
 Thread-safe. Shuts the server down, with the time that each client has to
 answer a close as the only grace.
 */
SALON_API int salon_remote_shutdown(const struct salon_remote *remote);

/*
 Makes a server. Null `config` takes every default. Free it with
 salon_server_free().
 */
SALON_API int salon_server_new(const struct salon_config *given, struct salon_server **out_server);

/*
 Closes everything at once and frees the server. Null is ignored. No events
 come of it: salon_server_shutdown() and polling until SALON_EVENT_STOPPED is
 the way by which every socket gets its DISCONNECT.
 */
SALON_API void salon_server_free(struct salon_server *server);

/*
 Listens on "host:port", "[v6]:port" or "unix:/path". Port zero takes a free
 one; `port_out`, if not null, tells which. May be called more than once.
 */
SALON_API int salon_server_listen(struct salon_server *server, const char *address, uint16_t *port_out);

/*
 Takes over a socket, TCP or Unix, that is bound and listens already. It is
 the server's from then on, also if this fails.
 */
SALON_API int salon_server_listen_fd(struct salon_server *server, int fd);

/*
 Does one turn: writes, waits up to `timeout_ms` for something to do (0 does
 not wait, SALON_FOREVER waits without end), reads, and runs timers. Answers
 how many events are there to take, 0 also after a wake-up or a signal, or a
 negative salon_error. Ends the life of all earlier events. While events are
 untaken it only writes, and answers how many are left.
 */
SALON_API int salon_server_poll(struct salon_server *server, int timeout_ms);

/*
 Takes the next event of the last salon_server_poll(). When none is left,
 writes out what was sent meanwhile and answers null.
 */
SALON_API const struct salon_event *salon_server_next_event(struct salon_server *server);

/*
 Writes out what is queued, as far as the network takes it.
 */
SALON_API int salon_server_flush(struct salon_server *server);

/*
 Says goodbye to every client and stops listening; SALON_EVENT_STOPPED comes
 when all are gone, at the latest after `grace_ms`.
 */
SALON_API int salon_server_shutdown(struct salon_server *server, uint32_t grace_ms);

/*
 A descriptor for the host's own loop: call salon_server_poll(server, 0) and
 take all events when it is readable. It stays readable while there is
 something to do, stays the same for life, and wakes by itself after a
 command outside a turn. Do not read or close it. -1 where there is none.
 */
SALON_API int salon_server_fd(struct salon_server *server);

/*
 How long the host's loop may sleep before it calls
 salon_server_poll(server, 0) unasked: 0 while events are untaken or bytes
 wait to be offered, SALON_FOREVER if only the descriptor matters.
 */
SALON_API int salon_server_timeout_ms(const struct salon_server *server);

/*
 Opens a namespace, or gives an open one another configuration; null takes
 the defaults. "/" is open from the start and can be reconfigured and closed
 like any other.
 */
SALON_API
int salon_namespace_open(struct salon_server *server,
                         const char *nsp,
                         const struct salon_namespace_config *given);

/*
 Lets namespaces that begin with `prefix` come about when the first client
 asks for one, and vanish when the last has left.
 */
SALON_API
int salon_namespace_open_pattern(struct salon_server *server,
                                 const char *prefix,
                                 const struct salon_namespace_config *given);

/*
 Disconnects its clients and forgets it.
 */
SALON_API int salon_namespace_close(struct salon_server *server, const char *nsp);

/*
 Answers a SALON_EVENT_HTTP_REQUEST, named by its `ack`. `headers` are names
 and values in turn, `header_count` of both together. Content-Length and its
 like are written by the server. Answers 1, or 0 if nobody waits any more.
 */
SALON_API
int salon_http_respond(struct salon_server *server,
                       uint64_t request,
                       uint32_t status,
                       const char *const *headers,
                       size_t header_count,
                       const void *body,
                       size_t body_len);

/*
 A header of an HTTP request of the last poll, named by its event's `ack`.
 SALON_ERR_NOT_FOUND if it has none. Stays until the next poll.
 */
SALON_API
int salon_http_header(struct salon_server *server,
                      uint64_t request,
                      const char *name,
                      struct salon_bytes *value_out);

/*
 A query parameter of such a request, decoded.
 */
SALON_API
int salon_http_query(struct salon_server *server,
                     uint64_t request,
                     const char *key,
                     struct salon_bytes *value_out);

/*
 Raises SALON_EVENT_TIMER with `tag` after `delay_ms`, then every
 `interval_ms` if that is not zero. `timer_out` may be null.
 */
SALON_API
int salon_timer_start(struct salon_server *server,
                      uint32_t delay_ms,
                      uint32_t interval_ms,
                      uint64_t tag,
                      uint64_t *timer_out);

/*
 Stops a timer. No event of it comes after those of the last poll.
 */
SALON_API int salon_timer_stop(struct salon_server *server, uint64_t timer);

/*
 Fills `out`, of which the caller has set `size`.
 */
SALON_API int salon_server_stats(const struct salon_server *server, struct salon_stats *stats_out);

/*
 Lets a waiting client in; SALON_EVENT_CONNECT follows. Null `how` takes the
 defaults.
 */
SALON_API
int salon_socket_accept(struct salon_server *server,
                        salon_socket_id socket,
                        const struct salon_accept *how);

/*
 Turns a waiting client away: a plain WebSocket with the HTTP `status` (400 to
 599) and the text, a Socket.IO client with the text and, if `json_len` is not
 zero, a JSON value.
 */
SALON_API
int salon_socket_reject(struct salon_server *server,
                        salon_socket_id socket,
                        uint32_t status,
                        const char *message,
                        const char *json,
                        size_t json_len);

/*
 Sends an event to one client. `args` is a JSON array, null for none; it is
 copied before return. Answers 1, or 0 if the client has just left.
 */
SALON_API
int salon_socket_emit(struct salon_server *server,
                      salon_socket_id socket,
                      const char *name,
                      const char *args,
                      size_t args_len);

/*
 Sends an event to one client and asks for an answer within `timeout_ms`:
 exactly one SALON_EVENT_ACK with the number put in `ack_out` comes, in time
 or not.
 */
SALON_API
int salon_socket_emit_with_ack(struct salon_server *server,
                               salon_socket_id socket,
                               const struct salon_message *message,
                               uint32_t timeout_ms,
                               uint64_t *ack_out);

/*
 Answers a message whose `ack` was not zero. Once only. `args` is a JSON
 array, null for none.
 */
SALON_API
int salon_ack_answer(struct salon_server *server,
                     uint64_t ack,
                     const char *args,
                     size_t args_len,
                     const struct salon_bytes *attachments,
                     size_t attachment_count);

/*
 Sends a raw message to one client; to a client of another dialect the event
 "message". `flags`: SALON_SEND_*. Answers 1, or 0 if it has just left.
 */
SALON_API
int salon_socket_send(struct salon_server *server,
                      salon_socket_id socket,
                      const void *message,
                      size_t len,
                      uint32_t flags);

/*
 Puts a client in a room, which it makes if need be.
 */
SALON_API int salon_socket_join(struct salon_server *server, salon_socket_id socket, const char *room);

/*
 Takes a client out of a room; null takes it out of all.
 */
SALON_API int salon_socket_leave(struct salon_server *server, salon_socket_id socket, const char *room);

/*
 Disconnects a client from its namespace; with `close`, a Socket.IO client
 from all and its connection too. What was said before is still delivered.
 */
SALON_API int salon_socket_disconnect(struct salon_server *server, salon_socket_id socket, bool close);

/*
 Keeps a pointer of the host's with a client. Salon never looks at it.
 */
SALON_API int salon_socket_set_user(struct salon_server *server, salon_socket_id socket, void *user);

/*
 That pointer, or null.
 */
SALON_API void *salon_socket_user(const struct salon_server *server, salon_socket_id socket);

/*
 Fills `out`, of which the caller has set `size`. Its texts stay until the
 next poll.
 */
SALON_API
int salon_socket_describe(struct salon_server *server,
                          salon_socket_id socket,
                          struct salon_socket_info *info_out);

/*
 A header of the request that opened the session, as long as it is kept;
 SALON_ERR_NOT_FOUND if it has none. Upper and lower case are the same.
 */
SALON_API
int salon_socket_header(struct salon_server *server,
                        salon_socket_id socket,
                        const char *name,
                        struct salon_bytes *value_out);

/*
 A query parameter of that request, decoded.
 */
SALON_API
int salon_socket_query(struct salon_server *server,
                       salon_socket_id socket,
                       const char *key,
                       struct salon_bytes *value_out);

/*
 The target of that request, as it was sent: path and query.
 */
SALON_API
int salon_socket_url(struct salon_server *server,
                     salon_socket_id socket,
                     struct salon_bytes *value_out);

/*
 The rooms that a client is in: `out` points to their names, which stay until
 the next poll. Answers how many there are.
 */
SALON_API
int salon_socket_rooms(struct salon_server *server,
                       salon_socket_id socket,
                       const struct salon_bytes **rooms_out);

/*
 Bytes that wait in a client's send queue.
 */
SALON_API ptrdiff_t salon_socket_queued(const struct salon_server *server, salon_socket_id socket);

/*
 Names an error code in a few English words. Never null; the text is static.
 */
SALON_API const char *salon_strerror(int code);

/*
 Tells why the last failed call on this thread failed: one sentence. Never
 null; the text stays until the next failing call on this thread.
 */
SALON_API const char *salon_last_error(void);

/*
 Makes a server. Null `config` takes every default. Free it with
 salon_server_free().
 */
SALON_API int salon_server_new(const struct salon_config *given, struct salon_server **out_server);

/*
 Closes everything at once and frees the server. Null is ignored. No events
 come of it: salon_server_shutdown() and polling until SALON_EVENT_STOPPED is
 the way by which every socket gets its DISCONNECT.
 */
SALON_API void salon_server_free(struct salon_server *server);

/*
 Listens on "host:port", "[v6]:port" or "unix:/path". Port zero takes a free
 one; `port_out`, if not null, tells which. May be called more than once.
 */
SALON_API int salon_server_listen(struct salon_server *server, const char *address, uint16_t *port_out);

/*
 Takes over a socket, TCP or Unix, that is bound and listens already. It is
 the server's from then on, also if this fails.
 */
SALON_API int salon_server_listen_fd(struct salon_server *server, int fd);

/*
 Does one turn: writes, waits up to `timeout_ms` for something to do (0 does
 not wait, SALON_FOREVER waits without end), reads, and runs timers. Answers
 how many events are there to take, 0 also after a wake-up or a signal, or a
 negative salon_error. Ends the life of all earlier events. While events are
 untaken it only writes, and answers how many are left.
 */
SALON_API int salon_server_poll(struct salon_server *server, int timeout_ms);

/*
 Takes the next event of the last salon_server_poll(). When none is left,
 writes out what was sent meanwhile and answers null.
 */
SALON_API const struct salon_event *salon_server_next_event(struct salon_server *server);

/*
 Writes out what is queued, as far as the network takes it.
 */
SALON_API int salon_server_flush(struct salon_server *server);

/*
 Says goodbye to every client and stops listening; SALON_EVENT_STOPPED comes
 when all are gone, at the latest after `grace_ms`.
 */
SALON_API int salon_server_shutdown(struct salon_server *server, uint32_t grace_ms);

/*
 A descriptor for the host's own loop: call salon_server_poll(server, 0) and
 take all events when it is readable. It stays readable while there is
 something to do, stays the same for life, and wakes by itself after a
 command outside a turn. Do not read or close it. -1 where there is none.
 */
SALON_API int salon_server_fd(struct salon_server *server);

/*
 How long the host's loop may sleep before it calls
 salon_server_poll(server, 0) unasked: 0 while events are untaken or bytes
 wait to be offered, SALON_FOREVER if only the descriptor matters.
 */
SALON_API int salon_server_timeout_ms(const struct salon_server *server);

/*
 Opens a namespace, or gives an open one another configuration; null takes
 the defaults. "/" is open from the start and can be reconfigured and closed
 like any other.
 */
SALON_API
int salon_namespace_open(struct salon_server *server,
                         const char *nsp,
                         const struct salon_namespace_config *given);

/*
 Lets namespaces that begin with `prefix` come about when the first client
 asks for one, and vanish when the last has left.
 */
SALON_API
int salon_namespace_open_pattern(struct salon_server *server,
                                 const char *prefix,
                                 const struct salon_namespace_config *given);

/*
 Disconnects its clients and forgets it.
 */
SALON_API int salon_namespace_close(struct salon_server *server, const char *nsp);

/*
 Answers a SALON_EVENT_HTTP_REQUEST, named by its `ack`. `headers` are names
 and values in turn, `header_count` of both together. Content-Length and its
 like are written by the server. Answers 1, or 0 if nobody waits any more.
 */
SALON_API
int salon_http_respond(struct salon_server *server,
                       uint64_t request,
                       uint32_t status,
                       const char *const *headers,
                       size_t header_count,
                       const void *body,
                       size_t body_len);

/*
 A header of an HTTP request of the last poll, named by its event's `ack`.
 SALON_ERR_NOT_FOUND if it has none. Stays until the next poll.
 */
SALON_API
int salon_http_header(struct salon_server *server,
                      uint64_t request,
                      const char *name,
                      struct salon_bytes *value_out);

/*
 A query parameter of such a request, decoded.
 */
SALON_API
int salon_http_query(struct salon_server *server,
                     uint64_t request,
                     const char *key,
                     struct salon_bytes *value_out);

/*
 Raises SALON_EVENT_TIMER with `tag` after `delay_ms`, then every
 `interval_ms` if that is not zero. `timer_out` may be null.
 */
SALON_API
int salon_timer_start(struct salon_server *server,
                      uint32_t delay_ms,
                      uint32_t interval_ms,
                      uint64_t tag,
                      uint64_t *timer_out);

/*
 Stops a timer. No event of it comes after those of the last poll.
 */
SALON_API int salon_timer_stop(struct salon_server *server, uint64_t timer);

/*
 Fills `out`, of which the caller has set `size`.
 */
SALON_API int salon_server_stats(const struct salon_server *server, struct salon_stats *stats_out);

/*
 Lets a waiting client in; SALON_EVENT_CONNECT follows. Null `how` takes the
 defaults.
 */
SALON_API
int salon_socket_accept(struct salon_server *server,
                        salon_socket_id socket,
                        const struct salon_accept *how);

/*
 Turns a waiting client away: a plain WebSocket with the HTTP `status` (400 to
 599) and the text, a Socket.IO client with the text and, if `json_len` is not
 zero, a JSON value.
 */
SALON_API
int salon_socket_reject(struct salon_server *server,
                        salon_socket_id socket,
                        uint32_t status,
                        const char *message,
                        const char *json,
                        size_t json_len);

/*
 Sends an event to one client. `args` is a JSON array, null for none; it is
 copied before return. Answers 1, or 0 if the client has just left.
 */
SALON_API
int salon_socket_emit(struct salon_server *server,
                      salon_socket_id socket,
                      const char *name,
                      const char *args,
                      size_t args_len);

/*
 Sends an event to one client and asks for an answer within `timeout_ms`:
 exactly one SALON_EVENT_ACK with the number put in `ack_out` comes, in time
 or not.
 */
SALON_API
int salon_socket_emit_with_ack(struct salon_server *server,
                               salon_socket_id socket,
                               const struct salon_message *message,
                               uint32_t timeout_ms,
                               uint64_t *ack_out);

/*
 Answers a message whose `ack` was not zero. Once only. `args` is a JSON
 array, null for none.
 */
SALON_API
int salon_ack_answer(struct salon_server *server,
                     uint64_t ack,
                     const char *args,
                     size_t args_len,
                     const struct salon_bytes *attachments,
                     size_t attachment_count);

/*
 Sends a raw message to one client; to a client of another dialect the event
 "message". `flags`: SALON_SEND_*. Answers 1, or 0 if it has just left.
 */
SALON_API
int salon_socket_send(struct salon_server *server,
                      salon_socket_id socket,
                      const void *message,
                      size_t len,
                      uint32_t flags);

/*
 Puts a client in a room, which it makes if need be.
 */
SALON_API int salon_socket_join(struct salon_server *server, salon_socket_id socket, const char *room);

/*
 Takes a client out of a room; null takes it out of all.
 */
SALON_API int salon_socket_leave(struct salon_server *server, salon_socket_id socket, const char *room);

/*
 Disconnects a client from its namespace; with `close`, a Socket.IO client
 from all and its connection too. What was said before is still delivered.
 */
SALON_API int salon_socket_disconnect(struct salon_server *server, salon_socket_id socket, bool close);

/*
 Keeps a pointer of the host's with a client. Salon never looks at it.
 */
SALON_API int salon_socket_set_user(struct salon_server *server, salon_socket_id socket, void *user);

/*
 That pointer, or null.
 */
SALON_API void *salon_socket_user(const struct salon_server *server, salon_socket_id socket);

/*
 Fills `out`, of which the caller has set `size`. Its texts stay until the
 next poll.
 */
SALON_API
int salon_socket_describe(struct salon_server *server,
                          salon_socket_id socket,
                          struct salon_socket_info *info_out);

/*
 A header of the request that opened the session, as long as it is kept;
 SALON_ERR_NOT_FOUND if it has none. Upper and lower case are the same.
 */
SALON_API
int salon_socket_header(struct salon_server *server,
                        salon_socket_id socket,
                        const char *name,
                        struct salon_bytes *value_out);

/*
 A query parameter of that request, decoded.
 */
SALON_API
int salon_socket_query(struct salon_server *server,
                       salon_socket_id socket,
                       const char *key,
                       struct salon_bytes *value_out);

/*
 The target of that request, as it was sent: path and query.
 */
SALON_API
int salon_socket_url(struct salon_server *server,
                     salon_socket_id socket,
                     struct salon_bytes *value_out);

/*
 The rooms that a client is in: `out` points to their names, which stay until
 the next poll. Answers how many there are.
 */
SALON_API
int salon_socket_rooms(struct salon_server *server,
                       salon_socket_id socket,
                       const struct salon_bytes **rooms_out);

/*
 Bytes that wait in a client's send queue.
 */
SALON_API ptrdiff_t salon_socket_queued(const struct salon_server *server, salon_socket_id socket);

/*
 Sends an event to an audience (null: everybody). Answers for how many it was
 queued; an empty audience is 0. With ack_timeout_ms, one SALON_EVENT_ACK
 comes for each that answers, leaves or is late, and a last
 SALON_EVENT_ACKS_DONE; `ack_out` gets their number, and the answer is 0.
 */
SALON_API
int salon_server_emit(struct salon_server *server,
                      const struct salon_audience *to,
                      const struct salon_message *message,
                      uint64_t *ack_out);

/*
 Sends a raw message to an audience; to clients of other dialects the event
 "message". `flags`: SALON_SEND_*. Answers for how many it was queued.
 */
SALON_API
int salon_server_send(struct salon_server *server,
                      const struct salon_audience *to,
                      const void *message,
                      size_t len,
                      uint32_t flags);

/*
 Sends an event to every client of a namespace.
 */
SALON_API
int salon_namespace_emit(struct salon_server *server,
                         const char *nsp,
                         const char *name,
                         const char *args,
                         size_t args_len);

/*
 Sends an event to every client in a room, except one (zero: to all).
 */
SALON_API
int salon_room_emit(struct salon_server *server,
                    const char *nsp,
                    const char *room,
                    salon_socket_id except,
                    const char *name,
                    const char *args,
                    size_t args_len);

/*
 How many clients are in a room, or in a whole namespace if `room` is null.
 */
SALON_API int salon_room_count(const struct salon_server *server, const char *nsp, const char *room);

/*
 Names of the rooms of a namespace: `out` points to them; they stay until the
 next poll. Answers how many there are.
 */
SALON_API
int salon_namespace_rooms(struct salon_server *server,
                          const char *nsp,
                          const struct salon_bytes **rooms_out);

/*
 Lists an audience: at most `cap` ids go to `out`; answers how many there are,
 or a negative salon_error.
 */
SALON_API
ptrdiff_t salon_audience_sockets(struct salon_server *server,
                                 const struct salon_audience *to,
                                 salon_socket_id *ids_out,
                                 size_t cap);

/*
 Puts everybody in an audience into a room: all of them, or nobody if that
 would be one room too many for one. Answers how many they are.
 */
SALON_API
int salon_audience_join(struct salon_server *server,
                        const struct salon_audience *to,
                        const char *room);

/*
 Takes everybody in an audience out of a room; answers how many they are.
 */
SALON_API
int salon_audience_leave(struct salon_server *server,
                         const struct salon_audience *to,
                         const char *room);

/*
 Disconnects everybody in an audience; answers how many they were.
 */
SALON_API int salon_audience_disconnect(struct salon_server *server, const struct salon_audience *to);

/*
 Makes a door to the server for other threads.
 */
SALON_API int salon_remote_new(struct salon_server *server, struct salon_remote **remote_out);

/*
 Frees a door, from any thread. Null is ignored.
 */
SALON_API void salon_remote_free(struct salon_remote *remote);

/*
 Thread-safe, and safe in a signal handler. Makes a sleeping
 salon_server_poll() return; many calls may wake it once.
 */
SALON_API int salon_remote_wake(const struct salon_remote *remote);

/*
 Thread-safe. Hands a number and a copy of some bytes to the server's thread,
 which gets them as SALON_EVENT_POST, in order.
 */
SALON_API
int salon_remote_post(const struct salon_remote *remote,
                      uint64_t tag,
                      const void *message,
                      size_t len);

/*
 Thread-safe. Like salon_server_emit(), without answers; takes effect when the
 server's thread next polls.
 */
SALON_API
int salon_remote_emit(const struct salon_remote *remote,
                      const struct salon_audience *to,
                      const struct salon_message *message);

/*
 Thread-safe. Like salon_server_send().
 */
SALON_API
int salon_remote_send(const struct salon_remote *remote,
                      const struct salon_audience *to,
                      const void *message,
                      size_t len,
                      uint32_t flags);

/*
 Thread-safe. Lets a waiting client in, with the host's pointer for it.
 */
SALON_API int salon_remote_accept(const struct salon_remote *remote, salon_socket_id socket, void *user);

/*
 Thread-safe. Turns a waiting client away; see salon_socket_reject().
 */
SALON_API
int salon_remote_reject(const struct salon_remote *remote,
                        salon_socket_id socket,
                        uint32_t status,
                        const char *message);

/*
 Thread-safe. Disconnects a client from its namespace.
 */
SALON_API int salon_remote_disconnect(const struct salon_remote *remote, salon_socket_id socket);

/*
 Thread-safe. Shuts the server down, with the time that each client has to
 answer a close as the only grace.
 */
SALON_API int salon_remote_shutdown(const struct salon_remote *remote);

/*
 Finds the value that a JSON Pointer (RFC 6901) names, such as "/0/token":
 `out` gets its JSON text, which lies within `json`. SALON_ERR_NOT_FOUND if
 there is none.
 */
SALON_API
int salon_json_get(const char *json,
                   size_t json_len,
                   const char *pointer,
                   struct salon_bytes *value_out);

/*
 The text that a JSON string stands for, as snprintf() would write it: at most
 `cap` bytes with a zero byte at the end, cut after a whole character if need
 be. Answers how many bytes the whole text has.
 */
SALON_API ptrdiff_t salon_json_text(const char *json, size_t json_len, char *buf, size_t cap);

/*
 The value of a JSON number.
 */
SALON_API int salon_json_number(const char *json, size_t json_len, double *number_out);

/*
 Writes JSON from a pattern, as snprintf() would: each `?` outside a string
 becomes the next of `texts` as a JSON string, each `#` the next one as it is,
 which must be JSON itself. "[{\"text\":?}]" is safe whatever the text holds.
 Answers how many bytes the whole has, or a negative salon_error.
 */
SALON_API
ptrdiff_t salon_json_bind(char *buf,
                          size_t cap,
                          const char *format,
                          const struct salon_bytes *texts,
                          size_t text_count);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SALON_H */
