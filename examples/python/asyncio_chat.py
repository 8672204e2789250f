"""A small chat inside asyncio: a guard that awaits, and a question to a client in the middle of a handler.

    pip install salon
    python asyncio_chat.py

Any Socket.IO client may come, say one of npm's:

    const socket = io("http://127.0.0.1:3000/chat", { auth: { token: "token-of-ada" } });
    socket.on("said", (line) => console.log(line));
    socket.on("invited", (who, room, answer) => answer(true));
    socket.emit("say", "Good evening");
    await socket.emitWithAck("invite", { who: "Bob", room: "kitchen" });
"""

import argparse
import asyncio
from dataclasses import dataclass

import salon
import salon.aio

PEOPLE = {"token-of-ada": "Ada", "token-of-bob": "Bob", "token-of-cleo": "Cleo"}


async def look_up(token):
    """Stands for a database or another service: whatever is awaited here holds up nobody else."""
    await asyncio.sleep(0.01)
    return PEOPLE.get(token)


@dataclass
class Invitation:
    who: str
    room: str


async def main(listen):
    async with salon.aio.Server() as server:

        @server.guard("/chat")
        async def may_enter(request):
            name = await look_up(request.auth.get("token"))
            if name is None:
                raise salon.Refusal("No such token.", 401)
            request.accept(data=name, rooms=["lobby"])

        # A plain function is called at once; that suits whatever awaits nothing.
        @server.on("say", "/chat")
        def say(socket, text: str):
            socket.to(*socket.rooms).emit("said", {"from": socket.data, "text": text})

        # The handler waits for the other client's answer, for five seconds at most. Meanwhile all others are served.
        @server.on("invite", "/chat")
        async def invite(socket, invitation: Invitation):
            others = [one for one in server.of("/chat").sockets if one.data == invitation.who]
            if not others:
                raise salon.Refusal(f"{invitation.who} is not here.")
            try:
                comes = await others[0].call("invited", socket.data, invitation.room, timeout=5)
            except (salon.AckTimeoutError, salon.ClosedError):
                return "no answer"
            if comes is not True:
                return "declined"
            for one in (socket, others[0]):
                one.leave()
                one.join(invitation.room)
            return "accepted"

        port = server.listen(listen)
        print(f"Salon is open at http://{listen.rpartition(':')[0]}:{port}/", flush=True)
        await server.serve()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A small chat in asyncio.")
    parser.add_argument("--listen", metavar="ADDRESS:PORT", default="127.0.0.1:3000", help="port 0: a free one")
    asyncio.run(main(parser.parse_args().listen))
