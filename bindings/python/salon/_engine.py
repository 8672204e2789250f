"""An engine: its life, its turns, and what is told to it."""

import ctypes
import itertools
import logging
import socket as sockets_of_python
import struct
import threading
import warnings
from collections import deque
from dataclasses import dataclass
from functools import partial
from threading import get_ident
from typing import (
    Any,
    Callable,
    Deque,
    Dict,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
    Type,
    TypeVar,
    Union,
)

from . import _api, gateway
from ._api import CONSTANTS
from ._asks import ask, end, pieces
from ._config import DIALECTS, choice, configuration, ms
from ._json import Attachments, Encoder, binary
from ._library import library
from ._records import MAKERS
from ._texts import texts
from .errors import (
    BackpressureError,
    BusyError,
    ClosedError,
    InvalidError,
    NotFoundError,
    raise_code,
)
from .events import (
    ConnectRequest,
    Event,
    HttpRequest,
    Limit,
    Message,
    Post,
    Reason,
)
from .gateway import Place
from .sockets import Answer, Audience, Socket

log = logging.getLogger("salon")

E = TypeVar("E", bound="Engine")
Headers = Union[Mapping[str, str], Sequence[Tuple[str, str]]]

UNLIMITED = _api.UNLIMITED
"""No limit, for every limit where none makes sense."""

GUARDED = CONSTANTS["SALON_NAMESPACE_GUARDED"]
REQUIRE_SUBPROTOCOL = CONSTANTS["SALON_NAMESPACE_REQUIRE_SUBPROTOCOL"]
SEND_TEXT = CONSTANTS["SALON_SEND_TEXT"]
SEND_VOLATILE = CONSTANTS["SALON_SEND_VOLATILE"]

# An event where it lies, for the unpacking.
_event_at = (ctypes.c_char * ctypes.sizeof(_api.Event)).from_address
_unpack = struct.Struct(_api.EVENT_FORMAT).unpack_from
_string_at = ctypes.string_at
_NAMES_KEPT = 4096
# Ctrl-C interrupts a wait; this bounds the one that begins in the very moment between the check for it and the wait.
_LONGEST_WAIT_MS = 1000


@dataclass(frozen=True)
class Stats:
    """Counters since the start, and gauges of now."""

    connections: int
    sessions: int
    sockets: int
    namespaces: int
    rooms: int
    queued_bytes: int
    memory_bytes: int
    accepted: int
    messages_in: int
    messages_out: int
    bytes_in: int
    bytes_out: int
    requests: int
    exceptions: int
    dropped_volatile: int
    dropped_full: int
    refused_malformed: int
    refused_origin: int
    refused_namespace: int
    refused_subprotocol: int
    refused_guard: int
    refused_timeout: int
    accept_pauses: int
    disconnects: Dict[Reason, int]
    breaches: Dict[Limit, int]


class Timer:
    """A call that is to come, or to come again and again."""

    __slots__ = ("_server", "_id", "_call", "_repeats")

    def __init__(self, server: "Engine", call: Callable[[], Any], repeats: bool) -> None:
        self._server, self._call, self._repeats, self._id = server, call, repeats, 0

    def cancel(self) -> None:
        """It does not come any more. To cancel twice, or too late, is no error."""
        self._server._cancel(self)


class Engine:
    """What a :class:`Server` is without handlers."""

    _socket_class: Type[Socket] = Socket

    def __init__(
        self,
        address: Union[str, Sequence[str]] = (),
        *,
        origins: Union[None, str, Sequence[str]] = None,
        socketio_path: Optional[str] = None,
        overflow: str = "disconnect",
        decode: bool = True,
        http: bool = False,
        polling: bool = True,
        websocket: bool = True,
        upgrade: bool = True,
        socketio: bool = True,
        credentials: bool = False,
        keep_handshakes: bool = False,
        room_events: bool = False,
        member_events: bool = False,
        recovery: bool = False,
        head_bytes: Optional[int] = None,
        header_lines: Optional[int] = None,
        target_bytes: Optional[int] = None,
        head_timeout: Optional[float] = None,
        body_timeout: Optional[float] = None,
        idle_timeout: Optional[float] = None,
        response_timeout: Optional[float] = None,
        message_bytes: Optional[int] = None,
        message_fragments: Optional[int] = None,
        close_timeout: Optional[float] = None,
        queue_bytes: Optional[int] = None,
        mailbox_bytes: Optional[int] = None,
        memory_bytes: Optional[int] = None,
        ping_interval: Optional[float] = None,
        ping_timeout: Optional[float] = None,
        connect_timeout: Optional[float] = None,
        upgrade_timeout: Optional[float] = None,
        attachment_timeout: Optional[float] = None,
        drop_timeout: Optional[float] = None,
        waiting_bytes: Optional[int] = None,
        unclaimed_sessions: Optional[int] = None,
        sessions: Optional[int] = None,
        acks_owed: Optional[int] = None,
        acks_awaited: Optional[int] = None,
        attachments: Optional[int] = None,
        payload_packets: Optional[int] = None,
        poll_packets: Optional[int] = None,
        name_bytes: Optional[int] = None,
        namespaces: Optional[int] = None,
        rooms: Optional[int] = None,
        json_depth: Optional[int] = None,
        turn_messages: Optional[int] = None,
        connections: Optional[int] = None,
        recovery_window: Optional[float] = None,
        recovery_events: Optional[int] = None,
        recovery_bytes: Optional[int] = None,
        recovery_sockets: Optional[int] = None,
        trusted_proxies: Union[None, str, Sequence[str]] = None,
        proxy_protocol: bool = False,
        against_floods: bool = False,
        client_events_per_s: Optional[int] = None,
        client_events_burst: Optional[int] = None,
        address_connections: Optional[int] = None,
        address_connects_per_min: Optional[int] = None,
        address_sessions: Optional[int] = None,
        address_handshakes_per_min: Optional[int] = None,
    ) -> None:
        given = locals()
        # First of all, so that a server that could not be made can be closed.
        # Pointers that calls on any thread read at the very moment of the call: null once the server is closed.
        self._handle = ctypes.c_void_p()
        self._remote = ctypes.c_void_p()
        self._lib: Any = library()
        self._thread = get_ident()
        self._turning = threading.Lock()
        self._decode = decode
        self._local = threading.local()
        self._names: Dict[str, bytes] = {}
        self._sockets: Dict[int, Socket] = {}
        self._places: Dict[str, Place] = {"/": Place()}
        self._filter: gateway.Filter = gateway.default_filter
        self._http: Dict[Optional[str], Callable[[HttpRequest], Any]] = {}
        self._serves_http = http
        self._pending: Deque[Union[Event, Callable[[], Any]]] = deque()
        self._asks: Dict[int, Callable[[int, Optional[Socket], Any], bool]] = {}
        self._timers: Dict[int, Timer] = {}
        self._posts: Dict[int, Any] = {}
        self._asked: Set[Answer] = set()
        self._numbers = itertools.count(1)
        self._stopped = False

        config = configuration(given)
        self._check(self._lib.salon_server_new(ctypes.byref(config), ctypes.byref(self._handle)), is_open=True)
        # Looked up once: the paths of every message.
        self._socket_emit = self._lib.salon_socket_emit
        self._room_emit = self._lib.salon_room_emit
        self._next_event = self._lib.salon_server_next_event
        try:
            self._check(self._lib.salon_remote_new(self._handle, ctypes.byref(self._remote)))
            for one in [address] if isinstance(address, str) else address:
                self.listen(one)
        except BaseException:
            self.close()
            raise

    # Life.

    def listen(self, address: str) -> int:
        """Listens on one more address; answers the port, 0 for a Unix socket."""
        port = ctypes.c_uint16()
        self._check(self._mine().salon_server_listen(self._handle, self._name(address), ctypes.byref(port)))
        return port.value

    def listen_socket(self, listener: sockets_of_python.socket) -> None:
        """Takes over a socket that is bound and listens already; `listener` is closed."""
        self._mine()
        self._check(self._lib.salon_server_listen_fd(self._handle, listener.detach()))

    def poll(self, timeout: Optional[float] = None) -> List[Event]:
        """Waits up to `timeout` seconds (None: without end) for something to do, does it, and answers all events.

        There may be none, also before the time is over.
        """
        if not self._pending:
            self._turn(-1 if timeout is None else ms(timeout, "the timeout", least=0))
        return list(self._happened())

    def __iter__(self) -> Iterator[Event]:
        """All events, until the server is shut down. A loop that breaks off loses none."""
        while True:
            yield from self._happened()
            if self._stopped:
                return
            self._turn(_LONGEST_WAIT_MS)

    def run(self) -> None:
        """Handles events until the server is shut down. Ctrl-C ends it with KeyboardInterrupt."""
        for event in self:
            self.dispatch(event)

    def flush(self) -> None:
        """Writes out what was said. Seldom needed: every turn begins with it."""
        lib = self._mine()
        if not self._turning.acquire(False):
            raise BusyError("the server is being polled")
        try:
            self._check(lib.salon_server_flush(self._handle))
        finally:
            self._turning.release()

    def shutdown(self, grace: float = 5.0) -> None:
        """Stops listening and says goodbye to every client; who is not gone after `grace` seconds is cut off. Then
        :meth:`run` returns. May be called on any thread and from a signal handler: what the thread said before is still
        delivered, and the functions that it had called soon run, but may speak too late."""
        self._check_open()
        if self._stopped:
            return
        grace_ms = ms(grace, "the grace", least=0)
        if get_ident() == self._thread and not self._turning.locked():
            self._check(self._lib.salon_server_shutdown(self._handle, grace_ms))
        else:
            self._check(self._lib.salon_remote_shutdown_within(self._remote, grace_ms))

    def close(self) -> None:
        """Closes everything at once. Nothing is told to anybody; :meth:`shutdown` is the polite way."""
        if not self._turning.acquire(False):
            raise BusyError("the server is being polled: call shutdown(), then close it when that is done")
        try:
            handle, self._handle.value = self._handle.value, None
            remote, self._remote.value = self._remote.value, None
            if handle:
                self._lib.salon_server_free(handle)
            if remote:
                self._lib.salon_remote_free(remote)
        finally:
            self._turning.release()
        self._stopped = True
        self._pending.clear()
        self._timers.clear()
        self._posts.clear()
        asks, self._asks = self._asks, {}
        for ack, answered in asks.items():
            answered(ack, None, ClosedError("the server was closed before an answer came"))
        self._end_asked()
        for socket in self._sockets.values():
            socket.connected = False
        self._sockets.clear()

    def __enter__(self: E) -> E:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) and not self._turning.locked():
            warnings.warn(f"{self!r} was never closed", ResourceWarning, stacklevel=1, source=self)
            self.close()

    def stats(self) -> Stats:
        """Counters since the start, and gauges of now."""
        found = _api.Stats(size=ctypes.sizeof(_api.Stats))
        self._check(self._mine().salon_server_stats(self._handle, ctypes.byref(found)))
        numbers = {name: getattr(found, name) for name, *_ in _api.Stats._fields_[1:-2]}
        disconnects, breaches = dict(zip(Reason, found.disconnects)), dict(zip(Limit, found.breaches))
        return Stats(**numbers, disconnects=disconnects, breaches=breaches)

    # Namespaces.

    def open(
        self,
        namespace: str,
        *,
        guarded: bool = False,
        dialect: Optional[str] = None,
        subprotocols: Union[Sequence[str], Mapping[str, Optional[str]]] = (),
        require_subprotocol: bool = False,
    ) -> None:
        """Opens a namespace, or gives an open one other options for those who come from now on.

        ``"/room-*"`` is all namespaces that begin so: they come about with their first client and vanish with the
        last. `dialect` is what plain WebSockets speak, "json" or "raw"; `subprotocols` may map each to its own.
        """
        place = self._places.get(namespace)
        options = {
            # To open it anew does not take its guards away.
            "guarded": guarded or (place is not None and bool(place.guards)),
            "dialect": dialect,
            "subprotocols": dict(subprotocols) if isinstance(subprotocols, Mapping) else dict.fromkeys(subprotocols),
            "require_subprotocol": require_subprotocol,
        }
        self._open(namespace, options)
        self._places.setdefault(namespace, Place()).options = options

    def _open(self, namespace: str, options: Dict[str, Any]) -> None:
        subprotocols: Dict[str, Optional[str]] = options["subprotocols"]
        count = len(subprotocols)
        config = _api.NamespaceConfig(
            ctypes.sizeof(_api.NamespaceConfig),
            options["guarded"] * GUARDED + options["require_subprotocol"] * REQUIRE_SUBPROTOCOL,
            choice(DIALECTS, options["dialect"], "a dialect"),
            (ctypes.c_char_p * count)(*map(self._name, subprotocols)),
            count,
            (ctypes.c_uint32 * count)(*(choice(DIALECTS, one, "a dialect") for one in subprotocols.values())),
        )
        lib = self._mine()
        if namespace.endswith("*"):
            self._check(
                lib.salon_namespace_open_pattern(self._handle, self._name(namespace[:-1]), ctypes.byref(config))
            )
        else:
            self._check(lib.salon_namespace_open(self._handle, self._name(namespace), ctypes.byref(config)))

    def close_namespace(self, namespace: str) -> None:
        """Disconnects the clients of a namespace and forgets it; its handlers stay, should it be opened again."""
        self._check(self._mine().salon_namespace_close(self._handle, self._name(namespace)))

    @property
    def namespaces(self) -> List[str]:
        """All namespaces, the dynamic ones included."""
        found = ctypes.POINTER(_api.Bytes)()
        count = self._check(self._mine().salon_server_namespaces(self._handle, ctypes.byref(found)))
        return texts(found, count)

    # Later, and from elsewhere.

    def call_soon(self, function: Callable[..., Any], *args: Any) -> None:
        """Has a function called on the server's thread, soon. May be called on any thread."""
        self._post(partial(function, *args))

    def post(self, value: Any) -> None:
        """Has a :class:`Post` event with this value among the server's events. May be called on any thread."""
        self._post(Post(value))

    def _end_asked(self) -> None:
        """What was asked on other threads, and will not be."""
        asked, self._asked = self._asked, set()
        for answer in asked:
            end(answer, ClosedError("the server was shut down before it could ask"))

    def _post(self, item: Any) -> None:
        if self._stopped:
            raise ClosedError("the server is shut down")
        number = next(self._numbers)
        self._posts[number] = item
        try:
            self._check(self._lib.salon_remote_post(self._remote, number, None, 0))
        except BaseException:
            self._posts.pop(number, None)
            raise

    def call_later(self, delay: float, function: Callable[..., Any], *args: Any) -> Timer:
        """Has a function called on the server's thread in so many seconds."""
        return self._start(delay, 0, partial(function, *args))

    def call_every(self, interval: float, function: Callable[..., Any], *args: Any) -> Timer:
        """Has a function called on the server's thread again and again."""
        return self._start(interval, ms(interval, "the interval", least=1), partial(function, *args))

    def _start(self, delay: float, interval_ms: int, call: Callable[[], Any]) -> Timer:
        timer, number = Timer(self, call, interval_ms > 0), ctypes.c_uint64()
        delay_ms = ms(delay, "the delay", least=0)
        lib = self._mine()
        self._check(lib.salon_timer_start(self._handle, delay_ms, interval_ms, 0, ctypes.byref(number)))
        timer._id = number.value
        self._timers[timer._id] = timer
        return timer

    def _cancel(self, timer: Timer) -> None:
        if timer._id in self._timers and self._handle:
            self._mine().salon_timer_stop(self._handle, timer._id)
            del self._timers[timer._id]

    def dispatch(self, event: Event) -> None:
        """What becomes of an event in :meth:`run`."""
        raise NotImplementedError

    # A turn.

    def _turn(self, timeout_ms: int) -> None:
        """One turn of the engine; what happened goes to `_pending`."""
        if not self._turning.acquire(False):
            raise BusyError("the server is being polled already")
        try:
            self._check_open()
            self._thread = get_ident()
            count: int = self._lib.salon_server_poll(self._handle, timeout_ms)
        finally:
            self._turning.release()
        if count < 0:
            self._check(count)
        handle, take, add = self._handle, self._next_event, self._pending.append
        for _ in range(count):
            event = take(handle)
            if not event:
                break
            fields = _unpack(_event_at(event))
            make = MAKERS.get(fields[0])
            try:
                item = make(self, fields) if make is not None else None
            except Exception:
                # One that can't be read must not cost the others.
                log.exception("an event of type %d could not be read", fields[0])
                continue
            if item is not None:
                add(item)

    def _happened(self) -> Iterator[Event]:
        """The events of the last turn that have not been taken. What was to be called among them is called."""
        pending = self._pending
        while pending:
            item = pending.popleft()
            if isinstance(item, Event):
                yield item
            else:
                self._call(item)

    def _call(self, call: Callable[[], Any]) -> None:
        """Calls what was to be called later. What it raises must not end the loop."""
        try:
            call()
        except Exception:
            log.exception("%r has failed", call)

    def _answered(self, ack: int, socket: Optional[Socket], outcome: Any) -> None:
        ask = self._asks.get(ack)
        if ask is not None and ask(ack, socket, outcome):
            self._asks.pop(ack, None)

    def _fire(self, timer: Timer) -> None:
        if timer._id in self._timers:
            if not timer._repeats:
                del self._timers[timer._id]
            timer._call()

    # Commands that events, sockets and audiences have in common.

    def _accept(
        self,
        request: ConnectRequest,
        data: Any,
        rooms: Sequence[str],
        dialect: Optional[str],
        subprotocol: Optional[str],
    ) -> None:
        names = [self._name(room) for room in rooms]
        accept = _api.Accept(
            ctypes.sizeof(_api.Accept),
            None,
            (ctypes.c_char_p * len(names))(*names),
            len(names),
            choice(DIALECTS, dialect, "a dialect"),
            None if subprotocol is None else self._name(subprotocol),
        )
        socket = request.socket
        answer = self._mine().salon_socket_accept(self._handle, socket.id, ctypes.byref(accept))
        if answer != NotFoundError.code:
            self._check(answer)
        request.decided = True
        if data is not None:
            socket.data = data

    def _reject(self, request: ConnectRequest, message: str, status: int, data: Any) -> None:
        extra = b""
        if data is not None:
            extra, attachments = self._encode((data,))
            if attachments:
                raise InvalidError("the data of a refusal is JSON, without bytes")
            extra = extra[1:-1]
        lib, text = self._mine(), self._name(message)
        answer = lib.salon_socket_reject(self._handle, request.socket.id, status, text, extra, len(extra))
        if answer != NotFoundError.code:
            self._check(answer)
        request.decided = True

    def _answer(self, message: Message, args: Tuple[Any, ...]) -> None:
        if not message.ack:
            return
        data, attachments = self._encode(args)
        lib = self._mine()
        parts, count = pieces(attachments)
        answer = lib.salon_ack_answer(self._handle, message.ack, data, len(data), parts, count)
        if answer not in (NotFoundError.code, BackpressureError.code):
            self._check(answer)
        message.ack = 0

    def _emit(
        self, audience: Audience, name: bytes, data: bytes, attachments: Attachments, flags: int
    ) -> Optional[int]:
        if audience._is_nobody:
            return 0
        is_here = get_ident() == self._thread
        if is_here and not attachments and not flags:
            # What is said most often has a shorter way, without structs.
            room = audience.one_room()
            if room is not None:
                return self._check(self._room_emit(self._handle, *room, name, data, len(data)))
        parts, count = pieces(attachments)
        message = _api.Message(ctypes.sizeof(_api.Message), name, data, len(data), parts, count, flags, 0)
        if is_here:
            return self._check(self._lib.salon_server_emit(self._handle, audience.native(), message, None))
        self._check(self._lib.salon_remote_emit(self._remote, audience.native(), message))
        return None

    def _send(self, audience: Audience, data: bytes, flags: int) -> Optional[int]:
        if audience._is_nobody:
            return 0
        to = audience.native()
        if get_ident() == self._thread:
            return self._check(self._lib.salon_server_send(self._handle, to, data, len(data), flags))
        self._check(self._lib.salon_remote_send(self._remote, to, data, len(data), flags))
        return None

    _ask = ask

    def _respond(self, request: int, status: int, body: Union[str, bytes], headers: Headers) -> bool:
        text = body.encode() if isinstance(body, str) else binary(body)
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        if not any(key.lower() == "content-type" for key, _ in pairs):
            kind = "text/plain; charset=utf-8" if isinstance(body, str) else "application/octet-stream"
            pairs.append(("content-type", kind))
        lines = [self._name(part) for pair in pairs for part in pair]
        lib, given = self._mine(), (ctypes.c_char_p * len(lines))(*lines)
        return bool(
            self._check(lib.salon_http_respond(self._handle, request, status, given, len(lines), text, len(text)))
        )

    def _http_part(self, function: str, request: int, name: str) -> Optional[str]:
        found = _api.Bytes()
        answer = getattr(self._mine(), function)(self._handle, request, self._name(name), ctypes.byref(found))
        if answer == NotFoundError.code:
            return None
        self._check(answer)
        return _string_at(found.ptr, found.len).decode("utf-8", "replace")

    def _sockets_of(self, audience: Audience) -> List[Socket]:
        lib = self._mine()
        if audience._is_nobody:
            return []
        count = self._check(lib.salon_audience_sockets(self._handle, audience.native(), None, 0))
        ids = (ctypes.c_uint64 * count)()
        self._check(lib.salon_audience_sockets(self._handle, audience.native(), ids, count))
        return [self._sockets[one] for one in ids if one in self._sockets]

    def _encode(self, args: Tuple[Any, ...]) -> Tuple[bytes, Attachments]:
        try:
            encoder: Encoder = self._local.encoder
        except AttributeError:
            encoder = self._local.encoder = Encoder()
        return encoder.encode(args)

    def _raw(self, data: Union[str, bytes], volatile: bool) -> Tuple[bytes, int]:
        flags = SEND_VOLATILE if volatile else 0
        if isinstance(data, str):
            try:
                return data.encode(), flags | SEND_TEXT
            except UnicodeEncodeError as error:
                raise InvalidError(f"the text can't be sent: {error}") from error
        return binary(data), flags

    def _name(self, name: str) -> bytes:
        """A name for the engine. Those that come again and again are kept."""
        try:
            return self._names[name]
        except (KeyError, TypeError):
            pass
        if not isinstance(name, str):
            raise InvalidError(f"a name is a text, not {name!r}")
        try:
            encoded = name.encode()
        except UnicodeEncodeError as error:
            raise InvalidError(f"{name!r} is no text that can be sent: {error}") from error
        if b"\0" in encoded:
            raise InvalidError(f"{name!r} holds a zero character")
        if len(self._names) < _NAMES_KEPT and len(encoded) <= 64:
            self._names[name] = encoded
        return encoded

    def _mine(self) -> Any:
        """The library, for a call that only the server's thread may make."""
        if not self._handle:
            raise ClosedError("the server is closed")
        if get_ident() != self._thread:
            if self._stopped:
                # The loop is over: whoever comes now may have a look.
                self._thread = get_ident()
                return self._lib
            raise BusyError("this may be called on the server's own thread only; server.call_soon() gets it there")
        return self._lib

    def _check_open(self) -> None:
        if not self._handle:
            raise ClosedError("the server is closed")

    def _check(self, answer: int, is_open: bool = False) -> int:
        if answer < 0:
            if not is_open:
                self._check_open()
            raise_code(answer, self._lib.salon_last_error().decode())
        return answer
