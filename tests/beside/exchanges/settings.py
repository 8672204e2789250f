"""What depends on the configuration: CORS, and which transports there are."""

from scene import POLLING, TEXT, WEBSOCKET

from .scenes import scene

# CORS.

A, B, EVIL = "https://a.example", "https://b.example", "https://evil.example"


def cors(s):
    asked = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: x-custom, content-type")
    for who in (A, B, EVIL, "null", None):
        origin = (f"Origin: {who}",) if who else ()
        s.get(f"{who}: handshake", POLLING, *origin)
        s.get(f"{who}: an error", "EIO=3&transport=polling", *origin)
        s.http(f"{who}: preflight", "OPTIONS", POLLING, *origin, *asked)
        s.http(f"{who}: OPTIONS, nothing asked", "OPTIONS", "", *origin)
        sid = s.open()
        s.post(f"{who}: POST", sid, "40", TEXT, *origin)
        s.poll(f"{who}: poll", sid, *origin)
        s.http(f"{who}: preflight of a session", "OPTIONS", f"{POLLING}&sid={sid}", *origin, *asked)
        s.http(f"{who}: PUT", "PUT", f"{POLLING}&sid={sid}", *origin)
        s.post(f"{who}: octet-stream", sid, "3", "Content-Type: application/octet-stream", *origin)
        s.ws(f"{who}: WebSocket", WEBSOCKET, *origin)
        s.ws(f"{who}: WebSocket, an error", "EIO=4&transport=abc", *origin)
        sid = s.open()
        s.ws(f"{who}: WebSocket of a session", f"{WEBSOCKET}&sid={sid}", *origin)


@scene()
def cors_none(s):
    cors(s)


@scene("all")
def cors_all(s):
    cors(s)


@scene("one")
def cors_one(s):
    cors(s)


@scene("list")
def cors_list_with_credentials(s):
    cors(s)


# Configurations.


@scene("polling")
def only_polling(s):
    s.get("handshake", POLLING)
    s.ws("WebSocket", WEBSOCKET)
    s.get("a plain request, transport=websocket", WEBSOCKET)
    sid = s.inside()
    s.ws("WebSocket of a session", f"{WEBSOCKET}&sid={sid}")
    s.post("a message", sid, '42["message",1]')
    s.poll("its echo", sid)


@scene("websocket")
def only_websocket(s):
    s.get("handshake by polling", POLLING)
    s.hears("first packet", s.ws("WebSocket"))
    ws = s.ws_inside()
    ws.send('42["message",1]')
    s.hears("an echo", ws)


@scene("stay")
def no_upgrades(s):
    s.get("handshake", POLLING)
    s.hears("WebSocket: first packet", s.ws("WebSocket"))
    sid = s.inside()
    ws = s.ws("WebSocket of a session", f"{WEBSOCKET}&sid={sid}")
    if ws:
        s.ends("WebSocket of a session: what follows", ws)
    s.alive("its session", sid)
