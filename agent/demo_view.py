"""What `pantau demo` shows: a live view while it runs, and a table by principle at its end."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from exporters.base import Numbered, Standing
from policies.model import (
    ALL_VERSIONS,
    PRINCIPLES,
    Alert,
    Report,
    Signal,
    State,
    Verdict,
    subject_text,
)

STYLES: dict[State, str] = {
    "breach": "bold red",
    "warn": "yellow",
    "not_assessable": "cyan",
    "ok": "green",
}
WORDS: dict[State, str] = {
    "breach": "breach",
    "warn": "warn",
    "not_assessable": "not assessable",
    "ok": "ok",
}
Found = tuple[Report, Verdict]
"""A verdict and the report it stands in."""

_RANK: list[State] = ["breach", "warn", "not_assessable", "ok"]
_SHOWN = 3


class Watcher:
    """An exporter that keeps what it is sent, for the view; the demo's only addition to the agent.

    Written by its delivery's thread, read by the view's.
    """

    name = "demo"
    required = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reports: list[Report] = []
        self._alerts: list[Alert] = []

    def check(self) -> str:
        """Nothing can fail."""
        return "in memory"

    def start(self, standing: Standing) -> None:
        """Begin with what stands."""
        with self._lock:
            self._alerts += standing.alerts

    def export(self, items: Sequence[Numbered]) -> None:
        """Keep reports and alerts."""
        with self._lock:
            self._reports += [one.item for one in items if isinstance(one.item, Report)]
            self._alerts += [one.item for one in items if isinstance(one.item, Alert)]

    def tick(self, now: float) -> None:
        """Do nothing."""

    def stop(self, timeout: float) -> None:
        """Do nothing."""

    def reports(self) -> list[Report]:
        """Return the reports so far."""
        with self._lock:
            return list(self._reports)

    def alerts(self) -> list[Alert]:
        """Return the alerts so far."""
        with self._lock:
            return list(self._alerts)


class LiveView:
    """A progress bar with the alerts raised so far below it; plain lines without a terminal."""

    def __init__(self, console: Console, watcher: Watcher, total: int) -> None:
        self._console = console
        self._watcher = watcher
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("decisions"),
            TimeElapsedColumn(),
            console=console,
        )
        self._task = self._progress.add_task("replaying", total=total)
        self._live = Live(
            self._picture(),
            console=console,
            refresh_per_second=8,
            transient=not console.is_terminal,
        )

    def __enter__(self) -> LiveView:
        self._live.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.update(self._picture(), refresh=True)
        self._live.__exit__(None, None, None)
        if not self._console.is_terminal:
            self._console.print(*self._alerts(), sep="\n")

    def update(self, events: int, moment: str) -> None:
        """Show how far the replay is: events taken, and the event time reached."""
        self._progress.update(
            self._task, completed=events, description=f"event time {moment or '...':16}"
        )
        self._live.update(self._picture())

    def _picture(self) -> RenderableType:
        return Group(self._progress, *self._alerts())

    def _alerts(self) -> list[Text]:
        return [alert_line(a) for a in self._watcher.alerts() if a.change == "raised"]


def alert_line(alert: Alert) -> Text:
    """Return an alert on one line."""
    breach = alert.labels["alertname"] == "PantauBreach"
    line = Text("  ! " if breach else "  ? ", style="bold red" if breach else "cyan")
    line.append(f"{alert.labels['severity']:6} ", style="bold")
    line.append(f"{alert.labels['principle']} ")
    summary = alert.annotations.get("summary", alert.labels["rule"])
    line.append(summary.split(f": {alert.labels['principle']} ")[0], style="default")
    return line


def principle_table(reports: Sequence[Report]) -> Table:
    """Return what the pooled reports say, a row per principle, worst first within it."""
    table = Table(title="What was found, by principle of the ASEAN Guide", title_style="bold")
    table.add_column("Principle", max_width=22)
    table.add_column("State", no_wrap=True)
    table.add_column("What was seen (the worst of all windows)", overflow="fold")
    found = [(r, v) for r in reports if r.model_version == ALL_VERSIONS for v in r.verdicts]
    for number, name in PRINCIPLES.items():
        mine = _worst_of_each([(r, v) for r, v in found if v.principle == number])
        states: list[State] = [v.state for _, v in mine] or ["not_assessable"]
        worst = min(states, key=_RANK.index)
        table.add_row(
            f"{number} {name}",
            Text(WORDS[worst], style=STYLES[worst]),
            _seen(mine),
            end_section=True,
        )
    return table


def _worst_of_each(found: Sequence[Found]) -> list[Found]:
    """Return one verdict per rule and subject: the worst, of the longest window.

    What a short window has too few rows for is no finding where the longest has enough.
    """
    best: dict[tuple[str, str], Found] = {}
    longest = max((r.window.end - r.window.start for r, _ in found), default=0)
    for report, verdict in found:
        short = report.window.end - report.window.start < longest
        if short and verdict.state == "not_assessable":
            continue
        key = (verdict.rule, subject_text(verdict.subject))
        held = best.get(key)
        if held is None or _telling(report, verdict) < _telling(*held):
            best[key] = (report, verdict)
    return sorted(best.values(), key=lambda rv: _telling(*rv))


def _telling(report: Report, verdict: Verdict) -> tuple[int, int, float]:
    length = report.window.end - report.window.start
    return (_RANK.index(verdict.state), -length, -_distance(report, verdict))


def _seen(found: Sequence[Found]) -> Text:
    """Return the most telling verdicts of a principle, a line each."""
    text = Text()
    for state in _RANK:
        some = [(r, v) for r, v in found if v.state == state]
        if state == "ok" and text.plain:
            if some:
                _line(text, f"{len(some)} more ok", "dim")
            continue
        lines = list(dict.fromkeys(describe(report, verdict) for report, verdict in some))
        for line in lines[:_SHOWN]:
            _line(text, line, STYLES[state])
        if len(lines) > _SHOWN:
            _line(text, f"and {len(lines) - _SHOWN} more {WORDS[state]}", "dim")
    return text


def _line(text: Text, line: str, style: str) -> None:
    if text.plain:
        text.append("\n")
    text.append(line, style=style)


def describe(report: Report, verdict: Verdict) -> str:
    """Return a verdict in words: subject, value, interval, n, threshold, or why there is none."""
    what = " ".join(verdict.subject.values())
    signal = signal_of(report, verdict)
    name = verdict.because[0].name if verdict.because else verdict.rule
    head = f"{name} {what}".strip()
    if signal is None or signal.value is None:
        return f"{head}: {_in_words(verdict.reason or '')}"
    limit = verdict.threshold.breach if verdict.state == "breach" else verdict.threshold.warn
    low, high = signal.low or 0.0, signal.high or 0.0
    span = f" in [{low:.3g}, {high:.3g}]" if high > low else ""
    return (
        f"{head}: {signal.value:.3g}{span}, n {signal.n}, limit {verdict.threshold.op} {limit:g}"
        f" ({report.window.length})"
    )


def _in_words(reason: str) -> str:
    unavailable = reason.removeprefix("signal_not_available: ")
    return reason if unavailable == reason else f"{unavailable} is not measured by this version"


def signal_of(report: Report, verdict: Verdict) -> Signal | None:
    """Return the published signal that a verdict was made from."""
    for because in verdict.because:
        for signal in report.signals:
            if signal.name == because.name and signal.subject == because.subject:
                return signal
    return None


def _distance(report: Report, verdict: Verdict) -> float:
    """Return how far beyond its limit a verdict's signal lies, for showing the worst first."""
    signal = signal_of(report, verdict)
    if signal is None or signal.value is None:
        return 0.0
    limits = verdict.threshold
    limit = abs(limits.breach if limits.can_breach else limits.warn) or 1.0
    return abs(abs(signal.value) - limit) / limit


def small_groups(reports: Sequence[Report]) -> list[str]:
    """Return the groups that were too small to judge, in words."""
    lines = []
    for report in reports:
        for signal in report.signals:
            if signal.name == "fairness.selection_rate" and signal.status == "insufficient_data":
                subject = signal.subject
                lines.append(f"{subject['attribute']} {subject['group']} with n {signal.n}")
    return sorted(set(lines))
