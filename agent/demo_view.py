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
    PRINCIPLES,
    Alert,
    Report,
    Signal,
    State,
    Verdict,
    rfc3339,
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
_RANK: list[State] = ["breach", "warn", "not_assessable", "ok"]
_SHOWN = 2


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
            self._reports += [item for _, item in items if isinstance(item, Report)]
            self._alerts += [item for _, item in items if isinstance(item, Alert)]

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

    def update(self, events: int, moment: str) -> None:
        """Show how far the replay is: events taken, and the event time reached."""
        self._progress.update(
            self._task, completed=events, description=f"event time {moment or '...':16}"
        )
        self._live.update(self._picture())

    def _picture(self) -> RenderableType:
        lines = [alert_line(a) for a in self._watcher.alerts() if a.change == "raised"]
        return Group(self._progress, *lines)


def alert_line(alert: Alert) -> Text:
    """Return an alert on one line."""
    breach = alert.labels["alertname"] == "PantauBreach"
    line = Text("  ! " if breach else "  ? ", style="bold red" if breach else "cyan")
    line.append(f"{alert.labels['severity']:6} ", style="bold")
    line.append(f"{alert.labels['principle']} ")
    line.append(alert.annotations.get("summary", alert.labels["rule"]), style="default")
    return line


def principle_table(reports: Sequence[Report]) -> Table:
    """Return what the pooled reports say, a row per principle, worst first within it."""
    table = Table(title="What was found, by principle of the ASEAN Guide", title_style="bold")
    table.add_column("Principle", max_width=24)
    table.add_column("State")
    table.add_column("Rules", justify="right")
    table.add_column("What was seen")
    found = [(r, v) for r in reports if r.model_version == "*" for v in r.verdicts]
    for number, name in PRINCIPLES.items():
        mine = [(r, v) for r, v in found if v.principle == number]
        states: list[State] = [v.state for _, v in mine] or ["not_assessable"]
        worst = min(states, key=_RANK.index)
        table.add_row(
            f"{number} {name}",
            Text(WORDS[worst], style=STYLES[worst]),
            str(len({v.rule for _, v in mine})),
            _seen(mine),
        )
    return table


def _seen(found: Sequence[tuple[Report, Verdict]]) -> Text:
    """Return the most telling verdicts of a principle, a line each."""
    text = Text()
    for state in _RANK:
        some = [(r, v) for r, v in found if v.state == state]
        some.sort(key=lambda rv: -_distance(*rv))
        for report, verdict in some[:_SHOWN]:
            _line(text, f"{describe(report, verdict)} [{report.window.length}]", STYLES[state])
        if len(some) > _SHOWN:
            _line(text, f"and {len(some) - _SHOWN} more {WORDS[state]}", "dim")
        if some and state != "not_assessable":
            break
    return text


def _line(text: Text, line: str, style: str) -> None:
    if text.plain:
        text.append("\n")
    text.append(line, style=style)


def describe(report: Report, verdict: Verdict) -> str:
    """Return a verdict in words: subject, value, interval, n, threshold, or why there is none."""
    what = ", ".join(f"{k} {v}" for k, v in verdict.subject.items()) or "system"
    signal = signal_of(report, verdict)
    name = verdict.because[0].name if verdict.because else verdict.rule
    if signal is None or signal.value is None:
        return f"{name} ({what}): {verdict.reason}"
    limit = verdict.threshold.breach if verdict.state == "breach" else verdict.threshold.warn
    return (
        f"{name} ({what}): {signal.value:.3g} in [{signal.low:.3g}, {signal.high:.3g}],"
        f" n {signal.n}, limit {verdict.threshold.op} {limit:g}"
    )


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
    limit = abs(verdict.threshold.breach) or 1.0
    return abs(abs(signal.value) - limit) / limit


def window_line(report: Report) -> str:
    """Return a window's identity in words."""
    return f"{report.window.length} to {rfc3339(report.window.end)}"


def small_groups(reports: Sequence[Report]) -> list[str]:
    """Return the groups that were too small to judge, in words."""
    lines = []
    for report in reports:
        for signal in report.signals:
            if signal.name == "fairness.selection_rate" and signal.status == "insufficient_data":
                lines.append(
                    f"{signal.subject['attribute']} {signal.subject['group']}: n {signal.n}"
                )
    return sorted(set(lines))
