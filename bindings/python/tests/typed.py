"""A program with types all over, for `mypy --strict`: it is checked and not run."""

import asyncio
from dataclasses import dataclass
from typing import List, Optional, Tuple

import salon
import salon.aio


@dataclass
class Line:
    text: str
    rooms: List[str]


def serve() -> None:
    with salon.Server("127.0.0.1:0", http=True, origins="same", ping_interval=2.5, rooms=salon.UNLIMITED) as server:
        port: int = server.listen("127.0.0.1:0")

        @server.guard("/chat")
        def enters(request: salon.ConnectRequest) -> Optional[str]:
            token: Optional[str] = request.socket.query("token")
            if token is None:
                raise salon.Refusal("a token is needed", 401, {"port": port})
            return token

        @server.on("say", namespace="/chat")
        def say(socket: salon.Socket, line: Line, *, event: salon.Message) -> Tuple[int, str]:
            reached: Optional[int] = socket.to(*line.rooms).except_("quiet").volatile.emit("said", line)
            answer: salon.Answer = socket.emit_with_ack("sure?", line.text, timeout=2.0)
            answer.add_done_callback(lambda done: done.result())
            return reached or 0, event.name

        @server.on("disconnect")
        def left(socket: salon.Socket, reason: salon.Reason) -> None:
            print(socket.info.address, reason.name, server.stats().disconnects[reason])

        @server.http("/")
        def page(request: salon.HttpRequest) -> str:
            return request.header("host") or "nobody"

        class Lobby(salon.Namespace):
            def on_connect(self, socket: salon.Socket, auth: object) -> None:
                self.emit("welcome", socket.sid, auth)

        server.register(Lobby("/lobby"))
        timer: salon.Timer = server.call_every(1.0, print, "still here")
        timer.cancel()
        for event in server:
            if isinstance(event, salon.Data):
                data: "str | bytes" = event.data
                event.socket.send(data)
            else:
                server.dispatch(event)


async def serve_asynchronously() -> None:
    async with salon.aio.Server("127.0.0.1:0") as server:

        @server.on("say")
        async def say(socket: salon.aio.Socket, text: str) -> Optional[str]:
            sure: object = await socket.call("sure?", text, timeout=5)
            return text if sure else None

        await asyncio.wait_for(server.serve(), 10)


if __name__ == "__main__":
    serve()
    asyncio.run(serve_asynchronously())
