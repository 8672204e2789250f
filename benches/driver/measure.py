"""The rounds. Within a round it goes scenario by scenario, all peers back to back, because a machine's speed drifts:
what is compared was measured within the same half minute, forwards in one round and backwards in the next."""

import json
import os
import resource
import subprocess
import sys

from .goals import TIGHT_PEERS, TIGHT_SCENARIOS, UNJUDGED_PEERS
from .peers import BIN, LOAD_CORE, PEERS, SERVER_CORE, Server, on_core
from .scenarios import SCENARIOS

# Memory moves little from run to run, and what no goal is about needs no ratio of many rounds.
ROUNDS_OF_MEMORY = ROUNDS_OF_THE_UNJUDGED = 2


def measure(out, peers, scenarios, rounds, tight_rounds, seconds, warmup, windows):
    """Appends a line of JSON for each window to the file `out`; the names of what failed."""
    own_the_machine()
    servers, failed = {}, []
    try:
        with open(out, "a", encoding="utf-8") as lines:
            for round_number in range(rounds + tight_rounds):
                print(f"round {round_number + 1} of {rounds + tight_rounds}", file=sys.stderr, flush=True)
                for scenario in scenarios:
                    for peer in peers if round_number % 2 == 0 else peers[::-1]:
                        if not takes_part(peer, scenario, round_number, rounds):
                            continue
                        found, error = load(servers, peer, scenario, (seconds, warmup, windows))
                        for window in found:
                            window |= {"peer": peer, "scenario": scenario, "round": round_number}
                            print(json.dumps(window), file=lines, flush=True)
                        if error:
                            failed.append(f"{peer}/{scenario}: {error}")
                            print(failed[-1], file=sys.stderr, flush=True)
    finally:
        for server in servers.values():
            server.stop()
    return failed


def takes_part(peer, scenario, round_number, rounds):
    if not PEERS[peer].takes(scenario):
        return False
    if round_number >= rounds:
        return scenario in TIGHT_SCENARIOS and peer in TIGHT_PEERS
    if SCENARIOS[scenario].measures_memory:
        return round_number < ROUNDS_OF_MEMORY
    return peer not in UNJUDGED_PEERS or round_number < ROUNDS_OF_THE_UNJUDGED


def load(servers, peer, scenario, timing):
    """The windows of one peer in one scenario, and what was wrong. A server stays up for its next scenario."""
    what = SCENARIOS[scenario]
    if not (peer in servers and servers[peer].alive()) or PEERS[peer].is_for_one_scenario(what):
        if peer in servers:
            servers.pop(peer).stop()
        servers[peer] = Server(peer, what)
    server = servers[peer]
    command = [str(BIN / "load"), *what.arguments(*timing), "--spin"]
    command += ["--url", f"ws://127.0.0.1:{server.port}{PEERS[peer].path(what)}", "--protocol", PEERS[peer].protocol]
    command += ["--server-pid", str(server.process.pid), "--server-core", str(SERVER_CORE)]
    loaded = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, preexec_fn=on_core(LOAD_CORE)
    )
    error = loaded.stderr.strip() if loaded.returncode else ""
    if not server.alive():
        error = f"the server ended with {server.process.returncode}; {error}"
    if PEERS[peer].is_for_one_scenario(what):
        servers.pop(peer).stop()
    return [json.loads(line) for line in loaded.stdout.splitlines()], error


def own_the_machine():
    """As many open files as allowed; and, where the system groups processes by session, a session that is favoured."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        os.setsid()
        with open("/proc/self/autogroup", "w", encoding="ascii") as group:
            group.write("-20")
    except OSError:
        pass
