"""What is measured: the load generator's mode and options, and the words for it in the report."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    mode: str
    options: str
    title: str
    unit: str = "messages"
    # What the kernel's floor takes for one message: a header of 2, 4 or 10 bytes and the payload.
    frame_bytes: int = 0

    @property
    def room(self):
        return self.mode in ("fanout", "rooms")

    @property
    def measures_memory(self):
        return self.mode in ("idle", "slow")

    def arguments(self, seconds, warmup, windows):
        if self.measures_memory:
            # There are no windows; where they would be short there are fewer connections.
            least = [] if seconds >= 1 else ["--connections", "100"]
            return [self.mode, *self.options.split(), *least, "--seconds", str(2 * seconds)]
        timing = ["--seconds", str(seconds), "--warmup", str(warmup), "--repeat", str(windows)]
        return [self.mode, *self.options.split(), *timing]


def echo(title, options):
    return Scenario("echo", options, f"echo {title}")


def rooms(mode, title, options, frame_bytes=132):
    return Scenario(mode, options, title, "deliveries", frame_bytes)


def slow(title, options):
    return Scenario("slow", options, title, "bytes")


SCENARIOS = {
    "echo1": echo("64 B, 1 connection", "--connections 1"),
    "echo64": echo("64 B, 64 connections", "--connections 64"),
    "echo1000": echo("64 B, 1000 connections", "--connections 1000"),
    "flight16": echo("64 B, 16 in flight", "--connections 64 --depth 16"),
    "echo16k": echo("16 KiB", "--connections 64 --size 16384"),
    "echo1m": echo("1 MiB", "--connections 8 --size 1048576"),
    "fan100": rooms("fanout", "fan-out to 100", "--connections 100 --size 128"),
    "fan1000": rooms("fanout", "fan-out to 1000", "--connections 1000 --size 128"),
    "fan5000": rooms("fanout", "fan-out to 5000", "--connections 5000 --size 128"),
    "fan1000x16": rooms("fanout", "fan-out to 1000, 16 in flight", "--connections 1000 --size 128 --depth 16"),
    "rooms": rooms("rooms", "100 rooms of 10, all speak", "--connections 1000 --rooms 100 --size 128"),
    "hotroom": rooms("rooms", "a room of 100, all speak", "--connections 100 --size 128"),
    "fan64k": rooms("fanout", "64 KiB to 100", "--connections 100 --size 65536", 65546),
    "handshakes": Scenario("churn", "", "handshakes", "handshakes"),
    "idle": Scenario("idle", "--connections 10000 --browser", "idle connections", "bytes"),
    "slow1m": slow("1 MB to 1000 slow readers", "--connections 1000 --size 1000000 --messages 1"),
    "slow128": slow("20,000 messages of 128 B to 100 slow readers", "--connections 100 --size 128 --messages 20000"),
    "alone16k": slow("200 messages of 16 KiB to each of 50", "--connections 50 --rooms 50 --size 16384 --messages 200"),
    "alone128": slow(
        "20,000 messages of 128 B to each of 50", "--connections 50 --rooms 50 --size 128 --messages 20000"
    ),
}
