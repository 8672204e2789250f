"""Namespaces, events, acks, attachments and rooms."""

import re

from .scenes import GREETING, P0, P1, scene

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
