"""Texts that rules are crosswalked to, each with its full list of places.

A framework is one file in `policies/frameworks/`: the table is the folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from policies.complaint import PackError
from policies.part import Day, PackId, Part, Text, Verified
from policies.read_file import read_model

Key = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]+(-[A-Z0-9]+)*$")]


class Item(Part):
    """A place in a framework: an article, a control, a principle."""

    id: Text
    title: Text
    applies_from: Day | None = None
    note: Text | None = None


class Framework(Verified):
    """A text; rules refer to its items as `<key>:<item id>`.

    `partial`: what the items are of, where they are not the whole of the text.
    """

    id: PackId
    key: Key
    title: Text
    kind: Literal["guide", "standard", "law", "framework"]
    partial: Text | None = None
    items: Annotated[tuple[Item, ...], Field(min_length=1)]


@lru_cache(maxsize=1)
def frameworks() -> dict[str, Framework]:
    """Return every framework by key.  Raises `PackError` for a file that cannot be used."""
    folder = files("policies") / "frameworks"
    if not folder.is_dir():
        return {}
    found: dict[str, Framework] = {}
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".yaml"):
            continue
        framework = read_model(file, Framework)
        ids = [item.id for item in framework.items]
        if len(set(ids)) < len(ids):
            twice = sorted({i for i in ids if ids.count(i) > 1})
            raise PackError(f"{file.name}: listed twice: {', '.join(twice)}")
        if framework.key in found:
            raise PackError(f"{file.name}: the key {framework.key} is another framework's already")
        found[framework.key] = framework
    return found


def covers(reference: str, item: str) -> bool:
    """Tell whether a reference to a place is one to an item or to a part of it.

    `12(2)` is part of `12`, `14.1.c` of `14.1`; `2.11` is not part of `2.1`.
    """
    return reference == item or (reference.startswith(item) and reference[len(item)] in "(.:-")


def covered_by(framework: Framework, item: Item, references: Iterable[str]) -> list[str]:
    """Return the references (`<key>:<place>`) among these that concern an item."""
    prefix = framework.key + ":"
    return sorted(
        r
        for r in set(references)
        if r.startswith(prefix) and covers(r.removeprefix(prefix), item.id)
    )
