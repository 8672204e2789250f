"""One chart, as SVG: what fraction of the kernel's floor each peer reaches, per CPU second of the server."""

from html import escape

from .peers import PEERS
from .results import measured_scenarios
from .scenarios import SCENARIOS

COLOURS = {
    "salon": "#b3261e",
    "uws": "#37474f",
    "libwebsockets": "#90a4ae",
    "salon-socketio": "#e57373",
    "socketioxide": "#5c7f9e",
    "socket.io": "#a5b8c9",
}
SHOWN = ["echo64", "flight16", "echo16k", "echo1m", "fan1000", "fan1000x16", "rooms", "hotroom", "handshakes"]
WIDTH, LEFT, RIGHT, TOP = 860, 220, 60, 64
BAR, GAP = 11, 16


def chart(results):
    scenarios = [name for name in SHOWN if name in measured_scenarios(results)]
    shares = {(peer, scenario): results.of_floor(peer, scenario) for peer in COLOURS for scenario in scenarios}
    peers = [peer for peer in COLOURS if any(shares[peer, scenario] for scenario in scenarios)]
    group = len(peers) * BAR + GAP
    height = TOP + len(scenarios) * group + 24
    full = WIDTH - LEFT - RIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        "<title>Fraction of the kernel's floor, per CPU second of the server</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        text(8, 20, "Fraction of what the system calls alone allow, per CPU second of the server", 'font-size="14"'),
        *legend(peers),
    ]
    for percent in range(0, 101, 25):
        x = LEFT + full * percent / 100
        parts.append(f'<line x1="{x:.0f}" y1="{TOP}" x2="{x:.0f}" y2="{height - 24}" stroke="#cfd8dc"/>')
        parts.append(text(x, height - 8, f"{percent} %", 'text-anchor="middle" fill="#546e7a"'))
    for row, scenario in enumerate(scenarios):
        top = TOP + row * group + GAP / 2
        parts.append(text(LEFT - 10, top + len(peers) * BAR / 2 + 4, SCENARIOS[scenario].title, 'text-anchor="end"'))
        for bar, peer in enumerate(peers):
            share = shares[peer, scenario] or 0
            y, width = top + bar * BAR, full * min(share, 1.08)
            parts.append(
                f'<rect x="{LEFT}" y="{y:.0f}" width="{width:.1f}" height="{BAR - 1}" fill="{COLOURS[peer]}"/>'
            )
            parts.append(text(LEFT + width + 4, y + BAR - 2, f"{share:.0%}", 'font-size="9" fill="#546e7a"'))
    return "\n".join([*parts, "</svg>"]) + "\n"


def legend(peers):
    x = 8
    for peer in peers:
        yield f'<rect x="{x}" y="36" width="12" height="12" fill="{COLOURS[peer]}"/>'
        yield text(x + 17, 46, PEERS[peer].title)
        x += 34 + 7 * len(PEERS[peer].title)


def text(x, y, words, more=""):
    return f'<text x="{x:.0f}" y="{y:.0f}" {more}>{escape(words)}</text>'
