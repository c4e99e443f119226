"""Kinds of subject (contract C5)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from policies.model import Subject

KnownSignals = Mapping[str, frozenset[str]]
"""Each signal there is, by name, and the kinds of subject that it is about; none: any of them."""

_KINDS: dict[frozenset[str], str] = {
    frozenset(): "system",
    frozenset({"feature"}): "feature",
    frozenset({"output"}): "output",
    frozenset({"attribute"}): "attribute",
    frozenset({"attribute", "group"}): "group",
    frozenset({"attribute", "group", "against"}): "pair",
    frozenset({"class"}): "class",
}

SUBJECT_KEYS: tuple[str, ...] = tuple(sorted({key for keys in _KINDS for key in keys}))


def subject_kind(subject: Subject) -> str:
    """Return `system`, `feature`, `output`, `attribute` (worst pair), `group`, `pair` or `class`.

    An unknown combination of keys gives `other`, which no rule judges.
    """
    return _KINDS.get(frozenset(subject), "other")


def group_of(subject: Subject) -> Subject:
    """Return the group of a pair without the one it is compared with; any other subject itself."""
    return {name: of for name, of in subject.items() if name != "against"}


def subject_from(text: str) -> Subject:
    """Return the subject whose sorted-key JSON is `text`."""
    subject: Subject = json.loads(text)
    return subject
