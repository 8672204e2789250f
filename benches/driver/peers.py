"""Who is measured, and how each is started. A server takes its port as an argument, and serves ../README.md's
contract."""

import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .goals import C_API, C_API_SOCKETIO
from .scenarios import SCENARIOS

BENCHES = Path(__file__).resolve().parents[1]
BIN = BENCHES / "out/bin"
SERVER_CORE, LOAD_CORE = 0, 1


@dataclass(frozen=True)
class Peer:
    title: str
    protocol: str
    command: str
    # The only scenarios in which it is measured, if not all.
    only: tuple = ()

    def takes(self, name):
        scenario = SCENARIOS[name]
        handshakes = scenario.mode == "churn"
        if "floor" not in self.command:
            return not self.only or name in self.only
        if scenario.mode == "slow":
            return False
        if self.command.endswith("hs"):
            return handshakes
        return not handshakes and (scenario.room or "batch" not in self.command)

    def path(self, scenario):
        if self.protocol == "socketio":
            return "/socket.io/?EIO=4&transport=websocket"
        return "/room" if scenario.room or scenario.measures_memory else "/echo"

    def is_for_one_scenario(self, scenario):
        """The floor is told the length of its messages; memory is that of a fresh process."""
        return "floor" in self.command or scenario.measures_memory

    def arguments(self, port, scenario):
        words = {"PORT": port, "MODE": "room" if scenario.room else "echo", "BYTES": scenario.frame_bytes}
        return [str(words.get(word, word)) for word in self.command.split()]


# The floors answer without a protocol: what the system calls alone cost. A scenario's floor is the best of them.
PEERS = {
    "floor": Peer("floor", "raw", "floor PORT MODE BYTES"),
    "floor-batch": Peer("floor, batching", "raw", "floor PORT batch BYTES"),
    "floor-handshakes": Peer("floor", "ws", "floor PORT hs"),
    "salon": Peer("Salon", "ws", "salon PORT"),
    "salon-c": Peer("Salon in C", "ws", "salon-c PORT", tuple(C_API)),
    "uws": Peer("µWebSockets", "ws", "uws PORT"),
    "libwebsockets": Peer("libwebsockets", "ws", "libwebsockets PORT uv"),
    "salon-socketio": Peer("Salon, Socket.IO", "socketio", "salon PORT"),
    "salon-c-socketio": Peer("Salon in C, Socket.IO", "socketio", "salon-c PORT", tuple(C_API_SOCKETIO)),
    "socketioxide": Peer("socketioxide", "socketio", "socketioxide PORT"),
    "socket.io": Peer("socket.io on Node", "socketio", "node socketio.mjs PORT"),
}


class Server:
    """A peer that serves on a port of its own, on its core."""

    def __init__(self, name, scenario, *limits):
        self.port = free_port()
        program, *arguments = [*PEERS[name].arguments(self.port, scenario), *limits]
        if program != "node":
            program = str(BIN / program)
        self.process = subprocess.Popen(
            [program, *arguments],
            cwd=BENCHES / "peers/node",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=on_core(SERVER_CORE),
        )
        deadline = time.monotonic() + 10
        while not answers(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SystemExit(f"{name} does not serve; benches/build builds it")
            time.sleep(0.02)

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def on_core(core):
    return lambda: os.sched_setaffinity(0, {core})


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
