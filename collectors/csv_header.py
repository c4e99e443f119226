"""The first record of a CSV file, and how the paths of a schema meet its names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from collectors.base import CollectorError
from collectors.decoders.csv import read_cells
from collectors.decoders.lenient import Unreadable
from collectors.file_records import Part
from collectors.schema import EventSchema, FeatureField

_DELIMITERS = (";", "\t", "|", ",")
"""What else separates cells, the likeliest first."""

_SHOWN = 80

_PATHS = ("id", "time", "prediction", "score", "label", "model_version", "recorded_time")


def read_header(
    parts: Iterator[Part], path: Path, delimiter: str
) -> tuple[tuple[str, ...], Iterator[Part]]:
    """Return the names in the first record, and the records after it; no names if there is none.

    Raises `CollectorError` for a header that is not CSV in UTF-8, or has a name twice.
    """
    first = next((part for part in parts if part.records), None)
    if first is None:
        return (), iter(())
    raw = first.records[0].removeprefix(b"\xef\xbb\xbf")
    names = read_cells(raw, delimiter)
    if isinstance(names, Unreadable):
        hint = "; it looks like UTF-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        raise CollectorError(
            f"{path}, line {first.lines[0]}: the header cannot be read: {names.detail}{hint}; "
            "save the file as CSV in UTF-8"
        )
    if len(names) == 1:
        meant = next((one for one in _DELIMITERS if one in names[0]), None)
        if meant is not None:
            raise CollectorError(
                f"{path}, line {first.lines[0]}: the header is one cell, {names[0][:_SHOWN]!r}: "
                f"what separates its cells seems to be {json.dumps(meant)}; set "
                f"`delimiter: {json.dumps(meant)}` of the file collector"
            )
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise CollectorError(
            f"{path}, line {first.lines[0]}: the header has {', '.join(map(repr, twice))} more "
            "than once; rename one of them"
        )
    return tuple(names), _after(first, parts)


def align(schema: EventSchema, header: tuple[str, ...]) -> tuple[EventSchema, tuple[str, ...]]:
    """Return the schema with its paths as the header has them, and a note on each that changed.

    A configuration made for nested records says `features.income` where a file made from them has
    a column `income`: where the header lacks a path but has its last part, that is meant.
    """
    changed: dict[str, str] = {}

    def meant(path: str) -> str:
        short = path.rsplit(".", 1)[-1]
        if path in header or short not in header:
            return path
        changed[path] = short
        return short

    paths = {name: getattr(schema, name) for name in _PATHS}
    features = schema.features
    if features is not None:
        features = {n: FeatureField(meant(f.path), f.kind) for n, f in features.items()}
    aligned = msgspec.structs.replace(
        schema,
        **{name: meant(path) for name, path in paths.items() if isinstance(path, str)},
        features=features,
        audit={name: meant(path) for name, path in schema.audit.items()},
    )
    return aligned, tuple(
        f"{path}: column {name} (its last part)" for path, name in changed.items()
    )


def _after(first: Part, parts: Iterator[Part]) -> Iterator[Part]:
    if len(first.records) > 1:
        yield Part(first.records[1:], first.lines[1:])
    yield from parts
