"""Every decoder there is: to add one, write its file and add its line here.

A decoder is a class that fits `collectors.decoders.base.Format`, named as "module:attribute" so
that what is not used is not imported.  Packages outside this project register theirs as an entry
point: group `pantau.decoders`, name = the decoder's name, value = "module:attribute".
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import cast

from collectors.decoders.base import Format

DECODERS: dict[str, str] = {
    "json": "collectors.decoders.json:JsonDecoder",
    "csv": "collectors.decoders.csv:CsvDecoder",
}

GROUP = "pantau.decoders"


def names() -> list[str]:
    """Return the names that a configuration may use, sorted."""
    return sorted({*DECODERS, *(point.name for point in entry_points(group=GROUP))})


def load(name: str) -> Format:
    """Return the decoder class called `name`; KeyError names those there are."""
    if name in DECODERS:
        module, _, attribute = DECODERS[name].partition(":")
        return cast(Format, getattr(import_module(module), attribute))
    for point in entry_points(group=GROUP, name=name):
        return cast(Format, point.load())
    raise KeyError(f"there is no decoder {name!r}; there are: {', '.join(names())}")
