"""Salon with handlers: `salon_server.py PORT`; with a second argument inside asyncio, on uvloop."""

import sys

import salon
import salon.aio


def serve(server):
    for namespace in ("/echo", "/room"):
        server.open(namespace, dialect="raw")

    @server.on("message", "/echo")
    def echo(socket, data):
        socket.send(data)

    @server.on("message", "/room")
    def talk(socket, data):
        if data.startswith("j:"):
            enter(socket, data[2:])
            socket.send(data)
        elif socket.data is not None:
            socket.data.send(data)

    @server.on("echo")
    def echo_event(socket, text):
        socket.emit("echo", text)

    @server.on("join")
    def join(socket, room):
        enter(socket, room)
        socket.emit("joined", room)

    @server.on("msg")
    def say(socket, text):
        if socket.data is not None:
            socket.data.emit("msg", text)

    def enter(socket, room):
        socket.leave()
        socket.join(room)
        # An audience may be kept; it chooses anew each time.
        socket.data = server.to(room, namespace=socket.namespace)

    with server:
        server.run()


options = {"queue_bytes": 64 << 20, "message_bytes": 4 << 20}
address = f"127.0.0.1:{sys.argv[1]}"
if len(sys.argv) == 2:
    serve(salon.Server(address, **options))
else:
    import uvloop

    uvloop.install()
    serve(salon.aio.Server(address, **options))
