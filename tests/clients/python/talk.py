"""python-socketio's asyncio client, unmodified, against examples/socketio.rs: by polling, by WebSocket, and by both.

`python3 tests/clients/python/talk.py http://ADDRESS:PORT/`, or `tests/run clients`, which installs what this needs.
"""

import asyncio
import functools
import sys
import unittest

import socketio
import socketio.exceptions

URL = sys.argv.pop(1).rstrip("/")
PATIENCE_S = 10
BURST = 100
NESTED = [{"deep": [b"\x00\x01\xff", {"deeper": [[b"b" * 70_000]], "text": "Grüße", "nothing": None}]}, b"", "last"]


class Client:
    """A client, and what it has heard, by namespace and event."""

    def __init__(self, transports):
        self.io = socketio.AsyncClient(reconnection=False)
        self.transports = transports
        self.heard = {}
        self.io.on("*", self._hear, namespace="*")
        # These two are not among "all".
        for event in ("connect_error", "disconnect"):
            self.io.on(event, functools.partial(self._hear, event), namespace="*")

    async def _hear(self, event, namespace, *args):
        self._queue(namespace, event).put_nowait(list(args))

    def _queue(self, namespace, event):
        return self.heard.setdefault((namespace, event), asyncio.Queue())

    async def next(self, event, namespace="/"):
        return await asyncio.wait_for(self._queue(namespace, event).get(), PATIENCE_S)

    async def connect(self, namespaces=("/",), auth=None):
        await self.io.connect(
            URL, auth=auth, transports=self.transports, namespaces=list(namespaces), wait_timeout=PATIENCE_S
        )


class Conversation:
    transports = None

    def setUp(self):
        self.clients = []

    async def asyncTearDown(self):
        for client in self.clients:
            await client.io.disconnect()

    async def enter(self, *namespaces, auth=None):
        client = Client(self.transports)
        self.clients.append(client)
        await client.connect(namespaces or ("/",), auth)
        return client

    async def test_events_come_back_as_they_went(self):
        client = await self.enter(auth={"token": "tea"})
        self.assertEqual(await client.next("auth"), [{"token": "tea"}])
        for args in [[], [None], [1, "2", {"3": [True]}], ["\u2028 🎻 \" \\"], [[[[]]], {}, 0.5]]:
            await client.io.emit("message", tuple(args))
            self.assertEqual(await client.next("message-back"), args)

    async def test_bytes_anywhere_in_the_arguments_both_ways(self):
        client = await self.enter()
        await client.io.emit("message", tuple(NESTED))
        self.assertEqual(await client.next("message-back"), NESTED)
        self.assertEqual(await client.io.call("echo", tuple(NESTED), timeout=PATIENCE_S), tuple(NESTED))

    async def test_acks_both_ways_and_neither_waits_without_end(self):
        client = await self.enter()
        self.assertEqual(await client.io.call("echo", "one", timeout=PATIENCE_S), "one")
        with self.assertRaises(socketio.exceptions.TimeoutError):
            await client.io.call("silence", timeout=0.1)
        client.io.on("question", lambda namespace, *args: tuple(reversed(args)), namespace="*")
        await client.io.emit("ask", tuple(NESTED))
        self.assertEqual(await client.next("answered"), NESTED[::-1])

    async def test_several_namespaces_on_one_connection(self):
        client = await self.enter("/", "/custom", "/guarded", auth={"token": "sesame"})
        for namespace in ("/", "/custom", "/guarded"):
            await client.io.emit("message", f"to {namespace}", namespace=namespace)
        for namespace in ("/", "/custom", "/guarded"):
            self.assertEqual(await client.next("message-back", namespace), [f"to {namespace}"])
        await client.io.emit("kick", namespace="/custom")
        await client.next("disconnect", "/custom")
        self.assertEqual(await client.io.call("echo", 1, timeout=PATIENCE_S), 1)

    async def test_is_refused_with_a_message_and_data(self):
        with self.assertRaises(socketio.exceptions.ConnectionError):
            await self.enter("/guarded", auth={"token": "wrong"})
        [refusal] = await self.clients[-1].next("connect_error", "/guarded")
        self.assertEqual(refusal, {"message": "not authorized", "data": {"status": 403, "given": "wrong"}})

    async def test_rooms_and_others(self):
        ada, bob = await self.enter("/custom"), await self.enter("/custom")
        await ada.io.call("join", "room", namespace="/custom", timeout=PATIENCE_S)
        told = await bob.io.call("tell", ({"rooms": ["room"]}, "hello"), namespace="/custom", timeout=PATIENCE_S)
        self.assertEqual(told, 1)
        self.assertEqual(await ada.next("told", "/custom"), ["hello"])

    async def test_a_burst_of_100_arrives_in_order(self):
        client = await self.enter()
        await client.io.emit("burst", BURST)
        self.assertEqual([await client.next("number") for _ in range(BURST)], [[number] for number in range(BURST)])
        for number in range(BURST):
            await client.io.emit("message", number)
        self.assertEqual([await client.next("message-back") for _ in range(BURST)], [[n] for n in range(BURST)])
        self.assertTrue(client.io.connected)

    async def test_900_kilobytes(self):
        client = await self.enter()
        text = "x" * 900_000
        self.assertTrue(await client.io.call("echo", text, timeout=PATIENCE_S) == text)


class Polling(Conversation, unittest.IsolatedAsyncioTestCase):
    transports = ["polling"]


class WebSocket(Conversation, unittest.IsolatedAsyncioTestCase):
    transports = ["websocket"]


class Upgrade(Conversation, unittest.IsolatedAsyncioTestCase):
    pass


if __name__ == "__main__":
    unittest.main(verbosity=2)
