"""Events, out of the engine's structs. Everything is copied.

The fields of a struct: type, code, socket, ack, tag, user, nsp and its length, name and its length, data and its
length, attachments and their number, flags.
"""

import ctypes
from ctypes import string_at
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Union

from . import _api
from ._api import CONSTANTS
from ._json import decode, unwrap
from ._texts import attachments_of, auth_of, texts
from .errors import AckTimeoutError, ClosedError, InvalidError, Refusal
from .events import (
    Connect,
    ConnectRequest,
    Data,
    Disconnect,
    Drain,
    Event,
    Expired,
    HttpRequest,
    Joined,
    Left,
    Message,
    Reason,
    RoomCreated,
    RoomDeleted,
    Stopped,
    Upgraded,
)

if TYPE_CHECKING:
    from .server import Server


TEXT = CONSTANTS["SALON_EVENT_FLAG_TEXT"]
MAY_RETURN = CONSTANTS["SALON_EVENT_FLAG_MAY_RETURN"]
ROOM_EVENTS = {
    CONSTANTS["SALON_EVENT_ROOM_CREATED"]: RoomCreated,
    CONSTANTS["SALON_EVENT_ROOM_DELETED"]: RoomDeleted,
}
MEMBER_EVENTS: Dict[int, Callable[[Any, str], Event]] = {
    CONSTANTS["SALON_EVENT_JOINED"]: Joined,
    CONSTANTS["SALON_EVENT_LEFT"]: Left,
}


def request(server: "Server", fields: Any) -> Optional[Event]:
    nsp = string_at(fields[6], fields[7]).decode()
    socket = server._socket_class(server, fields[2], nsp, server._place_of(nsp))
    server._sockets[fields[2]] = socket
    return ConnectRequest(socket, auth_of(string_at(fields[10], fields[11])), False)


def connect(server: "Server", fields: Any) -> Optional[Event]:
    socket = server._sockets.get(fields[2])
    if socket is None:
        nsp = string_at(fields[6], fields[7]).decode()
        socket = server._sockets[fields[2]] = server._socket_class(server, fields[2], nsp, server._place_of(nsp))
    socket.connected = True
    if fields[4]:
        socket.recovered = True
        before = server._sockets.pop(fields[4], None)
        if before is not None and socket.data is None:
            socket.data = before.data
    return Connect(socket, auth_of(string_at(fields[10], fields[11])))


def disconnect(server: "Server", fields: Any) -> Optional[Event]:
    may_return = bool(fields[14] & MAY_RETURN)
    socket = server._sockets.get(fields[2]) if may_return else server._sockets.pop(fields[2], None)
    if socket is None:
        return None
    socket.connected = False
    rooms = texts(ctypes.cast(fields[12] or 0, ctypes.POINTER(_api.Bytes)), fields[13])
    text = string_at(fields[10], fields[11]).decode("utf-8", "replace")
    return Disconnect(socket, Reason(fields[1]), fields[4], text, rooms, may_return)


def message(server: "Server", fields: Any) -> Union[None, Event, Callable[[], Any]]:
    socket = server._sockets.get(fields[2])
    if socket is None:
        return None
    name = string_at(fields[8], fields[9]).decode()
    data, attachments = string_at(fields[10], fields[11]), attachments_of(fields)
    if not server._decode:
        return Message(socket, name, data, attachments, fields[3])
    try:
        return Message(socket, name, decode(data, attachments), (), fields[3])
    except ValueError:
        unread = Message(socket, name, [], (), fields[3])
        return partial(server._tell, unread, Refusal(f"{name}: the arguments can't be read", 400))


def data(server: "Server", fields: Any) -> Optional[Event]:
    socket = server._sockets.get(fields[2])
    data = string_at(fields[10], fields[11])
    return None if socket is None else Data(socket, data.decode() if fields[14] & TEXT else data)


def ack(server: "Server", fields: Any) -> Optional[Callable[[], Any]]:
    ack, socket = fields[3], server._sockets.get(fields[2])
    outcome: Any
    if fields[1] == AckTimeoutError.code:
        outcome = AckTimeoutError("no answer came in time")
    elif fields[1] < 0:
        outcome = ClosedError("the client has left before it answered")
    else:
        attachments = attachments_of(fields)
        data = string_at(fields[10], fields[11])
        try:
            outcome = unwrap(decode(data, attachments)) if server._decode else data
        except ValueError:
            outcome = InvalidError("the answer can't be read")
    return partial(server._answered, ack, socket, outcome)


def acks_done(server: "Server", fields: Any) -> Callable[[], Any]:
    return partial(server._answered, fields[3], None, None)


def drain(server: "Server", fields: Any) -> Optional[Event]:
    socket = server._sockets.get(fields[2])
    return None if socket is None else Drain(socket, fields[4])


def timer(server: "Server", fields: Any) -> Optional[Callable[[], Any]]:
    timer = server._timers.get(fields[3])
    return None if timer is None else partial(server._fire, timer)


def post(server: "Server", fields: Any) -> Any:
    return server._posts.pop(fields[4], None)


def stopped(server: "Server", _fields: Any) -> Optional[Event]:
    server._stopped = True
    # From now on it belongs to whoever calls it.
    server._thread = 0
    server._end_asked()
    return Stopped()


def http(server: "Server", fields: Any) -> Optional[Event]:
    method, path = string_at(fields[8], fields[9]).decode(), string_at(fields[6], fields[7]).decode()
    return HttpRequest(server, fields[3], method, path, string_at(fields[10], fields[11]))


def room(server: "Server", fields: Any) -> Optional[Event]:
    return ROOM_EVENTS[fields[0]](string_at(fields[6], fields[7]).decode(), string_at(fields[8], fields[9]).decode())


def member(server: "Server", fields: Any) -> Optional[Event]:
    socket = server._sockets.get(fields[2])
    return None if socket is None else MEMBER_EVENTS[fields[0]](socket, string_at(fields[8], fields[9]).decode())


def upgraded(server: "Server", fields: Any) -> Optional[Event]:
    socket = server._sockets.get(fields[2])
    return None if socket is None else Upgraded(socket)


def expired(server: "Server", fields: Any) -> Optional[Event]:
    socket = server._sockets.pop(fields[4], None)
    return None if socket is None else Expired(socket)


MAKERS: Dict[int, Callable[[Any, Any], Any]] = {
    CONSTANTS["SALON_EVENT_CONNECT_REQUEST"]: request,
    CONSTANTS["SALON_EVENT_CONNECT"]: connect,
    CONSTANTS["SALON_EVENT_DISCONNECT"]: disconnect,
    CONSTANTS["SALON_EVENT_MESSAGE"]: message,
    CONSTANTS["SALON_EVENT_ACK"]: ack,
    CONSTANTS["SALON_EVENT_DRAIN"]: drain,
    CONSTANTS["SALON_EVENT_TIMER"]: timer,
    CONSTANTS["SALON_EVENT_POST"]: post,
    CONSTANTS["SALON_EVENT_STOPPED"]: stopped,
    CONSTANTS["SALON_EVENT_ACKS_DONE"]: acks_done,
    CONSTANTS["SALON_EVENT_DATA"]: data,
    CONSTANTS["SALON_EVENT_HTTP_REQUEST"]: http,
    CONSTANTS["SALON_EVENT_ROOM_CREATED"]: room,
    CONSTANTS["SALON_EVENT_ROOM_DELETED"]: room,
    CONSTANTS["SALON_EVENT_JOINED"]: member,
    CONSTANTS["SALON_EVENT_LEFT"]: member,
    CONSTANTS["SALON_EVENT_UPGRADED"]: upgraded,
    CONSTANTS["SALON_EVENT_EXPIRED"]: expired,
}
