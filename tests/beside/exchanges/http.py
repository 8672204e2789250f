"""Handshakes, polls and posts, and their limits."""

from scene import POLLING, TEXT, UPGRADE, WEBSOCKET
from wire import b64, chunked, request

from .scenes import GREETING, P0, scene

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
