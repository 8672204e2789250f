"""One client, and many."""

import ctypes
from concurrent.futures import Future
from dataclasses import dataclass
from threading import get_ident
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Tuple, Union

from . import _api
from ._api import CONSTANTS
from ._texts import auth_of, texts
from .errors import InvalidError, NotFoundError, StateError

if TYPE_CHECKING:
    from .gateway import Place
    from .server import Server

Target = Union[str, "Socket"]
"""To whom: a room's name, or a socket."""


class Answer(Future):  # type: ignore[type-arg]
    """The answer to come to a question: a future whose result is what the client answered (see ``emit_with_ack``)."""

    def __init__(self, server: "Server") -> None:
        super().__init__()
        self._server = server

    def result(self, timeout: Optional[float] = None) -> Any:
        """The answer. On other threads than the server's this waits for it; on that one it would wait for itself."""
        self._check_thread()
        return super().result(timeout)

    def exception(self, timeout: Optional[float] = None) -> Optional[BaseException]:
        """Why there is no answer, or None; waits as :meth:`result` does."""
        self._check_thread()
        return super().exception(timeout)

    def _check_thread(self) -> None:
        if not self.done() and get_ident() == self._server._thread:
            raise StateError("the answer is not there yet, and only the server's own thread can bring it")


@dataclass(frozen=True)
class Answers:
    """What an audience answered: each socket with its answer, and who gave none."""

    answers: List[Tuple["Socket", Any]]
    missing: List["Socket"]

    @property
    def values(self) -> List[Any]:
        return [value for _, value in self.answers]


@dataclass(frozen=True)
class Info:
    """What is known of a client."""

    sid: str
    """The id by which the client knows its socket; empty in the raw dialect."""
    address: str
    """"address:port" of the peer; empty over a Unix socket."""
    protocol: str
    """"socketio", "json" or "raw"; empty once it has left."""
    transport: str
    """"polling" or "websocket"; empty once it has left."""
    queued: int
    """Bytes that wait to be sent."""
    dropped: int
    """Messages dropped since its last :class:`Drain`."""
    subprotocol: str
    """What a plain WebSocket has settled on, or empty."""
    connected_at: float
    """When its handshake came, in seconds since 1970; 0 if that is not kept."""


_PROTOCOLS = {
    CONSTANTS["SALON_PROTOCOL_SOCKETIO"]: "socketio",
    CONSTANTS["SALON_PROTOCOL_JSON"]: "json",
    CONSTANTS["SALON_PROTOCOL_RAW"]: "raw",
}
_TRANSPORTS = {
    CONSTANTS["SALON_TRANSPORT_POLLING"]: "polling",
    CONSTANTS["SALON_TRANSPORT_WEBSOCKET"]: "websocket",
}


class Socket:
    """A client in a namespace. It stays the same object from its first event to its last; `data` is yours.

    Commands on a socket that has left do nothing (``emit`` answers False). On other threads than the server's,
    ``emit``, ``send`` and ``disconnect`` work, too; for the rest there is :meth:`Server.call_soon`.
    """

    __slots__ = ("server", "id", "namespace", "data", "connected", "recovered", "_place", "_sid", "_tasks")

    def __init__(self, server: "Server", id: int, namespace: str, place: "Place") -> None:
        self.server = server
        self.id = id
        self.namespace = namespace
        self.data: Any = None
        self.connected = False
        self.recovered = False
        self._place = place
        self._sid: Optional[str] = None
        self._tasks = 0

    def __repr__(self) -> str:
        return f"<salon.Socket {self.id:#x} of {self.namespace}>"

    # What it is told.

    def emit(self, name: str, *args: Any) -> bool:
        """Sends an event. False if the client has left, which only the server's own thread knows."""
        server = self.server
        data, attachments = server._encode(args)
        if attachments or get_ident() != server._thread:
            return server._emit(self._alone(), server._name(name), data, attachments, 0) != 0
        answer: int = server._socket_emit(server._handle, self.id, server._name(name), data, len(data))
        return answer > 0 or self._fell(answer)

    def send(self, data: Union[str, bytes], *, volatile: bool = False) -> bool:
        """Sends a raw message, text or binary; to clients of other dialects it is the event "message"."""
        server = self.server
        message, flags = server._raw(data, volatile)
        if get_ident() != server._thread:
            server._send(self._alone(), message, flags)
            return True
        answer: int = server._lib.salon_socket_send(server._handle, self.id, message, len(message), flags)
        return answer > 0 or self._fell(answer)

    def emit_with_ack(
        self,
        name: str,
        *args: Any,
        timeout: float = 10.0,
        callback: Optional[Callable[[Answer], Any]] = None,
    ) -> Answer:
        """Sends an event and asks for an answer: a future, which ends in any case.

        Its result is None, the answer's one argument, or a list of several. It fails with :class:`AckTimeoutError`, or
        with :class:`ClosedError` if the client leaves. `callback` is called with the future once it is done.
        """
        return self.server._ask(self, name, args, timeout, callback)

    # Rooms.

    def join(self, *rooms: str) -> None:
        """Puts the client into rooms of its namespace."""
        for room in rooms:
            self._told(self.server._lib.salon_socket_join, self.server._name(room))

    def leave(self, *rooms: str) -> None:
        """Takes the client out of rooms; without any, out of all."""
        for room in rooms or (None,):
            self._told(self.server._lib.salon_socket_leave, None if room is None else self.server._name(room))

    @property
    def rooms(self) -> List[str]:
        """The rooms that the client is in."""
        found = ctypes.POINTER(_api.Bytes)()
        count = self._told(self.server._lib.salon_socket_rooms, ctypes.byref(found))
        return texts(found, count)

    def to(self, *targets: Target) -> "Audience":
        """Rooms or sockets of its namespace, without itself."""
        return Audience(self.server, self.namespace, targets, (self,))

    @property
    def broadcast(self) -> "Audience":
        """Everybody in its namespace but itself."""
        return Audience(self.server, self.namespace, None, (self,))

    # The end.

    def disconnect(self, close: bool = False, *, code: Optional[int] = None, reason: str = "") -> None:
        """Disconnects the client from its namespace; with `close`, from all of its own, and its connection, too.

        `code` and `reason` are what the close frame of a plain WebSocket says.
        """
        server = self.server
        if get_ident() != server._thread:
            if close or code is not None:
                server.call_soon(self._disconnect, close, code, reason)
            else:
                server._check(server._lib.salon_remote_disconnect(server._remote, self.id))
        else:
            self._disconnect(close, code, reason)

    def _disconnect(self, close: bool, code: Optional[int], reason: str) -> None:
        lib = self.server._lib
        if code is None:
            self._told(lib.salon_socket_disconnect, close)
        else:
            self._told(lib.salon_socket_disconnect_with, code, self.server._name(reason))

    # What is known of it.

    @property
    def info(self) -> Info:
        """All that the engine knows of it now. :class:`NotFoundError` once it has left."""
        info = _api.SocketInfo(size=ctypes.sizeof(_api.SocketInfo))
        server = self.server
        server._check(server._mine().salon_socket_describe(server._handle, self.id, ctypes.byref(info)))
        return Info(
            sid=info.sid.decode(),
            address=info.address.decode(),
            protocol=_PROTOCOLS.get(info.protocol, ""),
            transport=_TRANSPORTS.get(info.transport, ""),
            queued=info.queued,
            dropped=info.dropped,
            subprotocol=info.subprotocol.decode(),
            connected_at=info.connected_ms / 1000,
        )

    @property
    def sid(self) -> str:
        """The id by which the client knows its socket; empty in the raw dialect."""
        if self._sid is None:
            self._sid = self.info.sid
        return self._sid

    @property
    def queued(self) -> int:
        """Bytes that wait to be sent; 0 once it has left."""
        server = self.server
        waiting: int = server._mine().salon_socket_queued(server._handle, self.id)
        return max(waiting, 0)

    @property
    def url(self) -> str:
        """The target of its request as it was sent, path and query."""
        return self._part("salon_socket_url") or ""

    @property
    def auth(self) -> Any:
        """What a Socket.IO client gave as `auth` when it entered, else an empty dict."""
        return auth_of((self._part("salon_socket_auth") or "{}").encode())

    def header(self, name: str) -> Optional[str]:
        """A header of its request. Those of a plain WebSocket are kept until the turn after its connect; longer with
        ``keep_handshakes=True``."""
        return self._part("salon_socket_header", self.server._name(name))

    def query(self, key: str) -> Optional[str]:
        """A query parameter of its request, decoded; kept as headers are."""
        return self._part("salon_socket_query", self.server._name(key))

    def _part(self, function: str, *args: Any) -> Optional[str]:
        found = _api.Bytes()
        server = self.server
        answer = getattr(server._mine(), function)(server._handle, self.id, *args, ctypes.byref(found))
        if answer == NotFoundError.code:
            return None
        server._check(answer)
        return ctypes.string_at(found.ptr, found.len).decode("utf-8", "replace")

    def _alone(self) -> "Audience":
        return Audience(self.server, self.namespace).to(self)

    def _told(self, function: Any, *args: Any) -> int:
        """Calls a function on this socket; that it has left is no error."""
        self.server._mine()
        answer: int = function(self.server._handle, self.id, *args)
        if answer < 0:
            self._fell(answer)
            return 0
        return answer

    def _fell(self, answer: int) -> bool:
        """An answer that is not good: to have left is no error."""
        if answer < 0 and answer != NotFoundError.code:
            self.server._check(answer)
        return False


class Audience:
    """To whom: the union of rooms and sockets, or everybody in the namespace if none is named, less the excepted.

    ``server.to("lobby").except_(socket).emit("said", text)``. Each receives once, and it is encoded once for all. An
    audience can be kept and used again; it chooses anew each time.
    """

    __slots__ = ("server", "_nsp", "_to", "_except", "_flags", "_native")

    def __init__(
        self,
        server: "Server",
        namespace: Optional[str],
        to: Optional[Tuple[Target, ...]] = None,
        without: Tuple[Target, ...] = (),
        flags: int = 0,
    ) -> None:
        self.server = server
        self._nsp = namespace
        self._to = to
        self._except = without
        self._flags = flags
        self._native: Any = None

    def to(self, *targets: Target) -> "Audience":
        """With these rooms or sockets as well; with none of them, ``to()`` is nobody."""
        return Audience(self.server, self._nsp, (self._to or ()) + targets, self._except, self._flags)

    def except_(self, *targets: Target) -> "Audience":
        """Without these rooms or sockets."""
        return Audience(self.server, self._nsp, self._to, self._except + targets, self._flags)

    @property
    def volatile(self) -> "Audience":
        """Leaving out those who are behind with what was sent before."""
        return Audience(self.server, self._nsp, self._to, self._except, CONSTANTS["SALON_MESSAGE_VOLATILE"])

    def emit(self, name: str, *args: Any) -> Optional[int]:
        """Sends an event. Answers to how many; None on other threads than the server's."""
        server = self.server
        data, attachments = server._encode(args)
        return server._emit(self, server._name(name), data, attachments, self._flags)

    def send(self, data: Union[str, bytes]) -> Optional[int]:
        """Sends a raw message, text or binary; to clients of other dialects it is the event "message"."""
        message, flags = self.server._raw(data, bool(self._flags))
        return self.server._send(self, message, flags)

    def emit_with_ack(
        self,
        name: str,
        *args: Any,
        timeout: float = 10.0,
        callback: Optional[Callable[[Answer], Any]] = None,
    ) -> Answer:
        """Sends an event and asks each for an answer: a future of :class:`Answers`, which ends when all have answered
        or left, or at the time-out."""
        return self.server._ask(self, name, args, timeout, callback)

    @property
    def sockets(self) -> List[Socket]:
        """Who that is now."""
        return self.server._sockets_of(self)

    @property
    def count(self) -> int:
        """How many that are now."""
        server, to = self.server, self._to
        if self._nsp is not None and not self._except and (to is None or (len(to) == 1 and isinstance(to[0], str))):
            room = None if to is None else server._name(to[0])  # type: ignore[arg-type]
            return server._check(server._mine().salon_room_count(server._handle, server._name(self._nsp), room))
        return len(self.sockets)

    @property
    def rooms(self) -> List[str]:
        """The rooms of the namespace."""
        server, found = self.server, ctypes.POINTER(_api.Bytes)()
        nsp = server._name(self._nsp or "/")
        count = server._mine().salon_namespace_rooms(server._handle, nsp, ctypes.byref(found))
        return texts(found, server._check(count))

    def join(self, *rooms: str) -> int:
        """Puts all of them into rooms. Answers how many they are."""
        return self._all("salon_audience_join", rooms)

    def leave(self, *rooms: str) -> int:
        """Takes all of them out of rooms. Answers how many they are."""
        return self._all("salon_audience_leave", rooms)

    def disconnect(self) -> int:
        """Disconnects all of them from their namespace. Answers how many they are."""
        server = self.server
        lib = server._mine()
        if self._is_nobody:
            return 0
        return server._check(lib.salon_audience_disconnect(server._handle, self.native()))

    def _all(self, function: str, rooms: Tuple[str, ...]) -> int:
        server, count = self.server, 0
        call = getattr(server._mine(), function)
        for room in rooms:
            if not self._is_nobody:
                count = server._check(call(server._handle, self.native(), server._name(room)))
        return count

    @property
    def _is_nobody(self) -> bool:
        return self._to is not None and not self._to

    def one_room(self) -> Optional[Tuple[bytes, bytes, int]]:
        """If this is one room without one socket at most: namespace, room, and the socket's id or 0."""
        nsp, to, without = self._nsp, self._to, self._except
        if nsp is None or to is None or len(to) != 1 or len(without) > 1 or not isinstance(to[0], str):
            return None
        one = without[0] if without else None
        if one is not None and not isinstance(one, Socket):
            return None
        name = self.server._name
        return name(nsp), name(to[0]), 0 if one is None else one.id

    def native(self) -> Any:
        """The struct that the engine reads, made once. It keeps what it points to."""
        if self._native is None:
            rooms, sockets = self._split(self._to or ())
            except_rooms, except_sockets = self._split(self._except)
            self._native = _api.Audience(
                ctypes.sizeof(_api.Audience),
                None if self._nsp is None else self.server._name(self._nsp),
                (ctypes.c_char_p * len(rooms))(*rooms),
                len(rooms),
                (ctypes.c_char_p * len(except_rooms))(*except_rooms),
                len(except_rooms),
                (ctypes.c_uint64 * len(sockets))(*sockets),
                len(sockets),
                (ctypes.c_uint64 * len(except_sockets))(*except_sockets),
                len(except_sockets),
            )
        return self._native

    def _split(self, targets: Tuple[Target, ...]) -> Tuple[List[bytes], List[int]]:
        rooms, sockets = [], []
        for target in targets:
            if isinstance(target, Socket):
                sockets.append(target.id)
            elif isinstance(target, str):
                rooms.append(self.server._name(target))
            else:
                raise InvalidError(f"a room's name or a socket is wanted, not {target!r}")
        return rooms, sockets
