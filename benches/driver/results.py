"""Windows as they were measured, and what is made of them: medians, fractions of the floor, ratios of two peers."""

import json
from collections import defaultdict
from statistics import median

from .scenarios import SCENARIOS

FLOORS = ("floor", "floor-batch", "floor-handshakes")
# Of a core's time, what somebody else may have had.
FOREIGN_LOAD = 0.05
FEWEST_WINDOWS = 4


class Results:
    def __init__(self, path):
        windows = defaultdict(list)
        with open(path, encoding="utf-8") as lines:
            for window in map(json.loads, lines):
                windows[window["peer"], window["scenario"]].append(window)
        self.windows = {}
        self.dropped = self.disturbed = 0
        for key, measured in windows.items():
            rates = not SCENARIOS[key[1]].measures_memory
            used = undisturbed(measured) if rates else measured
            self.windows[key] = used
            self.dropped += len(measured) - len(used)
            self.disturbed += sum(rates and disturbance(window) > FOREIGN_LOAD for window in used)

    def used(self):
        return sum(map(len, self.windows.values()))

    def of(self, peer, scenario, key):
        """The median, or None."""
        values = [window[key] for window in self.windows.get((peer, scenario), ())]
        return median(values) if values else None

    def by_round(self, peer, scenario):
        rounds = defaultdict(list)
        for window in self.windows.get((peer, scenario), ()):
            rounds[window["round"]].append(window["per_cpu_s"])
        return {number: median(values) for number, values in rounds.items()}

    def ratios(self, peer, scenario, others):
        """Of each round the peer's messages per CPU second over those of the best of the others, in rising order."""
        found = []
        theirs = [self.by_round(other, scenario) for other in others]
        for number, value in self.by_round(peer, scenario).items():
            best = max((rounds[number] for rounds in theirs if number in rounds), default=0)
            if best:
                found.append(value / best)
        return sorted(found)

    def ratio(self, peer, scenario, others):
        """The median of the rounds, or None."""
        found = self.ratios(peer, scenario, others)
        return median(found) if found else None

    def of_floor(self, peer, scenario):
        return self.ratio(peer, scenario, FLOORS)


def undisturbed(windows):
    """Those in which nobody else had much of either core; of too few the less disturbed half."""
    calm = [window for window in windows if disturbance(window) <= FOREIGN_LOAD]
    if len(calm) >= FEWEST_WINDOWS:
        return calm
    return sorted(windows, key=disturbance)[: max(FEWEST_WINDOWS, len(windows) // 2)]


def disturbance(window):
    return max(window["core_busy"] - window["server_busy"], 1 - window["load_busy"])


def measured_scenarios(results):
    return [name for name in SCENARIOS if any(scenario == name for _, scenario in results.windows)]
