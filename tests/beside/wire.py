"""Raw HTTP and WebSocket connections, and what comes of an exchange on them, with everything left out that differs
from one run to the next: ids get names, and how a body is framed, dates, and the
order and case of header fields do not count."""

import base64
import re
import select
import socket
import struct
import time

# How long something that must come may take, and how long nothing has to come until it counts as nothing.
SECONDS = 3
QUIET = 0.15
COMPARED = ("content-type", "cache-control", "content-encoding", "vary", "access-control-", "sec-websocket-", "set-cookie")
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13")


class Gone(Exception):
    """The connection has ended."""


class Nothing(Exception):
    """Nothing came in time."""


class Names:
    """Ids differ from run to run: a new one becomes `<new sid>`, a known one tells where it was first seen."""

    def __init__(self):
        self.known = {}

    def __call__(self, text, label):
        ids = re.findall(r'"(sid|pid)":"([\w-]{20})"', text)
        new = [(kind, value) for kind, value in ids if value not in self.known]
        for value, name in self.known.items():
            text = text.replace(value, name)
        for kind, value in new:
            text = text.replace(value, f"<new {kind}>")
            self.add(kind, value, label)
        return text

    def add(self, kind, value, label):
        self.known.setdefault(value, f"<{kind} of {label!r}>")


class Link:
    """One TCP connection, and the bytes that have come and have not been read."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.bytes = b""
        self.over = None

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            # Who refuses may close before all has been sent; the answer is what counts.
            pass

    def close(self):
        self.socket.close()

    def finish_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def more(self, seconds=SECONDS):
        """Waits for bytes; raises if none come."""
        if self.over:
            raise Gone
        if not select.select([self.socket], [], [], max(0, seconds))[0]:
            raise Nothing
        try:
            piece = self.socket.recv(1 << 16)
        except ConnectionError:
            piece = b""
        if not piece:
            self.over = True
            raise Gone
        self.bytes += piece

    def take(self, count):
        deadline = time.monotonic() + SECONDS
        while len(self.bytes) < count:
            self.more(deadline - time.monotonic())
        taken, self.bytes = self.bytes[:count], self.bytes[count:]
        return taken

    def line(self, end=b"\r\n"):
        deadline = time.monotonic() + SECONDS
        while end not in self.bytes:
            self.more(deadline - time.monotonic())
        line, _, self.bytes = self.bytes.partition(end)
        return line

    def is_quiet(self, seconds=QUIET):
        """Whether nothing comes for a while, not even the end."""
        if self.bytes:
            return False
        try:
            self.more(seconds)
        except Nothing:
            return True
        except Gone:
            pass
        return False

    def state(self):
        """What becomes of the connection: the other side has closed it, or it stays."""
        try:
            self.more(QUIET)
        except Nothing:
            return "open"
        except Gone:
            return "closed"
        return f"goes on with {self.bytes[:40]!r}"


class Response:
    """One HTTP response, read from a link."""

    def __init__(self, link, method="GET"):
        head = link.line(b"\r\n\r\n").decode("latin1").split("\r\n")
        self.status = head[0].split(" ", 2)[1]
        self.fields = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            name, value = name.lower(), value.strip()
            self.fields[name] = f"{self.fields[name]}, {value}" if name in self.fields else value
        self.body, self.connection = b"", None
        if method == "HEAD" or self.status in ("101", "204"):
            return
        if self.fields.get("transfer-encoding") == "chunked":
            while size := int(link.line(), 16):
                self.body += link.take(size)
                link.line()
            link.line()
        elif "content-length" in self.fields:
            self.body = link.take(int(self.fields["content-length"]))

    @property
    def packets(self):
        return self.body.decode().split("\x1e")

    def seen(self):
        """What is compared of it."""
        seen = {"status": self.status}
        for name, value in sorted(self.fields.items()):
            if name.startswith(COMPARED):
                seen[name] = ", ".join(sorted(value.split(", "))) if name == "vary" else value
        if self.body:
            seen["body"] = show(self.body)
        else:
            # No body is of no type.
            seen.pop("content-type", None)
        if self.connection:
            seen["connection"] = self.connection
        return seen


class WebSocket:
    """The client's end of a WebSocket, on a link whose handshake is done."""

    def __init__(self, link):
        self.link = link

    def send(self, data):
        opcode = 1 if isinstance(data, str) else 2
        self.frame(opcode, data.encode() if isinstance(data, str) else data)

    def send_and_close(self, text):
        """A message and a close frame in one piece."""
        send, pieces = self.link.send, []
        self.link.send = pieces.append
        self.send(text)
        self.frame(8)
        self.link.send = send
        send(b"".join(pieces))

    def frame(self, opcode, payload=b"", fin=True, masked=True, length=None):
        length = len(payload) if length is None else length
        head = bytes([opcode | (0x80 if fin else 0)])
        bit = 0x80 if masked else 0
        if length < 126:
            head += bytes([bit | length])
        elif length < 1 << 16:
            head += bytes([bit | 126]) + struct.pack("!H", length)
        else:
            head += bytes([bit | 127]) + struct.pack("!Q", length)
        self.link.send(head + (b"\0\0\0\0" if masked else b"") + payload)

    def message(self):
        """The next frame as text; an end raises."""
        first, second = self.link.take(2)
        length = second & 127
        if length == 126:
            (length,) = struct.unpack("!H", self.link.take(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.link.take(8))
        payload = self.link.take(length)
        kind = {1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}.get(first & 15, f"opcode {first & 15}")
        if first & 0xF0 != 0x80 or second & 0x80:
            kind = f"odd {first:02x} {second:02x} {kind}"
        if kind == "close":
            self.frame(8, payload)
            return "close " + (str(struct.unpack("!H", payload[:2])[0]) if payload else "without a code")
        return f"{kind} {show(payload) if kind == 'text' else payload.hex()}"


def show(data):
    text = data.decode(errors="backslashreplace").replace("\x1e", " ␞ ")
    return text if len(text) <= 400 else f"{text[:200]}… {len(text)} characters …{text[-40:]}"


def request(method, target, fields=(), body=None, version="1.1"):
    fields = ["Host: h", *fields]
    if body is not None:
        fields.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([f"{method} {target} HTTP/{version}", *fields, "", ""])
    return head.encode("latin1") + (body or b"")


def chunked(*pieces):
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def b64(data):
    return "b" + base64.b64encode(data).decode()
