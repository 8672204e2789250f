"""What the engine hands out, copied."""

import ctypes
from ctypes import string_at
from typing import Any, List

from . import _api
from ._json import Attachments, decode


def attachments_of(fields: Any) -> Attachments:
    if not fields[13]:
        return ()
    found = ctypes.cast(fields[12], ctypes.POINTER(_api.Bytes))
    return tuple(string_at(found[i].ptr, found[i].len) for i in range(fields[13]))


def texts(found: Any, count: int) -> List[str]:
    return [string_at(found[i].ptr, found[i].len).decode() for i in range(count)]


def auth_of(data: bytes) -> Any:
    try:
        return decode(b"[%b]" % (data or b"{}"), ())[0]
    except ValueError:
        return {}
