"""Reports and alerts for the exporters' tests."""

from __future__ import annotations

from collections.abc import Sequence

from policies.model import (
    Alert,
    Because,
    Coverage,
    Report,
    Signal,
    State,
    Subject,
    Threshold,
    Verdict,
    Window,
    measured,
    unmeasured,
)

HOUR = 3_600
PSI_LIMITS = Threshold(">", 0.1, 0.2)
START = 1_767_225_600  # 2026-01-01T00:00:00Z


def psi(feature: str, value: float = 0.25, *, n: int = 5_000) -> Signal:
    return measured(
        "drift.psi", {"feature": feature}, value, value / 2, value * 2, n=n, method="psi-bootstrap"
    )


def gap(attribute: str, group: str, against: str, value: float = -0.26) -> Signal:
    return measured(
        "fairness.statistical_parity_difference",
        {"attribute": attribute, "group": group, "against": against},
        value,
        value - 0.08,
        value + 0.08,
        n=139,
        method="newcombe",
    )


def rate(attribute: str, group: str, value: float, *, n: int = 150) -> Signal:
    return measured(
        "fairness.selection_rate",
        {"attribute": attribute, "group": group},
        value,
        value - 0.01,
        value + 0.01,
        n=n,
        method="wilson",
    )


def too_few(feature: str) -> Signal:
    return unmeasured(
        "drift.psi",
        {"feature": feature},
        "insufficient_data",
        "74 values, 100 are needed",
        n=74,
        method="psi-bootstrap",
    )


def verdict(
    rule: str = "drift.feature",
    *,
    subject: Subject | None = None,
    state: State = "breach",
    principle: str = "P7",
    signal: str = "drift.psi",
    threshold: Threshold = PSI_LIMITS,
) -> Verdict:
    about = subject if subject is not None else {"feature": "income"}
    return Verdict(
        rule=rule,
        principle=principle,
        subject=about,
        state=state,
        severity="page",
        threshold=threshold,
        because=(Because(signal, about),),
        reason=None if state != "not_assessable" else "inconclusive",
        since=START,
        policy="sha256:" + "0" * 64,
    )


def report(
    signals: Sequence[Signal] = (),
    verdicts: Sequence[Verdict] = (),
    *,
    system: str = "loan-approval",
    version: str = "*",
    length: str = "1h",
    seconds: int = HOUR,
    index: int = 0,
    revision: int = 0,
) -> Report:
    """Return the report of window number `index` after 2026-01-01."""
    start = START + index * seconds
    return Report(
        system=system,
        model_version=version,
        window=Window(start, start + seconds, length),
        revision=revision,
        final=False,
        coverage=Coverage(events=5_000),
        signals=tuple(signals),
        verdicts=tuple(verdicts),
    )


def alert(
    rule: str = "fairness.parity",
    *,
    attribute: str = "race",
    starts_at: int = START,
    closed_at: int | None = None,
    summary: str = "Approval rates differ between groups",
) -> Alert:
    return Alert(
        labels={
            "alertname": "PantauBreach",
            "system": "loan-approval",
            "model_version": "*",
            "principle": "P2",
            "rule": rule,
            "attribute": attribute,
            "severity": "page",
        },
        annotations={"summary": summary, "value": "-0.26", "next_step": "Review the cut-off"},
        starts_at=starts_at,
        resolved_at=closed_at,
        change="raised" if closed_at is None else "closed",
    )
