"""What is different between two policies: of packs, or of effective ones kept by digest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from policies.complaint import PackError
from policies.compose import Composition, compose
from policies.effective import POLICY_SCHEMA, effective
from policies.frameworks import frameworks
from policies.load import is_path, load_packs
from policies.model import NO_LIMIT
from policies.pack import Pack
from policies.part import Maturity, Oversight
from policies.subjects import KnownSignals

_LISTS = {
    "rules": "id",
    "packs": "id",
    "clocks": "id",
    "laws": "id",
    "waivers": "rule",
    "demands": "what",
}


class _Kept(msgspec.Struct):
    """What a comparison relies on in the text of a policy."""

    oversight: Oversight
    maturity: Maturity
    packs: list[dict[str, Any]]
    rules: list[dict[str, Any]]
    country: str | None = None
    sector: str | None = None
    clocks: list[dict[str, Any]] = []
    waivers: list[dict[str, Any]] = []
    demands: list[dict[str, Any]] = []
    retention: list[dict[str, Any]] = []
    attributes: list[dict[str, Any]] = []


class Side(NamedTuple):
    """One side of a comparison: packs, or the text of an effective policy."""

    name: str
    packs: tuple[Pack, ...] = ()
    text: Mapping[str, Any] | None = None


class Difference(NamedTuple):
    """One part that differs; None stands for "not there"."""

    part: str
    old: Any
    new: Any


def side(name: str) -> Side:
    """Return what `name` is: a pack's name, a pack's file, or a kept policy text (JSON).

    A pack without a base gets `asean-guide` under it.  Raises `PackError`.
    """
    if not is_path(name) and _is_file(name):
        return Side(name, text=_text(Path(name)))
    packs = load_packs([name])
    if not any(pack.kind == "base" for pack in packs):
        packs = load_packs(["asean-guide", name])
    return Side(name, packs=tuple(packs))


def differences(old: Side, new: Side, *, signals: KnownSignals | None = None) -> list[Difference]:
    """Return what differs, in order of the parts' names.

    Two packs are compared rule by rule at every oversight level.  If one side is an effective
    policy, the other side's packs are resolved for the same system.  `signals`: every one that a
    rule may judge; None leaves them unchecked.  Raises `PackError`.
    """
    one, other = old.text, new.text
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    if one is None and other is None:
        before, after = _composed(old.packs, signals), _composed(new.packs, signals)
    elif one is not None and other is not None:
        before, after = one, other
    elif one is not None:
        before, after = one, _resolved(new.packs, one, signals)
    else:
        before, after = _resolved(old.packs, other or {}, signals), other or {}
    flat_before, flat_after = dict(_flat(before)), dict(_flat(after))
    return [
        Difference(part, flat_before.get(part), flat_after.get(part))
        for part in sorted(flat_before.keys() | flat_after.keys())
        if flat_before.get(part) != flat_after.get(part)
    ]


def difference_text(differences: list[Difference]) -> Iterator[str]:
    """Give the differences as lines; a whole rule that comes or goes is one line."""
    said: set[str] = set()
    for found in differences:
        head, _, rest = found.part.partition(" ")
        whole = _whole(head, found, differences)
        if whole and head not in said:
            said.add(head)
            yield whole
        elif not whole:
            yield f"~ {head} {rest}: {_word(found.old)} -> {_word(found.new)}"


def _whole(head: str, found: Difference, differences: list[Difference]) -> str | None:
    """Return the line about an entry that only one side has, else None."""
    same = [d for d in differences if d.part.partition(" ")[0] == head]
    title = next((d for d in same if d.part == f"{head} id" or d.part == f"{head} rule"), None)
    if title is None:
        return None
    return f"- {head}" if title.new is None else f"+ {head}"


def _word(value: Any) -> str:
    if isinstance(value, float) and abs(value) >= NO_LIMIT:
        return "never"
    return "(none)" if value is None else str(value)


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def _text(file: Path) -> Mapping[str, Any]:
    try:
        document = msgspec.json.decode(file.read_bytes())
    except (OSError, msgspec.MsgspecError, RecursionError) as error:
        raise PackError(f"{file}: is neither a pack nor the text of a policy: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != POLICY_SCHEMA:
        raise PackError(f"{file}: is JSON, but not the text of a policy ({POLICY_SCHEMA})")
    try:
        msgspec.convert(document, _Kept)
    except msgspec.ValidationError as error:
        raise PackError(
            f"{file}: calls itself the text of a policy ({POLICY_SCHEMA}), but is damaged: {error}"
        ) from error
    return document


def _composed(packs: tuple[Pack, ...], signals: KnownSignals | None) -> dict[str, Any]:
    composition: Composition = compose(packs, frameworks=frameworks(), signals=signals)
    risk = next((pack.risk for pack in composition.packs if pack.risk is not None), None)
    document: dict[str, Any] = {
        "rules": [
            {
                **composed.spec.model_dump(mode="json", exclude_none=True),
                "persistence": _dump(composed.spec.persistence or composed.defaults.persistence),
                "clear_after": _dump(composed.spec.clear_after or composed.defaults.clear_after),
                "inconclusive_after": _dump(composed.defaults.inconclusive_after),
                "escalation": _dump(composed.spec.escalation or composed.defaults.escalation),
                # Without the packs' names, so that a pack of another name is no difference here.
                "because": list(composed.reasons.values()),
            }
            for composed in composition.rules.values()
        ],
        "waivers": [
            {"rule": w.rule, **w.waiver.model_dump(mode="json")} for w in composition.waivers
        ],
        "risk": _dump(risk),
    }
    for part in ("clocks", "requires", "attributes", "retention", "laws"):
        document[part] = [
            entry.model_dump(mode="json", exclude_none=True)
            for pack in composition.packs
            for entry in getattr(pack, part)
        ]
    return document


def _dump(part: Any) -> Any:
    return None if part is None else part.model_dump(mode="json")


def _resolved(
    packs: tuple[Pack, ...], text: Mapping[str, Any], signals: KnownSignals | None
) -> dict[str, Any]:
    """Return the packs' effective policy for the system that `text` was made for."""
    policy = effective(
        packs,
        oversight=text["oversight"],
        maturity=text["maturity"],
        country=text.get("country"),
        sector=text.get("sector"),
        signals=signals,
    )
    document: dict[str, Any] = json.loads(policy.text)
    return document


def _flat(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give (`rules:FA-1 thresholds.warn`, value) for every leaf; lists of plain values are one."""
    for key, value in document.items():
        if key in _LISTS or (isinstance(value, list) and value and isinstance(value[0], dict)):
            for i, entry in enumerate(value):
                name = entry.get(_LISTS.get(key, ""), i)
                head = name if key == "rules" else f"{key}:{name}"
                for place, leaf in _leaves(entry, ""):
                    yield f"{head} {place}", leaf
        else:
            for place, leaf in _leaves(value, ""):
                yield f"policy {key}{'.' if place else ''}{place}", leaf


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        yield place, json.dumps(value, ensure_ascii=False) if value else "[]"
    else:
        yield place, value
