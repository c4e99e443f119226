"""Whether the groups of audit attributes are those of the stream, and who named them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from agent.cli.check_plan import Planned
from agent.signals.known_groups import NAMEABLE

_SHOWN = 5
"""Most groups that a note names."""


def group_gaps(plan: Planned) -> Iterator[str]:
    """Give one sentence per attribute whose groups nobody named, or whose privileged one is odd."""
    for name in sorted(plan.system.audit_attributes):
        yield from _privileged_unseen(plan, name)
        yield from _unnamed(plan, name)


def _privileged_unseen(plan: Planned, name: str) -> Iterator[str]:
    privileged = plan.system.audit_attributes[name].privileged
    seen = plan.sample.groups.get(name, Counter())
    if privileged is None or not seen or privileged in seen:
        return
    # What few people share may be anything that slipped into the field, such as an address.
    groups = sorted(group for group, n in seen.items() if n >= NAMEABLE)
    shown = f" ({', '.join(groups)})" if 0 < len(groups) <= _SHOWN else ""
    yield (
        f"`privileged: {privileged}` is none of the sampled groups of {name}{shown}: no gap of "
        f"{name} is assessed until it occurs; correct `audit_attributes.{name}.privileged`"
    )


def _unnamed(plan: Planned, name: str) -> Iterator[str]:
    reference = plan.reference
    known = reference is not None and bool(reference.groups.get(name))
    if known or plan.system.audit_attributes[name].groups is not None:
        return
    values = len(plan.sample.groups.get(name, ()))
    found = f"; the sample has {values} values" if values else ""
    yield (
        f"nobody named the groups of {name}{found}: any value that {NAMEABLE} people of a window "
        "share is taken for one, and its text stands in reports, metrics, alerts and the audit "
        "log, also if it is personal data; name them in "
        f"`audit_attributes.{name}.groups`, and any other value counts as `other`"
    )
