"""The effective policy: packs resolved for one system, one threshold per rule, and its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import rfc8785

from policies.complaint import PackError
from policies.model import Severity, Threshold
from policies.nearest import did_you_mean
from policies.pack import MATURITY, Limits, Maturity, Origin, Oversight, Pack, RuleSpec

POLICY_SCHEMA = "pantau.policy/1"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule as it holds for one system; the fields mean what they mean in a pack file."""

    id: str
    pack: str
    principle: str
    also: tuple[str, ...]
    title: str
    signal: str
    subjects: tuple[str, ...]
    threshold: Threshold
    origin: dict[str, Origin]
    basis: str
    breach_severity: Severity
    warn_severity: Severity
    persistence: tuple[int, int]
    clear_after: int
    inconclusive_after: int
    likely_cause: str
    action: str
    crosswalk: tuple[str, ...]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What one system is judged by.

    `rules` are sorted by id.  `text` is the JCS (RFC 8785) form of the whole, and `digest` is
    `sha256:` and the hexadecimal SHA-256 of `text`: whoever keeps `text` can check the digest.
    """

    id: str
    rules: tuple[Rule, ...]
    digest: str
    text: bytes

    def rule(self, rule_id: str) -> Rule | None:
        """Return the rule with this id, or None."""
        return next((r for r in self.rules if r.id == rule_id), None)


def effective(
    packs: Sequence[Pack],
    *,
    oversight: Oversight,
    maturity: Maturity,
    country: str | None = None,
    sector: str | None = None,
) -> Policy:
    """Resolve packs for a system.

    A rule is in when its stage is reached at `maturity` and it has limits for `oversight`.
    `country` and `sector` are part of the policy's identity.  Raises `PackError` when no pack is
    given or two packs bring the same rule id.
    """
    if not packs:
        raise PackError("no policy pack is configured; set policies.packs to [asean-guide]")
    rules: dict[str, Rule] = {}
    for pack in packs:
        for spec in pack.rules:
            limits: Limits | None = getattr(spec.thresholds, oversight)
            if limits is None or MATURITY.index(spec.stage) > MATURITY.index(maturity):
                continue
            if spec.id in rules:
                raise PackError(
                    f"rule {spec.id} is in two packs: {rules[spec.id].pack} and {pack.id}; "
                    "use one of them, or rename the rule in your own"
                )
            rules[spec.id] = _resolve(pack, spec, limits, maturity)
    ordered = tuple(rules[key] for key in sorted(rules))
    identity = {
        "schema": POLICY_SCHEMA,
        "packs": [{"id": pack.id, "version": pack.version} for pack in packs],
        "oversight": oversight,
        "maturity": maturity,
        "country": country,
        "sector": sector,
    }
    text = policy_text(identity, ordered)
    return Policy(
        id="+".join(pack.id for pack in packs),
        rules=ordered,
        digest="sha256:" + hashlib.sha256(text).hexdigest(),
        text=text,
    )


def policy_text(identity: dict[str, Any], rules: Iterable[Rule]) -> bytes:
    """Return the JCS text over which the digest is taken."""
    return rfc8785.dumps({**identity, "rules": [msgspec.to_builtins(rule) for rule in rules]})


def unknown_signals(policy: Policy, known: Iterable[str]) -> list[str]:
    """Return a line for each rule whose signal no one computes, with the nearest known name.

    For `pantau check`: such rules give `not_assessable`, so a typing error would stay unseen.
    """
    names = set(known)
    return [
        f"rule {rule.id}: no signal is called {rule.signal!r}{did_you_mean(rule.signal, names)}"
        for rule in policy.rules
        if rule.signal not in names
    ]


def _resolve(pack: Pack, spec: RuleSpec, limits: Limits, maturity: Maturity) -> Rule:
    persistence = spec.persistence or pack.defaults.persistence
    clear_after = spec.clear_after or pack.defaults.clear_after
    return Rule(
        id=spec.id,
        pack=pack.id,
        principle=spec.principle,
        also=spec.also,
        title=spec.title,
        signal=spec.signal,
        subjects=spec.subjects,
        threshold=Threshold(op=spec.op, warn=limits.warn.at, breach=limits.breach.at),
        origin={"warn": limits.warn.origin, "breach": limits.breach.origin},
        basis=spec.basis,
        breach_severity=spec.severity.breach,
        warn_severity=spec.severity.warn,
        persistence=getattr(persistence, maturity),
        clear_after=clear_after.windows,
        inconclusive_after=pack.defaults.inconclusive_after.windows,
        likely_cause=spec.likely_cause,
        action=spec.action,
        crosswalk=spec.crosswalk,
    )
