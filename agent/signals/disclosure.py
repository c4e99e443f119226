"""What of the fairness signals may be published (contract C6, C8; design §9).

Group values and their n appear at one window length only.  There, a group of fewer than
`k_display` people is not shown, and where the shown groups would let its size be worked out from
the number of events, the smallest of them is not shown either.  What is made from labels is shown
once only, when no label can come any more: two revisions of one window that differ by a single
label would tell that person's outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from agent.signals.context import SignalContext
from agent.signals.gap_table import GAPS
from agent.signals.gaps import worst
from agent.signals.known_groups import OTHER, known_groups
from agent.signals.label_based import LABEL_BASED
from agent.signals.withheld import withheld_by_label, withheld_by_prediction
from agent.signals.withhold import COMPLEMENT, SMALL
from policies.engine import lasting_reason
from policies.model import Signal, unmeasured

FAMILY = "fairness."
PUBLISHED_AT = "published_at:"
WITHHELD = "withheld"
AT_MATURITY = "published_at_maturity"


class Signals(NamedTuple):
    """`published` goes into the report; `hidden` holds the real form of what is withheld there.

    A hidden signal takes the place of the published one of its name and subject when verdicts are
    made, and is neither stored nor exported.  `sealed` has as much of the hidden ones as the audit
    log may keep under a key, so that who holds it can judge again: a status, and the value only if
    the one window length that publishes values would show it.  A hidden value that no length shows
    is `suppressed` there too.
    """

    published: list[Signal]
    hidden: list[Signal]
    sealed: Sequence[Signal] = ()


def disclose(context: SignalContext, signals: Iterable[Signal]) -> Signals:
    """Split real fairness signals into what is published and what only the policy engine sees."""
    real = list(signals)
    published = [s for s in real if "attribute" not in s.subject]
    hidden: list[Signal] = []
    sealed: list[Signal] = []
    by_prediction = withheld_by_prediction(context)
    by_label = withheld_by_label(context, by_prediction)
    for attribute in context.layout.attributes:
        for label_based, groups in ((False, by_prediction), (True, by_label)):
            withheld = groups[attribute]
            mine = [
                s
                for s in real
                if s.subject.get("attribute") == attribute
                and (s.name in LABEL_BASED) == label_based
            ]
            elsewhere = _published_elsewhere(context, label_based)
            may_seal = _sealable(mine, withheld)
            if elsewhere is None:
                if "*" in attribute and withheld:
                    withheld = _with_nobody(mine, withheld)
                    may_name = _naming(context, attribute, withheld, (SMALL, COMPLEMENT))
                    mine = [s for s in mine if may_name(s)]
                shown = _shown(context, mine, withheld)
                if "*" not in attribute:
                    # Afterwards, since the worst pair tells why there is none.
                    known = {*known_groups(context, attribute), OTHER}
                    may_name = _naming(
                        context, attribute, by_prediction[attribute], (SMALL,), known
                    )
                    both = [one for one in zip(mine, shown, strict=True) if may_name(one[0])]
                    mine, shown = [m for m, _ in both], [s for _, s in both]
            else:
                may_name = _naming(context, attribute, withheld, (SMALL,))
                mine = [s for s in mine if may_name(s)]
                shown = [
                    s if s.n == 0 and set(s.subject) == {"attribute"} else _suppressed(s, elsewhere)
                    for s in mine
                ]
            published += shown
            kept = [s for s, public in zip(mine, shown, strict=True) if s != public]
            hidden += kept
            if not label_based or _is_mature(context):
                # Before that every verdict on labels is provisional, whatever the values are.
                sealed += [_sealed(s, may_show=may_seal(s)) for s in kept]
    return Signals(published, hidden, sealed)


def _is_mature(context: SignalContext) -> bool:
    return context.outcomes is None or context.outcomes.mature


def _sealable(signals: Sequence[Signal], withheld: Mapping[str, str]) -> Callable[[Signal], bool]:
    """Return what tells of the real signals of an attribute which the published length would show.

    A worst pair speaks for all pairs that have a value, so all of these have to be shown.
    """

    def is_shown(signal: Signal) -> bool:
        named = (signal.subject.get(key) for key in ("group", "against"))
        return not any(group in withheld for group in named)

    by_withheld = {
        s.name for s in signals if "against" in s.subject and s.status == "ok" and not is_shown(s)
    }

    def may_show(signal: Signal) -> bool:
        return is_shown(signal) and ("group" in signal.subject or signal.name not in by_withheld)

    return may_show


def _sealed(signal: Signal, *, may_show: bool) -> Signal:
    """Return what the policy engine needs of a hidden signal, and no more."""
    if signal.status == "ok" and not may_show:
        return _suppressed(signal, WITHHELD)
    return msgspec.structs.replace(
        signal, n=None, method="", reason=lasting_reason(signal.reason), reference=None
    )


def _published_elsewhere(context: SignalContext, label_based: bool) -> str | None:
    """Return where and when group values are published if it is not here and now."""
    if context.window.length != context.settings.fairness_window:
        return PUBLISHED_AT + context.settings.fairness_window
    if label_based and context.outcomes is not None and not context.outcomes.mature:
        return AT_MATURITY
    return None


def _shown(
    context: SignalContext, signals: Sequence[Signal], withheld: Mapping[str, str]
) -> list[Signal]:
    shown = []
    for signal in signals:
        reasons = [
            withheld[group]
            for group in (signal.subject.get("group"), signal.subject.get("against"))
            if group is not None and group in withheld
        ]
        if reasons:
            shown.append(_suppressed(signal, SMALL if SMALL in reasons else COMPLEMENT))
        else:
            shown.append(signal)
    if not withheld:
        return shown
    # The worst pair must not speak for a group that is withheld.
    return [_worst_of(context, s, shown) if s.name in GAPS else s for s in shown]


def _worst_of(context: SignalContext, signal: Signal, shown: Sequence[Signal]) -> Signal:
    if set(signal.subject) != {"attribute"}:
        return signal
    pairs = [s for s in shown if s.name == signal.name and "against" in s.subject]
    if pairs and all(s.status == "suppressed" for s in pairs):
        return _suppressed(signal, SMALL)
    gap, of = GAPS[signal.name]
    attribute = next(a for a in of(context) if a.name == signal.subject["attribute"])
    return worst(attribute, gap, pairs)


def _with_nobody(signals: Sequence[Signal], withheld: Mapping[str, str]) -> dict[str, str]:
    """Withhold groups that nobody is in as well.

    Which of an intersection's groups are empty is half of what its margins need to be solved.
    """
    nobody = {s.subject["group"] for s in signals if "group" in s.subject and s.n == 0}
    return {**dict.fromkeys(nobody, COMPLEMENT), **withheld}


def _naming(
    context: SignalContext,
    attribute: str,
    withheld: Mapping[str, str],
    reasons: Collection[str],
    more: Collection[str] = (),
) -> Callable[[Signal], bool]:
    """Return what tells whether a signal may stand in a report with the groups it names.

    It may not if a group is withheld for one of these reasons and nobody configured it, nor is it
    among `more`: that somebody of a small group was there in a certain hour is itself a personal
    datum, and what stands for the group in the event may be anything.
    """
    settings = context.settings
    known = {*settings.groups.get(attribute, ()), settings.privileged.get(attribute), *more}

    def may_be_named(group: str) -> bool:
        if group in known:
            return True
        whole = "*" not in attribute or group.count("*") == attribute.count("*")
        return whole and withheld.get(group) not in reasons

    def may_name(signal: Signal) -> bool:
        named = (signal.subject.get(key) for key in ("group", "against"))
        return all(group is None or may_be_named(group) for group in named)

    return may_name


def _suppressed(signal: Signal, reason: str) -> Signal:
    return unmeasured(
        signal.name, signal.subject, "suppressed", reason, n=None, method=signal.method
    )
