"""What handlers and clients may do wrong without costing anybody else: the loop goes on, and every question ends."""

import asyncio
import dataclasses
import json
import threading
import urllib.error
import urllib.request
from typing import List, Mapping, Sequence, Union

import pytest
from house import PATIENCE_S
from websockets.asyncio.client import connect

import salon
import salon.aio
from salon._convert import convert, start_converting


@pytest.mark.parametrize(
    "answer",
    [
        lambda: salon.Refusal("no", 42),
        lambda: salon.Refusal("no", "404"),
        lambda: salon.Refusal("half a pair: \ud800"),
        lambda: ZeroDivisionError("oh"),
    ],
)
def test_an_http_handler_that_raises_what_cannot_be_said_ends_nothing(hosted, answer):
    host = hosted(http=True)

    @host.server.http()
    def page(request):
        raise answer()

    host.start()
    for _ in range(2):
        with pytest.raises(urllib.error.HTTPError) as told:
            urllib.request.urlopen(f"http://127.0.0.1:{host.port}/x", timeout=PATIENCE_S)
        assert told.value.code in (403, 500)
    assert host.websocket().hear("connect")


def test_a_guard_whose_refusal_makes_no_sense_ends_nothing(hosted):
    host = hosted()

    @host.server.guard()
    def refuse(request):
        raise salon.Refusal("no", "401")

    for _ in range(2):
        with pytest.raises(Exception, match="500"):
            host.websocket()


def test_a_number_is_no_bytes(hosted):
    host = hosted()

    @host.server.on("echo")
    def echo(socket, value):
        socket.send(value)

    client = host.websocket()
    assert client.ask("echo", 100_000) == [{"status": "error", "message": "Internal server error"}]
    with pytest.raises(salon.InvalidError):
        salon.Encoded(3)


def test_what_is_asked_elsewhere_ends_though_the_server_does():
    server = salon.Server("127.0.0.1:0")
    answers = []
    asker = threading.Thread(target=lambda: answers.append(server.of("/").emit_with_ack("q", timeout=1)))
    asker.start()
    asker.join(PATIENCE_S)
    assert not answers[0].done()
    server.close()
    with pytest.raises(salon.ClosedError):
        answers[0].result(PATIENCE_S)


def test_nothing_is_taken_once_the_server_has_stopped():
    with salon.Server("127.0.0.1:0") as server:
        server.shutdown(0)
        server.run()
        for call in (lambda: server.call_soon(print), lambda: server.post(1)):
            with pytest.raises(salon.ClosedError):
                call()
        assert server.stats().sockets == 0


@dataclasses.dataclass
class Left:
    to: "Union[Left, Right, int]"


@dataclasses.dataclass
class Right:
    to: "Union[Left, Right, int]"


def test_a_type_that_can_be_tried_in_too_many_ways_is_given_up():
    value = "x"
    for _ in range(60):
        value = {"to": value}
    start_converting()
    with pytest.raises(salon.Refusal):
        convert(value, Left, "deep")


@pytest.mark.parametrize(
    "value,hint",
    [
        (10**400, float),
        (float("inf"), float),
        (5, Sequence[str]),
        ([5], Sequence[str]),
        ({}, List),
        (5, Sequence),
        ([], Mapping),
    ],
)
def test_values_that_do_not_fit(value, hint):
    with pytest.raises(salon.Refusal):
        convert(value, hint, "it")


def test_a_handler_may_use_what_gets_its_value_later(hosted):
    host = hosted()

    @host.server.on("add")
    def add(socket, number: int):
        return number + later

    later = 1
    assert host.websocket().ask("add", 1) == [2]


def test_more_arguments_are_checked_as_the_rest_says(hosted):
    host = hosted()

    @host.server.on("sum")
    def add(socket, *numbers: int):
        return sum(numbers)

    client = host.websocket()
    assert client.ask("sum", 1, 2, 3) == [6]
    assert client.ask("sum", 1, "2")[0]["message"] == "sum: argument 2: a whole number expected"


def test_in_asyncio_a_plain_hook_comes_before_the_first_message():
    order = []

    async def main():
        async with salon.aio.Server() as server:
            port = server.listen("127.0.0.1:0")

            @server.on("connect")
            def hello(socket, auth):
                order.append("connect")

            @server.on("say")
            def say(socket):
                order.append("say")

            @server.on("other")
            async def other(socket):
                pass

            serving = asyncio.ensure_future(server.serve())
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            head += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            said = b'{"event":"say"}'
            writer.write(head.encode() + bytes([0x81, 0x80 | len(said)]) + bytes(4) + said)
            await reader.readuntil(b"\r\n\r\n")
            while len(order) < 2:
                await asyncio.sleep(0.01)
            writer.close()
            server.shutdown(0)
            await serving

    asyncio.run(asyncio.wait_for(main(), PATIENCE_S))
    assert order == ["connect", "say"]


def test_in_asyncio_handlers_of_one_client_are_bounded_and_do_not_hold_up_the_end():
    async def main():
        async with salon.aio.Server(mailbox_bytes=1_000_000) as server:
            port = server.listen("127.0.0.1:0")

            @server.on("slow")
            async def slow(socket):
                await asyncio.sleep(1000)

            serving = asyncio.ensure_future(server.serve())
            async with connect(f"ws://127.0.0.1:{port}/") as client:
                await client.recv()
                for _ in range(salon.aio.TASKS_OF_A_SOCKET + 3):
                    await client.send('{"event":"slow"}')
                told = [json.loads(await client.recv()) for _ in range(3)]
                assert (
                    told
                    == [{"event": "exception", "data": {"status": "error", "message": "too many requests at a time"}}]
                    * 3
                )
            server.shutdown(0)
            await serving

    asyncio.run(asyncio.wait_for(main(), PATIENCE_S))
