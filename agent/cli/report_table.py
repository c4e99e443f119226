"""Reports for people: what each window says, findings first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from policies.model import Coverage, Report, Signal, State, Verdict, rfc3339, subject_text

_ORDER: dict[State, int] = {"breach": 0, "warn": 1, "not_assessable": 2, "ok": 3}


def report_lines(report: Report) -> Iterator[str]:
    """Give a report as lines of text: its window, then every verdict that is not ok."""
    window, coverage = report.window, report.coverage
    counts = Counter(verdict.state for verdict in report.verdicts)
    states = ", ".join(f"{counts[state]} {state}" for state in _ORDER if counts[state])
    yield (
        f"{rfc3339(window.start)} {window.length}  {report.system} version {report.model_version}  "
        f"events {coverage.events}  {_labels(coverage)}{states or 'no verdicts'}"
        + ("" if coverage.complete else f"  incomplete: {coverage.incomplete_because}")
        + ("" if report.final else f"  revision {report.revision}, provisional")
    )
    signals = {(s.name, subject_text(s.subject)): s for s in report.signals}
    for verdict in sorted(report.verdicts, key=lambda v: _ORDER[v.state]):
        if verdict.state != "ok":
            yield "  " + verdict_line(verdict, signals)


def _labels(coverage: Coverage) -> str:
    if coverage.label_coverage is None:
        return ""
    return f"labelled {coverage.labelled} ({coverage.label_coverage:.0%})  "


def verdict_line(verdict: Verdict, signals: Mapping[tuple[str, str], Signal]) -> str:
    """Return a verdict on one line, with the signal that it was made from."""
    subject = " ".join(f"{key}={value}" for key, value in verdict.subject.items())
    words = [verdict.state, verdict.principle, verdict.rule, subject]
    for because in verdict.because[:1]:
        signal = signals.get((because.name, subject_text(because.subject)))
        words.append(_measured(because.name, signal))
    limit = verdict.threshold
    words.append(f"(breach {limit.breach_text}, warn {limit.op} {limit.warn:g})")
    words.append(verdict.reason or "")
    return "  ".join(word for word in words if word)


def _measured(name: str, signal: Signal | None) -> str:
    if signal is None or signal.value is None or signal.low is None or signal.high is None:
        return name
    return f"{name} {signal.value:.4g} [{signal.low:.4g}, {signal.high:.4g}] n={signal.n}"
