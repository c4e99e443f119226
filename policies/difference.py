"""What is different between two policies: of packs, or of effective ones kept by digest.

Two policies of which nothing is told here have one digest for every system (ADR 38).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from policies.model import NO_LIMIT
from policies.renamed import other_names, renamed
from policies.side import Side, documents
from policies.subjects import KnownSignals
from policies.visible import shown

_NAMED_BY = {
    "rules": ("id",),
    "packs": ("id",),
    "clocks": ("id",),
    "laws": ("id",),
    "waivers": ("rule",),
    "demands": ("pack", "what"),
    "requires": ("pack",),
    "retention": ("pack", "what"),
    "attributes": ("pack",),
}
"""The lists of a policy, and what their entries are called by; several may be called the same."""


class Difference(NamedTuple):
    """One part that differs; None stands for "not there".

    `entry`: the whole entry of a list is on one side only, and this is a part of it.
    """

    part: str
    old: Any
    new: Any
    entry: bool = False


class _Entry(NamedTuple):
    """An entry of a list, by its name and which of that name it is; no list: the policy itself."""

    list: str
    name: str
    nth: int

    @property
    def head(self) -> str:
        number = f"#{self.nth}" if self.nth > 1 else ""
        if self.list in ("", "rules"):
            return f"{self.name or 'policy'}{number}"
        return f"{self.list}:{self.name}{number}"


_POLICY = _Entry("", "", 1)
_Place = tuple[str, ...]
_Parts = dict[_Entry, dict[_Place, Any]]


def differences(old: Side, new: Side, *, signals: KnownSignals | None = None) -> list[Difference]:
    """Return what differs, in order of the parts' names.

    Two packs are compared rule by rule at every oversight level.  If one side is an effective
    policy, the other side's packs are resolved for the same system.  A pack that has another name
    on the other side is named once.  `signals`: every one that a rule may judge; None leaves them
    unchecked.  Raises `PackError`.
    """
    before, after = documents(old, new, signals)
    found = _compared(before.parts, after.parts)
    if not found and before.digest != after.digest:
        # Texts of two versions of the program: one leaves out what the other says is not there.
        found.append(Difference("policy text", before.digest, after.digest))
    return found


def difference_text(differences: list[Difference]) -> Iterator[str]:
    """Give the differences as lines; a whole entry that comes or goes is one line.

    What a terminal would obey is escaped: a kept text may come from anybody.
    """
    said: set[str] = set()
    for found in differences:
        head, _, rest = found.part.partition(" ")
        if not found.entry:
            yield shown(f"~ {head} {rest}: {_word(found.old)} -> {_word(found.new)}")
        elif head not in said:
            said.add(head)
            yield shown(f"- {head}" if found.new is None else f"+ {head}")


def _compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    lists = {*_NAMED_BY, *_lists(before), *_lists(after)}
    names = other_names(before, after)
    old, new = _parts(before, lists), _parts(renamed(after, names), lists)
    for name, old_name in names.items():
        new[_Entry("packs", old_name, 1)]["id",] = name
    found = []
    for entry in old.keys() | new.keys():
        was, now = old.get(entry, {}), new.get(entry, {})
        alone = entry not in old or entry not in new
        for place in was.keys() | now.keys():
            if was.get(place) != now.get(place):
                part = f"{entry.head} {'.'.join(place)}"
                found.append(Difference(part, was.get(place), now.get(place), alone))
    for name in sorted(lists):
        was_order = [entry.head for entry in old if entry.list == name and entry in new]
        now_order = [entry.head for entry in new if entry.list == name and entry in old]
        if was_order != now_order:
            found.append(Difference(f"policy {name}.order", _one(was_order), _one(now_order)))
    return sorted(found, key=lambda one: one.part)


def _lists(document: Mapping[str, Any]) -> Iterator[str]:
    for key, value in document.items():
        if value and _is_list(value):
            yield key


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _parts(document: Mapping[str, Any], lists: set[str]) -> _Parts:
    """Return every leaf by its entry and place; lists of plain values are one leaf."""
    found: _Parts = {_POLICY: {}}
    for key, value in document.items():
        if key not in lists or not _is_list(value):
            found[_POLICY].update(_leaves(value, (key,)))
            continue
        seen: Counter[str] = Counter()
        for i, item in enumerate(value):
            name = _name(key, item, i)
            seen[name] += 1
            found[_Entry(key, name, seen[name])] = dict(_leaves(item, ()))
    return found


def _name(part: str, item: Mapping[str, Any], position: int) -> str:
    words = [str(item[key]) for key in _NAMED_BY.get(part, ()) if key in item]
    return ":".join(words) or str(position)


def _leaves(value: Any, place: _Place) -> Iterator[tuple[_Place, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*place, str(key)))
    elif isinstance(value, list):
        yield place, _one(value)
    else:
        yield place, value


def _one(values: list[Any]) -> str:
    return json.dumps(values, ensure_ascii=False)


def _word(value: Any) -> str:
    if isinstance(value, float) and abs(value) >= NO_LIMIT:
        return "never"
    return "(none)" if value is None else str(value)
