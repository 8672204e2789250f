"""10,000 clients of one Python process hear each broadcast once and in order.

The clients are those of the Rust test, examples/hold.rs, in a process of their own; see tests/hold.
"""

import os
import pathlib
import resource
import subprocess
import sys

import pytest
from house import ROOT

CONNECTIONS, ROUNDS = 10_000, 5
OTHER_FILES = 100
EXAMPLES = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "release" / "examples"

HALL = """
import sys, threading
import salon

# Reads what ends the process: the test's end of the pipe.
with salon.Server("127.0.0.1:0") as server:

    @server.on("join")
    def join(socket, room):
        socket.join(room)
        return room

    @server.on("say")
    def say(socket, data):
        server.to(*socket.rooms).emit("said", data)
        return True

    def stop():
        sys.stdin.read()
        server.shutdown(1)

    threading.Thread(target=stop, daemon=True).start()
    print(server.listen("127.0.0.1:0"), flush=True)
    server.run()
    stats = server.stats()
    print(stats.accepted, stats.sockets, stats.connections, sum(stats.disconnects.values()), flush=True)
"""


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_ten_thousand_clients_hear_each_broadcast_once_and_in_order():
    hold = EXAMPLES / "hold"
    assert hold.exists(), "cargo build --release --examples"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = 20_000 if hard == resource.RLIM_INFINITY else min(20_000, hard)
    assert CONNECTIONS <= files - OTHER_FILES, f"only {files} open files are allowed here"
    # Both processes inherit it.
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    try:
        server = subprocess.Popen(
            [sys.executable, "-c", HALL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with server:
            port = int(server.stdout.readline())
            crowd = [str(hold), "--connect", f"127.0.0.1:{port}", "--server-pid", str(server.pid)]
            crowd += ["--connections", str(CONNECTIONS), "--rounds", str(ROUNDS)]
            held = subprocess.run(crowd, stdout=subprocess.PIPE, text=True, timeout=150)
            server.stdin.close()
            accepted, sockets, connections, gone = map(int, server.stdout.readline().split())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    print(held.stdout)
    assert held.returncode == 0, held.stdout
    assert server.returncode == 0
    assert (accepted, sockets, connections, gone) == (CONNECTIONS, 0, 0, CONNECTIONS)
