"""Verdicts that breach, and their alerts, name the sample of their window by its digest.

The sample is fixed when the window is judged, so its digest can stand in the report at once; the
report that is rendered from it later is filed under the same digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from agent.evidence.reservoir import Reservoir
from policies.model import ALL_VERSIONS, Alert, Report, Window

ANNOTATION = "evidence"


@dataclass(frozen=True, slots=True)
class Found:
    """A closed window's sample; `rules` that it is evidence for, none if nothing is breached."""

    system: str
    window: Window
    revision: int
    rules: tuple[str, ...]
    digest: str
    body: bytes


def cite(
    reservoir: Reservoir, reports: Sequence[Report], alerts: Sequence[Alert]
) -> tuple[list[Report], list[Alert], list[Found]]:
    """Return reports and alerts of windows that end together, with evidence named, and samples."""
    found: dict[Window, Found] = {}
    for window in dict.fromkeys(report.window for report in reports):
        mine = [report for report in reports if report.window == window]
        pooled = [report for report in mine if report.model_version == ALL_VERSIONS]
        closed = reservoir.close(window, final=any(report.final for report in pooled))
        if closed is not None:
            rules = {v.rule for r in mine for v in r.verdicts if v.state == "breach"}
            one = mine[-1]
            found[window] = Found(one.system, window, one.revision, tuple(sorted(rules)), *closed)
    named = [_named(report, found.get(report.window)) for report in reports]
    by_rule = {rule: one.digest for one in found.values() for rule in one.rules}
    samples = [one for one in found.values() if one.body]
    return named, [_annotated(alert, by_rule) for alert in alerts], samples


def _named(report: Report, found: Found | None) -> Report:
    if found is None or not found.rules:
        return report
    verdicts = tuple(
        msgspec.structs.replace(verdict, evidence=found.digest)
        if verdict.state == "breach"
        else verdict
        for verdict in report.verdicts
    )
    return msgspec.structs.replace(report, verdicts=verdicts)


def _annotated(alert: Alert, by_rule: dict[str, str]) -> Alert:
    evidence = by_rule.get(alert.labels.get("rule", ""))
    if evidence is None or alert.change == "closed":
        return alert
    annotations = {**alert.annotations, ANNOTATION: evidence}
    return msgspec.structs.replace(alert, annotations=annotations)
