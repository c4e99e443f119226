"""What a report withholds, opened from its seals: how much of it is known, and what is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from exporters.audit import seal, types
from exporters.audit.findings import Findings
from exporters.audit.seal import ReplayKey, SealBroken
from policies.effective import Policy
from policies.engine import PROVISIONAL
from policies.model import Signal, Verdict, subject_text

SUPPRESSED = "suppressed"
"""Status of a signal that stands for a withheld one, and how a verdict on it alone would begin."""
AT_MATURITY = "published_at_maturity"
"""Reason of a signal that is withheld for its labels alone: it says nothing of its groups."""

NOT_SEALED = "the values it judges are withheld, and the log does not seal them"
LOCKED = "the values it judges are sealed; give their key (--unseal)"
NO_KEY = "the values it judges are sealed under a key that is not among those given, or destroyed"
BROKEN = "the values it judges are sealed, and the seal is broken"
NOWHERE = "the values it judges are withheld at every length: they would tell of a small group"

Name = tuple[str, str]


class Piece(NamedTuple):
    """A piece of sealed signals, and the record that it stands in."""

    log: str
    record_id: str
    where: str
    data: types.SealData


class Withheld(NamedTuple):
    """What is known of the signals that a report withholds; `why` not all of it, if so."""

    signals: Sequence[Signal]
    why: str | None


class Seals:
    """Opens what is sealed with the keys there are, by id; None: none was given."""

    def __init__(self, findings: Findings, keys: Mapping[str, ReplayKey] | None) -> None:
        self._findings, self._keys = findings, keys
        self.opened = 0

    def open(self, pieces: Sequence[Piece], published: Sequence[Signal]) -> Withheld:
        """Return what the pieces of a report hold; what does not open is a finding."""
        if not pieces:
            return Withheld((), NOT_SEALED)
        if self._keys is None:
            return Withheld((), LOCKED)
        where, packed = pieces[0].where, b""
        try:
            for piece in pieces:
                key, where = self._keys.get(piece.data.key), piece.where
                if key is None:
                    return Withheld((), NO_KEY)
                packed += seal.unseal(key, piece.log, piece.record_id, piece.data)
            signals = seal.unpack(packed)
            _require_fit(signals, published)
        except SealBroken as error:
            self._findings.add("seal_broken", where, str(error))
            return Withheld((), BROKEN)
        self.opened += 1
        return Withheld(signals, None)


def unclear(
    published: Sequence[Signal], policy: Policy, withheld: Withheld, *, sealed: bool
) -> dict[Name, str]:
    """Return the verdicts (rule, subject) that hang on a value that cannot be seen, and why not."""
    found = _by_name(published) | _by_name(withheld.signals)
    hidden = {name for name, signal in found.items() if signal.status == SUPPRESSED}
    if withheld.why is not None:
        # The published worst pair may be that of the pairs that may be shown.
        small = {
            found[name].subject.get("attribute")
            for name in hidden
            if found[name].reason != AT_MATURITY
        }
        hidden |= {
            name
            for name, signal in found.items()
            if set(signal.subject) == {"attribute"}
            and (sealed or signal.subject["attribute"] in small)
        }
    why = withheld.why or NOWHERE
    return {(r.id, text): why for r in policy.rules for name, text in hidden if name == r.signal}


def needs_no_value(verdict: Verdict) -> bool:
    """Tell whether a verdict is what it is whatever the values of its signal are."""
    return (verdict.reason or "").startswith(("incomplete: ", "label_coverage: ", PROVISIONAL))


def _require_fit(signals: Sequence[Signal], published: Sequence[Signal]) -> None:
    """Refuse sealed signals that would take the place of what is published."""
    shown = _by_name(published)
    for name, signal in _by_name(signals).items():
        public = shown.get(name)
        if public is None or "attribute" not in signal.subject:
            fits = False
        elif signal.status == "ok":
            fits = public.status == SUPPRESSED
        else:
            fits = signal.status == SUPPRESSED or public.status != "ok"
        if not fits:
            raise SealBroken(f"it holds {name[0]} of {name[1]}, which the record does not withhold")


def _by_name(signals: Sequence[Signal]) -> dict[Name, Signal]:
    return {(s.name, subject_text(s.subject)): s for s in signals}
