"""Finds and loads the engine."""

import os
import pathlib
import sys
from typing import Optional

from . import _api
from .errors import LibraryError

_NAME = {"win32": "salon.dll", "darwin": "libsalon.dylib"}.get(sys.platform, "libsalon.so")
_loaded: Optional[_api.Library] = None


def library() -> _api.Library:
    """The engine: the library beside this file, or the one that the variable SALON_LIBRARY names."""
    global _loaded
    if _loaded is None:
        _loaded = load(os.environ.get("SALON_LIBRARY") or str(pathlib.Path(__file__).with_name(_NAME)))
    return _loaded


def load(path: str) -> _api.Library:
    advice = "install the package anew (pip install --force-reinstall salon), or let SALON_LIBRARY name the library"
    if not os.path.exists(path):
        raise LibraryError(f"Salon's library is not at {path}: {advice}")
    try:
        found = _api.Library(path)
    except OSError as error:
        raise LibraryError(f"{path} can't be loaded ({error}): {advice}") from None
    except AttributeError as error:
        raise LibraryError(f"{path} is not the library of this package ({error}): {advice}") from None
    version = found.salon_abi_version()
    if version != _api.ABI_VERSION:
        raise LibraryError(
            f"{path} has the binary interface {version}, this package wants {_api.ABI_VERSION}: {advice}"
        )
    return found
