"""A server's keywords as the engine's configuration."""

import ctypes
from typing import Any, Dict, Mapping

from . import _api
from .errors import InvalidError

_LONGEST_MS = 2**31 - 1

_FLAGS = {
    "http": _api.CONSTANTS["SALON_CONFIG_HTTP"],
    "credentials": _api.CONSTANTS["SALON_CONFIG_CREDENTIALS"],
    "keep_handshakes": _api.CONSTANTS["SALON_CONFIG_KEEP_HANDSHAKES"],
    "room_events": _api.CONSTANTS["SALON_CONFIG_ROOM_EVENTS"],
    "member_events": _api.CONSTANTS["SALON_CONFIG_MEMBER_EVENTS"],
    "recovery": _api.CONSTANTS["SALON_CONFIG_RECOVERY"],
    "proxy_protocol": _api.CONSTANTS["SALON_CONFIG_PROXY_PROTOCOL"],
    "against_floods": _api.CONSTANTS["SALON_CONFIG_AGAINST_FLOODS"],
}
_FLAGS_OFF = {
    "polling": _api.CONSTANTS["SALON_CONFIG_NO_POLLING"],
    "websocket": _api.CONSTANTS["SALON_CONFIG_NO_WEBSOCKET"],
    "upgrade": _api.CONSTANTS["SALON_CONFIG_NO_UPGRADE"],
    "socketio": _api.CONSTANTS["SALON_CONFIG_NO_SOCKETIO"],
}
DIALECTS = {
    None: _api.CONSTANTS["SALON_DIALECT_DEFAULT"],
    "json": _api.CONSTANTS["SALON_DIALECT_JSON"],
    "raw": _api.CONSTANTS["SALON_DIALECT_RAW"],
}
_OVERFLOWS = {
    "disconnect": _api.CONSTANTS["SALON_OVERFLOW_DISCONNECT"],
    "drop": _api.CONSTANTS["SALON_OVERFLOW_DROP"],
}


def ms(seconds: float, what: str, least: int) -> int:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds >= 0:
        raise InvalidError(f"{what} is a number of seconds, not {seconds!r}")
    return min(max(round(seconds * 1000) if seconds < _LONGEST_MS else _LONGEST_MS, least), _LONGEST_MS)


def choice(choices: Mapping[Any, int], name: Any, what: str) -> int:
    try:
        return choices[name]
    except (KeyError, TypeError):
        wanted = ", ".join(repr(one) for one in choices)
        raise InvalidError(f"{name!r} is not {what}: {wanted}") from None


def joined(given: Any, wanted: str) -> bytes:
    listed = [given] if isinstance(given, str) else list(given)
    if not listed or any(not isinstance(one, str) or "\0" in one for one in listed):
        raise InvalidError(wanted)
    return ",".join(listed).encode()


def configuration(given: Dict[str, Any]) -> _api.Config:
    """The engine's struct of a server's keywords."""
    config = _api.Config(size=ctypes.sizeof(_api.Config))
    for name, bit in _FLAGS.items():
        config.flags |= bit if given[name] else 0
    for name, bit in _FLAGS_OFF.items():
        config.flags |= 0 if given[name] else bit
    config.overflow = choice(_OVERFLOWS, given["overflow"], "an overflow")
    if given["origins"] is not None:
        config.allowed_origins = joined(given["origins"], "origins are texts; None is no check")
    if given["trusted_proxies"] is not None:
        config.trusted_proxies = joined(given["trusted_proxies"], "trusted proxies are texts; None is none")
    path = given["socketio_path"]
    if path is not None:
        if not isinstance(path, str) or "\0" in path:
            raise InvalidError("socketio_path is a text")
        config.socketio_path = path.encode()
    for field, kind, *_ in _api.Config._fields_[5:]:
        name = field[:-3] if field.endswith("_ms") else field
        value = given[name]
        if value is None or field == "trusted_proxies":
            continue
        if field.endswith("_ms") and value != _api.UNLIMITED:
            value = ms(value, name, least=0)
        most = 2 ** (8 * ctypes.sizeof(kind)) - 1
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise InvalidError(f"{name} is a number from {'0.001' if field.endswith('_ms') else 1} to {most}")
        setattr(config, field, value)
    return config
