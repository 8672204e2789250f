"""Python values and the JSON of an event's arguments, with binary attachments in place."""

import dataclasses
import json
import json.encoder
from typing import Any, Callable, List, Sequence, Tuple, Union

from .errors import InvalidError

Attachments = Tuple[bytes, ...]


def binary(data: Any) -> bytes:
    """The bytes of what holds some. A number is refused: ``bytes(3)`` would be three zeros."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise InvalidError(f"bytes or a text are wanted, not {type(data).__name__}")
    return bytes(data)


class Encoded:
    """Arguments that are JSON already: ``emit("said", Encoded(b'["hello"]'))`` sends that array as it is."""

    __slots__ = ("json", "attachments")

    def __init__(self, json: Union[str, bytes], attachments: Sequence[bytes] = ()) -> None:
        self.json = json.encode() if isinstance(json, str) else binary(json)
        self.attachments = tuple(map(binary, attachments))


class Encoder:
    """Writes arguments. One for each thread: it collects the attachments of what it writes."""

    def __init__(self) -> None:
        self._found: List[bytes] = []
        self._plain = _writer(False, self._other)
        self._ascii = _writer(True, self._other)

    def encode(self, args: Tuple[Any, ...]) -> Tuple[bytes, Attachments]:
        """The JSON array of the arguments, and the bytes that its placeholders stand for."""
        if len(args) == 1 and isinstance(args[0], Encoded):
            return args[0].json, args[0].attachments
        try:
            try:
                text = self._plain(args).encode()
            except UnicodeEncodeError:
                # Half a surrogate pair, as JavaScript can send it: it has an escape and no UTF-8.
                self._found.clear()
                text = self._ascii(args).encode()
            return text, tuple(self._found)
        except RecursionError:
            raise InvalidError("the arguments can't be sent as JSON: they hold themselves, or are too deep") from None
        except (TypeError, ValueError) as error:
            raise InvalidError(f"the arguments can't be sent as JSON: {error}") from error
        finally:
            self._found.clear()

    def _other(self, value: Any) -> Any:
        if isinstance(value, (bytes, bytearray, memoryview)):
            self._found.append(bytes(value))
            return {"_placeholder": True, "num": len(self._found) - 1}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        raise TypeError(f"{type(value).__name__} is no JSON, nor bytes, nor a dataclass")


def _writer(ascii: bool, other: Callable[[Any], Any]) -> Callable[[Any], str]:
    """``json.JSONEncoder(...).encode`` without what that makes anew for each value, which is most of its time."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        plain = json.JSONEncoder(ensure_ascii=ascii, allow_nan=False, separators=(",", ":"), default=other)
        return plain.encode
    text = json.encoder.encode_basestring_ascii if ascii else json.encoder.encode_basestring
    write = make(None, other, text, None, ":", ",", False, False, False)
    return lambda value: "".join(write(value, 0))


# The engine gives JSON that is valid and has no space around it: the scanner alone will do.
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def decode(data: bytes, attachments: Attachments) -> List[Any]:
    """The arguments of an event. ValueError for what Python does not take, such as numbers of thousands of digits."""
    try:
        args: List[Any] = _scan(data.decode(), 0)[0]
    except (StopIteration, RecursionError):
        raise ValueError("no JSON, or too deep") from None
    return [_with(value, attachments) for value in args] if attachments else args


def _with(value: Any, attachments: Attachments) -> Any:
    if isinstance(value, dict):
        number = value.get("num")
        if value.get("_placeholder") is True and type(number) is int and 0 <= number < len(attachments):
            return attachments[number]
        return {key: _with(inner, attachments) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with(inner, attachments) for inner in value]
    return value


def unwrap(args: Any) -> Any:
    """An answer's arguments as one value: none is None, one is itself, several stay a list."""
    if type(args) is not list or len(args) > 1:
        return args
    return args[0] if args else None
