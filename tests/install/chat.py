"""Chats as WebSocket clients with a program that was built against the installed library: `chat.py gateway PROGRAM` or
`chat.py echo PROGRAM`. Nothing but Python's own library."""

import base64
import json
import os
import socket
import struct
import subprocess
import sys
import urllib.request


class Refused(Exception):
    pass


class Client:
    """A WebSocket (RFC 6455) that reads and writes JSON messages."""

    def __init__(self, port, target):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        key = base64.b64encode(os.urandom(16)).decode()
        head = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        self.socket.sendall(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        self.file = self.socket.makefile("rb")
        status = int(self.file.readline().split()[1])
        length = 0
        while (line := self.file.readline().strip()):
            name, value = line.decode().split(":", 1)
            length = int(value) if name.lower() == "content-length" else length
        if status != 101:
            raise Refused(self.file.read(length).decode().strip())

    def send(self, event, data, id=None):
        message = {"event": event, "data": data} | ({} if id is None else {"id": id})
        payload, mask = json.dumps(message).encode(), os.urandom(4)
        assert len(payload) < 126
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        self.socket.sendall(bytes([0x81, 0x80 | len(payload)]) + mask + masked)

    def frame(self):
        head = self.file.read(2)
        if len(head) < 2:
            return 8, b""
        length = head[1] & 127
        if length == 126:
            (length,) = struct.unpack(">H", self.file.read(2))
        return head[0] & 15, self.file.read(length)

    def hear(self):
        while True:
            opcode, payload = self.frame()
            if opcode == 1:
                return json.loads(payload)
            assert opcode != 8, "the server closed"

    def hears(self, **expected):
        heard = self.hear()
        assert heard == expected, f"heard {heard}, expected {expected}"

    def hears_the_end(self):
        while self.frame()[0] != 8:
            pass
        self.socket.close()


class Poller:
    """A Socket.IO client over long polling, in one namespace."""

    def __init__(self, port, nsp, auth):
        self.url, self.nsp, self.heard = f"http://127.0.0.1:{port}/socket.io/?EIO=4&transport=polling", nsp, []
        self.url += "&sid=" + json.loads(self.request()[1:])["sid"]
        self.post(f"40{nsp},{json.dumps(auth)}")

    def request(self, body=None):
        with urllib.request.urlopen(self.url, body and body.encode(), timeout=10) as answer:
            return answer.read().decode()

    def post(self, packet):
        assert self.request(packet) == "ok"

    def hear(self):
        while not self.heard:
            self.heard = [packet for packet in self.request().split("\x1e") if packet != "2"]
        return self.heard.pop(0)

    def hears(self, kind, value):
        heard = self.hear()
        assert heard.startswith(f"4{kind}{self.nsp},") and json.loads(heard.split(",", 1)[1].lstrip("0123456789")) == value, heard


def error(message):
    return {"status": "error", "message": message}


def refused(port, target):
    try:
        Client(port, target)
    except Refused as reason:
        return str(reason)
    raise AssertionError(f"{target} was let in")


def enter(port, name):
    client = Client(port, f"/chat?name={name}")
    assert client.hear()["event"] == "connect"
    client.hears(event="welcome", data=name)
    return client


def gateway(port):
    # The guard at the door: a reason, and a reason with a status.
    assert refused(port, "/chat") == "403 Forbidden: who are you?"
    ada = enter(port, "Ada")
    assert refused(port, "/chat?name=Ada") == "409 Conflict: Ada is here already"
    host = enter(port, "host")
    ada.hears(event="came", data="host")

    # A handler: the event for the others, the ack for who asked for one.
    ada.send("say", {"text": 'Good "evening"'}, id=1)
    ada.hears(ack=1, data={"heard": 1})
    host.hears(event="said", data={"from": "Ada", "text": 'Good "evening"'})
    # The same without an ack: nobody answers, so the next thing that Ada hears is what comes after it.
    ada.send("say", {"text": "Again"})
    host.hears(event="said", data={"from": "Ada", "text": "Again"})

    # A reply is an event of its own, for the client alone.
    ada.send("who", None)
    heard = ada.hear()
    assert heard["event"] == "here" and sorted(heard["data"]) == ["Ada", "host"], heard
    # No ack for a handler that gives nothing back.
    ada.send("typing", None)
    host.hears(event="typing", data="Ada")

    # Exceptions: the ack's argument for who asked for one, else an event.
    ada.send("say", {"text": ""}, id=2)
    ada.hears(ack=2, data=error("say something"))
    ada.send("say", {"text": ""})
    ada.hears(event="exception", data=error("say something"))
    # What does not fit is told, and not what else goes wrong in the host.
    ada.send("say", {"text": 7}, id=3)
    ada.hears(ack=3, data=error("a text is expected at /0/text"))
    ada.send("fault", None, id=4)
    ada.hears(ack=4, data=error("Internal server error"))

    # Another room.
    ada.send("enter", {"room": "tea"}, id=5)
    ada.hears(ack=5, data={"room": "tea"})
    ada.send("say", {"text": "Nobody here?"}, id=6)
    ada.hears(ack=6, data={"heard": 0})
    bea = enter(port, "Bea")
    host.hears(event="came", data="Bea")
    bea.socket.shutdown(socket.SHUT_RDWR)
    host.hears(event="left", data="Bea")

    # Socket.IO, in the same rooms: its auth payload goes to the guard, its ack gets the same answers.
    turned_away = Poller(port, "/chat", {})
    turned_away.hears(4, {"message": "who are you?"})
    cyd = Poller(port, "/chat", {"name": "Cyd"})
    assert cyd.hear().startswith("40/chat,")
    cyd.hears(2, ["welcome", "Cyd"])
    host.hears(event="came", data="Cyd")
    cyd.post('42/chat,1["say",{"text":"Hello"}]')
    cyd.hears(3, [{"heard": 1}])
    host.hears(event="said", data={"from": "Cyd", "text": "Hello"})
    cyd.post('42/chat,2["say",{}]')
    cyd.hears(3, [error("a text is expected at /0/text")])
    cyd.post('42/chat,["fault"]')
    cyd.hears(2, ["exception", error("Internal server error")])

    # The guard of an event.
    ada.send("close", None)
    ada.hears(event="exception", data=error("Forbidden resource"))
    host.send("close", None)
    for client in (ada, host):
        client.hears_the_end()


def echo(port):
    first, second = Client(port, "/"), Client(port, "/")
    for client in (first, second):
        assert client.hear()["event"] == "connect"
    first.send("say", "Good evening")
    for client in (first, second):
        client.hears(event="say", data="Good evening")
    first.send("close", None)
    for client in (first, second):
        client.hears_the_end()


def main():
    talk, program = {"gateway": gateway, "echo": echo}[sys.argv[1]], sys.argv[2]
    with subprocess.Popen([program, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True) as host:
        try:
            talk(int(host.stdout.readline().split(":")[2].split("/")[0]))
            status = host.wait(timeout=10)
            assert status == 0, f"the program ended with {status}"
        finally:
            host.kill()
    print(f"chatted with {os.path.relpath(program)}")


main()
