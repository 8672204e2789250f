"""What Salon wants to reach: the ratio of messages per server CPU second to those of another in the same round, or for
idle connections the most bytes."""

ECHO = ["echo1", "echo64", "echo1000"]
FAN_OUT = ["fan100", "fan1000", "fan5000"]
RATES = [*ECHO, "flight16", "echo16k", "echo1m", *FAN_OUT, "fan1000x16", "rooms", "hotroom", "fan64k", "handshakes"]


def goals():
    """(peer, other, scenario, least ratio)."""
    wanted = dict.fromkeys(ECHO, 0.97) | {"flight16": 1.0, "echo16k": 1.05, "echo1m": 1.5}
    wanted |= dict.fromkeys(FAN_OUT, 1.0)
    wanted |= {"fan1000x16": 1.05, "rooms": 1.0, "hotroom": 8, "fan64k": 1.3, "handshakes": 1.0}
    for scenario, least in wanted.items():
        yield "salon", "uws", scenario, least
    yield "salon", "floor", "hotroom", 0.7
    for scenario in RATES:
        yield "salon-socketio", "salon", scenario, 0.85
    for scenario in ECHO:
        yield "salon-socketio", "socketioxide", scenario, 1.3
        yield "salon-socketio", "socket.io", scenario, 4
    for scenario in ["rooms", "hotroom", "flight16"]:
        yield "salon-socketio", "socketioxide", scenario, 2
    for scenario, least in {"rooms": 12, "hotroom": 12, "flight16": 30}.items():
        yield "salon-socketio", "socket.io", scenario, least
    for scenario in C_API:
        yield "salon-c", "salon", scenario, 0.97
    for scenario in C_API_SOCKETIO:
        yield "salon-c-socketio", "salon-socketio", scenario, 0.97


# Where the C API is measured.
C_API = ["echo64", "flight16", "fan1000", "rooms"]
C_API_SOCKETIO = ["echo64", "rooms"]

# Ratios that are near their goals get more rounds than the others.
TIGHT_SCENARIOS = [*ECHO, "flight16", *FAN_OUT, "rooms", "handshakes"]
TIGHT_PEERS = ["salon", "salon-c", "uws"]
# No goal is about these.
UNJUDGED_PEERS = ["libwebsockets"]

# Bytes of resident memory for an idle connection in a room, at most; with Socket.IO besides the request that it keeps.
MOST_IDLE_BYTES = {"salon": 272, "salon-socketio": 700}

# What a broadcast to slow readers may cost, in copies of it: one that waits for all, and the buffer in which it came.
MOST_COPIES = ("salon", "slow1m", 2.5)
