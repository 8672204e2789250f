"""Questions to clients, and how their answers come together."""

import ctypes
from functools import partial
from threading import get_ident
from typing import Any, Callable, Optional, Tuple, Union

from . import _api
from ._config import ms
from ._json import Attachments
from .errors import ClosedError, Error, NotFoundError
from .sockets import Answer, Answers, Audience, Socket


def ask(
    server: Any,
    whom: Union[Socket, Audience],
    name: str,
    args: Tuple[Any, ...],
    timeout: float,
    callback: Optional[Callable[[Answer], Any]],
) -> Answer:
    answer = Answer(server)
    if callback is not None:
        answer.add_done_callback(callback)  # type: ignore[arg-type]
    timeout_ms = ms(timeout, "the timeout", least=1)
    data, attachments = server._encode(args)
    now = partial(_ask_now, server, answer, whom, server._name(name), data, attachments, timeout_ms)
    if get_ident() == server._thread:
        now()
    else:
        server._check_open()
        server._asked.add(answer)
        try:
            server.call_soon(_ask_there, server, answer, now)
        except BaseException:
            server._asked.discard(answer)
            raise
    return answer


def _ask_there(server: Any, answer: Answer, ask: Callable[[], None]) -> None:
    if answer.done():
        return
    server._asked.discard(answer)
    try:
        ask()
    except Error as error:
        end(answer, error)


def _ask_now(
    server: Any,
    answer: Answer,
    whom: Union[Socket, Audience],
    name: bytes,
    data: bytes,
    attachments: Attachments,
    timeout_ms: int,
) -> None:
    parts, count = pieces(attachments)
    message = _api.Message(ctypes.sizeof(_api.Message), name, data, len(data), parts, count, 0, timeout_ms)
    number, lib = ctypes.c_uint64(), server._mine()
    if isinstance(whom, Socket):
        code = lib.salon_socket_emit_with_ack(server._handle, whom.id, message, timeout_ms, ctypes.byref(number))
        if code == NotFoundError.code:
            end(answer, ClosedError("the client has left"))
            return
        server._check(code)
        server._asks[number.value] = partial(_answered_by_one, answer)
    elif whom._is_nobody:
        end(answer, Answers([], []))
    else:
        code = lib.salon_server_emit(server._handle, whom.native(), message, ctypes.byref(number))
        server._check(code)
        server._asks[number.value] = partial(_answered_by_many, answer, Answers([], []))


def _answered_by_one(answer: Answer, _ack: int, _socket: Optional[Socket], outcome: Any) -> bool:
    end(answer, outcome)
    return True


def _answered_by_many(answer: Answer, so_far: Answers, _ack: int, socket: Optional[Socket], outcome: Any) -> bool:
    if socket is None:
        # All have answered, or the server is gone.
        end(answer, outcome if isinstance(outcome, Exception) else so_far)
        return True
    if isinstance(outcome, Exception):
        so_far.missing.append(socket)
    else:
        so_far.answers.append((socket, outcome))
    return False


def end(answer: Answer, outcome: Any) -> None:
    if answer.done() or not answer.set_running_or_notify_cancel():
        return
    if isinstance(outcome, Exception):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)


def pieces(attachments: Attachments) -> Tuple[Any, int]:
    if not attachments:
        return None, 0
    kept = [ctypes.c_char_p(one) for one in attachments]
    parts = (_api.Bytes * len(kept))()
    for piece, one, data in zip(parts, kept, attachments):
        piece.ptr, piece.len = ctypes.cast(one, ctypes.c_void_p).value, len(data)
    # An attribute, so that the bytes live as long as the array.
    parts._kept = kept  # type: ignore[attr-defined]
    return parts, len(kept)
