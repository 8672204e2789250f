// Salon: a chat engine that a program embeds. Socket.IO and plain WebSocket
// clients, in namespaces and rooms, on one thread.
//
// A server does nothing by itself. salon_server_poll() does one turn and
// answers how many events there are; salon_server_next_event() gives one after
// the other; what you say in between goes out when none is left:
//
//     salon_server *server;
//     const salon_event *event;
//     if (salon_server_new(NULL, &server) < 0 || salon_server_listen(server, "127.0.0.1:3000", NULL) < 0)
//         return fprintf(stderr, "%s\n", salon_last_error()), 1;
//     while (salon_server_poll(server, SALON_FOREVER) >= 0)
//         while ((event = salon_server_next_event(server)) != NULL)
//             if (event->type == SALON_EVENT_CONNECT)
//                 salon_socket_join(server, event->socket, "lobby");
//             else if (event->type == SALON_EVENT_MESSAGE)
//                 salon_room_emit(server, "/", "lobby", event->socket, event->name, event->data, event->data_len);
//
// What holds everywhere:
//
// - Answers are int: zero or a count; negative is a salon_error, and
//   salon_last_error() says in a sentence why. A call that fails has changed
//   nothing. What a client does wrong is never an error of yours.
// - Events and all texts handed out are the library's. They stay until the next
//   poll that starts a turn, whatever else is called. There is nothing to free
//   but the server and its remotes.
// - What you hand in is copied before the call returns. A pointer may be null
//   where its count or length is zero.
// - Texts are UTF-8. Names end in a zero byte, in and out, and carry a length
//   out; payloads carry a length and no zero byte.
// - A struct that is all zeros (SALON_ZERO) is every default; set its `size`. It
//   may come from an older or newer header than the library.
// - Ids are numbers that are never zero. A stale one is SALON_ERR_NOT_FOUND. A
//   socket that left stays known until the poll after its DISCONNECT; commands
//   on it succeed and do nothing.
// - A server belongs to one thread at a time, it may move between calls, and
//   misuse is SALON_ERR_BUSY; salon_remote_* is for the other threads.
//
// In reading order: numbers and structs, then functions by what they are about:
// errors, server, namespaces, one socket, many sockets, HTTP, timers, JSON,
// other threads.

// Made by cbindgen from src/ffi; `cargo test --test header` keeps it so.


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

// Zeroes a struct in C and in C++: `salon_config config = SALON_ZERO;`.
#ifdef __cplusplus
#define SALON_ZERO {}
#else
#define SALON_ZERO {0}
#endif


// Major part of the version of this header.
#define SALON_VERSION_MAJOR 0

// Minor part of the version of this header.
#define SALON_VERSION_MINOR 1

// Patch part of the version of this header.
#define SALON_VERSION_PATCH 0

// Binary interface that this header describes; see salon_abi_version().
#define SALON_ABI_VERSION 1

// Wait without end, for salon_server_poll().
#define SALON_FOREVER -1

// No limit, for every limit where none makes sense.
#define SALON_UNLIMITED UINT32_MAX

// What a call can answer. Zero or more is success, every failure is negative.
typedef enum salon_error {
    // Success.
    SALON_OK = 0,
    // A null pointer, a text that is not UTF-8, JSON that is none, or a value out of range.
    SALON_ERR_INVALID = -1,
    // No such socket, namespace, request, timer or ack; also a stale id.
    SALON_ERR_NOT_FOUND = -2,
    // The call does not fit the object's state (say, accepting twice).
    SALON_ERR_STATE = -3,
    // A limit of the configuration is reached.
    SALON_ERR_LIMIT = -4,
    // The socket's send queue is full; the message was not queued.
    SALON_ERR_BACKPRESSURE = -5,
    // The operating system refused; see salon_last_error().
    SALON_ERR_IO = -6,
    // The server is shut down, or the remote's server is gone.
    SALON_ERR_CLOSED = -7,
    // No answer came in time; only in SALON_EVENT_ACK.
    SALON_ERR_TIMEOUT = -8,
    // Called from a second thread while another call is running, or re-entered.
    SALON_ERR_BUSY = -9,
    // A bug in Salon was caught. The server answers this to every later call.
    SALON_ERR_PANIC = -99,
} salon_error;

// What happens when a client reads too slowly.
typedef enum salon_overflow {
    // It is disconnected.
    SALON_OVERFLOW_DISCONNECT = 0,
    // Sends to it answer SALON_ERR_BACKPRESSURE; broadcasts skip it. What was
    // dropped is counted and told by SALON_EVENT_DRAIN.
    SALON_OVERFLOW_DROP = 1,
} salon_overflow;

// Bits of salon_config.flags.
typedef enum salon_config_flag {
    // Hand HTTP requests that are not Salon's own to the host, as
    // SALON_EVENT_HTTP_REQUEST. Otherwise they get 404.
    SALON_CONFIG_HTTP = 1,
    // Refuse HTTP long-polling.
    SALON_CONFIG_NO_POLLING = 2,
    // Refuse WebSocket to Socket.IO clients.
    SALON_CONFIG_NO_WEBSOCKET = 4,
    // Do not let Socket.IO clients move from polling to WebSocket.
    SALON_CONFIG_NO_UPGRADE = 8,
    // Serve plain WebSocket clients only.
    SALON_CONFIG_NO_SOCKETIO = 16,
    // Let pages send cookies along.
    SALON_CONFIG_CREDENTIALS = 32,
    // Keep the handshake's headers and query of plain WebSockets as well.
    SALON_CONFIG_KEEP_HANDSHAKES = 64,
    // Deliver SALON_EVENT_ROOM_CREATED and SALON_EVENT_ROOM_DELETED.
    SALON_CONFIG_ROOM_EVENTS = 128,
    // Deliver SALON_EVENT_JOINED and SALON_EVENT_LEFT.
    SALON_CONFIG_MEMBER_EVENTS = 256,
    // Let Socket.IO clients that lost their connection come back as the same
    // socket; see the recovery_* fields.
    SALON_CONFIG_RECOVERY = 512,
    // The trusted proxies say whom they speak for by the PROXY protocol, version
    // 1 or 2, at the start of each connection.
    SALON_CONFIG_PROXY_PROTOCOL = 1024,
    // Bounds against floods in the fields that are zero, from client_events_per_s
    // on: 20 events, 200 connections, 600 a minute, 100 sessions, 300 handshakes.
    SALON_CONFIG_AGAINST_FLOODS = 2048,
} salon_config_flag;

// Bits of salon_namespace_config.flags.
typedef enum salon_namespace_flag {
    // Each client that asks to enter raises SALON_EVENT_CONNECT_REQUEST and waits.
    SALON_NAMESPACE_GUARDED = 1,
    // Refuse plain WebSockets with which no subprotocol is in common.
    SALON_NAMESPACE_REQUIRE_SUBPROTOCOL = 2,
} salon_namespace_flag;

// What plain WebSocket clients speak.
typedef enum salon_dialect {
    // As the namespace has it; for a namespace, JSON.
    SALON_DIALECT_DEFAULT = 0,
    // Text messages are objects: {"event":"say","data":...}.
    SALON_DIALECT_JSON = 1,
    // Text and binary messages go through as they are.
    SALON_DIALECT_RAW = 2,
} salon_dialect;

// What happened, and which fields of salon_event tell more. Ignore those that
// you do not know.
typedef enum salon_event_type {
    // A client asks to enter a guarded namespace: socket, nsp, data (its auth
    // payload). Answer with salon_socket_accept() or salon_socket_reject(), now
    // or later. Exactly one CONNECT or DISCONNECT follows.
    SALON_EVENT_CONNECT_REQUEST = 1,
    // A client is in: socket, nsp, data (its auth payload), tag (the id that it
    // had before, if it has been recovered).
    SALON_EVENT_CONNECT = 2,
    // A client is gone: socket, nsp, user, code (a salon_reason), name (the
    // same in words), tag (the WebSocket close code), data (the text beside
    // it), attachments (the rooms it was in). Exactly one for each socket that
    // was announced. SALON_EVENT_FLAG_MAY_RETURN: EXPIRED or a CONNECT with
    // this id as its tag follows, and keeps the user pointer until then.
    SALON_EVENT_DISCONNECT = 3,
    // A client sent an event: socket, nsp, name, data (a JSON array of its
    // arguments), attachments, and ack if it wants an answer.
    SALON_EVENT_MESSAGE = 4,
    // An answer to a question of yours, or that none comes: socket, ack, code
    // (SALON_OK, SALON_ERR_TIMEOUT or SALON_ERR_CLOSED), data, attachments.
    SALON_EVENT_ACK = 5,
    // A full send queue has room again, after a message was refused or dropped,
    // or its socket leaves and DISCONNECT follows: socket, tag (how many since the
    // last DRAIN). Only with SALON_OVERFLOW_DROP.
    SALON_EVENT_DRAIN = 6,
    // A timer fired: tag, ack (the timer).
    SALON_EVENT_TIMER = 7,
    // Another thread posted: tag, data.
    SALON_EVENT_POST = 8,
    // salon_server_shutdown() is done.
    SALON_EVENT_STOPPED = 9,
    // A question to an audience is over: ack, code (how many answered), tag (of
    // how many).
    SALON_EVENT_ACKS_DONE = 11,
    // A client of the raw dialect sent a message: socket, nsp, data, flags
    // (SALON_EVENT_FLAG_TEXT for text).
    SALON_EVENT_DATA = 12,
    // An HTTP request: ack (for salon_http_respond()), name (the method), nsp
    // (the path), data (the body). Its other parts by salon_http_header() and
    // salon_http_query().
    SALON_EVENT_HTTP_REQUEST = 13,
    // A room came about: nsp, name.
    SALON_EVENT_ROOM_CREATED = 14,
    // A room is gone: nsp, name.
    SALON_EVENT_ROOM_DELETED = 15,
    // A socket is in a room: socket, nsp, name.
    SALON_EVENT_JOINED = 16,
    // A socket is no longer in a room: socket, nsp, name.
    SALON_EVENT_LEFT = 17,
    // A Socket.IO client has moved from polling to WebSocket: socket, nsp.
    SALON_EVENT_UPGRADED = 18,
    // A client that might have come back has not, or has come back with another
    // user pointer: tag (the id that it had), nsp, user (the last that is heard
    // of it).
    SALON_EVENT_EXPIRED = 19,
} salon_event_type;

// Bits of salon_event.flags.
typedef enum salon_event_flag {
    // The data of a raw message is text.
    SALON_EVENT_FLAG_TEXT = 1,
    // The client that is gone may come back.
    SALON_EVENT_FLAG_MAY_RETURN = 2,
} salon_event_flag;

// Why a client is gone.
typedef enum salon_reason {
    // It said goodbye in the orderly way.
    SALON_REASON_CLIENT_LEFT = 0,
    // Its connection ended without a goodbye.
    SALON_REASON_TRANSPORT_CLOSE = 1,
    // Its connection broke.
    SALON_REASON_TRANSPORT_ERROR = 2,
    // It answered no ping in time.
    SALON_REASON_PING_TIMEOUT = 3,
    // The host disconnected it.
    SALON_REASON_SERVER_LEFT = 4,
    // Its namespace was closed.
    SALON_REASON_NAMESPACE_CLOSED = 5,
    // The guard rejected it.
    SALON_REASON_REJECTED = 6,
    // The guard did not answer in time.
    SALON_REASON_GUARD_TIMEOUT = 7,
    // It broke the protocol.
    SALON_REASON_PROTOCOL_ERROR = 8,
    // It sent a packet that can't be decoded.
    SALON_REASON_PARSE_ERROR = 9,
    // It sent a message over the limit.
    SALON_REASON_MESSAGE_TOO_BIG = 10,
    // It broke another limit.
    SALON_REASON_POLICY_VIOLATION = 11,
    // It read too slowly.
    SALON_REASON_SLOW_READER = 12,
    // The memory of all queues was used up.
    SALON_REASON_OUT_OF_MEMORY = 13,
    // The server shuts down.
    SALON_REASON_SHUTDOWN = 14,
    // It sent more events than it may.
    SALON_REASON_FLOOD = 15,
} salon_reason;

// A limit that clients can meet: a field of salon_config by its name. What they
// are told follows.
typedef enum salon_limit {
    // head_bytes: 431.
    SALON_LIMIT_HEAD_BYTES = 0,
    // header_lines: 431.
    SALON_LIMIT_HEADER_LINES = 1,
    // target_bytes: 414.
    SALON_LIMIT_TARGET_BYTES = 2,
    // head_timeout_ms: 408, or the connection is closed if nothing has come.
    SALON_LIMIT_HEAD_TIMEOUT = 3,
    // body_timeout_ms: 408.
    SALON_LIMIT_BODY_TIMEOUT = 4,
    // idle_timeout_ms: the connection is closed.
    SALON_LIMIT_IDLE_TIMEOUT = 5,
    // response_timeout_ms: 503.
    SALON_LIMIT_RESPONSE_TIMEOUT = 6,
    // message_bytes: close code 1009, or 413.
    SALON_LIMIT_MESSAGE_BYTES = 7,
    // message_fragments: close code 1008.
    SALON_LIMIT_MESSAGE_FRAGMENTS = 8,
    // close_timeout_ms: the connection is cut.
    SALON_LIMIT_CLOSE_TIMEOUT = 9,
    // queue_bytes: close code 1013, or the message is dropped.
    SALON_LIMIT_QUEUE_BYTES = 10,
    // memory_bytes: close code 1013 if it fits.
    SALON_LIMIT_MEMORY_BYTES = 11,
    // ping_timeout_ms: close code 1011.
    SALON_LIMIT_PING_TIMEOUT = 12,
    // connect_timeout_ms: 503, CONNECT_ERROR, or the session is closed.
    SALON_LIMIT_CONNECT_TIMEOUT = 13,
    // upgrade_timeout_ms: the probe is closed, polling goes on.
    SALON_LIMIT_UPGRADE_TIMEOUT = 14,
    // attachment_timeout_ms: the session is closed.
    SALON_LIMIT_ATTACHMENT_TIMEOUT = 15,
    // drop_timeout_ms: the session is forgotten.
    SALON_LIMIT_DROP_TIMEOUT = 16,
    // unclaimed_sessions: the oldest goes, or 503.
    SALON_LIMIT_UNCLAIMED_SESSIONS = 17,
    // sessions: 503.
    SALON_LIMIT_SESSIONS = 18,
    // namespaces: CONNECT_ERROR.
    SALON_LIMIT_NAMESPACES = 19,
    // waiting_bytes: CONNECT_ERROR to a Socket.IO client; a plain one is not read.
    SALON_LIMIT_WAITING_BYTES = 20,
    // acks_owed: the oldest question is forgotten.
    SALON_LIMIT_ACKS_OWED = 21,
    // acks_awaited: the oldest question fails.
    SALON_LIMIT_ACKS_AWAITED = 22,
    // attachments: the session is closed, or exception.
    SALON_LIMIT_ATTACHMENTS = 23,
    // payload_packets: 400, and the session is closed.
    SALON_LIMIT_PAYLOAD_PACKETS = 24,
    // name_bytes: 404, CONNECT_ERROR, exception, or the session is closed.
    SALON_LIMIT_NAME_BYTES = 25,
    // json_depth: the session is closed, or exception.
    SALON_LIMIT_JSON_DEPTH = 26,
    // connections: who comes then waits at the door. Counts each time that the
    // last place was taken and somebody waited.
    SALON_LIMIT_CONNECTIONS = 27,
    // client_events_per_s: close code 1008; to a Socket.IO client DISCONNECT before it.
    SALON_LIMIT_CLIENT_EVENTS = 28,
    // address_connections: 429.
    SALON_LIMIT_ADDRESS_CONNECTIONS = 29,
    // address_connects_per_min: 429.
    SALON_LIMIT_ADDRESS_CONNECTS = 30,
    // address_sessions: 429.
    SALON_LIMIT_ADDRESS_SESSIONS = 31,
    // address_handshakes_per_min: 429, or CONNECT_ERROR.
    SALON_LIMIT_ADDRESS_HANDSHAKES = 32,
    // mailbox_bytes: SALON_ERR_LIMIT to the thread that posts.
    SALON_LIMIT_MAILBOX_BYTES = 33,
} salon_limit;

// How a client talks.
typedef enum salon_protocol {
    // Socket.IO 5 over Engine.IO 4.
    SALON_PROTOCOL_SOCKETIO = 1,
    // Plain WebSocket with JSON messages {"event": ..., "data": ...}.
    SALON_PROTOCOL_JSON = 2,
    // Plain WebSocket with messages as they are.
    SALON_PROTOCOL_RAW = 3,
} salon_protocol;

// What its bytes travel on now.
typedef enum salon_transport {
    // HTTP requests, one of which waits for news.
    SALON_TRANSPORT_POLLING = 1,
    // One WebSocket.
    SALON_TRANSPORT_WEBSOCKET = 2,
} salon_transport;

// Bits of salon_message.flags.
typedef enum salon_message_flag {
    // Leave it out for clients that are behind with what was sent before.
    SALON_MESSAGE_VOLATILE = 1,
} salon_message_flag;

// Bits of the flags of salon_socket_send() and salon_server_send().
typedef enum salon_send_flag {
    // A text message; otherwise it is binary.
    SALON_SEND_TEXT = 1,
    // Leave it out for clients that are behind.
    SALON_SEND_VOLATILE = 2,
} salon_send_flag;

// A door to a server that other threads may use. It may outlive the server:
// then its calls answer SALON_ERR_CLOSED.
typedef struct salon_remote salon_remote;

// The chat engine. Belongs to one thread at a time: a call while another one
// runs answers SALON_ERR_BUSY.
typedef struct salon_server salon_server;

// How a server behaves. Zero in a field means its default, so
// `salon_config config = SALON_ZERO; config.size = sizeof config;` is a good
// start; SALON_UNLIMITED means none where none makes sense. Times are in
// milliseconds, sizes in bytes.
typedef struct salon_config {
    // Always `sizeof(salon_config)`: tells which fields the caller knows.
    size_t size;
    // Path of the Socket.IO endpoint. Default "/socket.io/".
    const char *socketio_path;
    // Which web pages may connect: null is no check, "*" all, "same" those of
    // the host and port that the request is for; or origins, separated by commas.
    const char *allowed_origins;
    // SALON_CONFIG_* bits.
    uint32_t flags;
    // What a full send queue does: SALON_OVERFLOW_*.
    uint32_t overflow;
    // Bytes of a request's head. Default 16384.
    uint32_t head_bytes;
    // Header lines of a request. Default 100.
    uint32_t header_lines;
    // Bytes of a request's target. Default 8192.
    uint32_t target_bytes;
    // From a head's first byte to its end. Default 10000.
    uint32_t head_timeout_ms;
    // For a request's body. Default 30000.
    uint32_t body_timeout_ms;
    // How long a kept connection may stand without a request. Default 10000.
    uint32_t idle_timeout_ms;
    // How long the host may take to answer an HTTP request. Default 30000.
    uint32_t response_timeout_ms;
    // Largest message or body taken from a client. Default 1000000.
    uint32_t message_bytes;
    // Fragments of one message. Default 1024.
    uint32_t message_fragments;
    // How long a client may take to answer a close frame. Default 5000.
    uint32_t close_timeout_ms;
    // Send queue of one client. Default 4194304.
    uint32_t queue_bytes;
    // Bytes that wait in the mailbox of other threads. Default 67108864.
    uint32_t mailbox_bytes;
    // All queues and partial messages together. Default 1073741824.
    uint64_t memory_bytes;
    // Silence after which a client is pinged. Default 25000.
    uint32_t ping_interval_ms;
    // How long it may take to answer. Default 20000.
    uint32_t ping_timeout_ms;
    // How long a guard may think and a client may take to enter. Default 45000.
    uint32_t connect_timeout_ms;
    // Time for the upgrade from polling to WebSocket. Default 10000.
    uint32_t upgrade_timeout_ms;
    // Time for the attachments of one packet. Default 20000.
    uint32_t attachment_timeout_ms;
    // How long a closed polling session waits to be fetched. Default 30000.
    uint32_t drop_timeout_ms;
    // Kept for a client while its guard thinks. Default 65536.
    uint32_t waiting_bytes;
    // Sessions that nobody has come back to. Default 20000.
    uint32_t unclaimed_sessions;
    // Engine.IO sessions at a time. Default 100000.
    uint32_t sessions;
    // Acks that the host owes to one socket. Default 1024.
    uint32_t acks_owed;
    // Acks that one socket owes to the host. Default 1024.
    uint32_t acks_awaited;
    // Attachments of one event. Default 10.
    uint32_t attachments;
    // Packets in one payload that a client posts. Default 4096.
    uint32_t payload_packets;
    // Packets in the answer to one poll. Default 16.
    uint32_t poll_packets;
    // Bytes of the name of a namespace, room or event. Default 255.
    uint32_t name_bytes;
    // Namespaces of one session. Default 16.
    uint32_t namespaces;
    // Rooms of one socket. Default 128.
    uint32_t rooms;
    // Depth of arrays and objects. Default 64.
    uint32_t json_depth;
    // Messages taken from one connection in one turn. Default 256.
    uint32_t turn_messages;
    // Open connections. Default: as many as the system allows.
    uint32_t connections;
    // How long a client may stay away and be recovered. Default 120000.
    uint32_t recovery_window_ms;
    // Events kept for those who are away. Default 10000.
    uint32_t recovery_events;
    // Bytes of these events. Default 16777216.
    uint32_t recovery_bytes;
    // Clients that may be away at a time. Default 10000.
    uint32_t recovery_sockets;
    // Proxies in front, whose X-Forwarded-For or PROXY header is believed:
    // networks like "10.0.0.0/8", addresses, "unix", separated by commas. The
    // last address that they name and that is none of theirs is the client's.
    const char *trusted_proxies;
    // Events that one client may send in a second on average; over it close
    // code 1008, SALON_REASON_FLOOD. Default of this and the four below but
    // the burst: SALON_UNLIMITED, or see SALON_CONFIG_AGAINST_FLOODS.
    uint32_t client_events_per_s;
    // How many it may send at once. Default 200.
    uint32_t client_events_burst;
    // Connections of one address (IPv4, or 64 bits of IPv6), trusted proxies
    // excepted; over it 429.
    uint32_t address_connections;
    // Connections that one address may open in a minute; over it 429.
    uint32_t address_connects_per_min;
    // Sessions of one address, behind proxies too; over it 429.
    uint32_t address_sessions;
    // Handshakes of one address in a minute; over it 429 or CONNECT_ERROR.
    uint32_t address_handshakes_per_min;
} salon_config;

// A client in a namespace. Ids are never reused while a stale copy could be
// mistaken for another client; zero is nobody.
typedef uint64_t salon_socket_id;

// `len` bytes at `ptr`, which belong to someone else.
typedef struct salon_bytes {
    // The bytes; may be anything if there are none.
    const void *ptr;
    // How many.
    size_t len;
} salon_bytes;

// One event. It belongs to the server: it and everything that it points to
// stay until the next salon_server_poll() that starts a turn, or
// salon_server_free(), whatever else is called between. Names are UTF-8, hold
// no zero byte and end in one; payloads do not end in one. Pointers are never
// null, except `user`. What the type does not tell of is zero or empty. Later
// versions add fields at the end, so never copy one by its size.
typedef struct salon_event {
    // A salon_event_type.
    uint32_t type;
    // A salon_error, a salon_reason or a count, as the type tells.
    int32_t code;
    // Whom it concerns, or zero.
    salon_socket_id socket;
    // For salon_ack_answer() or salon_http_respond(), or the number that your
    // question or timer got; or zero.
    uint64_t ack;
    // A number, as the type tells.
    uint64_t tag;
    // The socket's pointer, set with salon_socket_accept() or
    // salon_socket_set_user(), as it is when the event is taken; or null.
    void *user;
    // Namespace, such as "/".
    const char *nsp;
    // Bytes of `nsp`.
    size_t nsp_len;
    // Event name, room, or reason in words.
    const char *name;
    // Bytes of `name`.
    size_t name_len;
    // Payload: JSON text, or bytes.
    const char *data;
    // Bytes of `data`.
    size_t data_len;
    // Binary attachments, in the order of their placeholders in `data`.
    const struct salon_bytes *attachments;
    // How many.
    size_t attachment_count;
    // SALON_EVENT_FLAG_* bits.
    uint32_t flags;
} salon_event;

// Counters since the start, and gauges of now.
typedef struct salon_stats {
    // Always `sizeof(salon_stats)`, set by the caller.
    size_t size;
    // Open connections.
    uint64_t connections;
    // Sessions.
    uint64_t sessions;
    // Sockets that are in a namespace.
    uint64_t sockets;
    // Namespaces.
    uint64_t namespaces;
    // Rooms.
    uint64_t rooms;
    // Bytes that wait in send queues, counted for every receiver.
    uint64_t queued_bytes;
    // Memory of all queues and partial messages.
    uint64_t memory_bytes;
    // Connections taken since the start.
    uint64_t accepted;
    // Messages received.
    uint64_t messages_in;
    // Messages queued, counted for every receiver.
    uint64_t messages_out;
    // Bytes received.
    uint64_t bytes_in;
    // Bytes sent.
    uint64_t bytes_out;
    // HTTP requests that were no handshakes.
    uint64_t requests;
    // Messages that could not be taken.
    uint64_t exceptions;
    // Volatile messages left out.
    uint64_t dropped_volatile;
    // Messages dropped because a send queue was full. With SALON_OVERFLOW_DROP
    // each is told by SALON_EVENT_DRAIN, when there is room again or its socket
    // leaves.
    uint64_t dropped_full;
    // Malformed requests and handshakes.
    uint64_t refused_malformed;
    // Handshakes of other origins.
    uint64_t refused_origin;
    // Handshakes for unknown namespaces.
    uint64_t refused_namespace;
    // Handshakes without a subprotocol in common.
    uint64_t refused_subprotocol;
    // Handshakes that the guard rejected.
    uint64_t refused_guard;
    // Requests and handshakes that took too long.
    uint64_t refused_timeout;
    // Times that accepting paused, with clients at the door.
    uint64_t accept_pauses;
    // Sockets that are gone, by salon_reason; the rest is for reasons to come.
    uint64_t disconnects[32];
    // How often each limit was met, by salon_limit; the rest is for limits to
    // come.
    uint64_t breaches[64];
} salon_stats;

// How a namespace is run; zero is the default.
typedef struct salon_namespace_config {
    // Always `sizeof(salon_namespace_config)`.
    size_t size;
    // SALON_NAMESPACE_* bits.
    uint32_t flags;
    // SALON_DIALECT_*.
    uint32_t dialect;
    // Subprotocols that are spoken here, the preferred one first.
    const char *const *subprotocols;
    // How many.
    size_t subprotocol_count;
    // What is spoken under each of them, SALON_DIALECT_*; null if that is
    // `dialect` for all.
    const uint32_t *subprotocol_dialects;
} salon_namespace_config;

// How a waiting client is let in; zero leaves a thing as the namespace has it.
typedef struct salon_accept {
    // Always `sizeof(salon_accept)`.
    size_t size;
    // Your pointer for it; null keeps what salon_socket_set_user() has set, or
    // what a recovered client had.
    void *user;
    // Rooms that it is in before its CONNECT.
    const char *const *rooms;
    // How many.
    size_t room_count;
    // SALON_DIALECT_*, for a plain WebSocket.
    uint32_t dialect;
    // The subprotocol, one of those that it offered; null leaves the choice to
    // the namespace.
    const char *subprotocol;
} salon_accept;

// An outgoing event with everything said.
typedef struct salon_message {
    // Always `sizeof(salon_message)`.
    size_t size;
    // Event name.
    const char *name;
    // JSON array of the arguments. Null: none, or the attachments themselves.
    const char *args;
    // Bytes of `args`.
    size_t args_len;
    // Binary attachments, to which `args` refers by {"_placeholder":true,"num":0}.
    const struct salon_bytes *attachments;
    // How many.
    size_t attachment_count;
    // SALON_MESSAGE_* bits.
    uint32_t flags;
    // For salon_server_emit(): how long to wait for answers; zero asks for none.
    uint32_t ack_timeout_ms;
} salon_message;

// What is known of a client; see salon_socket_describe().
typedef struct salon_socket_info {
    // Always `sizeof(salon_socket_info)`, set by the caller.
    size_t size;
    // The name by which the client knows its socket, zero-terminated; empty for
    // the raw dialect.
    const char *sid;
    // "address:port" of the peer, zero-terminated; empty over a Unix socket.
    const char *address;
    // A salon_protocol; 0 if it has left.
    uint32_t protocol;
    // A salon_transport; 0 if it has left.
    uint32_t transport;
    // Bytes that wait in its send queue.
    size_t queued;
    // Messages dropped for it since its last SALON_EVENT_DRAIN.
    uint64_t dropped;
    // The subprotocol that a plain WebSocket has settled on, zero-terminated;
    // empty if none.
    const char *subprotocol;
    // When its handshake came, in milliseconds since 1970; 0 if that is not kept.
    uint64_t connected_ms;
} salon_socket_info;

// To whom: the union of the rooms and sockets, or the whole namespace if none
// is named, less the excepted ones. Each client receives once. Mind a list
// that you have filled at run time: if it may be empty, an audience of it alone
// would be everybody.
typedef struct salon_audience {
    // Always `sizeof(salon_audience)`.
    size_t size;
    // Namespace; null is all of them.
    const char *nsp;
    // Rooms whose members receive it.
    const char *const *rooms;
    // How many.
    size_t room_count;
    // Rooms whose members do not.
    const char *const *except_rooms;
    // How many.
    size_t except_room_count;
    // Single clients that receive it.
    const salon_socket_id *sockets;
    // How many.
    size_t socket_count;
    // Clients that do not.
    const salon_socket_id *except_sockets;
    // How many.
    size_t except_socket_count;
} salon_audience;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Versions and errors -----------------------------------------------------

// Version of the library as major * 1000000 + minor * 1000 + patch.
SALON_API uint32_t salon_version(void);

// The library's SALON_ABI_VERSION. Refuse to run if it differs from the header's:
// structs and numbers would not mean the same. Within one number they only grow.
SALON_API uint32_t salon_abi_version(void);

// Names an error code in a few English words. Never null; the text is static.
SALON_API const char *salon_strerror(int code);

// Why the last call that failed on this thread has failed: one sentence. Never
// null; empty before the first failure. It stays until the next call that fails
// on this thread; calls that succeed leave it alone.
SALON_API const char *salon_last_error(void);

// Server ------------------------------------------------------------------
//
// A server does its work in salon_server_poll(), on the thread that calls it.
// Every function that takes a server answers SALON_ERR_INVALID for a null one,
// SALON_ERR_BUSY while another thread is in a call on it, and SALON_ERR_PANIC
// once a bug in Salon was caught in it; then it can only be freed.

// Makes a server that listens nowhere yet, with "/" open. Null `config` takes
// every default. SALON_ERR_INVALID for a configuration that can't be right,
// SALON_ERR_IO if the system gives no event queue.
SALON_API int salon_server_new(const struct salon_config *config, struct salon_server **server_out);

// Closes everything at once and frees the server with all that it has handed
// out; remotes stay valid. Null is ignored. Nothing is told: to get a DISCONNECT
// for every socket, call salon_server_shutdown() and poll until
// SALON_EVENT_STOPPED before. While another thread is in a call on the server
// nothing is freed, and salon_last_error() says so.
SALON_API void salon_server_free(struct salon_server *server);

// Listens on "host:port", "[v6]:port" or "unix:/path". Port zero takes a free
// one; `port_out`, if not null, tells which. May be called more than once.
// SALON_ERR_INVALID for a malformed address, SALON_ERR_IO if it is taken or not
// of this machine.
SALON_API int salon_server_listen(struct salon_server *server, const char *address, uint16_t *port_out);

// Takes over a socket, TCP or Unix, that is bound and listens already, say one
// from a service manager. It is the server's from then on, also if this fails.
// Not on Windows.
SALON_API int salon_server_listen_fd(struct salon_server *server, int fd);

// Does one turn: writes what was said, waits up to `timeout_ms` for something to
// do (0 does not wait, SALON_FOREVER waits without end), reads, runs deadlines.
// Answers how many events there are to take. There may be none, also before the
// time is over: a wake-up, a signal, a ping.
//
// Ends the life of all earlier events and texts, and of the ids of sockets whose
// DISCONNECT was among them. But while events are untaken it starts no turn: it
// writes, answers how many are left, and all that was handed out stays. So a
// loop that stops half-way loses nothing.
SALON_API int salon_server_poll(struct salon_server *server, int timeout_ms);

// Takes the next event of the last salon_server_poll(). When none is left,
// writes out what was said meanwhile and answers null; so take them all. A
// server that is busy or broken answers null too, and the next poll says why.
SALON_API const struct salon_event *salon_server_next_event(struct salon_server *server);

// Writes out what was said, as far as the network takes it. Seldom needed: the
// end of the events and every poll do it.
SALON_API int salon_server_flush(struct salon_server *server);

// Stops listening and says goodbye to every client: close code 1001, or
// Engine.IO's close to who is on polling. More than some hundreds are told in
// batches over half of `grace_ms`, at most five seconds, so that they do not all
// knock at the next server at once; until then they go on as ever. What was said
// before is still delivered; who is not gone after `grace_ms` is cut off. Go on
// polling: each socket gets its DISCONNECT, and SALON_EVENT_STOPPED comes behind
// the last. Timers and posts of yours go on.
SALON_API int salon_server_shutdown(struct salon_server *server, uint32_t grace_ms);

// For a loop of your own: watch this descriptor for readability, and when it is
// readable or salon_server_timeout_ms() is over, call salon_server_poll(server, 0)
// and take all events.
//
// It stays the same for life and is level-triggered: readable while there is
// something to do. After a command outside a turn (an emit from another handler
// of your loop, a timer started there) it becomes readable by itself, so nothing
// waits for the next client. Do not read or close it. -1 where there is
// none (Windows).
SALON_API int salon_server_fd(struct salon_server *server);

// How long your loop may sleep before it calls salon_server_poll(server, 0)
// unasked: 0 while events are untaken or something waits to be done or written,
// SALON_FOREVER if only the descriptor matters. Ask anew each time before
// sleeping.
SALON_API int salon_server_timeout_ms(const struct salon_server *server);

// Fills as much of `stats_out` as the `size` that the caller has set in it.
SALON_API int salon_server_stats(const struct salon_server *server, struct salon_stats *stats_out);

// Namespaces --------------------------------------------------------------
//
// A namespace is what a plain WebSocket names by its URL's path and a Socket.IO
// client by its name. "/" is open from the start, and can be guarded,
// reconfigured and closed like any other.

// Opens a namespace, or gives an open one another configuration, which holds for
// those who come from then on. Null `config` takes the defaults.
// SALON_ERR_INVALID if the name does not begin with a slash or a subprotocol
// can't be one, SALON_ERR_LIMIT if the name is too long.
SALON_API
int salon_namespace_open(struct salon_server *server,
                         const char *nsp,
                         const struct salon_namespace_config *config);

// Lets namespaces whose names begin with `prefix` come about when the first
// client asks for one, and vanish when the last has left. Guard it to choose.
// Errors as above.
SALON_API
int salon_namespace_open_pattern(struct salon_server *server,
                                 const char *prefix,
                                 const struct salon_namespace_config *config);

// Disconnects the clients of a namespace (each gets its DISCONNECT) and forgets
// it. SALON_ERR_NOT_FOUND if it is not open.
SALON_API int salon_namespace_close(struct salon_server *server, const char *nsp);

// One socket --------------------------------------------------------------
//
// All of these answer SALON_ERR_NOT_FOUND for zero and for an id that is stale.
// A socket that has just left is known until the poll after its DISCONNECT was
// taken: commands on it succeed and do nothing.
//
// While a socket waits for its guard, set_user, describe, header, query and url
// work; emit, send, join and leave answer SALON_ERR_STATE.
//
// What you say is checked: SALON_ERR_INVALID for an event name that Socket.IO
// reserves ("connect", "disconnect", ...) and for arguments that are not a JSON
// array, SALON_ERR_LIMIT for a name that is too long.

// Lets a waiting client in, into all rooms of `how` at once, with its user
// pointer set: before the SALON_EVENT_CONNECT that follows. Null `how` takes the
// defaults. SALON_ERR_STATE if it
// does not wait, SALON_ERR_INVALID for a subprotocol that it did not offer.
SALON_API
int salon_socket_accept(struct salon_server *server,
                        salon_socket_id socket,
                        const struct salon_accept *how);

// Turns a waiting client away: a plain WebSocket with the HTTP `status` (400 to
// 599) and the text, a Socket.IO client with the text as its error's message
// and, if `json_len` is not zero, a JSON value as its data. DISCONNECT follows.
SALON_API
int salon_socket_reject(struct salon_server *server,
                        salon_socket_id socket,
                        uint32_t status,
                        const char *message,
                        const char *json,
                        size_t json_len);

// Sends an event to one client. `args` is a JSON array, or null for none.
// Answers 1, or 0 if the client has just left. SALON_ERR_BACKPRESSURE only with
// SALON_OVERFLOW_DROP: its queue is full, and this message was dropped.
SALON_API
int salon_socket_emit(struct salon_server *server,
                      salon_socket_id socket,
                      const char *name,
                      const char *args,
                      size_t args_len);

// Sends an event to one client and asks for an answer within `timeout_ms`.
// Exactly one SALON_EVENT_ACK with the number put in `ack_out` comes, in any
// case. The message's own ack_timeout_ms and SALON_MESSAGE_VOLATILE do not
// count. Errors as salon_socket_emit(); also SALON_ERR_LIMIT with too many open
// questions, SALON_ERR_STATE for a client of the raw dialect.
SALON_API
int salon_socket_emit_with_ack(struct salon_server *server,
                               salon_socket_id socket,
                               const struct salon_message *message,
                               uint32_t timeout_ms,
                               uint64_t *ack_out);

// Answers a message whose `ack` was not zero, in that turn or later, once.
// `args` is a JSON array; null stands for the attachments themselves, or for
// none. SALON_ERR_NOT_FOUND if the question is not open any more. It stays open
// if there was no room for the answer.
SALON_API
int salon_ack_answer(struct salon_server *server,
                     uint64_t ack,
                     const char *args,
                     size_t args_len,
                     const struct salon_bytes *attachments,
                     size_t attachment_count);

// Sends a raw message to one client; to a client of another dialect it is the
// event "message". `flags`: SALON_SEND_*. Answers 1, or 0 if it has just left or
// a volatile message was left out.
// SALON_ERR_INVALID for a text that is not UTF-8; SALON_ERR_BACKPRESSURE as
// salon_socket_emit().
SALON_API
int salon_socket_send(struct salon_server *server,
                      salon_socket_id socket,
                      const void *message,
                      size_t len,
                      uint32_t flags);

// Puts a client into a room of its namespace, which is made if need be. To be in
// it already is no error. SALON_ERR_LIMIT with too many rooms, or for an
// over-long name.
SALON_API int salon_socket_join(struct salon_server *server, salon_socket_id socket, const char *room);

// Takes a client out of a room, or of all if `room` is null. Not to be in it is
// no error.
SALON_API int salon_socket_leave(struct salon_server *server, salon_socket_id socket, const char *room);

// Disconnects a client from its namespace; with `close`, a Socket.IO client from
// all of its own, and its connection too. What was said before is still
// delivered. DISCONNECT follows.
SALON_API int salon_socket_disconnect(struct salon_server *server, salon_socket_id socket, bool close);

// Disconnects a client from its namespace with a WebSocket close code (RFC 6455
// §7.4) and a text of at most 123 bytes, which a plain WebSocket is told.
// SALON_ERR_INVALID for a code that may not be sent, SALON_ERR_LIMIT for a longer
// text.
SALON_API
int salon_socket_disconnect_with(struct salon_server *server,
                                 salon_socket_id socket,
                                 uint32_t code,
                                 const char *reason);

// The socket that its client knows by this name (salon_socket_info.sid), or
// zero.
SALON_API salon_socket_id salon_socket_by_sid(const struct salon_server *server, const char *sid);

// Keeps a pointer of yours with a client. Salon never looks at it; it comes back
// in every event of the socket that is taken from now on, also in those of this
// turn, and last in its DISCONNECT (or EXPIRED): the place to free it.
SALON_API int salon_socket_set_user(struct salon_server *server, salon_socket_id socket, void *user);

// That pointer, or null.
SALON_API void *salon_socket_user(const struct salon_server *server, salon_socket_id socket);

// Tells what is known of a client: fills as much of `info_out` as the `size` that
// the caller has set in it. Its texts stay until the next poll.
SALON_API
int salon_socket_describe(struct salon_server *server,
                          salon_socket_id socket,
                          struct salon_socket_info *info_out);

// A header of the request that opened the session; upper and lower case are the
// same. The request of a plain WebSocket is kept until the poll after CONNECT,
// and longer with SALON_CONFIG_KEEP_HANDSHAKES. SALON_ERR_NOT_FOUND if it is not
// kept or has no such header. The value stays until the next poll; like a
// query's, it need not be UTF-8 and may hold zero bytes: use its length.
SALON_API
int salon_socket_header(struct salon_server *server,
                        salon_socket_id socket,
                        const char *name,
                        struct salon_bytes *value_out);

// A query parameter of that request, decoded; as salon_socket_header().
SALON_API
int salon_socket_query(struct salon_server *server,
                       salon_socket_id socket,
                       const char *key,
                       struct salon_bytes *value_out);

// The target of that request as it was sent, path and query; as
// salon_socket_header().
SALON_API
int salon_socket_url(struct salon_server *server,
                     salon_socket_id socket,
                     struct salon_bytes *value_out);

// What a Socket.IO client gave as `auth` when it entered: a JSON object, "{}"
// if it gave none, and for other clients. Stays until the next poll.
// SALON_ERR_NOT_FOUND for a stale id.
SALON_API
int salon_socket_auth(struct salon_server *server,
                      salon_socket_id socket,
                      struct salon_bytes *value_out);

// Names the rooms that a client is in: `rooms_out` gets an array of
// zero-terminated names, which stay until the next poll. Answers how many there
// are.
SALON_API
int salon_socket_rooms(struct salon_server *server,
                       salon_socket_id socket,
                       const struct salon_bytes **rooms_out);

// Bytes that wait in a client's send queue.
SALON_API ptrdiff_t salon_socket_queued(const struct salon_server *server, salon_socket_id socket);

// Many sockets ------------------------------------------------------------
//
// An audience is encoded for once, however many it has. These answer for how
// many clients something was queued or done: an empty audience is 0, no error.
// SALON_ERR_NOT_FOUND if the namespace is not open, or for a zero among
// `sockets`; who has left is passed over.

// Sends an event to an audience; null is everybody on the server. Names and
// arguments as for one socket; full queues are skipped.
//
// With ack_timeout_ms it asks each of them: `ack_out` gets the number, the
// answer is 0, and one SALON_EVENT_ACK comes for each that answers, leaves or is
// late, then SALON_EVENT_ACKS_DONE. Without, `ack_out` gets 0; it may be null.
SALON_API
int salon_server_emit(struct salon_server *server,
                      const struct salon_audience *to,
                      const struct salon_message *message,
                      uint64_t *ack_out);

// Sends a raw message to an audience; to clients of other dialects it is the
// event "message". `flags`: SALON_SEND_*.
SALON_API
int salon_server_send(struct salon_server *server,
                      const struct salon_audience *to,
                      const void *message,
                      size_t len,
                      uint32_t flags);

// Sends an event to every client of a namespace: salon_server_emit() in short.
SALON_API
int salon_namespace_emit(struct salon_server *server,
                         const char *nsp,
                         const char *name,
                         const char *args,
                         size_t args_len);

// Sends an event to every client in a room, but not to `except` (zero: to all):
// salon_server_emit() in short.
SALON_API
int salon_room_emit(struct salon_server *server,
                    const char *nsp,
                    const char *room,
                    salon_socket_id except,
                    const char *name,
                    const char *args,
                    size_t args_len);

// How many clients are in a room, or in a whole namespace if `room` is null. A
// room that is not there has nobody in it; SALON_ERR_NOT_FOUND if there is no
// such namespace.
SALON_API int salon_room_count(const struct salon_server *server, const char *nsp, const char *room);

// Names the rooms of a namespace, in no order: `rooms_out` gets an array of
// zero-terminated names, which stay until the next poll. Answers how many there
// are. SALON_ERR_NOT_FOUND if there is no such namespace.
SALON_API
int salon_namespace_rooms(struct salon_server *server,
                          const char *nsp,
                          const struct salon_bytes **rooms_out);

// Names all namespaces, the dynamic ones included, in no order: as
// salon_namespace_rooms().
SALON_API int salon_server_namespaces(struct salon_server *server, const struct salon_bytes **namespaces_out);

// Lists an audience: the first `cap` ids go to `ids_out`, which may be null if
// `cap` is 0. Answers how many there are in all, or a negative salon_error.
SALON_API
ptrdiff_t salon_audience_sockets(struct salon_server *server,
                                 const struct salon_audience *to,
                                 salon_socket_id *ids_out,
                                 size_t cap);

// Puts everybody in an audience into a room: all of them, or nobody
// (SALON_ERR_LIMIT) if that would be one room too many for one.
SALON_API
int salon_audience_join(struct salon_server *server,
                        const struct salon_audience *to,
                        const char *room);

// Takes everybody in an audience out of a room.
SALON_API
int salon_audience_leave(struct salon_server *server,
                         const struct salon_audience *to,
                         const char *room);

// Disconnects everybody in an audience from its namespace.
SALON_API int salon_audience_disconnect(struct salon_server *server, const struct salon_audience *to);

// HTTP --------------------------------------------------------------------
//
// With SALON_CONFIG_HTTP, requests that are not Salon's own come as
// SALON_EVENT_HTTP_REQUEST, named by their `ack`.

// Answers a request, in that turn or later, with a `status` from 200 to 599.
// `headers` are names and values in turn; `header_count` counts both, so it is
// even. Content-Length, Connection and their like are written by the server.
// Answers 1, or 0 if nobody waits any more: the client has left, the time is
// over, or it was answered before. SALON_ERR_INVALID for what can't be sent.
SALON_API
int salon_http_respond(struct salon_server *server,
                       uint64_t request,
                       uint32_t status,
                       const char *const *headers,
                       size_t header_count,
                       const void *body,
                       size_t body_len);

// A header of a request of the last poll; upper and lower case are the same.
// SALON_ERR_NOT_FOUND if it has none, or if the request is older. The value
// stays until the next poll, and may hold any bytes.
SALON_API
int salon_http_header(struct salon_server *server,
                      uint64_t request,
                      const char *name,
                      struct salon_bytes *value_out);

// A query parameter of such a request, decoded; as salon_http_header().
SALON_API
int salon_http_query(struct salon_server *server,
                     uint64_t request,
                     const char *key,
                     struct salon_bytes *value_out);

// Timers ------------------------------------------------------------------

// Raises SALON_EVENT_TIMER with `tag` after `delay_ms`, and then every
// `interval_ms` if that is not zero. `timer_out`, if not null, gets its number,
// which is never zero.
SALON_API
int salon_timer_start(struct salon_server *server,
                      uint32_t delay_ms,
                      uint32_t interval_ms,
                      uint64_t tag,
                      uint64_t *timer_out);

// Stops a timer. Those of its events that the last poll has given still come.
// SALON_ERR_NOT_FOUND if it has fired for the last time or was stopped.
SALON_API int salon_timer_stop(struct salon_server *server, uint64_t timer);

// JSON --------------------------------------------------------------------
//
// What a host needs to read an argument and to write one safely. These take no
// server and may be called on any thread. SALON_ERR_INVALID for what is not
// JSON, or nests deeper than 128.

// Finds the value that a JSON Pointer (RFC 6901) names, such as "/0/token"; ""
// is the whole, "~1" in a name stands for a slash and "~0" for a tilde.
// `value_out` gets its JSON text, which lies within `json` and lives as long.
// SALON_ERR_NOT_FOUND if there is none. Of members with one name the last
// counts.
SALON_API
int salon_json_get(const char *json,
                   size_t json_len,
                   const char *pointer,
                   struct salon_bytes *value_out);

// The text that a JSON string stands for, as snprintf() would write it: at most
// `cap` bytes with a zero byte at the end, cut after a whole character if need
// be. Answers how many bytes the whole has, without the zero byte, or a negative
// salon_error; `buf` may be null if `cap` is 0, and may be `json` itself. A
// client can write zero bytes into a text: compare the answer with strlen()
// where that matters.
SALON_API ptrdiff_t salon_json_text(const char *json, size_t json_len, char *buf, size_t cap);

// The value of a JSON number. SALON_ERR_INVALID for anything else.
SALON_API int salon_json_number(const char *json, size_t json_len, double *number_out);

// Writes JSON from a pattern, as snprintf() would: each `?` outside a string
// becomes the next of `texts` as a JSON string, each `#` the next one as it
// stands, which must be JSON itself. "[{\"text\":?}]" is safe whatever the text
// holds. Answers how many bytes the whole has, without the zero byte; if that is
// not less than `cap`, it was cut. SALON_ERR_INVALID if texts are missing or
// left over, are not UTF-8, or if the whole is not JSON.
SALON_API
ptrdiff_t salon_json_bind(char *buf,
                          size_t cap,
                          const char *format,
                          const struct salon_bytes *texts,
                          size_t text_count);

// Other threads -----------------------------------------------------------
//
// A remote carries what it is told to the server's thread, where it takes effect
// in order at the next turn; a sleeping poll is waked. All of these except
// salon_remote_new() may be called from any thread, also on one remote at once.
// They answer SALON_ERR_CLOSED if the server is gone and SALON_ERR_LIMIT if its
// mailbox is full (salon_config.mailbox_bytes). What only the server's thread
// can know, such as that a socket has left, is no error here.

// Makes a remote, on the server's thread. Free it with salon_remote_free().
SALON_API int salon_remote_new(struct salon_server *server, struct salon_remote **remote_out);

// Frees a remote, before or after its server. Null is ignored.
SALON_API void salon_remote_free(struct salon_remote *remote);

// Makes a sleeping salon_server_poll() return; many calls may wake it once.
// Async-signal-safe: the one function that a signal handler may call. So its
// errors do not change salon_last_error().
SALON_API int salon_remote_wake(const struct salon_remote *remote);

// Hands the server's thread a number and a copy of some bytes, which it gets as
// SALON_EVENT_POST.
SALON_API
int salon_remote_post(const struct salon_remote *remote,
                      uint64_t tag,
                      const void *message,
                      size_t len);

// Like salon_server_emit(), without answers: a message with ack_timeout_ms is
// SALON_ERR_INVALID. Answers 0.
SALON_API
int salon_remote_emit(const struct salon_remote *remote,
                      const struct salon_audience *to,
                      const struct salon_message *message);

// Like salon_server_send(). Answers 0.
SALON_API
int salon_remote_send(const struct salon_remote *remote,
                      const struct salon_audience *to,
                      const void *message,
                      size_t len,
                      uint32_t flags);

// Lets a waiting client in, with your pointer for it; null keeps the one that it
// has. Whether it has left meanwhile is not known here: a pointer that must not
// be lost is better set by salon_socket_set_user() at its CONNECT_REQUEST.
SALON_API int salon_remote_accept(const struct salon_remote *remote, salon_socket_id socket, void *user);

// Turns a waiting client away; see salon_socket_reject().
SALON_API
int salon_remote_reject(const struct salon_remote *remote,
                        salon_socket_id socket,
                        uint32_t status,
                        const char *message);

// Disconnects a client from its namespace.
SALON_API int salon_remote_disconnect(const struct salon_remote *remote, salon_socket_id socket);

// Like salon_server_shutdown(): who is not gone after `grace_ms` is cut off.
SALON_API int salon_remote_shutdown_within(const struct salon_remote *remote, uint32_t grace_ms);

// Shuts the server down; its clients have salon_config.close_timeout_ms to go.
SALON_API int salon_remote_shutdown(const struct salon_remote *remote);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SALON_H */
