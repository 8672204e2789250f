"""The server inside asyncio, with clients in the same loop: `websockets` and python-socketio for asyncio."""

import asyncio
import json
import threading

import aiohttp
import pytest
import socketio
from house import PATIENCE_S
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

import salon
import salon.aio

try:
    import uvloop
except ImportError:
    uvloop = None

LOOPS = {"asyncio": asyncio.new_event_loop}
if uvloop is not None:
    LOOPS["uvloop"] = uvloop.new_event_loop


@pytest.fixture(params=LOOPS)
def run(request):
    """Runs a coroutine in a loop of each kind, and sees that nothing was left behind nor went wrong in the loop."""

    def run(flow):
        loop = LOOPS[request.param]()
        wrong = []
        loop.set_exception_handler(lambda _, context: wrong.append(context))
        try:
            answer = loop.run_until_complete(asyncio.wait_for(flow, 30))
            left = [task for task in asyncio.all_tasks(loop) if "salon" in repr(task.get_coro())]
            assert left == [] and wrong == []
            return answer
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    return run


class Serving:
    """``async with Serving() as (server, url)``: a server that is served until the end of the block."""

    def __init__(self, prepare=None, **options):
        self.server = salon.aio.Server(**options)
        self.port = self.server.listen("127.0.0.1:0")
        if prepare is not None:
            prepare(self.server)

    async def __aenter__(self):
        self.task = asyncio.ensure_future(self.server.serve())
        return self.server, f"127.0.0.1:{self.port}"

    async def __aexit__(self, kind, *_):
        if not self.task.done():
            self.server.shutdown(0)
        try:
            await asyncio.wait_for(self.task, PATIENCE_S)
        finally:
            async with self.server:
                pass


class Client:
    """A plain WebSocket."""

    def __init__(self, io):
        self.io = io

    @classmethod
    async def enter(cls, url, path="/"):
        client = cls(await connect(f"ws://{url}{path}", proxy=None))
        await client.hear("connect")
        return client

    async def hear(self, event):
        while True:
            message = json.loads(await asyncio.wait_for(self.io.recv(), PATIENCE_S))
            if event in (message.get("event"), message.get("ack")):
                return message.get("args", [message["data"]] if "data" in message else [])

    async def say(self, event, *args, **more):
        await self.io.send(json.dumps({"event": event, "args": args, **more}))

    async def ask(self, event, *args):
        await self.say(event, *args, id=7)
        return await self.hear(7)


def test_handlers_of_both_kinds(run):
    def prepare(server):
        @server.on("async")
        async def later(socket, text: str):
            await asyncio.sleep(0.01)
            return text.upper()

        server.on("plain")(lambda socket, text: text)

        @server.on("fail")
        async def fail(socket):
            await asyncio.sleep(0)
            raise KeyError("x")

        @server.on("refuse")
        async def refuse(socket):
            raise salon.Refusal("no")

        @server.on("emit")
        async def emit(socket):
            return salon.Emit("said", 1)

        @server.on("*")
        async def other(socket, name, *args):
            return name, len(args)

    async def main():
        async with Serving(prepare) as (_, url):
            client = await Client.enter(url)
            assert await client.ask("async", "hello") == ["HELLO"]
            assert await client.ask("plain", "hello") == ["hello"]
            assert await client.ask("async", 1) == [
                {"status": "error", "message": "async: text: a text expected"},
            ]
            assert await client.ask("fail") == [{"status": "error", "message": "Internal server error"}]
            assert await client.ask("refuse") == [{"status": "error", "message": "no"}]
            assert await client.ask("other", 1, 2) == ["other", 2]
            await client.say("emit")
            assert await client.hear("said") == [1]

    run(main())


def test_handlers_begin_in_order_and_do_not_wait_for_each_other(run):
    begun, ended = [], []

    def prepare(server):
        @server.on("say")
        async def say(socket, number):
            begun.append(number)
            await asyncio.sleep(0.05 if number == 0 else 0)
            ended.append(number)
            return number

    async def main():
        async with Serving(prepare) as (_, url):
            client = await Client.enter(url)
            for number in range(5):
                await client.say("say", number, id=number + 100)
            assert await client.hear(100) == [0]

    run(main())
    assert begun == [0, 1, 2, 3, 4] and ended == [1, 2, 3, 4, 0]


def test_guards_and_hooks_that_wait(run):
    seen = []

    def prepare(server):
        @server.guard("/in")
        async def may_enter(request):
            await asyncio.sleep(0.01)
            who = request.auth.get("who") or "nobody"
            if who == "nobody":
                raise salon.Refusal("who?", 401, {"a": 1})
            if who == "broken":
                raise ZeroDivisionError
            return who

        @server.guard("/later")
        async def decides_later(request):
            asyncio.get_running_loop().call_later(0.01, lambda: request.accept(data="later"))
            return salon.LATER

        server.on("who", "/later")(lambda socket: socket.data)

        @server.guard_events("/in")
        async def may_say(message):
            await asyncio.sleep(0)
            return message.args != ["bad"]

        @server.on("connect", "/in")
        async def connected(socket, auth):
            await asyncio.sleep(0)
            socket.emit("welcome", socket.data)

        @server.on("disconnect", "/in")
        async def gone(socket, reason):
            await asyncio.sleep(0.01)
            seen.append((socket.data, reason))

        server.on("say", "/in")(lambda socket, text: text)

    async def main():
        async with Serving(prepare) as (_, url):
            with pytest.raises(InvalidStatus) as caught:
                await Client.enter(url, "/in")
            assert caught.value.response.status_code == 401
            client = await Client.enter(url, "/later")
            assert await client.ask("who") == ["later"]
            io = socketio.AsyncClient(reconnection=False)
            welcomed = asyncio.Queue()
            io.on("welcome", lambda who: welcomed.put_nowait(who), namespace="/in")
            await io.connect(f"http://{url}", auth={"who": "ann"}, namespaces=["/in"], transports=["websocket"])
            assert await asyncio.wait_for(welcomed.get(), PATIENCE_S) == "ann"
            assert await io.call("say", "good", namespace="/in") == "good"
            assert (await io.call("say", "bad", namespace="/in"))["message"] == "Forbidden resource"
            await io.disconnect()
            refused = socketio.AsyncClient(reconnection=False)
            with pytest.raises(socketio.exceptions.ConnectionError):
                await refused.connect(f"http://{url}", auth={"who": "broken"}, namespaces=["/in"])
            await refused.shutdown()

    run(main())
    assert [who for who, _ in seen].count("ann") == 1


def test_a_namespace_as_a_class_with_methods_that_wait(run):
    class Chat(salon.Namespace):
        async def on_say(self, socket, text: str):
            await asyncio.sleep(0)
            self.emit("said", text)
            return "ok"

    async def main():
        async with Serving(lambda server: server.register(Chat("/chat"))) as (_, url):
            client = await Client.enter(url, "/chat")
            assert await client.ask("say", "x") == ["ok"]

    run(main())


def test_a_client_is_asked(run):
    outcomes = []

    def prepare(server):
        @server.on("start")
        async def start(socket, timeout):
            try:
                outcomes.append(await socket.call("question", 1, timeout=timeout))
            except salon.Error as error:
                outcomes.append(type(error))
            return outcomes[-1] if isinstance(outcomes[-1], (str, list)) else None

    async def main():
        async with Serving(prepare) as (server, url):
            io = socketio.AsyncClient(reconnection=False)
            io.on("question", lambda number: ("answer", number))
            await io.connect(f"http://{url}", transports=["websocket"])
            assert await io.call("start", 5) == ["answer", 1]
            await io.disconnect()
            silent = await Client.enter(url)
            await silent.ask("start", 0.02)
            await silent.say("start", 5)
            await silent.hear("question")
            await silent.io.close()
            for _ in range(1000):
                if len(outcomes) == 3:
                    break
                await asyncio.sleep(0.005)
            assert server._tasks == set()

    run(main())
    assert outcomes == [["answer", 1], salon.AckTimeoutError, salon.ClosedError]


def test_a_call_that_is_cancelled(run):
    async def main():
        async with Serving(lambda server: server.on("ok")(lambda socket: "ok")) as (server, url):
            client = await Client.enter(url)
            (socket,) = server.of("/").sockets
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(socket.call("question"), 0.02)
            await client.hear("question")
            await client.io.send('{"ack":1,"data":1}')
            assert await client.ask("ok") == ["ok"]

    run(main())


def test_an_emit_outside_a_turn_and_from_other_threads_goes_out_at_once(run):
    async def main():
        async with Serving() as (server, url):
            client = await Client.enter(url)
            await asyncio.sleep(0.05)
            started = asyncio.get_running_loop().time()
            server.emit("said", 1)
            assert await client.hear("said") == [1]
            threading.Thread(target=server.emit, args=("said", 2)).start()
            assert await client.hear("said") == [2]
            asyncio.get_running_loop().call_later(0.01, server.emit, "said", 3)
            assert await client.hear("said") == [3]
            # Nothing of this waited for a time-out.
            assert asyncio.get_running_loop().time() - started < 2

    run(main())


def test_timers_and_what_is_called_soon(run):
    async def main():
        called = []
        async with Serving() as (server, _):
            await asyncio.sleep(0.02)
            done = asyncio.Event()
            server.call_later(0.02, called.append, "later")
            again = server.call_every(0.005, called.append, "again")
            server.call_later(0.05, done.set)
            threading.Thread(target=server.call_soon, args=(called.append, "soon")).start()
            await asyncio.wait_for(done.wait(), PATIENCE_S)
            again.cancel()
        assert called.count("soon") == called.count("later") == 1 and called.count("again") >= 2

    run(main())


def test_an_idle_loop_sleeps(run):
    async def main():
        async with Serving() as (server, url):
            await Client.enter(url)
            await asyncio.sleep(0.1)
            turns, turn = [], server._turn

            def counted(timeout):
                turns.append(timeout)
                turn(timeout)

            server._turn = counted
            await asyncio.sleep(0.2)
            assert len(turns) < 5
            del server._turn

    run(main())


def test_serving_can_be_cancelled_and_begun_again(run):
    async def main():
        async with salon.aio.Server() as server:
            url = f"127.0.0.1:{server.listen('127.0.0.1:0')}"
            server.on("say")(lambda socket, text: text)
            client = None
            for number in range(3):
                task = asyncio.ensure_future(server.serve())
                await asyncio.sleep(0)
                with pytest.raises(salon.StateError):
                    await server.serve()
                client = client or await Client.enter(url)
                assert await client.ask("say", number) == [number]
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(server.serve(), 0.02)

    run(main())


def test_a_shutdown_ends_serving_when_hooks_are_done(run):
    gone = []

    def prepare(server):
        @server.on("disconnect")
        async def left(socket, reason):
            await asyncio.sleep(0.05)
            gone.append(reason)

    async def main():
        async with Serving(prepare) as (server, url):
            client = await Client.enter(url)
            server.shutdown(1)
            with pytest.raises(ConnectionClosed):
                await client.hear("nothing")
        assert gone == [salon.Reason.SHUTDOWN]
        with pytest.raises(salon.ClosedError):
            await server.serve()

    run(main())


def test_a_shutdown_within_a_handler_that_waits(run):
    def prepare(server):
        @server.on("stop")
        async def stop(socket):
            await asyncio.sleep(0)
            server.shutdown(1)
            return "bye"

    async def main():
        serving = Serving(prepare)
        async with serving as (_, url):
            client = await Client.enter(url)
            # Its answer comes after the goodbye, too late to be heard.
            with pytest.raises(ConnectionClosed):
                await client.ask("stop")
            await asyncio.wait_for(serving.task, PATIENCE_S)

    run(main())


@pytest.mark.parametrize("where", ["outside", "handler", "task"])
def test_a_close_while_it_is_served_ends_serving_with_an_error(run, where):
    async def main():
        server = salon.aio.Server()
        url = f"127.0.0.1:{server.listen('127.0.0.1:0')}"

        @server.on("plain")
        def plain(socket):
            server.close()

        @server.on("task")
        async def task(socket):
            await asyncio.sleep(0)
            server.close()

        serving = asyncio.ensure_future(server.serve())
        client = await Client.enter(url)
        if where == "outside":
            server.close()
        else:
            await client.say("plain" if where == "handler" else "task")
        with pytest.raises(salon.ClosedError, match="while it was served"):
            await asyncio.wait_for(serving, PATIENCE_S)

    run(main())


def test_leaving_the_block_cancels_handlers_that_still_wait(run):
    cancelled = []

    async def main():
        async with salon.aio.Server() as server:
            url = f"127.0.0.1:{server.listen('127.0.0.1:0')}"
            started = asyncio.Event()

            @server.on("wait")
            async def wait(socket):
                try:
                    started.set()
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    cancelled.append(True)
                    raise

            serving = asyncio.ensure_future(server.serve())
            client = await Client.enter(url)
            await client.say("wait")
            await asyncio.wait_for(started.wait(), PATIENCE_S)
            serving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await serving

    run(main())
    assert cancelled == [True]


def test_http(run):
    def prepare(server):
        @server.http("/slow")
        async def slow(request):
            who = request.query("who")
            await asyncio.sleep(0.01)
            return 201, f"hello {who}"

        @server.http("/plain")
        def plain(request):
            return "plain"

        @server.http("/fails")
        async def fails(request):
            raise salon.Refusal("no", 410)

    async def main():
        async with Serving(prepare, http=True) as (_, url), aiohttp.ClientSession() as session:
            for path, expected in (
                ("/slow?who=ann", (201, "hello ann")),
                ("/plain", (200, "plain")),
                ("/fails", (410, "no")),
            ):
                async with session.get(f"http://{url}{path}") as answer:
                    assert (answer.status, await answer.text()) == expected

    run(main())


def test_many_clients_at_once(run):
    def prepare(server):
        @server.on("say")
        async def say(socket, number):
            await asyncio.sleep(0)
            return number

    async def one(url, number):
        client = await Client.enter(url)
        for count in range(10):
            assert await client.ask("say", [number, count]) == [[number, count]]
        await client.io.close()

    async def main():
        async with Serving(prepare) as (_, url):
            await asyncio.gather(*(one(url, number) for number in range(50)))

    run(main())


def test_run_serves_in_a_loop_of_its_own():
    with salon.aio.Server() as server:
        server.call_later(0.01, server.shutdown)
        server.run()
