"""A client's JSON as the types that a handler names."""

import collections.abc
import dataclasses
import enum
import functools
import inspect
import math
import sys
import threading
import types
import typing
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

from .errors import Refusal


def hints_of(function: Callable[..., Any], names: List[str]) -> Dict[str, Any]:
    """The types that a function names for these parameters. TypeError for a name that leads nowhere: what is not
    understood can't be checked."""
    inner = inspect.unwrap(getattr(function, "__func__", function))
    if not inspect.isfunction(inner):
        inner = type(function).__call__
    wanted = {name: hint for name, hint in getattr(inner, "__annotations__", {}).items() if name in names}
    near = {}
    if inspect.isfunction(inner) and wanted:
        for name, cell in zip(inner.__code__.co_freevars, inner.__closure__ or ()):
            try:
                near[name] = cell.cell_contents
            except ValueError:
                # A name that gets its value later.
                pass
    try:
        holder = types.SimpleNamespace(__annotations__=wanted)
        hints = typing.get_type_hints(holder, getattr(inner, "__globals__", {}), near)
    except (NameError, AttributeError) as error:
        raise TypeError(f"{function!r}: {error}; the types of arguments are looked up in the module") from None
    return {name: Any if hint is object else hint for name, hint in hints.items()}


_MOST_ATTEMPTS = 100_000
_left = threading.local()


def start_converting() -> None:
    """A message begins. However its type is nested, it is tried in no more than a number of ways."""
    _left.attempts = _MOST_ATTEMPTS


_UNIONS: Tuple[Any, ...] = (Union,)
if sys.version_info >= (3, 10):
    _UNIONS = (Union, types.UnionType)
    _is_typed_dict = typing.is_typeddict
else:

    def _is_typed_dict(hint: object) -> bool:
        return isinstance(hint, type) and issubclass(hint, dict) and hasattr(hint, "__total__")


_LARGEST = 2**1023
_ABSTRACT: Dict[Any, Any] = {
    collections.abc.Sequence: list,
    collections.abc.Iterable: list,
    collections.abc.Mapping: dict,
}

_KINDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    bytes: "binary data",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def convert(value: Any, hint: Any, where: str) -> Any:
    """The value as the type that `hint` names. Raises a :class:`Refusal` that tells the client what is expected."""
    if (type(value) is hint and hint is not float) or hint is Any:
        return value
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    origin = _ABSTRACT.get(origin or hint, origin)
    if origin in (list, dict, tuple) and not inner:
        # As `typing.List` without more.
        return _is(value, dict if origin is dict else list, where)
    if origin in _UNIONS:
        return _one_of(value, inner, where)
    if origin is typing.Literal:
        if any(value == one and type(value) is type(one) for one in inner):
            return value
        raise Refusal(f"{where}: one of {', '.join(map(repr, inner))} expected", 400)
    if origin is list:
        return [convert(one, inner[0], f"{where}[{i}]") for i, one in enumerate(_is(value, list, where))]
    if origin is dict:
        return {key: convert(one, inner[1], f"{where}.{key}") for key, one in _is(value, dict, where).items()}
    if origin is tuple:
        _is(value, list, where)
        if len(inner) == 2 and inner[1] is Ellipsis:
            return tuple(convert(one, inner[0], f"{where}[{i}]") for i, one in enumerate(value))
        if len(value) != len(inner):
            raise Refusal(f"{where}: a list of {len(inner)} expected", 400)
        return tuple(convert(one, kind, f"{where}[{i}]") for i, (one, kind) in enumerate(zip(value, inner)))
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _object(value, hint, where)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        try:
            return hint(value)
        except ValueError:
            raise Refusal(f"{where}: one of {', '.join(repr(one.value) for one in hint)} expected", 400) from None
    if _is_typed_dict(hint):
        return _typed_dict(value, hint, where)
    if hint in _KINDS:
        return _is(value, hint, where)
    # A type that has no counterpart in JSON is the handler's own business.
    return value


def _is(value: Any, kind: Any, where: str) -> Any:
    if kind is float and type(value) is int and abs(value) < _LARGEST:
        return float(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise Refusal(f"{where}: {_KINDS[kind]} expected", 400)
    return value


def _one_of(value: Any, hints: Tuple[Any, ...], where: str) -> Any:
    if value is None and type(None) in hints:
        return None
    refused: Optional[Refusal] = None
    for hint in hints:
        if hint is not type(None):
            _left.attempts = getattr(_left, "attempts", _MOST_ATTEMPTS) - 1
            if _left.attempts < 0:
                raise Refusal(f"{where}: too much to try", 400)
            try:
                return convert(value, hint, where)
            except Refusal as refusal:
                refused = refused or refusal
    raise refused or Refusal(f"{where}: null expected", 400)


def _object(value: Any, kind: Any, where: str) -> Any:
    _is(value, dict, where)
    given = {}
    for name, hint, is_needed in _fields(kind):
        if name in value:
            given[name] = convert(value[name], hint, f"{where}.{name}")
        elif is_needed:
            raise Refusal(f"{where}.{name} is missing", 400)
    try:
        return kind(**given)
    except ValueError as error:
        # What a __post_init__ finds wrong.
        raise Refusal(f"{where}: {error}", 400) from error


@functools.lru_cache(maxsize=1024)
def _fields(kind: Any) -> List[Tuple[str, Any, bool]]:
    """The fields of a dataclass: name, type, and whether it is needed."""
    hints, missing = typing.get_type_hints(kind), dataclasses.MISSING
    return [
        (field.name, hints.get(field.name, Any), field.default is missing and field.default_factory is missing)
        for field in dataclasses.fields(kind)
        if field.init
    ]


def _typed_dict(value: Any, kind: Any, where: str) -> Any:
    _is(value, dict, where)
    hints = typing.get_type_hints(kind)
    for key in sorted(getattr(kind, "__required_keys__", hints)):
        if key not in value:
            raise Refusal(f"{where}.{key} is missing", 400)
    return {key: convert(one, hints.get(key, Any), f"{where}.{key}") for key, one in value.items()}
