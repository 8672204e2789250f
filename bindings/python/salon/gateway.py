"""Handlers, guards and filters of a namespace, and how a client's arguments become a handler's."""

import inspect
import logging
from inspect import Parameter
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple, Union

from ._convert import convert, hints_of, start_converting
from .errors import Refusal
from .events import ConnectRequest, Data, Message

if TYPE_CHECKING:
    from .server import Server
    from .sockets import Socket

log = logging.getLogger("salon")

LATER = object()
"""What a guard gives back that has not decided: the host accepts or rejects the request later."""


class Emit:
    """What a handler gives back to have an event emitted to the client instead of an answer."""

    __slots__ = ("name", "args")

    def __init__(self, name: str, *args: Any) -> None:
        self.name, self.args = name, args


class Handler:
    """A function that handles an event, and how it wants to be called."""

    __slots__ = (
        "function",
        "is_async",
        "_name",
        "_parameters",
        "_least",
        "_rest",
        "_rest_hint",
        "_wants_event",
        "_plain",
    )

    def __init__(self, name: str, function: Callable[..., Any], given: int = 1) -> None:
        self.function = function
        self.is_async = is_async(function)
        self._name = name
        parameters = list(inspect.signature(function).parameters.values())[given:]
        hints = hints_of(function, [parameter.name for parameter in parameters])
        self._parameters: List[Tuple[str, Any]] = []
        self._least, self._rest, self._wants_event = 0, False, False
        self._rest_hint: Any = Any
        for parameter in parameters:
            hint = hints.get(parameter.name, Any)
            if parameter.kind is parameter.VAR_POSITIONAL:
                self._rest, self._rest_hint = True, hint
            elif parameter.kind is parameter.KEYWORD_ONLY:
                if parameter.name != "event" and parameter.default is parameter.empty:
                    raise TypeError(f"{function!r}: the only keyword that a handler is called with is `event`")
                self._wants_event = self._wants_event or parameter.name == "event"
            elif parameter.kind is not parameter.VAR_KEYWORD:
                self._parameters.append((parameter.name, hint))
                self._least += parameter.default is parameter.empty
        self._plain = self._rest_hint is Any and all(hint is Any for _, hint in self._parameters)

    def __call__(self, event: Message) -> Any:
        args = event.args
        if type(args) is not list:
            args = [args]
        count = len(args)
        if count < self._least or (count > len(self._parameters) and not self._rest):
            raise Refusal(f"{self._name}: {self._expected()}, got {count}", 400)
        if not self._plain:
            args = args[:]
            start_converting()
            for number, (_, (name, hint)) in enumerate(zip(args, self._parameters)):
                if hint is not Any:
                    args[number] = convert(args[number], hint, f"{self._name}: {name}")
            for number in range(len(self._parameters), count):
                args[number] = convert(args[number], self._rest_hint, f"{self._name}: argument {number + 1}")
        if self._wants_event:
            return self.function(event.socket, *args, event=event)
        return self.function(event.socket, *args)

    def _expected(self) -> str:
        most = len(self._parameters)
        if self._rest:
            return f"at least {self._least} arguments expected"
        number = str(most) if most == self._least else f"{self._least} to {most}"
        return f"{number} argument{'' if number == '1' else 's'} expected"


class AnyHandler(Handler):
    """A handler of all events: it gets the event's name before the arguments."""

    __slots__ = ()

    def __call__(self, event: Message) -> Any:
        args = event.args if type(event.args) is list else [event.args]
        return self.function(event.socket, event.name, *args)


Guard = Callable[[ConnectRequest], Any]
EventGuard = Callable[[Message], Any]
Filter = Callable[[Exception, Message], Any]


class Hook:
    """A function that hears who came or went: it gets as many of the arguments as it takes."""

    __slots__ = ("is_async", "_function", "_count")

    def __init__(self, function: Callable[..., Any], most: int) -> None:
        kinds = [parameter.kind for parameter in inspect.signature(function).parameters.values()]
        takes = sum(kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD) for kind in kinds)
        self.is_async = is_async(function)
        self._function = function
        self._count = most if Parameter.VAR_POSITIONAL in kinds else min(max(takes, 1), most)

    def __call__(self, *args: Any) -> Any:
        return self._function(*args[: self._count])


class Place:
    """What is registered for a namespace."""

    __slots__ = ("handlers", "any", "connect", "disconnect", "guards", "event_guards", "filter", "options")

    def __init__(self) -> None:
        self.handlers: Dict[str, Handler] = {}
        self.any: Optional[Handler] = None
        self.connect: List[Hook] = []
        self.disconnect: List[Hook] = []
        self.guards: List[Guard] = []
        self.event_guards: List[EventGuard] = []
        self.filter: Optional[Filter] = None
        # How the namespace is open; None if that is not ours to say.
        self.options: Optional[Dict[str, Any]] = None


class Namespace:
    """A namespace as a class: ``server.register(Chat("/chat"))``.

    Methods called ``on_<event>`` are handlers, ``on_connect(socket, auth)`` and
    ``on_disconnect(socket, reason, rooms)`` are hooks, ``guard(request)`` decides who comes in,
    ``guard_event(message)`` what is heard, and ``filter(error, message)`` what a client is told of an exception. Only
    those that a class has are asked.
    """

    server: "Server"

    def __init__(self, namespace: str = "/") -> None:
        self.namespace = namespace

    def emit(self, name: str, *args: Any) -> Optional[int]:
        """Sends an event to everybody in the namespace."""
        return self.server.of(self.namespace).emit(name, *args)

    def to(self, *targets: Union[str, "Socket"]) -> Any:
        """Rooms or sockets of the namespace."""
        return self.server.of(self.namespace).to(*targets)


def is_async(function: Callable[..., Any]) -> bool:
    """Is it a coroutine function, or an object that is called as one?"""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def message_of(event: Data) -> Message:
    """A raw message as the event "message", which it is for the clients of other dialects."""
    return Message(event.socket, "message", [event.data], (), 0)


def default_filter(error: Exception, message: Message) -> Any:
    if isinstance(error, Refusal):
        return {"status": "error", "message": error.message}
    log.error("%s in %s has failed", message.name, message.namespace, exc_info=error)
    return {"status": "error", "message": "Internal server error"}
