"""PyPI's `picows` on uvloop: `picows_server.py PORT`. Like all others it makes a text of a text message."""

import asyncio
import sys

import uvloop
from picows import WSListener, WSMsgType, ws_create_server

rooms = {}


class Client(WSListener):
    room = frozenset()

    def on_ws_disconnected(self, transport):
        self.leave(transport)

    def on_ws_frame(self, transport, frame):
        kind = frame.msg_type
        if kind == WSMsgType.TEXT:
            self.hear(transport, frame.get_payload_as_utf8_text())
        elif kind == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif kind == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()

    def leave(self, transport):
        if self.room:
            self.room.discard(transport)


class Echo(Client):
    def hear(self, transport, text):
        transport.send(WSMsgType.TEXT, text.encode())


class Member(Client):
    def hear(self, transport, text):
        message = text.encode()
        if text.startswith("j:"):
            self.leave(transport)
            self.room = rooms.setdefault(text[2:], set())
            self.room.add(transport)
            transport.send(WSMsgType.TEXT, message)
        else:
            for member in self.room:
                member.send(WSMsgType.TEXT, message)


def client_of(request):
    return Echo() if request.path == b"/echo" else Member()


async def main():
    server = await ws_create_server(client_of, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


uvloop.install()
asyncio.run(main())
