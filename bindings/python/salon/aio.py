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
from threading import get_ident
from typing import Any, Callable, Coroutine, Optional, Set, TypeVar

from . import _api
from . import server as blocking
from .errors import ClosedError, StateError
from .events import Event
from .sockets import Socket as BlockingSocket

S = TypeVar("S", bound="Server")


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

    _done: Optional["asyncio.Future[None]"] = None
    _timer: Optional[asyncio.TimerHandle] = None
    _loop: Optional[asyncio.AbstractEventLoop] = None
    _running: Optional[Set["asyncio.Task[None]"]] = None

    @property
    def _tasks(self) -> Set["asyncio.Task[None]"]:
        if self._running is None:
            self._running = set()
        return self._running

    async def serve(self) -> None:
        """Serves until the server is shut down. Whoever cancels this has it stop at once; it can be served again."""
        if self._done is not None:
            raise StateError("the server is being served already")
        loop = self._loop = asyncio.get_running_loop()
        self._check_open()
        if self._stopped:
            return
        self._thread = get_ident()
        descriptor = self._check(self._lib.salon_server_fd(self._handle))
        self._done = loop.create_future()
        loop.add_reader(descriptor, self._drive)
        try:
            self._drive()
            await self._done
            # Hooks of the last clients.
            while self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            self._done = None
            loop.remove_reader(descriptor)
            self._cancel_timer()

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

    def close(self) -> None:
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
            pending = self._pending
            while pending:
                item = pending.popleft()
                if isinstance(item, Event):
                    self.dispatch(item)
                else:
                    self._call(item)
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

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _do(self, flow: Coroutine[Any, Any, None], is_async: bool) -> None:
        if not is_async:
            super()._do(flow, is_async)
            return
        task = asyncio.ensure_future(flow)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _can_call(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise TypeError(f"a function is wanted, not {function!r}")
