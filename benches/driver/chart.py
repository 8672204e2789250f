"""One chart, as SVG: what fraction of the kernel's floor each peer reaches, per CPU second of the server. Plain
WebSocket on the left and Socket.IO on the right, on a card of its own, which can be read on a page of any colour."""

from html import escape
from math import ceil

from .peers import PEERS
from .results import measured_scenarios
from .scenarios import SCENARIOS

PANELS = [
    ("Plain WebSocket", ["salon", "uws", "libwebsockets"]),
    ("Socket.IO", ["salon-socketio", "socketioxide", "socket.io"]),
]
# Salon, and the others of a panel.
COLOURS = ["#c62828", "#546e7a", "#b0bec5"]
SHOWN = ["echo64", "flight16", "echo16k", "echo1m", "fan1000", "fan1000x16", "rooms", "hotroom", "fan64k", "handshakes"]
INK, FAINT, LINES = "#263238", "#607d8b", "#e4e9ec"
LABELS, PANEL, SPACE, TOP, BOTTOM = 206, 300, 56, 112, 40
BAR, GAP = 11, 13


def chart(results):
    scenarios = [name for name in SHOWN if name in measured_scenarios(results)]
    shares = {
        (peer, name): results.of_floor(peer, name) or 0 for _, peers in PANELS for peer in peers for name in scenarios
    }
    # The scale ends with a quarter.
    most = max(1, ceil(4 * max(shares.values(), default=1)) / 4)
    group = 3 * BAR + GAP
    width, height = LABELS + 2 * (PANEL + SPACE), TOP + len(scenarios) * group + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="12">',
        "<title>Messages per CPU second of the server, as a fraction of what its system calls alone allow</title>",
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8" fill="#ffffff" stroke="#cfd8dc"/>',
        text(20, 30, "Messages per CPU second of the server", f'font-size="16" font-weight="600" fill="{INK}"'),
        text(
            20,
            50,
            "100 % is a program that makes the same system calls and parses nothing; more is better",
            f'fill="{FAINT}"',
        ),
    ]
    for row, scenario in enumerate(scenarios):
        middle = TOP + row * group + (group + BAR) / 2 - 2
        parts.append(text(LABELS - 12, middle, SCENARIOS[scenario].title, f'text-anchor="end" fill="{INK}"'))
    for column, (title, peers) in enumerate(PANELS):
        left = LABELS + column * (PANEL + SPACE)
        parts += panel(left, height, title, peers, most)
        for row, scenario in enumerate(scenarios):
            for bar, peer in enumerate(peers):
                y, share = TOP + row * group + GAP / 2 + bar * BAR, shares[peer, scenario]
                parts += measure(left, y, PANEL * share / most, share, bar)
    return "\n".join([*parts, "</svg>"]) + "\n"


def panel(left, height, title, peers, most):
    """Its heading, its legend and its scale."""
    yield text(left, 76, title, f'font-size="13" font-weight="600" fill="{INK}"')
    x = left
    for peer, colour in zip(peers, COLOURS):
        name = PEERS[peer].title.removesuffix(", Socket.IO")
        yield f'<rect x="{x:.0f}" y="87" width="11" height="11" rx="2" fill="{colour}"/>'
        yield text(x + 16, 97, name, f'fill="{INK}"')
        x += 34 + 6.6 * len(name)
    for quarter in range(round(4 * most) + 1):
        x, floor = left + PANEL * quarter / 4 / most, quarter == 4
        stroke = f'stroke="{FAINT}" stroke-dasharray="3 3"' if floor else f'stroke="{LINES}"'
        yield f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{height - BOTTOM}" {stroke}/>'
        if quarter % 2 == 0:
            yield text(
                x, height - BOTTOM + 18, f"{quarter * 25} %", f'text-anchor="middle" font-size="11" fill="{FAINT}"'
            )


def measure(left, y, width, share, bar):
    colour = COLOURS[bar]
    yield f'<rect x="{left:.0f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{BAR - 1}" rx="1.5" fill="{colour}"/>'
    weight = f'font-weight="600" fill="{INK}"' if bar == 0 else f'fill="{FAINT}"'
    # White around the digits, where a line of the scale crosses them.
    edge = 'stroke="#ffffff" stroke-width="3" paint-order="stroke"'
    yield text(left + width + 4, y + BAR - 2, f"{share:.0%}" if share else "–", f'font-size="9.5" {weight} {edge}')


def text(x, y, words, more=""):
    return f'<text x="{x:.0f}" y="{y:.0f}" {more}>{escape(words)}</text>'
