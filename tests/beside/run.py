#!/usr/bin/env python3
"""Salon beside the Node server: one list of raw exchanges, played against both, and compared.

    python3 tests/beside/run.py [SCENE ...]       (all scenes, or some by name)

The servers are `node tests/beside/server.mjs MODE` and `target/release/examples/beside MODE`: the same application in
the same modes. What comes back is noted by scene.py and compared field by field. A difference is a fault, unless
deliberate.py names it; and what deliberate.py names must still be a difference. Needs the packages of package.json.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from deliberate import DELIBERATE  # noqa: E402
from exchanges import SCENES  # noqa: E402
from host import Host  # noqa: E402
from scene import Scene  # noqa: E402

TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
AT_ONCE = 12


def play(mode, perform, port):
    """Plays one scene against one server; what it noted, and what stopped it."""
    scene = Scene(port, offsets=mode == "recovery")
    try:
        perform(scene)
    except Exception as fault:  # noqa: BLE001
        scene.note("stopped", f"{type(fault).__name__} {fault}")
    finally:
        scene.leave()
    return scene.noted


def compare(name, node, salon):
    """Each exchange in which the two differ: its place, and what both saw."""
    differences = []
    by_label = [{}, {}]
    for side, noted in enumerate((node, salon)):
        for label, seen in noted:
            number, key = 1, label
            while key in by_label[side]:
                number, key = number + 1, f"{label} ({number + 1})"
            by_label[side][key] = seen
    for label in dict.fromkeys([*by_label[0], *by_label[1]]):
        pair = [side.get(label) for side in by_label]
        if pair[0] != pair[1]:
            differences.append((f"{name}: {label}", *(seen or {"seen": "not played"} for seen in pair)))
    return differences


def excuse(place, node, salon):
    """The entries of deliberate.py that name a difference, and the fields that none of them names."""
    whole = [" | ".join(seen.values()) for seen in (node, salon)]
    entry = next((entry for entry in DELIBERATE if entry.names(place, "whole", *whole)), None)
    if entry:
        return {entry}, []
    used, left = set(), []
    for field in dict.fromkeys([*node, *salon]):
        values = [seen.get(field, "") for seen in (node, salon)]
        if values[0] != values[1]:
            entry = next((entry for entry in DELIBERATE if entry.names(place, field, *values)), None)
            if entry:
                used.add(entry)
            else:
                left.append((field, *values))
    return used, left


def main():
    wanted = sys.argv[1:]
    scenes = [entry for entry in SCENES if not wanted or entry[1] in wanted]
    started, exchanges, differences, faults = time.monotonic(), 0, [], []
    for mode in dict.fromkeys(mode for mode, _, _ in scenes):
        mine = [entry for entry in scenes if entry[0] == mode]
        with (
            Host(["node", str(HERE / "server.mjs"), mode]) as node,
            Host([str(TARGET / "release/examples/beside"), mode]) as salon,
            ThreadPoolExecutor(AT_ONCE) as pool,
        ):
            plays = [[pool.submit(play, mode, perform, host.port) for host in (node, salon)] for _, _, perform in mine]
            for (_, name, _), both in zip(mine, plays):
                noted = [one.result() for one in both]
                exchanges += len(noted[0])
                faults += [f"{name} {label}: {seen}" for one in noted for label, seen in one if label == "stopped"]
                differences += compare(name, *noted)
            if mode != "shutdown":
                faults += [f"{host.command[0]} ended by itself in mode {mode}" for host in (node, salon) if not host.alive()]

    used, named = set(), 0
    for place, *seen in differences:
        entries, left = excuse(place, *seen)
        used |= entries
        named += not left
        faults += [f"{place} [{field}]\n    Node:  {node!r}\n    Salon: {salon!r}" for field, node, salon in left]
    if not wanted:
        faults += [f"no difference any more: {entry.where} [{entry.field}]: {entry.why}" for entry in DELIBERATE if entry not in used]
    print(f"beside: {len(scenes)} scenes, {exchanges} exchanges in {time.monotonic() - started:.0f} s")
    print(f"        {named} exchanges differ, all named by {len(used)} entries of deliberate.py" if not faults else
          f"        {named} exchanges differ on purpose; {len(faults)} faults:")
    for fault in faults:
        print(f"NOT OK {fault}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
