"""What a window's sample is compared with, and the question that the renderer gets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from agent.evidence.folder import Entry, Folder
from agent.evidence.sample import Sample, column_values, decode
from collectors.base import CollectorError

SUFFIX = ".sample"
"""Behind the path of a profile: the sample of the events that it was built from."""


Origin = Path | Callable[[], bytes]
"""Where a reference's sample is: beside the profile at this path, or drawn anew from its data."""


class NothingToCompareError(Exception):
    """There is no other sample; the message says how to get one."""


def reference_of(folder: Folder, entry: Entry, origin: Origin | None) -> tuple[Sample, str]:
    """Return the sample to compare with, and what it is.

    The sample of the reference, or else that of the newest earlier window of the same length
    without a breach.  Raises `NothingToCompareError`.
    """
    found = None if origin is None else _sample_at(origin)
    if found is not None:
        return found, "reference"
    earlier = [
        other
        for other in folder.entries()
        if (other.system, other.window.length) == (entry.system, entry.window.length)
        and not other.rules
        and other.window.end <= entry.window.start
    ]
    for other in sorted(earlier, key=lambda e: e.window.end, reverse=True):
        try:
            return decode(folder.sample(other.digest)), other.digest
        except (OSError, msgspec.MsgspecError):
            continue
    raise NothingToCompareError(
        "there is no sample of the reference, nor of an earlier window without a breach: make one "
        "with `pantau reference build --sample`"
    )


def _sample_at(origin: Origin) -> Sample | None:
    if callable(origin):
        try:
            return decode(origin())
        except CollectorError as error:
            raise NothingToCompareError(f"reference.data cannot be read: {error}") from error
    file = origin.with_name(origin.name + SUFFIX)
    if not file.exists():
        return None
    try:
        return decode(file.read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        raise NothingToCompareError(
            f"{file} cannot be read ({type(error).__name__}): make it again with "
            "`pantau reference build --sample`"
        ) from error


def question(current: Sample, reference: Sample) -> dict[str, Any]:
    """Return what `evidently_report.py` reads: the columns that both have values of."""
    now, before = column_values(current), column_values(reference)
    kinds = dict(current.columns)
    before_kinds = dict(reference.columns)
    names = [
        name
        for name, kind in kinds.items()
        if before_kinds.get(name) == kind and _any(now[name]) and _any(before[name])
    ]
    return {
        "current": {name: now[name] for name in names},
        "reference": {name: before[name] for name in names},
        "numerical": [name for name in names if kinds[name] == "numeric"],
        "categorical": [name for name in names if kinds[name] == "categorical"],
    }


def write_question(work: Path, current: Sample, reference: Sample) -> bool:
    """Write `question.json`; False if the samples have no column in common."""
    asked = question(current, reference)
    if not asked["current"]:
        return False
    (work / "question.json").write_text(json.dumps(asked, allow_nan=False), encoding="utf-8")
    return True


def _any(values: list[Any]) -> bool:
    return any(value is not None for value in values)
