"""The effective policy: packs resolved for one system, one threshold per rule, and its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import rfc8785

from policies.compose import Composed, Composition, Waived, compose
from policies.frameworks import frameworks
from policies.model import NO_LIMIT, Operator, Severity, Threshold
from policies.pack import Pack
from policies.part import MATURITY, OVERSIGHT, Evidence, Maturity, Origin, Oversight
from policies.regime import length_words
from policies.rule_spec import Escalation, Limits
from policies.subjects import KnownSignals
from policies.table import PACKS

POLICY_SCHEMA = "pantau.policy/1"


class Told(msgspec.Struct, frozen=True):
    """Who is told of a finding that still stands `after` seconds."""

    role: str
    after: int


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule as it holds for one system; the fields mean what they mean in a pack file.

    `set_by`: which pack set `warn`, `breach`, `severity.breach`, `severity.warn`, `stage`,
    `persistence`, `clear_after` or `escalation`, where that is not `pack` itself; `because`: why,
    by that pack.  `shorter`: persistence on windows shorter than the longest, None: the same.
    `at_once`: one longest window is enough if an interval so many times as wide is still beyond.
    """

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
    stage: Maturity = "baseline"
    escalation: tuple[Told, ...] = ()
    evidence: dict[str, Evidence] = {}
    set_by: dict[str, str] = {}
    because: dict[str, str] = {}
    shorter: tuple[int, int] | None = None
    at_once: float | None = None


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """How long there is to tell somebody of an incident: see `policies.regime.ClockSpec`."""

    id: str
    pack: str
    title: str
    event: str
    starts: str
    seconds: int
    calendar: bool
    recipient: str
    source: str
    verified_on: str
    confidence: str

    @property
    def length(self) -> str:
        """How long the clock runs, in words."""
        return length_words(self.seconds, calendar=self.calendar)


class Waiving(msgspec.Struct, frozen=True, kw_only=True):
    """A waiver in force for a rule: what it loosens, who answers for it and until when."""

    rule: str
    pack: str
    loosens: tuple[str, ...]
    by: str
    reason: str
    expires: str


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """The least that a pack asks of a system: `what` is `oversight` or `maturity`."""

    pack: str
    what: str
    least: str
    reason: str


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """How many days something must be kept at least."""

    what: str
    days: int
    pack: str
    reason: str
    source: str


class Processing(msgspec.Struct, frozen=True, kw_only=True):
    """How audit attributes of some categories may be processed."""

    categories: tuple[str, ...]
    processing: str
    pack: str
    reason: str
    source: str


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What one system is judged by.

    `rules` are sorted by id.  `text` is the JCS (RFC 8785) form of the whole, and `digest` is
    `sha256:` and the hexadecimal SHA-256 of `text`: whoever keeps `text` can check the digest.
    Who approved a waiver, why, and why a pack that is not ours changed a rule are not in `text`,
    which is published: see `typed`.
    """

    id: str
    rules: tuple[Rule, ...]
    digest: str
    text: bytes
    clocks: tuple[Clock, ...] = ()
    waivers: tuple[Waiving, ...] = ()
    demands: tuple[Demand, ...] = ()
    retention: tuple[Kept, ...] = ()
    attributes: tuple[Processing, ...] = ()

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
    signals: KnownSignals | None = None,
) -> Policy:
    """Resolve packs for a system.

    A rule is in when its stage is reached at `maturity` and it has limits for `oversight`.
    `country` and `sector` are part of the policy's identity.  `signals`: every one that a rule may
    judge; None leaves them unchecked.  Raises `PackError`: see `policies.compose`.
    """
    composition = compose(packs, frameworks=frameworks(), signals=signals)
    rules = [
        _resolve(composed, oversight, maturity)
        for _, composed in sorted(composition.rules.items())
        if is_in(composed, oversight, maturity)
    ]
    parts: dict[str, Any] = {
        "clocks": _clocks(composition),
        "waivers": tuple(_waiving(waived) for waived in composition.waivers),
        "demands": _demands(composition),
        "retention": _retention(composition),
        "attributes": _attributes(composition),
    }
    identity = {
        "schema": POLICY_SCHEMA,
        "packs": [
            {"id": pack.id, "version": pack.version, "kind": pack.kind}
            for pack in composition.packs
        ],
        "oversight": oversight,
        "maturity": maturity,
        "country": country,
        "sector": sector,
        "disabled": dict(sorted(composition.off.items())),
        "risk": _risk(composition),
        **{name: msgspec.to_builtins(part) for name, part in parts.items()},
        "waivers": [_published(waiving) for waiving in parts["waivers"]],
    }
    text = policy_text(identity, rules)
    return Policy(
        id="+".join(pack.id for pack in composition.packs),
        rules=tuple(rules),
        digest="sha256:" + hashlib.sha256(text).hexdigest(),
        text=text,
        **parts,
    )


def is_in(composed: Composed, oversight: Oversight, maturity: Maturity) -> bool:
    """Tell whether a rule runs at this oversight level and stage."""
    reached = MATURITY.index(composed.spec.stage_at(oversight)) <= MATURITY.index(maturity)
    return reached and composed.spec.limits(oversight) is not None


def policy_text(identity: dict[str, Any], rules: Iterable[Rule]) -> bytes:
    """Return the JCS text over which the digest is taken."""
    return rfc8785.dumps({**identity, "rules": [_published(rule) for rule in rules]})


def typed(policy: Policy, waivers_named: int = 0) -> dict[str, Any]:
    """Return what people typed and the policy's text leaves out; empty if there is nothing.

    `waivers`: who approved them and why, but for the first `waivers_named`; `because`: by rule and
    pack, why it was changed.
    """
    more = policy.waivers[waivers_named:]
    waivers = [{"rule": w.rule, "by": w.by, "reason": w.reason} for w in more]
    reasons = {rule.id: found for rule in policy.rules if (found := _typed_reasons(rule))}
    parts = {"waivers": waivers, "because": reasons}
    return {name: part for name, part in parts.items() if part}


def _typed_reasons(rule: Rule) -> dict[str, str]:
    return {pack: reason for pack, reason in rule.because.items() if pack not in PACKS}


def _published(part: Rule | Waiving) -> dict[str, Any]:
    """Return a part of a policy without whom it names and what they wrote."""
    plain: dict[str, Any] = msgspec.to_builtins(part)
    if isinstance(part, Waiving):
        return {key: value for key, value in plain.items() if key not in ("by", "reason")}
    left_out = _typed_reasons(part)
    plain["because"] = {p: why for p, why in part.because.items() if p not in left_out}
    return plain


def _resolve(composed: Composed, oversight: Oversight, maturity: Maturity) -> Rule:
    spec, defaults = composed.spec, composed.defaults
    limits: Limits = getattr(spec.thresholds, oversight)
    persistence = spec.persistence or defaults.persistence
    clear_after = spec.clear_after or defaults.clear_after
    set_by = _set_by(composed, oversight)
    return Rule(
        id=spec.id,
        pack=composed.pack,
        principle=spec.principle,
        also=spec.also,
        title=spec.title,
        signal=spec.signal,
        subjects=spec.subjects,
        threshold=_threshold(spec.op, limits),
        origin=_origins(limits),
        basis=spec.basis,
        breach_severity=spec.severity.breach,
        warn_severity=spec.severity.warn,
        persistence=getattr(persistence, maturity),
        clear_after=clear_after.windows,
        inconclusive_after=defaults.inconclusive_after.windows,
        likely_cause=spec.likely_cause,
        action=spec.action,
        crosswalk=spec.crosswalk,
        stage=spec.stage_at(oversight),
        escalation=_chain(spec.escalation or defaults.escalation, oversight),
        evidence=dict(sorted(spec.evidence.items())),
        set_by=set_by,
        because={p: r for p, r in composed.reasons.items() if p in set_by.values()},
        shorter=_shorter(composed),
        at_once=_at_once(composed, maturity),
    )


def _threshold(op: Operator, limits: Limits) -> Threshold:
    if limits.breach is not None:
        return Threshold(op=op, warn=limits.warn.at, breach=limits.breach.at)
    return Threshold(op=op, warn=limits.warn.at, breach=-NO_LIMIT if op == "<" else NO_LIMIT)


def _origins(limits: Limits) -> dict[str, Origin]:
    named = (("warn", limits.warn), ("breach", limits.breach))
    return {name: limit.origin for name, limit in named if limit is not None}


def _shorter(composed: Composed) -> tuple[int, int] | None:
    shorter = composed.defaults.shorter
    return None if composed.spec.persistence or shorter is None else shorter.persistence


def _at_once(composed: Composed, maturity: Maturity) -> float | None:
    at_once = composed.defaults.at_once
    if composed.spec.persistence or at_once is None or maturity not in at_once.stages:
        return None
    return at_once.widened


def _set_by(composed: Composed, oversight: Oversight) -> dict[str, str]:
    """Return who set what of the parts that count at this oversight level."""
    found = {}
    for part, pack in sorted(composed.set_by.items()):
        level, _, limit = part.partition(".")
        if level == oversight:
            found[limit] = pack
        elif level not in OVERSIGHT:
            found[part] = pack
    return found


def _chain(escalation: Escalation | None, oversight: Oversight) -> tuple[Told, ...]:
    if escalation is None:
        return ()
    return tuple(Told(step.role, step.seconds) for step in getattr(escalation, oversight))


def _waiving(waived: Waived) -> Waiving:
    waiver = waived.waiver
    return Waiving(
        rule=waived.rule,
        pack=waived.pack,
        loosens=waived.loosens,
        by=waiver.by,
        reason=waiver.reason,
        expires=waiver.expires.isoformat(),
    )


def _clocks(composition: Composition) -> tuple[Clock, ...]:
    return tuple(
        Clock(
            id=clock.id,
            pack=pack.id,
            title=clock.title,
            event=clock.event,
            starts=clock.starts,
            seconds=clock.seconds,
            calendar=clock.calendar,
            recipient=clock.recipient,
            source=clock.source,
            verified_on=clock.verified_on.isoformat(),
            confidence=clock.confidence,
        )
        for pack in composition.packs
        for clock in pack.clocks
    )


def _risk(composition: Composition) -> dict[str, Any] | None:
    """Return the matrix that makes a system's tier of its risk, and the oversight that fits."""
    risk = next((pack.risk for pack in composition.packs if pack.risk is not None), None)
    return None if risk is None else risk.model_dump(mode="json", exclude_none=True)


def _demands(composition: Composition) -> tuple[Demand, ...]:
    return tuple(
        Demand(
            pack=pack.id,
            what="oversight" if demand.oversight else "maturity",
            least=demand.oversight or demand.maturity or "",
            reason=demand.reason,
        )
        for pack in composition.packs
        for demand in pack.requires
    )


def _retention(composition: Composition) -> tuple[Kept, ...]:
    return tuple(
        Kept(what=r.what, days=r.days, pack=pack.id, reason=r.reason, source=r.source)
        for pack in composition.packs
        for r in pack.retention
    )


def _attributes(composition: Composition) -> tuple[Processing, ...]:
    return tuple(
        Processing(
            categories=r.categories,
            processing=r.processing,
            pack=pack.id,
            reason=r.reason,
            source=r.source,
        )
        for pack in composition.packs
        for r in pack.attributes
    )
