"""Salon: a chat server in your program. Socket.IO and plain WebSocket clients, in namespaces and rooms, on one thread.

import salon

with salon.Server("127.0.0.1:3000") as server:

    @server.on("connect")
    def connect(socket, auth):
        socket.join("lobby")

    @server.on("say")
    def say(socket, text: str):
        socket.to("lobby").emit("said", text)

    server.run()
"""

from ._engine import UNLIMITED, Stats, Timer
from ._json import Encoded
from .errors import (
    AckTimeoutError,
    BackpressureError,
    BusyError,
    ClosedError,
    Error,
    InvalidError,
    LibraryError,
    LimitError,
    NotFoundError,
    PanicError,
    Refusal,
    StateError,
    SystemRefused,
)
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
    Limit,
    Message,
    Post,
    Reason,
    RoomCreated,
    RoomDeleted,
    Stopped,
    Upgraded,
)
from .gateway import LATER, Emit, Namespace
from .server import Server
from .sockets import Answer, Answers, Audience, Info, Socket

__version__ = "0.1.0"

__all__ = [
    "AckTimeoutError",
    "Answer",
    "Answers",
    "Audience",
    "BackpressureError",
    "BusyError",
    "ClosedError",
    "Connect",
    "ConnectRequest",
    "Data",
    "Disconnect",
    "Drain",
    "Emit",
    "Encoded",
    "Error",
    "Event",
    "Expired",
    "HttpRequest",
    "Info",
    "InvalidError",
    "Joined",
    "LATER",
    "Left",
    "LibraryError",
    "Limit",
    "LimitError",
    "Message",
    "Namespace",
    "NotFoundError",
    "PanicError",
    "Post",
    "Reason",
    "Refusal",
    "RoomCreated",
    "RoomDeleted",
    "Server",
    "Socket",
    "StateError",
    "Stats",
    "Stopped",
    "SystemRefused",
    "Timer",
    "UNLIMITED",
    "Upgraded",
]
