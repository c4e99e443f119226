"""The programme as a whole, by country and sector: who is assessed, overseen, mitigated, heard.

Owned by the pipeline's thread.  The gap before a mitigation is kept in the store, since it cannot
be measured again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from agent.config.system import System
from agent.inventory import end_of
from agent.signals.card import Inventory
from agent.store import Document, Store
from agent.windows import by_length
from exporters.programme_metrics import Counted, Gaps, Place, ProgrammeMetrics
from policies.alerts import BREACH
from policies.effective import Policy
from policies.model import ALL_VERSIONS, Alert, AwaitedLabels, Outgoing, Report
from policies.select import sector_name

_KIND = "mitigation"
_DAY = 86_400
_REVIEWED = "oversight.reviewed_share"


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A mitigation and the signal whose gap it is to close; `at` in epoch seconds.

    `key`: its name in the store.  The gap of a `ratio` is how far it is below 1.
    """

    key: str
    signal: str
    attribute: str
    at: int
    ratio: bool = False

    def gap(self, value: float) -> float:
        """Return the size of the gap that a signal's value says."""
        return max(0.0, 1.0 - value) if self.ratio else abs(value)


class Seen(msgspec.Struct, kw_only=True):
    """The size of a gap in the last window before the mitigation and in the newest one after."""

    before: float | None = None
    after: float | None = None


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A system of the programme."""

    place: Place
    inventory: Inventory
    fairness_window: str
    shortest: str
    longest: str
    mitigations: tuple[Watched, ...]


def place_of(system: System) -> Place:
    """Return the labels that a system's programme metrics have: one for each sector."""
    return (system.country or "", sector_name(system.sector) if system.sector else "")


def member_of(system: System, inventory: Inventory, policy: Policy) -> Member:
    """Return what the programme needs to know of a system; unknown rules watch nothing."""
    mitigations = []
    for mitigation in system.mitigations:
        rule = policy.rule(mitigation.rule)
        if rule is not None and mitigation.attribute is not None:
            key = f"{mitigation.rule}/{mitigation.attribute}/{mitigation.date}"
            at = end_of(mitigation.date) - _DAY
            mitigations.append(
                Watched(
                    key=key,
                    signal=rule.signal,
                    attribute=mitigation.attribute,
                    at=at,
                    ratio=rule.threshold.op == "<",
                )
            )
    lengths = by_length(system.windows)
    return Member(
        place=place_of(system),
        inventory=inventory,
        fairness_window=system.fairness_window or lengths[-1],
        shortest=lengths[0],
        longest=lengths[-1],
        mitigations=tuple(mitigations),
    )


class Programme:
    """Counts what reports and alerts say of the programme."""

    def __init__(
        self, members: Mapping[str, Member], store: Store, metrics: ProgrammeMetrics
    ) -> None:
        self._members = members
        self._metrics = metrics
        self._seen: dict[tuple[str, str], Seen] = {
            (system, key): msgspec.json.decode(body, type=Seen)
            for system in members
            for key, body in store.documents(system, _KIND).items()
        }
        self._reviewed: dict[str, tuple[int, float | None]] = {}
        self._tell_gaps()

    def look(self, now: float) -> None:
        """Count the systems; an assessment may have expired since."""
        counts: dict[Place, Counted] = {}
        for member in self._members.values():
            so_far = counts.get(member.place, Counted())
            high = member.inventory.tier == "high"
            since, until = member.inventory.assessed_from, member.inventory.assessed_until
            counts[member.place] = Counted(
                so_far.systems + 1,
                so_far.assessed + (until is not None and since <= now < until),
                so_far.high_risk + high,
                so_far.overseen + (high and member.inventory.shortfall == 0),
                so_far.mitigations + len(member.mitigations),
            )
        self._metrics.count(counts)

    def take(self, system: str, items: Iterable[Outgoing]) -> list[Document]:
        """Take in what a step emitted; return what to keep."""
        member = self._members[system]
        documents: list[Document] = []
        for item in items:
            if isinstance(item, Report) and item.model_version == ALL_VERSIONS:
                documents += self._report(system, member, item)
            elif isinstance(item, Alert):
                self._alert(member, item)
        if documents:
            self._tell_gaps()
        return documents

    def _report(self, system: str, member: Member, report: Report) -> list[Document]:
        if report.window.length == member.shortest and report.revision == 0:
            complaints, appeals = _heard(report, "complaint"), _heard(report, "appeal")
            if complaints or appeals:
                self._metrics.heard(member.place, complaints=complaints, appeals=appeals)
        if report.window.length == member.longest and member.inventory.tier == "high":
            self._review(system, member, report)
        if report.window.length != member.fairness_window:
            return []
        kept = []
        for one in member.mitigations:
            seen = self._seen.setdefault((system, one.key), Seen())
            if self._gap(one, report, seen):
                kept.append(Document(system, _KIND, one.key, msgspec.json.encode(seen)))
        return kept

    def _review(self, system: str, member: Member, report: Report) -> None:
        """Tell what share of decisions humans made in the newest window of each system."""
        end = report.window.end
        gate = None if report.judging is None else report.judging.reviews
        if isinstance(gate, AwaitedLabels) and not gate.mature:
            # Decisions still come: so far the share says how many have, not how many will.
            return
        if end < self._reviewed.get(system, (end, None))[0]:
            return
        share = next((s.value for s in report.signals if s.name == _REVIEWED), None)
        self._reviewed[system] = (end, share)
        known = [
            share
            for one, (_, share) in self._reviewed.items()
            if share is not None and self._members[one].place == member.place
        ]
        self._metrics.reviewed(member.place, sum(known) / len(known) if known else None)

    def _gap(self, one: Watched, report: Report, seen: Seen) -> bool:
        """Remember the gap in this window, on the side of the mitigation that it is on."""
        for signal in report.signals:
            if signal.name == one.signal and signal.subject == {"attribute": one.attribute}:
                if signal.value is None:
                    return False
                if report.window.end <= one.at:
                    seen.before = one.gap(signal.value)
                elif report.window.start >= one.at:
                    seen.after = one.gap(signal.value)
                else:
                    return False
                return True
        return False

    def _alert(self, member: Member, alert: Alert) -> None:
        over = alert.resolved_at
        if alert.change == "closed" and alert.labels["alertname"] == BREACH and over is not None:
            self._metrics.over(member.place, max(0.0, float(over - alert.starts_at)))

    def _tell_gaps(self) -> None:
        both: dict[Place, list[tuple[float, float]]] = {}
        for (system, key), seen in self._seen.items():
            member = self._members[system]
            declared = any(one.key == key for one in member.mitigations)
            if declared and seen.before is not None and seen.after is not None:
                both.setdefault(member.place, []).append((seen.before, seen.after))
        self._metrics.gaps({place: _mean(pairs) for place, pairs in both.items()})


def _mean(pairs: Sequence[tuple[float, float]]) -> Gaps:
    n = len(pairs)
    return Gaps(sum(before for before, _ in pairs) / n, sum(after for _, after in pairs) / n)


def _heard(report: Report, what: str) -> int:
    """Return how many complaints or appeals a window had: its rate is per 10,000 predictions."""
    for signal in report.signals:
        if signal.name == f"feedback.{what}_rate" and signal.value is not None and signal.n:
            return round(signal.value * signal.n / 10_000)
    return 0
