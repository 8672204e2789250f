"""Signals end a server at once, whatever it is doing. Each program runs in a process of its own."""

import os
import signal
import subprocess
import sys
import time

import pytest
from house import Heard, WebSocket

PRELUDE = """
import asyncio, os, random, signal, sys, threading, time
import salon, salon.aio

server = salon.{module}Server("127.0.0.1:0")
port = server.listen("127.0.0.1:0")

def ready():
    print(port, flush=True)

def interrupted():
    server.close()
    print("interrupted", flush=True)
    sys.exit(7)
"""
RUN = """
server.call_soon(ready)
try:
    server.run()
    print("ended", flush=True)
except KeyboardInterrupt:
    interrupted()
"""
LOOP = """
try:
    ready()
    for event in server:
        pass
except KeyboardInterrupt:
    interrupted()
"""
POLL = """
try:
    ready()
    while True:
        server.poll()
except KeyboardInterrupt:
    interrupted()
"""
BUSY = (
    """
@server.on("say")
def say(socket):
    socket.emit("working")
    server.flush()
    while True:
        pass
"""
    + RUN
)
# Another thread never lets the loop rest.
NOISY = (
    """
def talk():
    while True:
        try:
            server.emit("said", "x" * 100)
        except salon.LimitError:
            time.sleep(0.001)
        except salon.ClosedError:
            return
threading.Thread(target=talk, daemon=True).start()
"""
    + RUN
)
TERM = (
    """
signal.signal(signal.SIGTERM, lambda *_: server.shutdown(0.5))

@server.on("say")
def say(socket):
    socket.emit("working")
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        pass

@server.on("disconnect")
def gone(socket, reason):
    print(reason.name, flush=True)
"""
    + RUN
)


class Program:
    def __init__(self, source, module=""):
        source = PRELUDE.replace("{module}", module) + source
        environment = {**os.environ, "PYTHONFAULTHANDLER": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", source],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        first = self.process.stdout.readline()
        assert first, self.process.stderr.read()
        self.port = int(first)

    def client(self) -> Heard:
        return WebSocket(f"ws://127.0.0.1:{self.port}/")

    def ends(self, sign, seconds=5.0):
        """Sends a signal. Gives back what was printed, and how long it took until the end."""
        started = time.monotonic()
        self.process.send_signal(sign)
        try:
            printed, failed = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            printed, failed = self.process.communicate()
            raise AssertionError(f"it goes on after {seconds} s: {printed} {failed}") from None
        return printed.split(), failed, time.monotonic() - started


@pytest.mark.parametrize("source", [RUN, LOOP, POLL, NOISY], ids=["run", "iteration", "poll", "noisy"])
def test_an_interrupt_ends_an_idle_server_at_once(source):
    program = Program(source)
    printed, failed, took = program.ends(signal.SIGINT)
    assert (printed, program.process.returncode) == (["interrupted"], 7), failed
    assert took < 2, took


def test_an_interrupt_ends_a_handler(tmp_path):
    program = Program(BUSY)
    client = program.client()
    client.say("say")
    client.hear("working")
    printed, failed, took = program.ends(signal.SIGINT)
    assert (printed, program.process.returncode) == (["interrupted"], 7), failed
    assert took < 2


def test_an_interrupt_without_anything_around_it_is_pythons_own():
    program = Program("ready()\nserver.run()\n")
    _, failed, took = program.ends(signal.SIGINT)
    assert program.process.returncode == -signal.SIGINT and "KeyboardInterrupt" in failed
    assert took < 2


def test_an_interrupt_ends_an_asynchronous_server():
    program = Program(RUN, "aio.")
    printed, failed, took = program.ends(signal.SIGINT)
    assert (printed, program.process.returncode) == (["interrupted"], 7), failed
    assert took < 2


def test_a_terminate_that_calls_shutdown_says_goodbye_to_all():
    program = Program(TERM)
    client = program.client()
    client.hear("connect")
    printed, failed, took = program.ends(signal.SIGTERM)
    assert (printed, program.process.returncode) == (["SHUTDOWN", "ended"], 0), failed
    assert client.hear("close")[0] == 1001
    assert took < 2


def test_a_terminate_during_a_handler_comes_after_it():
    program = Program(TERM)
    client = program.client()
    client.say("say")
    client.hear("working")
    printed, failed, _ = program.ends(signal.SIGTERM)
    assert (printed, program.process.returncode) == (["SHUTDOWN", "ended"], 0), failed


def test_a_terminate_of_an_asynchronous_server():
    source = """
async def main():
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, server.shutdown, 0.5)
    loop.call_soon(ready)
    await server.serve()
    print("ended", flush=True)

asyncio.run(main())
server.close()
"""
    program = Program(source, "aio.")
    printed, failed, _ = program.ends(signal.SIGTERM)
    assert (printed, program.process.returncode) == (["ended"], 0), failed


# Many interrupts in one process, at every moment of a loop's turn: each ends `run` or comes before or after it.
RACES = """
worst = 0.0
ready()
for number in range(60):
    # Half of them idle, half of them with turns that never end.
    if number % 2 == 0:
        server.close()
        server = salon.{module}Server("127.0.0.1:0")
    else:
        server.call_every(0.001, int)
    sent = []

    def interrupt():
        time.sleep(random.random() * 0.01)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    try:
        thread.start()
        server.run()
        raise SystemExit("run() has ended by itself")
    except KeyboardInterrupt:
        worst = max(worst, time.monotonic() - sent[0])
    thread.join()
print("all", round(worst, 2), flush=True)
server.close()
"""


@pytest.mark.parametrize("module", ["", "aio."])
def test_no_interrupt_of_many_is_lost(module):
    program = Program(RACES.replace("{module}", module), module)
    printed, failed, _ = program.ends(0, 50)
    assert printed[:1] == ["all"] and program.process.returncode == 0, failed
    # One that comes in the moment before the wait is seen when that is over.
    assert float(printed[1]) < 2


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_fifty_programs_are_interrupted_at_any_moment():
    for number in range(50):
        program = Program("try:\n    ready()\n    server.run()\nexcept KeyboardInterrupt:\n    interrupted()\n")
        # From right after `ready` on: before, at and after the first wait.
        end = time.monotonic() + number * 0.0004
        while time.monotonic() < end:
            pass
        printed, failed, took = program.ends(signal.SIGINT)
        assert (printed, program.process.returncode) == (["interrupted"], 7), (number, failed)
        assert took < 3, number
