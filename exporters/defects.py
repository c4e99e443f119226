"""What is told of an exception that nobody expected: its type and place, never its message.

Such a message may quote a value of the stream, `KeyError('Siti binti Ahmad')`, and what the audit
log publishes cannot be erased.  Errors that are made for people keep their words; they are told by
who raises them.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType

_OURS = ("agent", "exporters", "policies", "collectors")
_ROOT = Path(__file__).parents[1]

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def kind_and_place(error: BaseException) -> str:
    """Return the type of an exception and where in this program it was raised.

    Of an `OSError` also what the operating system calls it.
    """
    kind = type(error).__name__
    if isinstance(error, OSError) and isinstance(error.errno, int):
        kind += f" ({os.strerror(error.errno)})"
    ours = [place for frame, line in _walk(error) if (place := _ours(frame, line)) is not None]
    return f"{kind} at {ours[-1]}" if ours else kind


def calls(error: BaseException) -> str:
    """Return in lines the calls that led to an exception and to those that it came from."""
    told = []
    for one in _chain(error):
        told += [
            f"{_ours(frame, line) or _theirs(frame, line)} in {frame.f_code.co_name}"
            for frame, line in _walk(one)
        ]
        told.append(type(one).__name__)
    return "\n".join(told)


def render(exc_info: ExceptionInfo) -> str:
    """Return what a log line says of `exc_info`, in place of a traceback."""
    return calls(exc_info[1])


def _chain(error: BaseException) -> list[BaseException]:
    """Return an exception and what it came from, the origin first."""
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in found:
        found.append(one)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return found[::-1]


def _walk(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    return traceback.walk_tb(error.__traceback__)


def _ours(frame: FrameType, line: int) -> str | None:
    path = Path(frame.f_code.co_filename)
    if not path.is_relative_to(_ROOT):
        return None
    inner = path.relative_to(_ROOT)
    return f"{inner.as_posix()}:{line}" if inner.parts[0] in _OURS else None


def _theirs(frame: FrameType, line: int) -> str:
    return f"{frame.f_globals.get('__name__', '?')}:{line}"
