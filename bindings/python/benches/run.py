#!/usr/bin/env python3
"""Measures Salon for Python beside python-socketio, `websockets` and `picows`, and prints a table in Markdown.

    pip install ./bindings/python -r bindings/python/benches/requirements.txt
    cargo build --release --manifest-path benches/Cargo.toml --bin load
    python bindings/python/benches/run.py

Server and load run on a core each (0 and 1). Within a round it goes scenario by scenario, all peers back to back, so
that what is compared was measured within the same seconds; forwards in one round and backwards in the next. A figure is
the median of all windows. A peer that loses, doubles or alters a message ends the run with 1.

`--load PATH` names another load generator, `--rounds`, `--seconds` and `--peers` say how much is measured. `--per-cpu`
counts by the second of the server's CPU: steadier on a machine that does other things, too.
"""

import argparse
import json
import os
import platform
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOAD = HERE.parents[2] / "benches/target/release/load"
SERVER_CORE, LOAD_CORE = 0, 1

# Title, protocol, and the program in servers/ with what follows its port.
PEERS = {
    "salon": ("Salon", "ws", "salon_server.py"),
    "salon-aio": ("Salon in asyncio", "ws", "salon_server.py aio"),
    "picows": ("picows", "ws", "picows_server.py"),
    "websockets": ("websockets", "ws", "websockets_server.py"),
    "salon-socketio": ("Salon", "socketio", "salon_server.py"),
    "salon-aio-socketio": ("Salon in asyncio", "socketio", "salon_server.py aio"),
    "socketio-uvicorn": ("python-socketio, uvicorn", "socketio", "socketio_server.py uvicorn"),
    "socketio-aiohttp": ("python-socketio, aiohttp", "socketio", "socketio_server.py aiohttp"),
}
# Mode and options of the load generator, and whether the scenario is about rooms.
SCENARIOS = {
    "fan-out to 1,000, deliveries/s": ("fanout", "--connections 1000 --size 128"),
    "echo of 64 B, 64 clients, messages/s": ("echo", "--connections 64 --size 64"),
    "the same, 16 in flight each": ("echo", "--connections 64 --size 64 --depth 16"),
}
PROTOCOLS = {"ws": "Plain WebSocket", "socketio": "Socket.IO events"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--load", type=Path, default=Path(os.environ.get("SALON_LOAD", LOAD)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--per-cpu", action="store_true", help="per second of the server's CPU, not of the clock")
    parser.add_argument("--peers", type=lambda text: text.split(","), default=list(PEERS))
    chosen = parser.parse_args()
    if not chosen.load.exists():
        sys.exit(f"{chosen.load} is not there: build benches/, or name a load generator with --load")
    own_the_machine()
    figure = "per_cpu_s" if chosen.per_cpu else "rate"

    rates = {}
    for number in range(chosen.rounds):
        for scenario in SCENARIOS:
            for peer in chosen.peers if number % 2 == 0 else chosen.peers[::-1]:
                windows = [window[figure] for window in measure(chosen.load, peer, scenario, chosen.seconds)]
                rates.setdefault((scenario, peer), []).extend(windows)
                print(f"round {number + 1}: {scenario}: {peer}: {windows}", file=sys.stderr)
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    print(f"Python {platform.python_version()}, {machine}, {date.today()}; medians of {chosen.rounds} rounds.")
    for protocol in PROTOCOLS:
        peers = [peer for peer in chosen.peers if PEERS[peer][1] == protocol]
        if peers:
            print(table(protocol, peers, {key: statistics.median(of) for key, of in rates.items()}))


def measure(load, peer, scenario, seconds):
    """Two windows, as the load generator tells them."""
    _, protocol, command = PEERS[peer]
    mode, options = SCENARIOS[scenario]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    program, *more = command.split()
    server = subprocess.Popen(
        [sys.executable, HERE / "servers" / program, str(port), *more], preexec_fn=on(SERVER_CORE)
    )
    try:
        wait_for(server, port)
        path = {"fanout": "/room", "echo": "/echo"}[mode]
        path = path if protocol == "ws" else "/socket.io/?EIO=4&transport=websocket"
        words = [
            load,
            mode,
            "--url",
            f"ws://127.0.0.1:{port}{path}",
            "--protocol",
            protocol,
            *options.split(),
            "--spin",
        ]
        words += ["--seconds", str(seconds), "--repeat", "2", "--server-pid", str(server.pid)]
        loaded = subprocess.run(words, capture_output=True, text=True, preexec_fn=on(LOAD_CORE))
        if loaded.returncode != 0:
            sys.exit(f"{peer}: {scenario}: {loaded.stderr.strip()}")
        return [json.loads(line) for line in loaded.stdout.splitlines()]
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


def own_the_machine():
    """As many open files as allowed; and, where the system groups processes by session, a session that is favoured."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        os.setsid()
        Path("/proc/self/autogroup").write_text("-20", encoding="ascii")
    except OSError:
        pass


def wait_for(server, port):
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{' '.join(map(str, server.args))} does not serve")
            time.sleep(0.05)


def on(core):
    return lambda: os.sched_setaffinity(0, {core})


def table(protocol, peers, rates):
    """A column for each peer: its rate, and how many times as fast ours is."""
    lines = [["", *(PEERS[peer][0] for peer in peers)], ["---", *("---:" for _ in peers)]]
    ours = next((peer for peer in peers if peer.startswith("salon")), None)
    for scenario in SCENARIOS:
        cells = []
        for peer in peers:
            ratio = f" ({rates[scenario, ours] / rates[scenario, peer]:.1f}x)" if ours and peer != ours else ""
            cells.append(f"{rates[scenario, peer]:,.0f}{ratio}")
        lines.append([scenario, *cells])
    rows = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"\n{PROTOCOLS[protocol]}; in brackets, how many times as fast Salon is:\n\n{rows}"


if __name__ == "__main__":
    main()
