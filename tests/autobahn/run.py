#!/usr/bin/env python3
"""Autobahn's cases against a raw echo host: every one must be OK, none of them non-strict.

    python3 tests/autobahn/run.py [--cases 6.4.* --cases 7.*] [-- COMMAND ...]

COMMAND prints `listening on ws://127.0.0.1:PORT/` and echoes text as text and binary as binary, whatever its size:
cases send 16 MiB in one message and 65,536 fragments. It is `target/release/examples/echo --listen 127.0.0.1:0`
unless given. Needs the package named in requirements.txt.

What counts (the suite's own words, `behavior` for the messages and `behaviorClose` for the closing handshake):
OK passes. INFORMATIONAL passes where the suite says so, in the cases of INFORMATIONAL below: the RFC leaves those open.
NON-STRICT (a SHOULD not kept, such as bad UTF-8 found late in 6.4.*) fails here, and so does everything else.
Sections 12 and 13 (compression) are left out; there is no section 8 and 11 any more.
"""

import argparse
import asyncio
import os
import shutil
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from host import Host  # noqa: E402
from kosoku import FailureError, run_fuzzingclient  # noqa: E402
from kosoku._report import write_reports  # noqa: E402

# 7.1.6: text behind a close, lost or not; 7.13.1 and 2: close codes above 4999.
INFORMATIONAL = {"7.1.6", "7.13.1", "7.13.2"}
# Of sections 1 to 10, in the pinned version: fewer would mean that the run ended early.
CASES = 301
SECONDS = 300
REPORT = ROOT / "tests/out/autobahn"


async def run(url, cases):
    try:
        return await asyncio.wait_for(run_fuzzingclient(url, cases, ["12.*", "13.*"] if not cases else None), SECONDS)
    except FailureError as failure:
        return failure.results


def fault(result):
    """Why a case does not count as passed, or None."""
    allowed = {"OK"} | ({"INFORMATIONAL"} if result.case_id in INFORMATIONAL else set())
    if result.behavior.value in allowed and result.behavior_close.value in allowed:
        return None
    what = f"{result.behavior.value}, close {result.behavior_close.value}"
    return f"{result.case_id}: {what}: {result.result} {result.result_close}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", action="append", metavar="PATTERN", help="only these, such as 6.4.*")
    parser.add_argument("command", nargs="*")
    arguments = parser.parse_args()
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    command = arguments.command or [str(target / "release/examples/echo"), "--listen", "127.0.0.1:0"]

    with Host(command) as host:
        results = asyncio.run(run(host.url, arguments.cases))
        faults = [line for line in map(fault, results) if line]
        if not host.alive():
            faults.append(f"the host ended by itself, status {host.process.returncode}")
    if not arguments.cases and len(results) != CASES:
        faults.append(f"{len(results)} cases ran, not {CASES}")
    # Reports are named by what the server calls itself; an old one would stay beside the new.
    shutil.rmtree(REPORT, ignore_errors=True)
    write_reports(results, str(REPORT))

    verdicts = Counter(result.behavior.value for result in results)
    print(f"Autobahn: {len(results)} cases against {' '.join(command)}")
    print("          " + ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common()))
    print(f"          report: {REPORT.relative_to(ROOT)}/index.html")
    for line in faults:
        print(f"NOT OK {line}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
