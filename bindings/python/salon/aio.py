"""The server inside asyncio: ``await server.serve()``, with asynchronous handlers.

    import asyncio
    import salon.aio

    async def main():
        async with salon.aio.Server("127.0.0.1:3000") as server:

            @server.on("say")
            async def say(socket, text: str):
                if await socket.call("sure?", text, timeout=5):
                    socket.broadcast.emit("said", text)

            await server.serve()

    asyncio.run(main())

Handlers that are plain functions run at once, asynchronous ones as tasks of their own, begun in the order of their
events. Everything else is as with :class:`salon.Server`.
"""

import asyncio
import logging
from functools import partial
from threading import get_ident
from typing import Any, Coroutine, Optional, Set, TypeVar

from . import _api
from . import server as blocking
from .errors import ClosedError, Refusal, StateError
from .events import Message
from .sockets import Socket as BlockingSocket

S = TypeVar("S", bound="Server")

log = logging.getLogger("salon")

TASKS_OF_A_SOCKET = 1000
"""Handlers of one client that may be waiting at a time; what it sends beyond them is refused."""


class Socket(BlockingSocket):
    """A client in a namespace."""

    __slots__ = ()

    async def call(self, name: str, *args: Any, timeout: float = 10.0) -> Any:
        """Asks the client and waits for its answer: None, its one argument, or a list of several.

        :class:`AckTimeoutError` if none comes in time, :class:`ClosedError` if the client leaves.
        """
        return await asyncio.wrap_future(self.emit_with_ack(name, *args, timeout=timeout))


class Server(blocking.Server):
    """A :class:`salon.Server` that lives in an event loop."""

    _socket_class = Socket
    _takes_coroutines = True

    _done: Optional["asyncio.Future[None]"] = None
    _timer: Optional[asyncio.TimerHandle] = None
    _watched: Optional[int] = None
    _grace: float = 5.0
    _loop: Optional[asyncio.AbstractEventLoop] = None
    _running: Optional[Set["asyncio.Task[None]"]] = None

    @property
    def _tasks(self) -> Set["asyncio.Task[None]"]:
        if self._running is None:
            self._running = set()
        return self._running

    async def serve(self) -> None:
        """Serves until the server is shut down. Whoever cancels this has it stop at once; it can be served again."""
        if self._done is not None and self._loop is not None and not self._loop.is_closed():
            raise StateError("the server is being served already")
        loop = self._loop = asyncio.get_running_loop()
        self._check_open()
        if self._stopped:
            return
        self._thread = get_ident()
        descriptor = self._check(self._lib.salon_server_fd(self._handle))
        self._done = loop.create_future()
        loop.add_reader(descriptor, self._drive)
        self._watched = descriptor
        try:
            self._drive()
            await self._done
            # Hooks of the last clients, and handlers that are still at it.
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=self._grace)
            for task in list(self._tasks):
                task.cancel()
        finally:
            self._done = None
            self._stop_watching()

    def run(self) -> None:
        """Serves in an event loop of its own; see :func:`asyncio.run`."""
        asyncio.run(self.serve())

    async def __aenter__(self: S) -> S:
        return self

    async def __aexit__(self, *_: Any) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.close()

    def shutdown(self, grace: float = 5.0) -> None:
        """As with the blocking server; handlers that still wait for something `grace` seconds after the last client has
        gone are cancelled."""
        super().shutdown(grace)
        self._grace = grace

    def close(self) -> None:
        if not self._turning.locked():
            self._stop_watching()
        super().close()
        if self._done is not None and not self._done.done():
            self._done.set_exception(ClosedError("the server was closed while it was served"))

    def _drive(self) -> None:
        """One turn, and all that came of it."""
        done = self._done
        if done is None or done.done() or not self._handle:
            return
        try:
            self._turn(0)
            for event in self._happened():
                self.dispatch(event)
            if self._stopped:
                if not done.done():
                    done.set_result(None)
                return
            self.flush()
            wait_ms: int = self._lib.salon_server_timeout_ms(self._handle)
            if wait_ms < _api.FOREVER:
                self._check(wait_ms)
        except Exception as error:
            if not done.done():
                done.set_exception(error)
            return
        self._cancel_timer()
        if wait_ms >= 0 and self._loop is not None:
            self._timer = self._loop.call_later(wait_ms / 1000, self._drive)

    def _stop_watching(self) -> None:
        if self._watched is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._watched)
        self._watched = None
        self._cancel_timer()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _do(self, flow: Coroutine[Any, Any, None], is_async: bool, message: Optional[Message] = None) -> None:
        if not is_async:
            super()._do(flow, is_async)
            return
        if message is not None:
            if message.socket._tasks >= TASKS_OF_A_SOCKET:
                flow.close()
                self._tell(message, Refusal("too many requests at a time", 429))
                return
            message.socket._tasks += 1
        task = asyncio.ensure_future(flow)
        self._tasks.add(task)
        task.add_done_callback(partial(self._finished, message))

    def _finished(self, message: Optional[Message], task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if message is not None:
            message.socket._tasks -= 1
        if not task.cancelled() and task.exception() is not None:
            log.error("%r has failed", task, exc_info=task.exception())
