"""The server: an engine with handlers, guards, hooks and filters."""

import inspect
import logging
from typing import Any, Callable, Coroutine, Optional, TypeVar, Union

from ._engine import Engine
from .errors import Refusal, StateError
from .events import Connect, ConnectRequest, Data, Disconnect, Event, HttpRequest, Message
from .gateway import (
    LATER,
    AnyHandler,
    Emit,
    Handler,
    Hook,
    Namespace,
    Place,
    is_async,
    message_of,
)
from .sockets import Audience, Socket, Target

log = logging.getLogger("salon")

F = TypeVar("F", bound=Callable[..., Any])


class Server(Engine):
    """A chat server. It works while it is polled: by :meth:`run`, by ``for event in server``, or by :meth:`poll`.

    `address` is "host:port", "[v6]:port" or "unix:/path", or several of them; port 0 takes a free one. `origins` says
    which web pages may connect: None is no check, "*" all, "same" those of the host and port that the request is for,
    or a list of origins. `trusted_proxies` are networks whose X-Forwarded-For (or PROXY header, with
    `proxy_protocol`) is believed; `against_floods` bounds events of a client, and connections, sessions and handshakes
    of an address. Limits are bytes, numbers or seconds; None is the default, ``salon.UNLIMITED`` none at all.

    A server belongs to the thread that polls it. From other threads, ``emit``, ``send`` and ``disconnect`` may be
    called, and take effect in their order; so may :meth:`post`, :meth:`call_soon` and :meth:`shutdown`, which come
    after what was said before them.
    """

    _takes_coroutines = False

    def of(self, namespace: Optional[str]) -> Audience:
        """Everybody in a namespace; None is the whole server."""
        return Audience(self, namespace)

    def to(self, *targets: Target, namespace: Optional[str] = "/") -> Audience:
        """Rooms or sockets: each of their clients once. ``to()`` of nothing is nobody."""
        return Audience(self, namespace).to(*targets)

    def except_(self, *targets: Target, namespace: Optional[str] = "/") -> Audience:
        """Everybody in a namespace without these rooms or sockets."""
        return Audience(self, namespace).except_(*targets)

    def emit(self, name: str, *args: Any, namespace: Optional[str] = "/") -> Optional[int]:
        """Sends an event to everybody in a namespace. Answers to how many; None on other threads."""
        return Audience(self, namespace).emit(name, *args)

    def send(self, data: Union[str, bytes], *, namespace: Optional[str] = "/") -> Optional[int]:
        """Sends a raw message to everybody in a namespace."""
        return Audience(self, namespace).send(data)

    def by_sid(self, sid: str) -> Optional[Socket]:
        """The socket that its client knows by this id."""
        return self._sockets.get(self._mine().salon_socket_by_sid(self._handle, self._name(sid)))

    # What is registered.

    def on(self, name: str, namespace: str = "/") -> Callable[[F], F]:
        """Decorates the handler of an event: ``def say(socket, text)``.

        What it returns is the client's ack: one value, a tuple of several, or None for none; :class:`Emit` is emitted
        instead. With annotations (dataclasses too) arguments are checked and converted, and a client whose arguments
        do not fit is told so. A keyword-only parameter `event` gets the :class:`Message`.

        "connect" is called with socket and auth, "disconnect" with socket, :class:`Reason` and the rooms that it was
        in, each with as many of these as it takes. "*" is for all events without a handler of their own, called with
        socket, name and arguments. Raw messages are the event "message".
        """

        def register(function: F) -> F:
            place = self._place_for(namespace, function)
            if name == "connect":
                place.connect.append(Hook(function, 2))
            elif name == "disconnect":
                place.disconnect.append(Hook(function, 3))
            elif name == "*":
                place.any = AnyHandler(name, function, 2)
            else:
                place.handlers[name] = Handler(name, function)
            return function

        return register

    def guard(self, namespace: str = "/") -> Callable[[F], F]:
        """Decorates a guard: ``def may_enter(request)``, asked before a client comes in.

        False or a raised :class:`Refusal` turns it away; True or None lets it in, as does any other value, which
        becomes ``socket.data``. ``salon.LATER`` leaves it waiting for ``request.accept()`` or ``request.reject()``.
        """

        def register(function: F) -> F:
            place = self._place_for(namespace, function)
            if not place.guards:
                options = dict(place.options or {"dialect": None, "subprotocols": {}, "require_subprotocol": False})
                options["guarded"] = True
                self._open(namespace, options)
                place.options = options
            place.guards.append(function)
            return function

        return register

    def guard_events(self, namespace: str = "/") -> Callable[[F], F]:
        """Decorates a guard of events: ``def may_say(message)``, asked before each handler. False or a raised
        :class:`Refusal` is what the client is told instead."""

        def register(function: F) -> F:
            self._place_for(namespace, function).event_guards.append(function)
            return function

        return register

    def filter(self, namespace: Optional[str] = None) -> Callable[[F], F]:
        """Decorates the filter of a namespace, or of all that have none: ``def tell(error, message)`` makes of an
        exception what the client gets, as its ack or as the event "exception"; None is nothing."""

        def register(function: F) -> F:
            if is_async(function):
                raise TypeError("a filter can't be asynchronous")
            self._can_call(function)
            if namespace is None:
                self._filter = function
            else:
                self._place(namespace).filter = function
            return function

        return register

    def http(self, path: Optional[str] = None) -> Callable[[F], F]:
        """Decorates the handler of HTTP requests to a path, or to all others: ``def page(request)`` responds itself,
        or returns text, bytes, or a tuple (status, body) or (status, body, headers)."""
        if not self._serves_http:
            raise StateError("HTTP requests are handed out only by Server(..., http=True)")

        def register(function: F) -> F:
            self._can_call(function)
            self._http[path] = function
            return function

        return register

    def register(self, namespace: Namespace) -> None:
        """Registers the methods of a :class:`Namespace`."""
        namespace.server = self
        name = namespace.namespace
        self._place(name)
        for method, function in inspect.getmembers(namespace, inspect.ismethod):
            if method.startswith("on_"):
                self.on(method[3:], name)(function)
        for method, decorate in (("guard", self.guard), ("guard_event", self.guard_events), ("filter", self.filter)):
            found = getattr(namespace, method, None)
            if found is not None:
                decorate(name)(found)

    def _place(self, namespace: str) -> Place:
        place = self._places.get(namespace)
        if place is None:
            self.open(namespace)
            place = self._places[namespace]
        return place

    def _place_for(self, namespace: str, function: Callable[..., Any]) -> Place:
        self._can_call(function)
        return self._place(namespace)

    def _can_call(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise TypeError(f"a function is wanted, not {function!r}")
        if is_async(function) and not self._takes_coroutines:
            raise TypeError(f"{function!r} is asynchronous: that takes a salon.aio.Server")

    def _place_of(self, namespace: str) -> Place:
        place = self._places.get(namespace)
        if place is None:
            patterns = [one for one in self._places if one.endswith("*") and namespace.startswith(one[:-1])]
            place = self._places[max(patterns, key=len)] if patterns else Place()
        return place

    # Events, to whom they are for.

    def dispatch(self, event: Event) -> None:
        """Calls the handlers, hooks and guards of an event; what they raise goes to the filter, or into the log."""
        try:
            self._dispatch(event)
        except Exception:
            # Whatever a handler does, the others are served.
            log.exception("%r could not be dealt with", event)

    def _dispatch(self, event: Event) -> None:
        if type(event) is Message:
            self._hear(event)
        elif type(event) is Data:
            self._hear(message_of(event))
        elif type(event) is ConnectRequest:
            self._do(self._admit(event), any(map(is_async, event.socket._place.guards)))
        elif type(event) is Connect:
            self._do(self._connected(event), any(hook.is_async for hook in event.socket._place.connect))
        elif type(event) is Disconnect:
            self._do(self._disconnected(event), any(hook.is_async for hook in event.socket._place.disconnect))
        elif type(event) is HttpRequest:
            handler = self._http.get(event.path) or self._http.get(None)
            if handler is None:
                event.respond(404, "There is nothing here.\n")
            else:
                self._do(self._serve(event, handler), is_async(handler))

    def _do(self, flow: Coroutine[Any, Any, None], is_async: bool, message: Optional[Message] = None) -> None:
        """Runs what does not wait for anything."""
        try:
            flow.send(None)
        except StopIteration:
            return
        flow.close()
        raise StateError("something asynchronous was returned: that takes a salon.aio.Server")

    def _hear(self, message: Message) -> None:
        place = message.socket._place
        handler = place.handlers.get(message.name) or place.any
        if handler is None:
            return
        if place.event_guards or handler.is_async:
            is_asked = handler.is_async or any(map(is_async, place.event_guards))
            self._do(self._hear_guarded(message, place, handler), is_asked, message)
            return
        try:
            result = handler(message)
            if result is not None or message.ack:
                self._give(message, result)
        except Exception as error:
            self._tell(message, error)

    async def _hear_guarded(self, message: Message, place: Place, handler: Handler) -> None:
        try:
            for guard in place.event_guards:
                verdict = guard(message)
                if inspect.isawaitable(verdict):
                    verdict = await verdict
                if verdict is False:
                    raise Refusal()
            result = handler(message)
            if handler.is_async:
                result = await result
            if result is not None or message.ack:
                self._give(message, result)
        except Exception as error:
            self._tell(message, error)

    def _give(self, message: Message, result: Any) -> None:
        """What a handler has returned."""
        if isinstance(result, Emit):
            message.socket.emit(result.name, *result.args)
        elif message.ack:
            self._answer(message, () if result is None else result if type(result) is tuple else (result,))

    def _tell(self, message: Message, error: Exception) -> None:
        """Tells a client what went wrong."""
        try:
            told = (message.socket._place.filter or self._filter)(error, message)
            if told is not None:
                if message.ack:
                    self._answer(message, (told,))
                else:
                    message.socket.emit("exception", told)
        except Exception:
            log.exception("a client could not be told of %r", error)

    async def _admit(self, request: ConnectRequest) -> None:
        later, data = False, None
        try:
            for guard in request.socket._place.guards:
                verdict = guard(request)
                if inspect.isawaitable(verdict):
                    verdict = await verdict
                if verdict is False:
                    raise Refusal()
                if verdict is LATER:
                    later = True
                elif verdict is not None and verdict is not True:
                    data = verdict
            if not (later or request.decided):
                request.accept(data=data)
        except Refusal as refusal:
            self._refuse(request, refusal)
        except Exception as error:
            log.error("a guard of %s has failed", request.namespace, exc_info=error)
            self._refuse(request, Refusal("Internal server error", 500))

    def _refuse(self, request: ConnectRequest, refusal: Refusal) -> None:
        if request.decided:
            return
        try:
            request.reject(refusal.message, refusal.status, refusal.data)
        except Exception as error:
            # What it says can't be said.
            log.error("a client could not be refused as it should", exc_info=error)
            request.decided = False
            request.reject("Internal server error", 500)

    async def _connected(self, event: Connect) -> None:
        socket = event.socket
        try:
            for hook in socket._place.connect:
                result = hook(socket, event.auth)
                if inspect.isawaitable(result):
                    result = await result
                if result is False:
                    raise Refusal()
        except Exception as error:
            self._tell(Message(socket, "connect", [], (), 0), error)
            socket.disconnect()

    async def _disconnected(self, event: Disconnect) -> None:
        for hook in event.socket._place.disconnect:
            try:
                result = hook(event.socket, event.reason, event.rooms)
                if inspect.isawaitable(result):
                    await result
            except Exception:
                log.exception("a disconnect hook of %s has failed", event.namespace)

    async def _serve(self, request: HttpRequest, handler: Callable[[HttpRequest], Any]) -> None:
        try:
            result = handler(request)
            if inspect.isawaitable(result):
                result = await result
            if isinstance(result, (str, bytes)):
                request.respond(200, result)
            elif isinstance(result, tuple):
                request.respond(*result)
        except Exception as error:
            status, text = 500, "Internal server error\n"
            if isinstance(error, Refusal) and isinstance(error.status, int) and 200 <= error.status <= 599:
                status, text = error.status, error.message
            else:
                log.exception("%s %s has failed", request.method, request.path)
            request.respond(status, text.encode("utf-8", "replace"), {"content-type": "text/plain; charset=utf-8"})
