"""The report in Markdown: rates, ratios and goals, idle memory, latencies."""

import os
import platform
from pathlib import Path

from .goals import MOST_IDLE_BYTES, goals
from .peers import PEERS
from .results import FLOORS, measured_scenarios
from .scenarios import SCENARIOS


def report(results, command, date):
    rates = [name for name in measured_scenarios(results) if name != "idle"]
    peers = [name for name in PEERS if name not in FLOORS and any(peer == name for peer, _ in results.windows)]
    lines = ["# Measured", ""]
    lines += [f"{date}, {machine()}, by `{command}`: {results.used()} windows used, {results.dropped} disturbed ones dropped."]
    lines += ["Rates are a second on one core; in brackets, per CPU second of the server, the fraction of what the system"]
    lines += ["calls alone allow."]
    lines += ["", *table(["", "floor", *(PEERS[name].title for name in peers)], rates_rows(results, rates, peers))]
    lines += ["", "## Goals", "", "Ratios of messages per CPU second of the server, round by round; the median.", ""]
    lines += table(["scenario", "", "against", "ratio", "goal", ""], goal_rows(results))
    if any(scenario == "idle" for _, scenario in results.windows):
        lines += ["", "## Idle connections", "", "Resident bytes of the server for each.", ""]
        lines += table(["", "open", "after 3 messages each", "goal", ""], idle_rows(results, peers))
    lines += ["", "## Time to the answer or delivery, median and 99th percentile", ""]
    lines += table(["", *(PEERS[name].title for name in peers)], latency_rows(results, rates, peers))
    return "\n".join(lines) + "\n"


def rates_rows(results, scenarios, peers):
    for scenario in scenarios:
        floor = max((results.of(name, scenario, "rate") or 0 for name in FLOORS), default=0)
        row = [SCENARIOS[scenario].title, number(floor) if floor else "–"]
        for peer in peers:
            rate, share = results.of(peer, scenario, "rate"), results.of_floor(peer, scenario)
            row.append("–" if rate is None else number(rate) + (f" ({share:.0%})" if share else ""))
        yield row


def goal_rows(results):
    for peer, other, scenario, least in goals():
        ratio = results.of_floor(peer, scenario) if other == "floor" else results.ratio(peer, scenario, [other])
        if ratio is not None:
            met = "met" if ratio >= least else "missed"
            yield [SCENARIOS[scenario].title, PEERS[peer].title, PEERS[other].title, f"{ratio:.2f}", f"≥ {least}", met]


def idle_rows(results, peers):
    for peer in peers:
        opened = results.of(peer, "idle", "per_connection")
        if opened is not None:
            most = MOST_IDLE_BYTES.get(peer)
            goal = ["", ""] if most is None else [f"≤ {most}", "met" if opened <= most else "missed"]
            spoken = results.of(peer, "idle", "per_connection_spoken")
            yield [PEERS[peer].title, f"{opened:.0f}", f"{spoken:.0f}", *goal]


def latency_rows(results, scenarios, peers):
    for scenario in scenarios:
        row = [SCENARIOS[scenario].title]
        for peer in peers:
            times = [results.of(peer, scenario, key) for key in ("p50_us", "p99_us")]
            row.append("–" if None in times else " / ".join(map(microseconds, times)))
        yield row


def table(head, rows):
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return ["| " + " | ".join(cells) + " |" for cells in [head, rule, *rows]]


def number(value):
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.0f}"


def microseconds(value):
    return f"{value / 1000:.3g} ms" if value >= 1000 else f"{value:.0f} µs"


def machine():
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    processor = names[0] if names else platform.machine()
    return f"{os.cpu_count()} cores of {processor}, Linux {platform.release().split('-')[0]}, loopback"
