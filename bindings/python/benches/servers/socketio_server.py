"""python-socketio in asyncio on uvloop: `socketio_server.py PORT uvicorn`, or `aiohttp`."""

import sys

import socketio
import uvloop

port, web = int(sys.argv[1]), sys.argv[2]
sio = socketio.AsyncServer(
    async_mode={"uvicorn": "asgi", "aiohttp": "aiohttp"}[web],
    transports=["websocket"],
    max_http_buffer_size=4 << 20,
    logger=False,
    engineio_logger=False,
)
rooms = {}


@sio.event
async def connect(sid, environ):
    pass


@sio.event
async def disconnect(sid):
    rooms.pop(sid, None)


@sio.on("echo")
async def echo(sid, text):
    await sio.emit("echo", text, to=sid)


@sio.on("join")
async def join(sid, room):
    if sid in rooms:
        await sio.leave_room(sid, rooms[sid])
    rooms[sid] = room
    await sio.enter_room(sid, room)
    await sio.emit("joined", room, to=sid)


@sio.on("msg")
async def say(sid, text):
    if sid in rooms:
        await sio.emit("msg", text, room=rooms[sid])


if web == "uvicorn":
    import uvicorn

    uvicorn.run(
        socketio.ASGIApp(sio),
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        log_level="error",
        access_log=False,
        backlog=4096,
        ws_per_message_deflate=False,
    )
else:
    from aiohttp import web as aiohttp

    uvloop.install()
    app = aiohttp.Application()
    sio.attach(app)
    aiohttp.run_app(app, host="127.0.0.1", port=port, backlog=4096, access_log=None, print=None)
