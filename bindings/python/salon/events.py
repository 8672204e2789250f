"""What happens on a server. Everything in an event has been copied out: it may be kept."""

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, List, Mapping, Optional, Sequence, Tuple, Union

from ._json import Attachments

if TYPE_CHECKING:
    from .server import Server
    from .sockets import Socket


class Reason(enum.IntEnum):
    """Why a client is gone."""

    CLIENT_LEFT = 0
    TRANSPORT_CLOSE = 1
    TRANSPORT_ERROR = 2
    PING_TIMEOUT = 3
    SERVER_LEFT = 4
    NAMESPACE_CLOSED = 5
    REJECTED = 6
    GUARD_TIMEOUT = 7
    PROTOCOL_ERROR = 8
    PARSE_ERROR = 9
    MESSAGE_TOO_BIG = 10
    POLICY_VIOLATION = 11
    SLOW_READER = 12
    OUT_OF_MEMORY = 13
    SHUTDOWN = 14
    FLOOD = 15

    @classmethod
    def _missing_(cls, value: object) -> "Reason":
        """A reason that a newer engine has and this package does not know."""
        reason = int.__new__(cls, value)  # type: ignore[call-overload]
        reason._name_, reason._value_ = f"REASON_{value}", value
        return reason  # type: ignore[no-any-return]


class Limit(enum.IntEnum):
    """A limit that clients or other threads can meet: a keyword of :class:`Server` by its name."""

    HEAD_BYTES = 0
    HEADER_LINES = 1
    TARGET_BYTES = 2
    HEAD_TIMEOUT = 3
    BODY_TIMEOUT = 4
    IDLE_TIMEOUT = 5
    RESPONSE_TIMEOUT = 6
    MESSAGE_BYTES = 7
    MESSAGE_FRAGMENTS = 8
    CLOSE_TIMEOUT = 9
    QUEUE_BYTES = 10
    MEMORY_BYTES = 11
    PING_TIMEOUT = 12
    CONNECT_TIMEOUT = 13
    UPGRADE_TIMEOUT = 14
    ATTACHMENT_TIMEOUT = 15
    DROP_TIMEOUT = 16
    UNCLAIMED_SESSIONS = 17
    SESSIONS = 18
    NAMESPACES = 19
    WAITING_BYTES = 20
    ACKS_OWED = 21
    ACKS_AWAITED = 22
    ATTACHMENTS = 23
    PAYLOAD_PACKETS = 24
    NAME_BYTES = 25
    JSON_DEPTH = 26
    CONNECTIONS = 27
    CLIENT_EVENTS = 28
    ADDRESS_CONNECTIONS = 29
    ADDRESS_CONNECTS = 30
    ADDRESS_SESSIONS = 31
    ADDRESS_HANDSHAKES = 32
    MAILBOX_BYTES = 33


@dataclass(eq=False)
class Event:
    """What all events are."""

    __slots__ = ()


@dataclass(eq=False)
class _OfSocket(Event):
    __slots__ = ("socket",)

    socket: "Socket"

    @property
    def namespace(self) -> str:
        return self.socket.namespace


@dataclass(eq=False)
class ConnectRequest(_OfSocket):
    """A client asks to enter a guarded namespace. Accept or reject it, now or later.

    `auth` is what a Socket.IO client gave as such, else an empty dict. Headers, query and address are the socket's.
    """

    __slots__ = ("auth", "decided")

    auth: Any
    decided: bool

    def accept(
        self,
        *,
        data: Any = None,
        rooms: Sequence[str] = (),
        dialect: Optional[str] = None,
        subprotocol: Optional[str] = None,
    ) -> None:
        """Lets the client in, into all rooms at once. `data` becomes ``socket.data``, unless it is None."""
        self.socket.server._accept(self, data, rooms, dialect, subprotocol)

    def reject(self, message: str = "Forbidden resource", status: int = 403, data: Any = None) -> None:
        """Turns the client away: a plain WebSocket with the HTTP status, a Socket.IO client with message and data."""
        self.socket.server._reject(self, message, status, data)


@dataclass(eq=False)
class Connect(_OfSocket):
    """A client is in. One that was recovered (``socket.recovered``) has its old rooms and ``socket.data``."""

    __slots__ = ("auth",)

    auth: Any


@dataclass(eq=False)
class Disconnect(_OfSocket):
    """A client is gone: exactly one of these for each that has connected or asked to.

    `code` and `text` are those of a WebSocket's close, `rooms` those that it was in. If it `may_return`, a
    :class:`Connect` of the recovered client or an :class:`Expired` follows.
    """

    __slots__ = ("reason", "code", "text", "rooms", "may_return")

    reason: Reason
    code: int
    text: str
    rooms: List[str]
    may_return: bool


@dataclass(eq=False)
class Message(_OfSocket):
    """A client sent an event. `args` are its arguments, with binary ones as bytes in place.

    On a server with ``decode=False``, `args` is the JSON array as bytes, and `attachments` what its placeholders mean.
    """

    __slots__ = ("name", "args", "attachments", "ack")

    name: str
    args: Any
    attachments: Attachments
    ack: int

    @property
    def wants_answer(self) -> bool:
        """Does the client wait for an answer that has not been given yet?"""
        return self.ack != 0

    def answer(self, *args: Any) -> None:
        """Answers, once; nothing happens if the client wants no answer or has left."""
        self.socket.server._answer(self, args)

    def later(self) -> "Message":
        """A copy with the duty to answer: what the handler gives back is no answer then."""
        other = Message(self.socket, self.name, self.args, self.attachments, self.ack)
        self.ack = 0
        return other


@dataclass(eq=False)
class Data(_OfSocket):
    """A client of the raw dialect sent a message: str if it was text, else bytes."""

    __slots__ = ("data",)

    data: Union[str, bytes]


@dataclass(eq=False)
class Drain(_OfSocket):
    """A full send queue has room again, or its client leaves, after `dropped` messages to it were refused (only with
    ``overflow="drop"``)."""

    __slots__ = ("dropped",)

    dropped: int


@dataclass(eq=False)
class Upgraded(_OfSocket):
    """A Socket.IO client has moved from polling to WebSocket."""

    __slots__ = ()


@dataclass(eq=False)
class Joined(_OfSocket):
    """A socket is in a room (only with ``member_events=True``)."""

    __slots__ = ("room",)

    room: str


@dataclass(eq=False)
class Left(_OfSocket):
    """A socket is no longer in a room (only with ``member_events=True``)."""

    __slots__ = ("room",)

    room: str


@dataclass(eq=False)
class Expired(_OfSocket):
    """A client that might have come back has not: the last that is heard of it."""

    __slots__ = ()


@dataclass(eq=False)
class RoomCreated(Event):
    """A room came about (only with ``room_events=True``)."""

    __slots__ = ("namespace", "room")

    namespace: str
    room: str


@dataclass(eq=False)
class RoomDeleted(Event):
    """A room is gone (only with ``room_events=True``)."""

    __slots__ = ("namespace", "room")

    namespace: str
    room: str


@dataclass(eq=False)
class Post(Event):
    """Somebody, perhaps on another thread, called :meth:`Server.post`."""

    __slots__ = ("value",)

    value: Any


@dataclass(eq=False)
class HttpRequest(Event):
    """An HTTP request that is not Salon's own (only with ``http=True``). Headers and query can be asked for until the
    server's next turn; an asynchronous handler reads them before its first ``await``."""

    __slots__ = ("server", "request", "method", "path", "body")

    server: "Server"
    request: int
    method: str
    path: str
    body: bytes

    def header(self, name: str) -> Optional[str]:
        """The value of a header, or None."""
        return self.server._http_part("salon_http_header", self.request, name)

    def query(self, key: str) -> Optional[str]:
        """The value of a query parameter, decoded, or None."""
        return self.server._http_part("salon_http_query", self.request, key)

    def respond(
        self,
        status: int = 200,
        body: Union[str, bytes] = b"",
        headers: Union[Mapping[str, str], Sequence[Tuple[str, str]]] = (),
    ) -> bool:
        """Answers, now or later. False if nobody waits any more."""
        return self.server._respond(self.request, status, body, headers)


@dataclass(eq=False)
class Stopped(Event):
    """:meth:`Server.shutdown` is done: every client has had its :class:`Disconnect`."""

    __slots__ = ()
