"""PyPI's `websockets` in asyncio on uvloop, without compression: `websockets_server.py PORT`."""

import asyncio
import sys

import uvloop
from websockets.asyncio.server import broadcast, serve

rooms = {}


async def handle(socket):
    if socket.request.path == "/echo":
        async for message in socket:
            await socket.send(message)
        return
    room = set()
    try:
        async for message in socket:
            if message.startswith("j:"):
                room.discard(socket)
                room = rooms.setdefault(message[2:], set())
                room.add(socket)
                await socket.send(message)
            else:
                broadcast(room, message)
    finally:
        room.discard(socket)


async def main():
    options = {"compression": None, "max_queue": 64, "backlog": 4096, "ping_interval": None}
    async with serve(handle, "127.0.0.1", int(sys.argv[1]), **options) as server:
        await server.serve_forever()


uvloop.install()
asyncio.run(main())
