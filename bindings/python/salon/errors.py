"""What can go wrong, as exceptions. All are :class:`Error`; most are a builtin exception, too."""

from typing import Any, Dict, NoReturn, Type


class Error(Exception):
    """Something that Salon refuses, in a sentence. `code` is the number of the C API, such as -1."""

    code: int = 0


class LibraryError(Error, ImportError):
    """The engine's library is missing, can't be loaded, or does not fit this package."""


class InvalidError(Error, ValueError):
    """A value that can't be right."""

    code = -1


class NotFoundError(Error, LookupError):
    """No such client, namespace, request, timer or question; it may have been there."""

    code = -2


class StateError(Error, RuntimeError):
    """The call does not fit the state, say accepting twice."""

    code = -3


class LimitError(Error):
    """A limit of the configuration is reached."""

    code = -4


class BackpressureError(Error):
    """The client's send queue is full: the message was not queued (only with ``overflow="drop"``)."""

    code = -5


class SystemRefused(Error, OSError):
    """The operating system refused, say because the address is in use."""

    code = -6


class ClosedError(Error, RuntimeError):
    """The server is closed or shut down; or whoever was asked left without an answer."""

    code = -7


class AckTimeoutError(Error, TimeoutError):
    """No answer came in time."""

    code = -8


class BusyError(Error, RuntimeError):
    """Called on a thread that is not the server's; see :meth:`Server.call_soon`."""

    code = -9


class PanicError(Error, RuntimeError):
    """A bug in Salon was caught. The server can only be closed."""

    code = -99


class Refusal(Exception):
    """What a guard or handler raises to tell the client why not.

    From a guard, a plain WebSocket is refused with the HTTP `status`, and a Socket.IO client with `message` and `data`.
    From a handler, the client gets `{"status": "error", "message": message}` as its ack, or as the event `exception`.
    """

    def __init__(self, message: str = "Forbidden resource", status: int = 403, data: Any = None) -> None:
        super().__init__(message)
        self.message, self.status, self.data = message, status, data


_CLASSES: Dict[int, Type[Error]] = {
    kind.code: kind
    for kind in (
        InvalidError,
        NotFoundError,
        StateError,
        LimitError,
        BackpressureError,
        SystemRefused,
        ClosedError,
        AckTimeoutError,
        BusyError,
        PanicError,
    )
}


def raise_code(code: int, why: str) -> NoReturn:
    """Raises the exception of an error code of the C API."""
    error = _CLASSES.get(code, Error)(why)
    error.code = code
    raise error
