"""Starts a program that serves, learns its address from the line it prints, and ends it again; and builds what is there
to be started."""

import os
import re
import resource
import selectors
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MOST_FILES = 20_000


def examples():
    """The folder of the examples, built in release mode just now if they were not fresh."""
    command = ["cargo", "build", "--quiet", "--locked", "--release", "--lib", "--examples"]
    subprocess.run(command, cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute() / "release/examples"


def load_generator():
    """That of the benchmarks, built just now if it was not fresh."""
    subprocess.run([ROOT / "benches/build", "load"], check=True, stdout=subprocess.DEVNULL)
    return ROOT / "benches/out/bin/load"


def allow_many_files():
    """As many open files as the hard limit has, up to 20,000, for this process and those that it starts."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return files


class Host:
    """A server process: `with Host(command) as host:` gives `host.url`, `host.port` and `host.pid`.

    The program prints `listening on ws://ADDRESS:PORT/` (or http://) once it serves.
    """

    def __init__(self, command, seconds=10):
        self.command = command
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        except FileNotFoundError:
            raise SystemExit(f"{command[0]} is not there; cargo build --release --examples") from None
        self.pid = self.process.pid
        try:
            said = self._first_address(seconds)
        except BaseException:
            self.stop()
            raise
        self.url, self.port = said.group(0), int(said.group(1))

    def _first_address(self, seconds):
        deadline = time.monotonic() + seconds
        printed = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while selector.select(max(0, deadline - time.monotonic())):
                piece = self.process.stdout.read1()
                printed += piece
                said = re.search(r"(?:ws|http)://[^\s/]+:(\d+)/?(?=\s)", printed.decode(errors="replace"))
                if said:
                    return said
                if not piece:
                    break
        raise SystemExit(f"{' '.join(self.command)}: no address within {seconds} s; it printed {printed!r}")

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
