"""Where Salon differs from the Node server on purpose, and why. Users read the same in docs/socketio.md."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Difference:
    """One kind of difference: in which exchanges (`scene: label`, with wildcards) and in which field, what the two
    servers answer (regular expressions of the whole value), and why."""

    where: str
    field: str
    node: str
    salon: str
    why: str

    def names(self, place, field, node, salon):
        return (
            field == self.field
            and fnmatchcase(place, self.where)
            and re.fullmatch(self.node, node, re.S) is not None
            and re.fullmatch(self.salon, salon, re.S) is not None
        )


DELIBERATE = []
