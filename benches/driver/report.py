"""The report in Markdown: rates, ratios and goals, memory, latencies; and what was said of calls and sizes."""

from statistics import median

from .goals import MOST_COPIES, MOST_IDLE_BYTES, goals
from .peers import PEERS
from .results import FLOORS, measured_scenarios
from .scenarios import SCENARIOS

# What docs/performance.md shows of it.
MAIN_SCENARIOS = [
    "echo64",
    "flight16",
    "echo16k",
    "echo1m",
    "fan1000",
    "fan1000x16",
    "rooms",
    "hotroom",
    "fan64k",
    "handshakes",
]
MAIN_PEERS = ["salon", "uws", "libwebsockets", "salon-socketio", "socketioxide", "socket.io"]
MAIN_MEMORY = [("an idle connection", "idle", "per_connection_more"), ("1 MB to 1000 slow readers", "slow1m", "held")]


def report(results, about, sections):
    """`about` is what machine.about says; `sections` are texts with headings of their own."""
    measured = measured_scenarios(results)
    rates = [name for name in measured if not SCENARIOS[name].measures_memory]
    slow = [name for name in measured if SCENARIOS[name].mode == "slow"]
    peers = [name for name in PEERS if name not in FLOORS and any(peer == name for peer, _ in results.windows)]
    titles = [PEERS[name].title for name in peers]
    parts = ["# Measured", "{date}, {machine}, by `{command}`. {versions}.".format(**about), of_rates(results)]
    parts += [table(["", "floor", *titles], rates_rows(results, rates, peers)), goals_section(results)]
    if "idle" in measured:
        parts += ["## Idle connections", OF_IDLE, table(IDLE_HEAD, idle_rows(results, peers))]
    if slow:
        parts += ["## Slow readers", OF_SLOW, table(SLOW_HEAD, slow_rows(results, slow, peers))]
    parts.append("## Time to the answer or delivery, median and 99th percentile")
    parts.append(table(["", *titles], latency_rows(results, rates, peers)))
    return "\n\n".join([*parts, *(section.strip() for section in sections)]) + "\n"


def of_rates(results):
    return f"""{results.used()} windows used, {results.dropped} disturbed ones dropped; where too few were calm,
{results.disturbed} of the less disturbed ones were used. Rates are a second on one core; in brackets, per CPU second
of the server, the fraction of what the system calls alone allow.{provisional(results)}"""


def provisional(results):
    """A warning, if the machine was not quiet."""
    if results.disturbed <= results.used() / 10:
        return ""
    return "\n\n**Provisional: other programs used the machine meanwhile, so these figures mean little.**"


OF_IDLE = """\
Resident bytes of the server for each, in one room of all, after handshakes as long as a browser's: for each of
the last nine tenths, and for each of all, which includes what is there once (the code itself, buffers). A Socket.IO
session of Salon keeps its request for the host, so its goal is about the rest."""
IDLE_HEAD = ["", "each more", "each of all", "after it entered 3 times more", "request", "besides it", "goal", ""]
OF_SLOW = """\
What the server's resident memory grows by when nobody reads: for each byte that it owes and the kernel has not
taken, and for each message and receiver. Segments are those of Ethernet, so that the kernel takes little."""
SLOW_HEAD = ["", "", "queued", "grown by", "a queued byte", "a message and receiver", "once all is read"]


def main_figures(results, about):
    """The short table of docs/performance.md."""
    scenarios = [name for name in MAIN_SCENARIOS if name in measured_scenarios(results)]
    rows = [*rates_rows(results, scenarios, MAIN_PEERS, floor=False)]
    for title, scenario, key in MAIN_MEMORY:
        values = [results.of(peer, scenario, key) for peer in MAIN_PEERS]
        if any(values):
            rows.append([title, *("–" if value is None else bytes_of(value) for value in values)])
    main = table(["", *(PEERS[name].title for name in MAIN_PEERS)], rows)
    return main + "\n\n{date}, {machine}; {versions}.".format(**about) + provisional(results)


def rates_rows(results, scenarios, peers, floor=True):
    for scenario in scenarios:
        row = [SCENARIOS[scenario].title]
        if floor:
            best = max((results.of(name, scenario, "rate") or 0 for name in FLOORS), default=0)
            row.append(number(best) if best else "–")
        for peer in peers:
            rate, share = results.of(peer, scenario, "rate"), results.of_floor(peer, scenario)
            row.append("–" if rate is None else number(rate) + (f" ({share:.0%})" if share else ""))
        yield row


def goals_section(results):
    rows = [*goal_rows(results), *memory_goal_rows(results)]
    missed = [f"{row[0]} ({' ÷ '.join(filter(None, row[1:3]))}: {row[3]})" for row in rows if row[-1] == "missed"]
    met = f"{len(rows) - len(missed)} of {len(rows)} met" + ("." if not missed else f"; missed: {', '.join(missed)}.")
    how = "Ratios of messages per CPU second of the server, round by round: median, number, least and greatest."
    return "\n\n".join(["## Goals", met, how, table(["scenario", "", "÷", "", "rounds", "goal", ""], rows)])


def goal_rows(results):
    for peer, other, scenario, least in goals():
        ratios = results.ratios(peer, scenario, FLOORS if other == "floor" else [other])
        if ratios:
            spread = f"{len(ratios)}: {ratios[0]:.2f} to {ratios[-1]:.2f}"
            verdict = "met" if median(ratios) >= least else "missed"
            row = [SCENARIOS[scenario].title, PEERS[peer].title, PEERS[other].title, f"{median(ratios):.2f}"]
            yield [*row, spread, f"≥ {least}", verdict]


def memory_goal_rows(results):
    for peer, most in MOST_IDLE_BYTES.items():
        each = idle_bytes(results, peer)
        if each is not None:
            row = [SCENARIOS["idle"].title, PEERS[peer].title, "", f"{each:.0f} bytes"]
            yield [*row, "", f"≤ {most}", "met" if each <= most else "missed"]
    peer, scenario, most = MOST_COPIES
    held = results.of(peer, scenario, "held")
    if held is not None:
        message = results.of(peer, scenario, "size")
        row = [SCENARIOS[scenario].title, PEERS[peer].title, "", f"{held / message:.2f} copies"]
        yield [*row, "", f"≤ {most}", "met" if held <= most * message else "missed"]


def idle_bytes(results, peer):
    """For each idle connection, without the request that a Socket.IO session of Salon's keeps."""
    opened = results.of(peer, "idle", "per_connection_more")
    kept = PEERS[peer].protocol == "socketio" and peer.startswith("salon")
    return opened - results.of(peer, "idle", "head_bytes") if opened is not None and kept else opened


def idle_rows(results, peers):
    for peer in peers:
        rest = idle_bytes(results, peer)
        if rest is not None:
            most = MOST_IDLE_BYTES.get(peer)
            goal = ["", ""] if most is None else [f"≤ {most}", "met" if rest <= most else "missed"]
            more, each, spoken = (results.of(peer, "idle", f"per_connection{key}") for key in ("_more", "", "_spoken"))
            kept = "" if rest == more else f"{more - rest:.0f}"
            yield [PEERS[peer].title, f"{more:.0f}", f"{each:.0f}", f"{spoken:.0f}", kept, f"{rest:.0f}", *goal]


def slow_rows(results, scenarios, peers):
    for scenario in scenarios:
        for peer in peers:
            queued, held, each, delivery, after = (
                results.of(peer, scenario, key)
                for key in ("queued", "held", "per_queued_byte", "per_delivery", "held_after_reading")
            )
            if queued is not None:
                row = [SCENARIOS[scenario].title, PEERS[peer].title, bytes_of(queued), bytes_of(held)]
                yield [*row, f"{each:.4f} B", f"{delivery:.0f} B", bytes_of(after)]


def latency_rows(results, scenarios, peers):
    for scenario in scenarios:
        row = [SCENARIOS[scenario].title]
        for peer in peers:
            times = [results.of(peer, scenario, key) for key in ("p50_us", "p99_us")]
            row.append("–" if None in times else " / ".join(map(microseconds, times)))
        yield row


def table(head, rows):
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *rows])


def number(value):
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.0f}"


def bytes_of(value):
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f} B"


def microseconds(value):
    return f"{value / 1000:.3g} ms" if value >= 1000 else f"{value:.0f} µs"
