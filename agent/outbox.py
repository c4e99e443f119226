"""Outgoing items as stored: a kind and its JSON."""

from __future__ import annotations

import msgspec

from policies.model import Alert, Notice, Outgoing, Report

_KINDS: dict[str, type[Report] | type[Alert] | type[Notice]] = {
    "report": Report,
    "alert": Alert,
    "notice": Notice,
}


def encode(item: Outgoing) -> tuple[str, bytes]:
    """Return the item's kind and its bytes."""
    kind = type(item).__name__.lower()
    return kind, msgspec.json.encode(item)


def decode(kind: str, body: bytes) -> Outgoing:
    """Return the item that `encode` was given."""
    item: Outgoing = msgspec.json.decode(body, type=_KINDS[kind])
    return item
