"""Packs that bear another name on the other side of a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_NAMES, _BY_NAME = ("set_by", "disabled"), ("because",)
"""Parts whose values, and whose keys, are names of packs."""


def other_names(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of packs that only `new` has, each with the name that it has in `old`.

    A copy of a pack needs an id of its own and would otherwise differ in each of its rules.  Packs
    that only one side has are taken for the same by kind, in order.
    """
    ours, theirs = _packs(old), _packs(new)
    gone = [name for name in ours if name not in theirs]
    names: dict[str, str] = {}
    for name, kind in theirs.items():
        match = next((one for one in gone if ours[one] == kind), None)
        if name not in ours and match is not None:
            gone.remove(match)
            names[name] = match
    return names


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return a policy or a part of it with its packs called by `names`."""
    if isinstance(value, list):
        return [renamed(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _part(key, renamed(inner, names), names) for key, inner in value.items()}


def _part(key: str, value: Any, names: Mapping[str, str]) -> Any:
    if key == "pack":
        return _name(value, names)
    if key == "packs" and isinstance(value, list):
        return [_called(pack, names) for pack in value]
    if key in _NAMES and isinstance(value, dict):
        return {part: _name(pack, names) for part, pack in value.items()}
    if key in _BY_NAME and isinstance(value, dict):
        return {_name(pack, names): why for pack, why in value.items()}
    return value


def _called(pack: Any, names: Mapping[str, str]) -> Any:
    return {**pack, "id": _name(pack.get("id"), names)} if isinstance(pack, dict) else pack


def _packs(document: Mapping[str, Any]) -> dict[str, Any]:
    listed: Iterable[Mapping[str, Any]] = document.get("packs") or ()
    return {pack["id"]: pack.get("kind") for pack in listed if isinstance(pack.get("id"), str)}


def _name(name: Any, names: Mapping[str, str]) -> Any:
    return names.get(name, name) if isinstance(name, str) else name
