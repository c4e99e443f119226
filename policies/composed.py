"""Packs laid over one another as one document, at every oversight level and stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from policies.compose import Composed, compose
from policies.frameworks import frameworks
from policies.pack import Pack
from policies.subjects import KnownSignals

_OF_PACKS = ("clocks", "requires", "attributes", "retention", "laws")


def composed(packs: Sequence[Pack], signals: KnownSignals | None) -> dict[str, Any]:
    """Return all that a system's effective policy may have of these packs, and a little more.

    Where no value differs between two of these, no digest does.  Raises `PackError`.
    """
    composition = compose(packs, frameworks=frameworks(), signals=signals)
    risk = next((pack.risk for pack in composition.packs if pack.risk is not None), None)
    document: dict[str, Any] = {
        "packs": [
            {"id": pack.id, "kind": pack.kind, "version": pack.version}
            for pack in composition.packs
        ],
        "rules": [_rule(rule) for rule in composition.rules.values()],
        "disabled": composition.off,
        "waivers": [
            {
                "rule": waived.rule,
                "pack": waived.pack,
                "loosens": list(waived.loosens),
                **waived.waiver.model_dump(mode="json"),
            }
            for waived in composition.waivers
        ],
        "risk": _dump(risk),
    }
    for part in _OF_PACKS:
        document[part] = [
            {"pack": pack.id, **entry.model_dump(mode="json", exclude_none=True)}
            for pack in composition.packs
            for entry in getattr(pack, part)
        ]
    return document


def _rule(rule: Composed) -> dict[str, Any]:
    """Return a rule with what it takes from the defaults of its base."""
    spec, defaults = rule.spec, rule.defaults
    own = spec.persistence is not None
    return {
        **spec.model_dump(mode="json", exclude_none=True),
        "persistence": _dump(spec.persistence or defaults.persistence),
        "shorter": None if own else _dump(defaults.shorter),
        "at_once": None if own else _dump(defaults.at_once),
        "clear_after": _dump(spec.clear_after or defaults.clear_after),
        "inconclusive_after": _dump(defaults.inconclusive_after),
        "escalation": _dump(spec.escalation or defaults.escalation),
        "pack": rule.pack,
        "set_by": dict(rule.set_by),
        "because": dict(rule.reasons),
    }


def _dump(part: BaseModel | None) -> dict[str, Any] | None:
    return None if part is None else part.model_dump(mode="json")
