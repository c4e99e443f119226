"""Signals and verdicts as Prometheus series (contract C15), from the newest report of each.

Rendered by hand: a scrape then only sends bytes that are ready, whatever the number of series (the
client library's collectors render 5,000 series in some 30 ms under the interpreter's lock).

- `pantau_signal_status` has one series per signal, for its present status, with the value 1.
  `pantau_verdict_state` has one series for each of the four states, 1 for the present one.
- Of a rule that waits for labels the newest final window is shown, once there is one.
- A signal without a value (`insufficient_data`, `no_reference`, `suppressed`) has its status only.
- `principle` of a signal is that of the rules which judge it (the first, if several do), empty if
  no rule does.
- Rates of single groups are left out unless `group_values` is set: see design.md §9.
"""

from __future__ import annotations

import hashlib
import math
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, get_args

import msgspec

from policies.engine import PROVISIONAL
from policies.model import ALL_VERSIONS, AwaitedLabels, Report, Signal, State, Subject, Verdict

SUBJECT_LABELS = ("feature", "output", "attribute", "group", "against", "class")

SIGNAL_FAMILIES: dict[str, str] = {
    "pantau_signal_value": "Measured value of a signal in its newest window.",
    "pantau_signal_low": "Lower end of the signal's 95 % interval.",
    "pantau_signal_high": "Upper end of the signal's 95 % interval.",
    "pantau_signal_samples": "Observations that the value used.",
    "pantau_signal_window_end_timestamp_seconds": "End of the window that was measured.",
    "pantau_signal_status": "1 for the signal's present status; no value unless it is ok.",
}
VERDICT_FAMILIES: dict[str, str] = {
    "pantau_rule_threshold": "Where the rule's warn and breach begin.",
    "pantau_verdict_state": "1 for the rule's present state, 0 for the others.",
}
FAMILIES: dict[str, str] = {**SIGNAL_FAMILIES, **VERDICT_FAMILIES}
"""Every metric about systems: its name and its help text, in the order of the exposition."""

STATES: tuple[str, ...] = get_args(State)

_MAX_LABEL = 160
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")

Key = tuple[str, str, str]
"""(system, model version, window length): what has one newest report."""

Principles = Mapping[tuple[str, str], str]
"""The principle of a signal, by (system, signal name)."""


class Entry(NamedTuple):
    """The series of one signal or verdict: (family, line) each; `labels` is their identity."""

    labels: str
    lines: tuple[tuple[str, str], ...]


class Picture:
    """The newest report of each (system, model version, window length), and its rendering.

    `take` only notes reports, so that a busy stream costs nothing here; `render`, called for a
    scrape, makes the text.  Both may be called from any thread.  A newer report replaces
    the one before as a whole, so nothing that is no longer measured stays.  A model version whose
    newest window is `forget_after` lengths older than its system's is removed.  At most
    `max_series` series are shown: verdicts before signals, pooled versions and recent windows
    first.
    """

    def __init__(
        self, *, group_values: bool = False, max_series: int = 20_000, forget_after: int = 3
    ) -> None:
        self._group_values, self._max_series = group_values, max_series
        self._forget_after = forget_after
        self._reports: dict[Key, Report] = {}
        self._final: dict[Key, Report] = {}
        self._partly: dict[Key, Report] = {}
        self._entries: dict[Key, tuple[list[Entry], list[Entry]]] = {}
        self._principles: dict[tuple[str, str], str] = {}
        self._fresh: dict[Key, Report] = {}
        self._lock = threading.Lock()
        self.text = b""
        self.series = 0
        self._compose([])

    def take(self, reports: Iterable[Report]) -> None:
        """Note newer reports."""
        with self._lock:
            for report in reports:
                key = (report.system, report.model_version, report.window.length)
                if _age(report) >= _age(self._reports.get(key, report)):
                    self._reports[key] = self._fresh[key] = report
                if report.final and _age(report) >= _age(self._final.get(key, report)):
                    self._final[key] = report
                    self._fresh[key] = self._reports[key]
                elif _is_partly(report) and _age(report) >= _age(self._partly.get(key, report)):
                    self._partly[key] = report
                    self._fresh[key] = self._reports[key]

    def render(self) -> dict[str, int]:
        """Bring `text` and `series` up to date; return how many new series were left out, and why.

        The reasons are `max_series` and `duplicate` (equal labels).
        """
        with self._lock:
            fresh, self._fresh = self._fresh, {}
            return self._update(fresh) if fresh else {}

    def update(self, reports: Iterable[Report]) -> dict[str, int]:
        """Take newer reports in and render; see both."""
        self.take(reports)
        return self.render()

    def _update(self, fresh: Mapping[Key, Report]) -> dict[str, int]:
        learned = self._learn(fresh.values())
        self._forget()
        for key, report in self._reports.items():
            if key in fresh or report.system in learned:
                parts = settled(report, self._final.get(key), self._partly.get(key))
                self._entries[key] = (
                    [entry for part in parts for entry in verdict_entries(part)],
                    [
                        entry
                        for part in parts
                        for entry in signal_entries(part, self._principles, self._group_values)
                    ],
                )
        return self._compose(fresh.keys())

    def _learn(self, reports: Iterable[Report]) -> set[str]:
        """Note which principles signals serve; return the systems where that is news."""
        news = set()
        for report in reports:
            for verdict in report.verdicts:
                for because in verdict.because:
                    key = (report.system, because.name)
                    known = self._principles.get(key)
                    if known is None or verdict.principle < known:
                        self._principles[key] = verdict.principle
                        news.add(report.system)
        return news

    def _forget(self) -> None:
        newest: dict[tuple[str, str], int] = {}
        for (system, _, length), report in self._reports.items():
            newest[system, length] = max(newest.get((system, length), 0), report.window.end)
        for key, report in list(self._reports.items()):
            behind = newest[key[0], key[2]] - report.window.end
            if behind >= self._forget_after * (report.window.end - report.window.start):
                del self._reports[key]
                self._final.pop(key, None)
                self._partly.pop(key, None)
                self._entries.pop(key, None)

    def _compose(self, fresh: Iterable[Key]) -> dict[str, int]:
        lines: dict[str, list[str]] = {family: [] for family in FAMILIES}
        dropped: Counter[str] = Counter()
        seen: set[str] = set()
        shown, new = 0, set(fresh)
        for key, entry in self._by_priority():
            if entry.labels in seen:
                reason = "duplicate"
            elif shown + len(entry.lines) > self._max_series:
                reason = "max_series"
            else:
                seen.add(entry.labels)
                shown += len(entry.lines)
                for family, line in entry.lines:
                    lines[family].append(line)
                continue
            if key in new:
                dropped[reason] += len(entry.lines)
        self.series = shown
        self.text = _render(lines)
        return dict(dropped)

    def _by_priority(self) -> Iterator[tuple[Key, Entry]]:
        order = sorted(
            self._entries,
            key=lambda k: (k[1] != ALL_VERSIONS, -self._reports[k].window.end, k),
        )
        for kind in (0, 1):
            for key in order:
                for entry in self._entries[key][kind]:
                    yield key, entry


def settled(newest: Report, final: Report | None, partly: Report | None = None) -> list[Report]:
    """Return what to show: of rules that wait for labels the newest final window instead.

    Their verdicts on the newest window are `provisional`, and so are the signals they are about.
    `partly` is the newest one on which some of them were decided while others still wait: those
    decided are taken from it, where it is newer.
    """
    waiting = {v.rule for v in newest.verdicts if v.reason == PROVISIONAL}
    elsewhere: list[tuple[Report, set[str]]] = []
    if partly is not None and (final is None or _age(partly) > _age(final)):
        decided = {v.rule for v in partly.verdicts if v.reason != PROVISIONAL} & waiting
        elsewhere.append((partly, decided))
        waiting = waiting - decided
    if final is not None:
        elsewhere.append((final, waiting))
    parts = [newest]
    for report, rules in elsewhere:
        if report is newest or not rules:
            continue
        of_rules = [v for v in (*parts[0].verdicts, *report.verdicts) if v.rule in rules]
        names = {because.name for verdict in of_rules for because in verdict.because}
        parts[0] = msgspec.structs.replace(
            parts[0],
            verdicts=tuple(v for v in parts[0].verdicts if v.rule not in rules),
            signals=tuple(s for s in parts[0].signals if s.name not in names),
        )
        parts.append(
            msgspec.structs.replace(
                report,
                verdicts=tuple(v for v in report.verdicts if v.rule in rules),
                signals=tuple(s for s in report.signals if s.name in names),
            )
        )
    return parts


def _is_partly(report: Report) -> bool:
    """Tell whether some of the verdicts that waited were decided with this report, and not all."""
    judging = report.judging
    if report.final or judging is None:
        return False
    gates = (judging.labels, judging.reviews)
    return any(gate.mature for gate in gates if isinstance(gate, AwaitedLabels))


def signal_entries(
    report: Report, principles: Principles, group_values: bool = False
) -> Iterator[Entry]:
    """Yield the series of each signal of a report."""
    for signal in report.signals:
        if group_values or not _is_group_rate(signal.subject):
            principle = principles.get((report.system, signal.name), "")
            yield _signal_entry(report, signal, principle)


def _signal_entry(report: Report, signal: Signal, principle: str) -> Entry:
    labels = _labels(report, "signal", signal.name, principle, signal.subject)
    status = ("pantau_signal_status", f'{{{labels},status="{signal.status}"}} 1')
    if signal.value is None:
        return Entry(labels, (status,))
    numbers = {
        "pantau_signal_value": signal.value,
        "pantau_signal_low": signal.low,
        "pantau_signal_high": signal.high,
        "pantau_signal_samples": signal.n,
        "pantau_signal_window_end_timestamp_seconds": report.window.end,
    }
    lines = [
        (family, f"{{{labels}}} {number!r}")
        for family, number in numbers.items()
        if number is not None
    ]
    return Entry(labels, (*lines, status))


def verdict_entries(report: Report) -> Iterator[Entry]:
    """Yield the series of each verdict of a report."""
    for verdict in report.verdicts:
        yield _verdict_entry(report, verdict)


def _verdict_entry(report: Report, verdict: Verdict) -> Entry:
    labels = _labels(report, "rule", verdict.rule, verdict.principle, verdict.subject)
    threshold = verdict.threshold
    breach = threshold.breach if threshold.can_breach else threshold.breach * math.inf
    lines = [
        ("pantau_rule_threshold", f'{{{labels},level="{level}"}} {_number(value)}')
        for level, value in (("warn", threshold.warn), ("breach", breach))
    ]
    lines += [
        ("pantau_verdict_state", f'{{{labels},state="{state}"}} {int(state == verdict.state)}')
        for state in STATES
    ]
    return Entry(labels, tuple(lines))


def _labels(report: Report, kind: str, name: str, principle: str, subject: Subject) -> str:
    values = {
        "system": report.system,
        "model_version": report.model_version,
        kind: name,
        "principle": principle,
        **{label: subject.get(label, "") for label in SUBJECT_LABELS},
        "window": report.window.length,
    }
    return ",".join(f'{label}="{escape(value)}"' for label, value in values.items())


def escape(value: str) -> str:
    """Return a label value as the text format wants it, at most 160 characters long.

    Control characters, on which parsers differ, become U+FFFD.  Of a longer value the start stays,
    followed by a digest of the whole, so that different values remain different.
    """
    if len(value) > _MAX_LABEL:
        digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
        value = f"{value[: _MAX_LABEL - 17]}~{digest[:16]}"
    value = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", value)
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _is_group_rate(subject: Subject) -> bool:
    return "group" in subject and "against" not in subject


def _number(value: float) -> str:
    return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(text := repr(float(value)), text)


def _age(report: Report) -> tuple[int, int]:
    return (report.window.end, report.revision)


def _render(lines: Mapping[str, list[str]]) -> bytes:
    parts = []
    for family, text in FAMILIES.items():
        parts.append(f"# HELP {family} {text}\n# TYPE {family} gauge\n")
        parts.extend(f"{family}{line}\n" for line in lines[family])
    return "".join(parts).encode()
