"""What of the fairness signals may be published (contract C6, C8; design §9).

Group values and their n appear at one window length only.  There, a group of fewer than
`k_display` people is not shown, and where the shown groups would let its size be worked out from
the number of events, the smallest of them is not shown either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from agent.signals.context import SignalContext
from agent.signals.fairness import GAPS, worst
from agent.signals.groups import Attribute, attributes
from agent.summary import NO_GROUP
from policies.model import Signal, unmeasured

FAMILY = "fairness."
PUBLISHED_AT = "published_at:"
SMALL = "below_k_display"
COMPLEMENT = "would_reveal_small_group"


class Signals(NamedTuple):
    """`published` goes into the report; `hidden` holds the real form of what is withheld there.

    A hidden signal takes the place of the published one of its name and subject when verdicts are
    made, and is neither stored nor exported.
    """

    published: list[Signal]
    hidden: list[Signal]


def disclose(context: SignalContext, signals: Iterable[Signal]) -> Signals:
    """Split real fairness signals into what is published and what only the policy engine sees."""
    real = list(signals)
    here = context.window.length == context.settings.fairness_window
    published = [s for s in real if "attribute" not in s.subject]
    hidden: list[Signal] = []
    for attribute in attributes(context):
        of_attribute = [s for s in real if s.subject.get("attribute") == attribute.name]
        withheld = _withheld(context, attribute)
        if here:
            shown = _shown(attribute, of_attribute, withheld)
        else:
            of_attribute = _without_small_groups(context, of_attribute, withheld)
            reason = PUBLISHED_AT + context.settings.fairness_window
            shown = [
                s if s.n == 0 and set(s.subject) == {"attribute"} else _suppressed(s, reason)
                for s in of_attribute
            ]
        published += shown
        hidden += [s for s, public in zip(of_attribute, shown, strict=True) if s != public]
    return Signals(published, hidden)


def _withheld(context: SignalContext, attribute: Attribute) -> dict[str, str]:
    """Return the groups not to be shown, and why."""
    k = context.settings.k_display
    sizes = {g.group: g.n for g in attribute.groups if g.n > 0}
    withheld = {group: SMALL for group, n in sizes.items() if n < k}
    if not withheld:
        return withheld
    # Whoever knows the number of events knows the sum of what is not shown.  It must not single
    # out a small group: at least two parts have to share it, and k people at least.
    nowhere = context.count(NO_GROUP + attribute.name)
    for group in sorted(sizes, key=lambda name: (sizes[name], name)):
        parts = len(withheld) + (nowhere > 0)
        if parts >= 2 and sum(sizes[g] for g in withheld) + nowhere >= k:
            break
        withheld.setdefault(group, COMPLEMENT)
    return withheld


def _shown(
    attribute: Attribute, signals: Sequence[Signal], withheld: dict[str, str]
) -> list[Signal]:
    shown = []
    for signal in signals:
        reasons = [
            withheld[group]
            for group in (signal.subject.get("group"), signal.subject.get("against"))
            if group in withheld
        ]
        if reasons:
            shown.append(_suppressed(signal, SMALL if SMALL in reasons else COMPLEMENT))
        else:
            shown.append(signal)
    if not withheld:
        return shown
    # The worst pair must not speak for a group that is withheld.
    return [_worst_of(attribute, s, shown) if s.name in GAPS else s for s in shown]


def _worst_of(attribute: Attribute, signal: Signal, shown: Sequence[Signal]) -> Signal:
    if set(signal.subject) != {"attribute"}:
        return signal
    pairs = [s for s in shown if s.name == signal.name and "against" in s.subject]
    if pairs and all(s.status == "suppressed" for s in pairs):
        return _suppressed(signal, SMALL)
    return worst(attribute, GAPS[signal.name], pairs)


def _without_small_groups(
    context: SignalContext, signals: Sequence[Signal], withheld: dict[str, str]
) -> list[Signal]:
    """Leave out groups that are too small and that nobody configured.

    That somebody of such a group was there in a certain hour is itself a personal datum.
    """

    def named(signal: Signal) -> bool:
        attribute, group = signal.subject.get("attribute", ""), signal.subject.get("group")
        known = (
            *context.settings.groups.get(attribute, ()),
            context.settings.privileged.get(attribute),
        )
        return group is None or group in known or withheld.get(group) != SMALL

    return [s for s in signals if named(s)]


def _suppressed(signal: Signal, reason: str) -> Signal:
    return unmeasured(
        signal.name, signal.subject, "suppressed", reason, n=None, method=signal.method
    )
