"""The list of exchanges. Each scene is a function of a `Scene`; the names of the servers' modes are those of
server.mjs and examples/beside.rs. Scenes of one mode run at the same time, against the same two servers."""

import re

from scene import POLLING, TEXT, UPGRADE, WEBSOCKET
from wire import b64, chunked, request

P0, P1 = '{"_placeholder":true,"num":0}', '{"_placeholder":true,"num":1}'
GREETING = 2  # packets that answer a CONNECT: the answer, and the event `auth`
SCENES = []


def scene(mode="plain"):
    def add(play):
        SCENES.append((mode, play.__name__, play))
        return play

    return add


# Handshakes.


@scene()
def handshake_polling(s):
    s.get("opens", POLLING)
    s.get("other parameters, any order", "t=Xy&transport=polling&token=a%20b&EIO=4")
    s.get("encoded names and values", "%45IO=%34&transport=poll%69ng")
    s.get("the last of a name counts", "EIO=3&EIO=4&transport=abc&transport=polling")
    s.get("an empty sid is none", f"{POLLING}&sid=")
    s.get("b64", f"{POLLING}&b64=1")
    s.get("without EIO", "transport=polling")
    s.get("EIO=3", "EIO=3&transport=polling")
    s.get("EIO=5", "EIO=5&transport=polling")
    s.get("EIO=4.0", "EIO=4.0&transport=polling")
    s.get("without a transport", "EIO=4")
    for transport in ("abc", "", "Polling", "__proto__", "constructor", "webtransport"):
        s.get(f"transport={transport}", f"EIO=4&transport={transport}")
    s.get("plain, though transport=websocket", WEBSOCKET)
    for method in ("POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
        s.http(f"{method} without a sid", method, POLLING, body="" if method == "POST" else None)
    s.http("POST without a sid, with a body", "POST", POLLING, TEXT, body="4a")
    s.http("POST, transport=websocket", "POST", WEBSOCKET, body="")
    s.get("a body that GET should not have", POLLING, body="4a")
    s.get("an Origin of odd bytes", POLLING, "Origin: \xff\x80")
    s.get("HTTP/1.0", POLLING, version="1.0")
    s.get("HTTP/1.0, kept", POLLING, "Connection: keep-alive", version="1.0")
    s.get("Connection: close", POLLING, "Connection: close")


@scene()
def handshake_paths(s):
    for path in ("/socket.io", "/socket.io/x", "/socket.io/a/b", "/Socket.IO/", "/", "/engine.io/", "//socket.io/"):
        s.get(path, POLLING, path=path)
    s.get("no query", None)
    s.ws("WebSocket at /socket.io/x", path="/socket.io/x")


@scene()
def handshake_sids(s):
    for sid in ("zzz", "__proto__", "constructor", "AAAAAAAAAAAAAAAAAAAA", "x" * 300, "%00", "a,b"):
        s.poll(f"GET, sid={sid[:20]}", sid)
    s.post("POST, an unknown sid", "zzz", "4a")
    s.http("PUT, an unknown sid", "PUT", f"{POLLING}&sid=zzz")
    s.get("an unknown sid, and an unknown transport", "EIO=4&transport=abc&sid=zzz")
    s.get("an unknown sid, transport=websocket", f"{WEBSOCKET}&sid=zzz")
    sid = s.open()
    s.get("transport=websocket, a plain request", f"{WEBSOCKET}&sid={sid}")
    s.get("transport=abc, a known sid", f"EIO=4&transport=abc&sid={sid}")
    for method in ("PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
        s.http(f"{method}, a known sid", method, f"{POLLING}&sid={sid}")
    s.alive("afterwards", sid)
    s.http("a POST with another EIO", "POST", f"EIO=3&transport=polling&sid={sid}", TEXT, body="3")
    s.http("a POST without EIO", "POST", f"transport=polling&sid={sid}", TEXT, body="3")


@scene()
def handshake_websocket(s):
    s.hears("opens: first packet", s.ws("opens"))
    s.hears("other parameters: first packet", s.ws("other parameters", f"{WEBSOCKET}&a=b&t=1"))
    s.ws("without EIO", "transport=websocket")
    s.ws("EIO=3", "EIO=3&transport=websocket")
    s.ws("without a transport", "EIO=4")
    for transport in ("abc", "__proto__", "constructor", "WebSocket"):
        s.ws(f"transport={transport}", f"EIO=4&transport={transport}")
    s.ws("an unknown sid", f"{WEBSOCKET}&sid=zzz")
    s.ws("sid=__proto__", f"{WEBSOCKET}&sid=__proto__")
    s.ws("an unknown sid and EIO=3", "EIO=3&transport=websocket&sid=zzz")
    ws = s.ws("transport=polling", POLLING)
    if ws:
        s.ends("transport=polling: what follows", ws)
    sid = s.open()
    ws = s.ws("transport=polling, a known sid", f"{POLLING}&sid={sid}")
    if ws:
        s.ends("transport=polling, a known sid: what follows", ws)
    s.alive("its session", sid)
    target = f"/socket.io/?{WEBSOCKET}"
    s.ask("POST", request("POST", target, UPGRADE))
    s.ask("version 12", request("GET", target, [*UPGRADE[:3], "Sec-WebSocket-Version: 12"]))
    s.ask("no version", request("GET", target, UPGRADE[:3]))
    s.ask("no key", request("GET", target, [*UPGRADE[:2], UPGRADE[3]]))
    s.ask("a short key", request("GET", target, [*UPGRADE[:2], "Sec-WebSocket-Key: abc", UPGRADE[3]]))
    s.ask("Upgrade: h2c", request("GET", target, ["Connection: Upgrade", "Upgrade: h2c"]))
    s.ask("Upgrade without Connection", request("GET", target, UPGRADE[1:]))
    ws = s.ws("a subprotocol", WEBSOCKET, "Sec-WebSocket-Protocol: chat")
    ws = s.ws("permessage-deflate is offered", WEBSOCKET, "Sec-WebSocket-Extensions: permessage-deflate")
    ws.send("40")
    s.hears("permessage-deflate: goes on", ws, 1 + GREETING)


# Polls and posts.


@scene()
def posts(s):
    sid = s.inside()
    s.post("one packet", sid, '42["message",1]')
    s.packets("its echo", sid, 1)
    s.post("three packets", sid, '42["message",1]\x1e42["message",2]\x1e42["message",3]')
    s.poll("their echo, in one payload", sid)
    s.post("text and binary", sid, f'451-["message",{P0}]\x1e{b64(b"1234")}')
    s.poll("their echo", sid)
    s.post("characters of all lengths", sid, '42["message","aä€😀\\u0000\\""]')
    s.poll("their echo, again", sid)
    s.post("no Content-Type", sid, '42["message",4]', "X: y")
    s.post("application/json", sid, "3", "Content-Type: application/json")
    s.post("a form", sid, "3", "Content-Type: application/x-www-form-urlencoded")
    s.packets("the echo of one", sid, 1)
    target = f"/socket.io/?{POLLING}&sid={sid}"
    head = request("POST", target, [TEXT, "Transfer-Encoding: chunked"])
    s.ask("chunked", head + chunked(b'42["message","chunked"]'))
    s.packets("its echo, chunked", sid, 1)
    body = '42["message","€uro"]\x1e42["message",5]'.encode()
    s.ask("chunked, a cut in a character", head + chunked(body[:15], body[15:16], body[16:]))
    s.packets("its two echoes", sid, 2)
    s.ask("chunked, with an extension and a trailer", head + b"1;a=b\r\n3\r\n0\r\nX: y\r\n\r\n")
    link = s.link()
    link.send(request("POST", target, [TEXT], body)[:-20])
    link.is_quiet()
    s.ask("in two pieces", body[-20:], link=link)
    s.packets("its two echoes, again", sid, 2)
    link = s.link()
    link.send(request("POST", target, [TEXT, "Expect: 100-continue", "Content-Length: 1"]))
    s.note("Expect: 100-continue", link.line(b"\r\n\r\n").decode())
    s.ask("Expect: the rest", b"3", link=link)
    s.alive("afterwards", sid)


@scene()
def stray_packets(s):
    for packet in ("0", "5", "6", "3x", "3probe", "6x", "3\x1e3"):
        sid = s.inside()
        s.post(f"{packet}", sid, packet)
        s.alive(f"{packet}: afterwards", sid)


@scene()
def undecodable_payloads(s):
    bad = ["", "abc", "2", "2probe", "7", "9a", "-1", " 4", "\x1e", "3\x1e", "\x1e3", "3\x1e\x1e3", "3\x1eabc", "B!", "4abc"]
    for packet in bad:
        sid = s.inside()
        s.post(repr(packet), sid, packet)
        s.poll(f"{packet!r}: first poll", sid)
        s.poll(f"{packet!r}: second poll", sid)
    sid = s.inside()
    s.post("a good packet, then a bad one", sid, '42["message",1]\x1eabc')
    s.poll("a good packet, then a bad one: first poll", sid)
    s.poll("a good packet, then a bad one: second poll", sid)
    sid = s.inside()
    link = s.hold("a poll", sid)
    s.post("abc while a poll waits", sid, "abc")
    s.answer("abc while a poll waits: the poll", link)


@scene()
def binary_posts(s):
    sid = s.inside()
    s.post("octet-stream", sid, "3", "Content-Type: application/octet-stream")
    s.alive("octet-stream: afterwards", sid)
    sid = s.inside()
    link = s.hold("a poll", sid)
    s.post("octet-stream while a poll waits", sid, "3", "Content-Type: application/octet-stream")
    s.answer("octet-stream: the poll", link)
    sid = s.inside()
    s.post("base64 without padding", sid, f'451-["message",{P0}]\x1ebAQ')
    s.poll("its echo", sid)
    s.post("no bytes", sid, f'451-["message",{P0}]\x1eb')
    s.poll("no bytes: echo", sid)
    sid = s.inside()
    s.post("no base64", sid, f'451-["message",{P0}]\x1eb!!')
    s.poll("no base64: poll", sid)


@scene()
def polls(s):
    sid = s.inside()
    link = s.hold("nothing is there", sid)
    s.post("a message", sid, '42["message",1]')
    s.answer("the poll is answered", link)
    link = s.hold("again", sid)
    s.post("two messages in one payload", sid, '42["message",2]\x1e42["message",3]')
    s.answer("again: the answer", link)
    sid = s.inside()
    s.post("20 packets", sid, '42["burst",20]')
    s.poll("20 packets: one poll", sid)
    sid = s.inside()
    s.post("20 packets, another session", sid, '42["burst",20]')
    s.packets("20 packets: all polls", sid, 20)
    s.post("2000 characters", sid, f'42["message","{"x" * 2000}"]')
    s.poll("2000 characters, gzip is accepted", sid, "Accept-Encoding: gzip, deflate")
    s.post("characters", sid, f'42["message","{"x" * 100}"]')
    s.poll("100 characters, gzip is accepted", sid, "Accept-Encoding: gzip, deflate")


@scene()
def two_polls_at_once(s):
    sid = s.inside()
    link = s.hold("the first", sid)
    s.poll("the second", sid)
    s.answer("the first is answered", link)
    s.alive("afterwards", sid)


@scene()
def two_posts_at_once(s):
    sid = s.inside()
    link = s.link()
    link.send(request("POST", f"/socket.io/?{POLLING}&sid={sid}", [TEXT, "Content-Length: 10"]) + b"3\x1e3")
    s.note("half of the first", "waits" if link.is_quiet() else "is answered")
    s.post("the second", sid, "3")
    s.alive("afterwards", sid)


@scene()
def a_poll_is_left(s):
    for how in ("closed", "half-closed"):
        sid = s.inside()
        link = s.hold(f"{how}: waits", sid)
        if how == "closed":
            link.close()
        else:
            link.finish_sending()
            s.note(f"{how}: the other end", link.state())
        s.wait()
        s.alive(f"{how}: afterwards", sid)


@scene()
def a_post_is_cut(s):
    sid = s.inside()
    link = s.link()
    link.send(request("POST", f"/socket.io/?{POLLING}&sid={sid}", [TEXT, "Content-Length: 10"]) + b"3\x1e3")
    link.is_quiet()
    link.close()
    s.wait()
    s.alive("afterwards", sid)


@scene()
def keep_alive_and_pipelining(s):
    sid = s.inside()
    link = s.link()
    target = f"/socket.io/?{POLLING}&sid={sid}"
    s.ask("a POST", request("POST", target, [TEXT], b'42["message",1]'), link=link)
    s.ask("its poll on the same connection", request("GET", target), link=link)
    s.ask("an error on it", request("GET", "/socket.io/?EIO=4&transport=abc"), link=link)
    s.ask("a handshake on it", request("GET", f"/socket.io/?{POLLING}"), link=link)
    post = request("POST", target, [TEXT], b'42["message",2]')
    link.send(post + request("GET", target) + request("GET", "/socket.io/?EIO=4&transport=abc"))
    for label in ("pipelined: the POST", "pipelined: the poll", "pipelined: the error"):
        s.answer(label, link, pipelined=True)
    link = s.link()
    link.send(request("GET", target) + request("GET", f"/socket.io/?{POLLING}"))
    s.note("a poll that waits, and a handshake behind it", "waits" if link.is_quiet() else "is answered")
    s.post("a message", sid, '42["message",3]')
    s.answer("the poll", link, pipelined=True)
    s.answer("the handshake behind it", link)


@scene()
def no_http(s):
    s.ask("no request", b"hello\r\n\r\n")
    s.ask("no Host", b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n\r\n")
    s.ask("two lengths", b"POST /socket.io/?x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n3")
    s.ask("a length and chunks", b"POST /socket.io/?x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    s.ask("a long head", request("GET", "/socket.io/?EIO=4&transport=abc", ["X: " + "x" * 20_000]))


# Limits.


@scene()
def limits_of_posts(s):
    sid = s.inside()
    target = f"/socket.io/?{POLLING}&sid={sid}"
    most = f'42["message","{"x" * (1_000_000 - 16)}"]'
    assert len(most) == 1_000_000
    s.post("1,000,000 bytes", sid, most)
    s.poll("1,000,000 bytes: echo", sid)
    s.post("1,000,001 bytes", sid, most + " ")
    s.alive("1,000,001 bytes: afterwards", sid)
    s.ask("1,000,001 bytes, only the head", request("POST", target, [TEXT, "Content-Length: 1000001"]))
    sid = s.inside()
    target = f"/socket.io/?{POLLING}&sid={sid}"
    body = most.encode() + b" "
    s.ask("1,000,001 bytes, chunked", request("POST", target, [TEXT, "Transfer-Encoding: chunked"]) + chunked(body))
    s.alive("1,000,001 bytes, chunked: afterwards", sid)
    sid = s.inside()
    s.post("4,096 packets", sid, "\x1e".join(["3"] * 4_096))
    s.alive("4,096 packets: afterwards", sid)
    s.post("4,097 packets", sid, "\x1e".join(["3"] * 4_097))
    s.alive("4,097 packets: afterwards", sid)


@scene()
def limits_of_websockets(s):
    ws = s.ws_inside()
    ws.send(f'42["message","{"x" * (1_000_000 - 16)}"]')
    s.hears("1,000,000 bytes", ws)
    ws.frame(1, length=1_000_001)
    s.ends("1,000,001 bytes, only the head", ws)
    ws = s.ws_inside()
    ws.frame(1, b"4" * 600_000, fin=False)
    ws.frame(0, b"4" * 600_000)
    s.ends("1,200,000 bytes in two fragments", ws)


# Closing.


@scene()
def close_by_polling(s):
    sid = s.inside()
    s.post("1", sid, "1")
    s.poll("1: afterwards", sid)
    sid = s.inside()
    link = s.hold("a poll", sid)
    s.post("1 while a poll waits", sid, "1")
    s.answer("1 while a poll waits: the poll", link)
    s.poll("1 while a poll waits: afterwards", sid)
    sid = s.inside()
    s.post("packets behind the 1", sid, '1\x1e42["message",1]\x1eabc')
    s.poll("packets behind the 1: afterwards", sid)
    sid = s.inside()
    s.post("a message before the 1", sid, '42["message",1]\x1e1')
    s.poll("a message before the 1: afterwards", sid)


@scene()
def close_by_the_server(s):
    sid = s.inside()
    s.post("kick", sid, '42["kick"]')
    s.poll("kick: poll", sid)
    s.alive("kick: the session", sid)
    s.post("kick: enters again", sid, "40")
    s.packets("kick: is in again", sid, GREETING)
    sid = s.inside()
    s.post("kick-all, no poll waits", sid, '42["kick-all"]')
    for number in ("first", "second", "third"):
        s.poll(f"kick-all: {number} poll", sid)
    sid = s.inside("40", "40/custom,")
    link = s.hold("a poll", sid)
    s.post("kick-all while a poll waits", sid, '42["kick-all"]')
    s.answer("kick-all while a poll waits: the poll", link)
    for number in ("first", "second", "third"):
        s.poll(f"kick-all while a poll waits: {number} poll after it", sid)
    ws = s.ws_inside()
    ws.send('42["kick"]')
    s.hears("kick by WebSocket", ws)
    ws.send("40")
    s.hears("kick by WebSocket: enters again", ws, GREETING)
    ws.send("40/custom,")
    s.hears("kick by WebSocket: and another", ws, GREETING)
    ws.send('42["kick-all"]')
    s.ends("kick-all by WebSocket", ws)
    sid = s.inside()
    s.post("messages, then kick-all", sid, '42["message",1]\x1e42["kick-all"]\x1e42["message",2]')
    for number in ("first", "second", "third"):
        s.poll(f"messages, then kick-all: {number} poll", sid)


@scene()
def close_by_websocket(s):
    for code, body in (("no code", b""), ("1000", b"\x03\xe8"), ("1001", b"\x03\xe9bye"), ("4000", b"\x0f\xa0")):
        ws = s.ws_inside()
        ws.frame(8, body)
        s.ends(f"a close frame: {code}", ws)
    for code, body in (("999", b"\x03\xe7"), ("1005", b"\x03\xed"), ("one byte", b"\x03")):
        ws = s.ws_inside()
        ws.frame(8, body)
        s.ends(f"a close frame that is wrong: {code}", ws)
    ws = s.ws_inside()
    ws.send("1")
    if not s.hears("text 1", ws)[0].startswith("close"):
        ws.send('42["message",1]')
        s.hears("text 1: goes on", ws)
    ws = s.ws_inside()
    ws.send_and_close('42["message",1]')
    s.ends("a message right before the close frame", ws)


@scene("fast")
def a_session_that_has_ended_is_unknown(s):
    ws = s.ws_open()
    ws.frame(8)
    s.ends("a close frame", ws)
    sid = s.open()
    ws = s.upgraded(sid)
    s.alive("upgraded", sid)
    ws.frame(8)
    s.ends("upgraded: a close frame", ws)
    s.alive("upgraded: afterwards", sid)


# WebSocket.


@scene()
def websocket_packets(s):
    for packet in ("0", "5", "6", "3x", "3probe"):
        ws = s.ws_inside()
        ws.send(packet)
        ws.send('42["message",1]')
        s.hears(f"{packet}: goes on", ws)
    for packet in ("", "abc", "2", "2probe", "7", "B!", " 4", "4abc"):
        ws = s.ws_inside()
        ws.send(packet)
        s.ends(f"{packet!r}", ws)
    ws = s.ws_inside()
    ws.send(b"\x01")
    s.ends("bytes that are not due", ws)
    ws = s.ws_inside()
    ws.send(f'451-["message",{P0}]')
    ws.send("bAQI=")
    s.hears("an attachment as b and base64", ws, 2)
    ws = s.ws_inside(f"{WEBSOCKET}&b64=1")
    ws.send(f'451-["message",{P0}]')
    ws.send(b"\x01\x02")
    s.hears("b64=1: an echo with bytes", ws, 2)
    ws = s.ws_inside()
    ws.send('42["message",1]\x1e42["message",2]')
    s.ends("two packets in one message", ws)


@scene()
def websocket_frames(s):
    ws = s.ws_inside()
    ws.frame(1, b'42["mess', fin=False)
    ws.frame(0, b'age",', fin=False)
    ws.frame(9, b"between")
    ws.frame(0, b"1]")
    s.hears("three fragments and a ping between", ws, 2)
    ws.frame(10, b"unasked")
    ws.send('42["message",2]')
    s.hears("a pong that nobody asked for", ws)
    for label, frame in (
        ("unmasked", {"opcode": 1, "payload": b"40", "masked": False}),
        ("opcode 3", {"opcode": 3}),
        ("a reserved bit", {"opcode": 0x41, "payload": b"40"}),
        ("a continuation of nothing", {"opcode": 0, "payload": b"a"}),
        ("a ping in fragments", {"opcode": 9, "fin": False}),
        ("a long ping", {"opcode": 9, "payload": b"x" * 126}),
        ("bad UTF-8", {"opcode": 1, "payload": b"4\xff\xfe"}),
    ):
        ws = s.ws_inside()
        ws.frame(**frame)
        s.ends(label, ws)
    ws = s.ws_inside()
    ws.frame(1, b"4", fin=False)
    ws.frame(1, b"4")
    s.ends("a message within a message", ws)


# Upgrades.


@scene()
def upgrade(s):
    sid = s.inside()
    link = s.hold("a poll", sid)
    ws = s.ws("the WebSocket", f"{WEBSOCKET}&sid={sid}")
    s.quiet("before the probe", ws)
    ws.send("2probe")
    s.hears("the probe", ws)
    s.answer("the poll that waited", link)
    s.poll("a poll while probing", sid)
    s.post("a message while probing", sid, '42["message",1]')
    s.poll("its echo by polling", sid)
    ws.send("2probe")
    s.hears("the probe again", ws)
    second = s.ws("a second WebSocket", f"{WEBSOCKET}&sid={sid}")
    if second:
        s.ends("a second WebSocket: what follows", second)
    s.post("another message", sid, '42["message",2]')
    ws.send("5")
    s.hears("what waited, by WebSocket", ws)
    ws.send('42["message",3]')
    s.hears("an echo by WebSocket", ws)
    s.poll("a poll afterwards", sid)
    s.post("a POST afterwards", sid, "3")
    s.http("a PUT afterwards", "PUT", f"{POLLING}&sid={sid}")
    s.get("a plain request, transport=websocket", f"{WEBSOCKET}&sid={sid}")
    third = s.ws("a third WebSocket", f"{WEBSOCKET}&sid={sid}")
    if third:
        s.ends("a third WebSocket: what follows", third)
    ws.send('42["message",4]')
    s.hears("still echoes", ws)
    ws.frame(8)
    s.ends("the end", ws)
    s.poll("a poll after the end", sid)
    third = s.ws("a WebSocket after the end", f"{WEBSOCKET}&sid={sid}")


@scene()
def upgrade_with_a_poll_waiting(s):
    sid = s.inside()
    ws = s.ws_open(f"{WEBSOCKET}&sid={sid}")
    link = s.hold("a poll", sid)
    ws.send("5")
    s.answer("5 without a probe: the poll", link)
    ws.send('42["message",1]')
    s.hears("5 without a probe: echo", ws)


@scene()
def upgrade_in_one_piece(s):
    sid = s.inside()
    s.post("messages", sid, '42["burst",20]')
    ws = s.ws_open(f"{WEBSOCKET}&sid={sid}")
    ws.send("2probe")
    s.hears("the probe", ws)
    ws.send("5")
    ws.send('42["message",1]')
    s.hears("what waited, in order, then the echo", ws, 21)


@scene()
def upgrade_refused(s):
    for label, send in (
        ("a message", lambda ws: ws.send('42["message",1]')),
        ("a ping without probe", lambda ws: ws.send("2")),
        ("another probe", lambda ws: ws.send("2prob")),
        ("a pong", lambda ws: ws.send("3probe")),
        ("an empty message", lambda ws: ws.send("")),
        ("no packet", lambda ws: ws.send("abc")),
        ("bytes", lambda ws: ws.send(b"2probe")),
        ("a close packet", lambda ws: ws.send("1")),
        ("bad UTF-8", lambda ws: ws.frame(1, b"\xff")),
        ("a close frame", lambda ws: ws.frame(8, b"\x03\xe8")),
    ):
        sid = s.inside()
        ws = s.ws_open(f"{WEBSOCKET}&sid={sid}")
        send(ws)
        s.ends(label, ws)
        s.post(f"{label}: a message by polling", sid, '42["message",1]')
        s.poll(f"{label}: its echo", sid)
        s.note(f"{label}: a new try", "moved" if moves(s, sid) else "not moved")


def moves(s, sid):
    ws = s.upgraded(sid)
    ws.send('42["message",2]')
    return ws.message().startswith("text 42")


@scene()
def upgrade_and_the_end(s):
    sid = s.inside()
    ws = s.ws_open(f"{WEBSOCKET}&sid={sid}")
    ws.send("2probe")
    s.hears("the probe", ws)
    s.post("1 by polling", sid, "1")
    s.ends("1 by polling: the WebSocket", ws)
    s.alive("1 by polling: the session", sid)
    sid = s.inside()
    ws = s.ws_open(f"{WEBSOCKET}&sid={sid}")
    ws.send("2probe")
    s.hears("the probe, again", ws)
    ws.link.close()
    s.wait()
    s.post("the WebSocket is cut: a message", sid, '42["message",1]')
    s.poll("the WebSocket is cut: its echo", sid)
    link = s.hold("the WebSocket is cut: a poll waits", sid)
    s.post("the WebSocket is cut: another message", sid, '42["message",2]')
    s.answer("the WebSocket is cut: the poll", link)


@scene("fast")
def upgrade_takes_too_long(s):
    for probe in ("no probe", "a probe"):
        sid = s.inside()
        ws = s.ws_open(f"{WEBSOCKET}&sid={sid}")
        if probe == "a probe":
            ws.send("2probe")
            s.hears("the probe", ws)
        s.ends(f"{probe}: the WebSocket", ws)
        s.alive(f"{probe}: the session", sid)


# Heartbeats and deadlines.


@scene("fast")
def heartbeat_by_polling(s):
    sid = s.inside()
    for number in (1, 2, 3):
        s.poll(f"ping {number}", sid)
        s.post(f"pong {number}", sid, "3")
    s.poll("a ping that is not answered", sid)
    s.poll("the end", sid)
    s.poll("afterwards", sid)


@scene("fast")
def heartbeat_by_websocket(s):
    ws = s.ws_inside()
    for number in (1, 2, 3):
        s.hears(f"ping {number}", ws)
        ws.send("3")
    s.ends("a ping that is not answered", ws)


@scene("fast")
def heartbeat_other_traffic_is_no_pong(s):
    ws = s.ws_inside()
    s.hears("a ping", ws)
    ws.send('42["message",1]')
    s.hears("a message", ws)
    ws.frame(9, b"x")
    s.ends("a message and a ping frame, but no pong", ws)


@scene("fast")
def heartbeat_across_the_upgrade(s):
    sid = s.inside()
    s.poll("a ping by polling", sid)
    ws = s.upgraded(sid)
    ws.send("3")
    s.hears("the next by WebSocket", ws)
    ws.send("3")
    s.hears("and the next", ws)
    s.ends("not answered", ws)


@scene("fast")
def no_namespace_in_time(s):
    ws = s.ws_open()
    s.hears("by WebSocket: a ping", ws)
    ws.send("3")
    s.ends("by WebSocket", ws)
    sid = s.open()
    s.poll("by polling: a ping", sid)
    s.post("by polling: a pong", sid, "3")
    s.poll("by polling", sid)
    s.poll("by polling: afterwards", sid)
    ws = s.ws_open()
    ws.send("40/nowhere,")
    s.hears("refused", ws)
    s.hears("refused: a ping", ws)
    ws.send("3")
    s.ends("refused", ws)
    ws = s.ws_inside()
    ws.send("41")
    for number in (1, 2):
        s.hears(f"in and out again: ping {number}", ws)
        ws.send("3")


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


# Namespaces.


@scene()
def connect(s):
    for packet in ("40", "40/,", '40{"token":"123"}', "40{}", "40/custom", "40/custom,", '40/custom,{"a":[1]}'):
        sid = s.open()
        s.post(packet, sid, packet)
        s.packets(f"{packet}: answer", sid, GREETING)
    for packet in ("40/random", "40/random,", '40/random,{"a":1}', "40/custom/x,", "40/CUSTOM,", "40/__proto__,", "40/ä,"):
        sid = s.open()
        s.post(packet, sid, packet)
        s.packets(f"{packet}: answer", sid, 1)
        s.alive(f"{packet}: afterwards", sid)
    ws = s.ws_open()
    for packet in ("40", "40/custom,", "40/dyn-1,", '40/guarded,{"token":"letmein"}'):
        ws.send(packet)
        s.hears(f"on one connection: {packet}", ws, GREETING)
    ws.send('42/custom,["message",1]')
    s.hears("an echo in one of them", ws)


@scene()
def connect_with_a_query(s):
    for packet in ("40/custom?a=b,", "40/custom?a=b", "40/dyn-1?x=2,", "40/?a=b,", '40/guarded?a=b,{"token":"letmein"}'):
        ws = s.ws_open()
        ws.send(packet)
        heard = s.hears(packet, ws)[0]
        if heard.startswith("text 40"):
            s.hears(f"{packet}: the greeting", ws)


@scene()
def connect_guarded(s):
    sid = s.open()
    for packet in ("40/guarded,", '40/guarded,{"token":"no"}', '40/guarded,{"why":1}', '40/guarded,{"why":{"a":[2]}}'):
        s.post(packet, sid, packet)
        s.packets(f"{packet}: answer", sid, 1)
    s.post("let in on the same connection", sid, '40/guarded,{"token":"letmein"}')
    s.packets("let in", sid, GREETING)
    s.post("an event", sid, '42/guarded,["message",1]')
    s.packets("its echo", sid, 1)
    ws = s.ws_open()
    ws.send('40/guarded,{"why":"<\\"é"}')
    s.hears("refused by WebSocket", ws)
    ws.send('40/guarded,{"token":"letmein"}')
    s.hears("let in by WebSocket", ws, GREETING)
    ws = s.ws_open()
    ws.send("40/guarded,")
    s.hears("refused, then an event", ws)
    ws.send('42/guarded,["message",1]')
    s.ends("refused, then an event: the end", ws)


@scene()
def connect_dynamic(s):
    ws = s.ws_open()
    ws.send("40/dyn-1,")
    s.hears("one", ws, GREETING)
    other = s.ws_open()
    other.send("40/dyn-1,")
    s.hears("another in the same", other, GREETING)
    third = s.ws_open()
    third.send("40/dyn-2,")
    s.hears("a third elsewhere", third, GREETING)
    ws.send('42/dyn-1,["all","hello"]')
    s.hears("one hears it", ws)
    s.hears("another hears it", other)
    third.send('42/dyn-2,["message",1]')
    s.hears("the third hears only its own", third)
    ws.send("41/dyn-1,")
    s.quiet("leaves", ws)
    ws.send("40/dyn-1,")
    s.hears("again", ws, GREETING)
    ws.send("40/dyn,")
    s.hears("not matched", ws)


@scene()
def disconnect(s):
    ws = s.ws_inside()
    ws.send("41")
    s.quiet("41", ws)
    ws.send("40")
    s.hears("in again", ws, GREETING)
    ws.send("40/custom,")
    s.hears("another", ws, GREETING)
    ws.send("41/custom,")
    ws.send('42["message",1]')
    s.hears("41/custom: the other goes on", ws)
    ws.send("40/custom,")
    s.hears("in it again", ws, GREETING)
    for packet in ("41", "411", "41/custom", "41/custom,"):
        ws = s.ws_inside(packet="40/custom," if "custom" in packet else "40")
        ws.send(packet)
        s.quiet(f"{packet} once", ws)
        ws.send(packet)
        s.ends(f"{packet} twice", ws)
    sid = s.inside()
    s.post("41 by polling", sid, "41")
    s.alive("41 by polling: the session", sid)
    s.post("41 by polling: in again", sid, "40")
    s.packets("41 by polling: is in", sid, GREETING)


@scene()
def packets_that_may_not_come_now(s):
    for packet in ('42["message",1]', "41", '43["a"]', "43", "42", '44{"message":"x"}', "44", '42/custom,["message",1]', "41/custom,"):
        ws = s.ws_open()
        ws.send(packet)
        s.ends(f"before CONNECT: {packet}", ws)
    for packet in ("40", '40{"a":1}', '44{"message":"x"}', "44", '42/custom,["message",1]', "41/custom,", "43/custom,1[]", "44/custom,"):
        ws = s.ws_inside()
        ws.send(packet)
        s.ends(f"inside /: {packet}", ws)
    for packet in ('42["message",1]', '43["a"]', "41"):
        ws = s.ws_inside()
        ws.send("41")
        s.quiet(f"leaves, before {packet}", ws)
        ws.send(packet)
        s.ends(f"after leaving: {packet}", ws)
    sid = s.open()
    link = s.hold("a poll", sid)
    s.post("an event before CONNECT", sid, '42["message",1]')
    s.answer("an event before CONNECT: the poll", link)
    s.poll("an event before CONNECT: afterwards", sid)
    sid = s.open()
    s.post("40, then 4abc", sid, "40")
    s.post("4abc", sid, "4abc")
    for number in ("first", "second", "third"):
        s.poll(f"4abc: {number} poll", sid)
    sid = s.inside()
    s.post("40 twice", sid, "40")
    for number in ("first", "second"):
        s.poll(f"40 twice: {number} poll", sid)
    ws = s.ws_inside()
    ws.send('42["kick"]')
    s.hears("the kick", ws)
    ws.send('42["message",1]')
    s.ends("an event behind the kick", ws)


@scene()
def connect_and_events_in_one_payload(s):
    sid = s.open()
    s.post("40 and an event", sid, '40\x1e42["message",1]')
    s.packets("40 and an event: answer", sid, 3)


# Events.


@scene()
def events(s):
    ws = s.ws_inside()
    for packet in (
        '42["message"]',
        '42["message",1,"2",{"3":[true]},null,-1.5e3,[]]',
        '42["message", {"a" : [ 1 , 2 ]} ]',
        '42["message","aä€😀\\n\\u0001\\ud83d\\ude00"]',
        '42/,["message",1]',
        '42["message",{"__proto__":{"a":1},"constructor":2}]',
        '42["message",{"a":1,"a":2}]',
        '42["message",1.0,1e2,-0,12345678901234567890]',
        '42["message","\\/\\u0061"]',
    ):
        ws.send(packet)
        s.hears(packet, ws)
    for packet in ('42["nobody listens"]', '42["__proto__",1]', '42["constructor"]', '42[5,1]', '42[-1.5]', '42[""]', "42", "42/", '42["error",1]'):
        ws.send(packet)
        ws.send('42["message","next"]')
        s.hears(f"{packet}: goes on", ws)


@scene()
def acks(s):
    ws = s.ws_inside()
    for packet in (
        '4212["echo","x"]',
        '420["echo"]',
        '42456["echo",1,"2",{"3":[false]}]',
        '429007199254740991["echo",1]',
        '42007["echo",7]',
        '421["message",1]',
    ):
        ws.send(packet)
        s.hears(packet, ws)
    ws.send('42["ask","how are you"]')
    number = question(s.hears("a question", ws)[0])
    ws.send(f'43{number}["fine",{{"a":1}}]')
    s.hears("its answer", ws)
    ws.send(f'43{number}["again"]')
    for packet in ('4399["unknown"]', "43[]", "43"):
        ws.send(packet)
        ws.send('42["message","next"]')
        s.hears(f"{packet}: goes on", ws)
    ws.send('42["ask",2]')
    number = question(s.hears("another question", ws)[0])
    ws.send(f"43{number}")
    s.hears("an answer without arguments", ws)
    ws.send("40/custom,")
    s.hears("in another namespace", ws, GREETING)
    ws.send('42/custom,7["echo","there"]')
    s.hears("an ack there", ws)
    ws.send(f'452-789["echo",{P0},{P1}]')
    ws.send(b"\x01\x02\x03")
    ws.send(b"\x04\x05\x06")
    s.hears("an ack with bytes", ws, 3)
    ws.send(f'451-["ask",{P0}]')
    ws.send(b"\x07")
    number = question(s.hears("a question with bytes", ws, 2)[0])
    ws.send(f"461-{number}[{P0}]")
    ws.send(b"\x08")
    s.hears("its answer with bytes", ws, 2)


def question(text):
    """The number of a question that the server asked."""
    return re.search(r'(?:2|-)(\d+)\["question"', text)[1]


@scene()
def acks_by_polling(s):
    sid = s.inside()
    s.post("an ack", sid, '4212["echo","x"]')
    s.poll("its answer", sid)
    s.post("an ack with bytes", sid, f'451-3["echo",{P0}]\x1ebAQ==')
    s.poll("its answer with bytes", sid)
    s.post("a question", sid, '42["ask",1]')
    number = question(s.poll("it comes", sid).body.decode())
    s.post("its answer", sid, f'43{number}["good"]')
    s.poll("the answer comes", sid)


@scene()
def attachments(s):
    ws = s.ws_inside()
    for label, text, pieces in (
        ("one", f'451-["message",{P0}]', [b"\x01\x02"]),
        ("two", f'452-["message",{P0},{P1}]', [b"\x01", b"\x02"]),
        ("deep", f'452-["message",{{"a":[{{"b":{P0}}},{P1}],"c":"x"}}]', [b"\x01", b"\x02"]),
        ("out of order", f'452-["message",{P1},{P0}]', [b"\x01", b"\x02"]),
        ("no bytes", f'451-["message",{P0}]', [b""]),
        ("unused", '451-["message",1]', [b"\x01"]),
        ("used twice", f'451-["message",{P0},{P0}]', [b"\x01"]),
        ("one of two unused", f'452-["message",{P1}]', [b"\x01", b"\x02"]),
        ("false placeholder", '451-["message",{"_placeholder":false,"num":0}]', [b"\x01"]),
        ("a placeholder with more keys", '451-["message",{"_placeholder":true,"num":0,"a":1}]', [b"\x01"]),
        ("a placeholder without attachments", f'42["message",{P0}]', []),
        ("ten", "4510-" + f'["message",{",".join([P0] * 10)}]', [b"\x01"] * 10),
        ("in a namespace by its long name", f'451-/,["message",{P0}]', [b"\x01"]),
    ):
        ws.send(text)
        for piece in pieces:
            ws.send(piece)
        ws.send('42["message","next"]')
        heard = s.hears(label, ws)[0]
        while "next" not in heard and heard not in ("closed", "nothing more"):
            heard = s.hears(f"{label}: and", ws)[0]
        if heard == "closed":
            ws = s.ws_inside()
    sid = s.inside()
    s.post("text, then its attachment in another post", sid, f'451-["message",{P0}]')
    s.post("the attachment", sid, "bAQI=")
    s.poll("its echo", sid)
    s.post("a pong between", sid, f'451-["message",{P0}]\x1e3\x1ebAQI=')
    s.poll("a pong between: echo", sid)


@scene()
def malformed_packets(s):
    for packet in (
        "4", "4abc", "47", "4-1", "4 2", "42{}", '42"a"', "421", "42null", "42[]", "42[null]", "42[true]", "42[{}]", "42[[]]",
        '42["a"', '42["a",]', '42["a"]x', "42['a']", '42abc["echo",1]', '42-1["echo",1]', '42 1["echo",1]', '421.5["echo"]',
        '42["connect"]', '42["connect_error"]', '42["disconnect"]', '42["disconnecting"]', '42["newListener"]', '42["removeListener"]',
        '42["message",NaN]', '42["message",01]', '42["message","\x01"]', '42["message","\\x"]', '42["message","\\ud800"]',
        "40[]", "40null", "401", '40"a"', "40{", "41{}", "41[]", '41"x"', "43{}", "430{}", '43"a"', "430[", "44[]", "441",
        '45["a"]', '45-["a"]', '45a-["a"]', '45-1-["a"]', '451.5-["a"]', '451["a"]', '450-["nobody"]', '450-["message",1]', '4511-["a"]',
        '4599999999999999999999-["a"]', '451-{}', "451-", "451-[]", '46["a"]', "461-{}", "460-1[]",
        "42[\"a\\u0000\"]", '42["message","a\\u0000"]', '42["' + "n" * 255 + '"]', '42["' + "n" * 256 + '"]',
        '42["message",' + "[" * 60 + "]" * 60 + "]", '42["message",' + "[" * 100 + "]" * 100 + "]",
        "40/" + "n" * 254 + ",", "40/" + "n" * 255 + ",", '439007199254740992["x"]', '429007199254740992["echo"]', '4299999999999999999999["echo"]',
    ):  # fmt: skip
        ws = s.ws_inside()
        ws.send(packet)
        ws.send('42["message","next"]')
        heard = s.hears(packet[:60] + (f"… {len(packet)}" if len(packet) > 60 else ""), ws)[0]
        if "next" not in heard and heard.startswith("text"):
            s.hears(f"{packet[:60]}: and", ws)


@scene()
def malformed_attachments(s):
    for label, sent in (
        ("text while one is due", [f'451-["message",{P0}]', '42["message",1]']),
        ("41 while one is due", [f'451-["message",{P0}]', "41"]),
        ("the end while one is due, by text 1", [f'451-["message",{P0}]', "1"]),
        ("num too large", ['451-["message",{"_placeholder":true,"num":1}]', b"\x01"]),
        ("num negative", ['451-["message",{"_placeholder":true,"num":-1}]', b"\x01"]),
        ("num a fraction", ['451-["message",{"_placeholder":true,"num":0.5}]', b"\x01"]),
        ("num a string", ['451-["message",{"_placeholder":true,"num":"0"}]', b"\x01"]),
        ("num missing", ['451-["message",{"_placeholder":true}]', b"\x01"]),
        ("bytes before any text", [b"\x01"]),
        ("none due", ['42["nobody"]', b"\x01"]),
        ("in a namespace that it is not in", [f'451-/custom,["message",{P0}]', b"\x01"]),
        ("a pong between", [f'451-["message",{P0}]', "3", b"\x01"]),
        ("bad base64", [f'451-["message",{P0}]', "b!!"]),
    ):
        ws = s.ws_inside()
        for piece in sent:
            ws.send(piece)
        s.hears(label, ws, 2)
    ws = s.ws_inside()
    ws.send(f'451-["message",{P0}]')
    ws.send(b"\x01")
    s.hears("as many as due", ws, 2)
    ws.send(b"\x02")
    s.ends("one too many", ws)


@scene()
def malformed_packets_by_polling(s):
    for packet in ("42{}", "42", "44", "401", '42["connect"]', "bAQ==", f'451-["message",{P0}]\x1e42["a"]', "41/nope", '42/nope,["a"]'):
        sid = s.inside()
        s.post(packet, sid, packet)
        s.post(f"{packet}: another POST", sid, '42["message",1]')
        s.poll(f"{packet}: first poll", sid)


@scene()
def rooms(s):
    ada, bob, cleo = s.ws_inside(), s.ws_inside(), s.inside()
    for ws in (ada, bob):
        ws.send('421["echo","before"]')
        ws.send('42["join","red"]')
        ws.send('422["echo","joined"]')
        s.hears("joins", ws, 2)
    s.post("joins by polling", cleo, '42["join","red"]\x1e42["join","red"]\x1e423["echo","joined"]')
    s.packets("has joined", cleo, 1)
    ada.send('42["say","red","hello"]')
    ada.send('424["echo","said"]')
    s.hears("the sender hears nothing", ada)
    s.hears("Bob hears it", bob)
    s.packets("Cleo hears it", cleo, 1)
    bob.send('42["leave","red"]')
    bob.send('425["echo","left"]')
    s.hears("Bob leaves", bob)
    ada.send('42["say","red","again"]')
    s.packets("Cleo hears it again", cleo, 1)
    bob.send('426["echo","nothing"]')
    s.hears("Bob hears nothing", bob)
    ada.send('42["say","nowhere","x"]')
    ada.send('427["echo","nobody"]')
    s.hears("a room that nobody is in", ada)


# Recovery.


@scene("recovery")
def recovery(s):
    ws = s.ws_open()
    ws.send("40")
    sid, pid = s_and_p(s.hears("enters", ws, GREETING)[0])
    ws.send('42["join","red"]')
    ws.send('42["message",1]')
    s.hears("an event with its offset", ws)
    ws.send('427["echo","x"]')
    s.hears("an ack has none", ws)
    ws.send(f'451-["message",{P0}]')
    ws.send(b"\x01")
    offset = last_string(s.hears("an event with bytes", ws, 2)[0])
    ws.send('42["ask",1]')
    s.hears("a question has none", ws)
    ws.link.close()
    other = s.ws_inside()
    other.send('42["say","red","missed"]')
    other.send('42["say","blue","not for it"]')
    other.send('421["echo","said"]')
    s.hears("others talk", other)
    back = s.ws_open()
    back.send(f'40{{"pid":"{pid}","offset":"{offset}"}}')
    heard = s.hears("comes back", back, 3)
    back.send('42["message",2]')
    again = last_string(s.hears("an event afterwards", back)[0])
    s.note("the same sid and pid", str(any(sid in it and pid in it for it in heard)))
    other.send('42["say","red","still in the room"]')
    newest = last_string(s.hears("is in its rooms", back)[0])
    back.link.close()
    back = s.ws_open()
    back.send(f'40{{"pid":"{pid}","offset":"{newest}","token":"x"}}')
    s.hears("comes back again", back, GREETING)
    s.note("offsets differ", str(len({offset, again, newest}) == 3))


@scene("recovery")
def recovery_refused(s):
    for label, claim in (
        ("unknown pid", '40{"pid":"AAAAAAAAAAAAAAAAAAAA","offset":"x"}'),
        ("numbers", '40{"pid":7,"offset":7}'),
        ("null", '40{"pid":null,"offset":null}'),
        ("an empty pid", '40{"pid":"","offset":""}'),
        ("a pid of odd characters", '40{"pid":"\\u0000é","offset":"\\u0000"}'),
    ):
        ws = s.ws_open()
        ws.send(claim)
        s.hears(label, ws, GREETING)
    for label, end in (("41", lambda ws: ws.send("41")), ("kick", lambda ws: ws.send('42["kick"]'))):
        ws = s.ws_open()
        ws.send("40")
        _, pid = s_and_p(s.hears(f"{label}: enters", ws, GREETING)[0])
        ws.send('42["message",1]')
        offset = last_string(s.hears(f"{label}: an event", ws)[0])
        end(ws)
        if label == "kick":
            s.hears("kick: is told", ws)
        ws.link.close()
        back = s.ws_open()
        back.send(f'40{{"pid":"{pid}","offset":"{offset}"}}')
        s.hears(f"{label}: no way back", back, GREETING)
    ws = s.ws_open()
    ws.send("40")
    _, pid = s_and_p(s.hears("a false offset: enters", ws, GREETING)[0])
    ws.send('42["message",1]')
    s.hears("a false offset: an event", ws)
    ws.link.close()
    s.wait()
    back = s.ws_open()
    back.send(f'40{{"pid":"{pid}","offset":"nope!"}}')
    s.hears("a false offset", back, GREETING)


@scene("recovery")
def recovery_where_salon_does_more(s):
    ws = s.ws_open()
    ws.send("40")
    _, pid = s_and_p(s.hears("enters", ws, GREETING)[0])
    ws.link.close()
    s.wait()
    back = s.ws_open()
    back.send(f'40{{"pid":"{pid}"}}')
    s.hears("without an offset", back, GREETING)
    ws = s.ws_open()
    ws.send("40")
    _, pid = s_and_p(s.hears("another enters", ws, GREETING)[0])
    ws.send('42["message",1]')
    offset = last_string(s.hears("an event", ws)[0])
    back = s.ws_open()
    back.send(f'40{{"pid":"{pid}","offset":"{offset}"}}')
    s.hears("the old connection still lives", back, GREETING)


def s_and_p(text):
    return re.search(r'"sid":"([^"]+)","pid":"([^"]+)"', text).groups()


def last_string(text):
    return text.rsplit(',"', 1)[1].split('"')[0]


# The server shuts down; only one scene can show that.


@scene("shutdown")
def shutdown(s):
    polling, other = s.inside(), s.inside()
    link = s.hold("a poll", polling)
    ws = s.ws_inside()
    ws.send('42["bye"]')
    s.ends("the WebSocket", ws)
    s.answer("the poll", link)
