"""Clients that nobody likes: each runs in a process of its own, until it is stopped, and counts what it has sent."""

import multiprocessing
import os
import select
import socket
import struct
import time
from dataclasses import dataclass

from .peers import LOAD_CORE

REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
WORDS = "abcdefghijklmnopqrstuvwxyz 0123456789" * 2
SIZE = 64
FRAMES_AT_ONCE = 4096
ANSWER_BYTES = 1 << 20
PATIENCE_S = 5
# Who takes nothing in may not hear that it is cut, so it goes and comes again: when its sends stall, or after a stay.
STALL_S, STAY_S = 0.2, 4


@dataclass(frozen=True)
class Kind:
    title: str
    reads: bool
    sends: bool


KINDS = {
    "greedy": Kind("a greedy sender that reads its answers", reads=True, sends=True),
    "deaf": Kind("a greedy sender that reads nothing", reads=False, sends=True),
    "slow": Kind("a member of the busy room that reads nothing", reads=False, sends=False),
}


class Nuisance:
    """One of KINDS: `with Nuisance("greedy", port, "ws") as it:`; then it tells what it has `sent`, and so on."""

    def __init__(self, kind, port, protocol):
        numbers = multiprocessing.get_context("fork")
        self._sent, self._visits = numbers.Value("Q", 0, lock=False), numbers.Value("Q", 0, lock=False)
        self.seconds = 0.0
        self._process = numbers.Process(target=self._run, args=(KINDS[kind], port, protocol), daemon=True)

    @property
    def sent(self):
        return self._sent.value

    @property
    def visits(self):
        return self._visits.value

    def __enter__(self):
        self._process.start()
        self._since = time.monotonic()
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.join()
        self.seconds = time.monotonic() - self._since

    def _run(self, kind, port, protocol):
        # Beside the load generator, which goes before it: what is measured is the server's delay, not a core's.
        os.sched_setaffinity(0, {LOAD_CORE})
        os.nice(19)
        while True:
            self._visits.value += 1
            try:
                with enter(port, protocol, kind) as client:
                    (self._pour if kind.sends else wait_for_the_end)(client, kind, protocol)
            except OSError:
                # Sent away for it: back at once.
                pass

    def _pour(self, client, kind, protocol):
        one = text(event(protocol, "echo", WORDS[:SIZE]))
        frames, at, answers = one * FRAMES_AT_ONCE, 0, bytearray(ANSWER_BYTES)
        client.setblocking(False)
        while True:
            reading, writing, _ = select.select([client] if kind.reads else [], [client], [], STALL_S)
            if not reading and not writing:
                return
            if writing:
                sent = client.send(memoryview(frames)[at:])
                self._sent.value += (at % len(one) + sent) // len(one)
                at = (at + sent) % len(frames)
            if reading and not client.recv_into(answers):
                return


def enter(port, protocol, kind):
    """A client after its handshake; the slow one is in the room, and its window is small."""
    client = socket.socket()
    client.settimeout(PATIENCE_S)
    # Closed with a reset: nothing is left behind.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if not kind.reads:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    room = "/echo" if kind.sends else "/room"
    path = room if protocol == "ws" else "/socket.io/?EIO=4&transport=websocket"
    client.sendall(REQUEST.format(path=path).encode())
    heard = until(client, b"\r\n\r\n", b"")
    if protocol == "socketio":
        heard = until(client, b'"sid"', heard)
        client.sendall(text("40"))
        until(client, b"40{", heard)
    if not kind.sends:
        # The load generator's members are in this room.
        client.sendall(text(event(protocol, "join", "r0") if protocol == "socketio" else "j:r0"))
    return client


def until(client, mark, heard):
    """What has come once `mark` has come; what was before it is forgotten."""
    while mark not in heard:
        piece = client.recv(4096)
        if not piece:
            raise ConnectionError("closed in the handshake")
        heard += piece
    return heard[heard.index(mark) :]


def wait_for_the_end(client, *_):
    """Without reading a byte."""
    ends = select.poll()
    ends.register(client, select.POLLHUP | select.POLLERR | select.POLLRDHUP)
    ends.poll(STAY_S * 1000)


def event(protocol, name, body):
    return f'42["{name}","{body}"]' if protocol == "socketio" else body


def text(said):
    """A client's frame, its mask all zeros."""
    return bytes([0x81, 0x80 | len(said)]) + bytes(4) + said.encode()
