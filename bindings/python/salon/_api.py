"""What include/salon.h says, for ctypes: constants, structures and prototypes, in its order and under its names."""

import ctypes
from ctypes import (
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_double,
    c_int,
    c_size_t,
    c_ssize_t,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import Any, Dict, Sequence, Tuple

ABI_VERSION = 1
FOREVER = -1
UNLIMITED = 2**32 - 1

CONSTANTS: Dict[str, int] = {
    "SALON_ABI_VERSION": ABI_VERSION,
    "SALON_FOREVER": FOREVER,
    "SALON_UNLIMITED": UNLIMITED,
    "SALON_OK": 0,
    "SALON_ERR_INVALID": -1,
    "SALON_ERR_NOT_FOUND": -2,
    "SALON_ERR_STATE": -3,
    "SALON_ERR_LIMIT": -4,
    "SALON_ERR_BACKPRESSURE": -5,
    "SALON_ERR_IO": -6,
    "SALON_ERR_CLOSED": -7,
    "SALON_ERR_TIMEOUT": -8,
    "SALON_ERR_BUSY": -9,
    "SALON_ERR_PANIC": -99,
    "SALON_OVERFLOW_DISCONNECT": 0,
    "SALON_OVERFLOW_DROP": 1,
    "SALON_CONFIG_HTTP": 1,
    "SALON_CONFIG_NO_POLLING": 2,
    "SALON_CONFIG_NO_WEBSOCKET": 4,
    "SALON_CONFIG_NO_UPGRADE": 8,
    "SALON_CONFIG_NO_SOCKETIO": 16,
    "SALON_CONFIG_CREDENTIALS": 32,
    "SALON_CONFIG_KEEP_HANDSHAKES": 64,
    "SALON_CONFIG_ROOM_EVENTS": 128,
    "SALON_CONFIG_MEMBER_EVENTS": 256,
    "SALON_CONFIG_RECOVERY": 512,
    "SALON_CONFIG_PROXY_PROTOCOL": 1024,
    "SALON_CONFIG_AGAINST_FLOODS": 2048,
    "SALON_NAMESPACE_GUARDED": 1,
    "SALON_NAMESPACE_REQUIRE_SUBPROTOCOL": 2,
    "SALON_DIALECT_DEFAULT": 0,
    "SALON_DIALECT_JSON": 1,
    "SALON_DIALECT_RAW": 2,
    "SALON_EVENT_CONNECT_REQUEST": 1,
    "SALON_EVENT_CONNECT": 2,
    "SALON_EVENT_DISCONNECT": 3,
    "SALON_EVENT_MESSAGE": 4,
    "SALON_EVENT_ACK": 5,
    "SALON_EVENT_DRAIN": 6,
    "SALON_EVENT_TIMER": 7,
    "SALON_EVENT_POST": 8,
    "SALON_EVENT_STOPPED": 9,
    "SALON_EVENT_ACKS_DONE": 11,
    "SALON_EVENT_DATA": 12,
    "SALON_EVENT_HTTP_REQUEST": 13,
    "SALON_EVENT_ROOM_CREATED": 14,
    "SALON_EVENT_ROOM_DELETED": 15,
    "SALON_EVENT_JOINED": 16,
    "SALON_EVENT_LEFT": 17,
    "SALON_EVENT_UPGRADED": 18,
    "SALON_EVENT_EXPIRED": 19,
    "SALON_EVENT_FLAG_TEXT": 1,
    "SALON_EVENT_FLAG_MAY_RETURN": 2,
    "SALON_REASON_CLIENT_LEFT": 0,
    "SALON_REASON_TRANSPORT_CLOSE": 1,
    "SALON_REASON_TRANSPORT_ERROR": 2,
    "SALON_REASON_PING_TIMEOUT": 3,
    "SALON_REASON_SERVER_LEFT": 4,
    "SALON_REASON_NAMESPACE_CLOSED": 5,
    "SALON_REASON_REJECTED": 6,
    "SALON_REASON_GUARD_TIMEOUT": 7,
    "SALON_REASON_PROTOCOL_ERROR": 8,
    "SALON_REASON_PARSE_ERROR": 9,
    "SALON_REASON_MESSAGE_TOO_BIG": 10,
    "SALON_REASON_POLICY_VIOLATION": 11,
    "SALON_REASON_SLOW_READER": 12,
    "SALON_REASON_OUT_OF_MEMORY": 13,
    "SALON_REASON_SHUTDOWN": 14,
    "SALON_REASON_FLOOD": 15,
    "SALON_LIMIT_HEAD_BYTES": 0,
    "SALON_LIMIT_HEADER_LINES": 1,
    "SALON_LIMIT_TARGET_BYTES": 2,
    "SALON_LIMIT_HEAD_TIMEOUT": 3,
    "SALON_LIMIT_BODY_TIMEOUT": 4,
    "SALON_LIMIT_IDLE_TIMEOUT": 5,
    "SALON_LIMIT_RESPONSE_TIMEOUT": 6,
    "SALON_LIMIT_MESSAGE_BYTES": 7,
    "SALON_LIMIT_MESSAGE_FRAGMENTS": 8,
    "SALON_LIMIT_CLOSE_TIMEOUT": 9,
    "SALON_LIMIT_QUEUE_BYTES": 10,
    "SALON_LIMIT_MEMORY_BYTES": 11,
    "SALON_LIMIT_PING_TIMEOUT": 12,
    "SALON_LIMIT_CONNECT_TIMEOUT": 13,
    "SALON_LIMIT_UPGRADE_TIMEOUT": 14,
    "SALON_LIMIT_ATTACHMENT_TIMEOUT": 15,
    "SALON_LIMIT_DROP_TIMEOUT": 16,
    "SALON_LIMIT_UNCLAIMED_SESSIONS": 17,
    "SALON_LIMIT_SESSIONS": 18,
    "SALON_LIMIT_NAMESPACES": 19,
    "SALON_LIMIT_WAITING_BYTES": 20,
    "SALON_LIMIT_ACKS_OWED": 21,
    "SALON_LIMIT_ACKS_AWAITED": 22,
    "SALON_LIMIT_ATTACHMENTS": 23,
    "SALON_LIMIT_PAYLOAD_PACKETS": 24,
    "SALON_LIMIT_NAME_BYTES": 25,
    "SALON_LIMIT_JSON_DEPTH": 26,
    "SALON_LIMIT_CONNECTIONS": 27,
    "SALON_LIMIT_CLIENT_EVENTS": 28,
    "SALON_LIMIT_ADDRESS_CONNECTIONS": 29,
    "SALON_LIMIT_ADDRESS_CONNECTS": 30,
    "SALON_LIMIT_ADDRESS_SESSIONS": 31,
    "SALON_LIMIT_ADDRESS_HANDSHAKES": 32,
    "SALON_LIMIT_MAILBOX_BYTES": 33,
    "SALON_PROTOCOL_SOCKETIO": 1,
    "SALON_PROTOCOL_JSON": 2,
    "SALON_PROTOCOL_RAW": 3,
    "SALON_TRANSPORT_POLLING": 1,
    "SALON_TRANSPORT_WEBSOCKET": 2,
    "SALON_MESSAGE_VOLATILE": 1,
    "SALON_SEND_TEXT": 1,
    "SALON_SEND_VOLATILE": 2,
}

_texts = POINTER(c_char_p)
_ids = POINTER(c_uint64)


class Config(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("socketio_path", c_char_p),
        ("allowed_origins", c_char_p),
        ("flags", c_uint32),
        ("overflow", c_uint32),
        ("head_bytes", c_uint32),
        ("header_lines", c_uint32),
        ("target_bytes", c_uint32),
        ("head_timeout_ms", c_uint32),
        ("body_timeout_ms", c_uint32),
        ("idle_timeout_ms", c_uint32),
        ("response_timeout_ms", c_uint32),
        ("message_bytes", c_uint32),
        ("message_fragments", c_uint32),
        ("close_timeout_ms", c_uint32),
        ("queue_bytes", c_uint32),
        ("mailbox_bytes", c_uint32),
        ("memory_bytes", c_uint64),
        ("ping_interval_ms", c_uint32),
        ("ping_timeout_ms", c_uint32),
        ("connect_timeout_ms", c_uint32),
        ("upgrade_timeout_ms", c_uint32),
        ("attachment_timeout_ms", c_uint32),
        ("drop_timeout_ms", c_uint32),
        ("waiting_bytes", c_uint32),
        ("unclaimed_sessions", c_uint32),
        ("sessions", c_uint32),
        ("acks_owed", c_uint32),
        ("acks_awaited", c_uint32),
        ("attachments", c_uint32),
        ("payload_packets", c_uint32),
        ("poll_packets", c_uint32),
        ("name_bytes", c_uint32),
        ("namespaces", c_uint32),
        ("rooms", c_uint32),
        ("json_depth", c_uint32),
        ("turn_messages", c_uint32),
        ("connections", c_uint32),
        ("recovery_window_ms", c_uint32),
        ("recovery_events", c_uint32),
        ("recovery_bytes", c_uint32),
        ("recovery_sockets", c_uint32),
        ("trusted_proxies", c_char_p),
        ("client_events_per_s", c_uint32),
        ("client_events_burst", c_uint32),
        ("address_connections", c_uint32),
        ("address_connects_per_min", c_uint32),
        ("address_sessions", c_uint32),
        ("address_handshakes_per_min", c_uint32),
    ]


class Bytes(Structure):
    _fields_ = [("ptr", c_void_p), ("len", c_size_t)]


class Event(Structure):
    _fields_ = [
        ("type", c_uint32),
        ("code", c_int),
        ("socket", c_uint64),
        ("ack", c_uint64),
        ("tag", c_uint64),
        ("user", c_void_p),
        ("nsp", c_void_p),
        ("nsp_len", c_size_t),
        ("name", c_void_p),
        ("name_len", c_size_t),
        ("data", c_void_p),
        ("data_len", c_size_t),
        ("attachments", POINTER(Bytes)),
        ("attachment_count", c_size_t),
        ("flags", c_uint32),
    ]


# The same fields for `struct`, which reads them in one go.
EVENT_FORMAT = "@IiQQQPPNPNPNPNI"


class Stats(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("connections", c_uint64),
        ("sessions", c_uint64),
        ("sockets", c_uint64),
        ("namespaces", c_uint64),
        ("rooms", c_uint64),
        ("queued_bytes", c_uint64),
        ("memory_bytes", c_uint64),
        ("accepted", c_uint64),
        ("messages_in", c_uint64),
        ("messages_out", c_uint64),
        ("bytes_in", c_uint64),
        ("bytes_out", c_uint64),
        ("requests", c_uint64),
        ("exceptions", c_uint64),
        ("dropped_volatile", c_uint64),
        ("dropped_full", c_uint64),
        ("refused_malformed", c_uint64),
        ("refused_origin", c_uint64),
        ("refused_namespace", c_uint64),
        ("refused_subprotocol", c_uint64),
        ("refused_guard", c_uint64),
        ("refused_timeout", c_uint64),
        ("accept_pauses", c_uint64),
        ("disconnects", c_uint64 * 32),
        ("breaches", c_uint64 * 64),
    ]


class NamespaceConfig(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("flags", c_uint32),
        ("dialect", c_uint32),
        ("subprotocols", _texts),
        ("subprotocol_count", c_size_t),
        ("subprotocol_dialects", POINTER(c_uint32)),
    ]


class Accept(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("user", c_void_p),
        ("rooms", _texts),
        ("room_count", c_size_t),
        ("dialect", c_uint32),
        ("subprotocol", c_char_p),
    ]


class Message(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("name", c_char_p),
        ("args", c_char_p),
        ("args_len", c_size_t),
        ("attachments", POINTER(Bytes)),
        ("attachment_count", c_size_t),
        ("flags", c_uint32),
        ("ack_timeout_ms", c_uint32),
    ]


class SocketInfo(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("sid", c_char_p),
        ("address", c_char_p),
        ("protocol", c_uint32),
        ("transport", c_uint32),
        ("queued", c_size_t),
        ("dropped", c_uint64),
        ("subprotocol", c_char_p),
        ("connected_ms", c_uint64),
    ]


class Audience(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("nsp", c_char_p),
        ("rooms", _texts),
        ("room_count", c_size_t),
        ("except_rooms", _texts),
        ("except_room_count", c_size_t),
        ("sockets", _ids),
        ("socket_count", c_size_t),
        ("except_sockets", _ids),
        ("except_socket_count", c_size_t),
    ]


STRUCTURES: Dict[str, Any] = {
    "salon_config": Config,
    "salon_bytes": Bytes,
    "salon_event": Event,
    "salon_stats": Stats,
    "salon_namespace_config": NamespaceConfig,
    "salon_accept": Accept,
    "salon_message": Message,
    "salon_socket_info": SocketInfo,
    "salon_audience": Audience,
}

_server = _remote = c_void_p
_list_out = POINTER(POINTER(Bytes))

PROTOTYPES: Dict[str, Tuple[Any, Sequence[Any]]] = {
    "salon_version": (c_uint32, []),
    "salon_abi_version": (c_uint32, []),
    "salon_strerror": (c_char_p, [c_int]),
    "salon_last_error": (c_char_p, []),
    "salon_server_new": (c_int, [POINTER(Config), POINTER(_server)]),
    "salon_server_free": (None, [_server]),
    "salon_server_listen": (c_int, [_server, c_char_p, POINTER(c_uint16)]),
    "salon_server_listen_fd": (c_int, [_server, c_int]),
    "salon_server_poll": (c_int, [_server, c_int]),
    "salon_server_next_event": (c_void_p, [_server]),
    "salon_server_flush": (c_int, [_server]),
    "salon_server_shutdown": (c_int, [_server, c_uint32]),
    "salon_server_fd": (c_int, [_server]),
    "salon_server_timeout_ms": (c_int, [_server]),
    "salon_server_stats": (c_int, [_server, POINTER(Stats)]),
    "salon_namespace_open": (c_int, [_server, c_char_p, POINTER(NamespaceConfig)]),
    "salon_namespace_open_pattern": (c_int, [_server, c_char_p, POINTER(NamespaceConfig)]),
    "salon_namespace_close": (c_int, [_server, c_char_p]),
    "salon_socket_accept": (c_int, [_server, c_uint64, POINTER(Accept)]),
    "salon_socket_reject": (c_int, [_server, c_uint64, c_uint32, c_char_p, c_char_p, c_size_t]),
    "salon_socket_emit": (c_int, [_server, c_uint64, c_char_p, c_char_p, c_size_t]),
    "salon_socket_emit_with_ack": (c_int, [_server, c_uint64, POINTER(Message), c_uint32, POINTER(c_uint64)]),
    "salon_ack_answer": (c_int, [_server, c_uint64, c_char_p, c_size_t, POINTER(Bytes), c_size_t]),
    "salon_socket_send": (c_int, [_server, c_uint64, c_char_p, c_size_t, c_uint32]),
    "salon_socket_join": (c_int, [_server, c_uint64, c_char_p]),
    "salon_socket_leave": (c_int, [_server, c_uint64, c_char_p]),
    "salon_socket_disconnect": (c_int, [_server, c_uint64, c_bool]),
    "salon_socket_disconnect_with": (c_int, [_server, c_uint64, c_uint32, c_char_p]),
    "salon_socket_by_sid": (c_uint64, [_server, c_char_p]),
    "salon_socket_set_user": (c_int, [_server, c_uint64, c_void_p]),
    "salon_socket_user": (c_void_p, [_server, c_uint64]),
    "salon_socket_describe": (c_int, [_server, c_uint64, POINTER(SocketInfo)]),
    "salon_socket_header": (c_int, [_server, c_uint64, c_char_p, POINTER(Bytes)]),
    "salon_socket_query": (c_int, [_server, c_uint64, c_char_p, POINTER(Bytes)]),
    "salon_socket_url": (c_int, [_server, c_uint64, POINTER(Bytes)]),
    "salon_socket_auth": (c_int, [_server, c_uint64, POINTER(Bytes)]),
    "salon_socket_rooms": (c_int, [_server, c_uint64, _list_out]),
    "salon_socket_queued": (c_ssize_t, [_server, c_uint64]),
    "salon_server_emit": (c_int, [_server, POINTER(Audience), POINTER(Message), POINTER(c_uint64)]),
    "salon_server_send": (c_int, [_server, POINTER(Audience), c_char_p, c_size_t, c_uint32]),
    "salon_namespace_emit": (c_int, [_server, c_char_p, c_char_p, c_char_p, c_size_t]),
    "salon_room_emit": (
        c_int,
        [_server, c_char_p, c_char_p, c_uint64, c_char_p, c_char_p, c_size_t],
    ),
    "salon_room_count": (c_int, [_server, c_char_p, c_char_p]),
    "salon_namespace_rooms": (c_int, [_server, c_char_p, _list_out]),
    "salon_server_namespaces": (c_int, [_server, _list_out]),
    "salon_audience_sockets": (c_ssize_t, [_server, POINTER(Audience), _ids, c_size_t]),
    "salon_audience_join": (c_int, [_server, POINTER(Audience), c_char_p]),
    "salon_audience_leave": (c_int, [_server, POINTER(Audience), c_char_p]),
    "salon_audience_disconnect": (c_int, [_server, POINTER(Audience)]),
    "salon_http_respond": (
        c_int,
        [_server, c_uint64, c_uint32, _texts, c_size_t, c_char_p, c_size_t],
    ),
    "salon_http_header": (c_int, [_server, c_uint64, c_char_p, POINTER(Bytes)]),
    "salon_http_query": (c_int, [_server, c_uint64, c_char_p, POINTER(Bytes)]),
    "salon_timer_start": (c_int, [_server, c_uint32, c_uint32, c_uint64, POINTER(c_uint64)]),
    "salon_timer_stop": (c_int, [_server, c_uint64]),
    "salon_json_get": (c_int, [c_char_p, c_size_t, c_char_p, POINTER(Bytes)]),
    "salon_json_text": (c_ssize_t, [c_char_p, c_size_t, c_char_p, c_size_t]),
    "salon_json_number": (c_int, [c_char_p, c_size_t, POINTER(c_double)]),
    "salon_json_bind": (c_ssize_t, [c_char_p, c_size_t, c_char_p, POINTER(Bytes), c_size_t]),
    "salon_remote_new": (c_int, [_server, POINTER(_remote)]),
    "salon_remote_free": (None, [_remote]),
    "salon_remote_wake": (c_int, [_remote]),
    "salon_remote_post": (c_int, [_remote, c_uint64, c_char_p, c_size_t]),
    "salon_remote_emit": (c_int, [_remote, POINTER(Audience), POINTER(Message)]),
    "salon_remote_send": (c_int, [_remote, POINTER(Audience), c_char_p, c_size_t, c_uint32]),
    "salon_remote_accept": (c_int, [_remote, c_uint64, c_void_p]),
    "salon_remote_reject": (c_int, [_remote, c_uint64, c_uint32, c_char_p]),
    "salon_remote_disconnect": (c_int, [_remote, c_uint64]),
    "salon_remote_shutdown_within": (c_int, [_remote, c_uint32]),
    "salon_remote_shutdown": (c_int, [_remote]),
}


class Library:
    """The engine's functions. `salon_server_poll` and `salon_server_flush`, which may take long, let other Python
    threads run meanwhile; the others are over sooner than that would pay."""

    def __init__(self, path: str) -> None:
        quick, slow = ctypes.PyDLL(path), ctypes.CDLL(path)
        for name, (result, arguments) in PROTOTYPES.items():
            waits = name in ("salon_server_poll", "salon_server_flush")
            function = getattr(slow if waits else quick, name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)
