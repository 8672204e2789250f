"""Connection state recovery."""

import re

from .scenes import GREETING, P0, scene


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
