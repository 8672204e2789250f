"""How sessions live and end: closing, WebSockets, upgrades, heartbeats and deadlines, the shutdown."""

from scene import POLLING, WEBSOCKET

from .scenes import GREETING, P0, scene

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


# The server shuts down; only one scene can show that.


@scene("shutdown")
def shutdown(s):
    polling, _idle = s.inside(), s.inside()
    link = s.hold("a poll", polling)
    ws = s.ws_inside()
    ws.send('42["bye"]')
    s.ends("the WebSocket", ws)
    s.answer("the poll", link)
