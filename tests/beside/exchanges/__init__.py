"""The list of exchanges. Each scene is a function of a `Scene`; the names of the servers' modes are those of
server.mjs and examples/beside.rs. Scenes of one mode run at the same time, against the same two servers."""

from . import http, recovery, sessions, settings, socketio  # noqa: F401
from .scenes import SCENES

__all__ = ["SCENES"]
