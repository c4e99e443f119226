"""The two sides of a comparison: packs, or the text of an effective policy that was kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from policies.complaint import PackError
from policies.composed import composed
from policies.effective import POLICY_SCHEMA, Policy, effective
from policies.load import is_path, load_packs
from policies.pack import Pack
from policies.part import Maturity, Oversight
from policies.select import choose
from policies.subjects import KnownSignals


class Side(NamedTuple):
    """One side: packs by their `names`, or the `text` of an effective policy and its `digest`."""

    name: str
    names: tuple[str, ...] = ()
    packs: tuple[Pack, ...] = ()
    text: Mapping[str, Any] | None = None
    digest: str | None = None


class Document(NamedTuple):
    """What is compared; `digest`: of an effective policy."""

    parts: Mapping[str, Any]
    digest: str | None = None


class _Listed(msgspec.Struct):
    id: str
    version: str = ""


class _Judging(msgspec.Struct):
    set_by: dict[str, str] = {}


class _Kept(msgspec.Struct):
    """What a comparison relies on in the text of a policy."""

    oversight: Oversight
    maturity: Maturity
    packs: list[_Listed]
    rules: list[_Judging]
    country: str | None = None
    sector: str | None = None
    disabled: dict[str, str] = {}
    clocks: list[dict[str, Any]] = []
    waivers: list[dict[str, Any]] = []
    demands: list[dict[str, Any]] = []
    retention: list[dict[str, Any]] = []
    attributes: list[dict[str, Any]] = []


def side(name: str) -> Side:
    """Return what `name` is: a pack's name, a pack's file, or a kept policy text (JSON).

    A pack without a base gets `asean-guide` under it.  Raises `PackError`.
    """
    if not is_path(name) and _is_file(name):
        return _text(name)
    names: tuple[str, ...] = (name,)
    packs = load_packs(names)
    if not any(pack.kind == "base" for pack in packs):
        names = ("asean-guide", name)
        packs = load_packs(names)
    return Side(name, names, tuple(packs))


def documents(
    old: Side, new: Side, signals: KnownSignals | None = None
) -> tuple[Document, Document]:
    """Return both sides in one form: as effective policies if either of them is one.

    Packs are then resolved for the system of the other side.  Raises `PackError`.
    """
    return _document(old, new, signals), _document(new, old, signals)


def _document(side: Side, other: Side, signals: KnownSignals | None) -> Document:
    if side.text is not None:
        return Document(side.text, side.digest)
    if other.text is None:
        return Document(composed(side.packs, signals))
    policy = _resolved(side, other.text, signals)
    return Document(json.loads(policy.text), policy.digest)


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def _text(name: str) -> Side:
    try:
        data = Path(name).read_bytes()
        document = msgspec.json.decode(data)
    except (OSError, msgspec.MsgspecError, RecursionError) as error:
        raise PackError(f"{name}: is neither a pack nor the text of a policy: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != POLICY_SCHEMA:
        raise PackError(f"{name}: is JSON, but not the text of a policy ({POLICY_SCHEMA})")
    try:
        msgspec.convert(document, _Kept)
    except msgspec.ValidationError as error:
        raise PackError(
            f"{name}: calls itself the text of a policy ({POLICY_SCHEMA}), but is damaged: {error}"
        ) from error
    return Side(name, text=document, digest="sha256:" + hashlib.sha256(data).hexdigest())


def _resolved(side: Side, text: Mapping[str, Any], signals: KnownSignals | None) -> Policy:
    """Return the effective policy of a side's packs for the system that `text` was made for.

    The packs of its sector and country that the text lists come along, and as in the text: whole,
    or, where the system's configuration has switched off the rest, with their limits alone.
    """
    listed = {pack["id"]: pack.get("version") for pack in text["packs"]}
    chosen = [
        one.name
        for one in choose(side.names, sector=text.get("sector"), country=text.get("country"))
        if one.name in listed and one.name not in side.names
    ]
    policy = _for(text, load_packs([*side.names, *chosen]), signals)
    cut = [
        pack
        for pack in load_packs(chosen)
        if pack.id in chosen
        and pack.version == listed[pack.id]
        and _says(json.loads(policy.text), pack.id)
        and not _says(text, pack.id)
    ]
    if not cut:
        return policy
    whole = load_packs([*side.names, *(name for name in chosen if name not in [p.id for p in cut])])
    return _for(text, [*whole, *(pack.limits() for pack in cut)], signals)


def _for(text: Mapping[str, Any], packs: list[Pack], signals: KnownSignals | None) -> Policy:
    return effective(
        packs,
        oversight=text["oversight"],
        maturity=text["maturity"],
        country=text.get("country"),
        sector=text.get("sector"),
        signals=signals,
    )


def _says(text: Mapping[str, Any], pack: str) -> bool:
    """Tell whether a policy has anything of a pack besides what it forbids and requires."""
    parts = [entry for name in ("rules", "clocks", "retention") for entry in text.get(name) or ()]
    by = [entry.get("pack") for entry in parts]
    by += [name for entry in parts for name in (entry.get("set_by") or {}).values()]
    return pack in by or pack in (text.get("disabled") or {}).values()
